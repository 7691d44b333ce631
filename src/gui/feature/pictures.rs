//! Pictures, folders, sessions and drawings: in by dialogs, files, the clipboard and the pen, all of it off the window's
//! thread; and which of them is looked at.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rfd::AsyncFileDialog;
use sha2::{Digest, Sha256};
use tracing::Level;

use super::session_file::{self, Restored};
use super::{drawing, samples};
use crate::gui::command::{ModelCommand, PictureCommand, TrainCommand, WindowCommand};
use crate::gui::gpu::Content;
use crate::gui::state::document::{Document, Entry, Source};
use crate::gui::state::mend::is_sound;
use crate::gui::state::model::{ModelSource, built_in};
use crate::gui::state::pane::Pane;
use crate::gui::work::background::Background;
use crate::gui::work::dialogs::choose;
use crate::gui::work::host::Host;
use crate::gui::work::receive::mend_document;
use crate::picture::{Fit, Picture, Shape, decode, fit, read_bytes};
use crate::{Error, Result};

/// File name endings of pictures, for dialogs and folders. The content decides what a file is.
const PICTURES: [&str; 9] = ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "pnm"];
/// The longer side of a thumbnail.
const THUMBNAIL: usize = 96;

/// What was read.
enum Opened {
    /// Pictures, and one line for each file that could not be opened.
    Pictures { entries: Vec<Entry>, broken: Vec<String> },
    /// A session.
    Session(Box<Restored>),
    /// Nothing, and why.
    Failed(String),
}

/// Pictures that are being read.
pub struct Pictures {
    read: Background<Opened>,
}

impl Pictures {
    /// None is being read.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        Self { read: host.jobs.background() }
    }

    /// Does a command about pictures.
    pub fn run(&mut self, host: &mut Host, command: PictureCommand) {
        use PictureCommand as C;
        let document = &mut host.document;
        match command {
            C::Open => ask_for_pictures(host),
            C::OpenFolder => {
                let dialog = AsyncFileDialog::new().set_title("Open folder");
                choose(host, || dialog.pick_folders(), |folders| C::OpenPaths(paths_of(&folders)).into());
            }
            C::OpenPaths(paths) => self.open(host, paths),
            C::Paste => self.read.start(read_clipboard, Opened::Failed),
            C::NewDrawing => new_drawing(host),
            C::Draw { from, to, erase } => draw(document, &|picture| drawing::stroke(picture, from, to, erase)),
            C::ClearDrawing => draw(document, &|picture| drawing::blank(picture.shape())),
            // It is the feature of that name that goes on.
            C::GoOn => {}
            C::Decline => host.session.welcome = None,
            C::OpenSamples => open_samples(host),
            C::Close => document.close(),
            C::Select(index) => document.current = index.min(document.pictures.len().saturating_sub(1)),
            C::Next => document.current = (document.current + 1).min(document.pictures.len().saturating_sub(1)),
            C::First => document.current = 0,
            C::Last => document.current = document.pictures.len().saturating_sub(1),
            C::Previous => document.current = document.current.saturating_sub(1),
            C::SetFit(fit) => {
                if is_sound(fit) {
                    document.entry_mut().into_iter().for_each(|entry| entry.fit = fit);
                }
            }
        }
    }

    /// Opens files by what they are.
    fn open(&mut self, host: &mut Host, paths: Vec<PathBuf>) {
        let with_ending = |path: &Path, ending: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending));
        let mut pictures = Vec::new();
        for path in paths {
            if with_ending(&path, "csv") {
                host.run(TrainCommand::Follow(path));
                host.run(WindowCommand::Show(Pane::TRAINING));
            } else if with_ending(&path, "safetensors") {
                host.run(ModelCommand::Use(ModelSource::File(path)));
            } else if with_ending(&path, "py") || with_ending(&path, "onnx") {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
                host.say(
                    Level::WARN,
                    format!("{name} was not run: a model in Python is opened by “Python script…” in the menu Model"),
                );
            } else if with_ending(&path, "json") {
                let job = move || match session_file::read(&path) {
                    Ok(restored) => Opened::Session(Box::new(restored)),
                    Err(error) => Opened::Failed(error.to_string()),
                };
                self.read.start(job, Opened::Failed);
            } else if PICTURES.iter().any(|known| with_ending(&path, known)) || path.is_dir() {
                pictures.push(path);
            } else {
                // Sessions open whatever their files are called.
                self.read.start(move || read_unknown(path), Opened::Failed);
            }
        }
        if !pictures.is_empty() {
            self.read.start(move || read_pictures(&pictures), Opened::Failed);
        }
    }

    /// Takes in what was read.
    pub fn poll(&mut self, host: &mut Host) {
        for opened in self.read.poll() {
            match opened {
                Opened::Pictures { entries, broken } => {
                    for words in broken {
                        host.say(Level::ERROR, words);
                    }
                    for entry in &entries {
                        if let Source::File { path, .. } = &entry.source {
                            host.settings.note_recent(path);
                        }
                    }
                    host.session.welcome = None;
                    let photographs = entries.iter().any(is_photograph);
                    host.change_document(|document| document.add(entries));
                    if photographs {
                        suit_photographs(host);
                    }
                }
                Opened::Session(restored) => restore(host, *restored),
                Opened::Failed(words) => host.say(Level::ERROR, words),
            }
        }
    }
}

