//! The photograph at its own size.

use super::entry::{Entry, Menu};
use crate::gui::state::photo::Shown;

/// What can be done with the photograph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PhotoCommand {
    /// What is shown of it.
    Show(Shown),
    /// Restore it as a class, or freely.
    SetClass(Option<usize>),
    /// All of it in the pane.
    WholeInSight,
    /// A pixel of it on a point of the screen.
    ActualPixels,
    /// Measure its own noise, and assume that.
    Estimate,
    /// Stop restoring the rest of it, or go on.
    ToggleWhole,
    /// Save the restored picture at its full size.
    Save,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use PhotoCommand as C;
    let view = |place, command: C, name, hint| Entry::new(Menu::View, place, command, name, hint).under("Photograph");
    vec![
        view(450, C::Show(Shown::Wipe), "Photograph: wipe", "Restored left of the line, noisy right of it"),
        view(452, C::Show(Shown::Restored), "Photograph: restored", "The restored picture alone"),
        view(454, C::Show(Shown::Noisy), "Photograph: noisy", "The noisy picture alone"),
        view(456, C::Show(Shown::Clean), "Photograph: clean", "The picture before noise was added"),
        view(460, C::WholeInSight, "Photograph: all of it", "The whole photograph in the pane"),
        view(462, C::ActualPixels, "Photograph: actual pixels", "One pixel of the photograph a point of the screen"),
        view(470, C::Estimate, "Photograph: measure its own noise", "σ from the whole photograph at its own size"),
        view(472, C::ToggleWhole, "Photograph: stop or go on", "Restoring what is not in sight"),
        Entry::new(
            Menu::File,
            65,
            C::Save,
            "Save restored photograph…",
            "The whole photograph at its own size, as denoise --native writes it",
        )
        .group(),
    ]
}
