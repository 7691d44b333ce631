//! What an evaluation is of: all that its figures depend on besides the records, so that they can be made of records that were
//! measured elsewhere, without the model and the pictures.

use serde::{Deserialize, Serialize};

use super::certified::{CertificateFrame, Poll};
use super::levels::{Answer, LevelFrame, Scores};
use super::robust::{AttackFrame, Attempt, doubt_gradients};
use super::{DetectionFigures, Evaluation, Examples, Score, auroc, fpr_at_95};
use crate::picture::NoiseKind;
use crate::{Error, Result, limits};

/// An evaluation without its records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Frame {
    pub(super) model: String,
    /// What tells the model from every other.
    pub(super) digest: String,
    pub(super) device: String,
    pub(super) data: String,
    pub(super) images: usize,
    pub(super) classes: usize,
    pub(super) seed: u64,
    /// Pictures of another kind: their name and number.
    pub(super) others: Option<(String, usize)>,
    pub(super) levels: Vec<LevelFrame>,
    pub(super) attacks: Vec<AttackFrame>,
    pub(super) certificates: Vec<CertificateFrame>,
}

/// Where the records come from, all pictures' of a part in order.
pub(super) trait Source {
    /// Of a noise level, by its number: of the pictures themselves, or of those of another kind.
    fn answers(&mut self, level: usize, of_others: bool) -> Result<Vec<Answer>>;
    /// Of an attack.
    fn attempts(&mut self, attack: usize) -> Result<Vec<Attempt>>;
    /// Of a noise level that is certified.
    fn polls(&mut self, certificate: usize) -> Result<Vec<Poll>>;
}

/// One part of an evaluation, in the order in which they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Level { number: usize, of_others: bool },
    Attack(usize),
    Certificate(usize),
}

impl Frame {
    /// Every part.
    pub(super) fn parts(&self) -> Vec<Part> {
        let of_level = |number: usize| {
            let others = self.others.is_some() && self.levels[number].noise.kind == NoiseKind::Gaussian;
            [false, true]
                .into_iter()
                .filter(move |of_others| !of_others || others)
                .map(move |of_others| Part::Level { number, of_others })
        };
        let levels = (0..self.levels.len()).flat_map(of_level);
        let attacks = (0..self.attacks.len()).map(Part::Attack);
        levels.chain(attacks).chain((0..self.certificates.len()).map(Part::Certificate)).collect()
    }

    /// How many records a part has.
    pub(super) fn count(&self, part: Part) -> usize {
        match part {
            Part::Level { of_others: true, .. } => self.others.as_ref().map_or(0, |(_, count)| *count),
            Part::Level { .. } | Part::Attack(_) => self.images,
            Part::Certificate(number) => self.certificates[number].count(),
        }
    }

    /// Refuses numbers that cannot be: a frame may come from a file.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub(super) fn check(&self) -> Result<()> {
        let sigmas = self.levels.iter().flat_map(|level| [level.noise.sigma, level.sigma_used]);
        sigmas.into_iter().try_for_each(|sigma| limits::positive_sigma("--sigmas", sigma))?;
        self.certificates.iter().try_for_each(CertificateFrame::check)?;
        if self.certificates.iter().any(|certificate| certificate.count() > self.images) {
            return Err(Error::option("--certify", "there are fewer pictures than certificates"));
        }
        Ok(())
    }

    /// The evaluation, without example pictures.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) fn figures(&self, source: &mut dyn Source) -> Result<Evaluation> {
        let mut evaluation = Evaluation {
            model: self.model.clone(),
            device: self.device.clone(),
            data: self.data.clone(),
            images: self.images,
            classes: self.classes,
            seed: self.seed,
            by_sigma: Vec::new(),
            by_noise: Vec::new(),
            robust: Vec::new(),
            certified: Vec::new(),
            ood: Vec::new(),
            examples: Examples::default(),
        };
        for (number, level) in self.levels.iter().enumerate() {
            let (figures, scores) = level.figures(&source.answers(number, false)?);
            if level.noise.kind != NoiseKind::Gaussian {
                evaluation.by_noise.push(figures);
                continue;
            }
            evaluation.by_sigma.push(figures);
            if let Some(others) = &self.others {
                let (_, other_scores) = level.figures(&source.answers(number, true)?);
                let detections = detections(others, level.noise.sigma, &scores, &other_scores);
                evaluation.ood.extend(detections.filter(|detection| match detection.score {
                    // The posterior of one class is 1 on every picture.
                    Score::MaxPosterior => self.classes > 1,
                    Score::LogDensity => level.has_density,
                    Score::ScoreNorm => true,
                }));
            }
        }
        for (number, attack) in self.attacks.iter().enumerate() {
            evaluation.robust.push(attack.figures(&source.attempts(number)?));
        }
        doubt_gradients(&mut evaluation.robust);
        for (number, certificate) in self.certificates.iter().enumerate() {
            evaluation.certified.push(certificate.figures(&source.polls(number)?));
        }
        Ok(evaluation)
    }
}

fn detections(
    (name, images): &(String, usize),
    sigma: f32,
    own: &Scores,
    other: &Scores,
) -> impl Iterator<Item = DetectionFigures> {
    Score::ALL.into_iter().zip(own.iter().zip(other)).map(move |(score, (own, other))| DetectionFigures {
        data: name.clone(),
        images: *images,
        sigma,
        score,
        auroc: auroc(own, other),
        fpr_at_95: fpr_at_95(own, other),
    })
}
