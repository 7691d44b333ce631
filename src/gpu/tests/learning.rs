//! Training's gradients against the processor's engine and against automatic differentiation.

use std::sync::Arc;
use std::time::Duration;

use super::{apart, gpu, no_adapter, noise};
use crate::engine::{Gradients, Learner as _, LossParts, LossWeights, Stepper as _, TrainingRows};
use crate::gpu::{Gpu, Learner, Settings};
use crate::kernels::engine::ProcessorLearner;
use crate::network::conformance::{architecture, engine_tests, random};

use crate::network::{Architecture, Checkpoint};
use crate::program::Program;

engine_tests!(learner, wgpu, |program, weights| Ok(Box::new(Learner::new(&gpu(), program, weights)?)), 1e-4);

const BOTH: LossWeights = LossWeights { cross_entropy: 1.0, score: 3.0 };

/// A batch with conditional rows all over.
pub fn with_rows<R>(
    program: &Program,
    size: (usize, usize),
    pictures: usize,
    seed: u64,
    work: impl FnOnce(&TrainingRows) -> R,
) -> R {
    let (values, known) = (pictures * program.pictures.channels * size.0 * size.1, program.pictures.classes as u32);
    let sigmas: Vec<f32> = (0..pictures).map(|n| [0.1, 0.5, 0.02, 1.0][n % 4]).collect();
    let labels: Vec<u32> = (0..pictures as u32).map(|n| n % known).collect();
    let class = |n: u32| [None, Some(1 % known), None, Some(n % known)][n as usize % 4];
    let classes: Vec<Option<u32>> = (0..pictures as u32).map(class).collect();
    work(&TrainingRows {
        noisy: &noise(seed, values),
        size,
        noise: &noise(seed + 1, values),
        sigmas: &sigmas,
        labels: &labels,
        classes: &classes,
    })
}

fn learner(gpu: &Arc<Gpu>, checkpoint: &Checkpoint) -> Learner {
    let program = checkpoint.description.program();
    Learner::new(gpu, &program, &checkpoint.weights(&program).unwrap()).unwrap()
}

fn small() -> Checkpoint {
    random(3, 3, architecture((4, 2), &[8, 16], &[1, 2], &[1, 2]))
}

fn gradient(learner: &mut Learner, checkpoint: &Checkpoint, pictures: usize) -> (LossParts, Gradients) {
    with_rows(&checkpoint.description.program(), (8, 8), pictures, 11, |rows| {
        let (parts, gradients) = learner.gradient(rows, BOTH).unwrap();
        (parts, gradients.clone())
    })
}

fn compare(architecture: Architecture, channels: usize, size: (usize, usize), pictures: usize, loss: LossWeights) {
    compare_to(1e-5, architecture, channels, size, pictures, loss);
}

fn compare_to(
    tolerance: f32,
    architecture: Architecture,
    channels: usize,
    size: (usize, usize),
    pictures: usize,
    loss: LossWeights,
) {
    let checkpoint = random(3, channels, architecture);
    let program = checkpoint.description.program();
    let mut processor = ProcessorLearner::new(program.clone());
    processor.load(&checkpoint.weights(&program).unwrap()).unwrap();
    let mut learner = learner(&gpu(), &checkpoint);
    with_rows(&program, size, pictures, 11, |rows| {
        let (expected, truth) = processor.gradient(rows, loss).unwrap();
        let (found, gradients) = learner.gradient(rows, loss).unwrap();
        for (found, truth) in [(found.cross_entropy, expected.cross_entropy), (found.score_error, expected.score_error)]
        {
            assert!((found - truth).abs() <= 1e-5 * truth.abs(), "{found}, not {truth}");
        }
        for ((spec, found), truth) in program.tensors.iter().zip(gradients).zip(truth) {
            let error = apart(found, truth);
            assert!(error < tolerance, "{size:?}, {loss:?}, {}: {error} apart", spec.name);
        }
    });
}

#[test]
fn gradients_are_the_processors() {
    if no_adapter() {
        return;
    }
    let small = || architecture((4, 2), &[8, 16], &[1, 2], &[1, 2]);
    compare(small(), 3, (8, 8), 5, BOTH);
    compare(small(), 3, (8, 8), 4, LossWeights { cross_entropy: 0.0, score: 1.0 });
    compare(small(), 3, (8, 8), 4, LossWeights { cross_entropy: 1.0, score: 0.0 });
    // A stage without blocks, a stride of one, odd sizes.
    compare(architecture((3, 1), &[16, 24, 40], &[1, 0, 1], &[1, 2, 1]), 1, (9, 6), 2, BOTH);
    // A last stage of one pixel, whose norms are over eight values and enlarge what rounding left.
    compare_to(3e-5, architecture((3, 2), &[8, 8], &[1, 1], &[1, 2]), 1, (4, 3), 19, BOTH);
    // Groups of more channels than there are threads, and channels that are no whole vectors.
    compare(Architecture { group: 6, ..architecture((3, 1), &[6, 18], &[1, 1], &[1, 2]) }, 3, (5, 7), 3, BOTH);
    compare(Architecture { group: 264, ..architecture((3, 2), &[264], &[1], &[1]) }, 3, (3, 3), 2, BOTH);
    // More pixels than a workgroup has threads, and than a block of the norms in use.
    compare(architecture((3, 1), &[8], &[1], &[1]), 3, (66, 65), 1, BOTH);
}

