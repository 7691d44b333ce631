//! `denoscope models`: what comes with the program.

use clap::Args;

use super::{Done, Ending, console};
use crate::network::bundled;

/// List the models that come with the program
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  denoscope models")]
pub(super) struct Models {}

impl Models {
    #[allow(clippy::unused_self)] // Every command runs the same way.
    pub fn run(&self) -> Done {
        for model in bundled() {
            let description = model.checkpoint()?.description;
            let data = description.training.as_ref().map_or("untrained", |t| t.data.as_str()).to_owned();
            console::say(format!(
                "{:<12} {} classes, {} pictures, {} weights, trained on {data}",
                model.name,
                description.classes.len(),
                description.image,
                description.parameter_count(),
            ))?;
        }
        if bundled().is_empty() {
            console::note("this build has no model of its own; --model takes a model file");
        }
        Ok(Ending::Complete)
    }
}
