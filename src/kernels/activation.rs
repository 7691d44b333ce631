//! Group norm, a gain and an offset a channel, and exact GELU, in one pass; and the pullback in another.
//!
//! `out = GELU(x̂ ⊙ gain + offset)` with `x̂ = (x − mean)·rate` over a group's channels and pixels. The forward pass keeps
//! x̂ and `slope = GELU'(·) ⊙ gain`, so the pullback has no transcendental function in it:
//! `dx = rate·(g⊙slope − mean(g⊙slope) − x̂·mean(g⊙slope⊙x̂))`.
//!
//! Sums over pixels go in blocks of lines fixed by the picture's size, added up in double precision, so results do not
//! depend on the number of threads.

mod second;
#[cfg(test)]
mod tests;

pub use second::{Along, Tangent};

use super::gelu::normal;
use super::layout::{Frame, volume};
use super::scratch;
use super::share::{Shared, split};
use super::simd::{Kernel, Level, Simd};

/// Added to the variance under the group norm's root.
const EPSILON: f64 = 1e-5;

/// Pixels whose sums are taken in single precision.
const BLOCK_PIXELS: usize = 512;

/// Values whose work is worth handing to another thread.
const GRAIN: usize = 48 << 10;

/// The pictures' size and the norm's groups.
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    /// The pictures, channels padded.
    pub frame: Frame,
    /// Channels, padding not included: a multiple of `group`.
    pub channels: usize,
    /// Channels in a group.
    pub group: usize,
}

/// Gain and offset of each picture: rows of a matrix, `[pictures, stride]`.
#[derive(Debug, Clone, Copy)]
pub struct Film<'a> {
    /// The matrix; a picture's gains lie at `start`, its offsets a padded channel count further.
    pub values: &'a [f32],
    /// The matrix's row length.
    pub stride: usize,
    /// Where this norm's gains begin in a row.
    pub start: usize,
}

/// What the forward pass keeps, for as many pictures as there is room.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    /// x̂, dense.
    pub normal: Vec<f32>,
    /// `GELU'(·) ⊙ gain`, dense.
    pub slope: Vec<f32>,
    /// One over the group's deviation for each channel, `[pictures, channels]`.
    pub rate: Vec<f32>,
}

impl Tape {
    /// Makes room for `pictures` pictures.
    pub fn resize(&mut self, norm: &Norm, pictures: usize) {
        self.normal.resize(pictures * norm.frame.dense(), 0.0);
        self.slope.resize(pictures * norm.frame.dense(), 0.0);
        self.rate.resize(pictures * norm.frame.channels, 0.0);
    }
}

/// Where pictures lie in a slice: framed or dense.
#[derive(Debug, Clone, Copy)]
struct Place {
    origin: usize,
    line: usize,
    picture: usize,
}

impl Place {
    fn framed(frame: Frame) -> Self {
        Self { origin: frame.at(0, 0), line: frame.line(), picture: frame.len() }
    }
}

impl Norm {
    fn lines_a_block(&self) -> usize {
        (BLOCK_PIXELS / self.frame.width.max(1)).clamp(1, self.frame.height.max(1))
    }

    fn blocks(&self) -> usize {
        self.frame.height.div_ceil(self.lines_a_block())
    }

    /// The first line of a block and how many it has.
    fn lines(&self, block: usize) -> (usize, usize) {
        let (first, each) = (block * self.lines_a_block(), self.lines_a_block());
        (first, each.min(self.frame.height - first))
    }

    /// Runs `task(picture, block)` for every block of `pictures` pictures.
    fn each_block(&self, pictures: usize, task: &(impl Fn(usize, usize) + Sync)) {
        let blocks = self.blocks();
        let size = self.lines_a_block() * self.frame.width * self.frame.channels;
        split(pictures * blocks, GRAIN / size.max(1), &|first, count| {
            for index in first..first + count {
                task(index / blocks, index % blocks);
            }
        });
    }

    /// The offset and length of a block in dense pictures.
    fn span(&self, picture: usize, block: usize) -> (usize, usize) {
        let (first, lines) = self.lines(block);
        let line = self.frame.width * self.frame.channels;
        (picture * self.frame.dense() + first * line, lines * line)
    }

