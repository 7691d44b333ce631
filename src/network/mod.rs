//! The joint network: its description, its checkpoint, its layers with their pullbacks, and the device it runs on.

#[cfg(feature = "gpu")]
mod automatic;
mod bundled;
mod checkpoint;
#[cfg(test)]
pub(crate) mod conformance;
mod description;
mod device;
mod devices;
#[cfg(feature = "gpu")]
mod graphics_card;
#[cfg(feature = "gpu")]
mod guarded;
#[cfg(test)]
pub(crate) mod hostile;
mod model;
mod tensors;
#[cfg(test)]
mod tests;

pub use bundled::{Bundled, PHOTOGRAPHS, SCENES, bundled, checkpoint, open, usual, usual_path};
pub use checkpoint::{Checkpoint, Storage, Values};
pub use description::{Description, TrainingRecord};
pub(crate) use device::Trainee;
pub use device::{DeviceChoice, allow_tf32};
pub use devices::{DeviceReport, devices, listed};
pub use model::Network;
pub use tensors::{Activations, Graph, Place, TensorLearner, TensorLoss, TensorPasses};

pub use crate::program::{Architecture, Family, Program, Stem};
