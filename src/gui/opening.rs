//! Pictures and models in: dialogs, files, folders, the clipboard. All of it happens on errands.

use std::path::{Path, PathBuf};

use eframe::egui;
use sha2::{Digest, Sha256};
use tracing::Level;

use super::App;
use super::command::Command;
use super::document::{Entry, Source};
use super::errand::wait_for;
use super::models::{self, Model, ModelSource};
use super::panes::Pane;
use super::session_file::{self, Restored};
use super::training::Train;
use crate::picture::{Fit, Picture, Shape, decode, fit};
use crate::train::LogPart;
use crate::{Error, Result};

/// File name endings of pictures, for dialogs and folders. The content decides what a file is.
const PICTURES: [&str; 9] = ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "pnm"];
/// The longer side of a thumbnail.
const THUMBNAIL: usize = 96;

/// What an errand brings back.
pub enum Brought {
    /// Pictures, and what could not be opened.
    Pictures {
        /// The pictures.
        entries: Vec<Entry>,
        /// One line for each file that could not be opened.
        broken: Vec<String>,
    },
    /// A session.
    Session(Box<Restored>),
    /// A model, and where it was to come from.
    Model(ModelSource, Box<Result<Model>>),
    /// A person chose files.
    Chosen(Vec<PathBuf>),
    /// A person chose what a command needed.
    Run(Box<Command>),
    /// The command line for what is on screen, or why there is none.
    Command(Result<String, String>),
    /// What was added to the log of a training run.
    Log(Box<Result<LogPart>>),
    /// Something was done, in words.
    Done(String),
    /// Something failed, in words.
    Failed(String),
    /// Nothing came of it: a dialog was closed.
    Nothing,
}

impl App {
    /// Asks for pictures, sessions or checkpoints.
    pub(super) fn ask_for_pictures(&mut self) {
        let all: Vec<&str> = PICTURES.into_iter().chain(["json", "safetensors"]).collect();
        let dialog = rfd::AsyncFileDialog::new().set_title("Open").add_filter("Pictures, sessions, models", &all);
        let picked = dialog.pick_files();
        self.errands.send(
            move || {
                let files = wait_for(picked).unwrap_or_default();
                Brought::Chosen(files.iter().map(|f| f.path().to_owned()).collect())
            },
            Brought::Failed,
        );
    }

    /// Asks for a folder of pictures.
    pub(super) fn ask_for_folder(&mut self) {
        let picked = rfd::AsyncFileDialog::new().set_title("Open folder").pick_folders();
        self.errands.send(
            move || {
                let folders = wait_for(picked).unwrap_or_default();
                Brought::Chosen(folders.iter().map(|f| f.path().to_owned()).collect())
            },
            Brought::Failed,
        );
    }

    /// Asks for a checkpoint.
    pub(super) fn ask_for_model(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Open model").add_filter("Checkpoints", &["safetensors"]);
        let picked = dialog.pick_file();
        self.errands.send(
            move || wait_for(picked).map_or(Brought::Nothing, |file| Brought::Chosen(vec![file.path().to_owned()])),
            Brought::Failed,
        );
    }

    /// Asks for a folder, and does the command that `make` makes of it.
    pub(super) fn choose_folder(&mut self, title: &str, make: impl FnOnce(PathBuf) -> Command + Send + 'static) {
        let picked = rfd::AsyncFileDialog::new().set_title(title).pick_folder();
        let job = move || match wait_for(picked) {
            Some(folder) => Brought::Run(Box::new(make(folder.path().to_owned()))),
            None => Brought::Nothing,
        };
        self.errands.send(job, Brought::Failed);
    }

    /// Opens files by what they are.
    pub(super) fn open_paths(&mut self, paths: Vec<PathBuf>) {
        let with_ending = |path: &Path, ending: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending));
        let mut pictures = Vec::new();
        for path in paths {
            if with_ending(&path, "csv") {
                self.train(Train::Follow(path));
                self.show_pane(Pane::Training);
            } else if with_ending(&path, "safetensors") {
                self.send_for_model(ModelSource::File(path));
            } else if with_ending(&path, "json") {
                self.errands.send(move || bring_session(&path), Brought::Failed);
            } else {
                pictures.push(path);
            }
        }
        if !pictures.is_empty() {
            self.errands.send(move || bring_pictures(&pictures), Brought::Failed);
        }
    }

    /// Opens the picture on the clipboard.
    pub(super) fn paste(&mut self) {
        self.errands.send(bring_clipboard, Brought::Failed);
    }

    /// Reads and builds a model, while the old one goes on.
    pub(super) fn send_for_model(&mut self, source: ModelSource) {
        self.session.model_loading = true;
        let device = self.settings.device.clone();
        let broken = {
            let source = source.clone();
            |words| Brought::Model(source, Box::new(Err(Error::Compute(words))))
        };
        let job = move || {
            let model = models::open(source.clone(), &device);
            Brought::Model(source, Box::new(model))
        };
        self.errands.send(job, broken);
    }

    /// Takes in what errands brought.
    pub(super) fn take_errands(&mut self, ctx: &egui::Context) {
        for brought in self.errands.poll() {
            match brought {
                Brought::Pictures { entries, broken } => {
                    for words in broken {
                        self.session.toasts.say(Level::ERROR, words);
                    }
                    for entry in &entries {
                        if let Source::File { path, .. } = &entry.source {
                            self.settings.note_recent(path);
                        }
                    }
                    self.document_changed(|document| document.add(entries));
                }
                Brought::Session(restored) => self.restore(*restored),
                Brought::Model(source, model) => self.take_model(source, *model),
                Brought::Chosen(paths) => self.open_paths(paths),
                Brought::Log(part) => self.take_log(*part),
                Brought::Run(command) => self.apply(ctx, *command),
                Brought::Command(lines) => self.give_command(ctx, lines),
                Brought::Done(words) => self.session.toasts.say(Level::INFO, words),
                Brought::Failed(words) => self.session.toasts.say(Level::ERROR, words),
                Brought::Nothing => {}
            }
        }
    }

    fn document_changed(&mut self, change: impl FnOnce(&mut super::document::Document)) {
        let before = self.document.clone();
        change(&mut self.document);
        if self.document != before {
            self.history.record(before, false);
        }
    }

    fn take_model(&mut self, source: ModelSource, model: Result<Model>) {
        self.session.model_loading = false;
        match model {
            Ok(model) => {
                self.session.model_error = None;
                if let ModelSource::File(path) = &source {
                    self.settings.note_recent_model(path);
                }
                let first = self.session.model.is_none();
                let was_samples = self.document.pictures.iter().all(|entry| entry.source == Source::Sample);
                self.settings.model = source;
                self.session.model = Some(model);
                self.ask_anew();
                self.mend_attack();
                if was_samples && (!first || self.document.pictures.is_empty()) {
                    self.change_samples();
                }
            }
            Err(error) => {
                self.session.toasts.say(Level::ERROR, error.to_string());
                if self.session.model.is_none() {
                    self.session.model_error = Some(error.to_string());
                    // The oracle needs no file: the window is of use even so.
                    if source != ModelSource::Oracle {
                        self.send_for_model(ModelSource::Oracle);
                    }
                }
            }
        }
    }

    fn restore(&mut self, restored: Restored) {
        for words in restored.broken {
            self.session.toasts.say(Level::WARN, words);
        }
        let model = restored.model;
        self.document_changed(|document| *document = restored.document);
        if model != self.settings.model {
            self.send_for_model(model);
        }
        self.mend_attack();
    }
}

