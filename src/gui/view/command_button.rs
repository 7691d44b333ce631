//! Buttons that do commands, with the commands' own tooltips.

use eframe::egui::{self, Button, Response, Ui};

use super::catalogue::catalogue;
use super::context::Context;
use super::widgets::underline;
use crate::gui::command::Command;
use crate::gui::view::explain::Explain as _;

/// A button for a command, with the command's own tooltip.
pub fn command_button(ui: &mut Ui, cx: &mut Context<'_>, label: &str, command: impl Into<Command>) -> Response {
    let command = command.into();
    let mut response = ui.button(label);
    if let Some(hint) = tooltip(ui.ctx(), &command) {
        response = response.explained(hint);
    }
    if response.clicked() {
        cx.run(command);
    }
    response
}

/// A button that is lit while its state holds.
pub fn toggle(ui: &mut Ui, cx: &mut Context<'_>, on: bool, label: &str, command: impl Into<Command>) -> Response {
    let command = command.into();
    let mut response = ui.add(Button::selectable(on, label).frame_when_inactive(true));
    if on {
        underline(ui, &response);
    }
    if let Some(hint) = tooltip(ui.ctx(), &command) {
        response = response.explained(hint);
    }
    if response.clicked() {
        cx.run(command);
    }
    response
}

/// A command's tooltip: its hint and its keys.
fn tooltip(ctx: &egui::Context, command: &Command) -> Option<String> {
    let entry = catalogue().entry(command)?;
    Some(match entry.shortcut {
        Some(keys) => format!("{} ({})", entry.hint, ctx.format_shortcut(&keys)),
        None => entry.hint.to_owned(),
    })
}
