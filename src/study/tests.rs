//! Studies of the oracle, whose denoisers are known in closed form.

use super::*;
use crate::Error;
use crate::joint::{GaussianMixture, mixture};
use crate::network::{Architecture, Checkpoint, Description, DeviceChoice, Network, Stem};
use crate::picture::{METRICS, Noise, NoiseKind, Picture, Shape, normals};
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

/// `D + w(D_c − D)` of denoisers that have closed forms, at the model's size and at the picture's own; the identity is that of the
/// denoisers themselves.
#[test]
fn guidance_goes_on_from_the_free_denoiser_by_the_classes_own() {
    let request = |w| Request::clean(clean(), noise(0.3)).with_native(clean(), Some(2)).guided(w);
    let [plain, guided, none] = [1.0, 4.0, 0.0].map(|w| study(&request(w)));
    assert_eq!((guided.guidance, guided.identity_error), (4.0, plain.identity_error));
    let shrink = 0.01 / (0.01 + 0.09);
    for conditional in &guided.conditionals {
        let mean = [0.2, 0.5, 0.8][conditional.class];
        for ((g, y), d) in conditional.picture.values().iter().zip(guided.noisy.values()).zip(plain.denoised.values()) {
            let class = mean + shrink * (y - mean);
            assert!((g - (d + 4.0 * (class - d))).abs() < 1e-5);
        }
        let fidelity = Fidelity::quick(&conditional.picture, &clean());
        assert_eq!(conditional.fidelity, Some(fidelity), "what is shown is what is measured");
    }
    let native = |study: &Study| study.native.as_ref().unwrap().denoised.clone();
    for (found, class) in [(&guided, 2), (&plain, 2)] {
        let same = found.conditionals.iter().find(|c| c.class == class).unwrap();
        for (a, b) in native(found).values().iter().zip(same.picture.values()) {
            assert!((a - b).abs() < 1e-5, "the picture at its own size is of the model's here: {a} {b}");
        }
    }
    for conditional in &none.conditionals {
        assert_eq!(conditional.picture, none.denoised);
    }
    for wrong in [-1.0, f64::NAN, f64::INFINITY, 101.0] {
        let error = analyze(&oracle(SHAPE), &request(wrong), &Cancel::new(), &mut |_| ()).unwrap_err().to_string();
        assert!(error.contains("--guidance"), "{error}");
    }
}

/// Those that are not computed one by one are guided as one.
#[test]
fn guidance_is_of_all_other_classes_too() {
    let request = |w| Request::clean(clean(), noise(0.3)).with_classes(Classes::Top(1)).guided(w);
    let [plain, guided] = [1.0, 3.0].map(|w| study(&request(w)));
    let [before, after] = [&plain, &guided].map(|study| study.rest.as_ref().unwrap().picture.clone());
    for ((b, a), d) in before.values().iter().zip(after.values()).zip(plain.denoised.values()) {
        assert!((a - (d + 3.0 * (b - d))).abs() < 1e-5);
    }
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
            Stage::Rest(_) => "rest",
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
    assert_eq!(of(Classes::List(vec![2, 0, 2])), (vec![2, 0], true));
    assert_eq!(of(Classes::Top(0)), (vec![], false));
    assert_eq!(of(Classes::Top(1)).0, [1]);
    assert!(of(Classes::All).1);
    let request = Request::clean(clean(), noise(0.2)).with_classes(Classes::List(vec![3]));
    assert!(matches!(analyze(&oracle(SHAPE), &request, &Cancel::new(), &mut |_| ()), Err(Error::Option { .. })));
}

/// Many classes, each a Gaussian with a mean and a weight of its own, and one variance.
fn crowd(classes: usize) -> (GaussianMixture, Vec<(f64, Vec<f64>)>) {
    let parts: Vec<(f64, Vec<f64>)> = (0..classes)
        .map(|class| {
            let mean = (0..SHAPE.len()).map(|i| ((class * 31 + i * 17) % 97) as f64 / 96.0);
            (1.0 + (class % 7) as f64, mean.collect())
        })
        .collect();
    let empty = GaussianMixture::new(SHAPE, classes);
    let fill = |m: GaussianMixture, (class, (weight, mean)): (usize, &(f64, Vec<f64>))| {
        m.with(class, *weight, mean.clone(), VARIANCE)
    };
    (parts.iter().enumerate().fold(empty, fill), parts)
}

const VARIANCE: f64 = 0.02;

