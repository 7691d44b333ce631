//! Products with second derivatives, over a forward pass that is kept.
//!
//! The derivative along r of a gradient is the gradient of ⟨r, ∇⟩, so a product takes two passes: the derivatives of everything along
//! r, upwards, and down again how each cotangent of the gradient changes with them. The cotangents themselves are those of
//! one pullback, which directions of one picture share where their weights are the same.

use rayon::prelude::*;

use super::{Part, Workspace, begin, take};
use crate::Result;
use crate::engine::{Directions, check_directions};
use crate::kernels::engine::body::{Body, Cotangents, Rows};
use crate::kernels::share::pooled;

/// The most directions that go through the layers together.
const TOGETHER: usize = 8;

/// Memory of the products of one part's directions.
#[derive(Debug)]
pub(super) struct Bends<B: Body> {
    /// The pullback that all of its directions start from, and how many rows it has.
    pulled: (B::Fall, usize),
    /// The weights of u and v that it was made for; none after another forward pass.
    weights: Option<[Vec<f32>; 2]>,
    runs: Vec<Run<B>>,
}

impl<B: Body> Bends<B> {
    /// Whatever it knows is of another forward pass.
    pub(super) fn forget(&mut self) {
        self.weights = None;
    }
}

/// Some of the directions, which a thread works on by itself.
#[derive(Debug)]
struct Run<B: Body> {
    /// How many they are, and how many go together.
    count: usize,
    together: usize,
    slopes: B::Slopes,
    fall: B::Fall,
    /// The directions of z, planar.
    along: Vec<f32>,
    /// How the weights of v change along them.
    changes: Vec<f32>,
}

/// What the directions of some pictures are asked for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    cotangents: Cotangents<'a>,
    /// r of every direction of the pictures.
    along: &'a [f32],
    /// Whether the weights of v are its softmax.
    follows: bool,
}

impl<B: Body> Workspace<B> {
    /// As [`crate::engine::Tape::curvature`].
    pub(super) fn bend(&mut self, body: &B, directions: &Directions, out: &mut [f32]) -> Result<()> {
        let Self { size, sigmas, parts, .. } = self;
        let (size, pictures) = (*size, sigmas.len());
        let shape = &body.common().program.pictures;
        let (classes, picture) = (shape.classes, shape.channels * size.0 * size.1);
        let each = check_directions(pictures, classes, picture, directions, out)?;
        if each == 0 {
            return Ok(());
        }
        // Directions of one picture with the same weights share its pullback.
        let same = |density: &[f32], logits: &[f32]| {
            density.iter().all(|w| *w == density[0])
                && logits.chunks_exact(classes).all(|row| row == &logits[..classes])
        };
        let mut rows = directions.density.chunks_exact(each).zip(directions.logits.chunks_exact(each * classes));
        let pulled = if rows.all(|(density, logits)| same(density, logits)) { each } else { 1 };
        let (threads, count, total) = (rayon::current_num_threads(), parts.len(), pictures * each);
        let mut rest = (directions.density, directions.logits, directions.along, out);
        let mut jobs = Vec::with_capacity(count);
        for (index, part) in parts.iter_mut().enumerate() {
            let range = begin(pictures, count, index)..begin(pictures, count, index + 1);
            let here = each * range.len();
            let (density, logits) = (take(&mut rest.0, here), take(&mut rest.1, here * classes));
            let along = take(&mut rest.2, here * picture);
            let out = rest.3.split_off_mut(..here * picture).unwrap_or_default();
            let rows = Rows { first: 0, each, pulled };
            let cotangents = Cotangents { density, logits, sigmas: &sigmas[range], size, rows, total };
            jobs.push((part, Asked { cotangents, along, follows: directions.follows }, out));
        }
        // Rows are independent: with fewer parts than threads, a part's rows are shared out.
        let runs = threads.div_ceil(count);
        pooled(2 * total * body.multiply_adds(size), || {
            jobs.into_par_iter().for_each(|(part, asked, out)| part.bend(body, &asked, runs, out));
        });
        Ok(())
    }
}

