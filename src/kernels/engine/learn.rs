//! The gradient of training's loss by every weight, without a tape of operations.
//!
//! The loss is that of [`Learner`]. A gradient by weights of something that holds a gradient by y needs no second tape: with r
//! the loss's cotangent of the score s, held still, `⟨r, s⟩` is the derivative of log p along r. So there are four passes —
//! forward, pullback (which gives s and r), tangent along r, and the reverse pass of value and tangent together — and each
//! weight's gradient is `(pullback's cotangent ⊗ tangent) + (reverse cotangent ⊗ value)`.
//!
//! Pictures go in groups of a fixed size, which threads share; a weight's sums run over all groups in order, so that
//! results do not depend on the number of threads.

use rayon::prelude::*;

use super::memory::{Fall, Rise, TangentRise};
use super::readout::pool;
use super::walk::{StepDown, StepUp};
use super::{Engine, Site};
use crate::engine::{Gradients, Learner, LossParts, LossWeights, RowLoss, RowParts, Size, TrainingRows};
use crate::kernels::activation::{Norm, Tangent, Tape, Target};
use crate::kernels::share::pooled;
use crate::kernels::simd::Level;
use crate::program::Program;
use crate::{Error, Result};

/// Pictures that go together.
const GROUP: usize = 16;

/// The network in training on a processor: the weights of the last [`Learner::load`], packed.
#[derive(Debug)]
pub struct ProcessorLearner {
    program: Program,
    level: Level,
    engine: Option<Engine>,
    laid_out: Option<(usize, Size)>,
    parts: Vec<Part>,
    gradients: Gradients,
    row_losses: Vec<RowLoss>,
    /// The memory of attacks, for so many pictures of a size.
    attacks: Vec<Part>,
    laid_out_for_attacks: Option<(usize, Size)>,
}

/// One group of pictures, over all four passes.
#[derive(Debug)]
pub(super) struct Part {
    pub rise: Rise,
    /// The cotangent of the score times the rate of z: the direction of the tangent pass.
    pub direction: Vec<f32>,
    pub tangents: TangentRise,
    pub pullback: Fall,
    pub reverse: Fall,
    /// The read-outs' (P h, Q h) and its tangent exchanged and scaled, see `Readout::exchange`.
    pub exchanged: [Vec<Vec<f32>>; 2],
    pub film_cotangent: Vec<f32>,
    /// Rows of the class count: p(c|y), and the weights of the classes' scores.
    pub posterior: Vec<f32>,
    pub class_weights: Vec<f32>,
    pub logit_cotangents: Vec<f32>,
    /// Room for dense pictures of the largest stage.
    pub room: Vec<f32>,
    pub cross_entropy: f64,
    pub score_error: f64,
    /// Of each picture.
    pub row_losses: Vec<RowLoss>,
    /// Whether the passes of the score left anything behind.
    scored: bool,
}

impl ProcessorLearner {
    /// A learner for the fastest instructions of this processor. It has no weights before [`Learner::load`].
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self::for_level(Level::best(), program)
    }

    /// [`Self::new`] for given instructions.
    #[must_use]
    pub fn for_level(level: Level, program: Program) -> Self {
        Self {
            program,
            level,
            engine: None,
            laid_out: None,
            parts: Vec::new(),
            gradients: Vec::new(),
            row_losses: Vec::new(),
            attacks: Vec::new(),
            laid_out_for_attacks: None,
        }
    }

    /// Both gradients: without parts every row weighs 1.
    fn learn(&mut self, rows: &TrainingRows, weighed: Option<&[RowParts]>, loss: LossWeights) -> Result<LossParts> {
        let Some(engine) = &self.engine else {
            return Err(Error::Compute("no weights were loaded to learn from".to_owned()));
        };
        let (channels, classes) = (self.program.pictures.channels, self.program.pictures.classes);
        let pictures = match weighed {
            Some(weighed) => rows.check_parts(weighed, channels, classes)?,
            None => rows.check(channels, classes)?,
        };
        if self.laid_out != Some((pictures, rows.size)) {
            let starts = (0..pictures).step_by(GROUP);
            self.parts = starts.map(|start| engine.group(GROUP.min(pictures - start), rows.size)).collect();
            self.laid_out = Some((pictures, rows.size));
        }
        let parts = &mut self.parts;
        pooled(4 * pictures * engine.multiply_adds(rows.size), || {
            parts.par_iter_mut().enumerate().for_each(|(index, part)| {
                let (first, count) = (index * GROUP, part.rise.pictures);
                let weighed = weighed.map(|weighed| &weighed[first..first + count]);
                engine.learn(part, &rows.some(first, count), weighed, loss, pictures);
            });
        });
        let sum = |of: fn(&Part) -> f64| parts.iter().map(of).sum::<f64>();
        let losses = LossParts {
            cross_entropy: sum(|part| part.cross_entropy) / pictures as f64,
            score_error: sum(|part| part.score_error) / rows.noise.len() as f64,
        };
        self.gradients = engine.weight_gradients(parts, parts.iter().any(|part| part.scored));
        Ok(losses)
    }
}

