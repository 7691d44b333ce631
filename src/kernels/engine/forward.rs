//! The forward pass.

use rayon::prelude::*;

use super::workspace::{Part, Workspace, begin};
use super::{Dense, Engine};
use crate::kernels::activation::Film;
use crate::kernels::gelu::normal;
use crate::kernels::product::{Grid, Product, Tap, multiply};
use crate::kernels::share::pooled;
use crate::kernels::simd::{Kernel, Simd};
use crate::{Error, Result};

impl Engine {
    /// One forward pass over planar pictures, `[N, C, height, width]`, each with its standard deviation inside the trained
    /// range. `energy` becomes u, `[N]`, and `logits` v, `[N, K]`. The workspace keeps what [`Self::pullback`] needs.
    ///
    /// # Errors
    /// [`Error::Compute`] if a slice does not fit the number of pictures or their size, or if they have no pixel.
    pub fn forward(
        &self,
        noisy: &[f32],
        (height, width): (usize, usize),
        sigmas: &[f32],
        workspace: &mut Workspace,
        energy: &mut [f64],
        logits: &mut [f32],
    ) -> Result<()> {
        let (pictures, classes) = (sigmas.len(), self.blueprint.classes);
        let picture = self.blueprint.channels * height * width;
        let fits = noisy.len() == pictures * picture && energy.len() == pictures && logits.len() == pictures * classes;
        if picture == 0 || !fits {
            let reason = format!("{} values are no {pictures} pictures of {height}×{width} pixels", noisy.len());
            return Err(Error::Compute(reason));
        }
        workspace.lay_out(self, pictures, (height, width));
        let parts = workspace.parts.len();
        let split = || {
            workspace.parts.par_iter_mut().enumerate().for_each(|(index, part)| {
                let range = begin(pictures, parts, index)..begin(pictures, parts, index + 1);
                part.sigmas.copy_from_slice(&sigmas[range.clone()]);
                self.forward_part(part, &noisy[range.start * picture..range.end * picture], (height, width), pictures);
            });
        };
        pooled(pictures * self.multiply_adds((height, width)), split);
        for (index, part) in workspace.parts.iter().enumerate() {
            let start = begin(pictures, parts, index);
            energy[start..start + part.pictures].copy_from_slice(&part.energy);
            let rows = part.logits.chunks_exact(self.head.bias.len());
            for (to, from) in logits[start * classes..].chunks_exact_mut(classes).zip(rows) {
                to.copy_from_slice(&from[..classes]);
            }
        }
        Ok(())
    }

    /// The pass over some of `total` pictures.
    fn forward_part(&self, part: &mut Part, noisy: &[f32], size: (usize, usize), total: usize) {
        let count = [part.pictures, total];
        self.embed_sigmas(part);
        self.standardise_into(noisy, size, &part.sigmas, &mut part.z);
        let Part { z, film, patches, stages, energy, .. } = part;
        let stride = self.film.bias.len();
        energy.fill(0.0);
        self.stem.forward(size, z, patches, &mut stages[0].h);
        for (s, stage) in self.stages.iter().enumerate() {
            let (before, here) = stages.split_at_mut(s);
            let here = &mut here[0];
            if let (Some(down), Some(before)) = (&stage.down, before.last_mut()) {
                before.norm.frame.fill(&before.h, &mut before.framed);
                down.forward(before.norm.frame, count, &before.framed, &mut here.h, false);
            }
            let frame = here.norm.frame;
            for (i, ((start, layer), tape)) in stage.halves.iter().zip(&mut here.tapes).enumerate() {
                let film = Film { values: film, stride, start: *start };
                let x = if i % 2 == 0 { &here.h } else { &here.inner };
                here.norm.forward(self.level, part.pictures, x, film, tape, &mut here.framed);
                let (out, add) = if i % 2 == 0 { (&mut here.inner, false) } else { (&mut here.h, true) };
                layer.forward(frame, count, &here.framed, out, add);
            }
            let pixels = frame.height * frame.width;
            stage.readout.forward(pixels, &here.h, (film, stride, stage.gamma), &mut here.readout, energy);
        }
        self.classify(part);
    }

