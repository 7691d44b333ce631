//! Fills as JSON.

use std::path::Path;

use serde::Serialize;

use super::report::by_pixel;
use super::{Fill, FillWay, Fills, InpaintRequest, Region};
use crate::picture::{Picture, decibels};
use crate::study::report::{ClassProbability, posterior};

/// One element of what `inpaint --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InpaintReport {
    /// The file, as it was named.
    pub image: String,
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// What was done to fit the file's picture to the model, in words.
    pub fit: String,
    /// The seed; each fill has a stream of its own.
    pub seed: u64,
    /// `annealed` or `ascent`.
    pub method: &'static str,
    /// How many candidates each fill was chosen from; 1 for the ascent and in tiles.
    pub candidates: usize,
    /// How many values were not measured.
    pub free: usize,
    /// The part of the picture that the model saw.
    pub window: Region,
    /// Whether it saw that in tiles.
    pub tiled: bool,
    /// The class that was filled in as; null for any.
    pub class: Option<String>,
    /// w of `D + w(D_c − D)`; null for no class.
    pub guidance: Option<f64>,
    /// The mean probability with which Langevin steps were taken; null where nothing corrected them.
    pub acceptance: Option<f64>,
    /// The root mean square of the standard deviations of the values that were not measured.
    pub deviation: f64,
    /// The standard deviation of each pixel over the fills, root mean square over its channels, row after row; null for pictures
    /// of more than 4096 pixels.
    pub deviation_by_pixel: Option<Vec<Vec<f32>>>,
    /// The PSNR of the fills' mean; null where the truth is not known.
    pub mean_psnr_db: Option<f64>,
    /// The fills, the most probable first.
    pub fills: Vec<FillReport>,
}

/// One fill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FillReport {
    /// Its number: that of its file and its stream.
    pub number: usize,
    /// log₂ p of it less that of the most probable fill, in bits; null where that is not known.
    pub bits: Option<f64>,
    /// Its most probable classes.
    pub posterior: Vec<ClassProbability>,
    /// Its PSNR; null where the truth is not known.
    pub psnr_db: Option<f64>,
}

/// More pixels than JSON says the deviation of.
const MOST_PIXELS: usize = 4096;

impl InpaintReport {
    /// The report of the picture in `image`, which was fitted as `fit` says.
    #[must_use]
    pub fn of(found: &Fills, request: &InpaintRequest, image: &Path, fit: &str) -> Self {
        let names = &found.model.classes;
        let ranked = found.ranked();
        let best = ranked.first().and_then(|fill| fill.log_density);
        let one = |fill: &&Fill| FillReport {
            number: fill.number,
            bits: fill.log_density.zip(best).map(|(log, best)| (log - best) / std::f64::consts::LN_2),
            posterior: if fill.posterior.is_empty() { Vec::new() } else { posterior(&fill.posterior, names) },
            psnr_db: fill.fidelity.and_then(|fidelity| decibels::finite(fidelity.psnr_db())),
        };
        let (mean, deviation) = found.moments();
        let squares = deviation.map(|d| d * d);
        let shape = squares.shape();
        let rows = |squares: &Picture| by_pixel(squares).into_iter().map(root).collect();
        let fidelity = request.has_truth.then(|| crate::picture::Fidelity::of(&mean, &request.picture));
        Self {
            image: image.display().to_string(),
            model: found.model.name.clone(),
            device: found.model.device.clone(),
            fit: fit.to_owned(),
            seed: request.seed,
            method: match request.way {
                FillWay::Annealed { .. } => "annealed",
                FillWay::Ascent { .. } => "ascent",
            },
            candidates: match request.way {
                FillWay::Annealed { candidates, .. } if !found.tiled => candidates,
                _ => 1,
            },
            free: request.measurement.free(),
            window: found.window,
            tiled: found.tiled,
            class: request.guidance.map(|guidance| names[guidance.class].clone()),
            guidance: request.guidance.map(|guidance| guidance.weight),
            acceptance: found.acceptance,
            deviation: spread(&deviation, request.measurement.free()),
            deviation_by_pixel: (shape.height * shape.width <= MOST_PIXELS).then(|| rows(&squares)),
            mean_psnr_db: fidelity.and_then(|fidelity| decibels::finite(fidelity.psnr_db())),
            fills: ranked.iter().map(one).collect(),
        }
    }
}

/// The root mean square of the deviations over so many free values.
#[must_use]
pub fn spread(deviation: &Picture, free: usize) -> f64 {
    let sum: f64 = deviation.values().iter().map(|d| f64::from(*d).powi(2)).sum();
    (sum / free.max(1) as f64).sqrt()
}

fn root(row: Vec<f32>) -> Vec<f32> {
    row.into_iter().map(|v| v.max(0.0).sqrt()).collect()
}