impl Learner for ProcessorLearner {
    fn device(&self) -> String {
        "cpu".to_owned()
    }

    fn load(&mut self, weights: &[&[f32]]) -> Result<()> {
        self.engine = Some(Engine::new(self.level, &self.program, weights)?);
        Ok(())
    }

    fn gradient(&mut self, rows: &TrainingRows, loss: LossWeights) -> Result<(LossParts, &Gradients)> {
        let losses = self.learn(rows, None, loss)?;
        Ok((losses, &self.gradients))
    }

    fn gradient_of_parts(
        &mut self,
        rows: &TrainingRows,
        parts: &[RowParts],
        loss: LossWeights,
    ) -> Result<(LossParts, &Gradients, &[RowLoss])> {
        let losses = self.learn(rows, Some(parts), loss)?;
        self.row_losses = self.parts.iter().flat_map(|part| part.row_losses.iter().copied()).collect();
        Ok((losses, &self.gradients, &self.row_losses))
    }

    fn attack_gradient(&mut self, rows: &TrainingRows) -> Result<Vec<f32>> {
        let Some(engine) = &self.engine else {
            return Err(Error::Compute("no weights were loaded to attack".to_owned()));
        };
        let pictures = rows.check(self.program.pictures.channels, self.program.pictures.classes)?;
        if self.laid_out_for_attacks != Some((pictures, rows.size)) {
            let starts = (0..pictures).step_by(GROUP);
            self.attacks = starts.map(|start| engine.group(GROUP.min(pictures - start), rows.size)).collect();
            self.laid_out_for_attacks = Some((pictures, rows.size));
        }
        let parts = &mut self.attacks;
        pooled(2 * pictures * engine.multiply_adds(rows.size), || {
            parts.par_iter_mut().enumerate().for_each(|(index, part)| {
                let rows = rows.some(index * GROUP, part.rise.pictures);
                engine.attack(part, &rows);
            });
        });
        Ok(self.attacks.iter().flat_map(|part| part.direction.iter().copied()).collect())
    }
}

impl Part {
    /// Whether the loss of its pictures holds the score.
    pub fn is_scored(&self) -> bool {
        self.scored
    }

    /// As if the score had no part in the loss.
    fn rest(&mut self) {
        (self.score_error, self.scored) = (0.0, false);
        for row in &mut self.row_losses {
            row.score_error = 0.0;
        }
        self.tangents.logits.fill(0.0);
        self.tangents.pooled.fill(0.0);
        for tape in &mut self.tangents.tapes {
            tape.normal.fill(0.0);
            tape.along.fill(0.0);
        }
        self.pullback.head.fill(0.0);
        for stage in &mut self.pullback.stages {
            (0..stage.inner.len()).for_each(|half| stage.inner.at_mut(half).fill(0.0));
        }
    }
}

impl Engine {
    /// The memory of one group of pictures.
    fn group(&self, pictures: usize, size: Size) -> Part {
        let zeros = |count: usize| vec![0.0; pictures * count];
        let pictures_shape = &self.program.pictures;
        let rise = self.rise(pictures, size, true);
        let exchanged = || rise.readouts.iter().map(|kept| vec![0.0; kept.len()]).collect::<Vec<_>>();
        Part {
            direction: zeros(pictures_shape.channels * size.0 * size.1),
            tangents: self.tangent_rise(pictures, size),
            pullback: self.fall(pictures, size, [true; 2]),
            reverse: self.fall(pictures, size, [true, false]),
            exchanged: [exchanged(), exchanged()],
            film_cotangent: zeros(self.film_row()),
            posterior: zeros(pictures_shape.classes),
            class_weights: zeros(pictures_shape.classes),
            logit_cotangents: zeros(pictures_shape.classes),
            room: zeros(rise.stages.iter().map(|stage| stage.norm.frame.dense()).max().unwrap_or_default()),
            rise,
            cross_entropy: 0.0,
            score_error: 0.0,
            row_losses: vec![RowLoss::default(); pictures],
            scored: false,
        }
    }

