//! The suite for engines that learn.

use safetensors::tensor::SafeTensors;

use super::NewLearner;
use super::networks::{
    architecture, cases, doubles, folder, golden, golden_networks, near, noise, random, sigmas, singles,
};
use crate::engine::{Learner, LossWeights, Size, TrainingRows};
use crate::network::{Architecture, Checkpoint, Family, Place, TensorLearner};
use crate::program::Program;

/// Cross-entropy and denoising loss of the golden batches, and of each weight w with gradient g the pair ⟨g, w⟩, ‖g‖.
pub fn golden_losses(new: NewLearner, tolerance: f64, family: Family) {
    for network in golden_networks(family) {
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
pub fn true_losses(new: NewLearner, tolerance: f64, family: Family) {
    let weights = [(1.0, 3.0), (0.0, 1.0), (1.0, 0.0)];
    for (checkpoint, size, pictures) in cases(family) {
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
pub fn learning(new: NewLearner, family: Family) {
    let checkpoint = random(3, 1, Architecture { family, ..architecture((4, 2), &[8], &[1], &[1]) });
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
