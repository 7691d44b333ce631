//! The mean over the pixels.

use super::{At, Kept, Layer, Pass, Passes, Shapes};

#[derive(Debug)]
pub(super) struct Mean;

impl Mean {
    fn up(at: &At, x: &[f32], out: &mut [f32]) {
        let frame = at.shapes.inputs[0].frame;
        let share = 1.0 / (frame.height * frame.width) as f64;
        let mut sums = vec![0.0_f64; frame.channels];
        for (x, out) in x.chunks_exact(frame.dense()).zip(out.chunks_exact_mut(frame.channels)) {
            sums.fill(0.0);
            for pixel in x.chunks_exact(frame.channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += f64::from(*v));
            }
            out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = (sum * share) as f32);
        }
    }

    fn down(at: &At, g: &[f32], out: &mut [f32]) {
        let frame = at.shapes.inputs[0].frame;
        let share = 1.0 / (frame.height * frame.width) as f32;
        for (g, out) in g.chunks_exact(frame.channels).zip(out.chunks_exact_mut(frame.dense())) {
            for pixel in out.chunks_exact_mut(frame.channels) {
                pixel.iter_mut().zip(g).for_each(|(out, g)| *out = g * share);
            }
        }
    }
}

impl Layer for Mean {
    fn memory(&self, _: Pass, _: bool, _: &Shapes, _: usize) -> Kept {
        Kept::default()
    }

    fn forward(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], _: &mut Kept) {
        Self::up(at, inputs[0], out);
    }

    fn tangent(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], _: &Kept, _: &mut Kept) {
        Self::up(at, inputs[0], out);
    }

    fn pullback(&self, at: &At, g: &[f32], _: &Kept, _: &mut Kept, outs: [&mut [f32]; 2]) {
        let [out, _] = outs;
        Self::down(at, g, out);
    }

    fn reverse(&self, at: &At, g: &[f32], _: Passes, _: &mut Kept, _: &mut [f32], outs: [&mut [f32]; 2]) {
        let [out, _] = outs;
        Self::down(at, g, out);
    }
}
