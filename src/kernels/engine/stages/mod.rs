//! The trunk of stages, its layers fused: blocks that begin with a norm, a bilinear read-out of every stage.
//!
//! A pass is a walk over the linear layers (`walk`): values and tangents go up by the same one, the cotangents of the pullback
//! and of the reverse pass come down by the same other one; what differs is a step at each nonlinear layer and read-out. A
//! walk's memory is a `memory::Stream` or `memory::Descent` a stage, which keeps every layer's input where a gradient will
//! ask for it and lets all layers share one buffer where none will.

mod learn;
mod memory;
mod pull;
mod readout;
mod reverse;
mod slope;
mod walk;
mod weights;

use rayon::prelude::*;

use super::body::{Body, Cotangents, Noisy, Values};
use super::common::Common;
use super::dense::{Dense, DenseRows};
use super::loss::Loss;
use crate::engine::{Gradients, LossWeights, RowParts, Size, TrainingRows};
use crate::kernels::activation::Norm;
use crate::kernels::layer::Layer;
use crate::kernels::layout::Frame;
use crate::kernels::product::Panels;
use crate::kernels::readout::Readout;
use crate::kernels::simd::{Level, padded};
use crate::program::{self, Affine, Program, Trunk};
use crate::{Error, Result};
use learn::Part;
use memory::{Fall, Rise, Slopes};

/// The network, packed for this processor.
#[derive(Debug)]
pub(super) struct Engine {
    common: Common,
    trunk: program::StageTrunk,
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

impl Body for Engine {
    type Rise = Rise;
    type Fall = Fall;
    type Slopes = Slopes;
    type Part = Part;

    fn new(level: Level, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        let Trunk::Stages(trunk) = &program.trunk else {
            return Err(Error::Compute("the network's trunk is not one of stages".to_owned()));
        };
        let common = Common::new(level, program, weights)?;
        let mut sites = 0;
        let mut site = |film: program::FilmId| {
            sites += 1;
            Site { number: sites - 1, film: common.film_start(film) }
        };
        let convolution =
            |c: &program::Convolution| Layer::new(level, weights[c.weight], [c.outputs, c.inputs], c.stride);
        let halves = trunk.stages.iter().map(|stage| {
            let halves = stage.blocks.iter().flat_map(|block| &block.halves);
            halves.map(|half| (site(half.film), &half.convolution)).collect::<Vec<_>>()
        });
        let placed: Vec<_> = halves.collect();
        let stages = trunk.stages.par_iter().zip(placed).map(|(stage, halves)| {
            let [p, q] = [stage.readout.p, stage.readout.q].map(|id| weights[id]);
            let half = |(site, spec)| Half { site, layer: convolution(spec) };
            Stage {
                width: stage.width,
                down: stage.down.as_ref().map(convolution),
                halves: halves.into_par_iter().map(half).collect(),
                readout: Readout::new(level, stage.width, p, q),
                gamma: common.film_start(stage.readout.gamma),
            }
        });
        let stages = stages.collect();
        let head = Head::new(level, site(trunk.head.film), &trunk.head.linear, weights);
        Ok(Self { common, trunk: trunk.clone(), stages, head })
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn pack(&self, size: Size, counts: [usize; 2]) {
        let sizes = self.sizes(size);
        self.stages.par_iter().enumerate().for_each(|(s, stage)| {
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                down.pack(sizes[before], counts);
            }
            stage.halves.par_iter().for_each(|half| half.layer.pack(sizes[s], counts));
        });
    }

    fn multiply_adds(&self, size: Size) -> usize {
        let stages = self.stages.iter().zip(self.sizes(size));
        stages.map(|(stage, (height, width))| stage.halves.len() * height * width * 9 * stage.width.pow(2)).sum()
    }

    fn rise(&self, pictures: usize, size: Size) -> Rise {
        self.rise(pictures, size, false)
    }

    fn fall(&self, rows: usize, size: Size, kept: bool) -> Fall {
        self.fall(rows, size, [false, kept])
    }

    fn slopes(&self, directions: usize, size: Size) -> Slopes {
        self.slopes(directions, size)
    }

    fn forward(&self, rise: &mut Rise, pictures: &Noisy, total: usize, values: Values) {
        self.values(rise, pictures, total, Some(values.energy));
        let classes = self.common.program.pictures.classes;
        let rows = rise.logits.chunks_exact(self.head.linear.bias.len());
        for (to, from) in values.logits.chunks_exact_mut(classes).zip(rows) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = f64::from(*from));
        }
    }

    fn weigh_density(&self, rise: &mut Rise) {
        self.readout_gradients(rise);
    }

    fn pull(&self, rise: &Rise, fall: &mut Fall, cotangents: &Cotangents) {
        self.pull_rows(rise, fall, cotangents);
    }

    fn stem(fall: &mut Fall) -> (&[f32], &mut [f32]) {
        (fall.stages.first().map_or(&[], |stage| &stage.g), &mut fall.patches)
    }

    fn slope<'a>(
        &self,
        rise: &Rise,
        slopes: &'a mut Slopes,
        cotangents: &Cotangents,
        directions: &[f32],
    ) -> std::slice::ChunksExact<'a, f32> {
        let row = self.head.linear.bias.len();
        let count = [slopes.tangents.logits.len() / row, cotangents.total];
        self.tangent(rise, &mut slopes.tangents, directions, cotangents.rows, count, cotangents.size);
        slopes.tangents.logits.chunks_exact(row)
    }

    fn bend(
        &self,
        rise: &Rise,
        slopes: &mut Slopes,
        pulled: &Fall,
        fall: &mut Fall,
        cotangents: &Cotangents,
        changes: &[f32],
    ) {
        self.bend_rows(rise, slopes, pulled, fall, cotangents, changes);
    }

    fn z(rise: &Rise) -> &[f32] {
        &rise.z
    }

    fn part(&self, pictures: usize, size: Size) -> Part {
        self.group(pictures, size)
    }

    fn learn(
        &self,
        part: &mut Part,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        loss: LossWeights,
        total: usize,
    ) {
        self.learn_group(part, rows, weighed, loss, total);
    }

    fn attack(&self, part: &mut Part, rows: &TrainingRows) {
        self.attack_group(part, rows);
    }

    fn loss(part: &Part) -> &Loss {
        &part.loss
    }

    fn direction(part: &Part) -> &[f32] {
        &part.direction
    }

    fn gradients(&self, parts: &[Part]) -> Gradients {
        self.weight_gradients(parts)
    }
}

impl Engine {
    /// The shape of the norms of stage `s` over pictures of `size` there.
    fn norm(&self, s: usize, (height, width): Size) -> Norm {
        let channels = self.stages[s].width;
        Norm { frame: Frame::new(height, width, channels), channels, group: self.trunk.group }
    }

    /// Lines and columns of every stage for pictures of `size`.
    fn sizes(&self, size: Size) -> Vec<Size> {
        let mut size = self.common.stem.size(size);
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
