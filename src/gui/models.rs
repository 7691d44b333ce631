//! Models that the window can use: bundled, from a file, and the oracle.

use std::path::PathBuf;
use std::sync::Arc;

use crate::Result;
use crate::joint::{GaussianMixture, JointModel};
use crate::network::{self, Checkpoint, Description, DeviceChoice, Network};
use crate::picture::{Picture, Shape};

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ModelSource {
    /// It comes with the program.
    Bundled(String),
    /// A checkpoint file.
    File(PathBuf),
    /// The Gaussian mixture whose answers are exact.
    Oracle,
}

impl Default for ModelSource {
    fn default() -> Self {
        network::bundled().first().map_or(Self::Oracle, |model| Self::Bundled(model.name.to_owned()))
    }
}

impl ModelSource {
    /// From what a person typed: a bundled model's name, `oracle`, or a path.
    #[must_use]
    pub fn named(name: &str) -> Self {
        if name == "oracle" {
            Self::Oracle
        } else if network::bundled().iter().any(|model| model.name == name) {
            Self::Bundled(name.to_owned())
        } else {
            Self::File(PathBuf::from(name))
        }
    }

    /// Its name in menus.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Bundled(name) => name.clone(),
            Self::File(path) => path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Oracle => "oracle".to_owned(),
        }
    }

    /// What `--model` takes.
    #[must_use]
    pub fn argument(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            other => other.label(),
        }
    }
}

/// The sources that are always there.
#[must_use]
pub fn built_in() -> Vec<ModelSource> {
    let bundled = network::bundled().iter().map(|model| ModelSource::Bundled(model.name.to_owned()));
    bundled.chain([ModelSource::Oracle]).collect()
}

/// A model, ready.
#[derive(Clone)]
pub struct Model {
    /// Where it comes from.
    pub source: ModelSource,
    /// What answers.
    pub joint: Arc<dyn JointModel>,
    /// What its checkpoint says; the oracle has none.
    pub description: Option<Arc<Description>>,
}

/// Reads and builds a model. It takes a while: never on the window's thread.
///
/// # Errors
/// Those of [`Checkpoint::read`] and [`Network::load`], and of a device that does not exist.
pub fn open(source: ModelSource, device: &str) -> Result<Model> {
    let checkpoint = match &source {
        ModelSource::Oracle => {
            return Ok(Model { source, joint: Arc::new(oracle()), description: None });
        }
        ModelSource::Bundled(name) => match network::bundled().iter().find(|model| model.name == name) {
            Some(model) => model.checkpoint()?,
            None => Checkpoint::read(name)?,
        },
        ModelSource::File(path) => Checkpoint::read(path)?,
    };
    let device: DeviceChoice = device.parse()?;
    let description = Arc::new(checkpoint.description.clone());
    let network = Network::load_ready(checkpoint, device)?;
    Ok(Model { source, joint: Arc::new(network), description: Some(description) })
}

/// Side of the oracle's pictures.
const SIDE: usize = 32;

/// Ten patterns, each a Gaussian around a picture that a formula draws: every answer about them is exact.
#[must_use]
pub fn oracle() -> GaussianMixture {
    let shape = Shape::new(3, SIDE, SIDE);
    let empty = GaussianMixture::new(shape, PATTERNS.len()).named(&NAMES);
    PATTERNS.iter().enumerate().fold(empty, |mixture, (class, pattern)| {
        let mean = pattern_picture(*pattern).values().iter().map(|&v| f64::from(v)).collect();
        mixture.with(class, 1.0, mean, 0.01)
    })
}

/// The oracle's class means, as pictures.
#[must_use]
pub fn oracle_pictures() -> Vec<Picture> {
    PATTERNS.iter().map(|&pattern| pattern_picture(pattern)).collect()
}

/// Brightness at a point of [−1, 1]², and the colours of dark and light.
type Pattern = (fn(f32, f32) -> f32, [[f32; 3]; 2]);

/// What the patterns show.
pub const NAMES: [&str; 10] =
    ["disc", "ring", "square", "diamond", "cross", "columns", "rows", "checks", "triangle", "slope"];

const NIGHT: [f32; 3] = [0.12, 0.16, 0.28];
const PATTERNS: [Pattern; 10] = [
    (|x, y| disc(x, y, 0.6), [NIGHT, [0.96, 0.80, 0.36]]),
    (|x, y| disc(x, y, 0.75) - disc(x, y, 0.45), [NIGHT, [0.45, 0.78, 0.92]]),
    (|x, y| edge(0.62 - x.abs().max(y.abs())), [NIGHT, [0.90, 0.45, 0.38]]),
    (|x, y| edge(0.68 - x.abs() - y.abs()), [NIGHT, [0.55, 0.80, 0.48]]),
    (|x, y| edge(0.2 - x.abs().min(y.abs())) * disc(x, y, 0.9), [NIGHT, [0.93, 0.93, 0.95]]),
    (|x, _| edge((x * 9.0).sin()), [NIGHT, [0.70, 0.56, 0.90]]),
    (|_, y| edge((y * 9.0).sin()), [NIGHT, [0.95, 0.62, 0.35]]),
    (|x, y| edge((x * 7.0).sin() * (y * 7.0).sin()), [NIGHT, [0.85, 0.55, 0.75]]),
    (|x, y| edge(y * 0.9 + 0.55 - 2.0 * x.abs()) * edge(0.7 - y), [NIGHT, [0.40, 0.72, 0.68]]),
    (|x, y| (0.5 - 0.5 * (x * 0.8 + y * 0.6)).clamp(0.0, 1.0), [NIGHT, [0.98, 0.86, 0.62]]),
];

fn edge(distance: f32) -> f32 {
    (distance * 8.0 + 0.5).clamp(0.0, 1.0)
}

fn disc(x: f32, y: f32, radius: f32) -> f32 {
    edge(radius - x.hypot(y))
}

fn pattern_picture((brightness, colours): Pattern) -> Picture {
    let shape = Shape::new(3, SIDE, SIDE);
    let mut values = Vec::with_capacity(shape.len());
    for (dark, light) in colours[0].into_iter().zip(colours[1]) {
        for row in 0..SIDE {
            for column in 0..SIDE {
                let [x, y] = [column, row].map(|i| (i as f32 + 0.5) / SIDE as f32 * 2.0 - 1.0);
                let t = brightness(x, y);
                values.push(dark + (light - dark) * t);
            }
        }
    }
    Picture::new(shape, values)
}
