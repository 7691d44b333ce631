//! The program as a whole: help, completions, devices, and what it leaves behind.

use std::fs;
use std::path::Path;

use assert_cmd::Command;

use super::{Desk, text};

#[test]
fn every_command_explains_itself_with_an_example() {
    let desk = Desk::new();
    for command in ["analyze", "denoise", "attack", "certify", "eval", "train", "info", "models", "completions", "man"]
    {
        let help = desk.output(&format!("{command} --help"));
        assert!(help.contains("Example") && help.contains(&format!("denoscope {command}")), "{help}");
    }
    assert!(desk.output("--help").contains("denoscope analyze photo.jpg"));
    assert!(desk.output("--version").contains(env!("CARGO_PKG_VERSION")));
    for wrong in ["analyze", "attack a.png", "train --data x", "completions tcl", "--nonsense", "info"] {
        desk.refusal(2, wrong);
    }
}

#[test]
fn a_mistyped_command_opens_no_window() {
    let desk = Desk::new();
    let said = desk.refusal(2, "analyse a.png");
    assert_eq!(said, "error: analyse is no file and no command; did you mean analyze?\n");
    assert!(desk.refusal(2, "analyse a.png --sigma 0.1").contains("did you mean analyze?"));
    assert!(desk.refusal(2, "analyze a.png --seed -3").contains("--seed: takes a whole number from 0 up, not -3"));
}

#[test]
fn completions_name_the_commands() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.output(&format!("completions {shell}"));
        assert!(script.contains("analyze") && script.contains("already-noisy"), "{shell}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let desk = Desk::new();
    desk.output("man pages/man1");
    for page in ["denoscope.1", "denoscope-analyze.1", "denoscope-train.1"] {
        let text = fs::read_to_string(desk.at("pages/man1").join(page)).expect("a page");
        assert!(text.contains(".SH NAME") && text.contains(".SH OPTIONS"), "{text}");
    }
    // Nothing is replaced without being asked.
    desk.refusal(1, "man pages/man1");
    desk.output("man pages/man1 --force");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::new();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_denoscope"))
        .args(["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .current_dir(desk.0.path())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", text(&ended.stderr));
}

#[test]
fn a_device_that_this_build_lacks_is_named_with_its_feature() {
    let desk = Desk::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.current_dir(desk.0.path()).args(["analyze", "a.png", "--model", "tiny.safetensors", "--device"]);
    if !cfg!(feature = "metal") && !cfg!(target_os = "macos") {
        let said = text(&command.arg("metal").assert().code(1).get_output().stderr);
        assert!(said.lines().count() == 1 && said.contains("--features metal"), "{said}");
    }
    assert!(desk.refusal(2, "analyze a.png --device tpu").contains("--device"));
}

/// Every file in the folder is one that the test made: nothing half-written stays behind.
#[test]
fn a_failure_leaves_no_file_behind() {
    let desk = Desk::new();
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let before = names(desk.0.path());
    desk.refusal(1, "denoise missing.png --sigma 0.1 -o out.png");
    desk.refusal(2, "denoise a.png --sigma 0.1 --as cow -o out.png");
    desk.refusal(1, "analyze a.png --json nowhere/out.json");
    assert_eq!(names(desk.0.path()), before);
}

#[test]
fn seeds_come_back_to_the_last_bit() {
    let desk = Desk::new();
    desk.classes(4);
    let seed = u64::MAX;
    for line in ["analyze a.png", "attack a.png --method fgsm", "certify a.png --samples 10"] {
        assert_eq!(desk.json(&format!("{line} --seed {seed} --json -"))[0]["seed"].as_u64(), Some(seed), "{line}");
    }
    let evaluation = desk.json(&format!("eval --data data --sigmas 0.1 --limit 2 --seed {seed} --json -"));
    assert_eq!(evaluation["seed"].as_u64(), Some(seed));
    let size = "--widths 8 --blocks 1 --strides 1 --size 16 --batch 2 --steps 1 --holdout 1 --device cpu";
    desk.output(&format!("train --data data --out seeded.safetensors {size} --seed {seed}"));
    let training = desk.json("info seeded.safetensors --json")["training"].clone();
    assert_eq!((training["seed"].as_u64(), training["options"]["seed"].as_u64()), (Some(seed), Some(seed)));
    let said = desk.refusal(2, &format!("train --data data --out seeded.safetensors --resume --seed 7 {size}"));
    assert!(said.contains(&seed.to_string()), "{said}");
}
