//! How long a run is and how the learning rate and the averaging change along it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The length of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// This many steps in all, over all resumed parts.
    Steps(u64),
    /// This much training time in all, over all resumed parts. Such a run cannot be repeated bit for bit.
    Time(Duration),
}

impl Budget {
    /// How much of the run is done, from 0 to 1.
    #[must_use]
    pub fn progress(self, step: u64, spent: Duration) -> f64 {
        let share = match self {
            Self::Steps(steps) => step as f64 / steps.max(1) as f64,
            Self::Time(time) => spent.as_secs_f64() / time.as_secs_f64().max(1e-9),
        };
        share.min(1.0)
    }
}

/// The factor on both learning rates: a linear warm-up over `warmup` steps times a cosine from 1 to 0.
#[must_use]
pub fn learning_rate(step: u64, warmup: u64, progress: f64) -> f64 {
    let rise = ((step + 1) as f64 / (warmup + 1) as f64).min(1.0);
    rise * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * progress))
}

/// The decay of the weights' moving average: `decay` in the long run, shorter at first so that the initial weights
/// are soon forgotten.
#[must_use]
pub fn average_decay(step: u64, decay: f64) -> f64 {
    decay.min((1 + step) as f64 / (10 + step) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_nothing() {
        assert!((learning_rate(0, 9, 0.0) - 0.1).abs() < 1e-12);
        assert!((learning_rate(9, 9, 0.0) - 1.0).abs() < 1e-12);
        assert!((learning_rate(50, 9, 0.5) - 0.5).abs() < 1e-12);
        assert!(learning_rate(100, 9, 1.0).abs() < 1e-12);
    }

    #[test]
    fn progress_counts_steps_or_time() {
        assert!((Budget::Steps(10).progress(4, Duration::ZERO) - 0.4).abs() < 1e-12);
        assert!((Budget::Steps(10).progress(40, Duration::ZERO) - 1.0).abs() < 1e-12);
        let hour = Budget::Time(Duration::from_hours(1));
        assert!((hour.progress(7, Duration::from_mins(15)) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_average_soon_forgets_the_start() {
        assert!((average_decay(0, 0.999) - 0.1).abs() < 1e-12);
        assert!((average_decay(1_000_000, 0.999) - 0.999).abs() < 1e-12);
    }
}
