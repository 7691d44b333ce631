//! The one shape of every attack: it asks about a picture, is told what the model says of it, and asks again.
//!
//! A search knows one picture and its own random numbers. The driver evaluates the questions of many searches as one
//! batch, so a result never depends on which pictures happen to share a batch.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::ahead::Climb;
use super::loss::{Goal, Loss};
use crate::picture::{Shape, normals};

/// An attack on one picture, under way.
pub(super) trait Search {
    /// The picture to evaluate next and what is wanted of it, or none when the search is over.
    fn ask(&self) -> Option<Ask<'_>>;

    /// What the model says of the picture that was asked about.
    fn tell(&mut self, answer: &Answer<'_>);

    /// Its next steps, where it only climbs and need not be asked between them: then [`Self::moved`] tells it of each, in place
    /// of [`Self::tell`].
    fn climb(&self) -> Option<Climb<'_>> {
        None
    }

    /// A step that was done for it.
    fn moved(&mut self, _moved: &Moved<'_>) {}

    /// The picture that it would end with now.
    fn result(&self) -> &[f32];

    /// About how many questions it asks in all.
    fn length(&self) -> usize;

    /// Which of its runs it is in, from 0 on: starts, losses, parts, budgets on trial.
    fn run(&self) -> usize {
        0
    }

    /// The loss that it raises now.
    fn loss(&self) -> Loss {
        Loss::CrossEntropy
    }

    /// What it noticed that a person should know.
    fn warnings(&self) -> Vec<super::Warning> {
        Vec::new()
    }
}

/// The search that has nothing to look for, where the target is the label: the clean picture.
pub(super) struct Unneeded(pub(super) Vec<f32>);

impl Search for Unneeded {
    fn ask(&self) -> Option<Ask<'_>> {
        None
    }

    fn tell(&mut self, _answer: &Answer<'_>) {}

    fn result(&self) -> &[f32] {
        &self.0
    }

    fn length(&self) -> usize {
        0
    }

    fn warnings(&self) -> Vec<super::Warning> {
        vec![super::Warning::TargetIsLabel]
    }
}

/// A question to the model.
pub(super) struct Ask<'a> {
    pub(super) picture: &'a [f32],
    pub(super) want: Want,
}

/// What is wanted besides the logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Want {
    /// The loss alone.
    Value(Loss),
    /// The loss and its gradient.
    Gradient(Loss),
    /// The margin, and the gradient of one class's logit less that of another.
    Difference {
        /// The class that counts negatively.
        from: usize,
        /// The class that counts positively.
        to: usize,
    },
    /// The margin, and for each class but the given one the gradient of its logit less that of the given one.
    Differences(usize),
}

/// What the model says of a picture.
pub(super) struct Answer<'a> {
    /// `log p(c | x)`, `[K]`.
    pub(super) logits: &'a [f64],
    /// The loss that was asked for.
    pub(super) loss: f64,
    /// The gradients that were asked for, `[M, C, H, W]`. A loss's is known up to a positive factor.
    pub(super) gradients: &'a [f32],
}

/// What became of a picture by a step of [`Search::climb`].
pub(super) struct Moved<'a> {
    /// `log p(c | x)` before the step, up to a constant, `[K]`.
    pub(super) logits: &'a [f64],
    /// Whether there was no gradient.
    pub(super) flat: bool,
    /// The picture after the step.
    pub(super) picture: &'a [f32],
}

impl Want {
    /// The loss to report, and the weights over the classes whose gradients are wanted, `[M, K]`.
    ///
    /// A loss's weights are scaled to at most 1: no attack here depends on the gradient's length, and a certain
    /// model's would vanish in single precision.
    pub(super) fn cotangents(self, goal: Goal, logits: &[f64]) -> (f64, Vec<f32>) {
        match self {
            Self::Value(loss) => (loss.evaluate(goal, logits).0, Vec::new()),
            Self::Gradient(loss) => {
                let (value, weights) = loss.evaluate(goal, logits);
                let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
                let scale = if largest > 0.0 { 1.0 / largest } else { 0.0 };
                (value, weights.iter().map(|w| (w * scale) as f32).collect())
            }
            Self::Difference { from, to } => differences(goal, logits, from, std::iter::once(to)),
            Self::Differences(from) => differences(goal, logits, from, (0..logits.len()).filter(|&c| c != from)),
        }
    }
}

/// The margin, and for each class of `to` the weights of its logit less that of `from`.
fn differences(goal: Goal, logits: &[f64], from: usize, to: impl Iterator<Item = usize>) -> (f64, Vec<f32>) {
    let mut rows = Vec::new();
    for class in to {
        let first = rows.len();
        rows.resize(first + logits.len(), 0.0);
        rows[first + class] = 1.0;
        rows[first + from] = -1.0;
    }
    (Loss::Margin { kappa: f64::INFINITY }.evaluate(goal, logits).0, rows)
}

/// Random numbers of one picture: the same whatever else is attacked beside it.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    uniform: ChaCha8Rng,
    seed: u64,
    stream: u64,
    normals: u64,
}

/// Keeps the uniform numbers apart from the normal ones, which are drawn from the seed itself.
const UNIFORM: u64 = 0x9e37_79b9_7f4a_7c15;

impl Draws {
    /// The numbers of picture number `stream`.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut uniform = ChaCha8Rng::seed_from_u64(seed ^ UNIFORM);
        uniform.set_stream(stream);
        Self { uniform, seed, stream, normals: 0 }
    }

    /// A number in [0, 1), a multiple of 2⁻⁵³.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.uniform.next_u64() >> 11) as f64 * (0.5 / (1_u64 << 52) as f64)
    }

    /// A whole number below `end`, or 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.uniform() * end as f64) as usize
    }

    /// −1 or 1.
    pub(super) fn sign(&mut self) -> f64 {
        if self.uniform() < 0.5 { -1.0 } else { 1.0 }
    }

    /// Standard normal numbers.
    pub(super) fn normals(&mut self, count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        normals::fill(self.seed, self.stream, self.normals, &mut out);
        self.normals += count as u64;
        out
    }
}

/// What a search begins with.
#[derive(Debug, Clone)]
pub(super) struct Begin {
    /// The clean picture's shape.
    pub(super) shape: Shape,
    /// What the model says of the clean picture, `[K]`.
    pub(super) clean_logits: Vec<f64>,
    pub(super) goal: Goal,
    pub(super) draws: Draws,
}
