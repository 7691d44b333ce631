//! What the model said, as far as it did.

use std::sync::Arc;

use crate::attack::{self, Timeline};
use crate::gui::gpu::Content;
use crate::joint::{Place, Usual};
use crate::picture::{NoiseKind, Rect};
use crate::study::{self, Fidelity, Stage, Study};

/// A picture fitted to the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Of the model's shape.
    pub content: Content,
    /// What of the original it covers.
    pub rect: Rect,
    /// What was done, in words.
    pub words: String,
}

/// A denoised picture of one class.
#[derive(Debug, Clone)]
pub struct ClassTile {
    /// The class.
    pub class: usize,
    /// `D_c`
    pub content: Content,
    /// How near it is to the clean picture, where that is known.
    pub fidelity: Option<Fidelity>,
    /// It belongs to an earlier question.
    pub stale: bool,
}

/// The denoised picture of all classes that have no [`ClassTile`].
#[derive(Debug, Clone)]
pub struct Rest {
    /// How many they are.
    pub classes: usize,
    /// The sum of their probabilities.
    pub probability: f64,
    /// `E[x | y, c one of them]`
    pub content: Content,
    /// How near it is to the clean picture, where that is known.
    pub fidelity: Option<Fidelity>,
}

/// A picture, and how near it is to the clean one.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The picture.
    pub content: Content,
    /// How near it is.
    pub fidelity: Fidelity,
}

/// A value that may belong to an earlier question.
#[derive(Debug, Clone)]
pub struct Fresh<T> {
    /// The value.
    pub value: T,
    /// It belongs to an earlier question.
    pub stale: bool,
}

/// What the model said about the noisy picture, as far as it did.
#[derive(Debug, Default)]
pub struct Answer {
    /// y
    pub noisy: Option<Fresh<Content>>,
    /// How near y is to x.
    pub noisy_fidelity: Option<Fidelity>,
    /// p(c | y)
    pub posterior: Option<Fresh<Vec<f64>>>,
    /// log p(y); none of a model without a density.
    pub log_density: Option<f64>,
    /// D(y)
    pub denoised: Option<Fresh<Content>>,
    /// How near D(y) is to x.
    pub denoised_fidelity: Option<Fidelity>,
    /// `D_c` of the classes asked for.
    pub classes: Vec<ClassTile>,
    /// All the other classes as one, where there are some.
    pub rest: Option<Fresh<Rest>>,
    /// The whole study, once it is there.
    pub study: Option<Arc<Study>>,
    /// Where the noisy picture lies among the model's own; none where that is not known.
    pub place: Option<Place>,
}

impl Answer {
    /// A new question is on its way: what is here is old.
    pub fn grow_stale(&mut self) {
        self.posterior.iter_mut().for_each(|p| p.stale = true);
        self.denoised.iter_mut().for_each(|d| d.stale = true);
        self.classes.iter_mut().for_each(|c| c.stale = true);
        self.rest.iter_mut().for_each(|r| r.stale = true);
    }

    /// Takes in a stage, of the last question or of an earlier one.
    pub fn take(&mut self, stage: Stage, stale: bool) {
        match stage {
            Stage::Posterior { posterior, log_density } => {
                self.posterior = Some(Fresh { value: posterior, stale });
                self.log_density = log_density;
            }
            Stage::Denoised { denoised, fidelity } => {
                self.denoised = Some(Fresh { value: denoised.into(), stale });
                self.denoised_fidelity = fidelity;
            }
            Stage::Conditionals(part) => {
                for conditional in part {
                    let tile = ClassTile {
                        class: conditional.class,
                        content: conditional.picture.into(),
                        fidelity: conditional.fidelity,
                        stale,
                    };
                    match self.classes.iter_mut().find(|known| known.class == tile.class) {
                        Some(known) => *known = tile,
                        None => self.classes.push(tile),
                    }
                }
            }
            Stage::Rest(rest) => {
                let study::Rest { classes, probability, picture, fidelity } = rest;
                let value = Rest { classes, probability, content: picture.into(), fidelity };
                self.rest = Some(Fresh { value, stale });
            }
            // The noisy picture has a lane of its own, which waits for no model; whole photographs are the command line's.
            Stage::Noisy { .. } | Stage::Native(_) => {}
        }
    }

