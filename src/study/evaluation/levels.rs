//! What noise of one kind and level does: accuracy, calibration, and how near the denoised pictures come.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fidelity::{Kept, MeanFidelity};
use super::work::Measure;
use super::{Calibration, Samples, exact};
use crate::Result;
use crate::joint::JointModel;
use crate::picture::{Batch, Noise, NoiseKind, Picture};
use crate::study::{Fidelity, level, ranked};
use crate::task::Cancel;

/// Models of more classes are measured by their five most probable ones too, as is usual for many.
pub const FEW: usize = 20;

/// The figures of one kind and level of noise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelFigures {
    /// The kind of noise.
    pub noise: NoiseKind,
    /// Its strength on the [0, 1] scale, which the model is told.
    pub sigma: f32,
    /// What the model computed with, inside its trained range.
    pub sigma_used: f32,
    /// The share of pictures whose most probable class is the true one: 1 for a model of one class, which says nothing.
    pub accuracy: f64,
    /// The share of pictures whose true class is among the five most probable ones; only of models of more than
    /// twenty classes, and none if a journal of before, which does not tell, holds some of the pictures.
    pub top5_accuracy: Option<f64>,
    /// The expected calibration error over 15 equal-width bins: 0 for a model of one class, which says nothing.
    pub ece: f64,
    /// How near the pictures are to the clean ones.
    #[serde(flatten)]
    pub fidelity: MeanFidelity,
    /// The mean of `log p_σ(y)`, up to a constant that depends on σ; none of a model without a density.
    pub log_density: Option<f64>,
    /// Confidence against accuracy.
    pub reliability: Calibration,
}

/// What is kept of each picture.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    #[serde(with = "exact")]
    confidence: f64,
    right: bool,
    /// Whether the true class is among the five most probable ones, where there are many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    among_five: Option<bool>,
    #[serde(with = "exact")]
    log_density: f64,
    /// `‖∇_y log p_σ(y)‖`
    #[serde(with = "exact")]
    score_norm: f64,
    /// How near the noisy picture, D(y) and D(y | c), c the picture's true class, are to the clean one.
    noisy: Kept,
    denoised: Kept,
    given_class: Kept,
}

impl Answer {
    /// How sure the model is of a class that is not the picture's; none where it is right.
    pub(super) fn mistaken(&self) -> Option<f64> {
        (!self.right).then_some(self.confidence)
    }

    /// Whether one that was read can be.
    pub(super) fn is_sound(&self) -> bool {
        let Self { confidence, log_density, score_norm, noisy, denoised, given_class, .. } = self;
        (0.0..=1.0).contains(confidence)
            && [*log_density, *score_norm].iter().all(|value| value.is_finite())
            && noisy.is_sound(|_| true)
            && denoised.is_sound(|_| true)
            && given_class.is_sound(|metric| metric.is_quick)
    }
}

/// What each picture scores, in the order of [`super::Score::ALL`].
pub(super) type Scores = [Vec<f64>; 3];

/// Noise of one kind and level, as the figures name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LevelFrame {
    pub(super) noise: Noise,
    /// What the model computes with.
    pub(super) sigma_used: f32,
    /// Whether the model's log p(y) is one.
    #[serde(default = "yes")]
    pub(super) has_density: bool,
}

/// What journals of before hold: every model had a density.
fn yes() -> bool {
    true
}

/// A set of pictures under noise of one kind and level.
pub(super) struct Under<'a> {
    pub(super) model: &'a dyn JointModel,
    pub(super) samples: &'a Samples,
    pub(super) noise: Noise,
}

impl Under<'_> {
    fn sigma_used(&self) -> f32 {
        self.model.sigma_range().clamp(self.noise.sigma)
    }

    pub(super) fn frame(&self) -> LevelFrame {
        let has_density = self.model.abilities().density.missing().is_none();
        LevelFrame { noise: self.noise, sigma_used: self.sigma_used(), has_density }
    }
}

