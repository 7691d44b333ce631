//! How a duel looks for its picture: runs of APGD's steps on one objective after another.

use super::{Aim, Asked, DuelSettings, DuelStep, Objective, Said};
use crate::Result;
use crate::attack::apgd::Climb;
use crate::attack::budget::Ball;
use crate::attack::search::{Answer, Draws};

/// APGD's threshold on the share of rising steps.
const RHO: f64 = 0.75;
/// The bracket around the nearest picture shrinks to this share of it.
const PRECISION: f64 = 0.005;
/// A budget below this is none.
const LEAST: f64 = 1e-7;

/// A search.
pub(super) struct Search<'a, 'b> {
    pub settings: DuelSettings,
    pub asked: &'a mut Asked<'b>,
    pub draws: Draws,
    pub before: &'a Said,
    pub observe: &'a mut dyn FnMut(DuelStep<'_>),
}

/// The best picture so far, by the divergence.
struct Best {
    values: Vec<f32>,
    said: Said,
}

/// How far the whole search is.
struct Progress {
    done: usize,
    total: usize,
}

impl Search<'_, '_> {
    /// The runs at one budget: each side is led away from the class that the other holds, and then the divergence itself is climbed from
    /// the best picture of those.
    fn objectives(&self) -> [Objective; 3] {
        let [a, b] = self.before.predicted;
        [Objective::Yields { side: 0, class: b }, Objective::Yields { side: 1, class: a }, Objective::Divergence]
    }

    /// The picture within `epsilon` on which they differ most.
    pub fn widest(&mut self, epsilon: f64) -> Result<Vec<f32>> {
        let mut progress = Progress { done: 0, total: 3 * self.settings.steps };
        Ok(self.at(epsilon, &mut progress, |_| false)?.values)
    }

    /// The nearest picture that they take for different classes; if none is found, the one on which they differ most.
    pub fn nearest(&mut self) -> Result<Vec<f32>> {
        let clean = self.asked.clean.values().to_vec();
        if self.before.disagree() {
            return Ok(clean);
        }
        let norm = self.settings.norm;
        let largest = match norm {
            super::Norm::Linf => 1.0,
            super::Norm::L2 => (clean.len() as f64).sqrt(),
        };
        let halvings = (1.0 / PRECISION).log2().ceil() as usize + 1;
        let mut progress = Progress { done: 0, total: halvings * 3 * self.settings.steps };
        let (mut low, mut trial) = (0.0, self.settings.epsilon.clamp(LEAST, largest));
        let mut nearest: Option<(f64, Vec<f32>)> = None;
        loop {
            let best = self.at(trial, &mut progress, Said::disagree)?;
            if best.said.disagree() {
                let shortened = self.shorten(&clean, &best.values)?;
                let used = self.asked.moved(norm, &shortened).min(trial);
                nearest = Some((used, shortened));
            } else {
                low = trial;
                if nearest.is_none() {
                    if trial >= largest {
                        return Ok(best.values);
                    }
                    trial = (2.0 * trial).min(largest);
                    continue;
                }
            }
            if let Some((high, values)) = &nearest {
                if high - low <= PRECISION * high || *high <= LEAST {
                    return Ok(values.clone());
                }
                trial = f64::midpoint(low, *high);
            }
        }
    }

    /// The point nearest to the clean picture, of the segment from it to `end`, at which they disagree, by bisection.
    fn shorten(&mut self, clean: &[f32], end: &[f32]) -> Result<Vec<f32>> {
        let (mut low, mut high) = (0.0_f32, 1.0_f32);
        let point = |share: f32| -> Vec<f32> { clean.iter().zip(end).map(|(c, e)| c + share * (e - c)).collect() };
        for _ in 0..10 {
            let middle = f32::midpoint(low, high);
            if Said::of(&self.asked.logs(&point(middle))?).disagree() {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(if high < 1.0 { point(high) } else { end.to_vec() })
    }

    /// All runs at one budget, until `enough`.
    fn at(&mut self, epsilon: f64, progress: &mut Progress, enough: fn(&Said) -> bool) -> Result<Best> {
        let ball = self.asked.ball(self.settings.norm, epsilon);
        let mut best = Best { values: ball.centre.clone(), said: self.before.clone() };
        for objective in self.objectives() {
            let climb = match objective {
                Objective::Divergence => Climb::from(best.values.clone(), &ball, self.settings.steps),
                Objective::Yields { .. } => Climb::new(&ball, &mut self.draws, self.settings.steps),
            };
            self.run(climb, objective, &ball, &mut best, progress, enough)?;
            if enough(&best.said) {
                break;
            }
        }
        Ok(best)
    }

    /// One run; `best` is the best picture that any run saw.
    fn run(
        &mut self,
        mut climb: Climb,
        objective: Objective,
        ball: &Ball,
        best: &mut Best,
        progress: &mut Progress,
        enough: fn(&Said) -> bool,
    ) -> Result<()> {
        for step in 0..=self.settings.steps {
            let (logs, loss, gradients) = self.asked.climb(climb.values(), objective)?;
            let said = Said::of(&logs);
            // Where classes are to differ, a picture on which they do is better than any on which they do not.
            let rank = |said: &Said| (self.settings.aim == Aim::Nearest && said.disagree(), said.divergence);
            if rank(&said) > rank(&best.said) {
                *best = Best { values: climb.values().to_vec(), said };
            }
            progress.done += usize::from(step > 0);
            progress.total = progress.total.max(progress.done);
            let Progress { done, total } = *progress;
            (self.observe)(DuelStep { done, total, best: &best.values, said: &best.said });
            if enough(&best.said) || step == self.settings.steps {
                return Ok(());
            }
            climb.learn(&Answer { logits: &[], loss, gradients: &gradients }, self.settings.steps, RHO);
            climb.advance(ball);
        }
        Ok(())
    }
}
