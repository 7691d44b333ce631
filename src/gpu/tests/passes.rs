//! Whole passes against the processor's engine.

use std::sync::Arc;

use super::{apart, gpu, no_adapter, noise, unhurried};
use crate::engine::Passes;
use crate::gpu::{Gpu, passes};
use crate::kernels::engine::Processor;
use crate::network::conformance::{architecture, engine_tests, random};
use crate::network::{Architecture, Checkpoint, Place, TensorPasses};

engine_tests!(
    passes,
    wgpu,
    |program, weights| passes(&gpu(), program, weights),
    1e-4,
    unless no_adapter()
);

engine_tests!(
    passes,
    wgpu_pooled,
    |program, weights| passes(&gpu(), program, weights),
    1e-4,
    unless no_adapter(),
    of Pooled
);

/// A network of the other family.
fn pooled(widths: &[usize], blocks: &[usize], strides: &[usize]) -> Architecture {
    let [widths, blocks, strides] = [widths, blocks, strides].map(<[usize]>::to_vec);
    Architecture { widths, blocks, strides, ..Architecture::pooled_thin() }
}

/// The network on a card, and on the processor.
pub fn engines(gpu: &Arc<Gpu>, checkpoint: &Checkpoint) -> (Box<dyn Passes>, Processor) {
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
    let processor = Processor::new(&program, &weights).unwrap();
    (passes(gpu, &program, &weights).unwrap(), processor)
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
        (architecture((3, 1), &[8, 8], &[1, 1], &[1, 2]), 3, 1000, 37, 41),
        (pooled(&[8, 16, 24], &[1, 2, 1], &[1, 2, 2]), 3, 3, 9, 7),
        (pooled(&[24, 40], &[2, 1], &[1, 2]), 1, 2, 8, 8),
        (pooled(&[8, 16], &[1, 1], &[1, 2]), 3, 10, 70, 67),
        (pooled(&[8], &[1], &[1]), 3, 1, 1, 1),
    ];
    for (architecture, channels, classes, height, width) in cases {
        let checkpoint = random(classes, channels, architecture);
        let (engine, processor) = engines(&gpu(), &checkpoint);
        let program = checkpoint.description.program();
        let weights = checkpoint.weights(&program).unwrap();
        let picture = channels * height * width;
        let size = (height, width);
        for (pictures, each) in [(1, 4), (3, 1), (2, 3)] {
            let what = format!("{height}×{width}, {pictures} pictures, {each} cotangents");
            let noisy = noise(pictures as u64, pictures * picture);
            let sigmas = &[0.1, 0.02, 0.7][..pictures];
            let expected = processor.forward(&noisy, size, sigmas).unwrap();
            let passed = engine.forward(&noisy, size, sigmas).unwrap();
            // A sum of many terms of either sign: in double precision it is known how far off either engine may be.
            let double = TensorPasses::new(&program, &weights, &Place::double()).unwrap();
            let exact = double.forward(&noisy, size, sigmas).unwrap();
            for ((found, other), truth) in passed.energy().iter().zip(expected.energy()).zip(exact.energy()) {
                let off = (found - truth).abs();
                let allowed = 3e-5 * (truth.abs() + 1.0) + 3.0 * (other - truth).abs();
                assert!(off < allowed, "{what}: energy {found}, not {truth}; the processor's {other}");
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
    an_analysis_in_steps(&random(5, 3, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2])));
    an_analysis_in_steps(&random(5, 3, pooled(&[8, 16], &[1, 1], &[1, 2])));
}

fn an_analysis_in_steps(checkpoint: &Checkpoint) {
    let gpu = unhurried();
    let engine = engines(&gpu, checkpoint).0;
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
