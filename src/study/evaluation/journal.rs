//! What evaluations have measured so far, picture by picture, on disk: one that was stopped, or killed, goes on from there
//! and ends with the same figures, and one with other options or more pictures takes over what they did not change.
//!
//! The file has a line of JSON that tells its format and one for every batch. Each record lies under a key that is made of
//! all that the record depends on (see [`super::keys`]). A line that was cut off is left out.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shard::ShardHead;
use crate::{Error, Result};

/// The only format that is read.
const FORMAT: u32 = 2;

/// What to do with a file that an evaluation cannot go on from.
const ANEW: &str = "--force begins anew";

/// The measurements so far.
#[derive(Debug, Default)]
pub struct Journal {
    path: Option<PathBuf>,
    file: Option<File>,
    records: HashMap<String, Value>,
    /// What a shard's begins with.
    pub(super) head: Option<ShardHead>,
    /// How many of them were taken over.
    pub(super) reused: usize,
}

#[derive(Serialize, Deserialize)]
struct Head {
    journal: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard: Option<ShardHead>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    /// What was measured, for people.
    part: String,
    /// As many as records.
    keys: Vec<String>,
    records: Vec<Value>,
}

impl Journal {
    /// A journal that is kept nowhere.
    #[must_use]
    pub fn unkept() -> Self {
        Self::default()
    }

