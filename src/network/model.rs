//! The network as a [`JointModel`].

use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};

#[cfg(feature = "gpu")]
use super::graphics;
#[cfg(feature = "gpu")]
use super::guarded::Guarded;
use super::processor::{self, Processor};
use super::{Activations, Checkpoint, Description, DeviceChoice, Graph, device};
#[cfg(feature = "gpu")]
use crate::engine::Passes;
use crate::joint::{Forward, JointModel, SigmaRange, check_input, cotangents_a_picture};
use crate::picture::{Batch, Shape, normals};
use crate::{Error, Result};

/// A loaded network, ready to answer on its device.
#[derive(Debug)]
pub struct Network {
    description: Description,
    digest: String,
    device: Device,
    dtype: DType,
    arithmetic: Arithmetic,
    /// Why `auto` chose what it chose.
    reason: Option<String>,
}

/// What computes.
#[derive(Debug)]
enum Arithmetic {
    /// Tensor operations, on any device.
    Tensors(Box<Graph>),
    /// This crate's kernels, on the processor in single precision.
    Kernels(Box<Processor>),
    /// This crate's shaders on a graphics card, with the kernels behind them.
    #[cfg(feature = "gpu")]
    Shaders(Box<Guarded>),
}

impl Network {
    /// Puts a checkpoint's weights on a device.
    ///
    /// # Errors
    /// [`Error::Device`] if the device is not to be had, [`Error::Compute`] if the weights do not fit on it.
    pub fn load(checkpoint: &Checkpoint, device: &DeviceChoice) -> Result<Self> {
        let mut reason = None;
        #[cfg(feature = "gpu")]
        {
            let card = match device {
                DeviceChoice::Gpu(card) => Some(graphics::load(checkpoint, card.as_deref().unwrap_or_default())?),
                DeviceChoice::Auto if device.device()?.is_cpu() => {
                    let (card, why) = graphics::automatic(checkpoint);
                    reason = Some(why);
                    card
                }
                _ => None,
            };
            if let Some(card) = card {
                let arithmetic = Arithmetic::Shaders(Box::new(card));
                return Ok(Self::with(checkpoint, (Device::Cpu, DType::F32), arithmetic, reason));
            }
        }
        #[cfg(not(feature = "gpu"))]
        if let DeviceChoice::Gpu(_) = device {
            let reason =
                format!("--device {device}: this build cannot use a graphics card; build it with --features gpu");
            return Err(Error::Device(reason));
        }
        let device = device.device()?;
        if !device.is_cpu() {
            return Self::with_tensors(checkpoint, &device, DType::F32);
        }
        let arithmetic = Arithmetic::Kernels(Box::new(Processor::new(checkpoint)?));
        Ok(Self::with(checkpoint, (device, DType::F32), arithmetic, reason.take()))
    }

    fn with(
        checkpoint: &Checkpoint,
        (device, dtype): (Device, DType),
        arithmetic: Arithmetic,
        reason: Option<String>,
    ) -> Self {
        let (description, digest) = (checkpoint.description.clone(), checkpoint.digest());
        Self { description, digest, device, dtype, arithmetic, reason }
    }

