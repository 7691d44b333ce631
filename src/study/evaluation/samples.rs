//! The labelled pictures of an evaluation.

use std::sync::OnceLock;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::data::{DataSet, Kind};
use crate::joint::JointModel;
use crate::picture::{Fit, Picture, fit};
use crate::{Error, Result};

/// A part of a data set, with its labels as the model's classes and its pictures in the model's shape.
#[derive(Debug, Clone)]
pub struct Samples {
    /// The data set's name.
    pub name: String,
    /// What a person should know about how the labels were read.
    pub notes: Vec<String>,
    data: DataSet,
    shape: crate::picture::Shape,
    /// Indices into the data set.
    indices: Vec<usize>,
    /// The model's class for each class of the data set.
    classes: Vec<usize>,
    /// SHA-256 of each picture, once somebody asked.
    digests: OnceLock<Vec<[u8; 32]>>,
}

impl Samples {
    /// The test part of `data` (all of it if it has none), at most `limit` pictures of it, for `model`.
    ///
    /// Of an ordered set (CIFAR-10, MNIST) these are the first, as others count them; of a folder, which is sorted by
    /// class, they are spread evenly.
    ///
    /// # Errors
    /// [`Error::Data`] if the set's classes cannot be told apart by the model.
    pub fn new(data: DataSet, model: &dyn JointModel, limit: Option<usize>) -> Result<Self> {
        let mut notes = Vec::new();
        let classes = match_classes(&data, model.classes(), &mut notes)?;
        Ok(Self::of(data, classes, notes, model, limit))
    }

    /// The same of pictures of another kind, whose classes the model does not know: every label is 0.
    #[must_use]
    pub fn of_another_kind(data: DataSet, model: &dyn JointModel, limit: Option<usize>) -> Self {
        let classes = vec![0; data.classes.len()];
        Self::of(data, classes, Vec::new(), model, limit)
    }

    fn of(
        data: DataSet,
        classes: Vec<usize>,
        mut notes: Vec<String>,
        model: &dyn JointModel,
        limit: Option<usize>,
    ) -> Self {
        let part = if data.test().is_empty() { 0..data.len() } else { data.test() };
        let count = limit.unwrap_or(part.len()).min(part.len());
        let indices = match data.kind {
            Kind::Folder => (0..count).map(|i| part.start + i * part.len() / count).collect(),
            Kind::Cifar10 | Kind::Mnist => part.take(count).collect(),
        };
        notes.extend(data.problems.iter().cloned());
        let digests = OnceLock::new();
        Self { name: data.name.clone(), notes, shape: model.shape(), data, indices, classes, digests }
    }

    /// How many pictures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Picture `index` in the model's shape, on the [0, 1] scale.
    #[must_use]
    pub fn picture(&self, index: usize) -> Picture {
        let picture = self.data.picture(self.indices[index]);
        if picture.shape() == self.shape {
            return picture;
        }
        fit(&picture, self.shape, Fit::Centre).picture.map(|v| v.clamp(0.0, 1.0))
    }

    /// How many numbers a picture is.
    pub(super) fn values(&self) -> usize {
        self.shape.len()
    }

    /// SHA-256 of picture `index` as the model gets it.
    pub(super) fn digest(&self, index: usize) -> &[u8; 32] {
        let digest = |index: usize| -> [u8; 32] {
            let picture = self.picture(index);
            Sha256::digest(picture.values().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()).into()
        };
        &self.digests.get_or_init(|| (0..self.len()).into_par_iter().map(digest).collect())[index]
    }

    /// The model's class of picture `index`.
    #[must_use]
    pub fn label(&self, index: usize) -> usize {
        self.classes[self.data.labels[self.indices[index]] as usize]
    }
}

/// The model's class for each of the data set's, by name; by number if no name agrees and there are as many.
fn match_classes(data: &DataSet, names: &[String], notes: &mut Vec<String>) -> Result<Vec<usize>> {
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
