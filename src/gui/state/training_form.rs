//! A training run's essentials, as the person filled them in.

use std::time::Duration;

use super::mend::in_range;
use crate::Result;
use crate::train::{Config, Every, Objective, Preset};

/// Steps between two points of the plots.
const LOG_EVERY: u64 = 10;

/// In what a run's length is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Unit {
    /// Training time.
    Hours,
    /// Passes over the data.
    Epochs,
    /// Batches.
    Steps,
}

impl Unit {
    /// Reads a length as people write it, `300`, `300 steps`, `1,5 h`, `3 epochs`: the number, and its unit where one is said.
    #[must_use]
    pub fn read(text: &str) -> Option<(f64, Option<Self>)> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',')).unwrap_or(text.len());
        let length: f64 = text[..end].replace(',', ".").parse().ok()?;
        let unit = match text[end..].trim().to_lowercase().as_str() {
            "" => None,
            "h" | "hour" | "hours" => Some(Self::Hours),
            "epoch" | "epochs" | "pass" | "passes" => Some(Self::Epochs),
            "step" | "steps" | "batch" | "batches" => Some(Self::Steps),
            _ => return None,
        };
        (length > 0.0).then_some((length, unit))
    }
}

/// A run's essentials, as the person filled them in.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TrainingForm {
    /// The data set's path.
    pub data: String,
    /// The model file to write.
    pub out: String,
    /// The network's size.
    pub preset: Preset,
    /// How long, counted in `unit`.
    pub length: f64,
    /// In what the length is counted.
    pub unit: Unit,
    /// What to train for.
    pub objective: Objective,
    /// The weight of the score's error.
    pub lambda: f64,
    /// Pictures a step.
    pub batch: usize,
    /// Pictures that are kept aside to measure on.
    pub holdout: usize,
    /// How often to measure and to save, in seconds.
    pub every: u64,
    /// Other options, as on the command line.
    pub more: String,
}

impl Default for TrainingForm {
    fn default() -> Self {
        Self {
            data: String::new(),
            out: String::new(),
            preset: Preset::Compact,
            length: 1.0,
            unit: Unit::Hours,
            objective: Objective::Joint,
            lambda: 10.0,
            batch: 64,
            holdout: 500,
            every: 60,
            more: String::new(),
        }
    }
}

impl TrainingForm {
    /// Refuses numbers that no run can have: a form may come from a file.
    ///
    /// # Errors
    /// [`crate::Error::Option`] naming the field.
    pub fn check(&self) -> Result<()> {
        in_range("length", self.length, 1e-3, 1e9)?;
        in_range("λ", self.lambda, 0.0, 1e6)?;
        in_range("pictures a step", self.batch as f64, 1.0, 4096.0)?;
        in_range("pictures held out", self.holdout as f64, 0.0, 1e6)?;
        in_range("seconds between savings", self.every as f64, 0.0, 86_400.0)
    }

    /// The options of a new run.
    ///
    /// # Errors
    /// [`crate::Error::Option`] naming what is wrong in the other options.
    pub fn config(&self, device: &str) -> Result<Config> {
        let config = Config {
            preset: self.preset,
            objective: self.objective,
            lambda: self.lambda,
            batch: self.batch,
            holdout: Some(self.holdout),
            ..self.watched(device)
        };
        self.with_length(config).with_words(&self.more)
    }

    /// The options to take a run up again with, which keeps its own; `longer`: but for this form's length.
    #[must_use]
    pub fn resumed(&self, device: &str, longer: bool) -> Config {
        let config = Config { resume: true, ..self.watched(device) };
        if longer { self.with_length(config) } else { config }
    }

    /// Defaults, saved and measured as often as the form says.
    fn watched(&self, device: &str) -> Config {
        let every = Every::Time(Duration::from_secs(self.every.max(1)));
        Config {
            device: device.to_owned(),
            evaluate_every: every,
            checkpoint_every: every,
            log_every: LOG_EVERY,
            ..Config::new(self.data.trim(), self.out.trim())
        }
    }

    fn with_length(&self, config: Config) -> Config {
        match self.unit {
            Unit::Hours => Config { hours: Some(self.length), ..config },
            Unit::Epochs => Config { epochs: Some(self.length), ..config },
            Unit::Steps => Config { steps: Some(self.length.max(1.0) as u64), ..config },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_read_with_its_unit() {
        for (text, right) in [
            ("300 steps", (300.0, Some(Unit::Steps))),
            (" 300steps ", (300.0, Some(Unit::Steps))),
            ("1,5 h", (1.5, Some(Unit::Hours))),
            ("3 Epochs", (3.0, Some(Unit::Epochs))),
            ("12.5", (12.5, None)),
        ] {
            assert_eq!(Unit::read(text), Some(right), "{text}");
        }
        for wrong in ["", "steps", "0 steps", "-3", "300 miles", "1.2.3 h"] {
            assert_eq!(Unit::read(wrong), None, "{wrong}");
        }
    }
}
