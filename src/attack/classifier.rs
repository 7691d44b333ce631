//! The classifier under attack: log-probabilities of the classes for pictures in [0, 1], and their gradients.

use crate::joint::{Forward, JointModel, log_softmax};
use crate::picture::Batch;
use crate::{Error, Result};

/// A classifier that can be attacked.
pub(super) trait Classifier {
    /// What it says of a batch of pictures. `streams` numbers each picture in its set, and `query` how often it was
    /// asked before: what a random classifier draws its noise by.
    fn judge(&self, pictures: &Batch, streams: &[u64], query: u64) -> Result<Box<dyn Judgement + '_>>;
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
        let forward = self.model.forward(pictures, &vec![self.sigma; pictures.len()])?;
        let logits = logits_of(&*forward)?;
        Ok(Box::new(Judged { forward, logits }))
    }
}

struct Judged<'a> {
    forward: Box<dyn Forward + 'a>,
    logits: Vec<f64>,
}

impl Judgement for Judged<'_> {
    fn logits(&self) -> &[f64] {
        &self.logits
    }

    fn gradients(&self, cotangents: &[f32]) -> Result<Batch> {
        self.forward.pullback(cotangents)
    }
}

/// `log p(c | y)` of every picture of a forward pass, `[N, K]`.
fn logits_of(forward: &dyn Forward) -> Result<Vec<f64>> {
    let log_joint = forward.log_joint();
    if let Some(bad) = log_joint.iter().find(|l| !l.is_finite()) {
        return Err(Error::Compute(format!("the model gave a log-probability of {bad}: it cannot be attacked here")));
    }
    let classes = log_joint.len() / forward.noisy().len();
    Ok(log_joint.chunks_exact(classes).flat_map(log_softmax).collect())
}
