//! A network's weights on a device, in the forms that its passes read.

use std::sync::Arc;

use super::device::{Buffer, Gpu};
use super::film::Film;
use super::filter::{Convolution, Filter, padded};
use crate::engine::Size;
use crate::program::{self, Program};
use crate::{Error, Result};

/// A convolution and its adjoint.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) forward: Kept,
    pub(super) adjoint: Kept,
}

/// A filter whose weights lie on the device.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) filter: Filter,
    pub(super) weights: Buffer,
}

/// A stage of the network.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) width: usize,
    /// The pixels that one of its pixels stands for, along each axis, against the stage before.
    pub(super) stride: usize,
    pub(super) down: Option<Layer>,
    /// Two a block: where the gains begin in a row of the film, and the convolution after it.
    pub(super) halves: Vec<(usize, Layer)>,
    /// From h to (P h, Q h), and back.
    pub(super) readout: Layer,
    /// Where γ begins in a row of the film.
    pub(super) gamma: usize,
}

/// A network on a device.
#[derive(Debug)]
pub struct Network {
    pub(super) gpu: Arc<Gpu>,
    pub(super) pictures: program::Pictures,
    /// Channels in a group of the norms.
    pub(super) group: usize,
    /// The trunk that it was made of.
    pub(super) trunk: program::StageTrunk,
    pub(super) film: Film,
    pub(super) stem: Layer,
    pub(super) stages: Vec<Stage>,
    /// Where the head's gains begin in a row of the film.
    pub(super) head_film: usize,
    /// `[channels, classes]`, `[classes]` and `[classes, padded channels]`
    pub(super) head: [Buffer; 3],
}

/// Every convolution but the read-outs' products has a border of one.
const BORDER: usize = 1;

impl Layer {
    fn new(gpu: &Gpu, convolution: &Convolution, weights: &[f32]) -> Self {
        let keep = |mut filter: Filter| {
            let weights = gpu.filled(&filter.weights);
            filter.weights = Vec::new();
            Kept { filter, weights }
        };
        Self { forward: keep(convolution.forward(weights)), adjoint: keep(convolution.adjoint(weights)) }
    }

    fn of(gpu: &Gpu, layer: &program::Convolution, weights: &[&[f32]]) -> Self {
        let program::Convolution { weight, inputs, outputs, kernel, stride } = *layer;
        Self::new(gpu, &Convolution { outputs, inputs, kernel, stride, border: BORDER }, weights[weight])
    }
}

impl Network {
    /// The network of `program` with these weights, a slice a tensor.
    ///
    /// # Errors
    /// [`Error::Compute`] if the weights are not those of the program, or do not fit on the device; [`Error::Device`] if the
    /// device is lost.
    pub fn new(gpu: &Arc<Gpu>, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        program.check(weights).map_err(Error::Compute)?;
        let largest = program.tensors.iter().map(|tensor| 4 * 2 * tensor.len() as u64).max().unwrap_or_default();
        if largest > gpu.largest() {
            let card = gpu.card().title();
            return Err(Error::Compute(format!("{card} cannot bind the network's largest layer; choose --device cpu")));
        }
        let program::Trunk::Stages(trunk) = &program.trunk else {
            let reason = "has no kernels for this model's layers; choose --device cpu";
            return Err(Error::Device(format!("{} {reason}", gpu.card().title())));
        };
        let made = gpu.allocate(|| Self::build(Arc::clone(gpu), program, trunk, weights))?;
        gpu.check()?;
        Ok(made)
    }

