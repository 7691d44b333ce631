//! The gradient of training's loss by every weight, without a tape of operations.
//!
//! The loss is `w·CE(posterior, label) + λ·mean((σ·s + ε)²)` with the score `s = ∇log p_σ(y)`, or `∇log p_σ(y, c)` for
//! rows that name a class c. A gradient by weights of something that holds a gradient by y needs no second tape: with r
//! the loss's cotangent of s, held still, `⟨r, s⟩` is the derivative of log p along r. So there are four passes — forward,
//! pullback (which gives s and r), tangent along r, and the reverse pass of value and tangent together — and each
//! weight's gradient is `(pullback's cotangent ⊗ tangent) + (reverse cotangent ⊗ value)`.
//!
//! Pictures go in groups of a fixed size, which threads share; a weight's sums run over all groups in order, so that
//! results do not depend on the number of threads.

mod embedding;
mod memory;
mod passes;
mod reverse;
#[cfg(test)]
mod tests;
mod weights;

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Engine;
use crate::kernels::share::pooled;
use crate::{Error, Result};
use memory::Part;

pub use memory::TrainingMemory;

/// Pictures that go together.
const GROUP: usize = 16;

/// A batch to learn from, N pictures.
#[derive(Debug, Clone, Copy)]
pub struct TrainingRows<'a> {
    /// Noisy pictures, planar `[N, C, height, width]`.
    pub noisy: &'a [f32],
    /// Height and width.
    pub size: (usize, usize),
    /// The noise that the score is trained to point away from, in units of σ: `(y − x)/σ`, `[N, C, height, width]`.
    pub noise: &'a [f32],
    /// The noise level of each picture.
    pub sigmas: &'a [f32],
    /// The true class of each picture.
    pub labels: &'a [u32],
    /// The class whose conditional score is trained, or none for the score of the picture's own density.
    pub classes: &'a [Option<u32>],
}

/// What the parts of the loss weigh; a part that weighs nothing is not computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossWeights {
    /// Of the mean cross-entropy.
    pub cross_entropy: f32,
    /// Of the mean squared score error: λ.
    pub score: f32,
}

/// The parts of the loss of a batch, before their weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossParts {
    /// The mean cross-entropy in nats.
    pub cross_entropy: f64,
    /// The mean of (σ·s + ε)² over all values; 0 if it is not trained.
    pub score_error: f64,
}

/// Gradients by checkpoint name, each in its tensor's order.
pub type Gradients = BTreeMap<String, Vec<f32>>;

impl Engine {
    /// The loss of a batch, and its gradient by every weight.
    ///
    /// # Errors
    /// [`Error::Compute`] if there is no picture, a slice does not fit their number or size, or a class does not exist.
    pub fn gradient(
        &self,
        memory: &mut TrainingMemory,
        rows: &TrainingRows,
        loss: LossWeights,
    ) -> Result<(LossParts, Gradients)> {
        let pictures = rows.sigmas.len();
        let picture = self.blueprint.channels * rows.size.0 * rows.size.1;
        let lengths = [rows.noisy.len(), rows.noise.len()] == [pictures * picture; 2];
        if pictures * picture == 0 || !lengths || [rows.labels.len(), rows.classes.len()] != [pictures; 2] {
            let reason = format!("the batch's parts do not fit its {pictures} pictures, of which there must be one");
            return Err(Error::Compute(reason));
        }
        let known = |class: &u32| (*class as usize) < self.blueprint.classes;
        if !rows.labels.iter().all(known) || !rows.classes.iter().flatten().all(known) {
            return Err(Error::Compute(format!("a label is not below the {} classes", self.blueprint.classes)));
        }
        memory.lay_out(self, pictures, rows.size);
        let learn = |(index, part): (usize, &mut Part)| {
            let rows = rows.some(index * GROUP, part.pictures, picture);
            self.learn(part, &rows, loss, pictures);
        };
        pooled(4 * pictures * self.multiply_adds(rows.size), || {
            memory.parts.par_iter_mut().enumerate().for_each(learn);
        });
        let sum = |of: fn(&Part) -> f64| memory.parts.iter().map(of).sum::<f64>();
        let parts = LossParts {
            cross_entropy: sum(|part| part.cross_entropy) / pictures as f64,
            score_error: sum(|part| part.score_error) / (pictures * picture) as f64,
        };
        Ok((parts, self.weight_gradients(&mut memory.parts, loss.score != 0.0)))
    }

    /// All passes over one group of `total` pictures.
    fn learn(&self, part: &mut Part, rows: &TrainingRows, loss: LossWeights, total: usize) {
        self.training_forward(part, rows);
        self.class_cotangents(part, rows);
        if loss.score == 0.0 {
            part.rest();
        } else {
            self.training_pullback(part, rows);
            self.score_cotangent(part, rows, loss.score, total);
            self.tangent(part, rows.size);
        }
        self.reverse(part, rows, loss, total);
    }
}

impl TrainingRows<'_> {
    /// `count` rows from `first` on, of `picture` values each.
    fn some(&self, first: usize, count: usize, picture: usize) -> Self {
        let values = first * picture..(first + count) * picture;
        let rows = first..first + count;
        Self {
            noisy: &self.noisy[values.clone()],
            size: self.size,
            noise: &self.noise[values],
            sigmas: &self.sigmas[rows.clone()],
            labels: &self.labels[rows.clone()],
            classes: &self.classes[rows],
        }
    }
}

/// The softmax of a row of logits, in place of it.
fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for v in &mut *row {
        *v = (*v - largest).exp();
    }
    let sum: f32 = row.iter().sum();
    for v in row {
        *v /= sum;
    }
}
