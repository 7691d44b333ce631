//! What the four passes keep, group by group, from one batch to the next.

use super::GROUP;
use crate::kernels::activation::{Norm, Tangent, Tape};
use crate::kernels::engine::{Engine, Stage};
use crate::kernels::simd::padded;

/// The memory of [`Engine::gradient`], used again for every batch.
#[derive(Debug, Default)]
pub struct TrainingMemory {
    laid_out: Option<(usize, (usize, usize))>,
    pub(super) parts: Vec<Part>,
}

/// One group of pictures.
#[derive(Debug)]
pub(super) struct Part {
    pub pictures: usize,
    pub z: Vec<f32>,
    /// The cotangent of the score times the rate of z: the direction of the tangent pass.
    pub direction: Vec<f32>,
    pub features: Vec<f32>,
    /// Before and after GELU, `[pictures, padded width]` each.
    pub embeds: [[Vec<f32>; 2]; 2],
    pub film: Vec<f32>,
    pub film_cotangent: Vec<f32>,
    pub patches: Vec<f32>,
    pub tangent_patches: Vec<f32>,
    pub adjoint_patches: Vec<f32>,
    pub stages: Vec<StageMemory>,
    pub head: Half,
    pub pooled: Vec<f32>,
    pub tangent_pooled: Vec<f32>,
    /// Rows of the padded class count.
    pub logits: Vec<f32>,
    pub tangent_logits: Vec<f32>,
    /// Rows of the class count: p(c|y), and the weights of the classes' scores.
    pub posterior: Vec<f32>,
    pub class_weights: Vec<f32>,
    pub logit_cotangents: Vec<f32>,
    /// Room for one row of pooled channels a picture, and for dense pictures of the largest stage.
    pub rows: Vec<f32>,
    pub room: Vec<f32>,
    pub cross_entropy: f64,
    pub score_error: f64,
}

/// One stage of one group; "g" is the pullback's cotangent, "r" the reverse pass's.
#[derive(Debug)]
pub(super) struct StageMemory {
    pub norm: Norm,
    /// The residual stream, its tangent and its cotangents, dense; at the end of a pass, that pass's result.
    pub h: Vec<f32>,
    pub tangent: Vec<f32>,
    pub g: Vec<f32>,
    pub r: Vec<f32>,
    /// What the first convolution of a block gives, dense.
    pub inner: Vec<f32>,
    /// The stage's result framed, with its tangent, for the next stage's first convolution.
    pub framed: [Vec<f32>; 2],
    /// The cotangents of the stage's input convolution, framed.
    pub into: [Vec<f32>; 2],
    pub halves: Vec<Half>,
    /// (P h, Q h) and its tangent.
    pub projected: [Vec<f32>; 2],
    /// The same exchanged and scaled, see `Readout::exchange`.
    pub exchanged: [Vec<f32>; 2],
}

/// An activation, and the convolution after it.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub tape: Tape,
    pub tangent: Tangent,
    /// The activation's value and tangent, framed.
    pub value: [Vec<f32>; 2],
    /// The cotangents of the convolution's output, g and r, framed.
    pub cotangent: [Vec<f32>; 2],
    /// The pullback's cotangent of the activation's value, dense.
    pub q: Vec<f32>,
}

impl Half {
    fn new(norm: &Norm, pictures: usize) -> Self {
        let framed = || [(); 2].map(|()| vec![0.0; pictures * norm.frame.len()]);
        let mut half = Self {
            value: framed(),
            cotangent: framed(),
            q: vec![0.0; pictures * norm.frame.dense()],
            ..Self::default()
        };
        half.tape.resize(norm, pictures);
        half.tangent.resize(norm, pictures);
        half
    }

    /// As if the pullback and the tangent were zero.
    fn rest(&mut self) {
        self.q.fill(0.0);
        self.tangent.normal.fill(0.0);
        self.tangent.along.fill(0.0);
    }
}

impl TrainingMemory {
    /// Memory that grows with the first batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lays the memory out for a batch, if it is not laid out so already.
    pub(super) fn lay_out(&mut self, engine: &Engine, pictures: usize, size: (usize, usize)) {
        if self.laid_out != Some((pictures, size)) {
            let starts = (0..pictures).step_by(GROUP);
            self.parts = starts.map(|start| Part::new(engine, GROUP.min(pictures - start), size)).collect();
            self.laid_out = Some((pictures, size));
        }
    }
}

impl Part {
    fn new(engine: &Engine, pictures: usize, size: (usize, usize)) -> Self {
        let zeros = |count: usize| vec![0.0; pictures * count];
        let blueprint = &engine.blueprint;
        let sizes = engine.sizes(size);
        let memory = |(s, stage): (usize, &Stage)| {
            let norm = engine.norm(s, sizes[s]);
            let (dense, pixels) = (norm.frame.dense(), norm.frame.height * norm.frame.width);
            let framed = || [(); 2].map(|()| zeros(norm.frame.len()));
            let projected = || [(); 2].map(|()| zeros(pixels * stage.readout.kept()));
            StageMemory {
                h: zeros(dense),
                tangent: zeros(dense),
                g: zeros(dense),
                r: zeros(dense),
                inner: zeros(dense),
                framed: framed(),
                into: framed(),
                halves: stage.halves.iter().map(|_| Half::new(&norm, pictures)).collect(),
                projected: projected(),
                exchanged: projected(),
                norm,
            }
        };
        let stages: Vec<_> = engine.stages.iter().enumerate().map(memory).collect();
        let picture = blueprint.channels * size.0 * size.1;
        let (lines, columns) = engine.stem.size(size);
        let width = padded(blueprint.sigma_width);
        Self {
            pictures,
            z: zeros(picture),
            direction: zeros(picture),
            features: zeros(2 * blueprint.sigma_frequencies + 1),
            embeds: [[zeros(width), zeros(width)], [zeros(width), zeros(width)]],
            film: zeros(engine.film.bias.len()),
            film_cotangent: zeros(engine.film.bias.len()),
            patches: zeros(lines * columns * engine.stem.patch()),
            tangent_patches: zeros(lines * columns * engine.stem.patch()),
            adjoint_patches: zeros(lines * columns * engine.stem.padded_patch()),
            head: stages.last().map(|last| Half::new(&last.norm, pictures)).unwrap_or_default(),
            pooled: zeros(engine.head.panels.depth()),
            tangent_pooled: zeros(engine.head.panels.depth()),
            logits: zeros(engine.head.bias.len()),
            tangent_logits: zeros(engine.head.bias.len()),
            posterior: zeros(blueprint.classes),
            class_weights: zeros(blueprint.classes),
            logit_cotangents: zeros(blueprint.classes),
            rows: zeros(engine.head.panels.depth()),
            room: zeros(stages.iter().map(|stage| stage.norm.frame.dense()).max().unwrap_or_default()),
            stages,
            cross_entropy: 0.0,
            score_error: 0.0,
        }
    }

    /// As if the score had no part in the loss.
    pub fn rest(&mut self) {
        self.score_error = 0.0;
        self.tangent_logits.fill(0.0);
        self.tangent_pooled.fill(0.0);
        self.head.rest();
        self.stages.iter_mut().flat_map(|stage| &mut stage.halves).for_each(Half::rest);
    }
}
