//! The one loop of an evaluation: batches of pictures, past what the journal knows, watched and stopped.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::keys::PartKey;
use super::{Journal, Samples, Step};
use crate::joint::JointModel;
use crate::task::Cancel;
use crate::{Result, limits};

/// Something that is measured on each picture of a set by itself.
pub(super) trait Measure {
    /// What is kept of each picture.
    type Record: Serialize + DeserializeOwned;

    /// What is measured, in a few words.
    fn name(&self) -> String;

    /// All that a record depends on besides the model, the picture and its label.
    fn settings(&self) -> Value;

    /// The set.
    fn samples(&self) -> &Samples;

    /// How many of its pictures are measured.
    fn count(&self) -> usize {
        self.samples().len()
    }

    /// The index in the set of picture `number` of those.
    fn index(&self, number: usize) -> usize {
        number
    }

    /// How many pictures go through the model at once for one that is measured.
    fn rows(&self) -> usize {
        1
    }

    /// Measures some of them, by their numbers.
    fn measure(&self, numbers: &[usize], cancel: &Cancel) -> Result<Vec<Self::Record>>;

    /// Whether a record that was read can be one of these.
    fn is_sound(&self, record: &Self::Record) -> bool;
}

/// An evaluation under way.
pub(super) struct Work<'a> {
    pub(super) model: &'a dyn JointModel,
    pub(super) batch: usize,
    pub(super) journal: &'a mut Journal,
    pub(super) cancel: &'a Cancel,
    pub(super) observe: &'a mut dyn FnMut(Step<'_>),
    pub(super) done: usize,
    pub(super) total: usize,
}

impl Work<'_> {
    /// How many of the records are in the journal.
    pub(super) fn known<M: Measure>(&self, measure: &M) -> Result<usize> {
        if self.journal.is_empty() {
            return Ok(0);
        }
        Ok(self.keys(measure)?.iter().filter(|key| self.journal.holds(key)).count())
    }

    /// Every picture's record.
    pub(super) fn records<M: Measure>(&mut self, measure: &M) -> Result<Vec<M::Record>> {
        let (name, keys) = (measure.name(), self.keys(measure)?);
        let mut records: Vec<Option<M::Record>> = Vec::with_capacity(measure.count());
        records.resize_with(measure.count(), || None);
        for (record, key) in records.iter_mut().zip(&keys) {
            *record = self.journal.record(&name, key)?;
            if record.as_ref().is_some_and(|record| !measure.is_sound(record)) {
                return Err(self.journal.broken(&name, &"a number out of range"));
            }
        }
        self.advance(&name, records.iter().flatten().count());
        // Batches lie where they would without a journal, so that a picture has the same company, or less.
        let wanted = self.batch.max(self.model.at_once(self.model.shape()));
        let batch = limits::batch(wanted, measure.samples().values().saturating_mul(measure.rows()));
        for first in (0..records.len()).step_by(batch) {
            let missing: Vec<usize> =
                (first..(first + batch).min(records.len())).filter(|&number| records[number].is_none()).collect();
            if missing.is_empty() {
                continue;
            }
            self.cancel.check()?;
            let fresh = measure.measure(&missing, self.cancel)?;
            if !keys.is_empty() {
                let keys: Vec<String> = missing.iter().map(|&number| keys[number].clone()).collect();
                self.journal.add(&name, &keys, &fresh)?;
            }
            missing.iter().zip(fresh).for_each(|(&number, record)| records[number] = Some(record));
            self.advance(&name, missing.len());
        }
        Ok(records.into_iter().flatten().collect())
    }

    /// The key of each record; none where no journal is kept.
    fn keys<M: Measure>(&self, measure: &M) -> Result<Vec<String>> {
        if self.journal.path().is_none() {
            return Ok(Vec::new());
        }
        let (key, samples) = (PartKey::new(self.model, &measure.settings()), measure.samples());
        (0..measure.count()).map(|number| key.of(samples, measure.index(number))).collect()
    }

    fn advance(&mut self, part: &str, pictures: usize) {
        self.done += pictures;
        (self.observe)(Step { part, done: self.done, total: self.total });
    }
}
