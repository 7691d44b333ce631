//! A folder with one folder of pictures a class, optionally below `train` and `test`.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{DataSet, Kind, Part, list};
use crate::picture::{Fit, Shape, fit, load, to_byte};
use crate::{Error, Result};

/// Reads the folder, its pictures fitted to `shape`. A picture that cannot be used becomes a line of the data set's
/// problems.
pub(super) fn open_folder(path: &Path, shape: Shape) -> Result<DataSet> {
    let (train, test) = (path.join("train"), path.join("test"));
    let split = train.is_dir();
    let classes = classes(if split { &train } else { path })?;
    let mut problems = Vec::new();
    let mut part = |folder: &Path| -> Result<Part> {
        let mut part = Part::default();
        for (label, class) in classes.iter().enumerate() {
            let class = folder.join(class);
            // A class may have no test pictures.
            let files = if class.is_dir() { list(&class)? } else { Vec::new() };
            let files: Vec<PathBuf> = files.into_iter().filter(|f| f.is_file() && !hidden(f)).collect();
            for read in files.par_iter().map(|file| read(file, shape)).collect::<Vec<_>>() {
                match read {
                    Ok(bytes) => {
                        part.pixels.extend(bytes);
                        part.labels.push(label as u32);
                    }
                    Err(problem) => problems.push(problem.to_string()),
                }
            }
        }
        Ok(part)
    };
    let parts = if split { (part(&train)?, part(&test)?) } else { (part(path)?, Part::default()) };
    if parts.0.labels.is_empty() {
        let reason = problems
            .first()
            .map_or_else(|| "holds no pictures".to_owned(), |p| format!("holds no usable picture ({p})"));
        return Err(Error::data(path, reason));
    }
    let mut data = DataSet::new(path, Kind::Folder, classes, shape, parts.0, parts.1)?;
    data.problems = problems;
    Ok(data)
}

/// The names of the folders in a folder, sorted.
fn classes(path: &Path) -> Result<Vec<String>> {
    let folders = list(path)?.into_iter().filter(|p| p.is_dir() && !hidden(p));
    let names: Vec<String> = folders.filter_map(|p| Some(p.file_name()?.to_string_lossy().into_owned())).collect();
    if names.len() < 2 {
        Err(Error::data(path, "has fewer than two folders of pictures, one a class"))
    } else {
        Ok(names)
    }
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'))
}

fn read(file: &Path, shape: Shape) -> Result<Vec<u8>> {
    let fitted = fit(&load(file)?.picture, shape, Fit::Centre).picture;
    Ok(fitted.values().iter().map(|&v| to_byte(v)).collect())
}
