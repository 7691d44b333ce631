//! The lab's results as JSON.

use std::path::Path;

use serde::Serialize;

use super::{Component, Components, Estimate, Filter, Region, Uncertainty};
use crate::picture::{NoiseKind, Picture, decibels};
use crate::study::report::{ClassProbability, posterior};

/// One element of what `uncertainty --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UncertaintyReport {
    /// The file, as it was named.
    pub image: String,
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// The standard deviation that the model was told, on the [0, 1] scale.
    pub sigma: f32,
    /// What it computed with, inside its trained range.
    pub sigma_used: f32,
    /// Whether `sigma` is an estimate from the picture.
    pub sigma_estimated: bool,
    /// The seed of the added noise; null for a picture with noise of its own.
    pub seed: Option<u64>,
    /// The kind of the added noise; null for a picture with noise of its own.
    pub noise: Option<NoiseKind>,
    /// What was done to fit the file's picture to the model, in words.
    pub fit: String,
    /// `p(c | y)`, the most probable class first.
    pub posterior: Vec<ClassProbability>,
    /// Whether products with the Jacobian are `exact` or `differences` of the denoiser.
    pub products: &'static str,
    /// How many random probes the diagonal was estimated from; null: it is exact.
    pub probes: Option<usize>,
    /// The mean variance of a value on the [0, 1] scale, by its cause.
    pub variance: VarianceReport,
    /// `tr J`: the expected squared error in units of σ².
    pub trace: Estimate,
    /// `Σ λ²` over J's eigenvalues.
    pub effective_dimension: Estimate,
    /// How many values the picture has.
    pub values: usize,
    /// How far J and its two parts are apart along random directions, relative to J's product.
    pub identity_error: f64,
    /// The PSNR that the model expects of its denoised picture.
    #[serde(serialize_with = "decibels::serialize")]
    pub expected_psnr_db: f64,
    /// The PSNR that the denoised picture has; null without a clean picture.
    pub psnr_db: Option<f64>,
    /// The variance of each pixel, the mean over its channels, row after row.
    pub variance_by_pixel: PixelReport,
    /// Null unless components were asked for.
    pub components: Option<ComponentsReport>,
    /// Null unless a filter was asked for.
    pub filter: Option<FilterReport>,
    /// What a person should know to read the numbers rightly.
    pub notes: Vec<String>,
    /// How long it took.
    pub milliseconds: f64,
}

/// A mean variance by its cause.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct VarianceReport {
    /// "Which class?"
    pub classes: f64,
    /// "Which details?"
    pub details: f64,
    /// The root mean square of the standard errors of the details' values.
    pub details_standard_error: f64,
    /// Both.
    pub total: f64,
}

/// Variances of pixels, by their cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PixelReport {
    /// "Which class?"
    pub classes: Vec<Vec<f32>>,
    /// "Which details?"
    pub details: Vec<Vec<f32>>,
}

/// Principal components.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComponentsReport {
    /// Where they lie, in the pixels that the model sees.
    pub region: Region,
    /// The class under which they are; null for all together.
    pub class: Option<String>,
    /// How many products with the Jacobian they took.
    pub products: usize,
    /// The components, the largest first.
    pub list: Vec<ComponentReport>,
}

/// One principal component.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ComponentReport {
    /// λ, the eigenvalue of J.
    pub eigenvalue: f64,
    /// `σ√λ`, the standard deviation of the clean picture along it.
    pub deviation: f64,
    /// `‖J v − λ v‖`
    pub residual: f64,
}

/// The filter at a pixel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilterReport {
    /// Its column.
    pub x: usize,
    /// Its row.
    pub y: usize,
    /// The sum of its weights.
    pub sum: f64,
    /// Its root mean square distance from the pixel, in pixels.
    pub width: f64,
    /// The weights of each pixel, the mean over the channels, row after row.
    pub weights_by_pixel: Vec<Vec<f32>>,
}

impl UncertaintyReport {
    /// The report of the picture in `image`, which was fitted as `fit` says.
    #[must_use]
    pub fn of(found: &Uncertainty, image: &Path, fit: &str) -> Self {
        let doubt = &found.doubt;
        let [classes, details, total] = doubt.means();
        let names = &found.model.classes;
        Self {
            image: image.display().to_string(),
            model: found.model.name.clone(),
            device: found.model.device.clone(),
            sigma: found.sigma,
            sigma_used: found.sigma_used,
            sigma_estimated: found.sigma_estimated,
            seed: found.noise.map(|n| n.seed),
            noise: found.noise.map(|n| n.kind),
            fit: fit.to_owned(),
            posterior: posterior(&found.posterior, names),
            products: if doubt.is_exact { "exact" } else { "differences" },
            probes: doubt.probes,
            variance: VarianceReport { classes, details, details_standard_error: doubt.details_error, total },
            trace: doubt.trace,
            effective_dimension: doubt.squares,
            values: found.noisy.values().len(),
            identity_error: doubt.identity_error,
            expected_psnr_db: found.expected_psnr_db(),
            psnr_db: found.denoised_fidelity.and_then(|fidelity| decibels::finite(fidelity.psnr_db())),
            variance_by_pixel: PixelReport { classes: by_pixel(&doubt.classes), details: by_pixel(&doubt.details) },
            components: found.components.as_ref().map(|found| ComponentsReport::of(found, names)),
            filter: found.filter.as_ref().map(FilterReport::of),
            notes: found.notes.clone(),
            milliseconds: found.milliseconds,
        }
    }
}

impl ComponentsReport {
    fn of(found: &Components, names: &[String]) -> Self {
        let one =
            |c: &Component| ComponentReport { eigenvalue: c.eigenvalue, deviation: c.deviation, residual: c.residual };
        Self {
            region: found.region,
            class: found.class.map(|class| names[class].clone()),
            products: found.products,
            list: found.list.iter().map(one).collect(),
        }
    }
}

impl FilterReport {
    fn of(found: &Filter) -> Self {
        let (x, y) = found.pixel;
        Self { x, y, sum: found.sum, width: found.width, weights_by_pixel: by_pixel(&found.weights) }
    }
}

/// The mean over the channels, row after row.
pub(super) fn by_pixel(picture: &Picture) -> Vec<Vec<f32>> {
    let shape = picture.shape();
    let sum = |y: usize, x: usize| (0..shape.channels).map(|c| picture.at(c, y, x)).sum::<f32>();
    let row = |y: usize| (0..shape.width).map(|x| sum(y, x) / shape.channels as f32).collect();
    (0..shape.height).map(row).collect()
}
