//! Studies of the oracle, whose denoisers are known in closed form.

use super::*;
use crate::Error;
use crate::joint::GaussianMixture;
use crate::picture::{Noise, NoiseKind, Picture, Shape};
use crate::task::Cancel;

const SHAPE: Shape = Shape::new(1, 4, 6);

/// Three classes with means 0.2, 0.5 and 0.8 everywhere, and one variance.
fn oracle(shape: Shape) -> GaussianMixture {
    [0.2, 0.5, 0.8]
        .into_iter()
        .enumerate()
        .fold(GaussianMixture::new(shape, 3), |m, (class, mean)| m.with(class, 1.0, vec![mean; shape.len()], 0.01))
}

fn clean() -> Picture {
    Picture::new(SHAPE, (0..SHAPE.len()).map(|i| 0.4 + 0.01 * i as f32).collect())
}

fn noise(sigma: f32) -> Noise {
    Noise { kind: NoiseKind::Gaussian, sigma, seed: 7 }
}

fn study(request: &Request) -> Study {
    analyze(&oracle(SHAPE), request, &Cancel::new(), &mut |_| ()).unwrap()
}

#[test]
fn a_conditional_denoiser_is_the_oracles_shrinkage_towards_the_class_mean() {
    let sigma = 0.3_f32;
    let study = study(&Request::clean(clean(), noise(sigma)));
    let shrink = 0.01 / (0.01 + sigma * sigma);
    for conditional in &study.conditionals {
        let mean = [0.2, 0.5, 0.8][conditional.class];
        for (d, y) in conditional.picture.values().iter().zip(study.noisy.values()) {
            assert!((d - (mean + shrink * (y - mean))).abs() < 1e-5);
        }
    }
    assert!(study.identity_error.unwrap() < 1e-6);
    assert_eq!(study.conditionals[0].class, study.predicted());
}

#[test]
fn stages_come_in_order_and_agree_with_the_study() {
    let mut names = Vec::new();
    let mut last = None;
    let request = Request::clean(clean(), noise(0.2)).with_native(clean(), None);
    let done = analyze(&oracle(SHAPE), &request, &Cancel::new(), &mut |stage| {
        names.push(match &stage {
            Stage::Noisy { .. } => "noisy",
            Stage::Posterior { .. } => "posterior",
            Stage::Denoised { denoised, .. } => {
                last = Some(denoised.clone());
                "denoised"
            }
            Stage::Conditionals(_) => "conditionals",
            Stage::Native(_) => "native",
        });
    });
    assert_eq!(names, ["noisy", "posterior", "denoised", "conditionals", "native"]);
    assert_eq!(last.unwrap(), done.unwrap().denoised);
}

#[test]
fn cancelling_at_any_stage_stops_before_the_next() {
    for stop_after in 1..4 {
        let cancel = Cancel::new();
        let mut seen = 0;
        let answer = analyze(&oracle(SHAPE), &Request::clean(clean(), noise(0.2)), &cancel, &mut |_| {
            seen += 1;
            if seen == stop_after {
                cancel.raise();
            }
        });
        assert!(matches!(answer, Err(Error::Cancelled)), "after stage {stop_after}");
        assert_eq!(seen, stop_after);
    }
}

#[test]
fn the_asked_classes_are_the_computed_ones() {
    let of = |classes| {
        let study = study(&Request::clean(clean(), noise(0.2)).with_classes(classes));
        (study.conditionals.iter().map(|c| c.class).collect::<Vec<_>>(), study.identity_error.is_some())
    };
    assert_eq!(of(Classes::List(vec![2, 0])), (vec![2, 0], false));
    assert_eq!(of(Classes::Top(0)), (vec![], false));
    assert_eq!(of(Classes::Top(1)).0, [1]);
    assert!(of(Classes::All).1);
    let request = Request::clean(clean(), noise(0.2)).with_classes(Classes::List(vec![3]));
    assert!(matches!(analyze(&oracle(SHAPE), &request, &Cancel::new(), &mut |_| ()), Err(Error::Option { .. })));
}

