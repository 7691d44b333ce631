//! The bilinear read-out `u = Σ_pixels ⟨γ ⊙ P h, Q h⟩ / √C` and its gradient.

use super::conv::pointwise;
use super::layout::volume;
use super::outer::{Outer, accumulate};
use super::product::{Grid, Panels};
use super::scratch;
use super::share::{Shared, split};
use super::simd::{Kernel, Level, Simd, padded};

/// Pixels whose sum is taken in single precision.
const BLOCK_PIXELS: usize = 256;

/// P and Q side by side, and above each other with their roles exchanged.
#[derive(Debug, Clone)]
pub struct Readout {
    level: Level,
    channels: usize,
    /// `[Pᵀ Qᵀ]`, `[C, 2C]`: from h to (P h, Q h).
    forward: Panels,
    /// `[P; Q]`, `[2C, C]`: from (γ ⊙ Q h, γ ⊙ P h) to the gradient.
    gradient: Panels,
}

impl Readout {
    /// From P and Q, `[C, C]` each.
    #[must_use]
    pub fn new(level: Level, channels: usize, p: &[f32], q: &[f32]) -> Self {
        let wide = padded(channels);
        let mut forward = vec![0.0; wide * 2 * wide];
        let mut gradient = vec![0.0; 2 * wide * wide];
        for (half, matrix) in [p, q].into_iter().enumerate() {
            for (o, row) in matrix.chunks_exact(channels.max(1)).enumerate() {
                for (i, &weight) in row.iter().enumerate() {
                    forward[(i * 2 + half) * wide + o] = weight;
                    gradient[(half * wide + o) * wide + i] = weight;
                }
            }
        }
        Self {
            level,
            channels,
            forward: Panels::pack_rows(level, [1, wide, 2 * wide], &forward),
            gradient: Panels::pack_rows(level, [1, 2 * wide, wide], &gradient),
        }
    }

    /// Values that [`Self::forward`] keeps a pixel.
    #[must_use]
    pub fn kept(&self) -> usize {
        2 * padded(self.channels)
    }

