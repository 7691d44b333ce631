//! A folder of photographs without classes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::Problems;
use super::catalogue::Source;
use super::crops::Crops;
use super::folder::{self, TEST, TRAIN, VALIDATION};
use super::{Catalogue, DataSet, Kind, Purpose};
use crate::picture::Shape;
use crate::{Error, Result};

/// What all of them are called where a model has classes.
const CLASS: &str = "photograph";
/// The side of a crop where none is asked for.
const SIDE: usize = 64;
/// Crops of a photograph that are measured, at most: enough of each, and few enough to be measured often.
const MEASURED: usize = 8;

/// Whether a folder with these entries holds photographs and no classes: pictures and no folder, or nothing but folders named
/// train, val and test that do.
pub(super) fn are_in(names: &[PathBuf]) -> bool {
    let folders: Vec<&PathBuf> = names.iter().filter(|path| path.is_dir() && !folder::is_system(path)).collect();
    if folders.is_empty() {
        return names.iter().any(|path| folder::is_picture(path));
    }
    let flat = |path: &Path| {
        folder::list(path).is_ok_and(|inside| {
            inside.iter().any(|path| folder::is_picture(path))
                && !inside.iter().any(|path| path.is_dir() && !folder::is_system(path))
        })
    };
    folders.iter().all(|path| folder::is_named(path, &[&TRAIN[..], &VALIDATION, &TEST].concat()) && flat(path))
}

/// What the folder, and all folders in it, hold for `purpose`: below train, val and test where these are; no picture is opened. Crops
/// are of `shape`, or 3×64×64.
///
/// # Errors
/// [`Error::Data`] if there is no picture, [`Error::Io`] if a folder cannot be read.
pub(super) fn open_folder(path: &Path, shape: Option<Shape>, purpose: Purpose) -> Result<Catalogue> {
    let shape = shape.unwrap_or(Shape::new(3, SIDE, SIDE));
    let folders = folder::list(path)?;
    let part = |names: &[&str]| folders.iter().find(|folder| folder.is_dir() && folder::is_named(folder, names));
    let (train, validation, test) = (part(&TRAIN), part(&VALIDATION), part(&TEST));
    let (mut notices, mut links) = (Vec::new(), 0);
    let mut below = |part: &Path| -> Result<Vec<PathBuf>> {
        let (mut files, more) = folder::files_below(path, part)?;
        files.retain(|file| folder::is_picture_name(file));
        links += more;
        Ok(files)
    };
    let inside = |part: &Path| part.strip_prefix(path).unwrap_or(part).display().to_string();
    let (main, validation) = match (purpose, train) {
        (Purpose::Measuring, _) => match test.or(validation) {
            Some(part) => {
                notices.push(format!("measured on {}", inside(part)));
                (below(part)?, Vec::new())
            }
            None => (below(train.map_or(path, PathBuf::as_path))?, Vec::new()),
        },
        (_, Some(train)) => {
            if let Some(part) = validation {
                let (part, train) = (inside(part), inside(train));
                notices.push(format!("{part} is measured on; of {train} nothing is kept aside"));
            }
            notices.extend(test.map(|test| format!("{} is left for eval", inside(test))));
            (below(train)?, validation.map_or_else(|| Ok(Vec::new()), |part| below(part))?)
        }
        (_, None) => (below(path)?, Vec::new()),
    };
    if main.is_empty() {
        return Err(Error::data(path, "holds no pictures"));
    }
    if links > 0 {
        notices.push(format!("{links} linked folders were not followed"));
    }
    let name = path.file_name().map_or_else(|| CLASS.to_owned(), |name| name.to_string_lossy().into_owned());
    let (count, files) = (main.len(), [main, validation].concat());
    Ok(Catalogue {
        name,
        kind: Kind::Photographs,
        classes: vec![CLASS.to_owned()],
        shape,
        labels: vec![0; files.len()],
        notices,
        path: path.to_owned(),
        main: count,
        source: if purpose == Purpose::Measuring { Source::Files(files) } else { Source::Photographs(files) },
    })
}

/// The crops of decoded photographs, and how many of the first `count` photographs there are: all of those to be trained on, a few
/// of each of the others.
///
/// # Errors
/// [`Error::Data`] naming `root` if there is none.
pub(super) fn cropped(
    root: &Path,
    name: String,
    mut notices: Vec<String>,
    crops: Crops,
    (shape, count): (Shape, usize),
    problems: &Problems,
    of: usize,
) -> Result<(DataSet, usize)> {
    let small: Vec<usize> = (0..of)
        .filter(|&photograph| {
            let (height, width) = crops.size(photograph);
            height * width > 0 && (height < shape.height || width < shape.width)
        })
        .collect();
    if let Some(&first) = small.first() {
        let (height, width) = crops.size(first);
        let (tall, wide) = (shape.height, shape.width);
        let words = format!("smaller than a crop of {wide}×{tall}, the first of {width}×{height}");
        notices.push(format!("{} of {of} photographs were left out: {words}", small.len()));
    }
    let trained: Vec<u32> = (0..count).flat_map(|photograph| crops.of(photograph, usize::MAX)).collect();
    let measured: Vec<u32> = (count..of).flat_map(|photograph| crops.of(photograph, MEASURED)).collect();
    if trained.is_empty() {
        let why = problems.first().map_or_else(
            || format!("each is smaller than a crop of {}×{}", shape.width, shape.height),
            |(_, reason)| reason.clone(),
        );
        return Err(Error::data(root, format!("holds no usable photograph ({why})")));
    }
    notices.push(format!(
        "photographs without classes: a pass is {} crops of {}×{} at their own size, drawn anew; {} are measured",
        trained.len(),
        shape.width,
        shape.height,
        measured.len()
    ));
    let (records, number) = ([&*trained, &measured].concat(), trained.len());
    let labels = vec![0; records.len()];
    let pixels = super::set::Pixels::Crops(Arc::new(crops));
    let known = (name, Kind::Photographs);
    let mut data = DataSet::of(known, vec![CLASS.to_owned()], shape, labels, (records, pixels));
    data.notices = notices;
    Ok((data, number))
}

#[cfg(test)]
mod tests;
