//! The convolution, a block of tiles at a time.

use super::tile::{Four, SIDE, Tile, Two};
use super::transform::{OfInputs, Spread, TRANSFORM_GRAIN, Tiling, plane};
use super::{Size, Weights};
use crate::kernels::layout::{Frame, volume};
use crate::kernels::product::{Grid, Panels, Product, Tap, multiply_shared};
use crate::kernels::scratch;
use crate::kernels::share::{Shared, split};
use crate::kernels::simd::{Kernel, Simd};

/// Convolves `pictures` framed pictures into dense ones, `[pictures, height, width, outputs]`, adding to what is there if
/// `add`.
///
/// # Panics
/// If a slice is too short for its pictures, or the filter's inputs are not the pictures' channels.
pub fn convolve(weights: &Weights, frame: Frame, pictures: usize, framed: &[f32], out: &mut [f32], add: bool) {
    match weights.size {
        Size::Two => Convolution::<Two>::new(weights, (frame, pictures), framed, out, add).run(),
        Size::Four => Convolution::<Four>::new(weights, (frame, pictures), framed, out, add).run(),
    }
}

/// Values that a block's transformed tiles and products may have together, to stay in the second-level cache.
const BLOCK_VALUES: usize = 160 << 10;
/// Weights beyond this many values stay in no near cache, so that they are better read only once.
const LARGE_WEIGHTS: usize = 256 << 10;

/// Multiply-adds whose product is worth handing to another thread.
const PRODUCT_GRAIN: usize = 1 << 20;

struct Convolution<'a, T> {
    weights: &'a Panels,
    tiling: Tiling,
    tiles: usize,
    framed: &'a [f32],
    out: Shared<'a>,
    add: bool,
    tile: std::marker::PhantomData<T>,
}

impl<'a, T: Tile> Convolution<'a, T> {
    /// Checks everything that the tasks rely on.
    fn new(
        weights: &'a Weights,
        (frame, pictures): (Frame, usize),
        framed: &'a [f32],
        out: &'a mut [f32],
        add: bool,
    ) -> Self {
        let Weights { size, panels } = weights;
        assert!(panels.taps() == size.products() && size.outputs() == T::OUTPUTS, "filters of this tile size");
        assert_eq!(frame.channels, panels.depth(), "the filter's inputs are the picture's channels");
        let tiling = Tiling::new::<T>(frame, pictures, framed);
        let room = volume(&[pictures, frame.height, frame.width, panels.columns()]);
        assert!(out.len() >= room, "the result must have room");
        let tiles = pictures * tiling.a_picture;
        Self { weights: panels, tiling, tiles, framed, out: Shared::new(out), add, tile: std::marker::PhantomData }
    }

    fn run(&self) {
        let frame = self.tiling.frame;
        let outputs = self.weights.columns();
        let a_tile = T::INPUTS * T::INPUTS * (frame.channels + outputs);
        let weights = T::INPUTS * T::INPUTS * frame.channels * outputs;
        let block = if weights > LARGE_WEIGHTS { 8 * BLOCK_VALUES } else { BLOCK_VALUES } / a_tile;
        // Whole register tiles of six or eight rows.
        let block = block.next_multiple_of(24).max(24);
        split(self.tiles, block, &|first, count| self.block(first, count));
    }

