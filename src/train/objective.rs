//! The loss over the network: everything that training asks of `network` besides its checkpoint.

use std::collections::BTreeMap;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::batches::TrainingBatch;
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
    /// The rows whose score is their true class's, 1 or 0; none where there is no such row.
    conditional: Option<Tensor>,
}

impl DeviceBatch {
    /// Copies a batch of pictures of `shape` to the device.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn new(batch: TrainingBatch, shape: Shape, device: &Device) -> Result<Self> {
        let n = batch.labels.len();
        let pictures = (n, shape.channels, shape.height, shape.width);
        let conditional = batch.conditional.iter().any(|&c| c > 0.0);
        Ok(Self {
            noisy: Tensor::from_vec(batch.noisy, pictures, device)?,
            noise: Tensor::from_vec(batch.noise, pictures, device)?,
            sigmas: Tensor::from_vec(batch.sigmas, n, device)?,
            labels: Tensor::from_vec(batch.labels, n, device)?,
            conditional: conditional.then(|| Tensor::from_vec(batch.conditional, (n, 1), device)).transpose()?,
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
        Ok(Self { description, device: device.clone(), parameters, graph })
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

    /// The network over other weights, not to be trained: their moving average, to evaluate.
    ///
    /// # Errors
    /// If a weight is missing.
    pub fn graph_over(&self, weights: &BTreeMap<String, Tensor>) -> Result<Graph> {
        graph(&self.description, &self.device, |name| weights.get(name).cloned())
    }

    /// The loss of a batch: `CE(posterior, label) + λ·mean((σ∇log p_σ(y) + ε)²)`, less what the objective leaves out.
    /// For the batch's conditional rows the score is `∇log p_σ(y, c)` of the true class c.
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
        let classes = self.description.classes.len();
        let mut weights = candle_nn::ops::softmax(&pass.logits, 1)?;
        if let Some(rows) = &batch.conditional {
            let numbers = Tensor::arange(0, classes as u32, &self.device)?.unsqueeze(0)?;
            let one_hot = batch.labels.unsqueeze(1)?.broadcast_eq(&numbers)?.to_dtype(DType::F32)?;
            weights = (weights.broadcast_mul(&(1.0 - rows)?)? + one_hot.broadcast_mul(rows)?)?;
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

/// The scores `∇log p_σ(y)` and the logits of noisy pictures, for evaluation.
///
/// # Errors
/// If the device fails.
pub fn read(graph: &Graph, noisy: &Tensor, sigmas: &Tensor) -> Result<(Tensor, Tensor)> {
    let pass = graph.forward(noisy, sigmas)?;
    let weights = candle_nn::ops::softmax(&pass.logits, 1)?.unsqueeze(1)?;
    let density = Tensor::ones((noisy.dim(0)?, 1), DType::F32, noisy.device())?;
    Ok((pass.pullback(&density, &weights)?.squeeze(1)?, pass.logits))
}

#[cfg(test)]
mod tests;
