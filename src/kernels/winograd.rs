//! 3×3 convolutions of stride 1 by Winograd's minimal filtering, F(2×2, 3×3) and F(4×4, 3×3).
//!
//! A tile of m × m outputs needs (m + 2)² multiplications a channel pair instead of 9m²: 2.25 times fewer for m = 2, 4
//! times fewer for m = 4. Input tiles `d` become `Bᵀ d B`, filters `G g Gᵀ`, their products over the channels are
//! (m + 2)² matrix products, and `Aᵀ M A` gives the outputs (Winograd 1980; Lavin and Gray, arXiv 1509.09308).
//!
//! F(4×4) interpolates at 0, ±√½, ±√2 and ∞ instead of the usual 0, ±1, ±2, ∞. The rounding error is then less than twice
//! that of direct convolution, instead of about five times.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

mod gradient;

pub use gradient::filter_gradient;

use super::layout::{Filter, Frame};
use super::product::{Grid, Panels, Product, Tap, multiply_shared};
use super::scratch;
use super::share::{Shared, split};
use super::simd::{Kernel, Level, Simd, WIDEST};

/// The most values of a tile along one side.
const SIDE: usize = 6;

/// One-dimensional transforms of one tile size. Arrays have room for the larger; the rest of them is not used.
trait Tile: Copy + Send + Sync {
    /// Outputs along a side.
    const OUTPUTS: usize;
    /// Inputs along a side, and products.
    const INPUTS: usize;

    /// `Bᵀ d`.
    fn input<S: Simd>(s: S, d: [S::V; SIDE]) -> [S::V; SIDE];
    /// `Aᵀ m`.
    fn output<S: Simd>(s: S, m: [S::V; SIDE]) -> [S::V; SIDE];
    /// `G g`.
    fn filter<S: Simd>(s: S, g: [S::V; SIDE]) -> [S::V; SIDE];
    /// `A y`, the adjoint of [`Tile::output`].
    fn spread<S: Simd>(s: S, y: [S::V; SIDE]) -> [S::V; SIDE];
    /// `Gᵀ u`, the adjoint of [`Tile::filter`].
    fn gather<S: Simd>(s: S, u: [S::V; SIDE]) -> [S::V; SIDE];
}

/// F(2, 3), at 0, ±1 and ∞.
#[derive(Clone, Copy)]
struct Two;

/// F(4, 3), at 0, ±√½, ±√2 and ∞.
#[derive(Clone, Copy)]
struct Four;

impl Tile for Two {
    const OUTPUTS: usize = 2;
    const INPUTS: usize = 4;

    #[inline(always)]
    fn input<S: Simd>(s: S, [a, b, c, d, x, y]: [S::V; SIDE]) -> [S::V; SIDE] {
        [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d), x, y]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, [a, b, c, d, x, y]: [S::V; SIDE]) -> [S::V; SIDE] {
        [s.add(a, s.add(b, c)), s.sub(s.sub(b, c), d), x, x, x, y]
    }

    #[inline(always)]
    fn filter<S: Simd>(s: S, [a, b, c, x, y, _]: [S::V; SIDE]) -> [S::V; SIDE] {
        let half = s.splat(0.5);
        let ends = s.mul(half, s.add(a, c));
        let middle = s.mul(half, b);
        [a, s.add(ends, middle), s.sub(ends, middle), c, x, y]
    }

    #[inline(always)]
    fn spread<S: Simd>(s: S, [a, b, x, y, ..]: [S::V; SIDE]) -> [S::V; SIDE] {
        [a, s.add(a, b), s.sub(a, b), s.sub(s.splat(0.0), b), x, y]
    }

    #[inline(always)]
    fn gather<S: Simd>(s: S, [a, b, c, d, x, y]: [S::V; SIDE]) -> [S::V; SIDE] {
        let half = s.splat(0.5);
        let sum = s.mul(half, s.add(b, c));
        [s.add(a, sum), s.mul(half, s.sub(b, c)), s.add(sum, d), x, y, y]
    }
}

impl Tile for Four {
    const OUTPUTS: usize = 4;
    const INPUTS: usize = 6;

