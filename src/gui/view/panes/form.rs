//! What panes with a form at their left have in common.

use eframe::egui::{Align, Layout, Ui};

use crate::gui::command::Command;
use crate::gui::view::column::column_beside;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::path_field::path_field;
use crate::gui::view::theme::space;
use crate::gui::view::widgets::named;

/// Width of the form.
const CONTROLS: f32 = 248.0;

/// A form that scrolls, and what comes of it beside.
pub(super) fn beside(
    ui: &mut Ui,
    cx: &mut Context<'_>,
    form: impl FnOnce(&mut Ui, &mut Context<'_>),
    rest: impl FnOnce(&mut Ui, &mut Context<'_>),
) {
    let left = |ui: &mut Ui, cx: &mut Context<'_>| {
        ui.spacing_mut().item_spacing.x = space::TIGHT;
        form(ui, cx);
    };
    column_beside(ui, cx, (CONTROLS, "form"), left, rest);
}

/// A path to be typed, or chosen by `choose`. `hint` and `help` say what it is: in the empty field, and over the button.
pub(super) fn path(
    ui: &mut Ui,
    cx: &mut Context<'_>,
    value: &mut String,
    label: &str,
    [hint, help]: [&str; 2],
    choose: impl Into<Command>,
) {
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut button = ui.button("Choose…");
            if !help.is_empty() {
                button = button.explained(help);
            }
            named(&button, &format!("{label}: choose"));
            if button.clicked() {
                cx.run(choose);
            }
            path_field(ui, value, hint, label).explained(value.as_str());
        });
    });
}