#[test]
fn a_batch_in_groups_has_the_gradient_of_the_whole_and_the_same_bits_each_time() {
    if no_adapter() {
        return;
    }
    let checkpoint = small();
    let (parts, whole) = gradient(&mut learner(&gpu(), &checkpoint), &checkpoint, 11);
    // Room for three pictures: groups of three, and two that are left.
    let settings = |memory| Settings { memory: Some(memory), submission_ms: 1e-9, least: true, ..Settings::default() };
    let open = |memory| Arc::new(Gpu::open(gpu().card().clone(), settings(memory)).unwrap());
    let mut one = learner(&open(1 << 30), &checkpoint);
    one.prepare(3, (8, 8)).unwrap();
    let memory = one.bytes_of(3, (8, 8));
    let cut = open(memory + 1000);
    let mut learner = learner(&cut, &checkpoint);
    let said = learner.prepare(11, (8, 8)).unwrap();
    assert!(said.contains(" MiB") && said.ends_with("3 pictures at a time"), "{said}");
    let (some, found) = gradient(&mut learner, &checkpoint, 11);
    assert!((some.cross_entropy - parts.cross_entropy).abs() < 1e-5 * parts.cross_entropy);
    assert!((some.score_error - parts.score_error).abs() < 1e-5 * parts.score_error);
    for (found, whole) in found.iter().zip(&whole) {
        assert!(apart(found, whole) < 1e-5);
    }
    gradient(&mut learner, &checkpoint, 2);
    assert!(gradient(&mut learner, &checkpoint, 11) == (some, found), "other bits the second time");
}

#[test]
fn weights_are_packed_on_the_device_as_the_processor_packs_them() {
    if no_adapter() {
        return;
    }
    // Every kernel and stride, and channels that are no whole vectors.
    for stem in [(4, 2), (3, 2), (3, 1)] {
        let architecture = Architecture { group: 6, ..architecture(stem, &[6, 18], &[1, 1], &[1, 2]) };
        let checkpoint = random(3, 3, architecture);
        let program = checkpoint.description.program();
        let first = gradient(&mut learner(&gpu(), &checkpoint), &checkpoint, 3);
        // Begins with other weights, then takes these.
        let other: Vec<Vec<f32>> = program.tensors.iter().map(|spec| vec![0.5; spec.len()]).collect();
        let other: Vec<&[f32]> = other.iter().map(Vec::as_slice).collect();
        let mut learner = Learner::new(&gpu(), &program, &other).unwrap();
        learner.load(&checkpoint.weights(&program).unwrap()).unwrap();
        assert!(gradient(&mut learner, &checkpoint, 3) == first, "{stem:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_any_work_in_one_line() {
    if no_adapter() {
        return;
    }
    let open = |memory| {
        let settings = Settings { memory: Some(memory), ..Settings::default() };
        Arc::new(Gpu::open(gpu().card().clone(), settings).unwrap())
    };
    let mut learner = learner(&open(1000), &small());
    let error = learner.prepare(4, (8, 8)).unwrap_err().to_string();
    assert!(error.contains("one picture of 8×8 pixels, which takes 1 MiB; choose --device cpu"), "{error}");
    // More weights than the least of devices can bind: 40 million.
    let architecture = architecture((3, 1), &[1024], &[2], &[1]);
    let mut description = crate::network::Description::new(
        "large",
        vec!["a".to_owned()],
        crate::picture::Shape::new(1, 8, 8),
        architecture,
    );
    description.mean = vec![0.5];
    let program = description.program();
    let zeros: Vec<Vec<f32>> = program.tensors.iter().map(|spec| vec![0.0; spec.len()]).collect();
    let least = Settings { least: true, ..Settings::default() };
    let least = Arc::new(Gpu::open(gpu().card().clone(), least).unwrap());
    let zeros: Vec<&[f32]> = zeros.iter().map(Vec::as_slice).collect();
    let error = Learner::new(&least, &program, &zeros).unwrap_err().to_string();
    assert!(error.contains("weights needs a buffer of") && error.lines().count() == 1, "{error}");
}

#[test]
fn a_device_that_is_lost_in_mid_training_is_an_error() {
    if no_adapter() {
        return;
    }
    let settings = Settings { patience: Duration::from_secs(5), ..Settings::default() };
    let gpu = Arc::new(Gpu::open(gpu().card().clone(), settings).unwrap());
    let checkpoint = small();
    let mut learner = learner(&gpu, &checkpoint);
    gradient(&mut learner, &checkpoint, 2);
    gpu.destroy();
    let error = with_rows(&checkpoint.description.program(), (8, 8), 2, 1, |rows| {
        learner.gradient(rows, BOTH).unwrap_err().to_string()
    });
    assert!(error.starts_with("gpu:0 (") && error.lines().count() == 1, "{error}");
}
