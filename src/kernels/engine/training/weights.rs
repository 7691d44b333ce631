//! From every layer's values and cotangents to the gradients of its weights, over all groups.

use rayon::prelude::*;

use super::Gradients;
use super::memory::Part;
use crate::kernels::conv::{filter_gradient, pointwise};
use crate::kernels::engine::Engine;
use crate::kernels::layout::Filter;
use crate::kernels::outer::{Outer, accumulate};
use crate::kernels::product::{Grid, Panels};
use crate::kernels::simd::padded;

/// A layer, or several that share their sums.
#[derive(Clone, Copy)]
enum Job {
    Stem,
    Down(usize),
    Convolution(usize, usize),
    Readout(usize),
    Head,
    Film,
}

impl Engine {
    /// All gradients, by name; `scored` tells whether the loss holds the score.
    pub(super) fn weight_gradients(&self, parts: &mut [Part], scored: bool) -> Gradients {
        let mut jobs = vec![Job::Stem, Job::Head, Job::Film];
        for (s, stage) in self.stages.iter().enumerate() {
            jobs.extend(stage.down.as_ref().map(|_| Job::Down(s)));
            jobs.extend((0..stage.halves.len()).map(|i| Job::Convolution(s, i)));
            if scored {
                jobs.push(Job::Readout(s));
            }
        }
        let parts = &*parts;
        let all: Vec<Gradients> = jobs.par_iter().map(|job| self.layer_gradients(parts, *job, scored)).collect();
        all.into_iter().flatten().collect()
    }

    fn layer_gradients(&self, parts: &[Part], job: Job, scored: bool) -> Gradients {
        let widths = &self.blueprint.widths;
        // With the score: the pullback's cotangents with the tangents, and the reverse ones with the values.
        let passes: &[(usize, usize)] = if scored { &[(1, 0), (0, 1)] } else { &[(0, 1)] };
        let mut out = Gradients::new();
        match job {
            Job::Stem => {
                let pairs: Vec<(&[f32], &[f32])> = parts
                    .iter()
                    .flat_map(|part| {
                        let tangent = scored.then(|| (&part.tangent_patches[..], &part.stages[0].g[..]));
                        tangent.into_iter().chain([(&part.patches[..], &part.stages[0].r[..])])
                    })
                    .collect();
                out.insert("stem.weight".to_owned(), self.stem.filter_gradient(widths[0], &pairs));
            }
            Job::Down(s) => {
                let frame = parts[0].stages[s - 1].norm.frame;
                let mut sum: Option<Filter> = None;
                for part in parts {
                    let (before, here) = (&part.stages[s - 1].framed, &part.stages[s].into);
                    let pairs: Vec<(&[f32], &[f32])> =
                        passes.iter().map(|&(x, g)| (&before[x][..], &here[g][..])).collect();
                    let count = [widths[s], part.pictures];
                    add(&mut sum, filter_gradient(self.level, self.blueprint.strides[s], frame, count, &pairs));
                }
                out.insert(format!("stages.{s}.down.weight"), written(sum, [widths[s], widths[s - 1]]));
            }
            Job::Convolution(s, i) => {
                let frame = parts[0].stages[s].norm.frame;
                let mut sum: Option<Filter> = None;
                for part in parts {
                    let half = &part.stages[s].halves[i];
                    let pairs: Vec<(&[f32], &[f32])> =
                        passes.iter().map(|&(x, g)| (&half.value[x][..], &half.cotangent[g][..])).collect();
                    add(&mut sum, filter_gradient(self.level, 1, frame, [widths[s], part.pictures], &pairs));
                }
                let name = format!("stages.{s}.blocks.{}.conv{}.weight", i / 2, i % 2 + 1);
                out.insert(name, written(sum, [widths[s]; 2]));
            }
            Job::Readout(s) => {
                let readout = &self.stages[s].readout;
                let pairs: Vec<(&[f32], &[f32])> = parts
                    .iter()
                    .flat_map(|part| {
                        let stage = &part.stages[s];
                        [(&stage.exchanged[0][..], &stage.tangent[..]), (&stage.exchanged[1][..], &stage.h[..])]
                    })
                    .collect();
                let [p, q] = readout.weight_gradient(&pairs);
                out.insert(format!("stages.{s}.readout.p.weight"), p);
                out.insert(format!("stages.{s}.readout.q.weight"), q);
            }
            Job::Head => self.head_gradients(parts, &mut out),
            Job::Film => self.film_gradients(parts, &mut out),
        }
        out
    }

