//! Convolutions of planar pictures, `[pictures, channels, height, width]`, and both their gradients: what training asks
//! for, picture by picture in whatever order of memory tensors have.

use super::conv::{self, Form, Weights, strided_adjoint};
use super::layout::{Filter, Frame, to_channels_last, to_planar, volume};
use super::scratch;
use super::share::{Shared, split};
use super::simd::{Level, padded};
use super::stem::Stem;

/// A convolution with a 3×3 kernel, or a 4×4 one of stride 2: `⌈size / stride⌉` outputs, a border of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// The kernel's side.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Height and width of the input.
    pub size: (usize, usize),
}

impl Convolution {
    /// Height and width of the output.
    #[must_use]
    pub fn output(&self) -> (usize, usize) {
        conv::strided(self.size.0, self.size.1, self.stride)
    }

    fn input_len(&self) -> usize {
        volume(&[self.inputs, self.size.0, self.size.1])
    }

    fn output_len(&self) -> usize {
        volume(&[self.outputs, self.output().0, self.output().1])
    }

    fn weights_len(&self) -> usize {
        volume(&[self.outputs, self.inputs, self.kernel, self.kernel])
    }

    /// How many pictures `values` holds, of `each` values.
    fn count(values: &[f32], each: usize) -> usize {
        assert!(each > 0 && values.len().is_multiple_of(each), "a whole number of pictures that have pixels");
        values.len() / each
    }

    /// Whether patches side by side serve better than frames: kernels of even size, and pictures of few channels, which
    /// a frame would pad to a whole vector.
    fn by_patches(&self) -> bool {
        self.kernel != 3 || self.inputs < 8
    }

    /// The convolution of `x` with `[outputs, inputs, kernel, kernel]` weights.
    ///
    /// # Panics
    /// If `x` is no whole number of pictures, or there are not that many weights.
    #[must_use]
    pub fn forward(&self, x: &[f32], weights: &[f32]) -> Vec<f32> {
        let pictures = Self::count(x, self.input_len());
        assert_eq!(weights.len(), self.weights_len(), "the filter's weights");
        let (level, (lines, columns)) = (Level::best(), self.output());
        let mut dense = vec![0.0; pictures * lines * columns * padded(self.outputs)];
        if self.by_patches() {
            let stem = Stem::new(level, weights, [self.outputs, self.inputs, self.kernel], self.stride);
            let mut patches = vec![0.0; pictures * lines * columns * stem.patch()];
            stem.forward(self.size, x, &mut patches, &mut dense);
        } else {
            let frame = Frame::new(self.size.0, self.size.1, self.inputs);
            let framed = framed(x, pictures, self.inputs, frame);
            let filter = Filter::new(weights, [self.outputs, self.inputs, 3]);
            if self.stride == 1 {
                let weights = Weights::new(level, Form::choose(frame, pictures, filter.outputs), &filter);
                conv::convolve(&weights, frame, pictures, &framed, &mut dense, false);
            } else {
                let panels = conv::direct(level, &filter);
                conv::convolve_direct(&panels, self.stride, frame, pictures, &framed, &mut dense, false);
            }
        }
        planar(&dense, pictures, self.outputs, lines * columns)
    }

    /// The gradient by the input, from cotangents `g` of the output.
    ///
    /// # Panics
    /// If `g` is no whole number of pictures, or there are not that many weights.
    #[must_use]
    pub fn input_gradient(&self, g: &[f32], weights: &[f32]) -> Vec<f32> {
        let pictures = Self::count(g, self.output_len());
        assert_eq!(weights.len(), self.weights_len(), "the filter's weights");
        let (level, (lines, columns)) = (Level::best(), self.output());
        if self.by_patches() {
            let stem = Stem::new(level, weights, [self.outputs, self.inputs, self.kernel], self.stride);
            let dense = channels_last(g, pictures, self.outputs, lines * columns);
            let mut patches = vec![0.0; pictures * lines * columns * stem.padded_patch()];
            let mut out = vec![0.0; pictures * self.input_len()];
            stem.adjoint(self.size, &dense, &mut patches, &mut out);
            return out;
        }
        let frame = Frame::new(lines, columns, self.outputs);
        let framed = framed(g, pictures, self.outputs, frame);
        let filter = Filter::new(weights, [self.outputs, self.inputs, 3]).adjoint(self.stride == 1);
        let pixels = self.size.0 * self.size.1;
        let mut dense = vec![0.0; pictures * pixels * filter.outputs];
        if self.stride == 1 {
            let weights = Weights::new(level, Form::choose(frame, pictures, filter.outputs), &filter);
            conv::convolve(&weights, frame, pictures, &framed, &mut dense, false);
        } else {
            strided_adjoint(&conv::direct(level, &filter), frame, pictures, &framed, self.size, &mut dense);
        }
        planar(&dense, pictures, self.inputs, pixels)
    }

