//! The kernels of training: their sources and what they bind.

use std::borrow::Cow;

use super::kernels::{Source, joined};

/// A kernel that only training needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learning {
    /// The gradient by a convolution's weights.
    FilterGradient,
    /// The tangent of norm, film and GELU.
    NormTangent,
    /// Their reverse pass: first the film's cotangents and the means,
    NormLift,
    /// then the cotangent of what they were given.
    NormDescend,
    /// What a read-out's gradient is computed of.
    Exchange,
    /// The cotangent of a read-out's γ.
    Gamma,
    /// A linear layer on rows.
    Dense,
    /// GELU of rows.
    Activate,
    /// A linear layer's adjoint.
    DensePull,
    /// The gradient by its weights and biases.
    DenseGradient,
    /// Posterior, cross-entropy, and the weights of the classes' scores.
    Classify,
    /// The logits' cotangents.
    Cotangents,
    /// The score's error and the direction of the tangent.
    Aim,
    /// Adds the losses up.
    Tally,
    /// Moves weights from one layout to another.
    Arrange,
    /// Writes zeros.
    Clear,
    /// Sums of squares.
    Squares,
    /// The gradient's norm.
    Clip,
    /// `AdamW`'s step.
    Adam,
    /// Muon's momentum.
    Push,
    /// Matrices for Muon.
    Lay,
    /// Muon's step.
    Move,
    /// The average.
    Blend,
    /// Products of matrices.
    Multiply,
}

impl Learning {
    /// Every one.
    pub const ALL: [Self; 24] = [
        Self::FilterGradient,
        Self::NormTangent,
        Self::NormLift,
        Self::NormDescend,
        Self::Exchange,
        Self::Gamma,
        Self::Dense,
        Self::Activate,
        Self::DensePull,
        Self::DenseGradient,
        Self::Classify,
        Self::Cotangents,
        Self::Aim,
        Self::Tally,
        Self::Arrange,
        Self::Clear,
        Self::Squares,
        Self::Clip,
        Self::Adam,
        Self::Push,
        Self::Lay,
        Self::Move,
        Self::Blend,
        Self::Multiply,
    ];

    /// Where it comes from.
    #[must_use]
    pub fn source(self) -> Source {
        let bilinear = joined!(total + "bilinear.wgsl");
        let reverse = joined!(normal total group + "norm_reverse.wgsl");
        let dense = joined!(normal + "dense.wgsl");
        let loss = joined!(normal total + "loss.wgsl");
        let optimiser = joined!(total + "optimiser.wgsl");
        let (file, text, entry, bindings): (_, _, _, &[u32]) = match self {
            Self::FilterGradient => ("filter_gradient.wgsl", joined!(+"filter_gradient.wgsl"), "gradient", &[1, 2, 3]),
            Self::NormTangent => (
                "norm_tangent.wgsl",
                joined!(normal total group + "norm_tangent.wgsl"),
                "tangent",
                &[1, 2, 3, 4, 5, 6, 7, 8],
            ),
            Self::NormLift => ("norm_reverse.wgsl", reverse, "lift", &[1, 2, 3, 4, 5, 6, 7, 8]),
            Self::NormDescend => ("norm_reverse.wgsl", reverse, "descend", &[2, 3, 4, 5, 6, 7, 9]),
            Self::Exchange => ("bilinear.wgsl", bilinear, "exchange", &[1, 2, 3, 4]),
            Self::Gamma => ("bilinear.wgsl", bilinear, "gamma", &[1, 3, 5, 6]),
            Self::Dense => ("dense.wgsl", dense, "forward", &[1, 2, 3, 4]),
            Self::Activate => ("dense.wgsl", dense, "activate", &[1, 4]),
            Self::DensePull => ("dense.wgsl", dense, "pull", &[1, 2, 3, 4, 5]),
            Self::DenseGradient => ("dense.wgsl", dense, "gradient", &[1, 3, 4, 6, 7, 8]),
            Self::Classify => ("loss.wgsl", loss, "classify", &[1, 2, 3, 4, 5]),
            Self::Cotangents => ("loss.wgsl", loss, "cotangents", &[1, 2, 3, 4]),
            Self::Aim => ("loss.wgsl", loss, "aim", &[2, 5, 6, 7, 8, 9]),
            Self::Tally => ("loss.wgsl", loss, "tally", &[5, 10, 11]),
            Self::Arrange => ("arrange.wgsl", joined!(+"arrange.wgsl"), "arrange", &[1, 2]),
            Self::Clear => ("optimiser.wgsl", optimiser, "clear", &[5]),
            Self::Squares => ("optimiser.wgsl", optimiser, "squares", &[5, 6]),
            Self::Clip => ("optimiser.wgsl", optimiser, "clip", &[6, 7, 8]),
            Self::Adam => ("optimiser.wgsl", optimiser, "adam", &[1, 3, 4, 5, 7, 8]),
            Self::Push => ("optimiser.wgsl", optimiser, "push", &[3, 5, 7, 8]),
            Self::Lay => ("optimiser.wgsl", optimiser, "lay", &[5, 6, 9]),
            Self::Move => ("optimiser.wgsl", optimiser, "move_along", &[1, 7, 9]),
            Self::Blend => ("optimiser.wgsl", optimiser, "blend", &[1, 2, 7]),
            Self::Multiply => ("matrices.wgsl", joined!(+"matrices.wgsl"), "multiply", &[1, 2, 3, 4]),
        };
        Source { file, text: Cow::Borrowed(text), entry, bindings, constants: Vec::new() }
    }
}
