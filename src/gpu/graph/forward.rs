//! The dispatches of the forward pass, layer by layer.

use super::{Activations, Network, Node, workgroups};
use crate::gpu::filter::padded;
use crate::gpu::forward::{Memory, Norm};
use crate::gpu::kernels::Kernel;
use crate::gpu::plan::{Draft, Plan};
use crate::program::ValueId;

/// Against a product's operations, a value of GELU or of a norm costs about as much as so many.
const COST: f64 = 25.0;

impl Network {
    pub(super) fn forward_plan(&self, m: &Memory, a: &Activations, energy: bool) -> Plan {
        let mut draft = Draft::new(&self.gpu);
        let mut norms = self.norms(m.size).zip(&a.stats_at);
        let stem = [&m.z, &m.slices, &a.values[0]];
        let pending = self.convolve(&mut draft, &self.stem.forward, (m.count, m.size), stem, None);
        self.settle(&mut draft, &pending, (&m.slices, &a.values[0]), m.count * self.dense(0, m.size));
        for (index, (node, of)) in self.trunk.nodes.iter().zip(&self.trunk.program.nodes).enumerate() {
            let (source, target) = (&a.values[of.inputs[0]], &a.values[index + 1]);
            let values = m.count * self.dense(index + 1, m.size);
            let norm = norms.next();
            match node {
                Node::Convolution(layer) => {
                    let (size, buffers) = (self.value_size(of.inputs[0], m.size), [source, &m.slices, target]);
                    let pending = self.convolve(&mut draft, &layer.forward, (m.count, size), buffers, None);
                    self.settle(&mut draft, &pending, (&m.slices, target), values);
                }
                Node::Gelu => {
                    let words = [(values / 4) as u32];
                    draft.add(
                        Kernel::Gelu,
                        &words,
                        None,
                        &[source, target],
                        workgroups(values / 4),
                        COST * values as f64,
                    );
                }
                Node::Norm { .. } => {
                    if let Some((Some(norm), &stats)) = norm {
                        self.lift(&mut draft, &Norm { stats, ..norm }, (m, a), [of.inputs[0], index + 1]);
                    }
                }
                Node::Sum => {
                    let words = [(values / 4) as u32];
                    let buffers = [source, target, &a.values[of.inputs[1]]];
                    draft.add(Kernel::Sum, &words, None, &buffers, workgroups(values / 4), 4.0 * values as f64);
                }
                Node::Mean => {
                    let (height, width) = self.value_size(of.inputs[0], m.size);
                    let channels = padded(self.trunk.program.values[index + 1].channels) as u32;
                    let words = [(height * width) as u32, channels];
                    draft.add(Kernel::Pool, &words, None, &[source, target], [channels, 1, m.count as u32], 0.0);
                }
                Node::Linear(linear) => {
                    let [inputs, outputs] = [linear.inputs, linear.outputs];
                    let [wide, wide_out] = [padded(inputs), padded(outputs)].map(|width| width as u32);
                    let words = [inputs as u32, outputs as u32, wide, wide_out, 1.0_f32.to_bits(), 1, 0, 0];
                    let buffers = [source, &linear.weights[0], &linear.weights[1], target];
                    let groups = [outputs.div_ceil(64) as u32, 1, m.count as u32];
                    draft.add(Kernel::Linear, &words, None, &buffers, groups, 0.0);
                }
            }
        }
        self.read_out(&mut draft, (m, a), energy);
        draft.finish()
    }

    /// The norm that preserves the scale, with its gain.
    fn lift(&self, draft: &mut Draft, norm: &Norm, (m, a): (&Memory, &Activations), [from, to]: [ValueId; 2]) {
        let Norm { pixels, channels, size, film, stats } = *norm;
        let (block, blocks) = norm.blocks();
        let width = padded(channels);
        let cost = COST * (m.count * pixels * channels) as f64;
        let groups = norm.groups(m.count);
        let nothing = self.gpu.nothing();
        let (source, target) = (&a.values[from], &a.values[to]);
        let words = [pixels, width, channels, size, 0, 0, 0, film, stats, block, blocks, 0].map(|word| word as u32);
        let buffers = [nothing, nothing, source, &a.parts];
        draft.add(Kernel::NormMoments, &words, None, &buffers, groups, cost);
        let scales = stats + m.count * channels / size;
        let words =
            [pixels, width, channels, size, film, stats, scales, block, blocks, 0, 0, 0].map(|word| word as u32);
        draft.add(Kernel::ScaleNormSettle, &words, None, &[&a.stats, &a.parts], [1, 1, m.count as u32], 0.0);
        let buffers = [source, target, &m.film, &a.stats];
        draft.add(Kernel::ScaleNormApply, &words, None, &buffers, groups, 0.5 * cost);
    }

    /// φ from its parts, then v, and u.
    fn read_out(&self, draft: &mut Draft, (m, a): (&Memory, &Activations), energy: bool) {
        let (linear, graph) = (&self.trunk.logits, &self.trunk.program);
        let (count, width) = (m.count as u32, linear.width());
        let mut start = 0;
        for &part in &graph.features.parts {
            let channels = graph.values[part].channels;
            let words = [channels, m.count, padded(channels), 0, width, start, 1, 0].map(|word| word as u32);
            let words = [&words[..], &[0; 4]].concat();
            let buffers = [&a.values[part], &a.features, self.gpu.nothing()];
            draft.add(Kernel::MoveRows, &words, None, &buffers, [channels.div_ceil(64) as u32, 1, count], 0.0);
            start += channels;
        }
        let [inputs, outputs] = [linear.inputs as u32, linear.outputs as u32];
        let words = [inputs, outputs, width as u32, outputs, 1.0_f32.to_bits(), 1, 0, 0];
        let buffers = [&a.features, &linear.weights[0], &linear.weights[1], &m.logits];
        draft.add(Kernel::Linear, &words, None, &buffers, [outputs.div_ceil(64), 1, count], 0.0);
        if energy {
            let mut words = [0; 12];
            [words[0], words[1], words[2], words[8]] = [inputs, count, width as u32, self.energy_rate(m).to_bits()];
            draft.add(Kernel::Energy, &words, None, &[&a.features, &m.energies], [1, 1, count], 0.0);
        }
    }

    /// What φ is multiplied by in the gradient of u = −P·mean(φ²)/2.
    pub(super) fn energy_rate(&self, m: &Memory) -> f32 {
        -((m.size.0 * m.size.1) as f32) / self.trunk.logits.inputs as f32
    }
}
