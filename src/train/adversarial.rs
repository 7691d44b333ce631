//! Adversarial rows: pictures that are attacked on the network as it is, and then train the classes.
//!
//! One step from a random start (N-FGSM, de Jorge et al. 2022, arXiv 2202.01181: noise of twice ε, which is not taken back, and no
//! projection), or a few steps of PGD (Madry et al. 2018), both in L∞. What is attacked is what is trained: p(c | y) of the
//! picture under the row's own noise.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::augment::{Stream, generator, uniform};
use crate::engine::{Learner, TrainingRows};
use crate::{Error, Result, limits};

/// N-FGSM's noise, in units of ε.
const NOISE: f32 = 2.0;
/// The length of PGD's steps together, in units of ε.
const REACH: f32 = 2.5;
/// The most steps of an attack in training.
const MOST_STEPS: u64 = 100;

/// The noise level of adversarial rows, where the trained range allows it: the one that attacks assume if they are not told.
pub const SIGMA: f32 = 1.0 / 255.0;

/// How rows are attacked: `n-fgsm:8/255`, or `pgd:8/255:3` with three steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adversarial {
    /// The budget in L∞, on the [0, 1] scale.
    pub epsilon: f32,
    /// PGD's steps; none for N-FGSM.
    pub steps: Option<u32>,
}

/// The rows of a batch that are attacked.
#[derive(Debug, Clone, PartialEq)]
pub struct Attacked {
    /// Which.
    pub rows: Range<usize>,
    /// How.
    pub how: Adversarial,
    /// The seed of the random start.
    pub seed: u64,
    /// The number of the batch's first picture in the run.
    pub first: u64,
}

impl Attacked {
    /// The noisy pictures of the rows, attacked. The clean pictures lie in [0, 1], and so do the attacked ones.
    ///
    /// # Errors
    /// If the learner has no gradient by pictures, or fails.
    pub fn pictures(&self, learner: &mut dyn Learner, rows: &TrainingRows) -> Result<Vec<f32>> {
        let some = rows.some(self.rows.start, self.rows.len());
        let values = some.noisy.len() / self.rows.len().max(1);
        let of_row = |index: usize| some.sigmas[index / values];
        let clean: Vec<f32> =
            some.noisy.iter().zip(some.noise).enumerate().map(|(i, (y, e))| y - of_row(i) * e).collect();
        let inside = |i: usize, x: f32| x.clamp(0.0_f32.min(clean[i]), 1.0_f32.max(clean[i]));
        let Adversarial { epsilon, steps } = self.how;
        let wide = if steps.is_some() { epsilon } else { NOISE * epsilon };
        let mut attacked = clean.clone();
        for (row, attacked) in attacked.chunks_exact_mut(values).enumerate() {
            // Sixteen words are a picture's own; more pictures than that many lie between two batches' rows.
            let draw = (self.first + (self.rows.start + row) as u64) * (values as u64).div_ceil(8);
            let mut generator = generator(self.seed, Stream::Attack, draw);
            for x in attacked {
                *x += wide * (2.0 * uniform(&mut generator) as f32 - 1.0);
            }
        }
        let length = steps.map_or(epsilon, |steps| REACH * epsilon / steps.max(1) as f32);
        for _ in 0..steps.unwrap_or(1) {
            attacked.iter_mut().enumerate().for_each(|(i, x)| *x = inside(i, *x));
            let noisy: Vec<f32> =
                attacked.iter().zip(some.noise).enumerate().map(|(i, (x, e))| x + of_row(i) * e).collect();
            let gradient = learner.attack_gradient(&TrainingRows { noisy: &noisy, ..some })?;
            for ((x, clean), slope) in attacked.iter_mut().zip(&clean).zip(gradient) {
                // signum of zero is one.
                *x += if slope == 0.0 { 0.0 } else { length * slope.signum() };
                if steps.is_some() {
                    *x = x.clamp(clean - epsilon, clean + epsilon);
                }
            }
        }
        Ok(attacked.iter().zip(some.noise).enumerate().map(|(i, (x, e))| inside(i, *x) + of_row(i) * e).collect())
    }
}

impl fmt::Display for Adversarial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps {
            None => write!(f, "n-fgsm:{}", self.epsilon),
            Some(steps) => write!(f, "pgd:{}:{steps}", self.epsilon),
        }
    }
}

impl FromStr for Adversarial {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let option = "--adversarial";
        let wrong = || Error::option(option, format!("{text} is neither n-fgsm:EPSILON nor pgd:EPSILON:STEPS"));
        let level = |text: &str| {
            let number = |text: &str| text.trim().parse::<f32>().ok();
            match text.split_once('/') {
                Some((above, below)) => Some(number(above)? / number(below)?),
                None => number(text),
            }
        };
        let mut parts = text.split(':');
        let (name, epsilon) = (parts.next(), parts.next().and_then(level).ok_or_else(wrong)?);
        let steps = match (name, parts.next(), parts.next()) {
            (Some("n-fgsm"), None, None) => None,
            (Some("pgd"), Some(steps), None) => Some(steps.parse::<u32>().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        };
        if !(epsilon > 0.0 && epsilon <= 1.0) {
            let hint = limits::of_255(f64::from(epsilon), 1.0);
            return Err(Error::option(option, format!("takes a budget above 0 and up to 1, not {epsilon}{hint}")));
        }
        limits::whole(option, u64::from(steps.unwrap_or(1)), 1, MOST_STEPS)?;
        Ok(Self { epsilon, steps })
    }
}

impl Serialize for Adversarial {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Adversarial {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[path = "adversarial_tests.rs"]
mod tests;
