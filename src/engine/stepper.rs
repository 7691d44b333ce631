//! Training where weights and optimiser lie on a device: nothing crosses over in a step but the batch.

use super::{Change, LossWeights, Size, TrainingRows};
use crate::Result;

/// A network in training, weights, average and moments included, on a device of their own.
///
/// The loss and its gradient are those of a [`Learner`](super::Learner), the step that of [`rules`](super::rules).
pub trait Stepper: Send + std::fmt::Debug {
    /// Where it computes, for reports.
    fn device(&self) -> String;

    /// Makes ready for batches of so many pictures of a size, and says what memory they take, in words.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) if the device has not the memory for one picture.
    fn prepare(&mut self, pictures: usize, size: Size) -> Result<String>;

    /// One step along the gradient of a batch's loss. It may still be under way when this returns.
    ///
    /// # Errors
    /// As [`TrainingRows::check`]; [`Error::Device`](crate::Error::Device) if the device fails in this or an earlier step.
    fn step(&mut self, rows: &TrainingRows, loss: LossWeights, change: &Change) -> Result<()>;

    /// The sums over the steps since the last call of loss, cross-entropy times its weight, score error and gradient norm.
    ///
    /// # Errors
    /// If the device fails.
    fn take_sums(&mut self) -> Result<[f32; 4]>;

    /// Values of every tensor, in the program's order; none where the tensor's rule has no such part.
    ///
    /// # Errors
    /// If the device fails.
    fn read(&self, part: Part) -> Result<Vec<Vec<f32>>>;

    /// Takes values for every tensor, in the program's order.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) naming a tensor of another length, or if the device fails.
    fn write(&mut self, part: Part, values: &[&[f32]]) -> Result<()>;
}

/// What is kept of every tensor in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its weights.
    Weights,
    /// Their moving average.
    Average,
    /// Adam's first moment, or Muon's momentum.
    First,
    /// Adam's second moment.
    Second,
}
