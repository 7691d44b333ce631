//! A 3×3 convolution layer of the engine: one filter, packed for whatever form a picture's size asks for.

use std::sync::OnceLock;

use super::conv::{self, Form, Weights, strided_adjoint};
use super::layout::{Filter, Frame};
use super::product::Panels;
use super::simd::Level;
use super::winograd::Size;

/// A filter with its packed forms, each made when it is first needed and then kept.
#[derive(Debug)]
pub struct Layer {
    level: Level,
    stride: usize,
    filter: Filter,
    forward: Forms,
    adjoint: Forms,
    strided_adjoint: OnceLock<Panels>,
}

/// A filter packed for each form.
#[derive(Debug, Default)]
struct Forms {
    direct: OnceLock<Weights>,
    two: OnceLock<Weights>,
    four: OnceLock<Weights>,
}

impl Forms {
    fn get(&self, form: Form, pack: impl FnOnce() -> Weights) -> &Weights {
        let cell = match form {
            Form::Direct => &self.direct,
            Form::Winograd(Size::Two) => &self.two,
            Form::Winograd(Size::Four) => &self.four,
        };
        cell.get_or_init(pack)
    }
}

impl Layer {
    /// From the usual `[outputs, inputs, 3, 3]` weights; `stride` is 1 or 2.
    #[must_use]
    pub fn new(level: Level, weights: &[f32], [outputs, inputs]: [usize; 2], stride: usize) -> Self {
        let filter = Filter::new(weights, [outputs, inputs, 3]);
        let (forward, adjoint) = (Forms::default(), Forms::default());
        Self { level, stride, filter, forward, adjoint, strided_adjoint: OnceLock::new() }
    }

    /// The output's lines and columns.
    #[must_use]
    pub fn size(&self, (height, width): (usize, usize)) -> (usize, usize) {
        conv::strided(height, width, self.stride)
    }

    /// Packs the filter for a job of so many pictures of `size` with so many cotangents. What other jobs need is packed when
    /// they first run, since every form takes memory.
    pub fn pack(&self, (height, width): (usize, usize), [pictures, cotangents]: [usize; 2]) {
        self.forward_weights(Frame::new(height, width, self.filter.inputs), pictures);
        if self.stride == 1 {
            self.adjoint_weights(Frame::new(height, width, self.filter.outputs), cotangents);
        } else {
            self.strided_weights();
        }
    }

    fn forward_weights(&self, frame: Frame, total: usize) -> &Weights {
        let form = if self.stride == 1 { Form::choose(frame, total, self.filter.outputs) } else { Form::Direct };
        self.forward.get(form, || Weights::new(self.level, form, &self.filter))
    }

    fn adjoint_weights(&self, frame: Frame, total: usize) -> &Weights {
        let form = Form::choose(frame, total, self.filter.inputs);
        self.adjoint.get(form, || Weights::new(self.level, form, &self.filter.adjoint(true)))
    }

    fn strided_weights(&self) -> &Panels {
        self.strided_adjoint.get_or_init(|| conv::direct(self.level, &self.filter.adjoint(false)))
    }

    /// The convolution of `pictures` framed pictures, of `total` in the whole job, into dense ones.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn forward(&self, frame: Frame, [pictures, total]: [usize; 2], framed: &[f32], out: &mut [f32], add: bool) {
        match self.forward_weights(frame, total) {
            Weights::Direct(panels) => {
                conv::convolve_direct(panels, self.stride, frame, pictures, framed, out, add);
            }
            weights @ Weights::Winograd(_) => conv::convolve(weights, frame, pictures, framed, out, add),
        }
    }

    /// The adjoint for an input of `size`: from framed cotangents of the output to dense ones of the input.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn adjoint(
        &self,
        frame: Frame,
        [pictures, total]: [usize; 2],
        framed: &[f32],
        size: (usize, usize),
        out: &mut [f32],
    ) {
        if self.stride == 1 {
            conv::convolve(self.adjoint_weights(frame, total), frame, pictures, framed, out, false);
        } else {
            strided_adjoint(self.strided_weights(), frame, pictures, framed, size, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::noise;

    #[test]
    fn packing_ahead_leaves_nothing_to_pack() {
        let packed = |layer: &Layer| {
            let forms =
                [&layer.forward, &layer.adjoint].map(|f| [&f.direct, &f.two, &f.four].map(|w| w.get().is_some()));
            (forms, layer.strided_adjoint.get().is_some())
        };
        for (side, stride) in [(16, 1), (8, 1), (4, 1), (8, 2)] {
            let layer = Layer::new(Level::best(), &noise(1, 48 * 32 * 9), [48, 32], stride);
            layer.pack((side, side), [1, 10]);
            let before = packed(&layer);
            assert!(before.0[0].contains(&true) && (before.0[1].contains(&true) || before.1), "{side} {stride}");
            let (lines, columns) = layer.size((side, side));
            let (from, to) = (Frame::new(side, side, 32), Frame::new(lines, columns, 48));
            layer.forward(from, [1, 1], &vec![0.0; from.len()], &mut vec![0.0; to.dense()], false);
            layer.adjoint(to, [10; 2], &vec![0.0; 10 * to.len()], (side, side), &mut vec![0.0; 10 * from.dense()]);
            assert_eq!(packed(&layer), before, "{side} {stride}");
        }
    }
}
