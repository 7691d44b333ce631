//! The adjoint pass over rows of cotangents: what every network's has in common.

use super::device::{Buffer, Gpu, Readback};
use super::forward::{Memory, Pictures};
use super::kernels::Kernel;
use super::network::{Network, Trunk};
use super::plan::{Draft, Plan};
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

/// The buffers that the rows' cotangents go through around a trunk.
#[derive(Debug)]
pub struct Room {
    /// Rows that go at once, and cotangents a picture.
    pub(super) count: usize,
    pub(super) each: usize,
    /// `w_v` of the job's rows, `[rows, K]`.
    pub(super) logits: Buffer,
    /// `w_u·σ_d/σ` of the job's rows.
    pub(super) scales: Buffer,
    /// `w_u` and `1/√(σ_d² + σ²)` of the job's rows.
    factors: Buffer,
    /// Scratch: a product's slices.
    pub(super) slices: Buffer,
    out: Buffer,
    /// Values of the result.
    values: usize,
}

impl<T: Trunk> Network<T> {
    /// Room for `count` rows at once out of `job`, `each` a picture.
    pub(super) fn lay_out_rows(&self, pictures: &Pictures<T>, (count, job, each): (usize, usize, usize)) -> Rows {
        let gpu = &*self.gpu;
        let size = pictures.memory.size;
        let values = count * self.pictures.channels * size.0 * size.1;
        let room = Room {
            count,
            each,
            logits: gpu.room(job * self.pictures.classes),
            scales: gpu.room(job),
            factors: gpu.room(2 * job),
            slices: gpu.room(self.slices(count, size)),
            out: gpu.room(values),
            values,
        };
        let plan = T::pullback(self, &pictures.memory, &pictures.activations, &room);
        Rows { plan, job, readback: gpu.readback(values), room }
    }

    /// From the cotangents of the stem's result to the gradients.
    pub(super) fn finish(&self, draft: &mut Draft, m: &Memory, room: &Room, stream: &Buffer) {
        let (count, slices) = (room.count, &room.slices);
        let buffers = [stream, slices, slices];
        let pending = self.convolve(draft, &self.stem.adjoint, (count, m.size), buffers, None);
        let pixels = m.size.0 * m.size.1;
        let (pieces, stride) = (pending.slices.0.max(1), pending.slices.1 / 4);
        let words = [pixels, self.pictures.channels, pieces, stride, room.each, 0, count, 0].map(|word| word as u32);
        let groups = [pixels.div_ceil(256) as u32, 1, count as u32];
        draft.add(Kernel::Finish, &words, Some(5), &[slices, &m.z, &room.factors, &room.out], groups, 0.0);
    }

    /// Puts on the device what each row of a job weighs the density by.
    pub(super) fn weigh(&self, pictures: &Pictures<T>, rows: &Rows, density: &[f32]) {
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
        pictures: &mut Pictures<T>,
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
    /// Whether the room is that of a job of `room` rows, `each` a picture.
    pub(super) fn fits(&self, (job, each): (usize, usize)) -> bool {
        (self.job, self.room.each) == (job, each)
    }

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
