//! How probable is this picture? Log-densities that can be compared across noise levels, and bits a value, from the denoiser's error.
//!
//! A network's `log p_σ(y)` lacks a constant C(σ) that its training never sees. With γ = 1/σ² every clean picture x has
//! `E log p_σ(y) = −(d/2) ln 2πe σ² − KL_T(x) − ½∫ E‖x − D‖² dγ` from the largest level T down to σ, where `KL_T` is that of `N(x, T²I)`
//! from the density of the noisiest pictures (Guo, Shamai & Verdú 2005; Kong, Brekelmans & Ver Steeg 2023; Kingma, Salimans, Poole & Ho
//! 2021). For that the Gaussian of the data's mean and deviation is taken, so that with any denoiser the right side is a lower bound of
//! a model's log-density. C(σ) is what makes the network's values equal it in the mean over a set of pictures.

use super::{Estimate, LARGEST_DRAWS};
use crate::joint::{JointModel, Moments, log_density};
use crate::picture::{Batch, Noise, Picture};
use crate::study::ModelCard;
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// Noisy pictures that go through the model together.
const TOGETHER: usize = 16;
/// The fewest noise levels: the rule that integrates takes four.
const FEWEST_LEVELS: usize = 4;
/// The most noise levels.
pub const LARGEST_RUNGS: usize = 512;

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct DensityRequest {
    /// Clean pictures of the model's shape, on the [0, 1] scale; their values are taken to the nearest 255th.
    pub pictures: Vec<Picture>,
    /// The smallest noise level; that of the trained range if not given.
    pub from: Option<f32>,
    /// The largest.
    pub to: Option<f32>,
    /// How many noise levels, evenly spaced in log σ, both ends among them.
    pub levels: usize,
    /// How many draws of noise a picture.
    pub draws: usize,
    /// The seed of the noise.
    pub seed: u64,
}

impl DensityRequest {
    /// The usual question about these pictures.
    #[must_use]
    pub fn of(pictures: Vec<Picture>) -> Self {
        Self { pictures, from: None, to: None, levels: 32, draws: 2, seed: 0 }
    }

    /// Refuses what is no question, and returns both ends of the noise levels for `model`.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check(&self, model: &dyn JointModel) -> Result<[f32; 2]> {
        limits::whole("--levels", self.levels as u64, FEWEST_LEVELS as u64, LARGEST_RUNGS as u64)?;
        limits::whole("--draws", self.draws as u64, 2, LARGEST_DRAWS as u64)?;
        for (option, level) in [("--from", self.from), ("--to", self.to)] {
            level.map_or(Ok(()), |level| limits::positive_sigma(option, level))?;
        }
        let range = model.sigma_range();
        let [from, to] = [self.from.unwrap_or(range.min), self.to.unwrap_or(range.max)].map(|sigma| range.clamp(sigma));
        if from >= to {
            return Err(Error::option("--to", format!("is {to} in the trained range, no larger than --from, {from}")));
        }
        if self.pictures.is_empty() {
            return Err(Error::Compute("there is no picture to measure".to_owned()));
        }
        Ok([from, to])
    }
}

/// The bits of one picture, an upper bound of what a code of its 8-bit values by this denoiser takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureBits {
    /// Bits a value of the picture.
    pub bits: Estimate,
    /// Of them: what tells the picture under the largest noise level from the data's Gaussian.
    pub coarse: f64,
    /// What the denoiser misses between the levels.
    pub denoiser: f64,
    /// What is left to tell the 8-bit values at the smallest level.
    pub values: f64,
}

/// Pictures' bits, and the constants that make log-densities of different noise levels comparable.
#[derive(Debug, Clone)]
pub struct Density {
    /// The model.
    pub model: ModelCard,
    /// The noise levels, rising.
    pub sigmas: Vec<f32>,
    /// How many draws of noise a picture.
    pub draws: usize,
    /// C(σ) at each level in nats: `log p_σ(y)` is the model's value and this; with the standard error over the pictures.
    pub constants: Vec<Estimate>,
    /// The pictures, in their order.
    pub pictures: Vec<PictureBits>,
}

impl Density {
    /// C(σ) between the levels, by cubics through the nearest four.
    #[must_use]
    pub fn constant(&self, sigma: f32) -> f64 {
        let (first, last) = (f64::from(self.sigmas[0]).ln(), f64::from(self.sigmas[self.sigmas.len() - 1]).ln());
        let at = (f64::from(sigma).ln() - first) / (last - first) * (self.sigmas.len() - 1) as f64;
        let start = (at.floor() as usize).saturating_sub(1).min(self.sigmas.len() - 4);
        let of = |i: usize| {
            let others = (0..4).filter(|&j| j != i);
            others.map(|j| (at - (start + j) as f64) / (i as f64 - j as f64)).product::<f64>()
        };
        (0..4).map(|i| of(i) * self.constants[start + i].value).sum()
    }

