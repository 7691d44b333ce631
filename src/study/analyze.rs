//! From a request to a study.

use std::time::Instant;

use rayon::prelude::*;

use super::request::{Request, Subject, WholePicture};
use super::result::{Conditional, ModelCard, Native, Rest, Stage, Study, Timings};
use super::symmetries::denoise_averaged;
use super::{Classes, Fidelity, level, native};
use crate::joint::{JointModel, ONE_CLASS, mixture};
use crate::picture::{Batch, NoiseKind, Picture, estimate_sigma};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// How many conditional denoisers share one adjoint pass: bounds the memory and the wait for a cancellation.
const CLASSES_A_PASS: usize = 16;

/// The most that a class's difference may be multiplied by.
pub const LARGEST_GUIDANCE: f64 = 100.0;

/// Answers `request`, publishing each stage as it finishes.
///
/// D is computed with a cotangent of its own and published before the conditional denoisers, and so is, in the same pass, the denoiser
/// of all classes that were not asked for, so that [`Study::identity_error`] compares two computations whatever was asked.
///
/// # Errors
/// [`Error::Option`] for a sigma that is negative or not finite, for a class that does not exist, or, once its posterior is published, for
/// a model without gradients;
/// [`Error::Compute`] if the picture does not fit the model; [`Error::Cancelled`] soon after `cancel` is raised.
pub fn analyze(
    model: &dyn JointModel,
    request: &Request,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Stage),
) -> Result<Study> {
    let classes = model.classes().len();
    check(request, classes)?;
    cancel.check()?;

    let level = Level::of(model, request)?;
    let (noisy, clean) = match &request.subject {
        Subject::Clean { picture, noise } => (noise.apply(picture), Some(picture)),
        Subject::Noisy(picture) => (picture.clone(), None),
    };
    let fidelity = |picture: &Picture| clean.map(|clean| Fidelity::of(picture, clean));
    let quick = |picture: &Picture| clean.map(|clean| Fidelity::quick(picture, clean));
    let noisy_fidelity = fidelity(&noisy);
    observe(Stage::Noisy { noisy: noisy.clone(), sigma: level.sigma, fidelity: noisy_fidelity });
    cancel.check()?;

    let mut timings = Timings::default();
    let batch = Batch::of([&noisy]);
    let known = request.classes.known(classes);
    let forward = timed(&mut timings.forward, || match known.len() {
        1..=CLASSES_A_PASS => model.forward_for(&batch, &[level.used], &known),
        _ => model.forward(&batch, &[level.used]),
    })?;
    let log_joint = forward.log_joint_of(0).to_vec();
    if log_joint.iter().any(|l| l.is_nan()) {
        return Err(Error::Compute(format!("{} gave no number for this picture", model.name())));
    }
    let posterior = forward.posterior_of(0);
    let log_density = model.abilities().density.missing().is_none().then(|| forward.log_density_of(0));
    observe(Stage::Posterior { posterior: posterior.clone(), log_density });
    cancel.check()?;

    if let Some(reason) = model.abilities().gradients.missing() {
        return Err(Error::option("--model", format!("the model {reason}")));
    }
    let asked = request.classes.resolve(&posterior);
    let others: Vec<usize> = (0..classes).filter(|class| !asked.contains(class)).collect();
    let has_rest =
        request.rest && !asked.is_empty() && others.iter().any(|&class| log_joint[class] > f64::NEG_INFINITY);
    let first =
        timed(&mut timings.adjoint, || if has_rest { forward.denoised_and_rest(&asked) } else { forward.denoised() })?;
    let denoised = first.picture(0);
    let denoised_fidelity = fidelity(&denoised);
    observe(Stage::Denoised { denoised: denoised.clone(), fidelity: denoised_fidelity });
    // The mixture is of what guidance has not touched.
    let mut mixed = Vec::with_capacity(asked.len() + 1);
    let guided = |picture: Picture| guided(picture, &denoised, request.guidance);
    let rest = has_rest.then(|| {
        let probability = others.iter().map(|&class| posterior[class]).sum();
        mixed.push((probability, first.picture(1)));
        let picture = guided(first.picture(1));
        Rest { classes: others.len(), probability, fidelity: quick(&picture), picture }
    });
    if let Some(rest) = &rest {
        observe(Stage::Rest(rest.clone()));
    }

    let mut conditionals = Vec::new();
    for chunk in asked.chunks(CLASSES_A_PASS) {
        cancel.check()?;
        let part = timed(&mut timings.adjoint, || forward.denoised_as(chunk))?.pictures();
        mixed.extend(chunk.iter().zip(&part).map(|(&class, picture)| (posterior[class], picture.clone())));
        let part: Vec<Conditional> = chunk
            .par_iter()
            .zip(part)
            .map(|(&class, picture)| {
                let picture = guided(picture);
                Conditional { class, fidelity: quick(&picture), picture }
            })
            .collect();
        observe(Stage::Conditionals(part.clone()));
        conditionals.extend(part);
    }
    let is_whole = others.is_empty() || rest.is_some();
    let identity_error = is_whole.then(|| identity_error(&denoised, mixed));
    drop(forward);

    let native = match &request.native {
        Some(native) => Some(whole(model, native, request, level.used, &posterior, cancel, observe)?),
        None => None,
    };
    Ok(Study {
        model: ModelCard::of(model),
        clean: clean.cloned(),
        noise: match request.subject {
            Subject::Clean { noise, .. } => Some(noise),
            Subject::Noisy(_) => None,
        },
        noisy,
        sigma: level.sigma,
        sigma_estimated: level.estimated,
        sigma_used: level.used,
        log_joint,
        posterior,
        log_density,
        denoised,
        guidance: request.guidance,
        conditionals,
        rest,
        identity_error,
        noisy_fidelity,
        denoised_fidelity,
        native,
        notes: level.notes,
        timings,
    })
}

