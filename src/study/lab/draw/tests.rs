//! Langevin steps and the ascent against densities that are known in closed form.

use super::*;
use crate::joint::{GaussianMixture, JointModel};
use crate::picture::{Shape, normals};
use crate::task::Cancel;

/// Exact draws of a mixture of two classes at level σ, alternating signs by `mean`, in order of the shares.
fn exact(shape: Shape, rows: usize, share: f64, mean: f64, variance: f64) -> Vec<f64> {
    let mut noise = vec![0.0_f32; rows * shape.len()];
    normals::fill(99, 1, 0, &mut noise);
    let signs = (0..rows).map(|row| if (row as f64) < share * rows as f64 { 1.0 } else { -1.0 });
    let values = noise.chunks_exact(shape.len()).zip(signs);
    values.flat_map(|(z, sign)| z.iter().map(move |z| sign * mean + variance.sqrt() * f64::from(*z))).collect()
}

fn corrected(model: &dyn JointModel, y: &mut [f64], sigma: f64, corrector: &mut Corrector) -> Vec<Vec<f64>> {
    let cancel = Cancel::new();
    let rows = y.len() / model.shape().len();
    let mut field = Field::new(model, &cancel, 5, 0, rows);
    let seen = field.see(y, &vec![sigma; rows]).unwrap();
    corrector.correct(&mut field, y, seen, None, None).unwrap().posteriors
}

/// Mean square of the values, and its standard error.
fn square(y: &[f64]) -> (f64, f64) {
    let count = y.len() as f64;
    let mean = y.iter().map(|v| v * v).sum::<f64>() / count;
    (mean, (y.iter().map(|v| (v * v - mean).powi(2)).sum::<f64>() / count / count).sqrt())
}

#[test]
fn corrected_steps_leave_the_density_as_it_is_and_uncorrected_ones_do_not() {
    let shape = Shape::new(1, 1, 3);
    let (rows, sigma, variance, mean) = (3000, 0.5, 0.02, 0.6);
    let at = |sign: f64| vec![sign * mean; shape.len()];
    let model = GaussianMixture::new(shape, 2).with(0, 0.7, at(1.0), variance).with(1, 0.3, at(-1.0), variance);
    let total: f64 = variance + sigma * sigma;
    let truth = mean * mean + total;
    let start = exact(shape, rows, 0.7, mean, total);
    let run = |corrects: bool| {
        let mut y = start.clone();
        let mut corrector = Corrector::new(12, rows, 1, corrects);
        corrector.set_length(1.6);
        let posteriors = corrected(&model, &mut y, sigma, &mut corrector);
        let share = posteriors.iter().map(|p| p[0]).sum::<f64>() / rows as f64;
        (square(&y), share, corrector.acceptance())
    };
    let ((found, error), share, acceptance) = run(true);
    assert!((found - truth).abs() < 4.0 * error, "{found} not {truth} ± {error}");
    assert!((share - 0.7).abs() < 4.0 * (0.21 / rows as f64).sqrt(), "{share}");
    assert!((0.3..0.99).contains(&acceptance.unwrap()), "{acceptance:?}");
    let ((found, error), _, acceptance) = run(false);
    assert!((found - truth).abs() > 8.0 * error && acceptance.is_none(), "a test needs power: {found}, {truth}");
}

#[test]
fn steps_are_taken_as_often_as_quadrature_says() {
    let shape = Shape::new(1, 1, 1);
    let (rows, sigma, variance) = (8000, 1.0, 0.5);
    let model = GaussianMixture::new(shape, 1).with(0, 1.0, vec![0.0], variance);
    let total: f64 = variance + sigma * sigma;
    let tau = 1.9 * sigma * sigma;
    // E min(1, α) over y and z, each on a grid of the normal density.
    let grid: Vec<f64> = (-320..=320).map(|i| f64::from(i) * 0.02).collect();
    let weight = |z: f64| (-0.5 * z * z).exp() * 0.02 / std::f64::consts::TAU.sqrt();
    let mut expected = 0.0;
    for &u in &grid {
        let y = total.sqrt() * u;
        for &z in &grid {
            let next = y * (1.0 - 0.5 * tau / total) + tau.sqrt() * z;
            let back = y - next * (1.0 - 0.5 * tau / total);
            let gain = (y * y - next * next) / (2.0 * total) + 0.5 * (z * z - back * back / tau);
            expected += weight(u) * weight(z) * gain.min(0.0).exp();
        }
    }
    let mut corrector = Corrector::new(1, rows, 1, true);
    corrector.set_length(1.9);
    let mut y = exact(shape, rows, 1.0, 0.0, total);
    corrected(&model, &mut y, sigma, &mut corrector);
    let found = corrector.acceptance().unwrap();
    assert!((found - expected).abs() < 4.0 * 0.5 / (rows as f64).sqrt(), "{found} not {expected}");
    assert!(expected < 0.97, "a test needs refusals: {expected}");
}