/// Whether a dropped path may be a data set, by its name alone: a folder or an archive, no picture, session or model.
#[must_use]
pub fn may_be_data(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    !PICTURES.iter().chain(&["json", "safetensors", "csv"]).any(|known| ending == *known)
}

/// The picture made small, for the filmstrip.
#[must_use]
pub fn thumbnail(picture: &Picture) -> Picture {
    let Shape { channels, height, width } = picture.shape();
    let longest = height.max(width);
    if longest <= THUMBNAIL {
        return picture.clone();
    }
    let scaled = |side: usize| (side * THUMBNAIL / longest).max(1);
    fit(picture, Shape::new(channels, scaled(height), scaled(width)), Fit::Whole).picture
}

/// Reads one picture file.
///
/// # Errors
/// [`Error::Io`] and [`Error::Picture`], naming the file.
pub fn read_picture(path: &Path) -> Result<Entry> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
    let loaded = decode(&bytes, path)?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let source = Source::File { path, hash: hash(&bytes) };
    let thumbnail = thumbnail(&loaded.picture).into();
    Ok(Entry { name, source, thumbnail, original: loaded.picture.into(), fit: Fit::Centre })
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

fn bring_pictures(paths: &[PathBuf]) -> Brought {
    let (mut entries, mut broken) = (Vec::new(), Vec::new());
    for path in paths {
        let files = if path.is_dir() { pictures_in(path) } else { Ok(vec![path.clone()]) };
        match files {
            Ok(files) if files.is_empty() => broken.push(format!("{}: no pictures in this folder", path.display())),
            Ok(files) => {
                for file in files {
                    match read_picture(&file) {
                        Ok(entry) => entries.push(entry),
                        Err(error) => broken.push(error.to_string()),
                    }
                }
            }
            Err(error) => broken.push(error.to_string()),
        }
    }
    Brought::Pictures { entries, broken }
}

fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = std::fs::read_dir(folder).map_err(|error| Error::io(folder, error))?;
    let is_picture = |path: &PathBuf| {
        path.extension().is_some_and(|ending| PICTURES.iter().any(|known| ending.eq_ignore_ascii_case(known)))
    };
    let mut files: Vec<PathBuf> = listed.filter_map(|file| Some(file.ok()?.path())).filter(is_picture).collect();
    files.sort();
    Ok(files)
}

fn bring_session(path: &Path) -> Brought {
    match session_file::read(path) {
        Ok(restored) => Brought::Session(Box::new(restored)),
        Err(error) => Brought::Failed(error.to_string()),
    }
}

fn bring_clipboard() -> Brought {
    let image = match arboard::Clipboard::new().and_then(|mut clipboard| clipboard.get_image()) {
        Ok(image) => image,
        Err(error) => return Brought::Failed(format!("There is no picture on the clipboard ({error}).")),
    };
    let entry = picture_of_clipboard(image.width, image.height, &image.bytes);
    Brought::Pictures { entries: vec![entry], broken: Vec::new() }
}

/// A picture of the clipboard's bytes, four a pixel (RGBA), laid over white as files with transparency are. Values are
/// whole steps of 8 bits, so that a file keeps them.
#[must_use]
pub fn picture_of_clipboard(width: usize, height: usize, bytes: &[u8]) -> Entry {
    let mut picture = Picture::filled(Shape::new(3, height, width), 0.0);
    for (i, pixel) in bytes.chunks_exact(4).enumerate() {
        let alpha = f32::from(pixel[3]) / 255.0;
        for (channel, value) in pixel[..3].iter().enumerate() {
            let over = f32::from(*value) * alpha + 255.0 * (1.0 - alpha);
            picture.values_mut()[channel * height * width + i] = over.round() / 255.0;
        }
    }
    Entry {
        name: "Pasted".to_owned(),
        source: Source::Pasted,
        thumbnail: thumbnail(&picture).into(),
        original: picture.into(),
        fit: Fit::Centre,
    }
}
