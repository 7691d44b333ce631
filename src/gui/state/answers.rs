//! What the model said, as far as it did.

use std::sync::Arc;

use super::track::{Restored, Track};
use crate::attack;
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

/// What the attack did.
#[derive(Debug, Default)]
pub struct AttackAnswer {
    /// Its steps, and which is looked at.
    pub track: Track,
    /// Its result, once it is there.
    pub outcome: Option<Arc<attack::Outcome>>,
    /// What the result was made with.
    pub settings: Option<attack::Settings>,
    /// The steps belong to an earlier question and go with the first new one.
    pub stale: bool,
    /// How near the step that is looked at is to the clean picture.
    pub fidelity: Option<Fidelity>,
    /// D at that step.
    pub denoised: Option<Measured>,
    /// The gradient that the attack follows there.
    pub gradient: Option<Content>,
    /// D and gradient belong to an earlier question.
    pub probe_stale: bool,
    /// What became of the result under noise.
    pub purified: Option<Arc<Study>>,
    /// The result with noise, and denoised again.
    pub purified_tiles: Option<[Measured; 2]>,
    /// Both belong to an earlier question.
    pub purified_stale: bool,
}

impl AttackAnswer {
    /// Lets go of the steps of an earlier question, and keeps the last answers, so that tiles do not blink.
    pub fn begin_anew(&mut self) {
        if self.stale {
            *self = Self {
                fidelity: self.fidelity.take(),
                denoised: self.denoised.take(),
                gradient: self.gradient.take(),
                probe_stale: true,
                purified: self.purified.take(),
                purified_tiles: self.purified_tiles.take(),
                purified_stale: true,
                track: self.track.anew(),
                ..Self::default()
            };
        }
    }
}

/// What an attack on the denoiser did.
#[derive(Debug, Default)]
pub struct DenoiserAttackAnswer {
    /// Its steps, and which is looked at.
    pub track: Track,
    /// Its result, once it is there.
    pub outcome: Option<Arc<attack::DenoiserOutcome>>,
    /// It belongs to an earlier question; its steps go with the first new one.
    pub stale: bool,
    /// The noisy picture that it began with.
    pub noisy: Option<Content>,
    /// What was restored of that.
    pub before: Option<Restored>,
    /// How many steps were made, of how many.
    pub progress: Option<(usize, usize)>,
}
