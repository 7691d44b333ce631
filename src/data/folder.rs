//! A folder with one folder of pictures a class, optionally below `train`, `val` and `test`.

use std::path::{Path, PathBuf};

use super::catalogue::Source;
use super::{Catalogue, Kind, Purpose};
use crate::picture::Shape;
use crate::{Error, Result};

/// Folders that systems leave behind, besides those with a dot in front.
const SYSTEM: [&str; 9] = [
    "__MACOSX",
    "@eaDir",
    "#recycle",
    "@Recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "__pycache__",
    "Network Trash Folder",
];
/// Files that systems leave in folders of pictures.
const SYSTEM_FILES: [&str; 3] = ["Thumbs.db", "ehthumbs.db", "desktop.ini"];

/// What pictures are fitted to where nothing else is asked for.
const USUAL: Shape = Shape::new(3, 32, 32);

/// The names that the parts of a set go by, in any case.
pub(super) const TRAIN: [&str; 2] = ["train", "training"];
pub(super) const VALIDATION: [&str; 3] = ["val", "valid", "validation"];
pub(super) const TEST: [&str; 2] = ["test", "testing"];

/// The classes of one part: a name and the files, from the root.
type Classes = Vec<(String, Vec<PathBuf>)>;

/// The entries of a folder, sorted by name so that labels and order are the same on every machine.
///
/// # Errors
/// [`Error::Io`] if it cannot be read.
pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(path).map_err(|e| Error::io(path, e))?;
    let mut names =
        entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(|e| Error::io(path, e))?;
    names.sort();
    Ok(names)
}

/// The only folder among these entries, if it holds folders alone and is no part of a set: what an archive unpacks to.
pub(super) fn only_wrapping(names: &[PathBuf]) -> Option<PathBuf> {
    let mut folders = names.iter().filter(|p| p.is_dir() && !is_system(p));
    let (only, None) = (folders.next()?, folders.next()) else { return None };
    let is_part = [&TRAIN[..], &VALIDATION, &TEST].iter().any(|names| is_named(only, names));
    let inside = list(only).ok()?;
    let holds_folders = inside.iter().any(|p| p.is_dir() && !is_system(p));
    let holds_pictures = inside.iter().any(|p| is_picture(p));
    (!is_part && holds_folders && !holds_pictures).then(|| only.clone())
}

/// What the folder holds for `purpose`, in `shape` or [`USUAL`]; no picture is decoded.
///
/// # Errors
/// [`Error::Data`] if it holds no file in a class folder, [`Error::Io`] if a folder cannot be read.
pub(super) fn open_folder(path: &Path, shape: Option<Shape>, purpose: Purpose) -> Result<Catalogue> {
    let mut reader = Reader { root: path, notices: Vec::new(), links: 0 };
    let (main, validation) = match purpose {
        Purpose::OldTraining => (old_training_part(path)?, Vec::new()),
        Purpose::Training | Purpose::Measuring => reader.parts(purpose)?,
    };
    let Reader { mut notices, links, .. } = reader;
    if links > 0 {
        notices.push(format!("{links} linked folders inside class folders were not followed"));
    }
    let classes: Vec<String> = main.iter().map(|(class, _)| class.clone()).collect();
    let (mut labels, mut files) = (Vec::new(), Vec::new());
    // The validation part has the same classes in the same order.
    let mut add = |part: Classes| {
        for (label, (_, some)) in part.into_iter().enumerate() {
            labels.resize(labels.len() + some.len(), label as u32);
            files.extend(some);
        }
        labels.len()
    };
    let main = add(main);
    add(validation);
    if main == 0 {
        return Err(Error::data(path, "holds no pictures in class folders"));
    }
    if classes.len() == 1 && purpose == Purpose::Training {
        notices.push(format!("there is one class only, {}: a model of it is a denoiser", classes[0]));
    }
    // Whoever says no size may not know that there is one to say.
    if shape.is_none() && purpose == Purpose::Training {
        notices.extend(made_small(path, &files[0]));
    }
    let shape = shape.unwrap_or(USUAL);
    let name = path.file_name().map_or_else(|| "folder".to_owned(), |n| n.to_string_lossy().into_owned());
    let (path, source) = (path.to_owned(), Source::Files(files));
    Ok(Catalogue { name, kind: Kind::Folder, classes, shape, labels, notices, path, main, source })
}

/// Says what becomes of pictures that are larger than [`USUAL`], by the first of them.
fn made_small(root: &Path, first: &Path) -> Option<String> {
    let (width, height) = image::image_dimensions(root.join(first)).ok()?;
    let Shape { width: usual, .. } = USUAL;
    let side = width.min(height).min(64) as usize;
    let words = format!(
        "pictures are made {usual}×{usual}, and {} is {width}×{height}: --size {side} keeps more of them",
        first.display()
    );
    (side > usual).then_some(words)
}

