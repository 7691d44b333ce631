//! The engine against the network in tensor operations, in double precision.

use super::Processor;
use crate::engine::{Directions, Passes};
use crate::joint::JointModel;
use crate::kernels::simd::Level;
use crate::kernels::tests::noise;
use crate::network::{Architecture, Checkpoint, Description, Family, Network, Stem};
use crate::picture::{Batch, Shape};

/// A network whose every weight is random, so that every path matters.
pub fn checkpoint(channels: usize, architecture: Architecture) -> Checkpoint {
    let classes = ["cat", "dog", "eel"].map(str::to_owned).to_vec();
    let mut description = Description::new("random", classes, Shape::new(channels, 8, 8), architecture);
    description.mean = (0..channels).map(|c| 0.4 + 0.1 * c as f32).collect();
    let mut checkpoint = Checkpoint::untrained(description, 3).unwrap();
    for (seed, tensor) in checkpoint.tensors.values_mut().enumerate() {
        let inputs: usize = tensor.shape[1..].iter().product();
        let scale = (3.0 / inputs as f32).sqrt();
        tensor.values = noise(seed as u64, tensor.values.len()).iter().map(|v| v * scale).collect();
    }
    checkpoint
}

pub fn engine(level: Level, checkpoint: &Checkpoint) -> Processor {
    let program = checkpoint.description.program();
    Processor::for_level(level, &program, &checkpoint.weights(&program).unwrap()).unwrap()
}

pub fn architecture(stem: (usize, usize), widths: &[usize], blocks: &[usize], strides: &[usize]) -> Architecture {
    Architecture {
        stem: Stem { kernel: stem.0, stride: stem.1 },
        widths: widths.to_vec(),
        blocks: blocks.to_vec(),
        strides: strides.to_vec(),
        group: 8,
        sigma_frequencies: 3,
        sigma_width: 6,
        ..Architecture::compact()
    }
}

/// The same sizes in the other family.
pub fn pooled(stem: (usize, usize), widths: &[usize], blocks: &[usize], strides: &[usize]) -> Architecture {
    Architecture { family: Family::Pooled, ..architecture(stem, widths, blocks, strides) }
}

fn assert_near(found: f64, truth: f64, scale: f64, what: &str) {
    assert!((found - truth).abs() <= 3e-5 * scale, "{what}: {found}, not {truth} (scale {scale})");
}

#[test]
fn the_engine_computes_what_the_network_in_tensor_operations_does() {
    let cases = [
        (architecture((4, 2), &[8, 16], &[1, 2], &[1, 2]), 3, 8, 8),
        (architecture((3, 1), &[16, 24, 40], &[1, 0, 1], &[1, 2, 1]), 1, 9, 6),
        (architecture((4, 2), &[48, 96, 192], &[2, 2, 2], &[1, 2, 2]), 3, 31, 30),
        (architecture((3, 2), &[64], &[1], &[1]), 1, 1, 1),
        (architecture((3, 1), &[8, 8], &[1, 1], &[1, 2]), 3, 37, 41),
        (pooled((3, 1), &[16, 24, 40], &[2, 1, 1], &[1, 2, 1]), 3, 9, 6),
        (pooled((4, 2), &[48, 64], &[1, 1], &[1, 2]), 1, 37, 31),
        (pooled((3, 2), &[64], &[1], &[1]), 3, 1, 2),
    ];
    for (architecture, channels, height, width) in cases {
        let checkpoint = checkpoint(channels, architecture);
        let truth = Network::load_double(&checkpoint).unwrap();
        let shape = Shape::new(channels, height, width);
        for level in Level::available() {
            let engine = engine(level, &checkpoint);
            // The second job is larger, the third smaller: the workspace must follow.
            for (pictures, each) in [(1, 4), (3, 1), (2, 3)] {
                let noisy = noise(pictures as u64, pictures * shape.len());
                let sigmas = &[0.1, 0.02, 0.7][..pictures];
                let tape = engine.forward(&noisy, (height, width), sigmas).unwrap();
                let (energy, logits) = (tape.energy(), tape.logits());
                let batch = Batch::new(shape, noisy.clone());
                let forward = truth.forward(&batch, sigmas).unwrap();
                let deviation = f64::from(checkpoint.description.deviation);
                for n in 0..pictures {
                    let sigma = f64::from(sigmas[n]);
                    let plane = height * width;
                    let squares = noisy[n * shape.len()..][..shape.len()].iter().enumerate();
                    let mean = |i: usize| f64::from(checkpoint.description.mean[i / plane]);
                    let squares: f64 = squares.map(|(i, v)| (f64::from(*v) - mean(i)).powi(2)).sum();
                    let gaussian = -0.5 * squares / (deviation.powi(2) + sigma.powi(2));
                    for c in 0..3 {
                        let found = deviation / sigma * energy[n] + logits[n * 3 + c];
                        let expected = forward.log_joint()[n * 3 + c] - gaussian;
                        let scale = (deviation / sigma * energy[n]).abs() + 1.0;
                        assert_near(found, expected, scale, &format!("{} log joint {n} {c}", level.name()));
                    }
                }
                let mut cotangents = noise(70, pictures * each * 3);
                cotangents[..3].copy_from_slice(&[0.5, 0.25, -0.75]); // a logit difference: no energy in it
                let density: Vec<f32> = cotangents.chunks_exact(3).map(|w| w.iter().sum()).collect();
                let mut out = vec![f32::NAN; pictures * each * shape.len()];
                tape.pullback(&density, &cotangents, &mut out).unwrap();
                let expected = forward.pullback(&cotangents).unwrap();
                for (row, found) in out.chunks_exact(shape.len()).enumerate() {
                    let largest = expected.row(row).iter().fold(1e-3_f32, |m, v| m.max(v.abs()));
                    for (i, (a, b)) in found.iter().zip(expected.row(row)).enumerate() {
                        let what = format!("{} {shape} row {row} value {i}", level.name());
                        assert_near(f64::from(*a), f64::from(*b), f64::from(largest), &what);
                    }
                }
            }
        }
    }
}

