//! A column at the left of a pane, with controls or figures that scroll.

use std::fmt::Debug;
use std::hash::Hash;

use eframe::egui::{Align, Layout, ScrollArea, Ui, Vec2, vec2};

use crate::gui::view::context::Context;
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::theme::space;

/// A column of this size, which scrolls where its content is higher, and to what has the keyboard's focus.
pub fn column(ui: &mut Ui, size: Vec2, id: impl Hash + Debug, content: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
        ui.set_width(size.x);
        ScrollArea::vertical().id_salt(id).auto_shrink([false, false]).show_following(ui, |ui| {
            ui.set_max_width(size.x - space::ITEM);
            content(ui);
        });
    });
}

/// A column of this width and the pane's height, and what comes of it beside.
pub fn column_beside(
    ui: &mut Ui,
    cx: &mut Context<'_>,
    (width, id): (f32, impl Hash + Debug),
    left: impl FnOnce(&mut Ui, &mut Context<'_>),
    rest: impl FnOnce(&mut Ui, &mut Context<'_>),
) {
    let tall = ui.available_height();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::SECTION;
        column(ui, vec2(width, tall), id, |ui| left(ui, cx));
        ui.vertical(|ui| rest(ui, cx));
    });
}
