//! Labelled pictures that are ready to be read one by one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cache::Decoded;
use super::crops::Crops;
use crate::picture::{Picture, Shape};
use crate::{Error, Result};

/// Where a data set came from, which decides how it is augmented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// CIFAR-10 (Krizhevsky 2009): ten classes of 32×32 colour photographs.
    Cifar10,
    /// MNIST (`LeCun` et al. 1998): handwritten digits, padded from 28×28 to 32×32 with black.
    Mnist,
    /// A person's own folder of class folders.
    Folder,
    /// Photographs without classes, of which crops at their own size are taken.
    Photographs,
}

impl Kind {
    /// Whether a mirrored picture is as natural as the picture. A mirrored digit is none.
    #[must_use]
    pub fn mirrors(self) -> bool {
        self != Self::Mnist
    }
}

/// Labelled pictures of one shape, as bytes, in memory or in a file.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// A short name for reports: `cifar10`, `mnist`, or the folder's.
    pub name: String,
    /// Where it came from.
    pub kind: Kind,
    /// The class names, in the order of the labels.
    pub classes: Vec<String>,
    /// The shape of every picture.
    pub shape: Shape,
    /// Each picture's class, an index into `classes`.
    pub labels: Vec<u32>,
    /// What a person should know of it, a line each: what was used, and what was left out and why.
    pub notices: Vec<String>,
    /// Each picture's number among the pixels.
    records: Vec<u32>,
    pub(super) pixels: Pixels,
}

/// The pictures' bytes, one record each.
#[derive(Debug, Clone)]
pub(super) enum Pixels {
    Memory(Arc<Vec<u8>>),
    File(Arc<Decoded>),
    /// Here a record is a crop of a grid over the photographs.
    Crops(Arc<Crops>),
}

impl DataSet {
    /// The pictures with the numbers `records` of `pixels`, with a label each.
    pub(super) fn of(
        (name, kind): (String, Kind),
        classes: Vec<String>,
        shape: Shape,
        labels: Vec<u32>,
        (records, pixels): (Vec<u32>, Pixels),
    ) -> Self {
        assert_eq!(labels.len(), records.len(), "a label a picture");
        Self { name, kind, classes, shape, labels, notices: Vec::new(), records, pixels }
    }

    /// A folder's pictures from their bytes, planar, one after the other.
    ///
    /// # Panics
    /// If a picture has no label or not its shape, or a label no class.
    #[cfg(test)]
    pub(crate) fn in_memory(classes: &[&str], shape: Shape, labels: Vec<u32>, pixels: Vec<u8>) -> Self {
        assert!(pixels.len() == labels.len() * shape.len() && labels.iter().all(|&l| (l as usize) < classes.len()));
        let classes = classes.iter().map(|&class| class.to_owned()).collect();
        let records = (0..labels.len() as u32).collect();
        Self::of(("x".to_owned(), Kind::Folder), classes, shape, labels, (records, Pixels::Memory(Arc::new(pixels))))
    }

    /// How many pictures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no picture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of picture `index`, planar, 0 to 255. `buffer` holds them if they come from a file.
    ///
    /// # Errors
    /// [`Error::Io`] naming that file if it cannot be read any more.
    pub fn bytes<'a>(&'a self, index: usize, buffer: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        let (record, size) = (self.records[index] as usize, self.shape.len());
        match &self.pixels {
            Pixels::Memory(bytes) => Ok(&bytes[record * size..][..size]),
            Pixels::File(file) => {
                buffer.resize(size, 0);
                file.read(record, buffer)?;
                Ok(buffer)
            }
            Pixels::Crops(crops) => {
                crops.read(record, None, buffer)?;
                Ok(buffer)
            }
        }
    }

    /// Whether its pictures are crops of larger ones, so that [`DataSet::crop`] gives others.
    #[must_use]
    pub fn is_cropped(&self) -> bool {
        matches!(self.pixels, Pixels::Crops(_))
    }

    /// The bytes of another crop of the photograph that picture `index` is of: `place` tells where, down and right, each from 0 (the
    /// first row or column) to below 1. Of other pictures their bytes.
    ///
    /// # Errors
    /// As for [`DataSet::bytes`].
    pub fn crop<'a>(&'a self, index: usize, place: (f64, f64), buffer: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        match &self.pixels {
            Pixels::Crops(crops) => {
                crops.read(self.records[index] as usize, Some(place), buffer)?;
                Ok(buffer)
            }
            Pixels::Memory(_) | Pixels::File(_) => self.bytes(index, buffer),
        }
    }

    /// Picture `index`, on the [0, 1] scale.
    ///
    /// # Errors
    /// As for [`DataSet::bytes`].
    pub fn picture(&self, index: usize) -> Result<Picture> {
        let mut buffer = Vec::new();
        let bytes = self.bytes(index, &mut buffer)?;
        Ok(Picture::new(self.shape, bytes.iter().map(|&b| f32::from(b) / 255.0).collect()))
    }

    /// Leaves out, with a notice, every class that none of the first `count` pictures belongs to, and its later pictures:
    /// a class that is never trained cannot be learnt.
    ///
    /// # Errors
    /// [`Error::Data`] if the first pictures are of no class at all.
    pub(crate) fn keep_classes_of_first(&mut self, count: usize) -> Result<()> {
        let mut seen = vec![false; self.classes.len()];
        self.labels[..count].iter().for_each(|&label| seen[label as usize] = true);
        if seen.iter().all(|&seen| seen) {
            return Ok(());
        }
        if count == 0 {
            return Err(Error::data(&self.name, "has no picture to train on"));
        }
        let number: Vec<u32> = seen
            .iter()
            .scan(0, |next, &seen| {
                *next += u32::from(seen);
                Some(*next - u32::from(seen))
            })
            .collect();
        let (names, numbers): (Vec<String>, Vec<bool>) = (std::mem::take(&mut self.classes), seen);
        let (kept, left): (Vec<_>, Vec<_>) = names.into_iter().zip(&numbers).partition(|(_, seen)| **seen);
        let of = |pairs: Vec<(String, &bool)>| pairs.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let (kept, left) = (of(kept), of(left));
        self.notices.push(format!("classes without a picture to train on were left out: {}", left.join(", ")));
        self.classes = kept;
        let pictures = self.labels.iter().zip(&self.records).filter(|(label, _)| numbers[**label as usize]);
        let (labels, records) = pictures.map(|(label, record)| (number[*label as usize], *record)).unzip();
        (self.labels, self.records) = (labels, records);
        Ok(())
    }
}
