//! The sum of two pictures.

use super::{At, Kept, Layer, Pass, Passes, Shapes};

#[derive(Debug)]
pub(super) struct Sum;

impl Sum {
    fn up([a, b]: [&[f32]; 2], out: &mut [f32]) {
        a.iter().zip(b).zip(out).for_each(|((a, b), out)| *out = a + b);
    }

    fn down(g: &[f32], outs: [&mut [f32]; 2]) {
        for out in outs {
            out.copy_from_slice(g);
        }
    }
}

impl Layer for Sum {
    fn memory(&self, _: Pass, _: bool, _: &Shapes, _: usize) -> Kept {
        Kept::default()
    }

    fn forward(&self, _: &At, inputs: [&[f32]; 2], out: &mut [f32], _: &mut Kept) {
        Self::up(inputs, out);
    }

    fn tangent(&self, _: &At, inputs: [&[f32]; 2], out: &mut [f32], _: &Kept, _: &mut Kept) {
        Self::up(inputs, out);
    }

    fn pullback(&self, _: &At, g: &[f32], _: &Kept, _: &mut Kept, outs: [&mut [f32]; 2]) {
        Self::down(g, outs);
    }

    fn reverse(&self, _: &At, g: &[f32], _: Passes, _: &mut Kept, _: &mut [f32], outs: [&mut [f32]; 2]) {
        Self::down(g, outs);
    }
}
