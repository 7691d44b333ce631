//! APGD (Croce & Hein 2020): steps with momentum whose length adapts, on any loss, from random starts.

use super::budget::Ball;
use super::loss::{Goal, Loss, descending};
use super::search::{Answer, Ask, Begin, Draws, Search, Want};
use super::{Method, Norm, Settings, Warning, parameters};

/// Share of the new direction in a step; the rest is the move before it.
const MOMENTUM: f64 = 0.75;

/// APGD on one picture: one run a loss and start, until one fools the model.
pub(super) struct Apgd {
    ball: Ball,
    goal: Goal,
    draws: Draws,
    steps: usize,
    rho: f64,
    early_stop: bool,
    /// The loss of each run.
    runs: Vec<Loss>,
    /// Which run is under way.
    run: usize,
    climb: Climb,
    /// The latest picture that fools the model, if any does.
    fooling: Option<Vec<f32>>,
    /// The loss and picture of the run that came highest of those that are over.
    highest: Option<(f64, Vec<f32>)>,
    over: bool,
    flat: bool,
}

/// Where one run stands.
pub(super) struct Climb {
    values: Vec<f32>,
    before: Vec<f32>,
    gradient: Vec<f32>,
    best: Vec<f32>,
    best_gradient: Vec<f32>,
    best_loss: f64,
    step_size: f64,
    /// The losses after each step; the start's is not among them.
    losses: Vec<f64>,
    started: bool,
    checks: Checkpoints,
}

/// When the step length is looked at, and what was found the last time.
struct Checkpoints {
    interval: usize,
    since: usize,
    best_loss: f64,
    reduced: bool,
}

impl Apgd {
    /// A search with the settings' steps, restarts and ρ on the loss that `method` stands for.
    pub(super) fn new(settings: &Settings, method: Method, ball: Ball, begin: &Begin) -> Self {
        let restarts = settings.count(parameters::RESTARTS).max(1);
        let losses = match (method, begin.goal.target) {
            (Method::ApgdT, Some(target)) => vec![Loss::TargetedDlr(target)],
            (Method::ApgdT, None) => targets(begin, settings.count(parameters::TARGETS)),
            (Method::ApgdDlr, _) => vec![Loss::Dlr],
            _ => vec![Loss::CrossEntropy],
        };
        let runs: Vec<Loss> = losses.into_iter().flat_map(|loss| std::iter::repeat_n(loss, restarts)).collect();
        let steps = settings.count(parameters::STEPS);
        let mut draws = begin.draws.clone();
        Self {
            climb: Climb::new(&ball, &mut draws, steps),
            // What is wrong already needs no attack.
            over: begin.goal.is_reached(&begin.clean_logits),
            fooling: begin.goal.is_reached(&begin.clean_logits).then(|| ball.centre.clone()),
            goal: begin.goal,
            draws,
            steps,
            rho: settings.value(parameters::RHO),
            // Inside the ensemble nothing is gained by going on.
            early_stop: settings.method == Method::Autoattack || settings.is_on(parameters::EARLY_STOP),
            runs,
            run: 0,
            highest: None,
            flat: false,
            ball,
        }
    }

    fn end_run(&mut self) {
        let climbed = std::mem::replace(&mut self.climb, Climb::new(&self.ball, &mut self.draws, self.steps));
        if self.highest.as_ref().is_none_or(|(loss, _)| climbed.best_loss > *loss) {
            self.highest = Some((climbed.best_loss, climbed.best));
        }
        self.run += 1;
        self.over = self.fooling.is_some() || self.run == self.runs.len();
    }
}

/// The targeted ratio towards each of the most probable wrong classes of the clean picture.
fn targets(begin: &Begin, count: usize) -> Vec<Loss> {
    let order = descending(&begin.clean_logits).into_iter();
    order.filter(|&class| class != begin.goal.label).take(count).map(Loss::TargetedDlr).collect()
}

