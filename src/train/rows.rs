//! The rows of a batch by what they train: how many of each kind, and in which order.

use std::ops::Range;

use statrs::distribution::{Beta, ContinuousCDF};

use super::adversarial::Attacked;
use super::augment::{Stream, generator, uniform};
use super::noise_levels::NoiseLevels;
use super::row_options::RowOptions;
use crate::engine::RowParts;

/// Rows that are not like the others; by default there are none.
#[derive(Debug, Clone, Default)]
pub struct Special {
    /// The options that they follow.
    pub options: RowOptions,
}

/// Which rows of a batch are of which kind. The order is that of the fields: those without a score are last, so that whole groups
/// of them go without the adjoint passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinds {
    /// Classes and score.
    pub joint: Range<usize>,
    /// The score alone.
    pub denoise: Range<usize>,
    /// The classes alone.
    pub classify: Range<usize>,
    /// The classes alone, of attacked pictures.
    pub adversarial: Range<usize>,
}

impl Special {
    /// The kinds of `count` rows.
    #[must_use]
    pub fn kinds(&self, count: usize) -> Kinds {
        let of = |share: f32, room: usize| ((share * count as f32).round() as usize).min(room);
        let adversarial = of(self.options.adversarial(), count);
        let classify = of(self.options.classify_share, count - adversarial);
        let denoise = of(self.options.denoise_share, count - adversarial - classify);
        let joint = count - adversarial - classify - denoise;
        let mut end = 0;
        let mut next = |rows: usize| {
            end += rows;
            end - rows..end
        };
        Kinds { joint: next(joint), denoise: next(denoise), classify: next(classify), adversarial: next(adversarial) }
    }

    /// The rows that are attacked, and how.
    #[must_use]
    pub fn attacked(&self, kinds: &Kinds, seed: u64, first: u64) -> Option<Attacked> {
        let how = self.options.adversarial.filter(|_| !kinds.adversarial.is_empty())?;
        Some(Attacked { rows: kinds.adversarial.clone(), how, seed, first })
    }

    /// The law of σ of a kind of rows.
    #[must_use]
    pub fn levels(&self, kinds: &Kinds, row: usize, usual: NoiseLevels) -> NoiseLevels {
        let own = self.options.classify_sigma_distribution.filter(|_| kinds.classify.contains(&row));
        own.unwrap_or(usual)
    }

    /// With which of `pictures` pictures a row that trains the classes alone is mixed, and the share of that one, at most a half;
    /// none without mixup. The smaller share of Beta(a, a) goes to the second picture (Zhang et al. 2018, arXiv 1710.09412; by
    /// symmetry the law of the mixtures is the same).
    #[must_use]
    pub fn mixed_with(&self, pictures: usize, seed: u64, draw: u64) -> Option<(usize, f32)> {
        /// Below this parameter a share is nothing to f32, and its law's quantiles lose their way in rounding.
        const LEAST: f64 = 1e-9;
        let law = Beta::new(self.options.mixup, self.options.mixup).ok()?;
        let generator = &mut generator(seed, Stream::Mixup, draw);
        let index = ((uniform(generator) * pictures as f64) as usize).min(pictures - 1);
        if self.options.mixup < LEAST {
            return Some((index, 0.0));
        }
        let share = law.inverse_cdf(uniform(generator)).clamp(0.0, 1.0);
        Some((index, share.min(1.0 - share) as f32))
    }
}

impl Kinds {
    /// What each row weighs, so that either part of the loss is the mean over the rows that train it. `mixed` tells the other class
    /// of a row, and its share.
    #[must_use]
    pub fn parts(&self, mixed: &[(u32, f32)]) -> Vec<RowParts> {
        let count = self.adversarial.end;
        let classified = self.joint.len() + self.classify.len() + self.adversarial.len();
        let scored = count - self.classify.len() - self.adversarial.len();
        let weight = |rows: usize| count as f32 / rows.max(1) as f32;
        let part = |(row, &(other, share)): (usize, &(u32, f32))| RowParts {
            cross_entropy: if self.trains_classes(row) { weight(classified) } else { 0.0 },
            score: if self.trains_score(row) { weight(scored) } else { 0.0 },
            other,
            share,
        };
        mixed.iter().enumerate().map(part).collect()
    }

    /// Whether a row trains the classes.
    #[must_use]
    pub fn trains_classes(&self, row: usize) -> bool {
        [&self.joint, &self.classify, &self.adversarial].iter().any(|kind| kind.contains(&row))
    }

    /// Whether a row trains the score.
    #[must_use]
    pub fn trains_score(&self, row: usize) -> bool {
        !self.classify.contains(&row) && !self.adversarial.contains(&row)
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
