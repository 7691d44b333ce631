//! How a person finds a command: its words, its place in the menus, its keys.

use std::borrow::Cow;

use eframe::egui::{Key, KeyboardShortcut, Modifiers};

use super::Command;

/// With Ctrl, or ⌘ on a Mac.
pub const CTRL: Modifiers = Modifiers::COMMAND;
/// With Shift beside.
pub const CTRL_SHIFT: Modifiers = Modifiers { shift: true, ..Modifiers::COMMAND };
/// A key alone.
pub const PLAIN: Modifiers = Modifiers::NONE;

/// Where a command stands in the menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Pictures in, results out.
    File,
    /// Undo, copying.
    Edit,
    /// Noise.
    Noise,
    /// The tiles and the window.
    View,
    /// Models and devices.
    Model,
    /// Help.
    Help,
}

impl Menu {
    /// Every menu, in order.
    pub const ALL: [Self; 6] = [Self::File, Self::Edit, Self::Noise, Self::View, Self::Model, Self::Help];

    /// Its title.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Edit => "Edit",
            Self::Noise => "Noise",
            Self::View => "View",
            Self::Model => "Model",
            Self::Help => "Help",
        }
    }
}

/// A command that a person can find.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it does.
    pub command: Command,
    /// Its name in menus and the palette.
    pub name: Cow<'static, str>,
    /// One sentence, for tooltips and the palette.
    pub hint: &'static str,
    /// Its menu.
    pub menu: Menu,
    /// Its place in the menu: smaller numbers stand higher.
    pub place: usize,
    /// The menu in its menu that it stands in.
    pub submenu: Option<&'static str>,
    /// A line above it in the menu.
    pub starts_group: bool,
    /// Its keys.
    pub shortcut: Option<KeyboardShortcut>,
}

impl Entry {
    /// An entry of this menu at this place, without keys.
    #[must_use]
    pub fn new(
        menu: Menu,
        place: usize,
        command: impl Into<Command>,
        name: impl Into<Cow<'static, str>>,
        hint: &'static str,
    ) -> Self {
        let (command, name) = (command.into(), name.into());
        Self { command, name, hint, menu, place, submenu: None, starts_group: false, shortcut: None }
    }

    /// The same with keys.
    #[must_use]
    pub fn keys(mut self, modifiers: Modifiers, key: Key) -> Self {
        self.shortcut = Some(KeyboardShortcut::new(modifiers, key));
        self
    }

    /// The same in a menu of this name in its menu.
    #[must_use]
    pub fn under(mut self, submenu: &'static str) -> Self {
        self.submenu = Some(submenu);
        self
    }

    /// The same with a line above it.
    #[must_use]
    pub fn group(mut self) -> Self {
        self.starts_group = true;
        self
    }
}
