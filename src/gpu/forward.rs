//! The forward pass: its memory on the device and its dispatches.

use super::device::{Buffer, Readback};
use super::filter::{Adds, Product, padded};
use super::kernels::Kernel;
use super::network::{Kept, Network};
use super::plan::{Draft, Plan};
use crate::engine::Size;
use crate::{Error, Result};

/// Pixels from which a norm is computed in blocks, and pixels of a block.
const LARGE: usize = 4096;
const BLOCK: usize = 1024;

/// Pixels whose energies are summed in single precision.
const ENERGY_BLOCK: usize = 64;

/// The activations of some pictures of one size, and the dispatches that compute them.
#[derive(Debug)]
pub(super) struct Pictures {
    pub(super) count: usize,
    pub(super) size: Size,
    pub(super) sizes: Vec<Size>,
    /// z as pixels × 4 channels.
    pub(super) z: Buffer,
    pub(super) film: Buffer,
    pub(super) stats: Buffer,
    /// Where each half's statistics begin, by stage; then the head's.
    pub(super) stats_at: Vec<usize>,
    /// For each stage its halves' inputs, and its output last.
    pub(super) x: Vec<Vec<Buffer>>,
    /// For each stage the read-out's gradient, once it has been asked for.
    pub(super) gradients: Vec<Buffer>,
    pub(super) logits: Buffer,
    energies: Buffer,
    /// Energies of a picture: a block's each.
    blocks: usize,
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
        let gpu = &*self.gpu;
        let sizes = self.sizes(size);
        let pixels = |s: usize| count * sizes[s].0 * sizes[s].1;
        let dense = |s: usize| pixels(s) * padded(self.stages[s].width);
        let rooms = |s: usize| (0..=self.stages[s].halves.len()).map(|_| gpu.room(dense(s))).collect();
        let x: Vec<Vec<Buffer>> = (0..sizes.len()).map(rooms).collect();
        let readouts: Vec<Buffer> = (0..sizes.len()).map(|s| gpu.room(2 * dense(s))).collect();
        let gradients: Vec<Buffer> = (0..sizes.len()).map(|s| gpu.room(dense(s))).collect();
        let mut stats_at = Vec::new();
        let mut pairs = 0;
        let mut energy_at = Vec::new();
        let mut blocks = 0;
        for (stage, size) in self.stages.iter().zip(&sizes) {
            for _ in &stage.halves {
                stats_at.push(pairs);
                pairs += count * stage.width / self.group;
            }
            energy_at.push(blocks);
            blocks += (size.0 * size.1).div_ceil(ENERGY_BLOCK);
        }
        stats_at.push(pairs);
        pairs += count * self.stages.last().map_or(0, |stage| stage.width) / self.group;
        let stats = gpu.room(2 * pairs);
        let film = gpu.room(count * (1 + self.film.width));
        let z = gpu.room(count * size.0 * size.1 * 4);
        let parts = gpu.room(2 * (0..sizes.len()).map(|s| self.part_pairs(s, count, &sizes)).max().unwrap_or_default());
        let widest = (0..sizes.len()).map(dense).max().unwrap_or_default();
        let active = gpu.room(widest);
        let energies = gpu.room(count * blocks);
        let classes = self.pictures.classes;
        let logits = gpu.room(count * classes);
        let slices = gpu.room(self.slices_room(count, size, &sizes));