    /// From σ to every layer's gains, offsets and γ.
    fn embed_sigmas(&self, part: &mut Part) {
        let count = part.features.len() / part.pictures.max(1);
        for (sigma, features) in part.sigmas.iter().zip(part.features.chunks_exact_mut(count.max(1))) {
            self.features(*sigma, features);
        }
        let rows = part.pictures;
        self.embed[0].forward(rows, &part.features, count, &mut part.hidden);
        self.level.run(Gelu(&mut part.hidden));
        let width = self.embed[0].bias.len();
        self.embed[1].forward(rows, &part.hidden, width, &mut part.embedding);
        self.level.run(Gelu(&mut part.embedding));
        self.film.forward(rows, &part.embedding, width, &mut part.film);
    }

    /// `z = (y − μ)/√(σ_d² + σ²)`
    pub(super) fn standardise_into(&self, noisy: &[f32], size: (usize, usize), sigmas: &[f32], z: &mut [f32]) {
        let plane = size.0 * size.1;
        let planes = z.chunks_exact_mut(plane).zip(noisy.chunks_exact(plane));
        for (index, (z, y)) in planes.enumerate() {
            let (picture, channel) = (index / self.blueprint.channels, index % self.blueprint.channels);
            let (mean, rate) = (self.blueprint.mean[channel], 1.0 / self.spread(sigmas[picture]));
            for (z, y) in z.iter_mut().zip(y) {
                *z = (y - mean) * rate;
            }
        }
    }

    /// The head: mean over the pixels of the activation, then a linear layer.
    fn classify(&self, part: &mut Part) {
        let Some(last) = part.stages.last_mut() else { return };
        let film = Film { values: &part.film, stride: self.film.bias.len(), start: self.head_film };
        last.norm.forward(self.level, part.pictures, &last.h, film, &mut part.head, &mut last.framed);
        let frame = last.norm.frame;
        let share = 1.0 / (frame.height * frame.width) as f64;
        let pictures = last.framed.chunks_exact(frame.len()).zip(part.pooled.chunks_exact_mut(frame.channels));
        for (framed, pooled) in pictures {
            part.sums.fill(0.0);
            for y in 0..frame.height {
                let line = &framed[frame.at(y, 0)..][..frame.width * frame.channels];
                for pixel in line.chunks_exact(frame.channels) {
                    for (sum, value) in part.sums.iter_mut().zip(pixel) {
                        *sum += f64::from(*value);
                    }
                }
            }
            for (pooled, sum) in pooled.iter_mut().zip(&part.sums) {
                *pooled = (sum * share) as f32;
            }
        }
        self.head.forward(part.pictures, &part.pooled, frame.channels, &mut part.logits);
    }
}

impl Dense {
    /// `rows` rows of `x`, `stride` values apart.
    pub(super) fn forward(&self, rows: usize, x: &[f32], stride: usize, out: &mut [f32]) {
        for row in out.chunks_exact_mut(self.bias.len().max(1)) {
            row.copy_from_slice(&self.bias);
        }
        self.product(rows, x, stride, out, true);
    }

    /// [`Self::forward`] without the bias: the derivative.
    pub(super) fn linear(&self, rows: usize, x: &[f32], stride: usize, out: &mut [f32]) {
        self.product(rows, x, stride, out, false);
    }

    fn product(&self, rows: usize, x: &[f32], stride: usize, out: &mut [f32], add: bool) {
        let product = Product {
            left: x,
            left_grid: Grid::lines(stride),
            rows,
            taps: &[Tap { rows: 0, weights: 0 }],
            weights: &self.panels,
            out_grid: Grid::lines(self.panels.columns()),
            add,
        };
        multiply(&product, out);
    }
}

/// Exact GELU in place, of a whole number of the widest vectors.
struct Gelu<'a>(&'a mut [f32]);

impl Kernel for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for values in self.0.chunks_exact_mut(S::LANES) {
            let x = s.load(values);
            let (distribution, _) = normal(s, x);
            s.store(values, s.mul(x, distribution));
        }
    }
}
