//! Several attacks side by side on one picture.

use super::entry::{Entry, Menu};
use crate::attack::Method;
use crate::gui::state::trials::Shown;

/// What can be done with several attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialsCommand {
    /// Try this method too, or no longer.
    Toggle(Method),
    /// Show each one's picture, its perturbation, or the figures.
    Show(Shown),
    /// Attack the picture by each of the chosen methods.
    Run,
    /// Stop; what was found stays.
    Cancel,
    /// Take the settings of one that was tried to the adversary pane.
    Take(usize),
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    let hint = "The same picture attacked by every chosen method with the same budget, side by side";
    vec![Entry::new(Menu::View, 402, TrialsCommand::Run, "Run several attacks side by side", hint).under("Attack")]
}
