//! How much noise is in this picture, and what is it? `p(c, σ | y)`, by Bayes' rule from log-densities that can be compared across
//! noise levels.

use super::Density;
use crate::joint::{JointModel, log_density, posterior};
use crate::picture::{Batch, Picture};
use crate::task::Cancel;
use crate::{Error, Result};

/// Noise levels of a grid.
const GRID: usize = 41;
/// How many times the grid is laid closer around what was found.
const CLOSER: usize = 4;
/// Noisy pictures that go through the model together.
const TOGETHER: usize = 16;
/// How many standard deviations the last grid reaches to each side.
const REACH: f64 = 5.0;

/// The posterior of noise level and class of one noisy picture, every ln σ being as likely beforehand.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseLevel {
    /// The noise levels of the grid, rising, evenly spaced in ln σ: those that are likely.
    pub sigmas: Vec<f32>,
    /// `p(c, σ | y)` on the grid, `[levels, K]`; they add up to 1.
    pub joint: Vec<f64>,
    /// The estimate of σ: e to the mean of ln σ.
    pub sigma: f64,
    /// The standard deviation of ln σ: about the relative error of the estimate.
    pub deviation: f64,
}

impl NoiseLevel {
    /// `p(c | y)`, whatever the noise level.
    #[must_use]
    pub fn classes(&self) -> Vec<f64> {
        let count = self.joint.len() / self.sigmas.len();
        (0..count).map(|class| self.joint.iter().skip(class).step_by(count).sum()).collect()
    }

    /// `p(σ | y)` of each level, whatever the class.
    #[must_use]
    pub fn levels(&self) -> Vec<f64> {
        self.joint.chunks_exact(self.joint.len() / self.sigmas.len()).map(|row| row.iter().sum()).collect()
    }
}

/// `ln p(c, σ, y)` at some levels of ln σ, `[levels, K]`.
fn joint(
    density: &Density,
    model: &dyn JointModel,
    noisy: &Picture,
    levels: &[f64],
    cancel: &Cancel,
) -> Result<Vec<f64>> {
    let mut found = Vec::with_capacity(levels.len() * model.classes().len());
    for levels in levels.chunks(TOGETHER) {
        cancel.check()?;
        let sigmas: Vec<f32> = levels.iter().map(|level| level.exp() as f32).collect();
        let forward = model.forward(&Batch::of(vec![noisy; sigmas.len()]), &sigmas)?;
        for (row, &sigma) in sigmas.iter().enumerate() {
            let constant = density.constant(sigma);
            found.extend(forward.log_joint_of(row).iter().map(|value| value + constant));
        }
    }
    if found.iter().any(|v| v.is_nan()) {
        return Err(Error::Compute(format!("{} gave no number for this picture", model.name())));
    }
    Ok(found)
}

/// Mean and standard deviation of ln σ on a grid.
fn moments(levels: &[f64], weights: &[f64]) -> [f64; 2] {
    let mean: f64 = levels.iter().zip(weights).map(|(level, p)| level * p).sum();
    let variance: f64 = levels.iter().zip(weights).map(|(level, p)| (level - mean).powi(2) * p).sum();
    [mean, variance.max(0.0).sqrt()]
}

/// Finds the noise level of a noisy picture among those of `density`, which is of the same model.
///
/// # Errors
/// [`Error::Compute`] if the picture does not fit the model; [`Error::Cancelled`].
pub fn noise_level(density: &Density, model: &dyn JointModel, noisy: &Picture, cancel: &Cancel) -> Result<NoiseLevel> {
    let classes = model.classes().len();
    let bounds = [density.sigmas[0], density.sigmas[density.sigmas.len() - 1]].map(|sigma| f64::from(sigma).ln());
    let [mut from, mut to] = bounds;
    let mut last = None;
    for _ in 0..=CLOSER {
        let step = (to - from) / (GRID - 1) as f64;
        let levels: Vec<f64> = (0..GRID).map(|i| from + step * i as f64).collect();
        let logs = joint(density, model, noisy, &levels, cancel)?;
        let by_level: Vec<f64> = logs.chunks_exact(classes).map(log_density).collect();
        let [mean, deviation] = moments(&levels, &posterior(&by_level));
        last = Some((levels, posterior(&logs), mean, deviation));
        // A grid that holds what is likely, and tells it apart, is close enough.
        let reach = REACH * deviation.max(step);
        let close = deviation >= 2.0 * step;
        if close && to - from <= 3.0 * reach {
            break;
        }
        (from, to) = ((mean - reach).max(bounds[0]), (mean + reach).min(bounds[1]));
    }
    let Some((levels, joint, mean, deviation)) = last else {
        return Err(Error::Compute("no noise level was tried".to_owned()));
    };
    let sigmas = levels.iter().map(|level| level.exp() as f32).collect();
    Ok(NoiseLevel { sigmas, joint, sigma: mean.exp(), deviation })
}
