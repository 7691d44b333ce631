//! The session file: everything that is needed to see the same bits again, as JSON.

use std::path::{Path, PathBuf};

use super::pictures::read_picture;
use super::samples;
use crate::attack;
use crate::gui::state::document::{Aim, Document, Entry, Reading, Source, TileKind};
use crate::gui::state::model::ModelSource;
use crate::picture::{Fit, Noise, Picture, Shape};
use crate::{Error, Result};

const FORMAT: u32 = 1;

/// The file.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Saved {
    /// Says what this file is.
    denoscope_session: u32,
    model: ModelSource,
    pictures: Vec<SavedPicture>,
    current: usize,
    noise: Noise,
    already_noisy: bool,
    attack: attack::Settings,
    #[serde(default)]
    aim: Aim,
    #[serde(default)]
    denoiser_attack: Option<attack::DenoiserSettings>,
    #[serde(default)]
    smoothing: Option<attack::Smoothing>,
    purify_seed: u64,
    pinned: Vec<usize>,
    reading: Reading,
    #[serde(default)]
    guidance: Option<f64>,
    reference: TileKind,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct SavedPicture {
    name: String,
    fit: Fit,
    #[serde(flatten)]
    origin: Origin,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "from")]
enum Origin {
    File { path: PathBuf, sha256: String },
    Sample,
    Values { drawn: bool, shape: Shape, values: Vec<f32> },
}

/// A session, read.
pub struct Restored {
    /// What was worked on.
    pub document: Document,
    /// With which model.
    pub model: ModelSource,
    /// What is not as it was, in words.
    pub broken: Vec<String>,
}

/// The file's text.
///
/// # Errors
/// [`Error::Compute`] if the session cannot be written as JSON.
pub fn to_json(document: &Document, model: &ModelSource) -> Result<String> {
    let saved = Saved {
        denoscope_session: FORMAT,
        model: model.clone(),
        pictures: document.pictures.iter().map(saved_picture).collect(),
        current: document.current,
        noise: document.noise,
        already_noisy: document.already_noisy,
        attack: document.attack.clone(),
        aim: document.aim,
        denoiser_attack: Some(document.denoiser_attack),
        smoothing: Some(document.smoothing),
        purify_seed: document.purify_seed,
        pinned: document.pinned.clone(),
        reading: document.reading,
        guidance: Some(document.guidance),
        reference: document.reference,
    };
    serde_json::to_string_pretty(&saved)
        .map_err(|error| Error::Compute(format!("the session cannot be written: {error}")))
}

/// Reads a session and its pictures. A picture that is gone or has changed is said in words, and the rest goes on.
///
/// # Errors
/// [`Error::Data`] if the file is no session, [`Error::Io`] if it cannot be read.
pub fn read(path: &Path) -> Result<Restored> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
    let saved: Saved = serde_json::from_str(&text).map_err(|e| Error::data(path, format!("is no session: {e}")))?;
    if saved.denoscope_session != FORMAT {
        let reason = format!("is of format {}, and this version reads {FORMAT}", saved.denoscope_session);
        return Err(Error::data(path, reason));
    }
    let mut broken = Vec::new();
    let mut pictures = Vec::new();
    for picture in saved.pictures {
        match restored_picture(picture, path.parent(), &mut broken) {
            Ok(entry) => pictures.push(entry),
            Err(error) => broken.push(error.to_string()),
        }
    }
    let usual = Document::default();
    let document = Document {
        current: saved.current.min(pictures.len().saturating_sub(1)),
        pictures,
        noise: saved.noise,
        already_noisy: saved.already_noisy,
        attack: saved.attack,
        aim: saved.aim,
        denoiser_attack: saved.denoiser_attack.unwrap_or(usual.denoiser_attack),
        smoothing: saved.smoothing.unwrap_or(usual.smoothing),
        purify_seed: saved.purify_seed,
        pinned: saved.pinned,
        reading: saved.reading,
        guidance: saved.guidance.unwrap_or(usual.guidance),
        reference: saved.reference,
        ..usual
    };
    Ok(Restored { document, model: saved.model, broken })
}

/// What is in a session file, in words; none if it is no session, or an empty one.
#[must_use]
pub fn summary(path: &Path) -> Option<String> {
    let saved: Saved = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    let count = saved.pictures.len();
    let current = saved.pictures.get(saved.current)?;
    let others = match count {
        1 => String::new(),
        2 => " and another picture".to_owned(),
        n => format!(" and {} other pictures", n - 1),
    };
    Some(format!("{}{others}, with {}", current.name, saved.model.label()))
}

fn saved_picture(entry: &Entry) -> SavedPicture {
    let values = |drawn| {
        let picture = entry.original.picture();
        Origin::Values { drawn, shape: picture.shape(), values: picture.values().to_vec() }
    };
    let origin = match &entry.source {
        Source::File { path, hash } => Origin::File { path: path.clone(), sha256: hash.clone() },
        Source::Sample => Origin::Sample,
        Source::Pasted => values(false),
        Source::Drawn => values(true),
    };
    SavedPicture { name: entry.name.clone(), fit: entry.fit, origin }
}

fn restored_picture(saved: SavedPicture, folder: Option<&Path>, broken: &mut Vec<String>) -> Result<Entry> {
    let SavedPicture { name, fit, origin } = saved;
    match origin {
        Origin::File { path, sha256 } => {
            // A session that was moved with its pictures finds them beside it.
            let beside = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name));
            let found = if path.exists() { path } else { beside.filter(|p| p.exists()).unwrap_or(path) };
            let entry = read_picture(&found)?;
            if !matches!(&entry.source, Source::File { hash, .. } if *hash == sha256) {
                broken.push(format!("{}: the file changed since the session was saved", found.display()));
            }
            Ok(Entry { fit, ..entry })
        }
        Origin::Sample => {
            let samples = samples::named(&name);
            let entry = samples.ok_or_else(|| Error::data(&name, "is no sample picture of this version"))?;
            Ok(Entry { fit, ..entry })
        }
        Origin::Values { drawn, shape, values } => {
            let Shape { channels, height, width } = shape;
            let fits = height.checked_mul(width).and_then(|size| size.checked_mul(channels)) == Some(values.len());
            if !fits || values.is_empty() || !matches!(channels, 1 | 3) {
                return Err(Error::data(&name, "its values do not fit its shape"));
            }
            if !values.iter().all(|value| (0.0..=1.0).contains(value)) {
                return Err(Error::data(&name, "its values are not all between 0 and 1"));
            }
            let picture = Picture::new(shape, values);
            Ok(Entry {
                name,
                source: if drawn { Source::Drawn } else { Source::Pasted },
                thumbnail: super::pictures::thumbnail(&picture).into(),
                original: picture.into(),
                read: String::new(),
                fit,
            })
        }
    }
}

/// A small session, for the tests that break it.
#[cfg(test)]
pub fn seed() -> String {
    let picture = Picture::filled(Shape::new(1, 2, 2), 0.5);
    let entry = Entry {
        name: "Drawing 1".into(),
        source: Source::Drawn,
        original: picture.clone().into(),
        thumbnail: picture.into(),
        read: String::new(),
        fit: Fit::Centre,
    };
    let sample = Entry { name: "digits/7".into(), source: Source::Sample, ..entry.clone() };
    let document = Document { pictures: vec![entry, sample], pinned: vec![3], ..Document::default() };
    to_json(&document, &ModelSource::default()).expect("JSON")
}
