//! Adam with decoupled weight decay (Loshchilov & Hutter 2019), with its moments in the open so that a run can resume.

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

/// The factors of one step, in single precision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// Of both moments: of what they were, and of what is new.
    first: [f32; 2],
    second: [f32; 2],
    /// What undoes the second moment's start at zero.
    spread: f32,
    /// The rate, with what undoes the first moment's.
    rate: f32,
    epsilon: f32,
    /// What the weight decay takes off.
    decay: f32,
}

impl AdamW {
    /// Step number `step`, the first being 1.
    pub(super) fn change(self, step: u64, rate: f64) -> Change {
        let rate = self.rate * rate;
        // 1 − βᵗ undoes the moments' start at zero.
        let correction = |beta: f64| 1.0 - libm::pow(beta, step as f64);
        Change {
            first: [self.beta1 as f32, (1.0 - self.beta1) as f32],
            second: [self.beta2 as f32, (1.0 - self.beta2) as f32],
            spread: (1.0 / correction(self.beta2)) as f32,
            rate: (rate / correction(self.beta1)) as f32,
            epsilon: self.epsilon as f32,
            decay: (-rate * self.decay) as f32,
        }
    }
}

impl Change {
    /// Steps one weight and its moments along a gradient; `decays` is 1 where the decay applies.
    ///
    /// Every operation rounds by itself, and sums with zero stand where a device's operations have them, so that a run
    /// that was begun on tensors goes on with the same bits.
    pub(super) fn apply(self, weight: &mut f32, first: &mut f32, second: &mut f32, gradient: f32, decays: f32) {
        *first = (*first * self.first[0] + 0.0) + (gradient * self.first[1] + 0.0);
        *second = (*second * self.second[0] + 0.0) + (gradient * gradient * self.second[1] + 0.0);
        let root = (*second * self.spread + 0.0).sqrt();
        let change = (*first * self.rate + 0.0) / (root + self.epsilon);
        *weight = *weight * (decays * self.decay + 1.0) - change;
    }
}
