//! The activation and its derivatives against plain loops in double precision; the loops' own derivatives against
//! differences.

use proptest::prelude::*;

use super::{Along, Film, Norm, Tangent, Tape, Target};
use crate::kernels::layout::Frame;
use crate::kernels::simd::Level;
use crate::kernels::tests::noise;

/// One picture's activation by the book, channels-last and without padding.
#[derive(Clone)]
struct Naive {
    x: Vec<f64>,
    gain: Vec<f64>,
    offset: Vec<f64>,
    /// Channels in a group.
    group: usize,
}

impl Naive {
    fn channels(&self) -> usize {
        self.gain.len()
    }

    /// The mean of `values` over the group of channel `c`.
    fn mean(&self, values: &[f64], c: usize) -> f64 {
        let first = c / self.group * self.group;
        let pixels = values.chunks_exact(self.channels());
        let count = (pixels.len() * self.group) as f64;
        pixels.map(|pixel| pixel[first..first + self.group].iter().sum::<f64>()).sum::<f64>() / count
    }

    /// The group means of `values`, spread over the picture.
    fn means(&self, values: &[f64]) -> Vec<f64> {
        let means: Vec<f64> = (0..self.channels()).map(|c| self.mean(values, c)).collect();
        (0..values.len()).map(|i| means[i % self.channels()]).collect()
    }

    /// x̂ and ρ, a value a pixel and channel.
    fn normalised(&self) -> (Vec<f64>, Vec<f64>) {
        let centred = zip(&self.x, &self.means(&self.x), |x, mean| x - mean);
        let squares: Vec<f64> = centred.iter().map(|d| d * d).collect();
        let rate: Vec<f64> = self.means(&squares).iter().map(|variance| 1.0 / (variance + 1e-5).sqrt()).collect();
        (zip(&centred, &rate, |d, rate| d * rate), rate)
    }

    /// `x̂G + O`.
    fn lifted(&self) -> Vec<f64> {
        let channel = |i: usize| i % self.channels();
        let (normal, _) = self.normalised();
        normal.iter().enumerate().map(|(i, x)| x * self.gain[channel(i)] + self.offset[channel(i)]).collect()
    }

    fn value(&self) -> Vec<f64> {
        self.lifted().iter().map(|a| a * distribution(*a)).collect()
    }

    /// `GELU'(a)·G`.
    fn slope(&self) -> Vec<f64> {
        let gelu = |a: f64| distribution(a) + a * (-a * a / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        self.lifted().iter().enumerate().map(|(i, a)| gelu(*a) * self.gain[i % self.channels()]).collect()
    }

    /// The norm's derivative, which is its own adjoint.
    fn norm_derivative(&self, t: &[f64]) -> Vec<f64> {
        let (normal, rate) = self.normalised();
        let along = self.means(&zip(t, &normal, |t, x| t * x));
        let centred = zip(t, &self.means(t), |t, mean| t - mean);
        (0..t.len()).map(|i| rate[i] * (centred[i] - normal[i] * along[i])).collect()
    }

    fn tangent(&self, direction: &[f64]) -> Vec<f64> {
        zip(&self.slope(), &self.norm_derivative(direction), |slope, t| slope * t)
    }

    fn pullback(&self, g: &[f64]) -> Vec<f64> {
        self.norm_derivative(&zip(g, &self.slope(), |g, slope| g * slope))
    }
}

fn distribution(a: f64) -> f64 {
    0.5 * libm::erfc(-a / std::f64::consts::SQRT_2)
}

fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// The derivative of `f` at zero, by central differences.
fn difference(f: impl Fn(f64) -> f64) -> f64 {
    const STEP: f64 = 1e-4;
    // Richardson's combination of two steps.
    let slope = |h: f64| (f(h) - f(-h)) / (2.0 * h);
    (4.0 * slope(STEP / 2.0) - slope(STEP)) / 3.0
}

/// Pictures of one size, with values for every slice that a pass reads.
#[derive(Debug, Clone)]
struct Case {
    pictures: usize,
    groups: usize,
    group: usize,
    size: (usize, usize),
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    // One group of one channel at one pixel up to several blocks of lines.
    let size = prop_oneof![4 => (1..12_usize, 1..12_usize), 1 => (20..30_usize, 30..45_usize)];
    (0..4_usize, 1..5_usize, prop_oneof![1..4_usize, Just(8), Just(11)], size, any::<u64>())
        .prop_map(|(pictures, groups, group, size, seed)| Case { pictures, groups, group, size, seed })
}

impl Case {
    fn norm(&self) -> Norm {
        let channels = self.groups * self.group;
        Norm { frame: Frame::new(self.size.0, self.size.1, channels), channels, group: self.group }
    }

