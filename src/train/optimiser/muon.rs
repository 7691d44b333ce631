//! Muon's step of matrices in memory.

use super::parameter_group::blend;
use crate::engine::rules::{MuonChange, QUINTIC, ROUNDS};
use crate::kernels::orthogonal as kernels;
use crate::kernels::simd::Level;

/// One step of the weights and the momentum of matrices; the gradient is left looking ahead.
pub(super) fn update(
    change: &MuonChange,
    weights: &mut [f32],
    momentum: &mut [f32],
    gradient: &mut [f32],
    matrix: [usize; 2],
) {
    blend(momentum, [change.momentum, 1.0], gradient);
    blend(gradient, [1.0, change.momentum], momentum);
    blend(weights, [change.kept, change.along(matrix)], &orthogonalise(gradient, matrix));
}

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
