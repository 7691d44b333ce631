//! FAB, the fast adaptive boundary attack (Croce & Hein 2020, arXiv 1907.02044): a short perturbation, found by projecting
//! onto the boundary of the linearised model while being drawn back to the clean picture. Towards one class after the other
//! as `AutoAttack` runs it (FAB-T), or to the nearest boundary at each step.

use super::budget::{Norm, changes};
use super::loss::{Goal, Loss, descending};
use super::search::{Answer, Ask, Begin, Search, Want};
use super::{Settings, Warning, parameters};

/// FAB on one picture, from the picture itself.
pub(super) struct Fab {
    goal: Goal,
    norm: Norm,
    steps: usize,
    /// The most that a step is drawn towards the projection of the clean picture.
    most_drawn: f64,
    overshoot: f64,
    /// What is kept of a perturbation that succeeded, when the search goes on from it.
    kept: f64,
    clean: Vec<f32>,
    /// The classes to come, the next one last; none stands for whichever boundary is nearest.
    left: Vec<Option<usize>>,
    towards: Option<usize>,
    values: Vec<f32>,
    step: usize,
    /// Whether `values` come of a step and have not been judged.
    fresh: bool,
    /// The shortest perturbation that succeeded.
    best: Option<(f64, Vec<f32>)>,
    /// A length that need not be fallen short of.
    enough: f64,
    flat: bool,
    over: bool,
}

impl Fab {
    /// A search that ends as soon as a perturbation no longer than `enough` succeeds.
    pub(super) fn new(settings: &Settings, clean: Vec<f32>, begin: &Begin, enough: f64) -> Self {
        let count = settings.count(parameters::TARGETS);
        let mut left: Vec<Option<usize>> = match begin.goal.target {
            Some(target) => vec![Some(target)],
            None if count == 0 => vec![None],
            None => {
                let others = descending(&begin.clean_logits).into_iter().filter(|&c| c != begin.goal.label);
                others.take(count).map(Some).collect()
            }
        };
        left.reverse();
        let over = begin.goal.is_reached(&begin.clean_logits);
        Self {
            goal: begin.goal,
            norm: settings.norm,
            steps: settings.count(parameters::STEPS),
            most_drawn: settings.value(parameters::ALPHA_MAX),
            overshoot: settings.value(parameters::OVERSHOOT),
            kept: settings.value(parameters::BETA),
            values: clean.clone(),
            clean,
            towards: left.pop().flatten(),
            left,
            step: 0,
            fresh: false,
            best: None,
            enough,
            flat: false,
            over,
        }
    }

    /// Takes note of the picture if it fools the model, and goes back towards the clean one; whether it did.
    fn judge(&mut self, logits: &[f64]) -> bool {
        if !self.goal.is_reached(logits) {
            return false;
        }
        let length = self.norm.of(changes(&self.clean, &self.values));
        if self.best.as_ref().is_none_or(|(shortest, _)| length < *shortest) {
            self.best = Some((length, self.values.clone()));
        }
        for (value, clean) in self.values.iter_mut().zip(&self.clean) {
            *value = clean + self.kept as f32 * (*value - clean);
        }
        self.over = length <= self.enough;
        true
    }

