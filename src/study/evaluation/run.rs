//! One part after the other: noise levels, attacks, certificates.

use std::ops::Range;
use std::path::Path;

use super::certified::{Level as Certificates, Poll};
use super::frame::{Frame, Part, Source};
use super::levels::{Answer, Under};
use super::robust::{Attacked, Attempt};
use super::work::{Work, batches, keys};
use super::{Evaluation, Journal, Plan, Samples, Step, examples};
use crate::joint::JointModel;
use crate::picture::{Noise, NoiseKind};
use crate::task::Cancel;
use crate::{Error, Result};

/// Measures everything in `plan`; with pictures of another kind (`others`), also how well they are told from `samples`
/// under Gaussian noise of each level.
///
/// # Errors
/// Those of [`Plan::check`] before anything is measured, [`crate::Error::Cancelled`] soon after `cancel` is raised, and what the
/// model fails with.
pub fn evaluate(
    model: &dyn JointModel,
    samples: &Samples,
    others: Option<&Samples>,
    plan: &Plan,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Evaluation> {
    evaluate_from(&mut Journal::unkept(), model, samples, others, plan, cancel, observe)
}

/// [`evaluate`], going on from what `journal` holds and keeping there what is measured. The figures are the same.
///
/// # Errors
/// As for [`evaluate`], [`crate::Error::Io`] if the journal cannot be written, and [`crate::Error::Data`] if it has records
/// and none is of this evaluation.
pub fn evaluate_from(
    journal: &mut Journal,
    model: &dyn JointModel,
    samples: &Samples,
    others: Option<&Samples>,
    plan: &Plan,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Evaluation> {
    plan.check(model)?;
    let parts = Parts::new(model, samples, others, plan);
    let frame = parts.frame(plan);
    let total = frame.parts().into_iter().map(|part| frame.count(part)).sum();
    let work = &mut Work { model, batch: plan.batch, journal, cancel, observe, done: 0, total };
    let known = frame.parts().into_iter().map(|part| parts.known(work, part)).sum::<Result<usize>>()?;
    if known == 0 && !work.journal.is_empty() {
        let path = work.journal.path().unwrap_or(Path::new("the journal"));
        let reason = "holds nothing of this evaluation (other data, model or options); --force begins anew";
        return Err(Error::data(path, reason));
    }
    work.journal.reused = known;
    let examples = examples::choose(model, samples, plan, cancel)?;
    let looked_at = parts.noises.iter().position(|noise| noise.kind == NoiseKind::Gaussian && plan.examples > 0);
    let mut live = Live { parts: &parts, work, looked_at, wrong: Vec::new() };
    let evaluation = frame.figures(&mut live)?;
    let mut examples = examples;
    if let Some(noise) = looked_at.map(|number| parts.noises[number]) {
        examples.mistakes = (Some(noise), examples::mistakes(model, samples, noise, live.wrong, plan.examples)?);
    }
    Ok(Evaluation { examples, ..evaluation })
}

/// Everything that is to be measured, with the model and the pictures.
pub(super) struct Parts<'a> {
    model: &'a dyn JointModel,
    samples: &'a Samples,
    others: Option<&'a Samples>,
    noises: Vec<Noise>,
    attacks: Vec<Attacked<'a>>,
    certificates: Vec<Certificates<'a>>,
}

impl<'a> Parts<'a> {
    /// What `plan` asks for.
    pub(super) fn new(
        model: &'a dyn JointModel,
        samples: &'a Samples,
        others: Option<&'a Samples>,
        plan: &'a Plan,
    ) -> Self {
        let certify = &plan.certify;
        let certificate = |&sigma: &f32| Certificates { model, samples, plan: certify, sigma, seed: plan.seed };
        let attacked = |attack: &'a _| Attacked { model, samples, attack, seed: plan.seed };
        Self {
            model,
            samples,
            others: others.filter(|_| plan.noises.contains(&NoiseKind::Gaussian)),
            noises: plan.noises.iter().flat_map(|&kind| at_levels(kind, plan)).collect(),
            attacks: plan.attacks.iter().map(attacked).collect(),
            certificates: certify.sigmas.iter().map(certificate).collect(),
        }
    }

    /// What the figures depend on besides the records.
    pub(super) fn frame(&self, plan: &Plan) -> Frame {
        Frame {
            model: self.model.name().to_owned(),
            digest: self.model.digest(),
            device: self.model.device(),
            data: self.samples.name.clone(),
            images: self.samples.len(),
            classes: self.model.classes().len(),
            seed: plan.seed,
            others: self.others.map(|others| (others.name.clone(), others.len())),
            levels: (0..self.noises.len()).map(|number| self.level(number, false).frame()).collect(),
            attacks: self.attacks.iter().map(Attacked::frame).collect(),
            certificates: self.certificates.iter().map(Certificates::frame).collect(),
        }
    }

    fn level(&self, number: usize, of_others: bool) -> Under<'a> {
        let samples = self.others.filter(|_| of_others).unwrap_or(self.samples);
        Under { model: self.model, samples, noise: self.noises[number] }
    }

    /// How many records of a part the journal holds.
    fn known(&self, work: &Work<'_>, part: Part) -> Result<usize> {
        match part {
            Part::Level { number, of_others } => work.known(&self.level(number, of_others)),
            Part::Attack(number) => work.known(&self.attacks[number]),
            Part::Certificate(number) => work.known(&self.certificates[number]),
        }
    }

    /// The key of each of a part's records.
    pub(super) fn keys(&self, part: Part) -> Result<Vec<String>> {
        match part {
            Part::Level { number, of_others } => keys(self.model, &self.level(number, of_others)),
            Part::Attack(number) => keys(self.model, &self.attacks[number]),
            Part::Certificate(number) => keys(self.model, &self.certificates[number]),
        }
    }

    /// The numbers of each batch of a part.
    pub(super) fn batches(&self, batch: usize, part: Part) -> Vec<Range<usize>> {
        match part {
            Part::Level { number, of_others } => batches(self.model, batch, &self.level(number, of_others)).collect(),
            Part::Attack(number) => batches(self.model, batch, &self.attacks[number]).collect(),
            Part::Certificate(number) => batches(self.model, batch, &self.certificates[number]).collect(),
        }
    }

    /// Measures the batches of a part that are asked for, and keeps them in the journal.
    pub(super) fn measure(&self, work: &mut Work<'_>, part: Part, asked: impl Fn(usize) -> bool) -> Result<()> {
        match part {
            Part::Level { number, of_others } => work.share(&self.level(number, of_others), asked).map(drop),
            Part::Attack(number) => work.share(&self.attacks[number], asked).map(drop),
            Part::Certificate(number) => work.share(&self.certificates[number], asked).map(drop),
        }
    }
}

