//! What a network is, as the checkpoint says it: enough to build it and to know where it came from.

use serde::{Deserialize, Serialize};

use crate::joint::{SigmaRange, Usual};
use crate::picture::{Shape, normals};
use crate::program::{Architecture, Pictures, Program, Start, TensorSpec};

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
    /// What is usual among pictures of its kind that it was not trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<Usual>,
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

/// The largest mean, deviation and noise level, and one over the smallest deviation.
const LARGEST: f32 = 1e3;
/// The smallest noise level.
const SMALLEST_SIGMA: f32 = 1e-6;
/// The most weights: as many as [`super::Checkpoint::read`] reads.
const MOST_PARAMETERS: usize = 1 << 29;

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
            usual: None,
        }
    }

    /// Says what makes the description one that no network can be built from.
    pub(crate) fn check(&self) -> Result<(), String> {
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
        // Statistics of pictures in [0, 1], with room for those who scale theirs in another way.
        if !(self.mean.iter().all(|m| m.abs() <= LARGEST) && (1.0 / LARGEST..=LARGEST).contains(&self.deviation)) {
            return fail("mean and deviation must be finite, the deviation positive, and neither beyond a thousand");
        }
        let range = self.sigma_range;
        if !(range.min >= SMALLEST_SIGMA && range.min < range.max && range.max <= LARGEST) {
            return fail("the sigma range must rise, from a millionth at least to a thousand at most");
        }
        if let Err(reason) = self.architecture.check() {
            return fail(reason);
        }
        if let Some(Err(reason)) = self.usual.as_ref().map(Usual::check) {
            return fail(&reason);
        }
        if self.parameter_count() > MOST_PARAMETERS {
            return fail("it has more weights than a file of 2 GiB holds");
        }
        Ok(())
    }

    /// The network of the description: every layer and tensor.
    #[must_use]
    pub fn program(&self) -> Program {
        let pictures = Pictures {
            channels: self.image.channels,
            classes: self.classes.len(),
            mean: self.mean.clone(),
            deviation: self.deviation,
            sigma_range: (self.sigma_range.min, self.sigma_range.max),
        };
        Program::new(&self.architecture, pictures)
    }

    /// The name and shape of every tensor of the network.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        self.program().tensors.into_iter().map(|tensor| (tensor.name, tensor.shape)).collect()
    }

    /// How many weights the network has.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.program().parameter_count()
    }

    /// The weights that training starts from.
    ///
    /// Gains, offsets and bilinear read-outs begin at zero, so that an untrained bilinear network is the Gaussian model alone: its
    /// denoiser is the Wiener filter towards μ. All other weights are normal with variance 1 over the inputs.
    #[must_use]
    pub fn initial_weights(&self, seed: u64) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let start = |(index, tensor): (usize, TensorSpec)| {
            let mut values = vec![0.0; tensor.len()];
            if tensor.start == Start::Normal {
                let inputs: usize = tensor.shape[1..].iter().product();
                let scale = 1.0 / (inputs as f32).sqrt();
                normals::fill(seed, index as u64, 0, &mut values);
                for value in &mut values {
                    *value *= scale;
                }
            }
            (tensor.name, tensor.shape, values)
        };
        self.program().tensors.into_iter().enumerate().map(start).collect()
    }
}
