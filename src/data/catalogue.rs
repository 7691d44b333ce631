//! What a data set holds, before any picture of a folder is decoded, and the way from there to its pictures.

use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::cache::{self, Problems, Wanted};
use super::set::Pixels;
use super::{DataSet, Kind, cifar, folder, idx};
use crate::picture::{Fit, Shape, fit, load, to_byte};
use crate::task::Cancel;
use crate::{Error, Result};

/// What a data set is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To train: the training part, and a folder's validation part beside it.
    Training,
    /// To go on with a run that was begun when a folder was read otherwise: its training part, as it was read then.
    OldTraining,
    /// To measure: the test part; else the validation part; else all there is.
    Measuring,
}

/// Where the decoded pictures of a folder are kept.
#[derive(Debug, Clone)]
pub enum Keep {
    /// In this file, which the next call finds again.
    File(PathBuf),
    /// In memory if they are few (up to [`FEW`] bytes), else in a nameless file in this folder for as long as they are used.
    Meanwhile(PathBuf),
}

/// Bytes of pictures that are kept in memory while they are measured.
pub const FEW: usize = 256 << 20;

/// How the pictures are read: where they are kept, how it is stopped, and who watches.
pub struct Loader<'a> {
    /// Where decoded pictures are kept.
    pub keep: Keep,
    /// Stops it.
    pub cancel: &'a Cancel,
    /// Is told how many pictures are read, and of how many.
    pub observe: &'a mut dyn FnMut(usize, usize),
}

/// What a data set holds: the classes, and the label of every picture.
#[derive(Debug)]
pub struct Catalogue {
    /// A short name for reports: `cifar10`, `mnist`, or the folder's.
    pub name: String,
    /// Where it came from.
    pub kind: Kind,
    /// The class names, in the order of the labels.
    pub classes: Vec<String>,
    /// The shape that every picture has or is fitted to.
    pub shape: Shape,
    /// Each picture's class: those of the part that it was opened for, then those of the validation part.
    pub labels: Vec<u32>,
    /// What a person should know, a line each: what is used, and what was left out and why.
    pub notices: Vec<String>,
    pub(super) path: PathBuf,
    pub(super) main: usize,
    pub(super) source: Source,
}

/// Where the pictures are.
#[derive(Debug)]
pub(super) enum Source {
    /// Read already, planar, one after the other.
    Bytes(Vec<u8>),
    /// In files, named from the catalogue's path.
    Files(Vec<PathBuf>),
}

/// Opens a data set: a folder or `.tar.gz` of CIFAR-10's binary files, a folder of MNIST's IDX files (gzipped or not, also in
/// `raw` or `MNIST/raw` below), or a folder with one folder of pictures a class (optionally below `train`, `val` and `test`),
/// whose pictures are to be fitted to `shape`, or 3×32×32. CIFAR-10 and MNIST have shapes of their own and keep them.
///
/// # Errors
/// [`Error::Data`] or [`Error::Io`] naming the file that is missing, cut short, empty or of another kind.
pub fn open(path: impl AsRef<Path>, shape: Option<Shape>, purpose: Purpose) -> Result<Catalogue> {
    let path = path.as_ref();
    if path.is_file() {
        return cifar::open_archive(path, purpose);
    }
    find(path, shape.unwrap_or(Shape::new(3, 32, 32)), purpose, 0)
}

/// The data set in a folder, or in the only folder in it.
fn find(path: &Path, shape: Shape, purpose: Purpose, depth: usize) -> Result<Catalogue> {
    let names = folder::list(path)?;
    let any =
        |test: &dyn Fn(&str) -> bool| names.iter().any(|p| test(&p.file_name().unwrap_or_default().to_string_lossy()));
    if any(&cifar::is_batch) {
        return cifar::open_folder(path, purpose);
    }
    if let Some(inner) = names.iter().find(|p| p.ends_with("cifar-10-batches-bin")) {
        return cifar::open_folder(inner, purpose);
    }
    if let Some(inner) = ["", "raw", "MNIST/raw"].iter().map(|inner| path.join(inner)).find(|inner| idx::is_in(inner)) {
        return idx::open_folder(&inner, purpose);
    }
    if depth < 3
        && let Some(inner) = folder::only_wrapping(&names)
    {
        return find(&inner, shape, purpose, depth + 1);
    }
    if names.iter().any(|p| p.is_dir()) {
        return folder::open_folder(path, shape, purpose);
    }
    let reason = "is no data set: expected data_batch_1.bin … (CIFAR-10), train-images-idx3-ubyte[.gz] … (MNIST) \
                  or one folder of pictures a class";
    Err(Error::data(path, reason))
}

