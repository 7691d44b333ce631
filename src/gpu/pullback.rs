//! The adjoint pass over rows of cotangents: its memory on the device and its dispatches.

use super::device::{Buffer, Readback};
use super::filter::{Adds, padded};
use super::forward::{Norm, Pending, Pictures};
use super::kernels::Kernel;
use super::network::{Kept, Network};
use super::plan::{Draft, Plan};
use crate::engine::Size;
use crate::{Error, Result};

/// Room for some rows of cotangents over the activations of a forward pass, and the dispatches of their adjoint pass.
#[derive(Debug)]
pub(super) struct Rows {
    /// Rows that go at once, and cotangents a picture.
    pub(super) count: usize,
    each: usize,
    /// Rows of a whole job that the buffers below have room for.
    room: usize,
    /// `w_v` of the job's rows, `[rows, K]`.
    logits: Buffer,
    /// `w_u·σ_d/σ` of the job's rows.
    scales: Buffer,
    /// `w_u` and `1/√(σ_d² + σ²)` of the job's rows.
    factors: Buffer,
    out: Buffer,
    pub(super) plan: Plan,
    readback: Readback,
}

/// The buffers that the rows' cotangents go through.
struct Room<'a> {
    slices: &'a Buffer,
    scales: &'a Buffer,
    parts: &'a Buffer,
}

