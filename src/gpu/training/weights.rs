//! From layers' values and cotangents to the gradients of their weights, and from the flat list of weights to the forms that the
//! products read.

use super::layout::Layout;
use crate::engine::Size;
use crate::gpu::device::Buffer;
use crate::gpu::filter::{Convolution, padded};
use crate::gpu::kernels::Kernel;
use crate::gpu::learning::Learning;
use crate::gpu::plan::Draft;
use crate::gpu::stages::Network;
use crate::program::{Program, TensorId};

/// Vectors that a workgroup has along both sides of its tile.
const TILE: usize = 8;

/// Workgroups that are enough for a large card.
const ENOUGH: usize = 256;

/// Slices of pictures at most.
const MOST_SLICES: usize = 16;

/// The gradient by a convolution's weights over groups of pictures of one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gradient {
    pub convolution: Convolution,
    /// Lines and columns of the convolution's input.
    pub size: Size,
}

/// Workgroups along one axis for `count` values, at most: the kernels go on from there.
pub(super) fn workgroups(count: usize, threads: usize) -> u32 {
    count.div_ceil(threads).clamp(1, 16_384) as u32
}

impl Gradient {
    fn taps(&self) -> usize {
        self.convolution.kernel.pow(2)
    }

    /// Values of the gradient as the product gives them.
    fn values(&self) -> usize {
        self.taps() * padded(self.convolution.inputs) * padded(self.convolution.outputs)
    }

    /// Tiles along both sides.
    fn tiles(&self) -> [usize; 2] {
        let vectors = self.taps() * padded(self.convolution.inputs) / 4;
        [vectors.div_ceil(TILE), (padded(self.convolution.outputs) / 4).div_ceil(TILE)]
    }

    /// How many slices `count` pictures are cut into, and pictures of each: by the shape alone.
    fn slices(&self, count: usize) -> (usize, usize) {
        let [across, down] = self.tiles();
        let wanted = ENOUGH.div_ceil(across * down).min(MOST_SLICES).min(count).max(1);
        let each = count.div_ceil(wanted);
        (count.div_ceil(each), each)
    }

    /// Every convolution's, the read-outs' products among them.
    fn all(network: &Network, size: Size) -> Vec<Self> {
        let sizes = network.sizes(size);
        let mut found = vec![Self { convolution: network.stem.forward.filter.convolution(), size }];
        for (s, stage) in network.trunk.stages.iter().enumerate() {
            let down = stage.down.as_ref().zip(s.checked_sub(1));
            found.extend(
                down.map(|(down, before)| Self { convolution: down.forward.filter.convolution(), size: sizes[before] }),
            );
            let layers = stage.halves.iter().map(|(_, layer)| layer.forward.filter.convolution());
            found.extend(layers.map(|convolution| Self { convolution, size: sizes[s] }));
            found.push(Self::readout(stage.width, sizes[s]));
        }
        found
    }

    /// Of a read-out: what is exchanged stands for the input, h for the output.
    pub fn readout(width: usize, size: Size) -> Self {
        let convolution = Convolution { outputs: width, inputs: 2 * padded(width), kernel: 1, stride: 1, border: 0 };
        Self { convolution, size }
    }

    /// Values that the slices of any convolution take, for groups of any of `counts` pictures.
    pub fn room(network: &Network, counts: &[usize], size: Size) -> usize {
        let all = Self::all(network, size);
        let room = |gradient: &Self, count: usize| 2 * gradient.slices(count).0 * gradient.values();
        let rooms = all.iter().flat_map(|gradient| counts.iter().map(move |&count| room(gradient, count)));
        rooms.max().unwrap_or_default()
    }

    /// Sums `pairs` of inputs and outputs' cotangents of `count` pictures into `partials`, one or two of them. Returns the slices.
    pub fn sum(&self, draft: &mut Draft, count: usize, pairs: &[[&Buffer; 2]], partials: &Buffer) -> usize {
        let Convolution { outputs, inputs, kernel, stride, border } = self.convolution;
        let out = (self.size.0.div_ceil(stride), self.size.1.div_ceil(stride));
        let (slices, each) = self.slices(count);
        let [across, down] = self.tiles();
        let operations = 2.0 * (count * out.0 * out.1 * self.values()) as f64;
        for (index, [source, cotangents]) in pairs.iter().enumerate() {
            let words = [
                count,
                self.size.0,
                self.size.1,
                padded(inputs) / 4,
                out.0,
                out.1,
                padded(outputs) / 4,
                stride,
                border,
                kernel,
                each,
                index * slices * self.values() / 4,
                self.values() / 4,
            ]
            .map(|word| word as u32);
            let groups = [across, down, slices].map(|n| n as u32);
            draft.add(
                Kernel::Learn(Learning::FilterGradient),
                &words,
                None,
                &[source, cotangents, partials],
                groups,
                operations,
            );
        }
        pairs.len() * slices
    }