    /// The forward pass: dense pictures `x` into framed ones, whose borders must be zero.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn forward(&self, level: Level, pictures: usize, x: &[f32], film: Film, tape: &mut Tape, framed: &mut [f32]) {
        if pictures == 0 || self.frame.is_empty() {
            return;
        }
        assert!(self.frame.fit(pictures, framed.len()), "the framed pictures must lie in their slice");
        let channels = self.frame.channels;
        let (blocks, row) = (self.blocks(), 3 * channels);
        let Tape { normal, slope, rate } = tape;
        scratch::with(pictures * (blocks * row + channels), |memory| {
            let (sums, means) = memory.split_at_mut(pictures * blocks * row);
            let shared = Shared::new(sums);
            self.each_block(pictures, &|picture, block| {
                let (start, len) = self.span(picture, block);
                // SAFETY: each block of each picture has its own row of sums, and `each_block` gives each to one task.
                let sums = unsafe { shared.part((picture * blocks + block) * row, row) };
                level.run(Moments { x: &x[start..start + len], channels, sums });
            });
            for picture in 0..pictures {
                let sums = &sums[picture * blocks * row..][..blocks * row];
                let mean = &mut means[picture * channels..][..channels];
                self.combine_moments(sums, mean, &mut rate[picture * channels..][..channels]);
            }
            let (means, rate) = (&*means, &*rate);
            let place = Place::framed(self.frame);
            let (normal, slope, framed) = (Shared::new(normal), Shared::new(slope), Shared::new(framed));
            self.each_block(pictures, &|picture, block| {
                let (start, len) = self.span(picture, block);
                let (first, lines) = self.lines(block);
                let film = &film.values[picture * film.stride + film.start..][..2 * channels];
                let to = place.origin + picture * place.picture + first * place.line;
                let reach = (lines - 1) * place.line + self.frame.width * channels;
                // SAFETY: each block has its own lines, of the tape and of the framed pictures, in which `fit` saw that no
                // offset overflows, and `each_block` gives each block to one task.
                let (normal, slope, out) =
                    unsafe { (normal.part(start, len), slope.part(start, len), framed.part(to, reach)) };
                level.run(Apply {
                    x: &x[start..start + len],
                    width: self.frame.width,
                    mean: &means[picture * channels..][..channels],
                    rate: &rate[picture * channels..][..channels],
                    gain: &film[..channels],
                    offset: &film[channels..],
                    normal,
                    slope,
                    out,
                    out_line: place.line,
                });
            });
        });
    }

    /// Mean and rate of each channel's group from the blocks' sums about their first pixels.
    fn combine_moments(&self, sums: &[f32], mean: &mut [f32], rate: &mut [f32]) {
        let channels = self.frame.channels;
        let count = (self.group * self.frame.height * self.frame.width) as f64;
        mean.fill(0.0);
        rate.fill(0.0); // of the channels that are padding
        for first in (0..self.channels).step_by(self.group) {
            let parts = || {
                sums.chunks_exact(3 * channels).enumerate().flat_map(|(block, sums)| {
                    let pixels = (self.lines(block).1 * self.frame.width) as f64;
                    (first..first + self.group).map(move |c| {
                        let [base, sum, squares] = [0, 1, 2].map(|i| f64::from(sums[i * channels + c]));
                        (pixels, base + sum / pixels, squares - sum * sum / pixels)
                    })
                })
            };
            let centre = parts().map(|(pixels, mean, _)| pixels * mean).sum::<f64>() / count;
            let squares = parts().map(|(pixels, mean, around)| around + pixels * (mean - centre).powi(2)).sum::<f64>();
            let one_over = 1.0 / (squares.max(0.0) / count + EPSILON).sqrt();
            mean[first..first + self.group].fill(centre as f32);
            rate[first..first + self.group].fill(one_over as f32);
        }
    }

    /// The pullback of rows of dense cotangents `g`: row r belongs to picture `picture(r)` of the tape.
    ///
    /// # Panics
    /// If a slice is too short for its pictures.
    pub fn pullback(
        &self,
        level: Level,
        rows: usize,
        picture: impl Fn(usize) -> usize + Sync,
        tape: &Tape,
        g: &[f32],
        target: Target,
    ) {
        if rows == 0 || self.frame.is_empty() {
            return;
        }
        let channels = self.frame.channels;
        let room = volume(&[rows, self.frame.height, self.frame.width, channels]);
        assert!(g.len() >= room, "the cotangents must lie in their slice");
        let (blocks, size) = (self.blocks(), 2 * channels);
        let fits = target.framed.as_ref().is_none_or(|framed| self.frame.fit(rows, framed.len()));
        assert!(fits, "the framed cotangents must lie in their slice");
        let (residual, framed) = (target.residual.map(Shared::new), target.framed.map(Shared::new));
        let place = Place::framed(self.frame);
        scratch::with(rows * (blocks + 1) * size, |memory| {
            let (sums, means) = memory.split_at_mut(rows * blocks * size);
            let shared = Shared::new(sums);
            self.each_block(rows, &|row, block| {
                let (start, len) = self.span(row, block);
                let (kept, _) = self.span(picture(row), block);
                // SAFETY: each block of each row has its own sums, and `each_block` gives each to one task.
                let sums = unsafe { shared.part((row * blocks + block) * size, size) };
                level.run(PullSums {
                    g: &g[start..start + len],
                    slope: &tape.slope[kept..kept + len],
                    normal: &tape.normal[kept..kept + len],
                    channels,
                    sums,
                });
            });
            for row in 0..rows {
                self.combine_sums(&sums[row * blocks * size..][..blocks * size], &mut means[row * size..][..size]);
            }
            let means = &*means;
            self.each_block(rows, &|row, block| {
                let (start, len) = self.span(row, block);
                let kept_picture = picture(row);
                let (kept, _) = self.span(kept_picture, block);
                let (first, lines) = self.lines(block);
                let to = place.origin + row * place.picture + first * place.line;
                let reach = (lines - 1) * place.line + self.frame.width * channels;
                // SAFETY: each block has its own lines, of the dense and of the framed cotangents, whose offsets do not
                // overflow, as was checked above, and `each_block` gives each block to one task.
                let (residual, out) =
                    unsafe { (residual.map(|r| r.part(start, len)), framed.map(|f| f.part(to, reach))) };
                level.run(Pull {
                    g: &g[start..start + len],
                    slope: &tape.slope[kept..kept + len],
                    normal: &tape.normal[kept..kept + len],
                    rate: &tape.rate[kept_picture * channels..][..channels],
                    means: &means[row * size..][..size],
                    width: self.frame.width,
                    residual,
                    out,
                    out_line: place.line,
                });
            });
        });
    }

    /// The groups' means of `g⊙slope` and of `g⊙slope⊙x̂`, for each channel.
    fn combine_sums(&self, sums: &[f32], means: &mut [f32]) {
        let channels = self.frame.channels;
        let count = (self.group * self.frame.height * self.frame.width) as f64;
        means.fill(0.0);
        for half in 0..2 {
            for first in (0..self.channels).step_by(self.group) {
                let first = half * channels + first;
                let parts = sums.chunks_exact(2 * channels).flat_map(|sums| &sums[first..first + self.group]);
                let mean = parts.map(|&v| f64::from(v)).sum::<f64>() / count;
                means[first..first + self.group].fill(mean as f32);
            }
        }
    }
}

