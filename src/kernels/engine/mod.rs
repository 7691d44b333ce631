//! The whole network over plain slices, built from its [`Program`]: [`Processor`] for use, [`ProcessorLearner`] for training.
//!
//! A pass is a walk over the linear layers (`walk`): values and tangents go up by the same one, the cotangents of the pullback
//! and of the reverse pass come down by the same other one; what differs is a step at each nonlinear layer and read-out. A
//! walk's memory is a `memory::Stream` or `memory::Descent` a stage, which keeps every layer's input where a gradient will
//! ask for it and lets all layers share one buffer where none will.
//!
//! Weights are packed once for the processor's instructions; activations live in memory that is used again, so that in the
//! steady state nothing is allocated a layer. The formulas are those of the network in tensor operations, which is also what
//! the tests hold it against.

mod dense;
mod embedding;
mod learn;
#[cfg(test)]
mod learn_tests;
mod memory;
mod passes;
mod readout;
mod reverse;
#[cfg(test)]
mod tests;
mod walk;
mod weights;

use std::f32::consts::FRAC_PI_2;

use super::activation::{Film, Norm};
use super::layer::Layer;
use super::layout::Frame;
use super::product::Panels;
use super::readout::Readout;
use super::simd::{Level, WIDEST, padded};
use super::stem::Stem;
use crate::engine::Size;
use crate::program::{self, Affine, FilmLayout, Program};
use crate::{Error, Result};
use dense::{Dense, DenseRows};

pub use learn::ProcessorLearner;
pub use passes::Processor;

/// The network, packed for this processor.
#[derive(Debug)]
struct Engine {
    program: Program,
    level: Level,
    embed: [Dense; 2],
    /// Every activation's gains and offsets, and every read-out's γ, from the embedding of σ: one product for all.
    film: Dense,
    layout: FilmLayout,
    stem: Stem,
    stages: Vec<Stage>,
    head: Head,
}

#[derive(Debug)]
struct Stage {
    width: usize,
    down: Option<Layer>,
    /// Two a block.
    halves: Vec<Half>,
    readout: Readout,
    /// Where γ begins in a row of the film.
    gamma: usize,
}

/// An activation and the convolution after it.
#[derive(Debug)]
struct Half {
    site: Site,
    layer: Layer,
}

/// An activation's place in the network.
#[derive(Debug, Clone, Copy)]
struct Site {
    /// Its number among all activations.
    number: usize,
    /// Where its gains begin in a row of the film.
    film: usize,
}

#[derive(Debug)]
struct Head {
    site: Site,
    linear: Dense,
    /// `[classes, channels]`
    adjoint: Panels,
}

impl Engine {
    /// The network of a program with weights in its order, for given instructions.
    ///
    /// # Errors
    /// [`Error::Compute`] if a tensor has another size than the program gives it.
    fn new(level: Level, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        program.check(weights).map_err(Error::Compute)?;
        let layout = program.film_layout(WIDEST);
        let mut film = DenseRows::new(program.embedding.width());
        for &id in &layout.order {
            let program::Film { affine, channels, kind } = program.films[id];
            let rows = weights[affine.weight].chunks_exact(channels * affine.inputs);
            for (index, (rows, bias)) in rows.zip(weights[affine.bias].chunks_exact(channels)).enumerate() {
                film.push(rows, bias, if index == 0 { kind.plus() } else { 0.0 });
            }
        }
        let mut sites = 0;
        let mut site = |film: program::FilmId| {
            sites += 1;
            Site { number: sites - 1, film: layout.starts[film] }
        };
        let convolution =
            |c: &program::Convolution| Layer::new(level, weights[c.weight], [c.outputs, c.inputs], c.stride);
        let mut stages = Vec::new();
        for stage in &program.stages {
            let halves = stage.blocks.iter().flat_map(|block| &block.halves);
            let [p, q] = [stage.readout.p, stage.readout.q].map(|id| weights[id]);
            stages.push(Stage {
                width: stage.width,
                down: stage.down.as_ref().map(convolution),
                halves: halves.map(|h| Half { site: site(h.film), layer: convolution(&h.convolution) }).collect(),
                readout: Readout::new(level, stage.width, p, q),
                gamma: layout.starts[stage.readout.gamma],
            });
        }
        let dense = |layer: &Affine| {
            let mut rows = DenseRows::new(layer.inputs);
            rows.push(weights[layer.weight], weights[layer.bias], 0.0);
            rows.pack(level)
        };
        let stem = &program.stem;
        let head = &program.head;
        let [first, second] = &program.embedding.layers;
        Ok(Self {
            level,
            embed: [dense(first), dense(second)],
            film: film.pack(level),
            stem: Stem::new(level, weights[stem.weight], [stem.outputs, stem.inputs, stem.kernel], stem.stride),
            stages,
            head: Head::new(level, site(head.film), &head.linear, weights),
            layout,
            program: program.clone(),
        })
    }

