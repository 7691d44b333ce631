//! From the stages to the energy u and the class logits v, and back.

use super::memory::{Fall, Rise};
use super::walk::StepUp;
use super::{Engine, Stage};
use crate::kernels::activation::{Norm, Tape};
use crate::kernels::conv::pointwise;
use crate::kernels::engine::body::{Noisy, Rows};
use crate::kernels::layout::Frame;

/// The step of a pass of values.
pub(super) struct Step<'a> {
    pub engine: &'a Engine,
    pub pictures: usize,
    pub film: &'a [f32],
    pub tapes: &'a mut [Tape],
    pub readouts: &'a mut [Vec<f32>],
    /// u, where it is asked for: the read-outs then keep what their gradient starts from. Else they keep (P h, Q h).
    pub energy: Option<&'a mut [f64]>,
}

impl StepUp for Step<'_> {
    fn activate(&mut self, site: super::Site, norm: &Norm, x: &[f32], framed: &mut [f32]) {
        let film = self.engine.common.film_at(self.film, site.film);
        norm.forward(self.engine.common.level, self.pictures, x, film, &mut self.tapes[site.number], framed);
    }

    fn read(&mut self, s: usize, norm: &Norm, h: &[f32]) {
        let pixels = norm.frame.height * norm.frame.width;
        let Stage { readout, gamma, .. } = &self.engine.stages[s];
        let kept = &mut self.readouts[s];
        match &mut self.energy {
            Some(energy) => {
                readout.forward(pixels, h, (self.film, self.engine.common.film_row(), *gamma), kept, energy);
            }
            None => readout.project(self.pictures * pixels, h, kept),
        }
    }
}

impl Engine {
    /// The pass of values: from noisy pictures, `total` in the whole job, to the logits and, where it is asked for, u.
    pub(super) fn values(&self, rise: &mut Rise, noisy: &Noisy, total: usize, energy: Option<&mut [f64]>) {
        let Rise { pictures, sigmas, z, levels, patches, stages, tapes, readouts, sums, pooled, logits, .. } = rise;
        sigmas.copy_from_slice(noisy.sigmas);
        self.common.embed(sigmas, levels);
        self.common.standardise(noisy.values, noisy.size, sigmas, z);
        let mut step = Step { engine: self, pictures: *pictures, film: &levels.film, tapes, readouts, energy };
        if let Some(energy) = &mut step.energy {
            energy.fill(0.0);
        }
        self.walk_up(noisy.size, z, patches, [*pictures, total], stages, &mut step);
        let Some(last) = stages.last_mut() else { return };
        let framed = last.framed.last_mut();
        step.activate(self.head.site, &last.norm, &last.h, framed);
        pool(last.norm.frame, framed, sums, pooled);
        self.head.linear.forward(*pictures, pooled, last.norm.frame.channels, logits);
    }

    /// From cotangents of the logits, `[rows, K]`, to those of the head's activation.
    pub(super) fn pull_head(&self, logits: &[f32], fall: &mut Fall) {
        let Some(last) = fall.stages.last() else { return };
        pointwise(&self.head.adjoint, fall.rows, logits, &mut fall.pooled, false);
        unpool(last.norm.frame, &fall.pooled, &mut fall.head);
    }

    /// [`crate::kernels::readout::Readout::exchange`] of every row, each scaled by `k` of it; zeros where that is zero.
    pub(super) fn exchange(
        &self,
        s: usize,
        (film, rows, pixels): (&[f32], Rows, usize),
        k: impl Fn(usize) -> f32,
        projected: &[f32],
        out: &mut [f32],
    ) {
        let stage = &self.stages[s];
        let each = pixels * stage.readout.kept();
        for (row, (projected, out)) in projected.chunks_exact(each).zip(out.chunks_exact_mut(each)).enumerate() {
            let gamma = &film[rows.picture(row) * self.common.film_row() + stage.gamma..];
            let scale = k(row);
            if scale == 0.0 {
                out.fill(0.0);
            } else {
                stage.readout.exchange(scale, gamma, projected, out);
            }
        }
    }
}

/// The mean over the pixels of framed pictures.
pub(super) fn pool(frame: Frame, framed: &[f32], sums: &mut [f64], pooled: &mut [f32]) {
    let share = 1.0 / (frame.height * frame.width) as f64;
    for (framed, pooled) in framed.chunks_exact(frame.len()).zip(pooled.chunks_exact_mut(frame.channels)) {
        sums.fill(0.0);
        for y in 0..frame.height {
            for pixel in framed[frame.at(y, 0)..][..frame.width * frame.channels].chunks_exact(frame.channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
        pooled.iter_mut().zip(&*sums).for_each(|(pooled, sum)| *pooled = (sum * share) as f32);
    }
}

/// The adjoint of [`pool`]: the same value for every pixel, into dense pictures.
fn unpool(frame: Frame, pooled: &[f32], dense: &mut [f32]) {
    let share = 1.0 / (frame.height * frame.width) as f32;
    for (dense, pooled) in dense.chunks_exact_mut(frame.dense()).zip(pooled.chunks_exact(frame.channels)) {
        for pixel in dense.chunks_exact_mut(frame.channels) {
            pixel.iter_mut().zip(pooled).for_each(|(to, from)| *to = from * share);
        }
    }
}
