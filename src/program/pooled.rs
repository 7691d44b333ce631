//! The program of [`Family::Pooled`](super::Family::Pooled): `GradResNet` in the variant that its author made public with
//! "Learning normalized image densities via dual score matching" (Guth, Kadkhodaie and Simoncelli 2025), with a class read-out
//! of this crate's choice, since that network has none.
//!
//! ```text
//! block:  x ─ conv 3×3 ─ GELU ─ conv 3×3 ─ + ─ GELU ─ norm        φ = (L₀ mean h₀, L₁ mean h₁, …, mean h_last)
//!         └─ (1×1 conv ─ norm) ────────────┘
//! ```
//!
//! Noise enters by the norms' gains. There the features of the noise are of σ² itself; here of its logarithm, since σ² spans
//! more than four decades.

use super::build::Builder;
use super::{Architecture, Features, FilmKind, Form, Layer, LayerGraph, Node, ScaleNorm, Start, ValueId};

/// The layers so far.
struct Layers<'a> {
    make: &'a mut Builder,
    group: usize,
    values: Vec<Form>,
    nodes: Vec<Node>,
}

impl Builder {
    pub(super) fn pooled(&mut self, a: &Architecture, classes: usize) -> LayerGraph {
        // The stem's result.
        let values = vec![Form { channels: a.widths[0], stride: Some(1) }];
        let mut layers = Layers { make: self, group: a.group, values, nodes: Vec::new() };
        let (mut h, mut before, mut parts) = (0, a.widths[0], Vec::new());
        for (s, (&width, &blocks)) in a.widths.iter().zip(&a.blocks).enumerate() {
            for b in 0..blocks {
                let stride = if b == 0 { a.strides[s] } else { 1 };
                h = layers.block(&format!("stages.{s}.blocks.{b}"), h, [width, before], stride);
                before = width;
            }
            let mean = layers.push(Layer::Mean, &[h]);
            let last = s + 1 == a.widths.len();
            parts.push(if last { mean } else { layers.side(&format!("stages.{s}.side"), mean, before) });
        }
        let Layers { make, values, nodes, .. } = layers;
        let width = parts.iter().map(|&part: &ValueId| values[part].channels).sum();
        let linear = make.affine("head.linear", [classes, width], Start::Normal);
        LayerGraph { values, nodes, features: Features { parts, linear } }
    }
}

impl Layers<'_> {
    fn push(&mut self, layer: Layer, inputs: &[ValueId]) -> ValueId {
        let forms: Vec<Form> = inputs.iter().map(|&value| self.values[value]).collect();
        self.values.push(layer.form(&forms));
        self.nodes.push(Node { layer, inputs: inputs.to_vec() });
        self.nodes.len()
    }

    fn norm(&mut self, name: &str, x: ValueId) -> ValueId {
        let film = self.make.film(name, self.values[x].channels, FilmKind::Gain);
        self.push(Layer::Norm(ScaleNorm { film, group: self.group }), &[x])
    }

    fn block(&mut self, name: &str, x: ValueId, [width, before]: [usize; 2], stride: usize) -> ValueId {
        let first = self.make.convolution(&format!("{name}.conv1"), [width, before], 3, stride);
        let first = self.push(Layer::Convolution(first), &[x]);
        let inner = self.push(Layer::Gelu, &[first]);
        let second = self.make.convolution(&format!("{name}.conv2"), [width; 2], 3, 1);
        let second = self.push(Layer::Convolution(second), &[inner]);
        let shortcut = if stride == 1 && width == before {
            x
        } else {
            let shortcut = self.make.convolution(&format!("{name}.shortcut"), [width, before], 1, stride);
            let shortcut = self.push(Layer::Pointwise(shortcut), &[x]);
            self.norm(&format!("{name}.shortcut.film"), shortcut)
        };
        let sum = self.push(Layer::Sum, &[second, shortcut]);
        let value = self.push(Layer::Gelu, &[sum]);
        self.norm(&format!("{name}.film"), value)
    }

    /// A linear map of a stage's means to half as many.
    fn side(&mut self, name: &str, mean: ValueId, width: usize) -> ValueId {
        let side = self.make.affine(name, [width / 2, width], Start::Normal);
        self.push(Layer::Linear(side), &[mean])
    }
}
