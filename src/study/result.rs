//! What a study holds, whole and stage by stage.

use std::sync::Arc;

use super::Fidelity;
use crate::joint::{JointModel, ONE_CLASS};
use crate::picture::{Noise, Picture};

/// What a result says about the model that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCard {
    /// The model's name.
    pub name: String,
    /// Where it computed.
    pub device: String,
    /// Its class names.
    pub classes: Arc<[String]>,
}

impl ModelCard {
    /// The card of `model`.
    #[must_use]
    pub fn of(model: &dyn JointModel) -> Self {
        Self { name: model.name().to_owned(), device: model.device(), classes: model.classes().into() }
    }

    /// Whether it tells classes apart; if not, there is no posterior to show ([`crate::joint::ONE_CLASS`] says why).
    #[must_use]
    pub fn is_classifier(&self) -> bool {
        self.classes.len() > 1
    }
}

/// The picture denoised under one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditional {
    /// The class, as an index.
    pub class: usize,
    /// `D_c(y) = E[x | y, c]`; under guidance w, `D + w(D_c − D)`.
    pub picture: Picture,
    /// How near it is by the quick metrics, where the clean picture is known.
    pub fidelity: Option<Fidelity>,
}

/// The picture denoised as none of the computed classes, which stands for all the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Rest {
    /// How many classes that are.
    pub classes: usize,
    /// The probability that it is one of them: the sum of their `p(c | y)`.
    pub probability: f64,
    /// `E[x | y, c one of them]`.
    pub picture: Picture,
    /// How near it is by the quick metrics, where the clean picture is known.
    pub fidelity: Option<Fidelity>,
}

/// The picture at its own size, denoised as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Native {
    /// Without noise, where it is known.
    pub clean: Option<Picture>,
    /// With noise of the same kind, level and seed.
    pub noisy: Picture,
    /// `D(y)` with the class posterior of the fitted picture, or `D_c(y)` if a class was asked for.
    pub denoised: Picture,
    /// How near the noisy one is, where the clean one is known.
    pub noisy_fidelity: Option<Fidelity>,
    /// How near the denoised one is, where the clean one is known.
    pub denoised_fidelity: Option<Fidelity>,
}

/// How long the parts took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Timings {
    /// The one forward pass.
    pub forward: f64,
    /// All adjoint passes together.
    pub adjoint: f64,
}

/// What a study publishes while it runs, in this order.
#[derive(Debug, Clone)]
pub enum Stage {
    /// The picture that the model sees.
    Noisy {
        /// `y`, not clipped.
        noisy: Picture,
        /// The standard deviation that the model is told.
        sigma: f32,
        /// How near it is, where the clean picture is known.
        fidelity: Option<Fidelity>,
    },
    /// What the model believes.
    Posterior {
        /// `p(c | y)`, one a class.
        posterior: Vec<f64>,
        /// `log p_σ(y)`, up to a constant; none of a model that has no density.
        log_density: Option<f64>,
    },
    /// What it would restore.
    Denoised {
        /// `D(y)`.
        denoised: Picture,
        /// How near it is, where the clean picture is known.
        fidelity: Option<Fidelity>,
    },
    /// What it would restore under some of the classes; more may follow.
    Conditionals(Vec<Conditional>),
    /// What it would restore under all the other classes together.
    Rest(Rest),
    /// How much of the picture at its own size is denoised, from 0 to 1.
    Native(f32),
}

/// The answer to a [`super::Request`].
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// The model that gave it.
    pub model: ModelCard,
    /// The clean picture, where it is known.
    pub clean: Option<Picture>,
    /// The noise that was added, if any was.
    pub noise: Option<Noise>,
    /// The picture that the model saw, not clipped.
    pub noisy: Picture,
    /// The standard deviation that the model was told, on the [0, 1] scale.
    pub sigma: f32,
    /// Whether that is an estimate from the picture.
    pub sigma_estimated: bool,
    /// The standard deviation that it computed with, inside its trained range.
    pub sigma_used: f32,
    /// `log p_σ(y, c)` up to a constant, one a class.
    pub log_joint: Vec<f64>,
    /// `p(c | y)`, one a class.
    pub posterior: Vec<f64>,
    /// `log p_σ(y)` up to a constant; none of a model that has no density.
    pub log_density: Option<f64>,
    /// `D(y) = E[x | y]`.
    pub denoised: Picture,
    /// w of the classes' denoisers `D + w(D_c − D)`; 1 for `D_c` itself.
    pub guidance: f64,
    /// The asked conditional denoisers, in the order of [`super::Classes`].
    pub conditionals: Vec<Conditional>,
    /// All the other classes together, where it was asked for and there are some.
    pub rest: Option<Rest>,
    /// `max |D − Σ_c p(c | y) D_c|`, the others together as one class: 0 but for rounding, as D is computed by itself. None
    /// where some class was left out.
    pub identity_error: Option<f64>,
    /// How near the noisy picture is, where the clean one is known.
    pub noisy_fidelity: Option<Fidelity>,
    /// How near the denoised picture is, where the clean one is known.
    pub denoised_fidelity: Option<Fidelity>,
    /// The picture at its own size, if it was asked for.
    pub native: Option<Native>,
    /// What a person should know to read the numbers rightly, one sentence each.
    pub notes: Vec<String>,
    /// How long it took.
    pub timings: Timings,
}

impl Study {
    /// The most probable class, as an index.
    #[must_use]
    pub fn predicted(&self) -> usize {
        super::request::ranked(&self.posterior)[0]
    }

    /// The notes that matter to whoever looks at its pictures alone: what a model of one class says of classes is none of them.
    pub fn notes_on_pictures(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(String::as_str).filter(|note| !note.contains(ONE_CLASS))
    }

    /// The conditionals, the most probable class first.
    #[must_use]
    pub fn ranked_conditionals(&self) -> Vec<&Conditional> {
        let mut ranked: Vec<_> = self.conditionals.iter().collect();
        ranked.sort_by(|a, b| self.posterior[b.class].total_cmp(&self.posterior[a.class]));
        ranked
    }
}
