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
fn no_adapter() -> bool {
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

#[cfg(feature = "gpu")]
#[test]
fn an_analysis_on_a_card_has_the_processors_numbers() {
    if no_adapter() {
        return;
    }
    for line in [
        "analyze sample:digits/7 --model digits --sigma 0.2 --json -",
        "analyze sample:digits/3 --model digits --sigma 0.05 --classes 3 --json -",
    ] {
        let [cpu, gpu] = ["cpu", "gpu:0"].map(|device| json(&format!("{line} --device {device}")));
        let (cpu, gpu) = (&cpu[0], &gpu[0]);
        assert!(gpu["device"].as_str().is_some_and(|name| name.starts_with("gpu:0 (")), "{}", gpu["device"]);
        for (a, b) in
            cpu["posterior"].as_array().into_iter().flatten().zip(gpu["posterior"].as_array().into_iter().flatten())
        {
            let (a, b) = (a["probability"].as_f64().unwrap_or(f64::NAN), b["probability"].as_f64().unwrap_or(f64::NAN));
            assert!((a - b).abs() < 1e-4, "{a} and {b}");
        }
        for path in ["/log_density", "/psnr_db/noisy", "/psnr_db/denoised"] {
            let [a, b] = [cpu, gpu].map(|study| study.pointer(path).and_then(Value::as_f64).expect("a number"));
            assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "{path}: {a} and {b}");
        }
        assert!(gpu["identity_error"].as_f64().is_some_and(|error| error < 1e-5), "{}", gpu["identity_error"]);
    }
}

#[cfg(feature = "gpu")]
#[test]
fn an_attack_on_a_card_follows_the_processors() {
    if no_adapter() {
        return;
    }
    let line = "attack sample:digits/7 --model digits --method pgd --norm l2 --epsilon 0.5 --steps 3 --json -";
    let [cpu, gpu] = ["cpu", "gpu:0"].map(|device| json(&format!("{line} --device {device}")));
    assert_eq!(cpu[0]["predicted_after"], gpu[0]["predicted_after"]);
    let losses = |run: &Value| -> Vec<f64> {
        run[0]["loss"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let (a, b) = (losses(&cpu), losses(&gpu));
    assert!(a.len() == b.len() && a.len() >= 3, "{a:?} {b:?}");
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-3 * (1.0 + a.abs())), "{a:?} {b:?}");
}
