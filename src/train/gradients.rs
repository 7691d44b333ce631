//! The gradient of a batch's loss: by this crate's own kernels on the processor, by automatic differentiation elsewhere.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::batches::TrainingBatch;
use super::objective::{DeviceBatch, Loss, Objective, Trainable};
use crate::engine::{LossWeights, TrainingRows};
use crate::kernels::engine::Engine;
use crate::network::blueprint;
use crate::{Error, Result};

/// Gradients by parameter name, in the parameters' shapes. A parameter that the loss does not depend on has none.
pub type Gradients = BTreeMap<String, Tensor>;

impl Trainable {
    /// The loss of a batch, see [`Trainable::loss`], and its gradient by every weight.
    ///
    /// # Errors
    /// If the device fails.
    pub fn gradients(&mut self, batch: TrainingBatch, objective: Objective, lambda: f64) -> Result<(Loss, Gradients)> {
        if self.device().is_cpu() {
            return self.processor_gradients(&batch, objective, lambda);
        }
        let (shape, classes) = (self.description().image, self.description().classes.len());
        let loss = self.loss(&DeviceBatch::new(batch, shape, classes, self.device())?, objective, lambda)?;
        let all = loss.total.backward()?;
        // Cut off from the graph that they came from: moments made of them would keep every step's graph alive.
        let gradients = self.parameters().iter().filter_map(|(name, var)| Some((name.clone(), all.get(var)?.detach())));
        let gradients = gradients.collect();
        Ok((loss, gradients))
    }

    fn processor_gradients(
        &mut self,
        batch: &TrainingBatch,
        objective: Objective,
        lambda: f64,
    ) -> Result<(Loss, Gradients)> {
        let mut values = BTreeMap::new();
        for (name, var) in self.parameters() {
            values.insert(name.as_str(), var.flatten_all()?.to_vec1::<f32>()?);
        }
        let tensor = |name: &str| values.get(name).map(Vec::as_slice);
        let engine = Engine::new(&blueprint(self.description()), &tensor)?;
        let shape = self.description().image;
        let rows = TrainingRows {
            noisy: &batch.noisy,
            size: (shape.height, shape.width),
            noise: &batch.noise,
            sigmas: &batch.sigmas,
            labels: &batch.labels,
            classes: &batch.classes,
        };
        let weights = LossWeights {
            cross_entropy: if objective == Objective::Denoise { 0.0 } else { 1.0 },
            score: if objective == Objective::Classify { 0.0 } else { lambda as f32 },
        };
        let (parts, found) = engine.gradient(&mut self.memory, &rows, weights)?;
        let cross_entropy = parts.cross_entropy as f32 * weights.cross_entropy;
        let score_error = parts.score_error as f32;
        let scalar = |value: f32| Tensor::new(value, &Device::Cpu);
        let loss = Loss {
            total: scalar(cross_entropy + weights.score * score_error)?,
            cross_entropy: scalar(cross_entropy)?,
            score_error: scalar(score_error)?,
        };
        let mut gradients = Gradients::new();
        for (name, values) in found {
            let var = self.parameters().get(&name);
            let var = var.ok_or_else(|| Error::Compute(format!("{name} has a gradient, but is no weight")))?;
            gradients.insert(name, Tensor::from_vec(values, var.shape(), &Device::Cpu)?);
        }
        Ok((loss, gradients))
    }
}
