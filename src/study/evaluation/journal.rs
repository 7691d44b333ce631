//! What an evaluation has measured so far, picture by picture, on disk: an evaluation that was stopped, or killed, goes on
//! from there and ends with the same figures.
//!
//! The file has a line of JSON for what is measured and one for every batch. A line that was cut off is left out.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Plan, Samples};
use crate::joint::JointModel;
use crate::picture::Batch;
use crate::{Error, Result};

/// The measurements so far.
#[derive(Debug, Default)]
pub struct Journal {
    file: Option<(PathBuf, File)>,
    /// The records of each part, in the order of its pictures.
    records: BTreeMap<String, Vec<Value>>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    /// Hexadecimal SHA-256 of all that the figures depend on.
    evaluation: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    part: String,
    records: Vec<Value>,
}

impl Journal {
    /// A journal that is kept nowhere.
    #[must_use]
    pub fn unkept() -> Self {
        Self::default()
    }

    /// A new journal at `path`, in place of any that is there, for the evaluation with this [`fingerprint`].
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn create(path: &Path, fingerprint: &str) -> Result<Self> {
        let file = File::create(path).map_err(|e| Error::io(path, e))?;
        let mut journal = Self { file: Some((path.to_owned(), file)), records: BTreeMap::new() };
        journal.write(&Head { evaluation: fingerprint.to_owned() })?;
        Ok(journal)
    }

    /// The journal at `path`, to go on from.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read or written, [`Error::Data`] if it is none or another evaluation's.
    pub fn resume(path: &Path, fingerprint: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let head = lines.next().unwrap_or_default();
        match serde_json::from_str::<Head>(head) {
            Ok(head) if head.evaluation == fingerprint => {}
            Ok(_) => {
                let reason = "is of another evaluation (other data, model or options); --force begins anew";
                return Err(Error::data(path, reason));
            }
            Err(_) => return Err(Error::data(path, "is no state of an evaluation; --force begins anew")),
        }
        let mut whole = head.len() as u64;
        let mut records: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for text in lines {
            let Ok(line) = serde_json::from_str::<Line>(text) else { break };
            records.entry(line.part).or_default().extend(line.records);
            whole += text.len() as u64;
        }
        let mut file = OpenOptions::new().write(true).open(path).map_err(|e| Error::io(path, e))?;
        file.set_len(whole).and_then(|()| file.seek(SeekFrom::End(0))).map_err(|e| Error::io(path, e))?;
        Ok(Self { file: Some((path.to_owned(), file)), records })
    }

    /// Where it is kept.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// Takes its file away, once the figures are safe elsewhere.
    ///
    /// # Errors
    /// [`Error::Io`] if that fails.
    pub fn remove(self) -> Result<()> {
        let Some((path, file)) = self.file else { return Ok(()) };
        drop(file);
        std::fs::remove_file(&path).map_err(|e| Error::io(&path, e))
    }

    /// The records of `part` that are there already, at most `count`.
    pub(super) fn records<R: DeserializeOwned>(&self, part: &str, count: usize) -> Result<Vec<R>> {
        let found = self.records.get(part).into_iter().flatten().take(count);
        found.map(|value| R::deserialize(value).map_err(|e| self.broken(part, &e))).collect()
    }

    /// Adds the next records of `part`.
    pub(super) fn add<R: Serialize>(&mut self, part: &str, records: &[R]) -> Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        let records: serde_json::Result<Vec<Value>> = records.iter().map(serde_json::to_value).collect();
        let records = records.map_err(|e| self.broken(part, &e))?;
        self.write(&Line { part: part.to_owned(), records })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let mut text = serde_json::to_string(line).map_err(|e| Error::Compute(format!("no JSON: {e}")))?;
        text.push('\n');
        file.write_all(text.as_bytes()).map_err(|e| Error::io(&*path, e))
    }

    fn broken(&self, part: &str, error: &serde_json::Error) -> Error {
        let reason = format!("what it holds of {part} makes no sense ({error}); --force begins anew");
        Error::data(self.path().unwrap_or(Path::new("the journal")), reason)
    }
}

/// What tells one evaluation from another: all that its figures depend on. The model is known by what it says of the first
/// picture.
///
/// # Errors
/// What the model fails with.
pub fn fingerprint(model: &dyn JointModel, samples: &Samples, others: Option<&Samples>, plan: &Plan) -> Result<String> {
    let mut hash = Sha256::new();
    let figures = Plan { batch: 0, examples: 0, ..plan.clone() };
    let text = format!("{} {} {:?} {figures:?}", model.name(), model.device(), model.classes());
    hash.update(text);
    if !samples.is_empty() {
        let sigma = model.sigma_range().max;
        let forward = model.forward(&Batch::of([&samples.picture(0)]), &[sigma])?;
        forward.log_joint().iter().for_each(|value| hash.update(value.to_bits().to_le_bytes()));
    }
    for samples in [Some(samples), others].into_iter().flatten() {
        hash.update(format!("{} {}", samples.name, samples.len()));
        for index in 0..samples.len() {
            hash.update((samples.label(index) as u64).to_le_bytes());
            let picture = samples.picture(index);
            let bytes: Vec<u8> = picture.values().iter().flat_map(|value| value.to_le_bytes()).collect();
            hash.update(bytes);
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        (folder, path)
    }

    #[test]
    fn records_come_back_in_order_and_a_torn_line_is_left_out() {
        let (_folder, path) = path();
        let mut journal = Journal::create(&path, "a").unwrap();
        journal.add("one", &[1, 2]).unwrap();
        journal.add("two", &[9]).unwrap();
        journal.add("one", &[3]).unwrap();
        drop(journal);
        let torn = std::fs::read_to_string(&path).unwrap() + "{\"part\":\"one\",\"rec";
        std::fs::write(&path, torn).unwrap();
        let mut journal = Journal::resume(&path, "a").unwrap();
        assert_eq!(journal.records::<u32>("one", 9).unwrap(), [1, 2, 3]);
        assert_eq!(journal.records::<u32>("one", 2).unwrap(), [1, 2]);
        assert!(journal.records::<u32>("three", 9).unwrap().is_empty());
        journal.add("one", &[4]).unwrap();
        drop(journal);
        let journal = Journal::resume(&path, "a").unwrap();
        assert_eq!(journal.records::<u32>("one", 9).unwrap(), [1, 2, 3, 4]);
        journal.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn another_evaluation_s_and_no_journal_are_refused() {
        let (_folder, path) = path();
        drop(Journal::create(&path, "a").unwrap());
        let error = Journal::resume(&path, "b").unwrap_err().to_string();
        assert!(error.contains("journal") && error.contains("another evaluation"), "{error}");
        for text in ["", "hello\n", "{\"evaluation\":\"a\"}"] {
            std::fs::write(&path, text).unwrap();
            assert!(Journal::resume(&path, "a").unwrap_err().to_string().contains("no state"), "{text:?}");
        }
    }
}
