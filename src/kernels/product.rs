//! Matrix products: rows found in place in a picture, times packed weights.
//!
//! A convolution over channels-last pictures is a product `[pixels, taps · channels] × [taps · channels, outputs]` whose
//! left matrix need not be built: row by row it lies in the picture already, one run of channels a tap ("implicit" or
//! "indirect" product). [`multiply`] takes the rows as a [`Grid`], the taps as offsets, and the weights packed into
//! [`Panels`]. The inner tile keeps `MR` rows × `NV` vectors of outputs in registers.
//!
//! Every output value is one chain of multiply-adds in the order of the taps and channels, whatever the splits: results
//! do not depend on the number of threads, nor on the other rows.

use super::layout::volume;
use super::share::Shared;
use super::simd::{Kernel, Level, Simd, WIDEST};

/// A walk over the rows of a matrix that lie at regular places: pictures of `height × width` pixels.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Pixels in a line.
    pub width: usize,
    /// Lines in a picture.
    pub height: usize,
    /// Offset of the first pixel.
    pub origin: usize,
    /// From a pixel to the next, in values.
    pub x: usize,
    /// From a line to the next.
    pub y: usize,
    /// From a picture to the next.
    pub n: usize,
}

impl Grid {
    /// Rows one after the other, `stride` values apart.
    #[must_use]
    pub fn lines(stride: usize) -> Self {
        Self { width: usize::MAX, height: 1, origin: 0, x: stride, y: 0, n: 0 }
    }

    /// How far the first `rows` rows go along each axis, x first, and its step; none for a grid without rows.
    fn axes(&self, rows: usize) -> Option<[(usize, usize); 3]> {
        let last = rows.checked_sub(1)?;
        let lines = last.checked_div(self.width)?;
        let pictures = lines.checked_div(self.height)?;
        Some([(last.min(self.width - 1), self.x), (lines.min(self.height - 1), self.y), (pictures, self.n)])
    }

    /// An end of the first `rows` rows of `len` values each: none of them reaches beyond it. None if the grid has no rows
    /// or a place overflows, so that what fits a slice holds no place that wrapped.
    ///
    /// Offsets grow along every axis, so the last place of each axis bounds them all.
    pub(super) fn end(&self, rows: usize, len: usize) -> Option<usize> {
        let mut end = self.origin.checked_add(len)?;
        for (count, step) in self.axes(rows)? {
            end = end.checked_add(count.checked_mul(step)?)?;
        }
        Some(end)
    }

    /// Whether the first `rows` rows of `len` values each have no value in common: the step along an axis is no shorter
    /// than what the axes before it span.
    fn is_disjoint(&self, rows: usize, len: usize) -> bool {
        let step_over = |span: usize, (count, step): (usize, usize)| match count {
            0 => Some(span),
            _ if step < span => None,
            _ => count.checked_mul(step)?.checked_add(span),
        };
        self.axes(rows).and_then(|axes| axes.into_iter().try_fold(len, step_over)).is_some()
    }

    /// A cursor at row `index`, which is one of those that [`Grid::end`] was asked about.
    pub(super) fn cursor(&self, index: usize) -> Cursor {
        let (line, x) = (index / self.width, index % self.width);
        let (n, y) = (line / self.height, line % self.height);
        let offset = self.origin + n * self.n + y * self.y + x * self.x;
        Cursor { grid: *self, x, y, offset }
    }
}

/// A place in a [`Grid`] that moves on row by row without dividing. It may step past the last row, where its offset wraps
/// and means nothing.
pub(super) struct Cursor {
    grid: Grid,
    x: usize,
    y: usize,
    offset: usize,
}

impl Cursor {
    /// The offset of the row here; moves on to the next.
    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        let here = self.offset;
        let grid = &self.grid;
        self.x += 1;
        self.offset = self.offset.wrapping_add(grid.x);
        if self.x == grid.width {
            self.x = 0;
            self.y += 1;
            self.offset = self.offset.wrapping_sub(grid.width.wrapping_mul(grid.x)).wrapping_add(grid.y);
            if self.y == grid.height {
                self.y = 0;
                self.offset = self.offset.wrapping_sub(grid.height.wrapping_mul(grid.y)).wrapping_add(grid.n);
            }
        }
        here
    }
}

