//! The numbers and choices from which a network follows, as a checkpoint's description says them.

use serde::{Deserialize, Serialize};

/// The numbers from which the whole network follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    /// The layers that it is made of.
    #[serde(default, skip_serializing_if = "Family::is_first")]
    pub family: Family,
    /// The first convolution.
    pub stem: Stem,
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// Residual blocks of each stage.
    pub blocks: Vec<usize>,
    /// Stride of each stage's first convolution; the first stage has none, so its stride is 1.
    pub strides: Vec<usize>,
    /// Channels in a group of the group norms.
    pub group: usize,
    /// Frequencies in the embedding of log σ.
    pub sigma_frequencies: usize,
    /// Width of the embedding of log σ.
    pub sigma_width: usize,
}

/// Which blocks a network has, and how u and v are read off them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Blocks that begin with a norm; u is a bilinear form of every stage's pixels, v comes from the last stage.
    #[default]
    Bilinear,
    /// `GradResNet` as its author made it public: blocks that end with a norm which preserves the scale; u and v are functions
    /// of features φ, means over the pixels: `u = −pixels·mean(φ²)/2`, `v = Wφ + b`.
    Pooled,
}

impl Family {
    /// Its name and what it is, in a few words.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Bilinear => "bilinear: blocks that begin with a norm, a bilinear read-out of every stage",
            Self::Pooled => "pooled: the public GradResNet, read out of means over the pixels",
        }
    }

    /// Whether it is the one that descriptions meant before there was another, which they need not name.
    #[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
    fn is_first(&self) -> bool {
        *self == Self::Bilinear
    }
}

/// The first convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stem {
    /// Rows and columns of its kernel: 3 or 4.
    pub kernel: usize,
    /// Its stride: 1 or 2.
    pub stride: usize,
}

impl Architecture {
    /// The small network that runs live on a plain processor.
    #[must_use]
    pub fn compact() -> Self {
        Self {
            family: Family::Bilinear,
            stem: Stem { kernel: 4, stride: 2 },
            widths: vec![48, 96, 192],
            blocks: vec![2, 2, 2],
            strides: vec![1, 2, 2],
            group: 8,
            sigma_frequencies: 8,
            sigma_width: 64,
        }
    }

    /// The paper's size: the widths, blocks and strides of a ResNet-18.
    #[must_use]
    pub fn gradresnet18() -> Self {
        Self {
            stem: Stem { kernel: 3, stride: 1 },
            widths: vec![64, 128, 256, 512],
            blocks: vec![2, 2, 2, 2],
            strides: vec![1, 2, 2, 2],
            ..Self::compact()
        }
    }

    /// The author's public `GradResNet`: the widths, blocks and strides of a ResNet-18.
    #[must_use]
    pub fn pooled18() -> Self {
        Self { family: Family::Pooled, sigma_frequencies: 32, sigma_width: 256, ..Self::gradresnet18() }
    }

    /// The same with three stages of one block, half as wide, on half the resolution: for a plain processor.
    #[must_use]
    pub fn pooled_thin() -> Self {
        Self {
            stem: Stem { kernel: 3, stride: 2 },
            widths: vec![32, 64, 128],
            blocks: vec![1, 1, 1],
            strides: vec![1, 2, 2],
            sigma_width: 64,
            ..Self::pooled18()
        }
    }

    /// Along how many pixels one of the last stage lies.
    #[must_use]
    pub fn reduction(&self) -> usize {
        self.strides.iter().fold(self.stem.stride, |all, stride| all.saturating_mul(*stride))
    }

    /// Says what makes it one that no network can be built from.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self) -> Result<(), &'static str> {
        if !matches!((self.stem.kernel, self.stem.stride), (3, 1 | 2) | (4, 2)) {
            return Err("the stem must be 3×3 with stride 1 or 2, or 4×4 with stride 2");
        }
        let stages = self.widths.len();
        if !(1..=8).contains(&stages) || self.blocks.len() != stages || self.strides.len() != stages {
            return Err("there must be 1 to 8 stages, each with a width, blocks and a stride");
        }
        if self.strides[0] != 1 || self.strides.iter().any(|s| !matches!(s, 1 | 2)) {
            return Err("strides must be 1 or 2, and the first stage's 1");
        }
        if self.group == 0 || self.widths.iter().any(|&w| w == 0 || w > 4096 || w % self.group != 0) {
            return Err("widths must be multiples of the group size, up to 4096");
        }
        if self.family == Family::Pooled && (self.widths.iter().any(|w| w % 2 != 0) || self.blocks.contains(&0)) {
            return Err(
                "a pooled network's widths must be even, so that means can be halved, and a stage needs a block",
            );
        }
        if self.blocks.iter().any(|&b| b > 64) || !(1..=64).contains(&self.sigma_frequencies) {
            return Err("there can be up to 64 blocks a stage and 1 to 64 sigma frequencies");
        }
        if !(1..=4096).contains(&self.sigma_width) {
            return Err("the sigma embedding's width must be 1 to 4096");
        }
        Ok(())
    }
}
