//! The window itself: undo, sheets, panes, theme, size.

use std::path::PathBuf;

use eframe::egui::{Key, Modifiers};

use super::entry::{CTRL, CTRL_SHIFT, Entry, Menu, PLAIN};
use crate::gui::state::pane::Pane;

const SHIFT: Modifiers = Modifiers::SHIFT;

/// What can be done about the window.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowCommand {
    /// Take back the last change.
    Undo,
    /// Make it again.
    Redo,
    /// Close the window.
    Quit,
    /// Dark or light.
    ToggleTheme,
    /// Make the interface larger or smaller by a factor.
    ScaleInterface(f32),
    /// The interface at its normal size.
    ResetScale,
    /// Show or hide the filmstrip.
    ToggleFilmstrip,
    /// The panes as they were at first.
    ResetLayout,
    /// Bring a pane to the front.
    Show(Pane),
    /// One pane in the place of all, or all again; none means the one that the pointer was in last.
    Enlarge(Option<Pane>),
    /// Search all commands.
    Palette,
    /// The help sheet.
    Help,
    /// What the words mean.
    Words,
    /// The notices so far.
    Notices,
    /// Only the chosen tiles, in large type; or the panes again.
    Present,
    /// The sheet to draw on, large.
    Pad,
    /// Save there what waits for a place.
    SaveTo {
        /// Where.
        path: PathBuf,
        /// Replace a file that is there.
        replace: bool,
    },
    /// The person has read what went wrong at the start.
    ForgetTrouble,
    /// The tour from its beginning.
    Tour,
    /// A stop of the tour; behind the last it is over.
    TourTo(usize),
    /// No more of the tour.
    EndTour,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use WindowCommand as C;
    let new = |menu, place, command: C, name, hint| Entry::new(menu, place, command, name, hint);
    let size = |place, command, name, hint| new(Menu::View, place, command, name, hint).under("Interface size");
    vec![
        new(Menu::File, 100, C::Quit, "Quit", "Close the window").keys(CTRL, Key::Q).group(),
        new(Menu::Edit, 10, C::Undo, "Undo", "Take back the last change").keys(CTRL, Key::Z),
        new(Menu::Edit, 20, C::Redo, "Redo", "Make it again").keys(CTRL_SHIFT, Key::Z),
        new(Menu::View, 200, C::ToggleTheme, "Dark or light", "Switch the theme").keys(CTRL, Key::T).group(),
        size(210, C::ScaleInterface(1.1), "Larger interface", "Text and controls").keys(CTRL, Key::Plus),
        size(220, C::ScaleInterface(1.0 / 1.1), "Smaller interface", "Text and controls").keys(CTRL, Key::Minus),
        size(230, C::ResetScale, "Normal size", "Text and controls").keys(CTRL, Key::Num0),
        new(Menu::View, 240, C::ToggleFilmstrip, "Filmstrip", "Show or hide the open pictures").keys(PLAIN, Key::F),
        new(Menu::View, 245, C::Present, "Presentation", "Large type and only the chosen tiles, for a talk or a class")
            .keys(PLAIN, Key::F5),
        new(Menu::File, 42, C::Pad, "Draw large…", "A large sheet to draw on, with what the model believes beside it"),
        new(
            Menu::View,
            247,
            C::Enlarge(None),
            "Enlarge a pane",
            "The pane under the pointer in the place of all, or all again",
        )
        .keys(PLAIN, Key::F11),
        new(Menu::View, 250, C::ResetLayout, "Reset layout", "The panes as they were at first"),
        new(Menu::Help, 10, C::Help, "Help", "What is what, and every key").keys(PLAIN, Key::F1),
        new(Menu::Help, 15, C::Words, "Words", "What the words and signs mean"),
        new(Menu::Help, 17, C::Tour, "Tour", "Five stops on the window's own controls").keys(SHIFT, Key::F1),
        new(Menu::Help, 20, C::Palette, "All commands…", "Search everything that the window can do")
            .keys(CTRL_SHIFT, Key::P),
        new(Menu::Help, 30, C::Notices, "Notices", "What happened so far"),
    ]
}
