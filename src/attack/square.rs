//! Square (Andriushchenko et al. 2020): random squares of extreme colour, kept when they help. No gradient.

use super::budget::{Ball, Norm, changes};
use super::loss::{Goal, Loss};
use super::search::{Answer, Ask, Begin, Draws, Search, Want};
use super::{Settings, parameters};
use crate::picture::Shape;

/// The authors' guard against division by zero.
const GUARD: f64 = 1e-12;

/// Square on one picture.
pub(super) struct Square {
    ball: Ball,
    shape: Shape,
    goal: Goal,
    draws: Draws,
    queries: usize,
    restarts: usize,
    p_init: f64,
    best: Vec<f32>,
    best_loss: f64,
    proposal: Vec<f32>,
    /// Queries of this start after its first.
    query: usize,
    start: usize,
    over: bool,
}

/// A square window: rows and columns from `(top, left)` on, `side` of each.
#[derive(Debug, Clone, Copy)]
struct Window {
    top: usize,
    left: usize,
    side: usize,
}

impl Square {
    /// A search with the settings' queries, restarts and first size.
    pub(super) fn new(settings: &Settings, ball: Ball, begin: &Begin) -> Self {
        let mut search = Self {
            shape: begin.shape,
            goal: begin.goal,
            draws: begin.draws.clone(),
            queries: settings.count(parameters::QUERIES),
            restarts: settings.count(parameters::RESTARTS).max(1),
            p_init: settings.value(parameters::P_INIT),
            best: ball.centre.clone(),
            best_loss: f64::NEG_INFINITY,
            proposal: Vec::new(),
            query: 0,
            start: 0,
            over: begin.goal.is_reached(&begin.clean_logits),
            ball,
        };
        search.proposal = search.first();
        search
    }

    /// The first picture of a start: stripes for L∞, a tiling of bumps for L2.
    fn first(&mut self) -> Vec<f32> {
        let Shape { channels, height, width } = self.shape;
        let mut delta = vec![0.0; self.shape.len()];
        match self.ball.norm {
            Norm::Linf => {
                for channel in 0..channels {
                    for x in 0..width {
                        let value = self.draws.sign() * self.ball.epsilon;
                        for y in 0..height {
                            delta[(channel * height + y) * width + x] = value;
                        }
                    }
                }
                self.moved_by(&delta)
            }
            Norm::L2 => {
                let side = (height.min(width) / 5).max(1);
                let margin = (height.saturating_sub(side * 5)) / 2;
                let offsets = |size: usize| (0..size / side).map(move |i| margin + i * side);
                for top in offsets(height).filter(|top| top + side <= height) {
                    for left in offsets(width).filter(|left| left + side <= width) {
                        let bump = self.bump(side);
                        for channel in 0..channels {
                            let sign = self.draws.sign();
                            for (k, index) in indices(self.shape, channel, Window { top, left, side }).enumerate() {
                                delta[index] += sign * bump[k];
                            }
                        }
                    }
                }
                self.of_length_epsilon(&delta)
            }
        }
    }

    fn propose(&mut self) -> Vec<f32> {
        let share = self.p_init * schedule(self.query as f64 / self.queries as f64);
        let Shape { channels, height, width } = self.shape;
        let side = (share * (height * width) as f64).sqrt().round_ties_even() as usize;
        match self.ball.norm {
            Norm::Linf => {
                let window = self.window(side.max(1));
                let mut next = self.best.clone();
                for channel in 0..channels {
                    let colour = (2.0 * self.ball.epsilon * self.draws.sign()) as f32;
                    for index in indices(self.shape, channel, window) {
                        next[index] += colour;
                    }
                }
                self.ball.project(&mut next);
                next
            }
            Norm::L2 => self.propose_l2(side.max(3) | 1),
        }
    }

    /// Moves the length of one window's perturbation, and what the clamping to [0, 1] left unused, to another.
    fn propose_l2(&mut self, side: usize) -> Vec<f32> {
        let channels = self.shape.channels;
        let mut delta: Vec<f64> = changes(&self.ball.centre, &self.best).collect();
        let (to, from) = (self.window(side), self.window(side));
        let used: f64 = delta.iter().map(|d| d * d).sum();
        let bump = self.bump(to.side);

        let mut fresh = Vec::new();
        for channel in 0..channels {
            let old: Vec<f64> = indices(self.shape, channel, to).map(|i| delta[i]).collect();
            let length = GUARD + Norm::L2.of(old.iter().copied());
            let sign = self.draws.sign();
            let mut new: Vec<f64> = old.iter().zip(&bump).map(|(o, b)| sign * b + o / length).collect();
            let length = GUARD + Norm::L2.of(new.iter().copied());
            for value in &mut new {
                *value /= length;
            }
            fresh.push(new);
        }
        let mut in_windows = 0.0;
        for channel in 0..channels {
            for window in [to, from] {
                for index in indices(self.shape, channel, window) {
                    in_windows += delta[index] * delta[index];
                    delta[index] = 0.0;
                }
            }
        }
        let unused = (self.ball.epsilon.powi(2) - used).max(0.0);
        let length = (unused / channels as f64 + in_windows).sqrt();
        for (channel, new) in fresh.iter().enumerate() {
            for (index, value) in indices(self.shape, channel, to).zip(new) {
                delta[index] = length * value;
            }
        }
        self.of_length_epsilon(&delta)
    }

