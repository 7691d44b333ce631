//! What training and second derivatives ask of the activation besides its value and its pullback: the tangent, and the reverse
//! pass of value and tangent together, which is the derivative of what holds the pullback.
//!
//! With `x̂ = (x − mean)·ρ` over a group's L values, `a = x̂G + O`, `J` the norm's derivative
//! `J(t) = ρ(t − mean t − x̂·mean(t x̂))`, which is its own adjoint: value `GELU(a)`, tangent `GELU'(a)·G ⊙ J(ẋ)`.

use std::ops::Range;

use super::{Film, Norm, Place, Tape};
use crate::kernels::gelu::normal;
use crate::kernels::scratch;
use crate::kernels::simd::{Kernel, Level, Simd};

/// What the tangent pass keeps for the reverse pass, for as many pictures as there is room.
#[derive(Debug, Clone, Default)]
pub struct Tangent {
    /// `J(ẋ)`, dense.
    pub normal: Vec<f32>,
    /// The group's mean of `ẋ ⊙ x̂` for each channel, `[pictures, channels]`.
    pub along: Vec<f32>,
}

impl Tangent {
    /// Makes room for `pictures` pictures.
    pub fn resize(&mut self, norm: &Norm, pictures: usize) {
        self.normal.resize(pictures * norm.frame.dense(), 0.0);
        self.along.resize(pictures * norm.frame.channels, 0.0);
    }
}

/// The tangent's part of a reverse pass.
#[derive(Clone, Copy)]
pub struct Along<'a> {
    /// The cotangents of the value's tangent, dense.
    pub cotangent: &'a [f32],
    /// What the tangent pass kept.
    pub tangent: &'a Tangent,
}

impl Norm {
    /// Each channel's group's sum of `sums` over L.
    fn group_means(&self, sums: &[f64], means: &mut [f32]) {
        let count = (self.group * self.frame.height * self.frame.width) as f64;
        means.fill(0.0);
        let groups = means[..self.channels].chunks_exact_mut(self.group).zip(sums.chunks_exact(self.group));
        groups.for_each(|(means, sums)| means.fill((sums.iter().sum::<f64>() / count) as f32));
    }

