//! The memory of the passes, kept from one job to the next.

use super::Engine;
use crate::engine::Size;
use crate::kernels::activation::{Norm, Tangent, Tape};
use crate::kernels::engine::common::Levels;

/// Buffers of one length: one a layer where a later pass asks for all of them, else one that the layers use in turn.
#[derive(Debug, Default)]
pub struct Slots(Vec<Vec<f32>>);

impl Slots {
    /// Buffers for `layers` layers.
    pub fn new(layers: usize, keep: bool, len: usize) -> Self {
        Self((0..if keep { layers } else { 1 }).map(|_| vec![0.0; len]).collect())
    }

    /// The last layer's buffer.
    pub fn last_mut(&mut self) -> &mut [f32] {
        self.at_mut(self.0.len() - 1)
    }

    /// The buffer of a layer.
    pub fn at(&self, layer: usize) -> &[f32] {
        &self.0[layer % self.0.len()]
    }

    /// The buffer of a layer.
    pub fn at_mut(&mut self, layer: usize) -> &mut [f32] {
        let count = self.0.len();
        &mut self.0[layer % count]
    }
}

/// One stage of a pass upwards, of values or of tangents.
#[derive(Debug)]
pub struct Stream {
    pub norm: Norm,
    /// The residual stream, dense; at the end of the pass, the stage's result.
    pub h: Vec<f32>,
    /// What the first convolution of a block gives, dense.
    pub inner: Vec<f32>,
    /// What each convolution reads, framed, and after those of the halves the stage's result.
    pub framed: Slots,
}

/// One stage of a pass downwards: the pullback's or the reverse pass's cotangents.
#[derive(Debug)]
pub struct Descent {
    pub norm: Norm,
    /// Of the residual stream, dense; at the end of the pass, of what the stage began with.
    pub g: Vec<f32>,
    /// Of each activation's value, dense.
    pub inner: Slots,
    /// Of what the stage began with, and then of each convolution's result, framed.
    pub framed: Slots,
}

/// Values of one pass upwards over some pictures.
#[derive(Debug, Default)]
pub struct Rise {
    pub pictures: usize,
    pub sigmas: Vec<f32>,
    /// z, planar.
    pub z: Vec<f32>,
    pub levels: Levels,
    pub patches: Vec<f32>,
    pub stages: Vec<Stream>,
    /// What each activation keeps.
    pub tapes: Vec<Tape>,
    /// What each read-out keeps.
    pub readouts: Vec<Vec<f32>>,
    /// The read-outs' gradients by their stages, once a pullback has asked for them.
    pub gradients: Vec<Vec<f32>>,
    /// Room for one picture's sums over the pixels.
    pub sums: Vec<f64>,
    /// The head's means over the pixels, `[pictures, padded channels]`.
    pub pooled: Vec<f32>,
    /// Rows of the padded class count.
    pub logits: Vec<f32>,
}

/// Tangents of one pass upwards.
#[derive(Debug, Default)]
pub struct TangentRise {
    pub patches: Vec<f32>,
    pub stages: Vec<Stream>,
    pub tapes: Vec<Tangent>,
    pub readouts: Vec<Vec<f32>>,
    /// Room for one picture's sums over the pixels.
    pub sums: Vec<f64>,
    pub pooled: Vec<f32>,
    pub logits: Vec<f32>,
}

/// The derivatives of everything along some directions, and what their reverse pass needs besides.
#[derive(Debug)]
pub struct Slopes {
    pub tangents: TangentRise,
    /// The read-outs' tangents exchanged and scaled, see `Readout::exchange`.
    pub exchanged: Vec<Vec<f32>>,
    /// Room for dense pictures of the largest stage.
    pub room: Vec<f32>,
}

/// The head's part of a pass downwards, and its stages.
#[derive(Debug, Default)]
pub struct Fall {
    pub rows: usize,
    /// The cotangents of the head's means, `[rows, padded channels]`.
    pub pooled: Vec<f32>,
    /// Of the head's activation, dense.
    pub head: Vec<f32>,
    pub stages: Vec<Descent>,
    pub patches: Vec<f32>,
}

impl Engine {
    fn norms(&self, size: Size) -> Vec<Norm> {
        self.sizes(size).into_iter().enumerate().map(|(s, size)| self.norm(s, size)).collect()
    }

