//! The whole network over plain slices, built from its [`Program`]: [`Processor`] for use, [`ProcessorLearner`] for training.
//!
//! A trunk is a `body::Body`: `stages` is the fused one of the first network, `graph` that of any layers. Around it lies what
//! every network has (`common`); jobs of use are shared out in `jobs`, groups of training in `groups`, whose loss is in `loss`.
//!
//! Weights are packed once for the processor's instructions; activations live in memory that is used again, so that in the
//! steady state nothing is allocated a layer. The formulas are those of the network in tensor operations, which is also what
//! the tests hold it against.

mod body;
mod common;
mod dense;
mod graph;
mod groups;
mod jobs;
#[cfg(test)]
mod learn_tests;
mod loss;
mod stages;
#[cfg(test)]
mod tests;

use super::simd::Level;
use crate::Result;
use crate::engine::{Gradients, Learner, LossParts, LossWeights, Passes, RowLoss, RowParts, Size, Tape, TrainingRows};
use crate::program::{Program, Trunk};
use groups::Groups;
use jobs::Jobs;

/// The network in use on a processor.
#[derive(Debug)]
pub struct Processor(Box<dyn Passes>);

/// The network in training on a processor: the weights of the last `Learner::load`, packed.
#[derive(Debug)]
pub struct ProcessorLearner(Box<dyn Learner>);

impl Processor {
    /// The network of a program with weights in its order, for the fastest instructions of this processor.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) if a tensor has another size than the program gives it.
    pub fn new(program: &Program, weights: &[&[f32]]) -> Result<Self> {
        Self::for_level(Level::best(), program, weights)
    }

    /// [`Self::new`] for given instructions.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn for_level(level: Level, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        Ok(Self(match &program.trunk {
            Trunk::Stages(_) => Box::new(Jobs::<stages::Engine>::new(level, program, weights)?),
            Trunk::Graph(_) => Box::new(Jobs::<graph::Engine>::new(level, program, weights)?),
        }))
    }
}

impl Passes for Processor {
    fn device(&self) -> String {
        self.0.device()
    }

    fn forward<'a>(&'a self, noisy: &[f32], size: Size, sigmas: &[f32]) -> Result<Box<dyn Tape + 'a>> {
        self.0.forward(noisy, size, sigmas)
    }

    fn prepare(&self, size: Size, cotangents: usize) -> Result<()> {
        self.0.prepare(size, cotangents)
    }
}

impl ProcessorLearner {
    /// A learner for the fastest instructions of this processor. It has no weights before [`Learner::load`].
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self::for_level(Level::best(), program)
    }

    /// [`Self::new`] for given instructions.
    #[must_use]
    pub fn for_level(level: Level, program: Program) -> Self {
        Self(match &program.trunk {
            Trunk::Stages(_) => Box::new(Groups::<stages::Engine>::new(level, program)),
            Trunk::Graph(_) => Box::new(Groups::<graph::Engine>::new(level, program)),
        })
    }
}

impl Learner for ProcessorLearner {
    fn device(&self) -> String {
        self.0.device()
    }

    fn load(&mut self, weights: &[&[f32]]) -> Result<()> {
        self.0.load(weights)
    }

    fn gradient(&mut self, rows: &TrainingRows, loss: LossWeights) -> Result<(LossParts, &Gradients)> {
        self.0.gradient(rows, loss)
    }

    fn gradient_of_parts(
        &mut self,
        rows: &TrainingRows,
        parts: &[RowParts],
        loss: LossWeights,
    ) -> Result<(LossParts, &Gradients, &[RowLoss])> {
        self.0.gradient_of_parts(rows, parts, loss)
    }

    fn attack_gradient(&mut self, rows: &TrainingRows) -> Result<Vec<f32>> {
        self.0.attack_gradient(rows)
    }
}
