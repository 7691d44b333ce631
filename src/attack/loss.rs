//! What an attack raises: a function of the classes' log-probabilities, and its gradient with respect to them.
//!
//! Every loss is a function of differences of logits, so its gradient over the classes sums to zero, and the same
//! weights serve on the log-joint as on `log p(c | x)`: the term that all classes share drops out.

use crate::joint::{log_softmax, posterior};

/// What counts as success for one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) label: usize,
    pub(super) target: Option<usize>,
}

impl Goal {
    /// Whether a model with these logits is fooled. To be taken for the class that it is of fools nobody.
    pub(super) fn is_reached(self, logits: &[f64]) -> bool {
        let predicted = argmax(logits);
        predicted != self.label && self.target.is_none_or(|target| predicted == target)
    }

    /// Whether it is fooled by a lead of at least `kappa` in log-odds.
    pub(super) fn is_reached_by(self, kappa: f64, logits: &[f64]) -> bool {
        let (falls, rises) = self.rivals(logits);
        self.is_reached(logits) && logits[rises] - logits[falls] >= kappa
    }

    /// Whether there is anything to reach: not where the target is the label itself.
    pub(super) fn is_needed(self) -> bool {
        self.target != Some(self.label)
    }

    /// The class whose logit is to fall, and the strongest of those that may rise above it; in this order.
    ///
    /// Untargeted: the label and the best other class. Targeted: the best class but the target, and the target.
    fn rivals(self, logits: &[f64]) -> (usize, usize) {
        match self.target {
            None => (self.label, argmax_but(logits, self.label)),
            Some(target) => (argmax_but(logits, target), target),
        }
    }
}

/// The losses of the literature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Loss {
    /// `−log p(label)`, or `log p(target)`.
    CrossEntropy,
    /// Difference-of-logits ratio `−(z_y − max_{i≠y} z_i)/(z_(1) − z_(3))` (Croce & Hein 2020, eq. 6); with a target
    /// it is [`Loss::TargetedDlr`] towards that.
    Dlr,
    /// `−(z_y − z_t)/(z_(1) − (z_(3) + z_(4))/2)` towards class t (eq. 7).
    TargetedDlr(usize),
    /// `rises·p_rise − falls·p_fall`: at 1 and 1 the probability margin (Xie et al. 2025, eq. 8), whose gradient over the
    /// pictures is `[p_r(D_r − D) − p_f(D_f − D)]/σ²` in terms of denoisers.
    Probability {
        /// Of the class that is to rise.
        rises: f64,
        /// Of the class that is to fall.
        falls: f64,
    },
    /// `−max(z_fall − z_rise, −κ)`, Carlini & Wagner's f and Square's margin, with its sign turned.
    Margin {
        /// Beyond this lead of the rising class the loss is flat.
        kappa: f64,
    },
}

/// The authors' guard against equal logits.
const DLR_GUARD: f64 = 1e-12;

impl Loss {
    /// The probability of the class that is to rise less that of the one that is to fall.
    pub(super) const PROBABILITY_MARGIN: Self = Self::Probability { rises: 1.0, falls: 1.0 };

    /// The loss, and its gradient over the classes.
    pub(super) fn evaluate(self, goal: Goal, logits: &[f64]) -> (f64, Vec<f64>) {
        match self {
            Self::CrossEntropy => cross_entropy(goal, logits),
            Self::Dlr => match goal.target {
                Some(target) => targeted_dlr(goal.label, target, logits),
                None => dlr(goal.label, logits),
            },
            Self::TargetedDlr(target) => targeted_dlr(goal.label, target, logits),
            Self::Probability { rises, falls } => probability(goal.rivals(logits), [falls, rises], logits),
            Self::Margin { kappa } => {
                let (falls, rises) = goal.rivals(logits);
                let mut weights = vec![0.0; logits.len()];
                let margin = logits[falls] - logits[rises];
                if margin > -kappa {
                    weights[falls] = -1.0;
                    weights[rises] = 1.0;
                }
                (-margin.max(-kappa), weights)
            }
        }
    }
}

/// The weights of the class itself are the sum of the others', not `p − 1`, which would round to zero for a model
/// that is certain and hide the gradient.
fn cross_entropy(goal: Goal, logits: &[f64]) -> (f64, Vec<f64>) {
    let (class, sign) = match goal.target {
        None => (goal.label, 1.0),
        Some(target) => (target, -1.0),
    };
    let mut weights = posterior(logits);
    weights[class] = 0.0;
    weights[class] = -weights.iter().sum::<f64>();
    for weight in &mut weights {
        *weight *= sign;
    }
    (-sign * log_softmax(logits)[class], weights)
}