    /// Adds the read-outs of dense pictures of `pixels` pixels to `u`, and keeps (γ ⊙ Q h, γ ⊙ P h) / √C in `kept`.
    ///
    /// Picture n's γ lies in `gamma` from `n·stride + start` on.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn forward(
        &self,
        pixels: usize,
        h: &[f32],
        (gamma, stride, start): (&[f32], usize, usize),
        kept: &mut [f32],
        u: &mut [f64],
    ) {
        let channels = padded(self.channels);
        assert!(kept.len() >= volume(&[u.len(), pixels, 2 * channels]), "what is kept must have room");
        let picture = pixels * 2 * channels;
        if picture == 0 || u.is_empty() {
            return;
        }
        pointwise(&self.forward, u.len() * pixels, h, kept, false);
        let scale = 1.0 / (self.channels as f32).sqrt();
        let blocks = pixels.div_ceil(BLOCK_PIXELS);
        for (n, (u, kept)) in u.iter_mut().zip(kept.chunks_exact_mut(picture)).enumerate() {
            let gamma = &gamma[n * stride + start..][..channels];
            *u += scratch::with(blocks, |sums| {
                let (kept, shared) = (Shared::new(kept), Shared::new(sums));
                split(blocks, 1, &|block, _| {
                    let first = block * BLOCK_PIXELS;
                    let count = BLOCK_PIXELS.min(pixels - first);
                    // SAFETY: each block has its own pixels, whose places do not overflow, as was checked above, and its
                    // own sum, and `split` gives each block to one task.
                    let (kept, sum) =
                        unsafe { (kept.part(first * 2 * channels, count * 2 * channels), shared.part(block, 1)) };
                    sum[0] = self.level.run(Exchange { kept, gamma, scale });
                });
                sums.iter().map(|&sum| f64::from(sum)).sum::<f64>()
            });
        }
    }

    /// (P h, Q h) of `pixels` dense pixels.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn project(&self, pixels: usize, h: &[f32], out: &mut [f32]) {
        pointwise(&self.forward, pixels, h, out, false);
    }

    /// Turns one picture's (P h, Q h) into `(γ ⊙ Q h, γ ⊙ P h)·scale / √C`: what [`Self::gradient`] takes.
    ///
    /// # Panics
    /// If `out` is shorter than `projected`.
    pub fn exchange(&self, scale: f32, gamma: &[f32], projected: &[f32], out: &mut [f32]) {
        out[..projected.len()].copy_from_slice(projected);
        let scale = scale / (self.channels as f32).sqrt();
        let gamma = &gamma[..padded(self.channels)];
        self.level.run(Exchange { kept: &mut out[..projected.len()], gamma, scale });
    }

    /// The cotangent of γ from one picture's (P h, Q h) and (P ḣ, Q ḣ), where the read-out's tangent has the cotangent
    /// `scale`: `scale·Σ_pixels (P ḣ ⊙ Q h + P h ⊙ Q ḣ) / √C`.
    pub fn gamma_cotangent(&self, scale: f32, projected: &[f32], tangent: &[f32], out: &mut [f32]) {
        let channels = padded(self.channels);
        let scale = scale / (self.channels as f32).sqrt();
        out[..channels].fill(0.0);
        for (h, t) in projected.chunks_exact(2 * channels).zip(tangent.chunks_exact(2 * channels)) {
            let (p, q) = h.split_at(channels);
            let (dp, dq) = t.split_at(channels);
            for (c, out) in out[..channels].iter_mut().enumerate() {
                *out += scale * (dp[c] * q[c] + p[c] * dq[c]);
            }
        }
    }

    /// The gradients by P and Q, `[C, C]` each: `Σ` over pairs of (what [`Self::exchange`] gave, dense h).
    ///
    /// # Panics
    /// If there are fewer pixels on one side.
    #[must_use]
    pub fn weight_gradient(&self, pairs: &[(&[f32], &[f32])]) -> [Vec<f32>; 2] {
        let (channels, wide) = (self.channels, padded(self.channels));
        let mut sums = vec![0.0; 2 * wide * wide];
        for (exchanged, h) in pairs {
            let outer = Outer {
                left: (exchanged, Grid::lines(2 * wide)),
                inputs: 2 * wide,
                right: (h, Grid::lines(wide)),
                outputs: wide,
                rows: h.len() / wide,
            };
            accumulate(self.level, &outer, &mut sums);
        }
        [0, 1].map(|half| {
            let rows = sums[half * wide * wide..].chunks_exact(wide).take(channels);
            rows.flat_map(|row| &row[..channels]).copied().collect()
        })
    }

    /// The gradient of the read-out by h, from what [`Self::forward`] kept of `pixels` pixels.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn gradient(&self, pixels: usize, kept: &[f32], out: &mut [f32]) {
        pointwise(&self.gradient, pixels, kept, out, false);
    }
}

/// Turns (P h, Q h) into (γ ⊙ Q h, γ ⊙ P h)·scale in place, and returns `Σ γ ⊙ P h ⊙ Q h·scale`.
struct Exchange<'a> {
    kept: &'a mut [f32],
    gamma: &'a [f32],
    scale: f32,
}