    /// The tangent along rows of `x`, dense, into framed pictures, whose borders must be zero: row r belongs to picture
    /// `picture(r)` of the tape.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn tangent(
        &self,
        level: Level,
        x: &[f32],
        picture: impl Fn(usize) -> usize,
        tape: &Tape,
        kept: &mut Tangent,
        framed: &mut [f32],
    ) {
        if self.frame.is_empty() {
            return;
        }
        let channels = self.frame.channels;
        let place = Place::framed(self.frame);
        let mut sums = vec![0.0_f64; 2 * channels];
        let mut mean = vec![0.0; channels];
        for (row, x) in x.chunks_exact(self.frame.dense()).enumerate() {
            let picture = picture(row);
            sums.fill(0.0);
            scratch::with(2 * channels, |block_sums| {
                for block in 0..self.blocks() {
                    let (start, len) = self.span(0, block);
                    let normal = &tape.normal[picture * self.frame.dense() + start..][..len];
                    level.run(TangentSums { x: &x[start..start + len], normal, channels, sums: block_sums });
                    sums.iter_mut().zip(&*block_sums).for_each(|(sum, v)| *sum += f64::from(*v));
                }
            });
            let along = &mut kept.along[row * channels..][..channels];
            self.group_means(&sums[..channels], &mut mean);
            self.group_means(&sums[channels..], along);
            let span = |of: usize| of * self.frame.dense()..(of + 1) * self.frame.dense();
            level.run(ApplyTangent {
                x,
                mean: &mean,
                along,
                rate: &tape.rate[picture * channels..][..channels],
                normal: &tape.normal[span(picture)],
                slope: &tape.slope[span(picture)],
                kept: &mut kept.normal[span(row)],
                width: self.frame.width,
                out: &mut framed[place.origin + row * place.picture..],
                out_line: place.line,
            });
        }
    }

    /// The reverse pass: from the cotangents of rows of the value and of its tangent to that of x, which is added to `residual`
    /// if there is one and written, or the sum, into `framed`; and where they are asked for to those of the film, written in its
    /// layout into `film_cotangents`. Row r belongs to the first of `owners(r)` in the tape and to the second in the tangent's
    /// cotangents. `lifted` is room for as many dense pictures. Without a tangent, as if its cotangents were zero.
    ///
    /// With q and r the cotangents of tangent and value, `h = q·GELU'(a)·G` and `ā = r·GELU'(a) + q·GELU''(a)·G·J(ẋ)`, x has
    /// `J(āG) − mean(h x̂)·ρ·J(ẋ) − mean(ẋ x̂)·ρ·J(h) − ρ x̂ Σ(h J(ẋ))/L`, the gain `Σ ā x̂ + q·GELU'(a)·J(ẋ)` and the offset `Σ ā`.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    #[allow(clippy::too_many_arguments)] // two of everything: value and tangent
    pub fn reverse(
        &self,
        level: Level,
        film: Film,
        owners: impl Fn(usize) -> [usize; 2],
        tape: &Tape,
        value: &[f32],
        along: Option<Along>,
        mut film_cotangents: Option<&mut [f32]>,
        lifted: &mut [f32],
        mut residual: Option<&mut [f32]>,
        mut framed: Option<&mut [f32]>,
    ) {
        if self.frame.is_empty() {
            return;
        }
        let (channels, dense) = (self.frame.channels, self.frame.dense());
        let place = Place::framed(self.frame);
        let mut sums = vec![0.0_f64; SUMS * channels];
        let mut means = vec![0.0; 5 * channels];
        for (row, r) in value.chunks_exact(dense).enumerate() {
            let [picture, pulled] = owners(row);
            let span = |of: usize| of * dense..(of + 1) * dense;
            let of_film = |of: usize| of * film.stride + film.start;
            let (gain, offset) = film.values[of_film(picture)..][..2 * channels].split_at(channels);
            let x = &tape.normal[span(picture)];
            let second = along
                .map(|along| Second { q: &along.cotangent[span(pulled)], tangent: &along.tangent.normal[span(row)] });
            let lifted = &mut lifted[span(row)];
            sums.fill(0.0);
            scratch::with(SUMS * channels, |block_sums| {
                for block in 0..self.blocks() {
                    let (start, len) = self.span(0, block);
                    let span = start..start + len;
                    level.run(Lift {
                        r: &r[span.clone()],
                        normal: &x[span.clone()],
                        second: second.map(|second| second.part(span.clone())),
                        gain,
                        offset,
                        lifted: &mut lifted[span],
                        sums: block_sums,
                    });
                    sums.iter_mut().zip(&*block_sums).for_each(|(sum, v)| *sum += f64::from(*v));
                }
            });
            if let Some(all) = &mut film_cotangents {
                let out = &mut all[of_film(row)..][..2 * channels];
                for c in 0..channels {
                    let [lifted, lifted_normal, slope_tangent] = [0, 1, 2].map(|i| sums[i * channels + c]);
                    out[c] = (lifted_normal + slope_tangent) as f32;
                    out[channels + c] = lifted as f32;
                }
            }
            // From here on every sum is one of āG or of h = q·GELU'(a)·G.
            for sums in sums.chunks_exact_mut(channels) {
                sums.iter_mut().zip(gain).for_each(|(sum, gain)| *sum *= f64::from(*gain));
            }
            for (sums, means) in sums.chunks_exact(channels).zip(means.chunks_exact_mut(channels)) {
                self.group_means(sums, means);
            }
            let rate = &tape.rate[picture * channels..][..channels];
            let along_tangent = along.map(|along| &along.tangent.along[row * channels..][..channels]);
            let mut factors = vec![0.0; 4 * channels];
            for c in 0..channels {
                let [lifted, lifted_normal, h_tangent, h_normal, h] = [0, 1, 2, 3, 4].map(|i| means[i * channels + c]);
                let bend = along_tangent.map_or(0.0, |along| along[c]) * rate[c];
                factors[c] = bend;
                factors[channels + c] = h_normal;
                factors[2 * channels + c] = lifted - bend * h;
                factors[3 * channels + c] = lifted_normal - bend * h_normal + h_tangent;
            }
            level.run(Descend {
                slope: &tape.slope[span(picture)],
                normal: x,
                second,
                lifted,
                gain,
                rate,
                factors: &factors,
                width: self.frame.width,
                residual: residual.as_deref_mut().map(|r| &mut r[span(row)]),
                out: framed.as_deref_mut().map(|f| &mut f[place.origin + row * place.picture..]),
                out_line: place.line,
            });
        }
    }
}

/// How many sums a channel [`Lift`] takes.
const SUMS: usize = 5;

/// Sums of `x` and of `x ⊙ x̂` for each channel.
struct TangentSums<'a> {
    x: &'a [f32],
    normal: &'a [f32],
    channels: usize,
    sums: &'a mut [f32],
}

impl Kernel for TangentSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, normal, channels, sums } = self;
        for c in (0..channels).step_by(S::LANES) {
            let (mut sum, mut along) = (s.splat(0.0), s.splat(0.0));
            for at in (c..x.len()).step_by(channels) {
                let x = s.load(&x[at..]);
                sum = s.add(sum, x);
                along = s.fma(x, s.load(&normal[at..]), along);
            }
            s.store(&mut sums[c..], sum);
            s.store(&mut sums[channels + c..], along);
        }
    }
}

/// `J(ẋ)`, and the value's tangent.
struct ApplyTangent<'a> {
    x: &'a [f32],
    mean: &'a [f32],
    along: &'a [f32],
    rate: &'a [f32],
    normal: &'a [f32],
    slope: &'a [f32],
    kept: &'a mut [f32],
    width: usize,
    out: &'a mut [f32],
    out_line: usize,
}

