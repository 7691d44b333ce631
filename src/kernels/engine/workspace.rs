//! The memory of a forward pass and of the pullbacks after it, kept from one job to the next.

use super::Engine;
use crate::kernels::activation::{Norm, Tape};
use crate::kernels::simd::padded;

/// A job's activations, in parts that threads work on by themselves; pictures do not depend on each other.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Lines and columns of the pictures.
    pub(super) size: (usize, usize),
    /// The pictures of the job, over all parts.
    pub(super) pictures: usize,
    pub(super) parts: Vec<Part>,
}

/// Some of the pictures.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) pictures: usize,
    pub(super) sigmas: Vec<f32>,
    /// z, planar.
    pub(super) z: Vec<f32>,
    pub(super) features: Vec<f32>,
    pub(super) hidden: Vec<f32>,
    pub(super) embedding: Vec<f32>,
    /// Gains, offsets and γ of every layer, a row a picture.
    pub(super) film: Vec<f32>,
    pub(super) patches: Vec<f32>,
    pub(super) stages: Vec<StageMemory>,
    pub(super) head: Tape,
    /// Room for one picture's sums over the pixels.
    pub(super) sums: Vec<f64>,
    /// The head's means over the pixels, `[pictures, channels]`.
    pub(super) pooled: Vec<f32>,
    pub(super) logits: Vec<f32>,
    pub(super) energy: Vec<f64>,
    /// For the pullback: some of the rows of cotangents each.
    pub(super) pulls: Vec<Pull>,
}

/// A stage's activations.
#[derive(Debug)]
pub(super) struct StageMemory {
    pub(super) norm: Norm,
    /// The residual stream, dense.
    pub(super) h: Vec<f32>,
    /// What the first convolution of a block gives, dense.
    pub(super) inner: Vec<f32>,
    pub(super) framed: Vec<f32>,
    pub(super) tapes: Vec<Tape>,
    /// What the read-out keeps, and its gradient once a pullback has asked for it.
    pub(super) readout: Vec<f32>,
    pub(super) gradient: Vec<f32>,
}

/// Memory for the pullback of some rows of cotangents.
#[derive(Debug, Default)]
pub(super) struct Pull {
    pub(super) rows: usize,
    pub(super) stages: Vec<PullMemory>,
    pub(super) pooled: Vec<f32>,
    pub(super) patches: Vec<f32>,
}

/// A stage's cotangents.
#[derive(Debug)]
pub(super) struct PullMemory {
    /// Of the residual stream, dense.
    pub(super) g: Vec<f32>,
    pub(super) inner: Vec<f32>,
    pub(super) framed: Vec<f32>,
}

/// `count` items in at most `parts` runs of nearly one length: where run `index` begins.
pub(super) fn begin(count: usize, parts: usize, index: usize) -> usize {
    count * index / parts.max(1)
}

impl Workspace {
    /// An empty workspace; it grows with the first job.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lays the memory out for a job, if it is not laid out so already.
    pub(super) fn lay_out(&mut self, engine: &Engine, pictures: usize, size: (usize, usize)) {
        let parts = pictures.min(rayon::current_num_threads()).max(1);
        if (self.pictures, self.size, self.parts.len()) == (pictures, size, parts) {
            return;
        }
        (self.pictures, self.size) = (pictures, size);
        let count = |part| begin(pictures, parts, part + 1) - begin(pictures, parts, part);
        self.parts = (0..parts).map(|part| Part::new(engine, count(part), size)).collect();
    }
}

impl Part {
    fn new(engine: &Engine, pictures: usize, size: (usize, usize)) -> Self {
        let zeros = |count: usize| vec![0.0; pictures * count];
        let blueprint = &engine.blueprint;
        let sizes = engine.sizes(size);
        let memory = |(s, stage): (usize, &super::Stage)| {
            let norm = engine.norm(s, sizes[s]);
            let pixels = norm.frame.height * norm.frame.width;
            let tape = || {
                let mut tape = Tape::default();
                tape.resize(&norm, pictures);
                tape
            };
            StageMemory {
                h: zeros(norm.frame.dense()),
                inner: zeros(norm.frame.dense()),
                framed: zeros(norm.frame.len()),
                tapes: stage.halves.iter().map(|_| tape()).collect(),
                readout: zeros(pixels * stage.readout.kept()),
                gradient: Vec::new(),
                norm,
            }
        };
        let stages: Vec<_> = engine.stages.iter().enumerate().map(memory).collect();
        let mut head = Tape::default();
        if let Some(last) = stages.last() {
            head.resize(&last.norm, pictures);
        }
        let (lines, columns) = engine.stem.size(size);
        Self {
            pictures,
            sigmas: zeros(1),
            z: zeros(blueprint.channels * size.0 * size.1),
            features: zeros(2 * blueprint.sigma_frequencies + 1),
            hidden: zeros(padded(blueprint.sigma_width)),
            embedding: zeros(padded(blueprint.sigma_width)),
            film: zeros(engine.film.bias.len()),
            patches: zeros(lines * columns * engine.stem.patch()),
            stages,
            head,
            sums: vec![0.0; engine.head.panels.depth()],
            pooled: zeros(engine.head.panels.depth()),
            logits: zeros(engine.head.bias.len()),
            energy: vec![0.0; pictures],
            pulls: Vec::new(),
        }
    }

    /// Lays the memory out for `rows` rows of cotangents, `runs` runs of them.
    pub(super) fn lay_out_pulls(&mut self, engine: &Engine, size: (usize, usize), rows: usize, runs: usize) {
        if self.pulls.len() == runs && self.pulls.iter().map(|p| p.rows).sum::<usize>() == rows {
            return;
        }
        let (lines, columns) = engine.stem.size(size);
        let pull = |run| {
            let rows = begin(rows, runs, run + 1) - begin(rows, runs, run);
            let zeros = |count: usize| vec![0.0; rows * count];
            let stage = |stage: &StageMemory| PullMemory {
                g: zeros(stage.norm.frame.dense()),
                inner: zeros(stage.norm.frame.dense()),
                framed: zeros(stage.norm.frame.len()),
            };
            Pull {
                rows,
                stages: self.stages.iter().map(stage).collect(),
                pooled: zeros(engine.head_adjoint.columns()),
                patches: zeros(lines * columns * engine.stem.padded_patch()),
            }
        };
        self.pulls = (0..runs).map(pull).collect();
    }
}
