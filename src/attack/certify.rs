//! Randomised smoothing: draw noise, count what the model says, and stop when enough is proved or nobody waits.

use std::ops::ControlFlow;

use super::certificate::{Certificate, FIRST_LOOK};
use super::loss::argmax;
use crate::joint::{JointModel, require_classes};
use crate::picture::{Batch, Picture, normals};
use crate::task::Cancel;
use crate::{Result, limits};

/// How to certify; the defaults are those of Cohen et al. 2019.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Smoothing {
    /// Standard deviation of the noise, on the [0, 1] scale: also what the model is told.
    pub sigma: f32,
    /// How many votes choose the class.
    pub selection: u64,
    /// How many more votes bound its share.
    pub samples: u64,
    /// The probability that the certificate may be wrong.
    pub alpha: f64,
    /// Whether somebody who sees the count may stop it, so that α is spent in parts; see [`Certificate`].
    #[serde(default = "yes")]
    pub may_stop: bool,
    /// How many noisy pictures the model sees at once, or more where a device does better with more. It changes no result.
    pub batch: usize,
    /// Seed of the noise.
    pub seed: u64,
    /// The picture's number in its set: each has noise of its own.
    pub number: u64,
}

fn yes() -> bool {
    true
}

impl Smoothing {
    /// 100 votes for the class, up to 10 000 for its share (Cohen's own tables take 100 000), α = 0.001, for somebody who
    /// may stop the count.
    #[must_use]
    pub fn new(sigma: f32) -> Self {
        Self { sigma, selection: 100, samples: 10_000, alpha: 1e-3, may_stop: true, batch: 100, seed: 0, number: 0 }
    }

    /// Checks everything that does not depend on the picture: what is refused here is refused before any work.
    ///
    /// # Errors
    /// [`crate::Error::Option`] naming the option.
    pub fn check(&self) -> Result<()> {
        limits::positive_sigma("--sigma", self.sigma)?;
        limits::whole("--selection", self.selection, 1, MOST_SELECTION)?;
        limits::whole("--samples", self.samples, 1, MOST_SAMPLES)?;
        limits::whole("--batch", self.batch as u64, 1, limits::LARGEST_BATCH as u64)?;
        // Beyond a half it proves nothing that a coin does not, and near 1 the bound on the share rounds to 1.
        limits::number("--alpha", self.alpha, LEAST_ALPHA, 0.5)
    }
}

/// The most votes that choose a class.
const MOST_SELECTION: u64 = 1_000_000;
/// The most votes that bound its share: days of them.
const MOST_SAMPLES: u64 = 1_000_000_000;
/// The smallest probability of a wrong certificate for which the bound is computed rightly.
pub(super) const LEAST_ALPHA: f64 = 1e-12;

/// Certifies one clean picture. `observer` sees the running certificate after every batch and may stop the count.
///
/// # Errors
/// [`crate::Error::Option`] for settings out of range, what the model fails with, [`crate::Error::Cancelled`] once `cancel` is raised
/// (an observer that breaks instead keeps what was proved).
pub fn certify(
    model: &dyn JointModel,
    clean: &Picture,
    smoothing: &Smoothing,
    cancel: &Cancel,
    observer: &mut dyn FnMut(&Certificate) -> ControlFlow<()>,
) -> Result<Certificate> {
    let mut count = Certification::begin(model, clean, smoothing, cancel)?;
    while !count.certificate().is_complete() {
        count.advance(model, clean, cancel)?;
        if observer(count.certificate()).is_break() {
            break;
        }
    }
    Ok(count.certificate)
}

/// A certificate in the making: a batch of votes at a time, for owners with other things to do in between.
#[derive(Debug, Clone)]
pub struct Certification {
    smoothing: Smoothing,
    certificate: Certificate,
    /// How many noisy pictures were drawn, those for the class included.
    drawn: u64,
    /// At how many votes the next look is.
    next_look: u64,
}

impl Certification {
    /// Chooses the class.
    ///
    /// # Errors
    /// As for [`certify`].
    pub fn begin(model: &dyn JointModel, clean: &Picture, smoothing: &Smoothing, cancel: &Cancel) -> Result<Self> {
        smoothing.check()?;
        require_classes(model.classes().len(), "a certificate")?;
        let mut selection = vec![0; model.classes().len()];
        votes(model, clean, smoothing, cancel, 0, &mut selection, smoothing.selection)?;
        let shares: Vec<f64> = selection.iter().map(|&v| v as f64).collect();
        let certificate = Certificate {
            class: argmax(&shares),
            sigma: smoothing.sigma,
            alpha: smoothing.alpha,
            votes: vec![0; selection.len()],
            selection,
            planned: smoothing.samples,
            may_stop: smoothing.may_stop,
            early_lower: 0.0,
        };
        Ok(Self { smoothing: *smoothing, certificate, drawn: smoothing.selection, next_look: FIRST_LOOK })
    }

    /// Counts one batch more, if the plan is not complete. Model and picture are those that it began with.
    ///
    /// # Errors
    /// As for [`certify`].
    pub fn advance(&mut self, model: &dyn JointModel, clean: &Picture, cancel: &Cancel) -> Result<()> {
        let Self { smoothing, certificate, .. } = self;
        let left = smoothing.samples.saturating_sub(certificate.samples());
        // A batch ends at a look, so that the looks do not depend on the batches.
        let some = left.min(at_once(model, clean, smoothing) as u64).min(self.next_look - certificate.samples());
        votes(model, clean, smoothing, cancel, self.drawn, &mut certificate.votes, some)?;
        self.drawn += some;
        if certificate.samples() == self.next_look {
            certificate.look();
            self.next_look = self.next_look.saturating_mul(2);
        }
        Ok(())
    }

