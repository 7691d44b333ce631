//! Denoscope: a laboratory for joint classification–denoising networks.
//!
//! One network models `log p_σ(y, c)`, the joint log-probability of a noisy picture `y = x + σε` and its class `c`
//! (Thiry & Guth, *Classification-Denoising Networks*, arXiv 2410.03505). Everything here is read off that function:
//! class posteriors, Tweedie denoisers, the denoiser under each class, and adversarial perturbations, which are
//! differences of denoisers.
//!
//! # As a library
//!
//! [`load`] opens a model, [`read_picture`] a picture in its shape. [`analyze`] tells what the model believes and would restore,
//! [`attack`] fools it, [`certify`] proves how far it cannot be fooled. They take any [`JointModel`]: [`Network`], the
//! [`GaussianMixture`] whose answers are known in closed form, or a model of your own.
//!
//! ```
//! use denoscope::{JointModel, Noise, Request, analyze, load, sample};
//!
//! let model = load("digits")?;
//! let picture = sample("digits/3", model.shape())?;
//! let study = analyze(&model, &Request::clean(picture, Noise::gaussian(0.2, 7)))?;
//! assert_eq!(study.model.classes[study.predicted()], "3");
//! # Ok::<(), denoscope::Error>(())
//! ```
//!
//! `examples/` has three programs. Pictures' values, σ and ε are on the scale [0, 1]; noisy pictures are never clipped; the same
//! seed gives the same bits on any number of threads.
//!
//! # Inside
//!
//! Dependencies between the modules go one way:
//!
//! ```text
//! gui, cli → study → attack, data → joint → picture
//! gui, cli → bridge → joint
//! gui, cli → train → data, network → joint, kernels, gpu → engine, program, picture
//! ```

// The façade below is the library. The modules that this crate's own program, tests and benchmarks use are open but hidden: nothing
// in them is promised to stay.
#[doc(hidden)]
pub mod attack;
mod bridge;
#[doc(hidden)]
pub mod cli;
mod data;
mod engine;
mod error;
mod files;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(feature = "gpu")]
#[doc(hidden)]
pub mod gpu;
#[cfg(feature = "gui")]
#[doc(hidden)]
pub mod gui;
#[doc(hidden)]
pub mod joint;
#[doc(hidden)]
pub mod kernels;
mod limits;
#[doc(hidden)]
pub mod network;
#[doc(hidden)]
pub mod picture;
mod program;
#[cfg(test)]
#[path = "../tests/it/skip.rs"]
mod skip;
#[doc(hidden)]
pub mod study;
#[doc(hidden)]
pub mod task;
#[doc(hidden)]
pub mod train;

use std::path::Path;

pub use attack::{
    Certificate, Defence, Distance, Method, Mode, Norm, Outcome, Settings, Smoothing, Target, Warning, parameters,
};
pub use bridge::{Listener, PythonModel, ScriptSource};
pub use error::{Error, Result};
pub use joint::{
    Abilities, Ability, Forward, GaussianMixture, Jacobian, JointModel, Linear, Products, SigmaRange, products,
};
pub use network::{Description, DeviceChoice, Network};
pub use picture::{Batch, Better, FLIP, Fidelity, METRICS, Metric, Noise, NoiseKind, PSNR, Picture, SSIM, Shape};
pub use study::lab::{
    Audit, AuditRequest, Component, Components, Doubt, Estimate, Filter, LevelAudit, Measured, Probes, Region,
    Residual, Uncertainty, UncertaintyRequest,
};
pub use study::{
    Attacked, Classes, Conditional, ModelCard, Native, Request, Rest, Study, Subject, Theme, Timings, WholePicture,
    sheet,
};
pub use task::Cancel;

/// Opens a model on the best device that there is: the name of one that comes with this crate (`cifar10`, `digits`), or the path
/// of a checkpoint file.
///
/// # Errors
/// [`Error::Checkpoint`] if it is neither, or a checkpoint that is broken; [`Error::Device`], [`Error::Compute`].
pub fn load(name: &str) -> Result<Network> {
    load_on(name, &DeviceChoice::Auto)
}