#[cfg(test)]
impl Loader<'_> {
    /// Calls `load` with a loader that keeps in memory what is little, cannot be stopped and tells nobody.
    pub(crate) fn quiet<T>(load: impl FnOnce(&mut Loader<'_>) -> T) -> T {
        let keep = Keep::Meanwhile(std::env::temp_dir());
        load(&mut Loader { keep, cancel: &Cancel::new(), observe: &mut |_, _| () })
    }
}

impl Catalogue {
    /// A catalogue of pictures that were read already.
    ///
    /// # Errors
    /// [`Error::Data`] naming `path` if there is none.
    pub(super) fn of_bytes(
        path: &Path,
        (name, kind): (&str, Kind),
        classes: Vec<String>,
        shape: Shape,
        part: Part,
    ) -> Result<Self> {
        if part.labels.is_empty() {
            return Err(Error::data(path, "holds no pictures"));
        }
        Ok(Self {
            name: name.to_owned(),
            kind,
            classes,
            shape,
            main: part.labels.len(),
            labels: part.labels,
            notices: part.notices,
            path: path.to_owned(),
            source: Source::Bytes(part.pixels),
        })
    }

    /// The pictures of the part that it was opened for.
    #[must_use]
    pub fn main(&self) -> Range<usize> {
        0..self.main
    }

    /// The pictures of a validation part beside it; mostly none.
    #[must_use]
    pub fn validation(&self) -> Range<usize> {
        self.main..self.labels.len()
    }

    /// What tells picture `index` from the others whatever the machine: its path in the folder, or its place in the set.
    pub(super) fn identity(&self, index: usize) -> Vec<u8> {
        match &self.source {
            Source::Bytes(_) => (index as u64).to_le_bytes().to_vec(),
            Source::Files(files) => portable(&files[index]).into_bytes(),
        }
    }

    /// The pictures `chosen`, in this order, and how many of the first `count` of them there are: those of a folder are
    /// decoded here, and what cannot be is left out with a notice.
    ///
    /// # Errors
    /// [`Error::Data`] if no picture can be used, [`Error::Io`] if they cannot be kept, [`Error::Cancelled`].
    pub fn load(self, chosen: &[u32], count: usize, loader: &mut Loader<'_>) -> Result<(DataSet, usize)> {
        let labels: Vec<u32> = chosen.iter().map(|&index| self.labels[index as usize]).collect();
        let known = (self.name, self.kind);
        let files = match self.source {
            Source::Bytes(bytes) => {
                let pixels = (chosen.to_vec(), Pixels::Memory(Arc::new(bytes)));
                let mut data = DataSet::of(known, self.classes, self.shape, labels, pixels);
                data.notices = self.notices;
                return Ok((data, count));
            }
            Source::Files(files) => files,
        };
        let (root, shape) = (self.path, self.shape);
        let file = |record: usize| &files[chosen[record] as usize];
        let key = key(&root, (0..chosen.len()).map(file), shape);
        let wanted = Wanted { key, count: chosen.len(), size: shape.len() };
        let (pixels, problems) = decoded(&|record| decode(&root.join(file(record)), shape), wanted, loader)?;
        let lost: Vec<usize> = problems.iter().map(|(record, _)| *record as usize).collect();
        if lost.len() == chosen.len() {
            let first = problems.first().map_or_else(|| "it is empty".to_owned(), |(_, reason)| reason.clone());
            return Err(Error::data(&root, format!("holds no usable picture ({first})")));
        }
        let kept = |record: &usize| lost.binary_search(record).is_err();
        let records: Vec<u32> = (0..chosen.len()).filter(kept).map(|record| record as u32).collect();
        let labels = records.iter().map(|&record| labels[record as usize]).collect();
        let mut data = DataSet::of(known, self.classes, shape, labels, (records, pixels));
        data.notices = self.notices;
        data.notices.extend(told(&problems, chosen.len()));
        if let (Pixels::File(_), Keep::Meanwhile(folder)) = (&data.pixels, &loader.keep) {
            let megabytes = (wanted.count * wanted.size).div_ceil(1_000_000);
            let folder = folder.display();
            data.notices.push(format!("the decoded pictures ({megabytes} MB) lie in {folder} until they are measured"));
        }
        Ok((data, count - lost.partition_point(|&record| record < count)))
    }
}

