//! Weights, gradient, average and moments on the device, and the tables of its linear layers.

use super::layout::Layout;
use crate::gpu::device::{Buffer, Gpu};
use crate::gpu::stages::Network;
use crate::program::{Affine, Program};

/// Values of what is logged: loss, weighed cross-entropy, score error, gradient norm, cross-entropy, the clipping's factor.
pub(super) const LOGGED: usize = 6;

/// Numbers of a step before the groups' rates.
pub(super) const NUMBERS: usize = 17;

/// Lists of all weights, in one order.
#[derive(Debug)]
pub(super) struct Store {
    pub weights: Buffer,
    pub average: Buffer,
    pub first: Buffer,
    /// Of AdamW's values only.
    pub second: Buffer,
    pub gradient: Buffer,
    /// What a step multiplies by.
    pub numbers: Buffer,
    pub logged: Buffer,
    /// Both layers of the embedding.
    pub embed: [Dense; 2],
    pub film: Dense,
    pub head: Dense,
}

/// A linear layer, whose outputs' weights lie where the table says.
#[derive(Debug)]
pub(super) struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    pub table: Buffer,
}

impl Store {
    pub fn new(gpu: &Gpu, network: &Network, program: &Program, layout: &Layout, weights: &[f32]) -> Self {
        let dense = |inputs: usize, outputs: Vec<[u32; 4]>| Dense {
            inputs,
            outputs: outputs.len(),
            table: gpu.filled(bytemuck::cast_slice(outputs.as_flattened())),
        };
        let affine = |layer: &Affine| dense(layer.inputs, layout.outputs(layer));
        let [first, second] = &program.embedding.layers;
        let film = layout.film_outputs(program, &network.film.starts, network.film.width);
        Self {
            weights: gpu.filled(weights),
            average: gpu.filled(weights),
            first: gpu.room(layout.total),
            second: gpu.room(layout.adam),
            gradient: gpu.room(layout.total),
            numbers: gpu.room(NUMBERS + layout.groups.len()),
            logged: gpu.room(LOGGED),
            embed: [affine(first), affine(second)],
            film: dense(program.embedding.width(), film),
            head: affine(&network.trunk.program.head.linear),
        }
    }

    /// About how many bytes it takes, packed weights included.
    pub fn bytes(layout: &Layout) -> u64 {
        4 * (6 * layout.total + layout.adam) as u64
    }
}
