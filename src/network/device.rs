//! Which device the network runs on, chosen at run time, with a message that names the missing feature.

use std::str::FromStr;

use candle_core::Device;

use crate::{Error, Result};

/// The device that a person asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA or Metal where the build has them; else a graphics card, if the model was measured to be faster on it; else the
    /// processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card with Vulkan, Metal or DirectX 12: the best one, or by its number or a part of its name.
    Gpu(Option<String>),
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
                "gpu" => return Ok(Self::Gpu(None)),
                "cuda" => return Ok(Self::Cuda(0)),
                "metal" => return Ok(Self::Metal),
                _ => {}
            },
            Some(("cuda", number)) => {
                if let Ok(number) = number.parse() {
                    return Ok(Self::Cuda(number));
                }
            }
            Some(("gpu", card)) if !card.trim().is_empty() => return Ok(Self::Gpu(Some(card.trim().to_owned()))),
            Some(_) => {}
        }
        let known = "auto, cpu, gpu, gpu:N, gpu:NAME, cuda, cuda:N, metal";
        Err(Error::option("--device", format!("{text} is none of {known}; `denoscope devices` lists what is there")))
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Cpu => write!(f, "cpu"),
            Self::Gpu(None) => write!(f, "gpu"),
            Self::Gpu(Some(card)) => write!(f, "gpu:{card}"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => write!(f, "metal"),
        }
    }
}

impl DeviceChoice {
    /// Every choice that makes sense to show, each with why it cannot be had, where it cannot.
    #[must_use]
    pub fn available() -> Vec<(Self, Option<String>)> {
        let mut choices = vec![Self::Auto, Self::Cpu];
        #[cfg(feature = "gpu")]
        choices.extend(crate::gpu::cards().iter().map(|card| Self::Gpu(Some(card.number.to_string()))));
        choices.extend([Self::Cuda(0), Self::Metal]);
        let state = |choice: Self| {
            let missing = match choice {
                Self::Gpu(_) => None,
                _ => choice.device().err().map(|e| e.to_string()),
            };
            (choice, missing)
        };
        choices.into_iter().map(state).collect()
    }

    /// The choice with the name of the card that it means, where it means one.
    #[must_use]
    pub fn label(&self) -> String {
        #[cfg(feature = "gpu")]
        if let Self::Gpu(Some(text)) = self
            && let Some(card) = crate::gpu::cards().iter().find(|card| card.number.to_string() == *text)
        {
            return card.title();
        }
        self.to_string()
    }

    /// The choice for training, where `auto` knows no graphics card.
    #[must_use]
    pub(crate) fn for_training(&self) -> Self {
        if *self != Self::Auto {
            return self.clone();
        }
        [Self::Cuda(0), Self::Metal].into_iter().find(|choice| choice.device().is_ok()).unwrap_or(Self::Cpu)
    }

    /// The device for tensors, ready to compute on.
    ///
    /// # Errors
    /// [`Error::Device`] if this build or this machine does not have it, or it is a graphics card, which has no tensors.
    pub(crate) fn device(&self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok([Self::Cuda(0), Self::Metal].iter().find_map(|c| c.device().ok()).unwrap_or(Device::Cpu)),
            Self::Cuda(_) if !candle_core::utils::cuda_is_available() => Err(Error::Device(
                "this build cannot use CUDA; build it with --features cuda, or choose --device cpu".to_owned(),
            )),
            Self::Metal if !candle_core::utils::metal_is_available() => Err(Error::Device(
                "this build cannot use Metal; build it on macOS (--features metal), or choose --device cpu".to_owned(),
            )),
            Self::Gpu(_) => Err(Error::Device(format!(
                "--device {self} uses a model but does not train one; choose --device cpu, cuda or metal"
            ))),
            Self::Cuda(number) => Device::new_cuda(*number).map_err(|e| missing(self, &e)),
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

fn missing(choice: &DeviceChoice, error: &candle_core::Error) -> Error {
    let reason = error.to_string();
    let reason = reason.lines().next().unwrap_or("no reason given");
    Error::Device(format!("device {choice} is not to be had ({reason}); choose --device cpu"))
}
