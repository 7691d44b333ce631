//! The lab against the oracle: closed forms, and samples drawn from the exact posterior.

use super::*;
use crate::joint::{Forward, GaussianMixture, JointModel};
use crate::network::{Architecture, Checkpoint, Description, DeviceChoice, Network, Stem};
use crate::picture::{Batch, Noise, Picture, Shape, normals};
use crate::study::Subject;
use crate::task::Cancel;
use crate::{Error, Result};

const SHAPE: Shape = Shape::new(1, 4, 6);

fn gauss(stream: u64, count: usize) -> Vec<f64> {
    let mut values = vec![0.0_f32; count];
    normals::fill(21, stream, 0, &mut values);
    values.into_iter().map(f64::from).collect()
}

/// Class, weight, mean and variance of each component.
fn parts() -> Vec<(usize, f64, Vec<f64>, f64)> {
    let mean = |stream: u64| gauss(stream, SHAPE.len()).iter().map(|v| 0.5 + 0.06 * v).collect();
    vec![(0, 0.4, mean(1), 0.02), (0, 0.2, mean(2), 0.06), (1, 0.4, mean(3), 0.03)]
}

fn oracle() -> GaussianMixture {
    let empty = GaussianMixture::new(SHAPE, 2);
    parts().into_iter().fold(empty, |m, (class, weight, mean, variance)| m.with(class, weight, mean, variance))
}

fn subject(shape: Shape, sigma: f32) -> Subject {
    Subject::Clean { picture: Picture::filled(shape, 0.5), noise: Noise::gaussian(sigma, 7) }
}

fn doubt_of(scene: &Scene, probes: Probes) -> Doubt {
    doubt(scene, probes, 3, &Cancel::new(), &mut |_| ()).unwrap()
}

fn near(found: f64, truth: f64, tolerance: f64, what: &str) {
    assert!((found - truth).abs() <= tolerance, "{what}: {found}, not {truth} within {tolerance}");
}

#[test]
fn both_kinds_of_doubt_are_those_of_the_exact_posterior() {
    let (model, sigma, draws) = (oracle(), 0.3_f64, 40_000);
    let scene = Scene::new(&model, &subject(SHAPE, sigma as f32), None).unwrap();
    let found = doubt_of(&scene, Probes::Exact);
    // Clean pictures drawn from p(x | y): a component by its responsibility, then a Gaussian.
    let y: Vec<f64> = scene.noisy.values().iter().map(|v| f64::from(*v)).collect();
    let log = |(_, weight, mean, variance): &(usize, f64, Vec<f64>, f64)| {
        let total = variance + sigma * sigma;
        let square: f64 = y.iter().zip(mean).map(|(y, m)| (y - m).powi(2)).sum();
        weight.ln() - 0.5 * (square / total + SHAPE.len() as f64 * total.ln())
    };
    let parts = parts();
    let shares = crate::joint::posterior(&parts.iter().map(log).collect::<Vec<_>>());
    assert!(shares.iter().all(|share| *share > 0.02), "a test needs all of {shares:?}");
    let mut sums = vec![vec![[0.0; 3]; SHAPE.len()]; 2];
    for draw in 0..draws {
        let u = (f64::from(draw) + 0.5) / f64::from(draws);
        let index = if u < shares[0] {
            0
        } else if u < shares[0] + shares[1] {
            1
        } else {
            2
        };
        let (class, _, mean, variance) = &parts[index];
        let shrink = variance / (variance + sigma * sigma);
        let spread = sigma * shrink.sqrt();
        for (i, noise) in gauss(100 + draw as u64, SHAPE.len()).into_iter().enumerate() {
            let x = mean[i] + shrink * (y[i] - mean[i]) + spread * noise;
            let sums = &mut sums[*class][i];
            (sums[0], sums[1], sums[2]) = (sums[0] + 1.0, sums[1] + x, sums[2] + x * x);
        }
    }
    let n = f64::from(draws);
    for i in 0..SHAPE.len() {
        let all: Vec<f64> = (0..3).map(|k| sums[0][i][k] + sums[1][i][k]).collect();
        let total = all[2] / n - (all[1] / n).powi(2);
        let within: f64 = sums.iter().map(|s| s[i][2] / n - s[i][1] * s[i][1] / s[i][0] / n).sum();
        // Five standard errors of a variance.
        let error = 5.0 * total * (2.0 / n).sqrt();
        near(f64::from(found.details.values()[i]), within, error, "details");
        // Of the difference, which has the classes' means in it only, those of means.
        let between = total - within;
        let error_between = 10.0 * (between * total / n).sqrt() + 25.0 * total / n;
        near(f64::from(found.classes.values()[i]), between, error_between, "classes");
        near(f64::from(found.total().values()[i]), total, error, "both");
    }
    let [classes, details, total] = found.means();
    assert!(classes > 0.03 * details, "a test needs both kinds: {classes} and {details}");
    near(found.trace.value * sigma * sigma / SHAPE.len() as f64, total, 1e-6, "the trace");
    assert!(found.is_exact && found.probes.is_none() && found.identity_error < 1e-5, "{}", found.identity_error);
}

