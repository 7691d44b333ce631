//! The counterfactual dial as JSON.

use std::path::Path;

use serde::Serialize;

use super::{Dial, DialRequest, Turned};
use crate::study::ranked;
use crate::study::report::{ClassProbability, posterior};

/// One element of what `counterfactual --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CounterfactualReport {
    /// The file, as it was named.
    pub image: String,
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// What was done to fit the file's picture to the model, in words.
    pub fit: String,
    /// The class that it was to become.
    pub target: String,
    /// How many bits of log p were tolerated to be lost.
    pub tolerance: f64,
    /// The noise level at which the model looked.
    pub sigma: f32,
    /// `p(c | x)` before, the most probable class first.
    pub posterior: Vec<ClassProbability>,
    /// The positions of the dial.
    pub positions: Vec<PositionReport>,
    /// The smallest change that makes it one of the class; null if no position does.
    pub smallest: Option<TurnedReport>,
}

/// A position of the dial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PositionReport {
    /// How far the change may go, in L2.
    pub radius: f64,
    /// As far as the density tolerates.
    pub tolerated: TurnedReport,
    /// By projected gradient descent of the same length.
    pub plain: TurnedReport,
}

/// A changed picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurnedReport {
    /// How far it lies from the clean one, in L2.
    pub distance: f64,
    /// The class that it is taken for.
    pub predicted: String,
    /// The probability of the class that it was to become.
    pub probability: f64,
    /// By how many bits log p fell; null for a model without a density.
    pub bits_lost: Option<f64>,
}

impl CounterfactualReport {
    /// The report of the picture in `image`, which was fitted as `fit` says.
    #[must_use]
    pub fn of(found: &Dial, request: &DialRequest, image: &Path, fit: &str) -> Self {
        let names = &found.model.classes;
        let of = |turned: &Turned| TurnedReport {
            distance: turned.distance,
            predicted: names[ranked(&turned.posterior)[0]].clone(),
            probability: turned.posterior[request.target],
            bits_lost: turned.bits_lost,
        };
        let positions = found.positions.iter().map(|position| PositionReport {
            radius: position.radius,
            tolerated: of(&position.tolerated),
            plain: of(&position.plain),
        });
        Self {
            image: image.display().to_string(),
            model: found.model.name.clone(),
            device: found.model.device.clone(),
            fit: fit.to_owned(),
            target: names[request.target].clone(),
            tolerance: request.tolerance,
            sigma: found.sigma,
            posterior: posterior(&found.posterior, names),
            positions: positions.collect(),
            smallest: found.smallest.as_ref().map(of),
        }
    }
}
