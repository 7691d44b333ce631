//! The derivatives of everything along directions: a pass of tangents upwards, which training and second derivatives share, and for
//! the latter how the cotangents of a pullback change along them.

use super::memory::{Fall, Rise, Slopes, TangentRise};
use super::readout::pool;
use super::reverse::Reverse;
use super::walk::{StepDown, StepUp};
use super::{Engine, Site};
use crate::engine::Size;
use crate::kernels::activation::{Norm, Tangent, Tape};
use crate::kernels::engine::body::{Cotangents, Rows};

impl Engine {
    /// The derivatives of everything along `directions` of z, as many as `count` says are here, and in the whole job; keeps them.
    pub(super) fn tangent(
        &self,
        rise: &Rise,
        tangents: &mut TangentRise,
        directions: &[f32],
        rows: Rows,
        count: [usize; 2],
        size: Size,
    ) {
        let TangentRise { patches, stages, tapes, readouts, sums, pooled, logits } = tangents;
        let mut step = Tangents { engine: self, count: count[0], rows, tapes: &rise.tapes, kept: tapes, readouts };
        self.walk_up(size, directions, patches, count, stages, &mut step);
        let Some(last) = stages.last_mut() else { return };
        let framed = last.framed.last_mut();
        step.activate(self.head.site, &last.norm, &last.h, framed);
        pool(last.norm.frame, framed, sums, pooled);
        self.head.linear.linear(count[0], pooled, last.norm.frame.channels, logits);
    }

    /// How the cotangents that `pulled` has met change along the directions of `slopes`, where v's change by `changes`.
    pub(super) fn bend_rows(
        &self,
        rise: &Rise,
        slopes: &mut Slopes,
        pulled: &Fall,
        fall: &mut Fall,
        cotangents: &Cotangents,
        changes: &[f32],
    ) {
        self.pull_head(changes, fall);
        let Fall { rows, head, stages, .. } = fall;
        let Some(last) = stages.last_mut() else { return };
        let weight = |row: usize| {
            let sigma = cotangents.sigmas[cotangents.picture(row)];
            cotangents.density(row) * self.common.program.pictures.deviation / sigma
        };
        let mut step = Reverse {
            engine: self,
            rows: cotangents.rows,
            scored: true,
            weight: &weight,
            rise,
            tangents: &slopes.tangents,
            pullback: pulled,
            exchanged: &mut slopes.exchanged,
            film_cotangent: None,
            room: &mut slopes.room,
        };
        last.g.fill(0.0);
        step.activation(self.head.site, &last.norm, head, Some(&mut last.g), None);
        self.walk_down([*rows, cotangents.total], stages, &mut step);
    }
}

/// The step of the tangent pass.
struct Tangents<'a> {
    engine: &'a Engine,
    count: usize,
    rows: Rows,
    tapes: &'a [Tape],
    kept: &'a mut [Tangent],
    readouts: &'a mut [Vec<f32>],
}

impl StepUp for Tangents<'_> {
    fn activate(&mut self, site: Site, norm: &Norm, x: &[f32], framed: &mut [f32]) {
        let (tape, kept) = (&self.tapes[site.number], &mut self.kept[site.number]);
        norm.tangent(self.engine.common.level, x, |row| self.rows.picture(row), tape, kept, framed);
    }

    fn read(&mut self, s: usize, norm: &Norm, h: &[f32]) {
        let pixels = self.count * norm.frame.height * norm.frame.width;
        self.engine.stages[s].readout.project(pixels, h, &mut self.readouts[s]);
    }
}
