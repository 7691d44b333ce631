//! Plain Gaussian noise of the attack's budget: the control.

use super::budget::{Ball, Norm};
use super::loss::Goal;
use super::search::{Answer, Ask, Begin, Draws, Search, Want};
use super::{Settings, parameters};

/// Draws of noise on one picture, until one fools the model; otherwise the one with the largest loss.
pub(super) struct GaussianNoise {
    ball: Ball,
    goal: Goal,
    draws: Draws,
    queries: usize,
    query: usize,
    draw: Vec<f32>,
    best: Option<(f64, Vec<f32>)>,
    over: bool,
}

impl GaussianNoise {
    /// A control with the settings' number of draws.
    pub(super) fn new(settings: &Settings, ball: Ball, begin: &Begin) -> Self {
        let mut draws = begin.draws.clone();
        let draw = draw(&ball, &mut draws);
        let queries = settings.count(parameters::QUERIES);
        Self { ball, goal: begin.goal, draws, queries, query: 0, draw, best: None, over: false }
    }
}

/// Noise of standard deviation ε, clamped to ±ε, for L∞; noise of length ε for L2.
fn draw(ball: &Ball, draws: &mut Draws) -> Vec<f32> {
    let mut values = ball.centre.clone();
    let noise = draws.normals(values.len());
    match ball.norm {
        Norm::Linf => {
            for (value, n) in values.iter_mut().zip(&noise) {
                *value += ball.epsilon as f32 * n;
            }
        }
        Norm::L2 => ball.ascend(&mut values, &noise, ball.epsilon),
    }
    ball.project(&mut values);
    values
}

impl Search for GaussianNoise {
    fn ask(&self) -> Option<Ask<'_>> {
        (!self.over).then(|| Ask { picture: &self.draw, want: Want::Value(self.loss()) })
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        let reached = self.goal.is_reached(answer.logits);
        let next = draw(&self.ball, &mut self.draws);
        let tried = std::mem::replace(&mut self.draw, next);
        if reached || self.best.as_ref().is_none_or(|(loss, _)| answer.loss > *loss) {
            self.best = Some((answer.loss, tried));
        }
        self.query += 1;
        self.over = reached || self.query == self.queries;
    }

    fn result(&self) -> &[f32] {
        self.best.as_ref().map_or(&self.ball.centre, |(_, values)| values)
    }

    fn length(&self) -> usize {
        self.queries
    }
}
