//! What a run tells its owner while it goes.

use std::path::PathBuf;
use std::time::Duration;

use super::evaluate::Evaluation;

/// An event of a run.
#[derive(Debug, Clone)]
pub enum Progress {
    /// The pictures are read.
    Reading {
        /// How many are.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// The data and the network are ready.
    Started(Started),
    /// Some steps are done.
    Step(Report),
    /// The averaged weights were measured.
    Evaluated(Evaluation),
    /// Model and state were written.
    Saved {
        /// The step after which they were.
        step: u64,
        /// The model file.
        path: PathBuf,
    },
}

/// What is trained, on what.
#[derive(Debug, Clone)]
pub struct Started {
    /// The data set's name.
    pub data: String,
    /// Pictures trained on.
    pub pictures: usize,
    /// Pictures kept aside.
    pub held_out: usize,
    /// What a person should know of the data, a line each.
    pub notices: Vec<String>,
    /// Weights of the network.
    pub parameters: usize,
    /// Where it computes.
    pub device: String,
    /// What memory of that device it takes, in words, where it is known.
    pub memory: Option<String>,
    /// The step that it starts from: 0, or where it was left.
    pub step: u64,
    /// Steps in all; unknown for a run that is limited by time.
    pub steps: Option<u64>,
}

/// Means over the steps since the last report.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Steps done.
    pub step: u64,
    /// How much of the run is done, 0 to 1.
    pub share: f64,
    /// Passes over the data.
    pub epoch: f64,
    /// What is minimised.
    pub loss: f64,
    /// The cross-entropy of the true classes, in nats.
    pub cross_entropy: f64,
    /// The mean of (σ∇log p + ε)².
    pub score_error: f64,
    /// The gradient's norm before clipping.
    pub gradient_norm: f64,
    /// The factor on both learning rates.
    pub learning_rate: f64,
    /// Pictures trained on a second, since the last report.
    pub pictures_per_second: f64,
    /// Training time, all parts of the run together.
    pub elapsed: Duration,
    /// The time that the rest will take at the mean speed so far.
    pub remaining: Duration,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The model file.
    pub out: PathBuf,
    /// Steps done, all parts of the run together.
    pub steps: u64,
    /// Whether it was stopped before its end; `--resume` goes on.
    pub stopped: bool,
    /// Training time, all parts of the run together.
    pub elapsed: Duration,
    /// The last evaluation, if pictures were held out.
    pub evaluation: Option<Evaluation>,
}
