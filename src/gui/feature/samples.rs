//! Pictures that come with the program, so that the window opens with something in it.

use std::path::Path;

use super::oracle::{NAMES, oracle_pictures};
use super::pictures::thumbnail;
use crate::gui::state::document::{Entry, Source};
use crate::gui::state::model::{Model, ModelSource};
use crate::picture::{Fit, Picture, SAMPLES, Sample, decode};

/// The sample pictures for a model: for the oracle its own patterns, for others those of their name, else of their
/// colours.
#[must_use]
pub fn of(model: &Model) -> Vec<Entry> {
    if model.source == ModelSource::Oracle {
        return patterns();
    }
    let own: Vec<Entry> = crate::picture::samples(model.joint.name()).filter_map(decoded).collect();
    if !own.is_empty() {
        return own;
    }
    let channels = model.joint.shape().channels;
    let like: Vec<Entry> =
        SAMPLES.iter().filter_map(decoded).filter(|e| e.original.picture().shape().channels == channels).collect();
    if like.is_empty() { patterns() } else { like }
}

/// What the window opens with among these samples, and at which noise level: a picture that the model doubts, and whose
/// restorations as each class differ. The first at the usual level, if none is known to be so.
#[must_use]
pub fn first_scene(samples: &[Entry]) -> Option<(usize, f32, f64)> {
    // Small photographs under that noise hardly change with the class: what changes is shown five times as large.
    let known = [("cifar10/cat.png", 60.0 / 255.0, 5.0), ("digits/8.png", 1.0, 1.0)];
    let place = |name| samples.iter().position(|entry| entry.name == name);
    known.into_iter().find_map(|(name, sigma, guidance)| Some((place(name)?, sigma, guidance)))
}

/// The sample of this name, of any model.
#[must_use]
pub fn named(name: &str) -> Option<Entry> {
    SAMPLES.iter().filter_map(decoded).chain(patterns()).find(|entry| entry.name == name)
}

fn patterns() -> Vec<Entry> {
    let names = NAMES.iter().map(|name| format!("oracle/{name}"));
    // Whole steps of 8 bits, as in a file.
    let pictures = oracle_pictures().into_iter().map(|picture| picture.map(|v| (v * 255.0).round() / 255.0));
    names.zip(pictures).map(|(name, picture)| entry(name, picture)).collect()
}

fn decoded(sample: &Sample) -> Option<Entry> {
    let name = sample.name();
    let loaded = decode(sample.bytes, Path::new(&name)).ok()?;
    let read = loaded.describe();
    Some(Entry { read, ..entry(name, loaded.picture) })
}

fn entry(name: String, picture: Picture) -> Entry {
    let thumbnail = thumbnail(&picture).into();
    let read = String::new();
    Entry { name, source: Source::Sample, thumbnail, original: picture.into(), read, fit: Fit::Centre }
}
