//! Samplers against distributions that are known in closed form.

use super::*;
use crate::joint::GaussianMixture;
use crate::picture::{Shape, normals};
use crate::study::lab::draw::AROUND as GREY;

const SHAPE: Shape = Shape::new(1, 2, 3);

fn gaussian(mean: f64, variance: f64) -> GaussianMixture {
    GaussianMixture::new(SHAPE, 1).with(0, 1.0, vec![mean; SHAPE.len()], variance)
}

fn request(count: usize, steps: usize) -> SampleRequest {
    let (start, guidance, levels, way) = (Start::Nothing, None, (5.0, 0.002), Way::Flow { churn: 0.0 });
    SampleRequest { start, count, guidance, levels, steps, way, corrections: 0, frames: 0, seed: 4 }
}

fn drawn(model: &dyn JointModel, request: &SampleRequest) -> Samples {
    sample(model, request, &Cancel::new(), &mut |_, _| ()).unwrap()
}

/// Mean and variance of all values.
fn moments(samples: &Samples) -> (f64, f64) {
    let values: Vec<f64> = samples.list.iter().flat_map(|s| s.picture.values()).map(|v| f64::from(*v)).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
}

#[test]
fn heuns_method_follows_the_flow_of_a_gaussian_with_an_error_of_the_second_order() {
    let (mean, variance) = (0.2, 0.04);
    let model = gaussian(mean, variance);
    // The flow of a Gaussian: y(σ) = m + (y₀ − m)√((v + σ²)/(v + σ₀²)), then the last step, which is D.
    let error = |steps: usize| -> f64 {
        let request = request(3, steps);
        let found = drawn(&model, &request);
        let (from, to) = (f64::from(request.levels.0), f64::from(request.levels.1));
        let mut worst = 0.0_f64;
        for (number, sample) in found.list.iter().enumerate() {
            let mut noise = vec![0.0_f32; SHAPE.len()];
            normals::fill(4, (0x73_61_6d_70 << 32) | number as u64, 0, &mut noise);
            for (z, found) in noise.iter().zip(sample.picture.values()) {
                let start = GREY.0 + from.hypot(GREY.1) * f64::from(*z);
                let end = mean + (start - mean) * ((variance + to * to) / (variance + from * from)).sqrt();
                let truth = mean + (end - mean) * variance / (variance + to * to);
                worst = worst.max((f64::from(*found) - truth).abs());
            }
        }
        worst
    };
    let [few, more, many] = [16, 32, 64].map(error);
    assert!(many < 2e-3, "{many}");
    for (coarse, fine) in [(few, more), (more, many)] {
        let order = (coarse / fine).log2();
        assert!((1.6..2.6).contains(&order), "{coarse} then {fine}: order {order}");
    }
}

#[test]
fn samples_have_the_densitys_mean_and_variance_with_churn_and_without() {
    let (mean, variance) = (0.7, 0.03);
    let model = gaussian(mean, variance);
    for churn in [0.0, 20.0] {
        let found = drawn(&model, &SampleRequest { way: Way::Flow { churn }, ..request(400, 60) });
        let (found_mean, found_variance) = moments(&found);
        // Four standard errors of 2400 values, and the bias of the start at σ = 5.
        assert!((found_mean - mean).abs() < 4.0 * (variance / 2400.0_f64).sqrt() + 0.01, "{churn}: {found_mean}");
        assert!(
            (found_variance / variance - 1.0).abs() < 4.0 * (2.0 / 2400.0_f64).sqrt() + 0.03,
            "{churn}: {found_variance}"
        );
    }
}

fn two() -> GaussianMixture {
    let shift = |s: f64| (0..SHAPE.len()).map(|i| 0.5 + s * if i % 2 == 0 { 1.0 } else { -1.0 }).collect::<Vec<_>>();
    GaussianMixture::new(SHAPE, 2).with(0, 0.5, shift(0.15), 0.005).with(1, 0.5, shift(-0.15), 0.005)
}

#[test]
fn a_class_is_drawn_alone_and_guidance_goes_beyond_it() {
    let model = two();
    let class = |weight| SampleRequest { guidance: Some(Guidance { class: 1, weight }), ..request(60, 40) };
    let along = |samples: &Samples| -> f64 {
        let value = |s: &Sample| s.picture.values().iter().step_by(2).map(|v| f64::from(*v)).sum::<f64>() / 3.0;
        samples.list.iter().map(value).sum::<f64>() / samples.list.len() as f64
    };
    let free = drawn(&model, &request(60, 40));
    assert!(free.counts().iter().all(|count| *count > 15), "{:?}", free.counts());
    let [alone, exaggerated] = [1.0, 3.0].map(|weight| drawn(&model, &class(weight)));
    assert_eq!(alone.counts(), [0, 60]);
    assert!((along(&alone) - 0.35).abs() < 0.03, "{}", along(&alone));
    assert!(along(&exaggerated) < along(&alone) - 0.005, "{} {}", along(&exaggerated), along(&alone));
    assert_eq!(drawn(&model, &class(0.0)), free, "no weight is no class");
}

