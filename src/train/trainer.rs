//! A network with its optimiser, from one step to the next.

use candle_core::Tensor;

use super::balance::Balance;
use super::batches::TrainingBatch;
use super::optimiser::device::DeviceOptimiser;
use super::optimiser::resident::Resident;
use super::optimiser::{Optimiser, Settings, State};
use super::row_options::RowOptions;
use crate::engine::{Learner, LossWeights, RowLoss, RowParts, TrainingRows};
use crate::network::{Checkpoint, Description, DeviceChoice, TensorLearner, Trainee};
use crate::{Error, Result};

/// A network in training.
#[derive(Debug)]
pub struct Trainer {
    description: Description,
    work: Work,
    /// What the parts of the loss weigh at each noise level, where that is learned, and its learning rate.
    balance: Option<(Balance, f64)>,
}

/// Where the weights are, and who steps them. The sums are those of loss, cross-entropy, score error and gradient norm.
#[derive(Debug)]
enum Work {
    /// In memory: an engine gives the gradient.
    Host { learner: Box<dyn Learner>, optimiser: Optimiser, sums: [f32; 4] },
    /// In tensors of a device: nothing is read back in a step.
    Device { learner: Box<TensorLearner>, optimiser: DeviceOptimiser, sums: Option<Tensor> },
    /// On a device that steps them itself: nothing is read back in a step.
    Resident(Resident),
}

impl Trainer {
    /// Training of a checkpoint's weights on a device, at step 0.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) if the device is not to be had, or has no room.
    pub fn new(checkpoint: Checkpoint, device: &DeviceChoice, settings: Settings) -> Result<Self> {
        let program = checkpoint.description.program();
        let weights = checkpoint.weights(&program)?;
        let work = match device.trainee(&checkpoint)? {
            Trainee::Host(learner) => {
                let optimiser = Optimiser::new(program.tensors, &weights, settings);
                Work::Host { learner, optimiser, sums: [0.0; 4] }
            }
            Trainee::Tensors(learner) => {
                let optimiser = DeviceOptimiser::new(program.tensors, learner.weights(), settings)?;
                Work::Device { learner, optimiser, sums: None }
            }
            Trainee::Resident(stepper) => Work::Resident(Resident::new(stepper, program.tensors, settings)),
        };
        Ok(Self { description: checkpoint.description, work, balance: None })
    }

