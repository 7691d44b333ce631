//! The state file: everything from which a run continues as if it had not stopped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::config::{Config, MOST_STEPS};
use super::evaluate::Evaluation;
use super::optimiser::State;
use crate::data::SplitRecord;
use crate::files::write_whole;
use crate::{Error, Result, limits};

/// The metadata key that holds the record.
const KEY: &str = "denoscope-training";

/// What a state file says besides its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Steps done.
    pub step: u64,
    /// Training time spent, in seconds.
    pub seconds: f64,
    /// The options of the run.
    pub config: Config,
    /// What was measured last.
    #[serde(default)]
    pub evaluation: Option<Evaluation>,
    /// A digest of the training pictures and labels, so that a run goes on with the data it began with.
    pub data: String,
    /// The split, so that it goes on with the same. Runs from before splits were by class name none.
    #[serde(default)]
    pub split: Option<SplitRecord>,
    /// The best accuracy under attack so far, of a run with adversarial rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub robust: Option<f64>,
}

/// The state file that belongs to a model file.
#[must_use]
pub fn path(out: &Path) -> PathBuf {
    with_suffix(out, ".state")
}

/// `out` with more at the end of its name.
pub(super) fn with_suffix(out: &Path, suffix: &str) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Checks values before they are written.
///
/// # Errors
/// [`Error::Compute`] naming a tensor that holds a number that is not finite.
pub(super) fn finite(values: State) -> Result<State> {
    match values.iter().find(|(_, (_, values))| !values.iter().all(|v| v.is_finite())) {
        Some((name, _)) => Err(Error::Compute(format!("{name} holds values that are not finite"))),
        None => Ok(values),
    }
}

/// Writes a state file whole or not at all.
///
/// # Errors
/// [`Error::Io`] if it cannot be written.
pub(super) fn write(path: &Path, record: &Record, tensors: &State) -> Result<()> {
    let fail = |reason: String| Error::checkpoint(path, reason);
    let json = serde_json::to_string(record).map_err(|e| fail(e.to_string()))?;
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let mut views = Vec::with_capacity(bytes.len());
    for (name, shape, bytes) in &bytes {
        views.push((*name, TensorView::new(Dtype::F32, (*shape).clone(), bytes).map_err(|e| fail(e.to_string()))?));
    }
    let metadata = HashMap::from([(KEY.to_owned(), json)]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| fail(e.to_string()))?;
    write_whole(path, &file, true)
}

/// Reads a state file.
///
/// # Errors
/// [`Error::Io`] or [`Error::Checkpoint`] if it is missing, cut short or none.
pub(crate) fn read(path: &Path) -> Result<(Record, State)> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let broken = |e: &dyn std::fmt::Display| Error::checkpoint(path, format!("is no whole training state ({e})"));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(&e))?;
    let json = metadata.metadata().as_ref().and_then(|m| m.get(KEY));
    let json = json.ok_or_else(|| Error::checkpoint(path, "has no training record; it is no training state"))?;
    let record: Record = serde_json::from_str(json).map_err(|e| broken(&e))?;
    if record.step > MOST_STEPS || !limits::is_time(record.seconds) {
        let reason = format!("tells of {} steps in {} seconds, which cannot be", record.step, record.seconds);
        return Err(Error::checkpoint(path, reason));
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|e| broken(&e))?;
    let mut state = State::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(Error::checkpoint(path, format!("tensor {name} holds {:?} values, not F32", view.dtype())));
        }
        let values: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        state.insert(name.to_owned(), (view.shape().to_vec(), values));
    }
    Ok((record, state))
}

/// A small state file, for the tests that break it.
#[cfg(test)]
pub(crate) fn seed() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seed");
    let config = Config::new("data", "model.safetensors");
    let record =
        Record { step: 3, seconds: 1.5, config, evaluation: None, data: "00".into(), split: None, robust: None };
    let tensors = State::from([("weights/stem".to_owned(), (vec![2, 2], vec![0.5, -1.0, 2.0, 0.0]))]);
    write(&path, &record, &tensors).expect("written");
    std::fs::read(&path).expect("read")
}