    /// The mean bits a value over the pictures, with its standard error; of one picture, its own.
    #[must_use]
    pub fn mean_bits(&self) -> Estimate {
        match &self.pictures[..] {
            [one] => one.bits,
            all => estimate(&all.iter().map(|picture| picture.bits.value).collect::<Vec<_>>()),
        }
    }

    /// The share of the pictures that take fewer bits than picture `index`.
    #[must_use]
    pub fn place(&self, index: usize) -> f64 {
        let own = self.pictures[index].bits.value;
        let fewer = self.pictures.iter().filter(|picture| picture.bits.value < own).count();
        fewer as f64 / (self.pictures.len() - 1).max(1) as f64
    }
}

/// What is summed up of one picture.
struct Measured {
    /// Nats of the coarse part, and of the denoiser's a draw.
    coarse: f64,
    denoiser: Vec<f64>,
    /// The denoised picture of each draw at the smallest level.
    restored: Vec<Vec<f32>>,
    /// `log p_σ(y)` by the errors less the model's own value, at each level, the mean over the draws.
    apart: Vec<f64>,
    /// The same of each draw, for a set of one picture.
    apart_by_draw: Vec<Vec<f64>>,
}

/// Answers `request`, publishing the share that is done.
///
/// # Errors
/// As [`DensityRequest::check`]; [`Error::Option`] for a model without gradients or without a density; [`Error::Compute`] if a picture
/// does not fit the model; [`Error::Cancelled`].
pub fn density(
    model: &dyn JointModel,
    request: &DensityRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(f32),
) -> Result<Density> {
    super::scene::require_gradients(model)?;
    if let Some(reason) = model.abilities().density.missing() {
        return Err(Error::option("--model", format!("this needs a density, and the model {reason}")));
    }
    let [from, to] = request.check(model)?;
    let step = (f64::from(to) / f64::from(from)).ln() / (request.levels - 1) as f64;
    let sigmas: Vec<f32> = (0..request.levels).map(|i| (f64::from(from) * (step * i as f64).exp()) as f32).collect();
    let clean: Vec<Picture> =
        request.pictures.iter().map(|picture| picture.map(|v| (v.clamp(0.0, 1.0) * 255.0).round() / 255.0)).collect();
    let mut found = Vec::with_capacity(clean.len());
    for (index, picture) in clean.iter().enumerate() {
        found.push(measure(model, picture, index as u64, request, (&sigmas, step), cancel)?);
        observe((index + 1) as f32 / clean.len() as f32);
    }
    let constants = (0..sigmas.len()).map(|level| {
        let of_pictures: Vec<f64> = match &found[..] {
            [one] => one.apart_by_draw.iter().map(|draw| draw[level]).collect(),
            all => all.iter().map(|picture| picture.apart[level]).collect(),
        };
        estimate(&of_pictures)
    });
    let constants = constants.collect();
    let spread = spread(&clean, &found);
    let pictures = clean.iter().zip(&found).map(|(clean, found)| bits(clean, found, spread)).collect();
    Ok(Density { model: ModelCard::of(model), sigmas, draws: request.draws, constants, pictures })
}

/// All levels and draws of one picture.
fn measure(
    model: &dyn JointModel,
    clean: &Picture,
    number: u64,
    request: &DensityRequest,
    (sigmas, step): (&[f32], f64),
    cancel: &Cancel,
) -> Result<Measured> {
    let d = clean.values().len() as f64;
    let largest = f64::from(sigmas[sigmas.len() - 1]).powi(2);
    let mut found = Measured {
        coarse: from_gaussian(clean, &model.moments(), largest),
        denoiser: Vec::new(),
        restored: Vec::new(),
        apart: vec![0.0; sigmas.len()],
        apart_by_draw: Vec::new(),
    };
    for draw in 0..request.draws {
        let seed = request.seed.wrapping_add(number * request.draws as u64 + draw as u64);
        let (mut rates, mut own) = (Vec::with_capacity(sigmas.len()), Vec::with_capacity(sigmas.len()));
        // The same noise at every level, so that what is integrated is smooth.
        let noisy: Vec<Picture> = sigmas.iter().map(|&sigma| Noise::gaussian(sigma, seed).apply(clean)).collect();
        for (noisy, sigmas) in noisy.chunks(TOGETHER).zip(sigmas.chunks(TOGETHER)) {
            cancel.check()?;
            let forward = model.forward(&Batch::of(noisy), sigmas)?;
            let restored = forward.denoised()?;
            for (row, &sigma) in sigmas.iter().enumerate() {
                // ½ dγ = γ d ln σ, towards smaller σ.
                rates.push(apart(restored.row(row), clean.values()) / f64::from(sigma).powi(2));
                own.push(forward.log_density_of(row));
            }
            if found.restored.len() == draw {
                found.restored.push(restored.row(0).to_vec());
            }
        }
        let missed = from_above(&rates, step);
        let grain = apart(noisy[0].values(), clean.values()) / f64::from(sigmas[0]).powi(2);
        let values = sigmas.iter().zip(&missed).zip(&own).map(|((&sigma, missed), own)| {
            let noise = -0.5 * (d * (std::f64::consts::TAU * f64::from(sigma).powi(2)).ln() + grain);
            noise - found.coarse - missed - own
        });
        let values: Vec<f64> = values.collect();
        found.apart.iter_mut().zip(&values).for_each(|(sum, v)| *sum += v / request.draws as f64);
        found.apart_by_draw.push(values);
        found.denoiser.push(missed[0]);
    }
    if found.apart.iter().any(|v| !v.is_finite()) {
        return Err(Error::Compute(format!("{} gives no finite density for this picture", model.name())));
    }
    Ok(found)
}