    #[inline(always)]
    fn input<S: Simd>(s: S, [a, b, c, d, e, f]: [S::V; SIDE]) -> [S::V; SIDE] {
        let (root, small) = (s.splat(-SQRT_2), s.splat(-FRAC_1_SQRT_2));
        let minus = s.splat(-2.5);
        let even = s.fma(s.splat(-2.0), c, e);
        let odd = s.fma(root, b, s.mul(s.splat(FRAC_1_SQRT_2), d));
        let even2 = s.fma(s.splat(-0.5), c, e);
        let odd2 = s.fma(small, b, s.mul(s.splat(SQRT_2), d));
        [
            s.fma(minus, c, s.add(a, e)),
            s.add(even, odd),
            s.sub(even, odd),
            s.add(even2, odd2),
            s.sub(even2, odd2),
            s.fma(minus, d, s.add(b, f)),
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, [a, b, c, d, e, f]: [S::V; SIDE]) -> [S::V; SIDE] {
        let (sum, sum2) = (s.add(b, c), s.add(d, e));
        let (difference, difference2) = (s.sub(b, c), s.sub(d, e));
        let (half, two) = (s.splat(0.5), s.splat(2.0));
        let third = s.fma(half, sum, s.mul(two, sum2));
        let odd = s.mul(difference, s.splat(FRAC_1_SQRT_2));
        [
            s.add(a, s.add(sum, sum2)),
            s.fma(s.splat(SQRT_2), difference2, odd),
            third,
            s.add(s.fma(half, odd, s.mul(s.splat(2.0 * SQRT_2), difference2)), f),
            f,
            f,
        ]
    }

    #[inline(always)]
    fn filter<S: Simd>(s: S, [a, b, c, ..]: [S::V; SIDE]) -> [S::V; SIDE] {
        let ends = s.fma(s.splat(-2.0 / 3.0), a, s.mul(s.splat(-1.0 / 3.0), c));
        let middle = s.mul(s.splat(SQRT_2 / 3.0), b);
        let ends2 = s.fma(s.splat(1.0 / 6.0), a, s.mul(s.splat(1.0 / 3.0), c));
        let middle2 = s.mul(s.splat(SQRT_2 / 6.0), b);
        [a, s.sub(ends, middle), s.add(ends, middle), s.add(ends2, middle2), s.sub(ends2, middle2), c]
    }

    #[inline(always)]
    fn spread<S: Simd>(s: S, [a, b, c, d, ..]: [S::V; SIDE]) -> [S::V; SIDE] {
        let (half, two) = (s.splat(0.5), s.splat(2.0));
        let even = s.fma(half, c, a);
        let odd = s.mul(s.splat(FRAC_1_SQRT_2), s.fma(half, d, b));
        let even2 = s.fma(two, c, a);
        let odd2 = s.mul(s.splat(SQRT_2), s.fma(two, d, b));
        [a, s.add(even, odd), s.sub(even, odd), s.add(even2, odd2), s.sub(even2, odd2), d]
    }

    #[inline(always)]
    fn gather<S: Simd>(s: S, [a, b, c, d, e, f]: [S::V; SIDE]) -> [S::V; SIDE] {
        let (sum, sum2) = (s.add(b, c), s.add(d, e));
        let (difference, difference2) = (s.sub(c, b), s.sub(d, e));
        let third = s.splat(1.0 / 3.0);
        [
            s.fma(s.splat(-2.0 / 3.0), sum, s.fma(s.splat(1.0 / 6.0), sum2, a)),
            s.fma(s.splat(SQRT_2 / 3.0), difference, s.mul(s.splat(SQRT_2 / 6.0), difference2)),
            s.fma(third, s.sub(sum2, sum), f),
            f,
            f,
            f,
        ]
    }
}

/// The two tile sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// F(2×2, 3×3).
    Two,
    /// F(4×4, 3×3).
    Four,
}

impl Size {
    /// Outputs along a side of a tile.
    #[must_use]
    pub const fn outputs(self) -> usize {
        match self {
            Self::Two => Two::OUTPUTS,
            Self::Four => Four::OUTPUTS,
        }
    }

    /// Matrix products a tile: (m + 2)².
    #[must_use]
    pub const fn products(self) -> usize {
        let side = self.outputs() + 2;
        side * side
    }

    /// Tiles of a picture.
    #[must_use]
    pub const fn tiles(self, height: usize, width: usize) -> usize {
        height.div_ceil(self.outputs()) * width.div_ceil(self.outputs())
    }
}

/// Filters transformed and packed.
#[derive(Debug, Clone)]
pub struct Weights {
    size: Size,
    panels: Panels,
}

