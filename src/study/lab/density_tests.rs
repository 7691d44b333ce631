//! Constants, bits and noise levels on Gaussians, where all of them are known.

use super::density::{DensityRequest, density};
use super::noise_level::noise_level;
use crate::Error;
use crate::joint::altered::{Altered, Change};
use crate::joint::{Forward, GaussianMixture, JointModel, SigmaRange, posterior};
use crate::picture::{Batch, Noise, Picture, Shape, normals};
use crate::task::Cancel;

const SHAPE: Shape = Shape::new(1, 6, 8);

fn gauss(stream: u64) -> Vec<f64> {
    let mut values = vec![0.0; SHAPE.len()];
    normals::fill(23, stream, 0, &mut values);
    values.into_iter().map(f64::from).collect()
}

/// That log-densities lack a constant of each noise level, as a network's do.
struct Constant(fn(f64) -> f64);

type Unnormalised = Altered<Constant>;

impl Change for Constant {
    fn sigma_range(&self, _: SigmaRange) -> SigmaRange {
        SigmaRange { min: 1e-3, max: 2.0 }
    }
    fn log_joint(&self, own: &dyn Forward) -> Vec<f64> {
        let classes = own.log_joint().len() / own.sigmas().len();
        let rows = own.log_joint().chunks_exact(classes).zip(own.sigmas());
        rows.flat_map(|(row, sigma)| row.iter().map(|l| l - (self.0)(f64::from(*sigma)))).collect()
    }
}

fn nothing(_: f64) -> f64 {
    0.0
}

/// As large as the log-densities themselves.
fn hidden(sigma: f64) -> f64 {
    40.0 * sigma.ln() + 15.0 * (2.0 * sigma.ln()).sin()
}

const DEVIATION: f64 = 0.1;

fn one_gaussian(constant: fn(f64) -> f64) -> Unnormalised {
    let mean = vec![0.5; SHAPE.len()];
    Altered(GaussianMixture::new(SHAPE, 1).with(0, 1.0, mean, DEVIATION * DEVIATION), Constant(constant))
}

fn drawn_from(mean: &[f64], deviation: f64, stream: u64) -> Picture {
    let values = mean.iter().zip(gauss(stream)).map(|(m, z)| (m + deviation * z) as f32).collect();
    Picture::new(SHAPE, values)
}

fn mean(class: u64) -> Vec<f64> {
    gauss(100 + class).iter().map(|z| 0.5 + 0.08 * z).collect()
}

/// Two classes, the first of two Gaussians.
fn mixture(constant: fn(f64) -> f64) -> Unnormalised {
    let oracle = GaussianMixture::new(SHAPE, 2).with(0, 0.3, mean(0), 0.004).with(0, 0.2, mean(1), 0.008).with(
        1,
        0.5,
        mean(2),
        0.006,
    );
    Altered(oracle, Constant(constant))
}

/// As its own weights say.
fn pictures(count: u64) -> Vec<Picture> {
    let parts: [(u64, f64); 10] = [
        (0, 0.004),
        (0, 0.004),
        (0, 0.004),
        (1, 0.008),
        (1, 0.008),
        (2, 0.006),
        (2, 0.006),
        (2, 0.006),
        (2, 0.006),
        (2, 0.006),
    ];
    let one = |i: u64| {
        let (class, variance) = parts[(i % 10) as usize];
        drawn_from(&mean(class), variance.sqrt(), i)
    };
    (0..count).map(one).collect()
}

fn measured(model: &dyn JointModel, pictures: Vec<Picture>, request: &DensityRequest) -> super::Density {
    let mut shares = Vec::new();
    let request = DensityRequest { pictures, ..request.clone() };
    let found = density(model, &request, &Cancel::new(), &mut |share| shares.push(share)).unwrap();
    assert!(shares.is_sorted() && shares.last() == Some(&1.0));
    found
}

fn request() -> DensityRequest {
    DensityRequest { levels: 24, draws: 4, ..DensityRequest::of(Vec::new()) }
}

#[test]
fn a_gaussians_constant_and_bits_are_those_of_its_closed_form() {
    let clean: Vec<Picture> = (0..40).map(|i| drawn_from(&[0.5; SHAPE.len()], DEVIATION, i)).collect();
    let found = measured(&one_gaussian(hidden), clean.clone(), &request());
    for (sigma, constant) in found.sigmas.iter().zip(&found.constants) {
        let truth = hidden(f64::from(*sigma));
        assert!(
            (constant.value - truth).abs() < 4.0 * constant.standard_error + 0.05,
            "{sigma}: {constant:?}, not {truth}"
        );
        assert!(constant.standard_error < 5.0, "{constant:?}");
    }
    let apart = clean.iter().zip(&found.pictures).map(|(clean, bits)| {
        let squares: f64 = clean.values().iter().map(|v| (f64::from(*v) - 0.5).powi(2)).sum();
        let nats = 0.5 * squares / DEVIATION.powi(2)
            + SHAPE.len() as f64 * (0.5 * (std::f64::consts::TAU * DEVIATION.powi(2)).ln() + 255_f64.ln());
        let truth = nats / SHAPE.len() as f64 / std::f64::consts::LN_2;
        assert!((bits.coarse + bits.denoiser + bits.values - bits.bits.value).abs() < 1e-9);
        assert!((bits.bits.value - truth).abs() < 2.5, "{bits:?}, not {truth}");
        bits.bits.value - truth
    });
    // An upper bound that is nearly reached.
    let apart: Vec<f64> = apart.collect();
    // The error bars are as long as the errors.
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let told = squares(&mut found.pictures.iter().map(|picture| picture.bits.standard_error));
    let ratio = squares(&mut apart.iter().copied()) / told;
    assert!((0.4..2.5).contains(&ratio), "squared errors are {ratio} of what is told");
    let apart = super::density::estimate(&apart);
    let error = 4.0 * apart.standard_error;
    assert!(apart.value > -error && apart.value < error + 0.03 && error < 0.6, "{apart:?}");
    let place = |i: usize| found.place(i);
    let order = (0..40).map(place).fold((1.0_f64, 0.0_f64), |(low, high), p| (low.min(p), high.max(p)));
    assert_eq!(order, (0.0, 1.0));
}

