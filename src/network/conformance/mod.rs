//! One suite for every engine: the contract of [`crate::engine`] as tests. An engine joins by one `engine_tests!` for each family of
//! networks that it answers for.

mod curvature;
mod engines;
mod learning;
mod networks;
mod passes;

use crate::Result;
use crate::engine::{Learner, Passes};
use crate::program::Program;

pub use curvature::curvature;
pub(crate) use engines::engine_tests;
pub use learning::{golden_losses, learning, true_losses};
pub use networks::{architecture, random};
pub use passes::{goldens, refusals, repeats, rows, slopes, truth};

/// Runs a test, unless what it needs is missing.
pub fn unless(missing: bool, test: impl FnOnce()) {
    if !missing {
        test();
    }
}

/// Makes an engine that answers for a program with these weights.
type NewPasses<'a> = &'a dyn Fn(&Program, &[&[f32]]) -> Result<Box<dyn Passes>>;

/// Makes an engine that learns a program's weights, of which it is given the first ones.
type NewLearner<'a> = &'a dyn Fn(&Program, &[&[f32]]) -> Result<Box<dyn Learner>>;
