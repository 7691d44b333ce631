//! Accuracy under attack.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::{Plan, Samples};
use crate::attack::{self, Method, Norm, Settings};
use crate::joint::JointModel;
use crate::picture::{Batch, Picture};
use crate::study::level;
use crate::task::Cancel;
use crate::{Error, Result};

/// An attack of an evaluation: `pgd`, `pgd:l2` or `pgd:linf:8/255`, with the method's usual values for the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttackPlan {
    /// The attack.
    pub method: Method,
    /// The norm of its budget.
    pub norm: Norm,
    /// Its budget on the [0, 1] scale.
    pub epsilon: f64,
    /// The noise level that the attacked classifier assumes; the model's smallest, at least 1/255, if not given.
    pub sigma: Option<f32>,
}

impl FromStr for AttackPlan {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.trim().splitn(3, ':');
        let method: Method = parts.next().unwrap_or_default().parse()?;
        let description = method.description();
        let norm = parts.next().map_or(Ok(description.norms[0].0), str::parse)?;
        let usual = description
            .epsilon(norm)
            .ok_or_else(|| Error::option("--attacks", format!("{method} does not take the norm {norm}")))?;
        let epsilon = parts.next().map_or(Ok(usual), |text| level::parse_exact("--attacks", text))?;
        Ok(Self { method, norm, epsilon, sigma: None })
    }
}

impl fmt::Display for AttackPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.norm.title(), level::describe(self.epsilon as f32))
    }
}

/// The figures of one attack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RobustFigures {
    /// The attack.
    pub method: Method,
    /// The norm of its budget.
    pub norm: Norm,
    /// The requested budget.
    pub epsilon: f64,
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

/// Measures one attack; `observe` is told how many pictures each batch had.
pub(super) fn measure(
    model: &dyn JointModel,
    samples: &Samples,
    attack: &AttackPlan,
    plan: &Plan,
    cancel: &Cancel,
    observe: &mut dyn FnMut(usize),
) -> Result<RobustFigures> {
    let sigma = attack.sigma.unwrap_or(model.sigma_range().clamp(1.0 / 255.0));
    let mut settings = Settings::new(attack.method, sigma).within(attack.norm, attack.epsilon);
    settings.seed = plan.seed;
    let (mut clean_right, mut robust, mut achieved) = (0, 0, Vec::new());
    let mut warnings: Vec<(String, usize)> = Vec::new();
    let indices: Vec<usize> = (0..samples.len()).collect();
    for chunk in indices.chunks(plan.batch.max(1)) {
        settings.first = chunk[0] as u64;
        let pictures: Vec<Picture> = chunk.iter().map(|&index| samples.picture(index)).collect();
        let labels: Vec<usize> = chunk.iter().map(|&index| samples.label(index)).collect();
        for outcome in attack::run(model, &Batch::of(&pictures), &labels, &settings, cancel, &mut |_| ())? {
            let right = outcome.predicted_before == outcome.label;
            let size = match attack.norm {
                Norm::Linf => outcome.achieved.linf,
                Norm::L2 => outcome.achieved.l2,
            };
            let broken = outcome.success && size <= attack.epsilon + 1e-6;
            clean_right += usize::from(right);
            robust += usize::from(right && !broken);
            if right && broken {
                achieved.push(size);
            }
            for warning in outcome.warnings.iter().map(ToString::to_string) {
                match warnings.iter_mut().find(|(text, _)| *text == warning) {
                    Some((_, count)) => *count += 1,
                    None => warnings.push((warning, 1)),
                }
            }
        }
        observe(chunk.len());
    }
    let share = |count: usize| count as f64 / samples.len().max(1) as f64;
    Ok(RobustFigures {
        method: attack.method,
        norm: attack.norm,
        epsilon: attack.epsilon,
        sigma,
        accuracy: share(robust),
        clean_accuracy: share(clean_right),
        mean_achieved: (!achieved.is_empty()).then(|| achieved.iter().sum::<f64>() / achieved.len() as f64),
        warnings: warnings.into_iter().map(|(text, count)| format!("{text} ({count} pictures)")).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attack_is_read_with_what_is_usual_for_the_rest() {
        let plan: AttackPlan = "pgd".parse().unwrap();
        assert!(plan.norm == Norm::Linf && (plan.epsilon - 8.0 / 255.0).abs() < 1e-6);
        let plan: AttackPlan = "fgsm:l2:0.5".parse().unwrap();
        assert!(plan.method == Method::Fgsm && plan.norm == Norm::L2 && (plan.epsilon - 0.5).abs() < 1e-6);
        for wrong in ["", "pdg", "pgd:l3", "pgd:linf:x", "deepfool:linf"] {
            assert!(wrong.parse::<AttackPlan>().is_err(), "{wrong}");
        }
    }
}
