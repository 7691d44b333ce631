//! Evaluations on a data set.

use std::path::PathBuf;

use eframe::egui::Key;

use super::entry::{Entry, Menu, PLAIN};
use crate::gui::state::evaluation_form::EvaluationForm;

/// A file that a result can be saved as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A page with plots.
    Html,
    /// What `eval --json` prints.
    Json,
    /// A line a figure.
    Csv,
}

/// What can be done about evaluations.
#[derive(Debug, Clone, PartialEq)]
pub enum EvaluateCommand {
    /// Fill in the form.
    Set(Box<EvaluationForm>),
    /// Take this data set.
    SetData(PathBuf),
    /// Take this as the pictures of another kind.
    SetOthers(PathBuf),
    /// Ask for the data set.
    ChooseData,
    /// Ask for pictures of another kind.
    ChooseOthers,
    /// Measure.
    Start,
    /// Stop measuring. What was measured is kept.
    Stop,
    /// Go on with an evaluation that was stopped, or killed.
    Resume,
    /// Save the result.
    Save(Format),
    /// Put the command that measures the same on the clipboard.
    CopyCommand,
    /// Look at a picture that the model took for another class.
    OpenMistake(usize),
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use EvaluateCommand as C;
    let new = |place, command: C, name, hint| Entry::new(Menu::Model, place, command, name, hint).under("Evaluation");
    vec![
        new(200, C::ChooseData, "Choose evaluation data…", "Class folders, CIFAR-10's or MNIST's files").group(),
        new(210, C::Start, "Evaluate", "Measure the model on the data of the evaluation pane").keys(PLAIN, Key::F9),
        new(220, C::Stop, "Stop evaluation", "Stop measuring, and keep what was measured"),
        new(225, C::Resume, "Resume evaluation", "Go on with the evaluation that was stopped before its end"),
        new(230, C::Save(Format::Html), "Save evaluation as a page…", "Tables and plots, for a browser"),
        new(240, C::Save(Format::Json), "Save evaluation as JSON…", "What eval --json prints"),
        new(245, C::CopyCommand, "Copy evaluation as command", "The command line that measures the same"),
        new(250, C::Save(Format::Csv), "Save evaluation as CSV…", "A line a figure, for spreadsheets"),
    ]
}
