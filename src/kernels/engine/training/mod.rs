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
use crate::Result;
use crate::engine::{LossParts, LossWeights, TrainingRows};
use crate::kernels::share::pooled;
use memory::Part;

pub use memory::TrainingMemory;

/// Pictures that go together.
const GROUP: usize = 16;

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
        let pictures = rows.check(self.blueprint.channels, self.blueprint.classes)?;
        let picture = rows.noisy.len() / pictures;
        memory.lay_out(self, pictures, rows.size);
        let learn = |(index, part): (usize, &mut Part)| {
            let rows = rows.some(index * GROUP, part.pictures);
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
