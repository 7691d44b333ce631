//! The adjoint pass: M cotangents a picture, over the activations of one forward pass.

use rayon::prelude::*;

use super::Engine;
use super::workspace::{Part, Pull, Workspace, begin};
use crate::kernels::activation::Target;
use crate::kernels::conv::pointwise;
use crate::kernels::share::pooled;
use crate::{Error, Result};

impl Engine {
    /// For each picture n of the workspace's forward pass and each of its M cotangents (`w_u`, `w_v`), the gradient by y of
    /// `w_u·(−‖z‖²/2 + (σ_d/σ)·u) + ⟨w_v, v⟩`.
    ///
    /// `density` is `w_u`, `[N, M]`, `logits` `w_v`, `[N, M, K]`; `out` is `[N, M, C, height, width]`.
    ///
    /// # Errors
    /// [`Error::Compute`] if a slice does not fit the pictures of the forward pass.
    pub fn pullback(&self, workspace: &mut Workspace, density: &[f32], logits: &[f32], out: &mut [f32]) -> Result<()> {
        let (size, pictures, classes) = (workspace.size, workspace.pictures, self.blueprint.classes);
        let picture = self.blueprint.channels * size.0 * size.1;
        let rows = density.len();
        let whole = if pictures == 0 { rows == 0 } else { rows.is_multiple_of(pictures) };
        if !whole || logits.len() != rows * classes || out.len() != rows * picture {
            let reason = format!("{rows} cotangents do not fit {pictures} pictures and their result");
            return Err(Error::Compute(reason));
        }
        if rows == 0 {
            return Ok(());
        }
        let each = rows / pictures;
        let threads = rayon::current_num_threads();
        let parts = workspace.parts.len();
        let mut rest = (density, logits, out);
        let mut jobs = Vec::with_capacity(parts);
        for (index, part) in workspace.parts.iter_mut().enumerate() {
            let rows = each * (begin(pictures, parts, index + 1) - begin(pictures, parts, index));
            let density = take(&mut rest.0, rows);
            let logits = take(&mut rest.1, rows * classes);
            let out = rest.2.split_off_mut(..rows * picture).unwrap_or_default();
            jobs.push((part, density, logits, out));
        }
        let pull = |(part, density, logits, out): (&mut Part, &[f32], &[f32], &mut [f32])| {
            // Rows are independent: with fewer parts than threads, a part's rows are shared out.
            let runs = threads.div_ceil(parts).min(density.len()).max(1);
            part.lay_out_pulls(self, size, density.len(), runs);
            // The gradient of a posterior weighs the energy by zero.
            if density.iter().any(|w| *w != 0.0) {
                self.readout_gradients(part);
            }
            let mut pulls = std::mem::take(&mut part.pulls);
            let shared = &*part;
            let mut rest = out;
            let mut runs = Vec::with_capacity(pulls.len());
            let mut start = 0;
            for pull in &mut pulls {
                let out = rest.split_off_mut(..pull.rows * picture).unwrap_or_default();
                let range = start..start + pull.rows;
                start = range.end;
                runs.push((pull, Cotangents { density, logits, each, first: range.start, total: rows }, out));
            }
            runs.into_par_iter().for_each(|(pull, cotangents, out)| {
                self.pull_rows(shared, pull, &cotangents, size, out);
            });
            part.pulls = pulls;
        };
        pooled(rows * self.multiply_adds(size), || jobs.into_par_iter().for_each(pull));
        Ok(())
    }

    /// The read-outs' gradients, which every cotangent only scales.
    fn readout_gradients(&self, part: &mut Part) {
        for (stage, memory) in self.stages.iter().zip(&mut part.stages) {
            let frame = memory.norm.frame;
            memory.gradient.resize(memory.h.len(), 0.0);
            let pixels = part.pictures * frame.height * frame.width;
            stage.readout.gradient(pixels, &memory.readout, &mut memory.gradient);
        }
    }

