//! What a person should know before trusting a robustness number (after the checks of Croce & Hein 2020).

use std::fmt;

use super::Defence;
use crate::joint::JointModel;

/// A reason to doubt an attack's result.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// The gradient was zero everywhere at some step: the attack was blind, not the model robust.
    ZeroGradient,
    /// The attack without gradients succeeded where those with gradients failed: the gradients mislead.
    GradientFreeStronger,
    /// The noise level lies outside the range that the model was trained for.
    SigmaOutsideRange {
        /// What was asked for.
        asked: f32,
        /// What the model computed with.
        used: f32,
    },
    /// A part of the method was left out because its loss needs more classes than the model has.
    TooFewClasses,
    /// The gradient passed straight through the denoiser of a purification.
    StraightThrough,
    /// The target is the picture's own class, so nothing was tried.
    TargetIsLabel,
    /// No budget in the searched range was enough.
    NoBudgetFound,
}

impl Warning {
    /// [`Warning::SigmaOutsideRange`], if so.
    pub(super) fn of_sigma(model: &dyn JointModel, sigma: f32) -> Option<Self> {
        let range = model.sigma_range();
        (!range.contains(sigma)).then(|| Self::SigmaOutsideRange { asked: sigma, used: range.clamp(sigma) })
    }

    /// [`Warning::StraightThrough`], if so.
    pub(super) fn of_defence(defence: Defence) -> Option<Self> {
        defence.is_approximate().then_some(Self::StraightThrough)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroGradient => f.write_str("the gradient was zero: try a loss without saturation, such as apgd-dlr"),
            Self::GradientFreeStronger => {
                f.write_str("square succeeded where the gradient attacks failed: the gradients may mislead")
            }
            Self::SigmaOutsideRange { asked, used } => {
                write!(f, "sigma {asked} is outside the trained range: the model computed with {used}")
            }
            Self::TooFewClasses => f.write_str("apgd-t was left out: it needs at least 4 classes"),
            Self::StraightThrough => f.write_str(
                "the gradient passed straight through the denoiser, which is not its gradient: robustness is overstated",
            ),
            Self::TargetIsLabel => f.write_str("no attack is needed: the target is the picture's own class"),
            Self::NoBudgetFound => f.write_str("no budget that was tried succeeded"),
        }
    }
}
