//! Langevin steps with Metropolis' and Hastings' correction (MALA): whatever their length, they leave the density at a noise level as
//! it is, because the model says how probable each picture is and not only where to go.
//!
//! From y to `y' = y + ½τ g(y) + √τ z` with `g = ∇log π`, taken with probability
//! `min(1, π(y')q(y | y')/π(y)q(y' | y))`, `q(y' | y) = N(y'; y + ½τ g(y), τI)` (Roberts & Tweedie 1996; Besag 1994). Half of what
//! a picture's length comes to by itself: between levels it is led to 57.4 % of steps taken (Roberts & Rosenthal 1998).

use super::{Field, Measurement, Seen};
use crate::Result;

/// The share of steps taken at which MALA mixes fastest in many dimensions.
const BEST: f64 = 0.574;
/// Roberts & Rosenthal's ℓ for a standard normal density: `τ = ℓ² d^(−1/3)`.
const LENGTH: f64 = 1.65;
/// Bounds on τ in units of the density's narrowest variance.
const LENGTHS: (f64, f64) = (1e-5, 2.0);
/// τ of steps that nothing corrects: their density is off by about a quarter of it in the narrowest directions.
const UNCORRECTED: f64 = 0.1;

/// That a picture is a noisy one with less noise: `y₀ = y + √v z`.
#[derive(Debug, Clone, Copy)]
pub(in crate::study::lab) struct Anchor<'a> {
    /// y₀, of every picture.
    pub values: &'a [f64],
    /// v
    pub variance: f64,
}

/// The steps of some pictures.
#[derive(Debug, Clone)]
pub(in crate::study::lab) struct Corrector {
    steps: usize,
    /// τ in units of the density's narrowest variance, of each picture.
    pub(super) lengths: Vec<f64>,
    tried: usize,
    taken: f64,
    corrects: bool,
}

impl Corrector {
    /// So many steps a level, for pictures in which so many values are free.
    pub fn new(steps: usize, rows: usize, free: usize, corrects: bool) -> Self {
        let length = if corrects { LENGTH.powi(2) * (free.max(1) as f64).powf(-1.0 / 3.0) } else { UNCORRECTED };
        Self { steps, lengths: vec![length.clamp(LENGTHS.0, LENGTHS.1); rows], tried: 0, taken: 0.0, corrects }
    }

    /// The mean probability with which a step was taken; none if there was none, or none was corrected.
    pub fn acceptance(&self) -> Option<f64> {
        (self.tried > 0 && self.corrects).then(|| self.taken / self.tried as f64)
    }

    /// Makes the steps at one level, from what the model says of the pictures; they keep what was measured. Returns what it says of them
    /// afterwards.
    pub fn correct(
        &mut self,
        field: &mut Field<'_>,
        y: &mut [f64],
        mut seen: Seen,
        anchor: Option<Anchor<'_>>,
        kept: Option<&Measurement>,
    ) -> Result<Seen> {
        let (size, rows) = (field.size(), field.rows);
        let mut pull = gradient(&seen, y, size, anchor, kept);
        let mut shares = vec![0.0; rows];
        for _ in 0..self.steps {
            let mut noise = field.noise();
            if let Some(kept) = kept {
                noise.chunks_exact_mut(size).for_each(|row| kept.clear(row));
            }
            let taus: Vec<f64> = (0..rows).map(|row| self.lengths[row] * narrowest(seen.sigmas[row], anchor)).collect();
            let mut trial = y.to_vec();
            for (index, value) in trial.iter_mut().enumerate() {
                let tau = taus[index / size];
                *value += 0.5 * tau * pull[index] + tau.sqrt() * noise[index];
            }
            let found = field.see(&trial, &seen.sigmas)?;
            let back = gradient(&found, &trial, size, anchor, kept);
            let draws = field.uniforms();
            for row in 0..rows {
                let at = row * size..(row + 1) * size;
                let tau = taus[row];
                // log q(y | y') − log q(y' | y), with √τ z = y' − y − ½τ g(y).
                let reverse = at.clone().map(|i| (y[i] - trial[i] - 0.5 * tau * back[i]).powi(2)).sum::<f64>() / tau;
                let forth = noise[at.clone()].iter().map(|z| z * z).sum::<f64>();
                let target = |seen: &Seen, y: &[f64]| seen.log[row] - stretch(&y[at.clone()], &at, anchor);
                let gain = target(&found, &trial) - target(&seen, y) + 0.5 * (forth - reverse);
                let chance = if self.corrects { gain.min(0.0).exp() } else { 1.0 };
                // A density that is no number takes no step.
                if draws[row] < chance {
                    y[at.clone()].copy_from_slice(&trial[at.clone()]);
                    pull[at.clone()].copy_from_slice(&back[at.clone()]);
                    seen.denoised[at.clone()].copy_from_slice(&found.denoised[at]);
                    seen.log[row] = found.log[row];
                    if let Some(posterior) = found.posteriors.get(row) {
                        seen.posteriors[row].clone_from(posterior);
                    }
                }
                shares[row] += if chance.is_nan() { 0.0 } else { chance };
            }
        }
        self.tried += self.steps * rows;
        self.taken += shares.iter().sum::<f64>();
        self.adapt(&shares);
        Ok(seen)
    }

    /// Leads the lengths to where steps are taken as often as is best. Only between levels: at one level the length must not follow
    /// the picture.
    fn adapt(&mut self, shares: &[f64]) {
        if self.steps == 0 || !self.corrects {
            return;
        }
        for (length, share) in self.lengths.iter_mut().zip(shares) {
            let more = (share / self.steps as f64 - BEST).exp();
            *length = (*length * more).clamp(LENGTHS.0, LENGTHS.1);
        }
    }
}

/// The variance of the density's narrowest directions.
fn narrowest(sigma: f64, anchor: Option<Anchor<'_>>) -> f64 {
    1.0 / (1.0 / (sigma * sigma) + anchor.map_or(0.0, |anchor| 1.0 / anchor.variance))
}

/// ∇log π of every picture: the score, what pulls to the anchor, and nothing along what is kept.
fn gradient(seen: &Seen, y: &[f64], size: usize, anchor: Option<Anchor<'_>>, kept: Option<&Measurement>) -> Vec<f64> {
    let score = |i: usize| (seen.denoised[i] - y[i]) / seen.sigmas[i / size].powi(2);
    let pull = |i: usize| anchor.map_or(0.0, |anchor| (anchor.values[i] - y[i]) / anchor.variance);
    let mut all: Vec<f64> = (0..y.len()).map(|i| score(i) + pull(i)).collect();
    if let Some(kept) = kept {
        all.chunks_exact_mut(size).for_each(|row| kept.clear(row));
    }
    all
}

/// `‖y₀ − y‖²/2v` of the picture whose values are `at`.
fn stretch(y: &[f64], at: &std::ops::Range<usize>, anchor: Option<Anchor<'_>>) -> f64 {
    anchor.map_or(0.0, |anchor| {
        let pairs = anchor.values[at.clone()].iter().zip(y);
        pairs.map(|(a, y)| (a - y).powi(2)).sum::<f64>() / (2.0 * anchor.variance)
    })
}

#[cfg(test)]
impl Corrector {
    /// Another τ in units of the narrowest variance, for every picture.
    pub(super) fn set_length(&mut self, length: f64) {
        self.lengths.fill(length);
    }
}
