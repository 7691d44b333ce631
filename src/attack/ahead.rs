//! Steps that a model does by itself: a search that only climbs along the gradient need not be asked between its steps, and on
//! a graphics card pictures and gradients then stay where they are.

use super::Settings;
use super::budget::{Ball, Norm};
use super::classifier::Classifier;
use super::loss::{Goal, Loss};
use super::run::{Attack, Seen};
use super::search::Moved;
use crate::Result;
use crate::joint::Ascent;
use crate::picture::Batch;

/// The next steps of a search, if each is of a fixed length along the gradient of the cross-entropy, and then projected.
pub(super) struct Climb<'a> {
    pub(super) ball: &'a Ball,
    pub(super) goal: Goal,
    pub(super) length: f64,
    /// How many at most.
    pub(super) steps: usize,
}

/// What came of letting the model do steps by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It did some.
    Made,
    /// A search wants to be asked now.
    Asked,
    /// The model does none.
    Refused,
}

/// Lets the model do the next steps of all searches that still ask.
///
/// Every step is told to its search and to the observer as if it had been asked for, and what a search no longer wants
/// because it is over is forgotten.
pub(super) fn advance(
    classifier: &dyn Classifier,
    attacks: &mut [Attack],
    active: &[usize],
    settings: &Settings,
    observer: &mut dyn FnMut(super::Step<'_>),
) -> Result<Progress> {
    let mut climbing = Vec::new();
    let (mut values, mut centres) = (Vec::new(), Vec::new());
    let (mut goals, mut bounds) = (Vec::new(), Vec::new());
    let (mut steps, mut length) = (usize::MAX, 0.0);
    for &index in active {
        let search = attacks[index].search();
        let Some(ask) = search.ask() else { continue };
        let Some(climb) = search.climb() else { return Ok(Progress::Asked) };
        // −log p of the label is to rise, or that of the target to fall.
        goals.push(climb.goal.target.map_or((climb.goal.label, false), |target| (target, true)));
        bounds.extend(climb.ball.bounds());
        centres.extend_from_slice(&climb.ball.centre);
        values.extend_from_slice(ask.picture);
        steps = steps.min(climb.steps);
        length = climb.length;
        climbing.push(index);
    }
    let Some(first) = climbing.first() else { return Ok(Progress::Asked) };
    let shape = attacks[*first].shape();
    let radius = (settings.norm == Norm::L2).then_some(settings.epsilon as f32);
    let ascent = Ascent { goals: &goals, bounds: &bounds, centres: &centres, length: length as f32, radius, steps };
    let Some(found) = classifier.ascend(&Batch::new(shape, values.clone()), &ascent)? else {
        return Ok(Progress::Refused);
    };

    let (each, count) = (shape.len(), climbing.len());
    let classes = found.logits.len() / (found.steps * count);
    for step in 0..found.steps {
        for (row, &index) in climbing.iter().enumerate() {
            let attack = &mut attacks[index];
            if attack.search().climb().is_none() {
                continue;
            }
            let at = step * count + row;
            let logits: Vec<f64> = found.logits[at * classes..][..classes].iter().map(|v| f64::from(*v)).collect();
            let (loss, _) = Loss::CrossEntropy.evaluate(attack.goal(), &logits);
            let before = if step == 0 { &values[row * each..] } else { &found.pictures[(at - count) * each..] };
            let cost = classifier.cost();
            let seen = Seen { loss, logits: &logits, picture: &before[..each], cost: cost.judge.and(cost.gradient) };
            attack.note(index, &seen, settings, observer);
            let picture = &found.pictures[at * each..][..each];
            attack.moved(&Moved { logits: &logits, flat: found.slopes[at] == 0.0, picture });
        }
    }
    Ok(Progress::Made)
}
