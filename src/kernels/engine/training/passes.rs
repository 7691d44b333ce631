//! The first three passes over a group: forward, pullback, tangent.

use super::memory::{Half, Part, StageMemory};
use super::softmax;
use crate::engine::TrainingRows;
use crate::kernels::activation::{Film, Target};
use crate::kernels::conv::pointwise;
use crate::kernels::engine::{Engine, Stage};
use crate::kernels::layout::Frame;

impl Engine {
    /// The film of the activation whose gains begin at `start`.
    pub(super) fn film_at<'a>(&self, values: &'a [f32], start: usize) -> Film<'a> {
        Film { values, stride: self.film.bias.len(), start }
    }

    /// From the noisy pictures to the logits; keeps everything.
    pub(super) fn training_forward(&self, part: &mut Part, rows: &TrainingRows) {
        self.embed_training(part, rows.sigmas);
        self.standardise_into(rows.noisy, rows.size, rows.sigmas, &mut part.z);
        let count = [part.pictures; 2];
        let Part { z, film, patches, stages, head, pooled, logits, .. } = part;
        self.stem.forward(rows.size, z, patches, &mut stages[0].h);
        for (s, stage) in self.stages.iter().enumerate() {
            let (before, here) = stages.split_at_mut(s);
            let StageMemory { norm, h, inner, halves, projected, .. } = &mut here[0];
            if let (Some(down), Some(before)) = (&stage.down, before.last_mut()) {
                before.norm.frame.fill(&before.h, &mut before.framed[0]);
                down.forward(before.norm.frame, count, &before.framed[0], h, false);
            }
            for (i, ((start, layer), Half { tape, value, .. })) in stage.halves.iter().zip(halves).enumerate() {
                let x = if i % 2 == 0 { &*h } else { &*inner };
                norm.forward(self.level, count[0], x, self.film_at(film, *start), tape, &mut value[0]);
                let (out, add) = if i % 2 == 0 { (&mut *inner, false) } else { (&mut *h, true) };
                layer.forward(norm.frame, count, &value[0], out, add);
            }
            stage.readout.project(count[0] * norm.frame.height * norm.frame.width, h, &mut projected[0]);
        }
        let Some(last) = stages.last() else { return };
        let film = self.film_at(film, self.head_film);
        last.norm.forward(self.level, count[0], &last.h, film, &mut head.tape, &mut head.value[0]);
        pool(last, &head.value[0], pooled);
        self.head.forward(count[0], pooled, last.norm.frame.channels, logits);
    }

    /// The posterior, the cross-entropy, and which classes' scores are asked for.
    pub(super) fn class_cotangents(&self, part: &mut Part, rows: &TrainingRows) {
        let classes = self.blueprint.classes;
        part.cross_entropy = 0.0;
        let logits = part.logits.chunks_exact(self.head.bias.len());
        let results = part.posterior.chunks_exact_mut(classes).zip(part.class_weights.chunks_exact_mut(classes));
        for (n, (logits, (posterior, weights))) in logits.zip(results).enumerate() {
            posterior.copy_from_slice(&logits[..classes]);
            let largest = posterior.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = posterior.iter().map(|v| f64::from(v - largest).exp()).sum();
            part.cross_entropy += sum.ln() - f64::from(posterior[rows.labels[n] as usize] - largest);
            softmax(posterior);
            match rows.classes[n] {
                None => weights.copy_from_slice(posterior),
                Some(class) => {
                    weights.fill(0.0);
                    weights[class as usize] = 1.0;
                }
            }
        }
    }

    /// From the class weights to the score, which is left in `direction`; keeps the cotangents.
    pub(super) fn training_pullback(&self, part: &mut Part, rows: &TrainingRows) {
        let count = [part.pictures; 2];
        let level = self.level;
        let Part { film, stages, head, class_weights, rows: pooled, direction, adjoint_patches, z, .. } = part;
        let Some(last) = stages.last_mut() else { return };
        pointwise(&self.head_adjoint, count[0], class_weights, pooled, false);
        unpool(last.norm.frame, pooled, &mut head.q);
        last.g.fill(0.0);
        last.norm.pullback(level, count[0], |n| n, &head.tape, &head.q, Target::Residual(&mut last.g, None));
        for (s, stage) in self.stages.iter().enumerate().rev() {
            let (before, here) = stages.split_at_mut(s);
            let here = &mut here[0];
            let k = |n: usize| self.blueprint.deviation / rows.sigmas[n];
            self.exchange(stage, film, k, &here.projected[0], &mut here.exchanged[0]);
            let pixels = count[0] * here.norm.frame.height * here.norm.frame.width;
            stage.readout.gradient(pixels, &here.exchanged[0], &mut here.inner);
            here.g.iter_mut().zip(&here.inner).for_each(|(g, gradient)| *g += gradient);
            let (norm, frame) = (here.norm, here.norm.frame);
            frame_residual(here, 0);
            for (i, (_, layer)) in stage.halves.iter().enumerate().rev() {
                let half = &mut here.halves[i];
                layer.adjoint(frame, count, &half.cotangent[0], (frame.height, frame.width), &mut half.q);
                let (rest, half) = here.halves.split_at_mut(i);
                let half = &half[0];
                let target = match (i % 2, rest.last_mut()) {
                    (1, Some(first)) => Target::Framed(&mut first.cotangent[0]),
                    (_, Some(block)) => Target::Residual(&mut here.g, Some(&mut block.cotangent[0])),
                    (_, None) => Target::Residual(&mut here.g, Some(&mut here.into[0])),
                };
                norm.pullback(level, count[0], |n| n, &half.tape, &half.q, target);
            }
            if let (Some(down), Some(before)) = (&stage.down, before.last_mut()) {
                let size = before.norm.frame;
                down.adjoint(frame, count, &here.into[0], (size.height, size.width), &mut before.g);
            }
        }
        self.stem.adjoint(rows.size, &stages[0].g, adjoint_patches, direction);
        let values = direction.len() / count[0].max(1);
        let pictures = direction.chunks_exact_mut(values).zip(z.chunks_exact(values)).zip(rows.sigmas);
        for ((out, z), sigma) in pictures {
            let rate = 1.0 / self.spread(*sigma);
            out.iter_mut().zip(z).for_each(|(out, z)| *out = (*out - z) * rate);
        }
    }

    /// The score's error, and from the score its cotangent times the rate of z: the direction ż of the tangent pass.
    pub(super) fn score_cotangent(&self, part: &mut Part, rows: &TrainingRows, weight: f32, total: usize) {
        let values = part.direction.len() / part.pictures.max(1);
        part.score_error = 0.0;
        let pictures = part.direction.chunks_exact_mut(values).zip(rows.noise.chunks_exact(values)).zip(rows.sigmas);
        for ((direction, noise), &sigma) in pictures {
            let scale = 2.0 * weight * sigma / (total * values) as f32 / self.spread(sigma);
            for (value, noise) in direction.iter_mut().zip(noise) {
                let error = sigma * *value + noise;
                part.score_error += f64::from(error * error);
                *value = scale * error;
            }
        }
    }

    /// The derivatives of everything along `direction`; keeps them.
    pub(super) fn tangent(&self, part: &mut Part, size: (usize, usize)) {
        let count = [part.pictures; 2];
        let Part { direction, tangent_patches, stages, head, tangent_pooled, tangent_logits, .. } = part;
        self.stem.forward(size, direction, tangent_patches, &mut stages[0].tangent);
        for (s, stage) in self.stages.iter().enumerate() {
            let (before, here) = stages.split_at_mut(s);
            let StageMemory { norm, tangent: h, inner, halves, projected, .. } = &mut here[0];
            if let (Some(down), Some(before)) = (&stage.down, before.last_mut()) {
                before.norm.frame.fill(&before.tangent, &mut before.framed[1]);
                down.forward(before.norm.frame, count, &before.framed[1], h, false);
            }
            for (i, ((_, layer), Half { tape, tangent, value, .. })) in stage.halves.iter().zip(halves).enumerate() {
                let x = if i % 2 == 0 { &*h } else { &*inner };
                norm.tangent(self.level, x, tape, tangent, &mut value[1]);
                let (out, add) = if i % 2 == 0 { (&mut *inner, false) } else { (&mut *h, true) };
                layer.forward(norm.frame, count, &value[1], out, add);
            }
            stage.readout.project(count[0] * norm.frame.height * norm.frame.width, h, &mut projected[1]);
        }
        let Some(last) = stages.last() else { return };
        last.norm.tangent(self.level, &last.tangent, &head.tape, &mut head.tangent, &mut head.value[1]);
        pool(last, &head.value[1], tangent_pooled);
        self.head.linear(count[0], tangent_pooled, last.norm.frame.channels, tangent_logits);
    }

    /// `Readout::exchange` of every picture, each scaled by `k` of it.
    pub(super) fn exchange(
        &self,
        stage: &Stage,
        film: &[f32],
        k: impl Fn(usize) -> f32,
        projected: &[f32],
        out: &mut [f32],
    ) {
        let films = film.chunks_exact(self.film.bias.len());
        let picture = projected.len() / films.len().max(1);
        let pictures = projected.chunks_exact(picture.max(1)).zip(out.chunks_exact_mut(picture.max(1)));
        for (n, ((projected, out), film)) in pictures.zip(films).enumerate() {
            stage.readout.exchange(k(n), &film[stage.gamma..], projected, out);
        }
    }
}