    fn head_gradients(&self, parts: &[Part], out: &mut Gradients) {
        let (classes, width) = (self.blueprint.classes, self.blueprint.widths.last().copied().unwrap_or_default());
        let (mut weights, mut bias) = (vec![0.0; classes * width], vec![0.0; classes]);
        for part in parts {
            for n in 0..part.pictures {
                let row = |values: &'_ [f32]| n * (values.len() / part.pictures);
                let (pooled, tangent) =
                    (&part.pooled[row(&part.pooled)..], &part.tangent_pooled[row(&part.tangent_pooled)..]);
                for (c, weights) in weights.chunks_exact_mut(width).enumerate() {
                    let (r, g) = (part.logit_cotangents[n * classes + c], part.class_weights[n * classes + c]);
                    bias[c] += r;
                    for ((w, x), t) in weights.iter_mut().zip(pooled).zip(tangent) {
                        *w += r * x + g * t;
                    }
                }
            }
        }
        out.insert("head.linear.weight".to_owned(), weights);
        out.insert("head.linear.bias".to_owned(), bias);
    }

    /// The gradients of every layer's film, of the read-outs' γ, and of the embedding that they come from.
    fn film_gradients(&self, parts: &[Part], out: &mut Gradients) {
        let (width, stride) = (padded(self.blueprint.sigma_width), self.film.bias.len());
        let mut sums = vec![0.0; width * stride];
        let mut bias = vec![0.0_f32; stride];
        let adjoint = {
            let rows = self.film.rows();
            let mut padded_rows = vec![0.0; stride * width];
            let pairs = padded_rows.chunks_exact_mut(width).zip(rows.chunks_exact(self.film.panels.depth()));
            pairs.for_each(|(to, from)| to[..from.len()].copy_from_slice(from));
            Panels::pack_rows(self.level, [1, stride, width], &padded_rows)
        };
        let mut cotangents = Vec::with_capacity(parts.len());
        for part in parts {
            let outer = Outer {
                left: (&part.embeds[1][1], Grid::lines(width)),
                inputs: width,
                right: (&part.film_cotangent, Grid::lines(stride)),
                outputs: stride,
                rows: part.pictures,
            };
            accumulate(self.level, &outer, &mut sums);
            for row in part.film_cotangent.chunks_exact(stride) {
                bias.iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            }
            let mut cotangent = vec![0.0; part.pictures * width];
            pointwise(&adjoint, part.pictures, &part.film_cotangent, &mut cotangent, false);
            cotangents.push(cotangent);
        }
        // A row of the weights for each of the film's values from `start` on.
        let rows = |start: usize, count: usize| {
            let row = |f: usize| (0..self.blueprint.sigma_width).map(move |e| (e, f));
            (start..start + count).flat_map(row).map(|(e, f)| sums[e * stride + f]).collect::<Vec<f32>>()
        };
        let mut film = |name: String, start: usize, channels: usize| {
            let offset = start + padded(channels);
            let halves = [rows(start, channels), rows(offset, channels)];
            out.insert(format!("{name}.weight"), halves.concat());
            let halves = [&bias[start..start + channels], &bias[offset..offset + channels]];
            out.insert(format!("{name}.bias"), halves.concat());
        };
        for (s, stage) in self.stages.iter().enumerate() {
            for (i, (start, _)) in stage.halves.iter().enumerate() {
                film(format!("stages.{s}.blocks.{}.film{}", i / 2, i % 2 + 1), *start, stage.width);
            }
        }
        film("head.film".to_owned(), self.head_film, self.stages.last().map_or(0, |stage| stage.width));
        for (s, stage) in self.stages.iter().enumerate() {
            out.insert(format!("stages.{s}.readout.gamma.weight"), rows(stage.gamma, stage.width));
            let bias = bias[stage.gamma..][..stage.width].to_vec();
            out.insert(format!("stages.{s}.readout.gamma.bias"), bias);
        }
        self.embedding_gradients(parts, cotangents, out);
    }
}

fn add(sum: &mut Option<Filter>, filter: Filter) {
    match sum {
        None => *sum = Some(filter),
        Some(sum) => sum.values.iter_mut().zip(filter.values).for_each(|(sum, v)| *sum += v),
    }
}

/// The filter as `[outputs, inputs, 3, 3]`; zeros if there was no picture.
fn written(filter: Option<Filter>, [outputs, inputs]: [usize; 2]) -> Vec<f32> {
    let mut weights = vec![0.0; outputs * inputs * 9];
    if let Some(filter) = filter {
        filter.write([outputs, inputs, 3], &mut weights);
    }
    weights
}
