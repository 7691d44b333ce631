//! Two models side by side: the second one, what is looked at, and what came of it.

use std::sync::Arc;

use super::answers::Measured;
use super::explore::Explored;
use super::model::{Model, ModelSource};
use crate::attack::{Aim, DuelSettings};
use crate::gui::gpu::Content;
use crate::joint::Pairing;
use crate::study::{Duelled, Fidelity, Study};

/// What the pane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// What each restores of the same noisy picture.
    #[default]
    Restored,
    /// What the attack on A does to B.
    Attack,
    /// The picture on which they differ.
    Duel,
}

impl Mode {
    /// Every mode, in order.
    pub const ALL: [Self; 3] = [Self::Restored, Self::Attack, Self::Duel];

    /// Its name on the switch.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Restored => "Restored",
            Self::Attack => "Attack",
            Self::Duel => "Duel",
        }
    }

    /// What is seen, in one line.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Restored => "Both see the same picture under the same noise.",
            Self::Attack => "The attack of the adversary pane, made for A, shown to B: does it transfer?",
            Self::Duel => "The picture near the clean one on which the two differ most.",
        }
    }
}

/// The second model, ready.
#[derive(Clone)]
pub struct Rival {
    /// The model.
    pub model: Model,
    /// Which of its classes are which of A's.
    pub pairing: Pairing,
}

/// What B says and restores of the noisy picture.
#[derive(Debug, Clone, Default)]
pub struct RivalAnswer {
    /// p(c | y), in the order of A's classes.
    pub posterior: Vec<f64>,
    /// D, or the denoiser of the chosen class; none of a model without gradients.
    pub restored: Option<Content>,
    /// How near it is to the clean picture.
    pub fidelity: Option<Fidelity>,
    /// It is of this class of A's.
    pub class: Option<usize>,
}

impl RivalAnswer {
    /// Of a study by B, for the class that was asked for, in A's numbers.
    #[must_use]
    pub fn of(study: &Study, pairing: &Pairing, class: Option<usize>) -> Self {
        let as_class = class.and_then(|class| study.conditionals.iter().find(|c| c.class == pairing.in_b(class)));
        let (restored, fidelity) = match (class, as_class) {
            (None, _) => (Some(&study.denoised), study.denoised_fidelity),
            (Some(_), found) => (found.map(|c| &c.picture), found.and_then(|c| c.fidelity)),
        };
        Self {
            posterior: pairing.reordered(&study.posterior),
            restored: restored.cloned().map(Content::from),
            fidelity,
            class,
        }
    }
}

/// What B says of the attacked picture, in the order of A's classes.
#[derive(Debug, Clone)]
pub struct Transferred {
    /// p(c | x) of the clean picture.
    pub before: Vec<f64>,
    /// p(c | x) of the attacked one.
    pub after: Vec<f64>,
    /// D of the attacked picture, and how near it is to the clean one; none of a model without gradients.
    pub denoised: Option<Measured>,
}

/// A duel as tiles.
#[derive(Debug, Clone)]
pub struct DuelTiles {
    /// The whole result.
    pub duelled: Arc<Duelled>,
    /// The picture that was found.
    pub found: Content,
    /// The clean one.
    pub clean: Content,
    /// D of it by A and by B.
    pub denoised: [Content; 2],
}

/// How far a duel is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DuelProgress {
    /// Steps made.
    pub done: usize,
    /// Steps in all, as far as is known.
    pub total: usize,
    /// How far the two differ on the best picture so far.
    pub bits: f64,
}

/// Two models side by side.
#[derive(Default)]
pub struct Versus {
    /// What the pane shows.
    pub mode: Mode,
    /// The class as which both restore; none for D.
    pub class: Option<usize>,
    /// The second model.
    pub b: Option<Rival>,
    /// It is being read.
    pub loading: Option<ModelSource>,
    /// Why the last one that was chosen cannot stand beside A.
    pub refused: Option<String>,
    /// What it says of the noisy picture.
    pub answer: Option<Explored<RivalAnswer>>,
    /// What it says of the attacked one.
    pub transferred: Option<Explored<Transferred>>,
    /// What a duel is asked for.
    pub duel: DuelSettings,
    /// How far the duel is.
    pub progress: DuelProgress,
    /// What came of the last one.
    pub duelled: Option<Explored<DuelTiles>>,
}

impl Versus {
    /// Another picture or model: what is here means nothing any more. The second model stays.
    pub fn forget(&mut self) {
        self.answer = None;
        self.transferred = None;
        self.duelled = None;
        self.progress = DuelProgress::default();
    }

    /// Takes in a duel.
    pub fn take_duel(&mut self, duelled: Duelled) {
        let tiles = DuelTiles {
            found: duelled.duel.picture.clone().into(),
            clean: duelled.clean.clone().into(),
            denoised: duelled.denoised.each_ref().map(|picture| picture.clone().into()),
            duelled: Arc::new(duelled),
        };
        self.duelled = Some(Explored::new(tiles));
    }

    /// What was looked for, in words.
    #[must_use]
    pub fn aim_label(aim: Aim) -> &'static str {
        match aim {
            Aim::Widest => "differ most",
            Aim::Nearest => "nearest apart",
        }
    }
}
