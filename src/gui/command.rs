//! Every effect of the window is a [`Command`]; menus, shortcuts, the palette, tooltips and the help sheet are made
//! from one [`catalogue`] of them.

use std::borrow::Cow;
use std::path::PathBuf;

use eframe::egui::{Key, KeyboardShortcut, Modifiers};

use super::document::{Reading, TileKind};
use super::evaluation::{Evaluate, Format};
use super::models::{self, ModelSource};
use super::panes::Pane;
use super::tiles::{Compare, Look};
use super::training::Train;
use crate::attack;
use crate::picture::{Fit, NoiseKind};

/// Something that the window can do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Ask for pictures to open.
    Open,
    /// Ask for a folder of pictures to open.
    OpenFolder,
    /// Open these files: pictures, folders, sessions, checkpoints.
    OpenPaths(Vec<PathBuf>),
    /// Open the picture on the clipboard.
    Paste,
    /// A blank picture of the model's size to draw on.
    NewDrawing,
    /// Draw from one point to another, in pixels of the picture.
    Draw {
        /// Where the stroke begins.
        from: [f32; 2],
        /// Where it ends.
        to: [f32; 2],
        /// Take ink away instead.
        erase: bool,
    },
    /// Wipe the drawing clean.
    ClearDrawing,
    /// Open what belongs to the program: its sample pictures.
    OpenSamples,
    /// Close the current picture.
    Close,
    /// Save a tile as a picture file.
    SaveTile(TileKind),
    /// Save the sheet of the whole study.
    SaveSheet,
    /// Save the study's numbers as JSON.
    SaveData,
    /// Save pictures, noise and attack as a session file.
    SaveSession,
    /// Copy a tile to the clipboard.
    CopyTile(TileKind),
    /// Copy the command line that gives the same results.
    CopyCommandLine,
    /// Close the window.
    Quit,

    /// Take back the last change.
    Undo,
    /// Make it again.
    Redo,

    /// Go to a picture of the filmstrip.
    Select(usize),
    /// Go to the next picture.
    Next,
    /// Go to the previous picture.
    Previous,
    /// Change how the picture is fitted to the model.
    SetFit(Fit),

    /// Set the noise level, on the [0, 1] scale.
    SetSigma(f32),
    /// Multiply the noise level.
    ScaleSigma(f32),
    /// Choose the kind of noise.
    SetNoise(NoiseKind),
    /// Set the seed of the noise.
    SetSeed(u64),
    /// Another seed.
    Reroll,
    /// The picture has noise of its own: add none.
    ToggleAlreadyNoisy,
    /// Set σ to what the picture itself suggests.
    EstimateSigma,

    /// What the grid of classes shows.
    SetReading(Reading),
    /// Show a class large, or no longer.
    TogglePin(usize),
    /// Sort the belief bars by probability, or keep the order of the classes.
    ToggleSorted,

    /// Change the attack.
    SetAttack(Box<attack::Settings>),
    /// Another seed for the attack.
    RerollAttack,
    /// Set the seed of purification and run it again.
    RerollPurify,
    /// Change how the picture is certified.
    SetSmoothing(attack::Smoothing),
    /// Stop counting votes for the certificate, or go on.
    ToggleCertify,

    /// Something about evaluations.
    Evaluate(Evaluate),
    /// Something about training.
    Train(Train),

    /// Change a tile's look.
    SetLook(TileKind, Look),
    /// Compare all picture tiles with the reference.
    SetCompare(Compare),
    /// Make a tile the reference.
    SetReference(TileKind),
    /// Wipe between a tile and the reference, from the middle, or stop.
    ToggleWipe,
    /// Zoom all tiles.
    Zoom(f32),
    /// Show whole pictures.
    ResetView,
    /// Pixel lines and values, when zoomed in.
    ToggleGrid,

    /// Dark or light.
    ToggleTheme,
    /// Make the interface larger or smaller by a factor.
    ScaleInterface(f32),
    /// The interface at its normal size.
    ResetScale,
    /// The panes as they were at first.
    ResetLayout,
    /// Bring a pane to the front.
    Show(Pane),
    /// Show or hide the filmstrip.
    ToggleFilmstrip,
    /// Search all commands.
    Palette,
    /// The help sheet.
    Help,
    /// The notices so far.
    Notices,

    /// Choose a model.
    UseModel(ModelSource),
    /// Ask for a checkpoint.
    OpenModel,
    /// Choose a device by name.
    UseDevice(String),
}

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

