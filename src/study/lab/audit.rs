//! Is this a density? What every density satisfies, measured on noisy pictures.
//!
//! With t = σ², `log p_σ` solves `∂_t log p = ½[∆log p + ‖∇log p‖²]`, and `∆log p = (tr J − d)/t`; what depends on σ alone is
//! not known to the model, so only differences between noisy pictures count. Stein's unbiased risk estimate (Stein 1981)
//! `‖y − D‖² + 2σ² tr J − σ²d` has the mean of `‖x − D‖²` for whatever D. Both roads to the posterior (see [`super::evidence()`]) are held
//! together level by level, of the two classes that are the most probable in the clean picture.

use super::doubt::signs;
use super::lanczos::{End, eigenpairs};
use super::operator::Operator;
use super::residuals::{COVARIANCE, DERIVATIVE, FOKKER_PLANCK, MIXTURE, Measured, ROADS, Residual, SURE, SYMMETRY};
use super::{Estimate, Scene};
use crate::joint::{DIFFERENCE, Jacobian, JointModel, differences, products};
use crate::picture::{Batch, Noise, Picture};
use crate::study::{ModelCard, Subject, ranked};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// Pairs of directions of which symmetry is tried.
const PAIRS: usize = 4;
/// Products in the search for the smallest eigenvalue.
const STEPS: usize = 40;
/// How far apart the noise levels of a difference in time are: t(1 ± this).
const APART: f64 = 0.02;
/// Classes whose denoisers share one adjoint pass.
const CLASSES_A_PASS: usize = 16;
/// The most noise levels, and draws of noise a picture and level.
pub const LARGEST_LEVELS: usize = 64;
/// The most draws of noise a picture and level.
pub const LARGEST_DRAWS: usize = 1000;

/// What is audited.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRequest {
    /// Clean pictures of the model's shape.
    pub pictures: Vec<Picture>,
    /// The noise levels.
    pub sigmas: Vec<f32>,
    /// How often each picture gets noise of each level.
    pub draws: usize,
    /// How many random probes estimate tr J.
    pub probes: usize,
    /// The seed of noise and probes.
    pub seed: u64,
}

impl AuditRequest {
    /// The usual audit of these pictures by a model of this range.
    #[must_use]
    pub fn of(pictures: Vec<Picture>) -> Self {
        Self { pictures, sigmas: vec![0.02, 0.05, 0.1, 0.2, 0.5], draws: 4, probes: 64, seed: 0 }
    }

    /// Refuses what is no audit.
    ///
    /// # Errors
    /// [`Error::Option`] for a number that is none, for fewer than two noisy pictures a level, or for no level.
    pub fn check(&self) -> Result<()> {
        limits::whole("--draws", self.draws as u64, 1, LARGEST_DRAWS as u64)?;
        limits::whole("--probes", self.probes as u64, 2, super::LARGEST_PROBES as u64)?;
        limits::whole("--sigmas", self.sigmas.len() as u64, 1, LARGEST_LEVELS as u64)?;
        self.sigmas.iter().try_for_each(|sigma| limits::positive_sigma("--sigmas", *sigma))?;
        if self.pictures.len() * self.draws < 2 {
            return Err(Error::option(
                "--draws",
                "takes two or more for one picture: some properties are of differences",
            ));
        }
        Ok(())
    }
}

/// What was found at one noise level.
#[derive(Debug, Clone)]
pub struct LevelAudit {
    /// The noise level that was asked for.
    pub sigma: f32,
    /// What the model computed with; the noise was of this level too.
    pub sigma_used: f32,
    /// How many noisy pictures were measured.
    pub samples: usize,
    /// Every residual, in the order of [`super::RESIDUALS`].
    pub residuals: Vec<Measured>,
    /// The smallest eigenvalue of J that was met.
    pub smallest_eigenvalue: f64,
    /// The mean of `tr J`.
    pub trace: f64,
    /// The mean squared error of a value, `‖x − D‖²/d`.
    pub error: f64,
    /// Stein's estimate of it.
    pub estimated_error: f64,
    /// Whether products with the Jacobian were exact but for rounding.
    pub is_exact: bool,
}

impl LevelAudit {
    /// One figure for the level: how many times the worst residual is its limit. Up to 1 all is well.
    #[must_use]
    pub fn health(&self) -> f64 {
        self.residuals.iter().map(Measured::severity).fold(0.0, f64::max)
    }
}

/// An audit of a model.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The model.
    pub model: ModelCard,
    /// How many pictures it was audited on.
    pub pictures: usize,
    /// The levels, as they were asked for.
    pub levels: Vec<LevelAudit>,
}

