//! Attacks whose steps the model does by itself end where they do step by step.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::tests::{SIGMA, five, pictures};
use super::*;
use crate::engine::plainly;
use crate::joint::{Ascended, Ascent, Forward, GaussianMixture, JointModel, SigmaRange};
use crate::picture::{Batch, Shape};
use crate::task::Cancel;
use crate::{Result, joint};

/// The mixture of five, which does so many steps at a go, and likes as many pictures at once.
struct Climbing {
    model: GaussianMixture,
    at_a_go: usize,
    goes: AtomicUsize,
    /// The most pictures that it was given at once.
    most: AtomicUsize,
}

impl Climbing {
    fn new(at_a_go: usize) -> Self {
        Self { model: five(), at_a_go, goes: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }
}

impl JointModel for Climbing {
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
        self.most.fetch_max(noisy.len(), Ordering::Relaxed);
        self.model.forward(noisy, sigmas)
    }

    fn at_once(&self, _: Shape) -> usize {
        self.at_a_go
    }

    fn ascend(&self, start: &Batch, sigma: f32, ascent: &Ascent<'_>) -> Result<Option<Ascended>> {
        self.goes.fetch_add(1, Ordering::Relaxed);
        let some = Ascent { steps: ascent.steps.min(self.at_a_go), ..*ascent };
        Ok(Some(plainly(start.values(), &some, &mut |values, cotangents| {
            let batch = Batch::new(start.shape(), values.to_vec());
            let forward = self.model.forward(&batch, &vec![sigma; batch.len()]).unwrap();
            // Of what the classes share nothing is left in single precision.
            let logits: Vec<f64> =
                forward.log_joint().chunks_exact(self.classes().len()).flat_map(joint::log_softmax).collect();
            forward.pullback(&cotangents(&logits)).unwrap().values().to_vec()
        })))
    }
}

/// Everything that a step shows.
type Shown = (usize, usize, f64, usize, Vec<f32>);

fn attacked(
    model: &dyn JointModel,
    settings: &Settings,
    labels: &[usize],
    clean: &Batch,
) -> (Vec<Outcome>, Vec<Shown>) {
    let mut shown = Vec::new();
    let outcomes = run(model, clean, labels, settings, &Cancel::new(), &mut |step| {
        shown.push((step.picture, step.step, step.loss, step.predicted, step.attacked.to_vec()));
    });
    // In rounds of all pictures, or of one after the other: either is as good.
    shown.sort_by_key(|(picture, step, ..)| (*picture, *step));
    (outcomes.unwrap(), shown)
}

fn near(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-5)
}

#[test]
fn steps_that_the_model_does_end_where_asked_steps_do() {
    let (clean, mut labels) = pictures(&five(), 6);
    // One that is taken for another class from the beginning.
    labels[5] = 3;
    let (mut ended_early, mut restarted, mut left_out) = (0, 0, 0);
    for (method, norm, epsilon) in [
        (Method::Fgsm, Norm::Linf, 0.03),
        (Method::Bim, Norm::Linf, 0.05),
        (Method::Pgd, Norm::Linf, 0.02),
        (Method::Pgd, Norm::L2, 0.3),
        (Method::Pgd, Norm::L2, 0.05),
    ] {
        for (early, restarts, target) in [
            (0.0, 1.0, Target::None),
            (1.0, 1.0, Target::None),
            (0.0, 3.0, Target::LeastLikely),
            (1.0, 2.0, Target::Class(3)),
        ] {
            let mut settings = Settings { target, ..Settings::new(method, SIGMA).within(norm, epsilon) };
            for (name, value) in [
                (parameters::STEPS, 30.0),
                (parameters::STEP_SIZE, epsilon / 5.0),
                (parameters::EARLY_STOP, early),
                (parameters::RESTARTS, restarts),
            ] {
                // What the method does not take it does without.
                let _ = settings.set(name, value);
            }
            let (truth, shown) = attacked(&five(), &settings, &labels, &clean);
            for at_a_go in [1, 7, 1000] {
                let what = format!("{method} {norm} {epsilon}, {early} {restarts} {target:?}, {at_a_go} at a go");
                let model = Climbing::new(at_a_go);
                let (found, seen) = attacked(&model, &settings, &labels, &clean);
                let goes = model.goes.load(Ordering::Relaxed);
                assert!(goes > 0, "{what}");
                for (a, b) in found.iter().zip(&truth) {
                    assert!(near(a.attacked.values(), b.attacked.values()), "{what}");
                    assert!(norm != Norm::Linf || a.attacked == b.attacked, "{what}: the same bits");
                    assert!(a.achieved.in_norm(norm) <= epsilon + 1e-6, "{what}: {:?}", a.achieved);
                    assert_eq!(
                        (a.success, a.predicted_after, a.steps),
                        (b.success, b.predicted_after, b.steps),
                        "{what}"
                    );
                    assert_eq!((a.queries, a.gradients, &a.warnings), (b.queries, b.gradients, &b.warnings), "{what}");
                    ended_early += usize::from(early > 0.0 && a.steps < 30);
                    restarted += usize::from(a.steps > 30);
                    left_out += usize::from(early == 0.0 && a.steps < 30 && method != Method::Fgsm);
                }
                assert_eq!(seen.len(), shown.len(), "{what}");
                for (a, b) in seen.iter().zip(&shown) {
                    assert_eq!((a.0, a.1, a.3), (b.0, b.1, b.3), "{what}");
                    assert!((a.2 - b.2).abs() < 1e-3 * (1.0 + b.2.abs()) && near(&a.4, &b.4), "{what}");
                }
            }
        }
    }
    assert!(ended_early > 0 && restarted > 0 && left_out > 0, "{ended_early} {restarted} {left_out}");
}

#[test]
fn what_needs_more_than_the_gradient_is_asked_step_by_step() {
    let (clean, labels) = pictures(&five(), 2);
    let model = Climbing::new(10);
    let usual = |method| Settings::new(method, SIGMA).within(method.description().norms[0].0, 0.05);
    for settings in [
        usual(Method::MiFgsm),
        Settings { defence: Defence::VOTE, ..usual(Method::Fgsm) },
        Settings { mode: Mode::Smallest, ..usual(Method::Fgsm) },
    ] {
        let (found, _) = attacked(&model, &settings, &labels, &clean);
        assert_eq!(found, attacked(&five(), &settings, &labels, &clean).0);
        assert_eq!(model.goes.load(Ordering::Relaxed), 0, "{settings:?}");
    }
}

#[test]
fn a_certificate_gives_a_model_as_many_pictures_as_it_likes() {
    let clean = pictures(&five(), 1).0.picture(0);
    let smoothing = Smoothing { samples: 2000, batch: 50, ..Smoothing::new(0.25) };
    let certificate = |model: &dyn JointModel| {
        certify(model, &clean, &smoothing, &Cancel::new(), &mut |_| std::ops::ControlFlow::Continue(())).unwrap()
    };
    let truth = certificate(&five());
    for (likes, most) in [(1, 50), (50, 50), (300, 300)] {
        let model = Climbing::new(likes);
        assert_eq!(certificate(&model), truth, "{likes}");
        assert_eq!(model.most.load(Ordering::Relaxed), most);
    }
}