    fn build(gpu: Arc<Gpu>, program: &Program, trunk: &program::StageTrunk, weights: &[&[f32]]) -> Self {
        let film = Film::new(program, weights);
        let stage = |stage: &program::Stage| {
            let width = stage.width;
            let halves = stage.blocks.iter().flat_map(|block| &block.halves);
            let half = |half: &program::Half| (film.starts[half.film], Layer::of(&gpu, &half.convolution, weights));
            // P above Q, each with rows of zeros up to whole vectors.
            let mut both = vec![0.0; 2 * padded(width) * width];
            for (side, tensor) in [stage.readout.p, stage.readout.q].into_iter().enumerate() {
                both[side * padded(width) * width..][..width * width].copy_from_slice(weights[tensor]);
            }
            let product = Convolution { outputs: 2 * padded(width), inputs: width, kernel: 1, stride: 1, border: 0 };
            Stage {
                width,
                stride: stage.down.map_or(1, |down| down.stride),
                down: stage.down.as_ref().map(|down| Layer::of(&gpu, down, weights)),
                halves: halves.map(half).collect(),
                readout: Layer::new(&gpu, &product, &both),
                gamma: film.starts[stage.readout.gamma],
            }
        };
        let program::Affine { weight, bias, inputs, outputs } = trunk.head.linear;
        let mut transposed = vec![0.0; inputs * outputs];
        let mut adjoint = vec![0.0; outputs * padded(inputs)];
        for (k, row) in weights[weight].chunks_exact(inputs.max(1)).enumerate() {
            row.iter().enumerate().for_each(|(c, weight)| transposed[c * outputs + k] = *weight);
            adjoint[k * padded(inputs)..][..inputs].copy_from_slice(row);
        }
        Self {
            pictures: program.pictures.clone(),
            group: trunk.group,
            trunk: trunk.clone(),
            stem: Layer::of(&gpu, &program.stem, weights),
            stages: trunk.stages.iter().map(stage).collect(),
            head_film: film.starts[trunk.head.film],
            head: [gpu.filled(&transposed), gpu.filled(weights[bias]), gpu.filled(&adjoint)],
            film,
            gpu,
        }
    }

    /// The device that it is on.
    #[must_use]
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Lines and columns of every stage for pictures of `size`.
    pub(super) fn sizes(&self, size: Size) -> Vec<Size> {
        let stride = self.stem.forward.filter.stride;
        let mut size = (size.0.div_ceil(stride), size.1.div_ceil(stride));
        let stages = self.stages.iter();
        stages
            .map(|stage| {
                size = (size.0.div_ceil(stage.stride), size.1.div_ceil(stage.stride));
                size
            })
            .collect()
    }

    /// `√(σ_d² + σ²)`, by which z is scaled.
    pub(super) fn spread(&self, sigma: f32) -> f32 {
        f64::from(self.pictures.deviation).hypot(f64::from(sigma)) as f32
    }

    /// Values of the largest activation of a picture of `size`, and of a row of cotangents.
    pub(super) fn largest(&self, size: Size) -> usize {
        let stages = self.stages.iter().zip(self.sizes(size));
        // The read-out's two products lie side by side.
        let stage = |(stage, (h, w)): (&Stage, Size)| h * w * 2 * padded(stage.width);
        stages.map(stage).max().unwrap_or_default().max(4 * size.0 * size.1)
    }

    /// Multiply-adds, times two, of the forward and adjoint pass of a picture of `size`.
    pub(super) fn operations(&self, size: Size) -> f64 {
        let both = |layer: &Layer, size: Size| {
            [&layer.forward, &layer.adjoint].map(|kept| kept.filter.product(1, size).operations()).iter().sum::<f64>()
        };
        let sizes = self.sizes(size);
        let mut sum = both(&self.stem, size);
        for (s, stage) in self.stages.iter().enumerate() {
            let layers = stage.halves.iter().map(|(_, layer)| layer).chain([&stage.readout]);
            sum += layers.map(|layer| both(layer, sizes[s])).sum::<f64>();
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                sum += both(down, sizes[before]);
            }
        }
        sum
    }

    /// About how many bytes a picture's activations take, and a row of cotangents.
    pub(super) fn bytes(&self, size: Size) -> (u64, u64) {
        let stages = self.stages.iter().zip(self.sizes(size));
        // Its input and each half's, its read-out (two) and gradient; scratch in common.
        let kept = |(stage, (h, w)): (&Stage, Size)| (stage.halves.len() + 4) * h * w * padded(stage.width);
        let picture: usize = stages.map(kept).sum::<usize>() + 2 * self.largest(size) + 8 * size.0 * size.1;
        (4 * picture as u64, 4 * (4 * self.largest(size) + 8 * size.0 * size.1) as u64)
    }
}
