//! What panes with a form at their left have in common.

use eframe::egui::{Align, Layout, ScrollArea, TextEdit, Ui, vec2};

use crate::gui::command::Command;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::ShowFollowing as _;
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
    let available = ui.available_size();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::SECTION;
        let column = Layout::top_down(Align::Min);
        ui.allocate_ui_with_layout(vec2(CONTROLS, available.y), column, |ui| {
            ui.set_width(CONTROLS);
            ScrollArea::vertical().id_salt("form").auto_shrink([false, false]).show_following(ui, |ui| {
                ui.set_max_width(CONTROLS - space::ITEM);
                ui.spacing_mut().item_spacing.x = space::TIGHT;
                form(ui, cx);
            });
        });
        ui.vertical(|ui| rest(ui, cx));
    });
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
            let edit = TextEdit::singleline(value).hint_text(hint).desired_width(f32::INFINITY);
            named(&ui.add(edit).explained(value.as_str()), label);
        });
    });
}