/// A weight matrix `[taps, depth, columns]`, packed into panels of a few vectors of columns each:
/// `[panel][tap][depth][column in the panel]`. Columns are padded with zeros to a multiple of [`WIDEST`].
#[derive(Debug, Clone)]
pub struct Panels {
    level: Level,
    values: Vec<f32>,
    taps: usize,
    depth: usize,
    columns: usize,
    width: usize,
}

impl Panels {
    /// Packs a matrix that lies in order, `[taps, depth, columns]`, its columns padded already.
    ///
    /// # Panics
    /// If there are not that many weights or the columns are not padded.
    #[must_use]
    pub fn pack_rows(level: Level, [taps, depth, columns]: [usize; 3], values: &[f32]) -> Self {
        assert_eq!(values.len(), volume(&[taps, depth, columns]), "a whole padded matrix");
        Self::written(level, [taps, depth, columns], |packed, width| {
            let mut to = packed.chunks_exact_mut(width);
            for first in (0..columns).step_by(width) {
                for (row, to) in values.chunks_exact(columns).zip(&mut to) {
                    to.copy_from_slice(&row[first..first + width]);
                }
            }
        })
    }

    /// A packed matrix that `write` makes in place, given zeros and the number of columns in a panel.
    ///
    /// # Panics
    /// If the columns are not padded.
    #[must_use]
    pub fn written(level: Level, [taps, depth, columns]: [usize; 3], write: impl FnOnce(&mut [f32], usize)) -> Self {
        assert!(columns.is_multiple_of(WIDEST), "a whole padded matrix");
        let width = panel_width(level, columns);
        let mut values = vec![0.0; volume(&[taps, depth, columns])];
        write(&mut values, width);
        Self { level, values, taps, depth, columns, width }
    }

    /// The matrix in order again, `[taps, depth, columns]`: the inverse of [`Panels::pack_rows`].
    #[must_use]
    pub fn unpack(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.values.len()];
        for (panel, packed) in self.values.chunks_exact(self.taps * self.depth * self.width).enumerate() {
            let rows = values.chunks_exact_mut(self.columns).zip(packed.chunks_exact(self.width));
            rows.for_each(|(row, packed)| row[panel * self.width..][..self.width].copy_from_slice(packed));
        }
        values
    }

    /// The number of columns, padding included: the row length of what [`multiply`] writes.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of rows of a tap.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The number of taps.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// The level that they were packed for.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The offset of a tap within a panel, for [`Tap::weights`].
    #[must_use]
    pub fn tap(&self, tap: usize) -> usize {
        tap * self.depth * self.width
    }
}

/// The number of columns that a register tile takes at this level.
fn panel_width(level: Level, columns: usize) -> usize {
    let lanes = level.lanes();
    if lanes < WIDEST {
        return WIDEST;
    }
    [4 * lanes, 3 * lanes, 2 * lanes].into_iter().find(|width| columns.is_multiple_of(*width)).unwrap_or(lanes)
}

/// The most rows of a register tile `vectors` wide: what is left of the registers after a row of weights and a value of
/// the left matrix, but no more than there are address registers for.
const fn tile_rows<S: Simd>(vectors: usize) -> usize {
    let rows = (S::REGISTERS - 1 - vectors) / vectors;
    if rows > 8 { 8 } else { rows }
}

/// One of the runs of values that make up a row of the left matrix.
#[derive(Debug, Clone, Copy)]
pub struct Tap {
    /// Its offset from the row's place.
    pub rows: usize,
    /// The offset of its weights in a panel, see [`Panels::tap`].
    pub weights: usize,
}

