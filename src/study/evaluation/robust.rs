//! Accuracy under attack.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{AttackPlan, Plan, Samples};
use crate::Result;
use crate::attack::{self, Defence, Method, Norm};
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
    let mut settings = attack.settings(model, plan.seed);
    let (mut clean_right, mut robust, mut achieved) = (0, 0, Vec::new());
    let mut warnings: Vec<(String, usize)> = Vec::new();
    let indices: Vec<usize> = (0..samples.len()).collect();
    for chunk in indices.chunks(plan.batch.max(1)) {
        settings.first = chunk[0] as u64;
        let pictures: Vec<Picture> = chunk.iter().map(|&index| samples.picture(index)).collect();
        let labels: Vec<usize> = chunk.iter().map(|&index| samples.label(index)).collect();
        for outcome in attack::run(model, &Batch::of(&pictures), &labels, &settings, cancel, &mut |_| ())? {
            let right = outcome.predicted_before == outcome.label;
            let size = outcome.achieved.in_norm(attack.norm);
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
        parameters: attack.parameters.clone(),
        defence: attack.defence,
        sigma: settings.sigma,
        accuracy: share(robust),
        clean_accuracy: share(clean_right),
        mean_achieved: (!achieved.is_empty()).then(|| achieved.iter().sum::<f64>() / achieved.len() as f64),
        warnings: warnings.into_iter().map(|(text, count)| format!("{text} ({count} pictures)")).collect(),
    })
}
