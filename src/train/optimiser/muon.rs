//! Muon (Jordan et al. 2024): momentum whose every singular value is pushed to one.

use serde::{Deserialize, Serialize};

use super::bank::blend;
use crate::kernels::orthogonal as kernels;
use crate::kernels::simd::Level;

/// Muon's constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Muon {
    /// The learning rate, before the factor √max(1, rows/columns).
    pub rate: f64,
    /// The momentum, with Nesterov's look-ahead.
    pub momentum: f64,
    /// The decoupled weight decay, times the learning rate a step.
    pub decay: f64,
}

impl Default for Muon {
    fn default() -> Self {
        Self { rate: 0.02, momentum: 0.95, decay: 0.0 }
    }
}

impl Muon {
    /// One step of the weights and the momentum of matrices; the gradient is left looking ahead.
    pub(super) fn update(
        self,
        weights: &mut [f32],
        momentum: &mut [f32],
        gradient: &mut [f32],
        matrix: [usize; 2],
        rate: f64,
    ) {
        blend(momentum, self.momentum, gradient, 1.0);
        blend(gradient, 1.0, momentum, self.momentum);
        let rate = self.rate * rate;
        blend(weights, 1.0 - rate * self.decay, &orthogonalise(gradient, matrix), -rate * scale(matrix));
    }
}

/// What a matrix's shape multiplies the rate by.
pub(super) fn scale([rows, columns]: [usize; 2]) -> f64 {
    (rows as f64 / columns as f64).max(1.0).sqrt()
}

/// The coefficients of the quintic that maps singular values in (0, 1] close to one in five rounds.
pub(super) const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);

/// Rounds of the quintic.
pub(super) const ROUNDS: usize = 5;

/// Nearly the orthogonal factor of each `[rows, columns]` matrix, by five Newton–Schulz rounds: singular values come out
/// between about 0.7 and 1.2, a zero matrix stays zero.
///
/// # Panics
/// If `matrices` is no whole number of matrices.
#[must_use]
pub fn orthogonalise(matrices: &[f32], matrix: [usize; 2]) -> Vec<f32> {
    let (a, b, c) = QUINTIC;
    kernels::orthogonalise(Level::best(), matrices, matrix, (a as f32, b as f32, c as f32), ROUNDS)
}
