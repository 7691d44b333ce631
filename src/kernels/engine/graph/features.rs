//! The read-out of a graph: `u = −P·mean(φ²)/2` and `v = Wφ + b`. Rows here are short, and not padded.

use super::layers::Shape;
use crate::kernels::engine::common::Pieces;
use crate::program::{Affine, LayerGraph};

#[derive(Debug)]
pub(super) struct Features {
    affine: Affine,
    /// W, `[K, features]`
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Features {
    pub fn new(graph: &LayerGraph, weights: &[&[f32]]) -> Self {
        let affine = graph.features.linear;
        Self { affine, weights: weights[affine.weight].to_vec(), bias: weights[affine.bias].to_vec() }
    }

    /// How many features there are.
    pub fn width(&self) -> usize {
        self.affine.inputs
    }

    /// φ from the padded rows that it is made of.
    pub fn gather<'a>(&self, parts: impl Iterator<Item = (&'a [f32], &'a Shape)>, features: &mut [f32]) {
        let mut start = 0;
        for (rows, shape) in parts {
            let pairs = features.chunks_exact_mut(self.width()).zip(rows.chunks_exact(shape.len()));
            pairs.for_each(|(to, from)| to[start..start + shape.channels].copy_from_slice(&from[..shape.channels]));
            start += shape.channels;
        }
    }

    /// The adjoint of [`Self::gather`] for the part that begins at `start`; returns how many features it has.
    pub fn scatter(&self, features: &[f32], start: usize, shape: &Shape, rows: &mut [f32]) -> usize {
        let pairs = features.chunks_exact(self.width()).zip(rows.chunks_exact_mut(shape.len()));
        for (from, to) in pairs {
            to[..shape.channels].copy_from_slice(&from[start..start + shape.channels]);
            to[shape.channels..].fill(0.0);
        }
        shape.channels
    }

    /// v of rows of φ, or without the bias its derivative.
    pub fn logits(&self, features: &[f32], logits: &mut [f32], bias: bool) {
        let rows = features.chunks_exact(self.width()).zip(logits.chunks_exact_mut(self.bias.len()));
        for (features, logits) in rows {
            for (c, (logit, weights)) in logits.iter_mut().zip(self.weights.chunks_exact(self.width())).enumerate() {
                let sum: f32 = weights.iter().zip(features).map(|(w, x)| w * x).sum();
                *logit = if bias { sum + self.bias[c] } else { sum };
            }
        }
    }

    /// u of every picture of so many pixels.
    pub fn energy(&self, pixels: usize, features: &[f32], energy: &mut [f64]) {
        for (energy, features) in energy.iter_mut().zip(features.chunks_exact(self.width())) {
            let squares: f64 = features.iter().map(|v| f64::from(*v).powi(2)).sum();
            *energy = -0.5 * pixels as f64 * squares / self.width() as f64;
        }
    }

    /// From cotangents of v, `rows` rows, to those of φ.
    pub fn pull(&self, logits: &[f32], rows: usize, out: &mut [f32]) {
        for (weights, out) in logits.chunks_exact(self.bias.len()).zip(out.chunks_exact_mut(self.width())).take(rows) {
            out.fill(0.0);
            for (weight, row) in weights.iter().zip(self.weights.chunks_exact(self.width())) {
                // Most cotangents are of one class.
                if *weight != 0.0 {
                    out.iter_mut().zip(row).for_each(|(out, v)| *out += weight * v);
                }
            }
        }
    }

    /// Adds to a row of cotangents of φ what u gives whose own is `scale`: of a picture's φ, or in the reverse pass of its tangent.
    pub fn pull_energy(
        &self,
        pixels: usize,
        scale: f32,
        [picture, row]: [usize; 2],
        features: &[f32],
        out: &mut [f32],
    ) {
        let factor = -scale * pixels as f32 / self.width() as f32;
        let out = &mut out[row * self.width()..][..self.width()];
        let features = &features[picture * self.width()..];
        out.iter_mut().zip(features).for_each(|(out, v)| *out += factor * v);
    }

    /// The gradients of W and b: pairs of rows of cotangents of v with φ, and without the bias with its tangents.
    pub fn gradients(&self, values: &[(&[f32], &[f32])], tangents: &[(&[f32], &[f32])]) -> Pieces {
        let (classes, width) = (self.bias.len(), self.width());
        let (mut weights, mut bias) = (vec![0.0; classes * width], vec![0.0; classes]);
        let mut add = |pairs: &[(&[f32], &[f32])], bias: &mut [f32]| {
            for (cotangents, features) in pairs {
                for (cotangents, features) in cotangents.chunks_exact(classes).zip(features.chunks_exact(width)) {
                    bias.iter_mut().zip(cotangents).for_each(|(sum, g)| *sum += g);
                    for (sums, g) in weights.chunks_exact_mut(width).zip(cotangents) {
                        sums.iter_mut().zip(features).for_each(|(sum, v)| *sum += g * v);
                    }
                }
            }
        };
        add(values, &mut bias);
        add(tangents, &mut []);
        vec![(self.affine.weight, weights), (self.affine.bias, bias)]
    }
}
