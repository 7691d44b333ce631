//! The gradient for every instruction set and any number of threads; `network::conformance` has the rest.

use super::ProcessorLearner;
use crate::engine::{Learner, LossWeights, TrainingRows};
use crate::kernels::engine::tests::{architecture, checkpoint};
use crate::kernels::simd::Level;
use crate::kernels::tests::noise;
use crate::network::{Architecture, Place, TensorLearner};
use crate::picture::Shape;

fn compare(architecture: Architecture, shape: Shape, pictures: usize, loss: LossWeights) {
    let checkpoint = checkpoint(shape.channels, architecture);
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
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
    let mut truth = TensorLearner::new(&program, &weights, &Place::double()).unwrap();
    let (expected, truth) = truth.gradient(&rows, loss).unwrap();
    for level in Level::available() {
        let mut learner = ProcessorLearner::for_level(level, program.clone());
        learner.load(&weights).unwrap();
        let (found, gradients) = learner.gradient(&rows, loss).unwrap();
        for (found, truth) in [(found.cross_entropy, expected.cross_entropy), (found.score_error, expected.score_error)]
        {
            assert!((found - truth).abs() <= 2e-5 * truth.abs(), "{} {found}, not {truth}", level.name());
        }
        for ((spec, found), truth) in program.tensors.iter().zip(gradients).zip(truth) {
            let largest = truth.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            assert_eq!(found.len(), truth.len(), "{}", spec.name);
            for (i, (found, truth)) in found.iter().zip(truth).enumerate() {
                let what = format!("{} {} {i}: {found}, not {truth} of {largest}", level.name(), spec.name);
                assert!((found - truth).abs() <= 1e-4 * largest + 1e-7, "{what}");
            }
        }
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
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
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
        pool.install(|| {
            let mut learner = ProcessorLearner::new(program.clone());
            learner.load(&weights).unwrap();
            let (parts, gradients) = learner.gradient(&rows, loss).unwrap();
            (parts, gradients.clone())
        })
    };
    let one = run(1);
    for threads in [2, 5] {
        assert!(run(threads) == one, "{threads} threads give other bits than one");
    }
}

#[test]
fn nothing_is_learned_without_weights() {
    let checkpoint = checkpoint(1, architecture((4, 2), &[8], &[1], &[1]));
    let mut learner = ProcessorLearner::new(checkpoint.description.program());
    let rows = TrainingRows {
        noisy: &[0.0; 64],
        size: (8, 8),
        noise: &[0.0; 64],
        sigmas: &[0.1],
        labels: &[0],
        classes: &[None],
    };
    let loss = LossWeights { cross_entropy: 1.0, score: 1.0 };
    assert!(learner.gradient(&rows, loss).unwrap_err().to_string().contains("no weights"));
}
