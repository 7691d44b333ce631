//! One suite for every engine: the contract of [`crate::engine`] as tests. An engine joins by one `engine_tests!`.

mod engines;

use std::path::PathBuf;

use safetensors::tensor::{Dtype, SafeTensors};

pub(crate) use engines::engine_tests;

use super::{Architecture, Checkpoint, Description, Place, Stem, TensorLearner, TensorPasses};
use crate::engine::{Learner, LossWeights, Passes, Size, TrainingRows};
use crate::picture::{Shape, normals};
use crate::program::Program;
use crate::{Error, Result};

/// Runs a test, unless what it needs is missing.
pub fn unless(missing: bool, test: impl FnOnce()) {
    if !missing {
        test();
    }
}

/// Makes an engine that answers for a program with these weights.
type NewPasses<'a> = &'a dyn Fn(&Program, &[&[f32]]) -> Result<Box<dyn Passes>>;

/// Makes an engine that learns a program's weights, of which it is given the first ones.
type NewLearner<'a> = &'a dyn Fn(&Program, &[&[f32]]) -> Result<Box<dyn Learner>>;

/// The networks of the golden files.
const NETWORKS: [&str; 3] = ["compact-rgb", "compact-grey", "gradresnet-rgb"];

/// Seeded normals.
fn noise(stream: u64, count: usize) -> Vec<f32> {
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

/// Kernel and stride of the stem, and what each stage has.
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
fn cases() -> Vec<(Checkpoint, Size, usize)> {
    let small = || architecture((4, 2), &[8, 16], &[1, 2], &[1, 2]);
    vec![
        (random(1, 3, small()), (8, 8), 3),
        (random(2, 1, architecture((3, 1), &[16, 24, 40], &[1, 0, 1], &[1, 2, 1])), (9, 6), 1),
        (random(10, 3, small()), (5, 7), 17),
        (random(10, 1, architecture((3, 2), &[24], &[1], &[1])), (1, 1), 2),
        (random(200, 3, architecture((3, 1), &[8, 8], &[1, 1], &[1, 2])), (3, 10), 4),
    ]
}

/// Levels of noise all over the trained range.
fn sigmas(count: usize) -> Vec<f32> {
    (0..count).map(|n| [0.1, 0.02, 0.7, 1.0, 0.005][n % 5]).collect()
}

fn near(found: &[f64], truth: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), truth.len(), "{what}");
    let largest = truth.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(truth).enumerate() {
        assert!((a - b).abs() <= tolerance * largest, "{what}, value {i}: {a}, not {b} (of {largest})");
    }
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/goldens")
}

/// A golden tensor's shape and values; `tests/reference/README.md` tells the files' layout.
fn golden(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    let fours = || view.data().chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    let values = match view.dtype() {
        Dtype::F32 => fours().map(|b| f64::from(f32::from_le_bytes(b))).collect(),
        Dtype::I32 => fours().map(|b| f64::from(i32::from_le_bytes(b))).collect(),
        _ => view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes"))).collect(),
    };
    (view.shape().to_vec(), values)
}

fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// u, v and ∇log p(y, c) of the golden batches.
pub fn goldens(new: NewPasses, tolerance: f64) {
    for network in NETWORKS {
        let checkpoint = Checkpoint::read(folder().join(format!("{network}.safetensors"))).unwrap();
        let program = checkpoint.description.program();
        let engine = new(&program, &checkpoint.weights(&program).unwrap()).unwrap();
        let bytes = std::fs::read(folder().join(format!("{network}.cases.safetensors"))).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        for case in ["square", "wide", "clamped"] {
            let of = |name: &str| golden(&file, &format!("{case}.{name}"));
            let (shape, noisy) = of("noisy");
            let sigmas: Vec<f32> = singles(&of("sigma").1);
            let sigmas: Vec<f32> = sigmas.iter().map(|s| checkpoint.description.sigma_range.clamp(*s)).collect();
            let tape = engine.forward(&singles(&noisy), (shape[2], shape[3]), &sigmas).unwrap();
            let (n, classes) = (shape[0], program.pictures.classes);
            let what = |part: &str| format!("{network}, {case}, {part}");
            near(tape.energy(), &of("energy").1, tolerance, &what("energy"));
            near(tape.logits(), &of("logits").1, tolerance, &what("logits"));
            let one_hot: Vec<f32> =
                (0..n * classes * classes).map(|i| f32::from(i / classes % classes == i % classes)).collect();
            let mut scores = vec![0.0; noisy.len() * classes];
            tape.pullback(&vec![1.0; n * classes], &one_hot, &mut scores).unwrap();
            // Pictures differ in scale with σ.
            let (truth, picture) = (of("scores_as").1, scores.len() / n);
            for (found, truth) in scores.chunks_exact(picture).zip(truth.chunks_exact(picture)) {
                near(&doubles(found), truth, tolerance, &what("scores"));
            }
        }
    }
}