impl Weights {
    /// Transforms a 3×3 filter.
    ///
    /// # Panics
    /// If the filter is not 3×3.
    #[must_use]
    pub fn new(level: Level, size: Size, filter: &Filter) -> Self {
        assert_eq!(filter.kernel, 3, "Winograd's tiles here are for 3×3 filters");
        let plane = filter.inputs * filter.outputs;
        let mut transformed = vec![0.0; size.products() * plane];
        match size {
            Size::Two => level.run(FilterTransform::<Two>::new(filter, &mut transformed)),
            Size::Four => level.run(FilterTransform::<Four>::new(filter, &mut transformed)),
        }
        let shape = [size.products(), filter.inputs, filter.outputs];
        let panels = Panels::pack_rows(level, shape, &transformed);
        Self { size, panels }
    }
}

/// The tiles of a batch of framed pictures.
#[derive(Debug, Clone, Copy)]
struct Tiling {
    frame: Frame,
    across: usize,
    a_picture: usize,
}

impl Tiling {
    fn new<T: Tile>(frame: Frame) -> Self {
        let across = frame.width.div_ceil(T::OUTPUTS);
        Self { frame, across, a_picture: across * frame.height.div_ceil(T::OUTPUTS) }
    }

    /// The picture, line and column of a tile's first output.
    #[inline(always)]
    fn place<T: Tile>(&self, tile: usize) -> (usize, usize, usize) {
        let (n, tile) = (tile / self.a_picture, tile % self.a_picture);
        (n, tile / self.across * T::OUTPUTS, tile % self.across * T::OUTPUTS)
    }
}

/// Convolves `pictures` framed pictures into dense ones, `[pictures, height, width, outputs]`, adding to what is there if
/// `add`.
///
/// # Panics
/// If a slice is too short for its pictures.
pub fn convolve(weights: &Weights, frame: Frame, pictures: usize, framed: &[f32], out: &mut [f32], add: bool) {
    match weights.size {
        Size::Two => Convolution::<Two>::new(weights, frame, framed, out, add).run(pictures),
        Size::Four => Convolution::<Four>::new(weights, frame, framed, out, add).run(pictures),
    }
}

/// Values that a block's transformed tiles and products may have together, to stay in the second-level cache.
const BLOCK_VALUES: usize = 160 << 10;
/// Weights beyond this many values stay in no near cache, so that they are better read only once.
const LARGE_WEIGHTS: usize = 256 << 10;

struct Convolution<'a, T> {
    weights: &'a Panels,
    tiling: Tiling,
    framed: &'a [f32],
    out: Shared<'a>,
    add: bool,
    tile: std::marker::PhantomData<T>,
}

impl<'a, T: Tile> Convolution<'a, T> {
    fn new(weights: &'a Weights, frame: Frame, framed: &'a [f32], out: &'a mut [f32], add: bool) -> Self {
        assert_eq!(frame.channels, weights.panels.depth(), "the filter's inputs are the picture's channels");
        let (tiling, tile) = (Tiling::new::<T>(frame), std::marker::PhantomData);
        Self { weights: &weights.panels, tiling, framed, out: Shared::new(out), add, tile }
    }

