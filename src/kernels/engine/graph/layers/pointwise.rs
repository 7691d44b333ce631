//! A 1×1 convolution of every `stride`-th pixel: a product of the pixels that are left.

use super::{At, Group, Kept, Layer, Learned, Pass, Passes, Shapes};
use crate::kernels::conv::{direct, pointwise};
use crate::kernels::engine::common::Pieces;
use crate::kernels::layout::Filter;
use crate::kernels::outer::{Outer, accumulate};
use crate::kernels::product::{Grid, Panels};
use crate::kernels::simd::Level;
use crate::program;

/// The buffer of the pixels that are left, on the way up, or of the cotangent, on the way down. There the second is room for the
/// cotangents of the pixels that are left.
const GIVEN: usize = 0;

#[derive(Debug)]
pub(super) struct Pointwise {
    spec: program::Convolution,
    forward: Panels,
    adjoint: Panels,
}

impl Pointwise {
    pub fn new(level: Level, spec: program::Convolution, weights: &[&[f32]]) -> Self {
        let filter = Filter::new(weights[spec.weight], [spec.outputs, spec.inputs, 1]);
        Self { spec, forward: direct(level, &filter), adjoint: direct(level, &filter.adjoint(false)) }
    }

    /// Calls `f(offset of a pixel that is left among them, offset in the picture)`, for every one of `count` pictures.
    fn each(&self, shapes: &Shapes, count: usize, mut f: impl FnMut(usize, usize)) {
        let ([input, _], out) = (shapes.inputs, shapes.out.frame);
        let channels = input.frame.channels;
        for n in 0..count {
            for y in 0..out.height {
                for x in 0..out.width {
                    let to = ((n * out.height + y) * out.width + x) * channels;
                    let from = (y * self.spec.stride * input.frame.width + x * self.spec.stride) * channels;
                    f(to, n * input.len() + from);
                }
            }
        }
    }

    fn up(&self, at: &At, x: &[f32], out: &mut [f32], kept: &mut Kept) {
        let (left, channels) = (&mut kept.0[GIVEN], at.shapes.inputs[0].frame.channels);
        self.each(&at.shapes, at.pictures, |to, from| {
            left[to..to + channels].copy_from_slice(&x[from..from + channels]);
        });
        pointwise(&self.forward, left.len() / channels, left, out, false);
    }

    fn down(&self, at: &At, g: &[f32], kept: &mut Kept, out: &mut [f32]) {
        let channels = at.shapes.inputs[0].frame.channels;
        let [cotangent, room] = &mut kept.0[..] else { return };
        cotangent.copy_from_slice(g);
        pointwise(&self.adjoint, room.len() / channels, g, room, false);
        out.fill(0.0);
        self.each(&at.shapes, at.pictures, |from, to| {
            out[to..to + channels].copy_from_slice(&room[from..from + channels]);
        });
    }
}

/// Values of a picture's pixels that are left.
fn left(shapes: &Shapes) -> usize {
    shapes.out.frame.height * shapes.out.frame.width * shapes.inputs[0].frame.channels
}

impl Layer for Pointwise {
    fn memory(&self, pass: Pass, _: bool, shapes: &Shapes, count: usize) -> Kept {
        match pass {
            Pass::Values | Pass::Tangents => Kept::zeros([count * left(shapes)]),
            Pass::Pullback | Pass::Reverse => Kept::zeros([count * shapes.out.len(), count * left(shapes)]),
        }
    }

    fn forward(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], kept: &mut Kept) {
        self.up(at, inputs[0], out, kept);
    }

    fn tangent(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], _: &Kept, kept: &mut Kept) {
        self.up(at, inputs[0], out, kept);
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
        let program::Convolution { weight, outputs, inputs, .. } = self.spec;
        let (depth, columns) = (at.shapes.inputs[0].frame.channels, at.shapes.out.frame.channels);
        let mut sum = Filter::zeros([outputs, inputs, 1]);
        for (up, down) in groups.iter().flat_map(Group::pairs) {
            let outer = Outer {
                left: (&up.0[GIVEN], Grid::lines(depth)),
                inputs: depth,
                right: (&down.0[GIVEN], Grid::lines(columns)),
                outputs: columns,
                rows: up.0[GIVEN].len() / depth,
            };
            accumulate(at.common.level, &outer, &mut sum.values);
        }
        let mut gradient = vec![0.0; outputs * inputs];
        sum.write([outputs, inputs, 1], &mut gradient);
        vec![(weight, gradient)]
    }

    fn multiply_adds(&self, shapes: Shapes) -> usize {
        self.spec.inputs * self.spec.outputs * shapes.out.frame.height * shapes.out.frame.width
    }
}
