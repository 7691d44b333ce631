//! A classifier that averages over noise: its mean posterior and that one's gradient, and its vote.

use super::classifier::{Classifier, Cost, Judged, Judgement, Passes};
use super::loss::argmax;
use super::purify::Purified;
use crate::Result;
use crate::joint::{JointModel, log_density};
use crate::picture::{Batch, normals};

/// What is done with one draw of noise.
pub(super) enum Voter<'a> {
    /// Classify the noisy picture.
    Noisy {
        /// The model.
        model: &'a dyn JointModel,
        /// The noise level, also what the model is told.
        sigma: f32,
    },
    /// Denoise it first.
    Purified(Purified<'a>),
}

impl Voter<'_> {
    /// How many noise pictures one draw takes.
    fn noises(&self) -> usize {
        match self {
            Self::Noisy { .. } => 1,
            Self::Purified(purified) => purified.rounds,
        }
    }

    /// What one draw asks the model: for what it says, and for a gradient.
    fn cost(&self) -> (Passes, Passes) {
        match self {
            Self::Noisy { .. } => (Passes::FORWARD, Passes::ADJOINT),
            Self::Purified(purified) => purified.cost(),
        }
    }

    /// What it says of each picture under the given standard normal numbers, `[pictures, noises, C, H, W]`.
    fn judge(&self, pictures: &Batch, noise: &[f32]) -> Result<Box<dyn Judgement + '_>> {
        match self {
            Self::Noisy { model, sigma } => {
                let noisy = pictures.values().iter().zip(noise).map(|(x, n)| x + sigma * n).collect();
                Ok(Box::new(Judged::of(*model, &Batch::new(pictures.shape(), noisy), *sigma)?))
            }
            Self::Purified(purified) => Ok(Box::new(purified.judge(pictures, noise)?)),
        }
    }
}

/// The mean over draws of noise.
pub(super) struct Average<'a> {
    pub(super) voter: Voter<'a>,
    /// How many draws a judgement is the mean over.
    pub(super) draws: usize,
    /// How many draws decide.
    pub(super) votes: usize,
    pub(super) seed: u64,
    /// Whether every judgement is over the first of the draws that decide.
    pub(super) fixed: bool,
}

/// Added to the seed for the draws that decide, so that the attack has not seen them, unless they are fixed.
const VERDICT: u64 = 0x5bd1_e995_9d1b_58d3;
/// How many of the deciding draws the model sees at once.
pub(super) const AT_ONCE: usize = 16;
/// The log-share of a class without a vote.
const NO_VOTE: f64 = -30.0;

impl Average<'_> {
    /// Draws `first..first + count` of each picture, each picture followed by its own.
    fn repeat(&self, pictures: &Batch, streams: &[u64], seed: u64, first: u64, count: usize) -> (Batch, Vec<f32>) {
        let size = pictures.shape().len();
        let each = self.voter.noises() * size;
        let mut values = Vec::with_capacity(pictures.len() * count * size);
        let mut noise = vec![0.0; pictures.len() * count * each];
        for (index, (&stream, out)) in streams.iter().zip(noise.chunks_exact_mut(count * each)).enumerate() {
            normals::fill(seed, stream, first * each as u64, out);
            for _ in 0..count {
                values.extend_from_slice(pictures.row(index));
            }
        }
        (Batch::new(pictures.shape(), values), noise)
    }
}

impl Classifier for Average<'_> {
    fn cost(&self) -> Cost {
        let (draw, gradient) = self.voter.cost();
        Cost { judge: draw.times(self.draws), gradient: gradient.times(self.draws), verdict: draw.times(self.votes) }
    }

    fn judge(&self, pictures: &Batch, streams: &[u64], query: u64) -> Result<Box<dyn Judgement + '_>> {
        let first = if self.fixed { 0 } else { query * self.draws as u64 };
        let (repeated, noise) = self.repeat(pictures, streams, self.seed, first, self.draws);
        let all = self.voter.judge(&repeated, &noise)?;
        let classes = all.logits().len() / repeated.len();
        let mut logits = Vec::with_capacity(pictures.len() * classes);
        for of_picture in all.logits().chunks_exact(self.draws * classes) {
            for class in 0..classes {
                let column: Vec<f64> = of_picture.iter().skip(class).step_by(classes).copied().collect();
                logits.push(log_density(&column) - (self.draws as f64).ln());
            }
        }
        Ok(Box::new(Averaged { all, draws: self.draws, classes, logits }))
    }

    /// The log-shares of the votes.
    fn verdict(&self, pictures: &Batch, streams: &[u64]) -> Result<Vec<f64>> {
        let mut counts = Vec::new();
        let seed = if self.fixed { self.seed } else { self.seed ^ VERDICT };
        for first in (0..self.votes).step_by(AT_ONCE) {
            let count = AT_ONCE.min(self.votes - first);
            let (repeated, noise) = self.repeat(pictures, streams, seed, first as u64, count);
            let all = self.voter.judge(&repeated, &noise)?;
            let classes = all.logits().len() / repeated.len();
            counts.resize(pictures.len() * classes, 0_u64);
            for (row, logits) in all.logits().chunks_exact(classes).enumerate() {
                counts[row / count * classes + argmax(logits)] += 1;
            }
        }
        Ok(counts.into_iter().map(|c| (c as f64 / self.votes as f64).ln().max(NO_VOTE)).collect())
    }
}

/// The draws of a batch and their mean.
struct Averaged<'a> {
    /// `[N · draws]` judgements.
    all: Box<dyn Judgement + 'a>,
    draws: usize,
    classes: usize,
    logits: Vec<f64>,
}

impl Judgement for Averaged<'_> {
    fn logits(&self) -> &[f64] {
        &self.logits
    }

    /// With `p̄_c` the mean of `p_sc` over draws s, `∇ log p̄_c = Σ_s (p_sc / Σ_t p_tc) ∇ log p_sc`, and the weights on the
    /// log-posterior of each draw lose their sum times `p_s`, which its own normalisation takes away.
    fn gradients(&self, cotangents: &[f32]) -> Result<Batch> {
        let pictures = self.logits.len() / self.classes;
        let each = cotangents.len() / self.logits.len();
        let mut spread = Vec::with_capacity(cotangents.len() * self.draws);
        for (draw, logits) in self.all.logits().chunks_exact(self.classes).enumerate() {
            let picture = draw / self.draws;
            let mean = &self.logits[picture * self.classes..][..self.classes];
            for weights in cotangents[picture * each * self.classes..].chunks_exact(self.classes).take(each) {
                let shares = logits.iter().zip(mean).map(|(l, m)| (l - m).exp() / self.draws as f64);
                let own: Vec<f64> = shares.zip(weights).map(|(share, w)| share * f64::from(*w)).collect();
                let sum: f64 = own.iter().sum();
                spread.extend(own.iter().zip(logits).map(|(w, l)| (w - sum * l.exp()) as f32));
            }
        }
        let all = self.all.gradients(&spread)?;
        let size = all.shape().len();
        let mut values = vec![0.0; pictures * each * size];
        for picture in 0..pictures {
            for draw in 0..self.draws {
                let from = &all.values()[(picture * self.draws + draw) * each * size..][..each * size];
                let to = &mut values[picture * each * size..][..each * size];
                for (to, from) in to.iter_mut().zip(from) {
                    *to += from;
                }
            }
        }
        Ok(Batch::new(all.shape(), values))
    }
}
