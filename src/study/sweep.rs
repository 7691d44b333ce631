//! The posterior as the noise level slides: one picture, one seed, many sigmas.

use super::Subject;
use crate::joint::JointModel;
use crate::picture::{Batch, Noise, Picture};
use crate::task::Cancel;
use crate::{Error, Result};

/// How many noise levels go through the model together.
const LEVELS_A_PASS: usize = 8;

/// A sweep over the noise level. A clean picture gets noise of each level from the same draw; a picture with noise of
/// its own stays as it is, and only the sigma that the model is told slides.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepRequest {
    /// The picture, fitted to the model's shape.
    pub subject: Subject,
    /// The smallest standard deviation.
    pub from: f32,
    /// The largest standard deviation.
    pub to: f32,
    /// How many levels, evenly spaced in log σ, both ends among them.
    pub levels: usize,
}

/// What the model believes at each level, in the order of rising sigma.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sweep {
    /// The standard deviations.
    pub sigmas: Vec<f32>,
    /// `p(c | y)` at each level, one a class.
    pub posteriors: Vec<Vec<f64>>,
    /// `log p_σ(y)` at each level. The constant in it depends on σ. Empty for a model without a density.
    pub log_densities: Vec<f64>,
}

/// Runs a sweep, publishing what there is after every few levels.
///
/// # Errors
/// [`Error::Option`] for a range that is empty, not positive or not finite; [`Error::Cancelled`].
pub fn sweep(
    model: &dyn JointModel,
    request: &SweepRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(&Sweep),
) -> Result<Sweep> {
    let SweepRequest { from, to, levels, .. } = *request;
    if !(from > 0.0 && from <= to && to.is_finite()) {
        return Err(Error::option("sweep", format!("{from} to {to} is no range of sigmas")));
    }
    let mut done = Sweep::default();
    let has_density = model.abilities().density.missing().is_none();
    for chunk in log_grid(from, to, levels).chunks(LEVELS_A_PASS) {
        cancel.check()?;
        let noisy: Vec<Picture> = chunk
            .iter()
            .map(|&sigma| match &request.subject {
                Subject::Clean { picture, noise } => Noise { sigma, ..*noise }.apply(picture),
                Subject::Noisy(picture) => picture.clone(),
            })
            .collect();
        let used: Vec<f32> = chunk.iter().map(|&sigma| model.sigma_range().clamp(sigma)).collect();
        let forward = model.forward(&Batch::of(&noisy), &used)?;
        for (index, &sigma) in chunk.iter().enumerate() {
            done.sigmas.push(sigma);
            done.posteriors.push(forward.posterior_of(index));
            if has_density {
                done.log_densities.push(forward.log_density_of(index));
            }
        }
        observe(&done);
    }
    Ok(done)
}

/// `levels` numbers from `from` to `to`, evenly spaced in the logarithm.
fn log_grid(from: f32, to: f32, levels: usize) -> Vec<f32> {
    let step = (f64::from(to) / f64::from(from)).ln() / levels.saturating_sub(1).max(1) as f64;
    (0..levels).map(|i| (f64::from(from) * (step * i as f64).exp()) as f32).collect()
}
