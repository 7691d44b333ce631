//! The driver: many searches in step, their questions answered as one batch.

use super::ahead::{self, Progress};
use super::budget::{Ball, Distance};
use super::classifier::{Classifier, Passes};
use super::loss::{Goal, argmax, descending};
use super::search::{Answer, Begin, Draws, Moved, Search, Want};
use super::{Settings, Target, Timeline, Warning, build};
use crate::joint::{JointModel, posterior};
use crate::picture::{Batch, Picture, Shape};
use crate::task::Cancel;
use crate::{Error, Result};

/// What came of the attack on one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The attacked picture, in [0, 1].
    pub attacked: Picture,
    /// The class that the picture was said to have.
    pub label: usize,
    /// The class that the model was to say, in a targeted attack.
    pub target: Option<usize>,
    /// The most probable class of the clean picture.
    pub predicted_before: usize,
    /// The most probable class of the attacked picture.
    pub predicted_after: usize,
    /// p(c | x) of the clean picture, `[K]`.
    pub posterior_before: Vec<f64>,
    /// p(c | x) of the attacked picture, `[K]`.
    pub posterior_after: Vec<f64>,
    /// Whether the model says something else than the label; in a targeted attack, whether it says the target. Never where
    /// the target is the label.
    pub success: bool,
    /// The budget that was asked for; none where the method or the mode looks for the smallest.
    pub epsilon: Option<f64>,
    /// How far the attacked picture lies from the clean one.
    pub achieved: Distance,
    /// How many steps were made: pictures asked about by the search. Steps that would only go round are left out.
    pub steps: usize,
    /// The loss that the attack raises, at each step, and last at the attacked picture.
    pub loss: Vec<f64>,
    /// The pictures of the steps, of many steps some, and last the attacked one, if they were to be kept.
    pub trajectory: Timeline<Picture>,
    /// How many pictures went forward through the model: those that the search asked about and the two before and after,
    /// each as often as a defence draws, votes and denoises.
    pub queries: usize,
    /// How many went back through it, for gradients and for a defence's denoisers.
    pub gradients: usize,
    /// What a person should know about this number.
    pub warnings: Vec<Warning>,
}

impl Outcome {
    /// Whether there was anything to attack: not where the target is the picture's own class.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.target != Some(self.label)
    }

    /// Whether a target was missed, and yet the picture is not taken for what it is any more.
    #[must_use]
    pub fn strayed(&self) -> bool {
        self.is_needed() && !self.success && self.predicted_after != self.label
    }

    /// What came of it, in a word or two: `succeeded`, `failed`, or `not needed`.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match (self.is_needed(), self.success) {
            (false, _) => "not needed",
            (true, true) => "succeeded",
            (true, false) => "failed",
        }
    }
}

/// What an observer sees of one step of one picture.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Which picture of the batch.
    pub picture: usize,
    /// The step, from 0 on.
    pub step: usize,
    /// About how many steps there will be.
    pub steps: usize,
    /// Which run of the search it is in, from 0 on: each restart, loss or part of an ensemble is one.
    pub run: usize,
    /// The loss that the attack raises.
    pub loss: f64,
    /// The most probable class now.
    pub predicted: usize,
    /// p(c | x) now, `[K]`.
    pub posterior: &'a [f64],
    /// The picture now, `[C, H, W]`.
    pub attacked: &'a [f32],
}

/// What a step shows of one picture: the loss, `log p(c | x)` up to a constant, and what was asked about; and what it cost.
pub(super) struct Seen<'a> {
    pub(super) loss: f64,
    pub(super) logits: &'a [f64],
    pub(super) picture: &'a [f32],
    pub(super) cost: Passes,
}

