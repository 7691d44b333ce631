//! The reverse pass of values and tangents together, which meets every layer's cotangents and so gives the weights' gradients:
//! pullback's cotangent ⊗ tangent + reverse cotangent ⊗ value.

use super::group::Group;
use super::weights::Gradient;
use crate::engine::Size;
use crate::gpu::device::Buffer;
use crate::gpu::forward::Pending;
use crate::gpu::learning::Learning;
use crate::gpu::network::Layer;
use crate::program::TensorId;

impl<'a> Group<'a> {
    pub(super) fn reverse(&mut self) {
        let (m, network, program) = (self.m, self.network(), self.parts.program);
        if !self.scored {
            // u has no part in the classes.
            let words = [0, self.count * network.film.width];
            let groups = [super::weights::workgroups(words[1], 256), 1, 1];
            self.learn(Learning::Clear, &words, &[&m.film_cotangents], groups, 0.0);
        }
        self.reverse_head();
        let (mut now, inner) = (0, &m.scratch[2]);
        for (s, stage) in network.trunk.stages.iter().enumerate().rev() {
            let (room, values) = (&m.stages[s], self.dense(s));
            if self.scored {
                self.exchange(s, [&room.tangent_projected, &room.tangent_exchanged]);
                let buffers = [&room.tangent_exchanged, &m.scratch[1 - now]];
                self.product(&stage.readout.adjoint, m.sizes[s], buffers, Some(&m.scratch[now]), values);
                now = 1 - now;
                self.readout_gradients(s);
            }
            let halves = network.trunk.program.stages[s].blocks.iter().flat_map(|block| &block.halves);
            let weights: Vec<TensorId> = halves.map(|half| half.convolution.weight).collect();
            for (i, (film, layer)) in stage.halves.iter().enumerate().rev() {
                let second = i % 2 == 1;
                let source = if second { &m.scratch[now] } else { inner };
                let pairs = [[&room.tangent_active[i], &room.cotangents[i + 1]], [&room.active[i], source]];
                self.filter_gradient(layer, m.sizes[s], weights[i], pairs);
                let pending = self.convolve(&layer.adjoint, m.sizes[s], [source, &m.slices], None);
                let (target, added) = if second { (inner, None) } else { (&m.scratch[1 - now], Some(&m.scratch[now])) };
                let q = (&room.pull[i], false);
                let buffers = [&m.slices, &room.x[i], &room.kept[i], target];
                self.reverse_norm((s, Some(i), *film), Some(&pending), q, buffers, added);
                if !second {
                    now = 1 - now;
                }
            }
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                let pairs = [[m.tangent_output(before), &room.cotangents[0]], [m.output(before), &m.scratch[now]]];
                if let Some(of) = &network.trunk.program.stages[s].down {
                    self.filter_gradient(down, m.sizes[before], of.weight, pairs);
                }
                let values = self.dense(before);
                let buffers = [&m.scratch[now], &m.scratch[1 - now]];
                self.product(&down.adjoint, m.sizes[before], buffers, None, values);
                now = 1 - now;
            }
        }
        let pairs = [[&m.direction, &m.stages[0].cotangents[0]], [&m.z, &m.scratch[now]]];
        self.filter_gradient(&network.stem, m.size, program.stem.weight, pairs);
        self.film_gradients();
    }

    /// From the loss to the cotangent of the last stage's result, and the head's gradients.
    fn reverse_head(&mut self) {
        let (m, layer) = (self.m, &self.parts.store.head);
        let last = m.stages.len() - 1;
        let buffers = [&m.head.tangent_logits, &m.facts, &m.head.posterior, &m.head.cotangents];
        self.loss(Learning::Cotangents, (0, 0), &buffers, [1, 1, self.count as u32]);
        let wide = self.norm(last).0[1];
        let pair = |x: &'a Buffer, y: &'a Buffer| [(x, 0, wide), (y, 0, layer.outputs)];
        let mut pairs = vec![pair(&m.head.pooled, &m.head.cotangents)];
        if self.scored {
            pairs.push(pair(&m.head.tangent_pooled, &m.head.class_weights));
        }
        self.linear_gradient(layer, &pairs);
        self.pull_head([&m.head.cotangents, &m.head.back]);
        let buffers = [&m.head.back, m.output(last), &m.head.kept, &m.scratch[0]];
        self.reverse_norm((last, None, self.network().trunk.head_film), None, (&m.head.pull, true), buffers, None);
    }

    /// The reverse pass of norm, film and GELU: of what is pending, or of one value a channel for all pixels; `q` is the
    /// pullback's cotangent, and whether it is one value a channel.
    fn reverse_norm(
        &mut self,
        (s, half, film): (usize, Option<usize>, usize),
        pending: Option<&Pending>,
        (q, broad): (&Buffer, bool),
        [source, x, kept, target]: [&Buffer; 4],
        added: Option<&Buffer>,
    ) {
        let m = self.m;
        let ([pixels, width, channels, size], groups, cost) = self.norm(s);
        let (slices, stride) = pending.map_or((0, 0), |pending| (pending.slices.0.max(1), pending.slices.1));
        let site = self.site(s, half);
        let words = [
            pixels,
            width,
            channels,
            size,
            slices,
            stride,
            usize::from(broad),
            film,
            site.stats,
            site.tangents,
            site.means,
            usize::from(self.scored),
            self.network().film.width,
            usize::from(added.is_some()),
            pixels,
            1,
        ];
        let buffers = [source, q, x, kept, &m.film, &m.stats, target, &m.film_cotangents];
        self.learn(Learning::NormLift, &words, &buffers, groups, 1.2 * cost);
        let added = added.unwrap_or(self.nothing());
        let buffers = [q, x, kept, &m.film, &m.stats, target, added];
        self.learn(Learning::NormDescend, &words, &buffers, groups, 1.2 * cost);
    }

    /// The gradient by a convolution's weights, from pairs of the tangents with the pullback's cotangents and of the values with
    /// the reverse ones.
    fn filter_gradient(&mut self, layer: &Layer, size: Size, weight: TensorId, pairs: [[&Buffer; 2]; 2]) {
        let gradient = Gradient { convolution: layer.forward.filter.convolution(), size };
        let pairs = if self.scored { &pairs[..] } else { &pairs[1..] };
        let slices = gradient.sum(&mut self.draft, self.count, pairs, &self.m.partials);
        let start = self.parts.layout.start(weight);
        gradient.collect(&mut self.draft, slices, start, &self.m.partials, &self.parts.store.gradient);
    }

    /// The gradients by P, Q and γ of stage `s`.
    fn readout_gradients(&mut self, s: usize) {
        let (m, room) = (self.m, &self.m.stages[s]);
        let gradient = Gradient::readout(self.network().trunk.stages[s].width, m.sizes[s]);
        let pairs = [[&room.exchanged, m.tangent_output(s)], [&room.tangent_exchanged, m.output(s)]];
        let slices = gradient.sum(&mut self.draft, self.count, &pairs, &m.partials);
        let readout = &self.network().trunk.program.stages[s].readout;
        let starts = [readout.p, readout.q].map(|id| self.parts.layout.start(id));
        let buffers = [&m.partials, &self.parts.store.gradient];
        gradient.collect_readout(&mut self.draft, slices, starts, buffers);
        let words = self.readout_words(s);
        let buffers = [&room.projected, &m.facts, &room.tangent_projected, &m.film_cotangents];
        let groups = [words[1] as u32, 1, self.count as u32];
        self.learn(Learning::Gamma, &words, &buffers, groups, 20.0 * words[2] as f64);
    }

    /// From the film's cotangents to the gradients of every layer's film and of the embedding.
    fn film_gradients(&mut self) {
        let (m, store) = (self.m, self.parts.store);
        let [[before_1, hidden], [before_2, embedding]] = &m.embeds;
        let [first, second] = &store.embed;
        let [cotangent_1, cotangent_2] = &m.embed_cotangents;
        let width = store.film.inputs;
        let film = (&m.film_cotangents, 0, store.film.outputs);
        self.linear_gradient(&store.film, &[[(embedding, 0, width), film]]);
        self.pull_linear(&store.film, film, (cotangent_2, 0, width), 1.0, Some(before_2));
        self.linear_gradient(second, &[[(hidden, 0, width), (cotangent_2, 0, width)]]);
        self.pull_linear(second, (cotangent_2, 0, width), (cotangent_1, 0, width), 1.0, Some(before_1));
        self.linear_gradient(first, &[[(&m.features, 0, first.inputs), (cotangent_1, 0, width)]]);
    }
}
