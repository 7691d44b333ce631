//! Duels: the picture near a clean one on which two models differ most, and the nearest on which they say different classes.
//!
//! How far two posteriors p and q differ is their Jensen–Shannon divergence (Lin 1991), `½KL(p‖m) + ½KL(q‖m)` with `m = (p + q)/2`,
//! in bits: 0 where they agree, 1 where whatever one holds possible the other does not. Its gradient over the pictures is a sum
//! of the two models' class gradients, which are differences of denoisers.

mod objective;
mod search;
#[cfg(test)]
mod tests;

use objective::Objective;
pub use objective::divergence;
use search::Search;

use super::budget::{Ball, Distance, Norm, changes};
use super::search::Draws;
use crate::joint::{JointModel, Pairing, log_softmax, require_classes};
use crate::picture::{Batch, Picture};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// The picture within the budget on which the posteriors differ most.
    #[default]
    Widest,
    /// The nearest picture that the two take for different classes, by bisection; the budget is where the bracket starts.
    Nearest,
}

/// Everything that a duel depends on, besides the models and the picture.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DuelSettings {
    /// What is looked for.
    pub aim: Aim,
    /// The norm of the budget.
    pub norm: Norm,
    /// The budget on the [0, 1] scale.
    pub epsilon: f64,
    /// How many steps each run of the search takes.
    pub steps: usize,
    /// The noise levels that A and B assume, on the [0, 1] scale; none: 1/255, or the end of the model's range nearest to it.
    pub sigma: [Option<f32>; 2],
    /// The seed of the random starts.
    pub seed: u64,
}

impl Default for DuelSettings {
    fn default() -> Self {
        Self { aim: Aim::Widest, norm: Norm::L2, epsilon: 0.5, steps: 30, sigma: [None; 2], seed: 0 }
    }
}

impl DuelSettings {
    /// The usual budget in this norm: `CIFAR-10`'s 8/255 and 0.5.
    #[must_use]
    pub fn usual_epsilon(norm: Norm) -> f64 {
        match norm {
            Norm::Linf => 8.0 / 255.0,
            Norm::L2 => 0.5,
        }
    }

    /// Checks everything against both models: what is refused here is refused before any work.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option of `denoscope duel`.
    pub fn check(&self, models: [&dyn JointModel; 2]) -> Result<Pairing> {
        let pairing = Pairing::of(models)?;
        for (model, option) in models.into_iter().zip(["--model", "--with"]) {
            require_classes(model.classes().len(), "a duel").map_err(|error| match error {
                Error::Option { reason, .. } => Error::option(option, reason),
                other => other,
            })?;
            if let Some(why) = model.abilities().gradients.missing() {
                return Err(Error::option(option, format!("a duel follows gradients, and the model {why}")));
            }
        }
        limits::number("--epsilon", self.epsilon, 0.0, 1e3)?;
        if self.epsilon == 0.0 {
            return Err(Error::option("--epsilon", "takes a positive number: within 0 there is no other picture"));
        }
        limits::whole("--steps", self.steps as u64, 1, 10_000)?;
        for sigma in self.sigma.into_iter().flatten() {
            limits::positive_sigma("--sigma", sigma)?;
        }
        Ok(pairing)
    }

    /// What each model computes with.
    #[must_use]
    pub fn levels(&self, models: [&dyn JointModel; 2]) -> [f32; 2] {
        [0, 1].map(|side: usize| {
            let range = models[side].sigma_range();
            self.sigma[side].map_or(range.near_clean(), |sigma| range.clamp(sigma))
        })
    }
}

/// What both models say of one picture; where there are two, the first is A's, and classes are numbered as A's.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// p(c | x) of each, `[K]`.
    pub posterior: [Vec<f64>; 2],
    /// The most probable class of each.
    pub predicted: [usize; 2],
    /// How far they differ, in bits.
    pub divergence: f64,
}

impl Said {
    /// Of log-probabilities, `[K]` each.
    fn of(logs: &[Vec<f64>; 2]) -> Self {
        let posterior = logs.each_ref().map(|logs| logs.iter().map(|l| l.exp()).collect::<Vec<f64>>());
        let predicted = logs.each_ref().map(|logs| super::loss::argmax(logs));
        Self { divergence: divergence(&posterior[0], &posterior[1]), posterior, predicted }
    }

    /// Whether they take the picture for different classes.
    #[must_use]
    pub fn disagree(&self) -> bool {
        self.predicted[0] != self.predicted[1]
    }
}

/// A step of the search.
#[derive(Debug)]
pub struct DuelStep<'a> {
    /// How many steps were made.
    pub done: usize,
    /// How many there may be in all, as far as is known.
    pub total: usize,
    /// The best picture so far.
    pub best: &'a [f32],
    /// What both say of it.
    pub said: &'a Said,
}

