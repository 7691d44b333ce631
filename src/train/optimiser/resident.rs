//! The optimiser's steps and state where weights and moments lie on a device, with what computes the gradient.

use super::{Settings, State, check, kinds};
use crate::Result;
use crate::engine::{LossWeights, Part, Stepper, TrainingRows};
use crate::program::TensorSpec;

/// A network in training on a device of its own, and how many steps were taken.
#[derive(Debug)]
pub struct Resident {
    stepper: Box<dyn Stepper>,
    tensors: Vec<TensorSpec>,
    settings: Settings,
    step: u64,
}

/// Where the values of a kind lie.
fn part(kind: &str) -> Part {
    match kind {
        "weights" => Part::Weights,
        "average" => Part::Average,
        "second" => Part::Second,
        // Muon's momentum is a first moment.
        _ => Part::First,
    }
}

impl Resident {
    /// What steps `tensors`, at step 0, its average equal to the weights.
    #[must_use]
    pub fn new(stepper: Box<dyn Stepper>, tensors: Vec<TensorSpec>, settings: Settings) -> Self {
        Self { stepper, tensors, settings, step: 0 }
    }

    /// What computes.
    #[must_use]
    pub fn stepper(&self) -> &dyn Stepper {
        &*self.stepper
    }

    /// How many steps were taken.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// Makes ready for batches of so many pictures, and says what memory that takes.
    ///
    /// # Errors
    /// If the device has not the memory.
    pub fn prepare(&mut self, pictures: usize, size: (usize, usize)) -> Result<String> {
        self.stepper.prepare(pictures, size)
    }

    /// One step along a batch's gradient: both learning rates times `rate`, the average kept with `decay`.
    ///
    /// # Errors
    /// If the batch does not fit the network or the device fails.
    pub fn step(&mut self, rows: &TrainingRows, loss: LossWeights, rate: f64, decay: f64) -> Result<()> {
        let change = self.settings.change(self.step + 1, rate, decay);
        self.stepper.step(rows, loss, &change)?;
        self.step += 1;
        Ok(())
    }

    /// The sums over the steps since the last call of loss, cross-entropy, score error and gradient norm.
    ///
    /// # Errors
    /// If the device fails.
    pub fn take_sums(&mut self) -> Result<[f32; 4]> {
        self.stepper.take_sums()
    }

    /// The moving average of the weights, by parameter name.
    ///
    /// # Errors
    /// If the device fails.
    pub fn averages(&self) -> Result<State> {
        let values = self.stepper.read(Part::Average)?;
        let named = |(spec, values): (&TensorSpec, Vec<f32>)| (spec.name.clone(), (spec.shape.clone(), values));
        Ok(self.tensors.iter().zip(values).map(named).collect())
    }

    /// Everything that [`Self::restore`] needs besides the step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state(&self) -> Result<State> {
        let mut state = State::new();
        for kept in [Part::Weights, Part::Average, Part::First, Part::Second] {
            for (spec, values) in self.tensors.iter().zip(self.stepper.read(kept)?) {
                if let Some(kind) = kinds(spec.rule).iter().find(|kind| part(kind) == kept) {
                    state.insert(format!("{kind}/{}", spec.name), (spec.shape.clone(), values));
                }
            }
        }
        Ok(state)
    }

    /// Takes up where the optimiser that gave this state left off, on whatever device it was.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) naming the tensor that is missing or has another shape; then nothing was
    /// changed. If the device fails.
    pub fn restore(&mut self, state: &State, step: u64) -> Result<()> {
        check(&self.tensors, state)?;
        for kept in [Part::Average, Part::First, Part::Second, Part::Weights] {
            let one = |spec: &TensorSpec| -> &[f32] {
                let kind = kinds(spec.rule).iter().find(|kind| part(kind) == kept);
                kind.map_or(&[], |kind| &state[&format!("{kind}/{}", spec.name)].1)
            };
            self.stepper.write(kept, &self.tensors.iter().map(one).collect::<Vec<_>>())?;
        }
        self.step = step;
        Ok(())
    }
}
