//! Muon (Jordan et al. 2024): momentum whose every singular value is pushed to one.

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::blend::blend;
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
    /// One step of the weights and the momentum; all tensors are `[B, rows, columns]`.
    pub(super) fn update(
        self,
        weights: &mut Tensor,
        momentum: &mut Tensor,
        gradient: &Tensor,
        rate: f64,
    ) -> Result<()> {
        blend(momentum, self.momentum, gradient, 1.0)?;
        let mut ahead = gradient.copy()?;
        blend(&mut ahead, 1.0, momentum, self.momentum)?;
        let (_, rows, columns) = weights.dims3()?;
        let rate = self.rate * rate;
        let scale = (rows as f64 / columns as f64).max(1.0).sqrt();
        blend(weights, 1.0 - rate * self.decay, &orthogonalise(&ahead)?, -rate * scale)
    }
}

/// The coefficients of the quintic that maps singular values in (0, 1] close to one in five rounds.
const QUINTIC: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);

/// Rounds of the quintic.
const ROUNDS: usize = 5;

/// Nearly the orthogonal factor of each matrix of `[B, rows, columns]`, by five Newton–Schulz rounds: singular values
/// come out between about 0.7 and 1.2, a zero matrix stays zero.
///
/// # Errors
/// If the device fails.
pub fn orthogonalise(matrices: &Tensor) -> Result<Tensor> {
    let (_, rows, columns) = matrices.dims3()?;
    let (a, b, c) = QUINTIC;
    if matrices.device().is_cpu() && matrices.dtype() == DType::F32 {
        let values = matrices.flatten_all()?.to_vec1::<f32>()?;
        let quintic = (a as f32, b as f32, c as f32);
        let level = Level::best();
        let values = kernels::orthogonalise(level, &values, [rows, columns], quintic, ROUNDS);
        return Tensor::from_vec(values, matrices.shape(), matrices.device());
    }
    // The Gram matrix is taken over the shorter side.
    let tall = rows > columns;
    let x = if tall { matrices.transpose(1, 2)?.contiguous()? } else { matrices.clone() };
    let norm = (x.sqr()?.sum_keepdim((1, 2))?.sqrt()? + 1e-7)?;
    let mut x = x.broadcast_div(&norm)?;
    for _ in 0..ROUNDS {
        let gram = x.matmul(&x.transpose(1, 2)?)?;
        let polynomial = (gram.affine(b, 0.0)? + gram.matmul(&gram)?.affine(c, 0.0)?)?;
        x = (x.affine(a, 0.0)? + polynomial.matmul(&x)?)?;
    }
    if tall { x.transpose(1, 2)?.contiguous() } else { Ok(x) }
}
