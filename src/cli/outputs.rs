//! Where results go: every file is named and checked before any work, so that no two results share one and nothing is lost.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::console;
use crate::files::{check_writable, identity, write_whole};
use crate::picture::saved_format;
use crate::{Error, Result};

/// Arguments about JSON and about replacing files.
#[derive(Debug, Args)]
pub(super) struct OutputArguments {
    /// Write the results as JSON to a file, or to standard output (-) and nothing else there
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    pub force: bool,
}

impl OutputArguments {
    /// Whether standard output belongs to JSON.
    pub fn is_quiet(&self) -> bool {
        self.json.as_deref() == Some(Path::new("-"))
    }

    /// The file that JSON goes to.
    pub fn file(&self) -> Option<&Path> {
        self.json.as_deref().filter(|_| !self.is_quiet())
    }

    /// Prints a line for people, unless standard output belongs to JSON.
    pub fn say(&self, line: impl AsRef<str>) -> Result<()> {
        if self.is_quiet() { Ok(()) } else { console::say(line) }
    }

    /// The outputs of a command that reads `inputs`, the JSON file among them.
    ///
    /// # Errors
    /// As for [`Outputs::file`].
    pub fn outputs<'a>(&self, inputs: impl IntoIterator<Item = &'a Path>) -> Result<Outputs> {
        let mut outputs = Outputs::new(self.force, inputs);
        if let Some(path) = self.file() {
            outputs.file("--json", path)?;
        }
        Ok(outputs)
    }

    /// Writes the results as JSON, if that was asked for.
    pub fn write(&self, results: &impl Serialize) -> Result<()> {
        let Some(path) = &self.json else { return Ok(()) };
        let mut text = serde_json::to_string_pretty(results)
            .map_err(|e| Error::Compute(format!("the results are no JSON: {e}")))?;
        if self.is_quiet() {
            return console::say(text);
        }
        text.push('\n');
        write_whole(path, text.as_bytes(), self.force)
    }
}

/// The files that a command reads and is to write.
#[derive(Debug)]
pub(super) struct Outputs {
    force: bool,
    /// What each file is to the command, in words, by its [`identity`].
    known: BTreeMap<PathBuf, String>,
}

impl Outputs {
    /// No output yet, of a command that reads `inputs`; files that exist are replaced if `force` is set.
    pub fn new<'a>(force: bool, inputs: impl IntoIterator<Item = &'a Path>) -> Self {
        let known = inputs.into_iter().map(|path| (identity(path), "read by this command".to_owned())).collect();
        Self { force, known }
    }

    /// Takes `path` for what `option` writes.
    ///
    /// # Errors
    /// [`Error::Option`] if the command reads it or writes something else there; [`Error::Io`] if it exists and may not be
    /// replaced, or cannot be written.
    pub fn file(&mut self, option: &str, path: &Path) -> Result<()> {
        self.claim(option, path, option.to_owned())?;
        refuse_existing(path, self.force)?;
        check_writable(path, true)
    }

    /// Takes `path` for a file that the command keeps for itself; it may exist.
    ///
    /// # Errors
    /// [`Error::Option`] naming `option` if the command reads it or writes something else there.
    pub fn own(&mut self, option: &str, path: &Path) -> Result<()> {
        self.claim(option, path, "a file of the command itself".to_owned())
    }

    /// The picture file for each of `inputs`, in their order, as `option` says with `path`: a folder, where it ends in a slash,
    /// is one already or has no extension, and the pictures go there under the inputs' names; else a file, for one input.
    ///
    /// A picture in a folder is called as its input is, with `.png` in place of the extension. Inputs of one name keep their
    /// extensions too, and if that is not enough the names of the folders that they are in.
    ///
    /// # Errors
    /// As for [`Outputs::file`]; [`Error::Option`] for several inputs and a file, or for standard output, [`Error::Picture`] for a
    /// format that is not written.
    pub fn picture_of_each(&mut self, option: &str, path: &Path, inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
        if path == Path::new("-") {
            return Err(Error::option(option, "takes a picture file or a folder: a picture is not printed"));
        }
        if !is_folder(path) {
            if inputs.len() > 1 {
                let (shown, count) = (path.display(), inputs.len());
                let reason = format!("{shown} is no folder, and {count} pictures need one: write {shown}/ for one");
                return Err(Error::option(option, reason));
            }
            saved_format(path)?;
            self.file(option, path)?;
            return Ok(vec![path.to_owned()]);
        }
        check_folder(path)?;
        let files: Vec<PathBuf> = names(inputs).into_iter().map(|name| path.join(name)).collect();
        for (file, input) in files.iter().zip(inputs) {
            self.claim(option, file, format!("what {option} writes for {}", input.display()))?;
            refuse_existing(file, self.force)?;
            if file.is_dir() {
                check_writable(file, true)?;
            }
        }
        Ok(files)
    }

    fn claim(&mut self, option: &str, path: &Path, what: String) -> Result<()> {
        match self.known.entry(identity(path)) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(what);
                Ok(())
            }
            std::collections::btree_map::Entry::Occupied(other) => {
                let reason = format!("{} is {} already: name another file", path.display(), other.get());
                Err(Error::option(option, reason))
            }
        }
    }
}

