//! The adjoint pass over rows of cotangents: its memory on the device and its dispatches.

use super::device::{Buffer, Gpu, Readback};
use super::filter::{Adds, padded};
use super::forward::{Norm, Pending, Pictures};
use super::kernels::Kernel;
use super::memory::Memory;
use super::network::{Kept, Network};
use super::plan::{Draft, Plan};
use crate::engine::Size;
use crate::{Error, Result};

/// Room for some rows of cotangents over the activations of a forward pass, and the dispatches of their adjoint pass.
#[derive(Debug)]
pub(super) struct Rows {
    room: Room,
    /// Rows of a whole job that there is room for.
    job: usize,
    pub(super) plan: Plan,
    readback: Readback,
}

/// The buffers that the rows' cotangents go through.
#[derive(Debug)]
struct Room {
    /// Rows that go at once, and cotangents a picture.
    count: usize,
    each: usize,
    /// `w_v` of the job's rows, `[rows, K]`.
    logits: Buffer,
    /// `w_u·σ_d/σ` of the job's rows.
    scales: Buffer,
    /// `w_u` and `1/√(σ_d² + σ²)` of the job's rows.
    factors: Buffer,
    pooled: Buffer,
    /// The residual stream's cotangents, before and after a block.
    stream: [Buffer; 2],
    /// Those between a block's halves.
    inner: Buffer,
    slices: Buffer,
    parts: Buffer,
    out: Buffer,
    /// Values of the result.
    values: usize,
}

impl Network {
    /// Room for `count` rows at once out of `job`, `each` a picture.
    pub(super) fn lay_out_rows(&self, pictures: &Pictures, (count, job, each): (usize, usize, usize)) -> Rows {
        let gpu = &*self.gpu;
        let Memory { size, sizes, .. } = &pictures.memory;
        let stages = 0..sizes.len();
        let widest = stages.clone().map(|s| self.dense(s, count, sizes)).max().unwrap_or_default();
        let parts = stages.map(|s| self.part_pairs(s, count, sizes)).max().unwrap_or_default();
        let last = self.stages.last().map_or(0, |stage| stage.width);
        let values = count * self.pictures.channels * size.0 * size.1;
        let room = Room {
            count,
            each,
            logits: gpu.room(job * self.pictures.classes),
            scales: gpu.room(job),
            factors: gpu.room(2 * job),
            pooled: gpu.room(count * padded(last)),
            stream: [gpu.room(widest), gpu.room(widest)],
            inner: gpu.room(widest),
            slices: gpu.room(self.slices_room(count, *size, sizes)),
            parts: gpu.room(2 * parts),
            out: gpu.room(values),
            values,
        };
        Rows { plan: self.pullback_plan(&pictures.memory, &room), job, readback: gpu.readback(values), room }
    }