/// What [`multiply`] computes: `out[row] = Σ_taps left[row + tap] · weights[tap]`, or `out[row] += …`.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    /// Where the rows of the left matrix lie.
    pub left: &'a [f32],
    /// The rows.
    pub left_grid: Grid,
    /// How many.
    pub rows: usize,
    /// The runs of a row, each as long as the weights' depth.
    pub taps: &'a [Tap],
    /// The right matrix.
    pub weights: &'a Panels,
    /// Where the rows of the result go, of [`Panels::columns`] values each.
    pub out_grid: Grid,
    /// Whether to add to what is there.
    pub add: bool,
}

/// Multiply-adds that are worth handing to another thread: some ten microseconds.
const GRAIN: usize = 1 << 20;

/// Computes `product` into `out`.
///
/// # Panics
/// If rows or weights lie beyond their slices, or rows of the result overlap.
pub fn multiply(product: &Product, out: &mut [f32]) {
    // SAFETY: `out` is borrowed for this call alone, so no other task uses any of it.
    unsafe { multiply_shared(product, Shared::new(out)) }
}

/// [`multiply`] into a slice that other tasks write other rows of.
///
/// # Safety
/// No other task may use the rows of `product.out_grid` meanwhile.
///
/// # Panics
/// If rows or weights lie beyond their slices, or rows of the result overlap.
pub(super) unsafe fn multiply_shared(product: &Product, out: Shared) {
    let Product { left, left_grid, rows, taps, weights, out_grid, .. } = *product;
    if rows == 0 || weights.columns == 0 {
        return;
    }
    // What the tiles below rely on, checked without a wrap, once a call.
    let reach = taps.iter().map(|tap| tap.rows).max().map_or(Some(0), |most| most.checked_add(weights.depth));
    let left_end = reach.and_then(|reach| left_grid.end(rows, reach));
    assert!(left_end.is_some_and(|end| end <= left.len()), "the left matrix's rows must lie in its slice");
    let out_end = out_grid.end(rows, weights.columns);
    assert!(out_end.is_some_and(|end| end <= out.len()), "the result's rows must lie in its slice");
    assert!(out_grid.is_disjoint(rows, weights.columns), "the result's rows must not overlap");
    let panel = volume(&[weights.taps, weights.depth, weights.width]);
    let inside = |tap: &Tap| panel.checked_sub(tap.weights).is_some_and(|left| left / weights.width >= weights.depth);
    assert!(taps.iter().all(inside), "the taps' weights must lie in the panels");

    let cost = taps.len() * weights.depth * weights.width;
    halve(product, out, (0, rows), (0, weights.columns / weights.width), cost);
}

/// Splits the longer side until a task is small; `cost` is that of one row of one panel.
fn halve(product: &Product, out: Shared, rows: (usize, usize), panels: (usize, usize), cost: usize) {
    let (row_count, panel_count) = (rows.1 - rows.0, panels.1 - panels.0);
    let (tall, wide) = (row_count >= 16, panel_count >= 2);
    if row_count * panel_count * cost < 2 * GRAIN || !(tall || wide) {
        product.weights.level.run(Task { product, out, rows, panels });
        return;
    }
    // Fewer rows than a picture's worth: rather share the weights out, so that each is read once.
    if wide && (row_count < 64 || !tall) {
        let middle = panels.0 + panel_count / 2;
        rayon::join(
            || halve(product, out, rows, (panels.0, middle), cost),
            || halve(product, out, rows, (middle, panels.1), cost),
        );
    } else {
        let middle = rows.0 + (row_count / 2).next_multiple_of(8);
        rayon::join(
            || halve(product, out, (rows.0, middle), panels, cost),
            || halve(product, out, (middle, rows.1), panels, cost),
        );
    }
}

