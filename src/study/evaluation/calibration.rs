//! Whether the model is as often right as it says: expected calibration error over equal-width bins (Guo et al. 2017).

use serde::Serialize;

/// How many bins the confidences are sorted into.
const BINS: usize = 15;

/// The pictures whose confidence lies in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Bin {
    /// How many.
    pub count: usize,
    /// Their mean confidence; 0 if there is none.
    pub confidence: f64,
    /// The share of them that is right; 0 if there is none.
    pub accuracy: f64,
}

/// The confidence of the most probable class against how often it is the true one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// 15 bins of equal width over [0, 1].
    pub bins: Vec<Bin>,
}

impl Calibration {
    /// Sorts answers, each a confidence and whether it was right, into the bins. A confidence on the edge of two bins
    /// is in the lower one.
    #[must_use]
    pub fn of(answers: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let mut bins = vec![Bin::default(); BINS];
        for (confidence, right) in answers {
            let index = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            bins[index].count += 1;
            bins[index].confidence += confidence;
            bins[index].accuracy += f64::from(u8::from(right));
        }
        for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
            bin.confidence /= bin.count as f64;
            bin.accuracy /= bin.count as f64;
        }
        Self { bins }
    }

    /// The expected calibration error: the mean over the pictures of |accuracy − confidence| of their bin.
    #[must_use]
    pub fn error(&self) -> f64 {
        let total: usize = self.bins.iter().map(|bin| bin.count).sum();
        let gaps = self.bins.iter().map(|bin| bin.count as f64 * (bin.accuracy - bin.confidence).abs());
        gaps.sum::<f64>() / total.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_weighted_gap_of_the_bins() {
        // Two at 0.95 of which one is right: a gap of 0.45; two at 0.5 of which one is right: none.
        let calibration = Calibration::of([(0.95, true), (0.95, false), (0.5, true), (0.5, false)]);
        assert!((calibration.error() - 0.225).abs() < 1e-12);
        assert_eq!(calibration.bins.iter().map(|b| b.count).collect::<Vec<_>>(), {
            let mut counts = vec![0; 15];
            (counts[7], counts[14]) = (2, 2);
            counts
        });
    }

    #[test]
    fn the_ends_of_the_scale_are_counted_and_nothing_is_no_error() {
        let calibration = Calibration::of([(0.0, false), (1.0, true)]);
        assert_eq!((calibration.bins[0].count, calibration.bins[14].count), (1, 1));
        assert!(calibration.error().abs() < 1e-12);
        assert!(Calibration::of([]).error().abs() < 1e-12);
    }
}