    /// The study is complete: classes that it does not have were not asked for. `usual` is what is usual among the model's pictures.
    pub fn complete(&mut self, study: Study, usual: Option<&Usual>) {
        // What is usual was measured under Gaussian noise of the level that the model is told.
        let as_measured = study.noise.is_none_or(|noise| {
            noise.kind == NoiseKind::Gaussian && (noise.sigma - study.sigma_used).abs() < 0.02 * study.sigma_used
        });
        self.place = usual
            .filter(|_| as_measured)
            .and_then(|usual| usual.place(study.sigma_used, study.log_density, &study.noisy, &study.denoised));
        self.classes.retain(|tile| study.conditionals.iter().any(|c| c.class == tile.class));
        self.rest = self.rest.take().filter(|_| study.rest.is_some());
        self.study = Some(Arc::new(study));
    }

    /// The class's denoised picture.
    #[must_use]
    pub fn class(&self, class: usize) -> Option<&ClassTile> {
        self.classes.iter().find(|tile| tile.class == class)
    }

    /// Whether the posterior's most probable class, and which.
    #[must_use]
    pub fn top(&self) -> Option<usize> {
        let posterior = &self.posterior.as_ref()?.value;
        crate::study::ranked(posterior).first().copied()
    }
}

/// One step of the attack, on the timeline.
#[derive(Debug, Clone)]
pub struct TimelineStep {
    /// The picture.
    pub attacked: Content,
    /// The loss that the attack raises.
    pub loss: f64,
    /// p(c | attacked)
    pub posterior: Vec<f64>,
    /// Which run of the attack it is in: a restart, or a part of an ensemble.
    pub run: usize,
}

/// What the attack did.
#[derive(Debug, Default)]
pub struct AttackAnswer {
    /// Its steps so far, in bounded memory.
    steps: Option<Timeline<TimelineStep>>,
    /// Its result, once it is there.
    pub outcome: Option<Arc<attack::Outcome>>,
    /// The result as the last point of the timeline.
    pub result: Option<TimelineStep>,
    /// The steps belong to an earlier question and go with the first new one.
    pub stale: bool,
    /// Which of the kept steps is looked at; none for the result.
    pub at: Option<usize>,
    /// How near the step that is looked at is to the clean picture.
    pub fidelity: Option<Fidelity>,
    /// D at that step.
    pub denoised: Option<Measured>,
    /// The gradient that the attack follows there.
    pub gradient: Option<Content>,
    /// What became of the result under noise.
    pub purified: Option<Arc<Study>>,
    /// The result with noise, and denoised again.
    pub purified_tiles: Option<[Measured; 2]>,
}

impl AttackAnswer {
    /// Lets go of the steps of an earlier question, and keeps the last answers, so that tiles do not blink.
    pub fn begin_anew(&mut self) {
        if self.stale {
            *self = Self {
                fidelity: self.fidelity.take(),
                denoised: self.denoised.take(),
                gradient: self.gradient.take(),
                purified: self.purified.take(),
                purified_tiles: self.purified_tiles.take(),
                at: self.at,
                ..Self::default()
            };
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Picture, Shape};

    /// Square's budget goes to ten million queries.
    #[test]
    fn an_attack_of_any_length_takes_bounded_memory_and_keeps_what_is_looked_at() {
        let mut attack = AttackAnswer::default();
        let picture: Content = Picture::filled(Shape::new(3, 64, 64), 0.5).into();
        for number in 0..5000 {
            attack.push(TimelineStep {
                attacked: picture.clone(),
                loss: f64::from(number),
                posterior: vec![1.0],
                run: 0,
            });
            if number == 100 {
                attack.at = Some(64);
            }
        }
        assert!(attack.len() <= 1000 && attack.seen() == 5000);
        assert_eq!(attack.shown().unwrap().loss, 64.0);
        assert_eq!(attack.steps().last().unwrap().0, 4999);
        attack.at = None;
        assert_eq!(attack.shown().unwrap().loss, 4999.0);
    }
}
