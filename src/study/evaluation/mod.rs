//! Evaluation over many labelled pictures: accuracy, calibration, restoration, robustness.
//!
//! Every picture draws its noise from its own number and is measured by itself. The figures depend neither on the number
//! of threads nor on whether the work was stopped and went on from its [`Journal`]; on the batch size they depend by no more
//! than the rounding of f32, because a model may compute a single picture by other kernels.

mod attack_plan;
mod bars;
mod calibration;
mod certified;
mod chart;
pub mod charts;
pub mod compare;
pub mod csv;
mod data_uri;
mod detection;
mod exact;
mod examples;
mod fidelity;
mod frame;
pub mod html;
mod journal;
mod keys;
mod lab;
mod levels;
mod looked;
mod robust;
mod run;
mod samples;
mod shard;
mod tables;
mod work;

use serde::Serialize;

pub use attack_plan::AttackPlan;
pub use calibration::{Bin, Calibration};
pub use certified::{CertifiedFigures, CertifiedShare, CertifyPlan, RadiusBracket, VotesShare};
pub use chart::{Chart, Series};
pub use detection::{DetectionFigures, Score, auroc, fpr_at_95};
pub use examples::{Example, Examples, Mistake, Said};
pub use fidelity::{MeanFidelity, Means};
pub use journal::Journal;
pub use levels::LevelFigures;
pub use looked::{Bracketed, Looked};
pub use robust::RobustFigures;
pub use run::{evaluate, evaluate_from};
pub use samples::Samples;
pub use shard::{Shard, ShardSummary, evaluate_shard, merge};
pub use tables::{Part, Table, tables};

use crate::joint::{JointModel, require_classes};
use crate::picture::NoiseKind;
use crate::{Error, Result, limits};

/// What is to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The noise levels, on the [0, 1] scale.
    pub sigmas: Vec<f32>,
    /// The kinds of noise, each at every level.
    pub noises: Vec<NoiseKind>,
    /// The attacks.
    pub attacks: Vec<AttackPlan>,
    /// The certificates; at no level, none.
    pub certify: CertifyPlan,
    /// The seed of noise and attacks.
    pub seed: u64,
    /// How many pictures go through the model together.
    pub batch: usize,
    /// How many pictures to keep as examples for the report.
    pub examples: usize,
    /// Whether the lab is asked about each example: doubt, evidence, bits.
    pub lab: bool,
}

impl Default for Plan {
    /// Gaussian noise at no level yet, no attack, no certificate, no example, seed 0.
    fn default() -> Self {
        Self {
            sigmas: Vec::new(),
            noises: vec![NoiseKind::Gaussian],
            attacks: Vec::new(),
            certify: CertifyPlan::default(),
            seed: 0,
            batch: 32,
            examples: 0,
            lab: false,
        }
    }
}

impl Plan {
    /// Checks every noise level, attack, defence and certificate against the model: what is refused here is refused before the
    /// first picture.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option of `denoscope eval`.
    pub fn check(&self, model: &dyn JointModel) -> Result<()> {
        for &sigma in &self.sigmas {
            limits::positive_sigma("--sigmas", sigma)?;
        }
        for attack in &self.attacks {
            attack.settings(model, self.seed).check(model).map_err(|error| match error {
                Error::Option { option, reason } => {
                    Error::option("--attacks", format!("{attack}: {}: {reason}", option.trim_start_matches('-')))
                }
                other => other,
            })?;
        }
        self.certify.check()?;
        if !self.certify.sigmas.is_empty() {
            require_classes(model.classes().len(), "a certificate")?;
            if let (true, Some(reason)) = (self.certify.attempts > 0, model.abilities().gradients.missing()) {
                let reason = format!("attacks need gradients, and the model {reason}");
                return Err(crate::Error::option("--certify-attempts", reason));
            }
        }
        limits::whole("--batch", self.batch as u64, 1, limits::LARGEST_BATCH as u64)?;
        limits::whole("--examples", self.examples as u64, 0, MOST_EXAMPLES)
    }
}

/// The most example pictures of a report, which is one file.
const MOST_EXAMPLES: u64 = 1000;

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
    /// How many classes the model tells apart. With one, it is a denoiser: accuracy and calibration say nothing.
    pub classes: usize,
    /// The seed of noise and attacks.
    pub seed: u64,
    /// Under Gaussian noise of each level.
    pub by_sigma: Vec<LevelFigures>,
    /// Under the other kinds of noise, at each level.
    pub by_noise: Vec<LevelFigures>,
    /// Under each attack.
    pub robust: Vec<RobustFigures>,
    /// What is certified against every perturbation, by noise level of the smoothing.
    pub certified: Vec<CertifiedFigures>,
    /// How well the model tells pictures of another kind from its own.
    pub ood: Vec<DetectionFigures>,
    /// A few pictures, for the report.
    #[serde(skip)]
    pub examples: Examples,
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

#[cfg(test)]
mod tests;
#[cfg(test)]
mod top5_tests;
