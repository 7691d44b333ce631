//! Labelled pictures from disk: CIFAR-10's binary files, MNIST's IDX files, or a folder of class folders.

mod cifar;
mod folder;
mod idx;

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

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
}

impl Kind {
    /// Whether a mirrored picture is as natural as the picture. A mirrored digit is none.
    #[must_use]
    pub fn mirrors(self) -> bool {
        self != Self::Mnist
    }
}

/// Labelled pictures of one shape, as bytes; the training part first, the test part after it.
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
    /// What could not be used and why, one line a file; the rest of the set is whole.
    pub problems: Vec<String>,
    pixels: Vec<u8>,
    train: usize,
}

/// The mean of each channel and the standard deviations about it, on the [0, 1] scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// One mean a channel.
    pub mean: Vec<f32>,
    /// One standard deviation a channel.
    pub deviation: Vec<f32>,
}

impl Statistics {
    /// One standard deviation for all channels: the root mean square of the channels' own.
    #[must_use]
    pub fn pooled_deviation(&self) -> f32 {
        let square: f32 = self.deviation.iter().map(|d| d * d).sum();
        (square / self.deviation.len() as f32).sqrt()
    }
}

impl DataSet {
    /// A data set from parts that were read: `train` pictures to train on, then the test pictures.
    ///
    /// # Errors
    /// [`Error::Data`] naming `path` if the set is empty, if a label has no class, or if the pixels do not fit.
    pub(crate) fn new(
        path: &Path,
        kind: Kind,
        classes: Vec<String>,
        shape: Shape,
        train: Part,
        test: Part,
    ) -> Result<Self> {
        let name = match kind {
            Kind::Cifar10 => "cifar10".to_owned(),
            Kind::Mnist => "mnist".to_owned(),
            Kind::Folder => path.file_name().map_or_else(|| "folder".to_owned(), |n| n.to_string_lossy().into_owned()),
        };
        let count = train.labels.len();
        let (mut labels, mut pixels) = (train.labels, train.pixels);
        labels.extend(test.labels);
        pixels.extend(test.pixels);
        if labels.is_empty() {
            return Err(Error::data(path, "holds no pictures"));
        }
        if pixels.len() != labels.len() * shape.len() {
            return Err(Error::data(path, format!("{} bytes are not {} {shape} pictures", pixels.len(), labels.len())));
        }
        if let Some(label) = labels.iter().find(|&&l| l as usize >= classes.len()) {
            return Err(Error::data(path, format!("has label {label}, but there are {} classes", classes.len())));
        }
        Ok(Self { name, kind, classes, shape, labels, problems: Vec::new(), pixels, train: count })
    }

    /// How many pictures, training and test together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no picture. An opened data set has at least one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The indices of the pictures to train on.
    #[must_use]
    pub fn train(&self) -> Range<usize> {
        0..self.train
    }

    /// The indices of the pictures to test on; empty where the set has no test part.
    #[must_use]
    pub fn test(&self) -> Range<usize> {
        self.train..self.len()
    }

    /// The bytes of picture `index`, planar, 0 to 255.
    #[must_use]
    pub fn bytes(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.shape.len()..][..self.shape.len()]
    }

    /// Picture `index`, on the [0, 1] scale.
    #[must_use]
    pub fn picture(&self, index: usize) -> Picture {
        Picture::new(self.shape, self.bytes(index).iter().map(|&b| f32::from(b) / 255.0).collect())
    }

    /// The mean and the standard deviation of each channel over the training part (over everything if there is none).
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let range = if self.train == 0 { 0..self.len() } else { self.train() };
        let plane = self.shape.height * self.shape.width;
        // Integer sums are exact: 2^64 holds the squares of 2^48 bytes.
        let mut sums = vec![(0_u64, 0_u64); self.shape.channels];
        for index in range.clone() {
            for (sum, bytes) in sums.iter_mut().zip(self.bytes(index).chunks_exact(plane)) {
                for &byte in bytes {
                    sum.0 += u64::from(byte);
                    sum.1 += u64::from(byte) * u64::from(byte);
                }
            }
        }
        let count = (range.len() * plane) as f64;
        let mean = |s: u64| s as f64 / count;
        Statistics {
            mean: sums.iter().map(|s| (mean(s.0) / 255.0) as f32).collect(),
            deviation: sums.iter().map(|s| ((mean(s.1) - mean(s.0).powi(2)).max(0.0).sqrt() / 255.0) as f32).collect(),
        }
    }
}

/// The pictures and labels of one part of a data set, as they are read.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub labels: Vec<u32>,
    pub pixels: Vec<u8>,
}

/// Opens a data set: a folder or `.tar.gz` of CIFAR-10's binary files, a folder of MNIST's IDX files (gzipped or not),
/// or a folder with one folder of pictures a class (optionally below `train` and `test`), fitted to 3×32×32.
///
/// # Errors
/// [`Error::Data`] or [`Error::Io`] naming the file that is missing, cut short, empty or of another kind.
pub fn open(path: impl AsRef<Path>) -> Result<DataSet> {
    open_as(path, None)
}

/// [`open`], fitting the pictures of a folder to `shape`. CIFAR-10 and MNIST have shapes of their own and keep them.
///
/// # Errors
/// As for [`open`].
pub fn open_as(path: impl AsRef<Path>, shape: Option<Shape>) -> Result<DataSet> {
    let path = path.as_ref();
    if path.is_file() {
        return cifar::open_archive(path);
    }
    let names = list(path)?;
    let any =
        |test: &dyn Fn(&str) -> bool| names.iter().any(|p| p.file_name().is_some_and(|n| test(&n.to_string_lossy())));
    if any(&|n| cifar::is_batch(n)) {
        cifar::open_folder(path)
    } else if let Some(inner) = names.iter().find(|p| p.ends_with("cifar-10-batches-bin")) {
        cifar::open_folder(inner)
    } else if any(&|n| n.contains("-idx3-ubyte") || n.contains("-idx1-ubyte")) {
        idx::open_folder(path)
    } else if names.iter().any(|p| p.is_dir()) {
        folder::open_folder(path, shape.unwrap_or(Shape::new(3, 32, 32)))
    } else {
        let reason = "is no data set: expected data_batch_1.bin … (CIFAR-10), train-images-idx3-ubyte[.gz] … (MNIST) \
                      or one folder of pictures a class";
        Err(Error::data(path, reason))
    }
}

/// The entries of a folder, sorted by name so that labels and order are the same on every machine.
fn list(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(path).map_err(|e| Error::io(path, e))?;
    let mut names =
        entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(|e| Error::io(path, e))?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
