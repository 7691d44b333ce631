//! The forward pass: its memory on the device and its dispatches.

use super::device::{Buffer, Readback};
use super::filter::{Adds, Product, padded};
use super::kernels::Kernel;
use super::memory::{ENERGY_BLOCK, Memory};
use super::network::{Kept, Network};
use super::plan::{Draft, Plan};
use crate::engine::Size;
use crate::{Error, Result};

/// Pixels from which a norm is computed in blocks, and pixels of a block.
const LARGE: usize = 4096;
const BLOCK: usize = 1024;

/// The activations of some pictures of one size, and the dispatches that compute them.
#[derive(Debug)]
pub(super) struct Pictures {
    pub(super) memory: Memory,
    pub(super) plan: Plan,
    /// The read-outs' gradients, which every cotangent only scales.
    pub(super) gradient_plan: Plan,
    /// Whether they are computed.
    pub(super) has_gradients: bool,
    readback: Readback,
    pub(super) sigmas: Vec<f32>,
}

/// A result that may still lie in slices.
pub(super) struct Pending<'a> {
    /// Slices and their length in values; 0 slices: the result is whole.
    pub(super) slices: (usize, usize),
    /// What is to be added to the slices.
    pub(super) added: Option<&'a Buffer>,
}

impl Pending<'_> {
    /// Of a result that is whole.
    pub(super) const WHOLE: Self = Self { slices: (0, 0), added: None };
}

/// A norm over pictures or rows: what its parameters begin with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    pub(super) pixels: usize,
    pub(super) channels: usize,
    pub(super) size: usize,
    pub(super) film: usize,
    pub(super) stats: usize,
}

impl Norm {
    /// Pixels a block, and blocks.
    pub(super) fn blocks(&self) -> (usize, usize) {
        if self.pixels <= LARGE { (self.pixels, 1) } else { (BLOCK, self.pixels.div_ceil(BLOCK)) }
    }

    /// Workgroups for `rows` rows.
    pub(super) fn groups(&self, rows: usize) -> [u32; 3] {
        [(self.channels / self.size) as u32, self.blocks().1 as u32, rows as u32]
    }
}

impl Network {
    /// Room for `count` pictures of `size`, and the dispatches of their forward pass.
    pub(super) fn lay_out(&self, count: usize, size: Size) -> Pictures {
        let memory = self.memory(count, size);
        Pictures {
            plan: self.forward_plan(&memory, true),
            gradient_plan: self.gradient_plan(&memory),
            has_gradients: false,
            readback: self.gpu.readback(count * (self.pictures.classes + memory.blocks)),
            sigmas: vec![0.0; count],
            memory,
        }
    }

    /// The forward pass without the energy: no read-outs.
    pub(super) fn logits_plan(&self, m: &Memory) -> Plan {
        self.forward_plan(m, false)
    }

