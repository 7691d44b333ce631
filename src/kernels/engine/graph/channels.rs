//! Sums and weighted sums of dense channels-last pictures, a channel at a time: what norms are made of.

use crate::kernels::simd::{Kernel, Level, Simd};

/// Pixels whose sums are taken in single precision.
const BLOCK_PIXELS: usize = 256;

/// For each of N pairs of one picture's values, and for each channel, the sum over the pixels of their products, into
/// `sums`, `[N, channels]`. A pair of none is the sum of its first.
pub(super) fn sums<const N: usize>(
    level: Level,
    channels: usize,
    pairs: [(&[f32], Option<&[f32]>); N],
    sums: &mut [f64],
) {
    sums.fill(0.0);
    let mut block = vec![0.0; N * channels];
    let len = pairs[0].0.len();
    for start in (0..len).step_by(BLOCK_PIXELS * channels) {
        let end = len.min(start + BLOCK_PIXELS * channels);
        let pairs = pairs.map(|(a, b)| (&a[start..end], b.map(|b| &b[start..end])));
        level.run(Sums { pairs, channels, out: &mut block });
        sums.iter_mut().zip(&block).for_each(|(sum, v)| *sum += f64::from(*v));
    }
}

/// `out = constant + Σ coefficient ⊙ values` for one picture, with a constant and coefficients a channel.
pub(super) fn combine<const N: usize>(level: Level, terms: [(&[f32], &[f32]); N], constant: &[f32], out: &mut [f32]) {
    level.run(Combine { terms, constant, out });
}

struct Sums<'a, const N: usize> {
    pairs: [(&'a [f32], Option<&'a [f32]>); N],
    channels: usize,
    out: &'a mut [f32],
}

impl<const N: usize> Kernel for Sums<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { pairs, channels, out } = self;
        for (n, (a, b)) in pairs.into_iter().enumerate() {
            for c in (0..channels).step_by(S::LANES) {
                // Two chains, so that an addition need not wait for the one before it.
                let mut sum = [s.splat(0.0); 2];
                for (i, at) in (c..a.len()).step_by(channels).enumerate() {
                    let value = s.load(&a[at..]);
                    sum[i % 2] = match b {
                        None => s.add(sum[i % 2], value),
                        Some(b) => s.fma(value, s.load(&b[at..]), sum[i % 2]),
                    };
                }
                s.store(&mut out[n * channels + c..], s.add(sum[0], sum[1]));
            }
        }
    }
}

struct Combine<'a, const N: usize> {
    terms: [(&'a [f32], &'a [f32]); N],
    constant: &'a [f32],
    out: &'a mut [f32],
}

impl<const N: usize> Kernel for Combine<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { terms, constant, out } = self;
        let channels = constant.len();
        for c in (0..channels).step_by(S::LANES) {
            let (constant, factors) = (s.load(&constant[c..]), terms.map(|(factors, _)| s.load(&factors[c..])));
            for at in (c..out.len()).step_by(channels) {
                let mut value = constant;
                for ((_, values), factor) in terms.iter().zip(factors) {
                    value = s.fma(s.load(&values[at..]), factor, value);
                }
                s.store(&mut out[at..], value);
            }
        }
    }
}
