//! Every attack against the Gaussian-mixture oracle, whose boundaries and gradients are known in closed form.

use super::*;
use crate::joint::{GaussianMixture, JointModel};
use crate::picture::{Batch, Shape};
use crate::task::Cancel;

const SHAPE: Shape = Shape::new(1, 4, 4);
pub(super) const SIGMA: f32 = 0.1;
const VARIANCE: f64 = 0.05;

/// Equal weights and isotropic covariances: the boundary between two classes is the plane halfway between their means.
pub(super) fn mixture(means: &[Vec<f64>]) -> GaussianMixture {
    let empty = GaussianMixture::new(SHAPE, means.len());
    means.iter().enumerate().fold(empty, |model, (class, mean)| model.with(class, 1.0, mean.clone(), VARIANCE))
}

/// Two classes, whose means differ by an uneven direction.
pub(super) fn two() -> GaussianMixture {
    mixture(&[mean_of(2, 0), mean_of(2, 1)])
}

/// Five classes.
pub(super) fn five() -> GaussianMixture {
    mixture(&(0..5).map(|class| mean_of(5, class)).collect::<Vec<_>>())
}

/// The mean of a class in the mixture of two or of five.
fn mean_of(classes: usize, class: usize) -> Vec<f64> {
    if classes == 2 { [mean(0.4, 0), mean(0.55, 3)][class].clone() } else { mean(0.35 + 0.06 * class as f64, class) }
}

pub(super) fn mean(base: f64, phase: usize) -> Vec<f64> {
    (0..16).map(|i| base + 0.12 * ((i * (phase + 2) + phase) % 5) as f64 / 4.0).collect()
}

/// Pictures near the means of the classes, with those as labels.
pub(super) fn pictures(model: &GaussianMixture, count: usize) -> (Batch, Vec<usize>) {
    let classes = model.classes().len();
    let labels: Vec<usize> = (0..count).map(|i| i % classes).collect();
    let values = labels.iter().enumerate().flat_map(|(i, &label)| {
        let base = mean_of(classes, label);
        base.into_iter().enumerate().map(move |(k, v)| (v + 0.02 * ((i * 7 + k * 3) % 5) as f64 / 4.0) as f32)
    });
    (Batch::new(SHAPE, values.collect()), labels)
}

pub(super) fn attack(model: &GaussianMixture, clean: &Batch, labels: &[usize], settings: &Settings) -> Vec<Outcome> {
    run(model, clean, labels, settings, &Cancel::new(), &mut |_| ()).unwrap()
}

/// The distance of a picture that is nearest to `own` to the plane halfway to `other`.
fn distance_to_plane(picture: &[f32], own: &[f64], other: &[f64]) -> f64 {
    let normal: Vec<f64> = other.iter().zip(own).map(|(b, a)| b - a).collect();
    let length = normal.iter().map(|n| n * n).sum::<f64>().sqrt();
    let middle = own.iter().zip(other).map(|(a, b)| f64::midpoint(*a, *b));
    middle.zip(picture).zip(&normal).map(|((m, x), n)| (m - f64::from(*x)) * n).sum::<f64>() / length
}

/// The distance of a picture of one of [`two`]'s classes to the boundary.
pub(super) fn distance_of_two(picture: &[f32], label: usize) -> f64 {
    distance_to_plane(picture, &mean_of(2, label), &mean_of(2, 1 - label))
}

#[test]
fn fgsm_is_the_sign_of_the_gradient() {
    let model = two();
    let (clean, labels) = pictures(&model, 6);
    let outcomes = attack(&model, &clean, &labels, &Settings::new(Method::Fgsm, SIGMA).within(Norm::Linf, 0.03));
    for (i, outcome) in outcomes.iter().enumerate() {
        let (own, other) = (mean_of(2, labels[i]), mean_of(2, 1 - labels[i]));
        for k in 0..16 {
            let way = if other[k] > own[k] {
                1.0
            } else if other[k] < own[k] {
                -1.0
            } else {
                0.0
            };
            let expected = f64::from(clean.row(i)[k]) + 0.03 * way;
            assert!((f64::from(outcome.attacked.values()[k]) - expected).abs() < 1e-6, "picture {i} value {k}");
        }
        assert_eq!(outcome.loss.len(), 2);
        assert!(outcome.loss[1] > outcome.loss[0]);
        assert!((outcome.achieved.linf - 0.03).abs() < 1e-6);
    }
}