/// A command that a person can find: its words, its place, its keys.
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
    /// A line above it in the menu.
    pub starts_group: bool,
    /// Its keys.
    pub shortcut: Option<KeyboardShortcut>,
}

impl Entry {
    fn keys(mut self, modifiers: Modifiers, key: Key) -> Self {
        self.shortcut = Some(KeyboardShortcut::new(modifiers, key));
        self
    }

    fn group(mut self) -> Self {
        self.starts_group = true;
        self
    }
}

/// Every command that menus, palette and help list, in the order of the menus.
#[must_use]
pub fn catalogue() -> Vec<Entry> {
    [file(), edit(), noise(), view(), panes(), model(), help()].concat()
}

/// The entry of a command, for its tooltip.
#[must_use]
pub fn entry(command: &Command) -> Option<Entry> {
    catalogue().into_iter().find(|entry| entry.command == *command)
}

fn new(menu: Menu, command: Command, name: &'static str, hint: &'static str) -> Entry {
    Entry { command, name: name.into(), hint, menu, starts_group: false, shortcut: None }
}

const CTRL: Modifiers = Modifiers::COMMAND;
const CTRL_SHIFT: Modifiers = Modifiers { shift: true, ..Modifiers::COMMAND };
const PLAIN: Modifiers = Modifiers::NONE;

fn file() -> Vec<Entry> {
    use Command as C;
    let new = |command, name, hint| new(Menu::File, command, name, hint);
    vec![
        new(C::Open, "Open pictures…", "PNG, JPEG, WebP, BMP, TIFF, GIF; a session or a model too").keys(CTRL, Key::O),
        new(C::OpenFolder, "Open folder…", "Every picture in a folder").keys(CTRL_SHIFT, Key::O),
        new(C::Paste, "Paste picture", "The picture on the clipboard").keys(CTRL, Key::V),
        new(C::NewDrawing, "Draw a picture", "A blank picture of the model's size, analysed as you draw")
            .keys(CTRL, Key::N),
        new(C::OpenSamples, "Sample pictures", "The pictures that come with the model"),
        new(C::Close, "Close picture", "Take the current picture off the filmstrip").keys(CTRL, Key::W),
        new(C::SaveSheet, "Save sheet…", "The whole study as one picture, as the command line draws it")
            .keys(CTRL, Key::E)
            .group(),
        new(C::SaveData, "Save data…", "The study's numbers as JSON, as the command line writes them")
            .keys(CTRL_SHIFT, Key::E),
        new(C::SaveSession, "Save session…", "Pictures, noise, seed and attack, to come back to").keys(CTRL, Key::S),
        new(C::Quit, "Quit", "Close the window").keys(CTRL, Key::Q).group(),
    ]
}

fn edit() -> Vec<Entry> {
    use Command as C;
    let new = |command, name, hint| new(Menu::Edit, command, name, hint);
    vec![
        new(C::Undo, "Undo", "Take back the last change").keys(CTRL, Key::Z),
        new(C::Redo, "Redo", "Make it again").keys(CTRL_SHIFT, Key::Z),
        new(C::Next, "Next picture", "The next picture of the filmstrip").keys(PLAIN, Key::ArrowRight).group(),
        new(C::Previous, "Previous picture", "The one before").keys(PLAIN, Key::ArrowLeft),
        new(C::SetFit(Fit::Centre), "Fit: centre crop", "The largest centred part of the model's proportions"),
        new(C::SetFit(Fit::Whole), "Fit: whole picture", "All of the picture, with borders where needed"),
        new(C::CopyTile(TileKind::Denoised), "Copy D(y)", "The restored picture, to the clipboard")
            .keys(CTRL, Key::C)
            .group(),
        new(C::CopyCommandLine, "Copy as command", "The command line that gives the same results")
            .keys(CTRL_SHIFT, Key::C),
        new(C::ClearDrawing, "Clear drawing", "Wipe the drawing clean").keys(PLAIN, Key::Delete).group(),
    ]
}

