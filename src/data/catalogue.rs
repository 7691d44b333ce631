//! What a data set holds, before any picture of a folder is decoded, and the way from there to its pictures.

use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::cache::{self, Decoded, Problems, Wanted};
use super::crops::Crops;
use super::set::Pixels;
use super::{DataSet, Kind, cifar, folder, idx, photographs};
use crate::picture::{Fit, Picture, Shape, channels, fit, load, to_byte};
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
    /// The same, of which crops are taken.
    Photographs(Vec<PathBuf>),
}

/// Opens a data set: a folder or `.tar.gz` of CIFAR-10's binary files, a folder of MNIST's IDX files (gzipped or not, also in
/// `raw` or `MNIST/raw` below), or a folder with one folder of pictures a class (optionally below `train`, `val` and `test`),
/// whose pictures are to be fitted to `shape`, or 3×32×32. CIFAR-10 and MNIST have shapes of their own and keep them. A folder
/// of pictures without class folders holds photographs: see [`open_photographs`].
///
/// # Errors
/// [`Error::Data`] or [`Error::Io`] naming the file that is missing, cut short, empty or of another kind.
pub fn open(path: impl AsRef<Path>, shape: Option<Shape>, purpose: Purpose) -> Result<Catalogue> {
    let path = path.as_ref();
    if path.is_file() {
        return cifar::open_archive(path, purpose);
    }
    find(path, shape, purpose, 0)
}

/// Opens a folder of photographs, whatever folders they lie in: they are of one class, and are not fitted to `shape`, or 3×64×64, but
/// cut out at their own size. Training takes crops anywhere; what is kept aside is measured on a few crops of each photograph,
/// and a set that is opened to be measured on the middle of each.
///
/// # Errors
/// [`Error::Data`] if there is no picture, [`Error::Io`] if a folder cannot be read.
pub fn open_photographs(path: impl AsRef<Path>, shape: Option<Shape>, purpose: Purpose) -> Result<Catalogue> {
    photographs::open_folder(path.as_ref(), shape, purpose)
}

/// The data set in a folder, or in the only folder in it.
fn find(path: &Path, shape: Option<Shape>, purpose: Purpose, depth: usize) -> Result<Catalogue> {
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
    // A run that was begun when photographs were no data set has none.
    if purpose != Purpose::OldTraining && photographs::are_in(&names) {
        return photographs::open_folder(path, shape, purpose);
    }
    if depth < 3
        && let Some(inner) = folder::only_wrapping(&names)
    {
        return find(&inner, shape, purpose, depth + 1);
    }
    if names.iter().any(|p| p.is_dir()) {
        return folder::open_folder(path, shape, purpose);
    }
    let reason = "is no data set: expected data_batch_1.bin … (CIFAR-10), train-images-idx3-ubyte[.gz] … (MNIST), \
                  one folder of pictures a class, or photographs";
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
            Source::Files(files) | Source::Photographs(files) => portable(&files[index]).into_bytes(),
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
            Source::Photographs(files) => {
                let of = chosen.len();
                let file = |record: usize| &files[chosen[record] as usize];
                let key = key(&self.path, (0..of).map(file), "own size");
                let wanted = Wanted { key, count: of, size: 0 };
                let decode = |record: usize| decode_whole(&self.path.join(file(record)), self.shape.channels);
                let (photographs, problems) = kept(&decode, wanted, loader)?;
                let mut notices = self.notices;
                notices.extend(told(&problems, of));
                let (crops, wanted) = (Crops::new(photographs, self.shape), (self.shape, count));
                return photographs::cropped(&self.path, known.0, notices, crops, wanted, &problems, of);
            }
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
        // Of photographs that are measured only the middle is used.
        let middle = self.kind == Kind::Photographs;
        let how = if middle { format!("{shape} middle") } else { format!("{shape} {:?}", Fit::Centre) };
        let key = key(&root, (0..chosen.len()).map(file), &how);
        let wanted = Wanted { key, count: chosen.len(), size: shape.len() };
        let decode = |record: usize| decode(&root.join(file(record)), shape, middle);
        let (pixels, problems) = decoded(&decode, wanted, loader)?;
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
    let (file, problems) = match &loader.keep {
        Keep::Meanwhile(_) if wanted.count.saturating_mul(wanted.size) <= FEW => {
            let (mut pixels, mut problems) = (Vec::with_capacity(wanted.count * wanted.size), Problems::new());
            cache::each(wanted.count, cache::PART, decode, loader, |record, decoded| {
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
        _ => kept(decode, wanted, loader)?,
    };
    Ok((Pixels::File(Arc::new(file)), problems))
}

/// The decoded pictures in the file where they are to be kept.
fn kept(
    decode: &(impl Fn(usize) -> Result<Vec<u8>> + Sync),
    wanted: Wanted,
    loader: &mut Loader<'_>,
) -> Result<(Decoded, Problems)> {
    match loader.keep.clone() {
        Keep::File(path) => match cache::open(&path, wanted, loader)? {
            Some(found) => Ok(found),
            None => cache::make(&path, wanted, decode, loader),
        },
        Keep::Meanwhile(folder) => cache::make_nameless(&folder, wanted, decode, loader),
    }
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

/// One file's picture in the set's shape, as bytes: fitted to it, or its middle at its own size.
fn decode(file: &Path, shape: Shape, middle: bool) -> Result<Vec<u8>> {
    let picture = load(file)?.picture;
    let picture = if middle { middle_of(&picture, file, shape)? } else { fit(&picture, shape, Fit::Centre).picture };
    Ok(picture.values().iter().map(|&v| to_byte(v)).collect())
}

/// The middle of a picture at its own size.
fn middle_of(picture: &Picture, file: &Path, shape: Shape) -> Result<Picture> {
    let (own, picture) = (picture.shape(), channels(picture, shape.channels));
    if own.height < shape.height || own.width < shape.width {
        let (wide, tall) = (shape.width, shape.height);
        return Err(Error::picture(file, format!("of {}×{} is smaller than {wide}×{tall}", own.width, own.height)));
    }
    let (top, left) = ((own.height - shape.height) / 2, (own.width - shape.width) / 2);
    let rows = (0..shape.channels * shape.height).flat_map(|row| {
        let (channel, y) = (row / shape.height, top + row % shape.height);
        picture.plane(channel)[y * own.width + left..][..shape.width].to_vec()
    });
    Ok(Picture::new(shape, rows.collect()))
}

/// One file's picture at its own size, as a record that tells it.
fn decode_whole(file: &Path, count: usize) -> Result<Vec<u8>> {
    let picture = channels(&load(file)?.picture, count);
    let shape = picture.shape();
    let plane = shape.height * shape.width;
    let mut bytes = vec![0; picture.values().len()];
    for channel in 0..count {
        for (pixel, value) in picture.plane(channel).iter().enumerate().take(plane) {
            bytes[pixel * count + channel] = to_byte(*value);
        }
    }
    Ok(cache::sized(shape.height, shape.width, count, &bytes))
}

/// A path inside the folder with `/` between its parts, so that a digest is the same on every system.
fn portable(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(OsStr::to_string_lossy).collect();
    parts.join("/")
}

/// SHA-256 of all that the decoded pictures depend on: each file's path, size and time of change, and how they are fitted.
fn key<'a>(root: &Path, files: impl Iterator<Item = &'a PathBuf>, how: &str) -> [u8; 32] {
    /// To be raised when the same file gives other pixels.
    const DECODING: u32 = 1;
    let mut hash = Sha256::new();
    hash.update(format!("{DECODING} {how}\n"));
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
