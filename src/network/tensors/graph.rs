//! The network as a function of tensors: `log p_σ(y, c) = −‖z‖²/2 + (σ_d/σ)·u(z, σ) + v_c(z, σ)`, `z = (y − μ)/√(σ_d² + σ²)`.

use candle_core::{D, Result, Tensor};

use super::Place;
use super::convolution::Convolution;
use super::layer_graph::{LayerGraph, LayerGraphTape};
use super::layers::{Linear, gelu, pull_convolution};
use super::stages::{Stages, StagesTape};
use crate::program::{self, EmbeddingKind, Program, TensorId, Trunk};

/// A network over given weights: any tensors, `Var`s among them, of one device and one floating-point type.
#[derive(Debug)]
pub struct Graph {
    /// μ, `[1, C, 1, 1]`
    mean: Tensor,
    deviation: f64,
    /// The ends of the trained range.
    sigma_range: (f32, f32),
    kind: EmbeddingKind,
    /// kπ/2 for each frequency k, `[1, frequencies]`
    frequencies: Tensor,
    embed: [Linear; 2],
    stem: Convolution,
    trunk: AnyTrunk,
}

/// From the stem's result to u and v.
#[derive(Debug)]
enum AnyTrunk {
    Stages(Stages),
    Graph(LayerGraph),
}

/// What a trunk keeps of its forward pass.
#[derive(Debug)]
enum AnyTape<'a> {
    Stages(StagesTape<'a>),
    Graph(LayerGraphTape<'a>),
}

/// A forward pass, kept for its adjoint passes.
#[derive(Debug)]
pub struct Activations<'a> {
    graph: &'a Graph,
    /// u(z, σ), `[N]`.
    pub energy: Tensor,
    /// The class logits v, `[N, K]`.
    pub logits: Tensor,
    /// z, `[N, C, H, W]`
    z: Tensor,
    /// `1/√(σ_d² + σ²)`, `[N, 1]`
    rate: Tensor,
    /// `σ_d/σ`, `[N, 1]`
    weight: Tensor,
    tape: AnyTape<'a>,
}

impl Graph {
    /// The network of a program with the weights that `tensor` gives for each of its tensors.
    ///
    /// # Errors
    /// What `tensor` returns, or candle's error if a tensor's shape does not fit.
    pub fn new(program: &Program, place: &Place, mut tensor: impl FnMut(TensorId) -> Result<Tensor>) -> Result<Self> {
        let trunk = match &program.trunk {
            Trunk::Stages(stages) => AnyTrunk::Stages(Stages::new(program, stages, &mut tensor)?),
            Trunk::Graph(graph) => AnyTrunk::Graph(LayerGraph::new(program, graph, &mut tensor)?),
        };
        let channels = program.pictures.channels;
        let halves = (1..=program.embedding.frequencies).map(|k| k as f64 * std::f64::consts::FRAC_PI_2);
        let [first, second] = &program.embedding.layers;
        Ok(Self {
            mean: place.tensor(&program.pictures.mean, &[1, channels, 1, 1])?,
            deviation: f64::from(program.pictures.deviation),
            sigma_range: program.pictures.sigma_range,
            kind: program.embedding.kind,
            frequencies: Tensor::from_iter(halves, &place.device)?.to_dtype(place.dtype)?.unsqueeze(0)?,
            embed: [linear(first, &mut tensor)?, linear(second, &mut tensor)?],
            stem: convolution(&program.stem, &mut tensor)?,
            trunk,
        })
    }

