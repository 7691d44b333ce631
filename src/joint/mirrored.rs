//! A model averaged with itself on the mirrored picture.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::model::{check_directions, cotangents_a_picture};
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
        let classes = self.classes();
        let each = cotangents_a_picture(self, classes, cotangents)?;
        let shares = self.shares.chunks_exact(classes).flat_map(|shares| std::iter::repeat_n(shares, each)).flatten();
        let own: Vec<f32> = cotangents.iter().zip(shares).map(|(w, share)| w * share).collect();
        let others = cotangents.iter().zip(&own).map(|(w, own)| w - own);
        let both: Vec<f32> = own.iter().copied().chain(others).collect();
        Ok(self.folded(&self.inner.pullback(&both)?))
    }

    fn curvature(&self, cotangents: &[f32], follows: bool, directions: &Batch) -> Result<Option<Batch>> {
        let each = check_directions(self, self.classes(), cotangents, directions)?;
        let both = Batch::new(directions.shape(), [directions.values(), mirrored(directions).values()].concat());
        let bent = if follows { self.bend(&both, each) } else { self.bend_classes(&both, each, cotangents) }?;
        let Some(Bent { products, splits }) = bent else { return Ok(None) };
        let mut sum = self.folded(&products);
        for Split { gradients, weights } in splits {
            let size = self.noisy.shape().len();
            let (own, others) = gradients.values().split_at(gradients.values().len() / 2);
            let others = mirrored(&Batch::new(self.noisy.shape(), others.to_vec()));
            let apart: Vec<f64> = own.iter().zip(others.values()).map(|(a, b)| f64::from(a - b)).collect();
            for (row, weight) in weights.iter().enumerate() {
                let apart = &apart[row / each * size..][..size];
                let along: f64 = apart.iter().zip(directions.row(row)).map(|(a, r)| a * f64::from(*r)).sum();
                let values = &mut sum.values_mut()[row * size..][..size];
                values.iter_mut().zip(apart).for_each(|(sum, a)| *sum += (weight * along * a) as f32);
            }
        }
        Ok(Some(sum))
    }
}

/// A mean s₀f₀ + s₁f₁ of densities, their shares s, has ∇²log = s₀∇²log f₀ + s₁∇²log f₁ + s₀s₁(a − b)(a − b)ᵀ with a and b the gradients.
struct Bent {
    /// The first two terms times the directions, of the pictures and then of their mirror images.
    products: Batch,
    splits: Vec<Split>,
}

/// What makes a third term.
struct Split {
    /// Of the pictures and then of their mirror images, `[2N, C, H, W]`.
    gradients: Batch,
    /// What s₀s₁ weighs in every row, `[N, M]`.
    weights: Vec<f64>,
}

