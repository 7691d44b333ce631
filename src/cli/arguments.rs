//! Arguments that several commands share.

use clap::{Args, ValueEnum};

use crate::network::{DeviceChoice, Network, bundled, open};
use crate::picture::{Fit, Noise, NoiseKind};
use crate::study::level;
use crate::{Error, Result};

/// Which model, and where it runs.
#[derive(Debug, Args)]
pub(super) struct ModelArguments {
    /// A bundled model's name or a model file; the first bundled model if not given
    #[arg(long, value_name = "NAME|PATH")]
    model: Option<String>,
    /// Where to compute: auto, cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = plain::<DeviceChoice>)]
    device: DeviceChoice,
}

impl ModelArguments {
    /// Loads the model.
    pub fn open(&self) -> Result<Network> {
        let name = match (&self.model, bundled().first()) {
            (Some(name), _) => name,
            (None, Some(first)) => first.name,
            (None, None) => {
                return Err(Error::option("--model", "this build has no model of its own: name a model file"));
            }
        };
        open(name, self.device)
    }
}

/// The noise to add, without its strength.
#[derive(Debug, Args)]
pub(super) struct NoiseArguments {
    /// The kind of noise: gaussian, poisson, salt-and-pepper, speckle, uniform or jpeg
    #[arg(long, value_name = "KIND", default_value = "gaussian", value_parser = plain::<NoiseKind>)]
    noise: NoiseKind,
    /// The seed of the noise; the same seed gives the same noise everywhere
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

impl NoiseArguments {
    /// The noise at strength `sigma`.
    pub fn at(&self, sigma: f32) -> Noise {
        Noise { kind: self.noise, sigma, seed: self.seed }
    }
}

/// What of a picture the model sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum FitArgument {
    /// The largest part of the model's proportions, from the middle
    #[default]
    Centre,
    /// All of it, framed
    Whole,
}

impl From<FitArgument> for Fit {
    fn from(argument: FitArgument) -> Self {
        match argument {
            FitArgument::Centre => Self::Centre,
            FitArgument::Whole => Self::Whole,
        }
    }
}

/// Parses a level such as `0.1` or `25/255`, for clap, which names the option itself.
pub(super) fn sigma(text: &str) -> Result<f32, String> {
    level::parse("", text).map_err(reason)
}

/// [`sigma`] in double precision, as budgets are kept.
pub(super) fn exact(text: &str) -> Result<f64, String> {
    level::parse_exact("", text).map_err(reason)
}

/// Parses anything whose error is this crate's, for clap, which names the option itself.
pub(super) fn plain<T: std::str::FromStr<Err = Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(reason)
}

fn reason(error: Error) -> String {
    match error {
        Error::Option { reason, .. } => reason,
        other => other.to_string(),
    }
}
