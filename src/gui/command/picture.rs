//! Pictures, folders and sessions that are open or to be opened.

use std::path::PathBuf;

use eframe::egui::Key;

use super::entry::{CTRL, CTRL_SHIFT, Entry, Menu, PLAIN};
use crate::picture::Fit;

/// What can be done about pictures.
#[derive(Debug, Clone, PartialEq)]
pub enum PictureCommand {
    /// Ask for pictures to open.
    Open,
    /// Ask for a folder of pictures to open.
    OpenFolder,
    /// Open these files: pictures, folders, sessions, checkpoints, logs.
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
    /// Open what was open in the last window.
    GoOn,
    /// No more of what is offered at the start.
    Decline,
    /// Open what belongs to the program: its sample pictures.
    OpenSamples,
    /// Close the current picture.
    Close,
    /// Go to a picture of the filmstrip.
    Select(usize),
    /// Go to the next picture.
    Next,
    /// Go to the previous picture.
    Previous,
    /// Go to the first picture.
    First,
    /// Go to the last picture.
    Last,
    /// Change how the picture is fitted to the model.
    SetFit(Fit),
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use PictureCommand as C;
    let file = |place, command: C, name, hint| Entry::new(Menu::File, place, command, name, hint);
    let edit = |place, command: C, name, hint| Entry::new(Menu::Edit, place, command, name, hint);
    vec![
        file(10, C::Open, "Open pictures…", "PNG, JPEG, WebP, BMP, TIFF, GIF; a session or a model too")
            .keys(CTRL, Key::O),
        file(20, C::OpenFolder, "Open folder…", "Every picture in a folder").keys(CTRL_SHIFT, Key::O),
        file(30, C::Paste, "Paste picture", "The picture on the clipboard").keys(CTRL, Key::V),
        file(40, C::NewDrawing, "Draw a picture", "A blank picture of the model's size, analysed as you draw")
            .keys(CTRL, Key::N),
        file(45, C::GoOn, "Go on where you were", "The pictures, noise and attack of the last window"),
        file(50, C::OpenSamples, "Sample pictures", "The pictures that come with the model"),
        file(60, C::Close, "Close picture", "Take the current picture off the filmstrip").keys(CTRL, Key::W),
        edit(30, C::Next, "Next picture", "The next picture of the filmstrip").keys(PLAIN, Key::ArrowRight).group(),
        edit(40, C::Previous, "Previous picture", "The one before").keys(PLAIN, Key::ArrowLeft),
        edit(42, C::First, "First picture", "The first of the filmstrip").keys(PLAIN, Key::Home),
        edit(44, C::Last, "Last picture", "The last of the filmstrip").keys(PLAIN, Key::End),
        edit(50, C::SetFit(Fit::Centre), "Fit: centre crop", "The largest centred part of the model's proportions"),
        edit(60, C::SetFit(Fit::Whole), "Fit: whole picture", "All of the picture, with borders where needed"),
        edit(90, C::ClearDrawing, "Clear drawing", "Wipe the drawing clean").keys(PLAIN, Key::Delete).group(),
    ]
}
