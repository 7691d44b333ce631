//! A run's pictures: chosen, read, and known again when it goes on.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::Config;
use super::objective::Objective;
use super::state::with_suffix;
use crate::data::{self, Choice, DataSet, Keep, Kind, Loader, Purpose, Split, SplitRecord, Statistics};
use crate::picture::Shape;
use crate::task::Cancel;
use crate::{Error, Result};

/// The file of decoded pictures that belongs to a model file.
#[must_use]
pub fn path(out: &Path) -> PathBuf {
    with_suffix(out, ".pictures")
}

/// The pictures of a run: those trained on first.
pub(super) struct Pictures {
    pub data: Arc<DataSet>,
    /// How many are trained on.
    pub trained: usize,
    /// Those kept aside.
    pub held_out: Range<usize>,
    /// The moments that the network is normalised by.
    pub statistics: Statistics,
    /// SHA-256 of the pictures and labels trained on.
    pub digest: String,
    /// How they were chosen; none for a run that was begun before they were chosen by class.
    pub split: Option<SplitRecord>,
}

/// What a state remembers of the split of its run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Began<'a> {
    /// There is no state: the run begins.
    Now,
    /// So.
    With(&'a SplitRecord),
    /// It says nothing: the run was begun when the last pictures of a set were kept aside and the first were trained on.
    Early,
}

impl Pictures {
    /// Chooses the run's pictures and reads them. Those of a folder are decoded once, into a file beside the model.
    ///
    /// # Errors
    /// [`Error::Data`] for data that cannot be used or are not what the run began with, [`Error::Option`] for a choice that
    /// cannot be, [`Error::Io`] if the decoded pictures cannot be kept, [`Error::Cancelled`].
    pub fn open(
        config: &Config,
        began: Began<'_>,
        cancel: &Cancel,
        observe: &mut dyn FnMut(usize, usize),
    ) -> Result<Self> {
        let shape = config.size.map(|side| Shape::new(3, side, side));
        let mut loader = Loader { keep: Keep::File(path(&config.out)), cancel, observe };
        let pictures = match began {
            Began::Early => Self::early(config, shape, &mut loader)?,
            Began::Now => Self::chosen(config, shape, None, &mut loader)?,
            Began::With(split) => Self::chosen(config, shape, Some(split), &mut loader)?,
        };
        cancel.check()?;
        Ok(pictures)
    }

    fn chosen(
        config: &Config,
        shape: Option<Shape>,
        before: Option<&SplitRecord>,
        loader: &mut Loader<'_>,
    ) -> Result<Self> {
        let catalogue = if config.photographs {
            data::open_photographs(&config.data, shape, Purpose::Training)?
        } else {
            data::open(&config.data, shape, Purpose::Training)?
        };
        if catalogue.classes.len() == 1 && config.objective == Objective::Classify {
            return Err(Error::option("--objective", "classify needs classes, and the data are of one only"));
        }
        if catalogue.classes.len() == 1 && config.rows.adversarial.is_some() {
            return Err(Error::option("--adversarial", "needs classes, and the data are of one only"));
        }
        let choice = Choice { seed: config.split_seed, holdout: config.holdout, limit: config.limit };
        let split = Split::choose(&catalogue, choice)?;
        let record = split.record(&catalogue, choice.seed);
        if before.is_some_and(|before| *before != record) {
            let reason = "holds other pictures than those that the run began with, or in other folders";
            return Err(Error::data(&config.data, reason));
        }
        let chosen = [&*split.train, &*split.held_out].concat();
        let (mut data, trained) = catalogue.load(&chosen, split.train.len(), loader)?;
        data.keep_classes_of_first(trained)?;
        let (statistics, digest) = data.survey(trained, trained, loader)?;
        if let (Kind::Folder | Kind::Photographs, Keep::File(path)) = (data.kind, &loader.keep) {
            let megabytes = std::fs::metadata(path).map_or(0, |file| file.len()).div_ceil(1_000_000);
            data.notices.push(format!(
                "the decoded pictures are kept in {} ({megabytes} MB); without it they are decoded anew",
                path.display()
            ));
        }
        let held_out = trained..data.len();
        let (data, split) = (Arc::new(data), Some(record));
        Ok(Self { data, trained, held_out, statistics, digest, split })
    }

    /// The rule of runs whose state names no split: all of the training part is read; the first `--limit` of it are trained
    /// on and the last `--holdout` kept aside.
    fn early(config: &Config, shape: Option<Shape>, loader: &mut Loader<'_>) -> Result<Self> {
        let catalogue = data::open(&config.data, shape, Purpose::OldTraining)?;
        let everything: Vec<u32> = (0..catalogue.labels.len() as u32).collect();
        let (data, all) = catalogue.load(&everything, everything.len(), loader)?;
        let (holdout, limit) = (config.holdout.unwrap_or(1000).min(all), config.limit.unwrap_or(all).min(all));
        let trained = limit.min(all - holdout);
        let (statistics, digest) = data.survey(all, trained, loader)?;
        let (data, held_out) = (Arc::new(data), all - holdout..all);
        Ok(Self { data, trained, held_out, statistics, digest, split: None })
    }
}
