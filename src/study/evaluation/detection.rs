//! Telling pictures of another kind from the model's own, by what the model itself gives.

use serde::Serialize;

/// A number read off a picture that is to be large for the model's own kind of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// `log p_σ(y)`.
    LogDensity,
    /// `max_c p(c | y)` (Hendrycks & Gimpel 2017).
    MaxPosterior,
    /// Minus the norm of the score, `−‖∇_y log p_σ(y)‖`.
    ScoreNorm,
}

impl Score {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LogDensity, Self::MaxPosterior, Self::ScoreNorm];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogDensity => "log density",
            Self::MaxPosterior => "max posterior",
            Self::ScoreNorm => "score norm",
        }
    }
}

/// How well one score tells the two kinds of pictures apart at one noise level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectionFigures {
    /// The data set of the other kind.
    pub data: String,
    /// How many pictures of it.
    pub images: usize,
    /// The noise level on the [0, 1] scale.
    pub sigma: f32,
    /// The score.
    pub score: Score,
    /// The probability that a picture of the model's own kind scores higher: ½ is chance, 1 is perfect.
    pub auroc: f64,
    /// The share of the other pictures that pass a threshold which 95 % of the model's own pass.
    pub fpr_at_95: f64,
}

/// The area under the ROC curve, by ranks (Mann–Whitney): ties count half. Without pictures on either side it is ½.
#[must_use]
pub fn auroc(own: &[f64], other: &[f64]) -> f64 {
    if own.is_empty() || other.is_empty() {
        return 0.5;
    }
    let mut sorted = other.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins = own.iter().map(|value| {
        let below = sorted.partition_point(|o| o < value);
        let not_above = sorted.partition_point(|o| o <= value);
        below as f64 + 0.5 * (not_above - below) as f64
    });
    wins.sum::<f64>() / (own.len() * other.len()) as f64
}

/// The share of `other` at or above the largest threshold that at least 95 % of `own` reach.
#[must_use]
pub fn fpr_at_95(own: &[f64], other: &[f64]) -> f64 {
    if own.is_empty() || other.is_empty() {
        return 1.0;
    }
    let mut sorted = own.to_vec();
    sorted.sort_by(f64::total_cmp);
    // 5 % rounded down may fail; in integers, so that the rounding is exact.
    let threshold = sorted[own.len() * 5 / 100];
    other.iter().filter(|value| **value >= threshold).count() as f64 / other.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs_and_halves_ties() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(auroc(&[3.0, 4.0], &[1.0, 2.0]), 1.0);
        close(auroc(&[1.0, 2.0], &[3.0, 4.0]), 0.0);
        close(auroc(&[1.0, 1.0], &[1.0]), 0.5);
        // Pairs: 2 > 1, 2 < 3, 4 > 1, 4 > 3.
        close(auroc(&[2.0, 4.0], &[1.0, 3.0]), 0.75);
        close(auroc(&[], &[1.0]), 0.5);
    }

    #[test]
    fn the_threshold_lets_95_of_100_pass() {
        let own: Vec<f64> = (0..100).map(f64::from).collect();
        // The threshold is 5: 95 of the own pictures are at or above it.
        assert!((fpr_at_95(&own, &[4.9, 5.0, 6.0, 0.0]) - 0.5).abs() < 1e-12);
        assert!(fpr_at_95(&own, &[-1.0]).abs() < 1e-12);
    }
}
