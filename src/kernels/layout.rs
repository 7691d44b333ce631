//! How pictures and weights lie in memory here.
//!
//! Pictures are **channels-last**: `[pictures, height, width, channels]`, the channels padded with zeros to a multiple of
//! the widest vector. What a 3×3 convolution reads is kept in a [`Frame`]: the same with a border of zeros, so that no
//! kernel asks whether a neighbour exists.

use super::simd::padded;

/// The product of sizes.
///
/// # Panics
/// If it overflows: a size that wrapped would pass the checks that unsafe code relies on.
#[must_use]
pub fn volume(sizes: &[usize]) -> usize {
    if sizes.contains(&0) {
        return 0;
    }
    let product = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    assert!(product.is_some(), "sizes {sizes:?} overflow");
    product.unwrap_or_default()
}

/// A channels-last picture inside a border of zeros: one line above and left, at least one below and right, so many that
/// whole tiles of 4×4 outputs can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Lines of the picture.
    pub height: usize,
    /// Columns of the picture.
    pub width: usize,
    /// Channels, padding included.
    pub channels: usize,
}

impl Frame {
    /// The frame of pictures with `channels`, which are padded here.
    #[must_use]
    pub fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels: padded(channels) }
    }

    /// Values from one line to the next.
    #[must_use]
    pub fn line(&self) -> usize {
        (self.width.next_multiple_of(4) + 2) * self.channels
    }

    /// Values of one framed picture.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.height.next_multiple_of(4) + 2) * self.line()
    }

    /// Whether `pictures` framed pictures lie in `len` values: where they do, no offset in them overflows.
    pub(super) fn fit(&self, pictures: usize, len: usize) -> bool {
        let side = |pixels: usize| pixels.checked_next_multiple_of(4)?.checked_add(2);
        let one = || side(self.height)?.checked_mul(side(self.width)?)?.checked_mul(self.channels);
        one().and_then(|one| one.checked_mul(pictures)).is_some_and(|all| all <= len)
    }

    /// Whether the picture has no pixel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        [self.height, self.width, self.channels].contains(&0)
    }

    /// Values of one picture without its border.
    #[must_use]
    pub fn dense(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The offset of the picture's pixel (y, x).
    #[must_use]
    pub fn at(&self, y: usize, x: usize) -> usize {
        (y + 1) * self.line() + (x + 1) * self.channels
    }

    /// Copies pictures without border into framed ones, whose borders must be zero already.
    pub fn fill(&self, dense: &[f32], framed: &mut [f32]) {
        if self.is_empty() {
            return;
        }
        let row = self.width * self.channels;
        for (from, to) in dense.chunks_exact(self.dense()).zip(framed.chunks_exact_mut(self.len())) {
            for (y, from) in from.chunks_exact(row).enumerate() {
                to[self.at(y, 0)..][..row].copy_from_slice(from);
            }
        }
    }
}

/// Some pictures' part in the gradient of a convolution's filter.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The inputs, framed.
    pub framed: &'a [f32],
    /// The cotangents of the output, framed.
    pub cotangents: &'a [f32],
    /// How many pictures.
    pub pictures: usize,
}

/// From planar `[pictures, channels, pixels]` to channels-last `[pictures, pixels, padded channels]`.
pub fn to_channels_last(planar: &[f32], channels: usize, pixels: usize, out: &mut [f32]) {
    const BLOCK: usize = 32; // pixels whose channels fit the first-level cache
    let row = padded(channels);
    if channels * pixels == 0 {
        return;
    }
    for (planar, out) in planar.chunks_exact(channels * pixels).zip(out.chunks_exact_mut(row * pixels)) {
        for (block, out) in out.chunks_mut(BLOCK * row).enumerate() {
            for (c, plane) in planar.chunks_exact(pixels).enumerate() {
                let plane = &plane[block * BLOCK..];
                for (out, value) in out[c..].iter_mut().step_by(row).zip(plane) {
                    *out = *value;
                }
            }
            for out in out.chunks_exact_mut(row) {
                out[channels..].fill(0.0);
            }
        }
    }
}

/// From channels-last to planar: the inverse of [`to_channels_last`].
pub fn to_planar(last: &[f32], channels: usize, pixels: usize, out: &mut [f32]) {
    const BLOCK: usize = 32;
    let row = padded(channels);
    if channels * pixels == 0 {
        return;
    }
    for (last, out) in last.chunks_exact(row * pixels).zip(out.chunks_exact_mut(channels * pixels)) {
        for (block, last) in last.chunks(BLOCK * row).enumerate() {
            for (c, plane) in out.chunks_exact_mut(pixels).enumerate() {
                let plane = &mut plane[block * BLOCK..];
                for (value, out) in last[c..].iter().step_by(row).zip(plane) {
                    *out = *value;
                }
            }
        }
    }
}

