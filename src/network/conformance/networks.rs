//! The networks that the suite runs on, and the golden files.

use std::path::PathBuf;

use safetensors::tensor::{Dtype, SafeTensors};

use crate::engine::Size;
use crate::network::{Architecture, Checkpoint, Description, Family, Stem};
use crate::picture::{Shape, normals};

/// The networks of the golden files.
pub fn golden_networks(family: Family) -> &'static [&'static str] {
    match family {
        Family::Bilinear => &["compact-rgb", "compact-grey", "gradresnet-rgb"],
        Family::Pooled => &["pooled-rgb", "pooled-grey"],
    }
}

/// Seeded normals.
pub fn noise(stream: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    normals::fill(11, stream, 0, &mut values);
    values
}

/// A network whose every weight is random, so that every path matters.
pub fn random(classes: usize, channels: usize, architecture: Architecture) -> Checkpoint {
    let names = (0..classes).map(|c| c.to_string()).collect();
    let mut description = Description::new("random", names, Shape::new(channels, 8, 8), architecture);
    description.mean = (0..channels).map(|c| 0.4 + 0.1 * c as f32).collect();
    let mut checkpoint = Checkpoint::untrained(description, 0).unwrap();
    for (stream, tensor) in checkpoint.tensors.values_mut().enumerate() {
        let inputs: usize = tensor.shape[1..].iter().product();
        let scale = 1.0 / (inputs as f32).sqrt();
        tensor.values = noise(stream as u64, tensor.values.len()).iter().map(|v| v * scale).collect();
    }
    checkpoint
}

/// Kernel and stride of the stem, and what each stage has, in the first family.
pub fn architecture(stem: (usize, usize), widths: &[usize], blocks: &[usize], strides: &[usize]) -> Architecture {
    Architecture {
        stem: Stem { kernel: stem.0, stride: stem.1 },
        widths: widths.to_vec(),
        blocks: blocks.to_vec(),
        strides: strides.to_vec(),
        sigma_frequencies: 3,
        sigma_width: 6,
        ..Architecture::compact()
    }
}

/// Networks with one, two, ten and many classes, with a size and a number of pictures each.
pub fn cases(family: Family) -> Vec<(Checkpoint, Size, usize)> {
    // A stage without a block is one of the first family only.
    let none = usize::from(family != Family::Bilinear);
    let architecture = |stem, widths: &[usize], blocks: &[usize], strides: &[usize]| Architecture {
        family,
        ..architecture(stem, widths, blocks, strides)
    };
    let small = || architecture((4, 2), &[8, 16], &[1, 2], &[1, 2]);
    vec![
        (random(1, 3, small()), (8, 8), 3),
        (random(2, 1, architecture((3, 1), &[16, 24, 40], &[1, none, 1], &[1, 2, 1])), (9, 6), 1),
        (random(10, 3, small()), (5, 7), 17),
        (random(10, 1, architecture((3, 2), &[24], &[1], &[1])), (1, 1), 2),
        (random(200, 3, architecture((3, 1), &[8, 8], &[1, 1], &[1, 2])), (3, 10), 4),
    ]
}

/// Levels of noise all over the trained range.
pub fn sigmas(count: usize) -> Vec<f32> {
    (0..count).map(|n| [0.1, 0.02, 0.7, 1.0, 0.005][n % 5]).collect()
}

pub fn near(found: &[f64], truth: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), truth.len(), "{what}");
    let largest = truth.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(truth).enumerate() {
        assert!((a - b).abs() <= tolerance * largest, "{what}, value {i}: {a}, not {b} (of {largest})");
    }
}

pub fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/goldens")
}

/// A golden tensor's shape and values; `tests/reference/README.md` tells the files' layout.
pub fn golden(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    let fours = || view.data().chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    let values = match view.dtype() {
        Dtype::F32 => fours().map(|b| f64::from(f32::from_le_bytes(b))).collect(),
        Dtype::I32 => fours().map(|b| f64::from(i32::from_le_bytes(b))).collect(),
        _ => view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes"))).collect(),
    };
    (view.shape().to_vec(), values)
}

pub fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}
