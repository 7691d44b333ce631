//! The network as a [`JointModel`].

use candle_core::{DType, Device, Tensor};

use super::processor::{self, Processor};
use super::{Activations, Checkpoint, Description, DeviceChoice, Graph, device};
use crate::joint::{Forward, JointModel, SigmaRange, check_input, cotangents_a_picture};
use crate::picture::{Batch, Shape};
use crate::{Error, Result};

/// A loaded network, ready to answer on its device.
#[derive(Debug)]
pub struct Network {
    description: Description,
    digest: String,
    device: Device,
    dtype: DType,
    arithmetic: Arithmetic,
}

/// What computes.
#[derive(Debug)]
enum Arithmetic {
    /// Tensor operations, on any device.
    Tensors(Box<Graph>),
    /// This crate's kernels, on the processor in single precision.
    Kernels(Box<Processor>),
}

impl Network {
    /// Puts a checkpoint's weights on a device.
    ///
    /// # Errors
    /// [`Error::Device`] if the device is not to be had, [`Error::Compute`] if the weights do not fit on it.
    pub fn load(checkpoint: &Checkpoint, device: DeviceChoice) -> Result<Self> {
        let device = device.device()?;
        if !device.is_cpu() {
            return Self::with_tensors(checkpoint, &device, DType::F32);
        }
        let arithmetic = Arithmetic::Kernels(Box::new(Processor::new(checkpoint)?));
        let (description, digest) = (checkpoint.description.clone(), checkpoint.digest());
        Ok(Self { description, digest, device, dtype: DType::F32, arithmetic })
    }

    /// [`Self::load`], ready for the first analysis: on a processor the filters are packed for one picture of the model's
    /// own size, once the checkpoint's memory is free again.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_ready(checkpoint: Checkpoint, device: DeviceChoice) -> Result<Self> {
        let network = Self::load(&checkpoint, device)?;
        drop(checkpoint);
        if let Arithmetic::Kernels(processor) = &network.arithmetic {
            processor.pack(network.description.image);
        }
        Ok(network)
    }

    /// The network in double precision on the processor: slow, and exact enough for finite differences.
    pub fn load_double(checkpoint: &Checkpoint) -> Result<Self> {
        Self::with_tensors(checkpoint, &Device::Cpu, DType::F64)
    }

    /// The network in tensor operations.
    fn with_tensors(checkpoint: &Checkpoint, device: &Device, dtype: DType) -> Result<Self> {
        let description = checkpoint.description.clone();
        let graph = Graph::new(&description, device, dtype, |name| {
            let Some(tensor) = checkpoint.tensors.get(name) else {
                candle_core::bail!("tensor {name} is missing");
            };
            Tensor::from_slice(&tensor.values, tensor.shape.as_slice(), device)?.to_dtype(dtype)
        })?;
        let arithmetic = Arithmetic::Tensors(Box::new(graph));
        Ok(Self { description, digest: checkpoint.digest(), device: device.clone(), dtype, arithmetic })
    }

    /// What the network is and how it was trained.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    fn tensor(&self, values: &[f32], shape: &[usize]) -> Result<Tensor> {
        Ok(Tensor::from_slice(values, shape, &self.device)?.to_dtype(self.dtype)?)
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
        device::name(&self.device)
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
                let deviation = f64::from(self.description.deviation);
                for (energy, sigma) in energy.iter_mut().zip(&sigmas) {
                    *energy *= deviation / f64::from(*sigma);
                }
                (Tape::Kernels(activations), energy, logits.into_iter().map(f64::from).collect())
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
        };
        Ok(Batch::new(self.noisy.shape(), gradient))
    }
}
