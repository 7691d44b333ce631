//! Muon (Jordan et al. 2024): momentum whose every singular value is pushed to one.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

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
    /// The weights and the momentum after one step; all tensors are `[B, rows, columns]`.
    pub(super) fn update(
        self,
        weights: &Tensor,
        momentum: &Tensor,
        gradient: &Tensor,
        rate: f64,
    ) -> Result<(Tensor, Tensor)> {
        let momentum = (momentum.affine(self.momentum, 0.0)? + gradient)?;
        let ahead = (gradient + momentum.affine(self.momentum, 0.0)?)?;
        let (_, rows, columns) = weights.dims3()?;
        let rate = self.rate * rate;
        let scale = (rows as f64 / columns as f64).max(1.0).sqrt();
        let change = orthogonalise(&ahead)?.affine(rate * scale, 0.0)?;
        let kept = if self.decay == 0.0 { weights.clone() } else { weights.affine(1.0 - rate * self.decay, 0.0)? };
        Ok(((kept - change)?, momentum))
    }
}

/// The coefficients of the quintic that maps singular values in (0, 1] close to one in five rounds.
const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);

/// Nearly the orthogonal factor of each matrix of `[B, rows, columns]`, by five Newton–Schulz rounds: singular values
/// come out between about 0.7 and 1.2, a zero matrix stays zero.
///
/// # Errors
/// If the device fails.
pub fn orthogonalise(matrices: &Tensor) -> Result<Tensor> {
    let (_, rows, columns) = matrices.dims3()?;
    let (a, b, c) = QUINTIC;
    // The Gram matrix is taken over the shorter side.
    let tall = rows > columns;
    let x = if tall { matrices.transpose(1, 2)?.contiguous()? } else { matrices.clone() };
    let norm = (x.sqr()?.sum_keepdim((1, 2))?.sqrt()? + 1e-7)?;
    let mut x = x.broadcast_div(&norm)?;
    for _ in 0..5 {
        let gram = x.matmul(&x.transpose(1, 2)?)?;
        let polynomial = (gram.affine(b, 0.0)? + gram.matmul(&gram)?.affine(c, 0.0)?)?;
        x = (x.affine(a, 0.0)? + polynomial.matmul(&x)?)?;
    }
    if tall { x.transpose(1, 2)?.contiguous() } else { Ok(x) }
}
