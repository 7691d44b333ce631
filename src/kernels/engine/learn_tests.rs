//! The gradient for every instruction set and any number of threads; `network::conformance` has the rest.

use super::ProcessorLearner;
use crate::engine::{Learner, LossWeights, RowParts, TrainingRows};
use crate::kernels::engine::tests::{architecture, checkpoint, pooled};
use crate::kernels::simd::Level;
use crate::kernels::tests::noise;
use crate::network::{Architecture, Checkpoint, Place, TensorLearner};
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
fn gradients_of_a_graph_agree_with_automatic_differentiation() {
    let both = LossWeights { cross_entropy: 1.0, score: 3.0 };
    let small = || pooled((4, 2), &[16, 24], &[1, 2], &[1, 2]);
    compare(small(), Shape::new(3, 8, 8), 5, both);
    compare(small(), Shape::new(3, 8, 8), 4, LossWeights { cross_entropy: 0.0, score: 1.0 });
    compare(small(), Shape::new(3, 8, 8), 4, LossWeights { cross_entropy: 1.0, score: 0.0 });
    compare(pooled((3, 1), &[16, 40], &[1, 1], &[1, 1]), Shape::new(1, 9, 7), 2, both);
    // More pictures than a group, and a stage whose pictures are one pixel.
    compare(pooled((4, 2), &[8, 16], &[1, 1], &[1, 2]), Shape::new(1, 2, 3), 19, both);
}

