//! The first convolution, from planar pictures of few channels: patches side by side, then one matrix product.

use super::conv::pointwise;
use super::outer::{Outer, accumulate};
use super::product::{Grid, Panels};
use super::simd::{Level, padded};

/// A k × k convolution with a border of one, whose output has `⌈size / stride⌉` lines and columns.
#[derive(Debug, Clone)]
pub struct Stem {
    kernel: usize,
    stride: usize,
    inputs: usize,
    forward: Panels,
    adjoint: Panels,
}

impl Stem {
    /// From the usual `[outputs, inputs, kernel, kernel]` weights.
    #[must_use]
    pub fn new(level: Level, weights: &[f32], [outputs, inputs, kernel]: [usize; 3], stride: usize) -> Self {
        let (depth, columns) = (inputs * kernel * kernel, padded(outputs));
        let mut forward = vec![0.0; depth * columns];
        let mut adjoint = vec![0.0; columns * padded(depth)];
        for (o, weights) in weights.chunks_exact(depth.max(1)).enumerate() {
            adjoint[o * padded(depth)..][..depth].copy_from_slice(weights);
            for (row, weight) in weights.iter().enumerate() {
                forward[row * columns + o] = *weight;
            }
        }
        Self {
            kernel,
            stride,
            inputs,
            forward: Panels::pack_rows(level, [1, depth, columns], &forward),
            adjoint: Panels::pack_rows(level, [1, columns, padded(depth)], &adjoint),
        }
    }

    /// The output's lines and columns.
    #[must_use]
    pub fn size(&self, (height, width): (usize, usize)) -> (usize, usize) {
        (height.div_ceil(self.stride), width.div_ceil(self.stride))
    }

    /// Values of a patch.
    #[must_use]
    pub fn patch(&self) -> usize {
        self.forward.depth()
    }

    /// Values of a patch with padding: what the adjoint pass needs room for, an output pixel.
    #[must_use]
    pub fn padded_patch(&self) -> usize {
        self.adjoint.columns()
    }

    /// The convolution of planar pictures, `[pictures, inputs, height, width]`, into dense channels-last ones.
    /// `patches` is room for [`Self::patch`] values an output pixel, no more.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn forward(&self, size: (usize, usize), planar: &[f32], patches: &mut [f32], out: &mut [f32]) {
        self.patches(size, planar, patches);
        pointwise(&self.forward, patches.len() / self.patch(), patches, out, false);
    }

    /// The patches of planar pictures, one an output pixel.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn patches(&self, size: (usize, usize), planar: &[f32], patches: &mut [f32]) {
        let (lines, columns) = self.size(size);
        let picture = self.inputs * size.0 * size.1;
        let count = lines * columns * self.patch();
        for (planar, patches) in planar.chunks_exact(picture).zip(patches.chunks_exact_mut(count)) {
            self.clear_borders(size, patches);
            self.each_run(size, self.patch(), |at, from, run| match run {
                // Of a known length the copy is no call.
                3 => patches[at..at + 3].copy_from_slice(&planar[from..from + 3]),
                4 => patches[at..at + 4].copy_from_slice(&planar[from..from + 4]),
                _ => patches[at..at + run].copy_from_slice(&planar[from..from + run]),
            });
        }
    }

    /// Zeros in one picture's patches that reach beyond the picture.
    fn clear_borders(&self, (height, width): (usize, usize), patches: &mut [f32]) {
        let (lines, columns) = self.size((height, width));
        // How many lines or columns are within, counted from the first, which never is.
        let inside = |pixels: usize, outputs: usize| match (pixels + 1).checked_sub(self.kernel) {
            Some(last) => (last / self.stride).min(outputs - 1),
            None => 0,
        };
        let (within, across) = (inside(height, lines), inside(width, columns));
        for (y, line) in patches.chunks_exact_mut(columns * self.patch()).enumerate() {
            if (1..=within).contains(&y) {
                let (start, rest) = line.split_at_mut(self.patch());
                start.fill(0.0);
                rest[across * self.patch()..].fill(0.0);
            } else {
                line.fill(0.0);
            }
        }
    }

    /// The gradient by the weights, `[outputs, inputs, kernel, kernel]`: `Σ` over pairs of (the patches that
    /// [`Self::forward`] left, dense cotangents of its output).
    ///
    /// # Panics
    /// If there are fewer cotangents than patches.
    #[must_use]
    pub fn filter_gradient(&self, outputs: usize, pairs: &[(&[f32], &[f32])]) -> Vec<f32> {
        let (patch, columns) = (self.patch(), self.forward.columns());
        let mut sums = vec![0.0; patch * columns];
        for (patches, cotangents) in pairs {
            let outer = Outer {
                left: (patches, Grid::lines(patch)),
                inputs: patch,
                right: (cotangents, Grid::lines(columns)),
                outputs: columns,
                rows: patches.len() / patch,
            };
            accumulate(self.forward.level(), &outer, &mut sums);
        }
        let mut weights = vec![0.0; outputs * patch];
        for (o, weights) in weights.chunks_exact_mut(patch).enumerate() {
            weights.iter_mut().zip(sums[o..].iter().step_by(columns)).for_each(|(w, sum)| *w = *sum);
        }
        weights
    }

    /// The adjoint: from dense cotangents of the output to planar ones of the input, which it overwrites.
    /// `patches` is room for [`Self::padded_patch`] values an output pixel.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn adjoint(&self, size: (usize, usize), g: &[f32], patches: &mut [f32], planar: &mut [f32]) {
        let (lines, columns) = self.size(size);
        let picture = self.inputs * size.0 * size.1;
        let count = lines * columns * self.padded_patch();
        pointwise(&self.adjoint, planar.len() / picture * lines * columns, g, patches, false);
        planar.fill(0.0);
        for (planar, patches) in planar.chunks_exact_mut(picture).zip(patches.chunks_exact(count)) {
            self.each_run(size, self.padded_patch(), |at, from, run| {
                for (to, from) in planar[from..from + run].iter_mut().zip(&patches[at..at + run]) {
                    *to += *from;
                }
            });
        }
    }

    /// Calls `run(offset in the patches, offset in the picture, length)` for each line of each patch that lies in the
    /// picture; patches are `row` values apart.
    fn each_run(&self, (height, width): (usize, usize), row: usize, mut run: impl FnMut(usize, usize, usize)) {
        let (kernel, stride) = (self.kernel, self.stride);
        let (lines, columns) = self.size((height, width));
        for y in 0..lines {
            for x in 0..columns {
                let start = (y * columns + x) * row;
                // The patch begins a line above and a column left of the pixel.
                let (left, right) = ((x * stride).max(1) - 1, (x * stride + kernel - 1).min(width));
                let skipped = left + 1 - x * stride;
                for c in 0..self.inputs {
                    for tap in 0..kernel {
                        let line = y * stride + tap;
                        if (1..=height).contains(&line) {
                            let at = start + (c * kernel + tap) * kernel + skipped;
                            run(at, (c * height + line - 1) * width + left, right - left);
                        }
                    }
                }
            }
        }
    }
}
