//! The network as a function of tensors: `log p_σ(y, c) = −‖z‖²/2 + (σ_d/σ)·u(z, σ) + v_c(z, σ)`, `z = (y − μ)/√(σ_d² + σ²)`.

use candle_core::{D, Result, Tensor};

use super::Place;
use super::convolution::Convolution;
use super::layers::{
    Activation, Block, BlockTape, Head, HeadTape, Linear, Readout, ReadoutTape, gelu, pull_convolution,
};
use crate::program::{self, Half, Program, TensorId};

/// A network over given weights: any tensors, `Var`s among them, of one device and one floating-point type.
#[derive(Debug, Clone)]
pub struct Graph {
    /// μ, `[1, C, 1, 1]`
    mean: Tensor,
    deviation: f64,
    /// The ends of the trained range.
    sigma_range: (f32, f32),
    /// kπ/2 for each frequency k, `[1, frequencies]`
    frequencies: Tensor,
    embed: [Linear; 2],
    stem: Convolution,
    stages: Vec<Stage>,
    head: Head,
}

#[derive(Debug, Clone)]
struct Stage {
    down: Option<Convolution>,
    blocks: Vec<Block>,
    readout: Readout,
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
    stages: Vec<StageTape>,
    head: HeadTape,
}

#[derive(Debug)]
struct StageTape {
    /// Height and width of what the stage was given.
    size: (usize, usize),
    blocks: Vec<BlockTape>,
    readout: ReadoutTape,
}

impl Graph {
    /// The network of a program with the weights that `tensor` gives for each of its tensors.
    ///
    /// # Errors
    /// What `tensor` returns, or candle's error if a tensor's shape does not fit.
    pub fn new(program: &Program, place: &Place, mut tensor: impl FnMut(TensorId) -> Result<Tensor>) -> Result<Self> {
        let group = program.group;
        let mut stages = Vec::new();
        for stage in &program.stages {
            let down = stage.down.map(|down| convolution(&down, &mut tensor)).transpose()?;
            let mut half = |half: &Half| -> Result<(Activation, Convolution)> {
                let film = linear(&program.films[half.film].affine, &mut tensor)?;
                Ok((Activation { film, group }, convolution(&half.convolution, &mut tensor)?))
            };
            let mut blocks = Vec::new();
            for block in &stage.blocks {
                let [first, second] = &block.halves;
                blocks.push(Block { halves: [half(first)?, half(second)?] });
            }
            let readout = Readout {
                p: tensor(stage.readout.p)?,
                q: tensor(stage.readout.q)?,
                gamma: linear(&program.films[stage.readout.gamma].affine, &mut tensor)?,
            };
            stages.push(Stage { down, blocks, readout });
        }
        let channels = program.pictures.channels;
        let halves = (1..=program.embedding.frequencies).map(|k| k as f64 * std::f64::consts::FRAC_PI_2);
        let [first, second] = &program.embedding.layers;
        Ok(Self {
            mean: place.tensor(&program.pictures.mean, &[1, channels, 1, 1])?,
            deviation: f64::from(program.pictures.deviation),
            sigma_range: program.pictures.sigma_range,
            frequencies: Tensor::from_iter(halves, &place.device)?.to_dtype(place.dtype)?.unsqueeze(0)?,
            embed: [linear(first, &mut tensor)?, linear(second, &mut tensor)?],
            stem: convolution(&program.stem, &mut tensor)?,
            stages,
            head: Head {
                activation: Activation { film: linear(&program.films[program.head.film].affine, &mut tensor)?, group },
                linear: linear(&program.head.linear, &mut tensor)?,
            },
        })
    }