/// Refuses a class that does not exist, and a guidance that is none.
fn check(request: &Request, classes: usize) -> Result<()> {
    let asked: &[usize] = if let Classes::List(list) = &request.classes { list } else { &[] };
    let whole_as = request.native.as_ref().and_then(|native| native.class);
    if let Some(class) = asked.iter().chain(&whole_as).find(|&&class| class >= classes) {
        return Err(Error::option("classes", format!("there is no class {class}: the model has {classes}")));
    }
    limits::number("--guidance", request.guidance, 0.0, LARGEST_GUIDANCE)
}

/// The standard deviation that the model is told, and where it comes from.
pub(super) struct Level {
    pub sigma: f32,
    pub estimated: bool,
    pub used: f32,
    pub notes: Vec<String>,
}

impl Level {
    pub fn of(model: &dyn JointModel, request: &Request) -> Result<Self> {
        let mut notes = Vec::new();
        let mut estimated = false;
        let mut sigma = request.assumed_sigma;
        match &request.subject {
            Subject::Clean { noise, .. } => {
                limits::sigma("--sigma", noise.sigma)?;
                sigma = sigma.or(Some(noise.sigma));
                if noise.kind != NoiseKind::Gaussian {
                    notes.push(format!(
                        "The noise is {}; Tweedie's formula is exact for Gaussian noise only.",
                        noise.kind
                    ));
                }
            }
            Subject::Noisy(picture) => {
                if sigma.is_none() {
                    // At its own size a photograph shows its noise best.
                    let estimate = estimate_sigma(request.native.as_ref().map_or(picture, |n| &n.picture));
                    if estimate == 0.0 {
                        notes.push("No noise could be measured in this picture: σ = 0.".into());
                    }
                    sigma = Some(estimate);
                    estimated = true;
                }
            }
        }
        let sigma = sigma.unwrap_or_default();
        limits::sigma("--sigma", sigma)?;
        let range = model.sigma_range();
        let used = range.clamp(sigma);
        if !range.contains(sigma) {
            let [sigma, min, max, used] = [sigma, range.min, range.max, used].map(level::describe);
            notes.push(format!("σ = {sigma} is outside the trained range {min} to {max}; computed with σ = {used}."));
        }
        notes.extend(model.abilities().notes().map(|note| format!("The model {note}.")));
        if !model.is_classifier() {
            notes.push(format!("The model {ONE_CLASS}."));
        }
        Ok(Self { sigma, estimated, used, notes })
    }
}

/// `D + w(D_c − D)`.
fn guided(picture: Picture, denoised: &Picture, guidance: f64) -> Picture {
    if guidance == 1.0 {
        return picture;
    }
    let pairs = denoised.values().iter().zip(picture.values());
    Picture::new(picture.shape(), pairs.map(|(d, c)| (f64::from(*d) + guidance * f64::from(c - d)) as f32).collect())
}

/// `max |D − Σ_c p(c | y) D_c|` over a picture's values, of probabilities and denoisers, the rest as one class.
fn identity_error(denoised: &Picture, mixed: Vec<(f64, Picture)>) -> f64 {
    let (weights, pictures): (Vec<f64>, Vec<Picture>) = mixed.into_iter().unzip();
    let mixed = mixture(&weights, &pictures);
    let differences = denoised.values().iter().zip(mixed.values()).map(|(d, m)| f64::from((d - m).abs()));
    differences.fold(0.0, f64::max)
}

/// The picture at its own size: the same noise on it, and D with the fitted picture's posterior, or one class's.
fn whole(
    model: &dyn JointModel,
    WholePicture { picture, class, averaged }: &WholePicture,
    request: &Request,
    sigma: f32,
    posterior: &[f64],
    cancel: &Cancel,
    observe: &mut dyn FnMut(Stage),
) -> Result<Native> {
    let (noisy, clean) = match &request.subject {
        Subject::Clean { noise, .. } => (noise.apply(picture), Some(picture)),
        Subject::Noisy(_) => (picture.clone(), None),
    };
    let weights: Vec<f64> = match class {
        // Of the mixture with these weights, D_w is the mean.
        Some(class) => posterior
            .iter()
            .enumerate()
            .map(|(c, p)| (1.0 - request.guidance) * p + if c == *class { request.guidance } else { 0.0 })
            .collect(),
        None => posterior.to_vec(),
    };
    let mut publish = |share| observe(Stage::Native(share));
    let denoise = if *averaged { denoise_averaged } else { native::denoise };
    let denoised = denoise(model, &noisy, sigma, &weights, native::Tiling::default(), cancel, &mut publish)?;
    let fidelity = |picture: &Picture| clean.map(|clean| Fidelity::of(picture, clean));
    Ok(Native {
        clean: clean.cloned(),
        noisy_fidelity: fidelity(&noisy),
        denoised_fidelity: fidelity(&denoised),
        noisy,
        denoised,
    })
}

/// Adds the milliseconds that `work` takes to `total`.
fn timed<T>(total: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    *total += start.elapsed().as_secs_f64() * 1e3;
    done
}