#[test]
fn dimensions_of_a_gaussian_are_sums_over_its_spectrum() {
    let (n, variances) = (SHAPE.len(), |i: usize| 0.5 * 0.7_f64.powi(i as i32));
    let mut covariance = vec![0.0; n * n];
    (0..n).for_each(|i| covariance[i * n + i] = variances(i));
    let model = GaussianMixture::new(SHAPE, 1).with_covariance(0, 1.0, vec![0.5; n], covariance);
    let sigma = 0.2_f64;
    let scene = Scene::new(&model, &subject(SHAPE, sigma as f32), None).unwrap();
    let lambda = |i: usize| variances(i) / (variances(i) + sigma * sigma);
    let (trace, squares): (f64, f64) =
        (0..n).map(|i| (lambda(i), lambda(i).powi(2))).fold((0.0, 0.0), |s, l| (s.0 + l.0, s.1 + l.1));
    let exact = doubt_of(&scene, Probes::Usual);
    near(exact.trace.value, trace, 1e-4, "trace");
    near(exact.squares.value, squares, 1e-4, "squares");
    assert!(exact.classes.values().iter().all(|v| *v == 0.0) && exact.trace.standard_error == 0.0);
    // Of a diagonal matrix, random signs are exact; so the spectrum is turned for the probes below.
    let found = components(&scene, 4, Region::whole(SHAPE), None, &Cancel::new(), &mut |_| ()).unwrap();
    for (i, component) in found.list.iter().enumerate() {
        near(component.eigenvalue, lambda(i), 2e-3, "eigenvalue");
        near(component.deviation, sigma * component.eigenvalue.sqrt(), 1e-7, "deviation");
        near(f64::from(component.direction.values()[i]), 1.0, 0.02, "direction");
        let walked = component.walk(&found.denoised, 2.0).values()[i] - found.denoised.values()[i];
        near(f64::from(walked), 2.0 * component.deviation, 0.01, "two deviations along it");
    }
    // The second row of the picture only.
    let region = Region { x: 1, y: 1, width: 3, height: 1 };
    let found = components(&scene, 16, region, None, &Cancel::new(), &mut |_| ()).unwrap();
    assert_eq!(found.list.len(), 3);
    for (i, component) in found.list.iter().enumerate() {
        near(component.eigenvalue, lambda(7 + i), 1e-5, "eigenvalue in a region");
        assert!(component.direction.values().iter().enumerate().all(|(at, v)| (7..10).contains(&at) || *v == 0.0));
    }
}

/// A smooth picture: values a pixel apart correlate by 0.9.
fn smooth() -> GaussianMixture {
    let (shape, n) = (Shape::new(1, 5, 7), 35);
    let place = |i: usize| (i / 7, i % 7);
    let entry = |i: usize, j: usize| {
        let ((a, b), (c, d)) = (place(i), place(j));
        0.05 * 0.9_f64.powi((a.abs_diff(c) + b.abs_diff(d)) as i32)
    };
    let covariance = (0..n * n).map(|at| entry(at / n, at % n)).collect();
    GaussianMixture::new(shape, 1).with_covariance(0, 1.0, vec![0.5; n], covariance)
}

#[test]
fn random_probes_come_within_their_standard_errors() {
    let model = smooth();
    let scene = Scene::new(&model, &subject(model.shape(), 0.2), None).unwrap();
    let (exact, found) = (doubt_of(&scene, Probes::Exact), doubt_of(&scene, Probes::Random(400)));
    for (found, exact) in [(found.trace, exact.trace), (found.squares, exact.squares)] {
        assert!(found.standard_error > 0.0 && found.standard_error < 0.05 * found.value, "{found:?}");
        near(found.value, exact.value, 4.0 * found.standard_error, "an estimate");
    }
    let wrong = found.details.zip(&exact.details, |a, b| (a - b).powi(2));
    let wrong = (wrong.values().iter().sum::<f32>() / 35.0).sqrt();
    assert!(f64::from(wrong) < 1.5 * found.details_error && f64::from(wrong) > 0.5 * found.details_error, "{wrong}");
    assert_eq!(found.probes, Some(400));
}