    /// Some tiles, from the pictures to the outputs.
    fn block(&self, first: usize, count: usize) {
        let (depth, columns) = (self.weights.depth(), self.weights.columns());
        let products = T::INPUTS * T::INPUTS;
        let (input_plane, output_plane) = (plane(count * depth), plane(count * columns));
        scratch::with(products * (input_plane + output_plane), |memory| {
            let (inputs, outputs) = memory.split_at_mut(products * input_plane);
            let level = self.weights.level();
            let grain = (TRANSFORM_GRAIN / (products * depth)).max(1);
            let shared = Shared::new(inputs);
            split(count, grain, &|start, len| {
                level.run(Spread::<T, OfInputs> {
                    tiling: self.tiling,
                    framed: self.framed,
                    tiles: (first + start, len),
                    out: shared,
                    out_start: start,
                    plane: input_plane,
                    transform: std::marker::PhantomData,
                });
            });
            let inputs = &*inputs;
            let shared = Shared::new(outputs);
            let grain = (PRODUCT_GRAIN / (count * depth * columns)).max(1);
            split(products, grain, &|start, len| {
                for product in start..start + len {
                    let product = Product {
                        left: &inputs[product * input_plane..][..count * depth],
                        left_grid: Grid::lines(depth),
                        rows: count,
                        taps: &[Tap { rows: 0, weights: self.weights.tap(product) }],
                        weights: self.weights,
                        out_grid: Grid { origin: product * output_plane, ..Grid::lines(columns) },
                        add: false,
                    };
                    // SAFETY: each product writes `count` rows of its own plane, which is no shorter, and `split` gives
                    // each product to one task.
                    unsafe { multiply_shared(&product, shared) };
                }
            });
            let outputs = &*outputs;
            let grain = (TRANSFORM_GRAIN / (products * columns)).max(1);
            split(count, grain, &|start, len| {
                level.run(OutputTransform::<T> {
                    tiling: self.tiling,
                    products: outputs,
                    tiles: (first + start, len),
                    start,
                    plane: output_plane,
                    columns,
                    out: self.out,
                    add: self.add,
                    tile: std::marker::PhantomData,
                });
            });
        });
    }
}

/// `Aᵀ M A` of some tiles, written or added to the pictures.
struct OutputTransform<'a, T> {
    tiling: Tiling,
    products: &'a [f32],
    /// The first tile and how many.
    tiles: (usize, usize),
    /// Where the first tile lies in its plane of `products`, and the planes' distance.
    start: usize,
    plane: usize,
    columns: usize,
    /// The dense pictures. No two tasks have a tile of them in common.
    out: Shared<'a>,
    add: bool,
    tile: std::marker::PhantomData<T>,
}

impl<T: Tile> Kernel for OutputTransform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Frame { height, width, .. } = self.tiling.frame;
        let (side, outputs, columns) = (T::INPUTS, T::OUTPUTS, self.columns);
        let products = &self.products[..side * side * self.plane];
        assert!((self.start + self.tiles.1) * columns <= self.plane, "planes with room for the tiles");
        for i in 0..self.tiles.1 {
            let (n, y, x) = self.tiling.place::<T>(self.tiles.0 + i);
            let (lines, across) = (outputs.min(height - y), outputs.min(width - x));
            let from = (self.start + i) * columns;
            let to = ((n * height + y) * width + x) * columns;
            for c in (0..columns).step_by(S::LANES) {
                let mut values = [[s.splat(0.0); SIDE]; SIDE];
                for (i, row) in values.iter_mut().enumerate().take(side) {
                    let mut m = [s.splat(0.0); SIDE];
                    for (j, m) in m.iter_mut().enumerate().take(side) {
                        // SAFETY: `products` has side² planes and `from + columns` lies in each, as was checked above;
                        // c + LANES ≤ columns, which `Panels` holds to whole vectors.
                        *m = unsafe { s.load_at(products.as_ptr().add((i * side + j) * self.plane + from + c)) };
                    }
                    *row = T::output(s, m);
                }
                for j in 0..across {
                    let mut m = [s.splat(0.0); SIDE];
                    for (m, row) in m.iter_mut().zip(&values).take(side) {
                        *m = row[j];
                    }
                    let y = T::output(s, m);
                    for (i, y) in y.into_iter().enumerate().take(lines) {
                        // SAFETY: the pixel lies in its picture, `lines` and `across` see to that, and `Convolution::new`
                        // checked that the pictures lie in `out`. Tiles have no pixel in common, and `split` gives
                        // each tile to one task.
                        unsafe {
                            let to = self.out.at(to + (i * width + j) * columns + c);
                            s.store_at(to, if self.add { s.add(s.load_at(to), y) } else { y });
                        }
                    }
                }
            }
        }
    }
}
