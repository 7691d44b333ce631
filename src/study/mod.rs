//! One request, one result: the same code answers the window and the command line.
//!
//! A [`Request`] says which picture, which noise, which classes; `analyze` turns it into a [`Study`] and publishes
//! each [`Stage`] as it finishes. The rest are views of the same: `sweep` over the noise level, [`native`] for whole
//! photographs, [`report`] for JSON, [`sheet()`] for print.

mod analyze;
mod attacked;
mod duel;
pub mod evaluation;
pub mod lab;
pub mod level;
pub mod looks;
pub mod native;
pub mod report;
mod request;
mod result;
mod sheet;
mod sweep;
mod symmetries;
#[cfg(test)]
mod tests;
pub mod words;

pub use crate::picture::Fidelity;
pub use analyze::{LARGEST_GUIDANCE, analyze};
pub use attacked::{AttackRequest, Attacked, Written, attack};
pub use duel::{DuelReport, Duelled, duel};
pub use request::{Classes, Request, Subject, WholePicture, class_index, ranked, target, target_argument};
pub use result::{Conditional, ModelCard, Native, Rest, Stage, Study, Timings};
pub use sheet::{
    Theme, attack_sheet, audit_sheet, certificate_sheet, counterfactual_sheet, denoiser_attack_sheet, density_sheet,
    duel_sheet, evidence_sheet, inpaint_sheet, samples_sheet, sheet, uncertainty_sheet,
};
pub use sweep::{Sweep, SweepRequest, sweep};