/// `∂p_c/∂z = p_c(e_c − p)`. The falling class's weight is the sum of the others', as for the cross-entropy.
fn probability((fall, rise): (usize, usize), [falls, rises]: [f64; 2], logits: &[f64]) -> (f64, Vec<f64>) {
    let p = posterior(logits);
    let (down, up) = (falls * p[fall], rises * p[rise]);
    let mut weights: Vec<f64> = p.iter().map(|p| (down - up) * p).collect();
    weights[rise] += up;
    weights[fall] = 0.0;
    weights[fall] = -weights.iter().sum::<f64>();
    (up - down, weights)
}

fn dlr(label: usize, logits: &[f64]) -> (f64, Vec<f64>) {
    let order = descending(logits);
    let other = if order[0] == label { order[1] } else { order[0] };
    ratio(logits, (label, other), order[0], &[order[2]])
}

fn targeted_dlr(label: usize, target: usize, logits: &[f64]) -> (f64, Vec<f64>) {
    let order = descending(logits);
    ratio(logits, (label, target), order[0], &[order[2], order[3]])
}

/// `−(z_falls − z_rises)/(z_top − mean of z_low)` and its gradient.
fn ratio(logits: &[f64], (falls, rises): (usize, usize), top: usize, low: &[usize]) -> (f64, Vec<f64>) {
    let share = 1.0 / low.len() as f64;
    let numerator = logits[falls] - logits[rises];
    let denominator = logits[top] - share * low.iter().map(|&c| logits[c]).sum::<f64>() + DLR_GUARD;
    let mut weights = vec![0.0; logits.len()];
    weights[falls] -= 1.0 / denominator;
    weights[rises] += 1.0 / denominator;
    let curve = numerator / (denominator * denominator);
    weights[top] += curve;
    for &class in low {
        weights[class] -= share * curve;
    }
    (-numerator / denominator, weights)
}

/// The class with the largest logit; the first of equals.
pub(super) fn argmax(logits: &[f64]) -> usize {
    (0..logits.len()).fold(0, |best, c| if logits[c] > logits[best] { c } else { best })
}

/// The class with the largest logit except one.
fn argmax_but(logits: &[f64], except: usize) -> usize {
    descending(logits).into_iter().find(|&c| c != except).unwrap_or(except)
}

/// Classes by falling logit; equals keep their order.
pub(super) fn descending(logits: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f64; 5] = [0.3, -1.2, 2.0, 0.9, -0.4];

    fn losses() -> Vec<(Loss, Goal)> {
        let all = [
            Loss::CrossEntropy,
            Loss::Dlr,
            Loss::TargetedDlr(1),
            Loss::Margin { kappa: 5.0 },
            Loss::PROBABILITY_MARGIN,
            Loss::Probability { rises: 1.0, falls: 0.0 },
            Loss::Probability { rises: 0.0, falls: -1.0 },
        ];
        let goals = [
            Goal { label: 2, target: None },
            Goal { label: 0, target: None },
            Goal { label: 2, target: Some(4) },
            Goal { label: 3, target: Some(2) },
        ];
        all.into_iter().flat_map(|loss| goals.map(|goal| (loss, goal))).collect()
    }

    #[test]
    fn gradients_agree_with_finite_differences_and_sum_to_zero() {
        for (loss, goal) in losses() {
            let (_, weights) = loss.evaluate(goal, &LOGITS);
            assert!(weights.iter().sum::<f64>().abs() < 1e-9, "{loss:?}");
            for class in 0..LOGITS.len() {
                let at = |h: f64| {
                    let mut logits = LOGITS;
                    logits[class] += h;
                    loss.evaluate(goal, &logits).0
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((difference - weights[class]).abs() < 1e-6, "{loss:?} {goal:?}: {difference} {weights:?}");
            }
        }
    }

    #[test]
    fn a_shared_term_changes_no_loss() {
        for (loss, goal) in losses() {
            let shifted = LOGITS.map(|l| l + 1e3);
            let difference = loss.evaluate(goal, &LOGITS).0 - loss.evaluate(goal, &shifted).0;
            assert!(difference.abs() < 1e-9, "{loss:?} {difference}");
        }
    }

    #[test]
    fn certainty_does_not_hide_the_gradient() {
        for loss in [Loss::CrossEntropy, Loss::PROBABILITY_MARGIN, Loss::Probability { rises: 0.0, falls: 1.0 }] {
            let (_, weights) = loss.evaluate(Goal { label: 0, target: None }, &[60.0, 0.0, -5.0]);
            assert!(weights[1] > 0.0 && weights[0] < 0.0, "{loss:?} {weights:?}");
        }
    }
}
