//! The suite for engines in use.

use safetensors::tensor::SafeTensors;

use super::NewPasses;
use super::networks::{
    architecture, cases, doubles, folder, golden, golden_networks, near, noise, random, sigmas, singles,
};
use crate::Error;
use crate::engine::{Passes, Size};
use crate::network::{Architecture, Checkpoint, Family, Place, TensorPasses};

/// u, v and ∇log p(y, c) of the golden batches.
pub fn goldens(new: NewPasses, tolerance: f64, family: Family) {
    for network in golden_networks(family) {
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
pub fn truth(new: NewPasses, tolerance: f64, family: Family) {
    for (checkpoint, size, pictures) in cases(family) {
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
pub fn slopes(new: NewPasses, tolerance: f64, family: Family) {
    let checkpoint = random(3, 3, Architecture { family, ..architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]) });
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
pub fn rows(new: NewPasses, tolerance: f64, family: Family) {
    let checkpoint = random(3, 3, Architecture { family, ..architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]) });
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
pub fn repeats(new: NewPasses, family: Family) {
    let checkpoint = random(4, 1, Architecture { family, ..architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]) });
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
pub fn refusals(new: NewPasses, family: Family) {
    let checkpoint = random(3, 3, Architecture { family, ..architecture((4, 2), &[8], &[1], &[1]) });
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
