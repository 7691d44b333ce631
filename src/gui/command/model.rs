//! Models, and where they compute.

use eframe::egui::Key;

use super::entry::{CTRL, Entry, Menu};
use crate::gui::state::model::{ModelSource, built_in};

/// What can be done about models.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelCommand {
    /// Choose a model.
    Use(ModelSource),
    /// Ask for a checkpoint.
    Open,
    /// Choose a device by name.
    UseDevice(String),
    /// Measure how long an analysis takes on every device.
    MeasureDevices,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    let switch = |(index, source): (usize, ModelSource)| {
        let name = format!("Use the model {}", source.label());
        Entry::new(Menu::Model, index, ModelCommand::Use(source), name, "A model that comes with the program")
    };
    let open =
        Entry::new(Menu::Model, 100, ModelCommand::Open, "Open model…", "A .safetensors checkpoint of this program");
    let measure = Entry::new(
        Menu::Model,
        101,
        ModelCommand::MeasureDevices,
        "Measure the devices",
        "How long an analysis by this model takes on each, and which one 'auto' takes",
    );
    built_in().into_iter().enumerate().map(switch).chain([open.keys(CTRL, Key::M), measure]).collect()
}
