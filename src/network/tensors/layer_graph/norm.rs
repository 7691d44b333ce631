//! [`Layer::Norm`](crate::program::Layer::Norm).
//!
//! With `d = √(variance + ε)` of a group, s² the mean of all groups' d², `x̂ = (x − mean)/d` and N values in all, the norm's
//! derivative along t is `s·J(t) + s′x̂` with `J(t) = (t − mean t − x̂·mean(t x̂))/d` and `s′ = Σ(x − mean)t/(sN)`. J is its own
//! adjoint, so w is pulled back to `s·J(w) + ⟨w, x̂⟩·(x − mean)/(sN)`.

use candle_core::{D, Result, Tensor};

use super::{Layer, Tape};
use crate::network::tensors::layers::{EPSILON, Linear};

#[derive(Debug)]
pub(super) struct ScaleNorm {
    /// Embedding of σ → gains less one, `[C, E]`.
    pub(super) film: Linear,
    /// Channels in a group.
    pub(super) group: usize,
}

#[derive(Debug)]
struct Kept {
    /// `x − mean`, `[N, 1, G, group·H·W]`
    centred: Tensor,
    /// x̂, as large.
    normal: Tensor,
    /// 1/d, `[N, 1, G, 1]`
    rate: Tensor,
    /// s, `[N, 1, 1, 1]`
    scale: Tensor,
    /// `[N, 1, C, 1]`
    gain: Tensor,
}

impl Layer for ScaleNorm {
    fn forward<'a>(&'a self, inputs: &[&Tensor], embedding: &Tensor) -> Result<(Tensor, Box<dyn Tape + 'a>)> {
        let x = inputs[0];
        let (n, c, h, w) = x.dims4()?;
        let grouped = x.reshape((n, 1, c / self.group, self.group * h * w))?;
        let centred = grouped.broadcast_sub(&grouped.mean_keepdim(D::Minus1)?)?;
        let squares = (centred.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?;
        let rate = squares.sqrt()?.recip()?;
        let scale = squares.mean_keepdim(2)?.sqrt()?;
        let normal = centred.broadcast_mul(&rate)?;
        let gain = (self.film.forward(embedding)?.reshape((n, 1, c, 1))? + 1.0)?;
        let value = normal.broadcast_mul(&scale)?.reshape((n, 1, c, h * w))?.broadcast_mul(&gain)?;
        Ok((value.reshape((n, c, h, w))?, Box::new(Kept { centred, normal, rate, scale, gain })))
    }
}

impl Tape for Kept {
    fn pullback(&self, g: &Tensor) -> Result<Vec<Tensor>> {
        let (n, m, c, h, w) = g.dims5()?;
        let (_, _, groups, values) = self.normal.dims4()?;
        let g = g.reshape((n, m, c, h * w))?.broadcast_mul(&self.gain)?.reshape((n, m, groups, values))?;
        let along = g.broadcast_mul(&self.normal)?.mean_keepdim(D::Minus1)?;
        let inner = (g.broadcast_sub(&g.mean_keepdim(D::Minus1)?)? - self.normal.broadcast_mul(&along)?)?;
        let kept = inner.broadcast_mul(&self.rate)?.broadcast_mul(&self.scale)?;
        // ⟨g, x̂⟩/N is the mean of the groups' means.
        let moved = along.mean_keepdim(2)?.broadcast_div(&self.scale)?;
        Ok(vec![(kept + self.centred.broadcast_mul(&moved)?)?.reshape((n, m, c, h, w))?])
    }
}