/// `E[x | y, c none of these]` and `p(c none of these | y)` of a [`crowd`], by Bayes' rule over its components alone.
fn outside(parts: &[(f64, Vec<f64>)], without: &[usize], noisy: &Picture, sigma: f32) -> (Vec<f64>, f64) {
    let total = VARIANCE + f64::from(sigma).powi(2);
    let y: Vec<f64> = noisy.values().iter().map(|&v| f64::from(v)).collect();
    let density = |(weight, mean): &(f64, Vec<f64>)| {
        let distance: f64 = y.iter().zip(mean).map(|(y, m)| (y - m).powi(2)).sum();
        weight * (-distance / (2.0 * total)).exp()
    };
    let densities: Vec<f64> = parts.iter().map(density).collect();
    let others = || (0..parts.len()).filter(|class| !without.contains(class));
    let mass: f64 = others().map(|class| densities[class]).sum();
    let mean = (0..y.len()).map(|i| {
        let of = |class: usize| {
            let m = parts[class].1[i];
            densities[class] * (m + VARIANCE / total * (y[i] - m))
        };
        others().map(of).sum::<f64>() / mass
    });
    (mean.collect(), mass / densities.iter().sum::<f64>())
}

#[test]
fn the_rest_of_many_classes_is_the_mixtures_mean_outside_the_likeliest() {
    let (model, parts) = crowd(200);
    let picture = Picture::new(SHAPE, parts[3].1.iter().map(|&v| v as f32).collect());
    for (classes, computed) in [
        (Classes::Usual, 12),
        (Classes::Top(1), 1),
        (Classes::Top(40), 40),
        (Classes::List(vec![7, 3, 7]), 2),
        (Classes::Top(199), 199),
    ] {
        let request = Request::clean(picture.clone(), noise(0.4)).with_classes(classes.clone());
        let mut published = None;
        let study = analyze(&model, &request, &Cancel::new(), &mut |stage| {
            if let Stage::Rest(rest) = stage {
                published = Some(rest);
            }
        })
        .unwrap();
        let rest = study.rest.as_ref().unwrap();
        assert_eq!((study.conditionals.len(), rest.classes), (computed, 200 - computed), "{classes:?}");
        assert_eq!(published.as_ref(), Some(rest), "{classes:?}");
        let asked: Vec<usize> = study.conditionals.iter().map(|c| c.class).collect();
        let (mean, probability) = outside(&parts, &asked, &study.noisy, study.sigma_used);
        assert!((rest.probability - probability).abs() < 1e-6, "{classes:?}: {} {probability}", rest.probability);
        for (found, mean) in rest.picture.values().iter().zip(mean) {
            assert!((f64::from(*found) - mean).abs() < 1e-5, "{classes:?}: {found} {mean}");
        }
        assert!(study.identity_error.unwrap() < 1e-6, "{classes:?}: {:?}", study.identity_error);
        assert!(rest.fidelity.is_some());
    }
}

/// Far from all but one class the others' posterior is no number of f64 any more; their denoiser still is the nearest one's.
#[test]
fn the_rest_is_found_where_its_probability_is_nothing() {
    let far = [0.0, 1.0, 3.0].map(|mean| vec![mean; SHAPE.len()]);
    let model = far
        .into_iter()
        .enumerate()
        .fold(GaussianMixture::new(SHAPE, 3), |m, (class, mean)| m.with(class, 1.0, mean, 1e-4));
    let request = Request::noisy(Picture::filled(SHAPE, 0.0), Some(1e-3)).with_classes(Classes::Top(1));
    let study = analyze(&model, &request, &Cancel::new(), &mut |_| ()).unwrap();
    let rest = study.rest.unwrap();
    assert_eq!((rest.probability, study.identity_error), (0.0, Some(0.0)));
    let shrink = 1e-4 / (1e-4 + 1e-6);
    assert!(rest.picture.values().iter().all(|v| (f64::from(*v) - (1.0 - shrink)).abs() < 1e-4));
}

#[test]
fn there_is_no_rest_where_no_class_or_none_of_them_is_left_out() {
    let (one, _) = crowd(1);
    let (few, _) = crowd(16);
    let (many, _) = crowd(17);
    let of = |model: &GaussianMixture, request: Request| {
        let study = analyze(model, &request, &Cancel::new(), &mut |_| ()).unwrap();
        (study.conditionals.len(), study.rest.is_some(), study.identity_error.is_some_and(|error| error < 1e-6))
    };
    let asking = |classes| Request::clean(clean(), noise(0.2)).with_classes(classes);
    assert_eq!(of(&one, asking(Classes::Usual)), (1, false, true));
    assert_eq!(of(&one, asking(Classes::Top(5))), (1, false, true));
    assert_eq!(of(&few, asking(Classes::Usual)), (16, false, true));
    assert_eq!(of(&many, asking(Classes::Usual)), (12, true, true));
    assert_eq!(of(&many, asking(Classes::All)), (17, false, true));
    assert_eq!(of(&many, asking(Classes::Top(0))), (0, false, false));
    assert_eq!(of(&many, asking(Classes::Top(3)).without_rest()), (3, false, false));
}

