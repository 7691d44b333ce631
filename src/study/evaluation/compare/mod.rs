//! Two models on the same pictures: who is right where, under the same noise and under attacks made for either.

mod mcnemar;
pub mod page;
mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

pub use mcnemar::McNemar;
pub use run::compare;

use super::AttackPlan;
use crate::attack::{Method, Norm, Target};
use crate::picture::Picture;

/// What is to be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparePlan {
    /// The noise levels, on the [0, 1] scale; both models see the same noise.
    pub sigmas: Vec<f32>,
    /// The attacks, each made for either model and tried on both.
    pub attacks: Vec<AttackPlan>,
    /// The seed of noise and attacks.
    pub seed: u64,
    /// How many pictures go through a model together.
    pub batch: usize,
    /// How many of the pictures that one model alone takes for what they are to keep, at each level.
    pub disputed: usize,
}

/// A model of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// Where it computed.
    pub device: String,
    /// What a person must know of it.
    pub notes: Vec<String>,
}

/// The whole comparison: the object that `compare --json` prints. Where there are two numbers, the first is of A.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// A and B.
    pub models: [Compared; 2],
    /// The data set's name.
    pub data: String,
    /// How many pictures.
    pub images: usize,
    /// The seed of noise and attacks.
    pub seed: u64,
    /// Under Gaussian noise of each level.
    pub by_sigma: Vec<LevelComparison>,
    /// Under each attack.
    pub robust: Vec<Transfer>,
}

/// Both models under noise of one level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelComparison {
    /// The noise level on the [0, 1] scale.
    pub sigma: f32,
    /// What each model computed with, inside its trained range.
    pub sigma_used: [f32; 2],
    /// Who is right; null where a model tells no classes apart.
    pub classification: Option<Classification>,
    /// How much nearer A's denoised pictures are than B's, in dB of PSNR; null where a model gives no denoiser.
    pub psnr_db: Option<Difference>,
    /// Pictures that one model alone takes for what they are, those of which the models are surest first.
    pub disputed: Vec<Disputed>,
}

/// Who is right, over all pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// The share of pictures that each takes for what they are.
    pub accuracy: [f64; 2],
    /// Pictures that both take for what they are.
    pub both_right: usize,
    /// Pictures that both take for the same wrong class.
    pub both_wrong_alike: usize,
    /// Pictures that they take for different wrong classes.
    pub both_wrong_apart: usize,
    /// Those that one alone takes for what they are, and whether that may be chance.
    #[serde(flatten)]
    pub test: McNemar,
}

/// How much larger A's values are than B's, picture by picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Over how many pictures; those with an infinite value are left out.
    pub images: usize,
    /// The mean of each model's values.
    pub mean: [f64; 2],
    /// The mean of A − B.
    pub difference: f64,
    /// The standard error of that.
    pub standard_error: f64,
    /// The share of pictures where A's is larger.
    pub larger: f64,
    /// How the differences are spread.
    pub histogram: Vec<Bin>,
}

/// A bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Its lower end, which belongs to it.
    pub from: f64,
    /// Its upper end, which belongs to the next, but for the last.
    pub to: f64,
    /// How many values lie in it.
    pub count: usize,
}

impl Difference {
    /// How many bars a histogram has.
    const BINS: usize = 21;

    /// Of pairs of values; none if there is no finite pair.
    #[must_use]
    pub fn of(pairs: &[[f64; 2]]) -> Option<Self> {
        let pairs: Vec<&[f64; 2]> = pairs.iter().filter(|pair| pair.iter().all(|v| v.is_finite())).collect();
        if pairs.is_empty() {
            return None;
        }
        let count = pairs.len() as f64;
        let differences: Vec<f64> = pairs.iter().map(|[a, b]| a - b).collect();
        let mean = |side: usize| pairs.iter().map(|pair| pair[side]).sum::<f64>() / count;
        let difference = differences.iter().sum::<f64>() / count;
        let squares: f64 = differences.iter().map(|d| (d - difference).powi(2)).sum();
        // About zero, so that the middle bar is "no difference".
        let reach = differences.iter().fold(0.0_f64, |most, d| most.max(d.abs())).max(1e-6);
        let width = 2.0 * reach / Self::BINS as f64;
        let mut counts = [0; Self::BINS];
        for d in &differences {
            counts[(((d + reach) / width) as usize).min(Self::BINS - 1)] += 1;
        }
        let bin = |(i, count)| {
            let from = -reach + width * i as f64;
            Bin { from, to: from + width, count }
        };
        Some(Self {
            images: pairs.len(),
            mean: [mean(0), mean(1)],
            difference,
            standard_error: (squares / (count - 1.0).max(1.0) / count).sqrt(),
            larger: differences.iter().filter(|d| **d > 0.0).count() as f64 / count,
            histogram: counts.into_iter().enumerate().map(bin).collect(),
        })
    }
}

/// A picture that one model alone takes for what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disputed {
    /// Its number in the data set.
    pub number: usize,
    /// Its class.
    pub class: String,
    /// What each model says.
    pub said: [String; 2],
    /// How sure each is of that.
    pub probability: [f64; 2],
    /// The picture without noise.
    #[serde(skip)]
    pub picture: Picture,
}

/// An attack made for either model and tried on both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transfer {
    /// The attack.
    pub method: Method,
    /// The norm of its budget.
    pub norm: Norm,
    /// The requested budget.
    pub epsilon: f64,
    /// The method's parameters where they differ from its defaults.
    pub parameters: BTreeMap<String, f64>,
    /// What each picture was to be taken for.
    pub target: Target,
    /// The noise level that each attacked classifier assumes.
    pub sigma: [f32; 2],
    /// The share of pictures that each takes for what they are before.
    pub clean_accuracy: [f64; 2],
    /// The share after: `accuracy[made][asked]`, of the attack made for one model, asked of one. A picture that was wrong before counts as
    /// wrong, and a perturbation beyond ε as none.
    pub accuracy: [[f64; 2]; 2],
    /// Of a targeted attack, the share of pictures that are then taken for the target, `[made][asked]`, a perturbation beyond ε as none.
    pub reached: Option<[[f64; 2]; 2]>,
    /// Pictures that one alone still takes for what they are under the attack made for itself, and whether that may be chance.
    #[serde(flatten)]
    pub test: McNemar,
}