/// What came of a duel.
#[derive(Debug, Clone, PartialEq)]
pub struct Duel {
    /// The picture.
    pub picture: Picture,
    /// What both say of the clean picture.
    pub before: Said,
    /// What both say of this one.
    pub after: Said,
    /// How far it lies from the clean one.
    pub achieved: Distance,
    /// Whether what was looked for was found: for [`Aim::Nearest`] a picture that they take for different classes.
    pub found: bool,
    /// The noise levels that A and B assumed.
    pub sigma: [f32; 2],
    /// How often each model was asked.
    pub queries: usize,
}

/// The picture around `clean`, in [0, 1], on which `models` differ.
///
/// # Errors
/// Those of [`DuelSettings::check`]; [`Error::Compute`] if the picture does not fit; [`Error::Cancelled`].
pub fn duel(
    models: [&dyn JointModel; 2],
    clean: &Picture,
    settings: &DuelSettings,
    cancel: &Cancel,
    observe: &mut dyn FnMut(DuelStep<'_>),
) -> Result<Duel> {
    let pairing = settings.check(models)?;
    let sigma = settings.levels(models);
    let mut asked = Asked { models, pairing, sigma, clean, cancel, queries: 0 };
    let before = Said::of(&asked.logs(clean.values())?);
    let draws = Draws::new(settings.seed, 0);
    let mut search = Search { settings: *settings, asked: &mut asked, draws, before: &before, observe };
    let values = match settings.aim {
        Aim::Widest => search.widest(settings.epsilon)?,
        Aim::Nearest => search.nearest()?,
    };
    let picture = Picture::new(clean.shape(), values);
    let after = Said::of(&asked.logs(picture.values())?);
    Ok(Duel {
        achieved: Distance::between(clean, &picture),
        found: settings.aim == Aim::Widest || after.disagree(),
        queries: asked.queries,
        picture,
        before,
        after,
        sigma,
    })
}

/// The two models, and what they are asked about pictures of the clean one's shape.
struct Asked<'a> {
    models: [&'a dyn JointModel; 2],
    pairing: Pairing,
    sigma: [f32; 2],
    clean: &'a Picture,
    cancel: &'a Cancel,
    queries: usize,
}

impl Asked<'_> {
    fn ball(&self, norm: Norm, epsilon: f64) -> Ball {
        Ball { centre: self.clean.values().to_vec(), norm, epsilon }
    }

    fn batch(&self, values: &[f32]) -> Batch {
        Batch::new(self.clean.shape(), values.to_vec())
    }

    /// `log p(c | x)` of each, `[K]`, in the order of A's classes.
    fn logs(&mut self, values: &[f32]) -> Result<[Vec<f64>; 2]> {
        self.cancel.check()?;
        self.queries += 1;
        let batch = self.batch(values);
        let [a, b] = [0, 1].map(|side: usize| self.models[side].forward(&batch, &[self.sigma[side]]));
        Ok([log_softmax(a?.log_joint_of(0)), self.pairing.reordered(&log_softmax(b?.log_joint_of(0)))])
    }

    /// The same, the objective's value, and its gradient over the picture up to a positive factor.
    fn climb(&mut self, values: &[f32], objective: Objective) -> Result<([Vec<f64>; 2], f64, Vec<f32>)> {
        self.cancel.check()?;
        self.queries += 1;
        let batch = self.batch(values);
        let [a, b] = [0, 1].map(|side: usize| self.models[side].forward(&batch, &[self.sigma[side]]));
        let forward = [a?, b?];
        let logs =
            [log_softmax(forward[0].log_joint_of(0)), self.pairing.reordered(&log_softmax(forward[1].log_joint_of(0)))];
        let (value, weights) = objective.evaluate(&logs);
        // No step depends on the gradient's length, and that of models which are certain would vanish in single precision.
        let largest = weights.iter().flatten().fold(0.0_f64, |most, w| most.max(w.abs()));
        let scale = if largest > 0.0 { 1.0 / largest } else { 0.0 };
        let mut gradient = vec![0.0_f32; values.len()];
        for (side, (forward, weights)) in forward.iter().zip(&weights).enumerate() {
            let mut cotangent = vec![0.0_f32; weights.len()];
            for (class, weight) in weights.iter().enumerate() {
                cotangent[if side == 1 { self.pairing.in_b(class) } else { class }] = (weight * scale) as f32;
            }
            let part = forward.pullback(&cotangent)?;
            gradient.iter_mut().zip(part.values()).for_each(|(sum, g)| *sum += g);
        }
        Ok((logs, value, gradient))
    }

    /// How far a picture lies from the clean one.
    fn moved(&self, norm: Norm, values: &[f32]) -> f64 {
        norm.of(changes(self.clean.values(), values))
    }
}
