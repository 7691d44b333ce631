//! Scripts that need nothing but Python itself, against the oracle, and everything that may go wrong over there.

mod answers;
mod failures;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{PythonModel, ScriptSource};
use crate::joint::GaussianMixture;
use crate::picture::{Batch, Shape, normals};
use crate::task::Cancel;
use crate::{Result, skip};

/// Whether there is a Python to ask; if not, the test is skipped aloud.
fn python() -> bool {
    let runs = Command::new(super::process::python()).args(["-c", "import struct"]).output();
    let there = runs.is_ok_and(|output| output.status.success());
    if !there {
        skip::skipped("python", "there is no Python to run scripts in (DENOSCOPE_PYTHON names one)");
    }
    there
}

const SHAPE: Shape = Shape { channels: 1, height: 2, width: 3 };

/// A mixture of two Gaussians in a file of its own: their log-joint and its gradients, by the book, in plain Python.
const MIXTURE: &str = r#"
import math
shape = (1, 2, 3)
classes = ["low", "high"]
sigma_range = (0.01, 5)
parts = [(0.3, [0.1, 0.2, 0.3, 0.1, 0.2, 0.3], 0.05), (0.7, [0.9, 0.7, 0.8, 0.9, 0.7, 0.8], 0.2)]

def flat(picture):
    return [v for row in picture[0] for v in row]

def log_joint(y, sigma):
    def one(p, s, part):
        weight, mean, variance = part
        total = variance + s * s
        square = sum((v - m) ** 2 for v, m in zip(flat(p), mean))
        return math.log(weight) - 0.5 * (square / total + len(mean) * math.log(2 * math.pi * total))
    return [[one(p, s, part) for part in parts] for p, s in zip(y, sigma)]

def gradient(p, s, weights):
    total = [0.0] * 6
    for w, (_, mean, variance) in zip(weights, parts):
        total = [t - w * (v - m) / (variance + s * s) for t, v, m in zip(total, flat(p), mean)]
    return [[total[:3], total[3:]]]

def log_joint_vjp(y, sigma, w):
    return [gradient(*each) for each in zip(y, sigma, w)]
"#;

/// The same mixture by the oracle.
fn oracle() -> GaussianMixture {
    let (low, high) = ([0.1, 0.2, 0.3, 0.1, 0.2, 0.3], [0.9, 0.7, 0.8, 0.9, 0.7, 0.8]);
    let mixture = GaussianMixture::new(SHAPE, 2).with(0, 0.3, low.to_vec(), 0.05).with(1, 0.7, high.to_vec(), 0.2);
    mixture.named(&["low", "high"])
}

/// A script in a folder that goes with it.
struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("net.py"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("net.py")
    }

    fn open(&self) -> Result<PythonModel> {
        open(&self.path(), None, Duration::from_mins(1), &Cancel::new())
    }

    /// What opening it is refused with.
    fn refusal(&self) -> String {
        match self.open() {
            Ok(_) => panic!("it opened"),
            Err(error) => error.to_string(),
        }
    }
}

fn open(path: &Path, object: Option<&str>, limit: Duration, cancel: &Cancel) -> Result<PythonModel> {
    let source = ScriptSource { path: path.to_owned(), object: object.map(str::to_owned) };
    PythonModel::open_within(limit, &source, "cpu", cancel, None)
}

/// Noisy pictures, and a noise level each.
fn pictures(count: usize) -> (Batch, Vec<f32>) {
    let mut values = vec![0.0; count * SHAPE.len()];
    normals::fill(5, 0, 0, &mut values);
    for v in &mut values {
        *v = 0.5 + 0.4 * *v;
    }
    let sigmas = (0..count).map(|i| 0.1 + 0.2 * i as f32).collect();
    (Batch::new(SHAPE, values), sigmas)
}

/// The largest difference.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
