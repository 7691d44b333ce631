//! The labelled pictures of an evaluation.

use std::sync::OnceLock;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::data::{Catalogue, DataSet, Kind, Loader};
use crate::joint::JointModel;
use crate::picture::{Fit, Picture, Shape, fit};
use crate::{Error, Result};

/// A part of a data set, with its labels as the model's classes and its pictures in the model's shape.
#[derive(Debug, Clone)]
pub struct Samples {
    /// The data set's name.
    pub name: String,
    /// What a person should know about how the labels were read.
    pub notes: Vec<String>,
    /// No class of the data is called as one of the model's: they were matched by number, which may be wrong.
    pub by_number: bool,
    data: DataSet,
    shape: Shape,
    /// The model's class for each class of the data set.
    classes: Vec<usize>,
    /// SHA-256 of each picture, once somebody asked.
    digests: OnceLock<Vec<[u8; 32]>>,
}

impl Samples {
    /// The pictures of a set that was opened to be measured, at most `limit` of them, for `model`. No others are read.
    ///
    /// Of an ordered set (CIFAR-10, MNIST) these are the first, as others count them; of a folder, which is sorted by
    /// class, they are spread evenly.
    ///
    /// # Errors
    /// [`Error::Data`] if the set's classes cannot be told apart by the model, and as for [`Catalogue::load`].
    pub fn new(set: Catalogue, model: &dyn JointModel, limit: Option<usize>, loader: &mut Loader<'_>) -> Result<Self> {
        let mut notes = Vec::new();
        let classes = match_classes(&set, model.classes(), &mut notes)?;
        let by_number = !notes.is_empty();
        Ok(Self { by_number, ..Self::of(set, (classes, notes), model, limit, loader)? })
    }

    /// Whether the classes of a set would be matched with these by number, because no name agrees.
    ///
    /// # Errors
    /// [`Error::Data`] if they cannot be told apart by the model.
    pub fn would_match_by_number(set: &Catalogue, classes: &[String]) -> Result<bool> {
        let mut notes = Vec::new();
        match_classes(set, classes, &mut notes)?;
        Ok(!notes.is_empty())
    }

    /// The same of pictures of another kind, whose classes the model does not know: every label is 0.
    ///
    /// # Errors
    /// As for [`Catalogue::load`].
    pub fn of_another_kind(
        set: Catalogue,
        model: &dyn JointModel,
        limit: Option<usize>,
        loader: &mut Loader<'_>,
    ) -> Result<Self> {
        let classes = vec![0; set.classes.len()];
        Self::of(set, (classes, Vec::new()), model, limit, loader)
    }

    fn of(
        set: Catalogue,
        (classes, mut notes): (Vec<usize>, Vec<String>),
        model: &dyn JointModel,
        limit: Option<usize>,
        loader: &mut Loader<'_>,
    ) -> Result<Self> {
        let all = set.main().len();
        let count = limit.unwrap_or(all).min(all);
        let chosen: Vec<u32> = match set.kind {
            Kind::Folder | Kind::Photographs => (0..count).map(|i| (i * all / count) as u32).collect(),
            Kind::Cifar10 | Kind::Mnist => (0..count as u32).collect(),
        };
        let (data, _) = set.load(&chosen, count, loader)?;
        notes.extend(data.notices.iter().map(|notice| format!("{}: {notice}", data.name)));
        let digests = OnceLock::new();
        Ok(Self { name: data.name.clone(), notes, by_number: false, shape: model.shape(), data, classes, digests })
    }

    /// How many pictures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Picture `index` in the model's shape, on the [0, 1] scale.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read any more.
    pub fn picture(&self, index: usize) -> Result<Picture> {
        let picture = self.data.picture(index)?;
        if picture.shape() == self.shape {
            return Ok(picture);
        }
        Ok(fit(&picture, self.shape, Fit::Centre).picture.map(|v| v.clamp(0.0, 1.0)))
    }

    /// How many numbers a picture is.
    pub(super) fn values(&self) -> usize {
        self.shape.len()
    }

    /// SHA-256 of picture `index` as the model gets it.
    ///
    /// # Errors
    /// As for [`Samples::picture`].
    pub(super) fn digest(&self, index: usize) -> Result<[u8; 32]> {
        let digest = |index: usize| -> Result<[u8; 32]> {
            let picture = self.picture(index)?;
            let bytes: Vec<u8> = picture.values().iter().flat_map(|value| value.to_le_bytes()).collect();
            Ok(Sha256::digest(bytes).into())
        };
        if let Some(digests) = self.digests.get() {
            return Ok(digests[index]);
        }
        let all = (0..self.len()).into_par_iter().map(digest).collect::<Result<Vec<_>>>()?;
        Ok(self.digests.get_or_init(|| all)[index])
    }

    /// The model's class of picture `index`.
    #[must_use]
    pub fn label(&self, index: usize) -> usize {
        self.classes[self.data.labels[index] as usize]
    }
}

/// The model's class for each of the data set's, by name; by number if no name agrees and there are as many. A model of one
/// class is a denoiser, to which every picture is of that class.
fn match_classes(data: &Catalogue, names: &[String], notes: &mut Vec<String>) -> Result<Vec<usize>> {
    if names.len() == 1 {
        return Ok(vec![0; data.classes.len()]);
    }
    let by_name = |class: &String| names.iter().position(|name| name.eq_ignore_ascii_case(class));
    let found: Vec<Option<usize>> = data.classes.iter().map(by_name).collect();
    if let Some(all) = found.iter().copied().collect::<Option<Vec<_>>>() {
        return Ok(all);
    }
    if found.iter().all(Option::is_none) && data.classes.len() == names.len() {
        notes.push(format!("{}: no class name is the model's, so they were matched by number", data.name));
        return Ok((0..names.len()).collect());
    }
    let missing = data.classes.iter().zip(&found).find(|(_, found)| found.is_none()).map_or("", |(class, _)| class);
    Err(Error::data(&data.name, format!("has the class {missing:?}, which the model does not know")))
}
