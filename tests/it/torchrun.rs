//! The reference's trainer in two processes (torchrun) by a recipe that `denoscope train` wrote, and its checkpoint in the lab.
//!
//! It needs a Python with torch, numpy and safetensors: `python3`, or the one that `DENOSCOPE_PYTHON` names.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::cli::Desk;
use super::skip::skipped;
use denoscope::network::Checkpoint;

/// A Python that has what the reference needs; none, said, if there is none.
fn python() -> Option<String> {
    let python = std::env::var("DENOSCOPE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    // tomllib came with Python 3.11.
    let found = Command::new(&python).args(["-c", "import numpy, safetensors, tomllib, torch"]).output();
    if found.as_ref().is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let why = format!("{python} is no Python 3.11 with torch, numpy and safetensors; DENOSCOPE_PYTHON names another");
    skipped("torch", &why);
    None
}

/// Runs a Python script on `desk` and returns how it ended.
fn run(desk: &Desk, python: &str, arguments: &[&str]) -> Output {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let mut command = Command::new(python);
    command.args(arguments).current_dir(desk.at(".")).env("PYTHONPATH", &scripts).env("OMP_NUM_THREADS", "1");
    command.env("GLOO_SOCKET_IFNAME", "lo").output().expect("Python")
}

/// What it printed, after it succeeded.
fn output(desk: &Desk, python: &str, arguments: &[&str]) -> String {
    let ended = run(desk, python, arguments);
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ended.status.success(), "{arguments:?}: {}{}", said(&ended.stdout), said(&ended.stderr));
    said(&ended.stdout)
}

/// CIFAR-10's files, eight pictures each.
fn cifar(desk: &Desk) {
    fs::create_dir(desk.at("cifar")).expect("a folder");
    let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
    fs::write(desk.at("cifar/batches.meta.txt"), names).expect("a file");
    let record = |n: usize| (0..3073).map(move |i| if i == 0 { (n % 10) as u8 } else { ((i * (n + 3)) % 251) as u8 });
    let names = (1..=5).map(|number| format!("data_batch_{number}.bin")).chain(["test_batch.bin".to_owned()]);
    for (file, name) in names.enumerate() {
        let bytes: Vec<u8> = (0..8).flat_map(|n| record(8 * file + n)).collect();
        fs::write(desk.at("cifar").join(name), bytes).expect("a file");
    }
}

#[test]
fn two_processes_follow_a_recipe_as_one_does_and_the_lab_opens_what_they_made() {
    let Some(python) = python() else { return };
    let desk = Desk::new();
    cifar(&desk);
    let line = "train --data cifar --out own.safetensors --widths 8,16 --blocks 1,2 --strides 1,2 --steps 2 --batch 4 --warmup 0 \
                --holdout 4 --conditional-share 0.25 --sigma-distribution log-normal:0.1:1.5 --lambda 3 --device cpu --seed 18446744073709551615";
    desk.run(line).success();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/train.py");
    let script = script.to_str().expect("text");
    let recipe = ["--recipe", "own.safetensors.toml", "--device", "cpu", "--seed", "7"];
    let alone = [&[script][..], &recipe, &["--out", "alone.safetensors"]].concat();
    assert!(output(&desk, &python, &alone).contains("step 2: "));
    let torchrun =
        ["-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", "2", script];
    let both = [&torchrun[..], &recipe, &["--out", "both.safetensors"]].concat();
    let said = output(&desk, &python, &both);
    assert_eq!(said.matches("step 2: ").count(), 1, "one process speaks: {said}");

    let read = |name: &str| Checkpoint::read(desk.at(name)).expect("a checkpoint");
    let (own, alone, both) = (read("own.safetensors"), read("alone.safetensors"), read("both.safetensors"));
    assert_eq!(both.description.architecture, own.description.architecture);
    assert_eq!(both.description.sigma_range, own.description.sigma_range);
    let training = both.description.training.as_ref().expect("a record");
    assert_eq!((training.steps, training.pictures, training.options["processes"].as_u64()), (2, 8, Some(2)));
    assert_eq!(
        (training.options["lambda"].as_f64(), training.options["conditional_share"].as_f64()),
        (Some(3.0), Some(0.25))
    );
    let mut moved = 0.0_f32;
    for (name, values) in &alone.tensors {
        for (a, b) in values.values.iter().zip(&both.tensors[name].values) {
            assert!((a - b).abs() < 1e-5, "{name}: {a} by one process, {b} by two");
            moved = moved.max(a.abs());
        }
    }
    assert!(moved > 0.01, "weights moved");
    desk.run("info both.safetensors").success();
    let mut lab = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    lab.args([
        "analyze",
        "a.png",
        "--sigma",
        "25/255",
        "--model",
        "both.safetensors",
        "--device",
        "cpu",
        "--json",
        "-",
    ]);
    let study = lab.current_dir(desk.at(".")).output().expect("the program");
    let study: serde_json::Value = serde_json::from_slice(&study.stdout).expect("JSON");
    assert_eq!(study[0]["posterior"].as_array().expect("a list").len(), 10);

    // What it does not do it does not pretend to.
    let text = fs::read_to_string(desk.at("own.safetensors.toml")).expect("a recipe");
    fs::write(desk.at("other.toml"), text.replace("counterfactual_share = 0.0", "counterfactual_share = 0.5"))
        .expect("a file");
    for (arguments, words) in [
        (vec![script, "--recipe", "other.toml"], "other.toml: counterfactual_share = 0.5 is an option that"),
        (vec![script, "--recipe", "none.toml"], "none.toml"),
        (vec![script, "--recipe", "own.safetensors.toml", "--objective", "nothing"], "--objective"),
    ] {
        let ended = run(&desk, &python, &arguments);
        let error = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && error.lines().count() == 1 && error.contains(words), "{error}");
    }
}

#[test]
fn averaged_gradients_step_as_the_whole_batch_does() {
    let Some(python) = python() else { return };
    let desk = Desk::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/distributed.py");
    let said = output(&desk, &python, &[script.to_str().expect("text")]);
    assert_eq!(said.matches("agree to the bit").count(), 3, "{said}");
}