#[test]
fn gradients_do_not_depend_on_threads() {
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
    let run = |checkpoint: &Checkpoint, threads: usize| {
        let program = checkpoint.description.program();
        let weights = checkpoint.weights(&program).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let loss = LossWeights { cross_entropy: 1.0, score: 10.0 };
        pool.install(|| {
            let mut learner = ProcessorLearner::new(program.clone());
            learner.load(&weights).unwrap();
            let (parts, gradients) = learner.gradient(&rows, loss).unwrap();
            (parts, gradients.clone())
        })
    };
    for checkpoint in [architecture, pooled].map(|new| checkpoint(3, new((4, 2), &[16, 32], &[1, 1], &[1, 2]))) {
        let one = run(&checkpoint, 1);
        for threads in [2, 5] {
            assert!(run(&checkpoint, threads) == one, "{threads} threads give other bits than one");
        }
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

/// The same sizes in both families.
fn both(stem: (usize, usize), widths: &[usize], blocks: &[usize], strides: &[usize]) -> [Architecture; 2] {
    [architecture, pooled].map(|new| new(stem, widths, blocks, strides))
}

/// Pictures with noise, levels, labels and the classes whose scores are trained.
struct Rows {
    noisy: Vec<f32>,
    noise: Vec<f32>,
    sigmas: Vec<f32>,
    labels: Vec<u32>,
    classes: Vec<Option<u32>>,
    size: (usize, usize),
}

impl Rows {
    fn new(pictures: usize, shape: Shape) -> Self {
        let (noisy, noise) = (noise(11, pictures * shape.len()), noise(12, pictures * shape.len()));
        Self {
            noisy,
            noise,
            sigmas: (0..pictures).map(|n| [0.1, 0.5, 0.02, 1.0][n % 4]).collect(),
            labels: (0..pictures as u32).map(|n| n % 3).collect(),
            classes: (0..pictures as u32).map(|n| [None, Some(2), None, Some(n % 3)][n as usize % 4]).collect(),
            size: (shape.height, shape.width),
        }
    }

    fn all(&self) -> TrainingRows<'_> {
        TrainingRows {
            noisy: &self.noisy,
            size: self.size,
            noise: &self.noise,
            sigmas: &self.sigmas,
            labels: &self.labels,
            classes: &self.classes,
        }
    }
}

fn close(found: &[Vec<f32>], truth: &[Vec<f32>], what: &str) {
    for (id, (found, truth)) in found.iter().zip(truth).enumerate() {
        let largest = truth.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for (i, (found, truth)) in found.iter().zip(truth).enumerate() {
            let apart = (found - truth).abs();
            assert!(apart <= 1e-4 * largest + 1e-7, "{what}: tensor {id}, {i}: {found}, not {truth} of {largest}");
        }
    }
}

/// Whole groups that train one part only, groups of both, mixtures and odd weights.
fn unequal(pictures: usize) -> Vec<RowParts> {
    let row = |n: usize| RowParts {
        cross_entropy: if n % 16 == 3 { 0.0 } else { 0.5 + 0.1 * (n % 5) as f32 },
        score: if n >= 16 || n % 3 == 1 { 0.0 } else { 2.0 - 0.3 * (n % 4) as f32 },
        other: (n % 2) as u32,
        share: [0.0, 0.25, 0.5][n % 3],
    };
    (0..pictures).map(row).collect()
}

#[test]
fn rows_of_unequal_weight_agree_with_automatic_differentiation() {
    let shape = Shape::new(3, 8, 8);
    for architecture in both((4, 2), &[8, 16], &[1, 2], &[1, 2]) {
        unequal_rows(&checkpoint(3, architecture), shape);
    }
}

fn unequal_rows(checkpoint: &Checkpoint, shape: Shape) {
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
    let (rows, loss) = (Rows::new(21, shape), LossWeights { cross_entropy: 0.7, score: 3.0 });
    let parts = unequal(21);
    let mut truth = TensorLearner::new(&program, &weights, &Place::double()).unwrap();
    let (expected, truth, lost) = truth.gradient_of_parts(&rows.all(), &parts, loss).unwrap();
    for level in Level::available() {
        let mut learner = ProcessorLearner::for_level(level, program.clone());
        learner.load(&weights).unwrap();
        // Before, so that what it leaves behind would show: a batch of which every row has a score.
        learner.gradient(&rows.all(), loss).unwrap();
        let (found, gradients, found_lost) = learner.gradient_of_parts(&rows.all(), &parts, loss).unwrap();
        for (found, truth) in [(found.cross_entropy, expected.cross_entropy), (found.score_error, expected.score_error)]
        {
            assert!((found - truth).abs() <= 2e-5 * truth.abs(), "{} {found}, not {truth}", level.name());
        }
        close(gradients, truth, level.name());
        for (n, (found, truth)) in found_lost.iter().zip(lost).enumerate() {
            assert!((found.cross_entropy - truth.cross_entropy).abs() < 1e-4 * truth.cross_entropy, "row {n}");
            if n < 16 {
                assert!((found.score_error - truth.score_error).abs() < 1e-4 * truth.score_error, "row {n}");
            } else {
                assert_eq!(found.score_error, 0.0, "no adjoint pass was done for row {n}");
            }
        }
    }
}

#[test]
fn rows_of_weight_one_give_the_bits_of_rows_without() {
    for architecture in both((4, 2), &[8, 16], &[1, 2], &[1, 2]) {
        equal_rows(&checkpoint(3, architecture));
    }
}

fn equal_rows(checkpoint: &Checkpoint) {
    let program = checkpoint.description.program();
    let rows = Rows::new(19, Shape::new(3, 8, 8));
    let mut learner = ProcessorLearner::new(program.clone());
    learner.load(&checkpoint.weights(&program).unwrap()).unwrap();
    for score in [0.0, 4.0] {
        let loss = LossWeights { cross_entropy: 1.0, score };
        let plain = learner.gradient(&rows.all(), loss).unwrap().1.clone();
        let (_, weighed, _) = learner.gradient_of_parts(&rows.all(), &[RowParts::WHOLE; 19], loss).unwrap();
        assert!(*weighed == plain);
    }
    let wrong = [RowParts { other: 3, ..RowParts::WHOLE }; 19];
    for parts in [&wrong[..], &[RowParts::WHOLE; 18]] {
        let loss = LossWeights { cross_entropy: 1.0, score: 1.0 };
        assert!(learner.gradient_of_parts(&rows.all(), parts, loss).unwrap_err().to_string().contains("parts"));
    }
}

#[test]
fn the_gradient_of_an_attack_is_that_of_the_cross_entropy_by_the_picture() {
    for architecture in both((4, 2), &[8, 16], &[1, 2], &[1, 2]) {
        attacked_rows(&checkpoint(3, architecture));
    }
}

fn attacked_rows(checkpoint: &Checkpoint) {
    let shape = Shape::new(3, 8, 8);
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
    let truth = TensorLearner::new(&program, &weights, &Place::double()).unwrap();
    let mut rows = Rows::new(18, shape);
    let mut learner = ProcessorLearner::new(program.clone());
    learner.load(&weights).unwrap();
    let gradient = learner.attack_gradient(&rows.all()).unwrap();
    let lost = |rows: &Rows| -> Vec<f64> {
        let loss = LossWeights { cross_entropy: 1.0, score: 0.0 };
        let (_, [lost, _]) = truth.loss_of_parts(&rows.all(), &[RowParts::WHOLE; 18], loss).unwrap();
        lost.to_vec1().unwrap()
    };
    // Every row along a direction of its own, by central differences in double precision.
    let along = noise(5, rows.noisy.len());
    let start = rows.noisy.clone();
    let mut at = |t: f32| {
        rows.noisy = start.iter().zip(&along).map(|(y, d)| y + t * d).collect();
        lost(&rows)
    };
    let (above, below) = (at(2e-3), at(-2e-3));
    for (n, (above, below)) in above.into_iter().zip(below).enumerate() {
        let values = n * shape.len()..(n + 1) * shape.len();
        let slope: f64 =
            gradient[values.clone()].iter().zip(&along[values]).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
        let expected = (above - below) / 4e-3;
        assert!((slope - expected).abs() < 2e-3 * expected.abs() + 2e-4, "row {n}: {slope}, not {expected}");
    }
}
