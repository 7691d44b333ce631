//! Denoscope: a laboratory for joint classification–denoising networks.
//!
//! One network models `log p_σ(y, c)`, the joint log-probability of a noisy picture `y = x + σε` and its class `c`
//! (Thiry & Guth, *Classification-Denoising Networks*, arXiv 2410.03505). Everything here is read off that function:
//! class posteriors, Tweedie denoisers, the denoiser under each class, and adversarial perturbations, which are
//! differences of denoisers.
//!
//! Dependencies between the modules go one way:
//!
//! ```text
//! gui, cli → study → attack, train → joint, network → kernels, gpu → engine, program, picture
//! ```

pub mod attack;
pub mod cli;
pub mod engine;
pub mod error;
pub mod files;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(feature = "gui")]
pub mod gui;
pub mod joint;
pub mod kernels;
pub mod limits;
pub mod network;
pub mod picture;
pub mod program;
#[cfg(test)]
#[path = "../tests/it/skip.rs"]
mod skip;
pub mod study;
pub mod task;
pub mod train;

pub use error::{Error, Result};
