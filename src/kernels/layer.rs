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

    /// The convolution of `pictures` framed pictures, of `total` in the whole job, into dense ones.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn forward(&self, frame: Frame, [pictures, total]: [usize; 2], framed: &[f32], out: &mut [f32], add: bool) {
        let form = match self.stride {
            1 => Form::choose(frame, total, self.filter.outputs),
            _ => Form::Direct,
        };
        match self.forward.get(form, || Weights::new(self.level, form, &self.filter)) {
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
            let form = Form::choose(frame, total, self.filter.inputs);
            let weights = self.adjoint.get(form, || Weights::new(self.level, form, &self.filter.adjoint(true)));
            conv::convolve(weights, frame, pictures, framed, out, false);
        } else {
            let panels = self.strided_adjoint.get_or_init(|| conv::direct(self.level, &self.filter.adjoint(false)));
            strided_adjoint(panels, frame, pictures, framed, size, out);
        }
    }
}
