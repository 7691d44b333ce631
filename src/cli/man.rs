//! `denoscope man`: the manual pages, one a command, for packages.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::outputs::Outputs;
use super::{Arguments, Done, Ending, console};
use crate::files::write_whole;
use crate::{Error, Result};

/// Write the manual pages, one a command, into a folder
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  denoscope man ~/.local/share/man/man1/")]
pub(super) struct Man {
    /// The folder, which is made if it is not there
    folder: PathBuf,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

impl Man {
    pub fn run(&self) -> Done {
        let pages = pages()?;
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, e))?;
        let mut outputs = Outputs::new(self.force, []);
        for (name, _) in &pages {
            outputs.file("FOLDER", &self.folder.join(name))?;
        }
        for (name, page) in &pages {
            write_whole(self.folder.join(name), page, self.force)?;
        }
        console::say(format!("{} manual pages in {}", pages.len(), self.folder.display()))?;
        Ok(Ending::Complete)
    }
}

/// Each page's file name and text.
fn pages() -> Result<Vec<(String, Vec<u8>)>> {
    let mut whole = Arguments::command();
    whole.build();
    let commands: Vec<_> = whole.get_subcommands().filter(|sub| sub.get_name() != "help").cloned().collect();
    std::iter::once(whole)
        .chain(commands)
        .map(|command| {
            let page = Page::new(command);
            let mut text = Vec::new();
            page.render(&mut text).map_err(|e| Error::Compute(format!("a manual page cannot be written: {e}")))?;
            Ok((page.get_filename(), text))
        })
        .collect()
}
