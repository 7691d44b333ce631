//! A model averaged with itself on the mirrored picture.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::model::cotangents_a_picture;
use super::{Abilities, Forward, JointModel, Moments, SigmaRange, log_density, posterior};
use crate::Result;
use crate::picture::{Batch, Shape};

/// The density `p̄(y, c) = ½ p(y, c) + ½ p(My, c)`, M the mirror image from left to right.
///
/// It is a density as p is, so its posterior, its denoisers and their identity `D̄ = Σ p̄(c | y) D̄_c` follow as for any model. Where a
/// picture is as natural as its mirror image, the two halves err in ways of their own, and their mean errs less.
pub struct Mirrored {
    model: Arc<dyn JointModel>,
    name: String,
}

impl Mirrored {
    /// Averages `model`, at twice its cost.
    #[must_use]
    pub fn new(model: Arc<dyn JointModel>) -> Self {
        let name = format!("{}, mirrored", model.name());
        Self { model, name }
    }
}

impl JointModel for Mirrored {
    fn name(&self) -> &str {
        &self.name
    }

    fn device(&self) -> String {
        self.model.device()
    }

    fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(format!("mirrored {}", self.model.digest())))
    }

    fn device_reason(&self) -> Option<String> {
        self.model.device_reason()
    }

    fn classes(&self) -> &[String] {
        self.model.classes()
    }

    fn abilities(&self) -> Abilities {
        self.model.abilities()
    }

    fn shape(&self) -> Shape {
        self.model.shape()
    }

    fn moments(&self) -> Moments {
        self.model.moments()
    }

    fn accepts(&self, shape: Shape) -> bool {
        self.model.accepts(shape)
    }

    fn sigma_range(&self) -> SigmaRange {
        self.model.sigma_range()
    }

    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        let both = Batch::new(noisy.shape(), [noisy.values(), mirrored(noisy).values()].concat());
        let inner = self.model.forward(&both, &sigmas.repeat(2))?;
        let (own, other) = inner.log_joint().split_at(inner.log_joint().len() / 2);
        let pairs: Vec<[f64; 2]> = own.iter().zip(other).map(|(own, other)| [*own, *other]).collect();
        let log_joint = pairs.iter().map(|pair| log_density(pair) - std::f64::consts::LN_2).collect();
        let shares = pairs.iter().map(|pair| posterior(pair)[0] as f32).collect();
        Ok(Box::new(Averaged { inner, noisy: noisy.clone(), log_joint, shares }))
    }

    fn at_once(&self, shape: Shape) -> usize {
        (self.model.at_once(shape) / 2).max(1)
    }
}

/// A forward pass over pictures and then their mirror images.
struct Averaged<'a> {
    inner: Box<dyn Forward + 'a>,
    noisy: Batch,
    log_joint: Vec<f64>,
    /// p(y, c)/(p(y, c) + p(My, c)): what the picture itself has of each log-joint's gradient, `[N, K]`.
    shares: Vec<f32>,
}

impl Forward for Averaged<'_> {
    fn noisy(&self) -> &Batch {
        &self.noisy
    }

    fn sigmas(&self) -> &[f32] {
        &self.inner.sigmas()[..self.noisy.len()]
    }

    fn log_joint(&self) -> &[f64] {
        &self.log_joint
    }

    fn pullback(&self, cotangents: &[f32]) -> Result<Batch> {
        let classes = self.log_joint.len() / self.noisy.len().max(1);
        let each = cotangents_a_picture(self, classes, cotangents)?;
        let shares = self.shares.chunks_exact(classes).flat_map(|shares| std::iter::repeat_n(shares, each)).flatten();
        let own: Vec<f32> = cotangents.iter().zip(shares).map(|(w, share)| w * share).collect();
        let others = cotangents.iter().zip(&own).map(|(w, own)| w - own);
        let both: Vec<f32> = own.iter().copied().chain(others).collect();
        let gradients = self.inner.pullback(&both)?;
        let shape = self.noisy.shape();
        let (own, others) = gradients.values().split_at(gradients.values().len() / 2);
        let mut sum = mirrored(&Batch::new(shape, others.to_vec()));
        sum.values_mut().iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        Ok(sum)
    }
}

/// Every picture from right to left.
fn mirrored(pictures: &Batch) -> Batch {
    let mut turned = pictures.clone();
    turned.values_mut().chunks_exact_mut(pictures.shape().width.max(1)).for_each(<[f32]>::reverse);
    turned
}

#[cfg(test)]
mod tests {
    use super::super::{GaussianMixture, Linear};
    use super::*;

    const SHAPE: Shape = Shape::new(2, 3, 4);

    fn mean(seed: usize) -> Vec<f64> {
        (0..SHAPE.len()).map(|i| ((i * 7 + seed * 13) % 11) as f64 / 11.0).collect()
    }

    fn flipped(mut values: Vec<f64>) -> Vec<f64> {
        values.chunks_exact_mut(SHAPE.width).for_each(<[f64]>::reverse);
        values
    }

    /// A mixture of Gaussians averaged with its mirror image is the mixture of twice as many.
    #[test]
    fn a_mixture_and_its_mirror_image_are_one_mixture() {
        let parts = [(0, 1.0, 1, 0.2), (0, 0.5, 2, 0.05), (1, 2.0, 3, 0.1), (2, 0.7, 4, 0.3)];
        let mut plain = GaussianMixture::new(SHAPE, 3);
        let mut whole = GaussianMixture::new(SHAPE, 3);
        for (class, weight, seed, variance) in parts {
            plain = plain.with(class, weight, mean(seed), variance);
            whole = whole.with(class, weight / 2.0, mean(seed), variance);
            whole = whole.with(class, weight / 2.0, flipped(mean(seed)), variance);
        }
        let averaged = Mirrored::new(Arc::new(plain));
        assert_ne!(averaged.digest(), whole.digest());
        let values = (0..2 * SHAPE.len()).map(|i| ((i * 5) % 17) as f32 / 17.0).collect();
        let (noisy, sigmas) = (Batch::new(SHAPE, values), [0.3, 0.1]);
        let (found, truth) = (averaged.forward(&noisy, &sigmas).unwrap(), whole.forward(&noisy, &sigmas).unwrap());
        assert_eq!((found.noisy(), found.sigmas()), (&noisy, &sigmas[..]));
        let offset = found.log_joint()[0] - truth.log_joint()[0];
        for (l, t) in found.log_joint().iter().zip(truth.log_joint()) {
            assert!((l - t - offset).abs() < 1e-6, "{l} {t}");
        }
        let readings = [Linear::Score, Linear::ScoreAs(0), Linear::ScoreAs(2), Linear::ClassGradient(1)];
        let [found, truth] = [found, truth].map(|forward| forward.gradients(&readings).unwrap());
        let largest = truth.values().iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        for (f, t) in found.values().iter().zip(truth.values()) {
            assert!((f - t).abs() < 1e-5 * largest, "{f} {t}");
        }
    }

    #[test]
    fn a_picture_and_its_mirror_image_are_judged_alike() {
        let model = GaussianMixture::new(SHAPE, 2).with(0, 1.0, mean(1), 0.2).with(1, 1.0, mean(5), 0.2);
        let averaged = Mirrored::new(Arc::new(model));
        let picture = Batch::new(SHAPE, mean(9).into_iter().map(|v| v as f32).collect());
        let [a, b] = [&picture, &mirrored(&picture)].map(|y| averaged.forward(y, &[0.2]).unwrap().log_joint().to_vec());
        a.iter().zip(&b).for_each(|(a, b)| assert!((a - b).abs() < 1e-9));
    }
}
