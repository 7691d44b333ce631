//! A linear function of a row. Every pass keeps what it was given, for the gradient.

use super::{At, Group, Kept, Layer, Learned, Pass, Passes, Shapes};
use crate::kernels::conv::pointwise;
use crate::kernels::engine::common::Pieces;
use crate::kernels::engine::dense::{Dense, DenseRows};
use crate::kernels::product::Panels;
use crate::kernels::simd::{Level, padded};
use crate::program::Affine;

#[derive(Debug)]
pub(super) struct Linear {
    spec: Affine,
    forward: Dense,
    adjoint: Panels,
}

impl Linear {
    pub fn new(level: Level, spec: Affine, weights: &[&[f32]]) -> Self {
        let (inputs, outputs) = (padded(spec.inputs), padded(spec.outputs));
        let mut wide = vec![0.0; outputs * inputs];
        for (row, wide) in weights[spec.weight].chunks_exact(spec.inputs).zip(wide.chunks_exact_mut(inputs)) {
            wide[..spec.inputs].copy_from_slice(row);
        }
        let mut rows = DenseRows::new(inputs);
        rows.push(&wide[..spec.outputs * inputs], weights[spec.bias], 0.0);
        Self { spec, forward: rows.pack(level), adjoint: Panels::pack_rows(level, [1, outputs, inputs], &wide) }
    }

    fn down(&self, at: &At, g: &[f32], kept: &mut Kept, out: &mut [f32]) {
        kept.0[0].copy_from_slice(g);
        pointwise(&self.adjoint, at.pictures, g, out, false);
    }
}

impl Layer for Linear {
    fn memory(&self, pass: Pass, _: bool, shapes: &Shapes, count: usize) -> Kept {
        match pass {
            Pass::Values | Pass::Tangents => Kept::zeros([count * shapes.inputs[0].len()]),
            Pass::Pullback | Pass::Reverse => Kept::zeros([count * shapes.out.len()]),
        }
    }

    fn forward(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], kept: &mut Kept) {
        kept.0[0].copy_from_slice(inputs[0]);
        self.forward.forward(at.pictures, inputs[0], at.shapes.inputs[0].len(), out);
    }

    fn tangent(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], _: &Kept, kept: &mut Kept) {
        kept.0[0].copy_from_slice(inputs[0]);
        self.forward.linear(at.pictures, inputs[0], at.shapes.inputs[0].len(), out);
    }

    fn pullback(&self, at: &At, g: &[f32], _: &Kept, kept: &mut Kept, outs: [&mut [f32]; 2]) {
        let [out, _] = outs;
        self.down(at, g, kept, out);
    }

    fn reverse(&self, at: &At, g: &[f32], _: Passes, kept: &mut Kept, _: &mut [f32], outs: [&mut [f32]; 2]) {
        let [out, _] = outs;
        self.down(at, g, kept, out);
    }

    fn gradients(&self, at: &Learned, groups: &[Group]) -> Pieces {
        let Affine { weight, bias, inputs, outputs } = self.spec;
        let (mut weights, mut sums) = (vec![0.0; outputs * inputs], vec![0.0; outputs]);
        let (given, wide) = (at.shapes.inputs[0].len(), at.shapes.out.len());
        for group in groups {
            for (up, down) in group.pairs() {
                for (x, g) in up.0[0].chunks_exact(given).zip(down.0[0].chunks_exact(wide)) {
                    for (row, g) in weights.chunks_exact_mut(inputs).zip(g) {
                        row.iter_mut().zip(x).for_each(|(sum, x)| *sum += g * x);
                    }
                }
            }
            // The tangent has no bias.
            let cotangents = group.reverse.0[0].chunks_exact(wide);
            cotangents.for_each(|g| sums.iter_mut().zip(g).for_each(|(sum, g)| *sum += g));
        }
        vec![(weight, weights), (bias, sums)]
    }
}
