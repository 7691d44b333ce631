//! Every method with every norm, target, defence and number of classes: a result or a clear error, and true figures.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::tests::{SIGMA, attack, distance_of_two, mean, mixture, pictures, two};
use super::*;
use crate::joint::{Forward, GaussianMixture, JointModel, SigmaRange};
use crate::picture::{Batch, Picture, Shape};
use crate::task::Cancel;
use crate::{Error, Result};

fn of_classes(classes: usize) -> GaussianMixture {
    mixture(&(0..classes).map(|class| mean(0.3 + 0.05 * class as f64, class)).collect::<Vec<_>>())
}

const DEFENCES: [Defence; 5] = [
    Defence::None,
    Defence::FixedNoise { seed: 4 },
    Defence::Vote { draws: 2, votes: 3, fixed: false },
    Defence::Purification { sigma: 0.1, rounds: 2, through: Through::Jacobian, draws: 2, votes: 3, fixed: true },
    Defence::Purification { sigma: 0.1, rounds: 1, through: Through::Straight, draws: 1, votes: 2, fixed: false },
];

/// Settings for few steps of each method, whether or not it takes the norm.
fn quick(method: Method, norm: Norm) -> Settings {
    let mut settings = Settings::new(method, SIGMA).within(norm, if norm == Norm::L2 { 0.4 } else { 0.15 });
    for (name, value) in [(parameters::STEPS, 3.0), (parameters::QUERIES, 4.0), (parameters::TARGETS, 2.0)] {
        let _ = settings.set(name, value);
    }
    settings
}

/// Checks what holds of every outcome.
fn check(outcome: &Outcome, clean: &Picture, what: &str) {
    let sum = |posterior: &[f64]| posterior.iter().sum::<f64>();
    assert!((sum(&outcome.posterior_before) - 1.0).abs() < 1e-9 && (sum(&outcome.posterior_after) - 1.0).abs() < 1e-9);
    assert!(outcome.loss.iter().all(|loss| loss.is_finite()), "{what}");
    let fooled = outcome.predicted_after != outcome.label;
    let as_asked = outcome.target.is_none_or(|target| outcome.predicted_after == target);
    assert_eq!(outcome.success, fooled && as_asked, "{what}");
    if outcome.target == Some(outcome.label) {
        assert_eq!((outcome.verdict(), outcome.success, outcome.steps), ("not needed", false, 0), "{what}");
        assert!(outcome.attacked == *clean && outcome.warnings.contains(&Warning::TargetIsLabel), "{what}");
    } else {
        assert_eq!(outcome.verdict(), if outcome.success { "succeeded" } else { "failed" }, "{what}");
    }
}

#[test]
fn every_combination_gives_a_result_or_a_clear_error() {
    let clean = Batch::of(&[0.35, 0.5, 0.9].map(|value| Picture::filled(Shape::new(1, 4, 4), value)));
    let (mut results, mut refusals) = (0, 0);
    for classes in [1, 2, 3, 4, 10] {
        let model = of_classes(classes);
        let labels = [0, 1 % classes, classes - 1];
        let targets = [
            Target::None,
            Target::Class(0),
            Target::Class(classes - 1),
            Target::Class(classes),
            Target::Random,
            Target::LeastLikely,
        ];
        for method in Method::ALL {
            let entry = method.description();
            for (norm, target, defence) in Norm::ALL
                .into_iter()
                .flat_map(|norm| targets.into_iter().map(move |target| (norm, target)))
                .flat_map(|(norm, target)| DEFENCES.map(|defence| (norm, target, defence)))
            {
                let least = if method == Method::ApgdDlr && target != Target::None { 4 } else { entry.min_classes };
                let taken = entry.epsilon(norm).is_some() && target != Target::Class(classes) && classes >= least;
                let modes = if defence == Defence::None { &[Mode::Fixed, Mode::Smallest][..] } else { &[Mode::Fixed] };
                for &mode in modes {
                    let what = format!("{method} {norm} {target:?} {mode:?} {defence}, {classes} classes");
                    let settings = Settings { target, defence, mode, seed: 3, ..quick(method, norm) };
                    match run(&model, &clean, &labels, &settings, &Cancel::new(), &mut |_| ()) {
                        Ok(outcomes) => {
                            assert!(taken, "{what} should be refused");
                            results += 1;
                            outcomes.iter().enumerate().for_each(|(i, o)| check(o, &clean.picture(i), &what));
                        }
                        Err(Error::Option { reason, .. }) => {
                            assert!(!taken, "{what}: {reason}");
                            refusals += 1;
                            assert!(classes > 1 || reason.contains("denoiser"), "{what}: {reason}");
                        }
                        Err(other) => panic!("{what}: {other}"),
                    }
                }
            }
        }
    }
    assert!(results > 2000 && refusals > 1000, "{results} {refusals}");
}

