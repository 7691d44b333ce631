//! Where results go: JSON to a file or standard output, pictures to a file or, for several pictures, a folder.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::console;
use crate::files::write_whole;
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

    /// Refuses, before any work is done, a JSON file that could not be written after it.
    pub fn check(&self) -> Result<()> {
        self.file().map_or(Ok(()), |path| refuse_existing(path, self.force))
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

/// Where the picture made from each input goes.
#[derive(Debug)]
pub(super) enum Destination {
    /// To this file: there is one input.
    File(PathBuf),
    /// Into this folder, under the input's name.
    Folder(PathBuf),
}

impl Destination {
    /// A file for one input; a folder, which is made if need be, for several.
    ///
    /// # Errors
    /// [`Error::Option`] naming `option` for several inputs and a file.
    pub fn new(option: &str, path: &Path, inputs: &[PathBuf]) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        if inputs.len() == 1 {
            return Ok(Self::File(path.to_owned()));
        }
        if path.extension().is_some() || path.exists() {
            let reason = format!("{} is no folder, and {} pictures need one", path.display(), inputs.len());
            return Err(Error::option(option, reason));
        }
        std::fs::create_dir_all(path).map_err(|e| Error::io(path, e))?;
        Ok(Self::Folder(path.to_owned()))
    }

    /// The file for what is made from `input`, which must not exist unless `force` is set: said before the work.
    pub fn of(&self, input: &Path, force: bool) -> Result<PathBuf> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Folder(folder) => {
                let stem = input.file_stem().unwrap_or(input.as_os_str());
                folder.join(stem).with_extension("png")
            }
        };
        crate::picture::saved_format(&path)?;
        refuse_existing(&path, force)?;
        Ok(path)
    }
}

/// Refuses a file that exists, unless it may be replaced.
pub(super) fn refuse_existing(path: &Path, force: bool) -> Result<()> {
    if path.exists() && !force {
        let reason = "exists already; --force replaces it";
        return Err(Error::io(path, io::Error::new(io::ErrorKind::AlreadyExists, reason)));
    }
    Ok(())
}
