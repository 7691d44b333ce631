//! The gradient against automatic differentiation of the same loss in tensor operations.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};

use super::TrainingMemory;
use crate::engine::{LossWeights, TrainingRows};
use crate::kernels::engine::tests::{architecture, checkpoint, engine};
use crate::kernels::simd::Level;
use crate::kernels::tests::noise;
use crate::network::{Architecture, Checkpoint, Graph};
use crate::picture::Shape;

/// The loss and every gradient, in double precision, where candle's own operations do the work.
fn truth(
    checkpoint: &Checkpoint,
    shape: Shape,
    rows: &TrainingRows,
    loss: LossWeights,
) -> (f64, BTreeMap<String, Vec<f64>>) {
    let device = Device::Cpu;
    let double = |values: &[f32], shape: &[usize]| {
        Tensor::from_iter(values.iter().map(|v| f64::from(*v)), &device).unwrap().reshape(shape).unwrap()
    };
    let vars: BTreeMap<String, Var> = checkpoint
        .tensors
        .iter()
        .map(|(name, t)| (name.clone(), Var::from_tensor(&double(&t.values, &t.shape)).unwrap()))
        .collect();
    let graph =
        Graph::new(&checkpoint.description, &device, DType::F64, |name| Ok(vars[name].as_tensor().clone())).unwrap();
    let (n, classes) = (rows.sigmas.len(), checkpoint.description.classes.len());
    let pictures = [n, shape.channels, shape.height, shape.width];
    let sigmas = double(rows.sigmas, &[n]);
    let pass = graph.forward(&double(rows.noisy, &pictures), &sigmas).unwrap();
    let one_hot = |of: &dyn Fn(usize) -> Option<u32>| {
        let row = |i: usize| (0..classes).map(move |c| (i, c));
        let values: Vec<f64> =
            (0..n).flat_map(row).map(|(i, c)| if of(i) == Some(c as u32) { 1.0 } else { 0.0 }).collect();
        Tensor::from_vec(values, (n, classes), &device).unwrap()
    };
    let log = candle_nn::ops::log_softmax(&pass.logits, 1).unwrap();
    let hit = (log * one_hot(&|i| Some(rows.labels[i]))).unwrap().sum_all().unwrap();
    let cross_entropy = hit.affine(-f64::from(loss.cross_entropy) / n as f64, 0.0).unwrap();
    let mut total = cross_entropy;
    if loss.score != 0.0 {
        let free: Vec<f64> = rows.classes.iter().map(|c| if c.is_none() { 1.0 } else { 0.0 }).collect();
        let free = Tensor::from_vec(free, (n, 1), &device).unwrap();
        let posterior = candle_nn::ops::softmax(&pass.logits, 1).unwrap().broadcast_mul(&free).unwrap();
        let weights = (posterior + one_hot(&|i| rows.classes[i])).unwrap().unsqueeze(1).unwrap();
        let density = Tensor::ones((n, 1), DType::F64, &device).unwrap();
        let score = pass.pullback(&density, &weights).unwrap().squeeze(1).unwrap();
        let scaled = score.broadcast_mul(&sigmas.reshape((n, 1, 1, 1)).unwrap()).unwrap();
        let error = (scaled + double(rows.noise, &pictures)).unwrap().sqr().unwrap().mean_all().unwrap();
        total = (total + error.affine(f64::from(loss.score), 0.0).unwrap()).unwrap();
    }
    let gradients = total.backward().unwrap();
    let value = |var: &Var| {
        let gradient = gradients.get(var).cloned().unwrap_or_else(|| var.zeros_like().unwrap());
        gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap()
    };
    let named = vars.iter().map(|(name, var)| (name.clone(), value(var))).collect();
    (total.to_scalar::<f64>().unwrap(), named)
}

