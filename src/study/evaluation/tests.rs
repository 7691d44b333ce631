//! An evaluation of the oracle on pictures that it drew itself.

use std::path::Path;

use super::*;
use crate::data::{Loader, Purpose, open};
use crate::joint::GaussianMixture;
use crate::picture::{METRICS, PSNR, Picture, Shape, save};
use crate::task::Cancel;
use crate::{Error, Result, attack};

const SHAPE: Shape = Shape::new(1, 12, 12);

/// Two classes, one dark and one bright, which noise cannot confuse.
fn oracle() -> GaussianMixture {
    let class = |model: GaussianMixture, class: usize, mean: f64| model.with(class, 1.0, vec![mean; SHAPE.len()], 1e-4);
    class(class(GaussianMixture::new(SHAPE, 2), 0, 0.2), 1, 0.8)
}

fn read(data: &Path, limit: Option<usize>) -> Result<Samples> {
    let set = open(data, Some(SHAPE), Purpose::Measuring)?;
    Loader::quiet(|loader| Samples::new(set, &oracle(), limit, loader))
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
    read(&data, limit).unwrap()
}

fn plan() -> Plan {
    Plan { sigmas: vec![0.1], seed: 1, batch: 4, ..Plan::default() }
}

fn run(plan: &Plan) -> Evaluation {
    evaluate(&oracle(), &samples(None), None, plan, &Cancel::new(), &mut |_| ()).unwrap()
}

/// A picture in each named class for each shade.
fn shades(all: &[(&str, f32)]) -> Samples {
    let folder = tempfile::tempdir().unwrap();
    for (index, (class, shade)) in all.iter().enumerate() {
        std::fs::create_dir_all(folder.path().join(class)).unwrap();
        save(folder.path().join(class).join(format!("{index}.png")), &Picture::filled(SHAPE, *shade), false).unwrap();
    }
    read(folder.path(), None).unwrap()
}

/// Something of everything, with figures that hang on each picture's own random numbers: a step from a random start of which
/// the size is measured, and votes on noise that reaches as far as the boundary.
fn everything() -> Plan {
    let vote: attack::Defence = "vote:draws=2,votes=9".parse().unwrap();
    let pgd: AttackPlan = "pgd:l2:1:steps=3".parse().unwrap();
    Plan {
        sigmas: vec![0.1, 0.3],
        noises: vec![NoiseKind::Gaussian, NoiseKind::Speckle],
        attacks: vec![
            AttackPlan { defence: vote, sigma: Some(0.3), ..pgd.clone() },
            pgd,
            "square:queries=20".parse().unwrap(),
            "pgd:l2:4.4:steps=1:step-size=4:sigma=0.3".parse().unwrap(),
        ],
        certify: CertifyPlan { sigmas: vec![3.0], pictures: 4, samples: 60, selection: 10, alpha: 0.01, attempts: 0 },
        examples: 3,
        ..plan()
    }
}

/// Mean PSNR of the noisy pictures, D(y), and D(y | c) with the true class.
fn psnr(figures: &LevelFigures) -> (f64, f64, Option<f64>) {
    figures.fidelity.of(&PSNR).unwrap()
}

#[test]
fn the_oracle_is_right_and_denoises_as_the_theory_says() {
    let figures = &run(&plan()).by_sigma[0];
    assert!((figures.accuracy - 1.0).abs() < 1e-12 && figures.ece < 1e-6, "{figures:?}");
    assert!((psnr(figures).0 - 20.0).abs() < 0.5, "−20 log₁₀ σ");
    // Noise is shrunk by 1e-4 / (1e-4 + σ²), about 1/101: 40 dB and a little more.
    assert!((psnr(figures).1 - psnr(figures).0 - 40.0).abs() < 3.0, "{figures:?}");
}

#[test]
fn the_true_class_helps_the_denoiser_where_noise_hides_it() {
    let figures = &run(&Plan { sigmas: vec![0.05, 3.0], ..plan() }).by_sigma;
    let [clear, hidden] = figures.as_slice() else { panic!("{figures:?}") };
    assert!((psnr(clear).2.unwrap() - psnr(clear).1).abs() < 1e-3, "{clear:?}");
    // A class is a Gaussian of variance 1e-4 around its mean: given the class hardly anything is unknown.
    // Noise is shrunk by 1e-4 / (1e-4 + 9), to a thirty-thousandth: 90 dB.
    assert!((psnr(hidden).2.unwrap() - 90.0).abs() < 2.0, "{hidden:?}");
    assert!(psnr(hidden).1 < psnr(hidden).2.unwrap() - 10.0, "{hidden:?}");
}