/// Whether pictures go into `path` under their own names.
fn is_folder(path: &Path) -> bool {
    let text = path.as_os_str().to_string_lossy();
    path.is_dir() || text.ends_with(std::path::is_separator) || path.extension().is_none()
}

/// Refuses a folder that is none and cannot be made.
fn check_folder(folder: &Path) -> Result<()> {
    // Without a slash at the end, with which no file is there.
    let there = folder.components().as_path().ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    if there.is_dir() {
        return check_writable(there.join(".denoscope"), true);
    }
    let reason = format!("cannot be made: {} is no folder", there.display());
    Err(Error::io(folder, io::Error::new(io::ErrorKind::NotADirectory, reason)))
}

/// Makes the folder of a file that was planned, if it is not there yet.
pub(super) fn make_folder(file: &Path) -> Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::create_dir_all(folder).map_err(|e| Error::io(folder, e)),
        _ => Ok(()),
    }
}

/// The name of each input's picture in a folder: as short as tells it from the others.
fn names(inputs: &[PathBuf]) -> Vec<OsString> {
    let mut lengths = vec![0; inputs.len()];
    loop {
        let names: Vec<OsString> = inputs.iter().zip(&lengths).map(|(input, &length)| name(input, length)).collect();
        let mut places = BTreeMap::<PathBuf, Vec<usize>>::new();
        for (place, name) in names.iter().enumerate() {
            places.entry(folded(name)).or_default().push(place);
        }
        let mut longer = false;
        for place in places.into_values().filter(|places| places.len() > 1).flatten() {
            let (input, length) = (&inputs[place], lengths[place]);
            let longest = input.components().count() + 1;
            if let Some(next) = (length + 1..=longest).find(|&next| name(input, next) != names[place]) {
                lengths[place] = next;
                longer = true;
            }
        }
        if !longer {
            return names;
        }
    }
}

/// The name of an input's picture: its stem, its whole name, or that with some of the folders above it, and `.png`.
fn name(input: &Path, length: usize) -> OsString {
    let whole = input.file_name().unwrap_or(input.as_os_str());
    let mut name = if length == 0 { input.file_stem().unwrap_or(whole).to_owned() } else { whole.to_owned() };
    let folders = input.parent().into_iter().flat_map(Path::components).filter_map(|part| match part {
        std::path::Component::Normal(part) => Some(part),
        _ => None,
    });
    for folder in folders.rev().take(length.saturating_sub(1)) {
        let mut longer = OsString::from(folder.to_string_lossy().replace(':', "-"));
        longer.push("-");
        longer.push(name);
        name = longer;
    }
    if length == 0 || !input.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        name.push(".png");
    }
    name
}

/// A name as the system tells it from others.
fn folded(name: &OsString) -> PathBuf {
    if cfg!(any(windows, target_os = "macos")) { name.to_string_lossy().to_lowercase().into() } else { name.into() }
}