    fn pixels(&self) -> usize {
        self.size.0 * self.size.1
    }

    /// Dense values for `rows` rows, zero in the padding.
    fn dense(&self, stream: u64, rows: usize) -> Vec<f32> {
        let norm = self.norm();
        let mut values = noise(self.seed ^ stream, rows * norm.frame.dense());
        for pixel in values.chunks_exact_mut(norm.frame.channels) {
            pixel[norm.channels..].fill(0.0);
        }
        values
    }

    /// Gains and offsets after a few values that belong to another layer, and the row length.
    fn film(&self) -> (Vec<f32>, usize) {
        let stride = 2 * self.norm().frame.channels + 5;
        (noise(self.seed ^ 9, self.pictures * stride).iter().map(|v| 1.5 * v).collect(), stride)
    }

    /// Without padding, in double precision.
    fn plain(&self, dense: &[f32]) -> Vec<f64> {
        let norm = self.norm();
        let pixels = dense.chunks_exact(norm.frame.channels);
        pixels.flat_map(|pixel| pixel[..norm.channels].iter().map(|v| f64::from(*v))).collect()
    }

    fn naive(&self, x: &[f32], film: &(Vec<f32>, usize), picture: usize) -> Naive {
        let norm = self.norm();
        let row = &film.0[picture * film.1 + 3..][..2 * norm.frame.channels];
        let wide = |values: &[f32]| values[..norm.channels].iter().map(|v| f64::from(*v)).collect();
        let (gain, offset) = row.split_at(norm.frame.channels);
        let x = self.plain(&x[picture * norm.frame.dense()..][..norm.frame.dense()]);
        Naive { x, gain: wide(gain), offset: wide(offset), group: self.group }
    }

    /// Reads framed pictures back into dense ones, and asserts that nothing was written outside.
    fn unframed(&self, framed: &[f32]) -> Vec<f32> {
        let frame = self.norm().frame;
        let mut dense = Vec::new();
        for framed in framed.chunks_exact(frame.len()) {
            for y in 0..frame.height {
                dense.extend_from_slice(&framed[frame.at(y, 0)..][..frame.width * frame.channels]);
            }
        }
        let mut again = vec![0.0; framed.len()];
        frame.fill(&dense, &mut again);
        assert_eq!(again, framed, "the frame's border stays zero");
        dense
    }

