//! The forward pass: what every network's has in common.

use super::device::{Buffer, Readback};
use super::filter::{Adds, Product};
use super::kernels::Kernel;
use super::network::{Kept, Network, Trunk};
use super::plan::{Draft, Plan};
use crate::engine::Size;
use crate::{Error, Result};

/// Pixels from which a norm is computed in blocks, and pixels of a block.
const LARGE: usize = 4096;
const BLOCK: usize = 1024;

/// Room for some pictures of one size around a trunk.
#[derive(Debug)]
pub struct Memory {
    pub(super) count: usize,
    pub(super) size: Size,
    /// z as pixels × 4 channels.
    pub(super) z: Buffer,
    pub(super) film: Buffer,
    pub(super) logits: Buffer,
    /// So many a picture.
    pub(super) energies: Buffer,
    pub(super) blocks: usize,
    /// Scratch: a product's slices.
    pub(super) slices: Buffer,
}

/// The activations of some pictures of one size, and the dispatches that compute them.
#[derive(Debug)]
pub(super) struct Pictures<T: Trunk> {
    pub(super) memory: Memory,
    pub(super) activations: T::Activations,
    pub(super) plan: Plan,
    /// What of the energies' gradients every cotangent only scales.
    pub(super) gradient_plan: Plan,
    /// Whether it is computed.
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

impl<T: Trunk> Network<T> {
    /// Room for `count` pictures of `size`, and the dispatches of their forward pass.
    pub(super) fn lay_out(&self, count: usize, size: Size) -> Pictures<T> {
        let gpu = &*self.gpu;
        let (activations, blocks) = T::activations(self, count, size);
        let memory = Memory {
            z: gpu.room(count * size.0 * size.1 * 4),
            film: gpu.room(count * (1 + self.film.width)),
            logits: gpu.room(count * self.pictures.classes),
            energies: gpu.room(count * blocks),
            blocks,
            slices: gpu.room(self.slices(count, size)),
            count,
            size,
        };
        Pictures {
            plan: T::forward(self, &memory, &activations, true),
            gradient_plan: T::gradient(self, &memory, &activations),
            has_gradients: false,
            readback: gpu.readback(count * (self.pictures.classes + blocks)),
            sigmas: vec![0.0; count],
            memory,
            activations,
        }
    }

    /// The forward pass without the energy.
    pub(super) fn logits_plan(&self, pictures: &Pictures<T>) -> Plan {
        T::forward(self, &pictures.memory, &pictures.activations, false)
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

    /// Puts planar pictures and their σs on the device.
    pub(super) fn place(&self, pictures: &mut Pictures<T>, noisy: &[f32], sigmas: &[f32]) {
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
    pub(super) fn results<'a>(&self, pictures: &'a Pictures<T>) -> [(&'a Buffer, usize); 2] {
        let m = &pictures.memory;
        [(&m.logits, m.count * self.pictures.classes), (&m.energies, m.count * m.blocks)]
    }

    /// Runs the forward pass: u of every picture and v, `[N, K]`.
    pub(super) fn pass(&self, pictures: &Pictures<T>) -> Result<(Vec<f64>, Vec<f32>)> {
        let found = self.gpu.run(pictures.plan.steps().iter(), &self.results(pictures), &pictures.readback)?;
        let [logits, energies] =
            <[Vec<f32>; 2]>::try_from(found).map_err(|_| Error::Device("two results were asked for".to_owned()))?;
        Ok((pictures.energies(&energies), logits))
    }
}

impl<T: Trunk> Pictures<T> {
    /// u of every picture from the energies of its blocks: sums of many terms of either sign, in double precision.
    pub(super) fn energies(&self, blocks: &[f32]) -> Vec<f64> {
        let pictures = blocks.chunks_exact(self.memory.blocks.max(1));
        pictures.map(|parts| parts.iter().map(|e| f64::from(*e)).sum()).collect()
    }
}
