//! Training: the loss of a batch and its gradient by every weight.

use crate::{Error, Result};

use super::Size;

/// An engine that learns. It holds the network's weights and whatever memory its passes need between batches.
///
/// The loss is `w·CE(posterior, label) + λ·mean((σ·s + ε)²)` with the score `s = ∇log p_σ(y)`, or `∇log p_σ(y, c)` for rows that
/// name a class c; the mean runs over all values of the batch. The gradient holds everything: the posterior that weighs the
/// classes' scores is differentiated too.
pub trait Learner: Send + std::fmt::Debug {
    /// Where it computes, for reports.
    fn device(&self) -> String;

    /// Takes these weights from now on: one slice a tensor, each row-major, in the order of
    /// [`Description::parameters`](crate::network::Description::parameters).
    ///
    /// # Errors
    /// [`Error::Compute`] naming a tensor of another length; see the [module](crate::engine).
    fn load(&mut self, weights: &[&[f32]]) -> Result<()>;

    /// The loss of a batch and its gradient by every weight.
    ///
    /// # Errors
    /// As [`TrainingRows::check`]; see the [module](crate::engine).
    fn gradient(&mut self, rows: &TrainingRows, loss: LossWeights) -> Result<(LossParts, &Gradients)>;

    /// The same where rows weigh unequally, with what each of them lost. An engine that has no such passes refuses.
    ///
    /// The loss is `w·mean(wₙ·CEₙ) + λ·mean(vₙ·‖σₙsₙ + εₙ‖²/values)`, both means over the rows; `CEₙ` is that of the row's own class and of
    /// another, by the share that it has.
    ///
    /// # Errors
    /// As for [`Self::gradient`], and [`Error::Compute`] if there is not one part a row or the engine cannot.
    fn gradient_of_parts(
        &mut self,
        rows: &TrainingRows,
        parts: &[RowParts],
        loss: LossWeights,
    ) -> Result<(LossParts, &Gradients, &[RowLoss])> {
        let _ = (rows, parts, loss);
        Err(Error::Compute(format!(
            "rows of unequal weight are trained on the processor only, not on {}",
            self.device()
        )))
    }

    /// The gradient of each row's cross-entropy by its picture, `[N, C, height, width]`: what an attack on the network as it is goes
    /// along. An engine that has no such pass refuses.
    ///
    /// # Errors
    /// As for [`Self::gradient`], and [`Error::Compute`] if the engine cannot.
    fn attack_gradient(&mut self, rows: &TrainingRows) -> Result<Vec<f32>> {
        let _ = rows;
        Err(Error::Compute(format!("rows are attacked on the processor only, not on {}", self.device())))
    }
}

/// What the parts of the loss weigh in one row, and whom it is taken for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowParts {
    /// Of its cross-entropy.
    pub cross_entropy: f32,
    /// Of its score's error. Where no row of a group has any, no adjoint pass is done.
    pub score: f32,
    /// Another class that it is a mixture with.
    pub other: u32,
    /// The share of that class, 0 to 1.
    pub share: f32,
}

impl RowParts {
    /// A row like any other.
    pub const WHOLE: Self = Self { cross_entropy: 1.0, score: 1.0, other: 0, share: 0.0 };
}

/// What one row lost, before any weight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RowLoss {
    /// The cross-entropy in nats.
    pub cross_entropy: f64,
    /// The mean of (σ·s + ε)² over its values; 0 where it was not computed.
    pub score_error: f64,
}

/// The gradient by every tensor, in the order and layout of the weights. A tensor that the loss does not depend on has zeros.
pub type Gradients = Vec<Vec<f32>>;

/// A batch to learn from, N pictures.
#[derive(Debug, Clone, Copy)]
pub struct TrainingRows<'a> {
    /// Noisy pictures, planar `[N, C, height, width]`.
    pub noisy: &'a [f32],
    /// Height and width.
    pub size: Size,
    /// The noise that the score is trained to point away from, in units of σ: `(y − x)/σ`, `[N, C, height, width]`.
    pub noise: &'a [f32],
    /// The noise level of each picture, inside the trained range.
    pub sigmas: &'a [f32],
    /// The true class of each picture.
    pub labels: &'a [u32],
    /// The class whose conditional score is trained, or none for the score of the picture's own density.
    pub classes: &'a [Option<u32>],
}

/// What the parts of the loss weigh. Without the score, which is most of the work, no adjoint pass is done.
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
    /// The mean cross-entropy in nats, whatever it weighs.
    pub cross_entropy: f64,
    /// The mean of (σ·s + ε)² over all values; 0 if it is not trained.
    pub score_error: f64,
}

impl TrainingRows<'_> {
    /// Checks that the slices fit each other, for a network of so many channels and classes. Returns N.
    ///
    /// # Errors
    /// [`Error::Compute`] if there is no picture, a slice does not fit their number or size, or a class does not exist.
    pub fn check(&self, channels: usize, classes: usize) -> Result<usize> {
        let pictures = self.sigmas.len();
        let values = pictures * channels * self.size.0 * self.size.1;
        let lengths = [self.noisy.len(), self.noise.len()] == [values; 2];
        if values == 0 || !lengths || [self.labels.len(), self.classes.len()] != [pictures; 2] {
            let reason = format!("the batch's parts do not fit its {pictures} pictures, of which there must be one");
            return Err(Error::Compute(reason));
        }
        let known = |class: &u32| (*class as usize) < classes;
        if !self.labels.iter().all(known) || !self.classes.iter().flatten().all(known) {
            return Err(Error::Compute(format!("a label is not below the {classes} classes")));
        }
        Ok(pictures)
    }

    /// [`Self::check`], and that there is one part a row. Returns N.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub fn check_parts(&self, parts: &[RowParts], channels: usize, classes: usize) -> Result<usize> {
        let pictures = self.check(channels, classes)?;
        if parts.len() != pictures || parts.iter().any(|part| part.other as usize >= classes) {
            return Err(Error::Compute(format!("there are {} parts of classes for {pictures} rows", parts.len())));
        }
        Ok(pictures)
    }

    /// `count` rows from `first` on.
    #[must_use]
    pub fn some(&self, first: usize, count: usize) -> Self {
        let picture = self.noisy.len() / self.sigmas.len().max(1);
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
