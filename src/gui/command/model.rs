//! Models, and where they compute.

use eframe::egui::Key;

use super::entry::{CTRL, Entry, Menu};
use crate::gui::state::model::{ModelSource, built_in};

/// What can be done about models.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelCommand {
    /// Choose a model. A script is run: only what a person does asks for this with one.
    Use(ModelSource),
    /// Choose the model that a saved session or setting names. A script is offered, not run.
    Offer(ModelSource),
    /// Run the script that is offered.
    RunOffered,
    /// Do without the script that is offered.
    Decline,
    /// Ask for a script to run.
    OpenScript,
    /// Stop the script's process and run it again.
    Restart,
    /// Ask for a checkpoint.
    Open,
    /// Choose a device by name.
    UseDevice(String),
    /// Average the model with itself on the mirrored picture, or no more.
    ToggleMirror,
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
    let mirror = Entry::new(
        Menu::Model,
        104,
        ModelCommand::ToggleMirror,
        "Average with the mirror image",
        "The mean of the densities of the picture and of its mirror image, which is a density too: often a little better, at twice \
         the work. For pictures that are as natural mirrored; digits are not",
    );
    let script = Entry::new(
        Menu::Model,
        102,
        ModelCommand::OpenScript,
        "Python script…",
        "A model of your own: a .py script, run in your Python, or an .onnx file",
    );
    let restart = Entry::new(
        Menu::Model,
        103,
        ModelCommand::Restart,
        "Restart the script",
        "Stops the Python process of the model and runs its script again",
    );
    let others = [open.keys(CTRL, Key::M), measure, mirror, script, restart];
    built_in().into_iter().enumerate().map(switch).chain(others).collect()
}
