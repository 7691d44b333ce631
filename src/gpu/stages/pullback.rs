//! The dispatches of the adjoint pass through the stages.

use super::{Activations, Network};
use crate::engine::Size;
use crate::gpu::device::Buffer;
use crate::gpu::filter::{Adds, padded};
use crate::gpu::forward::{Memory, Norm, Pending};
use crate::gpu::kernels::Kernel;
use crate::gpu::network::Kept;
use crate::gpu::plan::{Draft, Plan};
use crate::gpu::pullback::Room;

/// What the dispatches of one pullback read and write.
struct Fall<'a> {
    m: &'a Memory,
    activations: &'a Activations,
    room: &'a Room,
    pooled: Buffer,
    /// The residual stream's cotangents, before and after a block.
    stream: [Buffer; 2],
    /// Those between a block's halves.
    inner: Buffer,
    parts: Buffer,
}

impl Network {
    pub(super) fn pullback_plan(&self, m: &Memory, activations: &Activations, room: &Room) -> Plan {
        let (gpu, sizes) = (&*self.gpu, &activations.sizes);
        let (count, slices) = (room.count, &room.slices);
        let stages = 0..sizes.len();
        let widest = stages.clone().map(|s| self.dense(s, count, sizes)).max().unwrap_or_default();
        let parts = stages.map(|s| self.part_pairs(s, count, sizes)).max().unwrap_or_default();
        let last = self.trunk.stages.last().map_or(0, |stage| stage.width);
        let fall = Fall {
            m,
            activations,
            room,
            pooled: gpu.room(count * padded(last)),
            stream: [gpu.room(widest), gpu.room(widest)],
            inner: gpu.room(widest),
            parts: gpu.room(2 * parts),
        };
        let (stream, inner) = (&fall.stream, &fall.inner);
        let mut draft = Draft::new(gpu);
        let mut now = 0;
        let mut stats = activations.stats_at.iter().rev().copied();
        self.pull_head(&mut draft, &fall, stats.next().unwrap_or_default());
        for (s, stage) in self.trunk.stages.iter().enumerate().rev() {
            for (i, (film, layer)) in stage.halves.iter().enumerate().rev() {
                // The second half's goes on to the first; the first half's is added to the residual stream.
                let second = i % 2 == 1;
                let (source, target) = if second { (&stream[now], inner) } else { (inner, &stream[1 - now]) };
                let added = if second { (Adds::Nothing, self.gpu.nothing()) } else { (Adds::Rows, &stream[now]) };
                let size = sizes[s];
                let pending = self.convolve(&mut draft, &layer.adjoint, (count, size), [source, slices, slices], None);
                let norm = self.norm(s, size, *film, stats.next().unwrap_or_default());
                let buffers = [slices, &activations.x[s][i], added.1, target];
                Self::pull_norm(&mut draft, &norm, &fall, buffers, (Some(&pending), added.0));
                if !second {
                    now = 1 - now;
                }
            }
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                let buffers = [&stream[now], &stream[1 - now], &activations.gradients[before]];
                Self::pull_down(&mut draft, &down.adjoint, sizes[before], buffers, room);
                now = 1 - now;
            }
        }
        self.finish(&mut draft, m, room, &stream[now]);
        draft.finish()
    }

    /// The head's adjoint: the same cotangent for every pixel, then the activation's pullback, then the read-out's gradient.
    fn pull_head(&self, draft: &mut Draft, fall: &Fall, stats: usize) {
        let Fall { activations, room, pooled, stream, .. } = fall;
        let s = self.trunk.stages.len() - 1;
        let (width, classes) = (padded(self.trunk.stages[s].width) as u32, self.pictures.classes as u32);
        let norm = self.norm(s, activations.sizes[s], self.trunk.head_film, stats);
        let share = 1.0 / norm.pixels as f32;
        let words = [classes, width, classes, width, share.to_bits(), 0, 0, 0];
        let buffers = [&room.logits, &self.trunk.head[2], self.gpu.nothing(), pooled];
        draft.add(Kernel::Linear, &words, Some(6), &buffers, [width.div_ceil(64), 1, room.count as u32], 0.0);
        let buffers = [pooled, activations.output(s), &activations.gradients[s], &stream[0]];
        Self::pull_norm(draft, &norm, fall, buffers, (None, Adds::Pictures));
    }

    /// The pullback of norm, film and GELU at x, from `source` to `target`: cotangents that are `pending`, or else one value a
    /// channel for all pixels.
    fn pull_norm(
        draft: &mut Draft,
        norm: &Norm,
        fall: &Fall,
        [source, x, added, target]: [&Buffer; 4],
        (pending, adds): (Option<&Pending>, Adds),
    ) {
        let (block, blocks) = norm.blocks();
        let (slices, stride) = pending.map_or((0, 0), |pending| (pending.slices.0.max(1), pending.slices.1));
        let words = [
            norm.pixels,
            padded(norm.channels),
            norm.channels,
            norm.size,
            slices,
            stride,
            norm.film,
            norm.stats,
            block,
            blocks,
            adds as usize,
            fall.room.each,
            0,
        ]
        .map(|word| word as u32);
        let groups = norm.groups(fall.room.count);
        let cost = 60.0 * (fall.room.count * norm.pixels * norm.channels) as f64;
        let Fall { m: Memory { film, .. }, activations: Activations { stats, .. }, room, parts, .. } = fall;
        let scales = &room.scales;
        if blocks == 1 {
            let buffers = [source, x, film, stats, added, scales, target];
            draft.add(Kernel::NormPullback, &words, Some(12), &buffers, groups, cost);
        } else {
            let buffers = [source, x, film, stats, target, parts];
            draft.add(Kernel::NormPullbackSums, &words, Some(12), &buffers, groups, 0.7 * cost);
            let buffers = [x, stats, added, scales, target, parts];
            draft.add(Kernel::NormPullbackApply, &words, Some(12), &buffers, groups, 0.3 * cost);
        }
    }

    /// The adjoint of the convolution between two stages, and the read-out's gradient of the stage before.
    fn pull_down(draft: &mut Draft, kept: &Kept, before: Size, [source, target, gradient]: [&Buffer; 3], room: &Room) {
        let (count, each) = (room.count, room.each);
        let product = kept.filter.product(count, before);
        if product.slices == 1 {
            let buffers = [source, &kept.weights, target];
            draft.product(&product, (Adds::Pictures, each), buffers, Some((gradient, &room.scales)));
            return;
        }
        draft.product(&product, (Adds::Nothing, each), [source, &kept.weights, &room.slices], None);
        let vectors = product.vectors();
        let words = [vectors, vectors / count, product.slices, vectors, Adds::Pictures as usize, each, 0, 0];
        let buffers = [&room.slices, target, gradient, &room.scales];
        let groups = [vectors.div_ceil(256) as u32, 1, 1];
        draft.add(Kernel::Reduce, &words.map(|w| w as u32), Some(6), &buffers, groups, 0.0);
    }
}
