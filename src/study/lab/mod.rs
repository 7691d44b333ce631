//! The lab: what the Jacobian of the denoiser says of one picture. Formulas and sources are in `docs/lab.md`.
//!
//! A [`Scene`] is a picture as the model sees it, with its forward pass. `doubt` tells how unsure the model is of every
//! pixel and why, `components` what else the picture could be, `filter` what a pixel of the result was made of.

mod audit;
mod audit_report;
#[cfg(test)]
mod audit_tests;
mod components;
mod counterfactual;
mod counterfactual_report;
mod density;
mod density_report;
#[cfg(test)]
mod density_tests;
mod doubt;
mod draw;
mod evidence;
mod evidence_report;
mod filter;
mod inpaint;
mod inpaint_report;
mod lanczos;
mod noise_level;
mod operator;
mod report;
mod residuals;
mod sample;
mod sample_report;
mod scene;
#[cfg(test)]
mod tests;
mod uncertainty;

pub use audit::{Audit, AuditRequest, LARGEST_DRAWS, LARGEST_LEVELS, LevelAudit, audit};
pub use audit_report::AuditReport;
pub use components::{Component, Components, LARGEST_COUNT, Region, components};
pub use counterfactual::{
    Dial, DialRequest, LARGEST_DIAL_STEPS, LARGEST_POSITIONS, Position, SMALLEST_RADIUS, Turned, dial,
};
pub use counterfactual_report::CounterfactualReport;
pub use density::{Density, DensityRequest, LARGEST_RUNGS, PictureBits, density};
pub use density_report::{BitsReport, DensityReport, NoiseReport, PictureReport};
pub use doubt::{Doubt, Estimate, LARGEST_PROBES, Probes, doubt};
pub use draw::{
    Frame, Guidance, LARGEST_CANDIDATES, LARGEST_CORRECTIONS, LARGEST_FACTOR, LARGEST_FRAMES, LARGEST_SAMPLES,
    LARGEST_STEPS, Measurement, Sketch,
};
pub use evidence::{ClassEvidence, Evidence, EvidenceRequest, LARGEST_SCALES, LARGEST_TRIALS, evidence};
pub use evidence_report::EvidenceReport;
pub use filter::{Filter, filter};
pub use inpaint::{
    Fill, FillWay, Fills, InpaintRequest, LARGEST_FILLS, LARGEST_WINDOW, fill_window, inpaint, moments,
    ranked as ranked_fills,
};
pub use inpaint_report::{InpaintReport, spread};
pub use noise_level::{NoiseLevel, noise_level};
pub use report::UncertaintyReport;
pub use residuals::{Measured, RESIDUALS, Residual};
pub use sample::{Sample, SampleRequest, Samples, Start, Way, counts, sample, usual_levels, wilson};
pub use sample_report::SampleReport;
pub use scene::Scene;
pub use uncertainty::{Progress, Uncertainty, UncertaintyRequest, uncertainty};
