//! `McNemar`'s test, exact: whether one of two classifiers is right more often on the same pictures than chance explains.

use serde::Serialize;
use statrs::function::gamma::ln_gamma;

/// The pictures on which one classifier alone is right, and the probability of so uneven a count, or a more uneven one, if
/// either were as likely to be right there (`McNemar` 1947; exact and two-sided, by the binomial distribution).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct McNemar {
    /// Pictures on which A alone is right.
    pub only_a: usize,
    /// Pictures on which B alone is right.
    pub only_b: usize,
    /// The probability.
    pub p_value: f64,
}

impl McNemar {
    /// The test of these counts: twice the smaller tail of Bin(a + b, ½), at most 1.
    #[must_use]
    pub fn of(only_a: usize, only_b: usize) -> Self {
        let (count, least) = (only_a + only_b, only_a.min(only_b));
        let choose =
            |k: usize| ln_gamma(count as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((count - k) as f64 + 1.0);
        let tail: f64 = (0..=least).map(|k| (choose(k) - count as f64 * std::f64::consts::LN_2).exp()).sum();
        Self { only_a, only_b, p_value: (2.0 * tail).min(1.0) }
    }

    /// The test over pictures, each with whether A and B are right.
    pub(super) fn over(right: impl Iterator<Item = [bool; 2]>) -> Self {
        let (mut only_a, mut only_b) = (0, 0);
        for pair in right {
            match pair {
                [true, false] => only_a += 1,
                [false, true] => only_b += 1,
                _ => {}
            }
        }
        Self::of(only_a, only_b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probabilities_are_those_of_fair_coins() {
        // By hand, from Pascal's triangle.
        for (a, b, p) in [
            (0, 0, 1.0),
            (1, 0, 1.0),
            (0, 5, 2.0 / 32.0),
            (5, 5, 1.0),
            (1, 9, 2.0 * 11.0 / 1024.0),
            (2, 10, 2.0 * 79.0 / 4096.0),
            (4, 6, 2.0 * 386.0 / 1024.0),
        ] {
            for (a, b) in [(a, b), (b, a)] {
                let found = McNemar::of(a, b);
                assert!((found.p_value - p).abs() < 1e-12, "{a} {b}: {} {p}", found.p_value);
            }
        }
        // As scipy.stats.binomtest(59, 159).pvalue of SciPy 1.17.1 has it.
        let found = McNemar::of(59, 100).p_value;
        assert!((found / SCIPY - 1.0).abs() < 1e-9, "{found}");
        assert!(McNemar::of(10_000, 0).p_value < 1e-300 && McNemar::of(30_000, 30_000).p_value <= 1.0);
    }

    const SCIPY: f64 = 0.001_434_463_760_420_395_2;

    #[test]
    fn only_pictures_that_one_alone_takes_rightly_count() {
        let all = [[true, true], [true, false], [false, false], [true, false], [false, true]];
        assert_eq!(McNemar::over(all.into_iter()), McNemar::of(2, 1));
    }
}
