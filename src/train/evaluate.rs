//! What is measured during training, on pictures that are not trained on.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{D, DType, Tensor};
use serde::{Deserialize, Serialize};

use super::augment::Stream;
use super::data::DataSet;
use super::objective::{Trainable, read};
use crate::Result;
use crate::picture::normals;

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
    /// The mean PSNR of D, in decibels.
    pub psnr: f64,
    /// The noise level of the PSNR.
    pub psnr_sigma: f32,
}

/// Measures the network over `weights` on the pictures of `range`, `batch` at a time. The noise is that of `seed`, the
/// same at each call, so that two evaluations differ by the weights alone.
///
/// # Errors
/// If the device fails.
pub fn evaluate(
    network: &Trainable,
    weights: &BTreeMap<String, Tensor>,
    data: &DataSet,
    range: &Range<usize>,
    batch: usize,
    seed: u64,
    step: u64,
) -> Result<Evaluation> {
    let graph = network.graph_over(weights)?;
    let device = network.device();
    let trained = network.description().sigma_range;
    let (accuracy_sigma, psnr_sigma) = (trained.clamp(CLASSIFY_AT), trained.clamp(DENOISE_AT));
    let size = data.shape.len();
    let (mut correct, mut decibels) = (0, 0.0);
    let indices: Vec<usize> = range.clone().collect();
    for (chunk, part) in indices.chunks(batch).enumerate() {
        let n = part.len();
        let clean: Vec<f32> = part.iter().flat_map(|&i| data.bytes(i).iter().map(|&b| f32::from(b) / 255.0)).collect();
        let labels: Vec<u32> = part.iter().map(|&i| data.labels[i]).collect();
        let mut noise = vec![0.0; n * size];
        normals::fill(seed, Stream::Evaluation as u64, (chunk * batch * size) as u64, &mut noise);
        let shape = (n, data.shape.channels, data.shape.height, data.shape.width);
        let clean = Tensor::from_vec(clean, shape, device)?;
        let noise = Tensor::from_vec(noise, shape, device)?;
        let noisy_at = |sigma: f32| -> candle_core::Result<(Tensor, Tensor)> {
            Ok(((&clean + noise.affine(f64::from(sigma), 0.0)?)?, Tensor::full(sigma, n, device)?))
        };
        let (noisy, sigmas) = noisy_at(accuracy_sigma)?;
        let logits = graph.forward(&noisy, &sigmas)?.logits;
        let predicted = logits.argmax(D::Minus1)?.to_dtype(DType::U32)?.to_vec1::<u32>()?;
        correct += predicted.iter().zip(&labels).filter(|(p, l)| p == l).count();
        let (noisy, sigmas) = noisy_at(psnr_sigma)?;
        let (score, _) = read(&graph, &noisy, &sigmas)?;
        let denoised = (noisy + score.affine(f64::from(psnr_sigma).powi(2), 0.0)?)?;
        let errors = (denoised - clean)?.sqr()?.flatten_from(1)?.mean(1)?.to_vec1::<f32>()?;
        decibels += errors.iter().map(|&e| -10.0 * f64::from(e).log10()).sum::<f64>();
    }
    let pictures = indices.len();
    let count = pictures.max(1) as f64;
    let (accuracy, psnr) = (correct as f64 / count, decibels / count);
    Ok(Evaluation { step, pictures, accuracy, accuracy_sigma, psnr, psnr_sigma })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, Checkpoint, Description};
    use crate::picture::Shape;
    use crate::train::data::{Kind, Part};

    #[test]
    fn the_untrained_network_restores_as_the_wiener_filter_does() {
        let shape = Shape::new(1, 8, 8);
        let pixels: Vec<u8> = (0..5 * 64).map(|i| (i * 37 % 256) as u8).collect();
        let part = Part { labels: vec![0, 1, 0, 0, 1], pixels };
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let data = DataSet::new("x".as_ref(), Kind::Folder, classes.clone(), shape, part, Part::default()).unwrap();
        let architecture =
            Architecture { widths: vec![8], blocks: vec![1], strides: vec![1], ..Architecture::compact() };
        let description =
            Description { mean: vec![0.5], deviation: 0.3, ..Description::new("t", classes, shape, architecture) };
        let network =
            Trainable::new(Checkpoint::untrained(description, 0).unwrap(), &candle_core::Device::Cpu).unwrap();
        let mut weights: BTreeMap<String, Tensor> =
            network.parameters().iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect();
        // No logits: every class as probable as the other, the first is taken.
        let head = weights["head.linear.weight"].zeros_like().unwrap();
        weights.insert("head.linear.weight".to_owned(), head);
        let measured = evaluate(&network, &weights, &data, &(1..5), 3, 7, 42).unwrap();
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
            let sum: f64 = data.bytes(1 + row).iter().zip(&noise[row * 64..]).map(square).sum();
            -10.0 * (sum / 64.0).log10()
        };
        let expected = (0..4).map(psnr).sum::<f64>() / 4.0;
        assert!((measured.psnr - expected).abs() < 1e-3, "{} against {expected}", measured.psnr);
    }
}
