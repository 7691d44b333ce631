//! The state file: everything from which a run continues as if it had not stopped.

use std::collections::HashMap;
use std::io::Read as _;
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
    /// The run reached its end, so that only a longer one goes on from here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
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
pub(crate) fn write(path: &Path, record: &Record, tensors: &State) -> Result<()> {
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
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(path, &e))?;
    let record = record(path, metadata.metadata().as_ref().and_then(|m| m.get(KEY)).map(String::as_str))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| broken(path, &e))?;
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

/// The record in a state file's head, as JSON.
fn record(path: &Path, json: Option<&str>) -> Result<Record> {
    let json = json.ok_or_else(|| Error::checkpoint(path, "has no training record; it is no training state"))?;
    let record: Record = serde_json::from_str(json).map_err(|e| broken(path, &e))?;
    if record.step > MOST_STEPS || !limits::is_time(record.seconds) {
        let reason = format!("tells of {} steps in {} seconds, which cannot be", record.step, record.seconds);
        return Err(Error::checkpoint(path, reason));
    }
    Ok(record)
}

fn broken(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::checkpoint(path, format!("is no whole training state ({why})"))
}

/// Whether the run that writes the model file `out` was stopped before its end, whatever stopped it, and can go on: its state says so,
/// of which the head alone is read.
#[must_use]
pub fn is_unfinished(out: &Path) -> bool {
    let state = path(out);
    let goes_on = |head: serde_json::Value| record(&state, head["__metadata__"][KEY].as_str()).is_ok_and(|r| !r.done);
    head(&state).is_ok_and(goes_on)
}

/// The head of a file of tensors: how long it is, and then that many bytes of JSON. The library reads it with all tensors only.
fn head(path: &Path) -> std::io::Result<serde_json::Value> {
    let mut file = std::fs::File::open(path)?;
    let mut length = [0; size_of::<u64>()];
    file.read_exact(&mut length)?;
    let mut head = Vec::new();
    // A length that is none gives what there is, which is no head then.
    file.take(u64::from_le_bytes(length).min(MOST_HEAD)).read_to_end(&mut head)?;
    Ok(serde_json::from_slice(&head)?)
}

/// No head is longer, in bytes.
const MOST_HEAD: u64 = 100 << 20;

/// A small state file, for the tests that break it.
#[cfg(test)]
pub(crate) fn seed() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seed");
    let config = Config::new("data", "model.safetensors");
    let record = Record {
        step: 3,
        seconds: 1.5,
        config,
        evaluation: None,
        data: "00".into(),
        split: None,
        robust: None,
        done: false,
    };
    let tensors = State::from([("weights/stem".to_owned(), (vec![2, 2], vec![0.5, -1.0, 2.0, 0.0]))]);
    write(&path, &record, &tensors).expect("written");
    std::fs::read(&path).expect("read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_state_tells_whether_its_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("model.safetensors");
        let file = path(&out);
        assert!(!is_unfinished(&out), "there is no state");
        std::fs::write(&file, seed()).unwrap();
        assert!(is_unfinished(&out));
        let (record, tensors) = read(&file).unwrap();
        assert!(!record.done);
        write(&file, &Record { done: true, ..record }, &tensors).unwrap();
        assert!(!is_unfinished(&out) && read(&file).unwrap().0.done);
        // What is no state is nothing to go on with: cut in its head, or of a length that no file has.
        for broken in [seed()[..20].to_vec(), vec![255; 64], Vec::new()] {
            std::fs::write(&file, broken).unwrap();
            assert!(!is_unfinished(&out));
        }
    }
}