#[test]
fn figures_depend_on_neither_the_batch_nor_the_threads() {
    let whole = run(&Plan { batch: 6, ..everything() });
    for (batch, threads) in [(1, 1), (5, 1), (6, 3), (4, 2)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| run(&Plan { batch, ..everything() })), whole, "{batch} on {threads} threads");
    }
}

#[test]
fn everything_is_checked_against_the_model_before_the_first_picture() {
    let attack = |text: &str| Plan { attacks: vec![text.parse().unwrap()], ..plan() };
    let certify = |certify: CertifyPlan| Plan { certify, ..plan() };
    let usual = || CertifyPlan { sigmas: vec![0.1], ..CertifyPlan::default() };
    for (wrong, part) in [
        (attack("apgd-t"), "--attacks: apgd-t"),
        (attack("pgd:linf:8"), "did you mean 8/255?"),
        (attack("pgd:sigma=25"), "did you mean 25/255?"),
        (Plan { sigmas: vec![0.1, 25.0], ..plan() }, "--sigmas"),
        (Plan { sigmas: vec![f32::NAN], ..plan() }, "--sigmas"),
        (Plan { batch: usize::MAX, ..plan() }, "--batch"),
        (Plan { batch: 0, ..plan() }, "--batch"),
        (Plan { examples: usize::MAX, ..plan() }, "--examples"),
        (certify(CertifyPlan { sigmas: vec![0.1, 0.0], ..usual() }), "--certify: "),
        (certify(CertifyPlan { alpha: 2.0, ..usual() }), "--certify-alpha"),
        (certify(CertifyPlan { attempts: usize::MAX, ..usual() }), "--certify-attempts"),
        (certify(CertifyPlan { samples: u64::MAX, ..usual() }), "--certify-samples"),
        (certify(CertifyPlan { selection: 0, ..usual() }), "--certify-selection"),
    ] {
        let answer = evaluate(&oracle(), &samples(None), None, &wrong, &Cancel::new(), &mut |step| {
            panic!("{} of {} measured", step.done, step.total)
        });
        let error = answer.unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn certified_accuracy_falls_with_the_radius_as_the_truth_says() {
    // The boundary is half way, so that smoothing leaves it in place and the true radii are 0.59, 3.6 and, for a wrong
    // class, none; 1000 votes at σ = 0.5 prove 1.23 at most.
    let samples = shades(&[("class 0", 0.451), ("class 1", 0.8), ("class 1", 0.2)]);
    let plan = Plan { certify: CertifyPlan { sigmas: vec![0.5], ..CertifyPlan::default() }, ..Plan::default() };
    let evaluation = evaluate(&oracle(), &samples, None, &plan, &Cancel::new(), &mut |_| ()).unwrap();
    let figures = &evaluation.certified[0];
    let found: Vec<(f64, f64)> = figures.by_radius.iter().map(|s| (s.radius, 3.0 * s.accuracy)).collect();
    let expected = [(0.0, 2.0), (0.2, 2.0), (0.4, 2.0), (0.6, 1.0), (0.8, 1.0), (1.0, 1.0), (1.2, 1.0), (1.4, 0.0)];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.0 - expected.0).abs() < 1e-9 && (found.1 - expected.1).abs() < 1e-9, "{found:?} {expected:?}");
    }
    assert!(figures.mean_radius > (0.45 + 1.23) / 3.0 && figures.mean_radius < (0.59 + 1.24) / 3.0, "{figures:?}");
    assert_eq!((figures.images, figures.samples, figures.abstained), (3, 1000, 0.0));
    let few = Plan { certify: CertifyPlan { pictures: 2, samples: 3, ..plan.certify.clone() }, ..plan };
    let evaluation = evaluate(&oracle(), &samples, None, &few, &Cancel::new(), &mut |_| ()).unwrap();
    let figures = &evaluation.certified[0];
    assert_eq!((figures.images, figures.abstained, figures.by_radius.len()), (2, 1.0, 1), "three votes prove nothing");
}

