//! The kernels against plain loops in double precision, over shapes that a vector does not like, at every level that the
//! processor has.

use proptest::prelude::*;

use super::conv::{self, Form, Weights};
use super::layout::{Filter, Frame, Pair, to_channels_last, to_planar};
use super::simd::{Level, padded};
use super::stem::Stem;
use super::winograd::Size;

/// Values in −1..1 that look random, from a seed.
pub fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A convolution with a border of one (for a kernel of 1: none), planar, in double precision.
#[derive(Debug, Clone, Copy)]
pub struct Naive {
    pub pictures: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub size: (usize, usize),
    pub kernel: usize,
    pub stride: usize,
}

impl Naive {
    pub fn output(&self) -> (usize, usize) {
        (self.size.0.div_ceil(self.stride), self.size.1.div_ceil(self.stride))
    }

    pub fn input_len(&self) -> usize {
        self.pictures * self.inputs * self.size.0 * self.size.1
    }

    pub fn output_len(&self) -> usize {
        self.pictures * self.outputs * self.output().0 * self.output().1
    }

    pub fn weights_len(&self) -> usize {
        self.outputs * self.inputs * self.kernel * self.kernel
    }

    /// Calls `f(input index, weight index, output index)` for every product of the convolution.
    fn each(&self, mut f: impl FnMut(usize, usize, usize)) {
        let ((height, width), (lines, columns)) = (self.size, self.output());
        let border = usize::from(self.kernel > 1);
        for n in 0..self.pictures {
            for o in 0..self.outputs {
                for i in 0..self.inputs {
                    for y in 0..lines {
                        for x in 0..columns {
                            for tap_y in 0..self.kernel {
                                for tap_x in 0..self.kernel {
                                    let (from_y, from_x) = (y * self.stride + tap_y, x * self.stride + tap_x);
                                    let inside = |from: usize, size| (border..size + border).contains(&from);
                                    if inside(from_y, height) && inside(from_x, width) {
                                        let (from_y, from_x) = (from_y - border, from_x - border);
                                        f(
                                            ((n * self.inputs + i) * height + from_y) * width + from_x,
                                            ((o * self.inputs + i) * self.kernel + tap_y) * self.kernel + tap_x,
                                            ((n * self.outputs + o) * lines + y) * columns + x,
                                        );
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    pub fn forward(&self, x: &[f32], w: &[f32]) -> Vec<f64> {
        let mut out = vec![0.0; self.output_len()];
        self.each(|i, k, o| out[o] += f64::from(x[i]) * f64::from(w[k]));
        out
    }

    pub fn input_gradient(&self, g: &[f32], w: &[f32]) -> Vec<f64> {
        let mut out = vec![0.0; self.input_len()];
        self.each(|i, k, o| out[i] += f64::from(g[o]) * f64::from(w[k]));
        out
    }

    pub fn weight_gradient(&self, x: &[f32], g: &[f32]) -> Vec<f64> {
        let mut out = vec![0.0; self.weights_len()];
        self.each(|i, k, o| out[k] += f64::from(x[i]) * f64::from(g[o]));
        out
    }
}

/// Asserts that `found` is `truth` up to 10⁻⁵ of the largest value.
pub fn assert_close(found: &[f32], truth: &[f64], what: &str) {
    assert_eq!(found.len(), truth.len(), "{what}");
    let largest = truth.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(truth).enumerate() {
        assert!((f64::from(*a) - b).abs() <= 1e-5 * largest, "{what}: value {i} is {a}, not {b} (largest {largest})");
    }
}

/// Planar pictures as framed ones.
fn framed(planar: &[f32], pictures: usize, channels: usize, (height, width): (usize, usize)) -> (Frame, Vec<f32>) {
    let frame = Frame::new(height, width, channels);
    let mut dense = vec![0.0; pictures * frame.dense()];
    to_channels_last(planar, channels, height * width, &mut dense);
    let mut out = vec![0.0; pictures * frame.len()];
    frame.fill(&dense, &mut out);
    (frame, out)
}

fn planar(dense: &[f32], pictures: usize, channels: usize, (height, width): (usize, usize)) -> Vec<f32> {
    let mut out = vec![0.0; pictures * channels * height * width];
    to_planar(dense, channels, height * width, &mut out);
    out
}

fn shapes(strides: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Naive> {
    let channels = || prop_oneof![1..6_usize, 14..19_usize, Just(40), Just(48), Just(64)];
    (0..4_usize, channels(), channels(), 1..11_usize, 1..11_usize, strides).prop_map(
        |(pictures, inputs, outputs, height, width, stride)| Naive {
            pictures,
            inputs,
            outputs,
            size: (height, width),
            kernel: 3,
            stride,
        },
    )
}

const FORMS: [Form; 3] = [Form::Direct, Form::Winograd(Size::Two), Form::Winograd(Size::Four)];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_match_plain_loops(shape in shapes(1..=1), seed: u64, add: bool) {
        let Naive { pictures, inputs, outputs, size, .. } = shape;
        let (x, w) = (noise(seed, shape.input_len()), noise(seed ^ 1, shape.weights_len()));
        let mut truth = shape.forward(&x, &w);
        if add {
            for v in &mut truth {
                *v += 0.5;
            }
        }
        let filter = Filter::new(&w, [outputs, inputs, 3]);
        let (frame, x) = framed(&x, pictures, inputs, size);
        for level in Level::available() {
            for form in FORMS {
                let weights = Weights::new(level, form, &filter);
                let mut out = vec![if add { 0.5 } else { f32::NAN }; pictures * size.0 * size.1 * padded(outputs)];
                conv::convolve(&weights, frame, pictures, &x, &mut out, add);
                assert_close(&planar(&out, pictures, outputs, size), &truth, &format!("{} {form:?}", level.name()));
            }
        }
    }

    #[test]
    fn strided_convolutions_and_adjoints_match_plain_loops(shape in shapes(1..=2), seed: u64) {
        let Naive { pictures, inputs, outputs, size, stride, .. } = shape;
        let (x, w) = (noise(seed, shape.input_len()), noise(seed ^ 1, shape.weights_len()));
        let g = noise(seed ^ 2, shape.output_len());
        let filter = Filter::new(&w, [outputs, inputs, 3]);
        let (frame, x_framed) = framed(&x, pictures, inputs, size);
        let (output, g_framed) = framed(&g, pictures, outputs, shape.output());
        for level in Level::available() {
            let mut out = vec![f32::NAN; pictures * output.dense()];
            conv::convolve_direct(&conv::direct(level, &filter), stride, frame, pictures, &x_framed, &mut out, false);
            let found = planar(&out, pictures, outputs, shape.output());
            assert_close(&found, &shape.forward(&x, &w), level.name());
            let mut out = vec![f32::NAN; pictures * frame.dense()];
            if stride == 1 {
                for form in FORMS {
                    let weights = Weights::new(level, form, &filter.adjoint(true));
                    conv::convolve(&weights, output, pictures, &g_framed, &mut out, false);
                    let found = planar(&out, pictures, inputs, size);
                    assert_close(&found, &shape.input_gradient(&g, &w), &format!("{} {form:?}", level.name()));
                }
            } else {
                let panels = conv::direct(level, &filter.adjoint(false));
                conv::strided_adjoint(&panels, output, pictures, &g_framed, size, &mut out);
                let found = planar(&out, pictures, inputs, size);
                assert_close(&found, &shape.input_gradient(&g, &w), level.name());
            }
        }
    }

    #[test]
    fn filter_gradients_match_plain_loops(shape in shapes(1..=2), pairs in 1..3_usize, seed: u64) {
        let Naive { pictures, inputs, outputs, size, stride, .. } = shape;
        let mut truth = vec![0.0; shape.weights_len()];
        let mut frames = Vec::new();
        for pair in 0..pairs {
            // Of the second pair a picture less, if there is one.
            let shape = Naive { pictures: pictures.saturating_sub(pair), ..shape };
            let seed = seed ^ (2 * pair as u64);
            let (x, g) = (noise(seed, shape.input_len()), noise(seed ^ 1, shape.output_len()));
            truth.iter_mut().zip(shape.weight_gradient(&x, &g)).for_each(|(sum, v)| *sum += v);
            let g = framed(&g, shape.pictures, outputs, shape.output()).1;
            frames.push((framed(&x, shape.pictures, inputs, size).1, g, shape.pictures));
        }
        let pairs: Vec<Pair> =
            frames.iter().map(|(framed, cotangents, pictures)| Pair { framed, cotangents, pictures: *pictures }).collect();
        let frame = Frame::new(size.0, size.1, inputs);
        for level in Level::available() {
            let filter = conv::filter_gradient(level, stride, frame, outputs, &pairs);
            let mut found = vec![f32::NAN; truth.len()];
            filter.write([outputs, inputs, 3], &mut found);
            assert_close(&found, &truth, level.name());
        }
    }

    #[test]
    fn products_of_pixels_match_plain_loops(
        rows in 0..70_usize,
        inputs in prop_oneof![1..20_usize, Just(48), Just(100)],
        outputs in prop_oneof![1..20_usize, Just(48), Just(100)],
        seed: u64,
        add: bool,
    ) {
        let shape = Naive { pictures: 1, inputs, outputs, size: (1, rows), kernel: 1, stride: 1 };
        let (x, w) = (noise(seed, shape.input_len()), noise(seed ^ 1, shape.weights_len()));
        let mut truth = shape.forward(&x, &w);
        if add {
            for v in &mut truth {
                *v += 0.5;
            }
        }
        let mut dense = vec![0.0; rows * padded(inputs)];
        to_channels_last(&x, inputs, rows, &mut dense);
        let filter = Filter::new(&w, [outputs, inputs, 1]);
        for level in Level::available() {
            let mut out = vec![if add { 0.5 } else { f32::NAN }; rows * padded(outputs)];
            conv::pointwise(&conv::direct(level, &filter), rows, &dense, &mut out, add);
            assert_close(&planar(&out, 1, outputs, (1, rows)), &truth, level.name());
        }
    }

    #[test]
    fn stems_match_plain_loops(
        shape in shapes(1..=2),
        inputs in 1..4_usize,
        wide: bool,
        seed: u64,
    ) {
        let (kernel, stride) = if wide { (4, 2) } else { (3, shape.stride) };
        let shape = Naive { inputs, kernel, stride, ..shape };
        let (x, w) = (noise(seed, shape.input_len()), noise(seed ^ 1, shape.weights_len()));
        let g = noise(seed ^ 2, shape.output_len());
        let Naive { pictures, outputs, .. } = shape;
        let (lines, columns) = shape.output();
        for level in Level::available() {
            let stem = Stem::new(level, &w, [outputs, inputs, kernel], stride);
            let pixels = pictures * lines * columns;
            let mut out = vec![f32::NAN; pixels * padded(outputs)];
            let mut patches = vec![f32::NAN; pixels * stem.patch()];
            stem.forward(shape.size, &x, &mut patches, &mut out);
            assert_close(&planar(&out, pictures, outputs, (lines, columns)), &shape.forward(&x, &w), level.name());
            let mut dense = vec![0.0; pixels * padded(outputs)];
            to_channels_last(&g, outputs, lines * columns, &mut dense);
            let mut found = vec![f32::NAN; x.len()];
            stem.adjoint(shape.size, &dense, &mut vec![0.0; pixels * stem.padded_patch()], &mut found);
            assert_close(&found, &shape.input_gradient(&g, &w), level.name());
            let found = stem.filter_gradient(outputs, &[(&patches, &dense)]);
            assert_close(&found, &shape.weight_gradient(&x, &g), level.name());
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let shape = Naive { pictures: 9, inputs: 64, outputs: 96, size: (18, 21), kernel: 3, stride: 1 };
            let (x, w) = (noise(1, shape.input_len()), noise(2, shape.weights_len()));
            let (frame, x) = framed(&x, shape.pictures, shape.inputs, shape.size);
            let filter = Filter::new(&w, [shape.outputs, shape.inputs, 3]);
            FORMS.map(|form| {
                let mut out = vec![0.0; shape.output_len()];
                conv::convolve(&Weights::new(Level::best(), form, &filter), frame, 9, &x, &mut out, false);
                out
            })
        })
    };
    let one = run(1);
    assert!(one.iter().all(|out| out.iter().any(|v| *v != 0.0)));
    for threads in [2, 3, 7] {
        assert!(run(threads) == one, "{threads} threads give other bits than one");
    }
}
