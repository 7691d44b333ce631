//! Training, and following a run elsewhere.

use std::path::PathBuf;

use super::entry::{Entry, Menu};
use crate::gui::state::training_form::TrainingForm;

/// What can be done about training.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainCommand {
    /// Fill in the form.
    Set(Box<TrainingForm>),
    /// Take this data set.
    SetData(PathBuf),
    /// Write this model file.
    SetOut(PathBuf),
    /// Ask for the data set.
    ChooseData,
    /// Ask for the model file.
    ChooseOut,
    /// Begin a run; in place of a model that is there only if told so.
    Start {
        /// Replace a model that is there.
        replace: bool,
    },
    /// Save and stop.
    Pause,
    /// Go on where the run was left.
    Resume,
    /// Open the newest checkpoint in the lab.
    Open,
    /// Ask for the log of a run elsewhere.
    ChooseLog,
    /// Follow the log of a run elsewhere.
    Follow(PathBuf),
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use TrainCommand as C;
    let new = |place, command: C, name, hint| Entry::new(Menu::Model, place, command, name, hint).under("Training");
    vec![
        new(300, C::ChooseData, "Choose training data…", "Class folders, photographs, CIFAR-10's or MNIST's files")
            .group(),
        new(310, C::Start { replace: false }, "Train", "Begin the run of the training pane, in the background"),
        new(320, C::Pause, "Pause training", "Save the run's state and stop"),
        new(330, C::Resume, "Resume training", "Go on with the run where it was left, with its own options"),
        new(340, C::Open, "Open the trained model", "The newest checkpoint of the run, in the lab"),
        new(350, C::ChooseLog, "Follow a training log…", "The OUT.csv of a run on the command line"),
    ]
}