    /// The boundary that counts: the logit gap to it and the gradient of that gap.
    fn boundary<'a>(&self, answer: &'a Answer<'_>) -> Option<(f64, &'a [f32])> {
        let gap = |class: usize| answer.logits[class] - answer.logits[self.goal.label];
        if let Some(class) = self.towards {
            return Some((gap(class), answer.gradients));
        }
        let others = (0..answer.logits.len()).filter(|&c| c != self.goal.label);
        let boundaries = others.zip(answer.gradients.chunks_exact(self.clean.len())).map(|(class, gradient)| {
            let slopes = gradient.iter().map(|&g| f64::from(g));
            // The dual norm: how fast the gap can change by unit length.
            let slope = match self.norm {
                Norm::Linf => slopes.map(f64::abs).sum(),
                Norm::L2 => Norm::L2.of(slopes),
            };
            (gap(class).abs() / (slope + GUARD), gap(class), gradient)
        });
        boundaries.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, gap, gradient)| (gap, gradient))
    }

    /// One step: between the projections of the current and of the clean picture, and beyond.
    fn advance(&mut self, gap: f64, gradient: &[f32]) {
        let along: f64 = changes(&self.values, &self.clean).zip(gradient).map(|(d, &g)| d * f64::from(g)).sum();
        let here = projection(&self.values, gradient, gap, self.norm);
        let from_clean = projection(&self.clean, gradient, gap + along, self.norm);
        let [a, b] = [&here, &from_clean].map(|d| self.norm.of(d.iter().copied()).max(LEAST));
        let drawn = (a / (a + b)).min(self.most_drawn);
        let beyond = 1.0 + self.overshoot;
        for (i, value) in self.values.iter_mut().enumerate() {
            let current = f64::from(*value) + beyond * here[i];
            let other = f64::from(self.clean[i]) + beyond * from_clean[i];
            *value = (current * (1.0 - drawn) + other * drawn).clamp(0.0, 1.0) as f32;
        }
    }

    fn next_target(&mut self) {
        match self.left.pop() {
            None => self.over = true,
            Some(towards) => {
                self.towards = towards;
                self.values.clone_from(&self.clean);
                self.step = 0;
            }
        }
    }
}

/// The authors' guards against division by zero.
const GUARD: f64 = 1e-12;
const LEAST: f64 = 1e-8;

impl Search for Fab {
    fn ask(&self) -> Option<Ask<'_>> {
        let want = match self.towards {
            _ if self.step == self.steps => Want::Value(self.loss()),
            Some(to) => Want::Difference { from: self.goal.label, to },
            None => Want::Differences(self.goal.label),
        };
        (!self.over).then_some(Ask { picture: &self.values, want })
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        let went_back = std::mem::take(&mut self.fresh) && self.judge(answer.logits);
        if self.over {
            return;
        }
        if self.step == self.steps {
            self.next_target();
            return;
        }
        if went_back {
            return; // the gradient is wanted where the search goes on
        }
        match self.boundary(answer) {
            Some((gap, gradient)) if gradient.iter().any(|g| *g != 0.0 && g.is_finite()) => {
                self.advance(gap, gradient);
                self.fresh = true;
                self.step += 1;
            }
            _ => {
                self.flat = true;
                self.next_target();
            }
        }
    }

    fn result(&self) -> &[f32] {
        self.best.as_ref().map_or(&self.clean, |(_, values)| values)
    }

    fn length(&self) -> usize {
        self.steps * (self.left.len() + 1)
    }

    fn loss(&self) -> Loss {
        Loss::Margin { kappa: f64::INFINITY }
    }

    fn warnings(&self) -> Vec<Warning> {
        self.flat.then_some(Warning::ZeroGradient).into_iter().collect()
    }
}

