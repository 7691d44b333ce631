//! The joint network: its description, its checkpoint, its layers with their pullbacks, and the device it runs on.

mod bundled;
mod checkpoint;
mod convolution;
mod description;
mod device;
mod devices;
mod fused;
mod graph;
#[cfg(feature = "gpu")]
mod graphics;
#[cfg(feature = "gpu")]
mod guarded;
#[cfg(test)]
pub(crate) mod hostile;
mod layers;
mod model;
mod processor;
#[cfg(test)]
mod tests;

pub use bundled::{Bundled, bundled, checkpoint, open};
pub use checkpoint::{Checkpoint, Storage, Values};
pub use description::{Description, TrainingRecord};
pub use device::{DeviceChoice, allow_tf32, name as device_name};
pub use devices::{DeviceReport, devices};
pub use graph::{Activations, Graph};
pub use model::Network;
pub(crate) use processor::blueprint;

pub use crate::program::{Architecture, Program, Stem};

impl From<candle_core::Error> for crate::Error {
    fn from(error: candle_core::Error) -> Self {
        // candle appends a backtrace on further lines where one is on; a message is one line.
        Self::Compute(error.to_string().lines().next().unwrap_or("the arithmetic failed").to_owned())
    }
}