/// Audits a model, publishing each level with the share that is done; levels outside of the trained range are moved to its
/// nearest end.
///
/// # Errors
/// As [`AuditRequest::check`]; [`Error::Compute`] if a picture does not fit the model; [`Error::Cancelled`].
pub fn audit(
    model: &dyn JointModel,
    request: &AuditRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(f32, Option<&LevelAudit>),
) -> Result<Audit> {
    request.check()?;
    super::scene::require_gradients(model)?;
    if let Some(reason) = model.abilities().density.missing() {
        return Err(Error::option("--model", format!("an audit needs a density, and the model {reason}")));
    }
    let samples = request.pictures.len() * request.draws;
    let all = (samples * request.sigmas.len()) as f32;
    let mut levels = Vec::new();
    for &sigma in &request.sigmas {
        let used = inside(model, sigma);
        let mut found = Vec::with_capacity(samples);
        for (index, picture) in request.pictures.iter().enumerate() {
            let rivals = rivals(model, picture)?;
            for draw in 0..request.draws {
                let number = (index * request.draws + draw) as u64;
                let seed = request.seed.wrapping_add(number);
                let noise = Noise::gaussian(used, seed);
                found.push(Sample::of(model, (picture, rivals), noise, request.probes, cancel)?);
                observe((levels.len() * samples + found.len()) as f32 / all, None);
            }
        }
        let level = summary(sigma, used, &found);
        levels.push(level);
        observe((levels.len() * samples) as f32 / all, levels.last());
    }
    Ok(Audit { model: ModelCard::of(model), pictures: request.pictures.len(), levels })
}

/// `sigma`, or the nearest level of the trained range beside which both levels of a difference in time lie in it too.
pub(super) fn inside(model: &dyn JointModel, sigma: f32) -> f32 {
    let range = model.sigma_range();
    let margin = (1.0 + 1.5 * APART).sqrt() as f32;
    if range.max / range.min > margin * margin {
        sigma.clamp(range.min * margin, range.max / margin)
    } else {
        range.clamp(sigma)
    }
}

/// What was measured on one noisy picture.
struct Sample {
    mixture: f64,
    derivative: f64,
    symmetry: f64,
    smallest: f64,
    trace: Estimate,
    /// `∂log p/∂t`, and what it should be.
    in_time: [f64; 2],
    /// `‖x − D‖²`, and Stein's estimate of it.
    errors: [f64; 2],
    /// How many bits the log-odds of the two classes change by for each unit of log σ: by the classifier, and by the denoisers.
    roads: [f64; 2],
    values: usize,
    is_exact: bool,
}

impl Sample {
    fn of(
        model: &dyn JointModel,
        (clean, rivals): (&Picture, Option<[usize; 2]>),
        noise: Noise,
        probes: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        let seed = noise.seed;
        let scene = Scene::new(model, &Subject::Clean { picture: clean.clone(), noise }, None)?;
        let values = scene.values();
        let (d, t) = (values as f64, f64::from(scene.sigma_used).powi(2));
        let removed = scene.noisy.zip(&scene.denoised, |y, d| y - d);
        let removed = square(removed.values());
        let mut whole = Operator::new(&scene, Jacobian::Whole, cancel);
        let (trace, squares) = traced(&mut whole, values, seed, probes)?;
        let pairs = eigenpairs(values, 1, STEPS, End::Smallest, seed, |v| {
            let image = whole.times(v.iter().map(|v| *v as f32).collect())?;
            Ok(image.values().iter().map(|v| f64::from(*v)).collect())
        })?;
        let is_exact = whole.is_exact;
        let [derivative, symmetry] = differential(&scene, seed, squares.sqrt(), cancel)?;
        let missed = square(scene.denoised.zip(clean, |d, x| d - x).values());
        Ok(Self {
            mixture: mixture_error(&scene, cancel)? / removed.sqrt().max(f64::MIN_POSITIVE),
            derivative,
            symmetry,
            smallest: pairs.first().map_or(0.0, |pair| pair.value),
            trace,
            in_time: [in_time(&scene)?, 0.5 * ((trace.value - d) / t + removed / (t * t))],
            errors: [missed, removed + t * (2.0 * trace.value - d)],
            roads: rivals.map_or(Ok([0.0; 2]), |rivals| roads(&scene, clean, rivals))?,
            values,
            is_exact,
        })
    }
}