#[test]
fn the_ascent_draws_from_a_gaussian_of_few_dimensions_among_many() {
    // Two directions of variance in 32 dimensions: there the residual is the noise, as the method supposes.
    let shape = Shape::new(1, 4, 8);
    let n = shape.len();
    let along = |k: usize, i: usize| if i % 2 == k { 0.25 } else { 0.0 };
    let entry = |i: usize, j: usize| {
        0.8 * along(0, i) * along(0, j) + 0.3 * along(1, i) * along(1, j) + if i == j { 1e-6 } else { 0.0 }
    };
    let covariance = (0..n).flat_map(|i| (0..n).map(move |j| entry(i, j))).collect();
    let model = GaussianMixture::new(shape, 1).with_covariance(0, 1.0, vec![0.5; n], covariance);
    let cancel = Cancel::new();
    let rows = 300;
    let mut field = Field::new(&model, &cancel, 8, 0, rows);
    let ascent = Ascent { levels: (1.0, 0.01), beta: 0.5, measured: None };
    let mut recorders = vec![Recorder::new(4, ascent.steps()); rows];
    let mut steps = 0;
    let (_, seen) = ascend(&mut field, &ascent, &mut recorders, &mut |_, _| steps += 1).unwrap();
    assert!((30..70).contains(&steps), "{steps} steps; the authors' demonstration takes 40 to 45");
    for (k, variance) in [(0, 0.8), (1, 0.3)] {
        let places: Vec<f64> = seen
            .denoised
            .chunks_exact(n)
            .map(|row| row.iter().enumerate().map(|(i, v)| along(k, i) * (v - 0.5)).sum::<f64>())
            .collect();
        let mean = places.iter().sum::<f64>() / rows as f64;
        let found = places.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / rows as f64;
        // It is an approximation; what is asked is the place, and the spread to a third.
        assert!(mean.abs() < 4.0 * (variance / rows as f64).sqrt(), "{k}: mean {mean}");
        assert!((0.66..1.5).contains(&(found / variance)), "{k}: {found} not {variance}");
    }
    for (row, recorder) in recorders.into_iter().enumerate() {
        let frames = recorder.frames();
        let last = &frames[frames.len() - 1];
        let ends = last.denoised.values().iter().zip(&seen.denoised[row * n..]);
        assert!((2..=4).contains(&frames.len()) && ends.clone().all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5));
        assert!(frames[0].sigma > last.sigma && last.sigma <= 0.01);
    }
    let broken = Ascent { levels: (1.0, 1e-9), ..ascent };
    let mut field = Field::new(&model, &cancel, 8, 0, 1);
    assert!(ascend(&mut field, &broken, &mut [Recorder::new(0, 1)], &mut |_, _| ()).is_err());
}

#[test]
fn frames_are_spread_over_the_steps() {
    let shape = Shape::new(1, 1, 1);
    for (wanted, steps, expected) in [(3, 9, vec![0, 4, 8]), (1, 5, vec![0]), (0, 5, vec![]), (5, 3, vec![0, 1, 2])] {
        let mut recorder = Recorder::new(wanted, steps);
        (0..steps).for_each(|step| recorder.note(shape, step as f64, &[0.0], &[0.0]));
        let found: Vec<i32> = recorder.frames().iter().map(|frame| frame.sigma as i32).collect();
        assert_eq!(found, expected, "{wanted} of {steps}");
    }
}