/// Reads the parts, and takes down what is left out.
struct Reader<'a> {
    root: &'a Path,
    notices: Vec<String>,
    /// Links to folders that were not followed.
    links: usize,
}

impl Reader<'_> {
    /// The classes to train on or to measure on, and those of the validation part beside what is trained on.
    fn parts(&mut self, purpose: Purpose) -> Result<(Classes, Classes)> {
        let folders: Vec<PathBuf> = list(self.root)?.into_iter().filter(|p| p.is_dir() && !is_system(p)).collect();
        let has_classes = |p: &Path| list(p).is_ok_and(|inside| inside.iter().any(|p| p.is_dir() && !is_system(p)));
        let part = |names: &[&str]| folders.iter().find(|p| is_named(p, names) && has_classes(p));
        let (train, validation, test) = (part(&TRAIN), part(&VALIDATION), part(&TEST));
        let parts: Vec<&PathBuf> = [train, validation, test].into_iter().flatten().collect();
        if train.is_none() && (parts.is_empty() || parts.len() < folders.len()) {
            let classes = self.classes(self.root)?;
            if purpose == Purpose::Measuring {
                self.say_that_all_is_measured(&classes);
            }
            return Ok((classes, Vec::new()));
        }
        for other in folders.iter().filter(|folder| !parts.contains(folder)) {
            let is_part = is_named(other, &[&TRAIN[..], &VALIDATION, &TEST].concat());
            let why = if is_part { "has no class folders" } else { "is none of train, val and test" };
            self.notices.push(format!("{} {why} and was left out", self.inside(other)));
        }
        if purpose == Purpose::Measuring {
            self.measured(train, validation, test).map(|classes| (classes, Vec::new()))
        } else {
            self.trained(train, validation, test)
        }
    }

    fn measured(&mut self, train: Option<&PathBuf>, val: Option<&PathBuf>, test: Option<&PathBuf>) -> Result<Classes> {
        let (Some(part), Some(name)) = (test.or(val).or(train), test.or(val).map(|part| self.inside(part))) else {
            let classes = train.map_or_else(|| Ok(Vec::new()), |train| self.classes(train))?;
            self.say_that_all_is_measured(&classes);
            return Ok(classes);
        };
        let aside =
            val.filter(|_| test.is_some()).map_or_else(String::new, |val| format!(", {} left aside", self.inside(val)));
        self.notices.push(format!("measured on {name}{aside}"));
        // Of the training part the names alone matter, and it need not be there.
        let mut silent = Reader { root: self.root, notices: Vec::new(), links: 0 };
        let known = train.map_or_else(|| Ok(Vec::new()), |train| silent.classes(train))?;
        let classes = self.classes(part)?;
        self.matched(&known, classes, &name)
    }

    fn trained(
        &mut self,
        train: Option<&PathBuf>,
        val: Option<&PathBuf>,
        test: Option<&PathBuf>,
    ) -> Result<(Classes, Classes)> {
        let Some(train) = train else { return Err(Error::data(self.root, "has no train folder to train on")) };
        let classes = self.classes(train)?;
        let aside = match val {
            Some(val) => {
                let name = self.inside(val);
                self.notices.push(format!("{name} is measured on; of {} nothing is kept aside", self.inside(train)));
                let aside = self.classes(val)?;
                self.matched(&classes, aside, &name)?
            }
            None => Vec::new(),
        };
        if let Some(test) = test {
            self.notices.push(format!("{} is left for eval", self.inside(test)));
        }
        Ok((classes, aside))
    }

    /// The classes of a part, with its files: all below the class's folder.
    fn classes(&mut self, part: &Path) -> Result<Classes> {
        let (mut classes, mut empty, mut system, mut loose) = (Classes::new(), Vec::new(), Vec::new(), 0);
        for entry in list(part)? {
            if !entry.is_dir() {
                loose += usize::from(is_picture_name(&entry) && !is_system(&entry));
                continue;
            }
            if is_system(&entry) {
                // What is hidden is meant to stay unseen.
                system.extend(Some(self.inside(&entry)).filter(|_| !is_hidden(&entry)));
                continue;
            }
            let mut files = Vec::new();
            self.walk(&entry, &mut files)?;
            if files.is_empty() {
                empty.push(self.inside(&entry));
            } else {
                classes.push((name_of(&entry), files));
            }
        }
        let lists =
            [("system folders are no classes and were left out", system), ("empty classes were left out", empty)];
        for (words, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            self.notices.push(format!("{words}: {}", names.join(", ")));
        }
        if loose > 0 {
            self.notices.push(format!("{loose} pictures beside the class folders are of no class and were left out"));
        }
        Ok(classes)
    }

    /// All files below a folder, in order.
    fn walk(&mut self, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
        for entry in list(folder)?.into_iter().filter(|entry| !is_system(entry)) {
            match std::fs::metadata(&entry) {
                // A linked folder may lead around in a circle, or into another class.
                Ok(told) if told.is_dir() && entry.is_symlink() => self.links += 1,
                Ok(told) if told.is_dir() => self.walk(&entry, files)?,
                Ok(told) if !told.is_file() => {}
                // A link to nowhere is told with the pictures that cannot be used.
                _ => files.push(entry.strip_prefix(self.root).unwrap_or(&entry).to_owned()),
            }
        }
        Ok(())
    }

    /// The classes of a part under the names of those that are known, in their order, and empty where the part has none.
    fn matched(&mut self, known: &Classes, mut part: Classes, name: &str) -> Result<Classes> {
        if known.is_empty() {
            return Ok(part);
        }
        let mut take = |same: &dyn Fn(&str) -> bool| {
            let at = part.iter().position(|(class, _)| same(class))?;
            Some(part.remove(at).1)
        };
        let exact: Vec<Option<Vec<PathBuf>>> = known.iter().map(|(class, _)| take(&|other| other == class)).collect();
        let matched: Classes = known
            .iter()
            .zip(exact)
            .map(|((class, _), files)| {
                let files = files.or_else(|| take(&|other| other.eq_ignore_ascii_case(class)));
                (class.clone(), files.unwrap_or_default())
            })
            .collect();
        for (class, files) in &part {
            let count = files.len();
            self.notices
                .push(format!("{name} has {count} pictures of {class}, a class of its own; they were left out"));
        }
        let without: Vec<&str> =
            matched.iter().filter(|(_, f)| f.is_empty()).map(|(class, _)| class.as_str()).collect();
        if without.len() == matched.len() {
            return Err(Error::data(self.root.join(name), "has none of the classes of the training part"));
        }
        if !without.is_empty() {
            self.notices.push(format!("{name} has no pictures of {}", without.join(", ")));
        }
        Ok(matched)
    }

    fn say_that_all_is_measured(&mut self, classes: &Classes) {
        let count: usize = classes.iter().map(|(_, files)| files.len()).sum();
        let words =
            "there is no test or val folder, so all of it is measured, with what a model may have been trained on";
        self.notices.push(format!("{words}: {count} files"));
    }

    /// A path as seen from the root.
    fn inside(&self, path: &Path) -> String {
        path.strip_prefix(self.root).unwrap_or(path).display().to_string()
    }
}

