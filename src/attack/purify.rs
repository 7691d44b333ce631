//! Purification: add noise, denoise, classify; and gradients through the denoiser.

use super::budget::Norm;
use super::classifier::{Judged, Judgement, Passes};
use super::defence::Through;
use crate::Result;
use crate::joint::JointModel;
use crate::picture::Batch;

/// A model that denoises what it classifies.
pub(super) struct Purified<'a> {
    pub(super) model: &'a dyn JointModel,
    /// Standard deviation of the noise that is added and taken off.
    pub(super) sigma: f32,
    pub(super) rounds: usize,
    pub(super) through: Through,
    /// The noise level that the classifier assumes of what is left.
    pub(super) classifier_sigma: f32,
}

/// How far the central differences reach, as the root mean square of the change over the noise's σ.
const REACH: f64 = 0.01;

impl<'a> Purified<'a> {
    /// What is said of each picture under the given standard normal numbers, `[pictures, rounds, C, H, W]`.
    pub(super) fn judge<'b>(&'b self, pictures: &Batch, noise: &[f32]) -> Result<PurifiedJudgement<'b, 'a>> {
        let size = pictures.shape().len();
        let mut current = pictures.clone();
        let mut noisy = Vec::with_capacity(self.rounds);
        for round in 0..self.rounds {
            for index in 0..current.len() {
                let normals = &noise[(index * self.rounds + round) * size..][..size];
                for (value, n) in current.row_mut(index).iter_mut().zip(normals) {
                    *value += self.sigma * n;
                }
            }
            let denoised = self.denoise(&current)?;
            noisy.push(std::mem::replace(&mut current, denoised));
        }
        let judged = Judged::of(self.model, &current, self.classifier_sigma)?;
        Ok(PurifiedJudgement { purified: self, noisy, judged })
    }

    /// What one draw asks the model: each round a denoiser, which is a forward and an adjoint pass, and then the classifier;
    /// for a gradient, an adjoint pass, and through the denoiser's Jacobian two more denoisers a round.
    pub(super) fn cost(&self) -> (Passes, Passes) {
        let denoiser = Passes::FORWARD.and(Passes::ADJOINT);
        let back = match self.through {
            Through::Jacobian => denoiser.times(2 * self.rounds),
            Through::Straight => Passes::default(),
        };
        (denoiser.times(self.rounds).and(Passes::FORWARD), back.and(Passes::ADJOINT))
    }

    fn denoise(&self, noisy: &Batch) -> Result<Batch> {
        self.model.forward(noisy, &vec![self.sigma; noisy.len()])?.denoised()
    }

    /// The denoiser's Jacobian at each noisy picture times the vector beside it, by central differences.
    fn jacobian(&self, noisy: &Batch, vectors: &Batch) -> Result<Batch> {
        let size = noisy.shape().len();
        let reach = REACH * f64::from(self.sigma) * (size as f64).sqrt();
        let lengths: Vec<f64> =
            (0..noisy.len()).map(|i| Norm::L2.of(vectors.row(i).iter().map(|&v| f64::from(v)))).collect();
        let mut both = Vec::with_capacity(2 * noisy.values().len());
        for sign in [1.0, -1.0] {
            for (index, &length) in lengths.iter().enumerate() {
                // Where the vector is nothing, so is the product.
                let factor = if length > 0.0 { (sign * reach / length) as f32 } else { 0.0 };
                both.extend(noisy.row(index).iter().zip(vectors.row(index)).map(|(y, v)| y + factor * v));
            }
        }
        let denoised = self.denoise(&Batch::new(noisy.shape(), both))?;
        let (ahead, behind) = denoised.values().split_at(noisy.values().len());
        let differences = ahead.iter().zip(behind).enumerate();
        let values = differences.map(|(i, (a, b))| (f64::from(a - b) * lengths[i / size] / (2.0 * reach)) as f32);
        Ok(Batch::new(noisy.shape(), values.collect()))
    }
}

/// The noisy pictures of every round, and what was said of the last denoised ones.
pub(super) struct PurifiedJudgement<'b, 'a> {
    purified: &'b Purified<'a>,
    noisy: Vec<Batch>,
    judged: Judged<'a>,
}

impl Judgement for PurifiedJudgement<'_, '_> {
    fn logits(&self) -> &[f64] {
        self.judged.logits()
    }

    fn gradients(&self, cotangents: &[f32]) -> Result<Batch> {
        let mut gradients = self.judged.gradients(cotangents)?;
        if self.purified.through == Through::Straight {
            return Ok(gradients);
        }
        let shape = gradients.shape();
        let pictures = self.noisy[0].len();
        let each = gradients.len() / pictures;
        for noisy in self.noisy.iter().rev() {
            for m in 0..each {
                let rows = (0..pictures).flat_map(|i| gradients.row(i * each + m)).copied().collect();
                let product = self.purified.jacobian(noisy, &Batch::new(shape, rows))?;
                for i in 0..pictures {
                    gradients.row_mut(i * each + m).copy_from_slice(product.row(i));
                }
            }
        }
        Ok(gradients)
    }
}
