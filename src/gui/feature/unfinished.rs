//! An evaluation that was begun and did not end: its form and model, beside the journal of what was measured.

use std::path::{Path, PathBuf};

use crate::files::write_whole;
use crate::gui::state::evaluation_form::EvaluationForm;
use crate::gui::state::model::ModelSource;
use crate::study::evaluation::Journal;
use crate::{Error, Result};

/// What was asked.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Unfinished {
    /// As it was filled in.
    pub form: EvaluationForm,
    /// Of which model.
    pub model: ModelSource,
}

impl Unfinished {
    /// The one that is kept in `folder`, if there is one that can be gone on with.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(form(folder)).ok().filter(|_| journal(folder).exists())?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps it in `folder`, and opens its journal: what lies there already is taken over as far as it is of use, whatever
    /// it was measured for.
    ///
    /// # Errors
    /// [`Error::Io`] if nothing can be written there.
    pub fn keep(&self, folder: &Path) -> Result<Journal> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let broken = |error| Error::Compute(format!("the form is no JSON: {error}"));
        let text = serde_json::to_string(self).map_err(broken)?;
        write_whole(form(folder), text.as_bytes(), true)?;
        let path = journal(folder);
        Journal::resume(&path).or_else(|_| Journal::create(&path))
    }
}

/// Lets go of what was kept, once the figures are there.
///
/// # Errors
/// [`Error::Io`] if the files cannot be removed.
pub fn forget(folder: &Path, journal: Journal) -> Result<()> {
    journal.remove()?;
    let form = form(folder);
    std::fs::remove_file(&form).map_err(|error| Error::io(form, error))
}

fn form(folder: &Path) -> PathBuf {
    folder.join("form.json")
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("journal.unfinished")
}
