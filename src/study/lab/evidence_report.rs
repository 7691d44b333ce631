//! Evidence as JSON.

use std::path::Path;

use serde::Serialize;

use super::report::by_pixel;
use super::{ClassEvidence, Estimate, Evidence};

/// One element of what `evidence --json` prints; all evidence is in bits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvidenceReport {
    /// The file, as it was named.
    pub image: String,
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// What was done to fit the file's picture to the model, in words.
    pub fit: String,
    /// The seed of the noise.
    pub seed: u64,
    /// How many draws of noise.
    pub draws: usize,
    /// The noise levels, rising.
    pub sigmas: Vec<f32>,
    /// The asked classes.
    pub classes: Vec<ClassReport>,
}

/// The evidence for one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassReport {
    /// The class name.
    pub class: String,
    /// How much log₂ p(c | y) rises from the largest to the smallest level, by the classifier.
    pub softmax: Estimate,
    /// The same by the denoisers.
    pub denoisers: Estimate,
    /// The difference of the two roads, 0 for a density.
    pub gap: Estimate,
    /// Bits a unit of ln σ at each level.
    pub density: Vec<f64>,
    /// What has come in from the largest level down to each, by the denoisers.
    pub denoisers_from_above: Vec<f64>,
    /// The same by the classifier.
    pub softmax_from_above: Vec<f64>,
    /// The mean over the channels of each pixel's part of the denoisers' road, times the number of channels, row after row: they
    /// add up to the whole.
    pub by_pixel: Vec<Vec<f32>>,
}

impl EvidenceReport {
    /// The report of the picture in `image`, which was fitted as `fit` says, under noise of this seed.
    #[must_use]
    pub fn of(found: &Evidence, image: &Path, fit: &str, seed: u64) -> Self {
        let one = |c: &ClassEvidence| {
            let channels = c.map.shape().channels as f32;
            ClassReport {
                class: found.model.classes[c.class].clone(),
                softmax: c.softmax,
                denoisers: c.denoisers,
                gap: c.gap,
                density: c.density.clone(),
                denoisers_from_above: c.from_above.clone(),
                softmax_from_above: c.softmax_from_above.clone(),
                by_pixel: by_pixel(&c.map.map(|v| v * channels)),
            }
        };
        Self {
            image: image.display().to_string(),
            model: found.model.name.clone(),
            device: found.model.device.clone(),
            fit: fit.to_owned(),
            seed,
            draws: found.draws,
            sigmas: found.sigmas.clone(),
            classes: found.classes.iter().map(one).collect(),
        }
    }
}
