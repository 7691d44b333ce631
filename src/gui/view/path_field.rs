//! A field for a path: of a long one the end is in sight, the file's name, until somebody edits it.

use eframe::egui::epaint::RectShape;
use eframe::egui::scroll_area::ScrollBarVisibility;
use eframe::egui::{
    Align, Align2, Color32, Frame, Layout, Margin, Rect, Response, ScrollArea, Shape, StrokeKind, TextEdit, TextStyle,
    Ui, pos2, vec2,
};

use crate::gui::view::widgets::{named, text_width};

/// Stands where the beginning is out of sight.
const CUT: &str = "…";

/// A field as wide as there is room. `hint` stands in it while it is empty, `label` is its name for a screen reader.
pub fn path_field(ui: &mut Ui, value: &mut String, hint: &str, label: &str) -> Response {
    let id = ui.make_persistent_id(("path", label));
    // What egui draws around any field lies around what of this one is in sight.
    let padding = ui.spacing().button_padding;
    let font = TextStyle::Body.resolve(ui.style());
    let room = ui.available_width();
    let past = (text_width(ui, value, &font) + 2.0 * padding.x - room).max(0.0);
    let edited = ui.memory(|memory| memory.has_focus(id));
    let tall = ui.spacing().interact_size.y.max(ui.text_style_height(&TextStyle::Body) + 2.0 * padding.y);
    let line = Layout::left_to_right(Align::Center);
    let (response, seen) = ui
        .allocate_ui_with_layout(vec2(room, tall), line, |ui| {
            let behind = ui.painter().add(Shape::Noop);
            let mut scroll = ScrollArea::horizontal()
                .id_salt(label)
                .scroll_bar_visibility(ScrollBarVisibility::AlwaysHidden)
                .content_margin(Margin::ZERO)
                .auto_shrink([false, true]);
            if !edited {
                scroll = scroll.horizontal_scroll_offset(past);
            }
            let shown = scroll.show(ui, |ui| {
                let margin = Margin::symmetric(padding.x as i8, padding.y as i8);
                let edit = TextEdit::singleline(value).id(id).hint_text(hint).clip_text(false).desired_width(room);
                ui.add(edit.frame(Frame::new().inner_margin(margin)))
            });
            let (response, seen) = (shown.inner, shown.inner_rect);
            let visuals = ui.visuals();
            let look = if response.hovered() { &visuals.widgets.hovered } else { &visuals.widgets.inactive };
            let stroke = if response.has_focus() { visuals.selection.stroke } else { look.bg_stroke };
            let (fill, corners) = (visuals.text_edit_bg_color(), look.corner_radius);
            ui.painter().set(behind, RectShape::filled(seen, corners, fill));
            if past > 0.5 && !response.has_focus() {
                cut(ui, seen, fill);
            }
            ui.painter().rect_stroke(seen, corners, stroke, StrokeKind::Inside);
            (response, seen)
        })
        .inner;
    if response.gained_focus() {
        // What it holds is wider than what is in sight of it, so that nobody else finds the place.
        ui.scroll_to_rect(seen, None);
    }
    named(&response, label);
    response
}

/// Marks that something is out of sight at the left.
fn cut(ui: &Ui, seen: Rect, fill: Color32) {
    let font = TextStyle::Body.resolve(ui.style());
    let left = seen.left() + ui.spacing().button_padding.x;
    let right = left + text_width(ui, CUT, &font);
    let under = seen.shrink(1.0).with_max_x(right);
    ui.painter().rect_filled(under, 0.0, fill);
    let colour = ui.visuals().weak_text_color();
    ui.painter().text(pos2(left, seen.center().y), Align2::LEFT_CENTER, CUT, font, colour);
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Key, Pos2};
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable;

    use super::*;

    const LONG: &str = "/data/of/a/university/with/long/names/runs/2026/cifar-10/robust/model.safetensors";

    fn field(value: &str) -> Harness<'static, (String, Rect)> {
        let show = |ui: &mut Ui, (value, rect): &mut (String, Rect)| {
            ui.set_width(220.0);
            *rect = ui.available_rect_before_wrap();
            path_field(ui, value, "a file", "Model file");
        };
        let mut window =
            Harness::builder().with_size([400.0, 80.0]).build_ui_state(show, (value.to_owned(), Rect::NOTHING));
        window.run_steps(3);
        window
    }

    /// Where the end of the path is, after the left edge of the field.
    fn end(window: &Harness<'_, (String, Rect)>) -> f32 {
        window.get_by_label("Model file").rect().right() - window.state().1.left()
    }

    #[test]
    fn the_end_of_a_long_path_is_in_sight_and_it_is_edited_where_it_is_clicked() {
        let mut window = field(LONG);
        let wide = window.get_by_label("Model file").rect().width();
        assert!(wide > 400.0 && (end(&window) - 220.0).abs() < 1.5, "{wide} {}", end(&window));
        // A click before the last letters puts the cursor there, and nothing moves under the pointer.
        let at = Pos2::new(window.state().1.left() + 150.0, window.get_by_label("Model file").rect().center().y);
        window.hover_at(at);
        window.drag_at(at);
        window.drop_at(at);
        window.run_steps(3);
        assert!((end(&window) - 220.0).abs() < 1.5, "{}", end(&window));
        window.event(eframe::egui::Event::Text("X".to_owned()));
        window.run_steps(3);
        let value = window.state().0.clone();
        let place = value.find('X').unwrap();
        assert!(place > LONG.len() - 20 && place < LONG.len() - 2, "{value}");
        // At the beginning it shows the beginning, and the end again when it is left.
        window.key_press(Key::Home);
        window.run_steps(20);
        assert!(end(&window) > 300.0, "{}", end(&window));
        window.key_press(Key::Escape);
        window.run_steps(3);
        assert!((end(&window) - 220.0).abs() < 1.5, "{}", end(&window));
    }

    #[test]
    fn a_short_path_begins_at_the_left() {
        let window = field("model.safetensors");
        let rect = window.get_by_label("Model file").rect();
        assert!((rect.left() - window.state().1.left()).abs() < 1.5 && (end(&window) - 220.0).abs() < 1.5, "{rect:?}");
    }
}
