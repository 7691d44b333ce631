//! What the parts of the loss weigh at each noise level, learned: each part L of a row at σ becomes `L·exp(−u(σ)) + u(σ)`, whose
//! smallest value has `exp(u(σ))` = the mean of L at σ, so that no level outweighs another (Kendall et al. 2018; the form of
//! Karras et al. 2024, "EDM2", arXiv 2312.02696, section 2.2).
//!
//! u is linear in Fourier features of ln σ / 4 and begins at zero. EDM2's factor before L, `(σ² + σ_d²)/(σσ_d)²` on the squared
//! error of the picture, is left out: u learns to undo any such factor.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::optimiser::State;
use crate::engine::{RowLoss, RowParts};
use crate::picture::normals;
use crate::{Error, Result};

/// Fourier features.
const FEATURES: usize = 128;
/// The stream that the features are drawn from: the same for every run.
const STREAM: u64 = 0x0300_0000;
/// The names in a state.
const PARTS: [&str; 3] = ["balance/weights", "balance/first", "balance/second"];
/// The decays of Adam's moments, and what is added to the root of the second.
const BETAS: [f64; 2] = [0.9, 0.99];
const EPSILON: f64 = 1e-8;

/// Both functions u, of the cross-entropy and of the score's error, with the moments of Adam by which they step.
#[derive(Debug, Clone)]
pub struct Balance {
    /// Frequency and phase of each feature.
    waves: Vec<[f64; 2]>,
    /// Weights, first and second moments: of the cross-entropy's u, then of the score's.
    values: [Vec<f32>; 3],
}

/// What a batch's loss is under the balance.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Balanced {
    /// The mean of `L·exp(−u) + u` over the rows that train the classes.
    pub cross_entropy: f64,
    /// The same over those that train the score.
    pub score_error: f64,
}

impl Default for Balance {
    fn default() -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(STREAM);
        let mut share = || (generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let wave = |_| {
            let (frequency, phase) = (normals::quantile(share().max(1e-12)), share());
            [2.0 * std::f64::consts::PI * frequency, 2.0 * std::f64::consts::PI * phase]
        };
        let waves = (0..FEATURES).map(wave).collect();
        Self { waves, values: std::array::from_fn(|_| vec![0.0; 2 * FEATURES]) }
    }
}

impl Balance {
    /// √2·cos(f·ln σ/4 + φ), over the root of their number.
    fn features(&self, sigma: f32) -> Vec<f64> {
        let x = libm::log(f64::from(sigma)) / 4.0;
        let scale = (2.0 / FEATURES as f64).sqrt();
        self.waves.iter().map(|[frequency, phase]| scale * libm::cos(x * frequency + phase)).collect()
    }

    /// u of both parts at a noise level.
    #[must_use]
    pub fn at(&self, sigma: f32) -> [f64; 2] {
        let features = self.features(sigma);
        let u = |part: usize| {
            let weights = &self.values[0][part * FEATURES..][..FEATURES];
            weights.iter().zip(&features).map(|(weight, feature)| f64::from(*weight) * feature).sum()
        };
        [u(0), u(1)]
    }

    /// The parts of rows at these noise levels, each times `exp(−u)`.
    #[must_use]
    pub fn weighed(&self, parts: &[RowParts], sigmas: &[f32]) -> Vec<RowParts> {
        let weigh = |(part, sigma): (&RowParts, &f32)| {
            let [classes, score] = self.at(*sigma).map(|u| libm::exp(-u) as f32);
            RowParts { cross_entropy: part.cross_entropy * classes, score: part.score * score, ..*part }
        };
        parts.iter().zip(sigmas).map(weigh).collect()
    }

    /// One step of Adam down the gradient of the means of `L·exp(−u) + u`, at learning rate `rate`, as step number `step`, the first
    /// being 1. `parts` are those before [`Self::weighed`], `lost` what the rows lost. Returns the loss.
    pub fn step(&mut self, parts: &[RowParts], sigmas: &[f32], lost: &[RowLoss], rate: f64, step: u64) -> Balanced {
        let (mut gradient, mut sums) = (vec![0.0; 2 * FEATURES], [0.0; 2]);
        let count = sigmas.len().max(1) as f64;
        for ((part, &sigma), lost) in parts.iter().zip(sigmas).zip(lost) {
            let (u, features) = (self.at(sigma), self.features(sigma));
            let of_part = [(part.cross_entropy, lost.cross_entropy), (part.score, lost.score_error)];
            for (index, (weight, lost)) in of_part.into_iter().enumerate() {
                let (weight, scaled) = (f64::from(weight) / count, lost * libm::exp(-u[index]));
                sums[index] += weight * (scaled + u[index]);
                let slope = weight * (1.0 - scaled);
                let own = &mut gradient[index * FEATURES..][..FEATURES];
                own.iter_mut().zip(&features).for_each(|(gradient, feature)| *gradient += slope * feature);
            }
        }
        let [weights, first, second] = &mut self.values;
        let correction = BETAS.map(|beta| 1.0 - libm::pow(beta, step as f64));
        let moments = first.iter_mut().zip(second);
        for ((weight, (first, second)), gradient) in weights.iter_mut().zip(moments).zip(gradient) {
            let blend = |old: f32, new: f64, beta: f64| (beta * f64::from(old) + (1.0 - beta) * new) as f32;
            *first = blend(*first, gradient, BETAS[0]);
            *second = blend(*second, gradient * gradient, BETAS[1]);
            let root = (f64::from(*second) / correction[1]).sqrt() + EPSILON;
            *weight -= (rate * f64::from(*first) / correction[0] / root) as f32;
        }
        Balanced { cross_entropy: sums[0], score_error: sums[1] }
    }

    /// Adds what [`Self::restore`] needs to a state.
    pub fn add_to(&self, state: &mut State) {
        for (name, values) in PARTS.iter().zip(&self.values) {
            state.insert((*name).to_owned(), (vec![2, FEATURES], values.clone()));
        }
    }

    /// Takes up where the balance that gave this state left off.
    ///
    /// # Errors
    /// [`Error::Compute`] naming what is missing or has another shape.
    pub fn restore(&mut self, state: &State) -> Result<()> {
        for (name, own) in PARTS.iter().zip(&mut self.values) {
            match state.get(*name) {
                Some((shape, values)) if *shape == [2, FEATURES] && values.len() == own.len() => own.clone_from(values),
                Some((shape, _)) => {
                    return Err(Error::Compute(format!("{name} has shape {shape:?}, not [2, {FEATURES}]")));
                }
                None => return Err(Error::Compute(format!("{name} is missing"))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "balance_tests.rs"]
mod tests;