fn compare(architecture: Architecture, shape: Shape, pictures: usize, loss: LossWeights) {
    let checkpoint = checkpoint(shape.channels, architecture);
    let noisy = noise(11, pictures * shape.len());
    let target = noise(12, pictures * shape.len());
    let sigmas: Vec<f32> = (0..pictures).map(|n| [0.1, 0.5, 0.02, 1.0][n % 4]).collect();
    let labels: Vec<u32> = (0..pictures as u32).map(|n| n % 3).collect();
    let classes: Vec<Option<u32>> =
        (0..pictures as u32).map(|n| [None, Some(2), None, Some(n % 3)][n as usize % 4]).collect();
    let rows = TrainingRows {
        noisy: &noisy,
        size: (shape.height, shape.width),
        noise: &target,
        sigmas: &sigmas,
        labels: &labels,
        classes: &classes,
    };
    let (expected, truth) = truth(&checkpoint, shape, &rows, loss);
    for level in Level::available() {
        let engine = engine(level, &checkpoint);
        let (parts, gradients) = engine.gradient(&mut TrainingMemory::new(), &rows, loss).unwrap();
        let found = f64::from(loss.cross_entropy) * parts.cross_entropy + f64::from(loss.score) * parts.score_error;
        assert!((found - expected).abs() < 2e-5 * expected.abs(), "{} loss {found}, not {expected}", level.name());
        for (name, truth) in &truth {
            let largest = truth.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            let Some(found) = gradients.get(name) else {
                assert!(largest == 0.0, "{name} has no gradient");
                continue;
            };
            assert_eq!(found.len(), truth.len(), "{name}");
            for (i, (found, truth)) in found.iter().zip(truth).enumerate() {
                let error = (f64::from(*found) - truth).abs();
                assert!(
                    error <= 1e-4 * largest + 1e-7,
                    "{} {name} {i}: {found}, not {truth} of {largest}",
                    level.name()
                );
            }
        }
        assert!(gradients.keys().all(|name| truth.contains_key(name)), "no gradient without a weight");
    }
}

#[test]
fn gradients_agree_with_automatic_differentiation() {
    let both = LossWeights { cross_entropy: 1.0, score: 3.0 };
    let small = || architecture((4, 2), &[8, 16], &[1, 2], &[1, 2]);
    compare(small(), Shape::new(3, 8, 8), 5, both);
    compare(small(), Shape::new(3, 8, 8), 4, LossWeights { cross_entropy: 0.0, score: 1.0 });
    compare(small(), Shape::new(3, 8, 8), 4, LossWeights { cross_entropy: 1.0, score: 0.0 });
    compare(architecture((3, 1), &[16, 24, 40], &[1, 0, 1], &[1, 2, 2]), Shape::new(1, 9, 6), 2, both);
    // More pictures than a group, and a stage that has no picture left to convolve.
    compare(architecture((4, 2), &[8, 8], &[1, 1], &[1, 2]), Shape::new(1, 4, 3), 19, both);
}

#[test]
fn gradients_do_not_depend_on_threads() {
    let checkpoint = checkpoint(3, architecture((4, 2), &[16, 32], &[1, 1], &[1, 2]));
    let shape = Shape::new(3, 16, 16);
    let (noisy, target) = (noise(1, 40 * shape.len()), noise(2, 40 * shape.len()));
    let rows = TrainingRows {
        noisy: &noisy,
        size: (16, 16),
        noise: &target,
        sigmas: &[0.2; 40],
        labels: &[1; 40],
        classes: &[None; 40],
    };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let loss = LossWeights { cross_entropy: 1.0, score: 10.0 };
        pool.install(|| engine(Level::best(), &checkpoint).gradient(&mut TrainingMemory::new(), &rows, loss).unwrap())
    };
    let one = run(1);
    for threads in [2, 5] {
        assert!(run(threads) == one, "{threads} threads give other bits than one");
    }
}

#[test]
fn a_batch_that_does_not_fit_is_refused() {
    let checkpoint = checkpoint(1, architecture((4, 2), &[8], &[1], &[1]));
    let engine = engine(Level::best(), &checkpoint);
    let rows = TrainingRows {
        noisy: &[0.0; 64],
        size: (8, 8),
        noise: &[0.0; 64],
        sigmas: &[0.1],
        labels: &[3],
        classes: &[None],
    };
    let loss = LossWeights { cross_entropy: 1.0, score: 1.0 };
    let mut memory = TrainingMemory::new();
    assert!(engine.gradient(&mut memory, &rows, loss).unwrap_err().to_string().contains("3 classes"));
    let short = TrainingRows { noise: &[], labels: &[0], ..rows };
    assert!(engine.gradient(&mut memory, &short, loss).is_err());
    let none = TrainingRows { noisy: &[], noise: &[], sigmas: &[], labels: &[], classes: &[], ..rows };
    assert!(engine.gradient(&mut memory, &none, loss).is_err());
}