    /// The gradient by the weights, `[outputs, inputs, kernel, kernel]`, from inputs `x` and cotangents `g`.
    ///
    /// # Panics
    /// If `x` and `g` are not equally many whole pictures.
    #[must_use]
    pub fn weight_gradient(&self, x: &[f32], g: &[f32]) -> Vec<f32> {
        let pictures = Self::count(x, self.input_len());
        assert_eq!(pictures, Self::count(g, self.output_len()), "as many cotangents as inputs");
        let (level, (lines, columns)) = (Level::best(), self.output());
        if self.by_patches() {
            let unused = vec![0.0; self.weights_len()];
            let stem = Stem::new(level, &unused, [self.outputs, self.inputs, self.kernel], self.stride);
            let mut patches = vec![0.0; pictures * lines * columns * stem.patch()];
            stem.patches(self.size, x, &mut patches);
            let dense = channels_last(g, pictures, self.outputs, lines * columns);
            return stem.filter_gradient(self.outputs, &[(&patches, &dense)]);
        }
        let (from, to) = (Frame::new(self.size.0, self.size.1, self.inputs), Frame::new(lines, columns, self.outputs));
        let (x, g) = (framed(x, pictures, self.inputs, from), framed(g, pictures, self.outputs, to));
        let filter = conv::filter_gradient(level, self.stride, from, [self.outputs, pictures], &[(&x, &g)]);
        let mut gradient = vec![0.0; self.weights_len()];
        filter.write([self.outputs, self.inputs, 3], &mut gradient);
        gradient
    }
}

/// Dense channels-last pictures from planar ones.
fn channels_last(x: &[f32], pictures: usize, channels: usize, pixels: usize) -> Vec<f32> {
    let (from, to) = (channels * pixels, volume(&[padded(channels), pixels]));
    let mut out = vec![0.0; volume(&[pictures, to])];
    let shared = Shared::new(&mut out);
    split(pictures, 1, &|n, _| {
        // SAFETY: picture n has the values from n·to on, `to` of them, and `split` gives each picture to one task.
        to_channels_last(&x[n * from..][..from], channels, pixels, unsafe { shared.part(n * to, to) });
    });
    out
}

/// Framed pictures from planar ones.
fn framed(x: &[f32], pictures: usize, channels: usize, frame: Frame) -> Vec<f32> {
    let from = channels * frame.height * frame.width;
    let mut out = vec![0.0; volume(&[pictures, frame.len()])];
    let shared = Shared::new(&mut out);
    split(pictures, 1, &|n, _| {
        scratch::with(frame.dense(), |dense| {
            to_channels_last(&x[n * from..][..from], channels, frame.height * frame.width, dense);
            // SAFETY: picture n has the values from n·len on, `len` of them, and `split` gives each picture to one task.
            frame.fill(dense, unsafe { shared.part(n * frame.len(), frame.len()) });
        });
    });
    out
}

/// Planar pictures from dense channels-last ones.
fn planar(dense: &[f32], pictures: usize, channels: usize, pixels: usize) -> Vec<f32> {
    let (from, to) = (padded(channels) * pixels, volume(&[channels, pixels]));
    let mut out = vec![0.0; volume(&[pictures, to])];
    let shared = Shared::new(&mut out);
    split(pictures, 1, &|n, _| {
        // SAFETY: picture n has the values from n·to on, `to` of them, and `split` gives each picture to one task.
        to_planar(&dense[n * from..][..from], channels, pixels, unsafe { shared.part(n * to, to) });
    });
    out
}
