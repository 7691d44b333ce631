//! What a network is, as the checkpoint says it: enough to build it and to know where it came from.

use serde::{Deserialize, Serialize};

use crate::joint::SigmaRange;
use crate::picture::{Shape, normals};

/// The only format of description there is so far.
const FORMAT: u32 = 1;

/// Everything about a network but its weights. It travels as JSON in the checkpoint's metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The version of this layout.
    pub format: u32,
    /// A short name.
    pub name: String,
    /// Class names in the order of the logits.
    pub classes: Vec<String>,
    /// The shape of the pictures that it was trained on.
    pub image: Shape,
    /// μ: the mean of the training pictures, a value a channel.
    pub mean: Vec<f32>,
    /// `σ_d`: the standard deviation of the training pictures around μ, over all channels.
    pub deviation: f32,
    /// The noise levels that it was trained on.
    pub sigma_range: SigmaRange,
    /// The shape of the network.
    pub architecture: Architecture,
    /// How it was trained, if it was.
    pub training: Option<TrainingRecord>,
    /// The licence of the weights, as an SPDX expression.
    pub licence: String,
}

/// The numbers from which the whole network follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    /// The first convolution.
    pub stem: Stem,
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// Residual blocks of each stage.
    pub blocks: Vec<usize>,
    /// Stride of each stage's first convolution; the first stage has none, so its stride is 1.
    pub strides: Vec<usize>,
    /// Channels in a group of the group norms.
    pub group: usize,
    /// Frequencies in the embedding of log σ.
    pub sigma_frequencies: usize,
    /// Width of the embedding of log σ.
    pub sigma_width: usize,
}

/// The first convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stem {
    /// Rows and columns of its kernel: 3 or 4.
    pub kernel: usize,
    /// Its stride: 1 or 2.
    pub stride: usize,
}

/// How a network was trained, and what was measured of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// The data set.
    pub data: String,
    /// `joint`, `classify` or `denoise`.
    pub objective: String,
    /// The seed of weights, order, augmentation and noise.
    pub seed: u64,
    /// Optimiser steps done.
    pub steps: u64,
    /// Pictures seen, repeats counted.
    pub pictures: u64,
    /// Every option of the run.
    pub options: serde_json::Map<String, serde_json::Value>,
    /// What was measured, by name.
    pub results: serde_json::Map<String, serde_json::Value>,
}

impl Architecture {
    /// The small network that runs live on a plain processor.
    #[must_use]
    pub fn compact() -> Self {
        Self {
            stem: Stem { kernel: 4, stride: 2 },
            widths: vec![48, 96, 192],
            blocks: vec![2, 2, 2],
            strides: vec![1, 2, 2],
            group: 8,
            sigma_frequencies: 8,
            sigma_width: 64,
        }
    }

    /// The paper's size: the widths, blocks and strides of a ResNet-18.
    #[must_use]
    pub fn gradresnet18() -> Self {
        Self {
            stem: Stem { kernel: 3, stride: 1 },
            widths: vec![64, 128, 256, 512],
            blocks: vec![2, 2, 2, 2],
            strides: vec![1, 2, 2, 2],
            ..Self::compact()
        }
    }

    /// How many values the embedding of log σ starts from: log σ itself, and a sine and cosine a frequency.
    pub(super) fn sigma_features(&self) -> usize {
        2 * self.sigma_frequencies + 1
    }
}

impl Description {
    /// A description of the present format, without a training record.
    #[must_use]
    pub fn new(name: impl Into<String>, classes: Vec<String>, image: Shape, architecture: Architecture) -> Self {
        Self {
            format: FORMAT,
            name: name.into(),
            classes,
            image,
            mean: vec![0.5; image.channels],
            deviation: 0.25,
            sigma_range: SigmaRange { min: 0.005, max: 1.0 },
            architecture,
            training: None,
            licence: "MIT OR Apache-2.0".to_owned(),
        }
    }