impl Search for Apgd {
    fn ask(&self) -> Option<Ask<'_>> {
        (!self.over).then(|| Ask { picture: &self.climb.values, want: Want::Gradient(self.loss()) })
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        if self.goal.is_reached(answer.logits) {
            self.fooling = Some(self.climb.values.clone());
            if self.early_stop {
                self.over = true;
                return;
            }
        }
        self.flat |= answer.gradients.iter().all(|g| *g == 0.0);
        self.climb.learn(answer, self.steps, self.rho);
        if self.climb.losses.len() == self.steps {
            self.end_run();
        } else {
            self.climb.advance(&self.ball);
        }
    }

    fn result(&self) -> &[f32] {
        match (&self.fooling, &self.highest) {
            (Some(values), _) | (None, Some((_, values))) => values,
            (None, None) => &self.climb.values,
        }
    }

    fn length(&self) -> usize {
        (self.steps + 1) * self.runs.len()
    }

    fn run(&self) -> usize {
        self.run
    }

    fn loss(&self) -> Loss {
        self.runs[self.run.min(self.runs.len() - 1)]
    }

    fn warnings(&self) -> Vec<Warning> {
        self.flat.then_some(Warning::ZeroGradient).into_iter().collect()
    }
}

impl Climb {
    /// From a random point of the ball's boundary.
    pub(super) fn new(ball: &Ball, draws: &mut Draws, steps: usize) -> Self {
        let mut values = ball.centre.clone();
        boundary_start(ball, draws, &mut values);
        Self::from(values, ball, steps)
    }

    /// From this picture.
    pub(super) fn from(values: Vec<f32>, ball: &Ball, steps: usize) -> Self {
        Self {
            before: values.clone(),
            gradient: Vec::new(),
            best: values.clone(),
            best_gradient: Vec::new(),
            best_loss: f64::NEG_INFINITY,
            step_size: 2.0 * ball.epsilon,
            losses: Vec::new(),
            started: false,
            checks: Checkpoints {
                interval: share(steps, 0.22),
                since: 0,
                best_loss: f64::NEG_INFINITY,
                // So the first check does not halve for want of progress alone.
                reduced: true,
            },
            values,
        }
    }

    /// The picture that it is at.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Takes in the loss and gradient at the current picture, and halves the step where that is due.
    pub(super) fn learn(&mut self, answer: &Answer<'_>, steps: usize, rho: f64) {
        self.gradient = answer.gradients.to_vec();
        if answer.loss > self.best_loss {
            self.best_loss = answer.loss;
            self.best.clone_from(&self.values);
            self.best_gradient.clone_from(&self.gradient);
        }
        if !self.started {
            self.started = true;
            self.checks.best_loss = self.best_loss;
            return;
        }
        self.losses.push(answer.loss);
        self.checks.since += 1;
        if self.checks.since == self.checks.interval {
            self.check(steps, rho);
        }
    }

    fn check(&mut self, steps: usize, rho: f64) {
        let checks = &mut self.checks;
        let stuck = !checks.reduced && checks.best_loss >= self.best_loss;
        checks.reduced = stuck || oscillates(&self.losses, checks.interval, rho);
        checks.best_loss = self.best_loss;
        checks.since = 0;
        checks.interval = checks.interval.saturating_sub(share(steps, 0.03)).max(share(steps, 0.06));
        if checks.reduced {
            self.step_size /= 2.0;
            self.values.clone_from(&self.best);
            self.gradient.clone_from(&self.best_gradient);
        }
    }

    /// One step: the projected gradient step, mixed with the move before it.
    pub(super) fn advance(&mut self, ball: &Ball) {
        let fresh = if self.losses.is_empty() { 1.0 } else { MOMENTUM };
        let mut next = self.values.clone();
        ball.step(&mut next, &self.gradient, self.step_size);
        for ((next, value), before) in next.iter_mut().zip(&self.values).zip(&self.before) {
            let (to, from, earlier) = (f64::from(*next), f64::from(*value), f64::from(*before));
            *next = (from + fresh * (to - from) + (1.0 - fresh) * (from - earlier)) as f32;
        }
        ball.project(&mut next);
        self.before = std::mem::replace(&mut self.values, next);
    }
}

/// Whether too few of the last `interval` steps raised the loss. As in the authors' code, the first step is compared
/// with a loss of 0, not with the start's.
fn oscillates(losses: &[f64], interval: usize, rho: f64) -> bool {
    let last = losses.len();
    let rises = (last - interval..last).filter(|&i| losses[i] > if i == 0 { 0.0 } else { losses[i - 1] }).count();
    rises as f64 <= rho * interval as f64
}

