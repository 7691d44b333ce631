//! Which device the network runs on, chosen at run time, with a message that names the missing feature.

use std::str::FromStr;

use candle_core::Device;

use crate::{Error, Result};

/// The device that a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A graphics processor that this build can use and that is there, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA graphics processor, by number.
    Cuda(usize),
    /// An Apple graphics processor.
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None => match text {
                "auto" => return Ok(Self::Auto),
                "cpu" => return Ok(Self::Cpu),
                "cuda" => return Ok(Self::Cuda(0)),
                "metal" => return Ok(Self::Metal),
                _ => {}
            },
            Some(("cuda", number)) => {
                if let Ok(number) = number.parse() {
                    return Ok(Self::Cuda(number));
                }
            }
            Some(_) => {}
        }
        Err(Error::option("--device", format!("{text} is none of auto, cpu, cuda, cuda:N, metal")))
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Cpu => write!(f, "cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => write!(f, "metal"),
        }
    }
}

impl DeviceChoice {
    /// Every choice that makes sense to show, each with why it cannot be had, where it cannot.
    #[must_use]
    pub fn available() -> Vec<(Self, Option<String>)> {
        let state = |choice: Self| (choice, choice.device().err().map(|e| e.to_string()));
        [Self::Auto, Self::Cpu, Self::Cuda(0), Self::Metal].map(state).to_vec()
    }

    /// The device, ready to compute on.
    ///
    /// # Errors
    /// [`Error::Device`] if this build or this machine does not have it.
    pub(crate) fn device(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok([Self::Cuda(0), Self::Metal].iter().find_map(|c| c.device().ok()).unwrap_or(Device::Cpu)),
            Self::Cuda(_) if !candle_core::utils::cuda_is_available() => Err(Error::Device(
                "this build cannot use CUDA; build it with --features cuda, or choose --device cpu".to_owned(),
            )),
            Self::Metal if !candle_core::utils::metal_is_available() => Err(Error::Device(
                "this build cannot use Metal; build it on macOS (--features metal), or choose --device cpu".to_owned(),
            )),
            Self::Cuda(number) => Device::new_cuda(number).map_err(|e| missing(self, &e)),
            Self::Metal => Device::new_metal(0).map_err(|e| missing(self, &e)),
        }
    }
}

/// Lets matrix products on CUDA round their factors to TF32 (10 bits), which training tolerates and inference avoids.
pub fn allow_tf32(allow: bool) {
    candle_core::cuda::set_gemm_reduced_precision_f32(allow);
}

/// The name of a device in reports: `cpu`, `cuda:0`, `metal:0`.
#[must_use]
pub fn name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}

fn missing(choice: DeviceChoice, error: &candle_core::Error) -> Error {
    let reason = error.to_string();
    let reason = reason.lines().next().unwrap_or("no reason given");
    Error::Device(format!("device {choice} is not to be had ({reason}); choose --device cpu"))
}
