//! 3×3 and 1×1 convolutions and the adjoint of the strided ones, each in the form that is fastest for its shape.

use super::layout::{Filter, Frame, Pair};
use super::outer::{Outer, accumulate};
use super::product::{Grid, Panels, Product, Tap, multiply};
use super::share::{Shared, split};
use super::simd::Level;
use super::winograd::{self, Size};

/// How a stride-1 convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As one product over the nine taps.
    Direct,
    /// By Winograd's tiles.
    Winograd(Size),
}

impl Form {
    /// The fastest for `pictures` of this frame and `outputs` channels. It depends on the sizes alone, so results do not
    /// depend on the machine's threads.
    #[must_use]
    pub fn choose(frame: Frame, pictures: usize, outputs: usize) -> Self {
        /// Rows whose multiplication takes as long as reading the weights that they are multiplied with. A network's
        /// weights together exceed the caches, so each analysis reads them from memory.
        const READING: usize = 16;
        /// Larger filters fill the memory.
        const MOST_WEIGHTS: usize = 2 << 20;
        let area = frame.channels * outputs;
        let forms = [Self::Winograd(Size::Four), Self::Winograd(Size::Two), Self::Direct];
        let cost = |form: &Self| form.products() * (pictures * form.rows(frame) + READING);
        let fits = |form: &Self| *form != Self::Winograd(Size::Four) || form.products() * area <= MOST_WEIGHTS;
        forms.into_iter().filter(fits).min_by_key(cost).unwrap_or(Self::Direct)
    }

    /// How many matrix products it is.
    const fn products(self) -> usize {
        match self {
            Self::Direct => 9,
            Self::Winograd(size) => size.products(),
        }
    }

    /// Rows of each product for one picture.
    const fn rows(self, frame: Frame) -> usize {
        match self {
            Self::Direct => frame.height * frame.width,
            Self::Winograd(size) => size.tiles(frame.height, frame.width),
        }
    }
}

/// A 3×3 filter, packed for one form.
#[derive(Debug, Clone)]
pub enum Weights {
    /// For [`Form::Direct`], of any stride.
    Direct(Panels),
    /// For [`Form::Winograd`].
    Winograd(winograd::Weights),
}

impl Weights {
    /// Packs `filter` for `form`.
    #[must_use]
    pub fn new(level: Level, form: Form, filter: &Filter) -> Self {
        match form {
            Form::Direct => Self::Direct(direct(level, filter)),
            Form::Winograd(size) => Self::Winograd(winograd::Weights::new(level, size, filter)),
        }
    }
}

/// Packs a filter of any side for products over its taps.
#[must_use]
pub fn direct(level: Level, filter: &Filter) -> Panels {
    let shape = [filter.kernel * filter.kernel, filter.inputs, filter.outputs];
    Panels::pack_rows(level, shape, &filter.values)
}

/// The output size of a 3×3 convolution with a border of one.
#[must_use]
pub fn strided(height: usize, width: usize, stride: usize) -> (usize, usize) {
    (height.div_ceil(stride), width.div_ceil(stride))
}

/// Dense rows of `channels` values: pictures of `height × width`.
fn dense(height: usize, width: usize, channels: usize) -> Grid {
    let (x, y) = (channels, width * channels);
    Grid { width, height, origin: 0, x, y, n: height * y }
}

/// A 3×3 convolution of stride 1, from framed pictures into dense ones; adds to what is there if `add`.
///
/// # Panics
/// If a slice is too short for its pictures.
pub fn convolve(weights: &Weights, frame: Frame, pictures: usize, framed: &[f32], out: &mut [f32], add: bool) {
    match weights {
        Weights::Direct(panels) => convolve_direct(panels, 1, frame, pictures, framed, out, add),
        Weights::Winograd(weights) => winograd::convolve(weights, frame, pictures, framed, out, add),
    }
}

/// A 3×3 convolution of any stride as one product over its taps, from framed pictures into dense ones.
///
/// # Panics
/// If a slice is too short for its pictures.
pub fn convolve_direct(
    panels: &Panels,
    stride: usize,
    frame: Frame,
    pictures: usize,
    framed: &[f32],
    out: &mut [f32],
    add: bool,
) {
    let (height, width) = strided(frame.height, frame.width, stride);
    let (line, channels) = (frame.line(), frame.channels);
    let taps: [Tap; 9] = std::array::from_fn(|t| Tap { rows: t / 3 * line + t % 3 * channels, weights: panels.tap(t) });
    let product = Product {
        left: framed,
        left_grid: Grid { width, height, origin: 0, x: stride * channels, y: stride * line, n: frame.len() },
        rows: pictures * height * width,
        taps: &taps,
        weights: panels,
        out_grid: dense(height, width, panels.columns()),
        add,
    };
    multiply(&product, out);
}