    /// Asserts that row `row` of `found` is `truth`; rounding is that of terms as large as `scale`.
    fn assert_row(&self, found: &[f32], row: usize, truth: &[f64], scale: f64, what: &str) {
        let dense = self.norm().frame.dense();
        let found = self.plain(&found[row * dense..][..dense]);
        let scale = largest(truth).max(scale).max(1e-3);
        for (i, (a, b)) in found.iter().zip(truth).enumerate() {
            assert!((a - b).abs() <= 1e-5 * scale, "{what}: value {i} of row {row} is {a}, not {b} (scale {scale})");
        }
    }
}

/// A forward pass's result.
struct Passed {
    tape: Tape,
    framed: Vec<f32>,
}

fn pass(case: &Case, level: Level, x: &[f32], film: &(Vec<f32>, usize)) -> Passed {
    let norm = case.norm();
    let mut tape = Tape::default();
    tape.resize(&norm, case.pictures);
    let mut framed = vec![0.0; case.pictures * norm.frame.len()];
    let film = Film { values: &film.0, stride: film.1, start: 3 };
    norm.forward(level, case.pictures, x, film, &mut tape, &mut framed);
    Passed { tape, framed }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn values_and_pullbacks_match_plain_loops(case in cases(), each in 1..4_usize, onto_residual: bool) {
        let (x, film, rows) = (case.dense(1, case.pictures), case.film(), case.pictures * each);
        let (g, before) = (case.dense(2, rows), case.dense(3, rows));
        let norm = case.norm();
        for level in Level::available() {
            let Passed { tape, framed } = pass(&case, level, &x, &film);
            let value = case.unframed(&framed);
            let mut framed = vec![0.0; rows * norm.frame.len()];
            let mut residual = before.clone();
            let target = Target { residual: onto_residual.then_some(&mut residual[..]), framed: Some(&mut framed) };
            norm.pullback(level, rows, |row| row / each, &tape, &g, target);
            let pulled = case.unframed(&framed);
            if onto_residual {
                prop_assert_eq!(&pulled, &residual);
            }
            for picture in 0..case.pictures {
                let naive = case.naive(&x, &film, picture);
                // The rounding of a mean close to a value is magnified by the rate.
                let (_, rate) = naive.normalised();
                let scale = largest(&rate) * 0.1;
                case.assert_row(&value, picture, &naive.value(), scale, level.name());
                for row in picture * each..(picture + 1) * each {
                    let cotangent = case.plain(&g[row * norm.frame.dense()..][..norm.frame.dense()]);
                    let mut truth = naive.pullback(&cotangent);
                    if onto_residual {
                        let before = case.plain(&before[row * norm.frame.dense()..][..norm.frame.dense()]);
                        truth = zip(&truth, &before, |a, b| a + b);
                    }
                    let slope = naive.slope();
                    let terms = (0..slope.len()).fold(0.0_f64, |m, i| m.max((rate[i] * slope[i]).abs()));
                    case.assert_row(&pulled, row, &truth, terms, level.name());
                }
            }
        }
    }

    #[test]
    fn the_plain_loops_derivatives_are_those_of_their_values(case in cases()) {
        let (x, film, g) = (case.dense(1, case.pictures), case.film(), case.dense(2, case.pictures));
        let direction = case.dense(4, case.pictures);
        let dense = case.norm().frame.dense();
        for picture in 0..case.pictures {
            let naive = case.naive(&x, &film, picture);
            let (_, rate) = naive.normalised();
            if largest(&rate) > 20.0 {
                continue; // of nearly equal values; the differences' steps would be too long
            }
            let g = case.plain(&g[picture * dense..][..dense]);
            let direction = case.plain(&direction[picture * dense..][..dense]);
            let moved = |h: f64| Naive { x: zip(&naive.x, &direction, |x, d| x + h * d), ..naive.clone() };
            let truth = difference(|h| dot(&g, &moved(h).value()));
            let scale = dot(&g, &g).sqrt() * dot(&direction, &direction).sqrt() * largest(&rate);
            let tangent = dot(&g, &naive.tangent(&direction));
            let pullback = dot(&naive.pullback(&g), &direction);
            prop_assert!((tangent - truth).abs() <= 1e-7 * scale, "tangent {tangent}, not {truth}");
            prop_assert!((pullback - truth).abs() <= 1e-7 * scale, "pullback {pullback}, not {truth}");
        }
    }

    #[test]
    fn tangents_and_reverse_passes_match_plain_loops_and_differences(case in cases(), onto_residual: bool, along: bool) {
        let pictures = case.pictures;
        let (x, film, direction) = (case.dense(1, pictures), case.film(), case.dense(4, pictures));
        let (q, r, before) = (case.dense(5, pictures), case.dense(6, pictures), case.dense(7, pictures));
        let norm = case.norm();
        let dense = norm.frame.dense();
        for level in Level::available() {
            let Passed { tape, .. } = pass(&case, level, &x, &film);
            let mut tangent = Tangent::default();
            tangent.resize(&norm, pictures);
            let mut framed = vec![0.0; pictures * norm.frame.len()];
            norm.tangent(level, &direction, |n| n, &tape, &mut tangent, &mut framed);
            let tangents = case.unframed(&framed);
            let mut film_cotangents = vec![f32::NAN; film.0.len()];
            let mut framed = vec![0.0; pictures * norm.frame.len()];
            let mut residual = before.clone();
            norm.reverse(
                level,
                Film { values: &film.0, stride: film.1, start: 3 },
                |n| [n; 2],
                &tape,
                &r,
                along.then_some(Along { cotangent: &q, tangent: &tangent }),
                Some(&mut film_cotangents),
                &mut vec![f32::NAN; pictures * dense],
                onto_residual.then_some(&mut residual),
                Some(&mut framed),
            );
            let reversed = case.unframed(&framed);
            if onto_residual {
                prop_assert_eq!(&reversed, &residual);
            }
            for picture in 0..pictures {
                let naive = case.naive(&x, &film, picture);
                let row = |values: &[f32]| case.plain(&values[picture * dense..][..dense]);
                let (d, q, r) = (row(&direction), row(&q), row(&r));
                let (_, rate) = naive.normalised();
                case.assert_row(&tangents, picture, &naive.tangent(&d), largest(&rate), level.name());
                if largest(&rate) > 20.0 {
                    continue; // as above
                }
                let mut found = row(&reversed);
                if onto_residual {
                    found = zip(&found, &row(&before), |a, b| a - b);
                }
                let of_tangent = |naive: &Naive| if along { dot(&q, &naive.tangent(&d)) } else { 0.0 };
                let loss = |naive: &Naive| of_tangent(naive) + dot(&r, &naive.value());
                // Along a direction, and along single values.
                let towards = noise(case.seed ^ 8, naive.x.len());
                let whole = towards.iter().map(|v| f64::from(*v)).collect();
                let single = |at: usize| (0..naive.x.len()).map(|i| f64::from(u8::from(i == at))).collect();
                let ways: [Vec<f64>; 3] = [whole, single(0), single(naive.x.len() / 2)];
                for way in ways {
                    let moved = |h: f64| Naive { x: zip(&naive.x, &way, |x, w| x + h * w), ..naive.clone() };
                    let truth = difference(|h| loss(&moved(h)));
                    let scale = dot(&found, &found).sqrt().max(1.0) * dot(&way, &way).sqrt() * largest(&rate);
                    let along = dot(&found, &way);
                    prop_assert!((along - truth).abs() <= 1e-5 * scale, "{} {along}, not {truth}", level.name());
                }
                let cotangents = &film_cotangents[picture * film.1 + 3..][..2 * norm.frame.channels];
                for c in [0, norm.channels - 1] {
                    for (half, found) in cotangents.chunks_exact(norm.frame.channels).map(|half| half[c]).enumerate() {
                        let moved = |h: f64| {
                            let mut moved = naive.clone();
                            if half == 0 { moved.gain[c] += h } else { moved.offset[c] += h }
                            moved
                        };
                        let truth = difference(|h| loss(&moved(h)));
                        let scale = (case.pixels() as f64) * largest(&rate);
                        let found = f64::from(found);
                        let what = format!("{} film {half} {c}: {found}, not {truth}", level.name());
                        prop_assert!((found - truth).abs() <= 1e-5 * scale, "{what}");
                    }
                }
            }
        }
    }
}