    /// Values of a row of the film.
    fn film_row(&self) -> usize {
        self.film.bias.len()
    }

    /// An activation's gains and offsets in the film's rows.
    fn film_at<'a>(&self, values: &'a [f32], site: Site) -> Film<'a> {
        Film { values, stride: self.film_row(), start: site.film }
    }

    /// The shape of the norms of stage `s` over pictures of `size` there.
    fn norm(&self, s: usize, (height, width): Size) -> Norm {
        let channels = self.stages[s].width;
        Norm { frame: Frame::new(height, width, channels), channels, group: self.program.group }
    }

    /// Lines and columns of every stage for pictures of `size`.
    fn sizes(&self, size: Size) -> Vec<Size> {
        let mut size = self.stem.size(size);
        let stages = self.stages.iter();
        stages
            .map(|stage| {
                if let Some(down) = &stage.down {
                    size = down.size(size);
                }
                size
            })
            .collect()
    }

    /// Packs the filters for the analysis of one picture of `size` with so many cotangents, so that the first need not.
    fn pack(&self, size: Size, cotangents: usize) {
        let sizes = self.sizes(size);
        for (s, stage) in self.stages.iter().enumerate() {
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                down.pack(sizes[before], cotangents);
            }
            stage.halves.iter().for_each(|half| half.layer.pack(sizes[s], cotangents));
        }
    }

    /// About how many multiply-adds a pass over one picture of `size` takes: those of the blocks' convolutions.
    fn multiply_adds(&self, size: Size) -> usize {
        let stages = self.stages.iter().zip(self.sizes(size));
        stages.map(|(stage, (height, width))| stage.halves.len() * height * width * 9 * stage.width.pow(2)).sum()
    }

    /// `√(σ_d² + σ²)`, by which z is scaled.
    fn spread(&self, sigma: f32) -> f32 {
        f64::from(self.program.pictures.deviation).hypot(f64::from(sigma)) as f32
    }

    /// `z = (y − μ)/√(σ_d² + σ²)`
    fn standardise(&self, noisy: &[f32], size: Size, sigmas: &[f32], z: &mut [f32]) {
        let (plane, pictures) = (size.0 * size.1, &self.program.pictures);
        let planes = z.chunks_exact_mut(plane).zip(noisy.chunks_exact(plane));
        for (index, (z, y)) in planes.enumerate() {
            let (picture, channel) = (index / pictures.channels, index % pictures.channels);
            let (mean, rate) = (pictures.mean[channel], 1.0 / self.spread(sigmas[picture]));
            for (z, y) in z.iter_mut().zip(y) {
                *z = (y - mean) * rate;
            }
        }
    }

    /// What the embedding of σ starts from: t and the sines and cosines of kπt/2, where t runs from −1 to 1 with log σ.
    fn features(&self, sigma: f32, out: &mut [f32]) {
        let (low, high) = self.program.pictures.sigma_range;
        let (low, high) = (f64::from(low).ln(), f64::from(high).ln());
        let t = (2.0 * (f64::from(sigma).ln() - low) / (high - low) - 1.0) as f32;
        let count = self.program.embedding.frequencies;
        out[0] = t;
        for k in 0..count {
            let angle = (k + 1) as f32 * FRAC_PI_2 * t;
            (out[1 + k], out[1 + count + k]) = angle.sin_cos();
        }
    }
}

impl Head {
    fn new(level: Level, site: Site, linear: &Affine, weights: &[&[f32]]) -> Self {
        let (classes, channels, wide) = (linear.outputs, linear.inputs, padded(linear.inputs));
        let mut adjoint = vec![0.0; classes * wide];
        for (row, adjoint) in weights[linear.weight].chunks_exact(channels).zip(adjoint.chunks_exact_mut(wide)) {
            adjoint[..channels].copy_from_slice(row);
        }
        let mut rows = DenseRows::new(wide);
        rows.push(&adjoint, weights[linear.bias], 0.0);
        let adjoint = Panels::pack_rows(level, [1, classes, wide], &adjoint);
        Self { site, linear: rows.pack(level), adjoint }
    }
}
