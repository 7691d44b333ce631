//! What a pane gets: everything to read, and a list of commands to add to.

use crate::gui::command::Command;
use crate::gui::feature::Features;
use crate::gui::state::document::Document;
use crate::gui::state::session::Session;
use crate::gui::state::settings::Settings;
use crate::gui::work::questions::Questions;

/// A pane's view of the window's state.
pub struct Context<'a> {
    /// What a person works on.
    pub document: &'a Document,
    /// How they like to work.
    pub settings: &'a Settings,
    /// What comes and goes; panes note here what they show and what is under the pointer.
    pub session: &'a mut Session,
    /// What the workers were asked.
    pub questions: &'a Questions,
    /// What features have to show.
    pub features: &'a Features,
    /// What is to be done at the end of the frame.
    pub commands: &'a mut Vec<Command>,
}

impl Context<'_> {
    /// Has a command done at the end of the frame.
    pub fn run(&mut self, command: impl Into<Command>) {
        self.commands.push(command.into());
    }
}