    /// The stem, then each stage: what a convolution gives in slices, the next norm adds up.
    fn forward_plan(&self, m: &Memory, energy: bool) -> Plan {
        let mut draft = Draft::new(&self.gpu);
        let count = m.count;
        let mut pending =
            self.convolve(&mut draft, &self.stem.forward, (count, m.size), [&m.z, &m.slices, &m.x[0][0]], None);
        let mut stats = m.stats_at.iter().copied();
        for (s, stage) in self.stages.iter().enumerate() {
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                let (size, buffers) = (m.sizes[before], [m.output(before), &m.slices, &m.x[s][0]]);
                pending = self.convolve(&mut draft, &down.forward, (count, size), buffers, None);
            }
            for (i, (film, layer)) in stage.halves.iter().enumerate() {
                let norm = self.norm(s, m.sizes[s], *film, stats.next().unwrap_or_default());
                self.activate(&mut draft, &norm, m, &pending, &m.x[s][i]);
                let residual = (i % 2 == 1).then(|| &m.x[s][i - 1]);
                let buffers = [&m.active, &m.slices, &m.x[s][i + 1]];
                pending = self.convolve(&mut draft, &layer.forward, (count, m.sizes[s]), buffers, residual);
            }
            self.settle(&mut draft, &pending, (&m.slices, m.output(s)), self.dense(s, count, &m.sizes));
            pending = Pending::WHOLE;
            if energy {
                self.read_out(&mut draft, s, m);
            }
        }
        self.classify(&mut draft, m, stats.next().unwrap_or_default());
        draft.finish()
    }

    /// The head: mean over the pixels of the activation, then a linear layer.
    fn classify(&self, draft: &mut Draft, m: &Memory, stats: usize) {
        let s = self.stages.len() - 1;
        let norm = self.norm(s, m.sizes[s], self.head_film, stats);
        self.activate(draft, &norm, m, &Pending::WHOLE, m.output(s));
        let (channels, width) = (norm.channels as u32, padded(norm.channels) as u32);
        let (count, classes) = (m.count as u32, self.pictures.classes as u32);
        draft.add(Kernel::Pool, &[norm.pixels as u32, width], None, &[&m.active, &m.pooled], [width, 1, count], 0.0);
        let words = [channels, classes, width, classes, 1.0_f32.to_bits(), 1, 0, 0];
        let buffers = [&m.pooled, &self.head[0], &self.head[1], &m.logits];
        draft.add(Kernel::Linear, &words, None, &buffers, [classes.div_ceil(64), 1, count], 0.0);
    }

    /// The gradients of the read-outs by their stages' outputs.
    fn gradient_plan(&self, m: &Memory) -> Plan {
        let mut draft = Draft::new(&self.gpu);
        for (s, stage) in self.stages.iter().enumerate() {
            let target = &m.gradients[s];
            let buffers = [&m.readouts[s], &m.slices, target];
            let pending = self.convolve(&mut draft, &stage.readout.adjoint, (m.count, m.sizes[s]), buffers, None);
            self.settle(&mut draft, &pending, (&m.slices, target), self.dense(s, m.count, &m.sizes));
        }
        draft.finish()
    }

    pub(super) fn norm(&self, s: usize, size: Size, film: usize, stats: usize) -> Norm {
        Norm { pixels: size.0 * size.1, channels: self.stages[s].width, size: self.group, film, stats }
    }

    /// A convolution from `source` into `target`, or into `slices` if its depth is cut: then what is added waits.
    pub(super) fn convolve<'a>(
        &self,
        draft: &mut Draft,
        kept: &Kept,
        (rows, size): (usize, Size),
        [source, slices, target]: [&Buffer; 3],
        residual: Option<&'a Buffer>,
    ) -> Pending<'a> {
        let product: Product = kept.filter.product(rows, size);
        if product.slices > 1 {
            draft.product(&product, (Adds::Nothing, 1), [source, &kept.weights, slices], None);
            return Pending { slices: (product.slices, 4 * product.vectors()), added: residual };
        }
        let added = residual.map(|added| (added, self.gpu.nothing()));
        let adds = if added.is_some() { Adds::Rows } else { Adds::Nothing };
        draft.product(&product, (adds, 1), [source, &kept.weights, target], added);
        Pending::WHOLE
    }

    /// Adds the slices of `values` values up, if there are any.
    pub(super) fn settle(
        &self,
        draft: &mut Draft,
        pending: &Pending,
        (slices, target): (&Buffer, &Buffer),
        values: usize,
    ) {
        if pending.slices.0 == 0 {
            return;
        }
        let vectors = (values / 4) as u32;
        let (adds, added) = pending.added.map_or((Adds::Nothing, self.gpu.nothing()), |added| (Adds::Rows, added));
        let words = [vectors, vectors, pending.slices.0 as u32, (pending.slices.1 / 4) as u32, adds as u32, 1, 0, 0];
        let buffers = [slices, target, added, self.gpu.nothing()];
        draft.add(Kernel::Reduce, &words, None, &buffers, [vectors.div_ceil(256), 1, 1], 0.0);
    }

    /// Norm, film and GELU of what is pending; `whole` gets what it is computed of.
    fn activate(&self, draft: &mut Draft, norm: &Norm, m: &Memory, pending: &Pending, whole: &Buffer) {
        let (block, blocks) = norm.blocks();
        let (pieces, stride) = pending.slices;
        let words = [
            norm.pixels,
            padded(norm.channels),
            norm.channels,
            norm.size,
            pieces,
            stride,
            usize::from(pending.added.is_some()),
            norm.film,
            norm.stats,
            block,
            blocks,
            0,
        ]
        .map(|word| word as u32);
        let nothing = self.gpu.nothing();
        let source = if pieces == 0 { nothing } else { &m.slices };
        let added = pending.added.unwrap_or(nothing);
        let groups = norm.groups(m.count);
        let Memory { active, film, stats, parts, .. } = m;
        // Against a product's operations, a value costs about as much as fifty.
        let cost = 50.0 * (m.count * norm.pixels * norm.channels) as f64;
        if blocks == 1 {
            draft.add(Kernel::Norm, &words, None, &[source, added, whole, active, film, stats], groups, cost);
        } else {
            draft.add(Kernel::NormMoments, &words, None, &[source, added, whole, parts], groups, 0.5 * cost);
            draft.add(Kernel::NormApply, &words, None, &[whole, active, film, stats, parts], groups, 0.5 * cost);
        }
    }

    /// The read-out of stage `s`.
    fn read_out(&self, draft: &mut Draft, s: usize, m: &Memory) {
        let (stage, size) = (&self.stages[s], m.sizes[s]);
        let buffers = [m.output(s), &m.slices, &m.slices];
        let pending = self.convolve(draft, &stage.readout.forward, (m.count, size), buffers, None);
        let pixels = size.0 * size.1;
        let scale = 1.0 / (stage.width as f32).sqrt();
        let words = [
            pixels as u32,
            (padded(stage.width) / 4) as u32,
            pending.slices.0.max(1) as u32,
            (pending.slices.1 / 4) as u32,
            stage.gamma as u32,
            scale.to_bits(),
            ENERGY_BLOCK as u32,
            m.blocks as u32,
            m.energy_at[s] as u32,
        ];
        let groups = [pixels.div_ceil(ENERGY_BLOCK) as u32, 1, m.count as u32];
        let buffers = [&m.slices, &m.readouts[s], &m.film, &m.energies];
        draft.add(Kernel::Exchange, &words, None, &buffers, groups, 0.0);
    }

    /// Puts planar pictures and their σs on the device.
    pub(super) fn place(&self, pictures: &mut Pictures, noisy: &[f32], sigmas: &[f32]) {
        let channels = self.pictures.channels;
        let plane = pictures.memory.size.0 * pictures.memory.size.1;
        let mut z = vec![0.0; pictures.memory.count * plane * 4];
        for (index, y) in noisy.chunks_exact(plane).enumerate() {
            let (picture, channel) = (index / channels, index % channels);
            let (mean, rate) = (self.pictures.mean[channel], 1.0 / self.spread(sigmas[picture]));
            let pixels = z[picture * plane * 4..][..plane * 4].chunks_exact_mut(4);
            pixels.zip(y).for_each(|(pixel, y)| pixel[channel] = (y - mean) * rate);
        }
        self.gpu.write(&pictures.memory.z, bytemuck::cast_slice(&z));
        // One row for each different σ, before them where each picture's row begins.
        let mut rows: Vec<(u32, usize)> = Vec::new();
        let mut film = vec![0.0; pictures.memory.count];
        for (picture, sigma) in sigmas.iter().enumerate() {
            let known = rows.iter().find(|(bits, _)| *bits == sigma.to_bits()).map(|(_, start)| *start);
            let start = known.unwrap_or_else(|| {
                rows.push((sigma.to_bits(), film.len()));
                let start = film.len();
                film.extend(self.film.row(*sigma));
                start
            });
            film[picture] = f32::from_bits(start as u32);
        }
        self.gpu.write(&pictures.memory.film, bytemuck::cast_slice(&film));
        pictures.sigmas.copy_from_slice(sigmas);
        pictures.has_gradients = false;
        pictures.plan.begin(&self.gpu, 0);
        pictures.gradient_plan.begin(&self.gpu, 0);
    }

    /// Where the results of a forward pass lie, and how many values of each: v, then the energies of blocks.
    pub(super) fn results<'a>(&self, pictures: &'a Pictures) -> [(&'a Buffer, usize); 2] {
        let m = &pictures.memory;
        [(&m.logits, m.count * self.pictures.classes), (&m.energies, m.count * m.blocks)]
    }

    /// Runs the forward pass: u of every picture and v, `[N, K]`.
    pub(super) fn pass(&self, pictures: &Pictures) -> Result<(Vec<f64>, Vec<f32>)> {
        let found = self.gpu.run(pictures.plan.steps().iter(), &self.results(pictures), &pictures.readback)?;
        let [logits, energies] =
            <[Vec<f32>; 2]>::try_from(found).map_err(|_| Error::Device("two results were asked for".to_owned()))?;
        Ok((pictures.energies(&energies), logits))
    }
}

impl Pictures {
    /// u of every picture from the energies of its blocks: sums of many terms of either sign, in double precision.
    pub(super) fn energies(&self, blocks: &[f32]) -> Vec<f64> {
        let pictures = blocks.chunks_exact(self.memory.blocks.max(1));
        pictures.map(|parts| parts.iter().map(|e| f64::from(*e)).sum()).collect()
    }
}