        let mut draft = Draft::new(gpu);
        // The stem, then each stage: what a convolution gives in slices, the next norm adds up.
        let mut pending = self.convolve(&mut draft, &self.stem.forward, (count, size), [&z, &slices, &x[0][0]], None);
        let mut half_at = 0;
        for (s, stage) in self.stages.iter().enumerate() {
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                let from = x[before].last().unwrap_or(&z);
                pending =
                    self.convolve(&mut draft, &down.forward, (count, sizes[before]), [from, &slices, &x[s][0]], None);
            }
            for (i, (film_at, layer)) in stage.halves.iter().enumerate() {
                let norm = self.norm(s, sizes[s], *film_at, stats_at[half_at]);
                half_at += 1;
                Self::activate(
                    &mut draft,
                    &norm,
                    count,
                    &pending,
                    [&slices, &x[s][i], &active, &film, &stats, &parts],
                    gpu.nothing(),
                );
                let residual = (i % 2 == 1).then(|| &x[s][i - 1]);
                pending = self.convolve(
                    &mut draft,
                    &layer.forward,
                    (count, sizes[s]),
                    [&active, &slices, &x[s][i + 1]],
                    residual,
                );
            }
            let output = x[s].last().unwrap_or(&z);
            self.settle(&mut draft, &pending, (&slices, output), dense(s));
            pending = Pending::WHOLE;
            self.read_out(
                &mut draft,
                (s, count, sizes[s]),
                [output, &slices, &readouts[s], &film, &energies],
                (blocks, energy_at[s]),
            );
        }
        if let (Some(last), Some(stage), Some(&stats_last)) =
            (x.last().and_then(|x| x.last()), self.stages.last(), stats_at.last())
        {
            let s = sizes.len() - 1;
            let norm = self.norm(s, sizes[s], self.head_film, stats_last);
            Self::activate(
                &mut draft,
                &norm,
                count,
                &pending,
                [&slices, last, &active, &film, &stats, &parts],
                gpu.nothing(),
            );
            let width = padded(stage.width) as u32;
            let pooled = gpu.room(count * padded(stage.width));
            draft.add(
                Kernel::Pool,
                &[norm.pixels as u32, width],
                None,
                &[&active, &pooled],
                [width, 1, count as u32],
                0.0,
            );
            let words = [stage.width as u32, classes as u32, width, classes as u32, 1.0_f32.to_bits(), 1, 0, 0];
            let buffers = [&pooled, &self.head[0], &self.head[1], &logits];
            draft.add(Kernel::Linear, &words, None, &buffers, [(classes as u32).div_ceil(64), 1, count as u32], 0.0);
        }
        let plan = draft.finish();

        let mut draft = Draft::new(gpu);
        for s in 0..sizes.len() {
            let target = &gradients[s];
            let pending = self.convolve(
                &mut draft,
                &self.stages[s].readout.adjoint,
                (count, sizes[s]),
                [&readouts[s], &slices, target],
                None,
            );
            self.settle(&mut draft, &pending, (&slices, target), dense(s));
        }
        let gradient_plan = draft.finish();
        let readback = gpu.readback(count * (classes + blocks));
        Pictures {
            count,
            size,
            sizes,
            z,
            film,
            stats,
            stats_at,
            x,
            gradients,
            logits,
            energies,
            blocks,
            plan,
            gradient_plan,
            has_gradients: false,
            readback,
            sigmas: vec![0.0; count],
        }
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
    fn activate(
        draft: &mut Draft,
        norm: &Norm,
        count: usize,
        pending: &Pending,
        [slices, whole, active, film, stats, parts]: [&Buffer; 6],
        nothing: &Buffer,
    ) {
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
        let source = if pieces == 0 { nothing } else { slices };
        let added = pending.added.unwrap_or(nothing);
        let groups = norm.groups(count);
        // Against a product's operations, a value costs about as much as fifty.
        let cost = 50.0 * (count * norm.pixels * norm.channels) as f64;
        if blocks == 1 {
            draft.add(Kernel::Norm, &words, None, &[source, added, whole, active, film, stats], groups, cost);
        } else {
            draft.add(Kernel::NormMoments, &words, None, &[source, added, whole, parts], groups, 0.5 * cost);
            draft.add(Kernel::NormApply, &words, None, &[whole, active, film, stats, parts], groups, 0.5 * cost);
        }
    }

    /// The read-out of stage `s`.
    fn read_out(
        &self,
        draft: &mut Draft,
        (s, count, size): (usize, usize, Size),
        [output, slices, kept, film, energies]: [&Buffer; 5],
        (blocks, energy_at): (usize, usize),
    ) {
        let stage = &self.stages[s];
        let pending = self.convolve(draft, &stage.readout.forward, (count, size), [output, slices, slices], None);
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
            blocks as u32,
            energy_at as u32,
        ];
        let groups = [pixels.div_ceil(ENERGY_BLOCK) as u32, 1, count as u32];
        draft.add(Kernel::Exchange, &words, None, &[slices, kept, film, energies], groups, 0.0);
    }

    /// Puts planar pictures and their σs on the device.
    pub(super) fn place(&self, pictures: &mut Pictures, noisy: &[f32], sigmas: &[f32]) {
        let channels = self.pictures.channels;
        let plane = pictures.size.0 * pictures.size.1;
        let mut z = vec![0.0; pictures.count * plane * 4];
        for (index, y) in noisy.chunks_exact(plane).enumerate() {
            let (picture, channel) = (index / channels, index % channels);
            let (mean, rate) = (self.pictures.mean[channel], 1.0 / self.spread(sigmas[picture]));
            let pixels = z[picture * plane * 4..][..plane * 4].chunks_exact_mut(4);
            pixels.zip(y).for_each(|(pixel, y)| pixel[channel] = (y - mean) * rate);
        }
        self.gpu.write(&pictures.z, bytemuck::cast_slice(&z));
        // One row for each different σ, before them where each picture's row begins.
        let mut rows: Vec<(u32, usize)> = Vec::new();
        let mut film = vec![0.0; pictures.count];
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
        self.gpu.write(&pictures.film, bytemuck::cast_slice(&film));
        pictures.sigmas.copy_from_slice(sigmas);
        pictures.has_gradients = false;
    }

    /// Runs the forward pass: u of every picture and v, `[N, K]`.
    pub(super) fn pass(&self, pictures: &Pictures) -> Result<(Vec<f64>, Vec<f32>)> {
        let results = [
            (&pictures.logits, pictures.count * self.pictures.classes),
            (&pictures.energies, pictures.count * pictures.blocks),
        ];
        let found = self.gpu.run(pictures.plan.steps().iter(), &results, &pictures.readback)?;
        let [logits, energies] =
            <[Vec<f32>; 2]>::try_from(found).map_err(|_| Error::Device("two results were asked for".to_owned()))?;
        // Sums of many terms of either sign are finished in double precision.
        let energy = energies.chunks_exact(pictures.blocks.max(1));
        Ok((energy.map(|parts| parts.iter().map(|e| f64::from(*e)).sum()).collect(), logits))
    }
}
