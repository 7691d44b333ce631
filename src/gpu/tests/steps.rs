//! The optimiser on a device against the one in memory.

use super::learning::with_rows;
use super::{apart, gpu, no_adapter, noise};
use crate::engine::{Learner as _, LossWeights, Part, Settings, Stepper as _};
use crate::gpu::Learner;
use crate::kernels::engine::ProcessorLearner;
use crate::network::Architecture;
use crate::network::conformance::{architecture, random};
use crate::train::optimiser::Optimiser;

fn settings() -> Settings {
    use crate::engine::{AdamW, Muon};
    let muon = Muon { decay: 0.01, ..Muon::default() };
    Settings { muon, adamw: AdamW { decay: 0.1, ..AdamW::default() }, clip: 1.0 }
}

/// Widths that are no whole vectors, tall, wide and square matrices, several of one shape.
fn network() -> crate::network::Checkpoint {
    let architecture = Architecture { group: 6, ..architecture((3, 2), &[6, 18], &[2, 1], &[1, 2]) };
    random(3, 3, architecture)
}

#[test]
fn the_rules_are_those_of_the_optimiser_in_memory() {
    if no_adapter() {
        return;
    }
    let checkpoint = network();
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
    let mut host = Optimiser::new(program.tensors.clone(), &weights, settings());
    let mut device = Learner::new(&gpu(), &program, &weights).unwrap();
    for step in 1..=4_u64 {
        // A long gradient that is clipped, then a short one that is not.
        let size = if step % 2 == 1 { 1.0 } else { 1e-3 };
        let gradients: Vec<Vec<f32>> = program
            .tensors
            .iter()
            .enumerate()
            .map(|(id, spec)| noise(100 * step + id as u64, spec.len()).iter().map(|g| g * size).collect())
            .collect();
        let rate = 1.0 - 0.1 * step as f64;
        let norm = host.step(&gradients, rate, 0.9);
        let along: Vec<&[f32]> = gradients.iter().map(Vec::as_slice).collect();
        device.step_along(&along, &settings().change(step, rate, 0.9)).unwrap();
        assert!((device.take_sums().unwrap()[3] - norm).abs() < 1e-5 * norm, "the norm");
        let state = host.state();
        let parts = [Part::Weights, Part::Average, Part::First, Part::Second].map(|part| device.read(part).unwrap());
        for (id, spec) in program.tensors.iter().enumerate() {
            let near = |kind: &str, part: usize| {
                let Some((_, truth)) = state.get(&format!("{kind}/{}", spec.name)) else { return };
                let error = apart(&parts[part][id], truth);
                assert!(error < 2e-5, "step {step}, {kind} of {} {:?}: {error} apart", spec.name, spec.shape);
            };
            near("weights", 0);
            near("average", 1);
            near("momentum", 2);
            near("first", 2);
            near("second", 3);
        }
    }
}

#[test]
fn ten_steps_from_one_state_are_the_processors_and_a_state_goes_over() {
    if no_adapter() {
        return;
    }
    let checkpoint = random(3, 3, architecture((4, 2), &[8, 16], &[1, 2], &[1, 2]));
    let program = checkpoint.description.program();
    let weights = checkpoint.weights(&program).unwrap();
    let mut processor = ProcessorLearner::new(program.clone());
    processor.load(&weights).unwrap();
    let mut host = Optimiser::new(program.tensors.clone(), &weights, settings());
    let mut device = Learner::new(&gpu(), &program, &weights).unwrap();
    let loss = LossWeights { cross_entropy: 1.0, score: 10.0 };
    let mut sums = [0.0_f32; 4];
    for step in 1..=10 {
        with_rows(&program, (8, 8), 6, 50 * step, |rows| {
            let (parts, gradients) = processor.gradient(rows, loss).unwrap();
            let norm = host.step(gradients, 0.5, 0.9);
            processor.load(&host.weights()).unwrap();
            device.step(rows, loss, &settings().change(step, 0.5, 0.9)).unwrap();
            let [cross_entropy, score] = [parts.cross_entropy as f32, parts.score_error as f32];
            let found = [cross_entropy + 10.0 * score, cross_entropy, score, norm];
            sums.iter_mut().zip(found).for_each(|(sum, value)| *sum += value);
        });
    }
    for (found, truth) in device.take_sums().unwrap().iter().zip(sums) {
        assert!((found - truth).abs() < 1e-4 * truth, "logged {found}, not {truth}");
    }
    assert_eq!(device.take_sums().unwrap(), [0.0; 4]);
    for ((spec, found), truth) in program.tensors.iter().zip(device.read(Part::Weights).unwrap()).zip(host.weights()) {
        let error = found.iter().zip(truth).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(error < 1e-4, "{}: {error} apart after ten steps", spec.name);
    }
}
