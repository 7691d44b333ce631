//! The steps of an attack, kept in bounded memory.

use crate::picture::Shape;

/// Steps from the first to the last, every one of them as long as they are few; when they become too many, every second,
/// fourth, 2^k-th one. The first and the last are always there.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline<T> {
    /// Every `stride`-th step, with its number; the first is number 0.
    kept: Vec<(usize, T)>,
    /// The last step, whatever its number.
    last: Option<(usize, T)>,
    stride: usize,
    most: usize,
}

impl<T> Default for Timeline<T> {
    /// Room for [`Self::STEPS`] steps.
    fn default() -> Self {
        Self::new(Self::STEPS)
    }
}

impl<T> Timeline<T> {
    /// The most steps that are kept of anything.
    pub const STEPS: usize = 1000;
    /// The most bytes that the pictures of a timeline hold together.
    pub const BYTES: usize = 64 << 20;

    /// Room for at most `most` steps, at least two.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { kept: Vec::new(), last: None, stride: 1, most: most.max(2) }
    }

    /// Room for the pictures of [`Self::STEPS`] steps, or fewer where those would exceed [`Self::BYTES`].
    #[must_use]
    pub fn of_pictures(shape: Shape) -> Self {
        let picture = (shape.len() * size_of::<f32>()).max(1);
        Self::new((Self::BYTES / picture).min(Self::STEPS))
    }

    /// Takes in the next step.
    pub fn push(&mut self, step: T) {
        let number = self.last.as_ref().map_or(0, |(last, _)| last + 1);
        if let Some((last, before)) = self.last.replace((number, step))
            && last.is_multiple_of(self.stride)
        {
            self.kept.push((last, before));
            while self.kept.len() == self.most {
                self.stride *= 2;
                self.kept.retain(|(number, _)| number.is_multiple_of(self.stride));
            }
        }
    }

    /// The steps that are kept, in order, each with its number.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &T)> {
        self.kept.iter().chain(&self.last).map(|(number, step)| (*number, step))
    }

    /// The `index`-th of the steps that are kept, with its number.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(usize, &T)> {
        self.kept.get(index).or(self.last.as_ref().filter(|_| index == self.kept.len())).map(|(n, step)| (*n, step))
    }

    /// The last step.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.last.as_ref().map(|(_, step)| step)
    }

    /// How many steps are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len() + usize::from(self.last.is_some())
    }

    /// Whether there was no step.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// How many steps there were, those included that are no longer kept.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.last.as_ref().map_or(0, |(last, _)| last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(timeline: &Timeline<usize>) -> Vec<usize> {
        assert!(timeline.iter().all(|(number, step)| number == *step), "each step under its own number");
        timeline.iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn few_steps_are_all_kept_and_many_at_equal_distances() {
        for most in [2, 3, 4, 7, 100] {
            let mut timeline = Timeline::new(most);
            assert!(timeline.is_empty() && timeline.last().is_none());
            for step in 0..1000 {
                timeline.push(step);
                let kept = numbers(&timeline);
                assert_eq!((kept.len(), timeline.seen(), timeline.last()), (timeline.len(), step + 1, Some(&step)));
                assert!(kept.len() <= most && kept[0] == 0 && kept[kept.len() - 1] == step, "{kept:?} of {step}");
                assert!(step >= most || kept.len() == step + 1, "nothing is dropped without need: {kept:?}");
                // All but the last are the multiples of one power of two, and no fewer than half of what there is room for.
                let stride = kept.get(1).filter(|_| kept.len() > 2).map_or(1, |second| *second);
                assert!(stride.is_power_of_two() && kept.len() >= (most / 2).min(step + 1), "{kept:?}");
                let multiples = kept[..kept.len() - 1].iter().enumerate().all(|(i, number)| *number == i * stride);
                assert!(multiples || kept.len() == 2, "{kept:?}");
                for (index, number) in kept.iter().enumerate() {
                    assert_eq!(timeline.get(index), Some((*number, number)));
                }
                assert_eq!(timeline.get(kept.len()), None);
            }
        }
    }

    #[test]
    fn large_pictures_take_fewer_places() {
        assert_eq!(Timeline::<()>::of_pictures(Shape::new(3, 32, 32)).most, 1000);
        let large = Timeline::<()>::of_pictures(Shape::new(3, 1024, 1024));
        assert_eq!(large.most, (64 << 20) / (3 * 1024 * 1024 * 4));
        assert_eq!(Timeline::<()>::of_pictures(Shape::new(3, 10_000, 10_000)).most, 2);
    }
}