    /// One forward pass over `[N, C, H, W]` noisy pictures with `[N]` standard deviations inside the trained range.
    pub fn forward(&self, noisy: &Tensor, sigmas: &Tensor) -> Result<Activations<'_>> {
        let n = noisy.dim(0)?;
        let rate = (sigmas.sqr()? + self.deviation * self.deviation)?.sqrt()?.recip()?;
        let z = noisy.broadcast_sub(&self.mean)?.broadcast_mul(&rate.reshape((n, 1, 1, 1))?)?;
        let embedding = self.embed(sigmas)?;
        let mut h = self.stem.forward(&z)?;
        let mut energy: Option<Tensor> = None;
        let mut stages = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            let size = (h.dim(2)?, h.dim(3)?);
            if let Some(down) = &stage.down {
                h = down.forward(&h)?;
            }
            let mut blocks = Vec::with_capacity(stage.blocks.len());
            for block in &stage.blocks {
                let (next, tape) = block.forward(&h, &embedding)?;
                h = next;
                blocks.push(tape);
            }
            let (u, readout) = stage.readout.forward(&h, &embedding)?;
            energy = Some(match energy {
                None => u,
                Some(sum) => (sum + u)?,
            });
            stages.push(StageTape { size, blocks, readout });
        }
        let (logits, head) = self.head.forward(&h, &embedding)?;
        let weight = (sigmas.recip()? * self.deviation)?;
        let energy = energy.map_or_else(|| weight.zeros_like(), Ok)?;
        let (rate, weight) = (rate.unsqueeze(1)?, weight.unsqueeze(1)?);
        Ok(Activations { graph: self, energy, logits, z, rate, weight, stages, head })
    }

    /// The embedding of log σ: `[N]` → `[N, E]`.
    fn embed(&self, sigmas: &Tensor) -> Result<Tensor> {
        let (low, high) = (f64::from(self.sigma_range.0).ln(), f64::from(self.sigma_range.1).ln());
        let scale = 2.0 / (high - low);
        let t = sigmas.log()?.affine(scale, -low * scale - 1.0)?.unsqueeze(1)?;
        let angles = t.matmul(&self.frequencies)?;
        let features = Tensor::cat(&[&t, &angles.sin()?, &angles.cos()?], D::Minus1)?;
        let (hidden, _) = gelu(&self.embed[0].forward(&features)?)?;
        Ok(gelu(&self.embed[1].forward(&hidden)?)?.0)
    }
}

impl Activations<'_> {
    /// The gradient by y of `w_u·(log density part) + ⟨w_v, v⟩`: the adjoint pass.
    ///
    /// `density` `[N, M]` weighs `−‖z‖²/2 + (σ_d/σ)u`, `logits` `[N, M, K]` weighs v; the result is
    /// `[N, M, C, H, W]`. For `Σ_c w_c ∇log p(y, c)`, `density` is `Σ_c w_c` and `logits` is w.
    pub fn pullback(&self, density: &Tensor, logits: &Tensor) -> Result<Tensor> {
        let (n, m) = density.dims2()?;
        let scale = density.broadcast_mul(&self.weight)?.reshape((n, m, 1, 1, 1))?;
        let mut g = self.graph.head.pullback(&self.head, logits)?;
        for (stage, tape) in self.graph.stages.iter().zip(&self.stages).rev() {
            g = (g + stage.readout.gradient(&tape.readout)?.broadcast_mul(&scale)?)?;
            for (block, tape) in stage.blocks.iter().zip(&tape.blocks).rev() {
                g = block.pullback(tape, &g)?;
            }
            if let Some(down) = &stage.down {
                g = pull_convolution(down, &g, tape.size)?;
            }
        }
        let (_, _, h, w) = self.z.dims4()?;
        let g = pull_convolution(&self.graph.stem, &g, (h, w))?;
        let gaussian = self.z.unsqueeze(1)?.broadcast_mul(&density.reshape((n, m, 1, 1, 1))?)?;
        (g - gaussian)?.broadcast_mul(&self.rate.reshape((n, 1, 1, 1, 1))?)
    }
}

fn linear(affine: &program::Affine, tensor: &mut impl FnMut(TensorId) -> Result<Tensor>) -> Result<Linear> {
    Ok(Linear { weight: tensor(affine.weight)?, bias: tensor(affine.bias)? })
}

fn convolution(
    convolution: &program::Convolution,
    tensor: &mut impl FnMut(TensorId) -> Result<Tensor>,
) -> Result<Convolution> {
    Convolution::new(tensor(convolution.weight)?, convolution.stride)
}
