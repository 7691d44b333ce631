//! The memory of a forward pass through the stages.

use super::Network;
use crate::engine::Size;
use crate::gpu::device::Buffer;
use crate::gpu::filter::padded;

/// Pixels whose energies are summed in single precision.
pub(super) const ENERGY_BLOCK: usize = 64;

/// Room for the activations of some pictures of one size.
#[derive(Debug)]
pub struct Activations {
    /// Lines and columns of every stage.
    pub(super) sizes: Vec<Size>,
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
    /// Where each stage's energies begin among a picture's: a block's each.
    pub(super) energy_at: Vec<usize>,
    /// Scratch: what an activation gives, a norm's partial sums.
    pub(super) active: Buffer,
    pub(super) parts: Buffer,
}

impl Activations {
    /// The output of stage `s`.
    pub(super) fn output(&self, s: usize) -> &Buffer {
        self.x[s].last().unwrap_or(&self.active)
    }
}

impl Network {
    /// Room for `count` pictures of `size`, and energies a picture.
    pub(super) fn activations(&self, count: usize, size: Size) -> (Activations, usize) {
        let gpu = &*self.gpu;
        let sizes = self.sizes(size);
        let stages = 0..sizes.len();
        let dense = |s: usize| self.dense(s, count, &sizes);
        let rooms = |s: usize| (0..=self.trunk.stages[s].halves.len()).map(|_| gpu.room(dense(s))).collect();
        let (mut stats_at, mut pairs, mut energy_at, mut blocks) = (Vec::new(), 0, Vec::new(), 0);
        for (stage, size) in self.trunk.stages.iter().zip(&sizes) {
            for _ in &stage.halves {
                stats_at.push(pairs);
                pairs += count * stage.width / self.trunk.group;
            }
            energy_at.push(blocks);
            blocks += (size.0 * size.1).div_ceil(ENERGY_BLOCK);
        }
        let last = self.trunk.stages.last().map_or(0, |stage| stage.width);
        stats_at.push(pairs);
        pairs += count * last / self.trunk.group;
        let parts = stages.clone().map(|s| self.part_pairs(s, count, &sizes)).max().unwrap_or_default();
        let activations = Activations {
            stats: gpu.room(2 * pairs),
            stats_at,
            x: stages.clone().map(rooms).collect(),
            readouts: stages.clone().map(|s| gpu.room(2 * dense(s))).collect(),
            gradients: stages.clone().map(|s| gpu.room(dense(s))).collect(),
            pooled: gpu.room(count * padded(last)),
            energy_at,
            active: gpu.room(stages.map(dense).max().unwrap_or_default()),
            parts: gpu.room(2 * parts),
            sizes,
        };
        (activations, blocks)
    }

    /// Values of `rows` rows at stage `s`.
    pub(in crate::gpu) fn dense(&self, s: usize, rows: usize, sizes: &[Size]) -> usize {
        rows * sizes[s].0 * sizes[s].1 * padded(self.trunk.stages[s].width)
    }

    /// Pairs of partial sums that a norm of stage `s` over `rows` rows takes, if it is computed in blocks.
    pub(super) fn part_pairs(&self, s: usize, rows: usize, sizes: &[Size]) -> usize {
        let norm = self.norm(s, sizes[s], 0, 0);
        rows * (norm.channels / norm.size) * norm.blocks().1
    }
}