/// Records as they are measured.
struct Live<'w, 'a> {
    parts: &'w Parts<'a>,
    work: &'w mut Work<'a>,
    /// The level whose mistakes are noted: number and confidence of each.
    looked_at: Option<usize>,
    wrong: Vec<(usize, f64)>,
}

impl Source for Live<'_, '_> {
    fn answers(&mut self, level: usize, of_others: bool) -> Result<Vec<Answer>> {
        let answers = self.work.records(&self.parts.level(level, of_others))?;
        if Some(level) == self.looked_at && !of_others && self.parts.model.is_classifier() {
            let wrong = answers.iter().enumerate().filter_map(|(number, answer)| Some((number, answer.mistaken()?)));
            self.wrong = wrong.collect();
        }
        Ok(answers)
    }

    fn attempts(&mut self, attack: usize) -> Result<Vec<Attempt>> {
        self.work.records(&self.parts.attacks[attack])
    }

    fn polls(&mut self, certificate: usize) -> Result<Vec<Poll>> {
        self.work.records(&self.parts.certificates[certificate])
    }
}

/// Noise of one kind at every level of the plan.
fn at_levels(kind: NoiseKind, plan: &Plan) -> impl Iterator<Item = Noise> {
    plan.sigmas.iter().map(move |&sigma| Noise { kind, sigma, seed: plan.seed })
}
