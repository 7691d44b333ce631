//! How a person likes to work: saved between sessions in a file of its own.

use std::path::{Path, PathBuf};

use eframe::egui;
use serde_json::{Map, Value};

use super::evaluation_form::EvaluationForm;
use super::model::ModelSource;
use super::pane::{Pane, no_layout};
use super::training_form::TrainingForm;
use crate::files::write_whole;
use crate::{Error, Result};

/// The key in egui's store, where earlier versions kept them.
const KEY: &str = "denoscope-settings-1";
/// How many recent files are kept.
const RECENT: usize = 12;

/// What is saved.
#[allow(clippy::struct_excessive_bools)] // Each is a switch of its own.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Dark, or light.
    pub dark: bool,
    /// Size of text and controls, 1 for normal.
    pub scale: f32,
    /// Belief bars by probability, not in the order of the classes.
    pub sorted: bool,
    /// The filmstrip is shown.
    pub filmstrip: bool,
    /// Pixel lines and values when zoomed in.
    pub grid: bool,
    /// Pictures and sessions opened last, the newest first.
    pub recent: Vec<PathBuf>,
    /// The model of the training run that was begun last, unless it was seen to end; its own state tells whether it did.
    pub unfinished_training: Option<PathBuf>,
    /// Checkpoints opened last, the newest first.
    pub recent_models: Vec<PathBuf>,
    /// Scripts run last as models, as `--model` takes them, the newest first.
    pub recent_scripts: Vec<PathBuf>,
    /// The evaluation, as it was filled in.
    pub evaluation: EvaluationForm,
    /// The training run, as it was filled in.
    pub training: TrainingForm,
    /// The model.
    pub model: ModelSource,
    /// A person has chosen it.
    pub model_is_chosen: bool,
    /// The device, as typed.
    pub device: String,
    /// Whether the model is averaged with itself on the mirrored picture.
    pub mirror: bool,
    /// The tour was taken, or declined.
    pub tour_done: bool,
    /// How the panes lie.
    pub layout: egui_tiles::Tree<Pane>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dark: true,
            scale: 1.0,
            sorted: false,
            filmstrip: true,
            grid: true,
            recent: Vec::new(),
            unfinished_training: None,
            recent_models: Vec::new(),
            recent_scripts: Vec::new(),
            evaluation: EvaluationForm::default(),
            training: TrainingForm::default(),
            model: ModelSource::default(),
            model_is_chosen: false,
            device: "auto".to_owned(),
            mirror: false,
            tour_done: false,
            layout: no_layout(),
        }
    }
}

impl Settings {
    /// What was saved in the file at `path`, or by an earlier version in egui's own store, or the defaults; and words for
    /// the person if something was there that could not be read. What can be read of it is kept.
    #[must_use]
    pub fn load(path: Option<&Path>, storage: Option<&dyn eframe::Storage>) -> (Self, Option<String>) {
        let saved = path.and_then(|path| std::fs::read_to_string(path).ok());
        match saved.or_else(|| storage.and_then(|store| store.get_string(KEY))) {
            Some(text) => Self::read(&text),
            None => (Self::default(), None),
        }
    }

    fn read(text: &str) -> (Self, Option<String>) {
        let error = match serde_json::from_str::<Self>(text) {
            Ok(settings) => return (settings.clamped(), None),
            Err(error) => error,
        };
        let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(text) else {
            let words = format!("The saved settings could not be read ({error}); these are the defaults.");
            return (Self::default(), Some(words));
        };
        // Each by itself, so that one that this version does not know takes no other with it.
        let (mut kept, mut lost) = (Map::new(), Vec::new());
        for (name, value) in fields {
            let alone = Map::from_iter([(name.clone(), value.clone())]);
            match serde_json::from_value::<Self>(Value::Object(alone)) {
                Ok(_) => drop(kept.insert(name, value)),
                Err(_) => lost.push(name),
            }
        }
        let settings = serde_json::from_value::<Self>(Value::Object(kept)).unwrap_or_default();
        let words =
            format!("Of the saved settings these could not be read and are the usual ones: {}.", lost.join(", "));
        (settings.clamped(), Some(words))
    }

