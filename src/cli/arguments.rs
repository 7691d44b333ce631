//! Arguments that several commands share.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::console;
use crate::bridge::{PythonModel, ScriptSource};
use crate::joint::{JointModel, Mirrored};
use crate::network::{DeviceChoice, bundled, open};
use crate::picture::{Fit, Noise, NoiseKind, Rect};
use crate::study::lab::Region;
use crate::study::level;
use crate::task::Cancel;
use crate::{Error, Result};

/// Which model, and where it runs.
#[derive(Debug, Args)]
pub(super) struct ModelArguments {
    /// A bundled model's name, a model file, an ONNX file, or python:SCRIPT.py (`python:SCRIPT.py::NAME` for one of its objects),
    /// which runs that script in your own Python; the first bundled model if not given
    #[arg(long, value_name = "NAME|PATH|python:SCRIPT.py")]
    model: Option<String>,
    /// Where to compute: auto, cpu, gpu, gpu:N, gpu:NAME, cuda, cuda:N or metal; `denoscope devices` lists them
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = plain::<DeviceChoice>)]
    device: DeviceChoice,
    /// Average the model's density with that of the mirrored picture, for pictures that are as natural mirrored: twice the work
    #[arg(long)]
    mirror: bool,
}

impl ModelArguments {
    /// The file that it is read from, if it comes from one.
    pub fn file(&self) -> Option<PathBuf> {
        file_of(self.model.as_deref()?)
    }

    /// Where it runs.
    pub fn device(&self) -> &DeviceChoice {
        &self.device
    }

    /// Loads the model. What a script prints goes to standard error; `cancel` calls off a question that it does not answer.
    pub fn open(&self, cancel: &Cancel) -> Result<Box<dyn JointModel>> {
        let Some(first) = bundled().first() else {
            return Err(Error::option("--model", "this build has no model of its own: name a model file"));
        };
        self.open_or(first.name, cancel)
    }

    /// [`Self::open`], with another default.
    pub fn open_or(&self, default: &str, cancel: &Cancel) -> Result<Box<dyn JointModel>> {
        let name = self.model.as_deref().unwrap_or(default);
        let model = open_named(name, &self.device, cancel)?;
        Ok(if self.mirror { Box::new(Mirrored::new(Arc::from(model))) } else { model })
    }

    /// [`Self::open`] for a command that Ctrl-C stops, with what a person must know about the model said.
    pub fn ready(&self) -> Result<(Cancel, Box<dyn JointModel>)> {
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        let model = self.open(&cancel)?;
        say_abilities(&*model);
        Ok((cancel, model))
    }
}

/// The file that a model of this name is read from, if it comes from one.
pub(super) fn file_of(name: &str) -> Option<PathBuf> {
    if bundled().iter().any(|model| model.name == name) {
        return None;
    }
    Some(ScriptSource::named(name).map_or_else(|| PathBuf::from(name), |script| script.path))
}

/// Loads a model by what a person typed.
pub(super) fn open_named(name: &str, device: &DeviceChoice, cancel: &Cancel) -> Result<Box<dyn JointModel>> {
    match ScriptSource::named(name) {
        Some(script) => Ok(Box::new(open_script(&script, device, cancel)?)),
        None => Ok(Box::new(open(name, device)?)),
    }
}

/// Runs a script that a person named.
pub(super) fn open_script(script: &ScriptSource, device: &DeviceChoice, cancel: &Cancel) -> Result<PythonModel> {
    let listener = Arc::new(|line: &str| console::note(&format!("python: {line}")));
    let model = PythonModel::open(script, &device.to_string(), cancel, Some(listener))?;
    for note in model.notes() {
        console::note(&format!("note: {note}"));
    }
    Ok(model)
}

/// Says what a person must know about the model, once.
pub(super) fn say_abilities(model: &dyn JointModel) {
    for note in model.abilities().notes() {
        console::note(&format!("note: the model {note}"));
    }
}

/// The noise to add, without its strength.
#[derive(Debug, Args)]
pub(super) struct NoiseArguments {
    #[arg(long, value_name = "KIND", default_value = "gaussian", value_parser = plain::<NoiseKind>, help = kinds())]
    noise: NoiseKind,
    /// The seed of the noise; the same seed gives the same noise everywhere
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// The help of `--noise`: every kind by its name.
fn kinds() -> String {
    let [first @ .., last] = NoiseKind::ALL.map(NoiseKind::name);
    format!("The kind of noise: {} or {last}", first.join(", "))
}

impl NoiseArguments {
    /// The noise at strength `sigma`.
    pub fn at(&self, sigma: f32) -> Noise {
        Noise { kind: self.noise, sigma, seed: self.seed }
    }
}

/// Parses what of a picture the model sees: `centre`, `whole`, or a rectangle as `X,Y,WIDTH,HEIGHT` in pixels, for clap.
pub(super) fn part(text: &str) -> Result<Fit, String> {
    match text {
        "centre" => return Ok(Fit::Centre),
        "whole" => return Ok(Fit::Whole),
        _ => {}
    }
    let numbers: Vec<f32> = text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match (numbers.as_slice(), text.split(',').count()) {
        (&[x, y, width, height], 4) if x.is_finite() && y.is_finite() && width >= 1.0 && height >= 1.0 => {
            Ok(Fit::Crop(Rect { x, y, width, height }))
        }
        _ => Err("is neither centre nor whole nor a rectangle X,Y,WIDTH,HEIGHT in pixels".to_owned()),
    }
}

/// Parses whole numbers separated by commas.
pub(super) fn wholes<const N: usize>(text: &str) -> Option<[usize; N]> {
    let numbers: Option<Vec<usize>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    numbers?.try_into().ok()
}

/// Parses a rectangle, for clap.
pub(super) fn region(text: &str) -> Result<Region, String> {
    let wrong = || "is no rectangle X,Y,WIDTH,HEIGHT in whole pixels".to_owned();
    wholes(text).map(|[x, y, width, height]| Region { x, y, width, height }).ok_or_else(wrong)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_word_or_a_rectangle() {
        assert_eq!(part("centre"), Ok(Fit::Centre));
        assert_eq!(part("whole"), Ok(Fit::Whole));
        assert_eq!(part("15,0.5,60,60"), Ok(Fit::Crop(Rect { x: 15.0, y: 0.5, width: 60.0, height: 60.0 })));
        for wrong in ["middle", "1,2,3", "1,2,3,4,5", "1,2,x,4", "1,2,0,4", "1,2,inf,nan", "nan,0,4,4"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }
}
