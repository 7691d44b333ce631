//! The one loop of an evaluation: batches of pictures, past what the journal knows, watched and stopped.

use std::ops::Range;

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

    /// Whether pictures go through the model together, so that one by itself may be computed by other kernels.
    fn has_company(&self) -> bool {
        true
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

/// The key of each record.
pub(super) fn keys<M: Measure>(model: &dyn JointModel, measure: &M) -> Result<Vec<String>> {
    let (key, samples) = (PartKey::new(model, &measure.settings()), measure.samples());
    (0..measure.count()).map(|number| key.of(samples, measure.index(number))).collect()
}

/// The numbers that go together where `batch` pictures may. They lie where they would without a journal or shards, so that a
/// picture has the same company, or less if only a part of them is known.
pub(super) fn batches<M: Measure>(
    model: &dyn JointModel,
    batch: usize,
    measure: &M,
) -> impl Iterator<Item = Range<usize>> + use<M> {
    let values = measure.samples().values().saturating_mul(measure.rows());
    let batch = if measure.has_company() { limits::batch(together(model, batch), values) } else { 1 };
    let count = measure.count();
    (0..count).step_by(batch).map(move |first| first..(first + batch).min(count))
}

/// How many pictures go together where `batch` may: more where the model's device is slow on so few.
pub(super) fn together(model: &dyn JointModel, batch: usize) -> usize {
    batch.max(model.at_once(model.shape()))
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
        let records = self.share(measure, |_| true)?;
        Ok(records.into_iter().flatten().collect())
    }

    /// The records of the pictures in the batches that are asked for, by number, and what is known of the others.
    pub(super) fn share<M: Measure>(
        &mut self,
        measure: &M,
        asked: impl Fn(usize) -> bool,
    ) -> Result<Vec<Option<M::Record>>> {
        let (name, keys) = (measure.name(), self.keys(measure)?);
        let mut records: Vec<Option<M::Record>> = Vec::with_capacity(measure.count());
        records.resize_with(measure.count(), || None);
        for (record, key) in records.iter_mut().zip(&keys) {
            *record = self.journal.record(&name, key)?;
            if record.as_ref().is_some_and(|record| !measure.is_sound(record)) {
                return Err(self.journal.broken(&name, &"a number out of range"));
            }
        }
        let mine: Vec<Range<usize>> = batches(self.model, self.batch, measure)
            .enumerate()
            .filter(|(number, _)| asked(*number))
            .map(|(_, b)| b)
            .collect();
        self.advance(&name, mine.iter().map(|batch| records[batch.clone()].iter().flatten().count()).sum());
        for batch in mine {
            let missing: Vec<usize> = batch.filter(|&number| records[number].is_none()).collect();
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
        Ok(records)
    }

    /// The key of each record; none where no journal is kept.
    fn keys<M: Measure>(&self, measure: &M) -> Result<Vec<String>> {
        if self.journal.path().is_none() {
            return Ok(Vec::new());
        }
        keys(self.model, measure)
    }

    fn advance(&mut self, part: &str, pictures: usize) {
        self.done += pictures;
        (self.observe)(Step { part, done: self.done, total: self.total });
    }
}
