//! The command line: arguments in, one request a picture, results as text, JSON, pictures and sheets.
//!
//! Exit code 0 is success, 1 a failure that was said in one line on standard error or work that was stopped, 2 wrong usage.

mod analyze;
mod arguments;
mod attack;
mod attack_help;
mod audit;
mod certify;
mod compare;
mod completions;
mod console;
mod counterfactual;
mod denoise;
mod density;
mod devices;
mod drawing;
mod duel;
mod eval;
mod evidence;
mod figures;
mod info;
mod inpaint;
mod man;
mod merge;
mod models;
#[cfg(test)]
mod number_tests;
mod outputs;
mod pictures;
mod sample;
mod sheets;
mod train;
mod uncertainty;
mod usage;
mod usual;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::Result;

/// Look into a joint classification–denoising network: what it believes, what it restores, what fools it.
#[derive(Debug, Parser)]
#[command(name = "denoscope", version, args_conflicts_with_subcommands = true, subcommand_precedence_over_arg = true)]
#[command(after_help = "Example:\n  denoscope analyze photo.jpg --sigma 25/255 --sheet sheet.png\n\n\
                        Without a command the window opens, with the given pictures in it.")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Pictures to open in the window
    #[arg(value_name = "IMAGE")]
    pictures: Vec<PathBuf>,
    #[command(flatten)]
    window: window::Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    Analyze(analyze::Analyze),
    Denoise(denoise::Denoise),
    Attack(attack::Attack),
    Certify(certify::Certify),
    Uncertainty(uncertainty::Uncertain),
    Audit(audit::AuditCommand),
    Evidence(evidence::EvidenceCommand),
    Density(density::DensityCommand),
    Sample(sample::SampleCommand),
    Inpaint(Box<inpaint::InpaintCommand>),
    Counterfactual(counterfactual::CounterfactualCommand),
    Eval(eval::Eval),
    Merge(merge::Merge),
    Compare(compare::Compare),
    Duel(duel::DuelCommand),
    Train(Box<train::Train>),
    Info(info::Info),
    Usual(usual::UsualCommand),
    Models(models::Models),
    Devices(devices::Devices),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the program on the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match usage::parse(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            console::note(&format!("error: {wrong}"));
            return ExitCode::from(2);
        }
    };
    if arguments.command.is_some() {
        warn_in_lines();
    }
    let done = match arguments.command {
        Some(Command::Analyze(command)) => command.run(),
        Some(Command::Denoise(command)) => command.run(),
        Some(Command::Attack(command)) => command.run(),
        Some(Command::Certify(command)) => command.run(),
        Some(Command::Uncertainty(command)) => command.run(),
        Some(Command::Audit(command)) => command.run(),
        Some(Command::Evidence(command)) => command.run(),
        Some(Command::Density(command)) => command.run(),
        Some(Command::Sample(command)) => command.run(),
        Some(Command::Inpaint(command)) => command.run(),
        Some(Command::Counterfactual(command)) => command.run(),
        Some(Command::Eval(command)) => command.run(),
        Some(Command::Merge(command)) => command.run(),
        Some(Command::Compare(command)) => command.run(),
        Some(Command::Duel(command)) => command.run(),
        Some(Command::Train(command)) => command.run(),
        Some(Command::Info(command)) => command.run(),
        Some(Command::Usual(command)) => command.run(),
        Some(Command::Models(command)) => command.run(),
        Some(Command::Devices(command)) => command.run(),
        Some(Command::Completions(command)) => command.run(),
        Some(Command::Man(command)) => command.run(),
        None => window::open(arguments.pictures, arguments.window),
    };
    console::exit_code(done)
}

/// Lets this program's warnings appear on standard error, one line each: that a device failed and the processor goes on.
fn warn_in_lines() {
    let lines = tracing_subscriber::fmt().with_env_filter("off,denoscope=warn").with_writer(std::io::stderr);
    // Where somebody listens already, that is who is told.
    let _ = lines.without_time().with_target(false).try_init();
}

/// How a command that did all it could ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Everything that was asked for was done.
    Complete,
    /// Some of it failed; each failure was said when it happened.
    WithFailures,
}

/// What a command returns: how it ended, or the failure that stopped it.
type Done = Result<Ending>;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_arguments_are_consistent_and_every_command_has_an_example() {
        let command = Arguments::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            let help = sub.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "{}", sub.get_name());
        }
    }
}
