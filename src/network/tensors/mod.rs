//! The network in candle's tensors: on CUDA, on Metal, and on a processor as the truth in double precision.

mod convolution;
mod graph;
mod layer_graph;
mod layers;
mod learner;
mod passes;
mod stages;
#[cfg(test)]
mod tests;

use candle_core::{DType, Device, Tensor};

use crate::{Error, Result};

pub use graph::{Activations, Graph};
pub use learner::{TensorLearner, TensorLoss};
pub use passes::TensorPasses;

/// Where tensors lie, and as what numbers.
#[derive(Debug, Clone)]
pub struct Place {
    /// The device.
    pub device: Device,
    /// Single or double precision.
    pub dtype: DType,
}

impl Place {
    /// The processor in single precision: the operations that other devices do, where they can be tested.
    #[must_use]
    pub fn single() -> Self {
        Self { device: Device::Cpu, dtype: DType::F32 }
    }

    /// The processor in double precision.
    #[must_use]
    pub fn double() -> Self {
        Self { device: Device::Cpu, dtype: DType::F64 }
    }

    /// The name of the device in reports: `cpu`, `cuda:0`, `metal:0`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.device.location() {
            candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
            candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
            candle_core::DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
        }
    }
}

impl Place {
    /// Values as a tensor here.
    pub(super) fn tensor(&self, values: &[f32], shape: &[usize]) -> candle_core::Result<Tensor> {
        Tensor::from_slice(values, shape, &self.device)?.to_dtype(self.dtype)
    }
}

/// An NVIDIA graphics processor.
///
/// # Errors
/// [`Error::Device`] if this build or this machine does not have it.
pub(super) fn cuda(number: usize) -> Result<Place> {
    if !candle_core::utils::cuda_is_available() {
        let reason = "this build cannot use CUDA; build it with --features cuda, or choose --device cpu";
        return Err(Error::Device(reason.to_owned()));
    }
    place(&format!("cuda:{number}"), Device::new_cuda(number))
}

/// An Apple graphics processor.
///
/// # Errors
/// [`Error::Device`] if this build or this machine does not have it.
pub(super) fn metal() -> Result<Place> {
    if !candle_core::utils::metal_is_available() {
        let reason = "this build cannot use Metal; build it on macOS (--features metal), or choose --device cpu";
        return Err(Error::Device(reason.to_owned()));
    }
    place("metal", Device::new_metal(0))
}

fn place(name: &str, device: candle_core::Result<Device>) -> Result<Place> {
    match device {
        Ok(device) => Ok(Place { device, dtype: DType::F32 }),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or("no reason given");
            Err(Error::Device(format!("device {name} is not to be had ({reason}); choose --device cpu")))
        }
    }
}

/// Lets matrix products on CUDA round their factors to TF32 (10 bits).
pub(super) fn allow_tf32(allow: bool) {
    candle_core::cuda::set_gemm_reduced_precision_f32(allow);
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        // candle appends a backtrace on further lines where one is on; a message is one line.
        Self::Compute(error.to_string().lines().next().unwrap_or("the arithmetic failed").to_owned())
    }
}
