//! The program: the command line, and without a command the window.

use std::process::ExitCode;

fn main() -> ExitCode {
    denoscope::cli::main()
}
