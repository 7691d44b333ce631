//! Certified accuracy by radius: what no perturbation at all can take from the smoothed classifier.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Samples;
use super::exact::Bits;
use super::work::Measure;
use crate::attack::{
    BracketSettings, Bracketing, Certificate, Smoothing, certified_accuracy, certified_radius, certify,
    clopper_pearson_lower,
};
use crate::joint::JointModel;
use crate::picture::Picture;
use crate::study::level;
use crate::study::words::round_up;
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// What is to be certified.
#[derive(Debug, Clone, PartialEq)]
pub struct CertifyPlan {
    /// The noise levels of the smoothing, on the [0, 1] scale.
    pub sigmas: Vec<f32>,
    /// At most how many pictures, spread evenly over the set.
    pub pictures: usize,
    /// How many votes bound each picture's radius.
    pub samples: u64,
    /// How many votes choose its class before.
    pub selection: u64,
    /// The probability that one certificate is wrong, or one bracket.
    pub alpha: f64,
    /// How many attacks on the smoothed classifier close in on each picture's radius from above; half of α is then spent on them.
    pub attempts: usize,
}

impl Default for CertifyPlan {
    /// No level yet; 100 pictures of 1000 votes each, after 100 that choose the class, α = 0.001, no attacks.
    fn default() -> Self {
        Self { sigmas: Vec::new(), pictures: 100, samples: 1000, selection: 100, alpha: 1e-3, attempts: 0 }
    }
}

impl CertifyPlan {
    /// Refuses what no certificate can be made of.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option of `denoscope eval`.
    pub(super) fn check(&self) -> Result<()> {
        let named = |error| match error {
            Error::Option { option, reason } if option == "--sigma" => Error::option("--certify", reason),
            Error::Option { option, reason } => Error::option(option.replace("--", "--certify-"), reason),
            other => other,
        };
        for &sigma in &self.sigmas {
            self.smoothing(sigma, 0).check().map_err(named)?;
            if self.attempts > 0 {
                self.bracket(self.smoothing(sigma, 0)).check().map_err(named)?;
            }
            limits::whole("--certify-pictures", self.pictures as u64, 1, u64::MAX)?;
        }
        Ok(())
    }

    fn smoothing(&self, sigma: f32, seed: u64) -> Smoothing {
        let Self { samples, selection, alpha, .. } = *self;
        // Nobody sees a picture's votes before all planned are in, so that all of α is spent on those.
        Smoothing { selection, samples, alpha, may_stop: false, seed, ..Smoothing::new(sigma) }
    }

    fn bracket(&self, smoothing: Smoothing) -> BracketSettings {
        BracketSettings { attempts: self.attempts, ..BracketSettings::new(smoothing) }
    }
}

/// The certified accuracy at one radius.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CertifiedShare {
    /// The L2 radius on the [0, 1] scale.
    pub radius: f64,
    /// The share of pictures that are certified to keep their true class at least up to it.
    pub accuracy: f64,
}

/// How many pictures have no more than a share of the votes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct VotesShare {
    /// The share of the votes that fall on the true class, from 0 to 1.
    pub votes: f64,
    /// The share of pictures of which it is at most that.
    pub pictures: f64,
}

/// What is known of one picture's radius.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RadiusBracket {
    /// Whether the smoothed classifier says the true class.
    pub right: bool,
    /// The proved L2 radius, 0 for an abstention.
    pub proved: f64,
    /// The distance of the nearest picture that was found to be taken for another class, if one was.
    pub attacked: Option<f64>,
}

