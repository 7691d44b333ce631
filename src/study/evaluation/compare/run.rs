//! The comparison itself.

use rayon::prelude::*;

use super::{
    Classification, ComparePlan, Compared, Comparison, Difference, Disputed, LevelComparison, McNemar, Transfer,
};
use crate::attack::{self, Settings, Target};
use crate::joint::{JointModel, Pairing};
use crate::picture::{Batch, Fidelity, Noise, NoiseKind, PSNR, Picture};
use crate::study::evaluation::{AttackPlan, Samples, Step};
use crate::study::{level, ranked};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// Compares `models` on `samples`, which were made for the first.
///
/// Both see the same pictures under the same noise; every attack is made for either and tried on both. Classes are matched by name, or
/// by number where no name agrees.
///
/// # Errors
/// [`Error::Option`] naming the option of `denoscope compare` for models that cannot be compared and for numbers beyond their limits;
/// [`Error::Compute`]; [`Error::Cancelled`].
pub fn compare(
    models: [&dyn JointModel; 2],
    samples: &Samples,
    plan: &ComparePlan,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<Comparison> {
    plan.check(models)?;
    let pairing = Pairing::of(models)?;
    let note = pairing.note.clone();
    let steps = plan.sigmas.len() + 2 * plan.attacks.len();
    let mut pair = Pair { models, pairing, samples, plan, cancel, observe, done: 0, total: steps * samples.len() };
    let of = |model: &dyn JointModel, more: Option<String>| Compared {
        name: model.name().to_owned(),
        device: model.device(),
        notes: model.abilities().notes().map(|note| format!("the model {note}")).chain(more).collect(),
    };
    Ok(Comparison {
        by_sigma: plan.sigmas.iter().map(|&sigma| pair.level(sigma)).collect::<Result<_>>()?,
        robust: plan.attacks.iter().map(|attack| pair.transfer(attack)).collect::<Result<_>>()?,
        models: [of(models[0], None), of(models[1], note)],
        data: samples.name.clone(),
        images: samples.len(),
        seed: plan.seed,
    })
}

impl ComparePlan {
    /// Checks noise levels and attacks against both models: what is refused here is refused before the first picture.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option of `denoscope compare`.
    pub fn check(&self, models: [&dyn JointModel; 2]) -> Result<()> {
        Pairing::of(models)?;
        for &sigma in &self.sigmas {
            limits::positive_sigma("--sigmas", sigma)?;
        }
        for attack in &self.attacks {
            for model in models {
                attack.settings(model, self.seed).check(model).map_err(|error| match error {
                    Error::Option { option, reason } => {
                        Error::option("--attacks", format!("{attack}: {}: {reason}", option.trim_start_matches('-')))
                    }
                    other => other,
                })?;
            }
        }
        limits::whole("--batch", self.batch as u64, 1, limits::LARGEST_BATCH as u64)?;
        limits::whole("--pictures", self.disputed as u64, 0, 1000)
    }
}

/// Two models at work.
struct Pair<'a> {
    models: [&'a dyn JointModel; 2],
    pairing: Pairing,
    samples: &'a Samples,
    plan: &'a ComparePlan,
    cancel: &'a Cancel,
    observe: &'a mut dyn FnMut(Step<'_>),
    done: usize,
    total: usize,
}

/// What one model says of a noisy picture: A's class, how sure it is, and the PSNR of what it restores.
struct Said {
    class: usize,
    probability: f64,
    psnr: Option<f64>,
}

