//! The oracle against numerical integration, and the readings against finite differences.

use super::{GaussianMixture, JointModel, Linear, SigmaRange, log_density, mixture, posterior};
use crate::picture::{Batch, Shape};

/// One value a picture; class 0 has two modes.
fn line() -> (GaussianMixture, Vec<(usize, f64, f64, f64)>) {
    let parts = vec![(0, 0.2, -1.0, 0.05), (0, 0.3, 1.5, 0.2), (1, 0.5, 0.4, 0.1)];
    let empty = GaussianMixture::new(Shape::new(1, 1, 1), 2);
    let model =
        parts.iter().fold(empty, |m, &(class, weight, mean, variance)| m.with(class, weight, vec![mean], variance));
    (model, parts)
}

fn normal(x: f64, variance: f64) -> f64 {
    (-0.5 * x * x / variance).exp() / (std::f64::consts::TAU * variance).sqrt()
}

/// `(p(y, c), E[x | y, c])` by summing over clean values x on a fine grid: Bayes' rule and nothing else.
fn by_integration(parts: &[(usize, f64, f64, f64)], class: usize, y: f64, sigma: f64) -> (f64, f64) {
    let step = 1e-3;
    let (mut mass, mut first) = (0.0, 0.0);
    for i in -8000..8000 {
        let x = f64::from(i) * step;
        let prior: f64 = parts.iter().filter(|p| p.0 == class).map(|p| p.1 * normal(x - p.2, p.3)).sum();
        let joint = prior * normal(y - x, sigma * sigma) * step;
        mass += joint;
        first += x * joint;
    }
    (mass, first / mass)
}

#[test]
fn the_oracle_agrees_with_integration_over_clean_pictures() {
    let (model, parts) = line();
    for (y, sigma) in [(-0.7_f32, 0.3_f32), (0.9, 0.5), (2.5, 1.0), (0.1, 0.1)] {
        let forward = model.forward(&Batch::new(model.shape(), vec![y]), &[sigma]).unwrap();
        let truth = [0, 1].map(|class| by_integration(&parts, class, f64::from(y), f64::from(sigma)));
        let total = truth[0].0 + truth[1].0;
        let conditional = forward.denoised_as(&[0, 1]).unwrap();
        for (class, (mass, mean)) in truth.into_iter().enumerate() {
            assert!((forward.log_joint()[class] - mass.ln()).abs() < 1e-6);
            assert!((forward.posterior_of(0)[class] - mass / total).abs() < 1e-6);
            assert!((f64::from(conditional.row(class)[0]) - mean).abs() < 1e-5);
        }
        let mean = (truth[0].0 * truth[0].1 + truth[1].0 * truth[1].1) / total;
        assert!((f64::from(forward.denoised().unwrap().row(0)[0]) - mean).abs() < 1e-5);
        assert!((forward.log_density_of(0) - total.ln()).abs() < 1e-6);
    }
}

/// Four values a picture, correlated.
fn plane() -> GaussianMixture {
    let covariance = vec![
        1.0, 0.3, 0.1, 0.0, //
        0.3, 0.8, 0.2, 0.1, //
        0.1, 0.2, 0.6, -0.2, //
        0.0, 0.1, -0.2, 0.5,
    ];
    GaussianMixture::new(Shape::new(1, 2, 2), 3)
        .with_covariance(0, 0.5, vec![0.2, 0.4, 0.6, 0.8], covariance)
        .with(1, 0.3, vec![0.9, 0.1, 0.5, 0.5], 0.2)
        .with(2, 0.2, vec![0.0, 0.0, 1.0, 1.0], 0.4)
}

#[test]
fn gradients_are_derivatives_and_keep_their_identities() {
    let model = plane();
    let y = [0.5_f32, 0.25, 0.75, 0.125];
    let sigma = 0.4;
    let at = |y: &[f32]| model.forward(&Batch::new(model.shape(), y.to_vec()), &[sigma]).unwrap();
    let forward = at(&y);
    let p = forward.posterior_of(0);
    let step = 1.0 / 1024.0;
    let derivative = |pixel: usize, value: &dyn Fn(&[f64]) -> f64| {
        let moved = |s: f32| {
            let mut y = y;
            y[pixel] += s;
            value(at(&y).log_joint())
        };
        (moved(step) - moved(-step)) / f64::from(2.0 * step)
    };
    let readings =
        [Linear::Score, Linear::ScoreAs(0), Linear::ScoreAs(2), Linear::ClassGradient(1), Linear::LogitGradient(0, 2)];
    let gradients = forward.gradients(&readings).unwrap();
    for pixel in 0..4 {
        let expected = [
            derivative(pixel, &log_density),
            derivative(pixel, &|l| l[0]),
            derivative(pixel, &|l| l[2]),
            derivative(pixel, &|l| posterior(l)[1].ln()),
            derivative(pixel, &|l| l[0] - l[2]),
        ];
        for (row, expected) in expected.iter().enumerate() {
            let found = f64::from(gradients.row(row)[pixel]);
            assert!((found - expected).abs() < 1e-5, "{:?} at {pixel}: {found} {expected}", readings[row]);
        }
    }
    let denoised = forward.denoised().unwrap().picture(0);
    let conditional = forward.denoised_as(&[0, 1, 2]).unwrap().pictures();
    let mean = mixture(&p, &conditional);
    let class = forward.gradients(&[0, 1, 2].map(Linear::ClassGradient)).unwrap();
    for pixel in 0..4 {
        assert!((mean.values()[pixel] - denoised.values()[pixel]).abs() < 1e-6);
        let sum: f64 = (0..3).map(|c| p[c] * f64::from(class.row(c)[pixel])).sum();
        assert!(sum.abs() < 1e-6, "the class gradients' mean under the posterior is {sum}");
        let difference = (conditional[1].values()[pixel] - denoised.values()[pixel]) / (sigma * sigma);
        assert!((difference - class.row(1)[pixel]).abs() < 1e-5, "(D_c − D)/σ² is the class gradient");
    }
}

#[test]
fn extreme_log_joints_keep_a_finite_posterior() {
    let p = posterior(&[-1e6, -1e6 + 3.0, -2e6]);
    assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && p[2] == 0.0);
    assert!((p[1] / p[0] - 3.0_f64.exp()).abs() < 1e-6);
    assert_eq!(log_density(&[f64::NEG_INFINITY; 2]), f64::NEG_INFINITY);
}

#[test]
fn sigma_is_clamped_and_said_to_be() {
    let range = SigmaRange { min: 0.01, max: 1.0 };
    assert!(range.contains(0.01) && !range.contains(1.5));
    assert_eq!([range.clamp(0.001), range.clamp(0.5), range.clamp(7.0)], [0.01, 0.5, 1.0]);
}

#[test]
fn wrong_input_is_an_error_not_a_panic() {
    let model = plane();
    let noisy = Batch::new(model.shape(), vec![0.0; 8]);
    for (sigmas, part) in [(vec![0.1], "2 pictures with 1"), (vec![0.1, 0.0], "sigma 0"), (vec![f32::NAN, 0.1], "NaN")]
    {
        let message = model.forward(&noisy, &sigmas).err().unwrap().to_string();
        assert!(message.contains(part), "{message}");
    }
    assert!(model.forward(&Batch::new(Shape::new(1, 1, 4), vec![0.0; 4]), &[0.1]).is_err());
    assert!(model.forward(&noisy, &[0.1, 0.2]).unwrap().pullback(&[1.0; 4]).is_err());
}
