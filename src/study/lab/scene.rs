//! A picture as the model sees it.

use crate::joint::{Forward, JointModel};
use crate::picture::{Batch, Noise, Picture};
use crate::study::analyze::Level;
use crate::study::{Request, Subject};
use crate::{Error, Result};

/// Refuses a model without gradients, of which everything in the lab is made.
///
/// # Errors
/// [`Error::Option`] with the model's own reason.
pub(super) fn require_gradients(model: &dyn JointModel) -> Result<()> {
    match model.abilities().gradients.missing() {
        None => Ok(()),
        Some(reason) => Err(Error::option("--model", format!("the lab needs gradients, and the model {reason}"))),
    }
}

/// A noisy picture with the model's forward pass over it, which everything in the lab shares.
pub struct Scene<'a> {
    /// The model that sees it.
    pub model: &'a dyn JointModel,
    /// The clean picture, where it is known.
    pub clean: Option<Picture>,
    /// The noise that was added, if any was.
    pub noise: Option<Noise>,
    /// The picture that the model sees, not clipped.
    pub noisy: Picture,
    /// The standard deviation that the model is told, on the [0, 1] scale.
    pub sigma: f32,
    /// Whether that is an estimate from the picture.
    pub sigma_estimated: bool,
    /// The standard deviation that it computes with, inside its trained range.
    pub sigma_used: f32,
    /// `p(c | y)`, one a class.
    pub posterior: Vec<f64>,
    /// `D(y) = E[x | y]`.
    pub denoised: Picture,
    /// What a person should know to read the numbers rightly, one sentence each.
    pub notes: Vec<String>,
    pub(super) forward: Box<dyn Forward + 'a>,
}

impl<'a> Scene<'a> {
    /// The scene of `subject`, read with `assumed_sigma` where that is not the noise's.
    ///
    /// # Errors
    /// [`Error::Option`] for a sigma that is negative or not finite; [`Error::Compute`] if the picture does not fit the model.
    pub fn new(model: &'a dyn JointModel, subject: &Subject, assumed_sigma: Option<f32>) -> Result<Self> {
        require_gradients(model)?;
        let request = match subject {
            Subject::Clean { picture, noise } => Request::clean(picture.clone(), *noise),
            Subject::Noisy(picture) => Request::noisy(picture.clone(), None),
        };
        let level = Level::of(model, &Request { assumed_sigma, ..request })?;
        let (noisy, clean, noise) = match subject {
            Subject::Clean { picture, noise } => (noise.apply(picture), Some(picture.clone()), Some(*noise)),
            Subject::Noisy(picture) => (picture.clone(), None, None),
        };
        let forward = model.forward(&Batch::of([&noisy]), &[level.used])?;
        if forward.log_joint().iter().any(|l| l.is_nan()) {
            return Err(Error::Compute(format!("{} gave no number for this picture", model.name())));
        }
        Ok(Self {
            model,
            clean,
            noise,
            noisy,
            sigma: level.sigma,
            sigma_estimated: level.estimated,
            sigma_used: level.used,
            posterior: forward.posterior_of(0),
            denoised: forward.denoised()?.picture(0),
            notes: level.notes,
            forward,
        })
    }

    /// How many values the picture has: d.
    #[must_use]
    pub fn values(&self) -> usize {
        self.noisy.shape().len()
    }

    /// The denoiser of `class`, or of all classes together.
    pub(super) fn denoised_as(&self, class: Option<usize>) -> Result<Picture> {
        match class {
            Some(class) => Ok(self.forward.denoised_as(&[class])?.picture(0)),
            None => Ok(self.denoised.clone()),
        }
    }
}
