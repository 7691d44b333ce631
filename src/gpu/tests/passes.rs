//! Whole passes against the processor's engine.

use std::sync::Arc;

use super::{apart, gpu, no_adapter, noise};
use crate::engine::Passes;
use crate::gpu::{Engine, Gpu, Settings};
use crate::kernels::engine::Processor;
use crate::network::conformance::engine_tests;
use crate::network::{Architecture, Checkpoint, Description, Stem};
use crate::picture::Shape;

engine_tests!(passes, wgpu, |program, weights| Ok(Box::new(Engine::new(&gpu(), program, weights)?)), 1e-4);

/// A network whose every weight is random, so that every path matters.
pub fn checkpoint(channels: usize, classes: usize, architecture: Architecture) -> Checkpoint {
    let classes = (0..classes).map(|c| format!("class {c}")).collect();
    let mut description = Description::new("random", classes, Shape::new(channels, 8, 8), architecture);
    description.mean = (0..channels).map(|c| 0.4 + 0.1 * c as f32).collect();
    let mut checkpoint = Checkpoint::untrained(description, 3).unwrap();
    for (seed, tensor) in checkpoint.tensors.values_mut().enumerate() {
        let inputs: usize = tensor.shape[1..].iter().product();
        let scale = (1.0 / inputs as f32).sqrt();
        tensor.values = noise(seed as u64, tensor.values.len()).iter().map(|v| v * scale).collect();
    }
    checkpoint
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
    }
}

pub fn engines(gpu: &Arc<Gpu>, checkpoint: &Checkpoint) -> (Engine, Processor) {
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
    let processor = Processor::new(&program, &weights).unwrap();
    (Engine::new(gpu, &program, &weights).unwrap(), processor)
}

#[test]
fn the_passes_are_the_processors() {
    if no_adapter() {
        return;
    }
    let cases = [
        (architecture((4, 2), &[8, 16], &[1, 2], &[1, 2]), 3, 3, 8, 8),
        (architecture((3, 1), &[16, 24, 40], &[1, 0, 1], &[1, 2, 1]), 1, 2, 9, 6),
        (architecture((4, 2), &[48, 96, 192], &[2, 2, 2], &[1, 2, 2]), 3, 10, 31, 30),
        (architecture((3, 2), &[64], &[1], &[1]), 1, 1, 1, 1),
        (architecture((3, 1), &[8, 8], &[1, 1], &[1, 2]), 3, 200, 37, 41),
    ];
    for (architecture, channels, classes, height, width) in cases {
        let checkpoint = checkpoint(channels, classes, architecture);
        let (engine, processor) = engines(&gpu(), &checkpoint);
        let picture = channels * height * width;
        let size = (height, width);
        for (pictures, each) in [(1, 4), (3, 1), (2, 3)] {
            let what = format!("{height}×{width}, {pictures} pictures, {each} cotangents");
            let noisy = noise(pictures as u64, pictures * picture);
            let sigmas = &[0.1, 0.02, 0.7][..pictures];
            let expected = processor.forward(&noisy, size, sigmas).unwrap();
            let passed = engine.forward(&noisy, size, sigmas).unwrap();
            for (found, truth) in passed.energy().iter().zip(expected.energy()) {
                assert!((found - truth).abs() < 3e-5 * (truth.abs() + 1.0), "{what}: energy {found}, not {truth}");
            }
            let [found, logits] =
                [passed.logits(), expected.logits()].map(|values| values.iter().map(|v| *v as f32).collect::<Vec<_>>());
            assert!(apart(&found, &logits) < 3e-5, "{what}: logits {found:?}, not {logits:?}");
            let cotangents = noise(70, pictures * each * classes);
            let mut density: Vec<f32> = cotangents.chunks_exact(classes).map(|w| w.iter().sum()).collect();
            density[0] = 0.0;
            let (mut found, mut truth) =
                (vec![f32::NAN; pictures * each * picture], vec![0.0; pictures * each * picture]);
            expected.pullback(&density, &cotangents, &mut truth).unwrap();
            passed.pullback(&density, &cotangents, &mut found).unwrap();
            for (row, (found, truth)) in found.chunks_exact(picture).zip(truth.chunks_exact(picture)).enumerate() {
                let error = apart(found, truth);
                assert!(error < 3e-5, "{what}: row {row} is {error} apart");
            }
            let again = engine.forward(&noisy, size, sigmas).unwrap();
            let mut second = vec![f32::NAN; found.len()];
            again.pullback(&density, &cotangents, &mut second).unwrap();
            assert!(found == second && again.logits() == passed.logits(), "{what}: other bits the second time");
        }
    }
}

#[test]
fn an_analysis_at_once_is_the_one_in_steps() {
    if no_adapter() {
        return;
    }
    let checkpoint = checkpoint(3, 5, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]));
    // No limit to a submission.
    let settings = Settings { submission_ms: 1e9, ..Settings::default() };
    let gpu = Arc::new(Gpu::open(gpu().card().clone(), settings).unwrap());
    let engine = engines(&gpu, &checkpoint).0;
    for (classes, seed) in [(vec![0, 1, 2, 3, 4], 1), (vec![3, 1], 2), (vec![4, 0], 3)] {
        let noisy = noise(seed, 3 * 63);
        engine.analysis(&noisy, (7, 9), 0.2, &classes).unwrap();
        let before = gpu.submissions();
        let (tape, gradients) = engine.analysis(&noisy, (7, 9), 0.2, &classes).unwrap();
        assert_eq!(gpu.submissions(), before + 1, "one submission");
        let alone = engine.forward(&noisy, (7, 9), &[0.2]).unwrap();
        assert!(tape.logits() == alone.logits() && tape.energy() == alone.energy());
        let most = alone.logits().iter().copied().fold(f64::MIN, f64::max);
        let weights: Vec<f64> = alone.logits().iter().map(|v| (v - most).exp()).collect();
        let mut cotangents: Vec<f32> = weights.iter().map(|w| (w / weights.iter().sum::<f64>()) as f32).collect();
        for class in &classes {
            cotangents.extend((0..5).map(|k| f32::from(u8::from(k == *class))));
        }
        let mut truth = vec![0.0; (1 + classes.len()) * 189];
        alone.pullback(&vec![1.0; 1 + classes.len()], &cotangents, &mut truth).unwrap();
        let error = apart(&gradients.unwrap(), &truth);
        assert!(error < 1e-6, "{classes:?}: {error}");
        // The tape serves other cotangents as well.
        let (mut some, mut same) = (vec![0.0; 189], vec![0.0; 189]);
        tape.pullback(&[0.0], &[1.0, 0.0, 0.0, -1.0, 0.0], &mut some).unwrap();
        alone.pullback(&[0.0], &[1.0, 0.0, 0.0, -1.0, 0.0], &mut same).unwrap();
        assert_eq!(some, same);
    }
}
