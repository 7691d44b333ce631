//! The trunk of stages whose blocks begin with a norm, each stage with a bilinear read-out: fused kernels.

mod forward;
mod memory;
mod pullback;

pub(super) use memory::Activations;

use super::device::{Buffer, Gpu};
use super::film::Film;
use super::filter::{Convolution, padded};
use super::forward::Memory;
use super::network::{self, Layer, Trunk};
use super::plan::Plan;
use super::pullback::Room;
use crate::engine::Size;
use crate::program::{self, Program};

/// The network with this trunk.
pub(super) type Network = network::Network<StageLayers>;

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

/// All stages, and the head.
#[derive(Debug)]
pub struct StageLayers {
    /// Channels in a group of the norms.
    pub(super) group: usize,
    /// What it was made of.
    pub(super) program: program::StageTrunk,
    pub(super) stages: Vec<Stage>,
    /// Where the head's gains begin in a row of the film.
    pub(super) head_film: usize,
    /// `[channels, classes]`, `[classes]` and `[classes, padded channels]`
    pub(super) head: [Buffer; 3],
}

/// A linear layer's weights `[outputs, inputs]` as a row of inputs reads them, and with padded rows as its adjoint does.
pub(super) fn both_ways(weights: &[f32], inputs: usize, outputs: usize) -> [Vec<f32>; 2] {
    let mut transposed = vec![0.0; inputs * outputs];
    let mut adjoint = vec![0.0; outputs * padded(inputs)];
    for (k, row) in weights.chunks_exact(inputs.max(1)).enumerate() {
        row.iter().enumerate().for_each(|(c, weight)| transposed[c * outputs + k] = *weight);
        adjoint[k * padded(inputs)..][..inputs].copy_from_slice(row);
    }
    [transposed, adjoint]
}

impl Trunk for StageLayers {
    type Program = program::StageTrunk;
    type Activations = Activations;

    fn of(program: &Program) -> Option<&program::StageTrunk> {
        match &program.trunk {
            program::Trunk::Stages(trunk) => Some(trunk),
            program::Trunk::Graph(_) => None,
        }
    }

    fn build(gpu: &Gpu, trunk: &program::StageTrunk, film: &Film, weights: &[&[f32]]) -> Option<Self> {
        let stage = |stage: &program::Stage| {
            let width = stage.width;
            let halves = stage.blocks.iter().flat_map(|block| &block.halves);
            let half = |half: &program::Half| (film.starts[half.film], Layer::of(gpu, &half.convolution, weights));
            // P above Q, each with rows of zeros up to whole vectors.
            let mut both = vec![0.0; 2 * padded(width) * width];
            for (side, tensor) in [stage.readout.p, stage.readout.q].into_iter().enumerate() {
                both[side * padded(width) * width..][..width * width].copy_from_slice(weights[tensor]);
            }
            let product = Convolution { outputs: 2 * padded(width), inputs: width, kernel: 1, stride: 1, border: 0 };
            Stage {
                width,
                stride: stage.down.map_or(1, |down| down.stride),
                down: stage.down.as_ref().map(|down| Layer::of(gpu, down, weights)),
                halves: halves.map(half).collect(),
                readout: Layer::new(gpu, &product, &both),
                gamma: film.starts[stage.readout.gamma],
            }
        };
        let program::Affine { weight, bias, inputs, outputs } = trunk.head.linear;
        let [transposed, adjoint] = both_ways(weights[weight], inputs, outputs);
        Some(Self {
            group: trunk.group,
            program: trunk.clone(),
            stages: trunk.stages.iter().map(stage).collect(),
            head_film: film.starts[trunk.head.film],
            head: [gpu.filled(&transposed), gpu.filled(weights[bias]), gpu.filled(&adjoint)],
        })
    }

    fn activations(network: &Network, count: usize, size: Size) -> (Activations, usize) {
        network.activations(count, size)
    }

    fn slices(network: &Network, rows: usize, size: Size) -> usize {
        network.layers(size).map(|(layer, size)| layer.slices(rows, size)).max().unwrap_or_default()
    }

    fn forward(network: &Network, m: &Memory, activations: &Activations, energy: bool) -> Plan {
        network.forward_plan(m, activations, energy)
    }

    fn gradient(network: &Network, m: &Memory, activations: &Activations) -> Plan {
        network.gradient_plan(m, activations)
    }

    fn pullback(network: &Network, m: &Memory, activations: &Activations, room: &Room) -> Plan {
        network.pullback_plan(m, activations, room)
    }

    fn largest(network: &Network, size: Size) -> usize {
        let stages = network.trunk.stages.iter().zip(network.sizes(size));
        // The read-out's two products lie side by side.
        let stage = |(stage, (h, w)): (&Stage, Size)| h * w * 2 * padded(stage.width);
        stages.map(stage).max().unwrap_or_default().max(4 * size.0 * size.1)
    }

    fn operations(network: &Network, size: Size) -> f64 {
        network.layers(size).map(|(layer, size)| layer.operations(size)).sum()
    }

    fn bytes(network: &Network, size: Size) -> (u64, u64) {
        let stages = network.trunk.stages.iter().zip(network.sizes(size));
        // Its input and each half's, its read-out (two) and gradient; scratch in common.
        let kept = |(stage, (h, w)): (&Stage, Size)| (stage.halves.len() + 4) * h * w * padded(stage.width);
        let largest = Self::largest(network, size);
        let picture: usize = stages.map(kept).sum::<usize>() + 2 * largest + 8 * size.0 * size.1;
        (4 * picture as u64, 4 * (4 * largest + 8 * size.0 * size.1) as u64)
    }
}

impl Network {
    /// Lines and columns of every stage for pictures of `size`.
    pub(super) fn sizes(&self, size: Size) -> Vec<Size> {
        let mut size = self.stem_size(size);
        let stages = self.trunk.stages.iter();
        stages
            .map(|stage| {
                size = (size.0.div_ceil(stage.stride), size.1.div_ceil(stage.stride));
                size
            })
            .collect()
    }

    /// Every convolution behind the stem, with the size of what it reads.
    fn layers(&self, size: Size) -> impl Iterator<Item = (&Layer, Size)> {
        let sizes = self.sizes(size);
        self.trunk.stages.iter().enumerate().flat_map(move |(s, stage)| {
            let here = stage.halves.iter().map(|(_, layer)| layer).chain([&stage.readout]);
            let before = s.checked_sub(1).map(|before| sizes[before]);
            let down = stage.down.as_ref().zip(before);
            let size = sizes[s];
            here.map(move |layer| (layer, size)).chain(down).collect::<Vec<_>>()
        })
    }
}