#[test]
fn a_sigma_outside_the_trained_range_is_clamped_and_said() {
    let study_at_zero = study(&Request::clean(clean(), noise(0.0)));
    assert!((study_at_zero.sigma_used - 1e-3).abs() < 1e-9);
    assert_eq!(study_at_zero.sigma.to_bits(), 0.0_f32.to_bits());
    assert!(study_at_zero.notes[0].contains("outside the trained range"), "{:?}", study_at_zero.notes);
    assert!(study(&Request::clean(clean(), noise(0.1))).notes.is_empty());
    for sigma in [-0.1, f32::NAN, f32::INFINITY] {
        let answer = analyze(&oracle(SHAPE), &Request::clean(clean(), noise(sigma)), &Cancel::new(), &mut |_| ());
        assert!(matches!(answer, Err(Error::Option { .. })), "{sigma}");
    }
}

#[test]
fn a_noisy_picture_is_taken_as_it_is_and_its_sigma_estimated() {
    let shape = Shape::new(1, 64, 64);
    let noisy = noise(0.1).apply(&Picture::filled(shape, 0.5));
    let answer = analyze(&oracle(shape), &Request::noisy(noisy.clone(), None), &Cancel::new(), &mut |_| ()).unwrap();
    assert_eq!(answer.noisy, noisy);
    assert!(answer.sigma_estimated && (answer.sigma - 0.1).abs() < 0.01, "{}", answer.sigma);
    assert!(answer.clean.is_none() && answer.denoised_fidelity.is_none() && answer.conditionals[0].fidelity.is_none());
    let told = Request::noisy(noisy, Some(0.2));
    let answer = analyze(&oracle(shape), &told, &Cancel::new(), &mut |_| ()).unwrap();
    assert!(!answer.sigma_estimated && (answer.sigma - 0.2).abs() < 1e-6);
}

#[test]
fn a_sweep_is_the_same_as_single_studies() {
    let subject = Subject::Clean { picture: clean(), noise: noise(0.5) };
    let request = SweepRequest { subject, from: 0.01, to: 1.0, levels: 11 };
    let mut published = 0;
    let sweep = sweep(&oracle(SHAPE), &request, &Cancel::new(), &mut |_| published += 1).unwrap();
    assert_eq!((sweep.sigmas.len(), published), (11, 2));
    assert!((sweep.sigmas[5] - 0.1).abs() < 1e-6 && (sweep.sigmas[10] - 1.0).abs() < 1e-6);
    for (sigma, posterior) in sweep.sigmas.iter().zip(&sweep.posteriors) {
        assert_eq!(posterior, &study(&Request::clean(clean(), noise(*sigma))).posterior);
    }
}

#[test]
fn a_report_has_every_promised_field() {
    let study = study(&Request::clean(clean(), noise(0.2)));
    let json = serde_json::to_value(report::Analysis::of(&study, "a.png".as_ref(), "as it is")).unwrap();
    for field in ["image", "model", "device", "sigma", "seed", "posterior", "log_density", "psnr_db", "identity_error"]
    {
        assert!(!json[field].is_null(), "{field}");
    }
    assert!(json["timings_ms"]["forward"].is_number() && json["timings_ms"]["adjoint"].is_number());
    assert!(json["psnr_db"]["noisy"].is_number() && json["psnr_db"]["denoised"].is_number());
    assert_eq!(json["psnr_db"]["conditional"].as_object().unwrap().len(), 3);
    assert_eq!(json["ssim"]["conditional"].as_object().unwrap().len(), 3);
    let probabilities: Vec<f64> =
        json["posterior"].as_array().unwrap().iter().map(|p| p["probability"].as_f64().unwrap()).collect();
    assert!(probabilities.is_sorted_by(|a, b| a >= b));
    assert_eq!(json["posterior"][0]["class"], "class 1");
}
