//! `AutoAttack`, the ensemble of Croce & Hein 2020: one attack after the other, until one succeeds.

use super::apgd::Apgd;
use super::budget::Ball;
use super::fab::Fab;
use super::loss::{Goal, Loss};
use super::search::{Answer, Ask, Begin, Search, Want};
use super::square::Square;
use super::{Method, Settings, Warning};

/// The ensemble on one picture.
pub(super) struct Ensemble {
    settings: Settings,
    ball: Ball,
    begin: Begin,
    /// What is still to come, the next one last.
    left: Vec<Method>,
    part: Method,
    /// The runs of the parts before.
    runs: usize,
    search: Box<dyn Search>,
    /// The first part's result, which is shown if none succeeds.
    fallback: Option<Vec<f32>>,
    gathered: Vec<Warning>,
    succeeded: bool,
}

impl Ensemble {
    /// An ensemble with the settings' steps, targets and queries.
    pub(super) fn new(settings: &Settings, ball: Ball, begin: Begin) -> Self {
        let enough = begin.clean_logits.len() >= Method::ApgdT.description().min_classes;
        let mut left = vec![Method::Square, Method::Fab];
        if enough {
            left.push(Method::ApgdT);
        }
        Self {
            search: Box::new(Apgd::new(settings, Method::ApgdCe, ball.clone(), &begin)),
            part: Method::ApgdCe,
            runs: 0,
            settings: settings.clone(),
            ball,
            begin,
            left,
            fallback: None,
            gathered: if enough { Vec::new() } else { vec![Warning::TooFewClasses] },
            succeeded: false,
        }
    }

    fn goal(&self) -> Goal {
        self.begin.goal
    }

    fn next_part(&mut self, part: Method) {
        self.fallback.get_or_insert_with(|| self.search.result().to_vec());
        self.gathered.extend(self.search.warnings());
        self.runs += self.search.run() + 1;
        self.part = part;
        self.search = match part {
            Method::Square => Box::new(Square::new(&self.settings, self.ball.clone(), &self.begin)),
            Method::Fab => Box::new(Fab::new(&self.settings, self.ball.centre.clone(), &self.begin, self.ball.epsilon)),
            part => Box::new(Apgd::new(&self.settings, part, self.ball.clone(), &self.begin)),
        };
    }

    fn is_over(&self) -> bool {
        self.succeeded || (self.left.is_empty() && self.search.ask().is_none())
    }
}

impl Search for Ensemble {
    fn ask(&self) -> Option<Ask<'_>> {
        if self.succeeded {
            return None;
        }
        match self.search.ask() {
            // A part that is over is asked whether it succeeded; after the last that no longer matters.
            None if self.left.is_empty() => None,
            None => Some(Ask { picture: self.search.result(), want: Want::Value(Loss::CrossEntropy) }),
            some => some,
        }
    }

    fn tell(&mut self, answer: &Answer<'_>) {
        if self.search.ask().is_some() {
            self.search.tell(answer);
            if self.part == Method::Square && self.search.ask().is_none() && self.goal().is_reached(answer.logits) {
                self.succeeded = true;
                self.gathered.push(Warning::GradientFreeStronger);
            }
        } else if self.goal().is_reached(answer.logits) && self.ball.contains(self.search.result()) {
            self.succeeded = true;
        } else if let Some(part) = self.left.pop() {
            self.next_part(part);
        }
    }

    fn result(&self) -> &[f32] {
        match &self.fallback {
            Some(values) if self.is_over() && !self.succeeded => values,
            _ => self.search.result(),
        }
    }

    fn length(&self) -> usize {
        self.search.length()
    }

    fn run(&self) -> usize {
        self.runs + self.search.run()
    }

    fn loss(&self) -> Loss {
        self.search.loss()
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut all = self.gathered.clone();
        all.extend(self.search.warnings());
        all.dedup();
        all
    }
}
