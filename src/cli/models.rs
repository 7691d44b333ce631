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
            let count = description.classes.len();
            console::say(format!(
                "{:<14} {count} class{}, {} pictures, {} weights, trained on {data}",
                model.name,
                if count == 1 { "" } else { "es" },
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
