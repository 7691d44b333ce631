//! The run's log: one line of comma-separated values a report, beside the model.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::evaluate::Evaluation;
use super::progress::Report;
use crate::files::write_whole;
use crate::{Error, Result};

/// The log's first line.
const HEADER: &str =
    "step,seconds,epoch,loss,cross_entropy,score_error,gradient_norm,learning_rate,pictures_per_second,accuracy,psnr";

/// An open log.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Begins a log, or continues one after `step`: later lines, of steps that a crash took back, are dropped.
    pub fn open(path: &Path, step: u64) -> Result<Self> {
        let mut text = format!("{HEADER}\n");
        if step > 0 {
            let old = std::fs::read_to_string(path).unwrap_or_default();
            let number = |line: &&str| line.split(',').next().and_then(|n| n.parse::<u64>().ok());
            for line in old.lines().filter(|l| number(l).is_some_and(|n| n <= step)) {
                text.push_str(line);
                text.push('\n');
            }
        }
        write_whole(path, text.as_bytes(), true)?;
        let file = File::options().append(true).open(path).map_err(|e| Error::io(path, e))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a report of the loss.
    pub fn report(&mut self, r: &Report) -> Result<()> {
        let line = format!(
            "{},{:.2},{:.4},{:.6},{:.6},{:.6},{:.4},{:.6},{:.1},,",
            r.step,
            r.elapsed.as_secs_f64(),
            r.epoch,
            r.loss,
            r.cross_entropy,
            r.score_error,
            r.gradient_norm,
            r.learning_rate,
            r.pictures_per_second
        );
        self.line(&line)
    }

    /// Adds an evaluation.
    pub fn evaluation(&mut self, seconds: f64, e: &Evaluation) -> Result<()> {
        self.line(&format!("{},{seconds:.2},,,,,,,,{:.5},{:.4}", e.step, e.accuracy, e.psnr))
    }

    fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self.file, "{line}").map_err(|e| Error::io(&self.path, e))
    }
}
