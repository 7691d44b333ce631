//! `denoscope analyze`, and what all commands on pictures share.

use std::fs;

use assert_cmd::Command;
use denoscope::picture::{Shape, load};
use serde_json::Value;

#[cfg(unix)]
use super::interrupt;
use super::{Desk, number, text};

#[test]
fn analyze_prints_one_array_with_every_promised_field() {
    let desk = Desk::new();
    let json = desk.json("analyze a.png b.png --sigma 25/255 --seed 7 --json -");
    let elements = json.as_array().expect("an array");
    assert_eq!(elements.len(), 2);
    for (element, file) in elements.iter().zip(["a.png", "b.png"]) {
        assert_eq!(element["image"], file);
        assert_eq!(
            (&element["model"], &element["device"], &element["seed"]),
            (&"tiny".into(), &"cpu".into(), &7.into())
        );
        assert!((number(&element["sigma"]) - 25.0 / 255.0).abs() < 1e-6);
        let posterior = element["posterior"].as_array().expect("a list");
        let probabilities: Vec<f64> = posterior.iter().map(|p| number(&p["probability"])).collect();
        assert_eq!(posterior.len(), 3);
        assert!(probabilities.is_sorted_by(|a, b| a >= b) && (probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(number(&element["log_density"]).is_finite());
        assert!((number(&element["psnr_db"]["noisy"]) - 20.17).abs() < 1.0, "as the noise level says");
        assert!(number(&element["psnr_db"]["denoised"]).is_finite());
        assert_eq!(element["psnr_db"]["conditional"].as_object().expect("an object").len(), 3);
        assert!(number(&element["identity_error"]) < 1e-4);
        assert!(number(&element["timings_ms"]["forward"]) > 0.0 && number(&element["timings_ms"]["adjoint"]) > 0.0);
    }
    assert!(elements[1]["fit"].as_str().expect("words").contains("Lanczos"), "the fit is said");
}

#[test]
fn the_same_seed_gives_the_same_numbers_and_another_does_not() {
    let desk = Desk::new();
    let at = |seed: u32| desk.json(&format!("analyze a.png --seed {seed} --json -"))[0]["log_density"].clone();
    assert_eq!(at(3), at(3));
    assert_ne!(at(3), at(4));
}

#[test]
fn sigma_is_taken_as_a_number_or_a_fraction_and_nothing_else() {
    let desk = Desk::new();
    let density = |sigma: &str| desk.json(&format!("analyze a.png --sigma {sigma} --json -"))[0]["log_density"].clone();
    assert_eq!(density("0.2"), density("51/255"));
    for wrong in ["x", "-1", "1/0", "nan", "inf", "1/2/3"] {
        let said = desk.refusal(2, &format!("analyze a.png --sigma={wrong}"));
        assert!(said.contains("--sigma"), "{said}");
    }
}

#[test]
fn a_sigma_outside_the_trained_range_is_computed_at_its_end_and_said() {
    let desk = Desk::new();
    let json = desk.json("analyze a.png --sigma 3 --json -");
    assert!((number(&json[0]["sigma_used"]) - 1.0).abs() < 1e-6);
    let run = desk.run("analyze a.png --sigma 3").success();
    assert!(text(&run.get_output().stderr).contains("outside the trained range"));
}

#[test]
fn one_bad_picture_is_said_in_a_line_and_the_rest_goes_on() {
    let desk = Desk::new();
    fs::write(desk.at("empty.png"), []).expect("a file");
    fs::write(desk.at("text.png"), "no picture").expect("a file");
    let whole = fs::read(desk.at("b.png")).expect("a picture");
    fs::write(desk.at("cut.png"), &whole[..whole.len() / 2]).expect("a file");
    fs::write(desk.at("two\nlines.png"), "no picture").expect("a file");
    fs::create_dir(desk.at("folder")).expect("a folder");
    for bad in ["missing.png", "empty.png", "text.png", "cut.png", "folder"] {
        let run = desk.run(&format!("analyze {bad} a.png --json -")).code(1);
        let said = text(&run.get_output().stderr);
        assert!(said.lines().count() == 1 && said.starts_with("error: ") && said.contains(bad), "{said:?}");
        let json: Value = serde_json::from_slice(&run.get_output().stdout).expect("JSON");
        assert_eq!(json.as_array().expect("an array").len(), 1, "the good picture is in it");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.current_dir(desk.0.path()).args(["analyze", "two\nlines.png", "--model", "tiny.safetensors"]);
    let said = text(&command.assert().code(1).get_output().stderr);
    assert_eq!(said.lines().count(), 1, "a name with a line break is still one line: {said:?}");
}

#[test]
fn classes_are_chosen_by_all_number_or_name() {
    let desk = Desk::new();
    let conditional = |classes: &str| {
        let json = desk.json(&format!("analyze a.png --classes {classes} --json -"));
        let classes = json[0]["psnr_db"]["conditional"].as_object().expect("an object").keys().cloned();
        assert!(number(&json[0]["identity_error"]) < 1e-4, "{classes:?}");
        (classes.collect::<Vec<_>>(), json[0]["rest"]["classes"].as_u64())
    };
    assert_eq!(conditional("dog,cat"), (vec!["dog".to_owned(), "cat".to_owned()], Some(1)));
    assert_eq!(conditional("3,").0, ["3"]);
    assert_eq!(conditional("2").0.len(), 2);
    assert_eq!(conditional("all").1, None);
    let said = desk.refusal(2, "analyze a.png --classes cow");
    assert!(said.contains("--classes") && said.contains("cow") && said.contains("cat, dog, 3"), "{said}");
}

#[test]
fn nothing_is_overwritten_without_being_asked() {
    let desk = Desk::new();
    for option in ["--sheet a.png", "--json a.png"] {
        let before = fs::read(desk.at("a.png")).expect("a picture");
        let said = desk.refusal(1, &format!("analyze b.png {option}"));
        assert!(said.contains("exists already") && said.contains("--force"), "{said}");
        assert_eq!(fs::read(desk.at("a.png")).expect("a picture"), before);
    }
    desk.run("denoise b.png --sigma 0.1 -o new.png").success();
    desk.refusal(1, "denoise b.png --sigma 0.1 -o new.png");
    desk.run("denoise b.png --sigma 0.1 -o new.png --force").success();
}

#[test]
fn the_sheet_is_a_picture_and_is_said() {
    let desk = Desk::new();
    let printed = desk.output("analyze a.png --sheet sheet.png --dark");
    assert!(printed.contains("sheet.png"), "{printed}");
    let shape = load(desk.at("sheet.png")).expect("a picture").picture.shape();
    assert!(shape.width >= 1200 && shape.height >= 800, "{shape}");
    assert!(desk.refusal(1, "analyze a.png --sheet sheet.xyz").contains("sheet.xyz"));
    assert!(desk.refusal(2, "analyze a.png --dark").contains("--sheet"));
}

#[cfg(unix)]
#[test]
fn analyze_stops_cleanly_at_ctrl_c() {
    use std::io::{BufRead, BufReader};
    let desk = Desk::new();
    desk.draw("large.png", Shape::new(1, 3000, 3000));
    let mut child = desk.start("analyze a.png large.png --sigma 0.1 --native --json out.json");
    // Open to the end: a reader that goes away ends the program by itself.
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut String::new()).expect("what is said of the first picture");
    let said = interrupt(child);
    assert!(said.contains("cancelled") && !said.contains("panicked"), "{said}");
    assert!(!desk.at("out.json").exists());
}

#[test]
fn two_outputs_of_one_name_are_refused_before_any_work() {
    let desk = Desk::new();
    for line in [
        "analyze a.png --sheet f.png --json ./f.png --force",
        "denoise a.png --sigma 0.1 -o f.png --json f.png --force",
    ] {
        let said = desk.refusal(2, line);
        assert!(said.contains("f.png") && said.contains("--json already"), "{said}");
    }
    for line in ["analyze a.png --json a.png --force", "certify a.png --json tiny.safetensors --force"] {
        assert!(desk.refusal(2, line).contains("read by this command"), "{line}");
    }
    assert!(!desk.at("f.png").exists());
    // A folder that is not there is said before the pictures are looked at.
    assert!(desk.refusal(1, "analyze missing.png --json no/f.json").contains("its folder does not exist"));
}

#[test]
fn a_part_beyond_the_picture_is_refused_with_its_size() {
    let desk = Desk::new();
    for part in ["0,0,9999,1", "0,0,9999,9999", "65,30,10,10", "0,0,70.5,4", "-1,0,4,4", "0,-0.5,4,4", "70,0,1,1"] {
        let said = desk.refusal(1, &format!("analyze b.png --fit {part}"));
        assert!(said.starts_with(&format!("error: b.png: --fit {part} ")) && said.contains("70×40"), "{said}");
    }
    for part in ["0,0,70,40", "54.5,24,15.5,16"] {
        desk.output(&format!("analyze b.png --fit {part}"));
    }
    // Every command says so, of that picture alone.
    let run = desk.run("attack a.png b.png --method fgsm --fit 20,20,16,16 --json -").code(1);
    let (said, json) = (text(&run.get_output().stderr), serde_json::from_slice::<Value>(&run.get_output().stdout));
    assert!(said.lines().count() == 1 && said.contains("a.png: --fit 20,20,16,16"), "{said}");
    assert_eq!(json.expect("JSON").as_array().map(Vec::len), Some(1));
}

#[test]
fn no_probability_is_rounded_to_a_certainty() {
    let said = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
        command.args(line.split_whitespace()).args(["--model", "digits", "--device", "cpu"]);
        text(&command.assert().success().get_output().stdout)
    };
    let json: Value = serde_json::from_str(&said("analyze sample:digits/7 --sigma 0.1 --json -")).expect("JSON");
    assert!((0.9995..1.0).contains(&number(&json[0]["posterior"][0]["probability"])), "{json}");
    let analysis = said("analyze sample:digits/7 --sigma 0.1");
    assert!(analysis.contains("> 99.9 %  7") && analysis.contains("< 0.1 %"), "{analysis}");
    assert!(!analysis.contains("100.0") && !analysis.contains(" 0.00 %"), "{analysis}");
    let said = said("attack sample:digits/7 --method gaussian-noise --epsilon 1/255");
    assert!(said.contains("(> 99.9 %)") && !said.contains("100.0"), "{said}");
}

#[test]
fn levels_are_said_in_few_digits() {
    let desk = Desk::new();
    let run = desk.run("analyze a.png --sigma 0.0018881928").success();
    let said = text(&run.get_output().stderr);
    assert!(said.contains("σ = 0.00189 (0.5/255) is outside the trained range") && !said.contains("0.00188"), "{said}");
}
