//! Batches of picture files: each is read, fitted and worked on; one that fails is said and the rest goes on.

use std::path::{Path, PathBuf};

use super::{Ending, console};
use crate::joint::JointModel;
use crate::picture::{Fit, Fitted, Loaded, Picture, Rect, Shape, channels, decode, fit, load, sample};
use crate::{Error, Result};

/// A picture file, ready for the model.
pub(super) struct Input<'a> {
    /// Its number in the batch.
    pub number: usize,
    /// The file.
    pub path: &'a Path,
    /// The picture at its own size, with the model's channels.
    pub whole: Picture,
    /// The picture in the model's shape.
    pub fitted: Fitted,
    /// What was read and done, in words.
    pub description: String,
    /// What was read, in words.
    read: String,
    /// By how much it was made smaller while it was read; 1 for not at all.
    scale: u32,
}

impl Input<'_> {
    /// What was read and done where the whole picture is restored at its own size, in words.
    pub fn whole_description(&self) -> String {
        let Shape { height, width, .. } = self.whole.shape();
        // A picture that was read smaller is not at its own size any more.
        let size = if self.scale > 1 {
            format!("at 1/{}, {width}×{height}", self.scale)
        } else {
            format!("{width}×{height}, at its own size")
        };
        format!("{}; the whole {size}", self.read)
    }
}

/// Runs `work` on each file, says what fails, and tells how the batch ended.
///
/// # Errors
/// [`Error::Option`], [`Error::Device`] and [`Error::Cancelled`] at once, because they are not about one picture.
pub(super) fn each(
    paths: &[PathBuf],
    model: &dyn JointModel,
    how: Fit,
    mut work: impl FnMut(Input<'_>) -> Result<()>,
) -> Result<Ending> {
    let mut ending = Ending::Complete;
    for (number, path) in paths.iter().enumerate() {
        match read(number, path, model, how).and_then(&mut work) {
            Ok(()) => {}
            Err(error @ (Error::Option { .. } | Error::Device(_) | Error::Cancelled)) => return Err(error),
            Err(error) => {
                console::fail(&named(path, error));
                ending = Ending::WithFailures;
            }
        }
    }
    Ok(ending)
}

fn read<'a>(number: usize, path: &'a Path, model: &dyn JointModel, how: Fit) -> Result<Input<'a>> {
    let loaded = open(path)?;
    check_part(path, loaded.picture.shape(), how)?;
    let whole = channels(&loaded.picture, model.shape().channels);
    let fitted = fit(&loaded.picture, model.shape(), how);
    let read = loaded.describe();
    let description = format!("{read}; {}", fitted.describe());
    Ok(Input { number, path, whole, fitted, description, read, scale: loaded.scale })
}

/// Refuses a rectangle that reaches beyond the picture, which [`fit`] would bend without a word: the window's own may.
fn check_part(path: &Path, Shape { height, width, .. }: Shape, how: Fit) -> Result<()> {
    let Fit::Crop(Rect { x, y, width: across, height: down }) = how else { return Ok(()) };
    // In double precision, where the sums of what was typed have no rounding.
    let inside =
        |start: f32, length: f32, all: usize| start >= 0.0 && f64::from(start) + f64::from(length) <= all as f64;
    if inside(x, across, width) && inside(y, down, height) {
        return Ok(());
    }
    let reason = format!("--fit {x},{y},{across},{down} does not lie in it: it is {width}×{height} pixels");
    Err(Error::picture(path, reason))
}

/// The files that pictures are read from: all but samples.
pub(super) fn files(paths: &[PathBuf]) -> impl Iterator<Item = &Path> {
    let is_file = |path: &&PathBuf| !path.to_str().is_some_and(|name| name.starts_with(SAMPLE));
    paths.iter().filter(is_file).map(PathBuf::as_path)
}

/// What a sample picture's name begins with, where a file's could stand.
const SAMPLE: &str = "sample:";

/// Reads a file, or takes a picture that comes with the program.
fn open(path: &Path) -> Result<Loaded> {
    match path.to_str().and_then(|name| name.strip_prefix(SAMPLE)) {
        None => load(path),
        Some(name) => match sample(name) {
            Some(sample) => decode(sample.bytes, path),
            None => {
                Err(Error::picture(path, "is no sample picture; there are digits/0 to 9, and cifar10/ship and so on"))
            }
        },
    }
}

/// An error of the arithmetic, with the picture that it happened on.
fn named(path: &Path, error: Error) -> Error {
    match error {
        Error::Compute(reason) => Error::picture(path, reason),
        other => other,
    }
}