/// Frames the cotangent of the residual stream at the stage's end: pass 0 is the pullback, 1 the reverse pass.
pub(super) fn frame_residual(here: &mut StageMemory, pass: usize) {
    let StageMemory { norm, g, r, halves, into, .. } = here;
    let to = halves.last_mut().map_or(&mut into[pass], |last| &mut last.cotangent[pass]);
    norm.frame.fill(if pass == 0 { g } else { r }, to);
}

/// The mean over the pixels of framed pictures.
fn pool(stage: &StageMemory, framed: &[f32], pooled: &mut [f32]) {
    let frame = stage.norm.frame;
    let share = 1.0 / (frame.height * frame.width) as f64;
    let mut sums = vec![0.0_f64; frame.channels];
    for (framed, pooled) in framed.chunks_exact(frame.len()).zip(pooled.chunks_exact_mut(frame.channels)) {
        sums.fill(0.0);
        for y in 0..frame.height {
            for pixel in framed[frame.at(y, 0)..][..frame.width * frame.channels].chunks_exact(frame.channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
        pooled.iter_mut().zip(&sums).for_each(|(pooled, sum)| *pooled = (sum * share) as f32);
    }
}

/// The adjoint of [`pool`]: the same value for every pixel, into dense pictures.
pub(super) fn unpool(frame: Frame, pooled: &[f32], dense: &mut [f32]) {
    let share = 1.0 / (frame.height * frame.width) as f32;
    for (dense, pooled) in dense.chunks_exact_mut(frame.dense()).zip(pooled.chunks_exact(frame.channels)) {
        for pixel in dense.chunks_exact_mut(frame.channels) {
            pixel.iter_mut().zip(pooled).for_each(|(to, from)| *to = from * share);
        }
    }
}
