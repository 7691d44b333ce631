//! The adjoint pass of use.

use super::memory::{Fall, Rise};
use super::walk::StepDown;
use super::{Engine, Site};
use crate::kernels::activation::{Norm, Target};
use crate::kernels::engine::body::Cotangents;

impl Engine {
    /// The read-outs' gradients, which every cotangent only scales.
    pub(super) fn readout_gradients(&self, rise: &mut Rise) {
        rise.gradients.resize_with(self.stages.len(), Vec::new);
        let stages = self.stages.iter().zip(&rise.stages).zip(&rise.readouts);
        for (((stage, stream), kept), gradient) in stages.zip(&mut rise.gradients) {
            let frame = stream.norm.frame;
            gradient.resize(stream.h.len(), 0.0);
            let pixels = rise.pictures * frame.height * frame.width;
            stage.readout.gradient(pixels, kept, gradient);
        }
    }

    /// The adjoint pass of a run of rows, down to the stem's result.
    pub(super) fn pull_rows(&self, rise: &Rise, fall: &mut Fall, cotangents: &Cotangents) {
        #[cfg(test)]
        self.common.falls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (rows, classes) = (fall.rows, self.common.program.pictures.classes);
        self.pull_head(&cotangents.logits[cotangents.rows.first * classes..][..rows * classes], fall);
        let Fall { head, stages, .. } = fall;
        let Some(last) = stages.last_mut() else { return };
        let mut step = Pullback { engine: self, rise, cotangents, rows };
        last.g.fill(0.0);
        step.activation(self.head.site, &last.norm, head, Some(&mut last.g), None);
        self.walk_down([rows, cotangents.total], stages, &mut step);
    }
}

/// The step of the adjoint pass over a run of rows.
struct Pullback<'a> {
    engine: &'a Engine,
    rise: &'a Rise,
    cotangents: &'a Cotangents<'a>,
    rows: usize,
}

impl StepDown for Pullback<'_> {
    fn activation(
        &mut self,
        site: Site,
        norm: &Norm,
        inner: &[f32],
        residual: Option<&mut [f32]>,
        framed: Option<&mut [f32]>,
    ) {
        let picture = |row: usize| self.cotangents.picture(row);
        let tape = &self.rise.tapes[site.number];
        norm.pullback(self.engine.common.level, self.rows, picture, tape, inner, Target { residual, framed });
    }

    fn read(&mut self, s: usize, norm: &Norm, g: &mut [f32], _: &mut [f32]) {
        let dense = norm.frame.dense();
        for row in 0..self.rows {
            let (n, density) = (self.cotangents.picture(row), self.cotangents.density(row));
            if density == 0.0 {
                continue;
            }
            let scale = density * self.engine.common.program.pictures.deviation / self.cotangents.sigmas[n];
            let gradient = &self.rise.gradients[s][n * dense..][..dense];
            for (g, gradient) in g[row * dense..][..dense].iter_mut().zip(gradient) {
                *g += scale * gradient;
            }
        }
    }
}
