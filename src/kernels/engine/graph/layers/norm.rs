//! The group norm that preserves the scale, with a gain.
//!
//! With `d = √(variance + ε)` of a group of L values, `ρ = 1/d`, s² the mean of all groups' d², `x̂ = ρ(x − mean)` and N values in
//! all, the value is `G ⊙ s·x̂`. Let `J(t) = ρ(t − mean t − x̂·mean(t x̂))`, which is its own adjoint, and M the mean over groups. Then
//! along ẋ, with `α = mean(ẋ x̂)` of each group, s changes by `s′ = Σ(x − mean)ẋ/(sN) = M(d α)/s`, and
//!
//! ```text
//! tangent           G ⊙ (s·J(ẋ) + s′·x̂)
//! pullback of w     s·J(Gw) + M(mean(Gw x̂))/s · d x̂
//! reverse of ⟨w, s·J(ẋ) + s′x̂⟩ (w with its gain)
//!                   M(mean(w J(ẋ)))/s · d x̂ − s·ρ(mean(w x̂)·J(ẋ) + α·J(w) + x̂·mean(w J(ẋ)))
//!                   + s′·J(w) + M(mean(w x̂))/s · (d J(ẋ) + α x̂ − s′/s · d x̂)
//! ```

use super::{At, Kept, Layer, Pass, Passes, Shapes};
use crate::kernels::engine::graph::channels::{combine, sums};

/// Added to the variances under the roots.
const EPSILON: f64 = 1e-5;

/// The values' buffers: x̂, and d and s, a value a channel.
const NORMAL: usize = 0;
const DEVIATION: usize = 1;
const SCALE: usize = 2;
/// The tangents' buffers: J(ẋ), and α and s′, a value a channel.
const ALONG: usize = 1;
const SLOPE: usize = 2;
/// The pullback's buffer, where it is asked for: what it was given.
const GIVEN: usize = 0;

#[derive(Debug)]
pub(super) struct ScaleNorm {
    /// Channels in a group.
    pub group: usize,
    /// Where the gains begin in a row of the film.
    pub start: usize,
}

/// One picture's channels.
struct Channels<'a> {
    group: usize,
    count: usize,
    padded: usize,
    pixels: usize,
    gain: &'a [f32],
}

impl ScaleNorm {
    fn channels<'a>(&self, at: &'a At, picture: usize) -> Channels<'a> {
        let shape = at.shapes.out;
        let row = &at.film[picture * at.common.film_row()..][self.start..];
        Channels {
            group: self.group,
            count: shape.channels,
            padded: shape.frame.channels,
            pixels: shape.frame.height * shape.frame.width,
            gain: &row[..shape.frame.channels],
        }
    }
}

impl Channels<'_> {
    /// Each channel's group's mean of what `sums`, a value a channel, are the sums over the pixels of; each weighed by the
    /// gain, if `gained`.
    fn means(&self, sums: &[f64], gained: bool) -> Vec<f64> {
        let mut means = vec![0.0; self.padded];
        let count = (self.group * self.pixels) as f64;
        for first in (0..self.count).step_by(self.group) {
            let group = first..first + self.group;
            let weight = |c: usize| if gained { f64::from(self.gain[c]) } else { 1.0 };
            let mean = group.clone().map(|c| weight(c) * sums[c]).sum::<f64>() / count;
            means[group].fill(mean);
        }
        means
    }

    /// The mean over the groups of a value a channel.
    fn over_groups(&self, values: impl Fn(usize) -> f64) -> f64 {
        let groups = (0..self.count).step_by(self.group);
        groups.map(values).sum::<f64>() / (self.count / self.group) as f64
    }

    /// A value a channel; the padding has zeros.
    fn factors(&self, value: impl Fn(usize) -> f64) -> Vec<f32> {
        (0..self.padded).map(|c| if c < self.count { value(c) as f32 } else { 0.0 }).collect()
    }
}