/// The training part as it was read before parts were split by class: no folder inside a class, and every folder without a
/// dot in front is a class. Runs that were begun then go on with the same pictures.
fn old_training_part(path: &Path) -> Result<Classes> {
    let train = path.join("train");
    let root = if train.is_dir() { train } else { path.to_owned() };
    let mut classes = Classes::new();
    for folder in list(&root)?.into_iter().filter(|p| p.is_dir() && !is_hidden(p)) {
        let files = list(&folder)?.into_iter().filter(|p| p.is_file() && !is_hidden(p));
        let files = files.map(|file| file.strip_prefix(path).unwrap_or(&file).to_owned()).collect();
        classes.push((name_of(&folder), files));
    }
    Ok(classes)
}

/// All files below a folder, named from `root`, in order, and how many linked folders were not followed.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read.
pub(super) fn files_below(root: &Path, folder: &Path) -> Result<(Vec<PathBuf>, usize)> {
    let (mut reader, mut files) = (Reader { root, notices: Vec::new(), links: 0 }, Vec::new());
    reader.walk(folder, &mut files)?;
    Ok((files, reader.links))
}

/// Whether there is a picture under this name, and not what a system left.
pub(super) fn is_picture(path: &Path) -> bool {
    path.is_file() && is_picture_name(path) && !is_system(path)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_hidden(path: &Path) -> bool {
    name_of(path).starts_with('.')
}

pub(super) fn is_system(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with('.') || SYSTEM.contains(&name.as_str()) || SYSTEM_FILES.contains(&name.as_str())
}

pub(super) fn is_named(path: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| name_of(path).eq_ignore_ascii_case(name))
}

/// Whether a file has the name of a picture.
pub(super) fn is_picture_name(path: &Path) -> bool {
    const ENDINGS: [&str; 9] = ["png", "jpg", "jpeg", "jfif", "webp", "bmp", "tif", "tiff", "gif"];
    path.extension().is_some_and(|e| ENDINGS.iter().any(|ending| e.eq_ignore_ascii_case(ending)))
}

#[cfg(test)]
mod tests;
