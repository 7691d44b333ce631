//! `denoscope merge`: the figures of an evaluation that was measured in shards.

use std::path::PathBuf;

use clap::Args;

use super::figures::FigureArguments;
use super::{Done, Ending};
use crate::study::evaluation::merge;

/// Make the figures of an evaluation of the journals of all its shards: those of one run, to the bit
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  denoscope eval --data cifar/ --shard 1/2 --journal 1.journal\n  \
                        denoscope eval --data cifar/ --shard 2/2 --journal 2.journal\n  \
                        denoscope merge 1.journal 2.journal --json figures.json --html report.html\n\n\
                        The report is without example pictures: those are not in the journals.")]
pub(super) struct Merge {
    /// The journals that eval --shard wrote, one of each shard
    #[arg(required = true, value_name = "JOURNAL")]
    journals: Vec<PathBuf>,
    #[command(flatten)]
    output: FigureArguments,
}

impl Merge {
    pub fn run(&self) -> Done {
        self.output.outputs(self.journals.iter().map(PathBuf::as_path))?;
        self.output.figures(&merge(&self.journals)?)?;
        Ok(Ending::Complete)
    }
}
