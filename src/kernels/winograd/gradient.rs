//! The gradient of a stride-1 convolution by its filter, by Winograd's tiles.
//!
//! The adjoint of `Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A` by g: with `V = Bᵀ d B` of the input's tiles and `Z = A y Aᵀ` of the
//! cotangent's, (m + 2)² sums of outer products `Σ_tiles V ⊗ Z`, and `Gᵀ(·)G` of them at the end, once.

use super::Size;
use super::tile::{Four, SIDE, Tile, Two};
use super::transform::{OfInputs, Spread, TRANSFORM_GRAIN, Tiling, Transform, plane};
use crate::kernels::layout::{Filter, Frame, Pair, volume};
use crate::kernels::outer::{Outer, accumulate};
use crate::kernels::product::Grid;
use crate::kernels::scratch;
use crate::kernels::share::{Shared, split};
use crate::kernels::simd::{Kernel, Level, Simd};

/// Values that a block's transformed tiles may have together. A block takes tiles of as many pairs as it has room for: all sums
/// are read and written once a block. In tests blocks are so small that they begin and end within pairs.
const BLOCK_VALUES: usize = if cfg!(test) { 1 << 13 } else { 1 << 20 };

/// The gradient by the 3×3 filter of a stride-1 convolution, summed over pairs of framed pictures of `frame`'s size. Cotangents
/// have `outputs` channels. Borders must be zero.
///
/// # Panics
/// If a slice is too short for its pictures, or the frame's channels are not padded.
#[must_use]
pub fn filter_gradient(level: Level, frame: Frame, outputs: usize, pairs: &[Pair]) -> Filter {
    // The larger tiles waste more on a picture that they overhang than they save.
    let size = if frame.height.min(frame.width) > 2 { Size::Four } else { Size::Two };
    match size {
        Size::Two => gradient::<Two>(level, frame, outputs, pairs),
        Size::Four => gradient::<Four>(level, frame, outputs, pairs),
    }
}

/// The tiles of a pair's pictures, in the row of all pairs' tiles.
struct Run<'a> {
    framed: &'a [f32],
    cotangents: &'a [f32],
    tilings: [Tiling; 2],
    /// The first one's number, and how many.
    first: usize,
    count: usize,
}

fn gradient<T: Tile>(level: Level, frame: Frame, outputs: usize, pairs: &[Pair]) -> Filter {
    let to = Frame::new(frame.height, frame.width, outputs);
    let mut filter = Filter::zeros([to.channels, frame.channels, 3]);
    let (depth, columns) = (frame.channels, to.channels);
    let (products, area) = (T::INPUTS * T::INPUTS, volume(&[depth, columns]));
    let (mut runs, mut tiles) = (Vec::with_capacity(pairs.len()), 0);
    for &Pair { framed, cotangents, pictures } in pairs {
        let tilings = [Tiling::new::<T>(frame, pictures, framed), Tiling::new::<T>(to, pictures, cotangents)];
        let count = pictures * tilings[0].a_picture;
        runs.push(Run { framed, cotangents, tilings, first: tiles, count });
        tiles += count;
    }
    let block = (BLOCK_VALUES / (products * (depth + columns))).next_multiple_of(16).max(16);
    scratch::with(volume(&[products, area]), |sums| {
        sums.fill(0.0);
        for first in (0..tiles).step_by(block) {
            let count = block.min(tiles - first);
            let (input_plane, output_plane) = (plane(count * depth), plane(count * columns));
            scratch::with(products * (input_plane + output_plane), |memory| {
                let (inputs, outputs) = memory.split_at_mut(products * input_plane);
                let (inputs_shared, outputs_shared) = (Shared::new(inputs), Shared::new(outputs));
                let grain = (TRANSFORM_GRAIN / (products * (depth + columns))).max(1);
                for run in &runs {
                    let (from, to) = (run.first.max(first), (run.first + run.count).min(first + count));
                    if from >= to {
                        continue;
                    }
                    split(to - from, grain, &|start, len| {
                        let (tiles, out_start) = ((from - run.first + start, len), from - first + start);
                        level.run(Spread::<T, OfInputs> {
                            tiling: run.tilings[0],
                            framed: run.framed,
                            tiles,
                            out: inputs_shared,
                            out_start,
                            plane: input_plane,
                            transform: std::marker::PhantomData,
                        });
                        level.run(Spread::<T, OfCotangents> {
                            tiling: run.tilings[1],
                            framed: run.cotangents,
                            tiles,
                            out: outputs_shared,
                            out_start,
                            plane: output_plane,
                            transform: std::marker::PhantomData,
                        });
                    });
                }
                let (inputs, outputs) = (&*inputs, &*outputs);
                let sums = Shared::new(sums);
                split(products, 1, &|product, _| {
                    // SAFETY: product p has the sums from p·area on, `area` of them, and `split` gives each to one task.
                    let sums = unsafe { sums.part(product * area, area) };
                    let left = &inputs[product * input_plane..][..count * depth];
                    let right = &outputs[product * output_plane..][..count * columns];
                    let outer = Outer {
                        left: (left, Grid::lines(depth)),
                        inputs: depth,
                        right: (right, Grid::lines(columns)),
                        outputs: columns,
                        rows: count,
                    };
                    accumulate(level, &outer, sums);
                });
            });
        }
        level.run(FilterAdjoint::<T> { sums, filter: &mut filter, tile: std::marker::PhantomData });
    });
    filter
}

/// `A y Aᵀ`.
struct OfCotangents;

impl<T: Tile> Transform<T> for OfCotangents {
    const READ: usize = T::OUTPUTS;

    #[inline(always)]
    fn start(frame: Frame, y: usize, x: usize) -> usize {
        frame.at(y, x)
    }

    #[inline(always)]
    fn apply<S: Simd>(s: S, line: [S::V; SIDE]) -> [S::V; SIDE] {
        T::spread(s, line)
    }
}

/// `Gᵀ U G` of every pair of channels, from `[products, inputs, outputs]` into a filter.
struct FilterAdjoint<'a, T> {
    sums: &'a [f32],
    filter: &'a mut Filter,
    tile: std::marker::PhantomData<T>,
}

impl<T: Tile> Kernel for FilterAdjoint<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (side, plane) = (T::INPUTS, self.filter.inputs * self.filter.outputs);
        for place in (0..plane).step_by(S::LANES) {
            let zero = s.splat(0.0);
            let mut values = [[zero; SIDE]; SIDE];
            for (i, row) in values.iter_mut().enumerate().take(side) {
                let mut u = [zero; SIDE];
                for (j, u) in u.iter_mut().enumerate().take(side) {
                    *u = s.load(&self.sums[(i * side + j) * plane + place..]);
                }
                *row = T::gather(s, u);
            }
            for j in 0..3 {
                let mut u = [zero; SIDE];
                for (u, row) in u.iter_mut().zip(&values).take(side) {
                    *u = row[j];
                }
                for (i, g) in T::gather(s, u).into_iter().enumerate().take(3) {
                    s.store(&mut self.filter.values[(i * 3 + j) * plane + place..], g);
                }
            }
        }
    }
}
