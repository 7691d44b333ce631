//! Results out.

use eframe::egui::Key;

use super::entry::{CTRL, CTRL_SHIFT, Entry, Menu};
use crate::gui::state::document::TileKind;

/// What can be saved and copied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ExportCommand {
    /// Save a tile as a picture file.
    SaveTile(TileKind),
    /// Copy a tile to the clipboard.
    CopyTile(TileKind),
    /// Save the sheet of the whole study.
    SaveSheet,
    /// Save the study's numbers as JSON.
    SaveData,
    /// Save pictures, noise and attack as a session file.
    SaveSession,
    /// Copy the command line that gives the same results.
    CopyCommandLine,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use ExportCommand as C;
    let file = |place, command: C, name, hint| Entry::new(Menu::File, place, command, name, hint);
    let edit = |place, command: C, name, hint| Entry::new(Menu::Edit, place, command, name, hint);
    vec![
        file(70, C::SaveSheet, "Save sheet…", "The whole study as one picture, as the command line draws it")
            .keys(CTRL, Key::E)
            .group(),
        file(80, C::SaveData, "Save data…", "The study's numbers as JSON, as the command line writes them")
            .keys(CTRL_SHIFT, Key::E),
        file(90, C::SaveSession, "Save session…", "Pictures, noise, seed and attack, to come back to")
            .keys(CTRL, Key::S),
        edit(70, C::CopyTile(TileKind::Denoised), "Copy D(y)", "The restored picture, to the clipboard")
            .keys(CTRL, Key::C)
            .group(),
        edit(80, C::CopyCommandLine, "Copy as command", "The command line that gives the same results")
            .keys(CTRL_SHIFT, Key::C),
    ]
}