/// The trace of an operator, and its mean square product with random signs.
fn traced(operator: &mut Operator, values: usize, seed: u64, probes: usize) -> Result<(Estimate, f64)> {
    let (mut sum, mut squares, mut products) = (0.0, 0.0, 0.0);
    let mut done = 0;
    while done < probes {
        let rows = operator.rows().min(probes - done);
        let mut directions = vec![0.0; rows * values];
        for (row, direction) in directions.chunks_exact_mut(values).enumerate() {
            signs(seed, (1000 + done + row) as u64, direction);
        }
        let found = operator.times(directions.clone())?;
        for (direction, image) in directions.chunks_exact(values).zip(found.values().chunks_exact(values)) {
            let along = dot(direction, image);
            (sum, squares, products) = (sum + along, squares + along * along, products + square(image));
        }
        done += rows;
    }
    let n = probes as f64;
    let variance = (squares / n - (sum / n).powi(2)).max(0.0) * n / (n - 1.0);
    Ok((Estimate { value: sum / n, standard_error: (variance / n).sqrt() }, products / n))
}

/// How far products with J are from differences of D, and those from symmetry, relative to the mean size of a product.
fn differential(scene: &Scene, seed: u64, size: f64, cancel: &Cancel) -> Result<[f64; 2]> {
    cancel.check()?;
    let (shape, values) = (scene.noisy.shape(), scene.values());
    let mut directions = vec![0.0; 2 * PAIRS * values];
    for (row, direction) in directions.chunks_exact_mut(values).enumerate() {
        signs(seed, row as u64, direction);
    }
    let (mut wrong, mut askew) = (0.0_f64, 0.0_f64);
    for pair in directions.chunks_exact(2 * values) {
        cancel.check()?;
        let pair = Batch::new(shape, pair.to_vec());
        let known = products(scene.model, &*scene.forward, Jacobian::Whole, &pair)?.values;
        let moved = differences(scene.model, &*scene.forward, Jacobian::Whole, &pair, DIFFERENCE)?;
        let apart: f64 = known.values().iter().zip(moved.values()).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        wrong = wrong.max((apart / 2.0).sqrt() / size.max(f64::MIN_POSITIVE));
        // ⟨u, J v⟩ of random u is of the size of J v.
        let across = dot(pair.row(0), moved.row(1)) - dot(pair.row(1), moved.row(0));
        askew = askew.max(across.abs() / size.max(f64::MIN_POSITIVE));
    }
    Ok([wrong, askew])
}

/// `‖D − Σ_c p(c | y) D_c‖`
fn mixture_error(scene: &Scene, cancel: &Cancel) -> Result<f64> {
    let mut mean = vec![0.0_f64; scene.values()];
    let classes: Vec<usize> = (0..scene.posterior.len()).collect();
    for chunk in classes.chunks(CLASSES_A_PASS) {
        cancel.check()?;
        let pictures = scene.forward.denoised_as(chunk)?;
        for (row, &class) in chunk.iter().enumerate() {
            let p = scene.posterior[class];
            mean.iter_mut().zip(pictures.row(row)).for_each(|(m, d)| *m += p * f64::from(*d));
        }
    }
    let apart = mean.iter().zip(scene.denoised.values()).map(|(m, d)| (m - f64::from(*d)).powi(2));
    Ok(apart.sum::<f64>().sqrt())
}

/// `∂log p/∂t` at the noisy picture, by a central difference.
fn in_time(scene: &Scene) -> Result<f64> {
    let t = f64::from(scene.sigma_used).powi(2);
    let sigmas = [1.0 + APART, 1.0 - APART].map(|factor| (t * factor).sqrt() as f32);
    let forward = scene.model.forward(&Batch::of([&scene.noisy; 2]), &sigmas)?;
    let [later, earlier] = [0, 1].map(|index| f64::from(forward.sigmas()[index]).powi(2));
    if later <= earlier {
        return Err(Error::Compute("the model's range of noise is too narrow for a difference in time".to_owned()));
    }
    Ok((forward.log_density_of(0) - forward.log_density_of(1)) / (later - earlier))
}

/// The two classes that are the most probable in a clean picture, if there are two.
fn rivals(model: &dyn JointModel, clean: &Picture) -> Result<Option<[usize; 2]>> {
    let level = model.sigma_range().near_clean();
    let order = ranked(&model.forward(&Batch::of([clean]), &[level])?.posterior_of(0));
    Ok(order.first().copied().zip(order.get(1).copied()).map(|(a, b)| [a, b]))
}

