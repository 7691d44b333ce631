//! Random numbers by counter: draw `i` of a stream is a function of (seed, stream, i) and of nothing else.
//!
//! So any split of a buffer, on any number of threads, on any machine, gives the same bits. Draw `i` is the `i`-th 64-bit
//! word of a `ChaCha8` stream; a normal is that word through the inverse normal distribution function, for which only exactly
//! rounded arithmetic and `libm`'s logarithm are used.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

/// How many draws one task makes: large enough to hide the cost of starting it.
const CHUNK: usize = 1 << 12;

/// Part of the key: keeps the words that become normals apart from those that become uniforms.
const NORMALS: [u8; 8] = *b"normals\0";
const UNIFORMS: [u8; 8] = *b"uniforms";

/// Fills `out` with draws `start..start + out.len()` of the standard normal `stream` of `seed`.
pub fn fill(seed: u64, stream: u64, start: u64, out: &mut [f32]) {
    draw(seed, stream, start, out, NORMALS, |word| quantile(open_unit(word)) as f32);
}

/// Fills `out` with draws `start..start + out.len()` of the uniform `stream` of `seed`, each in [0, 1).
pub fn uniforms(seed: u64, stream: u64, start: u64, out: &mut [f32]) {
    draw(seed, stream, start, out, UNIFORMS, |word| (word >> 40) as f32 * (1.0 / (1 << 24) as f32));
}

/// Fills `out` with draws `start..start + out.len()` of the uniform `stream` of `seed`, each of 52 bits and strictly between
/// 0 and 1.
pub fn open_uniforms(seed: u64, stream: u64, start: u64, out: &mut [f64]) {
    draw(seed, stream, start, out, UNIFORMS, open_unit);
}

/// `of_word` of each 64-bit word of one stream, in parallel where that pays.
fn draw<T: Send>(
    seed: u64,
    stream: u64,
    start: u64,
    out: &mut [T],
    domain: [u8; 8],
    of_word: impl Fn(u64) -> T + Sync,
) {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&domain);
    let some = |first: usize, out: &mut [T]| {
        let mut words = ChaCha8Rng::from_seed(key);
        words.set_stream(stream);
        words.set_word_pos(2 * (u128::from(start) + first as u128));
        for value in out {
            *value = of_word(words.next_u64());
        }
    };
    if out.len() <= CHUNK {
        some(0, out);
    } else {
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(index, chunk)| some(index * CHUNK, chunk));
    }
}

/// The middle of one of 2⁵² equal parts of (0, 1): exact in 53 bits, never 0 or 1, and as likely as its mirror image.
fn open_unit(word: u64) -> f64 {
    ((word >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
}

/// The inverse of the standard normal distribution function: the z below which a share `p` of draws falls.
///
/// M. J. Wichura, *Algorithm AS 241: The percentage points of the normal distribution* (1988), PPND16: a relative error of
/// about 1e-16. Outside of (0, 1) it is infinite (at 0 and 1) or NaN.
#[must_use]
pub fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&CENTRE[0], r) / polynomial(&CENTRE[1], r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail == 0.0 {
        return f64::INFINITY.copysign(q);
    }
    let r = libm::sqrt(-libm::log(tail));
    let z = if r <= 5.0 {
        polynomial(&MIDDLE[0], r - 1.6) / polynomial(&MIDDLE[1], r - 1.6)
    } else {
        polynomial(&TAIL[0], r - 5.0) / polynomial(&TAIL[1], r - 5.0)
    };
    z.copysign(q)
}

/// A polynomial by Horner's rule, the constant coefficient first.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// Numerator and denominator for |p − ½| ≤ 0.425 (AS 241's a and b).
const CENTRE: [[f64; 8]; 2] = [
    [
        3.387_132_872_796_366_5,
        1.331_416_678_917_843_8e2,
        1.971_590_950_306_551_3e3,
        1.373_169_376_550_946e4,
        4.592_195_393_154_987e4,
        6.726_577_092_700_87e4,
        3.343_057_558_358_813e4,
        2.509_080_928_730_122_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091e1,
        6.871_870_074_920_579e2,
        5.394_196_021_424_751e3,
        2.121_379_430_158_659_7e4,
        3.930_789_580_009_271e4,
        2.872_908_573_572_194_3e4,
        5.226_495_278_852_545e3,
    ],
];

/// Numerator and denominator for tails down to e⁻²⁵ (AS 241's c and d).
const MIDDLE: [[f64; 8]; 2] = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        2.417_807_251_774_506e-1,
        2.272_384_498_926_918_4e-2,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        6.897_673_349_851e-1,
        1.481_039_764_274_800_8e-1,
        1.519_866_656_361_645_7e-2,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];

