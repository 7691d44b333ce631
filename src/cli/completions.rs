//! `denoscope completions`: a script that completes this command line in a shell.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Arguments, Done, Ending, console};

/// Print a script that completes this command line in a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  denoscope completions bash > ~/.local/share/bash-completion/completions/denoscope")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(&self) -> Done {
        let mut script = Vec::new();
        generate(self.shell, &mut Arguments::command(), "denoscope", &mut script);
        console::say(String::from_utf8_lossy(&script).trim_end())?;
        Ok(Ending::Complete)
    }
}
