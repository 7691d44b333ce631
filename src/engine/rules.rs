//! The optimiser's rules, Muon and `AdamW`, as numbers: the one description that every optimiser steps by, whether its weights lie
//! in this program's memory, in tensors or on a graphics card.
//!
//! A step clips the gradient's norm, moves each weight by its rule, and moves an average towards the weights:
//!
//! ```text
//! g ← g·clip/max(‖g‖, clip)
//! AdamW:  m ← β₁m + (1 − β₁)g    v ← β₂v + (1 − β₂)g²    w ← w·(1 − rate·decay) − rate·m̂/(√v̂ + ε)
//! Muon:   m ← μm + g             w ← w·(1 − rate·decay) − rate·√max(1, rows/columns)·orthogonal(g + μm)
//! ```

use serde::{Deserialize, Serialize};

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019): its constants.
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

/// Muon (Jordan et al. 2024), momentum whose every singular value is pushed to one: its constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Muon {
    /// The learning rate, before the factor √max(1, rows/columns).
    pub rate: f64,
    /// The momentum, with Nesterov's look-ahead.
    pub momentum: f64,
    /// The decoupled weight decay, times the learning rate a step.
    pub decay: f64,
}

/// The optimiser's constants. Learning rates are multiplied by the schedule's factor at each step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Muon's rate and momentum.
    pub muon: Muon,
    /// `AdamW`'s rate, moments and decay.
    pub adamw: AdamW,
    /// The largest global norm of the gradient; a longer one is shortened to it.
    pub clip: f64,
}

/// What one step multiplies by, in single precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Of Adam's weights.
    pub adam: AdamChange,
    /// Of Muon's.
    pub muon: MuonChange,
    /// The largest norm of the gradient.
    pub clip: f32,
    /// What the average keeps of itself, and takes of the weights.
    pub average: [f32; 2],
}

/// One step of Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamChange {
    /// Of both moments: of what they were, and of what is new.
    pub first: [f32; 2],
    /// The same of the second moment.
    pub second: [f32; 2],
    /// What undoes the second moment's start at zero.
    pub spread: f32,
    /// The rate, with what undoes the first moment's.
    pub rate: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// What the weight decay takes off: below zero.
    pub decay: f32,
}

/// One step of Muon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MuonChange {
    /// The momentum.
    pub momentum: f32,
    /// What the weights keep of themselves.
    pub kept: f32,
    rate: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { rate: 2e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.01 }
    }
}

impl Default for Muon {
    fn default() -> Self {
        Self { rate: 0.02, momentum: 0.95, decay: 0.0 }
    }
}

impl Settings {
    /// Step number `step`, the first being 1: both learning rates times `rate`, the average kept with `average`.
    #[must_use]
    pub fn change(&self, step: u64, rate: f64, average: f64) -> Change {
        Change {
            adam: self.adamw.change(step, rate),
            muon: self.muon.change(rate),
            clip: self.clip as f32,
            average: [average as f32, (1.0 - average) as f32],
        }
    }
}

impl AdamW {
    fn change(self, step: u64, rate: f64) -> AdamChange {
        let rate = self.rate * rate;
        // 1 − βᵗ undoes the moments' start at zero.
        let correction = |beta: f64| 1.0 - libm::pow(beta, step as f64);
        AdamChange {
            first: [self.beta1 as f32, (1.0 - self.beta1) as f32],
            second: [self.beta2 as f32, (1.0 - self.beta2) as f32],
            spread: (1.0 / correction(self.beta2)) as f32,
            rate: (rate / correction(self.beta1)) as f32,
            epsilon: self.epsilon as f32,
            decay: (-rate * self.decay) as f32,
        }
    }
}

impl AdamChange {
    /// Steps one weight and its moments along a gradient; `decays` is 1 where the decay applies.
    ///
    /// Every operation rounds by itself, and sums with zero stand where a device's operations have them, so that a run
    /// that was begun on tensors goes on with the same bits.
    pub fn apply(self, weight: &mut f32, first: &mut f32, second: &mut f32, gradient: f32, decays: f32) {
        *first = (*first * self.first[0] + 0.0) + (gradient * self.first[1] + 0.0);
        *second = (*second * self.second[0] + 0.0) + (gradient * gradient * self.second[1] + 0.0);
        let root = (*second * self.spread + 0.0).sqrt();
        let change = (*first * self.rate + 0.0) / (root + self.epsilon);
        *weight = *weight * (decays * self.decay + 1.0) - change;
    }
}

impl Muon {
    fn change(self, rate: f64) -> MuonChange {
        let rate = self.rate * rate;
        MuonChange { momentum: self.momentum as f32, kept: (1.0 - rate * self.decay) as f32, rate }
    }
}

impl MuonChange {
    /// What the orthogonal factor of `[rows, columns]` matrices is multiplied by: below zero.
    #[must_use]
    pub fn along(&self, [rows, columns]: [usize; 2]) -> f32 {
        (-self.rate * (rows as f64 / columns as f64).max(1.0).sqrt()) as f32
    }
}

/// The coefficients of the quintic that maps singular values in (0, 1] close to one in five rounds.
pub const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);

/// Rounds of the quintic.
pub const ROUNDS: usize = 5;

/// Added to a matrix's norm before it is divided by it.
pub const LEAST_NORM: f32 = 1e-7;
