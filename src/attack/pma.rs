//! PMA (Xie, Zheng, Ma & Jiang 2025, arXiv 2411.15210): steps along the gradient of the margin between probabilities, not
//! between logits, so that it counts all classes by how probable they are.

use std::f64::consts::PI;

use super::budget::Ball;
use super::loss::{Goal, Loss};
use super::search::{Answer, Ask, Begin, Draws, Search, Want};
use super::steepest::random_start;
use super::{Settings, Warning, parameters};

/// PMA on one picture: a run that begins by lowering the label's probability, then one that begins by raising the rival's,
/// and so on, until one fools the model.
pub(super) struct Pma {
    ball: Ball,
    goal: Goal,
    draws: Draws,
    steps: usize,
    runs: usize,
    values: Vec<f32>,
    step: usize,
    run: usize,
    over: bool,
    flat: bool,
}

impl Pma {
    /// A search with the settings' steps and restarts, of two runs each.
    pub(super) fn new(settings: &Settings, ball: Ball, begin: &Begin) -> Self {
        let over = begin.goal.is_reached(&begin.clean_logits);
        let mut search = Self {
            values: ball.centre.clone(),
            ball,
            goal: begin.goal,
            draws: begin.draws.clone(),
            steps: settings.count(parameters::STEPS),
            runs: 2 * settings.count(parameters::RESTARTS).max(1),
            step: 0,
            run: 0,
            over,
            flat: false,
        };
        if !over {
            search.begin();
        }
        search
    }

    fn begin(&mut self) {
        self.step = 0;
        self.values.clone_from(&self.ball.centre);
        random_start(&self.ball, &mut self.draws, &mut self.values);
    }

    /// Where the first phase ends.
    fn change(&self) -> f64 {
        self.steps as f64 / 2.0
    }

    /// The length of the step from here: a cosine from 2ε to 0 in each phase, as in the authors' code.
    fn step_size(&self) -> f64 {
        let (step, change) = (self.step as f64, self.change());
        let since = if step > change { step - change } else { step };
        self.ball.epsilon * (1.0 + ((since - 1.0) / change * PI).cos())
    }
}

impl Search for Pma {
    fn ask(&self) -> Option<Ask<'_>> {
        let end = self.step == self.steps;
        let want = if end { Want::Value(self.loss()) } else { Want::Gradient(self.loss()) };
        (!self.over).then_some(Ask { picture: &self.values, want })
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        if self.goal.is_reached(answer.logits) {
            self.over = true;
        } else if self.step == self.steps {
            self.run += 1;
            self.over = self.run == self.runs;
            if !self.over {
                self.begin();
            }
        } else {
            self.flat |= answer.gradients.iter().all(|g| *g == 0.0);
            let length = self.step_size();
            self.ball.step(&mut self.values, answer.gradients, length);
            self.step += 1;
        }
    }

    fn result(&self) -> &[f32] {
        &self.values
    }

    fn length(&self) -> usize {
        (self.steps + 1) * self.runs
    }

    /// The first step goes the other way, as in the authors' code: away from the boundary, for more diverse starts.
    fn loss(&self) -> Loss {
        match self.run % 2 {
            _ if self.over || self.step as f64 >= self.change().max(1.0) => Loss::PROBABILITY_MARGIN,
            _ if self.step == 0 => Loss::Probability { rises: 0.0, falls: -1.0 },
            0 => Loss::Probability { rises: 0.0, falls: 1.0 },
            _ => Loss::Probability { rises: 1.0, falls: 0.0 },
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        self.flat.then_some(Warning::ZeroGradient).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::{Method, Norm};
    use crate::picture::Shape;

    #[test]
    fn phases_and_step_lengths_follow_the_authors_code() {
        let settings = Settings::new(Method::Pma, 0.1).with(parameters::STEPS, 10.0).unwrap();
        let ball = Ball { centre: vec![0.5; 4], norm: Norm::Linf, epsilon: 0.1 };
        let (goal, draws) = (Goal { label: 0, target: None }, Draws::new(1, 0));
        let begin = Begin { shape: Shape::new(1, 2, 2), clean_logits: vec![0.0, -1.0], goal, draws };
        let mut search = Pma::new(&settings, ball, &begin);
        let mut lengths = Vec::new();
        let mut losses = Vec::new();
        while let Some(ask) = search.ask() {
            assert!(ask.picture.iter().all(|v| (v - 0.5).abs() <= 0.1 + 1e-6));
            lengths.push(search.step_size());
            losses.push(search.loss());
            search.tell(&Answer { logits: &[0.0, -1.0], loss: 0.0, gradients: &[1.0, -1.0, 0.0, 1.0] });
        }
        assert_eq!(losses.len(), 22, "two runs of ten steps and a look at each end");
        // 2ε · ½(1 + cos((i − 1)/5 · π)) for i ≤ 5, and the same of i − 5 after that (`numpy`).
        let expected =
            [0.180_902, 0.2, 0.180_902, 0.130_902, 0.069_098, 0.019_098, 0.2, 0.180_902, 0.130_902, 0.069_098];
        for (i, length) in expected.into_iter().enumerate() {
            assert!((lengths[i] - length).abs() < 1e-6 && lengths[11 + i] == lengths[i], "{i}: {}", lengths[i]);
        }
        let part = |rises, falls| Loss::Probability { rises, falls };
        for (run, first) in [(0, part(0.0, 1.0)), (1, part(1.0, 0.0))] {
            let run = &losses[11 * run..][..11];
            assert_eq!((run[0], &run[1..5], &run[5..]), (part(0.0, -1.0), &[first; 4][..], &[part(1.0, 1.0); 6][..]));
        }
    }
}
