//! Evaluation over many labelled pictures: accuracy, calibration, restoration, robustness.
//!
//! Every picture draws its noise from its own number, so that the figures do not depend on the batch size.

mod calibration;
mod levels;
mod robust;
mod samples;

use serde::Serialize;

pub use calibration::{Bin, Calibration};
pub use levels::LevelFigures;
pub use robust::{AttackPlan, RobustFigures};
pub use samples::Samples;

use crate::Result;
use crate::joint::JointModel;
use crate::picture::NoiseKind;
use crate::task::Cancel;

/// What is to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The noise levels, on the [0, 1] scale.
    pub sigmas: Vec<f32>,
    /// The kinds of noise, each at every level.
    pub noises: Vec<NoiseKind>,
    /// The attacks.
    pub attacks: Vec<AttackPlan>,
    /// The seed of noise and attacks.
    pub seed: u64,
    /// How many pictures go through the model together.
    pub batch: usize,
}

/// The whole evaluation: the object that `eval --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// The data set's name.
    pub data: String,
    /// How many pictures.
    pub images: usize,
    /// The seed of noise and attacks.
    pub seed: u64,
    /// Under Gaussian noise of each level.
    pub by_sigma: Vec<LevelFigures>,
    /// Under the other kinds of noise, at each level.
    pub by_noise: Vec<LevelFigures>,
    /// Under each attack.
    pub robust: Vec<RobustFigures>,
}

/// How far an evaluation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// What is being measured, in a few words.
    pub part: &'a str,
    /// Pictures done, over all parts.
    pub done: usize,
    /// Pictures in all, over all parts.
    pub total: usize,
}

/// Measures everything in `plan`.
///
/// # Errors
/// [`crate::Error::Cancelled`] soon after `cancel` is raised, and whatever the model or an attack refuses.
pub fn evaluate(
    model: &dyn JointModel,
    samples: &Samples,
    plan: &Plan,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Evaluation> {
    let total = samples.len() * (plan.sigmas.len() * plan.noises.len() + plan.attacks.len());
    let mut done = 0;
    let mut evaluation = Evaluation {
        model: model.name().to_owned(),
        device: model.device(),
        data: samples.name.clone(),
        images: samples.len(),
        seed: plan.seed,
        by_sigma: Vec::new(),
        by_noise: Vec::new(),
        robust: Vec::new(),
    };
    for &kind in &plan.noises {
        for &sigma in &plan.sigmas {
            let part = format!("{kind} {sigma:.3}");
            let noise = crate::picture::Noise { kind, sigma, seed: plan.seed };
            let figures = levels::measure(model, samples, noise, plan.batch, cancel, &mut |pictures| {
                done += pictures;
                observe(Step { part: &part, done, total });
            })?;
            let list = if kind == NoiseKind::Gaussian { &mut evaluation.by_sigma } else { &mut evaluation.by_noise };
            list.push(figures);
        }
    }
    for attack in &plan.attacks {
        let part = attack.to_string();
        let figures = robust::measure(model, samples, attack, plan, cancel, &mut |pictures| {
            done += pictures;
            observe(Step { part: &part, done, total });
        })?;
        evaluation.robust.push(figures);
    }
    Ok(evaluation)
}

#[cfg(test)]
mod tests;