/// Some rows of some panels, on one thread. Made only by [`halve`] for [`multiply_shared`], which checked the bounds and
/// that rows are disjoint; no two tasks have a row and a panel in common.
struct Task<'a> {
    product: &'a Product<'a>,
    out: Shared<'a>,
    rows: (usize, usize),
    panels: (usize, usize),
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // Only the widths that `panel_width` chooses are compiled.
        if S::LANES == WIDEST {
            match self.product.weights.width / S::LANES {
                1 => self.sweep::<S, 1>(s),
                2 => self.sweep::<S, 2>(s),
                3 => self.sweep::<S, 3>(s),
                _ => self.sweep::<S, 4>(s),
            }
        } else if S::LANES == 8 {
            self.sweep::<S, 2>(s);
        } else {
            self.sweep::<S, 4>(s);
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    fn sweep<S: Simd, const NV: usize>(&self, s: S) {
        let (rows, most) = (self.rows.1 - self.rows.0, const { tile_rows::<S>(NV) });
        let blocks = rows.div_ceil(most);
        for panel in self.panels.0..self.panels.1 {
            let mut left = self.product.left_grid.cursor(self.rows.0);
            let mut out = self.product.out_grid.cursor(self.rows.0);
            for block in 0..blocks {
                // Blocks of nearly one height: a last block of one row would leave the processor waiting.
                match rows * (block + 1) / blocks - rows * block / blocks {
                    1 => self.tile::<S, 1, NV>(s, panel, &mut left, &mut out),
                    2 => self.tile::<S, 2, NV>(s, panel, &mut left, &mut out),
                    3 => self.tile::<S, 3, NV>(s, panel, &mut left, &mut out),
                    4 => self.tile::<S, 4, NV>(s, panel, &mut left, &mut out),
                    5 => self.tile::<S, 5, NV>(s, panel, &mut left, &mut out),
                    6 => self.tile::<S, 6, NV>(s, panel, &mut left, &mut out),
                    7 => self.tile::<S, 7, NV>(s, panel, &mut left, &mut out),
                    _ => self.tile::<S, 8, NV>(s, panel, &mut left, &mut out),
                }
            }
        }
    }

    /// `MR` rows of one panel: the whole of the arithmetic.
    #[inline(always)]
    fn tile<S: Simd, const MR: usize, const NV: usize>(&self, s: S, panel: usize, left: &mut Cursor, out: &mut Cursor) {
        if MR > const { tile_rows::<S>(NV) } {
            return; // never called, so never compiled
        }
        let Product { taps, weights, add, .. } = *self.product;
        let rows: [usize; MR] = std::array::from_fn(|_| left.next());
        let first = panel * weights.taps * weights.depth * weights.width;
        let mut sums = [[s.splat(0.0); NV]; MR];
        for tap in taps {
            // SAFETY: reads stay in their slices. `multiply_shared` checked that `depth` values from `row + tap.rows` on
            // lie in `left` for every row and tap, and `depth` rows of `width = NV · LANES` weights from `tap.weights` on
            // in a panel; `Panels::pack_rows` made `columns / width` panels of that size.
            unsafe {
                let from: [*const f32; MR] = rows.map(|row| self.product.left.as_ptr().add(row + tap.rows));
                let mut weight = weights.values.as_ptr().add(first + tap.weights);
                for i in 0..weights.depth {
                    let b: [S::V; NV] = load_row(s, weight);
                    weight = weight.add(NV * S::LANES);
                    for r in 0..MR {
                        let a = s.splat(*from[r].add(i));
                        for v in 0..NV {
                            sums[r][v] = s.fma(a, b[v], sums[r][v]);
                        }
                    }
                }
            }
        }
        for sums in sums {
            let offset = out.next() + panel * weights.width;
            for (v, sum) in sums.into_iter().enumerate() {
                // SAFETY: `multiply_shared` checked that `columns` values from every row's offset on lie in `out`, and this
                // panel's end before them. No other task has this row and panel, no other row these places, and
                // its caller promised that nobody else uses them.
                unsafe {
                    let to = self.out.at(offset + v * S::LANES);
                    s.store_at(to, if add { s.add(s.load_at(to), sum) } else { sum });
                }
            }
        }
    }
}

/// `NV` vectors from `p` on.
///
/// # Safety
/// They must lie inside one live allocation.
#[inline(always)]
unsafe fn load_row<S: Simd, const NV: usize>(s: S, p: *const f32) -> [S::V; NV] {
    let mut row = [s.splat(0.0); NV];
    for (v, row) in row.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        *row = unsafe { s.load_at(p.add(v * S::LANES)) };
    }
    row
}