/// Numerator and denominator for tails below that (AS 241's e and f).
const TAIL: [[f64; 8]; 2] = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        2.965_605_718_285_048_7e-1,
        2.653_218_952_657_612_4e-2,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        5.998_322_065_558_88e-1,
        1.369_298_809_227_358e-1,
        1.487_536_129_085_061_5e-2,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
];

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    fn normals(seed: u64, stream: u64, start: u64, n: usize) -> Vec<f32> {
        let mut out = vec![0.0; n];
        fill(seed, stream, start, &mut out);
        out
    }

    /// These bits are a promise: a seed in somebody's notes must give the same noise next year. They were computed apart
    /// from this code, by RFC 8439's block function with 8 rounds and the `ndtri` of `SciPy`.
    #[test]
    fn the_first_draws_are_these() {
        let bits: Vec<u32> = normals(1, 0, 0, 6).into_iter().map(f32::to_bits).collect();
        assert_eq!(bits, [0xC026_6415, 0x3F25_A7AA, 0xBF1E_BDD1, 0x3F94_C6A2, 0xBF77_6F05, 0x3F82_7339]);
        let bits: Vec<u32> = normals(0xDE05_C09E, 7, 1 << 40, 4).into_iter().map(f32::to_bits).collect();
        assert_eq!(bits, [0xBE02_611C, 0xBE7E_E9FA, 0x3EE0_5BBE, 0xBCC2_5F17]);
        let mut draws = [0.0; 4];
        uniforms(1, 0, 0, &mut draws);
        assert_eq!(draws.map(f32::to_bits), [0x3F1C_3F2F, 0x3F01_852F, 0x3E2B_D598, 0x3F61_82F4]);
    }

    #[test]
    fn any_split_and_any_threads_give_the_same_bits() {
        let n = 3 * CHUNK + 17;
        let whole = normals(7, 3, 1000, n);
        for cut in [1, 2, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, n - 1] {
            let parts = [normals(7, 3, 1000, cut), normals(7, 3, 1000 + cut as u64, n - cut)].concat();
            assert!(whole.iter().zip(&parts).all(|(a, b)| a.to_bits() == b.to_bits()), "cut at {cut}");
        }
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
            assert_eq!(whole, pool.install(|| normals(7, 3, 1000, n)), "{threads} threads");
        }
    }

    #[test]
    fn seeds_and_streams_are_apart_and_far_draws_exist() {
        let base = normals(1, 0, 0, 64);
        assert_ne!(base, normals(2, 0, 0, 64));
        assert_ne!(base, normals(1, 1, 0, 64));
        let far = normals(u64::MAX, u64::MAX, u64::MAX - 4, 4);
        assert!(far.iter().all(|v| v.is_finite()));
    }

    #[test]
    fn normals_have_the_normal_moments_and_distribution() {
        let n = 1_000_000;
        let mut draws: Vec<f64> = normals(2024, 0, 0, n).into_iter().map(f64::from).collect();
        let moment = |power: i32| draws.iter().map(|v| v.powi(power)).sum::<f64>() / n as f64;
        // Five standard errors of each moment: its variance is (E z²ᵖ − (E zᵖ)²)/n.
        for (power, mean, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error = (moment(power) - mean).abs();
            assert!(error < 5.0 * f64::sqrt(variance / n as f64), "moment {power} is off by {error}");
        }
        draws.sort_by(f64::total_cmp);
        let normal = Normal::standard();
        let distance = draws.iter().enumerate().fold(0.0_f64, |worst, (rank, &z)| {
            let p = normal.cdf(z);
            worst.max((p - rank as f64 / n as f64).abs()).max(((rank + 1) as f64 / n as f64 - p).abs())
        });
        // Kolmogorov–Smirnov: 1.95/√n is passed once in a thousand by true normals.
        assert!(distance < 1.95 / (n as f64).sqrt(), "KS distance {distance}");
    }

    #[test]
    fn neighbouring_draws_are_uncorrelated() {
        let n = 200_000;
        let draws = normals(5, 1, 0, n);
        for lag in [1, 2, 8, 16] {
            let sum: f64 = draws.iter().zip(&draws[lag..]).map(|(a, b)| f64::from(a * b)).sum();
            assert!((sum / (n as f64).sqrt()).abs() < 4.5, "lag {lag}");
        }
    }

    #[test]
    fn uniforms_fill_the_unit_interval_evenly() {
        let n = 100_000;
        let mut draws = vec![0.0; n];
        uniforms(9, 0, 0, &mut draws);
        assert!(draws.iter().all(|v| (0.0..1.0).contains(v)));
        draws.sort_by(f32::total_cmp);
        let distance = draws
            .iter()
            .enumerate()
            .fold(0.0_f64, |worst, (rank, &u)| worst.max((f64::from(u) - rank as f64 / n as f64).abs()));
        assert!(distance < 1.95 / (n as f64).sqrt(), "KS distance {distance}");
    }

    #[test]
    fn the_quantile_agrees_with_an_independent_one() {
        let normal = Normal::standard();
        let close = |p: f64| {
            let (ours, theirs) = (quantile(p), normal.inverse_cdf(p));
            assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{p}: {ours} against {theirs}");
        };
        (1..2000).for_each(|i| close(f64::from(i) / 2000.0));
        (1..17).for_each(|i| close(10_f64.powi(-i)));
        (1..12).for_each(|i| close(1.0 - 10_f64.powi(-i)));
        // The ends of each of the three ranges, from Wichura's paper and from tables of high precision.
        assert!((quantile(0.25) + 0.674_489_750_196_081_7).abs() < 1e-15);
        assert!((quantile(0.001) + 3.090_232_306_167_813_5).abs() < 1e-14);
        assert!((quantile(1e-20) + 9.262_340_089_798_408).abs() < 1e-13);
        assert!(quantile(0.0) < f64::MIN && quantile(1.0) > f64::MAX);
        assert!(quantile(-0.1).is_nan() && quantile(f64::NAN).is_nan());
    }

    #[test]
    fn the_extreme_words_stay_inside_the_unit_interval() {
        assert!(open_unit(0) > 0.0 && open_unit(u64::MAX) < 1.0);
        assert_eq!(quantile(open_unit(0)).to_bits(), (-quantile(open_unit(u64::MAX))).to_bits());
    }
}
