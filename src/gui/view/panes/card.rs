//! The model's card: what it is, how it was trained, what was measured of it.

use eframe::egui::{RichText, ScrollArea, Ui};

use super::{PaneInfo, Place};
use crate::gui::command::ModelCommand;
use crate::gui::state::model::{Model, ModelSource};
use crate::gui::state::pane::Pane;
use crate::gui::view::command_button::command_button;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::theme::{Tokens, text};
use crate::gui::view::widgets::{self, dim, fact, section};
use crate::network::Description;
use crate::study::level::of_255;
use crate::study::words::thousands;

/// How many lines of what a script prints are shown.
const PRINTED: usize = 100;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::named("Model"),
    title: "Model",
    hint: "Where the model comes from and what it is",
    place: Place::Details,
    classes: false,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    let Some(model) = cx.session.model.clone() else {
        let words = cx.session.model_error.clone().unwrap_or_else(|| "The model is being read…".to_owned());
        widgets::empty(ui, &words);
        return;
    };
    ScrollArea::vertical().auto_shrink([false, false]).show_following(ui, |ui| {
        facts(ui, &model);
        match &model.description {
            Some(description) => training(ui, description),
            None if model.script.is_some() => script(ui, cx, &model),
            None => {
                dim(
                    ui,
                    "A mixture of Gaussians around ten patterns. Its posterior and denoisers are known in closed form, \
                         so every number here is exact: the yardstick for the networks.",
                );
            }
        }
    });
}

fn facts(ui: &mut Ui, model: &Model) {
    let tokens = Tokens::in_ui(ui);
    ui.label(RichText::new(model.joint.name()).size(text::HEADING).color(tokens.strong));
    let range = model.joint.sigma_range();
    fact(ui, "Device", &model.joint.device()).explained(model.joint.device());
    if let Some(script) = &model.script {
        let held = [(script.memory(), "Memory"), (script.device_memory(), "Device memory")];
        for (bytes, name) in held.into_iter().filter_map(|(bytes, name)| Some((bytes?, name))) {
            fact(ui, name, &format!("{} MiB", thousands((bytes >> 20) as usize)));
        }
        fact(ui, "Script", &script.source().to_string()).explained(script.source().to_string());
    }
    fact(ui, "Pictures", &model.joint.shape().to_string());
    let sigma = if model.script.is_some() { "Takes σ" } else { "Trained for σ" };
    fact(ui, sigma, &format!("{} to {} of 255", of_255(range.min), of_255(range.max)));
    if let Some(description) = &model.description {
        fact(ui, "Weights", &thousands(description.parameter_count()));
        fact(ui, "Licence", &description.licence);
    }
    if let ModelSource::File(path) = &model.source {
        fact(ui, "File", &path.display().to_string()).explained(path.display().to_string());
    }
    section(ui, &format!("{} classes", model.joint.classes().len()));
    let shown = model.joint.classes().iter().take(24).cloned().collect::<Vec<_>>().join(", ");
    let more = if model.joint.classes().len() > 24 { ", …" } else { "" };
    ui.label(format!("{shown}{more}"));
}

/// What a script cannot give, and what it printed.
fn script(ui: &mut Ui, cx: &mut Context<'_>, model: &Model) {
    let Some(script) = &model.script else { return };
    for note in model.joint.abilities().notes() {
        dim(ui, format!("The model {note}."));
    }
    command_button(ui, cx, "Restart", ModelCommand::Restart);
    section(ui, "Printed by the script");
    let lines = script.printed(PRINTED);
    let words = if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") };
    ui.label(RichText::new(words).monospace().size(text::SMALL));
}

fn training(ui: &mut Ui, description: &Description) {
    let Some(record) = &description.training else {
        section(ui, "Training");
        dim(ui, "Untrained: its denoiser is a Wiener filter, its posterior uniform.");
        return;
    };
    section(ui, "Training");
    fact(ui, "Data", &record.data);
    fact(ui, "Objective", &record.objective);
    fact(ui, "Pictures seen", &thousands(record.pictures as usize));
    fact(ui, "Steps", &thousands(record.steps as usize));
    fact(ui, "Seed", &record.seed.to_string());
    if !record.results.is_empty() {
        section(ui, "Results");
        for (name, value) in &record.results {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            fact(ui, name, &value).explained(value);
        }
    }
}