/// Everything against tensors in double precision.
pub fn truth(new: NewPasses, tolerance: f64) {
    for (checkpoint, size, pictures) in cases() {
        let program = checkpoint.description.program();
        let weights = checkpoint.weights(&program).unwrap();
        let (engine, truth) =
            (new(&program, &weights).unwrap(), TensorPasses::new(&program, &weights, &Place::double()).unwrap());
        let classes = program.pictures.classes;
        let picture = program.pictures.channels * size.0 * size.1;
        let what = |part: &str| format!("{part} of {pictures} pictures of {size:?}, {classes} classes");
        let (noisy, sigmas) = (noise(1, pictures * picture), sigmas(pictures));
        let tape = engine.forward(&noisy, size, &sigmas).unwrap();
        let expected = truth.forward(&noisy, size, &sigmas).unwrap();
        near(tape.energy(), expected.energy(), tolerance, &what("energy"));
        near(tape.logits(), expected.logits(), tolerance, &what("logits"));
        for each in [1, 3, 0, 2] {
            let logits = noise(2, pictures * each * classes);
            let density: Vec<f32> = (0..pictures * each).map(|row| [1.0, 0.0, -0.5][row % 3]).collect();
            let mut found = vec![f32::NAN; pictures * each * picture];
            let mut truth = found.clone();
            tape.pullback(&density, &logits, &mut found).unwrap();
            expected.pullback(&density, &logits, &mut truth).unwrap();
            for (found, truth) in found.chunks_exact(picture).zip(truth.chunks_exact(picture)) {
                near(&doubles(found), &doubles(truth), tolerance, &what("gradients"));
            }
        }
    }
}

/// Gradients against central differences of what the contract says that they are gradients of.
pub fn slopes(new: NewPasses, tolerance: f64) {
    let checkpoint = random(3, 3, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]));
    let program = checkpoint.description.program();
    let engine = new(&program, &checkpoint.weights(&program).unwrap()).unwrap();
    let (size, picture, deviation) = ((7, 6), 3 * 42, f64::from(program.pictures.deviation));
    // Multiples of 2⁻¹⁰, so that a step of 2⁻⁶ is exact in single precision.
    let noisy: Vec<f32> = noise(5, 2 * picture).iter().map(|v| (v * 512.0).round() / 1024.0).collect();
    let direction: Vec<f32> = noise(6, picture).iter().map(|v| v.signum() / 64.0).collect();
    let sigmas = [0.3, 0.8];
    let logits = noise(7, 2 * 3);
    let density = [0.75, 0.0];
    let value = |noisy: &[f32]| -> Vec<f64> {
        let tape = engine.forward(noisy, size, &sigmas).unwrap();
        let one = |n: usize| {
            let sigma = f64::from(sigmas[n]);
            let square = |(i, y): (usize, &f32)| {
                (f64::from(*y) - f64::from(program.pictures.mean[i / 42])).powi(2) / (deviation.powi(2) + sigma.powi(2))
            };
            let squares: f64 = noisy[n * picture..][..picture].iter().enumerate().map(square).sum();
            let density = f64::from(density[n]) * (deviation / sigma * tape.energy()[n] - squares / 2.0);
            let logits = logits[3 * n..].iter().zip(&tape.logits()[3 * n..][..3]);
            density + logits.map(|(w, v)| f64::from(*w) * v).sum::<f64>()
        };
        vec![one(0), one(1)]
    };
    let mut gradient = vec![0.0; 2 * picture];
    engine.forward(&noisy, size, &sigmas).unwrap().pullback(&density, &logits, &mut gradient).unwrap();
    for n in 0..2 {
        let moved = |sign: f32| {
            let mut moved = noisy.clone();
            moved[n * picture..].iter_mut().zip(&direction).for_each(|(v, d)| *v += sign * d);
            value(&moved)[n]
        };
        // Richardson's extrapolation leaves an error of the fourth order in the step.
        let difference = (8.0 * (moved(0.5) - moved(-0.5)) - (moved(1.0) - moved(-1.0))) / 6.0;
        let found: f64 =
            gradient[n * picture..].iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
        let scale = difference.abs().max(0.1);
        assert!(
            (found - difference).abs() < (100.0 * tolerance).max(1e-3) * scale,
            "{found}, differences {difference}"
        );
    }
}

