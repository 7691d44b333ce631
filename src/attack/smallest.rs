//! The smallest budget with which an attack succeeds, by bisection.

use super::budget::{Ball, Norm, changes};
use super::build;
use super::loss::Loss;
use super::search::{Answer, Ask, Begin, Search, Want};
use super::{Settings, Warning, parameters};

/// The bracket around the smallest budget shrinks to this share of it.
const PRECISION: f64 = 1e-3;
/// A budget below this is none.
const LEAST: f64 = 1e-7;

/// Bisection over the budget of a bounded attack, or along the perturbation of a minimal one.
pub(super) struct Smallest {
    settings: Settings,
    /// The lead that Carlini–Wagner is to have; other methods' is 0.
    kappa: f64,
    begin: Begin,
    clean: Vec<f32>,
    /// The attack at the budget under trial; over from the start where a point of the segment is tried.
    search: Option<Box<dyn Search>>,
    /// The picture to be judged once the attack is over.
    point: Vec<f32>,
    /// What failed and what succeeded: budgets, or shares of the perturbation.
    low: f64,
    high: Option<f64>,
    trial: f64,
    best: Option<Vec<f32>>,
    /// Where the segment ends along which a minimal attack's result is shortened.
    end: Vec<f32>,
    gathered: Vec<Warning>,
    over: bool,
}

impl Smallest {
    /// A bisection whose bracket starts at the settings' ε.
    pub(super) fn new(settings: &Settings, clean: Vec<f32>, begin: Begin) -> Self {
        let kappa = settings.value(parameters::KAPPA);
        let over = begin.goal.is_reached_by(kappa, &begin.clean_logits);
        let mut search = Self {
            settings: settings.clone(),
            kappa,
            best: over.then(|| clean.clone()),
            point: clean.clone(),
            end: clean.clone(),
            clean,
            begin,
            search: None,
            low: 0.0,
            high: None,
            trial: settings.epsilon.max(LEAST),
            gathered: Vec::new(),
            over,
        };
        search.try_budget();
        search
    }

    fn is_minimal(&self) -> bool {
        self.settings.method.description().minimal
    }

    fn try_budget(&mut self) {
        let ball = Ball { centre: self.clean.clone(), norm: self.settings.norm, epsilon: self.trial };
        // Steps keep their length relative to the budget.
        let scale = if self.settings.epsilon > 0.0 { self.trial / self.settings.epsilon } else { 1.0 };
        self.search = Some(build::bounded(&self.settings, ball, &self.begin, scale));
    }

    /// A point of the segment from the clean picture to the best one found by a minimal attack.
    fn try_share(&mut self) {
        let between = |(clean, end): (&f32, &f32)| (clean + self.trial as f32 * (end - clean)).clamp(0.0, 1.0);
        self.point = self.clean.iter().zip(&self.end).map(between).collect();
    }

    /// No budget beyond this moves a picture in [0, 1] any further.
    fn largest(&self) -> f64 {
        match self.settings.norm {
            Norm::Linf => 1.0,
            Norm::L2 => (self.clean.len() as f64).sqrt(),
        }
    }

    fn judge(&mut self, reached: bool) {
        if reached {
            let used = self.settings.norm.of(changes(&self.clean, &self.point));
            // A bounded attack that did not use its whole budget brings the bracket down to what it used.
            self.high = Some(if self.is_minimal() { self.trial } else { used.min(self.trial) });
            self.best = Some(self.point.clone());
        } else {
            self.low = self.trial;
        }
    }
}

impl Search for Smallest {
    fn ask(&self) -> Option<Ask<'_>> {
        if self.over {
            return None;
        }
        let asked = self.search.as_ref().and_then(|search| search.ask());
        Some(asked.unwrap_or(Ask { picture: &self.point, want: Want::Value(Loss::CrossEntropy) }))
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        if let Some(search) = &mut self.search {
            search.tell(answer);
            if search.ask().is_none() {
                self.point = search.result().to_vec();
                self.gathered = search.warnings();
                self.search = None;
            }
            return;
        }
        if self.is_minimal() && self.high.is_none() {
            self.trial = 1.0;
            self.end.clone_from(&self.point);
        }
        self.judge(self.begin.goal.is_reached_by(self.kappa, answer.logits));
        let Some(high) = self.high else {
            // Nothing has succeeded yet: a minimal attack has no second try, a bounded one gets twice the budget.
            self.over = self.is_minimal() || self.trial >= self.largest();
            if !self.over {
                self.trial = (2.0 * self.trial).min(self.largest());
                self.try_budget();
            }
            return;
        };
        if high - self.low <= PRECISION * high || high <= LEAST {
            self.over = true;
            return;
        }
        self.trial = f64::midpoint(self.low, high);
        if self.is_minimal() {
            self.try_share();
        } else {
            self.try_budget();
        }
    }

    fn result(&self) -> &[f32] {
        self.best.as_ref().unwrap_or(&self.point)
    }

    fn length(&self) -> usize {
        let bisections = (1.0 / PRECISION).log2().ceil() as usize;
        self.search.as_ref().map_or(1, |search| search.length()) * bisections
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut all = self.gathered.clone();
        if self.over && self.best.is_none() {
            all.push(Warning::NoBudgetFound);
        }
        all
    }
}
