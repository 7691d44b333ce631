//! What randomised smoothing proves (Cohen, Rosenfeld & Kolter 2019), from counts of votes.

use statrs::function::beta::inv_beta_reg;

use crate::picture::normals;

/// A lower bound on a share from `hits` of `trials`, wrong with probability at most `alpha` (Clopper & Pearson 1934):
/// the `alpha` quantile of Beta(hits, trials − hits + 1).
#[must_use]
pub fn clopper_pearson_lower(hits: u64, trials: u64, alpha: f64) -> f64 {
    if hits == 0 || trials == 0 {
        return 0.0;
    }
    if hits >= trials {
        return alpha.powf(1.0 / trials as f64);
    }
    inv_beta_reg(hits as f64, (trials - hits + 1) as f64, alpha)
}

/// The L2 radius that smoothing with noise of standard deviation `sigma` certifies where the class has at least the
/// share `p` of the votes: `σ Φ⁻¹(p)` (Cohen et al., theorem 1), or none up to a half.
#[must_use]
pub fn certified_radius(sigma: f64, p: f64) -> Option<f64> {
    (p > 0.5).then(|| sigma * normals::quantile(p))
}

/// What is proved about one picture, or was by the votes so far.
///
/// The smoothed classifier says what p(c | x + σε) says most often over the noise ε. It says `class` for every picture
/// closer to x than `radius` in L2. That is wrong with probability at most α, under one of two plans:
///
/// * [`Certificate::radius`] is Cohen's bound, with all of α spent at this number of votes. It holds if that number was
///   fixed beforehand.
/// * [`Certificate::anytime_radius`] holds whenever the counting is stopped, even because of what it showed: α is spread
///   over looks at a doubling number of votes (α/(j(j+1)) at the j-th), and the best look counts.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Certificate {
    /// The class that had most of the first votes; the bound is on its share of the rest.
    pub class: usize,
    /// Standard deviation of the noise, on the [0, 1] scale.
    pub sigma: f32,
    /// The probability that the certificate is wrong.
    pub alpha: f64,
    /// How the votes fell that choose the class, `[K]`.
    pub selection: Vec<u64>,
    /// How the votes fell that bound its share, `[K]`.
    pub votes: Vec<u64>,
    /// How many of those there are to be.
    pub planned: u64,
    /// The best anytime lower bound on the class's share.
    pub anytime_lower: f64,
}

impl Certificate {
    /// How many votes bound the share.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.votes.iter().sum()
    }

    /// Whether all planned votes are in.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.samples() >= self.planned
    }

    /// The lower bound on the class's share, if this number of votes was planned.
    #[must_use]
    pub fn lower(&self) -> f64 {
        clopper_pearson_lower(self.votes[self.class], self.samples(), self.alpha)
    }

    /// The certified L2 radius on the [0, 1] scale, if this number of votes was planned; none: it abstains.
    #[must_use]
    pub fn radius(&self) -> Option<f64> {
        certified_radius(f64::from(self.sigma), self.lower())
    }

    /// The certified L2 radius, valid whenever the counting stops; none: it abstains.
    #[must_use]
    pub fn anytime_radius(&self) -> Option<f64> {
        certified_radius(f64::from(self.sigma), self.anytime_lower)
    }

    /// The radius to report: Cohen's once the plan is complete, the anytime one before.
    #[must_use]
    pub fn reported_radius(&self) -> Option<f64> {
        if self.is_complete() { self.radius() } else { self.anytime_radius() }
    }

    /// Takes in the j-th look, from 1 on, at the votes so far.
    pub(super) fn look(&mut self, j: u64) {
        let alpha = self.alpha / (j * (j + 1)) as f64;
        let lower = clopper_pearson_lower(self.votes[self.class], self.samples(), alpha);
        self.anytime_lower = self.anytime_lower.max(lower);
    }
}