/// Where a pullback's result goes.
pub struct Target<'a> {
    /// Dense pictures that it is added to.
    pub residual: Option<&'a mut [f32]>,
    /// Framed pictures, whose borders must be zero, that it is written into, or the sum if there is one.
    pub framed: Option<&'a mut [f32]>,
}

/// First pixel, sum and sum of squares about it, for each channel of a block.
struct Moments<'a> {
    x: &'a [f32],
    channels: usize,
    sums: &'a mut [f32],
}

impl Kernel for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, channels, sums } = self;
        for c in (0..channels).step_by(S::LANES) {
            let base = s.load(&x[c..]);
            // Two chains each, so that an addition need not wait for the one before it.
            let mut sum = [s.splat(0.0); 2];
            let mut squares = [s.splat(0.0); 2];
            for pair in (c..x.len()).step_by(2 * channels) {
                for chain in 0..2 {
                    let at = pair + chain * channels;
                    if at < x.len() {
                        let d = s.sub(s.load(&x[at..]), base);
                        sum[chain] = s.add(sum[chain], d);
                        squares[chain] = s.fma(d, d, squares[chain]);
                    }
                }
            }
            s.store(&mut sums[c..], base);
            s.store(&mut sums[channels + c..], s.add(sum[0], sum[1]));
            s.store(&mut sums[2 * channels + c..], s.add(squares[0], squares[1]));
        }
    }
}

