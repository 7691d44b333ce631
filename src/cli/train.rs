//! `denoscope train`: a network from a data set.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{HumanDuration, ProgressBar};

use super::outputs::Outputs;
use super::{Done, Ending, console};
use crate::Error;
use crate::picture::PSNR;
use crate::task::Cancel;
use crate::train::{
    Config, Evaluation, Progress, Report, Started, Summary, Typed, log_path, pictures_path, recipe_path, run,
    state_path,
};

/// Thousandths of the run: what the bar counts, for runs limited by steps and by time alike.
const PARTS: u64 = 1000;

/// Train a network on a data set; Ctrl-C saves, --resume goes on
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope train --data mnist/ --out digits.safetensors --epochs 10\n  \
                        denoscope train --out digits.safetensors --resume\n  \
                        denoscope train --recipe digits.safetensors.toml --out again.safetensors")]
pub(super) struct Train {
    #[command(flatten)]
    pub(super) options: Typed,
}

impl Train {
    pub fn run(&self) -> Done {
        let Typed(config) = &self.options;
        let Config { data, out, init, .. } = config;
        // Whether files that exist may be replaced is for the run to say: it knows what --resume goes on from.
        let mut outputs = Outputs::new(true, [Some(data), init.as_ref()].into_iter().flatten().map(PathBuf::as_path));
        for file in [out, &state_path(out), &log_path(out), &pictures_path(out), &recipe_path(out)] {
            outputs.file("--out", file)?;
        }
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping: saving the model and its state")?;
        let mut bar = Bar::new();
        let summary = run(config, &cancel, &mut |progress| bar.show(progress));
        bar.bar.finish_and_clear();
        match summary {
            Err(Error::Cancelled) => {
                console::note("stopped before the first step; nothing was written");
                Ok(Ending::WithFailures)
            }
            summary => finish(&summary?),
        }
    }
}

/// The progress bar, with the last measurement in it.
struct Bar {
    bar: ProgressBar,
    measured: String,
}

impl Bar {
    fn new() -> Self {
        Self { bar: console::progress(PARTS, "{bar:24} {percent:>3} %  {msg}"), measured: String::new() }
    }

    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Reading { done, total } => {
                self.bar.set_position(done as u64 * PARTS / total.max(1) as u64);
                self.bar.set_message(format!("reading the pictures: {done} of {total}"));
            }
            Progress::Started(started) => self.started(&started),
            Progress::Step(report) => self.step(&report),
            Progress::Evaluated(evaluation) => self.evaluated(&evaluation),
            Progress::Saved { step, path } => self.line(&format!("step {step}: saved {}", path.display())),
        }
    }

    fn started(&self, started: &Started) {
        for notice in &started.notices {
            self.line(&format!("note: {notice}"));
        }
        let length = started.steps.map_or_else(|| "a set time".to_owned(), |steps| format!("{steps} steps"));
        self.line(&format!(
            "{}: {} pictures, {} held out; {} weights on {}; from step {} for {length}",
            started.data, started.pictures, started.held_out, started.parameters, started.device, started.step
        ));
        if let Some(memory) = &started.memory {
            self.line(&format!("{}: {memory}", started.device));
        }
    }

    fn step(&self, report: &Report) {
        self.bar.set_position((report.share * PARTS as f64) as u64);
        let rest = HumanDuration(Duration::from_secs(report.remaining.as_secs()));
        self.bar.set_message(format!(
            "step {}, loss {:.3}, {:.0} pictures/s, {rest} left{}",
            report.step, report.loss, report.pictures_per_second, self.measured
        ));
    }

    fn evaluated(&mut self, evaluation: &Evaluation) {
        self.measured = format!(", {}", figures(evaluation));
        self.line(&format!("step {}: {}", evaluation.step, figures(evaluation)));
    }

    /// A line above the bar, or on standard error where there is no bar.
    fn line(&self, text: &str) {
        self.bar.suspend(|| console::note(text));
    }
}

fn figures(evaluation: &Evaluation) -> String {
    let robust = evaluation.robust.map_or_else(String::new, |robust| format!(", under PGD {:.1} %", 100.0 * robust));
    let psnr = PSNR.write(evaluation.psnr);
    if evaluation.denoiser {
        return format!("PSNR {psnr}");
    }
    format!("accuracy {:.2} %{robust}, PSNR {psnr}", 100.0 * evaluation.accuracy)
}

/// A run that was stopped is not what was asked for: a script must not go on with its model.
fn finish(summary: &Summary) -> Done {
    let Summary { out, steps, stopped, elapsed, evaluation } = summary;
    let how = if *stopped { "stopped" } else { "done" };
    let measured = evaluation.as_ref().map_or_else(String::new, |e| format!(", {}", figures(e)));
    let elapsed = HumanDuration(Duration::from_secs(elapsed.as_secs()));
    console::say(format!("{how} after {steps} steps in {elapsed}{measured}: {}", out.display()))?;
    if *stopped {
        console::note("note: --resume goes on from here");
        return Ok(Ending::WithFailures);
    }
    Ok(Ending::Complete)
}
