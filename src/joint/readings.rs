//! What is read off a forward pass: posterior, log density, denoisers and gradients (Tweedie–Miyasawa).

use super::Forward;
use crate::Result;
use crate::picture::{Batch, Picture};

/// `log p(c | y)` from one picture's `[K]` log-joint.
#[must_use]
pub fn log_softmax(log_joint: &[f64]) -> Vec<f64> {
    // The largest goes first: the log-joints of a picture are large, and only their differences count.
    let (max, rest) = split(log_joint);
    log_joint.iter().map(|l| l - max - rest).collect()
}

/// `p(c | y)` from one picture's `[K]` log-joint: its softmax over the classes.
#[must_use]
pub fn posterior(log_joint: &[f64]) -> Vec<f64> {
    log_softmax(log_joint).into_iter().map(f64::exp).collect()
}

/// `log p(y)` from one picture's `[K]` log-joint: its logsumexp over the classes.
#[must_use]
pub fn log_density(log_joint: &[f64]) -> f64 {
    let (max, rest) = split(log_joint);
    if max.is_finite() { max + rest } else { max }
}

/// The largest of the values, and the logsumexp less that.
fn split(values: &[f64]) -> (f64, f64) {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (max, values.iter().map(|v| (v - max).exp()).sum::<f64>().ln())
}

/// A linear reading of the gradients `∇_y log p_σ(y, c)`, as one cotangent over the classes.
#[derive(Debug, Clone, PartialEq)]
pub enum Linear {
    /// `∇_y log p_σ(y)`, the score: weights p(c | y).
    Score,
    /// `∇_y log p_σ(y, c)`, the score under class c.
    ScoreAs(usize),
    /// `∇_y log Σ_c p_σ(y, c)` over every class c that is not among these: weights p(c | y, none of these).
    ScoreOutside(Vec<usize>),
    /// `∇_y log p(c | y) = (D_c − D)/σ²`.
    ClassGradient(usize),
    /// `∇_y (log p(a | y) − log p(b | y)) = (D_a − D_b)/σ²`.
    LogitGradient(usize, usize),
}

impl Linear {
    /// Its weights over the classes of a picture with the given `[K]` log-joint.
    #[must_use]
    pub fn cotangent(&self, log_joint: &[f64]) -> Vec<f32> {
        let mut weights = vec![0.0_f32; log_joint.len()];
        match *self {
            Self::Score => return posterior(log_joint).into_iter().map(|p| p as f32).collect(),
            Self::ScoreAs(class) => weights[class] = 1.0,
            Self::ScoreOutside(ref classes) => {
                // From the log-joint, because the others' posterior may be too small for a number of its own.
                let inside = |class: usize| classes.contains(&class);
                let others = log_joint.iter().enumerate();
                let others: Vec<f64> =
                    others.map(|(class, l)| if inside(class) { f64::NEG_INFINITY } else { *l }).collect();
                return posterior(&others).into_iter().map(|p| p as f32).collect();
            }
            Self::ClassGradient(class) => {
                let posterior = posterior(log_joint);
                weights.iter_mut().zip(&posterior).for_each(|(w, p)| *w = -*p as f32);
                // Not 1 − p, which rounding would spoil where the model is certain.
                let others = posterior.iter().enumerate().filter(|(other, _)| *other != class);
                weights[class] = others.map(|(_, p)| p).sum::<f64>() as f32;
            }
            Self::LogitGradient(a, b) => {
                weights[a] += 1.0;
                weights[b] -= 1.0;
            }
        }
        weights
    }
}

impl dyn Forward + '_ {
    /// The log-joint of picture `index`, `[K]`.
    #[must_use]
    pub fn log_joint_of(&self, index: usize) -> &[f64] {
        let classes = self.log_joint().len() / self.noisy().len();
        &self.log_joint()[index * classes..][..classes]
    }

    /// `p(c | y)` of picture `index`, `[K]`.
    #[must_use]
    pub fn posterior_of(&self, index: usize) -> Vec<f64> {
        posterior(self.log_joint_of(index))
    }

    /// `log p_σ(y)` of picture `index`, up to a constant that does not depend on y.
    #[must_use]
    pub fn log_density_of(&self, index: usize) -> f64 {
        log_density(self.log_joint_of(index))
    }

    /// The given gradients of every picture, in one adjoint pass: `[N, readings, C, H, W]`.
    pub fn gradients(&self, readings: &[Linear]) -> Result<Batch> {
        let mut cotangents = Vec::new();
        for index in 0..self.noisy().len() {
            for reading in readings {
                cotangents.extend(reading.cotangent(self.log_joint_of(index)));
            }
        }
        self.pullback(&cotangents)
    }

    /// `D(y) = y + σ²∇_y log p_σ(y) = E[x | y]` of every picture (Tweedie–Miyasawa).
    pub fn denoised(&self) -> Result<Batch> {
        Ok(self.tweedie(self.gradients(&[Linear::Score])?))
    }

    /// `D_c(y) = y + σ²∇_y log p_σ(y, c) = E[x | y, c]` for each asked class c: `[N, classes, C, H, W]`.
    pub fn denoised_as(&self, classes: &[usize]) -> Result<Batch> {
        let readings: Vec<_> = classes.iter().map(|&c| Linear::ScoreAs(c)).collect();
        Ok(self.tweedie(self.gradients(&readings)?))
    }

    /// `D(y)` and `E[x | y, c none of classes]`, the one denoiser of every class that is not in `classes`, by a cotangent each in one
    /// adjoint pass: `[N, 2, C, H, W]`. At least one class is not in `classes`.
    pub fn denoised_and_rest(&self, classes: &[usize]) -> Result<Batch> {
        Ok(self.tweedie(self.gradients(&[Linear::Score, Linear::ScoreOutside(classes.to_vec())])?))
    }

    /// `D(y)`, and `D_c(y)` for a class of each picture's own, in one adjoint pass: `[N, 2, C, H, W]`.
    pub fn denoised_with(&self, classes: &[usize]) -> Result<Batch> {
        let mut cotangents = Vec::new();
        for (index, &class) in classes.iter().enumerate() {
            for reading in [Linear::Score, Linear::ScoreAs(class)] {
                cotangents.extend(reading.cotangent(self.log_joint_of(index)));
            }
        }
        Ok(self.tweedie(self.pullback(&cotangents)?))
    }

    /// `y + σ² s`, for M scores s of each picture: `[N, M, C, H, W]` in, the same out.
    fn tweedie(&self, mut scores: Batch) -> Batch {
        let each = scores.len() / self.noisy().len();
        for (index, &sigma) in self.sigmas().iter().enumerate() {
            for m in 0..each {
                for (s, y) in scores.row_mut(index * each + m).iter_mut().zip(self.noisy().row(index)) {
                    *s = y + sigma * sigma * *s;
                }
            }
        }
        scores
    }
}

/// `Σ_c p(c | y) D_c`, which is D: the weighted mean of one picture's conditional denoisers.
///
/// # Panics
/// If there is not one probability a picture.
#[must_use]
pub fn mixture(posterior: &[f64], conditionals: &[Picture]) -> Picture {
    assert_eq!(posterior.len(), conditionals.len(), "one probability a conditional denoiser");
    let mut sum = vec![0.0_f64; conditionals[0].values().len()];
    for (p, picture) in posterior.iter().zip(conditionals) {
        sum.iter_mut().zip(picture.values()).for_each(|(s, v)| *s += p * f64::from(*v));
    }
    Picture::new(conditionals[0].shape(), sum.into_iter().map(|v| v as f32).collect())
}
