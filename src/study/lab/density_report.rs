//! Densities as JSON.

use serde::Serialize;

use super::{Density, Estimate, NoiseLevel};

/// What `density --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DensityReport {
    /// The model's name.
    pub model: String,
    /// Where it computed.
    pub device: String,
    /// The seed of the noise.
    pub seed: u64,
    /// How many draws of noise a picture.
    pub draws: usize,
    /// How many pictures were measured, those of the data set among them.
    pub pictures: usize,
    /// The mean bits a value over them, an upper bound, with its standard error.
    pub bits_per_value: Estimate,
    /// The bits of each, the pictures that were named first.
    pub bits: Vec<f64>,
    /// The constant of each noise level.
    pub constants: Vec<ConstantReport>,
    /// The pictures that were named.
    pub images: Vec<PictureReport>,
}

/// What makes the model's log-densities at one noise level comparable to those at others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ConstantReport {
    /// The noise level, on the [0, 1] scale.
    pub sigma: f32,
    /// C(σ) in nats: `log p_σ(y)` is the model's value and this.
    pub nats: f64,
    /// Its standard error over the pictures.
    pub standard_error: f64,
}

/// One picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PictureReport {
    /// The file, as it was named.
    pub image: String,
    /// Its bits, if it is clean.
    pub bits: Option<BitsReport>,
    /// What its noise was found to be, if it has any.
    pub noise: Option<NoiseReport>,
}

/// The bits of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BitsReport {
    /// Bits a value, an upper bound of the code of its 8-bit values, with its standard error over the draws of noise.
    pub per_value: Estimate,
    /// Of them, what tells it under the largest noise level from the data's Gaussian.
    pub coarse: f64,
    /// What the denoiser misses between the levels.
    pub denoiser: f64,
    /// What is left to tell the 8-bit values at the smallest level.
    pub values: f64,
    /// The share of the other pictures that take fewer bits.
    pub place: f64,
}

/// The noise of one picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseReport {
    /// The level that was added, if it was.
    pub sigma_added: Option<f32>,
    /// The estimate: e to the posterior's mean of ln σ.
    pub sigma: f64,
    /// The posterior's standard deviation of ln σ: the relative error bar.
    pub log_deviation: f64,
    /// p(c | y) whatever the noise level, in the order of the model's classes.
    pub classes: Vec<f64>,
    /// The grid of noise levels.
    pub sigmas: Vec<f32>,
    /// p(c, σ | y), a row a level, a column a class.
    pub joint: Vec<Vec<f64>>,
}

impl DensityReport {
    /// The report of measured densities, of which `images` were named; noise had this seed.
    #[must_use]
    pub fn of(density: &Density, images: Vec<PictureReport>, seed: u64) -> Self {
        let constant = |(&sigma, constant): (&f32, &Estimate)| ConstantReport {
            sigma,
            nats: constant.value,
            standard_error: constant.standard_error,
        };
        Self {
            model: density.model.name.clone(),
            device: density.model.device.clone(),
            seed,
            draws: density.draws,
            pictures: density.pictures.len(),
            bits_per_value: density.mean_bits(),
            bits: density.pictures.iter().map(|picture| picture.bits.value).collect(),
            constants: density.sigmas.iter().zip(&density.constants).map(constant).collect(),
            images,
        }
    }
}

impl BitsReport {
    /// Those of picture `index`.
    #[must_use]
    pub fn of(density: &Density, index: usize) -> Self {
        let found = density.pictures[index];
        Self {
            per_value: found.bits,
            coarse: found.coarse,
            denoiser: found.denoiser,
            values: found.values,
            place: density.place(index),
        }
    }
}

impl NoiseReport {
    /// A found noise level, beside the one that was added.
    #[must_use]
    pub fn of(found: &NoiseLevel, sigma_added: Option<f32>) -> Self {
        let classes = found.joint.len() / found.sigmas.len();
        Self {
            sigma_added,
            sigma: found.sigma,
            log_deviation: found.deviation,
            classes: found.classes(),
            sigmas: found.sigmas.clone(),
            joint: found.joint.chunks_exact(classes).map(<[f64]>::to_vec).collect(),
        }
    }
}