#[test]
fn the_filter_is_a_row_of_the_wiener_filter_and_widens_with_the_noise() {
    let model = smooth();
    let mut before = 0.0;
    for sigma in [0.05, 0.1, 0.2, 0.4] {
        let scene = Scene::new(&model, &subject(model.shape(), sigma), None).unwrap();
        let found = filter(&scene, (2, 3), None, &Cancel::new()).unwrap();
        // The denoiser is linear: a grain of noise at the pixel moves it by the filter.
        let mut moved = scene.noisy.clone();
        moved.values_mut()[3 * 7 + 2] += 0.25;
        let moved = model.forward(&Batch::of([&moved]), &[sigma]).unwrap().denoised().unwrap();
        for ((moved, still), weight) in moved.values().iter().zip(scene.denoised.values()).zip(found.weights.values()) {
            near(f64::from((moved - still) / 0.25), f64::from(*weight), 1e-5, "a weight");
        }
        assert!(found.width > before + 0.1, "{} after {before}", found.width);
        near(found.sum, found.weights.values().iter().map(|v| f64::from(*v)).sum(), 1e-9, "the sum");
        before = found.width;
    }
}

#[test]
fn the_whole_question_is_answered_for_a_network_and_keeps_its_identity() {
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let architecture = Architecture {
        stem: Stem { kernel: 4, stride: 2 },
        widths: vec![8, 16],
        blocks: vec![1, 1],
        strides: vec![1, 2],
        ..Architecture::compact()
    };
    let shape = Shape::new(3, 8, 8);
    let mut checkpoint = Checkpoint::untrained(Description::new("small", names, shape, architecture), 0).unwrap();
    for (stream, tensor) in checkpoint.tensors.values_mut().enumerate() {
        let inputs = tensor.shape[1..].iter().product::<usize>() as f64;
        let values = gauss(stream as u64, tensor.values.len());
        tensor.values = values.into_iter().map(|v| (v / inputs.sqrt()) as f32).collect();
    }
    let model = Network::load(&checkpoint, &DeviceChoice::Cpu).unwrap();
    let request = UncertaintyRequest {
        components: 2,
        filter: Some((3, 4)),
        class: Some(1),
        region: Some(Region { x: 2, y: 2, width: 4, height: 4 }),
        ..UncertaintyRequest::of(subject(shape, 0.2))
    };
    let mut shares = Vec::new();
    let found = uncertainty(&model, &request, &Cancel::new(), &mut |progress| match progress {
        Progress::Classes(_) => assert!(shares.is_empty()),
        Progress::Share(share) => shares.push(share),
    });
    let found = found.unwrap();
    assert!(found.doubt.is_exact && found.doubt.identity_error < 1e-5, "{}", found.doubt.identity_error);
    assert!(shares.is_sorted() && shares.last() == Some(&1.0));
    assert_eq!(found.components.as_ref().unwrap().list.len(), 2);
    let report = serde_json::to_value(UncertaintyReport::of(&found, "a.png".as_ref(), "whole")).unwrap();
    assert_eq!(report["components"]["class"], "b");
    assert_eq!(report["variance_by_pixel"]["details"].as_array().unwrap().len(), 8);
    assert_eq!((report["filter"]["x"].as_u64(), report["probes"].is_null()), (Some(3), true));
}

#[test]
fn questions_that_are_none_are_refused_by_their_option() {
    let model = oracle();
    let ask = |change: &dyn Fn(&mut UncertaintyRequest)| -> Result<Uncertainty> {
        let mut request = UncertaintyRequest::of(subject(SHAPE, 0.3));
        change(&mut request);
        uncertainty(&model, &request, &Cancel::new(), &mut |_| ())
    };
    let refused = |option: &str, change: &dyn Fn(&mut UncertaintyRequest)| {
        let message = ask(change).unwrap_err().to_string();
        assert!(message.starts_with(option), "{message}");
    };
    refused("--probes", &|r| r.probes = Probes::Random(1));
    refused("--components", &|r| r.components = 17);
    for region in [(0, 0, 7, 1), (0, 0, 0, 1), (usize::MAX, 0, 2, 1), (0, 3, 1, 2)] {
        let (x, y, width, height) = region;
        refused("--region", &|r| {
            r.components = 1;
            r.region = Some(Region { x, y, width, height });
        });
    }
    refused("--filter", &|r| r.filter = Some((6, 0)));
    refused("--as", &|r| r.class = Some(2));
    refused("--sigma", &|r| r.assumed_sigma = Some(f32::NAN));
    let cancel = Cancel::new();
    cancel.raise();
    let request = UncertaintyRequest::of(subject(SHAPE, 0.3));
    assert!(matches!(uncertainty(&model, &request, &cancel, &mut |_| ()), Err(Error::Cancelled)));
}

/// Nothing of the forward pass is needed but its contract.
#[test]
fn a_scene_is_made_of_any_model() {
    let model = oracle();
    let scene = Scene::new(&model, &Subject::Noisy(Picture::filled(SHAPE, 0.4)), Some(0.1)).unwrap();
    let forward: &dyn Forward = &*scene.forward;
    assert_eq!(scene.posterior, forward.posterior_of(0));
    assert!(scene.clean.is_none() && !scene.sigma_estimated && scene.values() == 24);
}
