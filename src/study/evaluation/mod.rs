//! Evaluation over many labelled pictures: accuracy, calibration, restoration, robustness.
//!
//! Every picture draws its noise from its own number, so that the figures do not depend on the batch size.

mod attack_plan;
mod calibration;
mod chart;
pub mod charts;
pub mod csv;
mod detection;
pub mod html;
mod levels;
mod robust;
mod samples;
mod tables;

use serde::Serialize;

pub use attack_plan::AttackPlan;
pub use calibration::{Bin, Calibration};
pub use chart::{Chart, Series};
pub use detection::{DetectionFigures, Score, auroc, fpr_at_95};
pub use levels::LevelFigures;
pub use robust::RobustFigures;
pub use samples::Samples;
pub use tables::{Part, Table, tables};

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

impl Default for Plan {
    /// Gaussian noise at no level yet, no attack, seed 0.
    fn default() -> Self {
        Self { sigmas: Vec::new(), noises: vec![NoiseKind::Gaussian], attacks: Vec::new(), seed: 0, batch: 32 }
    }
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
    /// How well the model tells pictures of another kind from its own.
    pub ood: Vec<DetectionFigures>,
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

/// Measures everything in `plan`; with pictures of another kind (`others`), also how well they are told from `samples`
/// under Gaussian noise of each level.
///
/// # Errors
/// [`crate::Error::Cancelled`] soon after `cancel` is raised, and whatever the model or an attack refuses.
pub fn evaluate(
    model: &dyn JointModel,
    samples: &Samples,
    others: Option<&Samples>,
    plan: &Plan,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Evaluation> {
    let gaussian = plan.noises.contains(&NoiseKind::Gaussian);
    let others = others.filter(|_| gaussian);
    let total = samples.len() * (plan.sigmas.len() * plan.noises.len() + plan.attacks.len())
        + others.map_or(0, |others| others.len() * plan.sigmas.len());
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
        ood: Vec::new(),
    };
    for &kind in &plan.noises {
        for &sigma in &plan.sigmas {
            let part = format!("{kind} {sigma:.3}");
            let noise = crate::picture::Noise { kind, sigma, seed: plan.seed };
            let mut step = |pictures| {
                done += pictures;
                observe(Step { part: &part, done, total });
            };
            let (figures, scores) = levels::measure(model, samples, noise, plan.batch, cancel, &mut step)?;
            if let Some(others) = others.filter(|_| kind == NoiseKind::Gaussian) {
                let (_, other_scores) = levels::measure(model, others, noise, plan.batch, cancel, &mut step)?;
                evaluation.ood.extend(Score::ALL.into_iter().zip(scores.iter().zip(&other_scores)).map(
                    |(score, (own, other))| DetectionFigures {
                        data: others.name.clone(),
                        images: others.len(),
                        sigma,
                        score,
                        auroc: auroc(own, other),
                        fpr_at_95: fpr_at_95(own, other),
                    },
                ));
            }
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