impl Pair<'_> {
    /// The numbers of the pictures, so many at a time.
    fn parts(&self) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.samples.len()).collect();
        all.chunks(self.plan.batch).map(<[usize]>::to_vec).collect()
    }

    fn step(&mut self, part: &str, count: usize) -> Result<()> {
        self.done += count;
        (self.observe)(Step { part, done: self.done, total: self.total });
        self.cancel.check()
    }

    /// A's class for one of a model's.
    fn class_of(&self, side: usize, class: usize) -> usize {
        if side == 1 { self.pairing.in_a(class) } else { class }
    }

    /// A model's class for one of A's.
    fn label(&self, side: usize, class: usize) -> usize {
        if side == 1 { self.pairing.in_b(class) } else { class }
    }

    /// Both models under noise of one level.
    fn level(&mut self, sigma: f32) -> Result<LevelComparison> {
        let noise = Noise { kind: NoiseKind::Gaussian, sigma, seed: self.plan.seed };
        let mut said: [Vec<Said>; 2] = [Vec::new(), Vec::new()];
        for numbers in self.parts() {
            let samples = self.samples;
            let clean: Vec<Picture> = numbers.par_iter().map(|&index| samples.picture(index)).collect::<Result<_>>()?;
            let noisy: Vec<Picture> = clean
                .par_iter()
                .zip(&numbers)
                .map(|(picture, &index)| noise.apply_nth(picture, index as u64))
                .collect();
            let noisy = Batch::of(&noisy);
            for (side, said) in said.iter_mut().enumerate() {
                said.extend(self.says(side, &clean, &noisy, sigma)?);
            }
            self.step(&format!("σ = {}", level::describe(sigma)), numbers.len())?;
        }
        let [a, b] = &said;
        let both = || a.iter().zip(b).enumerate();
        let label = |index: usize| self.samples.label(index);
        let classification = self.pairing.classes.is_some().then(|| {
            let right: Vec<[bool; 2]> = both().map(|(i, (a, b))| [a, b].map(|said| said.class == label(i))).collect();
            let wrong = |alike: bool| {
                let wrong =
                    |(i, (a, b)): &(usize, (&Said, &Said))| right[*i] == [false; 2] && (a.class == b.class) == alike;
                both().filter(wrong).count()
            };
            Classification {
                accuracy: [0, 1].map(|side| share(right.iter().map(|pair| pair[side]))),
                both_right: right.iter().filter(|pair| **pair == [true; 2]).count(),
                both_wrong_alike: wrong(true),
                both_wrong_apart: wrong(false),
                test: McNemar::over(right.iter().copied()),
            }
        });
        let pairs: Option<Vec<[f64; 2]>> = both().map(|(_, (a, b))| Some([a.psnr?, b.psnr?])).collect();
        let disputed = if classification.is_some() { self.disputed(&said)? } else { Vec::new() };
        Ok(LevelComparison {
            sigma,
            sigma_used: self.models.map(|model| model.sigma_range().clamp(sigma)),
            psnr_db: pairs.and_then(|pairs| Difference::of(&pairs)),
            classification,
            disputed,
        })
    }

    /// What a model says of some noisy pictures.
    fn says(&self, side: usize, clean: &[Picture], noisy: &Batch, sigma: f32) -> Result<Vec<Said>> {
        let model = self.models[side];
        let forward = model.forward(noisy, &vec![model.sigma_range().clamp(sigma); noisy.len()])?;
        let denoised = match model.abilities().gradients.missing() {
            Some(_) => None,
            None => Some(forward.denoised()?.pictures()),
        };
        let of = |index: usize| {
            let posterior = forward.posterior_of(index);
            let class = ranked(&posterior)[0];
            let psnr = denoised.as_ref().and_then(|d| Fidelity::quick(&d[index], &clean[index]).get(&PSNR));
            Said { class: self.class_of(side, class), probability: posterior[class], psnr }
        };
        Ok((0..noisy.len()).map(of).collect())
    }

    /// The pictures that one model alone takes for what they are; first those of which both are surest.
    fn disputed(&self, said: &[Vec<Said>; 2]) -> Result<Vec<Disputed>> {
        let right = |side: usize, index: usize| said[side][index].class == self.samples.label(index);
        let mut numbers: Vec<usize> = (0..self.samples.len()).filter(|&i| right(0, i) != right(1, i)).collect();
        let sure = |index: usize| said[0][index].probability.min(said[1][index].probability);
        numbers.sort_by(|&a, &b| sure(b).total_cmp(&sure(a)).then(a.cmp(&b)));
        let names = self.models[0].classes();
        let of = |&number: &usize| {
            Ok(Disputed {
                number,
                class: names[self.samples.label(number)].clone(),
                said: [0, 1].map(|side| names[said[side][number].class].clone()),
                probability: [0, 1].map(|side| said[side][number].probability),
                picture: self.samples.picture(number)?,
            })
        };
        numbers.iter().take(self.plan.disputed).map(of).collect()
    }

    /// An attack made for either model and tried on both.
    fn transfer(&mut self, attack: &AttackPlan) -> Result<Transfer> {
        let settings = self.models.map(|model| attack.settings(model, self.plan.seed));
        // Whether each picture is taken for what it is: before, and after the attack made for one, by each.
        let mut before: [Vec<bool>; 2] = Default::default();
        let mut after: [[Vec<bool>; 2]; 2] = Default::default();
        let mut reached: [[Vec<bool>; 2]; 2] = Default::default();
        for made in 0..2 {
            for numbers in self.parts() {
                let pictures: Vec<Picture> = numbers.iter().map(|&i| self.samples.picture(i)).collect::<Result<_>>()?;
                let labels: Vec<usize> = numbers.iter().map(|&i| self.label(made, self.samples.label(i))).collect();
                let first = numbers[0] as u64;
                let settings_here = Settings { first, ..settings[made].clone() };
                let outcomes = attack::run(
                    self.models[made],
                    &Batch::of(&pictures),
                    &labels,
                    &settings_here,
                    self.cancel,
                    &mut |_| (),
                )?;
                before[made].extend(outcomes.iter().map(|outcome| outcome.predicted_before == outcome.label));
                let within = |outcome: &attack::Outcome| outcome.achieved.in_norm(attack.norm) <= attack.epsilon + 1e-6;
                after[made][made].extend(outcomes.iter().map(|outcome| {
                    let broken = outcome.predicted_after != outcome.label && within(outcome);
                    outcome.predicted_before == outcome.label && !broken
                }));
                reached[made][made].extend(outcomes.iter().map(|outcome| outcome.success && within(outcome)));
                // What lies beyond the budget is no attack within it.
                let shown: Vec<Picture> = outcomes
                    .iter()
                    .zip(&pictures)
                    .map(|(outcome, clean)| if within(outcome) { outcome.attacked.clone() } else { clean.clone() })
                    .collect();
                let other = 1 - made;
                let sigma = settings[other].sigma;
                let forward = self.models[other].forward(&Batch::of(&shown), &vec![sigma; shown.len()])?;
                for (index, &number) in numbers.iter().enumerate() {
                    let class = ranked(&forward.posterior_of(index))[0];
                    after[made][other].push(self.class_of(other, class) == self.samples.label(number));
                    let target = outcomes[index].target.map(|target| self.class_of(made, target));
                    reached[made][other].push(target == Some(self.class_of(other, class)));
                }
                drop(forward);
                self.step(&format!("{attack} on {}", ["A", "B"][made]), numbers.len())?;
            }
        }
        // One that was wrong before counts as wrong.
        for (made, other) in [(0, 1), (1, 0)] {
            after[made][other].iter_mut().zip(&before[other]).for_each(|(after, before)| *after &= before);
        }
        let own = after[0][0].iter().zip(&after[1][1]).map(|(a, b)| [*a, *b]);
        Ok(Transfer {
            method: attack.method,
            norm: attack.norm,
            epsilon: attack.epsilon,
            parameters: attack.parameters.clone(),
            target: attack.target,
            reached: (attack.target != Target::None)
                .then(|| reached.each_ref().map(|row| row.each_ref().map(|hits| share(hits.iter().copied())))),
            sigma: [settings[0].sigma, settings[1].sigma],
            clean_accuracy: [0, 1].map(|side| share(before[side].iter().copied())),
            test: McNemar::over(own),
            accuracy: after.each_ref().map(|row| row.each_ref().map(|right| share(right.iter().copied()))),
        })
    }
}

/// The share of what is true.
fn share(all: impl ExactSizeIterator<Item = bool>) -> f64 {
    let count = all.len().max(1) as f64;
    all.filter(|right| *right).count() as f64 / count
}
