//! Adversarial attacks on any joint model, certificates against them, and defences to compare.
//!
//! The attacked input is a clean picture x in [0, 1]; the classifier is p(c | x), read off the model at a noise level σ
//! that is a parameter. Every gradient is a combination of the classes' scores, which is a difference of denoisers.
//!
//! [`Method`] is the registry and [`Preset`] holds others' defaults; [`Settings`] is what a person asks for, `run` does it,
//! [`Outcome`] is what came of it. `certify` proves a radius within which no attack succeeds (randomised smoothing).
//! [`Defence`] puts purification or a smoothed vote before the classifier; attacks then go through it. [`Bracketing`] closes in on the
//! true radius of a smoothed classifier from both sides, and [`attack_denoiser`] is after what is restored, not after the class. `duel` looks for the
//! picture on which two models differ.

mod ahead;
mod apgd;
mod bracket;
mod budget;
mod build;
mod carlini_wagner;
mod certificate;
mod certify;
mod classifier;
mod deepfool;
mod defence;
mod denoiser;
mod duel;
mod ensemble;
mod fab;
mod loss;
mod method;
mod noise;
mod pma;
mod presets;
mod purify;
mod registry;
mod run;
mod search;
mod settings;
mod smallest;
mod square;
mod steepest;
mod timeline;
mod vote;
mod warning;

#[cfg(test)]
mod ahead_tests;
#[cfg(test)]
mod crossed_tests;
#[cfg(test)]
mod defended_tests;
#[cfg(test)]
mod tests;

pub use bracket::{BracketSettings, Bracketing, Found, LARGEST_ATTEMPTS};
pub use budget::{Distance, Norm};
pub use certificate::{Certificate, certified_accuracy, certified_radius, clopper_pearson_lower};
pub use certify::{Certification, Smoothing, certify};
pub use defence::{Defence, Through};
pub use denoiser::{DenoiserOutcome, DenoiserSettings, DenoiserStep, Objective, attack_denoiser};
pub use duel::{Aim, Duel, DuelSettings, DuelStep, Said, divergence, duel};
pub use method::{Description, Kind, Method, Parameter};
pub use presets::Preset;
pub use run::{Outcome, Step, judge, run};
pub use settings::{Mode, Settings, Target, parameters};
pub use timeline::Timeline;
pub use warning::Warning;
