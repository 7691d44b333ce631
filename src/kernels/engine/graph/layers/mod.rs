//! The layer types, a file each: what a layer is on a processor is its four passes and its gradient.
//!
//! Values are dense pictures, channels-last and padded, or rows, which are pictures of one pixel. With `f` a layer of x, ẋ a
//! tangent, and q and r the cotangents of its tangent and of its value: `forward` is f(x), `tangent` is f′(x)ẋ, `pullback` f′(x)ᵀq,
//! and `reverse` what x gets of both, `f′(x)ᵀr + ∂⟨q, f′(x)ẋ⟩/∂x`.

mod convolution;
mod gelu;
mod linear;
mod mean;
mod norm;
mod pointwise;
mod sum;

use crate::engine::Size;
use crate::kernels::engine::body::Rows;
use crate::kernels::engine::common::{Common, Pieces};
use crate::kernels::layout::Frame;
use crate::program::{self, Form, LayerGraph};

/// A layer of a graph, packed for this processor.
pub(super) trait Layer: std::fmt::Debug + Send + Sync {
    /// What a pass over so many pictures or rows keeps. `asked` tells, of a pullback, whether a reverse pass will ask for it.
    fn memory(&self, pass: Pass, asked: bool, shapes: &Shapes, count: usize) -> Kept;

    /// Its value, which is written whole.
    fn forward(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], kept: &mut Kept);

    /// Its derivative along the inputs' tangents; `values` is what [`Self::forward`] kept.
    fn tangent(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], values: &Kept, kept: &mut Kept);

    /// From cotangents to those of its inputs, which are written whole.
    fn pullback(&self, at: &At, g: &[f32], values: &Kept, kept: &mut Kept, outs: [&mut [f32]; 2]);

    /// The reverse pass of value and tangent: `g` is the cotangent of the value, that of the tangent is what [`Self::pullback`]
    /// was given. A layer that has a film writes its cotangents into `film`, in the film's rows, unless that is empty.
    fn reverse(&self, at: &At, g: &[f32], passes: Passes, kept: &mut Kept, film: &mut [f32], outs: [&mut [f32]; 2]);

    /// The gradients of its tensors, from what all passes kept of every group: the pullback's cotangents with the tangents and
    /// the reverse pass's with the values. Without a score there are no tangents.
    fn gradients(&self, _at: &Learned, _groups: &[Group]) -> Pieces {
        Pieces::new()
    }

    /// Packs its filter for one picture with so many cotangents.
    fn pack(&self, _shapes: Shapes, _counts: [usize; 2]) {}

    /// Multiply-adds of a pass over one picture, if they are many.
    fn multiply_adds(&self, _shapes: Shapes) -> usize {
        0
    }
}

/// The packed layer of a node.
pub(super) fn new(common: &Common, graph: &LayerGraph, node: usize, weights: &[&[f32]]) -> Box<dyn Layer> {
    let level = common.level;
    match &graph.nodes[node].layer {
        program::Layer::Convolution(spec) => Box::new(convolution::Convolution::new(level, *spec, weights)),
        program::Layer::Pointwise(spec) => Box::new(pointwise::Pointwise::new(level, *spec, weights)),
        program::Layer::Gelu => Box::new(gelu::Gelu),
        program::Layer::Norm(spec) => {
            Box::new(norm::ScaleNorm { group: spec.group, start: common.film_start(spec.film) })
        }
        program::Layer::Sum => Box::new(sum::Sum),
        program::Layer::Mean => Box::new(mean::Mean),
        program::Layer::Linear(spec) => Box::new(linear::Linear::new(level, *spec, weights)),
    }
}

/// The four passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Values,
    Tangents,
    Pullback,
    Reverse,
}

/// What a pass keeps of a layer: buffers, whose meaning is the layer's own.
#[derive(Debug, Default)]
pub struct Kept(pub Vec<Vec<f32>>);

/// What the other passes kept when the reverse pass comes.
#[derive(Clone, Copy)]
pub struct Passes<'a> {
    pub values: &'a Kept,
    pub tangents: &'a Kept,
    pub pullback: &'a Kept,
}

/// What a value is for pictures of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Lines, columns and padded channels; the border is there where a layer keeps one.
    pub frame: Frame,
    /// Channels, padding not included.
    pub channels: usize,
}

/// The shapes of a layer's inputs, the second of which is the first where there is only one, and of its result.
#[derive(Debug, Clone, Copy)]
pub struct Shapes {
    pub inputs: [Shape; 2],
    pub out: Shape,
}

/// Where a layer works.
pub struct At<'a> {
    pub common: &'a Common,
    /// The film's rows, one a picture.
    pub film: &'a [f32],
    pub shapes: Shapes,
    /// The pictures, or with cotangents and tangents the rows, that are here, and in the whole job.
    pub pictures: usize,
    pub total: usize,
    /// Which rows they are.
    pub rows: Rows,
}

/// Where a gradient is taken.
pub struct Learned<'a> {
    pub common: &'a Common,
    pub shapes: Shapes,
}

/// What a gradient is taken from: what all passes over some pictures kept of a layer.
#[derive(Clone, Copy)]
pub struct Group<'a> {
    pub passes: Passes<'a>,
    pub reverse: &'a Kept,
    pub pictures: usize,
    /// Whether the loss of these pictures holds the score; else tangents and pullback have no part in it.
    pub scored: bool,
}

impl<'a> Group<'a> {
    /// What was kept on the ways up and down, to be multiplied: of tangents and pullback where they count, and of values and
    /// the reverse pass.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a Kept, &'a Kept)> + use<'a> {
        let Passes { values, tangents, pullback } = self.passes;
        [(tangents, pullback), (values, self.reverse)].into_iter().skip(usize::from(!self.scored))
    }
}

impl Shape {
    pub fn new(form: &Form, stem: Size) -> Self {
        let (height, width) = form.size(stem);
        Self { frame: Frame::new(height, width, form.channels), channels: form.channels }
    }

    /// Values a picture.
    pub fn len(&self) -> usize {
        self.frame.dense()
    }
}

impl At<'_> {
    /// The picture of a row.
    pub fn picture(&self, row: usize) -> usize {
        self.rows.picture(row)
    }
}

impl Kept {
    /// Buffers of these lengths.
    pub fn zeros<const N: usize>(lengths: [usize; N]) -> Self {
        Self(lengths.iter().map(|&len| vec![0.0; len]).collect())
    }

    /// A picture's part of a buffer of as many values a picture.
    pub fn of(&self, buffer: usize, picture: usize, len: usize) -> &[f32] {
        &self.0[buffer][picture * len..][..len]
    }
}