#[test]
fn corrections_mend_what_few_levels_leave_wrong() {
    let model = two();
    let sigma = 0.35_f32;
    let noisy = Picture::new(SHAPE, (0..SHAPE.len()).map(|i| if i % 2 == 0 { 0.54 } else { 0.5 }).collect());
    let start = Start::Noisy(noisy, sigma);
    let (count, steps) = (800, 8);
    let request = SampleRequest { start, levels: (sigma, 0.01), ..request(count, steps) };
    let off = |corrections: usize| {
        let found = drawn(&model, &SampleRequest { corrections, ..request.clone() });
        let p = found.posterior.clone().unwrap()[0];
        let error = (count as f64 * p * (1.0 - p)).sqrt();
        let spread = |class: usize| {
            let of_class = found.list.iter().filter(|s| (s.posterior[0] > 0.5) == (class == 0));
            let values: Vec<f64> = of_class.flat_map(|s| s.picture.values()).map(|v| f64::from(*v)).collect();
            // Within a class a value's variance about its mean, which alternates.
            let centre = |parity: usize| {
                let all: Vec<f64> = values.iter().skip(parity).step_by(2).copied().collect();
                let mean = all.iter().sum::<f64>() / all.len() as f64;
                all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64
            };
            0.5 * (centre(0) + centre(1))
        };
        let s2 = f64::from(sigma).powi(2);
        let truth = s2 * 0.005 / (0.005 + s2);
        let shares = (found.counts()[0] as f64 - count as f64 * p).abs() / error;
        (shares, spread(0) / truth - 1.0, found.acceptance)
    };
    let (shares, spread, acceptance) = off(6);
    assert!(shares < 4.0 && spread.abs() < 0.1, "{shares} standard errors, {spread}");
    assert!((0.35..0.85).contains(&acceptance.unwrap()), "{acceptance:?}");
    let (shares, spread, acceptance) = off(0);
    assert!(shares > 4.0 || spread.abs() > 0.15, "a test needs power: {shares}, {spread}");
    assert!(acceptance.is_none());
}

#[test]
fn frames_show_the_way_and_what_is_watched_is_what_is_drawn() {
    let model = two();
    let (mut sketches, mut done) = (0, 0);
    let request = SampleRequest { frames: 4, ..request(20, 9) };
    let found = sample(&model, &request, &Cancel::new(), &mut |sketch, samples| {
        sketches += usize::from(sketch.pictures().len() == if sketch.first == 0 { 16 } else { 4 });
        done += samples.len();
    })
    .unwrap();
    assert_eq!((sketches, done), (18, 20));
    for sample in &found.list {
        let sigmas: Vec<f32> = sample.frames.iter().map(|frame| frame.sigma).collect();
        assert!(sigmas.len() == 4 && sigmas.windows(2).all(|pair| pair[1] < pair[0]), "{sigmas:?}");
        assert_eq!((sigmas[0], sigmas[3]), (found.sigmas[0], found.sigmas[8]));
        // The last step of the flow ends at D.
        let end = sample.frames[3].denoised.values().iter().zip(sample.picture.values());
        assert!(end.clone().all(|(a, b)| (a - b).abs() < 1e-5), "{end:?}");
    }
}

#[test]
fn the_ascent_finds_both_classes_alike_and_one_alone() {
    let shift = |s: f64| (0..SHAPE.len()).map(|i| 0.5 + s * if i % 2 == 0 { 1.0 } else { -1.0 }).collect::<Vec<_>>();
    let model = GaussianMixture::new(SHAPE, 2).with(0, 0.5, shift(0.15), 1e-5).with(1, 0.5, shift(-0.15), 1e-5);
    let way = Way::Ascent { beta: 0.5 };
    let found = drawn(&model, &SampleRequest { way, levels: (1.0, 0.01), ..request(200, 2) });
    // By symmetry each is drawn as often: 4 standard errors of 200.
    assert!(found.counts()[0].abs_diff(100) < 29, "{:?}", found.counts());
    for sample in &found.list {
        let sign = if sample.posterior[0] > 0.5 { 1.0 } else { -1.0 };
        assert!(sample.picture.values().iter().zip(shift(0.15 * sign)).all(|(v, m)| (f64::from(*v) - m).abs() < 0.03));
    }
    let guidance = Some(Guidance { class: 1, weight: 1.0 });
    let alone = drawn(&model, &SampleRequest { way, guidance, levels: (1.0, 0.01), ..request(30, 2) });
    assert_eq!((alone.counts()[1], alone.sigmas.len()), (30, 2));
}