/// Rows of cotangents neither mix nor depend on how many there are, and add up.
pub fn rows(new: NewPasses, tolerance: f64) {
    let checkpoint = random(3, 3, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]));
    let program = checkpoint.description.program();
    let engine = new(&program, &checkpoint.weights(&program).unwrap()).unwrap();
    let picture = 3 * 56;
    let (noisy, sigmas) = (noise(8, 2 * picture), [0.1, 0.6]);
    let tape = engine.forward(&noisy, (8, 7), &sigmas).unwrap();
    let w = noise(9, 2 * 3);
    let nothing = [0.0; 3];
    // Of each picture: both, the density alone, the logits alone.
    let density = [1.0, 1.0, 0.0, 1.0, 1.0, 0.0];
    let logits = [&w[..3], &nothing, &w[..3], &w[3..], &nothing, &w[3..]].concat();
    let mut all = vec![0.0; 6 * picture];
    tape.pullback(&density, &logits, &mut all).unwrap();
    let rows: Vec<&[f32]> = all.chunks_exact(picture).collect();
    for n in 0..2 {
        let sum: Vec<f64> = rows[3 * n + 1].iter().zip(rows[3 * n + 2]).map(|(a, b)| f64::from(a + b)).collect();
        near(&sum, &doubles(rows[3 * n]), tolerance, "the sum of both parts");
        let alone = engine.forward(&noisy[n * picture..][..picture], (8, 7), &sigmas[n..=n]).unwrap();
        near(alone.energy(), &tape.energy()[n..=n], tolerance, "a picture alone");
        let mut row = vec![0.0; picture];
        alone.pullback(&[0.0], &w[3 * n..][..3], &mut row).unwrap();
        near(&doubles(&row), &doubles(rows[3 * n + 2]), tolerance, "a row alone");
    }
}