impl Network {
    /// Room for `count` rows at once out of `room`, `each` a picture.
    pub(super) fn lay_out_rows(&self, pictures: &Pictures, (count, room, each): (usize, usize, usize)) -> Rows {
        let gpu = &*self.gpu;
        let (size, sizes) = (pictures.size, &pictures.sizes);
        let dense = |s: usize| count * sizes[s].0 * sizes[s].1 * padded(self.stages[s].width);
        let widest = (0..sizes.len()).map(dense).max().unwrap_or_default();
        let stream = [gpu.room(widest), gpu.room(widest)];
        let inner = gpu.room(widest);
        let slices = gpu.room(self.slices_room(count, size, sizes));
        let parts = gpu.room(2 * (0..sizes.len()).map(|s| self.part_pairs(s, count, sizes)).max().unwrap_or_default());
        let classes = self.pictures.classes;
        let (logits, scales, factors) = (gpu.room(room * classes), gpu.room(room), gpu.room(2 * room));
        let out = gpu.room(count * self.pictures.channels * size.0 * size.1);
        let memory = Room { slices: &slices, scales: &scales, parts: &parts };
        let mut draft = Draft::new(gpu);
        let mut now = 0;
        let mut stats = pictures.stats_at.iter().rev();
        let last = sizes.len() - 1;
        self.pull_head(&mut draft, pictures, (count, each), [&logits, &stream[now]], &memory, stats.next());
        for s in (0..sizes.len()).rev() {
            let stage = &self.stages[s];
            for (i, (film, layer)) in stage.halves.iter().enumerate().rev() {
                // The second half's goes on to the first; the first half's is added to the residual stream.
                let (source, target) = if i % 2 == 1 { (&stream[now], &inner) } else { (&inner, &stream[1 - now]) };
                let added = (i % 2 == 0).then_some((Adds::Rows, &stream[now]));
                let pending =
                    self.convolve(&mut draft, &layer.adjoint, (count, sizes[s]), [source, &slices, &slices], None);
                let norm = self.norm(s, sizes[s], *film, stats.next().copied().unwrap_or_default());
                let x = &pictures.x[s][i];
                self.pull_norm(&mut draft, &norm, pictures, (count, each), ((pending, x, target), added), &memory);
                if i % 2 == 0 {
                    now = 1 - now;
                }
            }
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                let gradient = &pictures.gradients[before];
                self.pull_down(
                    &mut draft,
                    &down.adjoint,
                    (count, each),
                    sizes[before],
                    [&stream[now], &stream[1 - now], gradient],
                    &memory,
                );
                now = 1 - now;
            }
        }
        debug_assert!(stats.next().is_none() && last < sizes.len());
        let pending =
            self.convolve(&mut draft, &self.stem.adjoint, (count, size), [&stream[now], &slices, &slices], None);
        let pixels = (size.0 * size.1) as u32;
        let words = [
            pixels,
            self.pictures.channels as u32,
            pending.slices.0.max(1) as u32,
            (pending.slices.1 / 4) as u32,
            each as u32,
            0,
            count as u32,
            0,
        ];
        let groups = [pixels.div_ceil(256), 1, count as u32];
        draft.add(Kernel::Finish, &words, Some(5), &[&slices, &pictures.z, &factors, &out], groups, 0.0);
        let plan = draft.finish();
        let readback = gpu.readback(count * self.pictures.channels * size.0 * size.1);
        Rows { count, each, room, logits, scales, factors, out, plan, readback }
    }

    /// The head's adjoint: the same cotangent for every pixel, then the activation's pullback, then the read-out's gradient.
    fn pull_head(
        &self,
        draft: &mut Draft,
        pictures: &Pictures,
        (count, each): (usize, usize),
        [logits, target]: [&Buffer; 2],
        memory: &Room,
        stats: Option<&usize>,
    ) {
        let s = self.stages.len() - 1;
        let (width, classes) = (padded(self.stages[s].width), self.pictures.classes as u32);
        let norm = self.norm(s, pictures.sizes[s], self.head_film, stats.copied().unwrap_or_default());
        let share = 1.0 / norm.pixels as f32;
        let pooled = self.gpu.room(count * width);
        let words = [classes, width as u32, classes, width as u32, share.to_bits(), 0, 0, 0];
        let buffers = [logits, &self.head[2], self.gpu.nothing(), &pooled];
        draft.add(Kernel::Linear, &words, Some(6), &buffers, [(width as u32).div_ceil(64), 1, count as u32], 0.0);
        let Some(x) = pictures.x[s].last() else { return };
        let pooled_room = Room { slices: &pooled, ..*memory };
        let added = Some((Adds::Pictures, &pictures.gradients[s]));
        // No slices: one value a channel for all pixels.
        self.pull_norm(draft, &norm, pictures, (count, each), ((Pending::WHOLE, x, target), added), &pooled_room);
    }

    /// The pullback of norm, film and GELU from the slices to `target`.
    fn pull_norm(
        &self,
        draft: &mut Draft,
        norm: &Norm,
        pictures: &Pictures,
        (count, each): (usize, usize),
        ((pending, x, target), added): ((Pending, &Buffer, &Buffer), Option<(Adds, &Buffer)>),
        memory: &Room,
    ) {
        let (block, blocks) = norm.blocks();
        let (adds, added) = added.unwrap_or((Adds::Nothing, self.gpu.nothing()));
        let broadcast = adds == Adds::Pictures;
        let slices = if broadcast { 0 } else { pending.slices.0.max(1) };
        let words = [
            norm.pixels,
            padded(norm.channels),
            norm.channels,
            norm.size,
            slices,
            pending.slices.1,
            norm.film,
            norm.stats,
            block,
            blocks,
            adds as usize,
            each,
            0,
        ]
        .map(|word| word as u32);
        let groups = norm.groups(count);
        let cost = 60.0 * (count * norm.pixels * norm.channels) as f64;
        let (film, stats) = (&pictures.film, &pictures.stats);
        let Room { slices, scales, parts, .. } = *memory;
        if blocks == 1 {
            let buffers = [slices, x, film, stats, added, scales, target];
            draft.add(Kernel::NormPullback, &words, Some(12), &buffers, groups, cost);
        } else {
            let buffers = [slices, x, film, stats, target, parts];
            draft.add(Kernel::NormPullbackSums, &words, Some(12), &buffers, groups, 0.7 * cost);
            let buffers = [x, stats, added, scales, target, parts];
            draft.add(Kernel::NormPullbackApply, &words, Some(12), &buffers, groups, 0.3 * cost);
        }
    }

    /// The adjoint of the convolution between two stages, and the read-out's gradient of the stage before.
    fn pull_down(
        &self,
        draft: &mut Draft,
        kept: &Kept,
        (count, each): (usize, usize),
        before: Size,
        [source, target, gradient]: [&Buffer; 3],
        memory: &Room,
    ) {
        let product = kept.filter.product(count, before);
        if product.slices == 1 {
            draft.product(
                &product,
                (Adds::Pictures, each),
                [source, &kept.weights, target],
                Some((gradient, memory.scales)),
            );
            return;
        }
        draft.product(&product, (Adds::Nothing, each), [source, &kept.weights, memory.slices], None);
        let vectors = product.vectors();
        let words =
            [vectors, vectors / count, product.slices, vectors, Adds::Pictures as usize, each, 0, 0].map(|w| w as u32);
        let buffers = [memory.slices, target, gradient, memory.scales];
        draft.add(Kernel::Reduce, &words, Some(6), &buffers, [vectors.div_ceil(256) as u32, 1, 1], 0.0);
    }

    /// Whether the room is that of a job of `room` rows, `each` a picture.
    pub(super) fn fits(rows: &Rows, (room, each): (usize, usize)) -> bool {
        (rows.room, rows.each) == (room, each)
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
        let sigma = |row: usize| pictures.sigmas[row / rows.each];
        let scales: Vec<f32> =
            density.iter().enumerate().map(|(row, w)| w * self.pictures.deviation / sigma(row)).collect();
        let factors: Vec<f32> =
            density.iter().enumerate().flat_map(|(row, w)| [*w, 1.0 / self.spread(sigma(row))]).collect();
        gpu.write(&rows.logits, bytemuck::cast_slice(logits));
        gpu.write(&rows.scales, bytemuck::cast_slice(&scales));
        gpu.write(&rows.factors, bytemuck::cast_slice(&factors));
        let row_values = out.len() / density.len().max(1);
        let total = density.len();
        // The gradient of a posterior weighs the energy by zero; then what the gradients hold is multiplied by it.
        let needed = !pictures.has_gradients && density.iter().any(|w| *w != 0.0);
        let mut first = 0;
        while first < total {
            // The last run begins early where the rows do not divide: some are computed twice, to the same bits.
            let start = first.min(total - rows.count);
            rows.plan.begin(gpu, start as u32);
            let ahead = if needed && first == 0 { pictures.gradient_plan.steps() } else { &[] };
            let results = [(&rows.out, rows.count * row_values)];
            let found = gpu.run(ahead.iter().chain(rows.plan.steps()), &results, &rows.readback)?;
            let found = found.first().ok_or_else(|| Error::Device("a result was asked for".to_owned()))?;
            out[start * row_values..][..found.len()].copy_from_slice(found);
            first = start + rows.count;
        }
        pictures.has_gradients |= needed;
        Ok(())
    }
}
