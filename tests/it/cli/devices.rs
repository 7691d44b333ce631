//! `denoscope devices`, and the same numbers on a graphics card as on the processor.

use assert_cmd::Command;
use serde_json::Value;

use super::text;

fn run(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.args(line.split_whitespace());
    command
}

fn json(line: &str) -> Value {
    let output = run(line).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).expect("JSON and nothing else")
}

/// Whether there is no adapter to try, not even in software.
#[cfg(feature = "gpu")]
pub(super) fn no_adapter() -> bool {
    let none = denoscope::gpu::cards().is_empty();
    if none {
        crate::skip::skipped("gpu", "there is no graphics driver: install mesa-vulkan-drivers");
    }
    none
}

#[test]
fn the_list_says_what_there_is_and_what_auto_takes() {
    let devices = json("devices digits --json -");
    let devices = devices.as_array().expect("a list");
    assert_eq!(devices[0]["device"], "cpu");
    assert!(devices[0]["analysis_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    assert_eq!(devices.iter().filter(|device| device["automatic"] == true).count(), 1);
    for device in devices {
        // What cannot be had, or is not taken by itself, says why.
        assert!(device["analysis_ms"].is_number() || device["note"].is_string(), "{device}");
        if device["kind"] == "software" {
            assert!(device["automatic"] == false && device["note"].is_string(), "{device}");
        }
    }
    let listed = text(&run("devices digits").assert().success().get_output().stdout);
    assert!(listed.contains("cpu") && listed.contains(" ms"), "{listed}");
}

#[test]
fn a_device_that_does_not_exist_is_named_with_those_that_do() {
    let unknown = run("analyze sample:digits/7 --model digits --device tpu").assert().code(2);
    assert!(text(&unknown.get_output().stderr).contains("gpu:NAME"), "a word that is none");
    let missing = run("analyze sample:digits/7 --model digits --device gpu:nonesuch").assert().code(1);
    let said = text(&missing.get_output().stderr);
    assert!(said.contains("gpu:nonesuch") && said.contains("--device cpu"), "{said}");
}

/// What `--device` calls the adapter to try: Mesa's software one by its name, where it is there.
#[cfg(feature = "gpu")]
fn adapter() -> (String, String) {
    let cards = denoscope::gpu::cards();
    let card = cards.iter().find(|card| card.name.contains("llvmpipe")).unwrap_or(&cards[0]);
    let name = if card.name.contains("llvmpipe") { "llvmpipe".to_owned() } else { card.number.to_string() };
    (format!("gpu:{name}"), card.title())
}

/// Compares everything that two documents hold, but times and the devices' names; gives how many numbers there were.
#[cfg(feature = "gpu")]
fn compare(path: &str, a: &Value, b: &Value) -> usize {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{path}");
            let told = |key: &&String| !["device", "device_reason", "timings_ms"].contains(&key.as_str());
            a.keys().filter(told).map(|key| compare(&format!("{path}/{key}"), &a[key], &b[key])).sum()
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            // Classes may change places where they are next to equally probable.
            let other = |(i, a): (usize, &Value)| {
                let same = |b: &&Value| a["class"].is_string() && b["class"] == a["class"];
                b.iter().find(same).unwrap_or(&b[i]).clone()
            };
            a.iter().enumerate().map(|(i, a)| compare(&format!("{path}/{i}"), a, &other((i, a)))).sum()
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{path}: {a} and {b}");
            1
        }
        _ => {
            assert_eq!(a, b, "{path}");
            0
        }
    }
}

#[cfg(feature = "gpu")]
#[test]
fn an_analysis_on_a_card_has_the_processors_numbers() {
    if no_adapter() {
        return;
    }
    let (device, title) = adapter();
    for (line, least) in [
        ("analyze sample:digits/7 --model digits --sigma 0.2 --native --json -", 40),
        ("analyze sample:digits/3 --model digits --sigma 0.05 --classes 3 --json -", 25),
        ("analyze sample:cifar10/cat --model cifar10 --sigma 25/255 --classes 2 --json -", 20),
    ] {
        let [cpu, gpu] = ["cpu", &device].map(|device| json(&format!("{line} --device {device}")));
        assert_eq!(gpu[0]["device"], title.as_str(), "{line}");
        let numbers = compare("", &cpu, &gpu);
        assert!(numbers >= least, "{line}: {numbers} numbers were compared");
    }
}

#[cfg(feature = "gpu")]
#[test]
fn an_attack_on_a_card_follows_the_processors() {
    if no_adapter() {
        return;
    }
    let line = "attack sample:digits/7 --model digits --method pgd --norm l2 --epsilon 0.5 --steps 3 --json -";
    let [cpu, gpu] = ["cpu", &adapter().0].map(|device| json(&format!("{line} --device {device}")));
    assert_eq!(cpu[0]["predicted_after"], gpu[0]["predicted_after"]);
    let losses = |run: &Value| -> Vec<f64> {
        run[0]["loss"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let (a, b) = (losses(&cpu), losses(&gpu));
    assert!(a.len() == b.len() && a.len() >= 3, "{a:?} {b:?}");
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-3 * (1.0 + a.abs())), "{a:?} {b:?}");
}
