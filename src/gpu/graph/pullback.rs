//! The dispatches of the adjoint pass, along the [`Route`](super::route::Route).

use super::route::{Move, Source};
use super::{Activations, Linear, Network, Node, workgroups};
use crate::gpu::device::Buffer;
use crate::gpu::filter::padded;
use crate::gpu::forward::{Memory, Norm};
use crate::gpu::kernels::Kernel;
use crate::gpu::plan::{Draft, Plan};
use crate::gpu::pullback::Room;

/// What the dispatches of one pullback read and write.
struct Fall<'a> {
    m: &'a Memory,
    a: &'a Activations,
    room: &'a Room,
    slots: Vec<Buffer>,
    /// Cotangents of φ: v's, then with u's.
    features: [Buffer; 2],
    parts: Buffer,
    means: Buffer,
}

/// The buffers of a move.
#[derive(Clone, Copy)]
struct Way<'a> {
    from: &'a Buffer,
    target: &'a Buffer,
    added: Option<&'a Buffer>,
}

impl Network {
    pub(super) fn pullback_plan(&self, m: &Memory, a: &Activations, room: &Room) -> Plan {
        let (gpu, graph) = (&*self.gpu, &self.trunk.program);
        let (count, width) = (room.count, self.trunk.logits.width());
        let route = &self.trunk.route;
        let groups = self.norms(m.size).flatten().map(|norm| norm.channels / norm.size + 1).max().unwrap_or_default();
        let fall = Fall {
            m,
            a,
            room,
            slots: route.slots.iter().map(|form| gpu.room(count * self.of_form(form, m.size))).collect(),
            features: [gpu.room(count * width), gpu.room(count * width)],
            parts: gpu.room(2 * self.part_pairs(count, m.size)),
            means: gpu.room(2 * count * groups),
        };
        let mut draft = Draft::new(gpu);
        self.pull_features(&mut draft, &fall);
        let norms: Vec<Option<Norm>> = self.norms(m.size).collect();
        for step in &route.moves {
            let Move { source, from, value, target, added } = *step;
            let way = Way {
                from: from.map_or(&fall.features[1], |slot| &fall.slots[slot]),
                target: &fall.slots[target],
                added: added.map(|slot| &fall.slots[slot]),
            };
            let values = count * self.dense(value, m.size);
            match source {
                Source::Features(start) => {
                    let channels = graph.values[value].channels;
                    let words = [channels, count, width, start, padded(channels), 0, 1, 0].map(|word| word as u32);
                    let words = [&words[..], &[0, u32::from(added.is_some()), 0, 0]].concat();
                    let buffers = [way.from, way.target, way.added.unwrap_or(gpu.nothing())];
                    let groups = [channels.div_ceil(64) as u32, 1, count as u32];
                    draft.add(Kernel::MoveRows, &words, None, &buffers, groups, 0.0);
                }
                Source::Copy => {
                    let buffers = [way.from, way.target, way.added.unwrap_or(gpu.nothing())];
                    let words = [(values / 4) as u32];
                    draft.add(Kernel::Sum, &words, None, &buffers, workgroups(values / 4), 4.0 * values as f64);
                }
                Source::Node(node) => match &self.trunk.nodes[node] {
                    Node::Convolution(layer) => {
                        let (slices, size) = (&room.slices, self.value_size(value, m.size));
                        let buffers = [way.from, slices, way.target];
                        let pending = self.convolve(&mut draft, &layer.adjoint, (count, size), buffers, way.added);
                        self.settle(&mut draft, &pending, (slices, way.target), values);
                    }
                    Node::Gelu => {
                        let row = self.dense(value, m.size);
                        let words = [values / 4, row / 4, room.each, 0, usize::from(added.is_some()), 0, 0, 0];
                        let buffers = [way.from, &a.values[value], way.target, way.added.unwrap_or(gpu.nothing())];
                        let (words, groups) = (words.map(|word| word as u32), workgroups(values / 4));
                        draft.add(Kernel::GeluPullback, &words, Some(3), &buffers, groups, 30.0 * values as f64);
                    }
                    Node::Norm { .. } => {
                        if let Some(norm) = &norms[node] {
                            let norm = Norm { stats: a.stats_at[node], ..*norm };
                            self.pull_norm(&mut draft, &fall, &norm, &a.values[value], way);
                        }
                    }
                    Node::Mean => {
                        let (height, columns) = self.value_size(value, m.size);
                        let (pixels, channels) = (height * columns, padded(graph.values[value].channels));
                        let share = 1.0 / pixels as f32;
                        let adds = u32::from(added.is_some());
                        let words = [channels as u32, count as u32, 0, 0, 0, 0, 1, 0];
                        let words = [&words[..], &[share.to_bits(), adds, pixels as u32, 0]].concat();
                        let buffers = [way.from, way.target, way.added.unwrap_or(gpu.nothing())];
                        draft.add(Kernel::Spread, &words, None, &buffers, workgroups(values), 4.0 * values as f64);
                    }
                    Node::Linear(linear) => self.pull_linear(&mut draft, &fall, linear, way),
                    // Its cotangent is that of each of its inputs.
                    Node::Sum => {}
                },
            }
        }
        if let Some(stem) = route.stem {
            self.finish(&mut draft, m, room, &fall.slots[stem]);
        }
        draft.finish()
    }

