//! The network as a [`JointModel`]: an engine's values and gradients, the Gaussian term, the clamp of σ.

use std::time::{Duration, Instant};

use super::tensors::{Place, TensorPasses};
use super::{Checkpoint, Description, DeviceChoice};
use crate::engine::{Ascended, Ascent, Directions, Passes, Tape};
use crate::joint::{
    Forward, JointModel, Linear, Moments, SigmaRange, check_directions, check_input, cotangents_a_picture,
};
use crate::picture::{Batch, Shape, normals};
use crate::{Error, Result};

/// A loaded network, ready to answer on its device.
#[derive(Debug)]
pub struct Network {
    description: Description,
    digest: String,
    engine: Box<dyn Passes>,
    /// Why `auto` chose what it chose.
    reason: Option<String>,
}

impl Network {
    /// Puts a checkpoint's weights on a device.
    ///
    /// # Errors
    /// [`Error::Device`] if the device is not to be had, [`Error::Compute`] if the weights do not fit on it.
    pub fn load(checkpoint: &Checkpoint, device: &DeviceChoice) -> Result<Self> {
        let (engine, reason) = device.passes(checkpoint)?;
        Ok(Self::with(checkpoint, engine, reason))
    }

    fn with(checkpoint: &Checkpoint, engine: Box<dyn Passes>, reason: Option<String>) -> Self {
        Self { description: checkpoint.description.clone(), digest: checkpoint.digest(), engine, reason }
    }

    /// Milliseconds that an analysis of one picture of the model's own size takes, once it is warm.
    ///
    /// # Errors
    /// As [`JointModel::forward`]; [`Error::Device`] if the device failed, so that the time would be another's.
    pub fn analysis_ms(&self) -> Result<f64> {
        let shape = self.description.image;
        let mut noisy = vec![0.0; shape.len()];
        normals::fill(3, 0, 0, &mut noisy);
        let batch = Batch::new(shape, noisy);
        let classes = self.description.classes.len();
        // As many at once as an analysis takes.
        let rows = classes.min(16);
        let mut cotangents = vec![0.0; rows * classes];
        cotangents.chunks_exact_mut(classes).enumerate().for_each(|(row, weights)| weights[row] = 1.0);
        let once = || -> Result<Duration> {
            let start = Instant::now();
            self.forward(&batch, &[self.description.sigma_range.max])?.pullback(&cotangents)?;
            Ok(start.elapsed())
        };
        // The first one builds what the others use.
        once()?;
        let (start, mut best) = (Instant::now(), Duration::MAX);
        for _ in 0..10 {
            best = best.min(once()?);
            if start.elapsed() > Duration::from_millis(500) {
                break;
            }
        }
        self.engine.failure().map_or(Ok(best.as_secs_f64() * 1e3), |failure| Err(Error::Device(failure)))
    }

    /// [`Self::load`], ready for the first analysis: what that would wait for is done for one picture of the model's own
    /// size, once the checkpoint's memory is free again.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_ready(checkpoint: Checkpoint, device: &DeviceChoice) -> Result<Self> {
        let network = Self::load(&checkpoint, device)?;
        drop(checkpoint);
        let Shape { height, width, .. } = network.description.image;
        // As many cotangents at once as an analysis takes.
        network.engine.prepare((height, width), network.description.classes.len().min(16))?;
        Ok(network)
    }

    /// The network in double precision on the processor: slow, and exact enough for finite differences.
    pub fn load_double(checkpoint: &Checkpoint) -> Result<Self> {
        let program = checkpoint.description.program();
        let engine = Box::new(TensorPasses::new(&program, &checkpoint.weights(&program)?, &Place::double())?);
        Ok(Self::with(checkpoint, engine, None))
    }

    /// What the network is and how it was trained.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// `−‖z‖²/2`, in double precision: it is large, and small differences of it matter.
    fn gaussian(&self, noisy: &[f32], sigma: f32) -> f64 {
        let variance = f64::from(self.description.deviation).powi(2) + f64::from(sigma).powi(2);
        let planes = noisy.chunks_exact(noisy.len() / self.description.mean.len());
        let squares = planes
            .zip(&self.description.mean)
            .map(|(plane, &mean)| plane.iter().map(|&v| (f64::from(v) - f64::from(mean)).powi(2)).sum::<f64>());
        -0.5 * squares.sum::<f64>() / variance
    }
}

impl JointModel for Network {
    fn name(&self) -> &str {
        &self.description.name
    }

    fn device(&self) -> String {
        self.engine.device()
    }

    fn device_reason(&self) -> Option<String> {
        self.engine.failure().or_else(|| self.reason.clone())
    }

    fn digest(&self) -> String {
        self.digest.clone()
    }

    fn classes(&self) -> &[String] {
        &self.description.classes
    }

    fn shape(&self) -> Shape {
        self.description.image
    }

    fn moments(&self) -> Moments {
        Moments { mean: self.description.mean.clone(), deviation: self.description.deviation }
    }

    /// The network is convolutional: any height and width will do.
    fn accepts(&self, shape: Shape) -> bool {
        shape.channels == self.description.image.channels && !shape.is_empty()
    }

