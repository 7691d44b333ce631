//! The pass of values: from the batch to the posterior, every layer's input kept.

use super::group::Group;
use super::weights::workgroups;
use crate::gpu::device::Buffer;
use crate::gpu::forward::Pending;
use crate::gpu::kernels::Kernel;
use crate::gpu::learning::Learning;

impl Group<'_> {
    pub(super) fn values(&mut self) {
        let (m, network) = (self.m, self.network());
        self.embed();
        let mut pending = self.convolve(&network.stem.forward, m.size, [&m.z, &m.stages[0].x[0]], None);
        for (s, stage) in network.trunk.stages.iter().enumerate() {
            let room = &m.stages[s];
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                pending = self.convolve(&down.forward, m.sizes[before], [m.output(before), &room.x[0]], None);
            }
            for (i, (film, layer)) in stage.halves.iter().enumerate() {
                self.activate((s, Some(i), *film), &pending, [&room.x[i], &room.active[i]]);
                let residual = (i % 2 == 1).then(|| &room.x[i - 1]);
                pending = self.convolve(&layer.forward, m.sizes[s], [&room.active[i], &room.x[i + 1]], residual);
            }
            self.settle(&pending, m.output(s), self.dense(s));
            pending = Pending::WHOLE;
            let values = 2 * self.dense(s);
            self.product(&stage.readout.forward, m.sizes[s], [m.output(s), &room.projected], None, values);
        }
        let last = network.trunk.stages.len() - 1;
        // What the head's activation gives is needed for its means only.
        self.activate((last, None, network.trunk.head_film), &pending, [m.output(last), &m.scratch[0]]);
        self.pool(&m.scratch[0], &m.head.pooled);
        self.classify();
    }

    /// From σ to the film, keeping what GELU is applied to.
    fn embed(&mut self) {
        let (m, store) = (self.m, self.parts.store);
        let mut x = (&m.features, 0, store.embed[0].inputs);
        for (layer, [before, after]) in store.embed.iter().zip(&m.embeds) {
            let y = (before, 0, layer.outputs);
            self.linear(layer, x, y, true);
            let values = self.count * layer.outputs;
            self.learn(Learning::Activate, &[values], &[before, after], [values.div_ceil(64) as u32, 1, 1], 0.0);
            x = (after, 0, layer.outputs);
        }
        // The numbers of the rows' beginnings lie before them.
        self.linear(&store.film, x, (&m.film, m.count, store.film.outputs), true);
    }

    /// Norm, film and GELU of what is pending; `whole` gets what it is computed of.
    fn activate(&mut self, (s, half, film): (usize, Option<usize>, usize), pending: &Pending, buffers: [&Buffer; 2]) {
        let (m, nothing) = (self.m, self.nothing());
        let ([pixels, width, channels, size], groups, cost) = self.norm(s);
        let (slices, stride) = pending.slices;
        let residual = usize::from(pending.added.is_some());
        let stats = self.site(s, half).stats;
        let words = [pixels, width, channels, size, slices, stride, residual, film, stats, pixels, 1, 0];
        let source = if slices == 0 { nothing } else { &m.slices };
        let buffers = [source, pending.added.unwrap_or(nothing), buffers[0], buffers[1], &m.film, &m.stats];
        self.draft.add(Kernel::Norm, &words.map(|word| word as u32), None, &buffers, groups, cost);
    }

    /// The logits, their posterior and cross-entropy, and which classes' scores are asked for.
    fn classify(&mut self) {
        let (m, layer) = (self.m, &self.parts.store.head);
        let wide = self.norm(m.stages.len() - 1).0[1];
        self.linear(layer, (&m.head.pooled, 0, wide), (&m.head.logits, 0, layer.outputs), true);
        let buffers = [&m.head.logits, &m.facts, &m.head.posterior, &m.head.class_weights, &m.parts];
        self.loss(Learning::Classify, (0, 0), &buffers, [1, 1, self.count as u32]);
    }

    /// A dispatch of `loss.wgsl`.
    pub(super) fn loss(
        &mut self,
        kernel: Learning,
        (slices, stride): (usize, usize),
        buffers: &[&Buffer],
        groups: [u32; 3],
    ) {
        let pixels = self.m.size.0 * self.m.size.1;
        let blocks = pixels.div_ceil(super::memory::BLOCK);
        let classes = self.network().pictures.classes;
        let words = [classes, self.count, pixels, slices, stride, blocks, usize::from(self.scored), 0];
        self.learn(kernel, &words, buffers, groups, 0.0);
    }

    /// Adds the group's losses to what is logged.
    pub(super) fn tally(&mut self) {
        let store = self.parts.store;
        self.loss(Learning::Tally, (0, 0), &[&self.m.parts, &store.numbers, &store.logged], [1, 1, 1]);
    }

    /// From (P h, Q h) of stage `s`, or its tangent, to what the read-out's gradient is computed of.
    pub(super) fn exchange(&mut self, s: usize, [projected, exchanged]: [&Buffer; 2]) {
        let words = self.readout_words(s);
        let groups = [workgroups(words[2], 256), 1, 1];
        let buffers = [projected, &self.m.film, &self.m.facts, exchanged];
        self.learn(Learning::Exchange, &words, &buffers, groups, 10.0 * words[2] as f64);
    }

    /// Pixels, vectors, vectors of all pixels, where γ begins, a row of the film, 1/√C.
    pub(super) fn readout_words(&self, s: usize) -> [usize; 8] {
        let ([pixels, width, channels, _], ..) = self.norm(s);
        let scale = 1.0 / (channels as f32).sqrt();
        let network = self.network();
        let count = self.count * pixels * width / 4;
        [pixels, width / 4, count, network.trunk.stages[s].gamma, network.film.width, scale.to_bits() as usize, 0, 0]
    }
}