/// The adjoint of a 3×3 convolution of stride 2: from framed cotangents of its output to dense ones of its input, which
/// is `height × width`. `panels` hold [`Filter::adjoint`], not turned.
///
/// An input line 2a is read by tap 1 of output line a alone, a line 2a + 1 by tap 0 of output line a + 1 and by tap 2 of
/// output line a; likewise for columns. That makes four products, one for each parity.
///
/// # Panics
/// If a slice is too short for its pictures.
pub fn strided_adjoint(
    panels: &Panels,
    frame: Frame,
    pictures: usize,
    framed: &[f32],
    (height, width): (usize, usize),
    out: &mut [f32],
) {
    const READERS: [&[(usize, usize)]; 2] = [&[(1, 0)], &[(0, 1), (2, 0)]]; // (tap, steps to the output from a)
    let (line, channels, columns) = (frame.line(), frame.channels, panels.columns());
    for (odd_y, odd_x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (lines, across) = ((height + 1 - odd_y) / 2, (width + 1 - odd_x) / 2);
        let mut taps = [Tap { rows: 0, weights: 0 }; 4];
        let mut count = 0;
        for (tap_y, down) in READERS[odd_y] {
            for (tap_x, right) in READERS[odd_x] {
                let rows = down * line + right * channels;
                taps[count] = Tap { rows, weights: panels.tap(tap_y * 3 + tap_x) };
                count += 1;
            }
        }
        let pixels = dense(height, width, columns);
        let product = Product {
            left: framed,
            left_grid: Grid {
                width: across.max(1),
                height: lines.max(1),
                origin: frame.at(0, 0),
                x: channels,
                y: line,
                n: frame.len(),
            },
            rows: pictures * lines * across,
            taps: &taps[..count],
            weights: panels,
            out_grid: Grid {
                width: across.max(1),
                height: lines.max(1),
                origin: odd_y * pixels.y + odd_x * pixels.x,
                x: 2 * pixels.x,
                y: 2 * pixels.y,
                n: pixels.n,
            },
            add: false,
        };
        multiply(&product, out);
    }
}

/// The gradient by the filter of a 3×3 convolution: the sum over all pairs, whose cotangents have `outputs` channels and whose
/// borders are zero.
///
/// # Panics
/// If a slice is too short for its pictures.
#[must_use]
pub fn filter_gradient(level: Level, stride: usize, frame: Frame, outputs: usize, pairs: &[Pair]) -> Filter {
    if stride == 1 {
        return winograd::filter_gradient(level, frame, outputs, pairs);
    }
    let (height, width) = strided(frame.height, frame.width, stride);
    let to = Frame::new(height, width, outputs);
    let mut filter = Filter::zeros([to.channels, frame.channels, 3]);
    let (line, channels, area) = (frame.line(), frame.channels, frame.channels * to.channels);
    let taps = Shared::new(&mut filter.values);
    split(9, 1, &|tap, _| {
        // SAFETY: tap t has the filter's values from t·area on, `area` of them, and `split` gives each tap to one task.
        let sums = unsafe { taps.part(tap * area, area) };
        let origin = tap / 3 * line + tap % 3 * channels;
        let left = Grid { width, height, origin, x: stride * channels, y: stride * line, n: frame.len() };
        let right = Grid { width, height, origin: to.at(0, 0), x: to.channels, y: to.line(), n: to.len() };
        for pair in pairs {
            let outer = Outer {
                left: (pair.framed, left),
                inputs: channels,
                right: (pair.cotangents, right),
                outputs: to.channels,
                rows: pair.pictures * height * width,
            };
            accumulate(level, &outer, sums);
        }
    });
    filter
}

/// A 1×1 convolution: a product of `rows` dense pixels with `panels`.
///
/// # Panics
/// If a slice is too short.
pub fn pointwise(panels: &Panels, rows: usize, left: &[f32], out: &mut [f32], add: bool) {
    let product = Product {
        left,
        left_grid: Grid::lines(panels.depth()),
        rows,
        taps: &[Tap { rows: 0, weights: 0 }],
        weights: panels,
        out_grid: Grid::lines(panels.columns()),
        add,
    };
    multiply(&product, out);
}
