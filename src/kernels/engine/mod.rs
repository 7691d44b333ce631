//! The whole network over plain slices: one forward pass, then any number of cotangents batched over its activations.
//!
//! Weights are packed once for the processor's instructions; activations live in a [`Workspace`] that is used again, so
//! that in the steady state nothing is allocated a layer. The formulas are those of the network in tensor operations,
//! which is also what the tests hold it against.

mod forward;
mod pullback;
#[cfg(test)]
mod tests;
mod training;
mod workspace;

use std::f32::consts::FRAC_PI_2;

use super::activation::Norm;
use super::layer::Layer;
use super::layout::Frame;
use super::product::Panels;
use super::readout::Readout;
use super::simd::{Level, padded};
use super::stem::Stem;
use crate::{Error, Result};

pub use training::{Gradients, TrainingMemory};
pub use workspace::Workspace;

/// The numbers from which the network's shape follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Blueprint {
    /// Colour channels of the pictures.
    pub channels: usize,
    /// How many classes.
    pub classes: usize,
    /// μ, a value a colour channel.
    pub mean: Vec<f32>,
    /// `σ_d`.
    pub deviation: f32,
    /// The ends of the trained range of σ, from which its embedding is scaled.
    pub sigma_range: (f32, f32),
    /// The first convolution's side and stride.
    pub stem: (usize, usize),
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// Residual blocks of each stage.
    pub blocks: Vec<usize>,
    /// The stride of each stage's first convolution; the first stage has none.
    pub strides: Vec<usize>,
    /// Channels in a group of the norms.
    pub group: usize,
    /// Frequencies in the embedding of log σ.
    pub sigma_frequencies: usize,
    /// Width of the embedding of log σ.
    pub sigma_width: usize,
}

/// The network, packed for this processor.
#[derive(Debug)]
pub struct Engine {
    blueprint: Blueprint,
    level: Level,
    embed: [Dense; 2],
    /// Every layer's gains and offsets, and every read-out's γ, from the embedding of σ: one product for all.
    film: Dense,
    stem: Stem,
    stages: Vec<Stage>,
    /// Where the head's gains begin in a row of the film.
    head_film: usize,
    head: Dense,
    /// `[classes, channels]`, for the head's pullback.
    head_adjoint: Panels,
}

#[derive(Debug)]
struct Stage {
    width: usize,
    down: Option<Layer>,
    /// Two a block: where its gains begin in a row of the film, and the convolution after it.
    halves: Vec<(usize, Layer)>,
    readout: Readout,
    /// Where γ begins in a row of the film.
    gamma: usize,
}

/// `y = xWᵀ + b` on rows; outputs padded.
#[derive(Debug)]
struct Dense {
    panels: Panels,
    bias: Vec<f32>,
}