#[test]
fn pictures_and_cotangents_do_not_depend_on_threads() {
    let shape = Shape::new(3, 20, 28);
    let networks = [architecture, pooled].map(|new| checkpoint(3, new((4, 2), &[48, 96], &[1, 1], &[1, 2])));
    let run = |checkpoint: &Checkpoint, threads: usize, pictures: usize, each: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let engine = engine(Level::best(), checkpoint);
            let noisy = noise(5, pictures * shape.len());
            let tape = engine.forward(&noisy, (shape.height, shape.width), &vec![0.1; pictures]).unwrap();
            let mut out = vec![0.0; pictures * each * shape.len()];
            let cotangents = noise(6, pictures * each * 3);
            tape.pullback(&vec![1.0; pictures * each], &cotangents, &mut out).unwrap();
            let mut curved = vec![0.0; out.len()];
            let (density, along) = (vec![1.0; pictures * each], noise(7, out.len()));
            let asked = Directions { density: &density, logits: &cotangents, follows: false, along: &along };
            tape.curvature(&asked, &mut curved).unwrap();
            (tape.energy().to_vec(), tape.logits().to_vec(), out, curved)
        })
    };
    for checkpoint in &networks {
        for (pictures, each) in [(1, 10), (5, 1), (3, 4)] {
            let one = run(checkpoint, 1, pictures, each);
            for threads in [2, 3, 8] {
                assert!(run(checkpoint, threads, pictures, each) == one, "{threads} threads give other bits than one");
            }
        }
    }
}

#[test]
fn no_layer_allocates_once_the_memory_is_laid_out() {
    let allocations = |blocks: usize| {
        let checkpoint = checkpoint(3, architecture((4, 2), &[48, 96], &[blocks, blocks], &[1, 2]));
        let shape = Shape::new(3, 32, 32);
        // One thread, since the counter counts those of the thread that asks.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        pool.install(|| {
            let engine = engine(Level::best(), &checkpoint);
            let (noisy, cotangents) = (noise(5, 2 * shape.len()), noise(6, 60));
            let (density, mut out) = (vec![1.0; 20], vec![0.0; 20 * shape.len()]);
            let mut job = || {
                let tape = engine.forward(&noisy, (32, 32), &[0.1; 2]).unwrap();
                // As an analysis does: the mixture's cotangent, then the classes'.
                tape.pullback(&density[..2], &cotangents[..6], &mut out[..2 * shape.len()]).unwrap();
                tape.pullback(&density, &cotangents, &mut out).unwrap();
            };
            job();
            allocation_counter::measure(job).count_total
        })
    };
    let counts = [allocations(1), allocations(3)];
    assert!(counts[0] == counts[1] && counts[0] < 15, "{counts:?} allocations a job of three and of seven layers");
}