#[test]
fn a_mixtures_constants_make_its_levels_comparable() {
    let found = measured(&mixture(hidden), pictures(120), &request());
    // The Gaussian of the largest level is an upper bound: all constants are off by the same.
    let last = found.constants[23].value - hidden(f64::from(found.sigmas[23]));
    assert!(last < 0.1 && last > -1.0, "{last}");
    for (sigma, constant) in found.sigmas.iter().zip(&found.constants) {
        let off = constant.value - hidden(f64::from(*sigma)) - last;
        assert!(off.abs() < 4.0 * constant.standard_error + 0.05, "{sigma}: off by {off}, {constant:?}");
    }
    // Between the levels too.
    for sigma in [0.0123_f32, 0.2, 1.1] {
        let off = found.constant(sigma) - hidden(f64::from(sigma)) - last;
        assert!(off.abs() < 2.0, "{sigma}: off by {off}");
    }
}

#[test]
fn noise_and_class_have_their_posterior_and_the_error_bar_holds() {
    let model = mixture(hidden);
    let found = measured(&model, pictures(200), &DensityRequest { levels: 32, ..request() });
    let (mut pulls, mut count, mut elsewhere) = (0.0, 0.0, 0.0);
    for i in 0..30_u64 {
        let sigma = [0.02_f32, 0.1, 0.4][(i % 3) as usize];
        let clean = pictures(230).swap_remove(200 + i as usize);
        let noisy = Noise::gaussian(sigma, i).apply(&clean);
        let level = noise_level(&found, &model, &noisy, &Cancel::new()).unwrap();
        let total: f64 = level.joint.iter().sum();
        assert!((total - 1.0).abs() < 1e-9 && level.sigmas.is_sorted());
        // The closed form on the same grid.
        let exact = mixture(nothing);
        let pass = exact.forward(&Batch::of(vec![&noisy; level.sigmas.len()]), &level.sigmas).unwrap();
        let truth = posterior(pass.log_joint());
        let apart: f64 = truth.iter().zip(&level.joint).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
        assert!(apart < 0.3, "{apart} of the posterior lies elsewhere, σ = {sigma}");
        elsewhere += apart;
        pulls += ((level.sigma / f64::from(sigma)).ln() / level.deviation).powi(2);
        count += 1.0;
        assert!((level.classes().iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((level.levels().iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
    assert!(elsewhere / count < 0.1, "{elsewhere}");
    let pulls = pulls / count;
    assert!((0.3..1.9).contains(&pulls), "squares of errors in units of the error bar: {pulls}");
}

#[test]
fn a_constant_that_is_left_out_moves_the_estimate() {
    let model = mixture(hidden);
    let mut found = measured(&model, pictures(60), &request());
    found.constants.iter_mut().for_each(|constant| constant.value = 0.0);
    let noisy = Noise::gaussian(0.1, 3).apply(&pictures(61)[60]);
    let level = noise_level(&found, &model, &noisy, &Cancel::new()).unwrap();
    assert!((level.sigma / 0.1).ln().abs() > 5.0 * 0.1, "{}", level.sigma);
}

#[test]
fn what_is_no_question_is_refused() {
    let model = one_gaussian(nothing);
    let ask = |change: &dyn Fn(&mut DensityRequest)| {
        let mut request = DensityRequest { pictures: pictures(1), levels: 4, ..request() };
        change(&mut request);
        density(&model, &request, &Cancel::new(), &mut |_| ())
    };
    let refused = |option: &str, change: &dyn Fn(&mut DensityRequest)| {
        let message = ask(change).unwrap_err().to_string();
        assert!(message.starts_with(option), "{message}");
    };
    refused("--levels", &|r| r.levels = 3);
    refused("--draws", &|r| r.draws = 1);
    refused("--from", &|r| r.from = Some(0.0));
    refused("--to", &|r| {
        r.from = Some(0.2);
        r.to = Some(0.1);
    });
    assert!(ask(&|r| r.pictures.clear()).is_err());
    let one = ask(&|_| ()).unwrap();
    assert!(one.constants.iter().all(|c| c.standard_error > 0.0) && one.mean_bits() == one.pictures[0].bits);
    let cancel = Cancel::new();
    cancel.raise();
    let request = DensityRequest { pictures: pictures(1), ..request() };
    assert!(matches!(density(&model, &request, &cancel, &mut |_| ()), Err(Error::Cancelled)));
}
