//! Tiles: how they look, what they show of the classes, what they are compared with.

use eframe::egui::Key;

use super::entry::{Entry, Menu, PLAIN};
use crate::gui::gpu::{Compare, Look};
use crate::gui::state::document::{Reading, TileKind};

/// What can be done about tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TileCommand {
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
    /// What the grid of classes shows.
    SetReading(Reading),
    /// How much further than E[x | y, c] the classes' restorations go from D.
    SetGuidance(f64),
    /// Show a class large, or no longer.
    TogglePin(usize),
    /// Show a tile in the presentation, or no longer.
    TogglePresented(TileKind),
    /// Sort the belief bars by probability, or keep the order of the classes.
    ToggleSorted,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    use TileCommand as C;
    let new = |place, command: C, name, hint| Entry::new(Menu::View, place, command, name, hint);
    let zoom = |place, command, name, hint| new(place, command, name, hint).under("Zoom and pixels");
    let compare = |place, compare, name, hint| new(place, C::SetCompare(compare), name, hint).under("Compare");
    let reading = |place, reading, name, hint| new(place, C::SetReading(reading), name, hint).under("Class tiles");
    let guidance = |place, w, name, hint| new(place, C::SetGuidance(w), name, hint).under("Class tiles");
    vec![
        zoom(10, C::Zoom(2.0_f32.sqrt()), "Zoom tiles in", "All tiles together; scroll over a tile does the same")
            .keys(PLAIN, Key::Plus),
        zoom(20, C::Zoom(0.5_f32.sqrt()), "Zoom tiles out", "All tiles together").keys(PLAIN, Key::Minus),
        zoom(30, C::ResetView, "Whole pictures", "Undo zoom and pan").keys(PLAIN, Key::Num0),
        zoom(40, C::ToggleGrid, "Pixel lines and values", "Shown once pixels are large").keys(PLAIN, Key::G),
        new(50, C::ToggleWipe, "Wipe to the reference", "Left the tile, right the reference; drag the line")
            .keys(PLAIN, Key::W)
            .group(),
        compare(60, Compare::Plain, "No comparison", "Tiles show what they are").keys(PLAIN, Key::Escape),
        compare(70, Compare::Error, "Compare: error", "Tile minus reference, as a signed map").keys(PLAIN, Key::E),
        compare(80, Compare::Absolute, "Compare: absolute error", "The error's size, in false colour"),
        compare(90, Compare::Squared, "Compare: squared error", "What PSNR averages, in false colour"),
        compare(100, Compare::Relative, "Compare: relative error", "The error against the reference's value"),
        reading(110, Reading::Restored, "Classes: restorations", "D(y | c): the picture if it were that class")
            .keys(PLAIN, Key::Num7)
            .group(),
        reading(120, Reading::Gradient, "Classes: gradients", "(D(y | c) − D)/σ², the gradient of log p(c | y)")
            .keys(PLAIN, Key::Num8),
        reading(130, Reading::AgainstTop, "Classes: against the top", "D(y | c) minus that of the likeliest class")
            .keys(PLAIN, Key::Num9),
        guidance(131, 1.0, "Classes: as they are", "E[x | y, c] itself").group(),
        guidance(
            132,
            5.0,
            "Classes: five times as far from D",
            "D + 5(D(y | c) − D): what each class would change, seen better",
        ),
        guidance(
            133,
            10.0,
            "Classes: ten times as far from D",
            "D + 10(D(y | c) − D): what each class would change, exaggerated",
        ),
        new(140, C::ToggleSorted, "Sort beliefs", "By probability, or in the order of the classes").keys(PLAIN, Key::S),
    ]
}
