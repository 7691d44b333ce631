//! The dispatches of the optimiser's step: clipping, AdamW, Muon with its Newton–Schulz rounds, the average, and the weights packed
//! anew for the products.

use super::group::Parts;
use super::layout::{Layout, Matrices};
use super::store::{NUMBERS, Store};
use super::weights::{pack, workgroups};
use crate::engine::LossWeights;
use crate::engine::rules::{Change, QUINTIC, ROUNDS};
use crate::gpu::device::{Buffer, Gpu};
use crate::gpu::filter::padded;
use crate::gpu::kernels::Kernel;
use crate::gpu::learning::Learning;
use crate::gpu::plan::{Draft, Plan};

/// Values that a workgroup sums, at least, and sums of one list at most.
const CHUNK: usize = 4096;
const MOST_CHUNKS: usize = 1024;

/// Sums of one matrix at most: every workgroup that reads them adds them up.
const MATRIX_CHUNKS: usize = 64;

/// Room for the optimiser's work.
#[derive(Debug)]
pub(super) struct Room {
    parts: Buffer,
    /// A group's matrices, before and after a round.
    matrices: [Buffer; 2],
    /// Their Gram matrices and polynomials of those.
    gram: Buffer,
    polynomial: Buffer,
}

/// How a list of `len` values is summed: values a workgroup, and workgroups.
fn chunks(len: usize, most: usize) -> (usize, usize) {
    let chunk = len.div_ceil(most).max(CHUNK);
    (chunk, len.div_ceil(chunk))
}

/// Values of the largest group's matrices, and of their Gram matrices.
fn largest(layout: &Layout) -> (usize, usize) {
    let most = |values: fn(&Matrices) -> usize| layout.groups.iter().map(values).max().unwrap_or_default();
    let matrices = |group: &Matrices| group.count * group.sides().0 * group.sides().1;
    (most(matrices), most(|group| group.count * group.sides().1.pow(2)))
}

impl Room {
    pub fn new(gpu: &Gpu, layout: &Layout) -> Self {
        let group = |group: &Matrices| group.count * chunks(group.rows * group.columns, MATRIX_CHUNKS).1;
        let parts = MOST_CHUNKS + layout.groups.iter().map(group).sum::<usize>();
        let (matrices, grams) = largest(layout);
        Self {
            parts: gpu.room(parts),
            matrices: [gpu.room(matrices), gpu.room(matrices)],
            gram: gpu.room(grams),
            polynomial: gpu.room(grams),
        }
    }

    /// How many bytes it takes about, and the most values of one buffer.
    pub fn bytes(layout: &Layout) -> (u64, usize) {
        let (matrices, grams) = largest(layout);
        (8 * (matrices + grams) as u64, matrices.max(grams))
    }
}

/// What `optimiser.wgsl` is told; its parameters.
#[derive(Debug, Clone, Copy, Default)]
struct Words {
    start: usize,
    count: usize,
    matrix: usize,
    chunk: usize,
    chunks: usize,
    parts: usize,
    decayed: usize,
    rows: usize,
    columns: usize,
    wide: usize,
    turned: bool,
    rate: usize,
}

impl Words {
    fn add(&self, draft: &mut Draft, kernel: Learning, buffers: &[&Buffer], groups: [u32; 3]) {
        let turned = usize::from(self.turned);
        let Self { start, count, matrix, chunk, chunks, parts, decayed, rows, columns, wide, rate, .. } = *self;
        let words = [start, count, matrix, chunk, chunks, parts, decayed, rows, columns, wide, turned, rate];
        // A value of memory costs about as much as ten operations.
        let cost = 20.0 * count.max(matrix) as f64;
        draft.add(Kernel::Learn(kernel), &words.map(|word| word as u32), None, buffers, groups, cost);
    }
}

/// Zeros in place of the gradient.
pub(super) fn clear(draft: &mut Draft, layout: &Layout, store: &Store) {
    let words = Words { count: layout.total, ..Words::default() };
    words.add(draft, Learning::Clear, &[&store.gradient], [workgroups(layout.total, 256), 1, 1]);
}

/// One step along the gradient.
pub(super) fn step(parts: Parts, room: &Room) -> Plan {
    let Parts { program, network, layout, store } = parts;
    let mut draft = Draft::new(&network.gpu);
    let Store { weights, average, first, second, gradient, numbers, logged, .. } = store;
    let (chunk, chunks) = chunks(layout.total, MOST_CHUNKS);
    let words = Words { matrix: layout.total, chunk, chunks, ..Words::default() };
    words.add(&mut draft, Learning::Squares, &[gradient, &room.parts], [chunks as u32, 1, 1]);
    let words = Words { count: chunks, ..Words::default() };
    words.add(&mut draft, Learning::Clip, &[&room.parts, numbers, logged], [1, 1, 1]);
    let words = Words { count: layout.adam, decayed: layout.decayed, ..Words::default() };
    let buffers = [weights, first, second, gradient, numbers, logged];
    words.add(&mut draft, Learning::Adam, &buffers, [workgroups(layout.adam, 256), 1, 1]);
    let count = layout.total - layout.adam;
    let words = Words { start: layout.adam, count, ..Words::default() };
    words.add(&mut draft, Learning::Push, &[first, gradient, numbers, logged], [workgroups(count, 256), 1, 1]);
    let mut at = MOST_CHUNKS;
    for (index, group) in layout.groups.iter().enumerate() {
        at += muon(&mut draft, store, room, group, (at, NUMBERS + index));
    }
    let words = Words { count: layout.total, ..Words::default() };
    words.add(&mut draft, Learning::Blend, &[weights, average, numbers], [workgroups(layout.total, 256), 1, 1]);
    pack(&mut draft, network, program, layout, weights);
    draft.finish()
}