fn noise() -> Vec<Entry> {
    use Command as C;
    let new = |command, name, hint| new(Menu::Noise, command, name, hint);
    let step = 2.0_f32.powf(0.25);
    vec![
        new(C::ScaleSigma(step), "More noise", "A quarter of a doubling up").keys(PLAIN, Key::ArrowUp),
        new(C::ScaleSigma(1.0 / step), "Less noise", "A quarter of a doubling down").keys(PLAIN, Key::ArrowDown),
        new(C::SetSigma(15.0 / 255.0), "σ = 15/255", "Light noise, the easiest of the usual three")
            .keys(PLAIN, Key::Num1)
            .group(),
        new(C::SetSigma(25.0 / 255.0), "σ = 25/255", "The usual noise of denoising tables").keys(PLAIN, Key::Num2),
        new(C::SetSigma(50.0 / 255.0), "σ = 50/255", "Heavy noise").keys(PLAIN, Key::Num3),
        new(C::Reroll, "New noise", "Another seed: the same level, another draw").keys(PLAIN, Key::R).group(),
        new(C::ToggleAlreadyNoisy, "The picture is already noisy", "Add no noise; σ is what the model assumes")
            .keys(PLAIN, Key::N),
        new(C::EstimateSigma, "Estimate σ from the picture", "From the median of its finest wavelet coefficients"),
    ]
}

fn view() -> Vec<Entry> {
    use Command as C;
    let new = |command, name, hint| new(Menu::View, command, name, hint);
    vec![
        new(C::Zoom(2.0_f32.sqrt()), "Zoom tiles in", "All tiles together; scroll over a tile does the same")
            .keys(PLAIN, Key::Plus),
        new(C::Zoom(0.5_f32.sqrt()), "Zoom tiles out", "All tiles together").keys(PLAIN, Key::Minus),
        new(C::ResetView, "Whole pictures", "Undo zoom and pan").keys(PLAIN, Key::Num0),
        new(C::ToggleGrid, "Pixel lines and values", "Shown once pixels are large").keys(PLAIN, Key::G),
        new(C::ToggleWipe, "Wipe to the reference", "Left the tile, right the reference; drag the line")
            .keys(PLAIN, Key::W)
            .group(),
        new(C::SetCompare(Compare::Plain), "No comparison", "Tiles show what they are").keys(PLAIN, Key::Escape),
        new(C::SetCompare(Compare::Error), "Compare: error", "Tile minus reference, as a signed map")
            .keys(PLAIN, Key::E),
        new(C::SetCompare(Compare::Absolute), "Compare: absolute error", "The error's size, in false colour"),
        new(C::SetCompare(Compare::Squared), "Compare: squared error", "What PSNR averages, in false colour"),
        new(C::SetCompare(Compare::Relative), "Compare: relative error", "The error against the reference's value"),
        new(C::SetReading(Reading::Restored), "Classes: restorations", "D(y | c): the picture if it were that class")
            .keys(PLAIN, Key::Num7)
            .group(),
        new(C::SetReading(Reading::Gradient), "Classes: gradients", "(D(y | c) − D)/σ², the gradient of log p(c | y)")
            .keys(PLAIN, Key::Num8),
        new(
            C::SetReading(Reading::AgainstTop),
            "Classes: against the top",
            "D(y | c) minus that of the likeliest class",
        )
        .keys(PLAIN, Key::Num9),
        new(C::ToggleSorted, "Sort beliefs", "By probability, or in the order of the classes").keys(PLAIN, Key::S),
        new(C::ToggleTheme, "Dark or light", "Switch the theme").keys(CTRL, Key::T).group(),
        new(C::ScaleInterface(1.1), "Larger interface", "Text and controls").keys(CTRL, Key::Plus),
        new(C::ScaleInterface(1.0 / 1.1), "Smaller interface", "Text and controls").keys(CTRL, Key::Minus),
        new(C::ResetScale, "Normal size", "Text and controls").keys(CTRL, Key::Num0),
        new(C::ToggleFilmstrip, "Filmstrip", "Show or hide the open pictures").keys(PLAIN, Key::F),
        new(C::ResetLayout, "Reset layout", "The panes as they were at first"),
    ]
}

