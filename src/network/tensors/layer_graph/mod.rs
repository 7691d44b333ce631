//! The trunk of any layers: a walk over the program's [`LayerGraph`](program::LayerGraph), up and down, that knows nothing of
//! what the layers are. Each type has a file here.

mod convolution;
mod gelu;
mod linear;
mod mean;
mod norm;
mod pointwise;
mod sum;

use candle_core::{Result, Tensor};

use super::graph::{convolution, linear};
use super::layers::Linear;
use crate::program::{self, Program, TensorId, ValueId};

/// A layer of a graph. Pictures are `[N, C, H, W]`, rows `[N, C]`.
trait Layer: std::fmt::Debug + Send + Sync {
    /// Its value, and what its pullback needs; `embedding` is that of σ, `[N, E]`.
    fn forward<'a>(&'a self, inputs: &[&Tensor], embedding: &Tensor) -> Result<(Tensor, Box<dyn Tape + 'a>)>;
}

/// What a layer keeps of its forward pass.
trait Tape: std::fmt::Debug {
    /// From M cotangents a picture, `[N, M, …]`, to those of every input. It is differentiated by training.
    fn pullback(&self, g: &Tensor) -> Result<Vec<Tensor>>;
}

/// A program's layers over tensors.
#[derive(Debug)]
pub(super) struct LayerGraph {
    nodes: Vec<(Box<dyn Layer>, Vec<ValueId>)>,
    parts: Vec<ValueId>,
    linear: Linear,
}

/// What a [`LayerGraph`] keeps of a forward pass.
#[derive(Debug)]
pub(super) struct LayerGraphTape<'a> {
    graph: &'a LayerGraph,
    tapes: Vec<Box<dyn Tape + 'a>>,
    /// φ, `[N, features]`
    features: Tensor,
    /// How many of them are of each part.
    widths: Vec<usize>,
    /// P over the count of features.
    share: f64,
}

impl LayerGraph {
    pub(super) fn new(
        program: &Program,
        graph: &program::LayerGraph,
        tensor: &mut impl FnMut(TensorId) -> Result<Tensor>,
    ) -> Result<Self> {
        let mut nodes = Vec::new();
        for node in &graph.nodes {
            let layer: Box<dyn Layer> = match &node.layer {
                program::Layer::Convolution(spec) => Box::new(convolution::Convolution(convolution(spec, tensor)?)),
                program::Layer::Pointwise(spec) => {
                    Box::new(pointwise::Pointwise::new(&tensor(spec.weight)?, spec.stride)?)
                }
                program::Layer::Gelu => Box::new(gelu::Gelu),
                program::Layer::Norm(norm) => {
                    let film = linear(&program.films[norm.film].affine, tensor)?;
                    Box::new(norm::ScaleNorm { film, group: norm.group })
                }
                program::Layer::Sum => Box::new(sum::Sum),
                program::Layer::Mean => Box::new(mean::Mean),
                program::Layer::Linear(affine) => Box::new(linear(affine, tensor)?),
            };
            nodes.push((layer, node.inputs.clone()));
        }
        Ok(Self { nodes, parts: graph.features.parts.clone(), linear: linear(&graph.features.linear, tensor)? })
    }

    /// From the stem's result `[N, C, H, W]`, of pictures of so many pixels, to u `[N]` and v `[N, K]`.
    pub(super) fn forward(
        &self,
        h: Tensor,
        embedding: &Tensor,
        pixels: usize,
    ) -> Result<(Tensor, Tensor, LayerGraphTape<'_>)> {
        let mut values = vec![h];
        let mut tapes = Vec::with_capacity(self.nodes.len());
        for (layer, inputs) in &self.nodes {
            let inputs: Vec<&Tensor> = inputs.iter().map(|&value| &values[value]).collect();
            let (value, tape) = layer.forward(&inputs, embedding)?;
            values.push(value);
            tapes.push(tape);
        }
        let parts: Vec<&Tensor> = self.parts.iter().map(|&part| &values[part]).collect();
        let widths = parts.iter().map(|part| part.dim(1)).collect::<Result<_>>()?;
        let features = Tensor::cat(&parts, 1)?;
        let share = pixels as f64 / features.dim(1)? as f64;
        let energy = (features.sqr()?.sum(1)? * (-0.5 * share))?;
        let logits = self.linear.forward(&features)?;
        Ok((energy, logits, LayerGraphTape { graph: self, tapes, features, widths, share }))
    }
}

impl LayerGraphTape<'_> {
    /// From the cotangents of u, `[N, M]`, and of v, `[N, M, K]`, to those of the stem's result.
    pub(super) fn pullback(&self, energy: &Tensor, logits: &Tensor) -> Result<Tensor> {
        let pull = (energy.unsqueeze(2)? * -self.share)?;
        let g = (self.graph.linear.pullback(logits)? + self.features.unsqueeze(1)?.broadcast_mul(&pull)?)?;
        let mut cotangents: Vec<Option<Tensor>> = vec![None; self.tapes.len() + 1];
        let mut start = 0;
        for (&part, &width) in self.graph.parts.iter().zip(&self.widths) {
            add(&mut cotangents[part], g.narrow(2, start, width)?)?;
            start += width;
        }
        for (node, tape) in self.tapes.iter().enumerate().rev() {
            let Some(g) = cotangents[node + 1].take() else { continue };
            for (&input, g) in self.graph.nodes[node].1.iter().zip(tape.pullback(&g)?) {
                add(&mut cotangents[input], g)?;
            }
        }
        cotangents[0].take().ok_or_else(|| candle_core::Error::Msg("no layer reads the stem's result".to_owned()))
    }
}

fn add(sum: &mut Option<Tensor>, g: Tensor) -> Result<()> {
    *sum = Some(match sum.take() {
        None => g,
        Some(sum) => (sum + g)?,
    });
    Ok(())
}
