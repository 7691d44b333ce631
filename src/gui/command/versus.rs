//! A second model beside the one in use.

use super::entry::{Entry, Menu};
use crate::attack::DuelSettings;
use crate::gui::state::model::{ModelSource, built_in};
use crate::gui::state::versus::Mode;

/// What can be done with two models.
#[derive(Debug, Clone, PartialEq)]
pub enum VersusCommand {
    /// Set this model beside the one in use. A script is run: only what a person does asks for this with one.
    With(ModelSource),
    /// Ask for a checkpoint to set beside it.
    OpenFile,
    /// Ask for a script to set beside it.
    OpenScript,
    /// Do without a second model.
    Close,
    /// Bring the pane to the front, in this mode.
    Show(Mode),
    /// Restore as this class of A's, or as none.
    SetClass(Option<usize>),
    /// Change what a duel is asked for.
    SetDuel(DuelSettings),
    /// Look for the picture on which they differ.
    RunDuel,
    /// Stop looking.
    CancelDuel,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use VersusCommand as C;
    let new = |place, command: C, name: String, hint| {
        Entry::new(Menu::Model, place, command, name, hint).under("Side by side")
    };
    let bundled = built_in().into_iter().enumerate().map(|(index, source)| {
        let name = format!("Compare with {}", source.label());
        new(110 + index, C::With(source), name, "Sets it beside the model in use, on the same picture and noise")
    });
    let fixed = [
        (130, C::OpenFile, "Compare with a model file…", "A .safetensors checkpoint of this program, as model B"),
        (131, C::OpenScript, "Compare with a Python script…", "A model of your own, run in your Python, as model B"),
        (132, C::Close, "Close model B", "Do without a second model"),
        (133, C::Show(Mode::Restored), "Side by side: restored", "What each restores of the same noisy picture"),
        (134, C::Show(Mode::Attack), "Side by side: attack", "The attack that was made for A, shown to B"),
        (135, C::Show(Mode::Duel), "Side by side: duel", "The picture on which the two differ"),
        (136, C::RunDuel, "Run the duel", "Look for the picture on which the two differ"),
    ];
    bundled.chain(fixed.map(|(place, command, name, hint)| new(place, command, name.to_owned(), hint))).collect()
}