    /// Saves them in the file at `path`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let broken = |error| Error::Compute(format!("the settings are no JSON: {error}"));
        let text = serde_json::to_string(self).map_err(broken)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        }
        write_whole(path, text.as_bytes(), true)
    }

    /// The model that a person has chosen, if they have: also one of a version that did not note that.
    #[must_use]
    pub fn chosen_model(&self) -> Option<&ModelSource> {
        let unasked = self.model == ModelSource::default() || self.model == ModelSource::scenes();
        (self.model_is_chosen || !unasked).then_some(&self.model)
    }

    /// Puts a file at the head of the recent ones.
    pub fn note_recent(&mut self, path: &std::path::Path) {
        note(&mut self.recent, path);
    }

    /// Puts a model of a file or of a script at the head of the recent ones of its kind.
    pub fn note_recent_model(&mut self, source: &ModelSource) {
        match source {
            ModelSource::File(path) => note(&mut self.recent_models, path),
            ModelSource::Script(script) => {
                note(&mut self.recent_scripts, std::path::Path::new(&script.to_string()));
            }
            ModelSource::Bundled(_) | ModelSource::Oracle => {}
        }
    }

    /// The models of files and of scripts that were used before, each kind newest first.
    pub fn used_models(&self) -> impl Iterator<Item = ModelSource> + '_ {
        let files = self.recent_models.iter().cloned().map(ModelSource::File);
        files.chain(self.recent_scripts.iter().map(|script| ModelSource::named(&script.to_string_lossy())))
    }

    /// The theme as egui says it.
    #[must_use]
    pub fn theme(&self) -> egui::Theme {
        if self.dark { egui::Theme::Dark } else { egui::Theme::Light }
    }

    fn clamped(mut self) -> Self {
        self.scale = if self.scale.is_finite() { self.scale.clamp(0.7, 2.5) } else { 1.0 };
        self
    }
}

fn note(list: &mut Vec<PathBuf>, path: &std::path::Path) {
    list.retain(|known| known != path);
    list.insert(0, path.to_owned());
    list.truncate(RECENT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/settings.json");
        let mut settings = Settings { dark: false, scale: 1.5, ..Settings::default() };
        settings.note_recent(Path::new("a.png"));
        settings.save(&path).unwrap();
        assert_eq!(Settings::load(Some(&path), None), (settings, None));
        assert_eq!(Settings::load(Some(Path::new("/nowhere/at/all")), None), (Settings::default(), None));
    }

    #[test]
    fn what_cannot_be_read_takes_nothing_else_with_it() {
        let (back, words) = Settings::read("{\"dark\": 3");
        assert_eq!(back, Settings::default());
        assert!(words.unwrap().contains("defaults"));
        let text = serde_json::to_string(&Settings { dark: false, grid: false, ..Settings::default() }).unwrap();
        let text = text.replace("\"noises\":[\"gaussian\"]", "\"noises\":[\"of another version\"]");
        let text = text.replace("\"scale\":1.0", "\"scale\":1e39");
        let (back, words) = Settings::read(&text);
        assert!(!back.dark && !back.grid && back.evaluation == EvaluationForm::default());
        let words = words.unwrap();
        assert!(words.contains("evaluation") && !words.contains("dark"), "{words}");
    }

    #[test]
    fn recent_files_are_few_and_newest_first() {
        let mut settings = Settings::default();
        for i in 0..20 {
            settings.note_recent(std::path::Path::new(&format!("{i}.png")));
        }
        settings.note_recent(std::path::Path::new("15.png"));
        assert_eq!(settings.recent.len(), RECENT);
        assert_eq!(settings.recent[0], PathBuf::from("15.png"));
    }

    #[test]
    fn models_of_files_and_scripts_are_found_again_as_they_were() {
        let mut settings = Settings::default();
        let used =
            ["/a.safetensors", "cifar10", "/b.safetensors", "oracle", "python:/of_mine.py:Net"].map(ModelSource::named);
        for source in &used {
            settings.note_recent_model(source);
        }
        let found: Vec<_> = settings.used_models().collect();
        assert_eq!(
            found,
            [used[2].clone(), used[0].clone(), used[4].clone()],
            "each kind newest first, no bundled ones"
        );
    }
}
