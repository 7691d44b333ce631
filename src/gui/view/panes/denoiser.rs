//! Clean, noisy, denoised, and their differences, side by side.

use eframe::egui::{Ui, vec2};

use super::{PaneInfo, Place};
use crate::gui::state::document::TileKind;
use crate::gui::state::pane::Pane;
use crate::gui::view::caption::{AROUND, Caption};
use crate::gui::view::context::Context;
use crate::gui::view::theme::space;
use crate::gui::view::{tile, widgets};

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::named("Denoiser"),
    title: "Denoiser",
    hint: "The clean and noisy picture, what the model restores, and the differences",
    place: Place::Above,
    classes: false,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.document.entry().is_none() {
        widgets::empty(ui, "Open a picture, drop one on the window, or draw one (Ctrl+N).");
        return;
    }
    let model = cx.session.model.as_ref();
    let missing = model.and_then(|model| model.joint.abilities().gradients.missing().map(str::to_owned));
    if let Some(reason) = &missing {
        widgets::dim(ui, format!("Nothing is restored: the model {reason}."));
    }
    let kinds: &[TileKind] = if missing.is_some() && cx.document.already_noisy {
        &[TileKind::Noisy]
    } else if missing.is_some() {
        &[TileKind::Clean, TileKind::Noisy]
    } else if cx.document.already_noisy {
        &[TileKind::Noisy, TileKind::Denoised, TileKind::Residual]
    } else {
        &[TileKind::Clean, TileKind::Noisy, TileKind::Denoised, TileKind::Residual, TileKind::Error]
    };
    let available = ui.available_size();
    let (columns, side) = grid(available.x, available.y, kinds.len());
    ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
    for row in kinds.chunks(columns) {
        ui.horizontal(|ui| {
            for &kind in row {
                tile::show(ui, cx, kind, vec2(side, side), &Caption::default());
            }
        });
    }
}

/// The number of columns that gives the largest square tiles, and their side.
#[must_use]
pub fn grid(width: f32, tall: f32, count: usize) -> (usize, f32) {
    let side = |columns: usize| {
        let rows = count.div_ceil(columns);
        let across = (width - space::GROUP * (columns - 1) as f32) / columns as f32;
        let down = (tall - space::ITEM * (rows - 1) as f32) / rows as f32 - AROUND;
        across.min(down)
    };
    // Of equally good numbers the first: rows as even as can be.
    let columns = (1..=count.max(1)).rev().max_by(|&a, &b| side(a).total_cmp(&side(b))).unwrap_or(1);
    (columns, side(columns).floor().max(32.0))
}

/// The same, with no tile smaller than `least`: what has no room then is below, to be scrolled to.
#[must_use]
pub fn grid_of_at_least(least: f32, width: f32, tall: f32, count: usize) -> (usize, f32) {
    let (columns, side) = grid(width, tall, count);
    if side >= least {
        return (columns, side.min((tall - AROUND).max(least)));
    }
    let columns = (((width + space::GROUP) / (least + space::GROUP)) as usize).clamp(1, count.max(1));
    (columns, least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fill_the_pane_they_have() {
        assert_eq!(grid(1000.0, 200.0, 5).0, 5);
        assert_eq!(grid(200.0, 1000.0, 5).0, 1);
        let (columns, side) = grid(800.0, 300.0, 10);
        assert_eq!(columns, 5);
        assert!(side * 2.0 + 2.0 * AROUND + space::ITEM <= 300.0);
        assert_eq!(grid_of_at_least(56.0, 800.0, 300.0, 10), (columns, side));
        // Six of 72 take 492 points: five stand in a row, and the sixth is below.
        assert_eq!(grid_of_at_least(72.0, 450.0, 100.0, 6), (5, 72.0));
    }
}
