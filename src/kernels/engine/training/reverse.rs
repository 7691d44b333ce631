//! The last pass over a group: the cotangents of every value, from the loss through values and tangents.

use super::memory::{Half, Part};
use super::passes::{frame_residual, unpool};
use crate::engine::{LossWeights, TrainingRows};
use crate::kernels::activation::Cotangents;
use crate::kernels::conv::pointwise;
use crate::kernels::engine::Engine;

impl Engine {
    /// From the loss to every weight's cotangents; the film's are complete at the end.
    pub(super) fn reverse(&self, part: &mut Part, rows: &TrainingRows, loss: LossWeights, total: usize) {
        let scored = loss.score != 0.0;
        self.logit_cotangents(part, rows, loss.cross_entropy / total as f32, scored);
        let count = [part.pictures; 2];
        let level = self.level;
        let Part { film, film_cotangent, stages, head, logit_cotangents, rows: pooled, room, .. } = part;
        let stride = self.film.bias.len();
        let Some(last) = stages.last_mut() else { return };
        pointwise(&self.head_adjoint, count[0], logit_cotangents, pooled, false);
        unpool(last.norm.frame, pooled, &mut last.inner);
        last.r.fill(0.0);
        let Half { tape, tangent, q, .. } = head;
        let cotangents = Cotangents { tangent: q, value: &last.inner };
        let here = self.film_at(film, self.head_film);
        last.norm.reverse(level, here, (tape, tangent), cotangents, film_cotangent, room, Some(&mut last.r), None);
        for (s, stage) in self.stages.iter().enumerate().rev() {
            let (before, here) = stages.split_at_mut(s);
            let here = &mut here[0];
            let (norm, frame) = (here.norm, here.norm.frame);
            if scored {
                let k = |n: usize| self.blueprint.deviation / rows.sigmas[n];
                let pixels = frame.height * frame.width;
                self.exchange(stage, film, k, &here.projected[1], &mut here.exchanged[1]);
                stage.readout.gradient(count[0] * pixels, &here.exchanged[1], &mut here.inner);
                here.r.iter_mut().zip(&here.inner).for_each(|(r, gradient)| *r += gradient);
                let each = pixels * stage.readout.kept();
                for (n, film) in film_cotangent.chunks_exact_mut(stride).enumerate() {
                    let [value, tangent] = here.projected.each_ref().map(|p| &p[n * each..][..each]);
                    stage.readout.gamma_cotangent(k(n), value, tangent, &mut film[stage.gamma..]);
                }
            } else {
                for film in film_cotangent.chunks_exact_mut(stride) {
                    film[stage.gamma..][..frame.channels].fill(0.0);
                }
            }
            frame_residual(here, 1);
            for (i, (start, layer)) in stage.halves.iter().enumerate().rev() {
                let (rest, half) = here.halves.split_at_mut(i);
                let Half { tape, tangent, cotangent, q, .. } = &half[0];
                layer.adjoint(frame, count, &cotangent[1], (frame.height, frame.width), &mut here.inner);
                let cotangents = Cotangents { tangent: q, value: &here.inner };
                let (residual, framed) = match (i % 2, rest.last_mut()) {
                    (1, Some(first)) => (None, &mut first.cotangent[1]),
                    (_, Some(block)) => (Some(&mut here.r[..]), &mut block.cotangent[1]),
                    (_, None) => (Some(&mut here.r[..]), &mut here.into[1]),
                };
                let here = self.film_at(film, *start);
                norm.reverse(level, here, (tape, tangent), cotangents, film_cotangent, room, residual, Some(framed));
            }
            if let (Some(down), Some(before)) = (&stage.down, before.last_mut()) {
                let size = before.norm.frame;
                down.adjoint(frame, count, &here.into[1], (size.height, size.width), &mut before.r);
            }
        }
    }

    /// `w(p − 1_label)`, and where the score of the picture's own density is trained, `p ⊙ (v̇ − ⟨p, v̇⟩)`: how that score
    /// depends on the posterior that weighs the classes' scores.
    fn logit_cotangents(&self, part: &mut Part, rows: &TrainingRows, weight: f32, scored: bool) {
        let classes = self.blueprint.classes;
        let tangents = part.tangent_logits.chunks_exact(self.head.bias.len());
        let results = part.logit_cotangents.chunks_exact_mut(classes).zip(part.posterior.chunks_exact(classes));
        for (n, ((out, posterior), tangent)) in results.zip(tangents).enumerate() {
            let mean: f32 = posterior.iter().zip(tangent).map(|(p, t)| p * t).sum();
            for (c, (out, p)) in out.iter_mut().zip(posterior).enumerate() {
                let hit = if rows.labels[n] as usize == c { 1.0 } else { 0.0 };
                *out = weight * (p - hit);
                if scored && rows.classes[n].is_none() {
                    *out += p * (tangent[c] - mean);
                }
            }
        }
    }
}
