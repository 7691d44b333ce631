//! The run's log: one line of comma-separated values a report, beside the model; written, and read to be followed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::evaluate::Evaluation;
use super::progress::Report;
use crate::files::write_whole;
use crate::picture::decibels;
use crate::{Error, Result, limits};

/// The log's first line.
const HEADER: &str =
    "step,seconds,epoch,loss,cross_entropy,score_error,gradient_norm,learning_rate,pictures_per_second,accuracy,psnr";

/// The log that belongs to a model file.
#[must_use]
pub fn log_path(out: &Path) -> PathBuf {
    super::state::with_suffix(out, ".csv")
}

/// What a line of the log says, as far as a run is watched by it. A line is of the loss or of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LogEntry {
    /// Steps done.
    pub step: u64,
    /// Training time in seconds, a hundred years at most.
    pub seconds: f64,
    /// What is minimised.
    pub loss: Option<f64>,
    /// Pictures trained on a second.
    pub pictures_per_second: Option<f64>,
    /// The share of held-out pictures that are classified rightly.
    pub accuracy: Option<f64>,
    /// The mean PSNR of D on them, in decibels.
    pub psnr: Option<f64>,
}

impl LogEntry {
    /// What a report says.
    #[must_use]
    pub fn of_report(report: &Report) -> Self {
        let (loss, speed) = (Some(report.loss), Some(report.pictures_per_second));
        let seconds = report.elapsed.as_secs_f64();
        Self { step: report.step, seconds, loss, pictures_per_second: speed, ..Self::default() }
    }

    /// What an evaluation says after `seconds` of training.
    #[must_use]
    pub fn of_evaluation(evaluation: &Evaluation, seconds: f64) -> Self {
        let accuracy = (!evaluation.denoiser).then_some(evaluation.accuracy);
        let psnr = Some(evaluation.psnr);
        Self { step: evaluation.step, seconds, accuracy, psnr, ..Self::default() }
    }

    /// Reads a line; none for the header and for what is no line of a log.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.trim_end().split(',').collect();
        if fields.len() != HEADER.split(',').count() {
            return None;
        }
        let number = |index: usize| fields[index].parse::<f64>().ok().filter(|number| number.is_finite());
        Some(Self {
            step: fields[0].parse().ok()?,
            seconds: number(1).filter(|&seconds| limits::is_time(seconds))?,
            loss: number(3),
            pictures_per_second: number(8),
            accuracy: number(9),
            psnr: number(10),
        })
    }
}

/// What was added to a log since it was read last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogPart {
    /// The new lines.
    pub entries: Vec<LogEntry>,
    /// Where to read on.
    pub offset: u64,
    /// The log became shorter: the run was begun anew, and these are all its lines.
    pub anew: bool,
}

/// Reads a log from `offset` on, whole lines only: the last one may be half written.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is no log of a training run.
pub fn read_log(path: &Path, offset: u64) -> Result<LogPart> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    if !bytes.starts_with(HEADER.as_bytes()) {
        return Err(Error::data(path, "is no log of a training run: OUT.csv beside the model is one"));
    }
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let anew = (whole as u64) < offset;
    let from = if anew { 0 } else { offset as usize };
    let text = String::from_utf8_lossy(&bytes[from..whole]);
    Ok(LogPart { entries: text.lines().filter_map(LogEntry::parse).collect(), offset: whole as u64, anew })
}

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
        let psnr = decibels::finite(e.psnr).map_or_else(String::new, |psnr| format!("{psnr:.4}"));
        let accuracy = if e.denoiser { String::new() } else { format!("{:.5}", e.accuracy) };
        self.line(&format!("{},{seconds:.2},,,,,,,,{accuracy},{psnr}", e.step))
    }

    fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self.file, "{line}").map_err(|e| Error::io(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report(step: u64) -> Report {
        Report {
            step,
            share: 0.5,
            epoch: 0.25,
            loss: 3.5,
            cross_entropy: 1.5,
            score_error: 0.2,
            gradient_norm: 1.0,
            learning_rate: 0.5,
            pictures_per_second: 40.0,
            elapsed: Duration::from_millis(1500),
            remaining: Duration::from_secs(3),
        }
    }

    #[test]
    fn what_is_written_is_read_back_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.csv");
        let mut log = Log::open(&path, 0).unwrap();
        log.report(&report(20)).unwrap();
        let first = read_log(&path, 0).unwrap();
        assert_eq!(first.entries, [LogEntry::of_report(&report(20))]);
        let measured = Evaluation {
            step: 20,
            pictures: 8,
            accuracy: 0.875,
            accuracy_sigma: 0.004,
            psnr: 27.5,
            psnr_sigma: 0.1,
            robust: None,
            denoiser: false,
        };
        log.evaluation(1.5, &measured).unwrap();
        // A line that is still being written waits for its end.
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"40,2.").unwrap();
        let second = read_log(&path, first.offset).unwrap();
        assert_eq!(second.entries, [LogEntry::of_evaluation(&measured, 1.5)]);
        drop(log);
        drop(Log::open(&path, 0).unwrap());
        assert!(read_log(&path, second.offset).unwrap().anew);
    }

    #[test]
    fn numbers_that_cannot_be_are_no_line_or_no_number() {
        let entry = |seconds: &str, loss: &str| {
            LogEntry::parse(&format!("20,{seconds},0.25,{loss},1,1,1,1,{loss},{loss},{loss}"))
        };
        assert_eq!(entry("1.5", "3").and_then(|entry| entry.psnr), Some(3.0));
        for seconds in ["inf", "-inf", "NaN", "1e30", "1e20", "18446744073709551616", "-1", ""] {
            assert_eq!(entry(seconds, "3"), None, "{seconds}");
        }
        for loss in ["inf", "-inf", "NaN", "1e400", ""] {
            let entry = entry("0", loss).unwrap();
            assert_eq!([entry.loss, entry.pictures_per_second, entry.accuracy, entry.psnr], [None; 4], "{loss}");
        }
        for step in ["-1", "1e3", "18446744073709551616", "NaN"] {
            assert_eq!(LogEntry::parse(&format!("{step},1,1,1,1,1,1,1,1,1,1")), None, "{step}");
        }
        // Every seconds that is taken is a time.
        assert!(["0", "1e-30", "3e9"].iter().all(|seconds| entry(seconds, "1").is_some()));
    }

    #[test]
    fn another_table_is_no_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.csv");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        assert!(read_log(&path, 0).unwrap_err().to_string().contains("no log"));
    }
}
