//! One part after the other: noise levels, attacks, certificates.

use std::path::Path;

use super::certified::Level as Certificates;
use super::levels::{Scores, Under};
use super::robust::{Attacked, doubt_gradients};
use super::work::{Measure, Work};
use super::{DetectionFigures, Evaluation, Journal, Plan, Samples, Score, Step, auroc, examples, fpr_at_95};
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
    let others = others.filter(|_| plan.noises.contains(&NoiseKind::Gaussian));
    let noises: Vec<Noise> = plan.noises.iter().flat_map(|&kind| at_levels(kind, plan)).collect();
    let attacks: Vec<Attacked<'_>> =
        plan.attacks.iter().map(|attack| Attacked { model, samples, attack, seed: plan.seed }).collect();
    let certify = &plan.certify;
    let certificates: Vec<Certificates<'_>> = certify
        .sigmas
        .iter()
        .map(|&sigma| Certificates { model, samples, plan: certify, sigma, seed: plan.seed })
        .collect();
    let total = samples.len() * (noises.len() + attacks.len())
        + others.map_or(0, |others| others.len() * plan.sigmas.len())
        + certificates.iter().map(Measure::count).sum::<usize>();
    let work = &mut Work { model, batch: plan.batch, journal, cancel, observe, done: 0, total };
    let under = |noise: Noise, samples| Under { model, samples, noise };
    let of_others = |noise: &Noise| others.filter(|_| noise.kind == NoiseKind::Gaussian);
    let known = noises.iter().map(|&noise| work.known(&under(noise, samples))).sum::<Result<usize>>()?
        + noises
            .iter()
            .filter_map(|n| of_others(n).map(|others| work.known(&under(*n, others))))
            .sum::<Result<usize>>()?
        + attacks.iter().map(|attacked| work.known(attacked)).sum::<Result<usize>>()?
        + certificates.iter().map(|level| work.known(level)).sum::<Result<usize>>()?;
    if known == 0 && !work.journal.is_empty() {
        let path = work.journal.path().unwrap_or(Path::new("the journal"));
        let reason = "holds nothing of this evaluation (other data, model or options); --force begins anew";
        return Err(Error::data(path, reason));
    }
    work.journal.reused = known;

    let mut evaluation = Evaluation {
        model: model.name().to_owned(),
        device: model.device(),
        data: samples.name.clone(),
        images: samples.len(),
        classes: model.classes().len(),
        seed: plan.seed,
        by_sigma: Vec::new(),
        by_noise: Vec::new(),
        robust: Vec::new(),
        certified: Vec::new(),
        ood: Vec::new(),
        examples: examples::choose(model, samples, plan, cancel)?,
    };
    for noise in noises {
        let (figures, scores) = under(noise, samples).figures(work)?;
        if noise.kind != NoiseKind::Gaussian {
            evaluation.by_noise.push(figures);
            continue;
        }
        evaluation.by_sigma.push(figures);
        if let Some(others) = others {
            let (_, other_scores) = under(noise, others).figures(work)?;
            let detections = detections(others, noise.sigma, &scores, &other_scores);
            // The posterior of one class is 1 on every picture.
            evaluation.ood.extend(detections.filter(|d| model.is_classifier() || d.score != Score::MaxPosterior));
        }
    }
    for attacked in attacks {
        evaluation.robust.push(attacked.figures(work)?);
    }
    doubt_gradients(&mut evaluation.robust);
    for level in certificates {
        evaluation.certified.push(level.figures(work)?);
    }
    Ok(evaluation)
}

/// Noise of one kind at every level of the plan.
fn at_levels(kind: NoiseKind, plan: &Plan) -> impl Iterator<Item = Noise> {
    plan.sigmas.iter().map(move |&sigma| Noise { kind, sigma, seed: plan.seed })
}

fn detections(others: &Samples, sigma: f32, own: &Scores, other: &Scores) -> impl Iterator<Item = DetectionFigures> {
    Score::ALL.into_iter().zip(own.iter().zip(other)).map(move |(score, (own, other))| DetectionFigures {
        data: others.name.clone(),
        images: others.len(),
        sigma,
        score,
        auroc: auroc(own, other),
        fpr_at_95: fpr_at_95(own, other),
    })
}