/// The certificates of one noise level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CertifiedFigures {
    /// The noise level of the smoothing.
    pub sigma: f32,
    /// How many pictures were certified.
    pub images: usize,
    /// How many votes bound each radius.
    pub samples: u64,
    /// The probability that one certificate is wrong.
    pub alpha: f64,
    /// The share of pictures for which the smoothed classifier abstains.
    pub abstained: f64,
    /// The mean radius, 0 for a wrong class and for abstention (Zhai et al. 2020). A few pictures with nearly unanimous votes make it as large
    /// as one likes (Sun et al. 2024); [`Self::by_radius`] and [`Self::by_votes`] show what it hides.
    pub mean_radius: f64,
    /// The certified accuracy from radius 0 to the largest that this many votes can prove.
    pub by_radius: Vec<CertifiedShare>,
    /// The distribution function of the share of votes for the true class, which estimates `p_A` where that class is the chosen one.
    pub by_votes: Vec<VotesShare>,
    /// The bracket around each picture's radius, in the order of the pictures; none without attacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub brackets: Vec<RadiusBracket>,
    /// The share of pictures whose true class no attack that was found takes within the radius: the true accuracy lies between this and
    /// [`Self::by_radius`]. None without attacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_attack: Vec<CertifiedShare>,
}

/// How the votes on one picture fell.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Poll {
    class: usize,
    selection: Vec<u64>,
    votes: Vec<u64>,
    /// What the attacks found, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attacked: Option<Attacked>,
}

/// What attacks on the smoothed classifier found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Attacked {
    /// How near, if anything.
    nearest: Option<Bits>,
}

/// One noise level, as the figures name it, with the true class of each certified picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CertificateFrame {
    sigma: f32,
    samples: u64,
    selection: u64,
    alpha: Bits,
    #[serde(default)]
    attempts: usize,
    classes: usize,
    labels: Vec<usize>,
}

/// One noise level of the plan.
pub(super) struct Level<'a> {
    pub(super) model: &'a dyn JointModel,
    pub(super) samples: &'a Samples,
    pub(super) plan: &'a CertifyPlan,
    pub(super) sigma: f32,
    pub(super) seed: u64,
}

impl Level<'_> {
    /// The number in the set of each picture that is certified.
    fn picture(&self, number: usize) -> usize {
        number * self.samples.len() / self.count()
    }

    pub(super) fn frame(&self) -> CertificateFrame {
        let CertifyPlan { samples, selection, alpha, attempts, .. } = *self.plan;
        CertificateFrame {
            attempts,
            sigma: self.sigma,
            samples,
            selection,
            alpha: Bits(alpha),
            classes: self.model.classes().len(),
            labels: (0..self.count()).map(|number| self.samples.label(self.picture(number))).collect(),
        }
    }
}

