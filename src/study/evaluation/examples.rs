//! A few pictures of an evaluation to look at: clean, noisy, denoised and attacked.

use super::looked::Looked;
use super::{AttackPlan, Plan, Samples};
use crate::Result;
use crate::attack;
use crate::joint::JointModel;
use crate::picture::{Batch, Noise, NoiseKind, Picture};
use crate::study::ranked;
use crate::task::Cancel;

/// What a model says of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The picture, in the model's shape.
    pub picture: Picture,
    /// The most probable class.
    pub class: String,
    /// Its probability.
    pub probability: f64,
}

impl Said {
    fn new(picture: Picture, posterior: &[f64], classes: &[String]) -> Self {
        let class = ranked(posterior)[0];
        Self { picture, class: classes[class].clone(), probability: posterior[class] }
    }
}

/// One picture of the set.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Its class.
    pub label: String,
    /// The picture.
    pub clean: Picture,
    /// Under noise, as the model sees it: never clipped.
    pub noisy: Option<Said>,
    /// D of that.
    pub denoised: Option<Picture>,
    /// Under attack.
    pub attacked: Option<Said>,
    /// What the lab says of it, if it was asked.
    pub looked: Option<Looked>,
}

/// A picture that the model takes for another class under noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// Its number in the data set.
    pub number: usize,
    /// Its class.
    pub label: String,
    /// The picture without noise.
    pub clean: Picture,
    /// Under the noise, and what the model says of it.
    pub said: Said,
}

/// Examples and what was done to them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Examples {
    /// The noise level.
    pub sigma: Option<f32>,
    /// The attack.
    pub attack: Option<AttackPlan>,
    /// The model's classes.
    pub classes: Vec<String>,
    /// The examples.
    pub pictures: Vec<Example>,
    /// The noise of the first level, and of the pictures that are taken for another class under it those of which the model is surest.
    pub mistakes: (Option<Noise>, Vec<Mistake>),
}

/// The plan's number of examples, of as many classes as there are: the middle one of its noise levels, and its first attack.
/// Each picture has the noise and the attack that it has in the evaluation.
pub(super) fn choose(model: &dyn JointModel, samples: &Samples, plan: &Plan, cancel: &Cancel) -> Result<Examples> {
    let mut sigmas = plan.sigmas.clone();
    sigmas.sort_by(f32::total_cmp);
    let sigma = sigmas.get(sigmas.len() / 2).copied();
    let attack = plan.attacks.first();
    let classes = model.classes();
    let chosen = of_many_classes(samples, plan.examples);
    let all: Vec<Picture> = chosen.iter().map(|index| samples.picture(*index)).collect::<Result<_>>()?;
    let densities = if plan.lab { Looked::densities(model, &all, plan.seed, cancel)? } else { None };
    let mut pictures = Vec::new();
    for (place, (index, clean)) in chosen.into_iter().zip(all).enumerate() {
        cancel.check()?;
        let (noisy, denoised) = match sigma {
            Some(sigma) => {
                let noise = Noise { kind: NoiseKind::Gaussian, sigma, seed: plan.seed };
                let noisy = noise.apply_nth(&clean, index as u64);
                let forward = model.forward(&Batch::of([&noisy]), &[model.sigma_range().clamp(sigma)])?;
                let denoised = forward.denoised()?.picture(0);
                (Some(Said::new(noisy, &forward.posterior_of(0), classes)), Some(denoised))
            }
            None => (None, None),
        };
        let attacked = match attack {
            Some(attack) => {
                let mut settings = attack.settings(model, plan.seed);
                settings.first = index as u64;
                let label = samples.label(index);
                let outcomes =
                    attack::run(model, &Batch::of([&clean]), &[label], &settings, cancel, &mut |_| ())?.into_iter();
                outcomes.map(|outcome| Said::new(outcome.attacked, &outcome.posterior_after, classes)).next()
            }
            None => None,
        };
        let label = samples.label(index);
        let seen = noisy.as_ref().map(|said| &said.picture).zip(sigma);
        let smoothing = Looked::smoothing(&plan.certify.sigmas, plan.seed, index);
        let densities = densities.as_ref().map(|densities| (densities, place));
        let look = || Looked::at(model, (&clean, label), seen, densities, smoothing, cancel);
        let looked = plan.lab.then(look).transpose()?;
        pictures.push(Example { label: classes[label].clone(), clean, noisy, denoised, attacked, looked });
    }
    let (attack, classes) = (attack.cloned(), classes.to_vec());
    Ok(Examples { sigma, attack, classes, pictures, mistakes: (None, Vec::new()) })
}

/// Of the pictures that are taken for another class under `noise`, each with its number and how sure the model is, the surest: as many as the
/// report has examples.
pub(super) fn mistakes(
    model: &dyn JointModel,
    samples: &Samples,
    noise: Noise,
    mut wrong: Vec<(usize, f64)>,
    most: usize,
) -> Result<Vec<Mistake>> {
    wrong.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let classes = model.classes();
    let of = |&(number, _): &(usize, f64)| {
        let clean = samples.picture(number)?;
        let noisy = noise.apply_nth(&clean, number as u64);
        let posterior = model.forward(&Batch::of([&noisy]), &[model.sigma_range().clamp(noise.sigma)])?.posterior_of(0);
        let said = Said::new(noisy, &posterior, classes);
        Ok(Mistake { number, label: classes[samples.label(number)].clone(), clean, said })
    };
    wrong.iter().take(most).map(of).collect()
}

/// The first pictures of each class in turn: the first of every class, then the second.
fn of_many_classes(samples: &Samples, count: usize) -> Vec<usize> {
    let mut seen = std::collections::BTreeMap::<usize, usize>::new();
    let mut order: Vec<(usize, usize)> = (0..samples.len())
        .map(|index| {
            let turn = seen.entry(samples.label(index)).or_default();
            *turn += 1;
            (*turn, index)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().take(count).map(|(_, index)| index).collect()
}