/// The share of pictures that are certified to be of their label's class at least up to each radius.
///
/// This is the certified accuracy of Cohen et al., figure 6: abstentions and wrong classes count against it.
#[must_use]
pub fn certified_accuracy(certificates: &[Certificate], labels: &[usize], radii: &[f64]) -> Vec<f64> {
    let certified = |radius: f64| {
        let right = certificates.iter().zip(labels).filter(|(certificate, label)| certificate.class == **label);
        right.filter(|(certificate, _)| certificate.reported_radius().is_some_and(|r| r >= radius)).count()
    };
    radii.iter().map(|&radius| certified(radius) as f64 / certificates.len().max(1) as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hits, trials, alpha and `scipy.stats.beta.ppf(alpha, hits, trials - hits + 1)` of `SciPy` 1.
    const GOLDEN: [(u64, u64, f64, f64); 22] = [
        (1, 10, 1e-3, 0.000_100_045_028_520_678_63),
        (5, 10, 1e-3, 0.089_813_189_811_854_27),
        (9, 10, 1e-3, 0.376_276_910_911_174_54),
        (50, 100, 1e-3, 0.344_798_006_425_317_77),
        (51, 100, 1e-3, 0.354_150_198_657_803_9),
        (99, 100, 1e-3, 0.911_373_111_296_042_4),
        (37, 1000, 1e-3, 0.021_164_625_768_270_28),
        (990, 1000, 1e-3, 0.976_036_187_155_311_4),
        (1, 100_000, 1e-3, 1.000_500_328_578_529e-8),
        (50_000, 100_000, 1e-3, 0.495_109_042_903_695_95),
        (99_000, 100_000, 1e-3, 0.988_989_340_377_474_8),
        (99_999, 100_000, 1e-3, 0.999_907_669_666_265_4),
        (99_000, 100_000, 0.05, 0.989_466_799_099_363_6),
        (99_999, 100_000, 0.05, 0.999_952_562_242_826_1),
        (51, 100, 0.05, 0.423_410_651_302_192_9),
        (1, 10, 1e-6, 1.000_000_450_000_285_1e-7),
        (9, 10, 1e-6, 0.169_914_640_141_143_63),
        (99, 100, 1e-6, 0.845_576_430_194_535_9),
        (1, 100_000, 1e-6, 1.000_000_499_995_333_3e-11),
        (50_000, 100_000, 1e-6, 0.492_479_620_337_225_4),
        (99_999, 100_000, 1e-6, 0.999_833_128_882_186_6),
        (37, 1000, 5e-5, 0.018_038_220_210_521_726),
    ];

    #[test]
    fn the_bound_is_the_beta_quantile() {
        for (hits, trials, alpha, expected) in GOLDEN {
            let bound = clopper_pearson_lower(hits, trials, alpha);
            assert!((bound / expected - 1.0).abs() < 1e-9, "{hits}/{trials} at {alpha}: {bound} for {expected}");
        }
    }

    #[test]
    fn the_extremes_are_in_closed_form() {
        assert!(clopper_pearson_lower(0, 100, 1e-3).abs() < 1e-300);
        assert!(clopper_pearson_lower(0, 0, 1e-3).abs() < 1e-300);
        assert!((clopper_pearson_lower(100, 100, 1e-3) - 1e-3_f64.powf(0.01)).abs() < 1e-15);
        assert!((clopper_pearson_lower(1, 1, 1e-3) - 1e-3).abs() < 1e-15);
    }

    #[test]
    fn half_the_votes_certify_nothing() {
        assert_eq!(certified_radius(0.5, 0.5), None);
        // Cohen et al.: all of 100 000 votes at α = 0.001 certify 3.8σ.
        let radius = certified_radius(1.0, clopper_pearson_lower(100_000, 100_000, 1e-3)).unwrap();
        assert!((radius - 3.811).abs() < 1e-3, "{radius}");
    }

    #[test]
    fn accuracy_counts_abstentions_and_wrong_classes() {
        let of = |class: usize, hits: u64| Certificate {
            class,
            sigma: 0.5,
            alpha: 1e-3,
            selection: vec![0; 2],
            votes: if class == 0 { vec![hits, 1000 - hits] } else { vec![1000 - hits, hits] },
            planned: 1000,
            anytime_lower: 0.0,
        };
        let all = [of(0, 1000), of(0, 900), of(1, 1000), of(0, 505)];
        let accuracy = certified_accuracy(&all, &[0, 0, 0, 0], &[0.0, 0.7, 10.0]);
        assert_eq!(accuracy, [0.5, 0.25, 0.0]);
    }
}