impl CertificateFrame {
    /// Whether another is of the same plan, whatever the pictures.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let plan =
            |frame: &Self| (frame.sigma, frame.samples, frame.selection, frame.alpha, frame.attempts, frame.classes);
        plan(self) == plan(other)
    }

    /// How many pictures are certified.
    pub(super) fn count(&self) -> usize {
        self.labels.len()
    }

    /// Refuses what no certificate can be made of.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub(super) fn check(&self) -> Result<()> {
        let Self { sigma, samples, selection, alpha, attempts, .. } = *self;
        let (sigmas, pictures) = (vec![sigma], self.count());
        CertifyPlan { sigmas, pictures, samples, selection, alpha: alpha.0, attempts }.check()?;
        match self.labels.iter().find(|label| **label >= self.classes) {
            Some(label) => Err(Error::option("--certify", format!("there is no class {label}"))),
            None => Ok(()),
        }
    }

    /// Whether votes that were read can be these.
    pub(super) fn is_sound(&self, Poll { class, selection, votes, attacked }: &Poll) -> bool {
        let sum = |votes: &[u64]| votes.iter().try_fold(0_u64, |sum, &votes| sum.checked_add(votes));
        *class < self.classes
            && (selection.len(), votes.len()) == (self.classes, self.classes)
            && (sum(selection), sum(votes)) == (Some(self.selection), Some(self.samples))
            && attacked.is_some() == (self.attempts > 0)
            && attacked.iter().filter_map(|found| found.nearest).all(|Bits(length)| length.is_finite() && length >= 0.0)
    }

    /// What the certificates spend of α: half of it where attacks spend the other.
    fn proving(&self) -> f64 {
        if self.attempts > 0 { 0.5 * self.alpha.0 } else { self.alpha.0 }
    }

    fn certificate(&self, votes: &Poll) -> Certificate {
        Certificate {
            class: votes.class,
            sigma: self.sigma,
            alpha: self.proving(),
            selection: votes.selection.clone(),
            votes: votes.votes.clone(),
            planned: self.samples,
            may_stop: false,
            early_lower: 0.0,
        }
    }

    /// The figures of the votes on all pictures.
    pub(super) fn figures(&self, votes: &[Poll]) -> CertifiedFigures {
        let (labels, alpha) = (&self.labels, self.alpha.0);
        let certificates: Vec<Certificate> = votes.iter().map(|votes| self.certificate(votes)).collect();
        let radii = radii(self.sigma, self.samples, self.proving());
        let shares = certified_accuracy(&certificates, labels, &radii);
        let count = certificates.len().max(1) as f64;
        let abstained = certificates.iter().filter(|certificate| certificate.radius().is_none()).count();
        let brackets: Vec<RadiusBracket> = certificates
            .iter()
            .zip(votes.iter().zip(labels))
            .filter_map(|(certificate, (votes, label))| {
                let nearest = votes.attacked?.nearest;
                let (right, proved) = (certificate.class == *label, certificate.radius().unwrap_or(0.0));
                Some(RadiusBracket { right, proved, attacked: nearest.map(|Bits(length)| length) })
            })
            .collect();
        let stands = |radius: f64| {
            let stand = |b: &&RadiusBracket| b.right && b.attacked.is_none_or(|length| length > radius);
            CertifiedShare { radius, accuracy: brackets.iter().filter(stand).count() as f64 / count }
        };
        let by_attack = if brackets.is_empty() { Vec::new() } else { radii.iter().map(|r| stands(*r)).collect() };
        let right = certificates.iter().zip(labels).filter(|(certificate, label)| certificate.class == **label);
        CertifiedFigures {
            sigma: self.sigma,
            images: certificates.len(),
            samples: self.samples,
            alpha,
            abstained: abstained as f64 / count,
            mean_radius: right.filter_map(|(certificate, _)| certificate.radius()).sum::<f64>() / count,
            by_radius: radii
                .into_iter()
                .zip(shares)
                .map(|(radius, accuracy)| CertifiedShare { radius, accuracy })
                .collect(),
            by_votes: by_votes(votes, labels),
            brackets,
            by_attack,
        }
    }
}

impl Measure for Level<'_> {
    type Record = Poll;

    fn name(&self) -> String {
        format!("certificates at {}", level::describe(self.sigma))
    }

    fn settings(&self) -> Value {
        // What is concluded from the votes, α among it, is no part of them.
        let CertifyPlan { samples, selection, attempts, alpha, .. } = self.plan;
        let mut settings = json!({
            "measure": "certificate", "sigma": self.sigma, "selection": selection, "samples": samples, "seed": self.seed,
        });
        if *attempts > 0 {
            // How sure a claim must be is part of what an attack finds.
            settings["attempts"] = json!([attempts, Bits(*alpha)]);
        }
        settings
    }

    fn samples(&self) -> &Samples {
        self.samples
    }

    fn count(&self) -> usize {
        self.plan.pictures.min(self.samples.len())
    }

    fn index(&self, number: usize) -> usize {
        self.picture(number)
    }

    fn has_company(&self) -> bool {
        false
    }

    fn is_sound(&self, votes: &Poll) -> bool {
        self.frame().is_sound(votes)
    }

    fn measure(&self, numbers: &[usize], cancel: &Cancel) -> Result<Vec<Poll>> {
        let one = |&number: &usize| {
            let index = self.picture(number);
            let smoothing = Smoothing { number: index as u64, ..self.plan.smoothing(self.sigma, self.seed) };
            let clean = self.samples.picture(index)?;
            if self.plan.attempts > 0 {
                return bracketed(self.model, &clean, &self.plan.bracket(smoothing), cancel);
            }
            let certificate = certify(self.model, &clean, &smoothing, cancel, &mut |_| ControlFlow::Continue(()))?;
            let Certificate { class, selection, votes, .. } = certificate;
            Ok(Poll { class, selection, votes, attacked: None })
        };
        numbers.iter().map(one).collect()
    }
}

