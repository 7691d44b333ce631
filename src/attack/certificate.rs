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

/// At how many votes a running count is first looked at; then at twice as many, and so on.
pub(super) const FIRST_LOOK: u64 = 100;
/// The share of α that the looks before the planned end have together, where the count may be stopped.
const EARLY: f64 = 0.1;

/// What is proved about one picture, or was by the votes so far.
///
/// The smoothed classifier says what p(c | x + σε) says most often over the noise ε. It says `class` for every picture
/// closer to x than [`Certificate::radius`] in L2. That is wrong with probability at most α:
///
/// * Where the count cannot be stopped (`may_stop` is false), the only bound is Cohen's, which spends α on all planned votes.
///   Before they are in, nothing is proved.
/// * Where it may be stopped, even because of what it showed, α is spent in parts whose sum it is (the union bound; α
///   spending of Lan & `DeMets` 1983): 0.9α on all planned votes and 0.1α, in equal parts, on looks before at 100, 200,
///   400, … votes. With probability 1 − α every one of these bounds holds, so the best of those made by now holds whenever
///   somebody stops. At the planned end that costs the 10 000 votes of a sure class less than 0.5 % of the radius.
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
    /// Whether somebody who sees the count may stop it before that.
    pub may_stop: bool,
    /// The best lower bound on the class's share that a look before the planned end gave.
    pub early_lower: f64,
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

    /// At how many votes it is looked at before the planned end.
    fn early_looks(&self) -> impl Iterator<Item = u64> {
        let first = Some(FIRST_LOOK).filter(|_| self.may_stop);
        std::iter::successors(first, |at| at.checked_mul(2)).take_while(|at| *at < self.planned)
    }

    /// What of α is spent on all planned votes.
    fn final_alpha(&self) -> f64 {
        if self.early_looks().next().is_none() { self.alpha } else { self.alpha * (1.0 - EARLY) }
    }

    /// The lower bound on the class's share that holds now, whyever the count is where it is; 0 if there is none yet.
    #[must_use]
    pub fn lower(&self) -> f64 {
        if !self.is_complete() {
            return self.early_lower;
        }
        clopper_pearson_lower(self.votes[self.class], self.samples(), self.final_alpha()).max(self.early_lower)
    }

    /// The certified L2 radius on the [0, 1] scale that holds now; none: it abstains.
    #[must_use]
    pub fn radius(&self) -> Option<f64> {
        certified_radius(f64::from(self.sigma), self.lower())
    }

    /// Looks at the votes so far, if this many are a look's.
    pub(super) fn look(&mut self) {
        let samples = self.samples();
        if self.early_looks().any(|at| at == samples) {
            let alpha = self.alpha * EARLY / self.early_looks().count() as f64;
            let lower = clopper_pearson_lower(self.votes[self.class], samples, alpha);
            self.early_lower = self.early_lower.max(lower);
        }
    }
}

