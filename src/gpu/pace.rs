//! How fast a device is, as measured, and what follows: how much work goes into a submission, a dispatch, a run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A person who cancels waits no longer than this for a run of many steps, in milliseconds.
const RUN_MS: f64 = 200.0;

/// Operations a millisecond that a device is taken for before anything was measured: of the slowest cards.
const FIRST: f64 = 2e7;

/// A device's speed, and how long a submission may take.
#[derive(Debug)]
pub struct Pace {
    /// Operations a millisecond.
    speed: Mutex<f64>,
    submission_ms: f64,
}

impl Pace {
    /// Of a device that was not measured yet.
    #[must_use]
    pub fn new(submission_ms: f64) -> Self {
        Self { speed: Mutex::new(FIRST), submission_ms }
    }

    fn speed(&self) -> f64 {
        *self.speed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Operations of a submission.
    #[must_use]
    pub fn submission(&self) -> f64 {
        self.speed() * self.submission_ms
    }

    /// Operations of a dispatch, so that a submission is not one dispatch long.
    #[must_use]
    pub fn dispatch(&self) -> f64 {
        0.5 * self.submission()
    }

    /// How many jobs of so many operations each may run before anybody is asked whether to go on: at least one.
    #[must_use]
    pub fn run(&self, operations: f64) -> usize {
        ((RUN_MS * self.speed() / operations.max(1.0)) as usize).max(1)
    }

    /// Takes the time of a job into account, the latest the most.
    pub fn learn(&self, operations: f64, elapsed: Duration) {
        let milliseconds = elapsed.as_secs_f64() * 1e3;
        if operations > 0.0 && milliseconds > 0.0 {
            let mut speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
            *speed = 0.5 * (*speed + operations / milliseconds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_get_as_long_as_the_device_is_fast() {
        let pace = Pace::new(8.0);
        // A device of 10⁹ operations a millisecond.
        (0..20).for_each(|_| pace.learn(4e9, Duration::from_millis(4)));
        assert!((pace.submission() / 8e9 - 1.0).abs() < 1e-3, "{}", pace.submission());
        assert!((pace.dispatch() / 4e9 - 1.0).abs() < 1e-3, "{}", pace.dispatch());
        assert_eq!((pace.run(1.5e10), pace.run(1e13)), (13, 1));
        // It got hot, or another program uses it: shorter ones at once.
        pace.learn(4e9, Duration::from_millis(400));
        assert!(pace.submission() < 5e9);
        // A job of nothing says nothing.
        let before = pace.submission().to_bits();
        pace.learn(0.0, Duration::from_millis(5));
        assert_eq!(pace.submission().to_bits(), before);
    }
}