    /// One forward pass over `[N, C, H, W]` noisy pictures with `[N]` standard deviations inside the trained range.
    pub fn forward(&self, noisy: &Tensor, sigmas: &Tensor) -> Result<Activations<'_>> {
        let (n, _, height, width) = noisy.dims4()?;
        let rate = (sigmas.sqr()? + self.deviation * self.deviation)?.sqrt()?.recip()?;
        let z = noisy.broadcast_sub(&self.mean)?.broadcast_mul(&rate.reshape((n, 1, 1, 1))?)?;
        let embedding = self.embed(sigmas)?;
        let h = self.stem.forward(&z)?;
        let (energy, logits, tape) = match &self.trunk {
            AnyTrunk::Stages(stages) => {
                let (energy, logits, tape) = stages.forward(h, &embedding)?;
                (energy, logits, AnyTape::Stages(tape))
            }
            AnyTrunk::Graph(graph) => {
                let (energy, logits, tape) = graph.forward(h, &embedding, height * width)?;
                (energy, logits, AnyTape::Graph(tape))
            }
        };
        let weight = (sigmas.recip()? * self.deviation)?;
        let (rate, weight) = (rate.unsqueeze(1)?, weight.unsqueeze(1)?);
        Ok(Activations { graph: self, energy, logits, z, rate, weight, tape })
    }

    /// The embedding of log σ: `[N]` → `[N, E]`.
    fn embed(&self, sigmas: &Tensor) -> Result<Tensor> {
        let (low, high) = (f64::from(self.sigma_range.0).ln(), f64::from(self.sigma_range.1).ln());
        let scale = 2.0 / (high - low);
        let t = sigmas.log()?.affine(scale, -low * scale - 1.0)?.unsqueeze(1)?;
        let angles = t.matmul(&self.frequencies)?;
        let [first, second] = &self.embed;
        match self.kind {
            EmbeddingKind::Gelu => {
                let features = Tensor::cat(&[&t, &angles.sin()?, &angles.cos()?], D::Minus1)?;
                let (hidden, _) = gelu(&first.forward(&features)?)?;
                Ok(gelu(&second.forward(&hidden)?)?.0)
            }
            EmbeddingKind::Silu => {
                let features = Tensor::cat(&[&angles.sin()?, &angles.cos()?], D::Minus1)?;
                second.forward(&first.forward(&features)?.silu()?)?.silu()
            }
        }
    }
}

impl Activations<'_> {
    /// The gradient by y of `w_u·(log density part) + ⟨w_v, v⟩`: the adjoint pass.
    ///
    /// `density` `[N, M]` weighs `−‖z‖²/2 + (σ_d/σ)u`, `logits` `[N, M, K]` weighs v; the result is
    /// `[N, M, C, H, W]`. For `Σ_c w_c ∇log p(y, c)`, `density` is `Σ_c w_c` and `logits` is w.
    pub fn pullback(&self, density: &Tensor, logits: &Tensor) -> Result<Tensor> {
        let (n, m) = density.dims2()?;
        let scale = density.broadcast_mul(&self.weight)?;
        let g = match &self.tape {
            AnyTape::Stages(tape) => tape.pullback(&scale, logits)?,
            AnyTape::Graph(tape) => tape.pullback(&scale, logits)?,
        };
        let (_, _, h, w) = self.z.dims4()?;
        let g = pull_convolution(&self.graph.stem, &g, (h, w))?;
        let gaussian = self.z.unsqueeze(1)?.broadcast_mul(&density.reshape((n, m, 1, 1, 1))?)?;
        (g - gaussian)?.broadcast_mul(&self.rate.reshape((n, 1, 1, 1, 1))?)
    }
}

/// A linear layer over the tensors of its weights.
pub(super) fn linear(affine: &program::Affine, tensor: &mut impl FnMut(TensorId) -> Result<Tensor>) -> Result<Linear> {
    Ok(Linear { weight: tensor(affine.weight)?, bias: tensor(affine.bias)? })
}

/// A convolution over the tensor of its weights.
pub(super) fn convolution(
    convolution: &program::Convolution,
    tensor: &mut impl FnMut(TensorId) -> Result<Tensor>,
) -> Result<Convolution> {
    Convolution::new(tensor(convolution.weight)?, convolution.stride)
}
