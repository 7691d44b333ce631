//! An attack as a study: the picture as the model sees it before, and after.

use super::analyze;
use super::request::{Classes, Request};
use super::result::{ModelCard, Study};
use crate::attack::{self, Outcome, Settings, Step};
use crate::joint::JointModel;
use crate::picture::{Batch, Noise, Picture};
use crate::task::Cancel;
use crate::{Error, Result};

/// One picture to be attacked.
#[derive(Debug, Clone, PartialEq)]
pub struct AttackRequest {
    /// The clean picture, fitted to the model's shape, in [0, 1].
    pub clean: Picture,
    /// Its class; without one, what the model says of it.
    pub label: Option<usize>,
    /// The attack.
    pub settings: Settings,
    /// The classes to denoise the pictures before and after as.
    pub classes: Classes,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Attacked {
    /// The model.
    pub model: ModelCard,
    /// The attack.
    pub settings: Settings,
    /// The attacked picture and how it was reached.
    pub outcome: Outcome,
    /// The clean picture without noise, read at the attack's noise level.
    pub before: Study,
    /// The attacked picture, read in the same way.
    pub after: Study,
}

/// Attacks one picture and studies it before and after.
///
/// # Errors
/// Those of [`attack::run`] and [`analyze`].
pub fn attack(
    model: &dyn JointModel,
    request: &AttackRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Attacked> {
    let read = |picture: &Picture| {
        let mut as_it_is =
            Request::clean(picture.clone(), Noise::gaussian(0.0, 0)).with_classes(request.classes.clone());
        as_it_is.assumed_sigma = Some(request.settings.sigma);
        analyze(model, &as_it_is, cancel, &mut |_| ())
    };
    let before = read(&request.clean)?;
    let label = request.label.unwrap_or(before.predicted());
    let clean = Batch::of([&request.clean]);
    let outcome = attack::run(model, &clean, &[label], &request.settings, cancel, observe)?.into_iter().next();
    let outcome = outcome.ok_or_else(|| Error::Compute("the attack had no outcome".to_owned()))?;
    let after = read(&outcome.attacked)?;
    Ok(Attacked { model: ModelCard::of(model), settings: request.settings.clone(), outcome, before, after })
}
