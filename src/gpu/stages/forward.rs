//! The dispatches of the forward pass through the stages.

use super::memory::ENERGY_BLOCK;
use super::{Activations, Network};
use crate::engine::Size;
use crate::gpu::device::Buffer;
use crate::gpu::filter::padded;
use crate::gpu::forward::{Memory, Norm, Pending};
use crate::gpu::kernels::Kernel;
use crate::gpu::plan::{Draft, Plan};

impl Network {
    /// The stem, then each stage: what a convolution gives in slices, the next norm adds up.
    pub(super) fn forward_plan(&self, m: &Memory, a: &Activations, energy: bool) -> Plan {
        let mut draft = Draft::new(&self.gpu);
        let count = m.count;
        let mut pending =
            self.convolve(&mut draft, &self.stem.forward, (count, m.size), [&m.z, &m.slices, &a.x[0][0]], None);
        let mut stats = a.stats_at.iter().copied();
        for (s, stage) in self.trunk.stages.iter().enumerate() {
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                let (size, buffers) = (a.sizes[before], [a.output(before), &m.slices, &a.x[s][0]]);
                pending = self.convolve(&mut draft, &down.forward, (count, size), buffers, None);
            }
            for (i, (film, layer)) in stage.halves.iter().enumerate() {
                let norm = self.norm(s, a.sizes[s], *film, stats.next().unwrap_or_default());
                self.activate(&mut draft, &norm, (m, a), &pending, &a.x[s][i]);
                let residual = (i % 2 == 1).then(|| &a.x[s][i - 1]);
                let buffers = [&a.active, &m.slices, &a.x[s][i + 1]];
                pending = self.convolve(&mut draft, &layer.forward, (count, a.sizes[s]), buffers, residual);
            }
            self.settle(&mut draft, &pending, (&m.slices, a.output(s)), self.dense(s, count, &a.sizes));
            pending = Pending::WHOLE;
            if energy {
                self.read_out(&mut draft, s, (m, a));
            }
        }
        self.classify(&mut draft, (m, a), stats.next().unwrap_or_default());
        draft.finish()
    }

    /// The head: mean over the pixels of the activation, then a linear layer.
    fn classify(&self, draft: &mut Draft, (m, a): (&Memory, &Activations), stats: usize) {
        let s = self.trunk.stages.len() - 1;
        let norm = self.norm(s, a.sizes[s], self.trunk.head_film, stats);
        self.activate(draft, &norm, (m, a), &Pending::WHOLE, a.output(s));
        let (channels, width) = (norm.channels as u32, padded(norm.channels) as u32);
        let (count, classes) = (m.count as u32, self.pictures.classes as u32);
        draft.add(Kernel::Pool, &[norm.pixels as u32, width], None, &[&a.active, &a.pooled], [width, 1, count], 0.0);
        let words = [channels, classes, width, classes, 1.0_f32.to_bits(), 1, 0, 0];
        let buffers = [&a.pooled, &self.trunk.head[0], &self.trunk.head[1], &m.logits];
        draft.add(Kernel::Linear, &words, None, &buffers, [classes.div_ceil(64), 1, count], 0.0);
    }

    /// The gradients of the read-outs by their stages' outputs.
    pub(super) fn gradient_plan(&self, m: &Memory, a: &Activations) -> Plan {
        let mut draft = Draft::new(&self.gpu);
        for (s, stage) in self.trunk.stages.iter().enumerate() {
            let target = &a.gradients[s];
            let buffers = [&a.readouts[s], &m.slices, target];
            let pending = self.convolve(&mut draft, &stage.readout.adjoint, (m.count, a.sizes[s]), buffers, None);
            self.settle(&mut draft, &pending, (&m.slices, target), self.dense(s, m.count, &a.sizes));
        }
        draft.finish()
    }

    pub(super) fn norm(&self, s: usize, size: Size, film: usize, stats: usize) -> Norm {
        Norm { pixels: size.0 * size.1, channels: self.trunk.stages[s].width, size: self.trunk.group, film, stats }
    }

    /// Norm, film and GELU of what is pending; `whole` gets what it is computed of.
    fn activate(
        &self,
        draft: &mut Draft,
        norm: &Norm,
        (m, a): (&Memory, &Activations),
        pending: &Pending,
        whole: &Buffer,
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
        let nothing = self.gpu.nothing();
        let source = if pieces == 0 { nothing } else { &m.slices };
        let added = pending.added.unwrap_or(nothing);
        let groups = norm.groups(m.count);
        let (Activations { active, stats, parts, .. }, film) = (a, &m.film);
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
    fn read_out(&self, draft: &mut Draft, s: usize, (m, a): (&Memory, &Activations)) {
        let (stage, size) = (&self.trunk.stages[s], a.sizes[s]);
        let buffers = [a.output(s), &m.slices, &m.slices];
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
            a.energy_at[s] as u32,
        ];
        let groups = [pixels.div_ceil(ENERGY_BLOCK) as u32, 1, m.count as u32];
        let buffers = [&m.slices, &a.readouts[s], &m.film, &m.energies];
        draft.add(Kernel::Exchange, &words, None, &buffers, groups, 0.0);
    }
}
