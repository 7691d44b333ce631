//! The normal distribution and its density by vectors, from which exact GELU, `xΦ(x)`, and its derivatives follow.

use super::simd::Simd;

/// `(Φ(x), φ(x))`: the standard normal distribution and density, both within 4·10⁻⁷, or 5·10⁻⁷ where
/// multiply-adds round twice.
///
/// `Φ(−a) = φ̃(a)·t·p(t)` for a ≥ 0, with `φ̃(a) = exp(−a²/2)` and `t = 1/(1 + 0.28a)`: the scaled tail is smooth in t, and
/// the polynomial p was fitted to it by iterated least squares (relative error below 10⁻⁷).
#[inline(always)]
pub fn normal<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    const RATE: f32 = 0.28;
    const TAIL: [f32; 9] = [
        0.111_704_07,
        0.111_690_83,
        0.103_214_16,
        0.082_756_63,
        0.075_944_72,
        -0.012_982_39,
        0.100_078_99,
        -0.098_327_264,
        0.025_920_314,
    ];
    const PEAK: f32 = 0.398_942_3; // 1/√(2π)
    // Beyond 13 both tails are below the smallest normal number.
    let zero = s.splat(0.0);
    let a = s.sub(s.splat(13.0), s.max(s.sub(s.splat(13.0), s.abs(x)), zero));
    let bell = exp(s, s.mul(s.mul(a, a), s.splat(-0.5)));
    let t = s.div(s.splat(1.0), s.fma(a, s.splat(RATE), s.splat(1.0)));
    let mut p = s.splat(TAIL[8]);
    for coefficient in TAIL[..8].iter().rev() {
        p = s.fma(p, t, s.splat(*coefficient));
    }
    let tail = s.mul(s.mul(p, t), bell);
    (s.where_negative(x, tail, s.sub(s.splat(1.0), tail)), s.mul(bell, s.splat(PEAK)))
}

/// `eˣ` for −87 ≤ x ≤ 0, within 2·10⁻⁷ of its value: `2ⁿ·eʳ` with |r| ≤ ln 2 / 2 and Taylor's series for eʳ.
#[inline(always)]
fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    const LN_2_HIGH: f32 = 0.693_359_4; // 355/512, exact in 9 bits
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const SERIES: [f32; 8] = [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0];
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let r = s.fma(n, s.splat(-LN_2_HIGH), x);
    let r = s.fma(n, s.splat(-LN_2_LOW), r);
    let mut series = s.splat(SERIES[7]);
    for coefficient in SERIES[..7].iter().rev() {
        series = s.fma(series, r, s.splat(*coefficient));
    }
    s.mul(series, s.power_of_two(n))
}

#[cfg(test)]
mod tests {
    use super::super::simd::{Kernel, Level};
    use super::*;

    struct Normals<'a>(&'a [f32], &'a mut [f32], &'a mut [f32]);

    impl Kernel for Normals<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for (i, x) in self.0.chunks_exact(S::LANES).enumerate() {
                let (distribution, density) = normal(s, s.load(x));
                s.store(&mut self.1[i * S::LANES..], distribution);
                s.store(&mut self.2[i * S::LANES..], density);
            }
        }
    }

    #[test]
    fn distribution_and_density_are_exact_to_single_precision() {
        let mut x: Vec<f32> = (0..32_000).map(|i| (i as f32 - 16_000.0) / 1000.0).collect();
        x.extend([0.0, -0.0, f32::MIN_POSITIVE, -1e-20, 1e30, -1e30, f32::MAX, f32::MIN].repeat(2));
        for level in Level::available() {
            let tolerance = if level == Level::PORTABLE { 5e-7 } else { 4e-7 };
            let (mut distribution, mut density) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            level.run(Normals(&x, &mut distribution, &mut density));
            for (i, &x) in x.iter().enumerate() {
                let x = f64::from(x);
                let truth = 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
                let error = (f64::from(distribution[i]) - truth).abs();
                assert!(error < tolerance, "{} Φ({x}): {error}", level.name());
                // GELU multiplies by x, so the tail must be right relative to its size.
                assert!(error * x.abs().min(20.0) < 0.5 * tolerance * x.abs().max(1.0), "{} xΦ({x})", level.name());
                let truth = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
                assert!((f64::from(density[i]) - truth).abs() < tolerance, "{} φ({x})", level.name());
            }
        }
    }
}
