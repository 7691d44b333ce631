//! Training: groups of a fixed number of pictures, which threads share.
//!
//! A weight's sums run over all groups in order, so that results do not depend on the number of threads.

use rayon::prelude::*;

use super::body::Body;
use crate::engine::{Gradients, Learner, LossParts, LossWeights, RowLoss, RowParts, Size, TrainingRows};
use crate::kernels::share::pooled;
use crate::kernels::simd::Level;
use crate::program::Program;
use crate::{Error, Result};

/// Pictures that go together.
const GROUP: usize = 16;

/// A network in training: the weights of the last [`Learner::load`], packed.
#[derive(Debug)]
pub(super) struct Groups<B: Body> {
    program: Program,
    level: Level,
    body: Option<B>,
    laid_out: Option<(usize, Size)>,
    parts: Vec<B::Part>,
    gradients: Gradients,
    row_losses: Vec<RowLoss>,
    /// The memory of attacks, for so many pictures of a size.
    attacks: Vec<B::Part>,
    laid_out_for_attacks: Option<(usize, Size)>,
}

impl<B: Body> Groups<B> {
    pub fn new(level: Level, program: Program) -> Self {
        Self {
            program,
            level,
            body: None,
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
        let Some(body) = &self.body else {
            return Err(Error::Compute("no weights were loaded to learn from".to_owned()));
        };
        let (channels, classes) = (self.program.pictures.channels, self.program.pictures.classes);
        let pictures = match weighed {
            Some(weighed) => rows.check_parts(weighed, channels, classes)?,
            None => rows.check(channels, classes)?,
        };
        if self.laid_out != Some((pictures, rows.size)) {
            self.parts = groups(pictures).map(|(_, count)| body.part(count, rows.size)).collect();
            self.laid_out = Some((pictures, rows.size));
        }
        let parts = &mut self.parts;
        pooled(4 * pictures * body.multiply_adds(rows.size), || {
            body.pack(rows.size, [GROUP.min(pictures); 2]);
            parts.par_iter_mut().zip(groups(pictures).collect::<Vec<_>>()).for_each(|(part, (first, count))| {
                let weighed = weighed.map(|weighed| &weighed[first..first + count]);
                body.learn(part, &rows.some(first, count), weighed, loss, pictures);
            });
        });
        let sum = |which: usize| parts.iter().map(|part| B::loss(part).sums()[which]).sum::<f64>();
        let losses =
            LossParts { cross_entropy: sum(0) / pictures as f64, score_error: sum(1) / rows.noise.len() as f64 };
        self.gradients = body.gradients(parts);
        Ok(losses)
    }
}

impl<B: Body> Learner for Groups<B> {
    fn device(&self) -> String {
        "cpu".to_owned()
    }

    fn load(&mut self, weights: &[&[f32]]) -> Result<()> {
        self.body = Some(B::new(self.level, &self.program, weights)?);
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
        self.row_losses = self.parts.iter().flat_map(|part| B::loss(part).row_losses.iter().copied()).collect();
        Ok((losses, &self.gradients, &self.row_losses))
    }

    fn attack_gradient(&mut self, rows: &TrainingRows) -> Result<Vec<f32>> {
        let Some(body) = &self.body else {
            return Err(Error::Compute("no weights were loaded to attack".to_owned()));
        };
        let pictures = rows.check(self.program.pictures.channels, self.program.pictures.classes)?;
        if self.laid_out_for_attacks != Some((pictures, rows.size)) {
            self.attacks = groups(pictures).map(|(_, count)| body.part(count, rows.size)).collect();
            self.laid_out_for_attacks = Some((pictures, rows.size));
        }
        let parts = &mut self.attacks;
        pooled(2 * pictures * body.multiply_adds(rows.size), || {
            parts.par_iter_mut().zip(groups(pictures).collect::<Vec<_>>()).for_each(|(part, (first, count))| {
                body.attack(part, &rows.some(first, count));
            });
        });
        Ok(self.attacks.iter().flat_map(|part| B::direction(part).iter().copied()).collect())
    }
}

/// Where each group of so many pictures begins, and how many it has.
fn groups(pictures: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..pictures).step_by(GROUP).map(move |first| (first, GROUP.min(pictures - first)))
}