#[test]
fn restorations_count_as_the_posterior_says() {
    let model = two();
    let sigma = 0.35_f32;
    let values = (0..SHAPE.len()).map(|i| if i % 2 == 0 { 0.54 } else { 0.5 }).collect();
    let noisy = Picture::new(SHAPE, values);
    let start = Start::Noisy(noisy.clone(), sigma);
    let found = drawn(&model, &SampleRequest { start, levels: (sigma, 0.01), ..request(1200, 80) });
    let p = found.posterior.clone().unwrap();
    assert!((0.55..0.95).contains(&p[0]), "a test needs doubt: {p:?}");
    let counts = found.counts();
    let expected = p[0] * 1200.0;
    let error = (1200.0 * p[0] * p[1]).sqrt();
    assert!((counts[0] as f64 - expected).abs() < 4.0 * error, "{counts:?}, expected {expected} ± {error}");
    let (low, high) = wilson(counts[0], 1200);
    assert!(low < counts[0] as f64 / 1200.0 && high > counts[0] as f64 / 1200.0 && high - low < 0.06);
    // Of one value: a mixture of the classes' posteriors, each with variance vσ²/(v + σ²).
    let s2 = f64::from(sigma).powi(2);
    let shrink = 0.005 / (0.005 + s2);
    let mean = |m: f64, y: f64| m + shrink * (y - m);
    let (a, b) = (mean(0.65, f64::from(0.54_f32)), mean(0.35, f64::from(0.54_f32)));
    let truth = p[0] * a + p[1] * b;
    let variance = s2 * shrink + p[0] * p[1] * (a - b).powi(2);
    let firsts: Vec<f64> = found.list.iter().map(|s| f64::from(s.picture.values()[0])).collect();
    let centre = firsts.iter().sum::<f64>() / 1200.0;
    let scatter = firsts.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / 1200.0;
    assert!((centre - truth).abs() < 4.0 * (variance / 1200.0).sqrt(), "{centre}, not {truth}");
    assert!((scatter / variance - 1.0).abs() < 0.15, "{scatter}, not {variance}");
}

#[test]
fn wilsons_interval_is_the_published_one() {
    // Newcombe 1998, table I: 81 of 263, and 0 of 20.
    let near = |(low, high): (f64, f64), truth: (f64, f64)| {
        assert!((low - truth.0).abs() < 5e-5 && (high - truth.1).abs() < 5e-5, "{low} {high}");
    };
    near(wilson(81, 263), (0.2553, 0.3662));
    near(wilson(0, 20), (0.0, 0.1611));
}

#[test]
fn the_same_seed_gives_the_same_pictures_whatever_goes_together_and_what_is_no_request_is_refused() {
    let model = two();
    let many = drawn(&model, &request(20, 6));
    let few = drawn(&model, &request(5, 6));
    assert_eq!(many.list[..5], few.list[..]);
    assert_ne!(drawn(&model, &SampleRequest { seed: 5, ..request(5, 6) }).list, few.list);
    let refused = |option: &str, change: &dyn Fn(&mut SampleRequest)| {
        let mut request = request(1, 2);
        change(&mut request);
        let message = sample(&model, &request, &Cancel::new(), &mut |_, _| ()).unwrap_err().to_string();
        assert!(message.starts_with(option), "{message}");
    };
    refused("--count", &|r| r.count = 0);
    refused("--steps", &|r| r.steps = 1);
    refused("--churn", &|r| r.way = Way::Flow { churn: f64::NAN });
    refused("--beta", &|r| r.way = Way::Ascent { beta: 1.5 });
    refused("--corrections", &|r| (r.way, r.corrections) = (Way::Ascent { beta: 0.5 }, 1));
    refused("--frames", &|r| r.frames = usize::MAX);
    refused("--guidance", &|r| r.guidance = Some(Guidance { class: 0, weight: -1.0 }));
    refused("--as", &|r| r.guidance = Some(Guidance { class: 2, weight: 1.0 }));
    refused("--to", &|r| r.levels = (0.1, 0.1));
    refused("--from", &|r| r.levels = (f32::INFINITY, 0.1));
    let cancel = Cancel::new();
    cancel.raise();
    assert!(matches!(sample(&model, &request(1, 2), &cancel, &mut |_, _| ()), Err(Error::Cancelled)));
}