/// The votes on a picture, and the nearest that an attack finds.
fn bracketed(model: &dyn JointModel, clean: &Picture, settings: &BracketSettings, cancel: &Cancel) -> Result<Poll> {
    let mut bracket = Bracketing::begin(model, clean, settings, cancel)?;
    while !bracket.is_complete() {
        bracket.advance(model, clean, cancel)?;
    }
    let nearest = bracket.found().map(|found| Bits(found.distance));
    let Certificate { class, selection, votes, .. } = bracket.certificate().clone();
    Ok(Poll { class, selection, votes, attacked: Some(Attacked { nearest }) })
}

/// Radii from 0 in round steps to the first that no unanimous vote reaches.
fn radii(sigma: f32, samples: u64, alpha: f64) -> Vec<f64> {
    let best = clopper_pearson_lower(samples, samples, alpha);
    let largest = certified_radius(f64::from(sigma), best).unwrap_or_default();
    if largest <= 0.0 {
        return vec![0.0];
    }
    let step = round_up(largest / 10.0);
    (0..=(largest / step).ceil() as usize).map(|i| i as f64 * step).collect()
}

/// The distribution function of the votes' share for the true class, at 0, 5 % and so on to 100 %.
fn by_votes(votes: &[Poll], labels: &[usize]) -> Vec<VotesShare> {
    const PARTS: u64 = 20;
    let count = votes.len().max(1) as f64;
    let at_most = |part: u64| {
        // In whole numbers, because a share of votes may be just one of the parts.
        let few = |(poll, label): &(&Poll, &usize)| {
            u128::from(poll.votes[**label]) * u128::from(PARTS)
                <= u128::from(part) * u128::from(poll.votes.iter().sum::<u64>())
        };
        votes.iter().zip(labels).filter(few).count() as f64 / count
    };
    (0..=PARTS).map(|part| VotesShare { votes: part as f64 / PARTS as f64, pictures: at_most(part) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_distributed_as_they_fell_on_the_true_classes() {
        let poll = |for_zero: u64| Poll {
            class: 0,
            selection: vec![1, 0],
            votes: vec![for_zero, 20 - for_zero],
            attacked: None,
        };
        // Of the true class: 20, 13 and 3 of 20.
        let found = by_votes(&[poll(20), poll(13), poll(17)], &[0, 0, 1]);
        let share = |percent: usize| found[percent / 5].pictures * 3.0;
        assert_eq!(found.len(), 21);
        for (percent, pictures) in [(0, 0), (10, 0), (15, 1), (60, 1), (65, 2), (95, 2), (100, 3)] {
            assert!((share(percent) - f64::from(pictures)).abs() < 1e-9, "{percent} %");
        }
    }

    #[test]
    fn radii_are_round_and_reach_what_can_be_proved() {
        // 1000 unanimous votes at α = 0.001: Φ⁻¹(0.001^(1/1000)) = 2.4623.
        let radii = radii(0.25, 1000, 0.001);
        assert_eq!(radii.len(), 8, "{radii:?}");
        for (radius, expected) in radii.into_iter().zip([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]) {
            assert!((radius - expected).abs() < 1e-12);
        }
        assert_eq!(super::radii(0.25, 5, 0.001), [0.0]);
    }
}