impl Averaged<'_> {
    fn classes(&self) -> usize {
        self.log_joint.len() / self.noisy.len().max(1)
    }

    /// Of log p̄(y): the density is the mean of two, whatever their classes. `both` has the directions and their mirror images.
    fn bend(&self, both: &Batch, each: usize) -> Result<Option<Bent>> {
        let joint = || self.inner.log_joint().chunks_exact(self.classes());
        let posteriors: Vec<Vec<f32>> =
            joint().map(|row| posterior(row).into_iter().map(|p| p as f32).collect()).collect();
        let rows: Vec<f32> = posteriors.iter().flat_map(|row| row.repeat(each)).collect();
        let Some(mut products) = self.inner.curvature(&rows, true, both)? else { return Ok(None) };
        let totals: Vec<f64> = joint().map(log_density).collect();
        let (own, others) = totals.split_at(self.noisy.len());
        let shares: Vec<f64> = own.iter().zip(others).map(|(own, other)| posterior(&[*own, *other])[0]).collect();
        let scales = shares.iter().copied().chain(shares.iter().map(|share| 1.0 - share));
        let rows = products.values_mut().chunks_exact_mut((self.noisy.shape().len() * each).max(1));
        for (rows, scale) in rows.zip(scales) {
            for value in rows {
                *value *= scale as f32;
            }
        }
        let gradients = self.inner.pullback(&posteriors.concat())?;
        let weights = shares.iter().flat_map(|share| std::iter::repeat_n(share * (1.0 - share), each)).collect();
        Ok(Some(Bent { products, splits: vec![Split { gradients, weights }] }))
    }

    /// Of `Σ_c w_c log p̄(y, c)`: each class's is the mean of two.
    fn bend_classes(&self, both: &Batch, each: usize, cotangents: &[f32]) -> Result<Option<Bent>> {
        let classes = self.classes();
        let shares = || self.shares.chunks_exact(classes).flat_map(|shares| std::iter::repeat_n(shares, each));
        let own: Vec<f32> = cotangents.iter().zip(shares().flatten()).map(|(w, share)| w * share).collect();
        let others = cotangents.iter().zip(&own).map(|(w, own)| w - own);
        let rows: Vec<f32> = own.iter().copied().chain(others).collect();
        let Some(products) = self.inner.curvature(&rows, false, both)? else { return Ok(None) };
        let mut splits = Vec::new();
        for class in 0..classes {
            let weigh = |(row, shares): (&[f32], &[f32])| {
                let share = f64::from(shares[class]);
                f64::from(row[class]) * share * (1.0 - share)
            };
            let weights: Vec<f64> = cotangents.chunks_exact(classes).zip(shares()).map(weigh).collect();
            if weights.iter().any(|weight| *weight != 0.0) {
                let one: Vec<f32> = (0..classes).map(|c| f32::from(u8::from(c == class))).collect();
                splits.push(Split { gradients: self.inner.pullback(&one.repeat(2 * self.noisy.len()))?, weights });
            }
        }
        Ok(Some(Bent { products, splits }))
    }

    /// What was found of the pictures, and of their mirror images turned back, in one.
    fn folded(&self, both: &Batch) -> Batch {
        let (own, others) = both.values().split_at(both.values().len() / 2);
        let mut sum = mirrored(&Batch::new(self.noisy.shape(), others.to_vec()));
        sum.values_mut().iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        sum
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

    /// A mixture averaged with its mirror image, and the mixture of twice as many Gaussians that it is.
    fn pair() -> (Mirrored, GaussianMixture) {
        let parts = [(0, 1.0, 1, 0.2), (0, 0.5, 2, 0.05), (1, 2.0, 3, 0.1), (2, 0.7, 4, 0.3)];
        let mut plain = GaussianMixture::new(SHAPE, 3);
        let mut whole = GaussianMixture::new(SHAPE, 3);
        for (class, weight, seed, variance) in parts {
            plain = plain.with(class, weight, mean(seed), variance);
            whole = whole.with(class, weight / 2.0, mean(seed), variance);
            whole = whole.with(class, weight / 2.0, flipped(mean(seed)), variance);
        }
        (Mirrored::new(Arc::new(plain)), whole)
    }

    #[test]
    fn a_mixture_and_its_mirror_image_are_one_mixture() {
        let (averaged, whole) = pair();
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

    /// Its second derivatives too, of single classes, sums of them, and the density.
    #[test]
    fn a_mixture_and_its_mirror_image_bend_alike() {
        let (averaged, whole) = pair();
        let values = (0..2 * SHAPE.len()).map(|i| ((i * 5) % 17) as f32 / 17.0).collect();
        let (noisy, sigmas) = (Batch::new(SHAPE, values), [0.5, 0.8]);
        let forwards = [&averaged as &dyn JointModel, &whole].map(|model| model.forward(&noisy, &sigmas).unwrap());
        let own: Vec<f32> = (0..2).flat_map(|n| posterior(forwards[1].log_joint_of(n))).map(|p| p as f32).collect();
        let twice: Vec<f32> = own.chunks(3).flat_map(|row| row.repeat(2)).collect();
        let directions = Batch::new(SHAPE, (0..4 * SHAPE.len()).map(|i| ((i * 3) % 7) as f32 - 3.0).collect());
        let some = [0.0, 1.0, 0.0, 0.5, -0.3, 2.0, 1.0, 0.0, 0.0, 0.2, 0.3, 0.5];
        for (cotangents, follows) in [(&some[..], false), (&twice, false), (&twice, true)] {
            let [found, truth] =
                [0, 1].map(|i| forwards[i].curvature(cotangents, follows, &directions).unwrap().unwrap());
            let largest = truth.values().iter().fold(0.0_f32, |most, v| most.max(v.abs()));
            for (f, t) in found.values().iter().zip(truth.values()) {
                assert!((f - t).abs() < 1e-5 * largest, "{f} {t} of {largest}, {follows}");
            }
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