/// The decoded pictures where they are to be kept: found there, or made.
fn decoded(
    decode: &(impl Fn(usize) -> Result<Vec<u8>> + Sync),
    wanted: Wanted,
    loader: &mut Loader<'_>,
) -> Result<(Pixels, Problems)> {
    let (file, problems) = match loader.keep.clone() {
        Keep::File(path) => match cache::open(&path, wanted, loader)? {
            Some(found) => found,
            None => cache::make(&path, wanted, decode, loader)?,
        },
        Keep::Meanwhile(folder) if wanted.count.saturating_mul(wanted.size) > FEW => {
            cache::make_nameless(&folder, wanted, decode, loader)?
        }
        Keep::Meanwhile(_) => {
            let (mut pixels, mut problems) = (Vec::with_capacity(wanted.count * wanted.size), Problems::new());
            cache::each(wanted.count, decode, loader, |record, decoded| {
                match decoded {
                    Ok(bytes) => pixels.extend(bytes),
                    Err(error) => {
                        problems.push((record as u32, error.to_string()));
                        pixels.resize(pixels.len() + wanted.size, 0);
                    }
                }
                Ok(())
            })?;
            return Ok((Pixels::Memory(Arc::new(pixels)), problems));
        }
    };
    Ok((Pixels::File(Arc::new(file)), problems))
}

/// What pictures could not be used, in one line.
fn told(problems: &Problems, of: usize) -> Option<String> {
    const NAMED: usize = 3;
    let named: Vec<&str> = problems.iter().take(NAMED).map(|(_, reason)| reason.as_str()).collect();
    let more = problems.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let text = format!("{} of {of} files were left out: {}{more}", problems.len(), named.join("; "));
    (!problems.is_empty()).then_some(text)
}

/// One file's picture in the set's shape, as bytes.
fn decode(file: &Path, shape: Shape) -> Result<Vec<u8>> {
    let fitted = fit(&load(file)?.picture, shape, Fit::Centre).picture;
    Ok(fitted.values().iter().map(|&v| to_byte(v)).collect())
}

/// A path inside the folder with `/` between its parts, so that a digest is the same on every system.
fn portable(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(OsStr::to_string_lossy).collect();
    parts.join("/")
}

/// SHA-256 of all that the decoded pictures depend on: each file's path, size and time of change, the shape and the fit.
fn key<'a>(root: &Path, files: impl Iterator<Item = &'a PathBuf>, shape: Shape) -> [u8; 32] {
    /// To be raised when the same file gives other pixels.
    const DECODING: u32 = 1;
    let mut hash = Sha256::new();
    hash.update(format!("{DECODING} {shape} {:?}\n", Fit::Centre));
    for file in files {
        let told = std::fs::metadata(root.join(file)).ok();
        let size = told.as_ref().map_or(u64::MAX, std::fs::Metadata::len);
        let changed = told.and_then(|told| told.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        let name = portable(file);
        hash.update(format!("{name}\0{size} {}\n", changed.unwrap_or_default().as_nanos()));
    }
    hash.finalize().into()
}

/// The pictures and labels of one part of a data set, as they are read.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub labels: Vec<u32>,
    pub pixels: Vec<u8>,
    pub notices: Vec<String>,
}
