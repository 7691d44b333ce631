//! Tiles: how they look, what they show of the classes, what they are compared with.

use crate::gui::command::TileCommand;
use crate::gui::gpu::View;
use crate::gui::state::document::TileKind;
use crate::gui::state::photo::PhotoView;
use crate::gui::work::host::Host;
use crate::study::{Classes, LARGEST_GUIDANCE};

/// Does a command about tiles.
pub fn run(host: &mut Host, command: TileCommand) {
    use TileCommand as C;
    let Host { document, session, settings, .. } = host;
    match command {
        C::SetLook(kind, look) => {
            if look.is_sound() {
                session.looks.insert(kind.family(), look);
            }
        }
        C::SetCompare(compare) => {
            document.compare = compare;
            if !document.reference.is_picture() {
                document.reference = TileKind::Clean;
            }
        }
        C::SetReference(kind) => document.reference = kind,
        C::ToggleWipe => session.wipe = if session.wipe.is_some() { None } else { Some(0.5) },
        C::Zoom(factor) => {
            if factor.is_finite() {
                session.view.zoom_about(factor, [0.0, 0.0]);
                session.photo.zoom(factor);
            }
        }
        C::ResetView => {
            session.view = View::default();
            session.photo.view = PhotoView::default();
        }
        C::ToggleGrid => settings.grid = !settings.grid,
        C::SetReading(reading) => document.reading = reading,
        C::SetGuidance(guidance) if guidance.is_finite() => document.guidance = guidance.clamp(0.0, LARGEST_GUIDANCE),
        C::SetGuidance(_) => document.guidance = 1.0,
        C::TogglePin(class) => {
            let before = document.pinned.len();
            document.pinned.retain(|&pinned| pinned != class);
            if document.pinned.len() == before {
                document.pinned.push(class);
                document.pinned.drain(..before.saturating_sub(Classes::ALL_UP_TO - 1));
            }
        }
        C::TogglePresented(kind) => {
            let mut tiles = session.presented();
            let before = tiles.len();
            tiles.retain(|&tile| tile != kind);
            if tiles.len() == before {
                tiles.push(kind);
            }
            session.chosen_tiles = tiles;
        }
        C::ToggleSorted => settings.sorted = !settings.sorted,
    }
}
