//! `denoscope info` and `models`, and model files that are none.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use super::{Desk, number};

#[test]
fn bad_models_are_refused_by_name() {
    let desk = Desk::new();
    let whole = fs::read(desk.at("tiny.safetensors")).expect("the model");
    fs::write(desk.at("cut.safetensors"), &whole[..whole.len() / 2]).expect("a file");
    fs::write(desk.at("empty.safetensors"), []).expect("a file");
    let mut vast = u64::MAX.to_le_bytes().to_vec();
    vast.extend_from_slice(&whole[8..]);
    fs::write(desk.at("vast.safetensors"), vast).expect("a file");
    for bad in ["cut.safetensors", "empty.safetensors", "vast.safetensors", "missing.safetensors", "a.png"] {
        let said = desk.refusal(1, &format!("info {bad}"));
        assert!(said.starts_with("error: ") && said.contains(bad), "{said}");
    }
}

#[test]
fn info_prints_the_description_and_models_lists_what_is_bundled() {
    let desk = Desk::new();
    let printed = desk.output("info tiny.safetensors");
    for word in ["tiny", "cat, dog, 3", "1×16×16", "MIT OR Apache-2.0", "(255/255)"] {
        assert!(printed.contains(word), "{word} in {printed}");
    }
    assert_eq!(desk.json("info tiny.safetensors --json")["classes"][1], "dog");
    let listed = desk.output("models");
    for model in denoscope::network::bundled() {
        assert!(listed.contains(model.name), "{listed}");
        assert!(desk.output(&format!("info {}", model.name)).contains("trained on"));
    }
}

#[test]
fn every_bundled_model_names_and_restores_the_samples_of_its_kind_and_the_first_is_the_default() {
    for (place, model) in denoscope::network::bundled().iter().enumerate() {
        let classes = model.checkpoint().unwrap().description.classes;
        // One of one class, and one of other kinds of things, are shown the colour pictures too.
        let first = model.name.split('-').next().unwrap();
        let kind = if ["cifar10", "digits"].contains(&first) { first } else { "cifar10" };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples").join(kind);
        let mut samples: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        samples.sort();
        assert!(samples.len() >= 8, "{}", model.name);
        let analyze = |sigma: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
            command.args(["analyze", "--device", "cpu", "--classes", "1", "--json", "-", "--sigma", sigma]);
            if place > 0 {
                command.args(["--model", model.name]);
            }
            let run = command.args(&samples).assert().success();
            let json: Value = serde_json::from_slice(&run.get_output().stdout).expect("JSON");
            json
        };
        let (nearly_clean, noisy) = (analyze("1/255"), analyze("0.3"));
        let mut named = 0;
        for (index, sample) in samples.iter().enumerate() {
            let class = sample.file_stem().unwrap().to_str().unwrap();
            let result = &nearly_clean[index];
            assert_eq!(&result["model"], model.name);
            named += usize::from(result["posterior"][0]["class"] == class);
            let gain = number(&noisy[index]["psnr_db"]["denoised"]) - number(&noisy[index]["psnr_db"]["noisy"]);
            assert!(gain > 6.0, "{class}: {gain} dB");
        }
        // Robustness is paid for in accuracy.
        let stem = samples[0].file_stem().unwrap().to_str().unwrap();
        let knows = classes.iter().any(|class| class == stem);
        let enough = if model.name == kind { samples.len() } else { 7 * usize::from(knows) };
        assert!(named >= enough, "{}: {named} of {}", model.name, samples.len());
    }
}