/// A share of the steps, rounded down, at least one.
fn share(steps: usize, share: f64) -> usize {
    ((share * steps as f64) as usize).max(1)
}

/// A random start whose largest change (L∞) or length (L2) is the whole budget.
fn boundary_start(ball: &Ball, draws: &mut Draws, values: &mut [f32]) {
    let direction: Vec<f64> = match ball.norm {
        Norm::Linf => values.iter().map(|_| 2.0 * draws.uniform() - 1.0).collect(),
        Norm::L2 => draws.normals(values.len()).into_iter().map(f64::from).collect(),
    };
    let length = ball.norm.of(direction.iter().copied());
    if length > 0.0 {
        for (value, d) in values.iter_mut().zip(&direction) {
            *value += (ball.epsilon * d / length) as f32;
        }
    }
    ball.project(values);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_follow_autoattack() {
        // AutoAttack's own for 100 steps: 22, then 19, 16, 13, 10, 7, 6, 6, ...
        assert_eq!([share(100, 0.22), share(100, 0.06), share(100, 0.03)], [22, 6, 3]);
        assert_eq!([share(10, 0.22), share(10, 0.06), share(10, 0.03)], [2, 1, 1]);
    }

    #[test]
    fn oscillation_counts_rises() {
        assert!(!oscillates(&[1.0, 2.0, 3.0, 4.0], 4, 0.75), "always rising");
        assert!(oscillates(&[1.0, 2.0, 1.5, 2.5], 4, 0.75), "three of four is no more than ρ");
        assert!(oscillates(&[-1.0, -0.9, -0.8, -0.7], 4, 0.75), "the first is compared with 0");
    }

    fn learn(climb: &mut Climb, loss: f64, gradient: f32) {
        climb.learn(&Answer { logits: &[], loss, gradients: &[gradient] }, 10, 0.75);
    }

    #[test]
    fn a_step_carries_on_a_quarter_of_the_move_before_it() {
        let ball = Ball { centre: vec![0.5], norm: Norm::Linf, epsilon: 0.4 };
        let mut climb = Climb::new(&ball, &mut Draws::new(0, 0), 10);
        (climb.values, climb.before, climb.gradient, climb.step_size) = (vec![0.5], vec![0.3], vec![2.0], 0.1);
        climb.advance(&ball);
        assert!((climb.values[0] - 0.6).abs() < 1e-6, "the first step has no move before it");
        (climb.values, climb.before, climb.losses) = (vec![0.5], vec![0.3], vec![1.0]);
        climb.advance(&ball);
        assert!((climb.values[0] - (0.5 + 0.75 * 0.1 + 0.25 * 0.2)).abs() < 1e-6, "{:?}", climb.values);
    }

    #[test]
    fn where_the_loss_stops_rising_the_step_halves_and_the_best_is_gone_back_to() {
        let ball = Ball { centre: vec![0.5], norm: Norm::Linf, epsilon: 0.1 };
        // The first look comes after two of ten steps.
        let mut climb = Climb::new(&ball, &mut Draws::new(0, 0), 10);
        climb.values = vec![0.41];
        learn(&mut climb, 1.0, 5.0);
        for (value, loss, gradient) in [(0.55, 0.5, -1.0), (0.45, 0.4, -2.0)] {
            climb.values = vec![value];
            learn(&mut climb, loss, gradient);
        }
        assert!((climb.step_size - 0.1).abs() < 1e-12);
        assert_eq!((climb.values, climb.gradient), (vec![0.41], vec![5.0]));

        let mut climb = Climb::new(&ball, &mut Draws::new(0, 0), 10);
        learn(&mut climb, 1.0, 5.0);
        for (value, loss) in [(0.55, 2.0), (0.45, 3.0)] {
            climb.values = vec![value];
            learn(&mut climb, loss, 1.0);
        }
        assert!((climb.step_size - 0.2).abs() < 1e-12, "it rises");
        assert_eq!(climb.values, [0.45]);
    }
}