/// The shortest move of `point` inside [0, 1] that changes `⟨w, point⟩` by `−excess`; where none does, the one that comes
/// nearest.
///
/// Every value moves by `λ` (L∞) or `λ|wᵢ|` (L2) against its weight until it meets the range's end, so that `⟨w, ·⟩` changes
/// by a concave, piecewise linear function of λ, which is solved by going through the values in the order in which they
/// meet their ends.
fn projection(point: &[f32], w: &[f32], excess: f64, norm: Norm) -> Vec<f64> {
    let sign = if excess >= 0.0 { -1.0 } else { 1.0 };
    // How far a value of this weight goes for λ = 1. Where there is no weight, or none that is a number, it stays.
    let way = |w: f32| match norm {
        _ if w == 0.0 || !w.is_finite() => 0.0,
        Norm::Linf => sign * f64::from(w.signum()),
        Norm::L2 => sign * f64::from(w),
    };
    // The λ at which it meets its end.
    let end = |value: f32, way: f64| {
        let room = if way > 0.0 { 1.0 - f64::from(value) } else { f64::from(value) };
        room.max(0.0) / way.abs()
    };
    let moving = point.iter().zip(w).map(|(&value, &w)| (value, w, way(w))).filter(|(.., way)| *way != 0.0);
    let mut order: Vec<(f64, f64)> =
        moving.map(|(value, w, way)| (end(value, way), (f64::from(w) * way).abs())).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut rate: f64 = order.iter().map(|(_, rate)| rate).sum();
    let (mut missing, mut lambda) = (excess.abs(), 0.0);
    for (end, own) in order {
        let gained = rate * (end - lambda);
        if gained >= missing {
            lambda += missing / rate;
            missing = 0.0;
            break;
        }
        missing -= gained;
        lambda = end;
        rate -= own;
    }
    if missing > 0.0 {
        lambda = f64::INFINITY;
    }
    let moves = point.iter().zip(w).map(|(&value, &w)| match way(w) {
        0.0 => 0.0,
        way => way * lambda.min(end(value, way)),
    });
    moves.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dot(w: &[f32], d: &[f64]) -> f64 {
        w.iter().zip(d).map(|(w, d)| f64::from(*w) * d).sum()
    }

    proptest! {
        #[test]
        fn projections_are_the_shortest_way_to_the_plane(
            pairs in prop::collection::vec(
                (prop_oneof![8 => 0.0_f32..=1.0, 1 => Just(0.0_f32), 1 => Just(1.0_f32)],
                 prop_oneof![8 => -2.0_f32..2.0, 1 => Just(0.0_f32)],
                 0.0_f32..=1.0),
                1..60,
            ),
            share in 0.0_f64..=1.0,
            outside: bool,
            l2: bool,
        ) {
            let norm = if l2 { Norm::L2 } else { Norm::Linf };
            let point: Vec<f32> = pairs.iter().map(|p| p.0).collect();
            let w: Vec<f32> = pairs.iter().map(|p| p.1).collect();
            // A plane through another point of the box, or one that no point of the box reaches.
            let towards: Vec<f64> = pairs.iter().map(|p| share * (f64::from(p.2) - f64::from(p.0))).collect();
            let reach: f64 = w.iter().map(|w| f64::from(w.abs())).sum();
            let excess = if outside { reach + 1.0 } else { -dot(&w, &towards) };
            let found = projection(&point, &w, excess, norm);
            for (value, moved) in point.iter().zip(&found) {
                prop_assert!((-1e-12..=1.0 + 1e-12).contains(&(f64::from(*value) + moved)));
            }
            let length = norm.of(found.iter().copied());
            if outside {
                // As near as the box allows: every value at its end.
                for ((value, moved), w) in point.iter().zip(&found).zip(&w) {
                    let end = if *w > 0.0 { 0.0 } else { 1.0 };
                    prop_assert!(*w == 0.0 || (f64::from(*value) + moved - end).abs() < 1e-12);
                }
            } else {
                prop_assert!((dot(&w, &found) + excess).abs() < 1e-9 * (1.0 + reach), "on the plane");
                // No longer than the way to the point that the plane was laid through.
                prop_assert!(length <= norm.of(towards.iter().copied()) + 1e-9);
                // Shortest: a plane twice as near is nearer, and nothing shorter than λ reaches this one. By bisection
                // over the common length λ, which needs no sorting.
                let reached = |lambda: f64| -> f64 {
                    let sign = if excess >= 0.0 { -1.0 } else { 1.0 };
                    let gains = point.iter().zip(&w).map(|(&value, &w)| {
                        let (value, w) = (f64::from(value), f64::from(w));
                        let way = sign * if l2 { w } else { w.signum() } * f64::from(u8::from(w != 0.0));
                        w.abs() * ((value + lambda * way).clamp(0.0, 1.0) - value).abs()
                    });
                    gains.sum()
                };
                let (mut low, mut high) = (0.0, 1e7);
                for _ in 0..200 {
                    let middle = f64::midpoint(low, high);
                    if reached(middle) < excess.abs() { low = middle } else { high = middle }
                }
                let sign = if excess >= 0.0 { -1.0 } else { 1.0 };
                let by_bisection = point.iter().zip(&w).map(|(&value, &w)| {
                    let (value, w) = (f64::from(value), f64::from(w));
                    let way = sign * if l2 { w } else { w.signum() } * f64::from(u8::from(w != 0.0));
                    (value + high * way).clamp(0.0, 1.0) - value
                });
                prop_assert!((norm.of(by_bisection) - length).abs() < 1e-6, "{length}");
            }
        }
    }
}