#[test]
fn one_class_is_nothing_to_certify() {
    let clean = Picture::filled(Shape::new(1, 4, 4), 0.5);
    let continues = &mut |_: &Certificate| std::ops::ControlFlow::Continue(());
    let error = certify(&of_classes(1), &clean, &Smoothing::new(0.25), &Cancel::new(), continues).unwrap_err();
    assert!(error.to_string().starts_with("--model: a certificate needs classes to tell apart"), "{error}");
}

#[test]
fn a_target_that_is_the_label_needs_no_attack_even_where_the_model_errs() {
    // The model takes the picture for class 1; to make it say the label 0 would mend it, not fool it.
    let model = two();
    let (clean, _) = pictures(&model, 2);
    let settings = Settings { target: Target::Class(0), ..Settings::new(Method::Pgd, SIGMA).within(Norm::L2, 3.0) };
    let outcomes = attack(&model, &clean, &[0, 0], &settings);
    for (outcome, said) in outcomes.iter().zip([0, 1]) {
        assert_eq!((outcome.predicted_before, outcome.predicted_after, outcome.success), (said, said, false));
        assert_eq!((outcome.achieved.l2, outcome.queries, outcome.gradients), (0.0, 2, 0));
    }
}

#[test]
fn kappa_is_the_lead_that_the_other_class_must_have() {
    let model = two();
    let (clean, labels) = pictures(&model, 2);
    // The log-odds of two equal Gaussians fall linearly along the line between their means, by ‖Δμ‖/(v + σ²) a unit length.
    let means = [mean(0.4, 0), mean(0.55, 3)];
    let apart = means[0].iter().zip(&means[1]).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    let slope = apart / (0.05 + f64::from(SIGMA).powi(2));
    let usual = Settings::new(Method::CarliniWagner, SIGMA).with(parameters::SEARCH_STEPS, 8.0).unwrap();
    let usual = usual.with(parameters::STEPS, 300.0).unwrap();
    for kappa in [0.0, 0.5, 2.0] {
        for mode in [Mode::Fixed, Mode::Smallest] {
            let settings = Settings { mode, ..usual.clone().with(parameters::KAPPA, kappa).unwrap() };
            for (i, outcome) in attack(&model, &clean, &labels, &settings).iter().enumerate() {
                let lead = |p: &[f64]| (p[1 - labels[i]] / p[labels[i]]).ln();
                let found = lead(&outcome.posterior_after);
                assert!(outcome.success && found > kappa - 1e-4, "{found} for {kappa}");
                let shortest = distance_of_two(clean.row(i), labels[i]) + kappa / slope;
                let length = outcome.achieved.l2;
                assert!(length > 0.999 * shortest && length < 1.1 * shortest, "{mode:?}: {length} for {shortest}");
            }
        }
    }
    // A lead that no picture in [0, 1] has: failed, though many a picture on the way was taken for the other class.
    let settings = usual.with(parameters::KAPPA, 1000.0).unwrap();
    for outcome in attack(&model, &clean, &labels, &settings) {
        assert!(!outcome.success && outcome.achieved.l0 == 0);
    }
}

