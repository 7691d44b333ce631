//! Tensors as an engine that learns: automatic differentiation of the loss, adjoint pass and all.

use candle_core::{DType, Tensor, Var};

use super::{Graph, Place};
use crate::engine::{Gradients, Learner, LossParts, LossWeights, RowLoss, RowParts, TrainingRows};
use crate::program::Program;
use crate::{Error, Result};

/// The network over trainable tensors of a device.
#[derive(Debug)]
pub struct TensorLearner {
    program: Program,
    place: Place,
    /// The weights in the program's order.
    weights: Vec<Var>,
    /// Over the weights themselves: it computes with whatever they hold.
    graph: Graph,
    gradients: Gradients,
    row_losses: Vec<RowLoss>,
}

/// The loss of a batch, scalars on the device.
#[derive(Debug)]
pub struct TensorLoss {
    /// What is minimised.
    pub total: Tensor,
    /// The mean cross-entropy of the true classes, in nats.
    pub cross_entropy: Tensor,
    /// The mean of (σ∇log p + ε)² over all values: 1 for a denoiser that does nothing; 0 if it is not trained.
    pub score_error: Tensor,
}

impl TensorLearner {
    /// A program's weights, in its order, made trainable in a place.
    ///
    /// # Errors
    /// [`Error::Compute`] if a tensor has another size than the program gives it, or the device has no room.
    pub fn new(program: &Program, weights: &[&[f32]], place: &Place) -> Result<Self> {
        program.check(weights).map_err(Error::Compute)?;
        let var = |(values, spec): (&&[f32], &crate::program::TensorSpec)| {
            Var::from_tensor(&place.tensor(values, &spec.shape)?)
        };
        let weights = weights.iter().zip(&program.tensors).map(var).collect::<Result<Vec<_>, _>>()?;
        let graph = Graph::new(program, place, |id| Ok(weights[id].as_tensor().clone()))?;
        Ok(Self {
            program: program.clone(),
            place: place.clone(),
            weights,
            graph,
            gradients: Vec::new(),
            row_losses: Vec::new(),
        })
    }

    /// What it learns.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The weights, in the program's order.
    #[must_use]
    pub fn weights(&self) -> &[Var] {
        &self.weights
    }

    /// The loss of a batch, on the device: see [`Learner`].
    ///
    /// # Errors
    /// As [`TrainingRows::check`], or if the device fails.
    pub fn loss(&self, rows: &TrainingRows, loss: LossWeights) -> Result<TensorLoss> {
        let (channels, classes) = (self.program.pictures.channels, self.program.pictures.classes);
        let n = rows.check(channels, classes)?;
        let pictures = [n, channels, rows.size.0, rows.size.1];
        let sigmas = self.place.tensor(rows.sigmas, &[n])?;
        let pass = self.graph.forward(&self.place.tensor(rows.noisy, &pictures)?, &sigmas)?;
        let labels = Tensor::from_slice(rows.labels, n, &self.place.device)?;
        let cross_entropy = candle_nn::loss::cross_entropy(&pass.logits, &labels)?;
        let weighed = cross_entropy.affine(f64::from(loss.cross_entropy), 0.0)?;
        if loss.score == 0.0 {
            let score_error = cross_entropy.zeros_like()?;
            return Ok(TensorLoss { total: weighed, cross_entropy, score_error });
        }
        let mut weights = candle_nn::ops::softmax(&pass.logits, 1)?;
        if let Some([columns, others]) = self.conditional(rows)? {
            weights = (weights.broadcast_mul(&others)? + columns)?;
        }
        let density = Tensor::ones((n, 1), self.place.dtype, &self.place.device)?;
        let score = pass.pullback(&density, &weights.unsqueeze(1)?)?.squeeze(1)?;
        let noise = self.place.tensor(rows.noise, &pictures)?;
        let score_error = (score.broadcast_mul(&sigmas.reshape((n, 1, 1, 1))?)? + noise)?.sqr()?.mean_all()?;
        let total = (weighed + score_error.affine(f64::from(loss.score), 0.0)?)?;
        Ok(TensorLoss { total, cross_entropy, score_error })
    }

    /// 1 in the column of the class whose score is trained, `[N, K]`, and 0 for the rows that have one, `[N, 1]`, 1 for the
    /// others; none where no row has one.
    fn conditional(&self, rows: &TrainingRows) -> Result<Option<[Tensor; 2]>> {
        let (n, classes) = (rows.classes.len(), self.program.pictures.classes);
        if rows.classes.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut columns = vec![0.0; n * classes];
        let mut others = vec![1.0; n];
        for (row, class) in rows.classes.iter().enumerate() {
            if let Some(class) = class {
                columns[row * classes + *class as usize] = 1.0;
                others[row] = 0.0;
            }
        }
        Ok(Some([self.place.tensor(&columns, &[n, classes])?, self.place.tensor(&others, &[n, 1])?]))
    }

