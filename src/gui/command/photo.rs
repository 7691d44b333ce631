//! The photograph at its own size.

use super::entry::{Entry, Menu};
use crate::gui::state::hole::Piece;
use crate::gui::state::photo::Shown;
use crate::gui::state::photo_fill::{FillForm, FillLook};

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
    /// About a hole in it.
    Fill(FillCommand),
}

/// What can be done with a hole in the photograph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FillCommand {
    /// Take in what a person chose.
    SetForm(FillForm),
    /// Paint a piece of a stroke.
    Paint {
        /// The piece.
        piece: Piece,
        /// Whether a stroke begins with it.
        begins: bool,
    },
    /// Take the last stroke back.
    Undo,
    /// No hole.
    Clear,
    /// Ask what could be in it.
    Begin,
    /// Stop that; what is done stays.
    Stop,
    /// Look at the hole, a fill, their mean or their spread.
    LookAt(FillLook),
    /// Save the photograph with the fill that is looked at.
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
        view(458, C::Show(Shown::Fill), "Photograph: fill a hole", "Paint a hole into it, and see what could be there"),
        view(460, C::WholeInSight, "Photograph: all of it", "The whole photograph in the pane"),
        view(462, C::ActualPixels, "Photograph: actual pixels", "One pixel of the photograph a point of the screen"),
        view(470, C::Estimate, "Photograph: measure its own noise", "σ from the whole photograph at its own size"),
        view(472, C::ToggleWhole, "Photograph: stop or go on", "Restoring what is not in sight"),
        view(
            474,
            C::Fill(FillCommand::Begin),
            "Photograph: fill the painted hole",
            "Draws from p(x | what is around it)",
        ),
        view(476, C::Fill(FillCommand::Stop), "Photograph: stop filling", "The fills that are done stay"),
        view(
            478,
            C::Fill(FillCommand::Undo),
            "Photograph: take the last stroke back",
            "Of the brush that paints the hole",
        ),
        Entry::new(
            Menu::File,
            66,
            C::Fill(FillCommand::Save),
            "Save filled photograph…",
            "The photograph at its own size with the fill that is shown; nothing but the hole changes",
        ),
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
