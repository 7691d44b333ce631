//! Drawn pictures as JSON.

use serde::Serialize;

use super::{Guidance, SampleRequest, Samples, Start, Way, wilson};
use crate::study::ranked;
use crate::study::report::{ClassProbability, posterior};

/// What `sample --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleReport {
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// The seed; each picture has a stream of its own.
    pub seed: u64,
    /// The noise levels, falling.
    pub sigmas: Vec<f32>,
    /// The class that was drawn towards; null for none.
    pub class: Option<String>,
    /// w of `D + w(D_c − D)`; null for no class.
    pub guidance: Option<f64>,
    /// `heun`, `ascent`, or of a noisy picture `ancestral`.
    pub method: &'static str,
    /// How much noise was put back on the way; null but for Heun's method.
    pub churn: Option<f64>,
    /// β of the ascent; null but for that.
    pub beta: Option<f64>,
    /// How many corrected Langevin steps followed at each level.
    pub corrections: usize,
    /// The mean probability with which they were taken; null where there were none.
    pub acceptance: Option<f64>,
    /// `p(c | y)` of the noisy picture, the most probable class first; null for pictures out of nothing.
    pub posterior: Option<Vec<ClassProbability>>,
    /// How many pictures are taken for each class, the most frequent first.
    pub counts: Vec<CountReport>,
    /// Every picture's most probable class, in their order.
    pub classes: Vec<String>,
}

/// How many pictures are taken for a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CountReport {
    /// The class name.
    pub class: String,
    /// How many.
    pub count: usize,
    /// Wilson's interval of the share at 95 % confidence.
    pub interval: (f64, f64),
}

impl SampleReport {
    /// The report of drawn pictures.
    #[must_use]
    pub fn of(found: &Samples, request: &SampleRequest) -> Self {
        let names = &found.model.classes;
        let counts = found.counts();
        let shares: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
        let count = |class: usize| CountReport {
            class: names[class].clone(),
            count: counts[class],
            interval: wilson(counts[class], found.list.len()),
        };
        let (method, churn, beta) = match (&request.start, request.way) {
            (Start::Noisy(..), _) => ("ancestral", None, None),
            (Start::Nothing, Way::Flow { churn }) => ("heun", Some(churn), None),
            (Start::Nothing, Way::Ascent { beta }) => ("ascent", None, Some(beta)),
        };
        Self {
            model: found.model.name.clone(),
            device: found.model.device.clone(),
            seed: request.seed,
            sigmas: found.sigmas.clone(),
            class: request.guidance.map(|Guidance { class, .. }| names[class].clone()),
            guidance: request.guidance.map(|guidance| guidance.weight),
            method,
            churn,
            beta,
            corrections: request.corrections,
            acceptance: found.acceptance,
            posterior: found.posterior.as_ref().map(|p| posterior(p, names)),
            counts: ranked(&shares).into_iter().filter(|&class| counts[class] > 0).map(count).collect(),
            classes: found.list.iter().map(|s| names[ranked(&s.posterior)[0]].clone()).collect(),
        }
    }
}
