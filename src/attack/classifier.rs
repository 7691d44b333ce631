//! The classifier under attack: log-probabilities of the classes for pictures in [0, 1], and their gradients.

use crate::joint::{Ascended, Ascent, Forward, JointModel, log_softmax};
use crate::picture::{Batch, Noise};
use crate::{Error, Result};

/// How often the model is asked for one picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Passes {
    pub(super) forward: usize,
    pub(super) adjoint: usize,
}

impl Passes {
    /// One forward pass: what a picture costs that is classified as it is.
    pub(super) const FORWARD: Self = Self { forward: 1, adjoint: 0 };
    /// One adjoint pass: what its gradient costs.
    pub(super) const ADJOINT: Self = Self { forward: 0, adjoint: 1 };

    /// So many times as often.
    pub(super) const fn times(self, count: usize) -> Self {
        Self { forward: count * self.forward, adjoint: count * self.adjoint }
    }

    /// Both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self { forward: self.forward + other.forward, adjoint: self.adjoint + other.adjoint }
    }
}

/// What a classifier asks the model for one picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// [`Classifier::judge`].
    pub(super) judge: Passes,
    /// [`Judgement::gradients`], a cotangent.
    pub(super) gradient: Passes,
    /// [`Classifier::verdict`].
    pub(super) verdict: Passes,
}

/// A classifier that can be attacked.
pub(super) trait Classifier {
    /// What one picture costs.
    fn cost(&self) -> Cost {
        Cost { judge: Passes::FORWARD, gradient: Passes::ADJOINT, verdict: Passes::FORWARD }
    }

    /// What it says of a batch of pictures. `streams` numbers each picture in its set, and `query` how often it was
    /// asked before: what a random classifier draws its noise by.
    fn judge(&self, pictures: &Batch, streams: &[u64], query: u64) -> Result<Box<dyn Judgement + '_>>;

    /// The log-probabilities by which it decides, `[N, K]`: a random classifier draws more for these than for a step
    /// of the attack, and none that the attack has seen.
    fn verdict(&self, pictures: &Batch, streams: &[u64]) -> Result<Vec<f64>> {
        Ok(self.judge(pictures, streams, 0)?.logits().to_vec())
    }

    /// Steps of ascent from these pictures on, if it does them by itself.
    fn ascend(&self, _pictures: &Batch, _ascent: &Ascent<'_>) -> Result<Option<Ascended>> {
        Ok(None)
    }
}

/// What a classifier says of a batch, kept for gradients.
pub(super) trait Judgement {
    /// `log p(c | x)`, `[N, K]`.
    fn logits(&self) -> &[f64];

    /// For each picture and each of its M cotangents w over the classes, which sum to zero, the gradient of
    /// `Σ_c w_c log p(c | x)`: `[N, M, K]` in, `[N, M, C, H, W]` out.
    fn gradients(&self, cotangents: &[f32]) -> Result<Batch>;
}

/// p(c | x) of the model itself at one noise level, on the picture as it is.
pub(super) struct Direct<'a> {
    pub(super) model: &'a dyn JointModel,
    pub(super) sigma: f32,
}

impl Classifier for Direct<'_> {
    fn judge(&self, pictures: &Batch, _streams: &[u64], _query: u64) -> Result<Box<dyn Judgement + '_>> {
        Ok(Box::new(Judged::of(self.model, pictures, self.sigma)?))
    }

    fn ascend(&self, pictures: &Batch, ascent: &Ascent<'_>) -> Result<Option<Ascended>> {
        self.model.ascend(pictures, self.sigma, ascent)
    }
}

/// p(c | x + n) under one fixed noise n a picture: what the model says of the noisy picture that a person looks at.
pub(super) struct Noisy<'a> {
    pub(super) model: &'a dyn JointModel,
    pub(super) noise: Noise,
}

impl Classifier for Noisy<'_> {
    fn judge(&self, pictures: &Batch, streams: &[u64], _query: u64) -> Result<Box<dyn Judgement + '_>> {
        let clean = pictures.pictures();
        let noisy: Vec<_> = clean.iter().zip(streams).map(|(p, &stream)| self.noise.apply_nth(p, stream)).collect();
        // The noise does not depend on the picture, so gradients with respect to both are the same.
        Ok(Box::new(Judged::of(self.model, &Batch::of(&noisy), self.noise.sigma)?))
    }
}

/// A forward pass of the model and its log-posteriors.
pub(super) struct Judged<'a> {
    forward: Box<dyn Forward + 'a>,
    logits: Vec<f64>,
}

impl<'a> Judged<'a> {
    /// One forward pass, at one noise level, over pictures that may lie anywhere.
    pub(super) fn of(model: &'a dyn JointModel, pictures: &Batch, sigma: f32) -> Result<Self> {
        let forward = model.forward(pictures, &vec![sigma; pictures.len()])?;
        let log_joint = forward.log_joint();
        if let Some(bad) = log_joint.iter().find(|l| !l.is_finite()) {
            return Err(Error::Compute(format!(
                "the model gave a log-probability of {bad}: it cannot be attacked here"
            )));
        }
        let classes = log_joint.len() / pictures.len();
        let logits = log_joint.chunks_exact(classes).flat_map(log_softmax).collect();
        Ok(Self { forward, logits })
    }
}

impl Judgement for Judged<'_> {
    fn logits(&self) -> &[f64] {
        &self.logits
    }

    fn gradients(&self, cotangents: &[f32]) -> Result<Batch> {
        self.forward.pullback(cotangents)
    }
}
