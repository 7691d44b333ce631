//! Second derivatives: every engine that has them against automatic differentiation in double precision, and that against
//! differences of the gradients.

use super::NewPasses;
use super::networks::{architecture, cases, doubles, near, noise, random, sigmas};
use crate::engine::{Directions, Passes, Tape};
use crate::network::{Architecture, Checkpoint, Family, Place, TensorPasses};

/// The softmax of each row of logits, each `each` times.
fn posterior(logits: &[f64], classes: usize, each: usize) -> Vec<f32> {
    let rows = logits.chunks_exact(classes).map(crate::joint::posterior);
    rows.flat_map(|row| vec![row; each].concat()).map(|p| p as f32).collect()
}

/// Weights of each direction's own, the same for all of a picture's, and the posterior's that follow v.
pub fn curvature(new: NewPasses, tolerance: f64, family: Family) {
    for (checkpoint, size, pictures) in cases(family) {
        let program = checkpoint.description.program();
        let weights = checkpoint.weights(&program).unwrap();
        let (engine, truth) =
            (new(&program, &weights).unwrap(), TensorPasses::new(&program, &weights, &Place::double()).unwrap());
        let classes = program.pictures.classes;
        let picture = program.pictures.channels * size.0 * size.1;
        let (noisy, sigmas) = (noise(1, pictures * picture), sigmas(pictures));
        let tape = engine.forward(&noisy, size, &sigmas).unwrap();
        let expected = truth.forward(&noisy, size, &sigmas).unwrap();
        // More than go together at once, too, where that does not take long.
        let counts: &[usize] = if pictures < 3 { &[1, 3, 19] } else { &[1, 3] };
        for &each in counts {
            let rows = pictures * each;
            let along = noise(3, rows * picture);
            let own: Vec<f32> = (0..rows).map(|row| [1.0, 0.0, -0.5][row % 3]).collect();
            let ones = vec![1.0; rows];
            let same: Vec<f32> =
                noise(4, pictures * classes).chunks_exact(classes).flat_map(|row| vec![row; each].concat()).collect();
            let soft = posterior(expected.logits(), classes, each);
            let ways = [
                ("own", &own, &noise(2, rows * classes), false),
                ("same", &ones, &same, false),
                ("soft", &ones, &soft, true),
            ];
            for (way, density, logits, follows) in ways {
                let asked = Directions { density, logits, follows, along: &along };
                let mut found = vec![f32::NAN; rows * picture];
                let mut truth = found.clone();
                if !tape.curvature(&asked, &mut found).unwrap() {
                    return;
                }
                assert!(expected.curvature(&asked, &mut truth).unwrap(), "the truth has them");
                for (found, truth) in found.chunks_exact(picture).zip(truth.chunks_exact(picture)) {
                    let what = format!("{way} of {each} directions of {pictures} pictures, {classes} classes");
                    near(&doubles(found), &doubles(truth), tolerance, &what);
                }
                symmetric(&found, &along, each, picture, way, tolerance);
                let mut again = vec![0.0; rows * picture];
                tape.curvature(&asked, &mut again).unwrap();
                assert!(again == found, "other bits the second time");
            }
        }
    }
}

/// `⟨r, H s⟩ = ⟨s, H r⟩` of the first two directions of each picture, where they have the same weights.
fn symmetric(found: &[f32], along: &[f32], each: usize, picture: usize, way: &str, tolerance: f64) {
    if each < 2 || way == "own" {
        return;
    }
    let pictures = found.chunks_exact(each * picture).zip(along.chunks_exact(each * picture));
    for (found, along) in pictures {
        let across = |of: usize, on: usize| -> Vec<f64> {
            let pairs = found[of * picture..][..picture].iter().zip(&along[on * picture..][..picture]);
            pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).collect()
        };
        let (up, down) = (across(0, 1), across(1, 0));
        let apart = up.iter().sum::<f64>() - down.iter().sum::<f64>();
        let size: f64 = up.iter().chain(&down).map(|v| v.abs()).sum();
        assert!(apart.abs() <= tolerance * size, "{way}: {apart} of {size} between the two orders");
    }
}

#[test]
fn automatic_differentiation_agrees_with_differences_of_gradients() {
    for family in [Family::Bilinear, Family::Pooled] {
        let architecture = Architecture { family, ..architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]) };
        agrees_with_differences(&random(3, 3, architecture));
    }
}

fn agrees_with_differences(checkpoint: &Checkpoint) {
    let program = checkpoint.description.program();
    let engine = TensorPasses::new(&program, &checkpoint.weights(&program).unwrap(), &Place::double()).unwrap();
    let (size, picture, sigmas) = ((7, 6), 3 * 42, [0.3, 0.8]);
    // Multiples of 2⁻¹⁰, so that a step of 2⁻⁶ is exact in single precision.
    let noisy: Vec<f32> = noise(5, 2 * picture).iter().map(|v| (v * 512.0).round() / 1024.0).collect();
    let along: Vec<f32> = noise(6, 2 * picture).iter().map(|v| v.signum() / 64.0).collect();
    let fixed = noise(7, 2 * 3);
    let density = [0.75, 1.0];
    let weights = |tape: &dyn Tape, follows: bool| if follows { posterior(tape.logits(), 3, 1) } else { fixed.clone() };
    for follows in [false, true] {
        let gradient = |step: f32| -> Vec<f64> {
            let moved: Vec<f32> = noisy.iter().zip(&along).map(|(y, r)| y + step * r).collect();
            let tape = engine.forward(&moved, size, &sigmas).unwrap();
            let mut out = vec![0.0; 2 * picture];
            tape.pullback(&density, &weights(&*tape, follows), &mut out).unwrap();
            doubles(&out)
        };
        // Richardson's extrapolation leaves an error of the fourth order in the step.
        let [half, less, whole, lower] = [0.5, -0.5, 1.0, -1.0].map(gradient);
        let difference = |i: usize| (8.0 * (half[i] - less[i]) - (whole[i] - lower[i])) / 6.0;
        let tape = engine.forward(&noisy, size, &sigmas).unwrap();
        let mut found = vec![0.0; 2 * picture];
        let asked = Directions { density: &density, logits: &weights(&*tape, follows), follows, along: &along };
        assert!(tape.curvature(&asked, &mut found).unwrap());
        for n in 0..2 {
            let truth: Vec<f64> = (n * picture..(n + 1) * picture).map(difference).collect();
            near(&doubles(&found[n * picture..][..picture]), &truth, 1e-3, &format!("picture {n}, follows {follows}"));
        }
    }
}
