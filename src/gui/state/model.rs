//! A model, and where it comes from: bundled, from a file, or the oracle.

use std::path::PathBuf;
use std::sync::Arc;

use crate::bridge::{PythonModel, ScriptSource};
use crate::joint::{JointModel, Mirrored};
use crate::network::{self, Description};

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ModelSource {
    /// It comes with the program.
    Bundled(String),
    /// A checkpoint file.
    File(PathBuf),
    /// The Gaussian mixture whose answers are exact.
    Oracle,
    /// A script in the person's own Python, which runs only when a person names it.
    Script(ScriptSource),
}

impl Default for ModelSource {
    fn default() -> Self {
        network::bundled().first().map_or(Self::Oracle, |model| Self::Bundled(model.name.to_owned()))
    }
}

impl ModelSource {
    /// The model for photographs of any kind of thing.
    #[must_use]
    pub fn scenes() -> Self {
        Self::Bundled(network::SCENES.to_owned())
    }

    /// From what a person typed: a bundled model's name, `oracle`, `python:SCRIPT.py`, or a path.
    #[must_use]
    pub fn named(name: &str) -> Self {
        if let Some(script) = ScriptSource::named(name) {
            // Another folder may be the current one when it is named again.
            let path = std::path::absolute(&script.path).unwrap_or(script.path);
            Self::Script(ScriptSource { path, object: script.object })
        } else if name == "oracle" {
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
            Self::Script(script) => script.label(),
        }
    }

    /// What `--model` takes.
    #[must_use]
    pub fn argument(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Script(script) => script.to_string(),
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
    /// The same without the mirror image, where `joint` is averaged with it.
    plain: Option<Arc<dyn JointModel>>,
    /// What its checkpoint says; the oracle has none.
    pub description: Option<Arc<Description>>,
    /// The same model as a script, where it is one.
    pub script: Option<Arc<PythonModel>>,
}

impl Model {
    /// A model that is no script.
    #[must_use]
    pub fn new(source: ModelSource, joint: Arc<dyn JointModel>, description: Option<Arc<Description>>) -> Self {
        Self { source, joint, plain: None, description, script: None }
    }

    /// A script that runs.
    #[must_use]
    pub fn of_script(source: ScriptSource, model: Arc<PythonModel>) -> Self {
        let joint = model.clone();
        Self { source: ModelSource::Script(source), joint, plain: None, description: None, script: Some(model) }
    }

    /// Averages it with itself on the mirrored picture, or no more.
    pub fn mirror(&mut self, on: bool) {
        let plain = self.plain.take().unwrap_or_else(|| self.joint.clone());
        if on {
            self.joint = Arc::new(Mirrored::new(plain.clone()));
            self.plain = Some(plain);
        } else {
            self.joint = plain;
        }
    }
}