impl Kernel for Exchange<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let channels = self.gamma.len();
        let mut sum = s.splat(0.0);
        for pixel in self.kept.chunks_exact_mut(2 * channels) {
            let (p, q) = pixel.split_at_mut(channels);
            let pairs = p.chunks_exact_mut(S::LANES).zip(q.chunks_exact_mut(S::LANES));
            for ((p, q), gamma) in pairs.zip(self.gamma.chunks_exact(S::LANES)) {
                let gamma = s.mul(s.load(gamma), s.splat(self.scale));
                let (ph, qh) = (s.mul(s.load(p), gamma), s.load(q));
                sum = s.fma(ph, qh, sum);
                s.store(p, s.mul(qh, gamma));
                s.store(q, ph);
            }
        }
        let mut lanes = [0.0; super::simd::WIDEST];
        s.store(&mut lanes, sum);
        lanes[..S::LANES].iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::tests::{assert_close, noise};

    /// The read-out of one picture, unpadded, in double precision: its value, its gradient by h, and those by P and Q.
    struct Naive {
        value: f64,
        gradient: Vec<f64>,
        weights: [Vec<f64>; 2],
    }

    fn naive(channels: usize, h: &[f32], [p, q]: [&[f32]; 2], gamma: &[f32]) -> Naive {
        let scale = 1.0 / (channels as f64).sqrt();
        let area = channels * channels;
        let mut found = Naive { value: 0.0, gradient: vec![0.0; h.len()], weights: [vec![0.0; area], vec![0.0; area]] };
        for (h, gradient) in h.chunks_exact(channels).zip(found.gradient.chunks_exact_mut(channels)) {
            let times = |matrix: &[f32], o: usize| -> f64 {
                (0..channels).map(|i| f64::from(matrix[o * channels + i]) * f64::from(h[i])).sum()
            };
            for o in 0..channels {
                let gamma = f64::from(gamma[o]) * scale;
                let (ph, qh) = (times(p, o), times(q, o));
                found.value += gamma * ph * qh;
                for i in 0..channels {
                    let at = o * channels + i;
                    gradient[i] += gamma * (qh * f64::from(p[at]) + ph * f64::from(q[at]));
                    found.weights[0][at] += gamma * qh * f64::from(h[i]);
                    found.weights[1][at] += gamma * ph * f64::from(h[i]);
                }
            }
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn readouts_and_their_gradients_match_plain_loops(
            pictures in 0..4_usize,
            channels in prop_oneof![1..6_usize, Just(16), Just(19), Just(40)],
            // Up to three blocks of pixels.
            pixels in prop_oneof![1..40_usize, 250..600_usize],
            seed: u64,
        ) {
            let wide = padded(channels);
            let (p, q) = (noise(seed, channels * channels), noise(seed ^ 1, channels * channels));
            let h = noise(seed ^ 2, pictures * pixels * channels);
            // γ among other layers' values, its padding zero.
            let (stride, start) = (wide + 7, 3);
            let mut gamma = noise(seed ^ 3, pictures * stride);
            gamma.chunks_exact_mut(stride).for_each(|row| row[start + channels..start + wide].fill(0.0));
            let mut dense = vec![0.0; pictures * pixels * wide];
            for (to, from) in dense.chunks_exact_mut(wide).zip(h.chunks_exact(channels)) {
                to[..channels].copy_from_slice(from);
            }
            for level in Level::available() {
                let readout = Readout::new(level, channels, &p, &q);
                let mut kept = vec![f32::NAN; pictures * pixels * readout.kept()];
                let mut values = vec![0.25; pictures];
                readout.forward(pixels, &dense, (&gamma, stride, start), &mut kept, &mut values);
                let mut gradients = vec![f32::NAN; dense.len()];
                readout.gradient(pictures * pixels, &kept, &mut gradients);
                for n in 0..pictures {
                    let rows = n * pixels..(n + 1) * pixels;
                    let row = &gamma[n * stride + start..][..wide];
                    let truth = naive(channels, &h[rows.start * channels..rows.end * channels], [&p, &q], row);
                    let terms = (pixels * channels) as f64;
                    prop_assert!((values[n] - 0.25 - truth.value).abs() <= 1e-6 * terms, "{}", level.name());
                    let unpad = |values: &[f32]| -> Vec<f32> {
                        values.chunks_exact(wide).flat_map(|pixel| &pixel[..channels]).copied().collect()
                    };
                    let gradient = unpad(&gradients[rows.start * wide..rows.end * wide]);
                    assert_close(&gradient, &truth.gradient, level.name());
                    // What training takes: the same from the projections, and the gradients by P and Q.
                    let h = &dense[rows.start * wide..rows.end * wide];
                    let mut projected = vec![f32::NAN; pixels * readout.kept()];
                    readout.project(pixels, h, &mut projected);
                    let mut exchanged = vec![f32::NAN; projected.len()];
                    readout.exchange(1.0, row, &projected, &mut exchanged);
                    let kept = &kept[rows.start * 2 * wide..rows.end * 2 * wide];
                    let kept: Vec<f64> = kept.iter().map(|v| f64::from(*v)).collect();
                    assert_close(&exchanged, &kept, level.name());
                    for (found, truth) in readout.weight_gradient(&[(&exchanged, h)]).iter().zip(&truth.weights) {
                        assert_close(found, truth, level.name());
                    }
                    // γ's cotangent at the tangent ḣ = h is twice the gradient by γ, and Σγ∂u/∂γ = u.
                    let mut cotangent = vec![f32::NAN; wide];
                    readout.gamma_cotangent(0.5, &projected, &projected, &mut cotangent);
                    let back: f64 = cotangent.iter().zip(row).map(|(c, g)| f64::from(*c) * f64::from(*g)).sum();
                    prop_assert!((back - truth.value).abs() <= 1e-6 * terms, "{} γ", level.name());
                }
            }
        }
    }
}
