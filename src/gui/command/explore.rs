//! What is explored.

use super::entry::{Entry, Menu};
use crate::gui::state::drawn::DrawForm;
use crate::gui::state::explore::Mode;
use crate::study::lab::Region;

/// What can be done in the pane Explore.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ExploreCommand {
    /// Bring the pane to the front, in this mode.
    Show(Mode),
    /// Do what the button of this mode does: draw, fill or turn.
    Begin(Mode),
    /// Look at a component.
    Choose(usize),
    /// Look at the evidence of a class, by its number among those asked.
    ChooseEvidence(usize),
    /// Walk so many standard deviations along it.
    Walk(f32),
    /// Look for components in a region, or in the whole picture.
    SetRegion(Option<Region>),
    /// Read the formula of the mode that is shown.
    Formula,
    /// About what is drawn.
    Draw(DrawCommand),
}

/// What can be done about what is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DrawCommand {
    /// Take in what a person chose.
    SetForm(DrawForm),
    /// Draw, fill or turn, whichever the pane shows.
    Begin,
    /// Stop that; what is done stays.
    Stop,
    /// Look at a frame of the pictures' way.
    LookAt(usize),
    /// Look at a position of the dial.
    Position(usize),
    /// Paint the hole along a stroke, from 0 to 1 across the picture, or take it back.
    Paint {
        /// Where it begins.
        from: [f32; 2],
        /// Where it ends.
        to: [f32; 2],
        /// Whether it becomes hole.
        hole: bool,
    },
    /// Take back all that was painted.
    ClearHole,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use ExploreCommand::Show;
    let new = |place, mode, name, hint| Entry::new(Menu::View, place, Show(mode), name, hint).under("Explore");
    vec![
        new(410, Mode::Doubt, "Explore: two kinds of doubt", "Which class is it, or which details?"),
        new(420, Mode::Components, "Explore: what else could this be?", "The principal components of the posterior"),
        new(430, Mode::Filter, "Explore: the filter under the pointer", "What a pixel of the result is made of"),
        new(
            432,
            Mode::Evidence,
            "Explore: at which scale was it decided?",
            "The evidence for a class in bits, by two roads",
        ),
        new(434, Mode::Density, "Explore: how probable is it?", "Bits a value, and how much noise there is"),
        new(440, Mode::Audit, "Explore: is this a density?", "Residuals that are 0 for every density"),
        new(
            442,
            Mode::Samples,
            "Explore: pictures drawn from the model",
            "Out of nothing, or the posterior by counting",
        ),
        new(444, Mode::Fill, "Explore: fill a hole", "Paint a hole, and see what could be in it"),
        new(
            446,
            Mode::Dial,
            "Explore: what would make it another class?",
            "The least change that the density tolerates",
        ),
        Entry::new(
            Menu::View,
            448,
            ExploreCommand::Formula,
            "Explore: the formula of what is shown",
            "What docs/lab.md says of it, with sources",
        )
        .under("Explore"),
    ]
}
