//! The network as data: the one list of its layers in order, with every tensor's number, name, shape, first values and
//! optimiser rule. Checkpoints are checked against it, engines are built from it, training starts and steps by it, and
//! the reference in `PyTorch` is held to it; nobody else writes a tensor's name.
//!
//! ```text
//! z ─ stem ─ stage 0 ─ stage 1 ─ … ─ the class logits v
//!              │          │
//!              └──────────┴── the energy u: a read-out of every stage
//! ```
//!
//! What lies between the stem and (u, v) is its [`Trunk`]. The first network's is written down stage by stage, so that engines
//! can fuse its layers; every other one is a [`LayerGraph`], which engines walk layer by layer.
//!
//! log σ is embedded once a picture; the *film*, one row a picture of linear functions of that embedding, holds the gains and
//! offsets of every norm and the weights of every read-out.

mod architecture;
mod build;
mod graph;
mod parameter_groups;
mod pooled;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use architecture::{Architecture, Family, Stem};
pub use graph::{Features, Form, Layer, LayerGraph, Node, ScaleNorm, ValueId};
pub use parameter_groups::parameter_groups;

/// The number of a tensor: its place in [`Program::tensors`].
pub type TensorId = usize;

/// The number of a film: its place in [`Program::films`].
pub type FilmId = usize;

/// A whole network, without its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// What pictures it takes, and how they are standardised.
    pub pictures: Pictures,
    /// Every tensor, in the order of a list of weights.
    pub tensors: Vec<TensorSpec>,
    /// The embedding of log σ.
    pub embedding: Embedding,
    /// Every linear function of the embedding.
    pub films: Vec<Film>,
    /// The first convolution.
    pub stem: Convolution,
    /// From the stem's result to u and v.
    pub trunk: Trunk,
}

/// What lies between the stem's result and u and v.
#[derive(Debug, Clone, PartialEq)]
pub enum Trunk {
    /// Stages of blocks that begin with a norm, each with a bilinear read-out.
    Stages(StageTrunk),
    /// Any layers, one after another.
    Graph(LayerGraph),
}

/// Stages of blocks that begin with a norm, a bilinear read-out of each, and class logits of the last.
#[derive(Debug, Clone, PartialEq)]
pub struct StageTrunk {
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// Channels in a group of the norms.
    pub group: usize,
    /// From the last stage to the class logits.
    pub head: Head,
}

/// What surrounds the network's own arithmetic: the pictures, the classes, the trained noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Pictures {
    /// Colour channels.
    pub channels: usize,
    /// K, how many classes.
    pub classes: usize,
    /// μ, a value a colour channel.
    pub mean: Vec<f32>,
    /// `σ_d`.
    pub deviation: f32,
    /// The ends of the trained range of σ, from which its embedding is scaled.
    pub sigma_range: (f32, f32),
}

/// A tensor of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorSpec {
    /// Its name in a checkpoint.
    pub name: String,
    /// Its dimensions, row-major, outputs first.
    pub shape: Vec<usize>,
    /// Its values before training.
    pub start: Start,
    /// How training changes it.
    pub rule: Rule,
}

/// A tensor's values before training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Zeros.
    Zero,
    /// Normal with variance 1 over the inputs of an output.
    Normal,
}

/// How a parameter is updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Orthogonalised momentum.
    Muon,
    /// Adam with decoupled weight decay.
    AdamW,
    /// Adam without decay: biases, gains.
    Plain,
}

/// From log σ to its embedding E: `t` runs from −1 to 1 over the trained range; functions of t go through two linear layers,
/// each followed by an activation.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Which functions of t, and which activation.
    pub kind: EmbeddingKind,
    /// How many frequencies.
    pub frequencies: usize,
    /// Both layers; `layers[1].outputs` is the embedding's width.
    pub layers: [Affine; 2],
}

/// The functions of t that an embedding begins with, and its activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingKind {
    /// t, then the sines, then the cosines of kπt/2 for k from 1 to `frequencies`; GELU.
    Gelu,
    /// The sines and cosines alone; `SiLU`, `x/(1 + e⁻ˣ)`.
    Silu,
}

/// `y = xWᵀ + b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affine {
    /// W, `[outputs, inputs]`.
    pub weight: TensorId,
    /// b, `[outputs]`.
    pub bias: TensorId,
    /// Values of x.
    pub inputs: usize,
    /// Values of y.
    pub outputs: usize,
}

/// Values a channel that σ sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Film {
    /// From the embedding to the values.
    pub affine: Affine,
    /// Channels of the layer.
    pub channels: usize,
    /// What the values are.
    pub kind: FilmKind,
}

/// What a film's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilmKind {
    /// One less than the gains, `channels` of them, then the offsets.
    GainAndOffset,
    /// One less than the gains.
    Gain,
    /// The weights γ of a read-out.
    Weight,
}

