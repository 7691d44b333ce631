//! The command line as a person meets it: what it prints, what it writes, what it refuses and how it says so.

mod analyze;
mod attack;
mod certify;
mod compare;
mod denoise;
mod density;
mod devices;
mod duel;
mod eval;
mod merge;
mod models;
mod program;
mod python;
mod train;
mod uncertainty;
mod usual;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use denoscope::network::{Architecture, Checkpoint, Description, Storage};
use denoscope::picture::{Picture, Shape, save};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a tiny untrained model and two pictures in it, where the program runs.
pub(super) struct Desk(TempDir);

impl Desk {
    pub(super) fn new() -> Self {
        let desk = Self(tempfile::tempdir().expect("a temporary folder"));
        let classes = ["cat", "dog", "3"].map(str::to_owned).to_vec();
        let architecture =
            Architecture { widths: vec![8, 8], blocks: vec![1, 1], strides: vec![1, 2], ..Architecture::compact() };
        let description = Description::new("tiny", classes, Shape::new(1, 16, 16), architecture);
        let checkpoint = Checkpoint::untrained(description, 1).expect("a sound description");
        checkpoint.write(desk.at("tiny.safetensors"), Storage::default()).expect("a model file");
        desk.draw("a.png", Shape::new(1, 16, 16));
        desk.draw("b.png", Shape::new(3, 40, 70));
        desk
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn draw(&self, name: &str, shape: Shape) {
        let values = (0..shape.len()).map(|i| ((i * 37) % 101) as f32 / 100.0).collect();
        save(self.at(name), &Picture::new(shape, values), true).expect("a picture file");
    }

    /// A data set of the model's three classes in the folder `data`, with this many pictures a class.
    pub(super) fn classes(&self, count: usize) {
        for (number, class) in ["cat", "dog", "3"].into_iter().enumerate() {
            fs::create_dir_all(self.at("data").join(class)).expect("a folder");
            for index in 0..count {
                let value = |i: usize| ((i * (31 + 7 * number) + 13 * index) % 101) as f32 / 100.0;
                let shape = Shape::new(1, 16, 16);
                let picture = Picture::new(shape, (0..shape.len()).map(value).collect());
                save(self.at("data").join(class).join(format!("{index}.png")), &picture, false).expect("a picture");
            }
        }
    }

    /// The program, to be run here; commands that take a model get the tiny one.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
        command.current_dir(self.0.path()).args(Self::arguments(line));
        command
    }

    fn arguments(line: &str) -> Vec<&str> {
        let mut arguments: Vec<&str> = line.split_whitespace().collect();
        let takes_model = [
            "analyze",
            "denoise",
            "attack",
            "certify",
            "eval",
            "uncertainty",
            "audit",
            "evidence",
            "density",
            "sample",
            "inpaint",
            "counterfactual",
        ]
        .iter()
        .any(|name| line.starts_with(name));
        if takes_model && !line.contains("--help") {
            arguments.extend(["--model", "tiny.safetensors", "--device", "cpu"]);
        }
        arguments
    }

    pub(super) fn run(&self, line: &str) -> Assert {
        self.command(line).assert()
    }

    /// Starts the program with its output in pipes, and does not wait for its end.
    #[cfg(unix)]
    fn start(&self, line: &str) -> std::process::Child {
        use std::process::{Command, Stdio};
        let mut command = Command::new(env!("CARGO_BIN_EXE_denoscope"));
        command.current_dir(self.0.path()).args(Self::arguments(line)).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program")
    }

    /// Standard output of a run that succeeds.
    pub(super) fn output(&self, line: &str) -> String {
        text(&self.run(line).success().get_output().stdout)
    }

    /// What a run that succeeds prints, all of which is one JSON value.
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.output(line)).expect("standard output is JSON and nothing else")
    }

    /// What a run that fails with `code` says on standard error: one line.
    fn refusal(&self, code: i32, line: &str) -> String {
        let run = self.run(line).code(code);
        let said = text(&run.get_output().stderr);
        assert!(!said.contains("panicked"), "{line}: {said}");
        assert_eq!(said.lines().count(), 1, "{line}: one line, not {said:?}");
        said
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is a number"))
}

/// Waits, for a minute at most.
#[cfg(unix)]
fn wait_until(holds: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !holds() {
        assert!(begin.elapsed().as_secs() < 60, "it never came");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Sends what Ctrl-C sends, and returns what the program said as it ended with code 1.
#[cfg(unix)]
fn interrupt(child: std::process::Child) -> String {
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let output = child.wait_with_output().expect("its end");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// The same, once a file that the program writes has five lines.
#[cfg(unix)]
fn interrupt_once_begun(child: std::process::Child, written: &Path) -> String {
    wait_until(|| fs::read_to_string(written).is_ok_and(|text| text.lines().count() > 4));
    interrupt(child)
}