impl Layer for ScaleNorm {
    fn memory(&self, pass: Pass, asked: bool, shapes: &Shapes, count: usize) -> Kept {
        let (values, row) = (count * shapes.out.len(), count * shapes.out.frame.channels);
        match pass {
            Pass::Values | Pass::Tangents => Kept::zeros([values, row, row]),
            Pass::Pullback if asked => Kept::zeros([values]),
            Pass::Pullback | Pass::Reverse => Kept::default(),
        }
    }

    fn forward(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], kept: &mut Kept) {
        let (level, len, row) = (at.common.level, at.shapes.out.len(), at.shapes.out.frame.channels);
        let [normal, deviation, scale] = &mut kept.0[..] else { return };
        let mut found = vec![0.0; row];
        for (picture, (x, out)) in inputs[0].chunks_exact(len).zip(out.chunks_exact_mut(len)).enumerate() {
            let channels = self.channels(at, picture);
            let normal = &mut normal[picture * len..][..len];
            sums(level, row, [(x, None)], &mut found);
            let mean = channels.means(&found, false);
            // Centred first, so that the squares keep their digits.
            let ones = channels.factors(|_| 1.0);
            combine(level, [(&ones, x)], &channels.factors(|c| -mean[c]), out);
            sums(level, row, [(out, Some(out))], &mut found);
            let d: Vec<f64> = channels.means(&found, false).iter().map(|v| (v + EPSILON).sqrt()).collect();
            let s = channels.over_groups(|c| d[c] * d[c]).sqrt();
            let zeros = channels.factors(|_| 0.0);
            combine(level, [(&channels.factors(|c| 1.0 / d[c]), out)], &zeros, normal);
            combine(level, [(&channels.factors(|c| s * f64::from(channels.gain[c])), normal)], &zeros, out);
            deviation[picture * row..][..row].copy_from_slice(&channels.factors(|c| d[c]));
            scale[picture * row..][..row].copy_from_slice(&channels.factors(|_| s));
        }
    }

    fn tangent(&self, at: &At, inputs: [&[f32]; 2], out: &mut [f32], values: &Kept, kept: &mut Kept) {
        let (level, len, row) = (at.common.level, at.shapes.out.len(), at.shapes.out.frame.channels);
        let [moved, along, slope] = &mut kept.0[..] else { return };
        let mut found = vec![0.0; 2 * row];
        for (index, (x, out)) in inputs[0].chunks_exact(len).zip(out.chunks_exact_mut(len)).enumerate() {
            let picture = at.picture(index);
            let channels = self.channels(at, picture);
            let (normal, moved) = (values.of(NORMAL, picture, len), &mut moved[index * len..][..len]);
            let d = doubles(values.of(DEVIATION, picture, row));
            let s = f64::from(values.of(SCALE, picture, row)[0]);
            sums(level, row, [(x, None), (x, Some(normal))], &mut found);
            let (mean, a) = (channels.means(&found[..row], false), channels.means(&found[row..], false));
            let change = channels.over_groups(|c| d[c] * a[c]) / s;
            let terms = [(&channels.factors(|c| 1.0 / d[c])[..], x), (&channels.factors(|c| -a[c] / d[c]), normal)];
            combine(level, terms, &channels.factors(|c| -mean[c] / d[c]), moved);
            let gained = |by: f64| channels.factors(|c| by * f64::from(channels.gain[c]));
            combine(level, [(&gained(s), moved), (&gained(change), normal)], &channels.factors(|_| 0.0), out);
            along[index * row..][..row].copy_from_slice(&channels.factors(|c| a[c]));
            slope[index * row..][..row].copy_from_slice(&channels.factors(|_| change));
        }
    }

    fn pullback(&self, at: &At, g: &[f32], values: &Kept, kept: &mut Kept, outs: [&mut [f32]; 2]) {
        let (level, len, row) = (at.common.level, at.shapes.out.len(), at.shapes.out.frame.channels);
        if let Some(given) = kept.0.get_mut(GIVEN) {
            given.copy_from_slice(g);
        }
        let [out, _] = outs;
        let mut found = vec![0.0; 2 * row];
        for (index, (g, out)) in g.chunks_exact(len).zip(out.chunks_exact_mut(len)).enumerate() {
            let picture = at.picture(index);
            let channels = self.channels(at, picture);
            let normal = values.of(NORMAL, picture, len);
            let d = doubles(values.of(DEVIATION, picture, row));
            let s = f64::from(values.of(SCALE, picture, row)[0]);
            sums(level, row, [(g, None), (g, Some(normal))], &mut found);
            let (mean, along) = (channels.means(&found[..row], true), channels.means(&found[row..], true));
            let total = channels.over_groups(|c| along[c]) / s;
            let terms = [
                (&channels.factors(|c| s / d[c] * f64::from(channels.gain[c]))[..], g),
                (&channels.factors(|c| d[c] * total - s / d[c] * along[c]), normal),
            ];
            combine(level, terms, &channels.factors(|c| -s / d[c] * mean[c]), out);
        }
    }

    fn reverse(&self, at: &At, g: &[f32], passes: Passes, _: &mut Kept, film: &mut [f32], outs: [&mut [f32]; 2]) {
        let (level, len, row) = (at.common.level, at.shapes.out.len(), at.shapes.out.frame.channels);
        let [out, _] = outs;
        let mut found = vec![0.0; 5 * row];
        for (index, (r, out)) in g.chunks_exact(len).zip(out.chunks_exact_mut(len)).enumerate() {
            let picture = at.picture(index);
            let channels = self.channels(at, picture);
            let (normal, moved) = (passes.values.of(NORMAL, picture, len), passes.tangents.of(NORMAL, index, len));
            let q = passes.pullback.of(GIVEN, at.rows.pulled(index), len);
            let d = doubles(passes.values.of(DEVIATION, picture, row));
            let a = doubles(passes.tangents.of(ALONG, index, row));
            let s = f64::from(passes.values.of(SCALE, picture, row)[0]);
            let change = f64::from(passes.tangents.of(SLOPE, index, row)[0]);
            let pairs = [(r, None), (r, Some(normal)), (q, None), (q, Some(normal)), (q, Some(moved))];
            sums(level, row, pairs, &mut found);
            let gains =
                film.chunks_exact_mut(at.common.film_row()).nth(index).map(|film| &mut film[self.start..][..row]);
            for (c, gain) in gains.into_iter().flatten().enumerate() {
                *gain = (s * found[row + c] + s * found[4 * row + c] + change * found[3 * row + c]) as f32;
            }
            let mut means = found.chunks_exact(row).map(|sums| channels.means(sums, true));
            let [r0, r1, q0, q1, q2] = std::array::from_fn(|_| means.next().unwrap_or_default());
            let [of_r, of_q, of_t] = [&r1, &q1, &q2].map(|means| channels.over_groups(|c| means[c]) / s);
            // What J(w) is multiplied by, and with its own ρ.
            let bent = |c: usize| (change - s / d[c] * a[c]) / d[c];
            let gain = |c: usize| f64::from(channels.gain[c]);
            let of_normal = |c: usize| {
                d[c] * (of_r + of_t - of_q * change / s) + of_q * a[c] - s / d[c] * (r1[c] + q2[c]) - bent(c) * q1[c]
            };
            let terms = [
                (&channels.factors(|c| s / d[c] * gain(c))[..], r),
                (&channels.factors(|c| bent(c) * gain(c)), q),
                (&channels.factors(|c| d[c] * of_q - s / d[c] * q1[c]), moved),
                (&channels.factors(of_normal), normal),
            ];
            combine(level, terms, &channels.factors(|c| -s / d[c] * r0[c] - bent(c) * q0[c]), out);
        }
    }
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

#[cfg(test)]
#[path = "norm_tests.rs"]
mod tests;
