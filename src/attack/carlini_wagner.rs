//! Carlini & Wagner 2017, L2: minimise `‖x' − x‖² + c·max(margin, −κ)` over w, where `x' = (tanh w + 1)/2`.

use super::budget::{Norm, changes};
use super::loss::{Goal, Loss};
use super::search::{Answer, Ask, Begin, Search, Want};
use super::{Settings, Warning, parameters};

/// The picture is drawn this far from 0 and 1, whose arctanh is infinite, as in the authors' code.
const SHRINK: f64 = 0.999_999;
/// Adam's constants (Kingma & Ba 2015).
const BETA: [f64; 2] = [0.9, 0.999];
const GUARD: f64 = 1e-8;

/// The attack on one picture.
pub(super) struct CarliniWagner {
    clean: Vec<f32>,
    goal: Goal,
    steps: usize,
    learning_rate: f64,
    /// The lead, in log-odds, that a success must have.
    kappa: f64,
    weight: Weight,
    descent: Descent,
    /// Squared length and values of the shortest that fools the model by κ.
    best: Option<(f64, Vec<f32>)>,
    over: bool,
    flat: bool,
}

/// The binary search over c.
struct Weight {
    c: f64,
    low: f64,
    high: f64,
    left: usize,
    succeeded: bool,
}

/// One minimisation.
struct Descent {
    w: Vec<f64>,
    values: Vec<f32>,
    mean: Vec<f64>,
    square: Vec<f64>,
    step: usize,
    cost_at_check: f64,
}

impl CarliniWagner {
    /// A search from `clean` with the settings' parameters.
    pub(super) fn new(settings: &Settings, clean: Vec<f32>, begin: &Begin) -> Self {
        Self {
            descent: Descent::new(&clean),
            clean,
            goal: begin.goal,
            steps: settings.count(parameters::STEPS),
            learning_rate: settings.value(parameters::LEARNING_RATE),
            kappa: settings.value(parameters::KAPPA),
            weight: Weight {
                c: settings.value(parameters::C),
                low: 0.0,
                high: f64::INFINITY,
                left: settings.count(parameters::SEARCH_STEPS),
                succeeded: false,
            },
            best: None,
            over: false,
            flat: false,
        }
    }
}

impl Search for CarliniWagner {
    fn ask(&self) -> Option<Ask<'_>> {
        (!self.over).then(|| Ask { picture: &self.descent.values, want: Want::Gradient(self.loss()) })
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        let squared = Norm::L2.of(changes(&self.clean, &self.descent.values)).powi(2);
        // As in the authors' code, a flip by less than κ is none.
        let reached = self.goal.is_reached_by(self.kappa, answer.logits);
        if reached {
            self.weight.succeeded = true;
            if self.best.as_ref().is_none_or(|(best, _)| squared < *best) {
                self.best = Some((squared, self.descent.values.clone()));
            }
        }
        // The loss rises with success; the cost takes it with its sign turned.
        let cost = squared - self.weight.c * answer.loss;
        self.flat |= !reached && answer.gradients.iter().all(|g| *g == 0.0);
        self.descent.step(&self.clean, answer.gradients, self.weight.c, self.learning_rate);
        if self.descent.step == self.steps || self.descent.is_stuck(cost, self.steps) {
            self.over = !self.weight.next();
            self.descent = Descent::new(&self.clean);
        }
    }

    /// The shortest that fools the model by κ, or the clean picture.
    fn result(&self) -> &[f32] {
        self.best.as_ref().map_or(&self.clean, |(_, values)| values)
    }

    fn length(&self) -> usize {
        self.steps * self.weight.left.max(1)
    }

    fn loss(&self) -> Loss {
        Loss::Margin { kappa: self.kappa }
    }

    fn warnings(&self) -> Vec<Warning> {
        self.flat.then_some(Warning::ZeroGradient).into_iter().collect()
    }
}

impl Weight {
    /// Moves on to the next c; false when there is none.
    fn next(&mut self) -> bool {
        self.left -= 1;
        if self.succeeded {
            self.high = self.c;
        } else {
            self.low = self.c;
        }
        self.c = if self.high.is_finite() { f64::midpoint(self.low, self.high) } else { self.c * 10.0 };
        self.succeeded = false;
        self.left > 0
    }
}

impl Descent {
    fn new(clean: &[f32]) -> Self {
        let w: Vec<f64> = clean.iter().map(|&x| libm::atanh(SHRINK * (2.0 * f64::from(x) - 1.0))).collect();
        Self {
            values: picture(&w),
            mean: vec![0.0; w.len()],
            square: vec![0.0; w.len()],
            step: 0,
            cost_at_check: 1e10,
            w,
        }
    }

    /// One step of Adam on the cost, whose gradient with respect to the picture is `2(x' − x) − c·gradient`.
    fn step(&mut self, clean: &[f32], gradient: &[f32], c: f64, learning_rate: f64) {
        self.step += 1;
        let correction = BETA.map(|beta| 1.0 - beta.powi(self.step as i32));
        for i in 0..self.w.len() {
            let tanh = libm::tanh(self.w[i]);
            let offset = f64::from(self.values[i]) - f64::from(clean[i]);
            let slope = (2.0 * offset - c * f64::from(gradient[i])) * 0.5 * (1.0 - tanh * tanh);
            self.mean[i] = BETA[0] * self.mean[i] + (1.0 - BETA[0]) * slope;
            self.square[i] = BETA[1] * self.square[i] + (1.0 - BETA[1]) * slope * slope;
            let root = (self.square[i] / correction[1]).sqrt();
            self.w[i] -= learning_rate * self.mean[i] / correction[0] / (root + GUARD);
        }
        self.values = picture(&self.w);
    }

    /// Whether the cost has risen since it was last looked at, ten times a run.
    fn is_stuck(&mut self, cost: f64, steps: usize) -> bool {
        if !(self.step - 1).is_multiple_of((steps / 10).max(1)) {
            return false;
        }
        let stuck = cost > self.cost_at_check;
        self.cost_at_check = cost;
        stuck
    }
}

fn picture(w: &[f64]) -> Vec<f32> {
    w.iter().map(|&w| (0.5 * (libm::tanh(w) + 1.0)) as f32).collect()
}