/// A group's step; `parts` is where its sums of squares begin, of which it gives the number, and `rate` the number of its rate.
fn muon(draft: &mut Draft, store: &Store, room: &Room, group: &Matrices, (parts, rate): (usize, usize)) -> usize {
    let (long, wide) = group.sides();
    let matrix = group.rows * group.columns;
    let (chunk, chunks) = chunks(matrix, MATRIX_CHUNKS);
    let words = Words {
        start: group.start,
        matrix,
        chunk,
        chunks,
        parts,
        rows: group.rows,
        columns: group.columns,
        wide,
        turned: group.rows < group.columns,
        rate,
        ..Words::default()
    };
    let count = group.count as u32;
    words.add(draft, Learning::Squares, &[&store.gradient, &room.parts], [chunks as u32, count, 1]);
    let groups = [workgroups(long * wide, 256), count, 1];
    let [mut x, mut y] = [&room.matrices[0], &room.matrices[1]];
    words.add(draft, Learning::Lay, &[&store.gradient, &room.parts, x], groups);
    for _ in 0..ROUNDS {
        let (a, b, c) = (QUINTIC.0 as f32, QUINTIC.1 as f32, QUINTIC.2 as f32);
        let nothing = draft.gpu().nothing().clone();
        let (matrix, gram) = (long * wide, wide * wide);
        let of = |rows, depth, turned, strides, factors| Multiply { rows, wide, depth, turned, strides, factors };
        of(wide, long, true, [matrix, matrix, gram], [1.0, 0.0]).add(draft, group, [x, x, &nothing, &room.gram]);
        let grams = [&room.gram, &room.gram, &room.gram, &room.polynomial];
        of(wide, wide, false, [gram, gram, gram], [c, b]).add(draft, group, grams);
        of(long, wide, false, [matrix, gram, matrix], [1.0, a]).add(draft, group, [x, &room.polynomial, x, y]);
        (x, y) = (y, x);
    }
    let groups = [workgroups(matrix, 256), count, 1];
    words.add(draft, Learning::Move, &[&store.weights, &store.numbers, x], groups);
    group.count * chunks
}

/// α·op(A)·B + β·D for every matrix of a group; see `matrices.wgsl`.
struct Multiply {
    rows: usize,
    wide: usize,
    depth: usize,
    turned: bool,
    /// Values from one matrix to the next of A, B and the result.
    strides: [usize; 3],
    factors: [f32; 2],
}

impl Multiply {
    fn add(&self, draft: &mut Draft, group: &Matrices, buffers: [&Buffer; 4]) {
        let Self { rows, wide, depth, strides: [a, b, result], factors: [alpha, beta], .. } = *self;
        let turned = usize::from(self.turned);
        let mut words: Vec<u32> =
            [rows, wide / 4, depth, wide, turned, a, b / 4, result / 4].map(|word| word as u32).to_vec();
        words.extend([alpha.to_bits(), beta.to_bits()]);
        let groups = [rows.div_ceil(32), (wide / 4).div_ceil(8), group.count].map(|n| n as u32);
        let operations = 2.0 * (group.count * rows * wide * depth) as f64;
        draft.add(Kernel::Learn(Learning::Multiply), &words, None, &buffers, groups, operations);
    }
}

/// The numbers of a step over `pictures` pictures of `values` values in all, as the shaders read them.
pub(super) fn numbers(
    layout: &Layout,
    change: Option<&Change>,
    loss: LossWeights,
    [pictures, values]: [usize; 2],
) -> Vec<f32> {
    let mut numbers = vec![loss.cross_entropy, loss.score, 1.0 / pictures as f32, 1.0 / values as f32];
    if let Some(Change { adam, muon, clip, average }) = change {
        numbers.push(*clip);
        numbers.extend(adam.first);
        numbers.extend(adam.second);
        numbers.extend([adam.spread, adam.rate, adam.epsilon, adam.decay, muon.momentum, muon.kept]);
        numbers.extend(average);
        debug_assert_eq!(numbers.len(), NUMBERS);
        numbers.extend(layout.groups.iter().map(|group| muon.along([group.rows, group.columns])));
    }
    numbers
}

/// Bytes of the weights that are packed for the products.
pub(super) fn packed_bytes(parts: &Parts) -> u64 {
    let network = parts.network;
    let layers = network.trunk.stages.iter().flat_map(|stage| {
        let halves = stage.halves.iter().map(|(_, layer)| layer);
        halves.chain(&stage.down).chain([&stage.readout])
    });
    let values = |layer: &crate::gpu::network::Layer| {
        let convolution = layer.forward.filter.convolution();
        2 * convolution.kernel.pow(2) * padded(convolution.inputs) * padded(convolution.outputs)
    };
    4 * layers.chain([&network.stem]).map(values).sum::<usize>() as u64
}
