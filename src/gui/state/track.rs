//! The steps of an attack in bounded memory, its result, and which of them is looked at.

use crate::attack::Timeline;
use crate::gui::gpu::Content;
use crate::study::Fidelity;

/// One step of an attack, on the timeline.
#[derive(Debug, Clone)]
pub struct TimelineStep {
    /// The picture.
    pub attacked: Content,
    /// What the attack raises.
    pub loss: f64,
    /// p(c | attacked)
    pub posterior: Vec<f64>,
    /// Which run of the attack it is in: a restart, or a part of an ensemble.
    pub run: usize,
    /// What is restored of it, where that is what is attacked.
    pub restored: Option<Restored>,
}

/// A restored picture.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The picture.
    pub content: Content,
    /// How near it is to the clean one, where that is known.
    pub fidelity: Option<Fidelity>,
}

/// The steps so far, and which is looked at.
#[derive(Debug, Default)]
pub struct Track {
    steps: Option<Timeline<TimelineStep>>,
    /// The result as the last point of the timeline.
    pub result: Option<TimelineStep>,
    /// Which of the kept steps is looked at; none for the result.
    pub at: Option<usize>,
}

impl Track {
    /// One without steps, at the same place.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { at: self.at, ..Self::default() }
    }

    /// Takes in a step.
    pub fn push(&mut self, step: TimelineStep) {
        let shape = step.attacked.picture().shape();
        let steps = self.steps.get_or_insert_with(|| Timeline::of_pictures(shape));
        let before = steps.len();
        steps.push(step);
        if steps.len() < before {
            // Every second one was let go of.
            self.at = self.at.map(|at| at / 2);
        }
    }

    /// The steps that are kept, each with its number.
    pub fn steps(&self) -> impl Iterator<Item = (usize, &TimelineStep)> {
        self.steps.iter().flat_map(Timeline::iter)
    }

    /// How many steps there were, those included that are no longer kept.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.steps.as_ref().map_or(0, Timeline::seen)
    }

    /// How many points the timeline has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.as_ref().map_or(0, Timeline::len) + usize::from(self.result.is_some())
    }

    /// Whether there is no point yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The point that is looked at.
    #[must_use]
    pub fn shown(&self) -> Option<&TimelineStep> {
        let steps = self.steps.as_ref();
        let looked_at = self.at.zip(steps).and_then(|(at, steps)| Some(steps.get(at)?.1));
        looked_at.or(self.result.as_ref()).or(steps.and_then(Timeline::last))
    }

    /// The number of the point that is looked at.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at.unwrap_or(usize::MAX).min(self.len().saturating_sub(1))
    }

    /// The step that the person went to, with its number; none at the result.
    #[must_use]
    pub fn looked_at(&self) -> Option<(usize, &TimelineStep)> {
        self.steps().nth(self.at?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Picture, Shape};

    /// Square's budget goes to ten million queries.
    #[test]
    fn an_attack_of_any_length_takes_bounded_memory_and_keeps_what_is_looked_at() {
        let mut track = Track::default();
        let picture: Content = Picture::filled(Shape::new(3, 64, 64), 0.5).into();
        for number in 0..5000 {
            track.push(TimelineStep {
                attacked: picture.clone(),
                loss: f64::from(number),
                posterior: vec![1.0],
                run: 0,
                restored: None,
            });
            if number == 100 {
                track.at = Some(64);
            }
        }
        assert!(track.len() <= 1000 && track.seen() == 5000);
        assert_eq!(track.shown().unwrap().loss, 64.0);
        assert_eq!(track.steps().last().unwrap().0, 4999);
        track.at = None;
        assert_eq!(track.shown().unwrap().loss, 4999.0);
    }
}