    fn sigma_range(&self) -> SigmaRange {
        self.description.sigma_range
    }

    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        self.forward_for(noisy, sigmas, &[])
    }

    fn forward_for(&self, noisy: &Batch, sigmas: &[f32], classes: &[usize]) -> Result<Box<dyn Forward + '_>> {
        check_input(self, noisy, sigmas)?;
        let sigmas: Vec<f32> = sigmas.iter().map(|&s| self.description.sigma_range.clamp(s)).collect();
        let Shape { height, width, .. } = noisy.shape();
        let (values, size) = (noisy.values(), (height, width));
        let (tape, ahead) = match sigmas[..] {
            [sigma] if !classes.is_empty() => self.engine.analysis(values, size, sigma, classes)?,
            _ => (self.engine.forward(values, size, &sigmas)?, None),
        };
        let deviation = f64::from(self.description.deviation);
        let mut log_joint = Vec::with_capacity(tape.logits().len());
        let rows = tape.energy().iter().zip(tape.logits().chunks_exact(self.classes().len()));
        for (index, (energy, logits)) in rows.enumerate() {
            let energy = energy * (deviation / f64::from(sigmas[index]));
            let density = energy + self.gaussian(noisy.row(index), sigmas[index]);
            log_joint.extend(logits.iter().map(|v| density + v));
        }
        if let Some(index) = log_joint.iter().position(|v| !v.is_finite()) {
            let picture = index / self.classes().len() + 1;
            return Err(Error::Compute(format!("{}: picture {picture} gives no finite probability", self.name())));
        }
        let ahead = ahead.map(|gradients| Ahead {
            posterior: Linear::Score.cotangent(&log_joint),
            classes: classes.to_vec(),
            gradients,
        });
        Ok(Box::new(Pass { network: self, noisy: noisy.clone(), sigmas, log_joint, tape, ahead }))
    }

    fn ascend(&self, pictures: &Batch, sigma: f32, ascent: &Ascent<'_>) -> Result<Option<Ascended>> {
        check_input(self, pictures, &vec![sigma; pictures.len()])?;
        let Shape { height, width, .. } = pictures.shape();
        let sigma = self.description.sigma_range.clamp(sigma);
        let found = self.engine.ascend(pictures.values(), (height, width), sigma, ascent)?;
        // Step by step it is said what is not finite, or put right.
        let finite = |found: &Ascended| {
            let values = [&found.logits, &found.slopes, &found.pictures];
            values.into_iter().all(|values| values.iter().all(|v| v.is_finite()))
        };
        Ok(found.filter(finite))
    }

    fn at_once(&self, shape: Shape) -> usize {
        self.engine.at_once((shape.height, shape.width))
    }
}

/// How much a cotangent weighs `log p(y)`: the sum of its weights over the classes.
///
/// A sum that the weights' own rounding may have left is none, so the gradient of a posterior has no part of the energy's
/// gradient, which is much the larger, and nobody computes that.
pub(super) fn density_weight(weights: &[f32]) -> f32 {
    let sum: f64 = weights.iter().map(|w| f64::from(*w)).sum();
    let size: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
    if sum.abs() <= f64::from(f32::EPSILON) * size { 0.0 } else { sum as f32 }
}

struct Pass<'a> {
    network: &'a Network,
    noisy: Batch,
    sigmas: Vec<f32>,
    log_joint: Vec<f64>,
    tape: Box<dyn Tape + 'a>,
    ahead: Option<Ahead>,
}

/// Gradients of one picture that came with its forward pass: the posterior's, then each class's.
struct Ahead {
    posterior: Vec<f32>,
    classes: Vec<usize>,
    gradients: Vec<f32>,
}

impl Ahead {
    /// The gradients of these rows of cotangents, if all of them are here.
    fn rows(&self, cotangents: &[f32], values: usize) -> Option<Vec<f32>> {
        let mut found = Vec::new();
        for weights in cotangents.chunks_exact(self.posterior.len()) {
            let single =
                |class: &usize| weights.iter().enumerate().all(|(k, w)| *w == f32::from(u8::from(k == *class)));
            let row = if weights == self.posterior { 0 } else { 1 + self.classes.iter().position(single)? };
            found.extend_from_slice(&self.gradients[row * values..][..values]);
        }
        Some(found)
    }
}

impl Forward for Pass<'_> {
    fn noisy(&self) -> &Batch {
        &self.noisy
    }

    fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    fn log_joint(&self) -> &[f64] {
        &self.log_joint
    }

    fn pullback(&self, cotangents: &[f32]) -> Result<Batch> {
        let classes = self.network.classes().len();
        cotangents_a_picture(self, classes, cotangents)?;
        let values = self.noisy.shape().len();
        if let Some(gradient) = self.ahead.as_ref().and_then(|ahead| ahead.rows(cotangents, values)) {
            return Ok(Batch::new(self.noisy.shape(), gradient));
        }
        let density: Vec<f32> = cotangents.chunks_exact(classes).map(density_weight).collect();
        let mut gradient = vec![0.0; density.len() * self.noisy.shape().len()];
        self.tape.pullback(&density, cotangents, &mut gradient)?;
        Ok(Batch::new(self.noisy.shape(), gradient))
    }
    fn curvature(&self, cotangents: &[f32], follows: bool, directions: &Batch) -> Result<Option<Batch>> {
        let classes = self.network.classes().len();
        check_directions(self, classes, cotangents, directions)?;
        let density: Vec<f32> = cotangents.chunks_exact(classes).map(density_weight).collect();
        let mut out = vec![0.0; directions.values().len()];
        let along = directions.values();
        let asked = Directions { density: &density, logits: cotangents, follows, along };
        let done = self.tape.curvature(&asked, &mut out)?;
        Ok(done.then(|| Batch::new(self.noisy.shape(), out)))
    }
}
