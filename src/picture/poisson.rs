//! Poisson counts from uniform draws, by exactly rounded arithmetic and `libm` alone.

use super::normals;

/// Above this mean the count is a rounded normal with the first Cornish–Fisher correction: its distribution is then nowhere
/// further than 1e-5 from Poisson's.
const LARGE: f64 = 1e5;

/// The Poisson count of `mean` that the draw `u` in (0, 1) stands for.
///
/// Below [`LARGE`] the probabilities are subtracted from u beginning with the mode's, then its neighbours' in turn, until it
/// is used up: exact inversion in about √mean steps, though not in the counts' own order. A mean that is not above 0 gives 0.
pub(super) fn quantile(mean: f64, u: f64) -> f64 {
    if mean > LARGE {
        let z = normals::quantile(u);
        return (mean + z * libm::sqrt(mean) + (z * z - 1.0) / 6.0).round();
    }
    if mean > 0.0 { chop_down(mean, u) } else { 0.0 }
}

fn chop_down(mean: f64, u: f64) -> f64 {
    let mode = mean.floor();
    let at_mode = libm::exp(mode * libm::log(mean) - mean - libm::lgamma(mode + 1.0));
    let mut left = u - at_mode;
    let (mut low, mut high) = ((mode, at_mode), (mode, at_mode));
    while left > 0.0 {
        // What is left when both tails have run out is rounding: call it the mode.
        if low.1 + high.1 < 1e-18 {
            return mode;
        }
        high = (high.0 + 1.0, high.1 * mean / (high.0 + 1.0));
        left -= high.1;
        if left <= 0.0 {
            return high.0;
        }
        low = (low.0 - 1.0, low.1 * low.0 / mean);
        left -= low.1;
        if left <= 0.0 {
            return low.0;
        }
    }
    mode
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{Discrete, Poisson};

    use super::*;

    /// Counts of evenly spaced draws have the distribution itself as their histogram.
    #[test]
    fn evenly_spaced_draws_give_the_distribution() {
        let n = 200_000;
        for mean in [0.01, 0.5, 1.0, 7.3, 64.0, 1000.5] {
            let truth = Poisson::new(mean).expect("a mean");
            let mut histogram = std::collections::BTreeMap::new();
            for i in 0..n {
                let count = quantile(mean, (f64::from(i) + 0.5) / f64::from(n));
                assert!(count >= 0.0 && count.fract() == 0.0, "{count} of {mean}");
                *histogram.entry(count as u64).or_insert(0) += 1;
            }
            for (count, times) in histogram {
                let (share, p) = (f64::from(times) / f64::from(n), truth.pmf(count));
                assert!((share - p).abs() < 2.0 / f64::from(n), "mean {mean}, count {count}: {share} against {p}");
            }
        }
    }

    #[test]
    fn large_means_have_their_mean_and_variance() {
        let n = 100_000;
        for mean in [LARGE - 1.0, LARGE + 1.0, 1e9] {
            let counts: Vec<f64> =
                (0..n).map(|i| (quantile(mean, (f64::from(i) + 0.5) / f64::from(n)) - mean) / mean.sqrt()).collect();
            let first = counts.iter().sum::<f64>() / f64::from(n);
            let second = counts.iter().map(|c| c * c).sum::<f64>() / f64::from(n);
            assert!(first.abs() < 2e-3 && (second - 1.0).abs() < 5e-3, "{mean}: {first}, {second}");
        }
    }

    #[test]
    fn odd_means_and_draws_end() {
        for mean in [-1.0, 0.0, f64::NAN, f64::MIN_POSITIVE] {
            assert!(quantile(mean, 0.999) == 0.0, "{mean}");
        }
        for mean in [1e-3, 30.0, 99_999.0] {
            for u in [1e-16, 1.0 - 1e-16, 1.0] {
                assert!(quantile(mean, u).is_finite());
            }
        }
    }
}
