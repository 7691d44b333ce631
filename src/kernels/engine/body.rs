//! What a trunk's arithmetic is to those who use it ([`super::jobs`]) and train it ([`super::groups`]).

use super::common::Common;
use super::loss::Loss;
use crate::Result;
use crate::engine::{Gradients, LossWeights, RowParts, Size, TrainingRows};
use crate::kernels::simd::Level;
use crate::program::Program;

/// A whole network, packed for this processor: the passes over some of a job's pictures, on memory that is laid out ahead.
pub(super) trait Body: std::fmt::Debug + Send + Sync + Sized {
    /// The memory of a pass of values.
    type Rise: std::fmt::Debug + Send + Sync;
    /// The memory of the pullback of some rows of cotangents.
    type Fall: std::fmt::Debug + Send + Sync;
    /// The memory of the derivatives of everything along some directions.
    type Slopes: std::fmt::Debug + Send;
    /// The memory of one group of pictures over all passes of training.
    type Part: std::fmt::Debug + Send + Sync;

    /// The network of a program with weights in its order, for given instructions.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) if a tensor has another size than the program gives it.
    fn new(level: Level, program: &Program, weights: &[&[f32]]) -> Result<Self>;

    /// What every trunk has around it.
    fn common(&self) -> &Common;

    /// Packs the filters for jobs of so many pictures of `size` and so many cotangents, with all threads: in a job the first to
    /// need a filter would pack it while others wait.
    fn pack(&self, size: Size, counts: [usize; 2]);

    /// About how many multiply-adds a pass over one picture of `size` takes.
    fn multiply_adds(&self, size: Size) -> usize;

    /// Memory for so many pictures.
    fn rise(&self, pictures: usize, size: Size) -> Self::Rise;

    /// Memory for so many rows; `kept` if products with second derivatives will ask for what a pullback meets on its way.
    fn fall(&self, rows: usize, size: Size, kept: bool) -> Self::Fall;

    /// Memory for so many directions.
    fn slopes(&self, directions: usize, size: Size) -> Self::Slopes;

    /// From noisy pictures, of `total` in the whole job, to u, and v in rows of the class count.
    fn forward(&self, rise: &mut Self::Rise, pictures: &Noisy, total: usize, values: Values);

    /// What every row of cotangents that weighs the density will ask for.
    fn weigh_density(&self, rise: &mut Self::Rise);

    /// From the cotangents of a run of rows to those of the stem's result.
    fn pull(&self, rise: &Self::Rise, fall: &mut Self::Fall, cotangents: &Cotangents);

    /// The cotangents of the stem's result, and room for its patches.
    fn stem(fall: &mut Self::Fall) -> (&[f32], &mut [f32]);

    /// The derivatives of everything along a run of directions of z, planar; returns those of v, in rows that begin with the
    /// classes.
    fn slope<'a>(
        &self,
        rise: &Self::Rise,
        slopes: &'a mut Self::Slopes,
        cotangents: &Cotangents,
        directions: &[f32],
    ) -> std::slice::ChunksExact<'a, f32>;

    /// How the cotangents that `pulled` has met change along the directions of `slopes`, down to those of the stem's result,
    /// where v's own change by `changes`, `[directions, K]`.
    fn bend(
        &self,
        rise: &Self::Rise,
        slopes: &mut Self::Slopes,
        pulled: &Self::Fall,
        fall: &mut Self::Fall,
        cotangents: &Cotangents,
        changes: &[f32],
    );

    /// z of a pass of values, planar.
    fn z(rise: &Self::Rise) -> &[f32];

    /// Memory for a group of so many pictures in training.
    fn part(&self, pictures: usize, size: Size) -> Self::Part;

    /// All passes of training over one group of `total` pictures, each weighed by its parts if there are any.
    fn learn(
        &self,
        part: &mut Self::Part,
        rows: &TrainingRows,
        weighed: Option<&[RowParts]>,
        loss: LossWeights,
        total: usize,
    );

    /// The gradient of each picture's cross-entropy by the picture, left in the group's direction.
    fn attack(&self, part: &mut Self::Part, rows: &TrainingRows);

    /// What a group's pictures lost.
    fn loss(part: &Self::Part) -> &Loss;

    /// What [`Self::attack`] left, planar.
    fn direction(part: &Self::Part) -> &[f32];

    /// All gradients in the program's order.
    fn gradients(&self, parts: &[Self::Part]) -> Gradients;
}

/// Some noisy pictures, planar, with their standard deviations.
#[derive(Clone, Copy)]
pub(super) struct Noisy<'a> {
    pub values: &'a [f32],
    pub size: Size,
    pub sigmas: &'a [f32],
}

/// Where u and v go.
pub(super) struct Values<'a> {
    pub energy: &'a mut [f64],
    pub logits: &'a mut [f64],
}

/// To which picture a run's rows belong, and to which row of a pullback.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// The run's first row.
    pub first: usize,
    /// Rows a picture.
    pub each: usize,
    /// Rows to a row of the pullback: one each, or all of a picture's to one.
    pub pulled: usize,
}

impl Rows {
    /// A row a picture.
    pub const PICTURES: Self = Self { first: 0, each: 1, pulled: 1 };

    /// The picture of a row of the run.
    pub fn picture(self, row: usize) -> usize {
        (self.first + row) / self.each
    }

    /// The row of the pullback that a row of the run belongs to.
    pub fn pulled(self, row: usize) -> usize {
        (self.first + row) / self.pulled
    }
}

/// Some pictures' cotangents, and which of them a run has.
#[derive(Clone, Copy)]
pub(super) struct Cotangents<'a> {
    /// `w_u` of every row of the pictures.
    pub density: &'a [f32],
    /// `w_v` of every row of the pictures.
    pub logits: &'a [f32],
    /// The standard deviation of every picture, and their size.
    pub sigmas: &'a [f32],
    pub size: Size,
    /// Which rows the run has.
    pub rows: Rows,
    /// The rows of the whole job.
    pub total: usize,
}

impl Cotangents<'_> {
    /// `w_u` of a row of the run.
    pub fn density(&self, row: usize) -> f32 {
        self.density[self.rows.first + row]
    }

    /// The picture of a row of the run.
    pub fn picture(&self, row: usize) -> usize {
        self.rows.picture(row)
    }
}
