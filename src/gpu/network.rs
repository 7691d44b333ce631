//! A network's weights on a device, in the forms that its passes read.

use std::sync::Arc;

use super::device::{Buffer, Gpu};
use super::film::{Film, Linear};
use super::filter::{Convolution, Filter, Size, padded};
use crate::kernels::engine::Blueprint;
use crate::{Error, Result};

/// A convolution and its adjoint.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) forward: Kept,
    pub(super) adjoint: Kept,
}

/// A filter whose weights lie on the device.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) filter: Filter,
    pub(super) weights: Buffer,
}

/// A stage of the network.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) width: usize,
    /// The pixels that one of its pixels stands for, along each axis, against the stage before.
    pub(super) stride: usize,
    pub(super) down: Option<Layer>,
    /// Two a block: where the gains begin in a row of the film, and the convolution after it.
    pub(super) halves: Vec<(usize, Layer)>,
    /// From h to (P h, Q h), and back.
    pub(super) readout: Layer,
    /// Where γ begins in a row of the film.
    pub(super) gamma: usize,
}

/// A network on a device.
#[derive(Debug)]
pub struct Network {
    pub(super) gpu: Arc<Gpu>,
    pub(super) blueprint: Blueprint,
    pub(super) film: Film,
    pub(super) stem: Layer,
    pub(super) stages: Vec<Stage>,
    /// Where the head's gains begin in a row of the film.
    pub(super) head_film: usize,
    /// `[channels, classes]`, `[classes]` and `[classes, padded channels]`
    pub(super) head: [Buffer; 3],
}

/// The checkpoint's tensors by name, each held against its expected length.
struct Tensors<'a, F>(&'a F);

impl<'t, F: Fn(&str) -> Option<&'t [f32]>> Tensors<'_, F> {
    fn get(&self, name: &str, shape: &[usize]) -> Result<&'t [f32]> {
        let values = (self.0)(name).ok_or_else(|| Error::Compute(format!("tensor {name} is missing")))?;
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::Compute(format!("tensor {name} has {} values, not those of {shape:?}", values.len())));
        }
        Ok(values)
    }

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear> {
        Ok(Linear {
            weights: self.get(&format!("{name}.weight"), &[outputs, inputs])?.to_vec(),
            bias: self.get(&format!("{name}.bias"), &[outputs])?.to_vec(),
        })
    }
}

impl Layer {
    fn new(gpu: &Gpu, convolution: &Convolution, weights: &[f32]) -> Self {
        let keep = |mut filter: Filter| {
            let weights = gpu.filled(&filter.weights);
            filter.weights = Vec::new();
            Kept { filter, weights }
        };
        Self { forward: keep(convolution.forward(weights)), adjoint: keep(convolution.adjoint(weights)) }
    }
}

