//! What is measured during training, on pictures that are not trained on.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::augment::Stream;
use crate::data::DataSet;
use crate::joint::JointModel;
use crate::picture::{Batch, decibels, normals};
use crate::task::Cancel;
use crate::{Result, attack};

/// The noise level at which accuracy is measured, where the trained range allows it.
const CLASSIFY_AT: f32 = 1.0 / 255.0;
/// The noise level at which denoising is measured.
const DENOISE_AT: f32 = 25.0 / 255.0;

/// Accuracy and denoising of the averaged weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The step after which it was measured.
    pub step: u64,
    /// How many pictures it was measured on.
    pub pictures: usize,
    /// The share of pictures whose most probable class is the true one.
    pub accuracy: f64,
    /// The noise level of the accuracy.
    pub accuracy_sigma: f32,
    /// The mean PSNR of D, in decibels; infinite, which JSON says as null, where one is identical to its picture.
    #[serde(with = "decibels")]
    pub psnr: f64,
    /// The noise level of the PSNR.
    pub psnr_sigma: f32,
    /// The share that is still classified rightly under PGD within the budget of adversarial rows, of the first 200 pictures; none
    /// without such rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub robust: Option<f64>,
    /// The model has one class: it is a denoiser, and its accuracy says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub denoiser: bool,
}

/// Pictures that are attacked when a run is measured, at most.
const ATTACKED: usize = 200;
/// PGD's steps there.
const STEPS: f64 = 10.0;

/// The share of the first pictures of `range` that stay classified rightly under PGD (L∞, ten steps of ε/4 from a random start).
///
/// # Errors
/// If the device fails.
pub fn robust(network: &dyn JointModel, data: &DataSet, range: &Range<usize>, epsilon: f64, seed: u64) -> Result<f64> {
    let some = range.start..range.end.min(range.start + ATTACKED);
    let pictures = some.clone().map(|index| data.picture(index)).collect::<Result<Vec<_>>>()?;
    if pictures.is_empty() {
        return Ok(0.0);
    }
    let labels: Vec<usize> = some.map(|index| data.labels[index] as usize).collect();
    let sigma = network.sigma_range().clamp(CLASSIFY_AT);
    let mut settings = attack::Settings::new(attack::Method::Pgd, sigma).within(attack::Norm::Linf, epsilon);
    settings.seed = seed;
    settings.set(attack::parameters::STEPS, STEPS)?;
    settings.set(attack::parameters::STEP_SIZE, epsilon / 4.0)?;
    let outcomes = attack::run(network, &Batch::of(&pictures), &labels, &settings, &Cancel::new(), &mut |_| ())?;
    let kept = outcomes.iter().filter(|o| o.predicted_before == o.label && o.predicted_after == o.label).count();
    Ok(kept as f64 / outcomes.len() as f64)
}

/// Whether accuracy under attack fell as it does when a network learns to fool the attack that it is trained on alone (Wong et al.
/// 2020): below half of the best so far, and by ten points at least.
#[must_use]
pub fn is_collapse(robust: f64, best: f64) -> bool {
    robust < 0.5 * best && robust < best - 0.1
}