/// A model that counts what it is asked.
struct Counting {
    model: GaussianMixture,
    forward: AtomicUsize,
    adjoint: AtomicUsize,
}

struct Counted<'a> {
    forward: Box<dyn Forward + 'a>,
    count: &'a AtomicUsize,
}

impl JointModel for Counting {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn device(&self) -> String {
        self.model.device()
    }

    fn digest(&self) -> String {
        self.model.digest()
    }

    fn classes(&self) -> &[String] {
        self.model.classes()
    }

    fn shape(&self) -> Shape {
        self.model.shape()
    }

    fn sigma_range(&self) -> SigmaRange {
        self.model.sigma_range()
    }

    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        self.forward.fetch_add(noisy.len(), Ordering::Relaxed);
        Ok(Box::new(Counted { forward: self.model.forward(noisy, sigmas)?, count: &self.adjoint }))
    }
}

impl Forward for Counted<'_> {
    fn noisy(&self) -> &Batch {
        self.forward.noisy()
    }

    fn sigmas(&self) -> &[f32] {
        self.forward.sigmas()
    }

    fn log_joint(&self) -> &[f64] {
        self.forward.log_joint()
    }

    fn pullback(&self, cotangents: &[f32]) -> Result<Batch> {
        let gradients = self.forward.pullback(cotangents)?;
        self.count.fetch_add(gradients.len(), Ordering::Relaxed);
        Ok(gradients)
    }
}

#[test]
fn queries_and_gradients_are_what_the_model_was_asked() {
    let model = Counting { model: of_classes(5), forward: AtomicUsize::new(0), adjoint: AtomicUsize::new(0) };
    let clean = Batch::of(&[Picture::filled(Shape::new(1, 4, 4), 0.4)]);
    let label = attack(&model.model, &clean, &[0], &quick(Method::Fgsm, Norm::Linf))[0].predicted_before;
    for method in Method::ALL {
        for defence in DEFENCES {
            let settings = Settings { defence, ..quick(method, method.description().norms[0].0) };
            let outcomes = run(&model, &clean, &[label], &settings, &Cancel::new(), &mut |_| ()).unwrap();
            let asked = [&model.forward, &model.adjoint].map(|count| count.swap(0, Ordering::Relaxed));
            assert_eq!([outcomes[0].queries, outcomes[0].gradients], asked, "{method} {defence}");
            // Under noise the picture may be taken for another class already.
            assert!(outcomes[0].steps > 0 || defence != Defence::None, "{method}");
        }
    }
    // In plain numbers: one step of 8 draws, and a vote of 100 before and after.
    let settings = Settings { defence: Defence::VOTE, ..Settings::new(Method::Fgsm, SIGMA) };
    let outcome = &run(&model, &clean, &[label], &settings, &Cancel::new(), &mut |_| ()).unwrap()[0];
    assert_eq!((outcome.queries, outcome.gradients), (8 + 2 * 100, 8));
}

#[test]
fn a_kept_trajectory_is_bounded() {
    let model = two();
    let (clean, labels) = pictures(&model, 1);
    let settings = Settings { keep_trajectory: true, ..Settings::new(Method::Square, SIGMA).within(Norm::Linf, 1e-4) };
    let outcome = &attack(&model, &clean, &labels, &settings)[0];
    assert!(!outcome.success && outcome.steps == 5001, "{}", outcome.steps);
    // Steps 0 to 5000 and the attacked picture: every eighth, and the last.
    let trajectory = &outcome.trajectory;
    assert_eq!((trajectory.seen(), trajectory.len()), (5002, 5001_usize.div_ceil(8) + 1));
    assert!(trajectory.last() == Some(&outcome.attacked) && trajectory.get(1).is_some_and(|(step, _)| step == 8));
}
