//! The last pass over a group: the cotangents of every value, from the loss through values and tangents.

use super::learn::Part;
use super::memory::{Fall, Rise, TangentRise};
use super::walk::StepDown;
use super::{Engine, Site};
use crate::engine::{LossWeights, RowParts, TrainingRows};
use crate::kernels::activation::{Along, Norm};
use crate::kernels::engine::body::Rows;

impl Engine {
    /// From the loss to every weight's cotangents; the film's are complete at the end.
    pub(super) fn reverse(
        &self,
        part: &mut Part,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        loss: LossWeights,
        total: usize,
    ) {
        let scored = part.loss.scored;
        let tangents = part.tangents.logits.chunks_exact(self.head.linear.bias.len());
        part.loss.logit_cotangents(tangents, rows, weighed, loss.cross_entropy / total as f32);
        self.pull_head(&part.loss.logit_cotangents, &mut part.reverse);
        let Fall { rows: count, head, stages, .. } = &mut part.reverse;
        let Some(last) = stages.last_mut() else { return };
        let weight = |n: usize| self.common.program.pictures.deviation / part.rise.sigmas[n];
        let mut step = Reverse {
            engine: self,
            rows: Rows::PICTURES,
            scored,
            weight: &weight,
            rise: &part.rise,
            tangents: &part.tangents,
            pullback: &part.pullback,
            exchanged: &mut part.exchanged[1],
            film_cotangent: Some(&mut part.film_cotangent),
            room: &mut part.room,
        };
        last.g.fill(0.0);
        step.activation(self.head.site, &last.norm, head, Some(&mut last.g), None);
        self.walk_down([*count; 2], stages, &mut step);
    }
}

/// The step of the reverse pass over rows of tangents.
pub(super) struct Reverse<'a> {
    pub engine: &'a Engine,
    pub rows: Rows,
    /// Whether what is differentiated holds the score: without it neither tangents nor the pullback are looked at.
    pub scored: bool,
    /// What each row weighs u.
    pub weight: &'a dyn Fn(usize) -> f32,
    pub rise: &'a Rise,
    pub tangents: &'a TangentRise,
    /// Its cotangents of the activations' values are those of their tangents here.
    pub pullback: &'a Fall,
    pub exchanged: &'a mut [Vec<f32>],
    /// Where the film's cotangents go, if they are asked for: a row a picture.
    pub film_cotangent: Option<&'a mut [f32]>,
    pub room: &'a mut [f32],
}

impl StepDown for Reverse<'_> {
    fn activation(
        &mut self,
        site: Site,
        norm: &Norm,
        value: &[f32],
        residual: Option<&mut [f32]>,
        framed: Option<&mut [f32]>,
    ) {
        let film = self.engine.common.film_at(&self.rise.levels.film, site.film);
        let along = self.scored.then(|| Along {
            cotangent: self.engine.value_cotangent(self.pullback, site),
            tangent: &self.tangents.tapes[site.number],
        });
        norm.reverse(
            self.engine.common.level,
            film,
            |row| [self.rows.picture(row), self.rows.pulled(row)],
            &self.rise.tapes[site.number],
            value,
            along,
            self.film_cotangent.as_deref_mut(),
            self.room,
            residual,
            framed,
        );
    }

    fn read(&mut self, s: usize, norm: &Norm, g: &mut [f32], room: &mut [f32]) {
        let (stride, frame) = (self.engine.common.film_row(), norm.frame);
        let super::Stage { readout, gamma, .. } = &self.engine.stages[s];
        if !self.scored {
            for film in self.film_cotangent.iter_mut().flat_map(|film| film.chunks_exact_mut(stride)) {
                film[*gamma..][..frame.channels].fill(0.0);
            }
            return;
        }
        let (value, tangent) = (&self.rise.readouts[s], &self.tangents.readouts[s]);
        let pixels = frame.height * frame.width;
        let of = (&self.rise.levels.film[..], self.rows, pixels);
        self.engine.exchange(s, of, self.weight, tangent, &mut self.exchanged[s]);
        readout.gradient(g.len() / frame.channels, &self.exchanged[s], room);
        g.iter_mut().zip(room).for_each(|(g, gradient)| *g += *gradient);
        let each = pixels * readout.kept();
        let films = self.film_cotangent.iter_mut().flat_map(|film| film.chunks_exact_mut(stride));
        for (n, film) in films.enumerate() {
            let [value, tangent] = [value, tangent].map(|p| &p[n * each..][..each]);
            readout.gamma_cotangent((self.weight)(n), value, tangent, &mut film[*gamma..]);
        }
    }
}

impl Engine {
    /// A pass's cotangent of an activation's value.
    fn value_cotangent<'a>(&self, fall: &'a Fall, site: Site) -> &'a [f32] {
        let mut number = site.number;
        for (stage, descent) in self.stages.iter().zip(&fall.stages) {
            match number.checked_sub(stage.halves.len()) {
                None => return descent.inner.at(number),
                Some(rest) => number = rest,
            }
        }
        &fall.head
    }
}
