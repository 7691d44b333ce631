//! Dialogs: they are asked for on the window's thread and waited for in the background.

use std::path::{Path, PathBuf};

use rfd::{AsyncFileDialog, FileHandle};
use tracing::Level;

use super::host::{Host, Outcome};
use crate::Result;
use crate::gui::command::Command;
use crate::gui::state::notices;
use crate::gui::state::session::Overlay;

/// Asks a person by the dialog that `ask` opens, and does the command that `make` makes of the answer. A window without
/// threads, as in tests, has nobody to ask.
pub fn choose<T: Send + 'static, F: Future<Output = Option<T>> + Send + 'static>(
    host: &mut Host,
    ask: impl FnOnce() -> F,
    make: impl FnOnce(T) -> Command + Send + 'static,
) {
    if host.jobs.inline {
        return;
    }
    let picked = ask();
    let job = move || match pollster::block_on(picked) {
        Some(chosen) => Outcome::Run(Box::new(make(chosen))),
        None => Outcome::Nothing,
    };
    host.background.start(job, failed);
}

/// Asks for a file with one of these endings.
pub fn choose_file(
    host: &mut Host,
    title: &str,
    (kind, endings): (&str, &[&str]),
    make: impl FnOnce(PathBuf) -> Command + Send + 'static,
) {
    let ask = || AsyncFileDialog::new().set_title(title).add_filter(kind, endings).pick_file();
    choose(host, ask, |file: FileHandle| make(file.path().to_owned()));
}

/// The files that hold a model.
pub const CHECKPOINTS: (&str, &[&str]) = ("Checkpoints", &["safetensors"]);
/// The files that are run as a model.
pub const SCRIPTS: (&str, &[&str]) = ("Models", &["py", "onnx"]);

/// Asks for a folder.
pub fn choose_folder(host: &mut Host, title: &str, make: impl FnOnce(PathBuf) -> Command + Send + 'static) {
    let ask = || AsyncFileDialog::new().set_title(title).pick_folder();
    choose(host, ask, |folder: FileHandle| make(folder.path().to_owned()));
}

/// Asks where to, and writes there in the background. The dialog has asked about overwriting.
pub fn save_as(
    host: &mut Host,
    name: &str,
    kind: &str,
    endings: &[&str],
    write: impl FnOnce(&Path) -> Result<()> + Send + 'static,
) {
    if host.jobs.inline {
        return;
    }
    let picked = AsyncFileDialog::new().set_title("Save").set_file_name(name).add_filter(kind, endings).save_file();
    let saving = Saving { name: name.to_owned(), ending: endings[0].to_owned(), write: Box::new(write) };
    // Of an earlier one.
    let _ = notices::a_dialog_failed();
    let job = move || match pollster::block_on(picked) {
        Some(file) => saving.at(file.path().to_owned()),
        // Nobody was asked: there is nothing that shows a dialog.
        None if notices::a_dialog_failed() => Outcome::AskWhere(saving),
        None => Outcome::Nothing,
    };
    host.background.start(job, failed);
}

/// Writes something there.
type Write = dyn FnOnce(&Path) -> Result<()> + Send;

/// Something to be written, once it is known where.
pub struct Saving {
    /// What the file is called if nobody says otherwise.
    pub name: String,
    ending: String,
    write: Box<Write>,
}

impl std::fmt::Debug for Saving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saving").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Saving {
    /// To be written by `write`.
    #[must_use]
    pub fn new(name: &str, ending: &str, write: impl FnOnce(&Path) -> Result<()> + Send + 'static) -> Self {
        Self { name: name.to_owned(), ending: ending.to_owned(), write: Box::new(write) }
    }

    fn at(self, mut path: PathBuf) -> Outcome {
        if path.extension().is_none() {
            path.set_extension(self.ending);
        }
        match (self.write)(&path) {
            Ok(()) => Outcome::Said(Level::INFO, format!("Saved {}", path.display())),
            Err(error) => failed(error.to_string()),
        }
    }
}

/// Writes what waits for a place there; asks again if a file is there that is not to be replaced.
pub fn save_to(host: &mut Host, path: PathBuf, replace: bool) {
    let Some(saving) = host.saving.take() else { return };
    let full = if path.extension().is_none() { path.with_extension(&saving.ending) } else { path };
    if full.exists() && !replace {
        host.session.overlay = Some(Overlay::Path { text: full.display().to_string(), taken: true });
        host.saving = Some(saving);
        return;
    }
    host.background.start(move || saving.at(full), failed);
}

fn failed(words: String) -> Outcome {
    Outcome::Said(Level::ERROR, words)
}