impl LevelFrame {
    /// The figures of all pictures' answers.
    pub(super) fn figures(&self, answers: &[Answer]) -> (LevelFigures, Scores) {
        let mean =
            |value: &dyn Fn(&Answer) -> f64| answers.iter().map(value).sum::<f64>() / answers.len().max(1) as f64;
        let means = |of: fn(&Answer) -> &Kept| Kept::mean(&answers.iter().map(of).collect::<Vec<_>>());
        let reliability = Calibration::of(answers.iter().map(|a| (a.confidence, a.right)));
        let scores = [
            answers.iter().map(|a| a.log_density).collect(),
            answers.iter().map(|a| a.confidence).collect(),
            answers.iter().map(|a| -a.score_norm).collect(),
        ];
        let figures = LevelFigures {
            noise: self.noise.kind,
            sigma: self.noise.sigma,
            sigma_used: self.sigma_used,
            accuracy: mean(&|a| f64::from(u8::from(a.right))),
            top5_accuracy: top5(answers),
            ece: reliability.error(),
            fidelity: MeanFidelity {
                noisy: means(|a| &a.noisy),
                denoised: means(|a| &a.denoised),
                given_class: means(|a| &a.given_class),
            },
            log_density: self.has_density.then(|| mean(&|a| a.log_density)),
            reliability,
        };
        (figures, scores)
    }
}

impl Measure for Under<'_> {
    type Record = Answer;

    fn name(&self) -> String {
        format!("{} {} on {}", self.noise.kind, level::describe(self.noise.sigma), self.samples.name)
    }

    fn settings(&self) -> Value {
        json!({"measure": "noise", "noise": self.noise})
    }

    fn samples(&self) -> &Samples {
        self.samples
    }

    fn is_sound(&self, record: &Answer) -> bool {
        record.is_sound()
    }

    fn measure(&self, numbers: &[usize], _cancel: &Cancel) -> Result<Vec<Answer>> {
        let (samples, noise, used) = (self.samples, self.noise, self.sigma_used());
        let clean: Vec<Picture> = numbers.par_iter().map(|&index| samples.picture(index)).collect::<Result<_>>()?;
        let noisy: Vec<Picture> =
            clean.par_iter().zip(numbers).map(|(picture, &index)| noise.apply_nth(picture, index as u64)).collect();
        let forward = self.model.forward(&Batch::of(&noisy), &vec![used; numbers.len()])?;
        let labels: Vec<usize> = numbers.iter().map(|&index| samples.label(index)).collect();
        let restored = forward.denoised_with(&labels)?.pictures();
        let beliefs: Vec<(Vec<f64>, f64)> =
            (0..numbers.len()).map(|i| (forward.posterior_of(i), forward.log_density_of(i))).collect();
        let answers = labels.par_iter().enumerate().map(|(i, &label)| {
            let (posterior, log_density) = &beliefs[i];
            let order = ranked(posterior);
            let predicted = order[0];
            let (denoised, given_class) = (&restored[2 * i], &restored[2 * i + 1]);
            Answer {
                confidence: posterior[predicted],
                right: predicted == label,
                among_five: (order.len() > FEW).then(|| order[..5].contains(&label)),
                log_density: *log_density,
                score_norm: distance(denoised, &noisy[i]) / f64::from(used * used),
                noisy: Fidelity::of(&noisy[i], &clean[i]).into(),
                denoised: Fidelity::of(denoised, &clean[i]).into(),
                given_class: Fidelity::quick(given_class, &clean[i]).into(),
            }
        });
        Ok(answers.collect())
    }
}

/// The share of answers that have the true class among five; none if one does not tell, or there is none.
fn top5(answers: &[Answer]) -> Option<f64> {
    let among = answers.iter().map(|answer| answer.among_five).collect::<Option<Vec<_>>>()?;
    let found = among.iter().filter(|&&found| found).count();
    (!among.is_empty()).then(|| found as f64 / among.len() as f64)
}

/// The Euclidean distance of two pictures of one shape.
fn distance(a: &Picture, b: &Picture) -> f64 {
    let squares = a.values().iter().zip(b.values()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    squares.sum::<f64>().sqrt()
}
