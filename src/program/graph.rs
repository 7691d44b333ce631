//! A network's trunk as a list of layers, each a function of values before it. A layer type is a variant of [`Layer`]: every
//! engine matches all of them, so that one which lacks a type does not compile.

use super::{Affine, Convolution, FilmId};

/// The number of a value: 0 is the stem's result, n + 1 is what node n gives.
pub type ValueId = usize;

/// Layers in an order in which each comes after what it reads, and the read-out of u and v.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerGraph {
    /// What every value is; one more than there are nodes.
    pub values: Vec<Form>,
    /// The layers in order.
    pub nodes: Vec<Node>,
    /// From rows of values to u and v.
    pub features: Features,
}

/// A layer, and the values that it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it does.
    pub layer: Layer,
    /// Its inputs, one or two.
    pub inputs: Vec<ValueId>,
}

/// A layer type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A bias-free 3×3 convolution.
    Convolution(Convolution),
    /// A bias-free 1×1 convolution of every pixel, or of every second one in both directions.
    Pointwise(Convolution),
    /// Exact GELU, `xΦ(x)`.
    Gelu,
    /// A group norm that preserves the scale, and a gain.
    Norm(ScaleNorm),
    /// The sum of two pictures.
    Sum,
    /// The mean over the pixels: a row.
    Mean,
    /// A linear function of a row.
    Linear(Affine),
}

/// `out = G ⊙ s·x̂` with `x̂ = (x − mean)/√(variance + 10⁻⁵)` over a group's channels and pixels, s the root mean square of all
/// groups' `√(variance + 10⁻⁵)`, and G a gain a channel that σ sets: what a group norm evens out between groups, without the
/// loss of the picture's scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleNorm {
    /// The gains.
    pub film: FilmId,
    /// Channels in a group.
    pub group: usize,
}

/// What a value is for each picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// How many channels.
    pub channels: usize,
    /// The product of all strides since the stem's result: a picture of `⌈size / stride⌉` pixels. None for a row.
    pub stride: Option<usize>,
}

/// `u = −P·mean(φ²)/2` and `v = Wφ + b`, with φ rows joined and P the pixels of the picture that was asked about.
///
/// The factor P makes u's gradient by a pixel independent of the picture's size, as that of `−‖z‖²/2` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// The rows that φ is made of, in order.
    pub parts: Vec<ValueId>,
    /// W and b.
    pub linear: Affine,
}

impl Layer {
    /// What it makes of its inputs' forms.
    #[must_use]
    pub fn form(&self, inputs: &[Form]) -> Form {
        let input = inputs[0];
        match self {
            Self::Convolution(convolution) | Self::Pointwise(convolution) => {
                Form { channels: convolution.outputs, stride: input.stride.map(|stride| stride * convolution.stride) }
            }
            Self::Gelu | Self::Norm(_) | Self::Sum => input,
            Self::Mean => Form { stride: None, ..input },
            Self::Linear(affine) => Form { channels: affine.outputs, stride: None },
        }
    }
}

impl Form {
    /// Lines and columns, where the stem's result has `size`; a row is one pixel.
    #[must_use]
    pub fn size(&self, (height, width): (usize, usize)) -> (usize, usize) {
        self.stride.map_or((1, 1), |stride| (height.div_ceil(stride), width.div_ceil(stride)))
    }
}

impl LayerGraph {
    /// The inputs' forms of a node.
    #[must_use]
    pub fn inputs(&self, node: usize) -> Vec<Form> {
        self.nodes[node].inputs.iter().map(|&value| self.values[value]).collect()
    }
}