impl Kernel for ApplyTangent<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.mean.len();
        let row = self.width * channels;
        let lines = self.out.chunks_mut(self.out_line).enumerate().take(self.x.len() / row);
        for (line, out) in lines {
            for c in (0..channels).step_by(S::LANES) {
                let (mean, rate) = (s.load(&self.mean[c..]), s.load(&self.rate[c..]));
                let along = s.mul(s.load(&self.along[c..]), s.splat(-1.0));
                for x in (c..row).step_by(channels) {
                    let at = line * row + x;
                    let inner = s.sub(s.load(&self.x[at..]), mean);
                    let t = s.mul(s.fma(s.load(&self.normal[at..]), along, inner), rate);
                    s.store(&mut self.kept[at..], t);
                    s.store(&mut out[x..], s.mul(t, s.load(&self.slope[at..])));
                }
            }
        }
    }
}

/// One row's q and `J(ẋ)`.
#[derive(Clone, Copy)]
struct Second<'a> {
    q: &'a [f32],
    tangent: &'a [f32],
}

impl Second<'_> {
    fn part(self, span: Range<usize>) -> Self {
        Self { q: &self.q[span.clone()], tangent: &self.tangent[span] }
    }
}

/// ā, and for each channel the sums of ā, ā x̂, qGELU'·J(ẋ), qGELU'·x̂ and qGELU'; the last three are zero without q.
struct Lift<'a> {
    r: &'a [f32],
    normal: &'a [f32],
    second: Option<Second<'a>>,
    gain: &'a [f32],
    offset: &'a [f32],
    lifted: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for Lift<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let channels = self.gain.len();
        for c in (0..channels).step_by(S::LANES) {
            let (gain, offset) = (s.load(&self.gain[c..]), s.load(&self.offset[c..]));
            let mut sums = [s.splat(0.0); SUMS];
            for at in (c..self.r.len()).step_by(channels) {
                let x = s.load(&self.normal[at..]);
                let a = s.fma(x, gain, offset);
                let (distribution, density) = normal(s, a);
                let first = s.fma(a, density, distribution);
                let Some(along) = self.second else {
                    let lifted = s.mul(s.load(&self.r[at..]), first);
                    s.store(&mut self.lifted[at..], lifted);
                    sums[0] = s.add(sums[0], lifted);
                    sums[1] = s.fma(lifted, x, sums[1]);
                    continue;
                };
                let (q, t) = (s.load(&along.q[at..]), s.load(&along.tangent[at..]));
                let second = s.mul(density, s.sub(s.splat(2.0), s.mul(a, a)));
                let h = s.mul(q, first);
                let bent = s.mul(s.mul(q, second), s.mul(gain, t));
                let lifted = s.fma(s.load(&self.r[at..]), first, bent);
                s.store(&mut self.lifted[at..], lifted);
                sums[0] = s.add(sums[0], lifted);
                sums[1] = s.fma(lifted, x, sums[1]);
                sums[2] = s.fma(h, t, sums[2]);
                sums[3] = s.fma(h, x, sums[3]);
                sums[4] = s.add(sums[4], h);
            }
            for (i, sum) in sums.into_iter().enumerate() {
                s.store(&mut self.sums[i * channels + c..], sum);
            }
        }
    }
}

/// x's cotangent, with the groups' means known.
struct Descend<'a> {
    slope: &'a [f32],
    normal: &'a [f32],
    second: Option<Second<'a>>,
    lifted: &'a [f32],
    gain: &'a [f32],
    rate: &'a [f32],
    /// Of h, of J(ẋ), the constant, and of x̂; to be taken off āG.
    factors: &'a [f32],
    width: usize,
    residual: Option<&'a mut [f32]>,
    out: Option<&'a mut [f32]>,
    out_line: usize,
}

impl Kernel for Descend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let channels = self.gain.len();
        let row = self.width * channels;
        for line in 0..self.lifted.len() / row {
            let mut out = self.out.as_mut().map(|o| &mut o[line * self.out_line..][..row]);
            for c in (0..channels).step_by(S::LANES) {
                let (gain, rate) = (s.load(&self.gain[c..]), s.load(&self.rate[c..]));
                let factor = |i: usize| s.mul(s.load(&self.factors[i * channels + c..]), s.splat(-1.0));
                let (of_h, of_tangent, constant, of_normal) = (factor(0), factor(1), factor(2), factor(3));
                for x in (c..row).step_by(channels) {
                    let at = line * row + x;
                    let mut value = s.fma(s.load(&self.lifted[at..]), gain, constant);
                    if let Some(Second { q, tangent }) = self.second {
                        let h = s.mul(s.load(&q[at..]), s.load(&self.slope[at..]));
                        value = s.fma(h, of_h, value);
                        value = s.fma(s.load(&tangent[at..]), of_tangent, value);
                    }
                    value = s.fma(s.load(&self.normal[at..]), of_normal, value);
                    value = s.mul(value, rate);
                    if let Some(residual) = &mut self.residual {
                        value = s.add(value, s.load(&residual[at..]));
                        s.store(&mut residual[at..], value);
                    }
                    if let Some(out) = &mut out {
                        s.store(&mut out[x..], value);
                    }
                }
            }
        }
    }
}