    /// The adjoint pass of a run of rows.
    fn pull_rows(&self, part: &Part, pull: &mut Pull, cotangents: &Cotangents, size: (usize, usize), out: &mut [f32]) {
        let rows = pull.rows;
        let count = [rows, cotangents.total];
        let picture = |row: usize| (cotangents.first + row) / cotangents.each;
        self.pull_head(part, pull, cotangents);
        for (s, stage) in self.stages.iter().enumerate().rev() {
            let memory = &part.stages[s];
            let (before, here) = pull.stages.split_at_mut(s);
            let here = &mut here[0];
            let (norm, frame) = (&memory.norm, memory.norm.frame);
            for row in 0..rows {
                let n = picture(row);
                if cotangents.density(row) == 0.0 {
                    continue;
                }
                let scale = cotangents.density(row) * self.blueprint.deviation / part.sigmas[n];
                let gradient = &memory.gradient[n * frame.dense()..][..frame.dense()];
                for (g, gradient) in here.g[row * frame.dense()..][..frame.dense()].iter_mut().zip(gradient) {
                    *g += scale * gradient;
                }
            }
            frame.fill(&here.g, &mut here.framed);
            for (i, ((_, layer), tape)) in stage.halves.iter().zip(&memory.tapes).enumerate().rev() {
                layer.adjoint(frame, count, &here.framed, (frame.height, frame.width), &mut here.inner);
                let target = if i % 2 == 1 {
                    Target::Framed(&mut here.framed)
                } else {
                    Target::Residual(&mut here.g, Some(&mut here.framed))
                };
                norm.pullback(self.level, rows, picture, tape, &here.inner, target);
            }
            if let (Some(down), Some(before)) = (&stage.down, before.last_mut()) {
                let size = part.stages[s - 1].norm.frame;
                down.adjoint(frame, count, &here.framed, (size.height, size.width), &mut before.g);
            }
        }
        self.stem.adjoint(size, &pull.stages[0].g, &mut pull.patches, out);
        let values = out.len() / rows.max(1);
        for (row, out) in out.chunks_exact_mut(values.max(1)).enumerate() {
            let n = picture(row);
            let (density, rate) = (cotangents.density(row), 1.0 / self.spread(part.sigmas[n]));
            for (out, z) in out.iter_mut().zip(&part.z[n * values..][..values]) {
                *out = (*out - density * z) * rate;
            }
        }
    }

    /// The head's adjoint: the same cotangent for every pixel, then the activation's pullback.
    fn pull_head(&self, part: &Part, pull: &mut Pull, cotangents: &Cotangents) {
        let (Some(memory), Some(here)) = (part.stages.last(), pull.stages.last_mut()) else { return };
        let frame = memory.norm.frame;
        let classes = self.blueprint.classes;
        let logits = &cotangents.logits[cotangents.first * classes..][..pull.rows * classes];
        pointwise(&self.head_adjoint, pull.rows, logits, &mut pull.pooled, false);
        let share = 1.0 / (frame.height * frame.width) as f32;
        let rows = here.inner.chunks_exact_mut(frame.dense()).zip(pull.pooled.chunks_exact(frame.channels));
        for (inner, pooled) in rows {
            for pixel in inner.chunks_exact_mut(frame.channels) {
                for (to, from) in pixel.iter_mut().zip(pooled) {
                    *to = from * share;
                }
            }
        }
        here.g.fill(0.0);
        let picture = |row: usize| (cotangents.first + row) / cotangents.each;
        let target = Target::Residual(&mut here.g, None);
        memory.norm.pullback(self.level, pull.rows, picture, &part.head, &here.inner, target);
    }
}

/// A part's cotangents, and which of them a run has.
struct Cotangents<'a> {
    /// `w_u` of every row of the part.
    density: &'a [f32],
    /// `w_v` of every row of the part.
    logits: &'a [f32],
    /// Rows a picture.
    each: usize,
    /// The run's first row.
    first: usize,
    /// The rows of the whole job.
    total: usize,
}

impl Cotangents<'_> {
    /// `w_u` of a row of the run.
    fn density(&self, row: usize) -> f32 {
        self.density[self.first + row]
    }
}

/// Cuts `count` values off the front.
fn take<'a>(rest: &mut &'a [f32], count: usize) -> &'a [f32] {
    let (front, back) = rest.split_at(count);
    *rest = back;
    front
}
