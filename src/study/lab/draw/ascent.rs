//! Stochastic coarse-to-fine ascent of log p, under a linear measurement or none.
//!
//! Kadkhodaie & Simoncelli, *Stochastic solutions for linear inverse problems using the prior implicit in a denoiser* (`NeurIPS` 2021),
//! algorithm 2: with f = y − D(y), `d = (I − P)f + P(y − m)`, `σ = ‖d‖/√N` read off the picture itself, `h = h₀t/(1 + h₀(t − 1))`,
//! `γ² = σ²((1 − βh)² − (1 − h)²)`, `y ← y − h d + γ z`, until σ is small; β = 1 adds no noise. Our denoiser is told the σ of the
//! step before.

use super::{Field, LARGEST_STEPS, Measurement, Recorder, Seen, start};
use crate::{Error, Result};

/// h₀ of Kadkhodaie & Simoncelli.
const FIRST: f64 = 0.01;
/// The level that has risen to so many times the first one will not fall any more.
const LOST: f64 = 10.0;

/// How the ascent goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::study::lab) struct Ascent<'a> {
    /// The first and the last level.
    pub levels: (f64, f64),
    /// How little noise is put back, from 0 to 1.
    pub beta: f64,
    /// What was measured, and the picture that it was measured on.
    pub measured: Option<(&'a Measurement, &'a [f64])>,
}

impl Ascent<'_> {
    fn share(step: usize) -> f64 {
        let t = step as f64;
        FIRST * t / (1.0 + FIRST * (t - 1.0))
    }

    /// How many steps lead from the first level to the last, if each falls as it should.
    pub fn steps(&self) -> usize {
        let mut sigma = self.levels.0;
        let mut step = 0;
        while sigma > self.levels.1 && step < LARGEST_STEPS {
            step += 1;
            sigma *= 1.0 - self.beta * Self::share(step);
        }
        step
    }
}

/// Draws the field's pictures; `watch` is told the step, the pictures and what they are taken to be. Returns what the model says of
/// the last ones.
pub(in crate::study::lab) fn ascend(
    field: &mut Field<'_>,
    ascent: &Ascent<'_>,
    recorders: &mut [Recorder],
    watch: &mut dyn FnMut(f32, &[f64]),
) -> Result<(Vec<f64>, Seen)> {
    let (size, rows) = (field.size(), field.rows);
    let (first, last) = ascent.levels;
    let mut y = start(field, first);
    if let Some((measurement, picture)) = ascent.measured {
        // What was measured, with the first level's noise.
        let noise = field.noise();
        for (row, noise) in y.chunks_exact_mut(size).zip(noise.chunks_exact(size)) {
            let noisy: Vec<f64> = picture.iter().zip(noise).map(|(m, z)| m + first * z).collect();
            measurement.keep(row, &noisy);
        }
    }
    let mut sigmas = vec![first; rows];
    let expected = ascent.steps();
    for step in 1..=LARGEST_STEPS {
        let seen = field.see(&y, &sigmas)?;
        let noise = field.noise();
        let h = Ascent::share(step);
        let mut worst = 0.0_f64;
        for (row, sigma) in sigmas.iter_mut().enumerate() {
            if *sigma <= last {
                continue;
            }
            let at = row * size..(row + 1) * size;
            recorders[row].note(field.shape, *sigma, &y[at.clone()], &seen.denoised[at.clone()]);
            let mut down: Vec<f64> = at.clone().map(|i| y[i] - seen.denoised[i]).collect();
            if let Some((measurement, picture)) = ascent.measured {
                let off: Vec<f64> = y[at.clone()].iter().zip(picture).map(|(y, m)| y - m).collect();
                measurement.keep(&mut down, &off);
            }
            *sigma = (down.iter().map(|d| d * d).sum::<f64>() / size as f64).sqrt();
            let gamma = *sigma * ((1.0 - ascent.beta * h).powi(2) - (1.0 - h).powi(2)).max(0.0).sqrt();
            for (i, down) in at.zip(down) {
                y[i] += gamma * noise[i] - h * down;
            }
            worst = if sigma.is_nan() { f64::INFINITY } else { worst.max(*sigma) };
        }
        if worst >= LOST * first {
            return Err(Error::Compute(format!(
                "the ascent has lost its way: its noise level rose to {worst:.3} in {step} steps"
            )));
        }
        watch((step as f32 / expected as f32).min(1.0), &seen.denoised);
        if worst <= last {
            let seen = field.see(&y, &sigmas)?;
            for (row, recorder) in recorders.iter_mut().enumerate() {
                let at = row * size..(row + 1) * size;
                recorder.end(field.shape, sigmas[row], &y[at.clone()], &seen.denoised[at]);
            }
            return Ok((y, seen));
        }
    }
    Err(Error::Compute(format!(
        "the ascent did not reach the level {last} in {LARGEST_STEPS} steps: take a larger beta"
    )))
}
