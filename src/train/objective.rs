//! The loss over the network: everything that training asks of `network` besides its checkpoint.

use std::collections::BTreeMap;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::batches::TrainingBatch;
use crate::kernels::engine::TrainingMemory;
use crate::network::{Checkpoint, Description, Graph};
use crate::picture::Shape;
use crate::{Error, Result};

/// What is trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The classes and the score together.
    #[default]
    Joint,
    /// The classes alone: λ = 0, no adjoint pass.
    Classify,
    /// The score alone.
    Denoise,
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Joint => "joint",
            Self::Classify => "classify",
            Self::Denoise => "denoise",
        })
    }
}

impl FromStr for Objective {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Joint, Self::Classify, Self::Denoise];
        let reason = || Error::option("--objective", format!("{text} is none of joint, classify, denoise"));
        all.into_iter().find(|o| o.to_string() == text).ok_or_else(reason)
    }
}

/// A batch on the device.
#[derive(Debug)]
pub struct DeviceBatch {
    noisy: Tensor,
    noise: Tensor,
    sigmas: Tensor,
    labels: Tensor,
    /// 1 in the column of the class whose score is trained, `[N, K]`, and 1 for the rows that have one, `[N, 1]`; none
    /// where there is no such row.
    conditional: Option<[Tensor; 2]>,
}

impl DeviceBatch {
    /// Copies a batch of pictures of `shape`, of `classes` classes, to the device.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn new(batch: TrainingBatch, shape: Shape, classes: usize, device: &Device) -> Result<Self> {
        let n = batch.labels.len();
        let pictures = (n, shape.channels, shape.height, shape.width);
        let conditional = || -> Result<[Tensor; 2]> {
            let mut columns = vec![0.0_f32; n * classes];
            let mut rows = vec![0.0_f32; n];
            for (row, class) in batch.classes.iter().enumerate().filter_map(|(row, class)| Some((row, (*class)?))) {
                columns[row * classes + class as usize] = 1.0;
                rows[row] = 1.0;
            }
            Ok([Tensor::from_vec(columns, (n, classes), device)?, Tensor::from_vec(rows, (n, 1), device)?])
        };
        let conditional = batch.classes.iter().any(Option::is_some).then(conditional).transpose()?;
        Ok(Self {
            noisy: Tensor::from_vec(batch.noisy, pictures, device)?,
            noise: Tensor::from_vec(batch.noise, pictures, device)?,
            sigmas: Tensor::from_vec(batch.sigmas, n, device)?,
            labels: Tensor::from_vec(batch.labels, n, device)?,
            conditional,
        })
    }
}

/// The parts of the loss of a batch, scalars on the device.
#[derive(Debug)]
pub struct Loss {
    /// What is minimised.
    pub total: Tensor,
    /// The mean cross-entropy of the true classes, in nats; 0 if it is not trained.
    pub cross_entropy: Tensor,
    /// The mean of (σ∇log p + ε)² over all values: 1 for a denoiser that does nothing; 0 if it is not trained.
    pub score_error: Tensor,
}

/// The network over trainable weights.
#[derive(Debug)]
pub struct Trainable {
    description: Description,
    device: Device,
    parameters: BTreeMap<String, Var>,
    /// Over the parameters themselves: it computes with whatever they hold.
    graph: Graph,
    /// What the processor's own passes keep between batches.
    pub(super) memory: TrainingMemory,
}

impl Trainable {
    /// The network of a checkpoint, its weights made trainable, on a device.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn new(checkpoint: Checkpoint, device: &Device) -> Result<Self> {
        let mut parameters = BTreeMap::new();
        for (name, values) in checkpoint.tensors {
            parameters.insert(name, Var::from_vec(values.values, values.shape, device)?);
        }
        let description = checkpoint.description;
        let graph = graph(&description, device, |name| parameters.get(name).map(|var| var.as_tensor().clone()))?;
        Ok(Self { description, device: device.clone(), parameters, graph, memory: TrainingMemory::new() })
    }

    /// The weights, by name.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<String, Var> {
        &self.parameters
    }

    /// What the network is.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Where it computes.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The loss of a batch: `CE(posterior, label) + λ·mean((σ∇log p_σ(y) + ε)²)`, less what the objective leaves out.
    /// For the batch's conditional rows the score is `∇log p_σ(y, c)` of their class c.
    ///
    /// # Errors
    /// If the device fails.
    pub fn loss(&self, batch: &DeviceBatch, objective: Objective, lambda: f64) -> Result<Loss> {
        let pass = self.graph.forward(&batch.noisy, &batch.sigmas)?;
        let zero = Tensor::zeros((), DType::F32, &self.device)?;
        let cross_entropy = match objective {
            Objective::Denoise => zero.clone(),
            Objective::Joint | Objective::Classify => candle_nn::loss::cross_entropy(&pass.logits, &batch.labels)?,
        };
        if objective == Objective::Classify {
            return Ok(Loss { total: cross_entropy.clone(), cross_entropy, score_error: zero });
        }
        let n = batch.noisy.dim(0)?;
        let mut weights = candle_nn::ops::softmax(&pass.logits, 1)?;
        if let Some([columns, rows]) = &batch.conditional {
            weights = (weights.broadcast_mul(&(1.0 - rows)?)? + columns)?;
        }
        let density = Tensor::ones((n, 1), DType::F32, &self.device)?;
        let score = pass.pullback(&density, &weights.unsqueeze(1)?)?.squeeze(1)?;
        let score_error =
            (score.broadcast_mul(&batch.sigmas.reshape((n, 1, 1, 1))?)? + &batch.noise)?.sqr()?.mean_all()?;
        let total = (&cross_entropy + score_error.affine(lambda, 0.0)?)?;
        Ok(Loss { total, cross_entropy, score_error })
    }
}

fn graph(description: &Description, device: &Device, tensor: impl Fn(&str) -> Option<Tensor>) -> Result<Graph> {
    let graph = Graph::new(description, device, DType::F32, |name| match tensor(name) {
        Some(tensor) => Ok(tensor),
        None => candle_core::bail!("tensor {name} is missing"),
    });
    Ok(graph?)
}

#[cfg(test)]
mod tests;