/// A bias-free convolution with a border of one, or of none if its kernel is 1×1, and outputs of `⌈size / stride⌉`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// `[outputs, inputs, kernel, kernel]`
    pub weight: TensorId,
    /// Channels that it reads.
    pub inputs: usize,
    /// Channels that it writes.
    pub outputs: usize,
    /// Rows and columns of its kernel.
    pub kernel: usize,
    /// Its stride.
    pub stride: usize,
}

/// A stage: from the one before it (or the stem) to its residual stream h, and h's read-out.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Channels of h.
    pub width: usize,
    /// From the stage before; the first stage begins with the stem's result.
    pub down: Option<Convolution>,
    /// The blocks in order.
    pub blocks: Vec<Block>,
    /// u's part.
    pub readout: Readout,
}

/// A residual block, `h + conv(act(conv(act(h))))`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its halves in order.
    pub halves: [Half; 2],
}

/// An activation — group norm, gain and offset, GELU — and the convolution after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Half {
    /// The activation's gains and offsets.
    pub film: FilmId,
    /// 3×3, stride 1.
    pub convolution: Convolution,
}

/// The bilinear read-out `Σ_pixels ⟨γ(σ) ⊙ P h, Q h⟩ / √C`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readout {
    /// P, `[C, C]`.
    pub p: TensorId,
    /// Q, `[C, C]`.
    pub q: TensorId,
    /// γ.
    pub gamma: FilmId,
}

/// `v = Linear(mean over pixels of act(h_last))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The activation's gains and offsets.
    pub film: FilmId,
    /// `[K, C]` and `[K]`.
    pub linear: Affine,
}

/// Where each film's values lie in a row of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilmLayout {
    /// Where each film begins.
    pub starts: Vec<usize>,
    /// Values of a row.
    pub row: usize,
    /// The films in the order of the row.
    pub order: Vec<FilmId>,
}

impl TensorSpec {
    /// How many values it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Embedding {
    /// How many values it starts from.
    #[must_use]
    pub fn features(&self) -> usize {
        self.kind.features(self.frequencies)
    }

    /// Its width.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layers[1].outputs
    }
}

impl EmbeddingKind {
    /// How many values an embedding of so many frequencies starts from.
    #[must_use]
    pub fn features(self, frequencies: usize) -> usize {
        match self {
            Self::Gelu => 2 * frequencies + 1,
            Self::Silu => 2 * frequencies,
        }
    }
}

impl FilmKind {
    /// How many rows of `channels` values.
    #[must_use]
    pub fn rows(self) -> usize {
        match self {
            Self::GainAndOffset => 2,
            Self::Gain | Self::Weight => 1,
        }
    }

    /// What is added to the first row: gains are stored less one.
    #[must_use]
    pub fn plus(self) -> f32 {
        match self {
            Self::GainAndOffset | Self::Gain => 1.0,
            Self::Weight => 0.0,
        }
    }
}

impl Program {
    /// How many weights the network has.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.tensors.iter().map(TensorSpec::len).sum()
    }

    /// Every film's place in a row where each run of channels is padded to a multiple: activations first, in order, then
    /// the read-outs' weights.
    #[must_use]
    pub fn film_layout(&self, multiple: usize) -> FilmLayout {
        let mut order: Vec<FilmId> = (0..self.films.len()).collect();
        order.sort_by_key(|&id| self.films[id].kind == FilmKind::Weight);
        let (mut starts, mut row) = (vec![0; order.len()], 0);
        for &id in &order {
            let film = &self.films[id];
            starts[id] = row;
            row += film.kind.rows() * film.channels.next_multiple_of(multiple);
        }
        FilmLayout { starts, row, order }
    }

    /// One slice a tensor in the program's order, from values by name.
    ///
    /// # Errors
    /// The name of a tensor that is missing or has another length, in a sentence.
    pub fn weights<'a>(&self, tensor: impl Fn(&str) -> Option<&'a [f32]>) -> Result<Vec<&'a [f32]>, String> {
        let one = |spec: &TensorSpec| {
            let values = tensor(&spec.name).ok_or_else(|| format!("tensor {} is missing", spec.name))?;
            if values.len() != spec.len() {
                let (name, shape) = (&spec.name, &spec.shape);
                return Err(format!("tensor {name} has {} values, not those of {shape:?}", values.len()));
            }
            Ok(values)
        };
        self.tensors.iter().map(one).collect()
    }

    /// Holds a list of weights against the program.
    ///
    /// # Errors
    /// A sentence that names a tensor of another length.
    pub fn check(&self, weights: &[&[f32]]) -> Result<(), String> {
        if weights.len() != self.tensors.len() {
            return Err(format!("there are {} tensors, not {}", weights.len(), self.tensors.len()));
        }
        let misfit = self.tensors.iter().zip(weights).find(|(spec, values)| spec.len() != values.len());
        match misfit {
            Some((spec, values)) => {
                Err(format!("tensor {} has {} values, not those of {:?}", spec.name, values.len(), spec.shape))
            }
            None => Ok(()),
        }
    }
}