/// Refuses a file that exists, unless it may be replaced.
fn refuse_existing(path: &Path, force: bool) -> Result<()> {
    if path.exists() && !force && !path.is_dir() {
        let reason = "exists already; --force replaces it";
        return Err(Error::io(path, io::Error::new(io::ErrorKind::AlreadyExists, reason)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths<const N: usize>(names: [&str; N]) -> Vec<PathBuf> {
        names.into_iter().map(PathBuf::from).collect()
    }

    #[test]
    fn names_are_as_short_as_tells_them_apart() {
        let of = |inputs: &[PathBuf]| -> Vec<String> {
            names(inputs).into_iter().map(|name| name.into_string().unwrap()).collect()
        };
        assert_eq!(of(&paths(["scan.0001.png", "scan.0002.png"])), ["scan.0001.png", "scan.0002.png"]);
        assert_eq!(of(&paths(["photo.jpg", "photo.png", "x.jpg"])), ["photo.jpg.png", "photo.png", "x.png"]);
        assert_eq!(of(&paths(["a/1.png", "b/1.png"])), ["a-1.png", "b-1.png"]);
        assert_eq!(of(&paths(["a/c/1.png", "b/c/1.png", "2"])), ["a-c-1.png", "b-c-1.png", "2.png"]);
        assert_eq!(of(&paths(["sample:digits/7", "7"])), ["sample-digits-7.png", "7.png"]);
        // One that has become longer may meet another's short name; then that one becomes longer too.
        assert_eq!(of(&paths(["1.jpg", "1.png", "1.jpg.bmp"])), ["1.jpg.png", "1.png", "1.jpg.bmp.png"]);
        assert_eq!(of(&paths(["same.png", "same.png"])), ["same.png", "same.png"], "nothing tells them apart");
    }

    #[test]
    fn one_rule_says_what_is_a_folder_for_one_picture_and_for_many() {
        let desk = tempfile::tempdir().unwrap();
        let at = |name: &str| desk.path().join(name);
        fs::create_dir(at("there.d")).unwrap();
        fs::write(at("file"), "x").unwrap();
        let (one, two) = (paths(["a.jpg"]), paths(["a.jpg", "b.jpg"]));
        let plan = |name: &str, inputs: &[PathBuf]| Outputs::new(false, []).picture_of_each("-o", &at(name), inputs);
        for folder in ["new", "new/", "there.d", "new.d/", "new/and/newer"] {
            assert_eq!(plan(folder, &one).unwrap(), [at(folder).join("a.png")], "{folder}");
            assert_eq!(plan(folder, &two).unwrap(), [at(folder).join("a.png"), at(folder).join("b.png")], "{folder}");
        }
        assert_eq!(plan("one.jpg", &one).unwrap(), [at("one.jpg")]);
        assert!(plan("one.jpg", &two).unwrap_err().to_string().contains("no folder, and 2 pictures need one"));
        for wrong in ["one.xyz", "file/", "file", "file/below", "no/one.png"] {
            let error = plan(wrong, &one).unwrap_err().to_string();
            assert!(error.contains(wrong.trim_end_matches('/')), "{wrong}: {error}");
        }
        assert!(!at("new").exists(), "nothing is made by planning");
        make_folder(&at("new/and/a.png")).unwrap();
        assert!(at("new/and").is_dir());
    }

    #[test]
    fn two_results_of_one_file_are_refused_by_both_names() {
        let desk = tempfile::tempdir().unwrap();
        let at = |name: &str| desk.path().join(name);
        fs::write(at("in.png"), "x").unwrap();
        let mut outputs = Outputs::new(true, [at("in.png").as_path()]);
        outputs.file("--json", &at("out.png")).unwrap();
        let error = outputs.file("--html", &desk.path().join(".").join("out.png")).unwrap_err().to_string();
        assert!(error.starts_with("--html: ") && error.contains("--json already"), "{error}");
        let error = outputs.picture_of_each("--sheet", &at("in.png"), &paths(["x.png"])).unwrap_err().to_string();
        assert!(error.contains("read by this command"), "{error}");
        let error = outputs.picture_of_each("-o", &at("new"), &paths(["a.png", "a.png"])).unwrap_err().to_string();
        assert!(error.contains("for a.png already"), "{error}");
        outputs.own("--resume", &at("in.png.unfinished")).unwrap();
        assert!(outputs.file("--csv", &at("in.png.unfinished")).is_err());
    }

    #[test]
    fn files_that_exist_are_refused_before_any_work_unless_forced() {
        let desk = tempfile::tempdir().unwrap();
        fs::write(desk.path().join("a.png"), "x").unwrap();
        let plan = |force| Outputs::new(force, []).picture_of_each("-o", desk.path(), &paths(["b.jpg", "a.jpg"]));
        let error = plan(false).unwrap_err().to_string();
        assert!(error.contains("a.png: exists already; --force"), "{error}");
        assert_eq!(plan(true).unwrap().len(), 2);
    }
}
