//! `denoscope train`.

use assert_cmd::Command;
use serde_json::Value;

use super::{Desk, number};

#[test]
fn the_papers_size_trains_loads_and_analyses() {
    let desk = Desk::new();
    desk.classes(4);
    desk.output(
        "train --data data --out big.safetensors --preset gradresnet18 --steps 2 --batch 4 --holdout 2 --device cpu",
    );
    let description = desk.json("info big.safetensors --json");
    assert_eq!(description["architecture"]["widths"], serde_json::json!([64, 128, 256, 512]));
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.current_dir(desk.at("")).args(["analyze", "a.png", "--model", "big.safetensors", "--json", "-"]);
    let json: Value = serde_json::from_slice(&command.assert().success().get_output().stdout).expect("JSON");
    assert_eq!(json[0]["posterior"].as_array().map(Vec::len), Some(3));
    assert!(number(&json[0]["identity_error"]) < 1e-4);
}