#[test]
fn the_probability_margins_gradient_is_a_difference_of_denoisers() {
    // [p_r(D_r − D) − p_f(D_f − D)]/σ², up to the positive factor by which weights are scaled.
    let model = five();
    let (clean, labels) = pictures(&model, 5);
    let forward = model.forward(&clean, &[SIGMA; 5]).unwrap();
    let denoised = forward.denoised().unwrap();
    for (i, &label) in labels.iter().enumerate() {
        let (logits, posterior) = (forward.log_joint_of(i), forward.posterior_of(i));
        let goal = loss::Goal { label, target: None };
        let others = (0..5).filter(|&c| c != label);
        let rival = others.max_by(|&a, &b| posterior[a].total_cmp(&posterior[b])).unwrap();
        let (value, weights) = search::Want::Gradient(loss::Loss::PROBABILITY_MARGIN).cotangents(goal, logits);
        assert!((value - (posterior[rival] - posterior[label])).abs() < 1e-12);
        let mut all = vec![0.0; 25];
        all[i * 5..][..5].copy_from_slice(&weights);
        let gradient = forward.pullback(&all).unwrap();
        let as_class = forward.denoised_as(&[label, rival]).unwrap();
        let expected: Vec<f64> = (0..SHAPE.len())
            .map(|k| {
                let towards = |which: usize| f64::from(as_class.row(2 * i + which)[k] - denoised.row(i)[k]);
                posterior[rival] * towards(1) - posterior[label] * towards(0)
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let found: Vec<f64> = gradient.row(i).iter().map(|&g| f64::from(g)).collect();
        let cosine = dot(&found, &expected) / (dot(&found, &found) * dot(&expected, &expected)).sqrt();
        assert!(cosine > 1.0 - 1e-6, "picture {i}: {cosine}");
    }
}

#[test]
fn pma_finds_the_smallest_budget_of_a_plane() {
    // Two classes: in L∞ the nearest point of the plane Σ nᵢ(mᵢ − xᵢ) = 0 is Σ nᵢ(mᵢ − xᵢ)/Σ|nᵢ| away.
    let model = two();
    let (clean, labels) = pictures(&model, 4);
    let settings = Settings { mode: Mode::Smallest, ..Settings::new(Method::Pma, SIGMA) };
    for (i, outcome) in attack(&model, &clean, &labels, &settings).iter().enumerate() {
        let (own, other) = (mean_of(2, labels[i]), mean_of(2, 1 - labels[i]));
        let normal: Vec<f64> = other.iter().zip(&own).map(|(b, a)| b - a).collect();
        let length = |power: f64| normal.iter().map(|n| n.abs().powf(power)).sum::<f64>();
        let truth = distance_of_two(clean.row(i), labels[i]) * length(2.0).sqrt() / length(1.0);
        let found = outcome.achieved.linf;
        assert!(outcome.success && (truth - 1e-6..1.02 * truth).contains(&found), "{found} for {truth}");
    }
}

#[test]
fn leaving_out_rounds_changes_no_result() {
    // MI-FGSM without memory takes the same steps as BIM, since a sum of signs has no length that counts, and is not
    // watched for rounds. Steps of a third of the budget go to and fro about the nearest point of a target's class.
    let model = five();
    let (clean, labels) = pictures(&model, 5);
    let (mut fewer, mut rounds) = (0, 0);
    for target in [Target::None, Target::Class(3)] {
        for steps in (1..40).chain([100, 1001]) {
            let of = |method| {
                let settings = Settings { target, ..Settings::new(method, SIGMA).within(Norm::Linf, 0.3) };
                settings.with(parameters::STEPS, f64::from(steps)).unwrap().with(parameters::STEP_SIZE, 0.11).unwrap()
            };
            let plain = attack(&model, &clean, &labels, &of(Method::MiFgsm).with(parameters::DECAY, 0.0).unwrap());
            for (short, long) in attack(&model, &clean, &labels, &of(Method::Bim)).iter().zip(&plain) {
                assert!(short.attacked == long.attacked && short.success == long.success, "{steps} steps");
                assert!(short.steps <= long.steps && (long.steps == steps as usize || !short.is_needed()));
                fewer += usize::from(short.steps < long.steps);
                // In a round of more than one picture, the last steps still change it.
                let before = &short.loss[..short.steps];
                rounds += usize::from(
                    steps == 1001 && before.len() > 2 && before[before.len() - 1] != before[before.len() - 2],
                );
                assert!(steps < 1001 || short.steps < 200, "{}", short.steps);
            }
        }
    }
    assert!(fewer > 100 && rounds > 0, "{fewer} {rounds}");
}

#[test]
fn pgd_l2_walks_straight_to_the_edge_of_the_budget() {
    let model = two();
    let (clean, labels) = pictures(&model, 4);
    let settings = Settings::new(Method::Pgd, SIGMA).within(Norm::L2, 0.1).with(parameters::STEP_SIZE, 0.03).unwrap();
    let settings = settings.with(parameters::RANDOM_START, 0.0).unwrap();
    for (i, outcome) in attack(&model, &clean, &labels, &settings).iter().enumerate() {
        // The plane's normal is the gradient everywhere, so the whole budget brings the picture nearer to it.
        let before = distance_of_two(clean.row(i), labels[i]);
        let after = distance_of_two(outcome.attacked.values(), labels[i]);
        assert!((before - after - 0.1).abs() < 1e-5, "{before} to {after}");
    }
}

#[test]
fn minimal_attacks_find_the_true_distance() {
    let model = two();
    let (clean, labels) = pictures(&model, 4);
    let smallest = |settings: Settings| Settings { mode: Mode::Smallest, ..settings };
    let pgd = Settings::new(Method::Pgd, SIGMA).within(Norm::L2, 0.5).with(parameters::STEPS, 20.0).unwrap();
    let cw = Settings::new(Method::CarliniWagner, SIGMA).with(parameters::SEARCH_STEPS, 8.0).unwrap();
    let cw = cw.with(parameters::STEPS, 300.0).unwrap();
    let cases = [
        (Settings::new(Method::Deepfool, SIGMA), 0.0201),
        (smallest(Settings::new(Method::Deepfool, SIGMA)), 0.0011),
        (smallest(pgd.with(parameters::RANDOM_START, 0.0).unwrap()), 0.0011),
        (smallest(Settings::new(Method::Fgsm, SIGMA).within(Norm::L2, 0.01)), 0.0011),
        (cw, 0.02),
        (Settings::new(Method::Fab, SIGMA).within(Norm::L2, 0.5), 0.006),
        (smallest(Settings::new(Method::Fab, SIGMA).within(Norm::L2, 0.5)), 0.0011),
        (smallest(Settings::new(Method::ApgdCe, SIGMA).within(Norm::L2, 0.5)), 0.003),
    ];
    for (settings, tolerance) in cases {
        for (i, outcome) in attack(&model, &clean, &labels, &settings).iter().enumerate() {
            let truth = distance_of_two(clean.row(i), labels[i]);
            let excess = outcome.achieved.l2 / truth - 1.0;
            assert!(outcome.success, "{} {:?}", settings.method, outcome.warnings);
            assert!((-1e-5..tolerance).contains(&excess), "{}: {} for {truth}", settings.method, outcome.achieved.l2);
            assert_eq!(outcome.epsilon, None);
        }
    }
}

#[test]
fn the_nearest_of_many_boundaries_is_found() {
    let model = five();
    let (clean, labels) = pictures(&model, 5);
    let fab = Settings::new(Method::Fab, SIGMA).within(Norm::L2, 0.5);
    let cases = [
        (Settings::new(Method::Deepfool, SIGMA), 0.0201),
        (fab.clone().with(parameters::TARGETS, 0.0).unwrap(), 0.006),
        (fab.with(parameters::TARGETS, 4.0).unwrap(), 0.006),
    ];
    for (settings, tolerance) in cases {
        for (i, outcome) in attack(&model, &clean, &labels, &settings).iter().enumerate() {
            let others = (0..5).filter(|&class| class != labels[i]);
            let distances = others.map(|c| distance_to_plane(clean.row(i), &mean_of(5, labels[i]), &mean_of(5, c)));
            let nearest = distances.fold(f64::INFINITY, f64::min);
            let excess = outcome.achieved.l2 / nearest - 1.0;
            let what = format!("{} picture {i}: {} for {nearest}", settings.method, outcome.achieved.l2);
            assert!((-1e-5..tolerance).contains(&excess), "{what}");
        }
    }
}

/// Every method in every norm and goal that it takes, with few queries.
fn everything(classes: usize) -> Vec<Settings> {
    let mut all = Vec::new();
    for method in Method::ALL {
        let description = method.description();
        for (norm, _) in description.norms.iter().filter(|_| classes >= description.min_classes) {
            for target in [Target::None, Target::Class(1), Target::Random, Target::LeastLikely] {
                let mut settings = Settings { target, seed: 5, ..Settings::new(method, SIGMA) };
                (settings.norm, settings.epsilon) = (*norm, if *norm == Norm::L2 { 0.4 } else { 0.15 });
                for (name, value) in
                    [(parameters::STEPS, 12.0), (parameters::QUERIES, 60.0), (parameters::TARGETS, 2.0)]
                {
                    let _ = settings.set(name, value);
                }
                all.push(settings);
            }
        }
    }
    all
}

#[test]
fn budgets_hold_and_reports_are_true() {
    let model = five();
    let (mut clean, labels) = pictures(&model, 7);
    // Values at the ends of the range, which may move one way only.
    for (value, end) in clean.row_mut(6).iter_mut().zip([0.0, 1.0, 0.5, 0.0].into_iter().cycle()) {
        *value = end;
    }
    for settings in everything(5) {
        let outcomes = attack(&model, &clean, &labels, &settings);
        for (i, outcome) in outcomes.iter().enumerate() {
            let name = format!("{} {} {:?}", settings.method, settings.norm, settings.target);
            assert!(outcome.attacked.values().iter().all(|v| (0.0..=1.0).contains(v)), "{name}");
            assert_eq!(outcome.achieved, Distance::between(&clean.picture(i), &outcome.attacked));
            if let Some(epsilon) = outcome.epsilon {
                assert!(outcome.achieved.in_norm(settings.norm) <= epsilon + 1e-6, "{name}");
            }
            let forward = model.forward(&Batch::of([&outcome.attacked]), &[SIGMA]).unwrap();
            let posterior = forward.posterior_of(0);
            let differ = posterior.iter().zip(&outcome.posterior_after).any(|(a, b)| (a - b).abs() > 1e-12);
            assert!(!differ, "{name}");
            let reached = match outcome.target {
                Some(target) => outcome.predicted_after == target && target != outcome.label,
                None => outcome.predicted_after != outcome.label,
            };
            assert_eq!(outcome.success, reached, "{name}");
            assert_eq!(outcome.loss.len(), outcome.steps + 1, "{name}");
            assert!(outcome.loss.iter().all(|l| l.is_finite()), "{name}");
        }
    }
}

#[test]
fn strong_attacks_succeed_where_the_budget_allows() {
    let model = five();
    let (clean, labels) = pictures(&model, 5);
    for settings in everything(5) {
        let strong = !matches!(settings.method, Method::GaussianNoise | Method::Square | Method::Fgsm);
        if strong && settings.target == Target::None {
            let name = format!("{} {}", settings.method, settings.norm);
            let wide = Settings { epsilon: 4.0 * settings.epsilon, ..settings };
            let successes = attack(&model, &clean, &labels, &wide).iter().filter(|o| o.success).count();
            assert_eq!(successes, 5, "{name}");
        }
    }
}

#[test]
fn targets_are_reached() {
    let model = five();
    let (clean, labels) = pictures(&model, 5);
    for method in [Method::Pgd, Method::ApgdT, Method::ApgdDlr, Method::Deepfool, Method::Square, Method::CarliniWagner]
    {
        let norm = if method == Method::Square { Norm::Linf } else { Norm::L2 };
        let mut settings = Settings::new(method, SIGMA).within(norm, if norm == Norm::L2 { 2.0 } else { 0.4 });
        if method == Method::CarliniWagner {
            settings = settings.with(parameters::SEARCH_STEPS, 6.0).unwrap().with(parameters::STEPS, 200.0).unwrap();
        }
        for target in [Target::Class(3), Target::Random, Target::LeastLikely] {
            for outcome in attack(&model, &clean, &labels, &Settings { target, ..settings.clone() }) {
                if outcome.target != Some(outcome.label) {
                    assert!(outcome.success, "{method} {target:?} from {}", outcome.label);
                    assert_eq!(Some(outcome.predicted_after), outcome.target);
                }
            }
        }
    }
}

#[test]
fn a_set_gives_the_same_whatever_batches_it_is_cut_into() {
    let model = five();
    let (clean, labels) = pictures(&model, 5);
    for settings in everything(5).into_iter().filter(|s| matches!(s.target, Target::None | Target::Random)) {
        let whole = attack(&model, &clean, &labels, &settings);
        for (i, expected) in whole.iter().enumerate() {
            let one = Settings { first: i as u64, ..settings.clone() };
            let single = attack(&model, &Batch::of([&clean.picture(i)]), &labels[i..=i], &one);
            assert_eq!(&single[0], expected, "{} {} picture {i}", settings.method, settings.norm);
        }
    }
}

#[test]
fn seeds_matter_and_repeat() {
    let model = five();
    let (clean, labels) = pictures(&model, 2);
    for method in [Method::Pgd, Method::ApgdCe, Method::Square, Method::GaussianNoise] {
        let at = |seed, first| {
            let mut settings = Settings { seed, first, ..Settings::new(method, SIGMA).within(Norm::L2, 0.03) };
            // On so plain a model many steps forget where they began.
            let _ = settings.set(parameters::STEPS, 1.0);
            let _ = settings.set(parameters::QUERIES, 1.0);
            attack(&model, &clean, &labels, &settings)
        };
        assert_eq!(at(1, 0), at(1, 0), "{method}");
        assert_ne!(at(1, 0)[0].attacked, at(2, 0)[0].attacked, "{method}");
        assert_ne!(at(1, 0)[0].attacked, at(1, 1)[0].attacked, "{method}: each of a set draws numbers of its own");
    }
}

#[test]
fn the_observer_sees_every_step_and_can_cancel() {
    let model = two();
    let (clean, labels) = pictures(&model, 2);
    let settings = Settings { keep_trajectory: true, ..Settings::new(Method::Pgd, SIGMA).within(Norm::L2, 1.0) };
    let mut seen = Vec::new();
    let outcomes = run(&model, &clean, &labels, &settings, &Cancel::new(), &mut |step| {
        assert_eq!(step.attacked.len(), SHAPE.len());
        seen.push((step.picture, step.step, step.loss));
    })
    .unwrap();
    assert_eq!(seen.len(), 20);
    for outcome in &outcomes {
        assert_eq!(outcome.trajectory.len(), 11);
        assert_eq!(outcome.trajectory.last(), Some(&outcome.attacked));
        assert_eq!((outcome.steps, outcome.queries, outcome.gradients), (10, 12, 10));
    }
    assert!(seen.iter().all(|&(picture, step, loss)| outcomes[picture].loss[step].to_bits() == loss.to_bits()));

    let cancel = Cancel::new();
    let mut steps = 0;
    let result = run(&model, &clean, &labels, &settings, &cancel, &mut |_| {
        steps += 1;
        cancel.raise();
    });
    assert!(matches!(result, Err(crate::Error::Cancelled)));
    assert_eq!(steps, 2, "one step of two pictures");
}

#[test]
fn what_cannot_be_attacked_is_said() {
    let model = two();
    let (clean, labels) = pictures(&model, 2);
    let fgsm = Settings::new(Method::Fgsm, SIGMA);
    let fails = |clean: &Batch, labels: &[usize], settings: &Settings| {
        run(&model, clean, labels, settings, &Cancel::new(), &mut |_| ()).unwrap_err().to_string()
    };
    assert!(fails(&clean, &[0], &fgsm).contains("labels"));
    assert!(fails(&clean, &[0, 2], &fgsm).contains("label 2"));
    let mut outside = clean.clone();
    outside.values_mut()[0] = 1.5;
    assert!(fails(&outside, &labels, &fgsm).contains("[0, 1]"));
    assert!(fails(&clean, &labels, &Settings::new(Method::ApgdDlr, SIGMA)).contains("3 classes"));
}

#[test]
fn doubts_are_reported() {
    // One class's mean is the other's: no gradient anywhere.
    let blind = mixture(&[mean(0.5, 1), mean(0.5, 1)]);
    let (clean, _) = pictures(&two(), 1);
    let outcome = &attack(&blind, &clean, &[0], &Settings::new(Method::Pgd, SIGMA))[0];
    assert!(outcome.warnings.contains(&Warning::ZeroGradient));
    assert!(!outcome.success);
    let wide = Settings { mode: Mode::Smallest, ..Settings::new(Method::Fgsm, 1e-4) };
    let outcome = &attack(&blind, &clean, &[0], &wide)[0];
    assert!(outcome.warnings.contains(&Warning::SigmaOutsideRange { asked: 1e-4, used: 1e-3 }));
    assert!(outcome.warnings.contains(&Warning::NoBudgetFound));
}

#[test]
fn the_ensemble_tries_every_part_until_one_succeeds() {
    let model = five();
    let (clean, labels) = pictures(&model, 2);
    let settings = Settings::new(Method::Autoattack, SIGMA).within(Norm::L2, 1e-3);
    let settings = settings.with(parameters::STEPS, 5.0).unwrap().with(parameters::QUERIES, 30.0).unwrap();
    for outcome in attack(&model, &clean, &labels, &settings.with(parameters::TARGETS, 2.0).unwrap()) {
        // A start and 5 steps of APGD-CE and towards each of 2 targets, 5 steps of FAB towards each, which fool the model
        // beyond the budget, so each is followed by a look back, a start and 30 squares, and a look after each part but the last.
        assert!(!outcome.success);
        assert_eq!(outcome.steps, 6 + 1 + 2 * 6 + 1 + 2 * 10 + 1 + 31);
    }
}

#[test]
fn the_control_keeps_the_draw_that_hurts_most() {
    let model = five();
    let (clean, labels) = pictures(&model, 3);
    let settings = Settings::new(Method::GaussianNoise, SIGMA).within(Norm::L2, 0.02);
    for outcome in attack(&model, &clean, &labels, &settings.with(parameters::QUERIES, 40.0).unwrap()) {
        assert!(!outcome.success && outcome.steps == 40);
        let (kept, tried) = outcome.loss.split_last().unwrap();
        let most = tried.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!((kept - most).abs() < 1e-12 && tried.iter().any(|loss| *loss < most), "{:?}", outcome.loss);
    }
}

#[test]
fn a_target_that_is_missed_for_another_class_is_told_from_a_picture_that_holds() {
    // Three classes on a line: on the way from the first to the last the second lies between.
    let shade = |shade: f64| vec![shade; 16];
    let model = mixture(&[shade(0.2), shade(0.5), shade(0.8)]);
    let clean = Batch::new(SHAPE, vec![0.2; 16]);
    let towards = |epsilon: f64| {
        let settings = Settings::new(Method::Pgd, SIGMA).within(Norm::Linf, epsilon).with("step-size", 0.1).unwrap();
        let settings = Settings { target: Target::Class(2), ..settings };
        let outcome = attack(&model, &clean, &[0], &settings).remove(0);
        (outcome.predicted_after, outcome.success, outcome.strayed())
    };
    // The boundaries are at 0.35 and 0.65.
    assert_eq!(towards(0.1), (0, false, false));
    assert_eq!(towards(0.3), (1, false, true));
    assert_eq!(towards(0.5), (2, true, false));
}
