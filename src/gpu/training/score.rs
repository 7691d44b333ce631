//! The pullback that gives the score, with every layer's cotangents kept, and the tangent along the score's own cotangent.

use super::group::Group;
use crate::gpu::device::Buffer;
use crate::gpu::forward::Pending;
use crate::gpu::kernels::Kernel;
use crate::gpu::learning::Learning;

impl Group<'_> {
    /// From the weights of the classes' scores to the score, its error, and the direction of the tangent.
    pub(super) fn score(&mut self) {
        let (m, network) = (self.m, self.network());
        let last = network.trunk.stages.len() - 1;
        self.pull_head([&m.head.class_weights, &m.head.pull]);
        let head = (last, None, network.trunk.head_film);
        self.pull_norm(head, 0, [&m.head.pull, m.output(last), &m.scratch[0]], None);
        for (s, stage) in network.trunk.stages.iter().enumerate().rev() {
            let (room, values) = (&m.stages[s], self.dense(s));
            self.exchange(s, [&room.projected, &room.exchanged]);
            let top = &room.cotangents[stage.halves.len()];
            let buffers = [&room.exchanged, top];
            self.product(&stage.readout.adjoint, m.sizes[s], buffers, Some(&m.scratch[0]), values);
            for (i, (film, layer)) in stage.halves.iter().enumerate().rev() {
                let buffers = [&room.cotangents[i + 1], &room.pull[i]];
                self.product(&layer.adjoint, m.sizes[s], buffers, None, values);
                // The second half's goes on to the first; the first half's is added to the residual stream.
                let added = (i % 2 == 0).then(|| &room.cotangents[i + 2]);
                let buffers = [&room.pull[i], &room.x[i], &room.cotangents[i]];
                self.pull_norm((s, Some(i), *film), 1, buffers, added);
            }
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                let (size, values) = (m.sizes[before], self.dense(before));
                self.product(&down.adjoint, size, [&room.cotangents[0], &m.scratch[0]], None, values);
            }
        }
        let buffers = [&m.stages[0].cotangents[0], &m.slices];
        let pending = self.convolve(&network.stem.adjoint, m.size, buffers, None);
        let blocks = (m.size.0 * m.size.1).div_ceil(super::memory::BLOCK);
        let slices = (pending.slices.0.max(1), pending.slices.1 / 4);
        let buffers = [&m.facts, &m.parts, &m.slices, &m.z, &m.noise, &m.direction];
        self.loss(Learning::Aim, slices, &buffers, [blocks as u32, 1, self.count as u32]);
    }

    /// From the logits' cotangents to those of each pixel of the head's activation.
    pub(super) fn pull_head(&mut self, [logits, target]: [&Buffer; 2]) {
        let layer = &self.parts.store.head;
        let ([pixels, wide, ..], ..) = self.norm(self.m.stages.len() - 1);
        self.pull_linear(layer, (logits, 0, layer.outputs), (target, 0, wide), 1.0 / pixels as f32, None);
    }

    /// The pullback of norm, film and GELU: of one value a channel for all pixels where there are no slices.
    fn pull_norm(
        &mut self,
        (s, half, film): (usize, Option<usize>, usize),
        slices: usize,
        [source, x, target]: [&Buffer; 3],
        added: Option<&Buffer>,
    ) {
        let (m, nothing) = (self.m, self.nothing());
        let ([pixels, width, channels, size], groups, cost) = self.norm(s);
        let (adds, stats) = (usize::from(added.is_some()), self.site(s, half).stats);
        let words = [pixels, width, channels, size, slices, 0, film, stats, pixels, 1, adds, 1, 0];
        let buffers = [source, x, &m.film, &m.stats, added.unwrap_or(nothing), nothing, target];
        let words = words.map(|word| word as u32);
        self.draft.add(Kernel::NormPullback, &words, None, &buffers, groups, cost);
    }

    /// The derivatives of everything along the direction, from the first convolution to the logits.
    pub(super) fn tangent(&mut self) {
        let (m, network) = (self.m, self.network());
        let buffers = [&m.direction, &m.stages[0].tangent[0]];
        let mut pending = self.convolve(&network.stem.forward, m.size, buffers, None);
        for (s, stage) in network.trunk.stages.iter().enumerate() {
            let room = &m.stages[s];
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                let buffers = [m.tangent_output(before), &room.tangent[0]];
                pending = self.convolve(&down.forward, m.sizes[before], buffers, None);
            }
            for (i, (film, layer)) in stage.halves.iter().enumerate() {
                let (now, inner) = (i / 2 % 2, &m.scratch[2]);
                let second = i % 2 == 1;
                let whole = if second { inner } else { &room.tangent[now] };
                let buffers = [whole, &room.x[i], &room.kept[i], &room.tangent_active[i]];
                self.move_norm((s, Some(i), *film), &pending, buffers);
                let (target, residual) =
                    if second { (&room.tangent[1 - now], Some(&room.tangent[now])) } else { (inner, None) };
                let buffers = [&room.tangent_active[i], target];
                pending = self.convolve(&layer.forward, m.sizes[s], buffers, residual);
            }
            self.settle(&pending, m.tangent_output(s), self.dense(s));
            pending = Pending::WHOLE;
            let buffers = [m.tangent_output(s), &room.tangent_projected];
            self.product(&stage.readout.forward, m.sizes[s], buffers, None, 2 * self.dense(s));
        }
        let last = network.trunk.stages.len() - 1;
        let buffers = [m.tangent_output(last), m.output(last), &m.head.kept, &m.scratch[0]];
        self.move_norm((last, None, network.trunk.head_film), &pending, buffers);
        self.pool(&m.scratch[0], &m.head.tangent_pooled);
        let (layer, wide) = (&self.parts.store.head, self.norm(last).0[1]);
        let logits = (&m.head.tangent_logits, 0, layer.outputs);
        self.linear(layer, (&m.head.tangent_pooled, 0, wide), logits, false);
    }

    /// The tangent of norm, film and GELU at `point` along what is pending, which `whole` gets.
    fn move_norm(
        &mut self,
        (s, half, film): (usize, Option<usize>, usize),
        pending: &Pending,
        [whole, point, kept, target]: [&Buffer; 4],
    ) {
        let (m, nothing) = (self.m, self.nothing());
        let ([pixels, width, channels, size], groups, cost) = self.norm(s);
        let (slices, stride) = pending.slices;
        let (residual, site) = (usize::from(pending.added.is_some()), self.site(s, half));
        let words =
            [pixels, width, channels, size, slices, stride, residual, film, site.stats, site.tangents, pixels, 1];
        let source = if slices == 0 { nothing } else { &m.slices };
        let added = pending.added.unwrap_or(nothing);
        let buffers = [source, added, whole, point, &m.film, &m.stats, kept, target];
        self.learn(Learning::NormTangent, &words, &buffers, groups, cost);
    }
}