#[test]
fn defences_are_attacked_through_and_named() {
    // Noise and denoising leave the boundary in place, 3.6 away.
    let at = |epsilon: f64, defence: &str| {
        let attack = AttackPlan {
            epsilon,
            sigma: Some(0.3),
            defence: defence.parse().unwrap(),
            ..format!("pgd:l2:{epsilon}:step-size=1").parse().unwrap()
        };
        run(&Plan { sigmas: Vec::new(), attacks: vec![attack], ..plan() })
    };
    for defence in ["vote:votes=15", "purify:sigma=0.2,rounds=2,votes=15"] {
        let (below, above) = (at(2.4, defence), at(4.8, defence));
        assert_eq!((below.robust[0].accuracy, below.robust[0].clean_accuracy), (1.0, 1.0), "{defence}");
        assert_eq!((above.robust[0].accuracy, above.robust[0].clean_accuracy), (0.0, 1.0), "{defence}");
        let table = tables(&above).pop().unwrap();
        assert!(table.note.contains("knows the defence") && table.rows[0][4].contains("vote of 15"), "{table:?}");
        assert!(csv::table(&above).contains("against"));
    }
    assert!(!tables(&at(1.0, "none")).pop().unwrap().note.contains("knows the defence"));
}

#[test]
fn an_attack_without_gradients_that_is_stronger_is_a_warning() {
    // Gradients of a budget that suffices, and steps that do not.
    let attacks =
        ["pgd:l2:9:step-size=0.01:random-start=0", "square:l2:9:queries=300"].map(|text| text.parse().unwrap());
    let robust = run(&Plan { sigmas: Vec::new(), attacks: attacks.to_vec(), ..plan() }).robust;
    assert_eq!((robust[0].accuracy, robust[1].accuracy), (1.0, 0.0));
    let misled = |figures: &RobustFigures| figures.warnings.iter().any(|warning| warning.contains("mislead"));
    assert!(!misled(&robust[0]) && misled(&robust[1]), "{robust:?}");
}

#[test]
fn examples_are_of_many_classes_and_in_the_page() {
    let evaluation = run(&everything());
    let Examples { sigma, pictures, .. } = &evaluation.examples;
    let labels: Vec<&str> = pictures.iter().map(|example| example.label.as_str()).collect();
    assert_eq!((*sigma, labels), (Some(0.3), vec!["class 0", "class 1", "class 0"]));
    // Each is the picture that was measured, with the noise that it had there.
    let noise = crate::picture::Noise { kind: NoiseKind::Gaussian, sigma: 0.3, seed: 1 };
    assert_eq!(pictures[1].noisy.as_ref().unwrap().picture, noise.apply_nth(&pictures[1].clean, 3));
    let page = html::page(&evaluation).unwrap();
    assert_eq!(page.matches("src=\"data:image/png;base64,").count(), 3 * 4);
    assert!(page.contains("Certified accuracy in % by radius") && page.contains("knows the defence"));
    assert!(page.contains("ε in L∞") && page.contains("ε in L2"), "budgets of two norms are on two scales");
    assert!(
        page.contains("PGD at σ = 0.00392") && page.contains("a gradient) at σ = 0.3"),
        "each line is one classifier"
    );
    assert!(!serde_json::to_string(&evaluation).unwrap().contains("examples"));
    assert!(!html::page(&run(&Plan { examples: 0, ..everything() })).unwrap().contains("<img"));
}

