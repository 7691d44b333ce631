//! An evaluation of the oracle on pictures that it drew itself.

use super::*;
use crate::joint::GaussianMixture;
use crate::picture::{Picture, Shape, save};
use crate::train::data::open_as;
use crate::{Error, attack};

const SHAPE: Shape = Shape::new(1, 12, 12);

/// Two classes, one dark and one bright, which noise cannot confuse.
fn oracle() -> GaussianMixture {
    let class = |model: GaussianMixture, class: usize, mean: f64| model.with(class, 1.0, vec![mean; SHAPE.len()], 1e-4);
    class(class(GaussianMixture::new(SHAPE, 2), 0, 0.2), 1, 0.8)
}

fn samples(limit: Option<usize>) -> Samples {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("shades");
    for (class, shade) in [("class 0", 0.2), ("class 1", 0.8)] {
        let path = data.join(class);
        std::fs::create_dir_all(&path).unwrap();
        for index in 0..3 {
            save(path.join(format!("{index}.png")), &Picture::filled(SHAPE, shade), false).unwrap();
        }
    }
    Samples::new(open_as(data, Some(SHAPE)).unwrap(), &oracle(), limit).unwrap()
}

fn plan() -> Plan {
    Plan { sigmas: vec![0.1], seed: 1, batch: 4, ..Plan::default() }
}

fn run(plan: &Plan) -> Evaluation {
    evaluate(&oracle(), &samples(None), None, plan, &Cancel::new(), &mut |_| ()).unwrap()
}

#[test]
fn the_oracle_is_right_and_denoises_as_the_theory_says() {
    let figures = &run(&plan()).by_sigma[0];
    assert!((figures.accuracy - 1.0).abs() < 1e-12 && figures.ece < 1e-6, "{figures:?}");
    assert!((figures.psnr_db.noisy - 20.0).abs() < 0.5, "−20 log₁₀ σ");
    // Noise is shrunk by 1e-4 / (1e-4 + σ²), about 1/101: 40 dB and a little more.
    assert!((figures.psnr_db.denoised - figures.psnr_db.noisy - 40.0).abs() < 3.0, "{figures:?}");
}

#[test]
fn figures_do_not_depend_on_the_batch() {
    let attacks = vec!["pgd:linf:0.05".parse().unwrap()];
    let whole = run(&Plan { attacks: attacks.clone(), batch: 6, ..plan() });
    for batch in [1, 5] {
        assert_eq!(run(&Plan { attacks: attacks.clone(), batch, ..plan() }), whole);
    }
}

#[test]
fn an_attack_below_the_distance_fails_and_one_above_succeeds() {
    // The boundary is half way: 0.3 in each of 144 pixels, 3.6 in L2, and DeepFool overshoots it by a fiftieth.
    let at = |epsilon: f64| {
        let attack = AttackPlan { epsilon, sigma: Some(0.1), ..AttackPlan::new(attack::Method::Deepfool) };
        run(&Plan { sigmas: Vec::new(), attacks: vec![attack], ..plan() }).robust[0].clone()
    };
    let (below, above) = (at(3.55), at(3.75));
    assert!((below.clean_accuracy - 1.0).abs() < 1e-12 && (below.accuracy - 1.0).abs() < 1e-12, "{below:?}");
    assert!(above.accuracy.abs() < 1e-12, "{above:?}");
    assert!((above.mean_achieved.unwrap() - 3.6).abs() < 0.1, "{above:?}");
}

#[test]
fn progress_ends_at_its_total_and_cancelling_stops() {
    let mut last = (0, 0);
    let plan = Plan { sigmas: vec![0.1, 0.2], ..plan() };
    evaluate(&oracle(), &samples(None), None, &plan, &Cancel::new(), &mut |step| last = (step.done, step.total))
        .unwrap();
    assert_eq!(last, (12, 12));
    let cancel = Cancel::new();
    let answer = evaluate(&oracle(), &samples(None), None, &plan, &cancel, &mut |_| cancel.raise());
    assert!(matches!(answer, Err(Error::Cancelled)));
}

#[test]
fn a_limit_takes_pictures_of_every_class() {
    let samples = samples(Some(2));
    assert_eq!((samples.len(), samples.label(0), samples.label(1)), (2, 0, 1));
}

#[test]
fn classes_are_matched_by_name_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["class 1", "other"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        save(folder.path().join(class).join("a.png"), &Picture::filled(SHAPE, 0.5), false).unwrap();
    }
    let error = Samples::new(open_as(folder.path(), Some(SHAPE)).unwrap(), &oracle(), None).unwrap_err().to_string();
    assert!(error.contains("other"), "{error}");
}

#[test]
fn pictures_of_another_kind_are_told_by_their_density() {
    let folder = tempfile::tempdir().unwrap();
    let stripes = folder.path().join("stripes");
    for (class, phase) in [("even", 0), ("odd", 1)] {
        let picture = Picture::new(SHAPE, (0..SHAPE.len()).map(|i| ((i + phase) % 2) as f32).collect());
        std::fs::create_dir_all(stripes.join(class)).unwrap();
        save(stripes.join(class).join("a.png"), &picture, false).unwrap();
    }
    let others = Samples::of_another_kind(open_as(stripes, Some(SHAPE)).unwrap(), &oracle(), None);
    let plan = plan();
    let evaluation = evaluate(&oracle(), &samples(None), Some(&others), &plan, &Cancel::new(), &mut |_| ()).unwrap();
    let density = evaluation.ood.iter().find(|d| d.score == Score::LogDensity).unwrap();
    assert!((density.auroc - 1.0).abs() < 1e-12 && density.fpr_at_95.abs() < 1e-12, "{density:?}");
    assert_eq!((evaluation.ood.len(), density.images, density.data.as_str()), (3, 2, "stripes"));
}

#[test]
fn the_page_and_the_table_hold_every_part() {
    let attacks = vec!["fgsm:linf:0.05".parse().unwrap(), "fgsm:linf:0.1".parse().unwrap()];
    let evaluation = run(&Plan { attacks, noises: vec![NoiseKind::Gaussian, NoiseKind::Uniform], ..plan() });
    let page = html::page(&evaluation);
    for part in ["oracle on shades", "Gaussian noise", "uniform", "Under attack", "FGSM", "<svg", "</html>"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN") && !page.contains("http"), "it needs nothing from elsewhere");
    assert_eq!(page.matches("<svg").count(), 4);
    let table = csv::table(&evaluation);
    assert!(
        table.starts_with("model,data,") && table.contains("oracle,shades,6,fgsm,linf,0.05,robust_accuracy,"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 1 + 2 * 7 + 2 * 2);
}