fn panes() -> Vec<Entry> {
    let entry = |(index, pane): (usize, Pane)| {
        let entry = new(Menu::View, Command::Show(pane), pane.show_label(), pane.hint());
        if index == 0 { entry.group() } else { entry }
    };
    let mut entries: Vec<Entry> = Pane::ALL.into_iter().enumerate().map(entry).collect();
    entries.push(
        new(
            Menu::View,
            Command::ToggleCertify,
            "Certify or stop",
            "Count votes for the certificate, or stop and keep what is proved",
        )
        .group(),
    );
    entries
}

fn model() -> Vec<Entry> {
    use Command::{Evaluate as E, Train as T};
    let new = |command, name, hint| new(Menu::Model, command, name, hint);
    let switch = models::built_in().into_iter().map(|source| Entry {
        name: format!("Use the model {}", source.label()).into(),
        ..new(Command::UseModel(source), "", "A model that comes with the program")
    });
    let rest = [
        new(Command::OpenModel, "Open model…", "A .safetensors checkpoint of this program").keys(CTRL, Key::M),
        new(E(Evaluate::ChooseData), "Choose evaluation data…", "Class folders, CIFAR-10's or MNIST's files").group(),
        new(E(Evaluate::Start), "Evaluate", "Measure the model on the data of the evaluation pane")
            .keys(PLAIN, Key::F5),
        new(E(Evaluate::Stop), "Stop evaluation", "Stop measuring"),
        new(E(Evaluate::Save(Format::Html)), "Save evaluation as a page…", "Tables and plots, for a browser"),
        new(E(Evaluate::Save(Format::Json)), "Save evaluation as JSON…", "What eval --json prints"),
        new(E(Evaluate::Save(Format::Csv)), "Save evaluation as CSV…", "A line a figure, for spreadsheets"),
        new(T(Train::ChooseData), "Choose training data…", "Class folders, CIFAR-10's or MNIST's files").group(),
        new(T(Train::Start { replace: false }), "Train", "Begin the run of the training pane, in the background"),
        new(T(Train::Pause), "Pause training", "Save the run's state and stop"),
        new(T(Train::Resume), "Resume training", "Go on with the run where it was left, with its own options"),
        new(T(Train::Open), "Open the trained model", "The newest checkpoint of the run, in the lab"),
        new(T(Train::ChooseLog), "Follow a training log…", "The OUT.csv of a run on the command line"),
    ];
    switch.chain(rest).collect()
}

fn help() -> Vec<Entry> {
    let new = |command, name, hint| new(Menu::Help, command, name, hint);
    vec![
        new(Command::Help, "Help", "What is what, and every key").keys(PLAIN, Key::F1),
        new(Command::Palette, "All commands…", "Search everything that the window can do").keys(CTRL_SHIFT, Key::P),
        new(Command::Notices, "Notices", "What happened so far"),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_commands_share_keys_or_a_name() {
        let (mut keys, mut names) = (HashSet::new(), HashSet::new());
        for entry in catalogue() {
            assert!(names.insert(entry.name.clone()), "{} twice", entry.name);
            if let Some(shortcut) = entry.shortcut {
                let key = (format!("{:?}", shortcut.modifiers), shortcut.logical_key);
                assert!(keys.insert(key), "{} shares its keys", entry.name);
            }
        }
    }

    #[test]
    fn every_menu_has_something_in_it() {
        let entries = catalogue();
        for menu in Menu::ALL {
            assert!(entries.iter().any(|e| e.menu == menu), "{}", menu.label());
        }
    }
}