    /// Refuses rows that the device has no passes for.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check_rows(&self, options: &RowOptions) -> Result<()> {
        if options.adversarial.is_some() && !matches!(self.work, Work::Host { .. }) {
            return Err(Error::option("--adversarial", "rows are attacked on the processor only: --device cpu"));
        }
        if matches!(self.work, Work::Resident(_)) && options.weigh() {
            let reason = "does not train rows that differ: --device cpu does";
            return Err(Error::option("--device", format!("{} {reason}", self.device())));
        }
        Ok(())
    }

    /// Learns from now on what the parts of the loss weigh at each noise level, at a learning rate.
    pub fn balance(&mut self, rate: f64) {
        self.balance = Some((Balance::default(), rate));
    }

    /// What the network is.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Where it computes, for reports.
    #[must_use]
    pub fn device(&self) -> String {
        match &self.work {
            Work::Host { learner, .. } => learner.device(),
            Work::Device { learner, .. } => learner.device(),
            Work::Resident(resident) => resident.stepper().device(),
        }
    }

    /// Makes ready for batches of so many pictures, and says what memory of a device that takes, where it is known.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) if the device has not the memory for one picture.
    pub fn prepare(&mut self, pictures: usize) -> Result<Option<String>> {
        let size = (self.description.image.height, self.description.image.width);
        match &mut self.work {
            Work::Host { .. } | Work::Device { .. } => Ok(None),
            Work::Resident(resident) => resident.prepare(pictures, size).map(Some),
        }
    }

    /// How many steps were taken.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        match &self.work {
            Work::Host { optimiser, .. } => optimiser.step_count(),
            Work::Device { optimiser, .. } => optimiser.step_count(),
            Work::Resident(resident) => resident.step_count(),
        }
    }

    /// One step along the gradient of a batch's loss: both learning rates times `rate`, the average of the weights kept with
    /// `decay`.
    ///
    /// # Errors
    /// If the batch does not fit the network or the device fails.
    pub fn step(&mut self, batch: &TrainingBatch, loss: LossWeights, rate: f64, decay: f64) -> Result<()> {
        let rows = TrainingRows {
            noisy: &batch.noisy,
            size: batch.size,
            noise: &batch.noise,
            sigmas: &batch.sigmas,
            labels: &batch.labels,
            classes: &batch.classes,
        };
        let mut attacked = Vec::new();
        if let Some(rows_attacked) = &batch.attacked {
            let Work::Host { learner, .. } = &mut self.work else {
                return Err(Error::option("--adversarial", "rows are attacked on the processor only: --device cpu"));
            };
            let values = batch.noisy.len() / batch.sigmas.len().max(1);
            attacked.clone_from(&batch.noisy);
            let place = rows_attacked.rows.start * values..rows_attacked.rows.end * values;
            attacked[place].copy_from_slice(&rows_attacked.pictures(&mut **learner, &rows)?);
        }
        let rows = if attacked.is_empty() { rows } else { TrainingRows { noisy: &attacked, ..rows } };
        let weighed = batch.parts.as_ref().map(|parts| match &self.balance {
            Some((balance, _)) => balance.weighed(parts, &batch.sigmas),
            None => parts.clone(),
        });
        match &mut self.work {
            Work::Host { learner, optimiser, sums } => {
                let (parts, gradients, lost) = if let Some(weighed) = &weighed {
                    learner.gradient_of_parts(&rows, weighed, loss)?
                } else {
                    let (parts, gradients) = learner.gradient(&rows, loss)?;
                    (parts, gradients, &[][..])
                };
                let (norm, lost) = (optimiser.step(gradients, rate, decay), lost.to_vec());
                learner.load(&optimiser.weights())?;
                let cross_entropy = parts.cross_entropy as f32 * loss.cross_entropy;
                let score_error = parts.score_error as f32;
                let found = [cross_entropy + loss.score * score_error, cross_entropy, score_error, norm];
                let found = self.balance.as_mut().zip(batch.parts.as_ref()).map_or(found, |(balance, parts)| {
                    balanced(balance, (parts, &batch.sigmas, &lost), loss, (rate, optimiser.step_count()), norm)
                });
                sums.iter_mut().zip(found).for_each(|(sum, value)| *sum += value);
            }
            Work::Device { learner, optimiser, sums } => {
                let (losses, gradients, lost) = if let Some(weighed) = &weighed {
                    learner.gradients_of_parts(&rows, weighed, loss)?
                } else {
                    let (losses, gradients) = learner.gradients(&rows, loss)?;
                    (losses, gradients, Vec::new())
                };
                let norm = optimiser.step(&gradients, rate, decay)?;
                let cross_entropy = losses.cross_entropy.affine(f64::from(loss.cross_entropy), 0.0)?;
                let mut found = Tensor::stack(&[losses.total, cross_entropy, losses.score_error, norm], 0)?.detach();
                if let (Some(balance), Some(parts)) = (self.balance.as_mut(), batch.parts.as_ref()) {
                    let norm = found.get(3)?.to_scalar::<f32>()?;
                    let step = (rate, optimiser.step_count());
                    let own = balanced(balance, (parts, &batch.sigmas, &lost), loss, step, norm);
                    found = Tensor::new(&own, found.device())?;
                }
                *sums = Some(match &sums {
                    None => found,
                    Some(sums) => (sums + found)?,
                });
            }
            Work::Resident(resident) => resident.step(&rows, loss, rate, decay)?,
        }
        Ok(())
    }

    /// The sums over the steps since the last call of loss, cross-entropy in nats, score error and gradient norm.
    ///
    /// # Errors
    /// If the device fails.
    pub fn take_sums(&mut self) -> Result<[f32; 4]> {
        match &mut self.work {
            Work::Host { sums, .. } => Ok(std::mem::take(sums)),
            Work::Device { sums, .. } => {
                let values = sums.take().map(|sums| sums.to_vec1::<f32>()).transpose()?.unwrap_or_default();
                Ok(std::array::from_fn(|i| values.get(i).copied().unwrap_or_default()))
            }
            Work::Resident(resident) => resident.take_sums(),
        }
    }

    /// The moving average of the weights, by parameter name.
    ///
    /// # Errors
    /// If the device fails.
    pub fn averages(&self) -> Result<State> {
        match &self.work {
            Work::Host { optimiser, .. } => Ok(optimiser.averages()),
            Work::Device { optimiser, .. } => Ok(optimiser.averages()?),
            Work::Resident(resident) => resident.averages(),
        }
    }

    /// Everything that [`Self::restore`] needs besides the step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state(&self) -> Result<State> {
        let mut state = match &self.work {
            Work::Host { optimiser, .. } => optimiser.state(),
            Work::Device { optimiser, .. } => optimiser.state()?,
            Work::Resident(resident) => resident.state()?,
        };
        if let Some((balance, _)) = &self.balance {
            balance.add_to(&mut state);
        }
        Ok(state)
    }

    /// Takes up where the trainer that gave this state left off.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) naming the tensor that is missing or has another shape.
    pub fn restore(&mut self, state: &State, step: u64) -> Result<()> {
        if let Some((balance, _)) = &mut self.balance {
            balance.restore(state)?;
        }
        match &mut self.work {
            Work::Host { learner, optimiser, .. } => {
                optimiser.restore(state, step)?;
                learner.load(&optimiser.weights())
            }
            Work::Device { optimiser, .. } => optimiser.restore(state, step),
            Work::Resident(resident) => resident.restore(state, step),
        }
    }
}

/// Steps the balance by what a batch's rows lost. Returns the loss under it, and both parts as they are.
fn balanced(
    (balance, base): &mut (Balance, f64),
    (parts, sigmas, lost): (&[RowParts], &[f32], &[RowLoss]),
    loss: LossWeights,
    (rate, step): (f64, u64),
    norm: f32,
) -> [f32; 4] {
    let told = balance.step(parts, sigmas, lost, *base * rate, step);
    let mean = |of: fn(&RowParts, &RowLoss) -> f64| {
        parts.iter().zip(lost).map(|(part, lost)| of(part, lost)).sum::<f64>() / parts.len().max(1) as f64
    };
    let cross_entropy = mean(|part, lost| f64::from(part.cross_entropy) * lost.cross_entropy) as f32;
    let score_error = mean(|part, lost| f64::from(part.score) * lost.score_error) as f32;
    let total = loss.cross_entropy * told.cross_entropy as f32 + loss.score * told.score_error as f32;
    [total, loss.cross_entropy * cross_entropy, score_error, norm]
}