/// Whether a picture is in colour and larger than the small ones of data sets.
fn is_photograph(entry: &Entry) -> bool {
    const LARGE: usize = 64;
    let Shape { channels, height, width } = entry.original.picture().shape();
    channels == 3 && height.min(width) > LARGE
}

/// Takes the model that knows more than ten kinds of things, unless a person has chosen another.
fn suit_photographs(host: &mut Host) {
    let scenes = ModelSource::scenes();
    let in_use = host.session.model.as_ref().map(|model| &model.source);
    let is_usual = in_use.is_none_or(|source| *source == ModelSource::default());
    if host.settings.chosen_model().is_some() || !is_usual || !built_in().contains(&scenes) {
        return;
    }
    let words =
        format!("{} looks at photographs: it knows 200 kinds of things. Others are in the menu Model.", scenes.label());
    host.say(Level::INFO, words);
    host.run(ModelCommand::Offer(scenes));
}

/// Asks for pictures, sessions or checkpoints.
fn ask_for_pictures(host: &mut Host) {
    let all: Vec<&str> = PICTURES.into_iter().chain(["json", "safetensors"]).collect();
    let dialog = AsyncFileDialog::new().set_title("Open").add_filter("Pictures, sessions, models", &all);
    choose(host, || dialog.pick_files(), |files| PictureCommand::OpenPaths(paths_of(&files)).into());
}

fn paths_of(files: &[rfd::FileHandle]) -> Vec<PathBuf> {
    files.iter().map(|file| file.path().to_owned()).collect()
}

fn restore(host: &mut Host, restored: Restored) {
    for words in restored.broken {
        host.say(Level::WARN, words);
    }
    host.change_document(|document| *document = restored.document);
    if restored.model == host.settings.model {
        mend_document(host);
    } else {
        // Its model mends the document when it is there.
        host.run(ModelCommand::Offer(restored.model));
    }
}

fn new_drawing(host: &mut Host) {
    let Some(model) = &host.session.model else { return };
    let content = Content::new(drawing::blank(model.joint.shape()));
    let number = 1 + host.document.pictures.iter().filter(|e| e.source == Source::Drawn).count();
    host.document.add(vec![Entry {
        name: format!("Drawing {number}"),
        source: Source::Drawn,
        thumbnail: content.clone(),
        original: content,
        read: String::new(),
        fit: Fit::Centre,
    }]);
    host.document.already_noisy = false;
    host.run(WindowCommand::Show(Pane::PICTURE));
}

/// Replaces the current drawing; other pictures are not drawn on.
fn draw(document: &mut Document, on: &dyn Fn(&Picture) -> Picture) {
    if let Some(entry) = document.entry_mut().filter(|entry| entry.source == Source::Drawn) {
        let drawn = Content::new(on(entry.original.picture()));
        entry.thumbnail = drawn.clone();
        entry.original = drawn;
    }
}

/// Adds the pictures that come with the model, unless they are open.
fn open_samples(host: &mut Host) {
    let Some(model) = &host.session.model else { return };
    let open: Vec<&str> = host.document.pictures.iter().map(|e| e.name.as_str()).collect();
    let new: Vec<Entry> =
        samples::of(model).into_iter().filter(|sample| !open.contains(&sample.name.as_str())).collect();
    if new.is_empty() {
        host.say(Level::INFO, "The sample pictures are open already.");
    }
    host.document.add(new);
}

/// Whether a dropped path may be a data set, by its name alone: a folder or an archive, no picture, session or model.
#[must_use]
pub fn may_be_data(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    !PICTURES.iter().chain(&["json", "safetensors", "csv", "py", "onnx"]).any(|known| ending == *known)
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
    let bytes = read_bytes(path)?;
    let loaded = decode(&bytes, path)?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if let Some(note) = loaded.notes.iter().find(|note| note.starts_with("read at 1/")) {
        tracing::info!("{name}: {note}");
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let source = Source::File { path, hash: hash(&bytes) };
    let thumbnail = thumbnail(&loaded.picture).into();
    let read = loaded.describe();
    Ok(Entry { name, source, thumbnail, original: loaded.picture.into(), read, fit: Fit::Centre })
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

fn read_pictures(paths: &[PathBuf]) -> Opened {
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
    Opened::Pictures { entries, broken }
}

/// Reads a file whose name tells nothing: a session begins with a brace, and says what it is.
fn read_unknown(path: PathBuf) -> Opened {
    let mut head = [0; 256];
    let read = std::fs::File::open(&path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    let text = String::from_utf8_lossy(&head[..read]);
    if !text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return read_pictures(&[path]);
    }
    match session_file::read(&path) {
        Ok(restored) => Opened::Session(Box::new(restored)),
        Err(error) => Opened::Failed(error.to_string()),
    }
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

fn read_clipboard() -> Opened {
    let image = match arboard::Clipboard::new().and_then(|mut clipboard| clipboard.get_image()) {
        Ok(image) => image,
        Err(error) => return Opened::Failed(format!("There is no picture on the clipboard ({error}).")),
    };
    let entry = picture_of_clipboard(image.width, image.height, &image.bytes);
    Opened::Pictures { entries: vec![entry], broken: Vec::new() }
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
        read: String::new(),
        fit: Fit::Centre,
    }
}