    fn pullback_plan(&self, m: &Memory, room: &Room) -> Plan {
        let mut draft = Draft::new(&self.gpu);
        let (count, slices, stream) = (room.count, &room.slices, &room.stream);
        let mut now = 0;
        let mut stats = m.stats_at.iter().rev().copied();
        self.pull_head(&mut draft, m, room, stats.next().unwrap_or_default());
        for (s, stage) in self.stages.iter().enumerate().rev() {
            for (i, (film, layer)) in stage.halves.iter().enumerate().rev() {
                // The second half's goes on to the first; the first half's is added to the residual stream.
                let second = i % 2 == 1;
                let (source, target) =
                    if second { (&stream[now], &room.inner) } else { (&room.inner, &stream[1 - now]) };
                let added = if second { (Adds::Nothing, self.gpu.nothing()) } else { (Adds::Rows, &stream[now]) };
                let size = m.sizes[s];
                let pending = self.convolve(&mut draft, &layer.adjoint, (count, size), [source, slices, slices], None);
                let norm = self.norm(s, size, *film, stats.next().unwrap_or_default());
                let buffers = [slices, &m.x[s][i], added.1, target];
                Self::pull_norm(&mut draft, &norm, (m, room), buffers, (Some(&pending), added.0));
                if !second {
                    now = 1 - now;
                }
            }
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                let buffers = [&stream[now], &stream[1 - now], &m.gradients[before]];
                Self::pull_down(&mut draft, &down.adjoint, m.sizes[before], buffers, room);
                now = 1 - now;
            }
        }
        let buffers = [&stream[now], slices, slices];
        let pending = self.convolve(&mut draft, &self.stem.adjoint, (count, m.size), buffers, None);
        let pixels = m.size.0 * m.size.1;
        let (pieces, stride) = (pending.slices.0.max(1), pending.slices.1 / 4);
        let words = [pixels, self.pictures.channels, pieces, stride, room.each, 0, count, 0].map(|word| word as u32);
        let groups = [pixels.div_ceil(256) as u32, 1, count as u32];
        draft.add(Kernel::Finish, &words, Some(5), &[slices, &m.z, &room.factors, &room.out], groups, 0.0);
        draft.finish()
    }

    /// The head's adjoint: the same cotangent for every pixel, then the activation's pullback, then the read-out's gradient.
    fn pull_head(&self, draft: &mut Draft, m: &Memory, room: &Room, stats: usize) {
        let s = self.stages.len() - 1;
        let (width, classes) = (padded(self.stages[s].width) as u32, self.pictures.classes as u32);
        let norm = self.norm(s, m.sizes[s], self.head_film, stats);
        let share = 1.0 / norm.pixels as f32;
        let words = [classes, width, classes, width, share.to_bits(), 0, 0, 0];
        let buffers = [&room.logits, &self.head[2], self.gpu.nothing(), &room.pooled];
        draft.add(Kernel::Linear, &words, Some(6), &buffers, [width.div_ceil(64), 1, room.count as u32], 0.0);
        let buffers = [&room.pooled, m.output(s), &m.gradients[s], &room.stream[0]];
        Self::pull_norm(draft, &norm, (m, room), buffers, (None, Adds::Pictures));
    }

    /// The pullback of norm, film and GELU at x, from `source` to `target`: cotangents that are `pending`, or else one value a
    /// channel for all pixels.
    fn pull_norm(
        draft: &mut Draft,
        norm: &Norm,
        (m, room): (&Memory, &Room),
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
            room.each,
            0,
        ]
        .map(|word| word as u32);
        let groups = norm.groups(room.count);
        let cost = 60.0 * (room.count * norm.pixels * norm.channels) as f64;
        let (film, stats, Room { scales, parts, .. }) = (&m.film, &m.stats, room);
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

    /// Whether the room is that of a job of `room` rows, `each` a picture.
    pub(super) fn fits(rows: &Rows, (job, each): (usize, usize)) -> bool {
        (rows.job, rows.room.each) == (job, each)
    }

    /// Puts on the device what each row of a job weighs the density by.
    pub(super) fn weigh(&self, pictures: &Pictures, rows: &Rows, density: &[f32]) {
        let sigma = |row: usize| pictures.sigmas[row / rows.room.each];
        let scale = |(row, w): (usize, &f32)| w * self.pictures.deviation / sigma(row);
        let scales: Vec<f32> = density.iter().enumerate().map(scale).collect();
        let factor = |(row, w): (usize, &f32)| [*w, 1.0 / self.spread(sigma(row))];
        let factors: Vec<f32> = density.iter().enumerate().flat_map(factor).collect();
        self.gpu.write(&rows.room.scales, bytemuck::cast_slice(&scales));
        self.gpu.write(&rows.room.factors, bytemuck::cast_slice(&factors));
    }

    /// The gradient by y of `w_u·(−‖z‖²/2 + (σ_d/σ)·u) + ⟨w_v, v⟩` for every row of a job, into `out`.
    pub(super) fn pull(
        &self,
        pictures: &mut Pictures,
        rows: &mut Rows,
        density: &[f32],
        logits: &[f32],
        out: &mut [f32],
    ) -> Result<()> {
        let gpu = &*self.gpu;
        gpu.write(&rows.room.logits, bytemuck::cast_slice(logits));
        self.weigh(pictures, rows, density);
        let row_values = out.len() / density.len().max(1);
        let total = density.len();
        // The gradient of a posterior weighs the energy by zero; then what the gradients hold is multiplied by it.
        let needed = !pictures.has_gradients && density.iter().any(|w| *w != 0.0);
        let mut first = 0;
        while first < total {
            // The last run begins early where the rows do not divide: some are computed twice, to the same bits.
            let start = first.min(total - rows.room.count);
            rows.plan.begin(gpu, start as u32);
            let ahead = if needed && first == 0 { pictures.gradient_plan.steps() } else { &[] };
            let results = [(&rows.room.out, rows.room.count * row_values)];
            let found = gpu.run(ahead.iter().chain(rows.plan.steps()), &results, &rows.readback)?;
            let found = found.first().ok_or_else(|| Error::Device("a result was asked for".to_owned()))?;
            out[start * row_values..][..found.len()].copy_from_slice(found);
            first = start + rows.room.count;
        }
        pictures.has_gradients |= needed;
        Ok(())
    }
}

impl Rows {
    /// `w_v` of the rows.
    pub(super) fn logits(&self) -> &Buffer {
        &self.room.logits
    }

    /// Makes the dispatches ready for the first rows.
    pub(super) fn begin(&mut self, gpu: &Gpu) {
        self.plan.begin(gpu, 0);
    }

    /// Rows that go at once.
    pub(super) fn at_once(&self) -> usize {
        self.room.count
    }

    /// Where the gradients lie.
    pub(super) fn out(&self) -> &Buffer {
        &self.room.out
    }

    /// How many values of gradients.
    pub(super) fn values(&self) -> usize {
        self.room.values
    }
}