#[test]
fn the_lab_is_asked_about_each_example_where_it_is_wanted() {
    let plan = Plan { sigmas: vec![0.3], examples: 2, lab: true, ..plan() };
    let evaluation = run(&plan);
    for example in &evaluation.examples.pictures {
        let looked = example.looked.as_ref().expect("the lab was asked");
        let beneath = looked.beneath.as_ref().unwrap();
        let (map, share) = &beneath.doubt;
        assert_eq!((map.shape().channels, map.shape().width), (1, SHAPE.width));
        // The clean pictures lie within 0.01 of two means, far apart: what is left of doubt is which details.
        assert!(map.values().iter().all(|v| (0.003..0.03).contains(v)) && *share < 0.5, "{map:?} {share}");
        let (softmax, denoisers) = looked.evidence.unwrap();
        assert!(
            (softmax.value - denoisers.value).abs() < 0.3 + 4.0 * (softmax.standard_error + denoisers.standard_error)
        );
        assert!(looked.bits.unwrap().value.is_finite());
        // The constants are those of both examples; σ is found as near as its error bar says.
        let noise = beneath.noise.as_ref().unwrap();
        assert!((noise.sigma / 0.3).ln().abs() < 4.0 * noise.deviation, "{} ± {}", noise.sigma, noise.deviation);
        assert!(noise.classes()[usize::from(example.label == "class 1")] > 0.99);
        // Within a class each value is N(m, s²) by itself: J is s²/(s² + σ²) at the pixel and 0 elsewhere.
        let filter = beneath.filter.as_ref().unwrap();
        assert_eq!(filter.pixel, (SHAPE.width / 2, SHAPE.height / 2));
        let truth = 1e-4 / (1e-4 + 0.09);
        assert!((filter.sum - truth).abs() < 1e-3 * truth && filter.width < 1e-3, "{filter:?}");
        // So D moves by that part of d, whatever its direction; plain noise of that size moves it as far.
        let [most, control] = beneath.attacked.as_ref().unwrap().1.map(|moved| moved * (SHAPE.len() as f64).sqrt());
        assert!((most / (0.5 * truth) - 1.0).abs() < 0.02 && (control / most - 1.0).abs() < 0.02, "{most} {control}");
        // What is drawn as a class is near its mean.
        let drawn = looked.drawn.as_ref().unwrap();
        let mean = example.clean.values()[0];
        assert!(drawn.values().iter().all(|v| (v - mean).abs() < 0.1), "{drawn:?}");
        // Restorations are of the class whose noise it is.
        let counted = beneath.counted.as_ref().unwrap();
        assert_eq!(counted[usize::from(example.label == "class 1")], 16, "{counted:?}");
        // Nothing is wrong with the oracle; but on the mean it makes next to no error, of which Stein's estimate scatters by many times.
        let (worst, times) = beneath.health.unwrap();
        assert!(times < 1.0 || worst == "SURE", "{worst} {times}");
        let ([less, more], deviation) = beneath.component.as_ref().unwrap();
        let length = less.zip(more, |a, b| b - a).values().iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        assert!((length - 4.0 * deviation).abs() < 1e-3 * length && *deviation > 0.0, "{length} {deviation}");
        // What is filled in is of the same shade; the middle alone was taken out.
        let shade = example.clean.values()[0];
        let off = |fill: &Picture| fill.values().iter().map(|v| (v - shade).abs()).fold(0.0, f32::max);
        assert!(off(&looked.filled) < 0.06 && looked.filled != example.clean, "{}", off(&looked.filled));
        assert!(looked.filled.at(0, 0, 0) == example.clean.at(0, 0, 0));
        let (class, turned) = looked.turned.as_ref().unwrap();
        // The plane between the means lies at half their distance, 3.6: beyond the dial.
        assert!(*class != usize::from(example.label == "class 1") && turned.is_none());
        let bracket = looked.bracket.as_ref().unwrap();
        let truth = 0.3 * (SHAPE.len() as f64).sqrt();
        assert!(
            bracket.low > 0.0 && bracket.low <= truth && bracket.high.is_none_or(|high| high >= truth),
            "{bracket:?}"
        );
    }
    let page = html::page(&evaluation).unwrap();
    assert!(page.contains("which class?") && page.contains("by the denoisers") && page.contains("Bits a value"));
    for words in
        ["proved to", "by counting", "filled in", "not class 1", "Is this a density", "was made of", "p(c, σ | y)"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains("stochastic ascent") && page.contains("An attack on the denoiser"));
    let without = html::page(&run(&Plan { lab: false, ..plan })).unwrap();
    assert!(!without.contains("by the denoisers"));
    assert_eq!(page.matches("<img").count() - without.matches("<img").count(), 14 * 2);
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
    let error = read(folder.path(), None).unwrap_err().to_string();
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
    let set = open(stripes, Some(SHAPE), Purpose::Measuring).unwrap();
    let others = Loader::quiet(|loader| Samples::of_another_kind(set, &oracle(), None, loader)).unwrap();
    let plan = plan();
    let evaluation = evaluate(&oracle(), &samples(None), Some(&others), &plan, &Cancel::new(), &mut |_| ()).unwrap();
    let density = evaluation.ood.iter().find(|d| d.score == Score::LogDensity).unwrap();
    assert!((density.auroc - 1.0).abs() < 1e-12 && density.fpr_at_95.abs() < 1e-12, "{density:?}");
    let norm = evaluation.ood.iter().find(|d| d.score == Score::ScoreNorm).unwrap();
    assert!((norm.auroc - 1.0).abs() < 1e-12, "a long score tells them too: {norm:?}");
    assert_eq!((evaluation.ood.len(), density.images, density.data.as_str()), (3, 2, "stripes"));
}