    /// What is proved so far.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// How many noisy pictures the model sees at once: no fewer than it likes.
fn at_once(model: &dyn JointModel, clean: &Picture, smoothing: &Smoothing) -> usize {
    limits::batch(smoothing.batch.max(model.at_once(clean.shape())), clean.values().len())
}

/// Counts what the model says of `count` noisy pictures, of which `drawn` came before.
fn votes(
    model: &dyn JointModel,
    clean: &Picture,
    smoothing: &Smoothing,
    cancel: &Cancel,
    drawn: u64,
    votes: &mut [u64],
    count: u64,
) -> Result<()> {
    let Smoothing { sigma, seed, number, .. } = *smoothing;
    let size = clean.values().len();
    let batch = at_once(model, clean, smoothing) as u64;
    let mut done = 0;
    while done < count {
        cancel.check()?;
        let some = (count - done).min(batch) as usize;
        let mut values = vec![0.0; some * size];
        normals::fill(seed, number, (drawn + done) * size as u64, &mut values);
        for noisy in values.chunks_exact_mut(size) {
            for (value, clean) in noisy.iter_mut().zip(clean.values()) {
                *value = clean + sigma * *value;
            }
        }
        let forward = model.forward(&Batch::new(clean.shape(), values), &vec![sigma; some])?;
        for index in 0..some {
            votes[argmax(forward.log_joint_of(index))] += 1;
        }
        done += some as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::attack::certified_radius;
    use crate::joint::GaussianMixture;
    use crate::picture::Shape;

    const SHAPE: Shape = Shape::new(1, 2, 2);

    /// Two equal isotropic Gaussians around ±0.1 in each of four values, about a half: the boundary is a plane, and the
    /// smoothed classifier's is the same plane, so that the true radius is the distance to it.
    fn oracle() -> GaussianMixture {
        GaussianMixture::new(SHAPE, 2).with(0, 1.0, vec![0.4; 4], 0.01).with(1, 1.0, vec![0.6; 4], 0.01)
    }

    fn certificate(value: f32, smoothing: &Smoothing) -> Certificate {
        let clean = Picture::filled(SHAPE, value);
        certify(&oracle(), &clean, smoothing, &Cancel::new(), &mut |_| ControlFlow::Continue(())).unwrap()
    }

    #[test]
    fn the_radius_approaches_the_true_distance_from_below() {
        for (value, class) in [(0.35, 0), (0.42, 0), (0.61, 1)] {
            let truth = f64::from((value - 0.5_f32).abs()) * 2.0;
            let smoothing = Smoothing { samples: 100_000, ..Smoothing::new(0.25) };
            let certificate = certificate(value, &smoothing);
            assert_eq!(certificate.class, class);
            let radius = certificate.radius().unwrap();
            assert!(radius < truth && radius > 0.93 * truth, "{radius} of {truth}");
            let early = certified_radius(0.25, certificate.early_lower).unwrap();
            assert!(early < radius && early > 0.85 * truth, "{early} of {truth}");
        }
    }

    #[test]
    fn the_bound_fails_no_more_often_than_alpha() {
        let truth = 0.1_f64;
        for may_stop in [false, true] {
            let each = (0..300).map(|number| {
                let smoothing = Smoothing { alpha: 0.05, samples: 400, number, may_stop, ..Smoothing::new(0.25) };
                certificate(0.45, &smoothing).radius().is_some_and(|r| r > truth)
            });
            // 15 of 300 are expected at most; 28 would be more than three standard deviations above.
            let failures = each.filter(|failed| *failed).count();
            assert!((3..28).contains(&failures), "{failures}");
        }
    }

    #[test]
    fn on_the_boundary_it_abstains() {
        let certificate = certificate(0.5, &Smoothing::new(0.25));
        assert_eq!(certificate.radius(), None);
    }

    #[test]
    fn batches_change_nothing_and_seeds_do() {
        let of = |batch, seed| certificate(0.4, &Smoothing { batch, seed, samples: 1000, ..Smoothing::new(0.25) });
        assert_eq!(of(1, 0), of(64, 0));
        assert_eq!(of(1000, 0), of(64, 0));
        assert_ne!(of(64, 0).votes, of(64, 1).votes);
    }

    #[test]
    fn a_stopped_count_keeps_what_was_proved() {
        let clean = Picture::filled(SHAPE, 0.3);
        let mut seen = Vec::new();
        let mut observer = |certificate: &Certificate| {
            seen.push(certificate.radius());
            if certificate.samples() >= 800 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped = certify(&oracle(), &clean, &Smoothing::new(0.25), &Cancel::new(), &mut observer).unwrap();
        assert_eq!(stopped.samples(), 800);
        assert!(!stopped.is_complete());
        assert_eq!(stopped.radius(), certified_radius(0.25, stopped.early_lower));
        assert!(stopped.radius().is_some() && seen.is_sorted(), "the proved radius never falls: {seen:?}");

        let cancel = Cancel::new();
        cancel.raise();
        let result = certify(&oracle(), &clean, &Smoothing::new(0.25), &cancel, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(result, Err(Error::Cancelled)));
    }
}