    /// Adds the slices to a weight's gradient in the flat list.
    pub fn collect(&self, draft: &mut Draft, slices: usize, start: usize, partials: &Buffer, gradient: &Buffer) {
        let Convolution { outputs, inputs, .. } = self.convolution;
        let (taps, wide) = (self.taps(), padded(outputs));
        let arranged = Arranged {
            offsets: (0..taps).map(|tap| (tap * padded(inputs) * wide, tap)).collect(),
            rows: inputs,
            columns: outputs,
            source: [0, wide, 1],
            target: [start, taps, inputs * taps],
            slices: (slices, self.values()),
            adds: true,
        };
        arranged.add(draft, partials, gradient);
    }

    /// The same for a read-out's P and Q, `[width, width]` each.
    pub fn collect_readout(&self, draft: &mut Draft, slices: usize, starts: [usize; 2], buffers: [&Buffer; 2]) {
        let width = self.convolution.outputs;
        let wide = padded(width);
        for (half, start) in starts.into_iter().enumerate() {
            let arranged = Arranged {
                offsets: vec![(0, 0)],
                rows: width,
                columns: width,
                source: [half * wide * wide, wide, 1],
                target: [start, width, 1],
                slices: (slices, self.values()),
                adds: true,
            };
            arranged.add(draft, buffers[0], buffers[1]);
        }
    }
}

/// A move of values from one layout to another; see `arrange.wgsl`.
struct Arranged {
    /// Each slot's, in the source and in the target.
    offsets: Vec<(usize, usize)>,
    rows: usize,
    columns: usize,
    /// Where the first value is, and from row to row and column to column.
    source: [usize; 3],
    target: [usize; 3],
    /// Slices of the source, and values from one to the next.
    slices: (usize, usize),
    adds: bool,
}

impl Arranged {
    fn add(&self, draft: &mut Draft, from: &Buffer, to: &Buffer) {
        let [source, target] = [self.source, self.target];
        let mut words = vec![self.offsets.len(), self.rows, self.columns];
        words.extend(source);
        words.extend(target);
        words.extend([self.slices.0, self.slices.1, usize::from(self.adds)]);
        words.extend(self.offsets.iter().flat_map(|(from, to)| [*from, *to]));
        let words: Vec<u32> = words.into_iter().map(|word| word as u32).collect();
        let values = self.offsets.len() * self.rows * self.columns;
        let cost = 2.0 * (values * self.slices.0) as f64;
        draft.add(Kernel::Learn(Learning::Arrange), &words, None, &[from, to], [workgroups(values, 256), 1, 1], cost);
    }
}

/// Packs every convolution's weights, from the flat list, as the products read them.
pub(super) fn pack(draft: &mut Draft, network: &Network, program: &Program, layout: &Layout, weights: &Buffer) {
    pack_layer(draft, &network.stem, layout.start(program.stem.weight), weights);
    for (stage, of) in network.trunk.stages.iter().zip(&network.trunk.program.stages) {
        if let (Some(layer), Some(down)) = (&stage.down, &of.down) {
            pack_layer(draft, layer, layout.start(down.weight), weights);
        }
        let halves = of.blocks.iter().flat_map(|block| &block.halves);
        for ((_, layer), half) in stage.halves.iter().zip(halves) {
            pack_layer(draft, layer, layout.start(half.convolution.weight), weights);
        }
        let sides: [TensorId; 2] = [of.readout.p, of.readout.q];
        pack_readout(draft, stage, sides.map(|id| layout.start(id)), weights);
    }
}

fn pack_layer(draft: &mut Draft, layer: &crate::gpu::network::Layer, start: usize, weights: &Buffer) {
    let convolution = layer.forward.filter.convolution();
    let Convolution { outputs, inputs, kernel, .. } = convolution;
    let (taps, area) = (kernel * kernel, padded(inputs) * padded(outputs));
    for (kept, adjoint) in [(&layer.forward, false), (&layer.adjoint, true)] {
        let order = convolution.order(adjoint).into_iter().enumerate();
        // Rows are what the product takes, columns what it gives.
        let input = (inputs, taps);
        let output = (outputs, inputs * taps);
        let [rows, columns] = if adjoint { [output, input] } else { [input, output] };
        let arranged = Arranged {
            offsets: order.map(|(slot, tap)| (tap, slot * area)).collect(),
            rows: rows.0,
            columns: columns.0,
            source: [start, rows.1, columns.1],
            target: [0, padded(columns.0), 1],
            slices: (1, 0),
            adds: false,
        };
        arranged.add(draft, weights, &kept.weights);
    }
}

/// P above Q, or side by side.
fn pack_readout(draft: &mut Draft, stage: &crate::gpu::stages::Stage, starts: [usize; 2], weights: &Buffer) {
    let (width, wide) = (stage.width, padded(stage.width));
    for (half, start) in starts.into_iter().enumerate() {
        let one = |source: [usize; 3], target: [usize; 3]| Arranged {
            offsets: vec![(0, 0)],
            rows: width,
            columns: width,
            source,
            target,
            slices: (1, 0),
            adds: false,
        };
        let side_by_side = one([start, 1, width], [half * wide, 2 * wide, 1]);
        side_by_side.add(draft, weights, &stage.readout.forward.weights);
        let above = one([start, width, 1], [half * wide * wide, wide, 1]);
        above.add(draft, weights, &stage.readout.adjoint.weights);
    }
}