/// Attacks each picture of `clean`, which lie in [0, 1], given each one's class.
///
/// # Errors
/// [`Error::Option`] for settings that the method does not take, [`Error::Compute`] for pictures outside [0, 1],
/// labels that do not exist or what the model fails with, [`Error::Cancelled`] once `cancel` is raised.
pub fn run(
    model: &dyn JointModel,
    clean: &Batch,
    labels: &[usize],
    settings: &Settings,
    cancel: &Cancel,
    observer: &mut dyn FnMut(Step<'_>),
) -> Result<Vec<Outcome>> {
    let classes = model.classes().len();
    settings.check(model)?;
    check_pictures(clean, labels, classes)?;
    cancel.check()?;
    let classifier = settings.defence.classifier(model, settings.sigma, settings.seed);
    let streams: Vec<u64> = (0..clean.len() as u64).map(|i| settings.first + i).collect();
    let before = classifier.verdict(clean, &streams)?;
    let mut attacks: Vec<Attack> = (0..clean.len())
        .map(|i| Attack::new(clean.picture(i), labels[i], &before[i * classes..][..classes], settings, streams[i]))
        .collect();

    let mut active: Vec<usize> = (0..attacks.len()).collect();
    let mut progress = Progress::Made;
    for round in 1.. {
        cancel.check()?;
        if progress != Progress::Refused {
            progress = ahead::advance(&*classifier, &mut attacks, &active, settings, observer)?;
        }
        if progress == Progress::Made {
            continue;
        }
        active = advance(&*classifier, &mut attacks, &active, settings, round, observer)?;
        if active.is_empty() {
            break;
        }
    }

    cancel.check()?;
    let attacked: Vec<Picture> =
        attacks.iter().map(|a| Picture::new(clean.shape(), a.search.result().to_vec())).collect();
    let after = classifier.verdict(&Batch::of(&attacked), &streams)?;
    let doubts: Vec<_> = [Warning::of_sigma(model, settings.sigma), Warning::of_defence(settings.defence)]
        .into_iter()
        .flatten()
        .collect();
    let outcomes = attacks.into_iter().zip(attacked).zip(after.chunks_exact(classes));
    // What every picture is asked besides the search: the verdicts before and after.
    let verdicts = classifier.cost().verdict.times(2);
    let finish = |((attack, attacked), logits): ((Attack, Picture), &[f64])| {
        attack.finish(attacked, logits, settings, verdicts, &doubts)
    };
    Ok(outcomes.map(finish).collect())
}

/// What the attacked classifier decides on pictures by: its posterior, `[N]` of `[K]`, as [`Outcome::posterior_after`] is.
///
/// # Errors
/// As for [`run`].
pub fn judge(model: &dyn JointModel, pictures: &Batch, settings: &Settings) -> Result<Vec<Vec<f64>>> {
    settings.check(model)?;
    let classifier = settings.defence.classifier(model, settings.sigma, settings.seed);
    let streams: Vec<u64> = (0..pictures.len() as u64).map(|i| settings.first + i).collect();
    let logits = classifier.verdict(pictures, &streams)?;
    Ok(logits.chunks_exact(model.classes().len()).map(posterior).collect())
}

fn check_pictures(clean: &Batch, labels: &[usize], classes: usize) -> Result<()> {
    if labels.len() != clean.len() || clean.is_empty() {
        return Err(Error::Compute(format!("{} pictures with {} labels", clean.len(), labels.len())));
    }
    if let Some(label) = labels.iter().find(|l| **l >= classes) {
        return Err(Error::Compute(format!("label {label} does not exist: the model has {classes} classes")));
    }
    if let Some(value) = clean.values().iter().find(|v| !(0.0..=1.0).contains(*v)) {
        return Err(Error::Compute(format!("an attack starts from a clean picture in [0, 1]; this one has {value}")));
    }
    Ok(())
}

/// One picture's attack and its record.
pub(super) struct Attack {
    clean: Picture,
    clean_logits: Vec<f64>,
    goal: Goal,
    search: Box<dyn Search>,
    loss: Vec<f64>,
    trajectory: Timeline<Picture>,
    passes: Passes,
}

impl Attack {
    fn new(clean: Picture, label: usize, logits: &[f64], settings: &Settings, stream: u64) -> Self {
        let mut draws = Draws::new(settings.seed, stream);
        let goal = Goal { label, target: choose_target(settings.target, label, logits, &mut draws) };
        let begin = Begin { shape: clean.shape(), clean_logits: logits.to_vec(), goal, draws };
        let ball = Ball { centre: clean.values().to_vec(), norm: settings.norm, epsilon: settings.epsilon };
        let search = build::search(settings, ball, begin);
        let (clean_logits, trajectory) = (logits.to_vec(), Timeline::of_pictures(clean.shape()));
        Self { clean, clean_logits, goal, search, loss: Vec::new(), trajectory, passes: Passes::default() }
    }

    pub(super) fn search(&self) -> &dyn Search {
        &*self.search
    }

    pub(super) fn goal(&self) -> Goal {
        self.goal
    }

    pub(super) fn shape(&self) -> Shape {
        self.clean.shape()
    }

    /// Passes a step on to the search that was done for it.
    pub(super) fn moved(&mut self, moved: &Moved<'_>) {
        self.search.moved(moved);
    }

    /// Puts a step on record, and tells the observer of it.
    pub(super) fn note(
        &mut self,
        index: usize,
        seen: &Seen<'_>,
        settings: &Settings,
        observer: &mut dyn FnMut(Step<'_>),
    ) {
        self.passes = self.passes.and(seen.cost);
        observer(Step {
            picture: index,
            step: self.loss.len(),
            steps: self.search.length(),
            run: self.search.run(),
            loss: seen.loss,
            predicted: argmax(seen.logits),
            posterior: &posterior(seen.logits),
            attacked: seen.picture,
        });
        self.loss.push(seen.loss);
        if settings.keep_trajectory {
            self.trajectory.push(Picture::new(self.clean.shape(), seen.picture.to_vec()));
        }
    }

    fn finish(
        self,
        attacked: Picture,
        logits: &[f64],
        settings: &Settings,
        verdicts: Passes,
        doubts: &[Warning],
    ) -> Outcome {
        let Self { clean, clean_logits, goal, search, mut loss, mut trajectory, passes } = self;
        let passes = passes.and(verdicts);
        let steps = loss.len();
        loss.push(search.loss().evaluate(goal, logits).0);
        if settings.keep_trajectory {
            trajectory.push(attacked.clone());
        }
        Outcome {
            achieved: Distance::between(&clean, &attacked),
            attacked,
            label: goal.label,
            target: goal.target,
            predicted_before: argmax(&clean_logits),
            predicted_after: argmax(logits),
            posterior_before: posterior(&clean_logits),
            posterior_after: posterior(logits),
            success: goal.is_reached(logits),
            epsilon: settings.is_bounded().then_some(settings.epsilon),
            steps,
            loss,
            trajectory,
            queries: passes.forward,
            gradients: passes.adjoint,
            warnings: doubts.iter().copied().chain(search.warnings()).collect(),
        }
    }
}

fn choose_target(target: Target, label: usize, logits: &[f64], draws: &mut Draws) -> Option<usize> {
    match target {
        Target::None => None,
        Target::Class(class) => Some(class),
        Target::Random => {
            let other = draws.below(logits.len() - 1);
            Some(if other < label { other } else { other + 1 })
        }
        Target::LeastLikely => descending(logits).into_iter().rev().find(|&c| c != label),
    }
}

/// Answers one question of each active search; returns those that still asked.
fn advance(
    classifier: &dyn Classifier,
    attacks: &mut [Attack],
    active: &[usize],
    settings: &Settings,
    round: u64,
    observer: &mut dyn FnMut(Step<'_>),
) -> Result<Vec<usize>> {
    let mut asking = Vec::new();
    let mut wants: Vec<Want> = Vec::new();
    let mut values = Vec::new();
    for &index in active {
        if let Some(ask) = attacks[index].search.ask() {
            asking.push(index);
            wants.push(ask.want);
            values.extend_from_slice(ask.picture);
        }
    }
    if asking.is_empty() {
        return Ok(asking);
    }
    let pictures = Batch::new(attacks[asking[0]].clean.shape(), values);
    let streams: Vec<u64> = asking.iter().map(|&i| settings.first + i as u64).collect();
    let judgement = classifier.judge(&pictures, &streams, round)?;
    let classes = judgement.logits().len() / asking.len();
    let logits_of = |row: usize| &judgement.logits()[row * classes..][..classes];

    let wanted: Vec<(f64, Vec<f32>)> =
        (0..asking.len()).map(|row| wants[row].cotangents(attacks[asking[row]].goal, logits_of(row))).collect();
    // Every picture of a batch has as many cotangents as the one that wants most; the rest are zero.
    let most = wanted.iter().map(|(_, weights)| weights.len()).max().unwrap_or(0);
    let gradients = if most == 0 {
        None
    } else {
        let mut cotangents = Vec::with_capacity(most * asking.len());
        for (_, weights) in &wanted {
            cotangents.extend_from_slice(weights);
            cotangents.resize(cotangents.len() + most - weights.len(), 0.0);
        }
        Some(judgement.gradients(&cotangents)?)
    };

    let cost = classifier.cost();
    let each = most / classes * pictures.shape().len();
    for (row, &index) in asking.iter().enumerate() {
        let (loss, weights) = &wanted[row];
        let count = weights.len() / classes;
        let gradients = match &gradients {
            Some(all) => &all.values()[row * each..][..count * pictures.shape().len()],
            None => &[],
        };
        let attack = &mut attacks[index];
        let cost = cost.judge.and(cost.gradient.times(count));
        let seen = Seen { loss: *loss, logits: logits_of(row), picture: pictures.row(row), cost };
        attack.note(index, &seen, settings, observer);
        attack.search.tell(&Answer { logits: logits_of(row), loss: *loss, gradients });
    }
    Ok(asking)
}