    /// All passes over one group of `total` pictures.
    fn learn(
        &self,
        part: &mut Part,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        loss: LossWeights,
        total: usize,
    ) {
        part.rise.sigmas.copy_from_slice(rows.sigmas);
        self.values(&mut part.rise, rows.noisy, rows.size, rows.sigmas.len(), None);
        self.class_weights(part, rows, weighed);
        if loss.score != 0.0 && weighed.is_none_or(|weighed| weighed.iter().any(|row| row.score != 0.0)) {
            self.score(part, rows, true);
            self.score_cotangent(part, rows, weighed, loss.score, total);
            self.tangent(part, rows.size);
            part.scored = true;
        } else if part.scored {
            // What an earlier batch left in the passes of the score would count beside groups that have one.
            let (pictures, direction) = (part.rise.pictures, std::mem::take(&mut part.direction));
            part.tangents = self.tangent_rise(pictures, rows.size);
            part.pullback = self.fall(pictures, rows.size, [true; 2]);
            for exchanged in part.exchanged.iter_mut().flatten() {
                exchanged.fill(0.0);
            }
            part.direction = direction;
            part.rest();
        } else {
            part.rest();
        }
        self.reverse(part, rows, weighed, loss, total);
    }

    /// The gradient of each picture's cross-entropy, left in `direction`.
    fn attack(&self, part: &mut Part, rows: &TrainingRows) {
        part.rise.sigmas.copy_from_slice(rows.sigmas);
        self.values(&mut part.rise, rows.noisy, rows.size, rows.sigmas.len(), None);
        self.class_weights(part, rows, None);
        let classes = self.program.pictures.classes;
        let weights = part.class_weights.chunks_exact_mut(classes).zip(part.posterior.chunks_exact(classes));
        for ((weights, posterior), label) in weights.zip(rows.labels) {
            weights.copy_from_slice(posterior);
            weights[*label as usize] -= 1.0;
        }
        // The energy is common to the classes: log p(c | y) has no part of it.
        self.score(part, rows, false);
    }

    /// The posterior, the cross-entropy, and which classes' scores are asked for.
    fn class_weights(&self, part: &mut Part, rows: &TrainingRows, weighed: Option<&[RowParts]>) {
        let classes = self.program.pictures.classes;
        part.cross_entropy = 0.0;
        let logits = part.rise.logits.chunks_exact(self.head.linear.bias.len());
        let results = part.posterior.chunks_exact_mut(classes).zip(part.class_weights.chunks_exact_mut(classes));
        for (n, (logits, (posterior, weights))) in logits.zip(results).enumerate() {
            posterior.copy_from_slice(&logits[..classes]);
            let largest = posterior.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = posterior.iter().map(|v| f64::from(v - largest).exp()).sum();
            let mut lost = sum.ln() - f64::from(posterior[rows.labels[n] as usize] - largest);
            let mut weight = 1.0;
            if let Some(row) = weighed.map(|weighed| weighed[n]) {
                let share = f64::from(row.share);
                lost = (1.0 - share) * lost + share * (sum.ln() - f64::from(posterior[row.other as usize] - largest));
                weight = f64::from(row.cross_entropy);
            }
            part.row_losses[n].cross_entropy = lost;
            part.cross_entropy += weight * lost;
            softmax(posterior);
            match rows.classes[n] {
                None => weights.copy_from_slice(posterior),
                Some(class) => {
                    weights.fill(0.0);
                    weights[class as usize] = 1.0;
                }
            }
        }
    }

    /// From the class weights to the score, which is left in `direction`; keeps the cotangents. Without the density it is the
    /// gradient of the weighed logits alone.
    fn score(&self, part: &mut Part, rows: &TrainingRows, density: bool) {
        self.pull_head(&part.class_weights, &mut part.pullback);
        let Fall { rows: count, head, stages, patches, .. } = &mut part.pullback;
        let Some(last) = stages.last_mut() else { return };
        let mut step = Score { engine: self, rise: &part.rise, exchanged: &mut part.exchanged[0], density };
        last.g.fill(0.0);
        step.activation(self.head.site, &last.norm, head, Some(&mut last.g), None);
        self.walk_down([*count; 2], stages, &mut step);
        self.stem.adjoint(rows.size, &stages[0].g, patches, &mut part.direction);
        let values = part.direction.len() / *count;
        let pictures = part.direction.chunks_exact_mut(values).zip(part.rise.z.chunks_exact(values)).zip(rows.sigmas);
        for ((out, z), sigma) in pictures {
            let rate = 1.0 / self.spread(*sigma);
            if density {
                out.iter_mut().zip(z).for_each(|(out, z)| *out = (*out - z) * rate);
            } else {
                for out in out {
                    *out *= rate;
                }
            }
        }
    }

