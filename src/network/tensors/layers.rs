//! The layers, each with its forward pass and its pullback (vector–Jacobian product), written in tensor operations.
//!
//! In a pullback, N pictures have M cotangents each: saved activations are `[N, C, H, W]`, cotangents `[N, M, C, H, W]`.
//! Every operation is differentiable, so a loss that contains a pullback's result is trained by ordinary autograd.

use candle_core::{D, Result, Tensor};

use super::convolution::Convolution;

/// Added to the variance under the group norm's root.
pub(super) const EPSILON: f64 = 1e-5;

/// `y = xWᵀ + b` over the last dimension.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    /// `[out, in]`
    pub(super) weight: Tensor,
    /// `[out]`
    pub(super) bias: Tensor,
}

impl Linear {
    /// `[N, in]` → `[N, out]`
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)
    }

    /// `[N, M, out]` → `[N, M, in]`
    pub(super) fn pullback(&self, g: &Tensor) -> Result<Tensor> {
        let (n, m, out) = g.dims3()?;
        g.reshape((n * m, out))?.matmul(&self.weight)?.reshape((n, m, self.weight.dim(1)?))
    }
}

/// Exact GELU, `xΦ(x)`, and its slope, `Φ(x) + xφ(x)`, with Φ and φ the normal distribution and density.
///
/// candle's own `gelu_erf` is not used: its reverse pass has a constant of six digits.
pub(super) fn gelu(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let peak = 0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    let density = ((x.sqr()? * -0.5)?.exp()? * peak)?;
    let normal = (((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)? * 0.5)?;
    Ok(((x * &normal)?, (normal + (x * density)?)?))
}

/// Group norm, then a gain and an offset a channel that σ sets, then exact GELU.
#[derive(Debug, Clone)]
pub(super) struct Activation {
    /// Embedding of σ → gain and offset, `[2C, E]`.
    pub(super) film: Linear,
    /// Channels in a group.
    pub(super) group: usize,
}

/// What an [`Activation`] keeps of its forward pass.
#[derive(Debug, Clone)]
pub(super) struct ActivationTape {
    /// Normalised values, `[N, 1, G, group·H·W]`.
    normal: Tensor,
    /// One over the groups' standard deviations, `[N, 1, G, 1]`.
    rate: Tensor,
    /// GELU's slope times the gain, `[N, 1, C, H·W]`.
    slope: Tensor,
}

impl Activation {
    /// `[N, C, H, W]` and the embedding `[N, E]` → `[N, C, H, W]`
    pub(super) fn forward(&self, x: &Tensor, embedding: &Tensor) -> Result<(Tensor, ActivationTape)> {
        let (n, c, h, w) = x.dims4()?;
        let film = self.film.forward(embedding)?;
        let grouped = x.reshape((n, c / self.group, self.group * h * w))?;
        let centred = grouped.broadcast_sub(&grouped.mean_keepdim(D::Minus1)?)?;
        let rate = (centred.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?.recip()?;
        let normal = centred.broadcast_mul(&rate)?;
        let gain = (film.narrow(1, 0, c)?.reshape((n, c, 1))? + 1.0)?;
        let offset = film.narrow(1, c, c)?.reshape((n, c, 1))?;
        let lifted = normal.reshape((n, c, h * w))?.broadcast_mul(&gain)?.broadcast_add(&offset)?;
        let (value, slope) = gelu(&lifted)?;
        let slope = slope.broadcast_mul(&gain)?.unsqueeze(1)?;
        let tape = ActivationTape { slope, normal: normal.unsqueeze(1)?, rate: rate.unsqueeze(1)? };
        Ok((value.reshape((n, c, h, w))?, tape))
    }
}

impl ActivationTape {
    /// `[N, M, C, H, W]` → the same shape
    pub(super) fn pullback(&self, g: &Tensor) -> Result<Tensor> {
        let Self { normal, rate, slope } = self;
        let (n, m, c, h, w) = g.dims5()?;
        let (_, _, groups, values) = normal.dims4()?;
        let g = g.reshape((n, m, c, h * w))?.broadcast_mul(slope)?.reshape((n, m, groups, values))?;
        let along = g.broadcast_mul(normal)?.mean_keepdim(D::Minus1)?;
        let inner = g.broadcast_sub(&g.mean_keepdim(D::Minus1)?)?;
        let inner = (inner - normal.broadcast_mul(&along)?)?;
        inner.broadcast_mul(rate)?.reshape((n, m, c, h, w))
    }
}

/// `h + conv(act(conv(act(h))))`, both convolutions 3×3 with stride 1.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) halves: [(Activation, Convolution); 2],
}

/// What a [`Block`] keeps of its forward pass.
#[derive(Debug, Clone)]
pub(super) struct BlockTape {
    activations: [ActivationTape; 2],
}

impl Block {
    /// `[N, C, H, W]` → the same shape
    pub(super) fn forward(&self, x: &Tensor, embedding: &Tensor) -> Result<(Tensor, BlockTape)> {
        let [(act1, conv1), (act2, conv2)] = &self.halves;
        let (a, tape1) = act1.forward(x, embedding)?;
        let (b, tape2) = act2.forward(&conv1.forward(&a)?, embedding)?;
        Ok(((x + conv2.forward(&b)?)?, BlockTape { activations: [tape1, tape2] }))
    }

    /// `[N, M, C, H, W]` → the same shape
    pub(super) fn pullback(&self, tape: &BlockTape, g: &Tensor) -> Result<Tensor> {
        let mut inner = g.clone();
        for ((_, conv), activation) in self.halves.iter().zip(&tape.activations).rev() {
            inner = activation.pullback(&pull_convolution(conv, &inner, (g.dim(3)?, g.dim(4)?))?)?;
        }
        g + inner
    }
}

/// A convolution's pullback over M cotangents a picture: `[N, M, out, ..]` → `[N, M, in, H, W]`.
pub(super) fn pull_convolution(conv: &Convolution, g: &Tensor, (h, w): (usize, usize)) -> Result<Tensor> {
    let (n, m, c, gh, gw) = g.dims5()?;
    let x = conv.pullback(&g.reshape((n * m, c, gh, gw))?, (h, w))?;
    let input = x.dim(1)?;
    x.reshape((n, m, input, h, w))
}

/// The bilinear read-out of a stage: `Σ_pixels ⟨γ(σ) ⊙ P h, Q h⟩ / √C`.
#[derive(Debug, Clone)]
pub(super) struct Readout {
    /// P, `[C, C]`
    pub(super) p: Tensor,
    /// Q, `[C, C]`
    pub(super) q: Tensor,
    /// Embedding of σ → γ, `[C, E]`.
    pub(super) gamma: Linear,
}

/// What a [`Readout`] keeps of its forward pass.
#[derive(Debug, Clone)]
pub(super) struct ReadoutTape {
    /// γ ⊙ P h / √C, `[N, C, H·W]`
    p: Tensor,
    /// Q h, `[N, C, H·W]`
    q: Tensor,
    /// γ / √C, `[N, C, 1]`
    gamma: Tensor,
    size: (usize, usize),
}

impl Readout {
    /// `[N, C, H, W]` → `[N]`
    pub(super) fn forward(&self, x: &Tensor, embedding: &Tensor) -> Result<(Tensor, ReadoutTape)> {
        let (n, c, h, w) = x.dims4()?;
        let x = x.reshape((n, c, h * w))?;
        let gamma = (self.gamma.forward(embedding)?.reshape((n, c, 1))? * (c as f64).sqrt().recip())?;
        let p = pointwise(&self.p, &x)?.broadcast_mul(&gamma)?;
        let q = pointwise(&self.q, &x)?;
        let u = (&p * &q)?.sum((1, 2))?;
        Ok((u, ReadoutTape { p, q, gamma, size: (h, w) }))
    }

    /// The gradient of the read-out itself, `[N, 1, C, H, W]`: every cotangent only scales it.
    pub(super) fn gradient(&self, tape: &ReadoutTape) -> Result<Tensor> {
        let through_p = pointwise(&self.p.t()?, &tape.q.broadcast_mul(&tape.gamma)?)?;
        let through_q = pointwise(&self.q.t()?, &tape.p)?;
        let (n, c, _) = tape.q.dims3()?;
        (through_p + through_q)?.reshape((n, 1, c, tape.size.0, tape.size.1))
    }
}

/// A 1×1 convolution: `[out, in]` on `[N, in, pixels]`.
pub(super) fn pointwise(weight: &Tensor, x: &Tensor) -> Result<Tensor> {
    let (out, input) = weight.dims2()?;
    weight.broadcast_as((x.dim(0)?, out, input))?.matmul(x)
}

/// The class logits: `Linear(mean over pixels of act(h))`.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) activation: Activation,
    pub(super) linear: Linear,
}

/// What a [`Head`] keeps of its forward pass.
#[derive(Debug, Clone)]
pub(super) struct HeadTape {
    activation: ActivationTape,
    size: (usize, usize),
}

impl Head {
    /// `[N, C, H, W]` → `[N, K]`
    pub(super) fn forward(&self, x: &Tensor, embedding: &Tensor) -> Result<(Tensor, HeadTape)> {
        let (_, _, h, w) = x.dims4()?;
        let (a, activation) = self.activation.forward(x, embedding)?;
        Ok((self.linear.forward(&a.mean((2, 3))?)?, HeadTape { activation, size: (h, w) }))
    }

    /// `[N, M, K]` → `[N, M, C, H, W]`
    pub(super) fn pullback(&self, tape: &HeadTape, g: &Tensor) -> Result<Tensor> {
        let (h, w) = tape.size;
        let g = (self.linear.pullback(g)? * (1.0 / (h * w) as f64))?;
        let (n, m, c) = g.dims3()?;
        tape.activation.pullback(&g.reshape((n, m, c, 1, 1))?.broadcast_as((n, m, c, h, w))?.contiguous()?)
    }
}
