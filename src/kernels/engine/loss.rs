//! Training's loss and the cotangents that follow from it, which are the same whatever the trunk.
//!
//! The loss is that of [`Learner`](crate::engine::Learner). A gradient by weights of something that holds a gradient by y needs no
//! second tape: with r the loss's cotangent of the score s, held still, `⟨r, s⟩` is the derivative of log p along r. So there are
//! four passes — forward, pullback (which gives s and r), tangent along r, and the reverse pass of value and tangent together —
//! and each weight's gradient is `(pullback's cotangent ⊗ tangent) + (reverse cotangent ⊗ value)`.

use super::common::Common;
use crate::engine::{LossWeights, RowLoss, RowParts, TrainingRows};

/// The loss of one group of pictures.
#[derive(Debug)]
pub struct Loss {
    classes: usize,
    /// Rows of the class count: p(c|y), and the weights of the classes' scores.
    posterior: Vec<f32>,
    pub class_weights: Vec<f32>,
    /// The reverse pass's cotangents of v.
    pub logit_cotangents: Vec<f32>,
    cross_entropy: f64,
    score_error: f64,
    /// Of each picture.
    pub row_losses: Vec<RowLoss>,
    /// Whether the loss of its pictures holds the score.
    pub scored: bool,
}

impl Loss {
    pub fn new(pictures: usize, classes: usize) -> Self {
        let zeros = || vec![0.0; pictures * classes];
        Self {
            classes,
            posterior: zeros(),
            class_weights: zeros(),
            logit_cotangents: zeros(),
            cross_entropy: 0.0,
            score_error: 0.0,
            row_losses: vec![RowLoss::default(); pictures],
            scored: false,
        }
    }

    /// The sums of both parts.
    pub fn sums(&self) -> [f64; 2] {
        [self.cross_entropy, self.score_error]
    }

    /// Whether any of these pictures' scores is trained, so that the passes of the score are needed.
    pub fn asks(weighed: Option<&[RowParts]>, loss: LossWeights) -> bool {
        loss.score != 0.0 && weighed.is_none_or(|weighed| weighed.iter().any(|row| row.score != 0.0))
    }

    /// From v, in rows of at least the class count: the posterior, the cross-entropy, and which classes' scores are asked for.
    pub fn class_weights<'a>(
        &mut self,
        logits: impl Iterator<Item = &'a [f32]>,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
    ) {
        let classes = self.classes;
        (self.cross_entropy, self.score_error) = (0.0, 0.0);
        self.row_losses.fill(RowLoss::default());
        let results = self.posterior.chunks_exact_mut(classes).zip(self.class_weights.chunks_exact_mut(classes));
        for (n, (logits, (posterior, weights))) in logits.zip(results).enumerate() {
            posterior.copy_from_slice(&logits[..classes]);
            let largest = posterior.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = posterior.iter().map(|v| f64::from(v - largest).exp()).sum();
            let mut lost = sum.ln() - f64::from(posterior[rows.labels[n] as usize] - largest);
            let mut weight = 1.0;
            if let Some(row) = weighed.map(|weighed| weighed[n]) {
                let share = f64::from(row.share);
                lost = (1.0 - share) * lost + share * (sum.ln() - f64::from(posterior[row.other as usize] - largest));
                weight = f64::from(row.cross_entropy);
            }
            self.row_losses[n].cross_entropy = lost;
            self.cross_entropy += weight * lost;
            softmax(posterior);
            match rows.classes[n] {
                None => weights.copy_from_slice(posterior),
                Some(class) => {
                    weights.fill(0.0);
                    weights[class as usize] = 1.0;
                }
            }
        }
    }

    /// After [`Self::class_weights`]: weights whose gradient is that of the cross-entropy.
    pub fn attack_weights(&mut self, rows: &TrainingRows) {
        let classes = self.classes;
        let weights = self.class_weights.chunks_exact_mut(classes).zip(self.posterior.chunks_exact(classes));
        for ((weights, posterior), label) in weights.zip(rows.labels) {
            weights.copy_from_slice(posterior);
            weights[*label as usize] -= 1.0;
        }
    }

    /// From the gradient by z of what the class weights ask for to that by y.
    pub fn attack_direction(common: &Common, direction: &mut [f32], sigmas: &[f32]) {
        let values = direction.len() / sigmas.len().max(1);
        for (out, sigma) in direction.chunks_exact_mut(values).zip(sigmas) {
            let rate = 1.0 / common.spread(*sigma);
            for out in out {
                *out *= rate;
            }
        }
    }

    /// From the gradient by z of what the class weights ask for, without the Gaussian term: the score, its error, and from it
    /// its cotangent times the rate of z, the direction ż of the tangent pass.
    pub fn direction(
        &mut self,
        common: &Common,
        direction: &mut [f32],
        z: &[f32],
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        (weight, total): (f32, usize),
    ) {
        let values = direction.len() / rows.sigmas.len().max(1);
        let pictures = direction.chunks_exact_mut(values).zip(z.chunks_exact(values)).zip(rows.sigmas);
        for ((out, z), sigma) in pictures {
            let rate = 1.0 / common.spread(*sigma);
            out.iter_mut().zip(z).for_each(|(out, z)| *out = (*out - z) * rate);
        }
        self.score_error = 0.0;
        let pictures = direction.chunks_exact_mut(values).zip(rows.noise.chunks_exact(values)).zip(rows.sigmas);
        for (n, ((direction, noise), &sigma)) in pictures.enumerate() {
            let of_row = weighed.map_or(1.0, |weighed| weighed[n].score);
            let scale = of_row * (2.0 * weight * sigma / (total * values) as f32 / common.spread(sigma));
            let mut lost = 0.0;
            for (value, noise) in direction.iter_mut().zip(noise) {
                let error = sigma * *value + noise;
                let square = f64::from(error * error);
                if weighed.is_none() {
                    self.score_error += square;
                }
                lost += square;
                *value = scale * error;
            }
            if weighed.is_some() {
                self.score_error += f64::from(of_row) * lost;
            }
            self.row_losses[n].score_error = lost / values as f64;
        }
    }

    /// `w(p − 1_label)`, and where the score of the picture's own density is trained, `p ⊙ (v̇ − ⟨p, v̇⟩)`: how that score
    /// depends on the posterior that weighs the classes' scores. `tangents` are rows of v̇, `weight` is w.
    pub fn logit_cotangents<'a>(
        &mut self,
        tangents: impl Iterator<Item = &'a [f32]>,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        weight: f32,
    ) {
        let classes = self.classes;
        let results = self.logit_cotangents.chunks_exact_mut(classes).zip(self.posterior.chunks_exact(classes));
        for (n, ((out, posterior), tangent)) in results.zip(tangents).enumerate() {
            let mean: f32 = posterior.iter().zip(tangent).map(|(p, t)| p * t).sum();
            let row = weighed.map_or(RowParts::WHOLE, |weighed| weighed[n]);
            let weight = weight * row.cross_entropy;
            for (c, (out, p)) in out.iter_mut().zip(posterior).enumerate() {
                let own = if rows.labels[n] as usize == c { 1.0 - row.share } else { 0.0 };
                let hit = if row.other as usize == c { own + row.share } else { own };
                *out = weight * (p - hit);
                if self.scored && rows.classes[n].is_none() {
                    *out += p * (tangent[c] - mean);
                }
            }
        }
    }
}

/// The softmax of a row of logits, in place of it.
fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for v in &mut *row {
        *v = (*v - largest).exp();
    }
    let sum: f32 = row.iter().sum();
    for v in row {
        *v /= sum;
    }
}