    /// Says what makes the description one that no network can be built from.
    pub(crate) fn check(&self) -> Result<(), String> {
        let a = &self.architecture;
        let fail = |reason: &str| Err(format!("its description cannot be used: {reason}"));
        if self.format != FORMAT {
            let format = self.format;
            return fail(&format!("format {format} is not the format {FORMAT} that this version reads"));
        }
        if self.classes.is_empty() || self.classes.len() > 100_000 {
            return fail("there must be 1 to 100000 classes");
        }
        if !matches!(self.image.channels, 1 | 3) || self.mean.len() != self.image.channels {
            return fail("pictures must have 1 or 3 channels, with a mean each");
        }
        if !(1..=4096).contains(&self.image.height) || !(1..=4096).contains(&self.image.width) {
            return fail("the picture's height and width must be 1 to 4096");
        }
        if !(self.mean.iter().all(|m| m.is_finite()) && self.deviation.is_finite() && self.deviation > 0.0) {
            return fail("mean and deviation must be finite, and the deviation positive");
        }
        let range = self.sigma_range;
        if !(range.min > 0.0 && range.min < range.max && range.max.is_finite()) {
            return fail("the sigma range must be positive and rising");
        }
        if !matches!((a.stem.kernel, a.stem.stride), (3, 1 | 2) | (4, 2)) {
            return fail("the stem must be 3×3 with stride 1 or 2, or 4×4 with stride 2");
        }
        let stages = a.widths.len();
        if !(1..=8).contains(&stages) || a.blocks.len() != stages || a.strides.len() != stages {
            return fail("there must be 1 to 8 stages, each with a width, blocks and a stride");
        }
        if a.strides[0] != 1 || a.strides.iter().any(|s| !matches!(s, 1 | 2)) {
            return fail("strides must be 1 or 2, and the first stage's 1");
        }
        if a.group == 0 || a.widths.iter().any(|&w| w == 0 || w > 4096 || w % a.group != 0) {
            return fail("widths must be multiples of the group size, up to 4096");
        }
        if a.blocks.iter().any(|&b| b > 64) || !(1..=64).contains(&a.sigma_frequencies) {
            return fail("there can be up to 64 blocks a stage and 1 to 64 sigma frequencies");
        }
        if !(1..=4096).contains(&a.sigma_width) {
            return fail("the sigma embedding's width must be 1 to 4096");
        }
        Ok(())
    }

    /// The name and shape of every tensor of the network.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let a = &self.architecture;
        let embedding = a.sigma_width;
        let mut all = vec![
            ("stem.weight".to_owned(), vec![a.widths[0], self.image.channels, a.stem.kernel, a.stem.kernel]),
            ("sigma.1.weight".to_owned(), vec![embedding, a.sigma_features()]),
            ("sigma.1.bias".to_owned(), vec![embedding]),
            ("sigma.2.weight".to_owned(), vec![embedding, embedding]),
            ("sigma.2.bias".to_owned(), vec![embedding]),
        ];
        for (s, (&width, &blocks)) in a.widths.iter().zip(&a.blocks).enumerate() {
            let stage = format!("stages.{s}");
            if s > 0 {
                all.push((format!("{stage}.down.weight"), vec![width, a.widths[s - 1], 3, 3]));
            }
            for b in 0..blocks {
                for half in 1..=2 {
                    let block = format!("{stage}.blocks.{b}");
                    all.push((format!("{block}.film{half}.weight"), vec![2 * width, embedding]));
                    all.push((format!("{block}.film{half}.bias"), vec![2 * width]));
                    all.push((format!("{block}.conv{half}.weight"), vec![width, width, 3, 3]));
                }
            }
            all.push((format!("{stage}.readout.p.weight"), vec![width, width]));
            all.push((format!("{stage}.readout.q.weight"), vec![width, width]));
            all.push((format!("{stage}.readout.gamma.weight"), vec![width, embedding]));
            all.push((format!("{stage}.readout.gamma.bias"), vec![width]));
        }
        let last = a.widths[a.widths.len() - 1];
        all.push(("head.film.weight".to_owned(), vec![2 * last, embedding]));
        all.push(("head.film.bias".to_owned(), vec![2 * last]));
        all.push(("head.linear.weight".to_owned(), vec![self.classes.len(), last]));
        all.push(("head.linear.bias".to_owned(), vec![self.classes.len()]));
        all
    }

    /// How many weights the network has.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// The weights that training starts from.
    ///
    /// Gains, offsets and read-outs begin at zero, so that the untrained network is the Gaussian model alone: its
    /// denoiser is the Wiener filter towards μ. All other weights are normal with variance 1 over the inputs.
    #[must_use]
    pub fn initial_weights(&self, seed: u64) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let start = |(index, (name, shape)): (usize, (String, Vec<usize>))| {
            let mut values = vec![0.0; shape.iter().product()];
            let zero = name.ends_with("bias") || name.contains("film") || name.contains("gamma");
            if !zero {
                let inputs: usize = shape[1..].iter().product();
                let scale = 1.0 / (inputs as f32).sqrt();
                normals::fill(seed, index as u64, 0, &mut values);
                for value in &mut values {
                    *value *= scale;
                }
            }
            (name, shape, values)
        };
        self.parameters().into_iter().enumerate().map(start).collect()
    }
}
