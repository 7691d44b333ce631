//! `--model python:SCRIPT.py`: every command asks a script as it asks a network, and says in one line what goes wrong there.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use denoscope::picture::Shape;
use serde_json::Value;

use super::{Desk, number, text};
use crate::skip;

/// A desk with the example that needs Python alone, if there is Python.
fn desk() -> Option<Desk> {
    let python = std::env::var("DENOSCOPE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let runs = std::process::Command::new(python).args(["-c", "import struct"]).output();
    if !runs.is_ok_and(|output| output.status.success()) {
        skip::skipped("python", "there is no Python to run scripts in (DENOSCOPE_PYTHON names one)");
        return None;
    }
    let desk = Desk::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/mixture.py");
    fs::copy(example, desk.at("net.py")).expect("the example");
    desk.draw("small.png", Shape::new(1, 8, 8));
    Some(desk)
}

fn run(desk: &Desk, line: &str, variables: &[(&str, &str)]) -> Assert {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.current_dir(desk.at(".")).args(line.split_whitespace()).envs(variables.iter().copied());
    command.assert()
}

fn json(desk: &Desk, line: &str) -> Value {
    let done = run(desk, line, &[]).success();
    serde_json::from_str(&text(&done.get_output().stdout)).expect("standard output is JSON and nothing else")
}

/// What a run that fails says: notes, then one line.
fn refusal(desk: &Desk, code: i32, line: &str, variables: &[(&str, &str)]) -> String {
    let done = run(desk, line, variables).code(code);
    let said = text(&done.get_output().stderr);
    let aside = |line: &&str| line.starts_with("note: ") || line.starts_with("python: ");
    assert_eq!(said.lines().skip_while(aside).count(), 1, "{line}: {said}");
    said
}

#[test]
fn every_command_asks_a_script_as_it_asks_a_network() {
    let Some(desk) = desk() else { return };
    let model = "--model python:net.py";
    let analysis = &json(&desk, &format!("analyze small.png {model} --sigma 0.3 --json - --sheet sheet.png"))[0];
    assert_eq!(analysis["model"], "net");
    assert!(analysis["device"].as_str().expect("a device").starts_with("python (python 3"));
    assert!(number(&analysis["identity_error"]) < 1e-5 && number(&analysis["log_density"]).is_finite());
    let classes: Vec<_> =
        analysis["posterior"].as_array().expect("a list").iter().map(|c| c["class"].clone()).collect();
    assert_eq!(classes.len(), 2);
    assert!(desk.at("sheet.png").exists());
    run(&desk, &format!("denoise small.png {model} --sigma 0.3 --as disc -o disc.png"), &[]).success();
    let attack = &json(&desk, &format!("attack small.png {model} --method pgd --norm l2 --epsilon 3 --json -"))[0];
    assert!(number(&attack["achieved"]["l2"]) <= 3.0 + 1e-6);
    let certificate = &json(&desk, &format!("certify small.png {model} --sigma 0.1 --samples 200 --json -"))[0];
    assert!(number(&certificate["radius"]) > 0.0);
    for class in ["disc", "frame"] {
        fs::create_dir_all(desk.at("data").join(class)).expect("a folder");
        fs::copy(desk.at("small.png"), desk.at("data").join(class).join("0.png")).expect("a picture");
    }
    let line =
        format!("eval --data data {model} --sigmas 0.2 --attacks fgsm --certify 0.2 --certify-samples 50 --json -");
    let evaluation = json(&desk, &line);
    assert_eq!((&evaluation["model"], &evaluation["images"]), (&"net".into(), &2.into()));
    assert_eq!(evaluation["robust"][0]["clean_accuracy"], 0.5, "one picture under two labels");
    let info = json(&desk, "info python:net.py --json");
    assert_eq!((&info["classes"][1], &info["image"]["height"]), (&"frame".into(), &8.into()));
    assert!(text(&run(&desk, "info python:net.py", &[]).success().get_output().stdout).contains("python (python 3"));
    // The script is an input: no result takes its place.
    let said = refusal(&desk, 2, &format!("analyze small.png {model} --json net.py --force"), &[]);
    assert!(said.contains("net.py") && said.contains("read by this command"), "{said}");
}

#[test]
fn what_a_model_cannot_give_is_said_and_is_null() {
    let Some(desk) = desk() else { return };
    let text_of =
        "shape = (1, 8, 8)\nclass Net:\n    shape = shape\n    def denoise(self, y, sigma):\n        return y\n";
    fs::write(desk.at("denoiser.py"), text_of).expect("a script");
    let analysis = &json(&desk, "analyze small.png --model python:denoiser.py::Net --sigma 0.2 --json -")[0];
    assert!(analysis["log_density"].is_null());
    let notes = analysis["notes"].to_string();
    assert!(notes.contains("denoiser alone") && notes.contains("has one class"), "{notes}");
    let said = refusal(&desk, 2, "attack small.png --model python:denoiser.py::Net --method fgsm", &[]);
    assert!(said.contains("has one class"), "{said}");
    let said = refusal(&desk, 1, "devices python:net.py", &[]);
    assert!(said.contains("denoscope info"), "{said}");
}

#[test]
fn what_goes_wrong_over_there_is_one_line() {
    let Some(desk) = desk() else { return };
    let head = "shape, classes = (1, 8, 8), ['a', 'b']\nasked = 0\nprint('reading weights')\ndef log_joint(y, sigma):\n    \
                global asked\n    asked += 1\n    if asked > 3: ";
    let tail = "\n    return [[0.0, 1.0]] * len(y)\ndef log_joint_vjp(y, sigma, w):\n    return y\n";
    for (name, what, words) in [
        ("raise", "raise RuntimeError('no memory')", "RuntimeError: no memory (raise.py, line 7)"),
        ("nan", "return [[float('nan'), 0.0]] * len(y)", "gives NaN for a, not a finite number"),
        ("shape", "return [[0.0]] * len(y)", "log_joint returns [1, 1], not [1, 2]"),
        ("death", "import os; os._exit(9)", "its Python process ended"),
        ("hang", "import time; time.sleep(600)", "no answer within 2 s"),
    ] {
        fs::write(desk.at(&format!("{name}.py")), format!("{head}{what}{tail}")).expect("a script");
        let line = format!("analyze small.png --model python:{name}.py");
        let said = refusal(&desk, 1, &line, &[("DENOSCOPE_PYTHON_TIMEOUT", "2")]);
        assert!(said.contains(words) && said.contains("python: reading weights"), "{words}: {said}");
    }
    let line = "analyze small.png --model python:net.py";
    let said = refusal(&desk, 1, line, &[("DENOSCOPE_PYTHON", "/no/such/python")]);
    assert!(said.contains("/no/such/python does not start") && said.contains("DENOSCOPE_PYTHON=PATH"), "{said}");
    let said = refusal(&desk, 2, line, &[("DENOSCOPE_PYTHON_TIMEOUT", "soon")]);
    assert!(said.contains("DENOSCOPE_PYTHON_TIMEOUT"), "{said}");
    assert!(refusal(&desk, 1, "analyze small.png --model python:none.py", &[]).contains("none.py"));
    // The whole of it on request.
    let variables = [("DENOSCOPE_PYTHON_TRACEBACK", "1")];
    let done = run(&desk, "analyze small.png --model python:raise.py", &variables).code(1);
    assert!(text(&done.get_output().stderr).contains("python: Traceback"));
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_script_that_hangs() {
    let Some(desk) = desk() else { return };
    fs::write(desk.at("hang.py"), "print('here')\nimport time\ntime.sleep(600)\n").expect("a script");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_denoscope"));
    command.current_dir(desk.at(".")).args(["analyze", "small.png", "--model", "python:hang.py"]);
    let begin = std::time::Instant::now();
    let child = command.stderr(std::process::Stdio::piped()).spawn().expect("the program");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let said = super::interrupt(child);
    assert!(said.contains("cancelled"), "{said}");
    assert!(begin.elapsed().as_secs() < 60);
}