#[test]
fn the_page_and_the_table_hold_every_part() {
    let attacks = vec!["fgsm:linf:0.05".parse().unwrap(), "fgsm:linf:0.1".parse().unwrap()];
    let evaluation = run(&Plan { attacks, noises: vec![NoiseKind::Gaussian, NoiseKind::Uniform], ..plan() });
    let page = html::page(&evaluation).unwrap();
    for part in ["oracle on shades", "Gaussian noise", "uniform", "Under attack", "FGSM", "<svg", "</html>"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN") && !page.contains("http"), "it needs nothing from elsewhere");
    assert_eq!(page.matches("<svg").count(), 3 + METRICS.len());
    let table = csv::table(&evaluation);
    assert!(
        table.starts_with("model,data,") && table.contains("oracle,shades,6,fgsm,linf,0.05,robust_accuracy,"),
        "{table}"
    );
    let by_metric: usize = METRICS.into_iter().map(|metric| if metric.is_quick { 3 } else { 2 }).sum();
    assert_eq!(table.lines().count(), 1 + 2 * (3 + by_metric) + 2 * 2);
}

#[test]
fn a_picture_that_was_wrong_before_counts_as_wrong_after() {
    // One far from the boundary, and twelve on its wrong side, so near that noise takes about half of them to the right one.
    let samples = shades(&[&[("class 0", 0.2)][..], &[("class 1", 0.498); 12]].concat());
    let plan = Plan { attacks: vec!["gaussian-noise:l2:2".parse().unwrap()], ..plan() };
    let robust = &evaluate(&oracle(), &samples, None, &plan, &Cancel::new(), &mut |_| ()).unwrap().robust[0];
    assert_eq!((robust.clean_accuracy, robust.accuracy, robust.mean_achieved), (1.0 / 13.0, 1.0 / 13.0, None));
}

#[test]
fn a_denoiser_is_measured_without_claims_about_classes() {
    let model = GaussianMixture::new(SHAPE, 1).with(0, 1.0, vec![0.2; SHAPE.len()], 1e-4);
    // Whatever the folders are called.
    let folder = tempfile::tempdir().unwrap();
    for (class, shade) in [("cats", 0.2), ("dogs", 0.25)] {
        std::fs::create_dir_all(folder.path().join(class)).unwrap();
        save(folder.path().join(class).join("one.png"), &Picture::filled(SHAPE, shade), false).unwrap();
    }
    let set = open(folder.path(), Some(SHAPE), Purpose::Measuring).unwrap();
    let one = Loader::quiet(|loader| Samples::new(set, &model, None, loader)).unwrap();
    let go = |plan: &Plan| evaluate(&model, &one, Some(&one), plan, &Cancel::new(), &mut |_| ());
    let evaluation = go(&plan()).unwrap();
    assert_eq!(evaluation.classes, 1);
    let levels = &tables(&evaluation)[0];
    let column = |name: &str| levels.head.iter().position(|head| *head == name).unwrap();
    assert_eq!([&levels.rows[0][column("accuracy")], &levels.rows[0][column("ECE")]], ["–", "–"]);
    assert!(levels.note.contains("denoiser") && levels.rows[0][column("denoised")].ends_with("dB"));
    let scores: Vec<Score> = evaluation.ood.iter().map(|figures| figures.score).collect();
    assert_eq!(scores, [Score::LogDensity, Score::ScoreNorm]);
    let attacks = vec!["pgd".parse().unwrap()];
    let certify = CertifyPlan { sigmas: vec![0.25], ..CertifyPlan::default() };
    for plan in [Plan { attacks, ..plan() }, Plan { certify, ..plan() }] {
        let error = go(&plan).unwrap_err();
        assert!(matches!(&error, Error::Option { .. }) && error.to_string().contains("denoiser"), "{error}");
    }
}

#[path = "bracket_tests.rs"]
mod brackets;
#[path = "journal_tests.rs"]
mod journals;
