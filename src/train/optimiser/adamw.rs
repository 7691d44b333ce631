//! Adam with decoupled weight decay (Loshchilov & Hutter 2019), with its moments in the open so that a run can resume.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

/// `AdamW`'s constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// The learning rate.
    pub rate: f64,
    /// The decay of the first moment.
    pub beta1: f64,
    /// The decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// The decoupled weight decay, times the learning rate a step.
    pub decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { rate: 2e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.01 }
    }
}

impl AdamW {
    /// The weights and both moments after step number `step`, the first being 1; `decays` is 1 where the decay applies.
    pub(super) fn update(
        self,
        weights: &Tensor,
        (first, second): (&Tensor, &Tensor),
        gradient: &Tensor,
        decays: &Tensor,
        step: u64,
        rate: f64,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let first = (first.affine(self.beta1, 0.0)? + gradient.affine(1.0 - self.beta1, 0.0)?)?;
        let second = (second.affine(self.beta2, 0.0)? + gradient.sqr()?.affine(1.0 - self.beta2, 0.0)?)?;
        let rate = self.rate * rate;
        // 1 − βᵗ undoes the moments' start at zero.
        let correction = |beta: f64| 1.0 - libm::pow(beta, step as f64);
        let root = second.affine(1.0 / correction(self.beta2), 0.0)?.sqrt()?;
        let change = (first.affine(rate / correction(self.beta1), 0.0)? / (root + self.epsilon)?)?;
        let kept = (weights * decays.affine(-rate * self.decay, 1.0)?)?;
        Ok(((kept - change)?, first, second))
    }
}
