//! The dispatches of one group of pictures under construction: what all passes put together in the same way.

use super::layout::Layout;
use super::memory::{Memory, Site};
use super::store::{Dense, Store};
use super::weights::workgroups;
use crate::engine::Size;
use crate::gpu::device::Buffer;
use crate::gpu::filter::padded;
use crate::gpu::forward::Pending;
use crate::gpu::kernels::Kernel;
use crate::gpu::learning::Learning;
use crate::gpu::network::Kept;
use crate::gpu::plan::{Draft, Plan};
use crate::gpu::stages::Network;
use crate::program::Program;

/// What the dispatches of a training step are made of.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub program: &'a Program,
    pub network: &'a Network,
    pub layout: &'a Layout,
    pub store: &'a Store,
}

/// The passes over `count` pictures.
pub(super) struct Group<'a> {
    pub parts: Parts<'a>,
    pub m: &'a Memory<Buffer>,
    pub count: usize,
    /// Whether the loss holds the score.
    pub scored: bool,
    pub draft: Draft<'a>,
}

/// Rows that a linear layer reads or writes: a buffer, where the first begins, values from one to the next.
pub(super) type Rows<'a> = (&'a Buffer, usize, usize);

impl<'a> Group<'a> {
    /// All passes from the batch that was placed to the gradients of all weights, which are added to what is there.
    pub fn plan(parts: Parts<'a>, m: &'a Memory<Buffer>, count: usize, scored: bool) -> Plan {
        let mut group = Self { parts, m, count, scored, draft: Draft::new(&parts.network.gpu) };
        group.values();
        if scored {
            group.score();
            group.tangent();
        }
        group.reverse();
        group.tally();
        group.draft.finish()
    }

    pub fn network(&self) -> &'a Network {
        self.parts.network
    }

    pub fn nothing(&self) -> &'a Buffer {
        self.parts.network.gpu.nothing()
    }

    /// Values of stage `s`.
    pub fn dense(&self, s: usize) -> usize {
        self.network().dense(s, self.count, &self.m.sizes)
    }

    pub fn learn(&mut self, kernel: Learning, words: &[usize], buffers: &[&Buffer], groups: [u32; 3], cost: f64) {
        let words: Vec<u32> = words.iter().map(|word| *word as u32).collect();
        self.draft.add(Kernel::Learn(kernel), &words, None, buffers, groups, cost);
    }

    /// A product whose result may still lie in slices.
    pub fn convolve(
        &mut self,
        kept: &Kept,
        size: Size,
        [source, target]: [&Buffer; 2],
        residual: Option<&'a Buffer>,
    ) -> Pending<'a> {
        let buffers = [source, &self.m.slices, target];
        self.parts.network.convolve(&mut self.draft, kept, (self.count, size), buffers, residual)
    }

    /// Adds up what is pending of `values` values.
    pub fn settle(&mut self, pending: &Pending, target: &Buffer, values: usize) {
        self.parts.network.settle(&mut self.draft, pending, (&self.m.slices, target), values);
    }

    /// A product whose result is whole.
    pub fn product(
        &mut self,
        kept: &Kept,
        size: Size,
        buffers: [&Buffer; 2],
        residual: Option<&'a Buffer>,
        values: usize,
    ) {
        let pending = self.convolve(kept, size, buffers, residual);
        self.settle(&pending, buffers[1], values);
    }

    /// Pixels, values a pixel, channels and channels of a group of a norm of stage `s`; workgroups; what it costs about.
    pub fn norm(&self, s: usize) -> ([usize; 4], [u32; 3], f64) {
        let network = self.network();
        let (width, (height, columns)) = (network.trunk.stages[s].width, self.m.sizes[s]);
        let pixels = height * columns;
        let groups = [(width / network.trunk.group) as u32, 1, self.count as u32];
        ([pixels, padded(width), width, network.trunk.group], groups, 50.0 * (self.count * pixels * width) as f64)
    }

    /// The statistics of a half, or of the head.
    pub fn site(&self, s: usize, half: Option<usize>) -> Site {
        half.map_or_else(|| self.m.site(self.m.stages.len(), 0), |half| self.m.site(s, half))
    }

    /// Means over the pixels of the last stage.
    pub fn pool(&mut self, source: &Buffer, target: &Buffer) {
        let ([pixels, width, ..], ..) = self.norm(self.m.stages.len() - 1);
        let words = [pixels, width].map(|word| word as u32);
        let groups = [width as u32, 1, self.count as u32];
        self.draft.add(Kernel::Pool, &words, None, &[source, target], groups, 0.0);
    }

    /// The words of a linear layer from rows of `x` to rows of `y`.
    fn dense_words(&self, layer: &Dense, x: (usize, usize), y: (usize, usize), rest: [usize; 4]) -> Vec<usize> {
        let mut words = vec![self.count, layer.inputs, layer.outputs, x.0, x.1, y.0, y.1];
        words.extend(rest);
        words
    }

    /// A linear layer on rows.
    pub fn linear(&mut self, layer: &'a Dense, x: Rows, y: Rows, bias: bool) {
        let words = self.dense_words(layer, (x.1, x.2), (y.1, y.2), [usize::from(bias), 0, 0, 0]);
        let buffers = [x.0, &self.parts.store.weights, &layer.table, y.0];
        let groups = [layer.outputs.div_ceil(64) as u32, 1, self.count as u32];
        self.learn(Learning::Dense, &words, &buffers, groups, self.dense_cost(layer));
    }

    /// Its adjoint times `scale`, and times GELU′ of `before` if there is something.
    pub fn pull_linear(&mut self, layer: &'a Dense, y: Rows, x: Rows, scale: f32, before: Option<&Buffer>) {
        let rest = [0, usize::from(before.is_some()), scale.to_bits() as usize, 0];
        let words = self.dense_words(layer, (x.1, x.2), (y.1, y.2), rest);
        let before = before.unwrap_or(self.nothing());
        let buffers = [y.0, &self.parts.store.weights, &layer.table, x.0, before];
        let groups = [layer.inputs.div_ceil(64) as u32, 1, self.count as u32];
        self.learn(Learning::DensePull, &words, &buffers, groups, self.dense_cost(layer));
    }

    /// Its gradients over pairs of x and y's cotangents, one or two.
    pub fn linear_gradient(&mut self, layer: &'a Dense, pairs: &[[Rows; 2]]) {
        let Some([x, y]) = pairs.first() else { return };
        let words = self.dense_words(layer, (x.1, x.2), (y.1, y.2), [0, 0, 0, pairs.len()]);
        let [moved, cotangents] = pairs.get(1).map_or([self.nothing(); 2], |[x, y]| [x.0, y.0]);
        let buffers = [x.0, &layer.table, &self.parts.store.gradient, y.0, moved, cotangents];
        let groups = [workgroups(layer.inputs * layer.outputs, 64), 1, 1];
        self.learn(Learning::DenseGradient, &words, &buffers, groups, self.dense_cost(layer));
    }

    fn dense_cost(&self, layer: &Dense) -> f64 {
        // A thread's reads are not shared with others, as a product's are.
        20.0 * (self.count * layer.inputs * layer.outputs) as f64
    }
}
