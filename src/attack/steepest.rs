//! FGSM, BIM, PGD and MI-FGSM: steps of fixed length along the steepest ascent of the cross-entropy.

use super::ahead::Climb;
use super::budget::Ball;
use super::loss::{Goal, Loss};
use super::search::{Answer, Ask, Begin, Draws, Moved, Search, Want};
use super::{Method, Norm, Settings, Warning, parameters};

/// What tells the four apart.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plan {
    steps: usize,
    step_size: f64,
    random_start: bool,
    restarts: usize,
    /// Weight of earlier gradients; none: the gradient alone.
    decay: Option<f64>,
    early_stop: bool,
    /// Whether the picture decides where it goes next, so that one that comes back goes round for ever.
    circular: bool,
}

/// One of the four, on one picture.
pub(super) struct Steepest {
    ball: Ball,
    plan: Plan,
    goal: Goal,
    draws: Draws,
    values: Vec<f32>,
    momentum: Vec<f32>,
    step: usize,
    /// A picture of this start and its step, to see by whether the search goes round.
    mark: (Vec<f32>, usize),
    start: usize,
    over: bool,
    flat: bool,
    /// Whether the picture was projected by a device, in single precision.
    rough: bool,
}

impl Steepest {
    /// A search with the method's parameters; `step_scale` is by what the step length is multiplied.
    pub(super) fn new(settings: &Settings, ball: Ball, begin: &Begin, step_scale: f64) -> Self {
        let plan = match settings.method {
            Method::Fgsm => Plan {
                steps: 1,
                step_size: ball.epsilon,
                random_start: false,
                restarts: 1,
                decay: None,
                early_stop: false,
                circular: false,
            },
            method => Plan {
                steps: settings.count(parameters::STEPS),
                step_size: settings.value(parameters::STEP_SIZE) * step_scale,
                random_start: settings.is_on(parameters::RANDOM_START),
                restarts: settings.count(parameters::RESTARTS).max(1),
                decay: (method == Method::MiFgsm).then(|| settings.value(parameters::DECAY)),
                early_stop: settings.is_on(parameters::EARLY_STOP),
                circular: method != Method::MiFgsm && settings.norm == Norm::Linf && !settings.defence.is_random(),
            },
        };
        let mut search = Self {
            values: Vec::new(),
            momentum: Vec::new(),
            plan,
            goal: begin.goal,
            draws: begin.draws.clone(),
            step: 0,
            mark: (Vec::new(), 0),
            start: 0,
            over: false,
            flat: false,
            rough: false,
            ball,
        };
        search.begin();
        search
    }

    fn begin(&mut self) {
        self.step = 0;
        self.values.clone_from(&self.ball.centre);
        self.momentum = vec![0.0; self.values.len()];
        if self.plan.random_start {
            random_start(&self.ball, &mut self.draws, &mut self.values);
        }
        self.mark = (self.values.clone(), 0);
    }

    /// Leaves out whole rounds where the picture is one that it was before: the last step ends where it would have.
    ///
    /// The picture is compared with one of before, which is moved up whenever the step is twice its own (Brent 1980), so
    /// that a round is noticed by the time that three times as many steps were made as lead into it and once around.
    fn leave_out_rounds(&mut self) {
        let (values, at) = &self.mark;
        if self.plan.circular && self.values == *values {
            let round = self.step - at;
            self.step += (self.plan.steps - self.step) / round * round;
        } else if self.step >= 2 * at {
            self.mark = (self.values.clone(), self.step);
        }
    }

    /// Whether what the model says of the picture ends this start: then it is over, or begins anew.
    fn ends(&mut self, logits: &[f64]) -> bool {
        let at_end = self.step == self.plan.steps;
        if self.goal.is_reached(logits) && (at_end || self.plan.early_stop) {
            self.over = true;
            self.settle();
        } else if at_end {
            self.start += 1;
            self.begin();
        }
        self.over || at_end
    }

    /// Projects what was projected in single precision, which may miss the budget by its last digits. Only at the end: a device
    /// that goes on goes on from what it had.
    fn settle(&mut self) {
        if self.rough {
            self.ball.project(&mut self.values);
            self.rough = false;
        }
    }

    /// Counts the step that led to the picture.
    fn arrive(&mut self) {
        self.step += 1;
        self.leave_out_rounds();
        self.over = self.step == self.plan.steps && !self.restarts();
    }

    /// Whether another start follows the one that is over.
    fn restarts(&self) -> bool {
        self.plan.random_start && self.start + 1 < self.plan.restarts
    }

    /// Adds the gradient over its mean magnitude to the running sum (Dong et al. 2018, eq. 6).
    fn gather(&mut self, gradient: &[f32], decay: f64) {
        let mean = gradient.iter().map(|g| f64::from(g.abs())).sum::<f64>() / gradient.len() as f64;
        if mean > 0.0 {
            for (sum, g) in self.momentum.iter_mut().zip(gradient) {
                *sum = (f64::from(*g) / mean + decay * f64::from(*sum)) as f32;
            }
        }
    }
}

/// A random point of the ball: uniform in the cube for L∞; for L2 a uniform direction and a uniform length, as
/// torchattacks does (so not uniform in volume).
pub(super) fn random_start(ball: &Ball, draws: &mut Draws, values: &mut [f32]) {
    match ball.norm {
        Norm::Linf => {
            for value in values.iter_mut() {
                *value += (ball.epsilon * (2.0 * draws.uniform() - 1.0)) as f32;
            }
        }
        Norm::L2 => {
            let direction = draws.normals(values.len());
            let length = ball.epsilon * draws.uniform();
            ball.ascend(values, &direction, length);
        }
    }
    ball.project(values);
}

impl Search for Steepest {
    fn ask(&self) -> Option<Ask<'_>> {
        if self.over {
            return None;
        }
        // Where it matters whether the end of a start succeeded, the end is evaluated too, without a gradient.
        let want = if self.step < self.plan.steps {
            Want::Gradient(Loss::CrossEntropy)
        } else {
            Want::Value(Loss::CrossEntropy)
        };
        Some(Ask { picture: &self.values, want })
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        if self.ends(answer.logits) {
            return;
        }
        self.flat |= answer.gradients.iter().all(|g| *g == 0.0);
        if let Some(decay) = self.plan.decay {
            self.gather(answer.gradients, decay);
            self.ball.step(&mut self.values, &self.momentum, self.plan.step_size);
        } else {
            self.ball.step(&mut self.values, answer.gradients, self.plan.step_size);
        }
        self.arrive();
    }

    fn climb(&self) -> Option<Climb<'_>> {
        let steps = self.plan.steps.checked_sub(self.step).filter(|steps| *steps > 0 && !self.over)?;
        let climb = Climb { ball: &self.ball, goal: self.goal, length: self.plan.step_size, steps };
        self.plan.decay.is_none().then_some(climb)
    }

    fn moved(&mut self, moved: &Moved<'_>) {
        if self.ends(moved.logits) {
            return;
        }
        self.flat |= moved.flat;
        self.values.copy_from_slice(moved.picture);
        self.rough = true;
        if self.step + 1 == self.plan.steps {
            self.settle();
        }
        self.arrive();
    }

    fn result(&self) -> &[f32] {
        &self.values
    }

    fn length(&self) -> usize {
        self.plan.steps * self.plan.restarts
    }

    fn run(&self) -> usize {
        self.start
    }

    fn warnings(&self) -> Vec<Warning> {
        self.flat.then_some(Warning::ZeroGradient).into_iter().collect()
    }
}
