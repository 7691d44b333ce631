//! Dialogs: they are asked for on the window's thread and waited for in the background.

use std::path::{Path, PathBuf};

use rfd::{AsyncFileDialog, FileHandle};
use tracing::Level;

use super::host::{Host, Outcome};
use crate::Result;
use crate::gui::command::Command;

/// Waits for what a person chooses, and does the command that `make` makes of it.
pub fn choose<T: Send + 'static>(
    host: &mut Host,
    picked: impl Future<Output = Option<T>> + Send + 'static,
    make: impl FnOnce(T) -> Command + Send + 'static,
) {
    let job = move || match pollster::block_on(picked) {
        Some(chosen) => Outcome::Run(Box::new(make(chosen))),
        None => Outcome::Nothing,
    };
    host.background.start(job, failed);
}

/// Asks for a folder.
pub fn choose_folder(host: &mut Host, title: &str, make: impl FnOnce(PathBuf) -> Command + Send + 'static) {
    let picked = AsyncFileDialog::new().set_title(title).pick_folder();
    choose(host, picked, |folder: FileHandle| make(folder.path().to_owned()));
}

/// Asks where to, and writes there in the background. The dialog has asked about overwriting.
pub fn save_as(
    host: &mut Host,
    name: &str,
    kind: &str,
    endings: &[&str],
    write: impl FnOnce(&Path) -> Result<()> + Send + 'static,
) {
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
