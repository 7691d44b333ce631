//! Exact GELU, `xΦ(x)`, with slope `Φ(x) + xφ(x)` and curvature `φ(x)(2 − x²)`.

use super::{At, Kept, Layer, Pass, Passes, Shapes};
use crate::kernels::gelu::normal;
use crate::kernels::simd::{Kernel, Simd};

/// The values' buffers.
const SLOPE: usize = 0;
const CURVATURE: usize = 1;
/// The tangents' buffer: curvature times ẋ.
const BEND: usize = 0;
/// The pullback's buffer in training: q.
const GIVEN: usize = 0;

#[derive(Debug)]
pub(super) struct Gelu;

impl Layer for Gelu {
    fn memory(&self, pass: Pass, asked: bool, shapes: &Shapes, count: usize) -> Kept {
        let values = count * shapes.out.len();
        match pass {
            Pass::Values => Kept::zeros([values; 2]),
            Pass::Tangents => Kept::zeros([values]),
            Pass::Pullback if asked => Kept::zeros([values]),
            Pass::Pullback | Pass::Reverse => Kept::default(),
        }
    }

    fn forward(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], kept: &mut Kept) {
        let [slope, curvature] = &mut kept.0[..] else { return };
        at.common.level.run(Forward { x: inputs[0], out, slope, curvature });
    }

    fn tangent(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], values: &Kept, kept: &mut Kept) {
        let len = at.shapes.out.len();
        let rows = inputs[0].chunks_exact(len).zip(out.chunks_exact_mut(len)).zip(kept.0[BEND].chunks_exact_mut(len));
        for (row, ((x, out), bend)) in rows.enumerate() {
            let [slope, curvature] = [SLOPE, CURVATURE].map(|buffer| values.of(buffer, at.picture(row), len));
            let given = x.iter().zip(slope).zip(curvature);
            for ((((x, slope), curvature), out), bend) in given.zip(out).zip(bend) {
                (*out, *bend) = (slope * x, curvature * x);
            }
        }
    }

    fn pullback(&self, at: &At, g: &[f32], values: &Kept, kept: &mut Kept, outs: [&mut [f32]; 2]) {
        if let Some(given) = kept.0.get_mut(GIVEN) {
            given.copy_from_slice(g);
        }
        let len = at.shapes.out.len();
        let [out, _] = outs;
        for (row, (g, out)) in g.chunks_exact(len).zip(out.chunks_exact_mut(len)).enumerate() {
            let slope = values.of(SLOPE, at.picture(row), len);
            g.iter().zip(slope).zip(out).for_each(|((g, slope), out)| *out = g * slope);
        }
    }

    fn reverse(&self, at: &At, g: &[f32], passes: Passes, _: &mut Kept, _: &mut [f32], outs: [&mut [f32]; 2]) {
        let len = at.shapes.out.len();
        let [out, _] = outs;
        for (row, (g, out)) in g.chunks_exact(len).zip(out.chunks_exact_mut(len)).enumerate() {
            let values = g.iter().zip(passes.values.of(SLOPE, at.picture(row), len));
            let q = passes.pullback.of(GIVEN, at.rows.pulled(row), len);
            let tangents = q.iter().zip(passes.tangents.of(BEND, row, len));
            for (((r, slope), (q, bend)), out) in values.zip(tangents).zip(out) {
                *out = r * slope + q * bend;
            }
        }
    }
}

/// Value, slope and curvature.
struct Forward<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
    slope: &'a mut [f32],
    curvature: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for at in (0..self.x.len()).step_by(S::LANES) {
            let x = s.load(&self.x[at..]);
            let (distribution, density) = normal(s, x);
            s.store(&mut self.out[at..], s.mul(x, distribution));
            s.store(&mut self.slope[at..], s.fma(x, density, distribution));
            s.store(&mut self.curvature[at..], s.mul(density, s.sub(s.splat(2.0), s.mul(x, x))));
        }
    }
}
