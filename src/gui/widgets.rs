//! Small parts that several panes use.

use eframe::egui::{
    self, Align, Align2, Button, Color32, FontId, Layout, Pos2, Rect, Response, RichText, Sense, Ui, vec2,
};

use super::command::Command;
use super::context::{Context, tooltip};
use super::theme::{Tokens, space, text};

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

/// Gives a control the name that assistive technology reads out.
pub fn named(response: &Response, words: &str) {
    response.ctx.accesskit_node_builder(response.id, |node| node.set_label(words));
}

/// A button for a command, with the command's own tooltip.
pub fn command_button(ui: &mut Ui, cx: &mut Context<'_>, label: &str, command: Command) -> Response {
    let mut response = ui.button(label);
    if let Some(hint) = tooltip(ui.ctx(), &command) {
        response = response.on_hover_text(hint);
    }
    if response.clicked() {
        cx.run(command);
    }
    response
}

/// A button that is lit while its state holds.
pub fn toggle(ui: &mut Ui, cx: &mut Context<'_>, on: bool, label: &str, command: Command) -> Response {
    let mut response = ui.add(Button::selectable(on, label).frame_when_inactive(true));
    if let Some(hint) = tooltip(ui.ctx(), &command) {
        response = response.on_hover_text(hint);
    }
    if response.clicked() {
        cx.run(command);
    }
    response
}

/// Buttons side by side of which one is lit.
pub fn segments<T: PartialEq + Copy>(ui: &mut Ui, chosen: T, choices: &[(T, &str, &str)]) -> Option<T> {
    let mut picked = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (value, label, hint) in choices {
            let button = ui.add(Button::selectable(*value == chosen, *label).frame_when_inactive(true));
            if button.on_hover_text(*hint).clicked() {
                picked = Some(*value);
            }
        }
    });
    picked
}

/// A level on 0–255, one decimal.
#[must_use]
pub fn of_255(level: f32) -> String {
    let level = level * 255.0;
    if (level - level.round()).abs() < 0.05 { format!("{level:.0}") } else { format!("{level:.1}") }
}

/// A probability for people: `97 %`, `0.3 %`, `<0.1 %`.
#[must_use]
pub fn percent(probability: f64) -> String {
    let percent = probability * 100.0;
    if percent >= 99.95 {
        "100 %".to_owned()
    } else if percent >= 9.95 {
        format!("{percent:.0} %")
    } else if percent >= 0.05 {
        format!("{percent:.1} %")
    } else {
        "<0.1 %".to_owned()
    }
}

/// A span of time for people: `42 s`, `3 min`, `2 h 05 min`.
#[must_use]
pub fn time_words(time: std::time::Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..100 => format!("{seconds} s"),
        100..5400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A small value with two significant digits.
#[must_use]
pub fn small(value: f32) -> String {
    let size = value.abs();
    if size == 0.0 || !size.is_finite() {
        return format!("{value}");
    }
    if size < 1e-3 {
        return format!("{value:.0e}");
    }
    let digits = (1 - size.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{value:.digits$}")
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
    ui.allocate_rect(rect, Sense::hover());
    let width = rect.width() - 2.0 * space::SECTION;
    let job = egui::text::LayoutJob::simple(words.to_owned(), FontId::proportional(text::BODY), tokens.dim, width);
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size()).min, galley, tokens.dim);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(percent(0.9999), "100 %");
        assert_eq!(percent(0.973), "97 %");
        assert_eq!(percent(0.0312), "3.1 %");
        assert_eq!(percent(1e-5), "<0.1 %");
        assert_eq!(small(0.04321), "0.043");
        assert_eq!(small(3.21), "3.2");
        assert_eq!(small(0.000_41), "4e-4");
        assert_eq!(of_255(25.0 / 255.0), "25");
        assert_eq!(of_255(0.1), "25.5");
        let words = |seconds| time_words(std::time::Duration::from_secs(seconds));
        assert_eq!([words(42), words(200), words(7500)], ["42 s", "3 min", "2 h 05 min"]);
    }
}
