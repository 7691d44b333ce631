//! What noise of one kind and level does: accuracy, calibration, PSNR and SSIM.

use rayon::prelude::*;
use serde::Serialize;

use super::{Calibration, Samples};
use crate::Result;
use crate::joint::JointModel;
use crate::picture::{Batch, Noise, NoiseKind, Picture};
use crate::study::{Fidelity, ranked};
use crate::task::Cancel;

/// PSNR in dB, the mean over the pictures of each one's own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanPsnr {
    /// Of the noisy pictures.
    pub noisy: f64,
    /// Of D(y).
    pub denoised: f64,
}

/// The figures of one kind and level of noise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelFigures {
    /// The kind of noise.
    pub noise: NoiseKind,
    /// Its strength on the [0, 1] scale, which the model is told.
    pub sigma: f32,
    /// What the model computed with, inside its trained range.
    pub sigma_used: f32,
    /// The share of pictures whose most probable class is the true one.
    pub accuracy: f64,
    /// The expected calibration error over 15 equal-width bins.
    pub ece: f64,
    /// How near the pictures are to the clean ones.
    pub psnr_db: MeanPsnr,
    /// The mean SSIM of D(y) to the clean picture (Gaussian 11×11, σ 1.5, K₁ 0.01, K₂ 0.03).
    pub ssim: f64,
    /// The mean SSIM of the noisy picture.
    pub ssim_noisy: f64,
    /// The mean of `log p_σ(y)`, up to a constant that depends on σ.
    pub log_density: f64,
    /// Confidence against accuracy.
    pub reliability: Calibration,
}

/// What is kept of each picture.
struct Answer {
    confidence: f64,
    right: bool,
    log_density: f64,
    /// `‖∇_y log p_σ(y)‖`
    score_norm: f64,
    noisy: Fidelity,
    denoised: Fidelity,
}

/// What each picture scores, in the order of [`super::Score::ALL`].
pub(super) type Scores = [Vec<f64>; 3];

/// Measures one kind and level; `observe` is told how many pictures each batch had.
pub(super) fn measure(
    model: &dyn JointModel,
    samples: &Samples,
    noise: Noise,
    batch: usize,
    cancel: &Cancel,
    observe: &mut dyn FnMut(usize),
) -> Result<(LevelFigures, Scores)> {
    let used = model.sigma_range().clamp(noise.sigma);
    let mut answers: Vec<Answer> = Vec::with_capacity(samples.len());
    let indices: Vec<usize> = (0..samples.len()).collect();
    for chunk in indices.chunks(batch.max(1)) {
        cancel.check()?;
        let clean: Vec<Picture> = chunk.par_iter().map(|&index| samples.picture(index)).collect();
        let noisy: Vec<Picture> =
            clean.par_iter().zip(chunk).map(|(picture, &index)| noise.apply_nth(picture, index as u64)).collect();
        let forward = model.forward(&Batch::of(&noisy), &vec![used; chunk.len()])?;
        let denoised = forward.denoised()?.pictures();
        let beliefs: Vec<(Vec<f64>, f64)> =
            (0..chunk.len()).map(|i| (forward.posterior_of(i), forward.log_density_of(i))).collect();
        answers.par_extend(chunk.par_iter().enumerate().map(|(i, &index)| {
            let (posterior, log_density) = &beliefs[i];
            let predicted = ranked(posterior)[0];
            Answer {
                confidence: posterior[predicted],
                right: predicted == samples.label(index),
                log_density: *log_density,
                score_norm: distance(&denoised[i], &noisy[i]) / f64::from(used * used),
                noisy: Fidelity::of(&noisy[i], &clean[i]),
                denoised: Fidelity::of(&denoised[i], &clean[i]),
            }
        }));
        observe(chunk.len());
    }
    let mean = |value: &dyn Fn(&Answer) -> f64| answers.iter().map(value).sum::<f64>() / answers.len().max(1) as f64;
    let reliability = Calibration::of(answers.iter().map(|a| (a.confidence, a.right)));
    let scores = [
        answers.iter().map(|a| a.log_density).collect(),
        answers.iter().map(|a| a.confidence).collect(),
        answers.iter().map(|a| -a.score_norm).collect(),
    ];
    let figures = LevelFigures {
        noise: noise.kind,
        sigma: noise.sigma,
        sigma_used: used,
        accuracy: mean(&|a| f64::from(u8::from(a.right))),
        ece: reliability.error(),
        psnr_db: MeanPsnr { noisy: mean(&|a| a.noisy.psnr_db), denoised: mean(&|a| a.denoised.psnr_db) },
        ssim: mean(&|a| a.denoised.ssim),
        ssim_noisy: mean(&|a| a.noisy.ssim),
        log_density: mean(&|a| a.log_density),
        reliability,
    };
    Ok((figures, scores))
}

/// The Euclidean distance of two pictures of one shape.
fn distance(a: &Picture, b: &Picture) -> f64 {
    let squares = a.values().iter().zip(b.values()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    squares.sum::<f64>().sqrt()
}