/// [`load`] on a device of your choice.
///
/// # Errors
/// As [`load`]; [`Error::Device`] if the device is not to be had.
pub fn load_on(name: &str, device: &DeviceChoice) -> Result<Network> {
    network::open(name, device)
}

/// Reads a picture file (PNG, JPEG, WebP, BMP, TIFF, GIF) as a picture in [0, 1] of the given shape: its largest centred part,
/// resized.
///
/// # Errors
/// [`Error::Io`], or [`Error::Picture`] if the file is no picture, broken or too large.
pub fn read_picture(path: impl AsRef<Path>, shape: Shape) -> Result<Picture> {
    Ok(picture::fit(&picture::load(path)?.picture, shape, picture::Fit::Centre).picture)
}

/// Writes a picture, clipped to [0, 1] and rounded to 8 bits, in the format of the path's extension. A file that is there is
/// replaced only if `overwrite` says so.
///
/// # Errors
/// [`Error::Io`] if it cannot be written; [`Error::Picture`] if the extension is of no format that can be.
pub fn save_picture(path: impl AsRef<Path>, picture: &Picture, overwrite: bool) -> Result<()> {
    picture::save(path, picture, overwrite)
}

/// A picture that comes with this crate, resized to a shape: `digits/0` to `digits/9`, `cifar10/frog` and so on.
///
/// # Errors
/// [`Error::Option`] if there is none of that name.
pub fn sample(name: &str, shape: Shape) -> Result<Picture> {
    let found = picture::sample(name).ok_or_else(|| Error::option("sample", format!("there is no {name}")))?;
    Ok(picture::fit(&found.picture()?, shape, picture::Fit::Centre).picture)
}

/// What a model believes and would restore: posterior, D, the asked `D_c`, how near each is, and the identity's error.
///
/// # Errors
/// [`Error::Option`] for a σ or a class that there is not, [`Error::Compute`] if the picture does not fit the model.
pub fn analyze(model: &dyn JointModel, request: &Request) -> Result<Study> {
    study::analyze(model, request, &Cancel::new(), &mut |_| ())
}

/// Attacks a clean picture in the model's shape, which is of class `label` or, without one, of the class that the model says, and
/// studies it before and after.
///
/// # Errors
/// [`Error::Option`] for settings that the method does not take, and those of [`analyze`].
pub fn attack(model: &dyn JointModel, clean: Picture, label: Option<usize>, settings: &Settings) -> Result<Attacked> {
    let request = study::AttackRequest { clean, label, settings: settings.clone(), classes: Classes::Top(0) };
    study::attack(model, &request, &Cancel::new(), &mut |_| ())
}

/// Certifies what the smoothed classifier says of a clean picture: no perturbation shorter than [`Certificate::radius`] in L2
/// changes it, which is wrong with a probability of at most [`Smoothing::alpha`] (Cohen, Rosenfeld & Kolter 2019).
///
/// # Errors
/// [`Error::Option`] for numbers that make no certificate, and [`Error::Compute`].
pub fn certify(model: &dyn JointModel, clean: &Picture, smoothing: &Smoothing) -> Result<Certificate> {
    let go_on = &mut |_: &_| std::ops::ControlFlow::Continue(());
    attack::certify(model, clean, smoothing, &Cancel::new(), go_on)
}

/// How unsure the model is of every pixel of a noisy picture, split into "which class?" and "which details?"; and, if they are asked
/// for, what else the picture could be and what a pixel was made of.
///
/// # Errors
/// [`Error::Option`] for a number, region, pixel or class that is none, [`Error::Compute`] if the picture does not fit the model.
pub fn uncertainty(model: &dyn JointModel, request: &UncertaintyRequest) -> Result<Uncertainty> {
    study::lab::uncertainty(model, request, &Cancel::new(), &mut |_| ())
}

/// Whether a model is a density, as far as seven properties of every density tell on these pictures.
///
/// # Errors
/// [`Error::Option`] for a request that is no audit, [`Error::Compute`] if a picture does not fit the model.
pub fn audit(model: &dyn JointModel, request: &AuditRequest) -> Result<Audit> {
    study::lab::audit(model, request, &Cancel::new(), &mut |_, _| ())
}
