//! A duel as a study: the picture on which two models differ, what each says of it and restores of it, and the JSON of that.

use std::path::Path;

use serde::Serialize;

use super::report::{ClassProbability, posterior};
use super::result::ModelCard;
use crate::Result;
use crate::attack::{self, Aim, Distance, Duel, DuelSettings, DuelStep, Norm, Said};
use crate::joint::JointModel;
use crate::picture::{Batch, Picture};
use crate::task::Cancel;

/// What came of a duel.
#[derive(Debug, Clone)]
pub struct Duelled {
    /// A and B.
    pub models: [ModelCard; 2],
    /// What was asked for.
    pub settings: DuelSettings,
    /// The clean picture.
    pub clean: Picture,
    /// The picture, and what both say.
    pub duel: Duel,
    /// D of that picture by each, at the noise level that it assumed.
    pub denoised: [Picture; 2],
}

/// Looks for the picture around `clean`, in [0, 1], on which A and B differ, and has each restore it.
///
/// # Errors
/// Those of [`attack::duel`].
pub fn duel(
    models: [&dyn JointModel; 2],
    clean: &Picture,
    settings: &DuelSettings,
    cancel: &Cancel,
    observe: &mut dyn FnMut(DuelStep<'_>),
) -> Result<Duelled> {
    let duel = attack::duel(models, clean, settings, cancel, observe)?;
    let restored = |side: usize| -> Result<Picture> {
        Ok(models[side].forward(&Batch::of([&duel.picture]), &[duel.sigma[side]])?.denoised()?.picture(0))
    };
    let denoised = [restored(0)?, restored(1)?];
    Ok(Duelled { models: models.map(ModelCard::of), settings: *settings, clean: clean.clone(), duel, denoised })
}

/// One element of what `duel --json` prints. Where there are two values, the first is A's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DuelReport {
    /// The file, as it was named.
    pub image: String,
    /// What was done to fit the file's picture to the models, in words.
    pub fit: String,
    /// The names of A and B.
    pub models: [String; 2],
    /// Where they computed.
    pub devices: [String; 2],
    /// What was looked for: `widest` or `nearest`.
    pub aim: Aim,
    /// The norm of the budget.
    pub norm: Norm,
    /// The budget; null where the nearest picture was looked for.
    pub epsilon: Option<f64>,
    /// The noise levels that they assumed.
    pub sigma: [f32; 2],
    /// How many steps each run of the search took.
    pub steps: usize,
    /// The seed of the random starts.
    pub seed: u64,
    /// Whether what was looked for was found.
    pub found: bool,
    /// How far the picture was moved.
    pub achieved: Distance,
    /// How often each model was asked.
    pub queries: usize,
    /// Of the clean picture.
    pub before: SaidReport,
    /// Of the picture that was found.
    pub after: SaidReport,
}

/// What both models say of a picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SaidReport {
    /// The Jensen–Shannon divergence of the two posteriors, in bits.
    pub divergence_bits: f64,
    /// The most probable class of each.
    pub predicted: [String; 2],
    /// `p(c | x)` of each, the most probable class first.
    pub posterior: [Vec<ClassProbability>; 2],
}

impl DuelReport {
    /// The report of a duel on the picture in `image`, which was fitted as `fit` says.
    #[must_use]
    pub fn of(found: &Duelled, image: &Path, fit: &str) -> Self {
        let Duelled { models, settings, duel, .. } = found;
        let classes = &models[0].classes;
        let said = |said: &Said| SaidReport {
            divergence_bits: said.divergence,
            predicted: said.predicted.map(|class| classes[class].clone()),
            posterior: said.posterior.each_ref().map(|p| posterior(p, classes)),
        };
        Self {
            image: image.display().to_string(),
            fit: fit.to_owned(),
            models: models.each_ref().map(|model| model.name.clone()),
            devices: models.each_ref().map(|model| model.device.clone()),
            aim: settings.aim,
            norm: settings.norm,
            epsilon: (settings.aim == Aim::Widest).then_some(settings.epsilon),
            sigma: duel.sigma,
            steps: settings.steps,
            seed: settings.seed,
            found: duel.found,
            achieved: duel.achieved,
            queries: duel.queries,
            before: said(&duel.before),
            after: said(&duel.after),
        }
    }
}
