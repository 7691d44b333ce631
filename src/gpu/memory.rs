//! The memory of a forward pass on the device.

use super::device::Buffer;
use super::filter::padded;
use super::network::{Kept, Network};
use crate::engine::Size;

/// Pixels whose energies are summed in single precision.
pub(super) const ENERGY_BLOCK: usize = 64;

/// Room for the activations of some pictures of one size.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) count: usize,
    pub(super) size: Size,
    /// Lines and columns of every stage.
    pub(super) sizes: Vec<Size>,
    /// z as pixels × 4 channels.
    pub(super) z: Buffer,
    pub(super) film: Buffer,
    pub(super) stats: Buffer,
    /// Where each half's statistics begin, by stage; then the head's.
    pub(super) stats_at: Vec<usize>,
    /// For each stage its halves' inputs, and its output last.
    pub(super) x: Vec<Vec<Buffer>>,
    /// For each stage (γ ⊙ Q h, γ ⊙ P h)/√C.
    pub(super) readouts: Vec<Buffer>,
    /// For each stage the read-out's gradient, once it has been asked for.
    pub(super) gradients: Vec<Buffer>,
    pub(super) pooled: Buffer,
    pub(super) logits: Buffer,
    pub(super) energies: Buffer,
    /// Where each stage's energies begin among a picture's, and how many those are: a block's each.
    pub(super) energy_at: Vec<usize>,
    pub(super) blocks: usize,
    /// Scratch: a product's slices, what an activation gives, a norm's partial sums.
    pub(super) slices: Buffer,
    pub(super) active: Buffer,
    pub(super) parts: Buffer,
}

impl Memory {
    /// The output of stage `s`.
    pub(super) fn output(&self, s: usize) -> &Buffer {
        self.x[s].last().unwrap_or(&self.z)
    }
}

impl Network {
    /// Room for `count` pictures of `size`.
    pub(super) fn memory(&self, count: usize, size: Size) -> Memory {
        let gpu = &*self.gpu;
        let sizes = self.sizes(size);
        let stages = 0..sizes.len();
        let dense = |s: usize| self.dense(s, count, &sizes);
        let rooms = |s: usize| (0..=self.stages[s].halves.len()).map(|_| gpu.room(dense(s))).collect();
        let (mut stats_at, mut pairs, mut energy_at, mut blocks) = (Vec::new(), 0, Vec::new(), 0);
        for (stage, size) in self.stages.iter().zip(&sizes) {
            for _ in &stage.halves {
                stats_at.push(pairs);
                pairs += count * stage.width / self.group;
            }
            energy_at.push(blocks);
            blocks += (size.0 * size.1).div_ceil(ENERGY_BLOCK);
        }
        let last = self.stages.last().map_or(0, |stage| stage.width);
        stats_at.push(pairs);
        pairs += count * last / self.group;
        let parts = stages.clone().map(|s| self.part_pairs(s, count, &sizes)).max().unwrap_or_default();
        Memory {
            z: gpu.room(count * size.0 * size.1 * 4),
            film: gpu.room(count * (1 + self.film.width)),
            stats: gpu.room(2 * pairs),
            stats_at,
            x: stages.clone().map(rooms).collect(),
            readouts: stages.clone().map(|s| gpu.room(2 * dense(s))).collect(),
            gradients: stages.clone().map(|s| gpu.room(dense(s))).collect(),
            pooled: gpu.room(count * padded(last)),
            logits: gpu.room(count * self.pictures.classes),
            energies: gpu.room(count * blocks),
            energy_at,
            blocks,
            slices: gpu.room(self.slices_room(count, size, &sizes)),
            active: gpu.room(stages.map(dense).max().unwrap_or_default()),
            parts: gpu.room(2 * parts),
            count,
            size,
            sizes,
        }
    }

    /// Values of `rows` rows at stage `s`.
    pub(super) fn dense(&self, s: usize, rows: usize, sizes: &[Size]) -> usize {
        rows * sizes[s].0 * sizes[s].1 * padded(self.stages[s].width)
    }

    /// Pairs of partial sums that a norm of stage `s` over `rows` rows takes, if it is computed in blocks.
    pub(super) fn part_pairs(&self, s: usize, rows: usize, sizes: &[Size]) -> usize {
        let norm = self.norm(s, sizes[s], 0, 0);
        rows * (norm.channels / norm.size) * norm.blocks().1
    }

    /// Values that the slices of any product over `rows` rows take.
    pub(super) fn slices_room(&self, rows: usize, size: Size, sizes: &[Size]) -> usize {
        let need = |kept: &Kept, picture: Size| {
            let product = kept.filter.product(rows, picture);
            4 * product.vectors() * product.slices
        };
        let mut most = need(&self.stem.forward, size).max(need(&self.stem.adjoint, size));
        for (s, stage) in self.stages.iter().enumerate() {
            let layers = stage.halves.iter().map(|(_, layer)| layer).chain([&stage.readout]);
            let here = layers.flat_map(|layer| [need(&layer.forward, sizes[s]), need(&layer.adjoint, sizes[s])]);
            most = here.fold(most, usize::max);
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                most = most.max(need(&down.forward, sizes[before])).max(need(&down.adjoint, sizes[before]));
            }
        }
        most
    }
}