/// Whatever ran before, and whatever was done ahead.
pub fn repeats(new: NewPasses) {
    let checkpoint = random(4, 1, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]));
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
    let job = |engine: &dyn Passes, size: Size, pictures: usize| {
        let tape = engine.forward(&noise(3, pictures * size.0 * size.1), size, &sigmas(pictures)).unwrap();
        let mut out = vec![0.0; pictures * 2 * size.0 * size.1];
        tape.pullback(&vec![1.0; pictures * 2], &noise(4, pictures * 8), &mut out).unwrap();
        (tape.energy().to_vec(), tape.logits().to_vec(), out)
    };
    let engine = new(&program, &weights).unwrap();
    let first = job(&*engine, (8, 8), 3);
    job(&*engine, (5, 9), 1);
    assert!(job(&*engine, (8, 8), 3) == first, "another job between them");
    let other = new(&program, &weights).unwrap();
    other.prepare((8, 8), 4).unwrap();
    assert!(job(&*other, (8, 8), 3) == first, "another engine, made ready");
    let apart = std::thread::scope(|scope| {
        let threads = [(); 3].map(|()| scope.spawn(|| job(&*engine, (8, 8), 3)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(apart.iter().all(|job| *job == first), "several threads at once");
    assert!(!engine.device().is_empty());
}

/// Slices that do not fit, and pixels that are no numbers.
pub fn refusals(new: NewPasses) {
    let checkpoint = random(3, 3, architecture((4, 2), &[8], &[1], &[1]));
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
    assert!(new(&program, &weights[1..]).unwrap_err().to_string().contains("tensors"));
    let mut short = weights.clone();
    short[0] = &short[0][1..];
    assert!(new(&program, &short).unwrap_err().to_string().contains("stem.weight"));
    let engine = new(&program, &weights).unwrap();
    let refused = |noisy: &[f32], size: Size, sigmas: &[f32]| {
        assert!(matches!(engine.forward(noisy, size, sigmas), Err(Error::Compute(_))), "{size:?} {sigmas:?}");
    };
    refused(&[0.0; 5], (8, 8), &[0.1]);
    refused(&[0.0; 192], (8, 8), &[0.1, 0.1]);
    refused(&[], (8, 8), &[]);
    refused(&[], (0, 8), &[0.1]);
    let mut noisy = noise(3, 3 * 192);
    noisy[192 + 70] = f32::NAN;
    let tape = engine.forward(&noisy, (8, 8), &[0.1; 3]).unwrap();
    let finite: Vec<bool> = tape.energy().iter().map(|u| u.is_finite()).collect();
    assert_eq!(finite, [true, false, true], "one picture's misfortune is its own");
    for (density, logits, out) in [(1, 3, 192), (3, 8, 576), (3, 9, 575), (4, 12, 768)] {
        let result = tape.pullback(&vec![1.0; density], &vec![1.0; logits], &mut vec![0.0; out]);
        assert!(matches!(result, Err(Error::Compute(_))), "{density} {logits} {out}");
    }
    // Where the energy is no number, what does not ask for it is none of its business.
    let mut out = vec![0.0; 576];
    tape.pullback(&[0.0; 3], &[1.0; 9], &mut out).unwrap();
    assert!(out[..192].iter().chain(&out[384..]).all(|g| g.is_finite()));
}

/// Cross-entropy and denoising loss of the golden batches, and of each weight w with gradient g the pair ⟨g, w⟩, ‖g‖.
pub fn golden_losses(new: NewLearner, tolerance: f64) {
    for network in NETWORKS {
        let checkpoint = Checkpoint::read(folder().join(format!("{network}.safetensors"))).unwrap();
        let program = checkpoint.description.program();
        let weights = checkpoint.weights(&program).unwrap();
        let mut learner = new(&program, &weights).unwrap();
        learner.load(&weights).unwrap();
        let bytes = std::fs::read(folder().join(format!("{network}.loss.safetensors"))).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let input = |name: &str| singles(&golden(&file, name).1);
        let (clean, noise, sigmas) = (input("clean"), input("noise"), input("sigma"));
        let (picture, shape) = (clean.len() / sigmas.len(), golden(&file, "clean").0);
        let noisy: Vec<f32> = (0..clean.len()).map(|i| clean[i] + sigmas[i / picture] * noise[i]).collect();
        let labels: Vec<u32> = golden(&file, "labels").1.iter().map(|v| *v as u32).collect();
        let rows = TrainingRows {
            noisy: &noisy,
            size: (shape[2], shape[3]),
            noise: &noise,
            sigmas: &sigmas,
            labels: &labels,
            classes: &vec![None; labels.len()],
        };
        let (parts, gradients) = learner.gradient(&rows, LossWeights { cross_entropy: 1.0, score: 10.0 }).unwrap();
        let tolerance = 10.0 * tolerance;
        near(&[parts.cross_entropy], &golden(&file, "cross_entropy").1, tolerance, "cross-entropy");
        near(&[parts.score_error], &golden(&file, "denoising").1, tolerance, "denoising");
        for ((spec, gradient), weights) in program.tensors.iter().zip(gradients).zip(weights) {
            let pairs = gradient.iter().zip(weights).map(|(g, w)| f64::from(*g) * f64::from(*w));
            let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            let truth = golden(&file, &format!("gradient.{}", spec.name)).1;
            near(&[pairs.sum(), norm], &truth, tolerance, &format!("{network}, {}", spec.name));
        }
    }
}

/// A batch of so many pictures with labels and conditional rows all over.
fn with_batch<R>(program: &Program, size: Size, pictures: usize, work: impl FnOnce(&TrainingRows) -> R) -> R {
    let (values, classes) = (pictures * program.pictures.channels * size.0 * size.1, program.pictures.classes as u32);
    let labels: Vec<u32> = (0..pictures as u32).map(|n| n * 7 % classes).collect();
    let class = |n: u32| [None, Some((n + 1) % classes), None, Some(n % classes)][n as usize % 4];
    let classes: Vec<Option<u32>> = (0..pictures as u32).map(class).collect();
    work(&TrainingRows {
        noisy: &noise(21, values),
        size,
        noise: &noise(22, values),
        sigmas: &sigmas(pictures),
        labels: &labels,
        classes: &classes,
    })
}

/// Losses and every gradient against automatic differentiation in double precision.
pub fn true_losses(new: NewLearner, tolerance: f64) {
    let weights = [(1.0, 3.0), (0.0, 1.0), (1.0, 0.0)];
    for (checkpoint, size, pictures) in cases() {
        let program = checkpoint.description.program();
        let values = checkpoint.weights(&program).unwrap();
        let mut learner = new(&program, &values).unwrap();
        learner.load(&values).unwrap();
        let mut truth = TensorLearner::new(&program, &values, &Place::double()).unwrap();
        for (cross_entropy, score) in weights {
            let loss = LossWeights { cross_entropy, score };
            with_batch(&program, size, pictures, |rows| {
                let (found, gradients) = learner.gradient(rows, loss).unwrap();
                let (expected, truth) = truth.gradient(rows, loss).unwrap();
                near(&[found.cross_entropy], &[expected.cross_entropy], tolerance, "cross-entropy");
                near(&[found.score_error], &[expected.score_error], tolerance, "score error");
                for ((spec, found), truth) in program.tensors.iter().zip(gradients).zip(truth) {
                    let what = format!("{loss:?} {pictures} pictures of {size:?}, {}", spec.name);
                    near(&doubles(found), &doubles(truth), tolerance, &what);
                }
            });
        }
    }
}

/// The same batch again, other weights and back, and batches that cannot be.
pub fn learning(new: NewLearner) {
    let checkpoint = random(3, 1, architecture((4, 2), &[8], &[1], &[1]));
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
    let loss = LossWeights { cross_entropy: 1.0, score: 2.0 };
    let mut learner = new(&program, &weights).unwrap();
    learner.load(&weights).unwrap();
    let run = |learner: &mut dyn Learner, pictures: usize| {
        with_batch(&program, (8, 8), pictures, |rows| {
            let (parts, gradients) = learner.gradient(rows, loss).unwrap();
            (parts, gradients.clone())
        })
    };
    let first = run(&mut *learner, 5);
    run(&mut *learner, 2);
    let other: Vec<Vec<f32>> = weights.iter().map(|w| w.iter().map(|v| 0.5 * v).collect()).collect();
    learner.load(&other.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    assert!(run(&mut *learner, 5) != first, "other weights");
    learner.load(&weights).unwrap();
    assert!(run(&mut *learner, 5) == first, "the same weights again");
    assert!(learner.load(&weights[1..]).is_err());
    with_batch(&program, (8, 8), 2, |rows| {
        let mut refused = |rows: TrainingRows, part: &str| {
            let error = learner.gradient(&rows, loss).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused(TrainingRows { labels: &[0, 3], ..*rows }, "3 classes");
        refused(TrainingRows { classes: &[Some(3), None], ..*rows }, "3 classes");
        refused(TrainingRows { noise: &[], ..*rows }, "do not fit");
        refused(TrainingRows { size: (8, 7), ..*rows }, "do not fit");
        let none = TrainingRows { noisy: &[], noise: &[], sigmas: &[], labels: &[], classes: &[], ..*rows };
        refused(none, "must be one");
    });
}
