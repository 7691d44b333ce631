//! A 3×3 convolution: linear, so that each pass only keeps, framed, what the gradient asks for.

use super::{At, Group, Kept, Layer, Learned, Pass, Passes, Shapes};
use crate::kernels::conv::filter_gradient;
use crate::kernels::engine::common::Pieces;
use crate::kernels::layer;
use crate::kernels::layout::Pair;
use crate::kernels::simd::Level;
use crate::program;

#[derive(Debug)]
pub(super) struct Convolution {
    spec: program::Convolution,
    layer: layer::Layer,
}

impl Convolution {
    pub fn new(level: Level, spec: program::Convolution, weights: &[&[f32]]) -> Self {
        let shape = [spec.outputs, spec.inputs];
        Self { spec, layer: layer::Layer::new(level, weights[spec.weight], shape, spec.stride) }
    }

    fn up(&self, at: &At, x: &[f32], out: &mut [f32], kept: &mut Kept) {
        let frame = at.shapes.inputs[0].frame;
        frame.fill(x, &mut kept.0[0]);
        self.layer.forward(frame, [at.pictures, at.total], &kept.0[0], out, false);
    }

    fn down(&self, at: &At, g: &[f32], kept: &mut Kept, out: &mut [f32]) {
        let (from, to) = (at.shapes.out.frame, at.shapes.inputs[0].frame);
        from.fill(g, &mut kept.0[0]);
        self.layer.adjoint(from, [at.pictures, at.total], &kept.0[0], (to.height, to.width), out);
    }
}

impl Layer for Convolution {
    /// The input on the way up and the cotangent on the way down, framed.
    fn memory(&self, pass: Pass, _: bool, shapes: &Shapes, count: usize) -> Kept {
        let shape = match pass {
            Pass::Values | Pass::Tangents => shapes.inputs[0],
            Pass::Pullback | Pass::Reverse => shapes.out,
        };
        Kept::zeros([count * shape.frame.len()])
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
        let program::Convolution { weight, outputs, inputs, stride, .. } = self.spec;
        let mut pairs = Vec::new();
        for group in groups {
            let pictures = group.pictures;
            let both = group.pairs();
            pairs.extend(both.map(|(up, down)| Pair { framed: &up.0[0], cotangents: &down.0[0], pictures }));
        }
        let filter = filter_gradient(at.common.level, stride, at.shapes.inputs[0].frame, outputs, &pairs);
        let mut gradient = vec![0.0; outputs * inputs * 9];
        filter.write([outputs, inputs, 3], &mut gradient);
        vec![(weight, gradient)]
    }

    fn pack(&self, shapes: Shapes, counts: [usize; 2]) {
        let frame = shapes.inputs[0].frame;
        self.layer.pack((frame.height, frame.width), counts);
    }

    fn multiply_adds(&self, shapes: Shapes) -> usize {
        let frame = shapes.out.frame;
        9 * self.spec.inputs * self.spec.outputs * frame.height * frame.width
    }
}
