//! Small parts that several panes use.

use eframe::egui::{
    self, Align, Align2, Button, Color32, FontId, Layout, Pos2, Rect, Response, RichText, Role, Sense, Stroke, Ui,
    WidgetInfo, vec2,
};

use crate::gui::view::explain::Explain as _;
use crate::gui::view::theme::{Tokens, space, text};
use crate::study::words::percent;

/// A section's title: small, dim, in capitals' stead by weight alone.
pub fn section(ui: &mut Ui, title: &str) {
    let tokens = Tokens::in_ui(ui);
    ui.add_space(space::TIGHT);
    ui.label(RichText::new(title).size(text::SMALL).color(tokens.dim));
}

/// Secondary text.
pub fn dim(ui: &mut Ui, words: impl Into<String>) -> Response {
    let tokens = Tokens::in_ui(ui);
    ui.label(RichText::new(words).size(text::SMALL).color(tokens.dim))
}

/// A name at the left and a value at the right of one line.
pub fn fact(ui: &mut Ui, name: &str, value: &str) -> Response {
    let tokens = Tokens::in_ui(ui);
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).color(tokens.dim));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(egui::Label::new(RichText::new(value).color(tokens.strong)).truncate())
        })
        .inner
    })
    .inner
}

/// A bar as long as its share of the width, down to nothing: one with round ends would have a least length.
pub fn share_bar(ui: &mut Ui, share: f64, size: egui::Vec2, colour: Color32, words: &str) -> Response {
    let tokens = Tokens::in_ui(ui);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, words));
    ui.painter().rect_filled(rect, 2.0, tokens.ground);
    let long = rect.width() * share.clamp(0.0, 1.0) as f32;
    ui.painter().rect_filled(rect.with_max_x(rect.left() + long), 2.0, colour);
    response
}

/// A class that is believed in: its name at the left, how much at the right, and a bar under both.
pub fn believed(ui: &mut Ui, name: &str, share: f64, (size, colour): (f32, Color32), fill: Color32) {
    let words = percent(share);
    let width = ui.available_width();
    ui.allocate_ui_with_layout(vec2(width, size * 1.3), Layout::right_to_left(Align::Center), |ui| {
        ui.label(RichText::new(&words).size(size).color(colour));
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(egui::Label::new(RichText::new(name).size(size).color(colour)).truncate());
        });
    });
    share_bar(ui, share, vec2(width, 8.0), fill, &format!("{name} {words}"));
}

/// Gives a control the name that assistive technology reads out.
pub fn named(response: &Response, words: &str) {
    response.ctx.accesskit_node_builder(response.id, |node| node.set_label(words));
}

/// Buttons side by side of which one is lit.
pub fn segments<T: PartialEq + Copy>(ui: &mut Ui, chosen: T, choices: &[(T, &str, &str)]) -> Option<T> {
    ui.horizontal(|ui| each_segment(ui, chosen, choices)).inner
}

/// The same, in as many lines as it takes.
pub fn wrapped_segments<T: PartialEq + Copy>(ui: &mut Ui, chosen: T, choices: &[(T, &str, &str)]) -> Option<T> {
    ui.horizontal_wrapped(|ui| each_segment(ui, chosen, choices)).inner
}

fn each_segment<T: PartialEq + Copy>(ui: &mut Ui, chosen: T, choices: &[(T, &str, &str)]) -> Option<T> {
    let mut picked = None;
    ui.spacing_mut().item_spacing = vec2(2.0, 2.0);
    for (value, label, hint) in choices {
        let button = ui.add(Button::selectable(*value == chosen, *label).frame_when_inactive(true));
        if *value == chosen {
            underline(ui, &button);
        }
        if button.explained(*hint).clicked() {
            picked = Some(*value);
        }
    }
    picked
}

/// Marks what is chosen by more than its colour.
pub fn underline(ui: &Ui, response: &Response) {
    let rect = response.rect.shrink2(vec2(5.0, 2.0));
    ui.painter().hline(rect.x_range(), rect.bottom(), Stroke::new(1.5, Tokens::in_ui(ui).accent));
}

/// Paints text cut to `width` with an ellipsis, and returns how wide it is.
pub fn paint_text(ui: &Ui, at: Pos2, anchor: Align2, words: &str, font: FontId, colour: Color32, width: f32) -> f32 {
    let mut job = egui::text::LayoutJob::simple_singleline(words.to_owned(), font, colour);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width.max(0.0));
    let galley = ui.painter().layout_job(job);
    let size = galley.size();
    ui.painter().galley(anchor.anchor_size(at, size).min, galley, colour);
    size.x
}

/// How wide a line of text is.
#[must_use]
pub fn text_width(ui: &Ui, words: &str, font: &FontId) -> f32 {
    ui.painter().layout_no_wrap(words.to_owned(), font.clone(), Color32::WHITE).size().x
}

/// A picture from the filmstrip's store, painted as a plain egui texture.
pub fn paint_texture(ui: &Ui, rect: Rect, texture: egui::TextureId) {
    let uv = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
    ui.painter().image(texture, rect, uv, Color32::WHITE);
}

/// The largest rectangle of these proportions in the middle of another.
#[must_use]
pub fn fitted(outer: Rect, width: f32, height: f32) -> Rect {
    let scale = (outer.width() / width).min(outer.height() / height);
    Rect::from_center_size(outer.center(), vec2(width, height) * scale)
}

/// Words in the middle of an empty pane.
pub fn empty(ui: &mut Ui, words: &str) {
    let tokens = Tokens::in_ui(ui);
    let rect = ui.available_rect_before_wrap();
    let response = ui.allocate_rect(rect, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
    let width = rect.width() - 2.0 * space::SECTION;
    let job = egui::text::LayoutJob::simple(words.to_owned(), FontId::proportional(text::BODY), tokens.dim, width);
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size()).min, galley, tokens.dim);
}
