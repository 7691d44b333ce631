//! `denoscope train`.

use assert_cmd::Command;
use serde_json::Value;

use super::{Desk, number};

/// Trains two steps of a preset, and analyses a picture with the result; returns the model's description.
fn train_and_analyse(preset: &str) -> Value {
    let desk = Desk::new();
    desk.classes(4);
    desk.output(&format!(
        "train --data data --out new.safetensors --preset {preset} --steps 2 --batch 4 --holdout 2 --device cpu"
    ));
    let description = desk.json("info new.safetensors --json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.current_dir(desk.at("")).args(["analyze", "a.png", "--model", "new.safetensors", "--json", "-"]);
    let json: Value = serde_json::from_slice(&command.assert().success().get_output().stdout).expect("JSON");
    assert_eq!(json[0]["posterior"].as_array().map(Vec::len), Some(3));
    assert!(number(&json[0]["identity_error"]) < 1e-4);
    description
}

#[test]
fn the_papers_size_trains_loads_and_analyses() {
    let description = train_and_analyse("gradresnet18");
    assert_eq!(description["architecture"]["widths"], serde_json::json!([64, 128, 256, 512]));
    assert!(description["architecture"].get("family").is_none());
}

#[test]
fn the_second_family_trains_loads_and_analyses() {
    let description = train_and_analyse("pooled-thin");
    assert_eq!(description["architecture"]["family"], "pooled");
    assert_eq!(description["architecture"]["widths"], serde_json::json!([32, 64, 128]));
}

#[cfg(feature = "gpu")]
#[test]
fn twenty_steps_on_a_card_are_the_processors() {
    use denoscope::network::Checkpoint;

    if super::devices::no_adapter() {
        return;
    }
    let desk = Desk::new();
    desk.classes(6);
    let options = "--widths 8,16 --blocks 1,1 --strides 1,2 --size 16 --steps 20 --batch 6 --holdout 3 --name m";
    for (out, device) in [("cpu", "cpu"), ("gpu", "gpu:0")] {
        let said =
            desk.run(&format!("train --data data --out {out}.safetensors {options} --device {device}")).success();
        let said = super::text(&said.get_output().stderr);
        // What memory it takes is said before it begins.
        let memory = said.lines().any(|line| line.contains(" MiB of its memory, 6 pictures at a time"));
        assert_eq!(memory, out == "gpu", "{said}");
    }
    let [cpu, gpu] =
        ["cpu", "gpu"].map(|out| Checkpoint::read(desk.at(&format!("{out}.safetensors"))).expect("a model"));
    for (name, tensor) in &cpu.tensors {
        let pairs = tensor.values.iter().zip(&gpu.tensors[name].values);
        let error = pairs.fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(error < 1e-4, "{name}: {error} apart after twenty steps");
    }
}

#[cfg(unix)]
#[test]
fn a_run_stopped_by_ctrl_c_is_no_success_and_goes_on_to_its_end() {
    let desk = Desk::new();
    desk.classes(6);
    let options = "--widths 8,16 --blocks 1,1 --strides 1,2 --size 16 --batch 6 --holdout 3 --log-every 1 --device cpu";
    let child = desk.start(&format!("train --data data --out m.safetensors {options} --steps 1000000"));
    let log = desk.at("m.safetensors.csv");
    let said = super::interrupt_once_begun(child, &log);
    assert!(said.contains("--resume goes on from here") && desk.at("m.safetensors.state").exists(), "{said}");
    desk.run("train --data data --out m.safetensors --resume --steps 1").success();
}

#[test]
fn a_recipe_that_is_not_there_is_said_in_a_line() {
    let said = Desk::new().refusal(2, "train --recipe nope.toml");
    assert!(said.starts_with("error: nope.toml: ") && !said.contains("Usage"), "{said}");
}
