//! The network on a plain processor, by this crate's own kernels.

use std::sync::{Mutex, PoisonError};

use super::{Checkpoint, Description};
use crate::Result;
use crate::kernels::engine::{Blueprint, Engine, Workspace};
use crate::picture::Shape;

/// Workspaces that are kept for the next jobs: one for the job on show, one for another beside it.
const KEPT: usize = 2;

/// A network packed for the processor, and the memory of jobs that are done.
#[derive(Debug)]
pub(super) struct Processor {
    engine: Engine,
    classes: usize,
    free: Mutex<Vec<Workspace>>,
}

/// A forward pass, which gives its memory back when it is dropped.
pub(super) struct Activations<'a> {
    processor: &'a Processor,
    workspace: Mutex<Workspace>,
}

impl Processor {
    pub(super) fn new(checkpoint: &Checkpoint) -> Result<Self> {
        let tensor = |name: &str| checkpoint.tensors.get(name).map(|t| t.values.as_slice());
        let engine = Engine::new(&blueprint(&checkpoint.description), &tensor)?;
        Ok(Self { engine, classes: checkpoint.description.classes.len(), free: Mutex::new(Vec::new()) })
    }

    /// Packs the filters for the analysis of one picture of this shape.
    pub(super) fn pack(&self, shape: Shape) {
        self.engine.pack((shape.height, shape.width));
    }

    /// One forward pass over planar pictures: what it keeps, u as `[N]` and v as `[N, K]`.
    pub(super) fn forward(
        &self,
        noisy: &[f32],
        shape: Shape,
        sigmas: &[f32],
    ) -> Result<(Activations<'_>, Vec<f64>, Vec<f32>)> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workspace = free.unwrap_or_default();
        let mut energy = vec![0.0; sigmas.len()];
        let mut logits = vec![0.0; sigmas.len() * self.classes];
        let size = (shape.height, shape.width);
        self.engine.forward(noisy, size, sigmas, &mut workspace, &mut energy, &mut logits)?;
        Ok((Activations { processor: self, workspace: Mutex::new(workspace) }, energy, logits))
    }
}

impl Activations<'_> {
    /// The adjoint pass: `density` is `[N, M]`, `logits` `[N, M, K]`, the result `[N, M, ..]` with `picture` values each.
    pub(super) fn pullback(&self, density: &[f32], logits: &[f32], picture: usize) -> Result<Vec<f32>> {
        let mut out = vec![0.0; density.len() * picture];
        let mut workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        self.processor.engine.pullback(&mut workspace, density, logits, &mut out)?;
        Ok(out)
    }
}

impl Drop for Activations<'_> {
    fn drop(&mut self) {
        let workspace = std::mem::take(self.workspace.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut free = self.processor.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(workspace);
        }
    }
}

/// The numbers of a description that the kernels need.
pub(crate) fn blueprint(description: &Description) -> Blueprint {
    let a = description.architecture.clone();
    Blueprint {
        channels: description.image.channels,
        classes: description.classes.len(),
        mean: description.mean.clone(),
        deviation: description.deviation,
        sigma_range: (description.sigma_range.min, description.sigma_range.max),
        stem: (a.stem.kernel, a.stem.stride),
        widths: a.widths,
        blocks: a.blocks,
        strides: a.strides,
        group: a.group,
        sigma_frequencies: a.sigma_frequencies,
        sigma_width: a.sigma_width,
    }
}