    /// The score's error, and from the score its cotangent times the rate of z: the direction ż of the tangent pass.
    fn score_cotangent(
        &self,
        part: &mut Part,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        weight: f32,
        total: usize,
    ) {
        let values = part.direction.len() / part.rise.pictures.max(1);
        part.score_error = 0.0;
        let pictures = part.direction.chunks_exact_mut(values).zip(rows.noise.chunks_exact(values)).zip(rows.sigmas);
        for (n, ((direction, noise), &sigma)) in pictures.enumerate() {
            let of_row = weighed.map_or(1.0, |weighed| weighed[n].score);
            let scale = of_row * (2.0 * weight * sigma / (total * values) as f32 / self.spread(sigma));
            let mut lost = 0.0;
            for (value, noise) in direction.iter_mut().zip(noise) {
                let error = sigma * *value + noise;
                let square = f64::from(error * error);
                if weighed.is_none() {
                    part.score_error += square;
                }
                lost += square;
                *value = scale * error;
            }
            if weighed.is_some() {
                part.score_error += f64::from(of_row) * lost;
            }
            part.row_losses[n].score_error = lost / values as f64;
        }
    }

    /// The derivatives of everything along `direction`; keeps them.
    fn tangent(&self, part: &mut Part, size: Size) {
        let Part { rise, direction, tangents, .. } = part;
        let TangentRise { patches, stages, tapes, readouts, pooled, logits } = tangents;
        let mut step = Tangents { engine: self, pictures: rise.pictures, tapes: &rise.tapes, kept: tapes, readouts };
        self.walk_up(size, direction, patches, [rise.pictures; 2], stages, &mut step);
        let Some(last) = stages.last_mut() else { return };
        let framed = last.framed.last_mut();
        step.activate(self.head.site, &last.norm, &last.h, framed);
        pool(last.norm.frame, framed, &mut rise.sums, pooled);
        self.head.linear.linear(rise.pictures, pooled, last.norm.frame.channels, logits);
    }
}

/// The step of the pullback that gives the score, a row a picture.
struct Score<'a> {
    engine: &'a Engine,
    rise: &'a Rise,
    exchanged: &'a mut [Vec<f32>],
    /// Whether the energy has a part in it.
    density: bool,
}

impl StepDown for Score<'_> {
    fn activation(
        &mut self,
        site: Site,
        norm: &Norm,
        inner: &[f32],
        residual: Option<&mut [f32]>,
        framed: Option<&mut [f32]>,
    ) {
        let tape = &self.rise.tapes[site.number];
        norm.pullback(self.engine.level, self.rise.pictures, |n| n, tape, inner, Target { residual, framed });
    }

    fn read(&mut self, s: usize, norm: &Norm, g: &mut [f32], room: &mut [f32]) {
        if !self.density {
            return;
        }
        let k = |n: usize| self.engine.program.pictures.deviation / self.rise.sigmas[n];
        self.engine.exchange(s, &self.rise.levels.film, k, &self.rise.readouts[s], &mut self.exchanged[s]);
        let pixels = self.rise.pictures * norm.frame.height * norm.frame.width;
        self.engine.stages[s].readout.gradient(pixels, &self.exchanged[s], room);
        g.iter_mut().zip(room).for_each(|(g, gradient)| *g += *gradient);
    }
}

/// The step of the tangent pass.
struct Tangents<'a> {
    engine: &'a Engine,
    pictures: usize,
    tapes: &'a [Tape],
    kept: &'a mut [Tangent],
    readouts: &'a mut [Vec<f32>],
}

impl StepUp for Tangents<'_> {
    fn activate(&mut self, site: Site, norm: &Norm, x: &[f32], framed: &mut [f32]) {
        norm.tangent(self.engine.level, x, &self.tapes[site.number], &mut self.kept[site.number], framed);
    }

    fn read(&mut self, s: usize, norm: &Norm, h: &[f32]) {
        let pixels = self.pictures * norm.frame.height * norm.frame.width;
        self.engine.stages[s].readout.project(pixels, h, &mut self.readouts[s]);
    }
}

/// The softmax of a row of logits, in place of it.
fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for v in &mut *row {
        *v = (*v - largest).exp();
    }
    let sum: f32 = row.iter().sum();
    for v in row {
        *v /= sum;
    }
}