    fn run(&self, pictures: usize) {
        let frame = self.tiling.frame;
        let outputs = self.weights.columns();
        assert!(self.framed.len() >= pictures * frame.len(), "the pictures must lie in their slice");
        assert!(self.out.len() >= pictures * frame.height * frame.width * outputs, "the result must have room");
        let tiles = pictures * self.tiling.a_picture;
        let a_tile = T::INPUTS * T::INPUTS * (frame.channels + outputs);
        let weights = T::INPUTS * T::INPUTS * frame.channels * outputs;
        let block = if weights > LARGE_WEIGHTS { 8 * BLOCK_VALUES } else { BLOCK_VALUES } / a_tile;
        // Whole register tiles of six or eight rows.
        let block = block.next_multiple_of(24).max(24);
        split(tiles, block, &|first, count| self.block(first, count));
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
                    // SAFETY: each product has its own part of the outputs.
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

/// The distance between the planes of products: an odd number of cache lines, so that the planes of one tile do not all
/// fall into the same few lines of the first-level cache.
const fn plane(values: usize) -> usize {
    ((values / WIDEST) | 1) * WIDEST
}

/// Values whose transformation is worth handing to another thread.
const TRANSFORM_GRAIN: usize = 128 << 10;
/// Multiply-adds whose product is worth handing to another thread.
const PRODUCT_GRAIN: usize = 1 << 20;

/// What the transform of a tile of a framed picture reads, and what it applies along each axis.
trait Transform<T: Tile>: Send + Sync {
    /// Values read along a side.
    const READ: usize;

    /// Where a picture's tile with its first output at (y, x) begins.
    fn start(frame: Frame, y: usize, x: usize) -> usize;
    /// The transform of one line, of which the first [`Self::READ`] values count.
    fn apply<S: Simd>(s: S, line: [S::V; SIDE]) -> [S::V; SIDE];
}

/// `Bᵀ d B`.
struct OfInputs;

impl<T: Tile> Transform<T> for OfInputs {
    const READ: usize = T::INPUTS;

    /// A line above and a column left of the first output.
    #[inline(always)]
    fn start(frame: Frame, y: usize, x: usize) -> usize {
        y * frame.line() + x * frame.channels
    }

    #[inline(always)]
    fn apply<S: Simd>(s: S, line: [S::V; SIDE]) -> [S::V; SIDE] {
        T::input(s, line)
    }
}

/// A transform of some tiles of framed pictures: `[products, tiles, channels]`.
struct Spread<'a, T, F> {
    tiling: Tiling,
    framed: &'a [f32],
    /// The first tile and how many.
    tiles: (usize, usize),
    out: Shared<'a>,
    /// Where the first tile goes in its plane, and the planes' distance.
    out_start: usize,
    plane: usize,
    transform: std::marker::PhantomData<(T, F)>,
}

impl<T: Tile, F: Transform<T>> Kernel for Spread<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let frame = self.tiling.frame;
        let (channels, line, side) = (frame.channels, frame.line(), T::INPUTS);
        for i in 0..self.tiles.1 {
            let (n, y, x) = self.tiling.place::<T>(self.tiles.0 + i);
            // Frames have room for whole tiles; what overhangs the picture is zero.
            let start = n * frame.len() + F::start(frame, y, x);
            let tile = &self.framed[start..][..(F::READ - 1) * line + F::READ * channels];
            for c in (0..channels).step_by(S::LANES) {
                let mut values = [[s.splat(0.0); SIDE]; SIDE];
                for (i, row) in values.iter_mut().enumerate().take(F::READ) {
                    let mut d = [s.splat(0.0); SIDE];
                    for (j, d) in d.iter_mut().enumerate().take(F::READ) {
                        // SAFETY: inside the tile's slice, since c + LANES ≤ channels.
                        *d = unsafe { s.load_at(tile.as_ptr().add(i * line + j * channels + c)) };
                    }
                    *row = F::apply(s, d);
                }
                let to = (self.out_start + i) * channels + c;
                for j in 0..side {
                    let mut d = [s.splat(0.0); SIDE];
                    for (d, row) in d.iter_mut().zip(&values).take(F::READ) {
                        *d = row[j];
                    }
                    for (i, d) in F::apply(s, d).into_iter().enumerate().take(side) {
                        debug_assert!((i * side + j) * self.plane + to + S::LANES <= self.out.len());
                        // SAFETY: `out` has side² planes, each with room for its tiles; each task has its own tiles.
                        unsafe { s.store_at(self.out.at((i * side + j) * self.plane + to), d) };
                    }
                }
            }
        }
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
                        // SAFETY: inside `products`, since c + LANES ≤ columns.
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
                        // SAFETY: `run` checked that the pictures lie in `out`; each task has its own tiles.
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

/// `G g Gᵀ` of every pair of channels: `[products, inputs, outputs]`.
struct FilterTransform<'a, T> {
    filter: &'a Filter,
    out: &'a mut [f32],
    tile: std::marker::PhantomData<T>,
}

impl<'a, T> FilterTransform<'a, T> {
    fn new(filter: &'a Filter, out: &'a mut [f32]) -> Self {
        Self { filter, out, tile: std::marker::PhantomData }
    }
}

impl<T: Tile> Kernel for FilterTransform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (side, plane) = (T::INPUTS, self.filter.inputs * self.filter.outputs);
        for place in (0..plane).step_by(S::LANES) {
            let zero = s.splat(0.0);
            let mut values = [[zero; SIDE]; SIDE];
            for (i, row) in values.iter_mut().enumerate().take(3) {
                let mut g = [zero; SIDE];
                for (j, g) in g.iter_mut().enumerate().take(3) {
                    *g = s.load(&self.filter.values[(i * 3 + j) * plane + place..]);
                }
                *row = T::filter(s, g);
            }
            let [first, second, third, ..] = values;
            for (j, ((a, b), c)) in first.into_iter().zip(second).zip(third).enumerate().take(side) {
                let g = [a, b, c, zero, zero, zero];
                for (i, u) in T::filter(s, g).into_iter().enumerate().take(side) {
                    s.store(&mut self.out[(i * side + j) * plane + place..], u);
                }
            }
        }
    }
}