impl<B: Body> Part<B> {
    fn bend(&mut self, body: &B, asked: &Asked, runs: usize, out: &mut [f32]) {
        let Cotangents { density, logits, rows, size, .. } = asked.cotangents;
        let (classes, picture) = (body.common().program.pictures.classes, out.len() / density.len());
        let pulls = density.len() / rows.pulled;
        let runs = runs.min(density.len());
        let laid_out = self.bends.as_ref().is_some_and(|bends| {
            let directions = bends.runs.iter().map(|run| run.count).sum::<usize>();
            (bends.pulled.1, bends.runs.len(), directions) == (pulls, runs, density.len())
        });
        if !laid_out {
            let run = |run| begin(density.len(), runs, run + 1) - begin(density.len(), runs, run);
            self.bends = Some(Bends {
                pulled: (body.fall(pulls, size, true), pulls),
                weights: None,
                runs: (0..runs).map(|index| Run::new(body, run(index), size)).collect(),
            });
        }
        let Some(Bends { pulled: (fall, _), weights, runs }) = &mut self.bends else { return };
        let of_pull = [
            density.iter().step_by(rows.pulled).copied().collect(),
            logits.chunks_exact(classes).step_by(rows.pulled).flatten().copied().collect(),
        ];
        // Who asks again, as an iteration does, asks with the same weights.
        if weights.as_ref() != Some(&of_pull) {
            if density.iter().any(|w| *w != 0.0) {
                body.weigh_density(&mut self.rise);
            }
            let [density, logits] = &*weights.insert(of_pull);
            let pull = Cotangents {
                density,
                logits,
                rows: Rows { each: rows.each / rows.pulled, pulled: 1, ..rows },
                total: asked.cotangents.total / rows.pulled,
                ..asked.cotangents
            };
            body.pull(&self.rise, fall, &pull);
        }
        let (rise, fall, mut rest) = (&self.rise, &*fall, out);
        let mut jobs = Vec::with_capacity(runs.len());
        let mut first = 0;
        for run in runs {
            let out = rest.split_off_mut(..run.count * picture).unwrap_or_default();
            let rows = Rows { first, ..rows };
            first += run.count;
            let cotangents = Cotangents { rows, ..asked.cotangents };
            jobs.push((run, Asked { cotangents, ..*asked }, out));
        }
        jobs.into_par_iter().for_each(|(run, asked, out)| run.bend(body, rise, fall, &asked, out));
    }
}

impl<B: Body> Run<B> {
    fn new(body: &B, count: usize, size: crate::engine::Size) -> Self {
        let together = count.div_ceil(count.div_ceil(TOGETHER));
        let shape = &body.common().program.pictures;
        Self {
            count,
            together,
            slopes: body.slopes(together, size),
            fall: body.fall(together, size, false),
            along: vec![0.0; together * shape.channels * size.0 * size.1],
            changes: vec![0.0; together * shape.classes],
        }
    }

    /// The products of the run's directions, a few at a time.
    fn bend(&mut self, body: &B, rise: &B::Rise, pulled: &B::Fall, asked: &Asked, out: &mut [f32]) {
        let picture = out.len() / self.count;
        for start in (0..self.count).step_by(self.together) {
            // The last ones go with some that went before them, so that the memory is always full.
            let start = start.min(self.count - self.together);
            let first = asked.cotangents.rows.first + start;
            let cotangents = Cotangents { rows: Rows { first, ..asked.cotangents.rows }, ..asked.cotangents };
            let out = &mut out[start * picture..][..self.together * picture];
            self.bend_together(body, rise, pulled, &Asked { cotangents, ..*asked }, out);
        }
    }

    fn bend_together(&mut self, body: &B, rise: &B::Rise, pulled: &B::Fall, asked: &Asked, out: &mut [f32]) {
        let cotangents = &asked.cotangents;
        let (common, picture, first) = (body.common(), out.len() / self.together, cotangents.rows.first);
        let classes = common.program.pictures.classes;
        let rate = |row: usize| 1.0 / common.spread(cotangents.sigmas[cotangents.picture(row)]);
        let directions = asked.along[first * picture..].chunks_exact(picture);
        for (row, (along, direction)) in self.along.chunks_exact_mut(picture).zip(directions).enumerate() {
            let rate = rate(row);
            along.iter_mut().zip(direction).for_each(|(along, r)| *along = r * rate);
        }
        let slopes = body.slope(rise, &mut self.slopes, cotangents, &self.along);
        self.changes.fill(0.0);
        if asked.follows {
            let weights = cotangents.logits[first * classes..].chunks_exact(classes);
            let changes = self.changes.chunks_exact_mut(classes);
            for ((changes, p), slope) in changes.zip(weights).zip(slopes) {
                // The softmax's derivative: p ⊙ (v̇ − ⟨p, v̇⟩).
                let mean: f32 = p.iter().zip(slope).map(|(p, v)| p * v).sum();
                changes.iter_mut().zip(p).zip(slope).for_each(|((change, p), v)| *change = p * (v - mean));
            }
        }
        body.bend(rise, &mut self.slopes, pulled, &mut self.fall, cotangents, &self.changes);
        let (g, patches) = B::stem(&mut self.fall);
        common.stem.adjoint(cotangents.size, g, patches, out);
        for (row, (out, along)) in out.chunks_exact_mut(picture).zip(self.along.chunks_exact(picture)).enumerate() {
            let (density, rate) = (cotangents.density(row), rate(row));
            // The Gaussian term's own second derivative is the identity's, but for the rates.
            out.iter_mut().zip(along).for_each(|(out, z)| *out = (*out - density * z) * rate);
        }
    }
}

#[cfg(test)]
#[path = "bend_tests.rs"]
mod tests;
