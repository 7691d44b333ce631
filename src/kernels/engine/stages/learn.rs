//! Training's passes over one group of pictures; `loss` says which there are and why.

use super::memory::{Fall, Rise, TangentRise};
use super::walk::StepDown;
use super::{Engine, Site};
use crate::engine::{LossWeights, RowParts, Size, TrainingRows};
use crate::kernels::activation::{Norm, Target};
use crate::kernels::engine::body::{Noisy, Rows};
use crate::kernels::engine::loss::Loss;

/// One group of pictures, over all four passes. What the passes of the score leave counts only where the loss is `scored`.
#[derive(Debug)]
pub struct Part {
    pub rise: Rise,
    /// The cotangent of the score times the rate of z: the direction of the tangent pass.
    pub direction: Vec<f32>,
    pub tangents: TangentRise,
    pub pullback: Fall,
    pub reverse: Fall,
    /// The read-outs' (P h, Q h) and its tangent exchanged and scaled, see `Readout::exchange`.
    pub exchanged: [Vec<Vec<f32>>; 2],
    pub film_cotangent: Vec<f32>,
    pub loss: Loss,
    /// Room for dense pictures of the largest stage.
    pub room: Vec<f32>,
}

impl Engine {
    /// The memory of one group of pictures.
    pub(super) fn group(&self, pictures: usize, size: Size) -> Part {
        let zeros = |count: usize| vec![0.0; pictures * count];
        let pictures_shape = &self.common.program.pictures;
        let rise = self.rise(pictures, size, true);
        let exchanged = || rise.readouts.iter().map(|kept| vec![0.0; kept.len()]).collect::<Vec<_>>();
        Part {
            direction: zeros(pictures_shape.channels * size.0 * size.1),
            tangents: self.tangent_rise(pictures, size, true),
            pullback: self.fall(pictures, size, [true; 2]),
            reverse: self.fall(pictures, size, [true, false]),
            exchanged: [exchanged(), exchanged()],
            film_cotangent: zeros(self.common.film_row()),
            loss: Loss::new(pictures, pictures_shape.classes),
            room: self.room(pictures, size),
            rise,
        }
    }

    /// All passes over one group of `total` pictures.
    pub(super) fn learn_group(
        &self,
        part: &mut Part,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        loss: LossWeights,
        total: usize,
    ) {
        let noisy = Noisy { values: rows.noisy, size: rows.size, sigmas: rows.sigmas };
        self.values(&mut part.rise, &noisy, rows.sigmas.len(), None);
        part.loss.class_weights(part.rise.logits.chunks_exact(self.head.linear.bias.len()), rows, weighed);
        part.loss.scored = Loss::asks(weighed, loss);
        if part.loss.scored {
            self.score(part, rows.size, true);
            let Part { rise, direction, tangents, loss: kept, .. } = part;
            kept.direction(&self.common, direction, &rise.z, rows, weighed, (loss.score, total));
            self.tangent(rise, tangents, direction, Rows::PICTURES, [rise.pictures; 2], rows.size);
        }
        self.reverse(part, rows, weighed, loss, total);
    }

    /// The gradient of each picture's cross-entropy, left in `direction`.
    pub(super) fn attack_group(&self, part: &mut Part, rows: &TrainingRows) {
        let noisy = Noisy { values: rows.noisy, size: rows.size, sigmas: rows.sigmas };
        self.values(&mut part.rise, &noisy, rows.sigmas.len(), None);
        part.loss.class_weights(part.rise.logits.chunks_exact(self.head.linear.bias.len()), rows, None);
        part.loss.attack_weights(rows);
        // The energy is common to the classes: log p(c | y) has no part of it.
        self.score(part, rows.size, false);
        Loss::attack_direction(&self.common, &mut part.direction, rows.sigmas);
    }

    /// From the class weights to their gradient by z, without the Gaussian term, which is left in `direction`; keeps the
    /// cotangents. Without the density it is the gradient of the weighed logits alone.
    fn score(&self, part: &mut Part, size: Size, density: bool) {
        self.pull_head(&part.loss.class_weights, &mut part.pullback);
        let Fall { rows: count, head, stages, patches, .. } = &mut part.pullback;
        let Some(last) = stages.last_mut() else { return };
        let mut step = Score { engine: self, rise: &part.rise, exchanged: &mut part.exchanged[0], density };
        last.g.fill(0.0);
        step.activation(self.head.site, &last.norm, head, Some(&mut last.g), None);
        self.walk_down([*count; 2], stages, &mut step);
        self.common.stem.adjoint(size, &stages[0].g, patches, &mut part.direction);
    }
}

/// The step of the pullback that gives the score, a row a picture.
struct Score<'a> {
    engine: &'a Engine,
    rise: &'a Rise,
    exchanged: &'a mut [Vec<f32>],
    /// Whether the energy has a part in it.
    density: bool,
}

impl StepDown for Score<'_> {
    fn activation(
        &mut self,
        site: Site,
        norm: &Norm,
        inner: &[f32],
        residual: Option<&mut [f32]>,
        framed: Option<&mut [f32]>,
    ) {
        let tape = &self.rise.tapes[site.number];
        norm.pullback(self.engine.common.level, self.rise.pictures, |n| n, tape, inner, Target { residual, framed });
    }

    fn read(&mut self, s: usize, norm: &Norm, g: &mut [f32], room: &mut [f32]) {
        if !self.density {
            return;
        }
        let k = |n: usize| self.engine.common.program.pictures.deviation / self.rise.sigmas[n];
        let pixels = norm.frame.height * norm.frame.width;
        let of = (&self.rise.levels.film[..], Rows::PICTURES, pixels);
        self.engine.exchange(s, of, k, &self.rise.readouts[s], &mut self.exchanged[s]);
        self.engine.stages[s].readout.gradient(self.rise.pictures * pixels, &self.exchanged[s], room);
        g.iter_mut().zip(room).for_each(|(g, gradient)| *g += *gradient);
    }
}