/// A small network of 200 classes whose every weight is random.
fn random_network() -> Network {
    let architecture = Architecture {
        stem: Stem { kernel: 3, stride: 1 },
        widths: vec![8, 16],
        blocks: vec![1, 1],
        strides: vec![1, 2],
        group: 8,
        sigma_frequencies: 3,
        sigma_width: 6,
        ..Architecture::compact()
    };
    let names = (0..200).map(|class| format!("class {class}")).collect();
    let mut checkpoint = Checkpoint::untrained(Description::new("many", names, SHAPE, architecture), 0).unwrap();
    for (stream, tensor) in checkpoint.tensors.values_mut().enumerate() {
        let inputs: usize = tensor.shape[1..].iter().product();
        normals::fill(5, stream as u64, 0, &mut tensor.values);
        tensor.values.iter_mut().for_each(|v| *v /= (inputs as f32).sqrt());
    }
    Network::load(&checkpoint, &DeviceChoice::Cpu).unwrap()
}

#[test]
fn the_rest_of_a_network_is_the_mean_of_its_other_denoisers() {
    let network = random_network();
    let request = Request::clean(clean(), noise(0.2));
    let of = |request: Request| analyze(&network, &request, &Cancel::new(), &mut |_| ()).unwrap();
    let every = of(request.clone().with_classes(Classes::All));
    let usual = of(request);
    assert_eq!((every.conditionals.len(), usual.conditionals.len()), (200, 12));
    assert!(every.rest.is_none() && every.identity_error.unwrap() < 1e-5, "{:?}", every.identity_error);
    let rest = usual.rest.unwrap();
    assert!(usual.identity_error.unwrap() < 1e-5, "{:?}", usual.identity_error);
    let others = every.conditionals.iter().skip(12);
    let (weights, pictures): (Vec<f64>, Vec<Picture>) =
        others.map(|c| (every.posterior[c.class] / rest.probability, c.picture.clone())).unzip();
    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9 && rest.probability > 0.1, "{}", rest.probability);
    for (found, mean) in rest.picture.values().iter().zip(mixture(&weights, &pictures).values()) {
        assert!((found - mean).abs() < 1e-5, "{found} {mean}");
    }
}

#[test]
fn a_sheet_of_many_classes_has_a_tile_for_all_others() {
    let (model, _) = crowd(200);
    let of =
        |request: Request| sheet(&analyze(&model, &request, &Cancel::new(), &mut |_| ()).unwrap(), "a", Theme::Light);
    let asking = Request::clean(clean(), noise(0.2)).with_classes(Classes::Top(6));
    let (with, without) = (of(asking.clone()), of(asking.without_rest()));
    assert!(with != without, "the seventh tile");
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
    for metric in METRICS {
        assert!(json[metric.id]["noisy"].is_number() && json[metric.id]["denoised"].is_number(), "{}", metric.id);
        assert_eq!(json[metric.id].get("conditional").is_some(), metric.is_quick, "{}", metric.id);
    }
    let probabilities: Vec<f64> =
        json["posterior"].as_array().unwrap().iter().map(|p| p["probability"].as_f64().unwrap()).collect();
    assert!(probabilities.is_sorted_by(|a, b| a >= b));
    assert_eq!(json["posterior"][0]["class"], "class 1");
    assert!(json["rest"].is_null());
    let request = Request::clean(clean(), noise(0.2)).with_classes(Classes::Top(1));
    let study = analyze(&oracle(SHAPE), &request, &Cancel::new(), &mut |_| ()).unwrap();
    let json = serde_json::to_value(report::Analysis::of(&study, "a.png".as_ref(), "as it is")).unwrap();
    assert_eq!(json["rest"]["classes"], 2);
    assert_eq!(json["rest"]["probability"], study.posterior[0] + study.posterior[2]);
    assert!(json["rest"]["psnr_db"].is_number() && json["identity_error"].is_number());
}

#[test]
fn a_study_by_a_denoiser_says_that_its_posterior_tells_nothing() {
    let denoiser = GaussianMixture::new(SHAPE, 1).with(0, 1.0, vec![0.5; SHAPE.len()], 0.01);
    let study = analyze(&denoiser, &Request::clean(clean(), noise(0.1)), &Cancel::new(), &mut |_| ()).unwrap();
    assert!(!study.model.is_classifier() && study.posterior == [1.0]);
    assert_eq!(study.notes, ["The model has one class, so it is a denoiser: its posterior is always 1."]);
}