/// Rows of a [`Dense`] layer that come from several tensors.
struct DenseRows {
    inputs: usize,
    /// `[outputs, inputs]`
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl DenseRows {
    fn new(inputs: usize) -> Self {
        Self { inputs, weights: Vec::new(), bias: Vec::new() }
    }

    /// Appends rows and zero rows up to a padded count; returns where they begin.
    fn push(&mut self, weights: &[f32], bias: &[f32], plus: f32) -> usize {
        let start = self.bias.len();
        self.weights.extend_from_slice(weights);
        self.bias.extend(bias.iter().map(|b| b + plus));
        let end = start + padded(bias.len());
        self.weights.resize(end * self.inputs, 0.0);
        self.bias.resize(end, 0.0);
        start
    }

    fn pack(self, level: Level) -> Dense {
        let (inputs, outputs) = (self.inputs, self.bias.len());
        let mut columns = vec![0.0; inputs * outputs];
        for (o, row) in self.weights.chunks_exact(inputs.max(1)).enumerate() {
            for (i, weight) in row.iter().enumerate() {
                columns[i * outputs + o] = *weight;
            }
        }
        Dense { panels: Panels::pack_rows(level, [1, inputs, outputs], &columns), bias: self.bias }
    }
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

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<(&'t [f32], &'t [f32])> {
        let weights = self.get(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok((weights, self.get(&format!("{name}.bias"), &[outputs])?))
    }
}

impl Engine {
    /// The network of `blueprint` with the weights that `tensor` has under the checkpoint's names, for the fastest
    /// instructions of this processor.
    ///
    /// # Errors
    /// [`Error::Compute`] if a tensor is missing or has another size than the blueprint gives it.
    pub fn new<'t>(blueprint: &Blueprint, tensor: &impl Fn(&str) -> Option<&'t [f32]>) -> Result<Self> {
        Self::for_level(Level::best(), blueprint, tensor)
    }

    /// [`Self::new`] for given instructions.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn for_level<'t>(
        level: Level,
        blueprint: &Blueprint,
        tensor: &impl Fn(&str) -> Option<&'t [f32]>,
    ) -> Result<Self> {
        let tensors = Tensors(tensor);
        let Blueprint { channels, classes, ref widths, sigma_width, .. } = *blueprint;
        let mut film = DenseRows::new(sigma_width);
        let mut add_film = |name: &str, width: usize| -> Result<usize> {
            let (weights, bias) = tensors.linear(name, 2 * width, sigma_width)?;
            let (gain, offset) = weights.split_at(width * sigma_width);
            let start = film.push(gain, &bias[..width], 1.0);
            film.push(offset, &bias[width..], 0.0);
            Ok(start)
        };
        let mut stages = Vec::new();
        for (s, &width) in widths.iter().enumerate() {
            let stage = format!("stages.{s}");
            let down = match s.checked_sub(1) {
                None => None,
                Some(before) => {
                    let shape = [width, widths[before]];
                    let weights = tensors.get(&format!("{stage}.down.weight"), &[width, widths[before], 3, 3])?;
                    Some(Layer::new(level, weights, shape, blueprint.strides[s]))
                }
            };
            let mut halves = Vec::new();
            for b in 0..blueprint.blocks[s] {
                for half in 1..=2 {
                    let start = add_film(&format!("{stage}.blocks.{b}.film{half}"), width)?;
                    let name = format!("{stage}.blocks.{b}.conv{half}.weight");
                    let weights = tensors.get(&name, &[width, width, 3, 3])?;
                    halves.push((start, Layer::new(level, weights, [width, width], 1)));
                }
            }
            let p = tensors.get(&format!("{stage}.readout.p.weight"), &[width, width])?;
            let q = tensors.get(&format!("{stage}.readout.q.weight"), &[width, width])?;
            stages.push(Stage { width, down, halves, readout: Readout::new(level, width, p, q), gamma: 0 });
        }
        let last = widths.last().copied().unwrap_or_default();
        let head_film = add_film("head.film", last)?;
        for (s, stage) in stages.iter_mut().enumerate() {
            let (weights, bias) = tensors.linear(&format!("stages.{s}.readout.gamma"), stage.width, sigma_width)?;
            stage.gamma = film.push(weights, bias, 0.0);
        }
        let dense = |name: &str, outputs: usize, inputs: usize| -> Result<Dense> {
            let (weights, bias) = tensors.linear(name, outputs, inputs)?;
            let mut rows = DenseRows::new(inputs);
            rows.push(weights, bias, 0.0);
            Ok(rows.pack(level))
        };
        let first = widths.first().copied().unwrap_or_default();
        let (kernel, stride) = blueprint.stem;
        let stem = tensors.get("stem.weight", &[first, channels, kernel, kernel])?;
        let (weights, bias) = tensors.linear("head.linear", classes, last)?;
        let mut adjoint = vec![0.0; classes * padded(last)];
        let mut head = DenseRows::new(padded(last));
        let mut rows = Vec::new();
        for (row, adjoint) in weights.chunks_exact(last.max(1)).zip(adjoint.chunks_exact_mut(padded(last).max(1))) {
            adjoint[..last].copy_from_slice(row);
            rows.extend_from_slice(adjoint);
        }
        head.push(&rows, bias, 0.0);
        Ok(Self {
            level,
            embed: [
                dense("sigma.1", sigma_width, 2 * blueprint.sigma_frequencies + 1)?,
                dense("sigma.2", sigma_width, sigma_width)?,
            ],
            film: film.pack(level),
            stem: Stem::new(level, stem, [first, channels, kernel], stride),
            stages,
            head_film,
            head: head.pack(level),
            head_adjoint: Panels::pack_rows(level, [1, classes, padded(last)], &adjoint),
            blueprint: blueprint.clone(),
        })
    }

    /// The shape of the norms of stage `s` over pictures of `size` there.
    fn norm(&self, s: usize, (height, width): (usize, usize)) -> Norm {
        let channels = self.stages[s].width;
        Norm { frame: Frame::new(height, width, channels), channels, group: self.blueprint.group }
    }

    /// Lines and columns of every stage for pictures of `size`.
    fn sizes(&self, size: (usize, usize)) -> Vec<(usize, usize)> {
        let mut size = self.stem.size(size);
        let stages = self.stages.iter();
        stages
            .map(|stage| {
                if let Some(down) = &stage.down {
                    size = down.size(size);
                }
                size
            })
            .collect()
    }

    /// Packs the filters for the analysis of one picture of `size` under every class, so that the first one need not.
    pub fn pack(&self, size: (usize, usize)) {
        let cotangents = self.blueprint.classes;
        let sizes = self.sizes(size);
        for (s, stage) in self.stages.iter().enumerate() {
            if let (Some(down), Some(before)) = (&stage.down, s.checked_sub(1)) {
                down.pack(sizes[before], cotangents);
            }
            stage.halves.iter().for_each(|(_, layer)| layer.pack(sizes[s], cotangents));
        }
    }

    /// About how many multiply-adds a pass over one picture of `size` takes: those of the blocks' convolutions.
    fn multiply_adds(&self, size: (usize, usize)) -> usize {
        let stages = self.stages.iter().zip(self.sizes(size));
        stages.map(|(stage, (height, width))| stage.halves.len() * height * width * 9 * stage.width.pow(2)).sum()
    }

    /// `√(σ_d² + σ²)`, by which z is scaled.
    fn spread(&self, sigma: f32) -> f32 {
        f64::from(self.blueprint.deviation).hypot(f64::from(sigma)) as f32
    }

    /// What the embedding of σ starts from: t and the sines and cosines of kπt/2, where t runs from −1 to 1 with log σ.
    fn features(&self, sigma: f32, out: &mut [f32]) {
        let (low, high) = self.blueprint.sigma_range;
        let (low, high) = (f64::from(low).ln(), f64::from(high).ln());
        let t = (2.0 * (f64::from(sigma).ln() - low) / (high - low) - 1.0) as f32;
        let count = self.blueprint.sigma_frequencies;
        out[0] = t;
        for k in 0..count {
            let angle = (k + 1) as f32 * FRAC_PI_2 * t;
            (out[1 + k], out[1 + count + k]) = angle.sin_cos();
        }
    }
}