    /// Milliseconds that an analysis of one picture of the model's own size takes, once it is warm.
    ///
    /// # Errors
    /// As [`JointModel::forward`].
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
        Ok(best.as_secs_f64() * 1e3)
    }

    /// [`Self::load`], ready for the first analysis: on a processor the filters are packed for one picture of the model's
    /// own size, once the checkpoint's memory is free again.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_ready(checkpoint: Checkpoint, device: &DeviceChoice) -> Result<Self> {
        let network = Self::load(&checkpoint, device)?;
        drop(checkpoint);
        let image = network.description.image;
        match &network.arithmetic {
            Arithmetic::Kernels(processor) => processor.pack(image),
            #[cfg(feature = "gpu")]
            Arithmetic::Shaders(card) => card.prepare((image.height, image.width), network.classes().len().min(16))?,
            Arithmetic::Tensors(_) => {}
        }
        Ok(network)
    }

    /// The network in double precision on the processor: slow, and exact enough for finite differences.
    pub fn load_double(checkpoint: &Checkpoint) -> Result<Self> {
        Self::with_tensors(checkpoint, &Device::Cpu, DType::F64)
    }

    /// The network in tensor operations.
    fn with_tensors(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let graph = Graph::new(&checkpoint.description, device, dtype, |name| {
            let Some(tensor) = checkpoint.tensors.get(name) else {
                candle_core::bail!("tensor {name} is missing");
            };
            Tensor::from_slice(&tensor.values, tensor.shape.as_slice(), device)?.to_dtype(dtype)
        })?;
        let arithmetic = Arithmetic::Tensors(Box::new(graph));
        Ok(Self::with(checkpoint, (device.clone(), dtype), arithmetic, None))
    }

    /// What the network is and how it was trained.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    fn tensor(&self, values: &[f32], shape: &[usize]) -> Result<Tensor> {
        Ok(Tensor::from_slice(values, shape, &self.device)?.to_dtype(self.dtype)?)
    }

    /// From u to `(σ_d/σ)·u`.
    fn weigh(&self, energy: &mut [f64], sigmas: &[f32]) {
        let deviation = f64::from(self.description.deviation);
        energy.iter_mut().zip(sigmas).for_each(|(energy, sigma)| *energy *= deviation / f64::from(*sigma));
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
        match &self.arithmetic {
            #[cfg(feature = "gpu")]
            Arithmetic::Shaders(card) => card.device(),
            _ => device::name(&self.device),
        }
    }

    fn device_reason(&self) -> Option<String> {
        match &self.arithmetic {
            #[cfg(feature = "gpu")]
            Arithmetic::Shaders(card) if card.failure().is_some() => card.failure().map(str::to_owned),
            _ => self.reason.clone(),
        }
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

    /// The network is convolutional: any height and width will do.
    fn accepts(&self, shape: Shape) -> bool {
        shape.channels == self.description.image.channels && !shape.is_empty()
    }

    fn sigma_range(&self) -> SigmaRange {
        self.description.sigma_range
    }

    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        check_input(self, noisy, sigmas)?;
        let sigmas: Vec<f32> = sigmas.iter().map(|&s| self.description.sigma_range.clamp(s)).collect();
        let (tape, energy, logits) = match &self.arithmetic {
            Arithmetic::Tensors(graph) => {
                let Shape { channels, height, width } = noisy.shape();
                let y = self.tensor(noisy.values(), &[noisy.len(), channels, height, width])?;
                let activations = graph.forward(&y, &self.tensor(&sigmas, &[sigmas.len()])?)?;
                let energy = activations.energy.to_dtype(DType::F64)?.to_vec1::<f64>()?;
                let logits = activations.logits.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
                (Tape::Tensors(activations), energy, logits)
            }
            Arithmetic::Kernels(processor) => {
                let (activations, mut energy, logits) = processor.forward(noisy.values(), noisy.shape(), &sigmas)?;
                self.weigh(&mut energy, &sigmas);
                (Tape::Kernels(activations), energy, logits.into_iter().map(f64::from).collect())
            }
            #[cfg(feature = "gpu")]
            Arithmetic::Shaders(card) => {
                let Shape { height, width, .. } = noisy.shape();
                let tape = card.forward(noisy.values(), (height, width), &sigmas)?;
                let (mut energy, logits) = (tape.energy().to_vec(), tape.logits().to_vec());
                self.weigh(&mut energy, &sigmas);
                (Tape::Shaders(tape), energy, logits)
            }
        };
        let mut log_joint = Vec::with_capacity(logits.len());
        for (index, (energy, logits)) in energy.iter().zip(logits.chunks_exact(self.classes().len())).enumerate() {
            let density = energy + self.gaussian(noisy.row(index), sigmas[index]);
            log_joint.extend(logits.iter().map(|v| density + v));
        }
        if let Some(index) = log_joint.iter().position(|v| !v.is_finite()) {
            let picture = index / self.classes().len() + 1;
            return Err(Error::Compute(format!("{}: picture {picture} gives no finite probability", self.name())));
        }
        Ok(Box::new(Pass { network: self, noisy: noisy.clone(), sigmas, log_joint, tape }))
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
    tape: Tape<'a>,
}

/// What a forward pass keeps.
enum Tape<'a> {
    Tensors(Activations<'a>),
    Kernels(processor::Activations<'a>),
    #[cfg(feature = "gpu")]
    Shaders(Box<dyn crate::engine::Tape + 'a>),
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
        let each = cotangents_a_picture(self, classes, cotangents)?;
        let pictures = self.noisy.len();
        let density: Vec<f32> = cotangents.chunks_exact(classes).map(density_weight).collect();
        let gradient = match &self.tape {
            Tape::Tensors(activations) => {
                let density = self.network.tensor(&density, &[pictures, each])?;
                let logits = self.network.tensor(cotangents, &[pictures, each, classes])?;
                activations.pullback(&density, &logits)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?
            }
            Tape::Kernels(activations) => activations.pullback(&density, cotangents, self.noisy.shape().len())?,
            #[cfg(feature = "gpu")]
            Tape::Shaders(tape) => {
                let mut out = vec![0.0; density.len() * self.noisy.shape().len()];
                tape.pullback(&density, cotangents, &mut out)?;
                out
            }
        };
        Ok(Batch::new(self.noisy.shape(), gradient))
    }
}