/// Measures a network on the pictures of `range`, `batch` at a time. The noise is that of `seed`, the same at each call,
/// so that two evaluations differ by the weights alone.
///
/// # Errors
/// If the device fails.
pub fn evaluate(
    network: &dyn JointModel,
    data: &DataSet,
    range: &Range<usize>,
    batch: usize,
    seed: u64,
    step: u64,
) -> Result<Evaluation> {
    let trained = network.sigma_range();
    let (accuracy_sigma, psnr_sigma) = (trained.clamp(CLASSIFY_AT), trained.clamp(DENOISE_AT));
    let size = data.shape.len();
    let (mut correct, mut decibels) = (0, 0.0);
    let (indices, mut buffer): (Vec<usize>, _) = (range.clone().collect(), Vec::new());
    for (chunk, part) in indices.chunks(batch).enumerate() {
        let mut clean = Vec::with_capacity(part.len() * size);
        for &index in part {
            clean.extend(data.bytes(index, &mut buffer)?.iter().map(|&b| f32::from(b) / 255.0));
        }
        let mut noise = vec![0.0; clean.len()];
        normals::fill(seed, Stream::Evaluation as u64, (chunk * batch * size) as u64, &mut noise);
        let forward = |sigma: f32| {
            let noisy = clean.iter().zip(&noise).map(|(x, e)| x + sigma * e).collect();
            network.forward(&Batch::new(data.shape, noisy), &vec![sigma; part.len()])
        };
        let classified = forward(accuracy_sigma)?;
        for (n, &index) in part.iter().enumerate() {
            let logits = classified.log_joint_of(n).iter().enumerate();
            let best = logits.max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)));
            correct += usize::from(best.is_some_and(|(class, _)| class == data.labels[index] as usize));
        }
        let denoised = forward(psnr_sigma)?.denoised()?;
        for (n, clean) in clean.chunks_exact(size).enumerate() {
            let squares = denoised.row(n).iter().zip(clean).map(|(d, x)| f64::from(d - x).powi(2));
            decibels -= 10.0 * (squares.sum::<f64>() / size as f64).log10();
        }
    }
    let pictures = indices.len();
    let count = pictures.max(1) as f64;
    let (accuracy, psnr) = (correct as f64 / count, decibels / count);
    Ok(Evaluation {
        step,
        pictures,
        accuracy,
        accuracy_sigma,
        psnr,
        psnr_sigma,
        robust: None,
        denoiser: !network.is_classifier(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, Checkpoint, Description, DeviceChoice, Network};
    use crate::picture::Shape;

    #[test]
    fn accuracy_under_attack_is_that_of_the_boundary_and_a_sudden_fall_is_told_from_a_slow_one() {
        // Half way between 0.3 and 0.7: pictures nearer to it than ε are taken.
        use crate::joint::GaussianMixture;
        let shape = Shape::new(1, 4, 4);
        let mixture =
            GaussianMixture::new(shape, 2).with(0, 1.0, vec![0.3; 16], 0.05).with(1, 1.0, vec![0.7; 16], 0.05);
        let shades = [100_u8, 120, 126, 130, 150, 120];
        let pixels = shades.iter().flat_map(|shade| [*shade; 16]).collect();
        let data = DataSet::in_memory(&["a", "b"], shape, vec![0, 0, 0, 1, 1, 1], pixels);
        let at = |epsilon: f64| robust(&mixture, &data, &(0..6), epsilon / 255.0, 3).unwrap() * 6.0;
        // The last is wrong from the start; the boundary is at 127.5.
        assert!((at(1.0) - 5.0).abs() < 1e-9 && (at(4.0) - 3.0).abs() < 1e-9 && at(60.0).abs() < 1e-9);
        assert!((robust(&mixture, &data, &(1..3), 1.0 / 255.0, 3).unwrap() - 1.0).abs() < 1e-9);
        assert!(is_collapse(0.02, 0.3) && !is_collapse(0.2, 0.3) && !is_collapse(0.02, 0.1) && !is_collapse(0.3, 0.3));
    }

    #[test]
    fn the_untrained_network_restores_as_the_wiener_filter_does() {
        let shape = Shape::new(1, 8, 8);
        let pixels: Vec<u8> = (0..5 * 64).map(|i| (i * 37 % 256) as u8).collect();
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let data = DataSet::in_memory(&["a", "b"], shape, vec![0, 1, 0, 0, 1], pixels);
        let architecture =
            Architecture { widths: vec![8], blocks: vec![1], strides: vec![1], ..Architecture::compact() };
        let description =
            Description { mean: vec![0.5], deviation: 0.3, ..Description::new("t", classes, shape, architecture) };
        let mut checkpoint = Checkpoint::untrained(description, 0).unwrap();
        // No logits: every class as probable as the other, the first is taken.
        checkpoint.tensors.get_mut("head.linear.weight").unwrap().values.fill(0.0);
        let network = Network::load(&checkpoint, &DeviceChoice::Cpu).unwrap();
        let measured = evaluate(&network, &data, &(1..5), 3, 7, 42).unwrap();
        assert_eq!((measured.step, measured.pictures), (42, 4));
        assert!((measured.accuracy - 0.5).abs() < 1e-9);

        let mut noise = vec![0.0; 4 * 64];
        normals::fill(7, Stream::Evaluation as u64, 0, &mut noise);
        let (signal, sigma) = (0.09, 25.0 / 255.0);
        let psnr = |row: usize| {
            let square = |(x, e): (&u8, &f32)| {
                let x = f64::from(*x) / 255.0;
                let y = x + sigma * f64::from(*e);
                (x - (signal * y + sigma * sigma * 0.5) / (signal + sigma * sigma)).powi(2)
            };
            let sum: f64 =
                data.bytes(1 + row, &mut Vec::new()).unwrap().iter().zip(&noise[row * 64..]).map(square).sum();
            -10.0 * (sum / 64.0).log10()
        };
        let expected = (0..4).map(psnr).sum::<f64>() / 4.0;
        assert!((measured.psnr - expected).abs() < 1e-3, "{} against {expected}", measured.psnr);
    }
}
