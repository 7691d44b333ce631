//! The one loop of an evaluation: batches of pictures, past what the journal knows, watched and stopped.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Journal, Step};
use crate::Result;
use crate::task::Cancel;

/// Something that is measured on each picture of a set by itself.
pub(super) trait Measure {
    /// What is kept of each picture.
    type Record: Serialize + DeserializeOwned;

    /// What is measured, in a few words: shown to the person, and its name in the journal.
    fn name(&self) -> String;

    /// How many pictures there are.
    fn count(&self) -> usize;

    /// Measures some of them, by their numbers.
    fn measure(&self, numbers: &[usize], cancel: &Cancel) -> Result<Vec<Self::Record>>;
}

/// An evaluation under way.
pub(super) struct Work<'a> {
    pub(super) batch: usize,
    pub(super) journal: &'a mut Journal,
    pub(super) cancel: &'a Cancel,
    pub(super) observe: &'a mut dyn FnMut(Step<'_>),
    pub(super) done: usize,
    pub(super) total: usize,
}

impl Work<'_> {
    /// Every picture's record.
    pub(super) fn records<M: Measure>(&mut self, measure: &M) -> Result<Vec<M::Record>> {
        let (name, count) = (measure.name(), measure.count());
        let mut records: Vec<M::Record> = self.journal.records(&name, count)?;
        self.advance(&name, records.len());
        while records.len() < count {
            self.cancel.check()?;
            let numbers: Vec<usize> = (records.len()..count).take(self.batch.max(1)).collect();
            let fresh = measure.measure(&numbers, self.cancel)?;
            self.journal.add(&name, &fresh)?;
            records.extend(fresh);
            self.advance(&name, numbers.len());
        }
        Ok(records)
    }

    fn advance(&mut self, part: &str, pictures: usize) {
        self.done += pictures;
        (self.observe)(Step { part, done: self.done, total: self.total });
    }
}