/// `‖a − b‖²`
fn apart(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// `KL(N(x, t I) ‖ N(m, (s² + t) I))` in nats.
fn from_gaussian(clean: &Picture, moments: &Moments, t: f64) -> f64 {
    let shape = clean.shape();
    let (plane, total) = (shape.height * shape.width, f64::from(moments.deviation).powi(2) + t);
    let planes = clean.values().chunks_exact(plane).zip(&moments.mean);
    let away: f64 =
        planes.map(|(plane, mean)| plane.iter().map(|v| (f64::from(*v) - f64::from(*mean)).powi(2)).sum::<f64>()).sum();
    let d = shape.len() as f64;
    0.5 * (away / total + d * (t / total - 1.0 + (total / t).ln()))
}

/// The integral from the last of some evenly spaced values down to each, by the cubic through four of them at a time.
fn from_above(values: &[f64], step: f64) -> Vec<f64> {
    let last = values.len() - 1;
    let piece = |i: usize| {
        let v = |at: usize| values[at];
        // From i to i + 1.
        let sum = match i {
            0 => 9.0 * v(0) + 19.0 * v(1) - 5.0 * v(2) + v(3),
            i if i + 1 == last => 9.0 * v(last) + 19.0 * v(last - 1) - 5.0 * v(last - 2) + v(last - 3),
            i => -v(i - 1) + 13.0 * v(i) + 13.0 * v(i + 1) - v(i + 2),
        };
        sum * step / 24.0
    };
    let mut sums = vec![0.0; values.len()];
    for i in (0..last).rev() {
        sums[i] = sums[i + 1] + piece(i);
    }
    sums
}

/// The root mean square of what the denoiser misses at the smallest level, in 255ths: how far a code of the values looks around.
fn spread(clean: &[Picture], found: &[Measured]) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for (clean, found) in clean.iter().zip(found) {
        sum += found.restored.iter().map(|restored| apart(restored, clean.values())).sum::<f64>();
        count += found.restored.len() * clean.values().len();
    }
    (255.0 * (sum / count.max(1) as f64).sqrt()).max(1e-3)
}

fn bits(clean: &Picture, found: &Measured, spread: f64) -> PictureBits {
    let unit = clean.values().len() as f64 * std::f64::consts::LN_2;
    let values: Vec<f64> = found.restored.iter().map(|restored| code(clean.values(), restored, spread)).collect();
    let draws: Vec<f64> = found
        .denoiser
        .iter()
        .zip(&values)
        .map(|(denoiser, values)| (found.coarse + denoiser + values) / unit)
        .collect();
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64 / unit;
    PictureBits {
        bits: estimate(&draws),
        coarse: found.coarse / unit,
        denoiser: mean(&found.denoiser),
        values: mean(&values),
    }
}

/// Nats that tell 8-bit values by a discretised Gaussian of this spread, in 255ths, around each restored value.
fn code(clean: &[f32], restored: &[f32], spread: f64) -> f64 {
    // Values further away than this from the nearest possible one add nothing that would not be rounded off.
    let reach = 9.0 * spread + 2.0;
    let one = |(x, restored): (&f32, &f32)| {
        let (x, centre) = ((f64::from(*x) * 255.0).round(), f64::from(*restored) * 255.0);
        let square = |value: f64| -0.5 * ((value - centre) / spread).powi(2);
        let nearest = centre.clamp(0.0, 255.0);
        let low = (nearest - reach).max(0.0).min(x) as u32;
        let high = (nearest + reach).min(255.0).max(x) as u32;
        let logs: Vec<f64> = (low..=high).map(|value| square(f64::from(value))).collect();
        log_density(&logs) - square(x)
    };
    clean.iter().zip(restored).map(one).sum()
}

/// The mean of some numbers and its standard error.
pub(super) fn estimate(values: &[f64]) -> Estimate {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - value).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Estimate { value, standard_error: (variance / n).sqrt() }
}
