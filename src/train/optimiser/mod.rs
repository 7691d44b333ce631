//! The optimiser: Muon for convolution and read-out weights, `AdamW` for the rest, and a moving average of both.
//!
//! Parameters of one treatment are held as one slice (a *parameter group*). [`Optimiser`] keeps them in memory; `device` keeps them in
//! tensors of CUDA or Metal, `resident` with an engine that steps them itself: there nothing is read back in a step. What a step
//! multiplies by comes from `engine::rules` for all three, so that a run may change over between them.

pub(super) mod device;
mod muon;
mod parameter_group;
pub(super) mod resident;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::engine::Gradients;
use crate::program::{Rule, TensorId, TensorSpec, parameter_groups};
use crate::{Error, Result};
pub use muon::orthogonalise;
use parameter_group::ParameterGroup;

pub use crate::engine::{AdamW, Muon, Settings};

/// Named values of an optimiser's state, each with the shape of its parameter: `weights/NAME`, `average/NAME`,
/// `momentum/NAME` or `first/NAME` and `second/NAME`. Without the part before the stroke, those of a network.
pub type State = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The parameters in training, their moving average and everything that the next step needs.
#[derive(Debug)]
pub struct Optimiser {
    tensors: Vec<TensorSpec>,
    groups: Vec<ParameterGroup>,
    settings: Settings,
    /// Steps taken.
    step: u64,
}

impl Optimiser {
    /// An optimiser over tensors with these values, at step 0, its average equal to the weights.
    #[must_use]
    pub fn new(tensors: Vec<TensorSpec>, weights: &[&[f32]], settings: Settings) -> Self {
        let groups = parameter_groups(&tensors)
            .into_iter()
            .map(|members| ParameterGroup::new(&tensors, &members, weights))
            .collect();
        Self { tensors, groups, settings, step: 0 }
    }

    /// How many steps were taken.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// One step along gradients in the tensors' order: both learning rates times `rate`, the average kept with `decay`.
    /// Returns the gradient's norm before clipping.
    pub fn step(&mut self, gradients: &Gradients, rate: f64, decay: f64) -> f32 {
        // In each group the matrices share the threads; between them a group of one would leave the others idle.
        self.groups.par_iter_mut().for_each(|group| group.gather(gradients));
        let norm =
            self.groups.iter().map(ParameterGroup::sum_of_squares).fold(0.0, |sum: f32, squares| sum + squares).sqrt();
        self.step += 1;
        let change = self.settings.change(self.step, rate, decay);
        // clip / max(norm, clip) is 1 for a short gradient.
        let scale = 1.0 / norm.max(change.clip) * change.clip;
        self.groups.par_iter_mut().for_each(|group| {
            group.update(scale, &change);
            group.average(change.average);
        });
        norm
    }

    /// The weights, in the tensors' order.
    #[must_use]
    pub fn weights(&self) -> Vec<&[f32]> {
        let mut all: Vec<&[f32]> = vec![&[]; self.tensors.len()];
        for (id, values) in self.groups.iter().flat_map(ParameterGroup::weights) {
            all[id] = values;
        }
        all
    }

    /// The moving average of the weights, by parameter name.
    #[must_use]
    pub fn averages(&self) -> State {
        let pieces = self.groups.iter().flat_map(|group| group.pieces(group.averages()));
        pieces.map(|(id, values)| (self.tensors[id].name.clone(), self.shaped(id, values))).collect()
    }

    fn shaped(&self, id: TensorId, values: &[f32]) -> (Vec<usize>, Vec<f32>) {
        (self.tensors[id].shape.clone(), values.to_vec())
    }

    /// Everything that [`Optimiser::restore`] needs besides the step.
    #[must_use]
    pub fn state(&self) -> State {
        let mut state = State::new();
        for group in &self.groups {
            for (part, values) in group.parts() {
                let pieces = group.pieces(values);
                state.extend(
                    pieces.map(|(id, values)| (format!("{part}/{}", self.tensors[id].name), self.shaped(id, values))),
                );
            }
        }
        state
    }

    /// Takes up where the optimiser that gave this state left off.
    ///
    /// # Errors
    /// [`Error::Compute`] naming the tensor that is missing or has another shape; then nothing was changed.
    pub fn restore(&mut self, state: &State, step: u64) -> Result<()> {
        check(&self.tensors, state)?;
        for group in &mut self.groups {
            group.restore(&self.tensors, state);
        }
        self.step = step;
        Ok(())
    }
}

/// The kinds of values that a rule's parameter has in a state.
fn kinds(rule: Rule) -> &'static [&'static str] {
    match rule {
        Rule::Muon => &["weights", "average", "momentum"],
        Rule::AdamW | Rule::Plain => &["weights", "average", "first", "second"],
    }
}

/// Holds a state against the tensors.
fn check(tensors: &[TensorSpec], state: &State) -> Result<()> {
    for tensor in tensors {
        for kind in kinds(tensor.rule) {
            let name = format!("{kind}/{}", tensor.name);
            match state.get(&name) {
                Some((shape, values)) if *shape == tensor.shape && values.len() == tensor.len() => {}
                Some((shape, _)) => {
                    return Err(Error::Compute(format!("{name} has shape {shape:?}, not {:?}", tensor.shape)));
                }
                None => return Err(Error::Compute(format!("{name} is missing"))),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
