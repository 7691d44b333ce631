//! Lines to people: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Done, Ending};
use crate::task::Cancel;
use crate::{Error, Result};

/// Prints a line on standard output. A reader that went away ends the program quietly, as in `denoscope … | head`.
pub(super) fn say(line: impl AsRef<str>) -> Result<()> {
    match writeln!(io::stdout().lock(), "{}", line.as_ref()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        done => done.map_err(|e| Error::io("standard output", e)),
    }
}

/// Prints what went wrong, in one line on standard error.
pub(super) fn fail(error: &Error) {
    note(&format!("error: {error}"));
}

/// Prints a line on standard error. It is one line whatever is in it.
pub(super) fn note(text: &str) {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Standard error may be closed; then there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// What the process returns, after saying what stopped it.
pub(super) fn exit_code(done: Done) -> ExitCode {
    match done {
        Ok(Ending::Complete) => ExitCode::SUCCESS,
        Ok(Ending::WithFailures) => ExitCode::from(1),
        Err(error) => {
            fail(&error);
            ExitCode::from(if matches!(error, Error::Option { .. }) { 2 } else { 1 })
        }
    }
}

/// Raises `cancel` on the first Ctrl-C, and says `doing`. A second one ends the program at once.
pub(super) fn stop_on_interrupt(cancel: &Cancel, doing: &'static str) -> Result<()> {
    let cancel = cancel.clone();
    ctrlc::set_handler(move || {
        if cancel.is_raised() {
            std::process::exit(130);
        }
        note(doing);
        cancel.raise();
    })
    .map_err(|e| Error::Compute(format!("Ctrl-C cannot be caught: {e}")))
}

/// A progress bar on standard error, or nothing where that is no terminal. `template` is indicatif's.
pub(super) fn progress(length: u64, template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("━╸ "));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