    /// A new journal at `path`, in place of any that is there.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        Self::create_with(path, None)
    }

    /// The same, of a shard.
    ///
    /// # Errors
    /// As for [`Self::create`].
    pub(super) fn create_with(path: &Path, shard: Option<ShardHead>) -> Result<Self> {
        let file = File::create(path).map_err(|e| Error::io(path, e))?;
        let mut journal = Self { path: Some(path.to_owned()), file: Some(file), ..Self::default() };
        journal.write(&Head { journal: FORMAT, shard })?;
        Ok(journal)
    }

    /// The journal at `path`, to go on from.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read or written, [`Error::Data`] if it is none, or one of another format.
    pub fn resume(path: &Path) -> Result<Self> {
        let (journal, whole) = Self::parse(path, ANEW)?;
        let mut file = OpenOptions::new().write(true).open(path).map_err(|e| Error::io(path, e))?;
        file.set_len(whole).and_then(|()| file.seek(SeekFrom::End(0))).map_err(|e| Error::io(path, e))?;
        Ok(Self { file: Some(file), ..journal })
    }

    /// The journal at `path`, to be read only.
    ///
    /// # Errors
    /// As for [`Self::resume`].
    pub(super) fn read(path: &Path) -> Result<Self> {
        Self::parse(path, "eval --shard writes the journals that merge takes").map(|(journal, _)| journal)
    }

    /// What is in the file, and how many bytes of it are whole lines; `hint` says what to do where it is something else.
    fn parse(path: &Path, hint: &str) -> Result<(Self, u64)> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let head = lines.next().unwrap_or_default();
        match serde_json::from_str::<Value>(head) {
            Ok(head) if head["journal"] == FORMAT => {}
            Ok(head) if head["journal"].is_u64() || head["evaluation"].is_string() => {
                let reason = format!("was begun by another version of this program; {hint}");
                return Err(Error::data(path, reason));
            }
            _ => return Err(Error::data(path, format!("is no state of an evaluation; {hint}"))),
        }
        let head_of_shard =
            |e: &dyn std::fmt::Display| Error::data(path, format!("begins as no shard's journal does ({e}); {hint}"));
        let Head { shard, .. } = serde_json::from_str(head).map_err(|e| head_of_shard(&e))?;
        let mut whole = head.len() as u64;
        let mut records = HashMap::new();
        for text in lines {
            let line = serde_json::from_str::<Line>(text).ok().filter(|line| line.keys.len() == line.records.len());
            let Some(line) = line else { break };
            records.extend(line.keys.into_iter().zip(line.records));
            whole += text.len() as u64;
        }
        Ok((Self { path: Some(path.to_owned()), file: None, records, head: shard, reused: 0 }, whole))
    }

    /// Where it is kept.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// How many of the records that it was resumed with the evaluation took over.
    #[must_use]
    pub fn reused(&self) -> usize {
        self.reused
    }

    /// Takes its file away, once the figures are safe elsewhere.
    ///
    /// # Errors
    /// [`Error::Io`] if that fails.
    pub fn remove(self) -> Result<()> {
        let Some(path) = self.path else { return Ok(()) };
        drop(self.file);
        std::fs::remove_file(&path).map_err(|e| Error::io(&path, e))
    }

    /// How many records it holds.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The keys of its records.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }

    /// Whether it holds no record.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether it holds the record with this key.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.records.contains_key(key)
    }

    /// The record with this key, if it is there already.
    pub(super) fn record<R: DeserializeOwned>(&self, part: &str, key: &str) -> Result<Option<R>> {
        let read = |value: &Value| R::deserialize(value).map_err(|e| self.broken(part, &e));
        self.records.get(key).map(read).transpose()
    }

    /// Adds records of `part`, a key each.
    pub(super) fn add<R: Serialize>(&mut self, part: &str, keys: &[String], records: &[R]) -> Result<()> {
        let records: serde_json::Result<Vec<Value>> = records.iter().map(serde_json::to_value).collect();
        let records = records.map_err(|e| self.broken(part, &e))?;
        self.write(&Line { part: part.to_owned(), keys: keys.to_vec(), records })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let (Some(path), Some(file)) = (&self.path, &mut self.file) else { return Ok(()) };
        let mut text = serde_json::to_string(line).map_err(|e| Error::Compute(format!("no JSON: {e}")))?;
        text.push('\n');
        file.write_all(text.as_bytes()).map_err(|e| Error::io(path, e))
    }

    /// The error of a record that cannot be.
    pub(super) fn broken(&self, part: &str, what: &dyn std::fmt::Display) -> Error {
        // What is read only, by merge, cannot be begun anew with the same command.
        let hint = if self.file.is_some() { ANEW } else { "measure that shard again" };
        let reason = format!("what it holds of {part} makes no sense ({what}); {hint}");
        Error::data(self.path().unwrap_or(Path::new("the journal")), reason)
    }
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
    fn records_come_back_by_their_keys_and_a_torn_line_is_left_out() {
        let (_folder, path) = path();
        let keys = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut journal = Journal::create(&path).unwrap();
        journal.add("one", &keys(&["a", "b"]), &[1, 2]).unwrap();
        journal.add("two", &keys(&["c"]), &[9]).unwrap();
        drop(journal);
        let torn = std::fs::read_to_string(&path).unwrap() + "{\"part\":\"one\",\"keys\":[\"d\"],\"rec";
        std::fs::write(&path, torn).unwrap();
        let mut journal = Journal::resume(&path).unwrap();
        let record = |journal: &Journal, key: &str| journal.record::<u32>("one", key).unwrap();
        assert_eq!(["a", "b", "c", "d"].map(|key| record(&journal, key)), [Some(1), Some(2), Some(9), None]);
        assert!(journal.record::<String>("one", "a").unwrap_err().to_string().contains("makes no sense"));
        journal.add("one", &keys(&["d"]), &[4]).unwrap();
        drop(journal);
        let journal = Journal::resume(&path).unwrap();
        assert_eq!((record(&journal, "c"), record(&journal, "d")), (Some(9), Some(4)));
        journal.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_journal_or_another_versions_is_refused() {
        let (_folder, path) = path();
        for text in ["", "hello\n", "{\"journal\":2}", "[]\n", "{\"journal\":\"2\"}\n", "{\"journal\":1e30}\n"] {
            std::fs::write(&path, text).unwrap();
            let error = Journal::resume(&path).unwrap_err().to_string();
            assert!(error.contains("no state") && !error.contains('\n'), "{text:?}: {error}");
        }
        for text in ["{\"evaluation\":\"0a\"}\n", "{\"journal\":3}\n", "{\"journal\":18446744073709551615}\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(Journal::resume(&path).unwrap_err().to_string().contains("another version"), "{text:?}");
        }
    }
}