    /// The loss of a batch whose rows weigh unequally, and what each row lost, `[N]` each: see [`Learner::gradient_of_parts`].
    ///
    /// # Errors
    /// As [`TrainingRows::check_parts`], or if the device fails.
    pub fn loss_of_parts(
        &self,
        rows: &TrainingRows,
        parts: &[RowParts],
        loss: LossWeights,
    ) -> Result<(TensorLoss, [Tensor; 2])> {
        let (channels, classes) = (self.program.pictures.channels, self.program.pictures.classes);
        let n = rows.check_parts(parts, channels, classes)?;
        let pictures = [n, channels, rows.size.0, rows.size.1];
        let sigmas = self.place.tensor(rows.sigmas, &[n])?;
        let pass = self.graph.forward(&self.place.tensor(rows.noisy, &pictures)?, &sigmas)?;
        let mut target = vec![0.0; n * classes];
        for ((target, label), part) in target.chunks_exact_mut(classes).zip(rows.labels).zip(parts) {
            target[*label as usize] += 1.0 - part.share;
            target[part.other as usize] += part.share;
        }
        let weigh = |of: fn(&RowParts) -> f32| {
            let weights: Vec<f32> = parts.iter().map(of).collect();
            self.place.tensor(&weights, &[n])
        };
        let logs = candle_nn::ops::log_softmax(&pass.logits, 1)?;
        let lost = (self.place.tensor(&target, &[n, classes])? * logs)?.sum(1)?.neg()?;
        let cross_entropy = (&lost * weigh(|part| part.cross_entropy)?)?.mean_all()?;
        let weighed = cross_entropy.affine(f64::from(loss.cross_entropy), 0.0)?;
        if loss.score == 0.0 {
            let score_error = cross_entropy.zeros_like()?;
            let none = lost.zeros_like()?;
            return Ok((TensorLoss { total: weighed, cross_entropy, score_error }, [lost, none]));
        }
        let mut weights = candle_nn::ops::softmax(&pass.logits, 1)?;
        if let Some([columns, others]) = self.conditional(rows)? {
            weights = (weights.broadcast_mul(&others)? + columns)?;
        }
        let density = Tensor::ones((n, 1), self.place.dtype, &self.place.device)?;
        let score = pass.pullback(&density, &weights.unsqueeze(1)?)?.squeeze(1)?;
        let noise = self.place.tensor(rows.noise, &pictures)?;
        let errors = (score.broadcast_mul(&sigmas.reshape((n, 1, 1, 1))?)? + noise)?.sqr()?.flatten_from(1)?.mean(1)?;
        let score_error = (&errors * weigh(|part| part.score)?)?.mean_all()?;
        let total = (weighed + score_error.affine(f64::from(loss.score), 0.0)?)?;
        Ok((TensorLoss { total, cross_entropy, score_error }, [lost, errors]))
    }

    /// The loss of a batch and its gradient by every weight, both on the device. A weight that the loss does not depend on
    /// has none.
    ///
    /// # Errors
    /// As [`Self::loss`].
    pub fn gradients(&self, rows: &TrainingRows, loss: LossWeights) -> Result<(TensorLoss, Vec<Option<Tensor>>)> {
        let loss = self.loss(rows, loss)?;
        let gradients = self.backward(&loss)?;
        Ok((loss, gradients))
    }

    /// [`Self::gradients`] where rows weigh unequally, with what each row lost.
    ///
    /// # Errors
    /// As [`Self::loss_of_parts`].
    pub fn gradients_of_parts(
        &self,
        rows: &TrainingRows,
        parts: &[RowParts],
        loss: LossWeights,
    ) -> Result<(TensorLoss, Vec<Option<Tensor>>, Vec<RowLoss>)> {
        let (loss, lost) = self.loss_of_parts(rows, parts, loss)?;
        let gradients = self.backward(&loss)?;
        let [cross_entropy, score_error] = lost.map(|lost| lost.to_dtype(DType::F64)?.to_vec1::<f64>());
        let rows = cross_entropy?.into_iter().zip(score_error?);
        let lost = rows.map(|(cross_entropy, score_error)| RowLoss { cross_entropy, score_error }).collect();
        Ok((loss, gradients, lost))
    }

    fn backward(&self, loss: &TensorLoss) -> Result<Vec<Option<Tensor>>> {
        let all = loss.total.backward()?;
        // Cut off from the graph that they came from: moments made of them would keep every step's graph alive.
        Ok(self.weights.iter().map(|weight| Some(all.get(weight)?.detach())).collect())
    }

    /// Keeps the gradients in memory, and reads the loss.
    fn taken(&mut self, loss: &TensorLoss, gradients: Vec<Option<Tensor>>) -> Result<LossParts> {
        let number = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.to_scalar::<f64>();
        let parts = LossParts { cross_entropy: number(&loss.cross_entropy)?, score_error: number(&loss.score_error)? };
        let read = |(gradient, var): (Option<Tensor>, &Var)| match gradient {
            Some(gradient) => gradient.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>(),
            None => Ok(vec![0.0; var.elem_count()]),
        };
        self.gradients = gradients.into_iter().zip(&self.weights).map(read).collect::<Result<_, _>>()?;
        Ok(parts)
    }
}

impl Learner for TensorLearner {
    fn device(&self) -> String {
        self.place.name()
    }

    fn load(&mut self, weights: &[&[f32]]) -> Result<()> {
        self.program.check(weights).map_err(Error::Compute)?;
        for ((var, values), spec) in self.weights.iter().zip(weights).zip(&self.program.tensors) {
            var.set(&self.place.tensor(values, &spec.shape)?)?;
        }
        Ok(())
    }

    fn gradient(&mut self, rows: &TrainingRows, loss: LossWeights) -> Result<(LossParts, &Gradients)> {
        let (loss, gradients) = self.gradients(rows, loss)?;
        let parts = self.taken(&loss, gradients)?;
        Ok((parts, &self.gradients))
    }

    fn gradient_of_parts(
        &mut self,
        rows: &TrainingRows,
        parts: &[RowParts],
        loss: LossWeights,
    ) -> Result<(LossParts, &Gradients, &[RowLoss])> {
        let (loss, gradients, lost) = self.gradients_of_parts(rows, parts, loss)?;
        let losses = self.taken(&loss, gradients)?;
        self.row_losses = lost;
        Ok((losses, &self.gradients, &self.row_losses))
    }
}

#[cfg(test)]
#[path = "learner_tests.rs"]
mod tests;
