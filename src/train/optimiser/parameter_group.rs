//! Parameters of one treatment as one slice, with their average and moments beside it, updated in place by all threads.

use rayon::prelude::*;

use super::{State, kinds, muon};
use crate::engine::{Change, Gradients};
use crate::program::{Rule, TensorId, TensorSpec};

/// Values that one thread takes at a time: sums over such runs do not depend on the number of threads.
const RUN: usize = 1 << 16;

/// What an update remembers between steps.
#[derive(Debug)]
enum Moments {
    /// Muon's momentum, and the matrices' rows and columns.
    Muon { momentum: Vec<f32>, matrix: [usize; 2] },
    /// Adam's first and second moment, and 1 where the decay applies.
    Adam { first: Vec<f32>, second: Vec<f32>, decays: Vec<f32> },
}

/// A group: matrices of one shape one after the other for Muon, or any parameters for Adam.
#[derive(Debug)]
pub(super) struct ParameterGroup {
    /// Its tensors, and where each ends.
    members: Vec<(TensorId, usize)>,
    weights: Vec<f32>,
    average: Vec<f32>,
    gradient: Vec<f32>,
    moments: Moments,
}

impl ParameterGroup {
    pub fn new(tensors: &[TensorSpec], members: &[TensorId], weights: &[&[f32]]) -> Self {
        let mut end = 0;
        let ends = members.iter().map(|&id| {
            end += tensors[id].len();
            (id, end)
        });
        let ends: Vec<(TensorId, usize)> = ends.collect();
        let weights: Vec<f32> = members.iter().flat_map(|&id| weights[id]).copied().collect();
        let zeros = || vec![0.0; weights.len()];
        let first = &tensors[members[0]];
        let moments = if first.rule == Rule::Muon {
            Moments::Muon { momentum: zeros(), matrix: [first.shape[0], first.shape[1..].iter().product()] }
        } else {
            let decay = |&id: &TensorId| {
                let decays = if tensors[id].rule == Rule::AdamW { 1.0 } else { 0.0 };
                vec![decays; tensors[id].len()]
            };
            Moments::Adam { first: zeros(), second: zeros(), decays: members.iter().flat_map(decay).collect() }
        };
        Self { members: ends, average: weights.clone(), gradient: zeros(), weights, moments }
    }

    /// Takes the gradients of the group's parameters.
    pub fn gather(&mut self, gradients: &Gradients) {
        let mut start = 0;
        for &(id, end) in &self.members {
            self.gradient[start..end].copy_from_slice(&gradients[id]);
            start = end;
        }
    }

    /// Of the gradient.
    pub fn sum_of_squares(&self) -> f32 {
        let square = |run: &[f32]| run.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        let sums: Vec<f64> = self.gradient.par_chunks(RUN).map(square).collect();
        sums.iter().sum::<f64>() as f32
    }

    /// One step of the group's rule along the gradient times `scale`.
    pub fn update(&mut self, scale: f32, change: &Change) {
        // A sum with zero makes one zero of both.
        self.gradient.par_chunks_mut(RUN).for_each(|run| run.iter_mut().for_each(|g| *g = *g * scale + 0.0));
        match &mut self.moments {
            Moments::Muon { momentum, matrix } => {
                muon::update(&change.muon, &mut self.weights, momentum, &mut self.gradient, *matrix);
            }
            Moments::Adam { first, second, decays } => {
                let runs = self.weights.par_chunks_mut(RUN).zip(first.par_chunks_mut(RUN));
                let runs = runs.zip(second.par_chunks_mut(RUN)).zip(self.gradient.par_chunks(RUN));
                runs.zip(decays.par_chunks(RUN)).for_each(|((((weights, first), second), gradient), decays)| {
                    let values = weights.iter_mut().zip(first).zip(second).zip(gradient).zip(decays);
                    values.for_each(|((((w, m), v), g), decays)| change.adam.apply(w, m, v, *g, *decays));
                });
            }
        }
    }

    /// Moves the average towards the weights.
    pub fn average(&mut self, shares: [f32; 2]) {
        blend(&mut self.average, shares, &self.weights);
    }

    pub fn averages(&self) -> &[f32] {
        &self.average
    }

    /// Every member's weights.
    pub fn weights(&self) -> impl Iterator<Item = (TensorId, &[f32])> {
        self.pieces(&self.weights)
    }

    /// Everything that is saved, by kind.
    pub fn parts(&self) -> Vec<(&'static str, &[f32])> {
        let values: Vec<&[f32]> = match &self.moments {
            Moments::Muon { momentum, .. } => vec![&self.weights, &self.average, momentum],
            Moments::Adam { first, second, .. } => vec![&self.weights, &self.average, first, second],
        };
        self.kinds().iter().copied().zip(values).collect()
    }

    fn kinds(&self) -> &'static [&'static str] {
        kinds(if matches!(self.moments, Moments::Muon { .. }) { Rule::Muon } else { Rule::AdamW })
    }

    /// Values in the group's layout, a slice a member.
    pub fn pieces<'a>(&'a self, values: &'a [f32]) -> impl Iterator<Item = (TensorId, &'a [f32])> {
        let starts = std::iter::once(0).chain(self.members.iter().map(|(_, end)| *end));
        self.members.iter().zip(starts).map(|(&(id, end), start)| (id, &values[start..end]))
    }

    /// Takes saved values, which fit.
    pub fn restore(&mut self, tensors: &[TensorSpec], state: &State) {
        let kinds = self.kinds();
        let parts: Vec<&mut Vec<f32>> = match &mut self.moments {
            Moments::Muon { momentum, .. } => vec![&mut self.weights, &mut self.average, momentum],
            Moments::Adam { first, second, .. } => vec![&mut self.weights, &mut self.average, first, second],
        };
        for (kind, values) in kinds.iter().zip(parts) {
            let mut start = 0;
            for &(id, end) in &self.members {
                values[start..end].copy_from_slice(&state[&format!("{kind}/{}", tensors[id].name)].1);
                start = end;
            }
        }
    }
}

/// `y ← a·y + b·x`
pub(super) fn blend(y: &mut [f32], [a, b]: [f32; 2], x: &[f32]) {
    y.par_chunks_mut(RUN).zip(x.par_chunks(RUN)).for_each(|(y, x)| {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = a * *y + b * x);
    });
}
