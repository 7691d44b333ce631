//! The optimiser: Muon for convolution and read-out weights, `AdamW` for the rest, and a moving average of both.
//!
//! Parameters of one treatment are held as one tensor (a *bank*), so that a step is a few dozen operations on the
//! device rather than thousands, and nothing is read back from it.

mod adamw;
mod bank;
mod blend;
mod muon;

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};
use serde::{Deserialize, Serialize};

pub use adamw::AdamW;
use bank::Bank;
use blend::sum_of_squares;
pub use muon::{Muon, orthogonalise};

/// The optimiser's constants. Learning rates are multiplied by the schedule's factor at each step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Muon's rate and momentum.
    pub muon: Muon,
    /// `AdamW`'s rate, moments and decay.
    pub adamw: AdamW,
    /// The largest global norm of the gradient; a longer one is shortened to it.
    pub clip: f64,
}

/// How a parameter is updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Orthogonalised momentum.
    Muon,
    /// Adam with decoupled weight decay.
    AdamW,
    /// Adam without decay: biases, gains.
    Plain,
}

impl Rule {
    /// The rule for the parameter of this name and shape: Muon for every convolution but the stem and for the
    /// read-outs' two matrices, `AdamW` for the other matrices, no decay on vectors.
    #[must_use]
    pub fn of(name: &str, shape: &[usize]) -> Self {
        let convolution = shape.len() == 4 && !name.starts_with("stem.");
        let readout = name.ends_with("readout.p.weight") || name.ends_with("readout.q.weight");
        if convolution || readout {
            Self::Muon
        } else if shape.len() >= 2 {
            Self::AdamW
        } else {
            Self::Plain
        }
    }
}

/// The parameters in training, their moving average and everything that the next step needs.
#[derive(Debug)]
pub struct Optimiser {
    banks: Vec<Bank>,
    settings: Settings,
    /// Steps taken.
    step: u64,
}

/// Named tensors of an [`Optimiser`]'s state, each in the shape of its parameter: `weights/NAME`, `average/NAME`,
/// `momentum/NAME` or `first/NAME` and `second/NAME`.
pub type State = BTreeMap<String, Tensor>;

impl Optimiser {
    /// An optimiser over these parameters, at step 0, its average equal to the weights.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(parameters: &BTreeMap<String, Var>, settings: Settings) -> Result<Self> {
        // Equal matrices share a bank, and all of Adam's values share one, whatever their shapes.
        let mut groups = BTreeMap::<_, Vec<_>>::new();
        for (name, var) in parameters {
            let muon = Rule::of(name, var.dims()) == Rule::Muon;
            let key = if muon { var.dims().to_vec() } else { Vec::new() };
            groups.entry((muon, key)).or_default().push((name, var));
        }
        let banks = groups.into_iter().map(|((muon, _), members)| Bank::new(&members, muon)).collect::<Result<_>>()?;
        Ok(Self { banks, settings, step: 0 })
    }

    /// How many steps were taken.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// One step along gradients by parameter name: both learning rates times `rate`, the average kept with `decay`. A
    /// parameter without a gradient is taken to have a zero one. Returns the gradient's norm before clipping, as a scalar on the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn step(&mut self, gradients: &BTreeMap<String, Tensor>, rate: f64, decay: f64) -> Result<Tensor> {
        let gradients = self.banks.iter().map(|b| b.gather(gradients)).collect::<Result<Vec<_>>>()?;
        let squares = gradients.iter().map(sum_of_squares).collect::<Result<Vec<_>>>()?;
        let norm = Tensor::stack(&squares, 0)?.sum_all()?.sqrt()?;
        // clip / max(norm, clip) is 1 for a short gradient.
        let scale = norm.maximum(self.settings.clip)?.recip()?.affine(self.settings.clip, 0.0)?;
        self.step += 1;
        for (bank, gradient) in self.banks.iter_mut().zip(gradients) {
            let gradient = match scale.device() {
                // Here a number is no transfer, and a product with a number is one pass.
                Device::Cpu => gradient.affine(f64::from(scale.to_scalar::<f32>()?), 0.0)?,
                _ => gradient.broadcast_mul(&scale)?,
            };
            bank.update(&gradient, &self.settings, self.step, rate)?;
            bank.average(decay)?;
            bank.publish()?;
        }
        Ok(norm)
    }

    /// The moving average of the weights, by parameter name.
    ///
    /// # Errors
    /// If the device fails.
    pub fn average(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut named = BTreeMap::new();
        for bank in &self.banks {
            named.extend(bank.split(bank.averages())?);
        }
        Ok(named)
    }

    /// Everything that [`Optimiser::restore`] needs besides the step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state(&self) -> Result<State> {
        let mut state = State::new();
        for bank in &self.banks {
            for (part, tensor) in bank.parts() {
                state.extend(bank.split(tensor)?.into_iter().map(|(name, t)| (format!("{part}/{name}"), t)));
            }
        }
        Ok(state)
    }

    /// Takes up where the optimiser that gave this state left off.
    ///
    /// # Errors
    /// Names the tensor that is missing or has another shape; then nothing was changed.
    pub fn restore(&mut self, state: &State, step: u64) -> Result<()> {
        let restored = self.banks.iter().map(|b| b.restored(state)).collect::<Result<Vec<_>>>()?;
        for (bank, parts) in self.banks.iter_mut().zip(restored) {
            bank.take(parts);
            bank.publish()?;
        }
        self.step = step;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
