//! What a pane gets: everything to read, and a list of commands to add to.

use super::command::{self, Command};
use super::document::Document;
use super::session::Session;
use super::settings::Settings;

/// A pane's view of the window's state.
pub struct Context<'a> {
    /// What a person works on.
    pub document: &'a Document,
    /// How they like to work.
    pub settings: &'a Settings,
    /// What comes and goes; panes note here what they show and what is under the pointer.
    pub session: &'a mut Session,
    /// What is to be done at the end of the frame.
    pub commands: &'a mut Vec<Command>,
}

impl Context<'_> {
    /// Has a command done at the end of the frame.
    pub fn run(&mut self, command: Command) {
        self.commands.push(command);
    }
}

/// A command's tooltip: its hint and its keys.
#[must_use]
pub fn tooltip(ctx: &eframe::egui::Context, command: &Command) -> Option<String> {
    let entry = command::entry(command)?;
    Some(match entry.shortcut {
        Some(keys) => format!("{} ({})", entry.hint, ctx.format_shortcut(&keys)),
        None => entry.hint.to_owned(),
    })
}