/// The forward pass of a block, with the statistics known.
struct Apply<'a> {
    x: &'a [f32],
    width: usize,
    mean: &'a [f32],
    rate: &'a [f32],
    gain: &'a [f32],
    offset: &'a [f32],
    normal: &'a mut [f32],
    slope: &'a mut [f32],
    out: &'a mut [f32],
    out_line: usize,
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, width, mean, rate, gain, offset, normal: kept, slope, out, out_line } = self;
        let channels = mean.len();
        let row = width * channels;
        let lines = x.chunks_exact(row).zip(kept.chunks_exact_mut(row)).zip(slope.chunks_exact_mut(row));
        for (((x, kept), slope), out) in lines.zip(out.chunks_mut(out_line)) {
            for c in (0..channels).step_by(S::LANES) {
                let (mean, rate) = (s.load(&mean[c..]), s.load(&rate[c..]));
                let (gain, offset) = (s.load(&gain[c..]), s.load(&offset[c..]));
                for at in (c..row).step_by(channels) {
                    let normalised = s.mul(s.sub(s.load(&x[at..]), mean), rate);
                    let lifted = s.fma(normalised, gain, offset);
                    let (distribution, density) = normal(s, lifted);
                    s.store(&mut out[at..], s.mul(lifted, distribution));
                    s.store(&mut kept[at..], normalised);
                    s.store(&mut slope[at..], s.mul(s.fma(lifted, density, distribution), gain));
                }
            }
        }
    }
}

/// Sums of `g⊙slope` and of `g⊙slope⊙x̂` for each channel of a block.
struct PullSums<'a> {
    g: &'a [f32],
    slope: &'a [f32],
    normal: &'a [f32],
    channels: usize,
    sums: &'a mut [f32],
}

impl Kernel for PullSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { g, slope, normal, channels, sums } = self;
        for c in (0..channels).step_by(S::LANES) {
            let mut sum = [s.splat(0.0); 2];
            let mut along = [s.splat(0.0); 2];
            for pair in (c..g.len()).step_by(2 * channels) {
                for chain in 0..2 {
                    let at = pair + chain * channels;
                    if at < g.len() {
                        let inner = s.mul(s.load(&g[at..]), s.load(&slope[at..]));
                        sum[chain] = s.add(sum[chain], inner);
                        along[chain] = s.fma(inner, s.load(&normal[at..]), along[chain]);
                    }
                }
            }
            s.store(&mut sums[c..], s.add(sum[0], sum[1]));
            s.store(&mut sums[channels + c..], s.add(along[0], along[1]));
        }
    }
}

/// The pullback of a block, with the groups' means known.
struct Pull<'a> {
    g: &'a [f32],
    slope: &'a [f32],
    normal: &'a [f32],
    rate: &'a [f32],
    means: &'a [f32],
    width: usize,
    residual: Option<&'a mut [f32]>,
    out: Option<&'a mut [f32]>,
    out_line: usize,
}

impl Kernel for Pull<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let channels = self.rate.len();
        let row = self.width * channels;
        for line in 0..self.g.len() / row {
            let span = line * row..(line + 1) * row;
            let (g, slope, kept) = (&self.g[span.clone()], &self.slope[span.clone()], &self.normal[span.clone()]);
            let mut residual = self.residual.as_mut().map(|r| &mut r[span]);
            let mut out = self.out.as_mut().map(|o| &mut o[line * self.out_line..][..row]);
            for c in (0..channels).step_by(S::LANES) {
                let (rate, mean) = (s.load(&self.rate[c..]), s.load(&self.means[c..]));
                let along = s.mul(s.load(&self.means[channels + c..]), s.splat(-1.0));
                for at in (c..row).step_by(channels) {
                    let inner = s.mul(s.load(&g[at..]), s.load(&slope[at..]));
                    let inner = s.fma(s.load(&kept[at..]), along, s.sub(inner, mean));
                    let mut value = s.mul(inner, rate);
                    if let Some(residual) = &mut residual {
                        value = s.add(value, s.load(&residual[at..]));
                        s.store(&mut residual[at..], value);
                    }
                    if let Some(out) = &mut out {
                        s.store(&mut out[at..], value);
                    }
                }
            }
        }
    }
}