/// The share of pictures that are certified to be of their label's class at least up to each radius.
///
/// This is the certified accuracy of Cohen et al., figure 6: abstentions and wrong classes count against it.
#[must_use]
pub fn certified_accuracy(certificates: &[Certificate], labels: &[usize], radii: &[f64]) -> Vec<f64> {
    let certified = |radius: f64| {
        let right = certificates.iter().zip(labels).filter(|(certificate, label)| certificate.class == **label);
        right.filter(|(certificate, _)| certificate.radius().is_some_and(|r| r >= radius)).count()
    };
    radii.iter().map(|&radius| certified(radius) as f64 / certificates.len().max(1) as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::search::Draws;

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
            may_stop: false,
            early_lower: 0.0,
        };
        let all = [of(0, 1000), of(0, 900), of(1, 1000), of(0, 505)];
        let accuracy = certified_accuracy(&all, &[0, 0, 0, 0], &[0.0, 0.7, 10.0]);
        assert_eq!(accuracy, [0.5, 0.25, 0.0]);
    }

    fn begin(may_stop: bool, alpha: f64, planned: u64) -> Certificate {
        let (selection, votes) = (vec![100, 0], vec![0, 0]);
        Certificate { class: 0, sigma: 0.25, alpha, selection, votes, planned, may_stop, early_lower: 0.0 }
    }

    #[test]
    fn whoever_stops_at_the_best_moment_is_wrong_no_more_often_than_alpha() {
        // Votes of a known share p, so that a bound above p is a wrong one. The stopper sees every bound and keeps the best.
        const RUNS: usize = 2000;
        let (alpha, planned) = (0.05, 1600);
        let mut draws = Draws::new(8, 0);
        for p in [0.6, 0.8] {
            let (mut wrong, mut wrong_if_each_took_all) = (0, 0);
            for _ in 0..RUNS {
                let (mut certificate, mut best, mut greedy) = (begin(true, alpha, planned), 0.0_f64, 0.0_f64);
                let mut looks = 0.0;
                while !certificate.is_complete() {
                    certificate.votes[usize::from(draws.uniform() >= p)] += 1;
                    certificate.look();
                    best = best.max(certificate.lower());
                    let (hits, samples) = (certificate.votes[0], certificate.samples());
                    // What must not be done: α for the planned end, and α over again for all looks together.
                    if [100, 200, 400, 800].contains(&samples) {
                        looks += 1.0;
                        greedy = greedy.max(clopper_pearson_lower(hits, samples, alpha / (looks * (looks + 1.0))));
                    }
                }
                greedy = greedy.max(clopper_pearson_lower(certificate.votes[0], planned, alpha));
                wrong += usize::from(best > p);
                wrong_if_each_took_all += usize::from(greedy > p);
            }
            // Of 2000 runs α allows 100; a bound that is never wrong would be needlessly weak.
            assert!((60..=100).contains(&wrong), "{wrong} at {p}");
            assert!(wrong_if_each_took_all > 100, "{wrong_if_each_took_all} at {p}: the test has no power");
        }
    }

    #[test]
    fn the_planned_end_costs_next_to_nothing_where_one_may_stop() {
        for (hits, planned) in [(9_000, 10_000), (10_000, 10_000), (80_000, 100_000), (990, 1000)] {
            let end = |may_stop| {
                let votes = vec![hits, planned - hits];
                Certificate { votes, ..begin(may_stop, 1e-3, planned) }.radius().unwrap()
            };
            let (fixed, free) = (end(false), end(true));
            // Cohen's bound to the bit where nobody stops.
            let cohen = certified_radius(0.25, clopper_pearson_lower(hits, planned, 1e-3)).unwrap();
            assert_eq!(fixed.to_bits(), cohen.to_bits());
            assert!(free < fixed && free > 0.995 * fixed, "{free} of {fixed}");
        }
        // Too few votes for a look before the end: all of α is the end's.
        let few = Certificate { votes: vec![100, 0], ..begin(true, 1e-3, 100) };
        assert_eq!(few.lower().to_bits(), clopper_pearson_lower(100, 100, 1e-3).to_bits());
    }

    #[test]
    fn nothing_is_proved_between_looks_nor_early_where_nobody_may_stop() {
        let mut certificate = begin(true, 1e-3, 1000);
        let mut seen = Vec::new();
        while !certificate.is_complete() {
            certificate.votes[0] += 1;
            certificate.look();
            if seen.last() != Some(&certificate.lower()) {
                seen.push(certificate.lower());
            }
        }
        // No bound, four looks at 0.1α/4 each, and the end at 0.9α.
        let unanimous = |votes: f64, alpha: f64| alpha.powf(1.0 / votes);
        let looks = [100.0, 200.0, 400.0, 800.0].map(|votes| unanimous(votes, 0.1e-3 / 4.0));
        let expected = [&[0.0][..], &looks, &[unanimous(1000.0, 0.9e-3)]].concat();
        assert_eq!(seen.len(), expected.len());
        assert!(seen.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{seen:?} {expected:?}");
        let mut fixed = begin(false, 1e-3, 1000);
        fixed.votes[0] = 800;
        fixed.look();
        assert_eq!((fixed.lower(), fixed.radius()), (0.0, None));
    }
}