/// A filter in the order that kernels pack it from: `[taps, inputs, outputs]`, taps line by line, inputs and outputs
/// padded with zeros.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The weights.
    pub values: Vec<f32>,
    /// Its side: a k × k filter.
    pub kernel: usize,
    /// Input channels, padding included.
    pub inputs: usize,
    /// Output channels, padding included.
    pub outputs: usize,
}

impl Filter {
    /// From the usual `[outputs, inputs, kernel, kernel]`.
    #[must_use]
    pub fn new(weights: &[f32], [outputs, inputs, kernel]: [usize; 3]) -> Self {
        let taps = kernel * kernel;
        let mut filter = Self::zeros([outputs, inputs, kernel]);
        let (rows, columns) = (filter.inputs, filter.outputs);
        for (o, weights) in weights.chunks_exact((inputs * taps).max(1)).enumerate().take(outputs) {
            for (i, weights) in weights.chunks_exact(taps.max(1)).enumerate() {
                for (tap, weight) in weights.iter().enumerate() {
                    filter.values[(tap * rows + i) * columns + o] = *weight;
                }
            }
        }
        filter
    }

    /// All zeros.
    #[must_use]
    pub fn zeros([outputs, inputs, kernel]: [usize; 3]) -> Self {
        let (inputs, outputs) = (padded(inputs), padded(outputs));
        Self { values: vec![0.0; volume(&[kernel, kernel, inputs, outputs])], kernel, inputs, outputs }
    }

    /// Back to `[outputs, inputs, kernel, kernel]` without padding.
    pub fn write(&self, [outputs, inputs, kernel]: [usize; 3], out: &mut [f32]) {
        let taps = kernel * kernel;
        for (o, out) in out.chunks_exact_mut((inputs * taps).max(1)).enumerate().take(outputs) {
            for (i, out) in out.chunks_exact_mut(taps.max(1)).enumerate() {
                for (tap, out) in out.iter_mut().enumerate() {
                    *out = self.values[(tap * self.inputs + i) * self.outputs + o];
                }
            }
        }
    }

    /// Inputs and outputs exchanged: what the adjoint of a convolution applies. With `turned`, the taps run backwards
    /// too, which makes the adjoint of a stride-1 convolution a convolution.
    #[must_use]
    pub fn adjoint(&self, turned: bool) -> Self {
        let (taps, size) = (self.kernel * self.kernel, self.inputs * self.outputs);
        let mut values = vec![0.0; self.values.len()];
        for (tap, to) in values.chunks_exact_mut(size.max(1)).enumerate() {
            let from = &self.values[if turned { taps - 1 - tap } else { tap } * size..][..size];
            for (o, to) in to.chunks_exact_mut(self.inputs.max(1)).enumerate() {
                for (to, from) in to.iter_mut().zip(from[o..].iter().step_by(self.outputs)) {
                    *to = *from;
                }
            }
        }
        Self { values, kernel: self.kernel, inputs: self.outputs, outputs: self.inputs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_turn_back_into_themselves() {
        for (n, channels, pixels) in [(2, 3, 35), (1, 16, 64), (3, 17, 1), (0, 4, 4)] {
            let planar: Vec<f32> = (0..n * channels * pixels).map(|i| i as f32).collect();
            let mut last = vec![f32::NAN; n * padded(channels) * pixels];
            to_channels_last(&planar, channels, pixels, &mut last);
            let mut back = vec![0.0; planar.len()];
            to_planar(&last, channels, pixels, &mut back);
            assert_eq!(planar, back);
            assert!(last.iter().all(|v| v.is_finite()), "padding is zeros");
        }
        let weights: Vec<f32> = (0..5 * 3 * 9).map(|i| i as f32).collect();
        let filter = Filter::new(&weights, [5, 3, 3]);
        let mut back = vec![0.0; weights.len()];
        filter.adjoint(true).adjoint(true).write([5, 3, 3], &mut back);
        assert_eq!(weights, back);
        assert_eq!(filter.adjoint(false).values[2 * 16 + 1], weights[(2 * 3 + 1) * 9], "w[o = 2, i = 1, tap 0]");
    }
}