/// `∂E/∂log σ` in bits with `E = log p(a | y)/p(b | y)`, the same noise growing, and `−(‖x − D_b‖² − ‖x − D_a‖²)/σ²`, which has the same mean.
/// Both are means over the noise and its negative, which takes away most of their scatter.
fn roads(scene: &Scene, clean: &Picture, rivals: [usize; 2]) -> Result<[f64; 2]> {
    let sigma = f64::from(scene.sigma_used);
    let moved = |factor: f64| clean.zip(&scene.noisy, move |x, y| x + factor as f32 * (y - x));
    let [more, less] = [(1.0 + APART).sqrt(), (1.0 - APART).sqrt()];
    let noisy = [more, less, -more, -less].map(moved);
    let sigmas = [more, less, more, less].map(|factor| (sigma * factor) as f32);
    let forward = scene.model.forward(&Batch::of(&noisy), &sigmas)?;
    let odds = [0, 1, 2, 3].map(|row| {
        let joint = forward.log_joint_of(row);
        joint[rivals[0]] - joint[rivals[1]]
    });
    let [later, earlier] = [0, 1].map(|row| f64::from(forward.sigmas()[row]).ln());
    let by_classifier = 0.5 * (odds[0] - odds[1] + odds[2] - odds[3]) / (later - earlier);
    let negative = scene.model.forward(&Batch::of([&moved(-1.0)]), &[scene.sigma_used])?;
    let mut by_denoisers = 0.0;
    for forward in [&*scene.forward, &*negative] {
        let denoised = forward.denoised_as(&rivals)?;
        let [a, b] = [0, 1].map(|row| {
            let pairs = clean.values().iter().zip(denoised.row(row));
            pairs.map(|(x, d)| (f64::from(*x) - f64::from(*d)).powi(2)).sum::<f64>()
        });
        by_denoisers += 0.5 * (a - b) / (sigma * sigma);
    }
    Ok([by_classifier, by_denoisers].map(|nats| nats / std::f64::consts::LN_2))
}

/// The residuals of a level from its samples.
fn summary(sigma: f32, sigma_used: f32, found: &[Sample]) -> LevelAudit {
    let n = found.len() as f64;
    let (d, t) = (found.first().map_or(1, |s| s.values) as f64, f64::from(sigma_used).powi(2));
    let largest = |residual: &'static Residual, of: fn(&Sample) -> f64| {
        let value = found.iter().map(of).fold(0.0, |m, v| if v.is_nan() { v } else { f64::max(m, v) });
        Measured { residual, value, standard_error: 0.0 }
    };
    let mean = |of: &dyn Fn(&Sample) -> f64| found.iter().map(of).sum::<f64>() / n;
    let variance = |of: &dyn Fn(&Sample) -> f64| {
        let centre = mean(of);
        found.iter().map(|s| (of(s) - centre).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)
    };
    // The probes' own part of the scatter is no fault of the model.
    let probed = mean(&|s| (0.5 * s.trace.standard_error / t).powi(2));
    let scale = variance(&|s| s.in_time[0]).sqrt().max(f64::MIN_POSITIVE);
    let off = (variance(&|s| s.in_time[0] - s.in_time[1]) - probed).max(0.0).sqrt() / scale;
    let heat =
        Measured { residual: &FOKKER_PLANCK, value: off, standard_error: off / (2.0 * (n - 1.0).max(1.0)).sqrt() };
    let error = mean(&|s| s.errors[0]);
    let apart = mean(&|s| s.errors[1] - s.errors[0]).abs() / error.max(f64::MIN_POSITIVE);
    let scatter = (variance(&|s| s.errors[1] - s.errors[0]) / n).sqrt() / error.max(f64::MIN_POSITIVE);
    let stein = Measured { residual: &SURE, value: apart, standard_error: scatter };
    let evidence = 1.0 + mean(&|s| s.roads[0]).abs();
    let roads = Measured {
        residual: &ROADS,
        value: mean(&|s| s.roads[0] - s.roads[1]).abs() / evidence,
        standard_error: (variance(&|s| s.roads[0] - s.roads[1]) / n).sqrt() / evidence,
    };
    let smallest_eigenvalue = found.iter().map(|s| s.smallest).fold(f64::INFINITY, f64::min);
    LevelAudit {
        sigma,
        sigma_used,
        samples: found.len(),
        residuals: vec![
            largest(&MIXTURE, |s| s.mixture),
            largest(&DERIVATIVE, |s| s.derivative),
            largest(&SYMMETRY, |s| s.symmetry),
            largest(&COVARIANCE, |s| (-s.smallest).max(0.0)),
            heat,
            stein,
            roads,
        ],
        smallest_eigenvalue,
        trace: mean(&|s| s.trace.value),
        error: error / d,
        estimated_error: mean(&|s| s.errors[1]) / d,
        is_exact: found.iter().all(|s| s.is_exact),
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn square(values: &[f32]) -> f64 {
    dot(values, values)
}
