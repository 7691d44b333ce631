//! An attack as a study: the picture as the model sees it before, and after.

use super::analyze;
use super::request::{Classes, Request, ranked};
use super::result::{ModelCard, Study};
use crate::attack::{self, Distance, Outcome, Settings, Step, Target};
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

/// What is left of an attack in a file: the picture was rounded to 8 bits, or compressed, and may fool no longer.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// How far the file's picture lies from the clean one.
    pub achieved: Distance,
    /// The most probable class of the file's picture.
    pub predicted: usize,
    /// p(c | x) of the file's picture, `[K]`, under the attack's defence.
    pub posterior: Vec<f64>,
    /// Whether the file's picture reaches the attack's goal.
    pub success: bool,
    /// Whether it lies within the budget; none where the smallest was looked for.
    pub within_budget: Option<bool>,
}

impl Attacked {
    /// What is read off the picture before and after an attack that was made already.
    ///
    /// # Errors
    /// Those of `analyze`.
    pub fn of(model: &dyn JointModel, clean: &Picture, settings: Settings, outcome: Outcome) -> Result<Self> {
        let cancel = Cancel::new();
        let read = |picture: &Picture| read(model, picture, settings.sigma, &Classes::Top(0), &cancel);
        let (before, after) = (read(clean)?, read(&outcome.attacked)?);
        Ok(Self { model: ModelCard::of(model), settings, outcome, before, after })
    }

    /// Measures `picture`, the attacked one as a file holds it, in the way that the attack was.
    ///
    /// # Errors
    /// Those of [`attack::judge`].
    pub fn written(&self, model: &dyn JointModel, clean: &Picture, picture: &Picture) -> Result<Written> {
        let Self { settings, outcome, .. } = self;
        let posterior = attack::judge(model, &Batch::of([picture]), settings)?.swap_remove(0);
        let predicted = ranked(&posterior)[0];
        let achieved = Distance::between(clean, picture);
        Ok(Written {
            achieved,
            predicted,
            posterior,
            success: outcome.target.map_or(predicted != outcome.label, |target| predicted == target),
            // f32 and 8 bits round a budget such as 8/255 each in its own way.
            within_budget: outcome.epsilon.map(|epsilon| achieved.in_norm(settings.norm) <= epsilon + 1e-6),
        })
    }
}

/// A picture as it is, read at the attacked classifier's noise level.
fn read(model: &dyn JointModel, picture: &Picture, sigma: f32, classes: &Classes, cancel: &Cancel) -> Result<Study> {
    let mut as_it_is = Request::clean(picture.clone(), Noise::gaussian(0.0, 0)).with_classes(classes.clone());
    as_it_is.assumed_sigma = Some(sigma);
    analyze(model, &as_it_is, cancel, &mut |_| ())
}

/// Attacks one picture and studies it before and after.
///
/// # Errors
/// Those of `attack::run` and `analyze`, and [`Error::Compute`] for a target that is the picture's own class.
pub fn attack(
    model: &dyn JointModel,
    request: &AttackRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Attacked> {
    let read = |picture: &Picture| read(model, picture, request.settings.sigma, &request.classes, cancel);
    let before = read(&request.clean)?;
    let label = request.label.unwrap_or(before.predicted());
    if request.settings.target == Target::Class(label) {
        let name = &model.classes()[label];
        let reason = format!("this picture is of {name} already: an attack towards {name} has nothing to do");
        return Err(Error::Compute(reason));
    }
    let clean = Batch::of([&request.clean]);
    let outcome = attack::run(model, &clean, &[label], &request.settings, cancel, observe)?.into_iter().next();
    let outcome = outcome.ok_or_else(|| Error::Compute("the attack had no outcome".to_owned()))?;
    let after = read(&outcome.attacked)?;
    Ok(Attacked { model: ModelCard::of(model), settings: request.settings.clone(), outcome, before, after })
}