    fn streams(&self, pictures: usize, size: Size, keep: bool) -> Vec<Stream> {
        let stages = self.stages.iter().zip(self.norms(size));
        let stream = |(stage, norm): (&super::Stage, Norm)| Stream {
            norm,
            h: vec![0.0; pictures * norm.frame.dense()],
            inner: vec![0.0; pictures * norm.frame.dense()],
            framed: Slots::new(stage.halves.len() + 1, keep, pictures * norm.frame.len()),
        };
        stages.map(stream).collect()
    }

    fn readouts(&self, pictures: usize, size: Size) -> Vec<Vec<f32>> {
        let stages = self.stages.iter().zip(self.sizes(size));
        stages.map(|(stage, (h, w))| vec![0.0; pictures * h * w * stage.readout.kept()]).collect()
    }

    /// The norm of every activation, the head's last.
    fn site_norms(&self, size: Size) -> Vec<Norm> {
        let norms = self.norms(size);
        let stages = self.stages.iter().zip(&norms).flat_map(|(stage, norm)| vec![*norm; stage.halves.len()]);
        stages.chain(norms.last().copied()).collect()
    }

    pub(super) fn rise(&self, pictures: usize, size: Size, keep: bool) -> Rise {
        let zeros = |count: usize| vec![0.0; pictures * count];
        let tape = |norm: Norm| {
            let mut tape = Tape::default();
            tape.resize(&norm, pictures);
            tape
        };
        Rise {
            pictures,
            sigmas: zeros(1),
            z: zeros(self.common.program.pictures.channels * size.0 * size.1),
            levels: self.common.levels(pictures),
            patches: self.common.patches(pictures, size, self.common.stem.patch()),
            stages: self.streams(pictures, size, keep),
            tapes: self.site_norms(size).into_iter().map(tape).collect(),
            readouts: self.readouts(pictures, size),
            gradients: Vec::new(),
            sums: vec![0.0; self.head.linear.panels.depth()],
            pooled: zeros(self.head.linear.panels.depth()),
            logits: zeros(self.head.linear.bias.len()),
        }
    }

    pub(super) fn tangent_rise(&self, pictures: usize, size: Size, keep: bool) -> TangentRise {
        let tape = |norm: Norm| {
            let mut tape = Tangent::default();
            tape.resize(&norm, pictures);
            tape
        };
        TangentRise {
            patches: self.common.patches(pictures, size, self.common.stem.patch()),
            stages: self.streams(pictures, size, keep),
            tapes: self.site_norms(size).into_iter().map(tape).collect(),
            readouts: self.readouts(pictures, size),
            sums: vec![0.0; self.head.linear.panels.depth()],
            pooled: vec![0.0; pictures * self.head.linear.panels.depth()],
            logits: vec![0.0; pictures * self.head.linear.bias.len()],
        }
    }

    /// Room for dense pictures of the largest stage.
    pub(super) fn room(&self, pictures: usize, size: Size) -> Vec<f32> {
        vec![0.0; pictures * self.norms(size).iter().map(|norm| norm.frame.dense()).max().unwrap_or_default()]
    }

    pub(super) fn slopes(&self, directions: usize, size: Size) -> Slopes {
        Slopes {
            tangents: self.tangent_rise(directions, size, false),
            exchanged: self.readouts(directions, size),
            room: self.room(directions, size),
        }
    }

    /// For `rows` rows of cotangents: keeps those of the convolutions' results and of the activations' values, if asked to.
    pub(super) fn fall(&self, rows: usize, size: Size, [results, values]: [bool; 2]) -> Fall {
        let descent = |(stage, norm): (&super::Stage, Norm)| Descent {
            norm,
            g: vec![0.0; rows * norm.frame.dense()],
            inner: Slots::new(stage.halves.len().max(1), values, rows * norm.frame.dense()),
            framed: Slots::new(stage.halves.len() + 1, results, rows * norm.frame.len()),
        };
        let norms = self.norms(size);
        Fall {
            rows,
            pooled: vec![0.0; rows * self.head.adjoint.columns()],
            head: vec![0.0; rows * norms.last().map_or(0, |norm| norm.frame.dense())],
            stages: self.stages.iter().zip(norms).map(descent).collect(),
            patches: self.common.patches(rows, size, self.common.stem.padded_patch()),
        }
    }
}
