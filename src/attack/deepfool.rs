//! `DeepFool` (Moosavi-Dezfooli, Fawzi & Frossard 2016), L2: step to the nearest boundary of the linearised model.

use super::budget::Norm;
use super::loss::{Goal, Loss};
use super::search::{Answer, Ask, Begin, Search, Want};
use super::{Settings, Warning, parameters};

/// `DeepFool` on one picture. With a target, only that class's boundary counts.
pub(super) struct Deepfool {
    goal: Goal,
    classes: usize,
    steps: usize,
    overshoot: f64,
    values: Vec<f32>,
    step: usize,
    over: bool,
    flat: bool,
}

impl Deepfool {
    /// A search from `centre` with the settings' steps and overshoot.
    pub(super) fn new(settings: &Settings, centre: Vec<f32>, begin: &Begin) -> Self {
        Self {
            goal: begin.goal,
            classes: begin.clean_logits.len(),
            steps: settings.count(parameters::STEPS),
            overshoot: settings.value(parameters::OVERSHOOT),
            values: centre,
            step: 0,
            over: false,
            flat: false,
        }
    }

    /// The distance to each boundary in the linearised model, as (distance, logit gap, row of the gradients).
    fn nearest(&self, answer: &Answer<'_>) -> Option<(f64, f64, usize)> {
        let size = self.values.len();
        let others = (0..self.classes).filter(|&c| c != self.goal.label).enumerate();
        let asked = others.filter(|(_, class)| self.goal.target.is_none_or(|target| target == *class));
        let boundaries = asked.map(|(row, class)| {
            let gap = (answer.logits[class] - answer.logits[self.goal.label]).abs();
            let slope = Norm::L2.of(answer.gradients[row * size..][..size].iter().map(|&g| f64::from(g)));
            (gap / slope, gap, row)
        });
        // No slope, no boundary.
        boundaries.filter(|(distance, _, _)| distance.is_finite()).min_by(|a, b| a.0.total_cmp(&b.0))
    }
}

impl Search for Deepfool {
    fn ask(&self) -> Option<Ask<'_>> {
        (!self.over).then(|| Ask { picture: &self.values, want: Want::Differences(self.goal.label) })
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        if self.goal.is_reached(answer.logits) {
            self.over = true;
            return;
        }
        let Some((distance, gap, row)) = self.nearest(answer) else {
            self.flat = true;
            self.over = true;
            return;
        };
        // Where the gap is 0 the boundary is here; the smallest number keeps 0/0 out.
        let factor = (1.0 + self.overshoot) * distance * distance / gap.max(f64::MIN_POSITIVE);
        let gradient = &answer.gradients[row * self.values.len()..][..self.values.len()];
        for (value, g) in self.values.iter_mut().zip(gradient) {
            *value = (f64::from(*value) + factor * f64::from(*g)).clamp(0.0, 1.0) as f32;
        }
        self.step += 1;
        self.over = self.step == self.steps;
    }

    fn result(&self) -> &[f32] {
        &self.values
    }

    fn length(&self) -> usize {
        self.steps
    }

    fn loss(&self) -> Loss {
        Loss::Margin { kappa: f64::INFINITY }
    }

    fn warnings(&self) -> Vec<Warning> {
        self.flat.then_some(Warning::ZeroGradient).into_iter().collect()
    }
}
