//! How fast work goes on, and how long the rest of it will take.

use std::time::{Duration, Instant};

/// Less than this says nothing about the rest.
const LEAST: Duration = Duration::from_secs(1);

/// How far some work is, and since when. What came before it first told how far it is (a wait behind other work, weights that are
/// packed, memory that is touched for the first time) is no measure of the rest, so it does not count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pace {
    first: Option<(Instant, f64)>,
    last: Option<(Instant, f64)>,
}

impl Pace {
    /// Takes in how much is done at `now`, from 0 to 1.
    pub fn note(&mut self, share: f64, now: Instant) {
        // What is told again is no news, and begun anew is not gone on.
        if self.last.is_some_and(|(_, before)| share < before) {
            *self = Self::default();
        }
        if self.last.is_none_or(|(_, before)| share > before) {
            self.first.get_or_insert((now, share));
            self.last = Some((now, share));
        }
    }

    /// How long the rest will take from `now` on, at the mean speed since it first told; nothing before enough was done since.
    #[must_use]
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let ((began, before), (at, share)) = self.first.zip(self.last)?;
        let took = at.saturating_duration_since(began);
        if took < LEAST || share <= before {
            return None;
        }
        let rest = Duration::try_from_secs_f64(took.as_secs_f64() * (1.0 - share).max(0.0) / (share - before)).ok()?;
        Some(rest.saturating_sub(now.saturating_duration_since(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(pace: Pace, now: Instant) -> Option<f64> {
        pace.left(now).map(|left| left.as_secs_f64())
    }

    /// As a photograph goes: six seconds of waiting and packing before the first of twenty tiles, then a second for each. By all
    /// the time since the beginning it would be told 133 s after the first tile, and 63 s after the second.
    #[test]
    fn what_goes_before_the_first_news_does_not_count() {
        let began = Instant::now();
        let at = |seconds: f64| began + Duration::from_secs_f64(seconds);
        let mut pace = Pace::default();
        assert_eq!(pace.left(at(5.0)), None);
        for tile in 1..=20_u32 {
            let now = at(6.0 + f64::from(tile));
            pace.note(f64::from(tile) / 20.0, now);
            if tile == 1 {
                assert_eq!(pace.left(at(60.0)), None, "one tile tells no speed");
            } else {
                let left = seconds(pace, now).unwrap();
                assert!((left - f64::from(20 - tile)).abs() < 1e-6, "{left} s after {tile} tiles");
            }
        }
    }

    #[test]
    fn it_counts_down_between_news_but_not_below_nothing() {
        let began = Instant::now();
        let at = |seconds: u64| began + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        pace.note(0.2, at(0));
        pace.note(0.4, at(10));
        assert_eq!([10, 13, 40, 90].map(|s| seconds(pace, at(s)).map(f64::round)), [30.0, 27.0, 0.0, 0.0].map(Some));
        // Told again it is no news; begun anew it knows nothing.
        let before = pace;
        pace.note(0.4, at(20));
        assert_eq!(pace, before);
        pace.note(0.1, at(21));
        assert_eq!(pace.left(at(30)), None);
    }

    #[test]
    fn hardly_anything_done_tells_nothing() {
        let began = Instant::now();
        let mut pace = Pace::default();
        for tile in 1..=9_u64 {
            pace.note(tile as f64 / 1000.0, began + Duration::from_millis(100 * tile));
        }
        assert_eq!(pace.left(began + Duration::from_secs(2)), None);
    }
}