    /// A window of at most `side`, somewhere in the picture.
    fn window(&mut self, side: usize) -> Window {
        let Shape { height, width, .. } = self.shape;
        let side = side.min(height).min(width);
        Window { top: self.draws.below(height - side), left: self.draws.below(width - side), side }
    }

    /// A positive and a negative bump in the halves of a square, of length 1, upright or lying.
    fn bump(&mut self, side: usize) -> Vec<f64> {
        let lying = self.draws.uniform() > 0.5;
        let half = side / 2;
        let mut rows = half_bump(half, side);
        rows.extend(half_bump(side - half, side).into_iter().map(|v| -v));
        let length = Norm::L2.of(rows.iter().copied());
        let at = |k: usize| if lying { rows[(k % side) * side + k / side] } else { rows[k] };
        (0..side * side).map(|k| at(k) / length).collect()
    }

    fn moved_by(&self, delta: &[f64]) -> Vec<f32> {
        let moved = self.ball.centre.iter().zip(delta).map(|(c, d)| (f64::from(*c) + d) as f32);
        let mut values: Vec<f32> = moved.collect();
        self.ball.project(&mut values);
        values
    }

    fn of_length_epsilon(&self, delta: &[f64]) -> Vec<f32> {
        let factor = self.ball.epsilon / (Norm::L2.of(delta.iter().copied()) + GUARD);
        self.moved_by(&delta.iter().map(|d| d * factor).collect::<Vec<_>>())
    }
}

/// The indices of a window in one channel's plane, row after row.
fn indices(shape: Shape, channel: usize, window: Window) -> impl Iterator<Item = usize> {
    let Window { top, left, side } = window;
    (top..top + side)
        .flat_map(move |y| (left..left + side).map(move |x| (channel * shape.height + y) * shape.width + x))
}

/// A bump in a rectangle: nested rectangles around its middle, each adding the inverse square of its number, to length
/// 1 (the authors' `eta_rectangles`).
fn half_bump(height: usize, width: usize) -> Vec<f64> {
    let mut values = vec![0.0; height * width];
    let (middle_y, middle_x) = (height / 2, width / 2);
    for ring in 0..(height / 2 + 1).max(width / 2 + 1) {
        for y in middle_y.saturating_sub(ring)..(middle_y + ring + 1).min(height) {
            for x in middle_x.saturating_sub(ring)..(middle_x + ring + 1).min(width) {
                values[y * width + x] += 1.0 / ((ring + 1) * (ring + 1)) as f64;
            }
        }
    }
    let length = Norm::L2.of(values.iter().copied());
    if length > 0.0 {
        for value in &mut values {
            *value /= length;
        }
    }
    values
}

/// By what the share of the picture that a square covers is multiplied, after this share of the queries.
fn schedule(progress: f64) -> f64 {
    const STEPS: [f64; 9] = [10.0, 50.0, 200.0, 500.0, 1000.0, 2000.0, 4000.0, 6000.0, 8000.0];
    let query = (progress * 10_000.0).floor();
    0.5_f64.powi(STEPS.iter().filter(|s| query > **s).count() as i32)
}

impl Search for Square {
    fn ask(&self) -> Option<Ask<'_>> {
        (!self.over).then(|| Ask { picture: &self.proposal, want: Want::Value(self.loss()) })
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        let reached = self.goal.is_reached(answer.logits);
        if reached || answer.loss > self.best_loss {
            self.best_loss = answer.loss;
            self.best = std::mem::take(&mut self.proposal);
        }
        if reached {
            self.over = true;
        } else if self.query < self.queries {
            self.proposal = self.propose();
            self.query += 1;
        } else if self.start + 1 < self.restarts {
            self.start += 1;
            self.query = 0;
            self.best_loss = f64::NEG_INFINITY;
            self.proposal = self.first();
        } else {
            self.over = true;
        }
    }

    fn result(&self) -> &[f32] {
        &self.best
    }

    fn length(&self) -> usize {
        (self.queries + 1) * self.restarts
    }

    fn loss(&self) -> Loss {
        Loss::Margin { kappa: f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_shrink_on_the_authors_schedule() {
        // p of 5000 queries at iterations 0, 5, 6, 25, 26, 100, 101 and the last, as the authors' code gives it.
        let at = |i: usize| 1.0 / schedule(i as f64 / 5000.0);
        let halvings = [0, 5, 6, 25, 26, 100, 101, 4999].map(|i| at(i) as usize);
        assert_eq!(halvings, [1, 1, 2, 2, 4, 4, 8, 512]);
    }

    #[test]
    fn bumps_are_of_length_one() {
        // The authors' eta_rectangles(2, 5) before normalisation: 1/4 around, 1 + 1/4 + 1/9 in the middle.
        let bump = half_bump(2, 5);
        assert!((bump.iter().map(|v| v * v).sum::<f64>() - 1.0).abs() < 1e-12);
        let largest = bump.iter().copied().fold(0.0, f64::max);
        assert!((bump[5 + 2] - largest).abs() < 1e-12, "the middle is highest: {bump:?}");
        assert!((bump[5 + 2] / bump[2] - (49.0 / 36.0) / (13.0 / 36.0)).abs() < 1e-12, "{bump:?}");
    }
}