impl Network {
    /// The network of `blueprint` with the weights that `tensor` has under the checkpoint's names.
    ///
    /// # Errors
    /// [`Error::Compute`] if a tensor is missing, has another size than the blueprint gives it, or does not fit on the
    /// device; [`Error::Device`] if the device is lost.
    pub fn new<'t>(gpu: Arc<Gpu>, blueprint: &Blueprint, tensor: &impl Fn(&str) -> Option<&'t [f32]>) -> Result<Self> {
        let made = gpu.allocate(|| Self::build(Arc::clone(&gpu), blueprint, &Tensors(tensor)))??;
        gpu.check()?;
        Ok(made)
    }

    fn build<'t, F: Fn(&str) -> Option<&'t [f32]>>(
        gpu: Arc<Gpu>,
        blueprint: &Blueprint,
        tensors: &Tensors<F>,
    ) -> Result<Self> {
        let Blueprint { channels, classes, ref widths, sigma_width, sigma_frequencies, .. } = *blueprint;
        let embed = [
            tensors.linear("sigma.1", sigma_width, 2 * sigma_frequencies + 1)?,
            tensors.linear("sigma.2", sigma_width, sigma_width)?,
        ];
        let mut film = Film::new(blueprint.sigma_range, sigma_frequencies, embed);
        let mut lift = |name: &str, width: usize| -> Result<usize> {
            let Linear { weights, bias } = tensors.linear(name, 2 * width, sigma_width)?;
            let (gain, offset) = weights.split_at(width * sigma_width);
            let start = film.push(gain, &bias[..width], 1.0);
            film.push(offset, &bias[width..], 0.0);
            Ok(start)
        };
        let three = |name: &str, [outputs, inputs]: [usize; 2], stride: usize| -> Result<Layer> {
            let weights = tensors.get(name, &[outputs, inputs, 3, 3])?;
            Ok(Layer::new(&gpu, &Convolution { outputs, inputs, kernel: 3, stride, border: 1 }, weights))
        };
        let mut stages = Vec::new();
        for (s, &width) in widths.iter().enumerate() {
            let name = format!("stages.{s}");
            let stride = blueprint.strides[s];
            let down = match s.checked_sub(1) {
                None => None,
                Some(before) => Some(three(&format!("{name}.down.weight"), [width, widths[before]], stride)?),
            };
            let mut halves = Vec::new();
            for b in 0..blueprint.blocks[s] {
                for half in 1..=2 {
                    let start = lift(&format!("{name}.blocks.{b}.film{half}"), width)?;
                    halves.push((start, three(&format!("{name}.blocks.{b}.conv{half}.weight"), [width, width], 1)?));
                }
            }
            // P above Q, each with rows of zeros up to whole vectors.
            let mut both = vec![0.0; 2 * padded(width) * width];
            for (half, matrix) in ["p", "q"].into_iter().enumerate() {
                let values = tensors.get(&format!("{name}.readout.{matrix}.weight"), &[width, width])?;
                both[half * padded(width) * width..][..width * width].copy_from_slice(values);
            }
            let product = Convolution { outputs: 2 * padded(width), inputs: width, kernel: 1, stride: 1, border: 0 };
            let readout = Layer::new(&gpu, &product, &both);
            stages.push(Stage { width, stride: if s == 0 { 1 } else { stride }, down, halves, readout, gamma: 0 });
        }
        let last = widths.last().copied().unwrap_or_default();
        let head_film = lift("head.film", last)?;
        for (s, stage) in stages.iter_mut().enumerate() {
            let Linear { weights, bias } =
                tensors.linear(&format!("stages.{s}.readout.gamma"), stage.width, sigma_width)?;
            stage.gamma = film.push(&weights, &bias, 0.0);
        }
        let first = widths.first().copied().unwrap_or_default();
        let (kernel, stride) = blueprint.stem;
        let stem = tensors.get("stem.weight", &[first, channels, kernel, kernel])?;
        let Linear { weights, bias } = tensors.linear("head.linear", classes, last)?;
        let mut transposed = vec![0.0; last * classes];
        let mut adjoint = vec![0.0; classes * padded(last)];
        for (k, row) in weights.chunks_exact(last.max(1)).enumerate() {
            row.iter().enumerate().for_each(|(c, weight)| transposed[c * classes + k] = *weight);
            adjoint[k * padded(last)..][..last].copy_from_slice(row);
        }
        Ok(Self {
            stem: Layer::new(&gpu, &Convolution { outputs: first, inputs: channels, kernel, stride, border: 1 }, stem),
            head: [gpu.filled(&transposed), gpu.filled(&bias), gpu.filled(&adjoint)],
            film,
            stages,
            head_film,
            blueprint: blueprint.clone(),
            gpu,
        })
    }

    /// The device that it is on.
    #[must_use]
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Lines and columns of every stage for pictures of `size`.
    pub(super) fn sizes(&self, size: Size) -> Vec<Size> {
        let stride = self.blueprint.stem.1;
        let mut size = (size.0.div_ceil(stride), size.1.div_ceil(stride));
        let stages = self.stages.iter();
        stages
            .map(|stage| {
                size = (size.0.div_ceil(stage.stride), size.1.div_ceil(stage.stride));
                size
            })
            .collect()
    }

    /// `√(σ_d² + σ²)`, by which z is scaled.
    pub(super) fn spread(&self, sigma: f32) -> f32 {
        f64::from(self.blueprint.deviation).hypot(f64::from(sigma)) as f32
    }

    /// Values of the largest activation of a picture of `size`, and of a row of cotangents.
    pub(super) fn largest(&self, size: Size) -> usize {
        let stages = self.stages.iter().zip(self.sizes(size));
        // The read-out's two products lie side by side.
        let stage = |(stage, (h, w)): (&Stage, Size)| h * w * 2 * padded(stage.width);
        stages.map(stage).max().unwrap_or_default().max(4 * size.0 * size.1)
    }

    /// About how many bytes a picture's activations take, and a row of cotangents.
    pub(super) fn bytes(&self, size: Size) -> (u64, u64) {
        let stages = self.stages.iter().zip(self.sizes(size));
        // Its input and each half's, its read-out (two) and gradient; scratch in common.
        let kept = |(stage, (h, w)): (&Stage, Size)| (stage.halves.len() + 4) * h * w * padded(stage.width);
        let picture: usize = stages.map(kept).sum::<usize>() + 2 * self.largest(size) + 8 * size.0 * size.1;
        (4 * picture as u64, 4 * (4 * self.largest(size) + 8 * size.0 * size.1) as u64)
    }
}
