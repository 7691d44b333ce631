//! How a person likes to work: saved between sessions under a versioned key.

use std::path::PathBuf;

use eframe::egui;

use super::evaluation_form::EvaluationForm;
use super::model::ModelSource;
use super::pane::{Pane, no_layout};
use super::training_form::TrainingForm;

/// The key in the store. Another layout of this struct that old files do not fit gets another number.
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
    /// Checkpoints opened last, the newest first.
    pub recent_models: Vec<PathBuf>,
    /// The evaluation, as it was filled in.
    pub evaluation: EvaluationForm,
    /// The training run, as it was filled in.
    pub training: TrainingForm,
    /// The model.
    pub model: ModelSource,
    /// The device, as typed.
    pub device: String,
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
            recent_models: Vec::new(),
            evaluation: EvaluationForm::default(),
            training: TrainingForm::default(),
            model: ModelSource::default(),
            device: "auto".to_owned(),
            layout: no_layout(),
        }
    }
}

impl Settings {
    /// What was saved, or the defaults; and words for the person if a file was there but could not be read.
    #[must_use]
    pub fn load(storage: Option<&dyn eframe::Storage>) -> (Self, Option<String>) {
        let Some(text) = storage.and_then(|s| s.get_string(KEY)) else {
            return (Self::default(), None);
        };
        match serde_json::from_str::<Self>(&text) {
            Ok(settings) if settings.layout.root().is_some() => (settings.clamped(), None),
            Ok(settings) => (Self { layout: no_layout(), ..settings.clamped() }, None),
            Err(error) => {
                let words = format!("The saved settings could not be read ({error}); these are the defaults.");
                (Self::default(), Some(words))
            }
        }
    }

    /// Saves.
    pub fn save(&self, storage: &mut dyn eframe::Storage) {
        match serde_json::to_string(self) {
            Ok(text) => storage.set_string(KEY, text),
            Err(error) => tracing::warn!("the settings could not be saved: {error}"),
        }
    }

    /// Puts a file at the head of the recent ones.
    pub fn note_recent(&mut self, path: &std::path::Path) {
        note(&mut self.recent, path);
    }

    /// Puts a checkpoint at the head of the recent ones.
    pub fn note_recent_model(&mut self, path: &std::path::Path) {
        note(&mut self.recent_models, path);
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
    use std::collections::HashMap;

    use super::*;

    #[derive(Default)]
    struct Store(HashMap<String, String>);

    impl eframe::Storage for Store {
        fn get_string(&self, key: &str) -> Option<String> {
            self.0.get(key).cloned()
        }

        fn set_string(&mut self, key: &str, value: String) {
            self.0.insert(key.to_owned(), value);
        }

        fn remove_string(&mut self, key: &str) {
            self.0.remove(key);
        }

        fn flush(&mut self) {}
    }

    #[test]
    fn settings_survive_the_store() {
        let mut settings = Settings { dark: false, scale: 1.5, ..Settings::default() };
        settings.note_recent(std::path::Path::new("a.png"));
        let mut store = Store::default();
        settings.save(&mut store);
        let (back, words) = Settings::load(Some(&store));
        assert_eq!(back, settings);
        assert_eq!(words, None);
    }

    #[test]
    fn a_broken_file_falls_back_with_words() {
        let mut store = Store::default();
        eframe::Storage::set_string(&mut store, KEY, "{\"dark\": 3".to_owned());
        let (back, words) = Settings::load(Some(&store));
        assert_eq!(back, Settings::default());
        assert!(words.unwrap().contains("defaults"));
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
}
