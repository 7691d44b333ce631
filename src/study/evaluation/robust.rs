//! Accuracy under attack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::exact::Bits;
use super::work::Measure;
use super::{AttackPlan, Samples, exact};
use crate::Result;
use crate::attack::{self, Defence, Method, Norm, Outcome, Settings, Target, Warning};
use crate::joint::JointModel;
use crate::picture::{Batch, Picture};
use crate::task::Cancel;

/// The figures of one attack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RobustFigures {
    /// The attack.
    pub method: Method,
    /// The norm of its budget.
    pub norm: Norm,
    /// The requested budget.
    pub epsilon: f64,
    /// The method's parameters where they differ from its defaults.
    pub parameters: BTreeMap<String, f64>,
    /// What stands before the classifier. The attack knows it: its gradients are taken through it, as the mean over draws
    /// of its noise, and both accuracies are those of the defended classifier.
    pub defence: Defence,
    /// What each picture was to be taken for; left out where any other class will do.
    #[serde(skip_serializing_if = "is_any")]
    pub target: Target,
    /// The noise level that the attacked classifier assumes.
    pub sigma: f32,
    /// The share of pictures that are classified rightly after the attack; one that was wrong before counts as wrong. A
    /// perturbation beyond ε, which a minimal attack may need, does not count as a success.
    pub accuracy: f64,
    /// The share that is classified rightly before it.
    pub clean_accuracy: f64,
    /// The mean size of the successful perturbations, in the norm; null if there is none.
    pub mean_achieved: Option<f64>,
    /// What a person should know before trusting the number, each with how many pictures it concerns.
    pub warnings: Vec<String>,
}

fn is_any(target: &Target) -> bool {
    *target == Target::None
}

/// What is kept of each picture.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// Whether it was classified rightly before.
    right: bool,
    /// Whether it no longer is, by a perturbation within the budget.
    broken: bool,
    /// The perturbation's size.
    #[serde(with = "exact")]
    size: f64,
    warnings: Vec<String>,
}

impl Attempt {
    /// Whether one that was read can be.
    pub(super) fn is_sound(&self) -> bool {
        self.size.is_finite() && self.size >= 0.0
    }
}

/// One attack, as the figures name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AttackFrame {
    method: Method,
    norm: Norm,
    epsilon: Bits,
    parameters: BTreeMap<String, Bits>,
    defence: Defence,
    #[serde(default, skip_serializing_if = "is_any")]
    target: Target,
    sigma: f32,
}

/// A set of pictures under one attack.
pub(super) struct Attacked<'a> {
    pub(super) model: &'a dyn JointModel,
    pub(super) samples: &'a Samples,
    pub(super) attack: &'a AttackPlan,
    pub(super) seed: u64,
}

impl Attacked<'_> {
    pub(super) fn frame(&self) -> AttackFrame {
        let AttackPlan { method, norm, epsilon, defence, target, ref parameters, .. } = *self.attack;
        AttackFrame {
            method,
            norm,
            epsilon: Bits(epsilon),
            parameters: parameters.iter().map(|(name, value)| (name.clone(), Bits(*value))).collect(),
            defence,
            target,
            sigma: self.attack.settings(self.model, self.seed).sigma,
        }
    }
}

impl AttackFrame {
    /// The figures of all pictures' attempts.
    pub(super) fn figures(&self, attempts: &[Attempt]) -> RobustFigures {
        let share = |holds: &dyn Fn(&Attempt) -> bool| {
            attempts.iter().filter(|attempt| holds(attempt)).count() as f64 / attempts.len().max(1) as f64
        };
        let achieved: Vec<f64> = attempts.iter().filter(|a| a.right && a.broken).map(|a| a.size).collect();
        let mut warnings: Vec<(&str, usize)> = Vec::new();
        for warning in attempts.iter().flat_map(|attempt| &attempt.warnings) {
            match warnings.iter_mut().find(|(text, _)| text == warning) {
                Some((_, count)) => *count += 1,
                None => warnings.push((warning, 1)),
            }
        }
        let Self { method, norm, epsilon, defence, target, sigma, .. } = *self;
        RobustFigures {
            method,
            norm,
            epsilon: epsilon.0,
            parameters: self.parameters.iter().map(|(name, value)| (name.clone(), value.0)).collect(),
            defence,
            target,
            sigma,
            accuracy: share(&|a| a.right && !a.broken),
            clean_accuracy: share(&|a| a.right),
            mean_achieved: (!achieved.is_empty()).then(|| achieved.iter().sum::<f64>() / achieved.len() as f64),
            warnings: warnings.into_iter().map(|(text, count)| format!("{text} ({count} pictures)")).collect(),
        }
    }
}

impl Measure for Attacked<'_> {
    type Record = Attempt;

    fn name(&self) -> String {
        self.attack.to_string()
    }

    fn settings(&self) -> Value {
        json!({"measure": "attack", "settings": self.attack.settings(self.model, self.seed)})
    }

    fn samples(&self) -> &Samples {
        self.samples
    }

    fn rows(&self) -> usize {
        self.attack.defence.rows()
    }

    fn is_sound(&self, record: &Attempt) -> bool {
        record.is_sound()
    }

    fn measure(&self, numbers: &[usize], cancel: &Cancel) -> Result<Vec<Attempt>> {
        let settings = self.attack.settings(self.model, self.seed);
        let mut outcomes = Vec::with_capacity(numbers.len());
        // A picture's random numbers are drawn by its number, so those whose numbers follow each other go together.
        for run in numbers.chunk_by(|a, b| a + 1 == *b) {
            let settings = Settings { first: run[0] as u64, ..settings.clone() };
            let pictures: Vec<Picture> = run.iter().map(|&index| self.samples.picture(index)).collect::<Result<_>>()?;
            let labels: Vec<usize> = run.iter().map(|&index| self.samples.label(index)).collect();
            outcomes.extend(attack::run(self.model, &Batch::of(&pictures), &labels, &settings, cancel, &mut |_| ())?);
        }
        let attempt = |outcome: Outcome| {
            let size = outcome.achieved.in_norm(settings.norm);
            Attempt {
                right: outcome.predicted_before == outcome.label,
                // A class that is neither its own nor the target breaks it as well.
                broken: outcome.predicted_after != outcome.label && size <= settings.epsilon + 1e-6,
                size,
                warnings: outcome.warnings.iter().map(ToString::to_string).collect(),
            }
        };
        Ok(outcomes.into_iter().map(attempt).collect())
    }
}

/// Doubts the gradients where an attack without them breaks more pictures than every one with them, within the same budget.
pub(super) fn doubt_gradients(all: &mut [RobustFigures]) {
    let known = all.to_vec();
    for blind in all.iter_mut().filter(|figures| !figures.method.description().gradient) {
        let same = |other: &&RobustFigures| {
            (other.norm, other.epsilon, other.defence, other.sigma)
                == (blind.norm, blind.epsilon, blind.defence, blind.sigma)
        };
        let seeing = known.iter().filter(|other| other.method.description().gradient).filter(same);
        let best = seeing.map(|other| other.accuracy).fold(f64::INFINITY, f64::min);
        if best.is_finite() && blind.accuracy < best {
            blind.warnings.push(Warning::GradientFreeStronger.to_string());
        }
    }
}
