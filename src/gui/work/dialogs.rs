//! Dialogs: they are asked for on the window's thread and waited for in the background.

use std::path::{Path, PathBuf};

use rfd::{AsyncFileDialog, FileHandle};
use tracing::Level;

use super::host::{Host, Outcome};
use crate::Result;
use crate::gui::command::Command;

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
    let ending = endings[0].to_owned();
    let job = move || {
        let Some(file) = pollster::block_on(picked) else { return Outcome::Nothing };
        let mut path = PathBuf::from(file.path());
        if path.extension().is_none() {
            path.set_extension(ending);
        }
        match write(&path) {
            Ok(()) => Outcome::Said(Level::INFO, format!("Saved {}", path.display())),
            Err(error) => failed(error.to_string()),
        }
    };
    host.background.start(job, failed);
}

fn failed(words: String) -> Outcome {
    Outcome::Said(Level::ERROR, words)
}
