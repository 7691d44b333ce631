//! `denoscope denoise`.

use std::fs;

use assert_cmd::Command;
use denoscope::picture::{Shape, load};

use super::{Desk, number, text};

#[test]
fn several_pictures_go_into_a_folder_under_their_own_names() {
    let desk = Desk::new();
    desk.run("denoise a.png b.png --sigma 0.2 -o out").success();
    assert!(desk.at("out/a.png").is_file() && desk.at("out/b.png").is_file());
    let said = desk.refusal(2, "denoise a.png b.png --sigma 0.2 -o one.png");
    assert!(said.contains("one.png is no folder"), "{said}");
}

#[test]
fn denoise_works_at_the_models_size_and_at_the_pictures_own() {
    let desk = Desk::new();
    let size = |options: &str| {
        desk.run(&format!("denoise b.png {options} -o out.png --force")).success();
        load(desk.at("out.png")).expect("a picture").picture.shape()
    };
    assert_eq!(size("--sigma 0.1"), Shape::new(1, 16, 16));
    assert_eq!(size("--sigma 0.1 --as dog"), Shape::new(1, 16, 16));
    assert_eq!(size("--sigma 0.1 --native"), Shape::new(1, 40, 70));
    assert_eq!(size("--already-noisy --native --as 3"), Shape::new(1, 40, 70));
    let said = desk.output("denoise b.png --sigma 0.1 --native -o native.png");
    assert!(said.contains("the whole 70×40, at its own size") && !said.contains("Lanczos"), "{said}");
}

#[test]
fn a_restoration_says_how_near_it_comes() {
    let desk = Desk::new();
    for (options, json) in [("", ""), ("--native", "native"), ("--as dog", "")] {
        let line = format!("denoise b.png --sigma 0.1 {options} -o out.png --force");
        let said = desk.output(&line);
        let figures = said.lines().find(|line| line.contains("denoised")).expect("a line of figures");
        assert!(figures.contains("dB, SSIM 0.") && figures.contains(" noisy; "), "{said}");
        if !json.is_empty() {
            let psnr = number(&desk.json(&format!("{line} --json -"))[0]["native"]["denoised"]["psnr_db"]);
            assert!(figures.contains(&format!("{psnr:.2} dB")) && figures.contains("FLIP 0."), "{psnr}: {said}");
        }
    }
    assert!(!desk.output("denoise b.png --already-noisy --native -o out.png --force").contains("dB"));
}

#[test]
fn what_the_part_is_for_beside_the_whole_is_said() {
    let desk = Desk::new();
    let noted = |options: &str| {
        let run = desk.run(&format!("denoise b.png --sigma 0.1 -o out.png --force {options}")).success();
        text(&run.get_output().stderr)
    };
    assert!(noted("--native --fit whole").contains("--fit says only of which part the probabilities"));
    assert!(noted("--native --as dog --fit 0,0,16,16").contains("--fit has no part in it"));
    assert_eq!((noted("--native"), noted("--fit whole")), (String::new(), String::new()));
}

/// What a model of one class cannot say is nothing to somebody who restores a picture; what matters for that is said.
#[test]
fn a_restoration_is_not_told_about_posteriors() {
    let desk = Desk::new();
    let noted = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
        let done = command.current_dir(desk.at(".")).args(line.split_whitespace()).assert().success();
        text(&done.get_output().stderr)
    };
    for native in ["", "--native"] {
        let line = format!("denoise b.png --model photographs --device cpu --sigma 0.1 {native} -o out.png --force");
        assert_eq!(noted(&line), "", "{native}");
        assert!(noted(&line.replace("0.1", "3")).contains("outside the trained range"));
    }
    assert!(noted("analyze b.png --model photographs --device cpu --sigma 0.1").contains("has one class"));
}

#[test]
fn a_picture_with_noise_of_its_own_is_estimated_unless_told() {
    let desk = Desk::new();
    let json = desk.json("denoise b.png --already-noisy -o out.png --json -");
    assert_eq!(json[0]["sigma_estimated"], true);
    assert!(json[0]["seed"].is_null() && json[0]["psnr_db"].is_null(), "there is no clean picture");
    let json = desk.json("denoise b.png --already-noisy --sigma 0.2 -o out.png --force --json -");
    assert_eq!(json[0]["sigma_estimated"], false);
    assert!(desk.refusal(2, "denoise b.png -o other.png").contains("--sigma"));
    assert!(desk.refusal(2, "denoise b.png --sigma 0.1 --as cow -o other.png").contains("--as"));
}

#[test]
fn every_result_of_a_batch_has_a_name_of_its_own() {
    let desk = Desk::new();
    for name in ["scan.0001.png", "scan.0002.png", "a/1.png", "b/1.png", "photo.png", "photo.bmp"] {
        fs::create_dir_all(desk.at(name).parent().expect("a folder")).expect("a folder");
        desk.draw(name, Shape::new(1, 16, 16));
    }
    desk.run("denoise scan.0001.png scan.0002.png a/1.png b/1.png photo.png photo.bmp --sigma 0.1 -o new/folder/")
        .success();
    let mut made: Vec<_> =
        fs::read_dir(desk.at("new/folder")).expect("it was made").map(|e| e.expect("an entry").file_name()).collect();
    made.sort();
    assert_eq!(made, ["a-1.png", "b-1.png", "photo.bmp.png", "photo.png", "scan.0001.png", "scan.0002.png"]);
    let said = desk.refusal(2, "denoise a.png a.png --sigma 0.1 -o twice");
    assert!(said.contains("twice/a.png") && !desk.at("twice").exists(), "refused before any work: {said}");
}

#[test]
fn one_picture_and_many_follow_one_rule() {
    let desk = Desk::new();
    desk.run("denoise a.png --sigma 0.1 -o restored").success();
    assert!(desk.at("restored/a.png").is_file());
    desk.run("denoise a.png --sigma 0.1 -o v1.2/").success();
    assert!(desk.at("v1.2/a.png").is_file());
    let said = desk.refusal(1, "denoise a.png b.png --sigma 0.1 -o restored");
    assert!(said.contains("a.png: exists already") && !desk.at("restored/b.png").exists(), "before any work: {said}");
    let said = desk.refusal(2, "denoise a.png --sigma 0.1 -o ./a.png --force");
    assert!(said.contains("read by this command"), "{said}");
}