    /// From the cotangents of u and v to those of φ.
    fn pull_features(&self, draft: &mut Draft, fall: &Fall) {
        let Fall { m, a, room, features, .. } = fall;
        let linear = &self.trunk.logits;
        let (classes, width, count) = (linear.outputs as u32, linear.width() as u32, room.count as u32);
        let words = [classes, width, classes, width, 1.0_f32.to_bits(), 0, 0, 0];
        let buffers = [&room.logits, &linear.weights[2], self.gpu.nothing(), &features[0]];
        let groups = [width.div_ceil(64), 1, count];
        draft.add(Kernel::Linear, &words, Some(6), &buffers, groups, 0.0);
        let rate = self.energy_rate(m).to_bits();
        let words = [linear.inputs as u32, count, width, 0, width, 0, room.each as u32, 0, rate, 0, 0, 0];
        let buffers = [&features[0], &a.features, &room.scales, &features[1]];
        draft.add(Kernel::EnergyPullback, &words, Some(7), &buffers, groups, 0.0);
    }

    /// The adjoint of a linear layer on rows, and what is added.
    fn pull_linear(&self, draft: &mut Draft, fall: &Fall, linear: &Linear, way: Way) {
        let (outputs, width, count) = (linear.outputs as u32, linear.width() as u32, fall.room.count as u32);
        let words = [outputs, width, padded(linear.outputs) as u32, width, 1.0_f32.to_bits(), 0, 0, 0];
        // The features' cotangents are not needed any more where something is to be added.
        let target = if way.added.is_some() { &fall.features[0] } else { way.target };
        let buffers = [way.from, &linear.weights[2], self.gpu.nothing(), target];
        draft.add(Kernel::Linear, &words, None, &buffers, [width.div_ceil(64), 1, count], 0.0);
        if let Some(added) = way.added {
            let values = (count * width) as usize / 4;
            draft.add(Kernel::Sum, &[values as u32], None, &[target, way.target, added], workgroups(values), 0.0);
        }
    }

    /// The pullback of the norm at `x`.
    fn pull_norm(&self, draft: &mut Draft, fall: &Fall, norm: &Norm, x: &Buffer, way: Way) {
        let Norm { pixels, channels, size, film, stats } = *norm;
        let Fall { m, a, room, parts, means, .. } = fall;
        let (block, blocks) = norm.blocks();
        let scales = stats + m.count * channels / size;
        let adds = usize::from(way.added.is_some());
        let words = [pixels, padded(channels), channels, size, film, stats, scales, block, blocks, adds, room.each, 0];
        let words = [&words.map(|word| word as u32)[..], &[room.count as u32, 0, 0, 0]].concat();
        let first_row = Some(11);
        let groups = norm.groups(room.count);
        let cost = 15.0 * (room.count * pixels * channels) as f64;
        let buffers = [way.from, x, &m.film, &a.stats, parts];
        draft.add(Kernel::ScaleNormPullbackSums, &words, first_row, &buffers, groups, cost);
        let buffers = [&a.stats, parts, means];
        draft.add(Kernel::ScaleNormPullbackSettle, &words, first_row, &buffers, [1, 1, room.count as u32], 0.0);
        let nothing = self.gpu.nothing();
        let buffers = [way.from, x, &m.film, &a.stats, way.added.unwrap_or(nothing), way.target, means];
        draft.add(Kernel::ScaleNormPullbackApply, &words, first_row, &buffers, groups, cost);
    }
}
