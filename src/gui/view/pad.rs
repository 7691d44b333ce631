//! The sheet to draw on: small in its pane, or large over the window.

use eframe::egui::{
    self, Align2, CursorIcon, Event, FontId, Pos2, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
};

use crate::gui::command::PictureCommand;
use crate::gui::state::document::Entry;
use crate::gui::view::command_button::command_button;
use crate::gui::view::context::Context;
use crate::gui::view::theme::{Tokens, text};
use crate::gui::view::widgets::{self, fitted, segments};

/// Pen, eraser, and the sheet in `size`.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>, entry: &Entry, size: impl FnOnce(&Ui) -> Vec2) {
    ui.horizontal(|ui| {
        let choices =
            [(false, "Pen", "Draw with the mouse"), (true, "Eraser", "Take ink away; the right button does too")];
        if let Some(eraser) = segments(ui, cx.session.eraser, &choices) {
            cx.session.eraser = eraser;
        }
        command_button(ui, cx, "Clear", PictureCommand::ClearDrawing);
    });
    let size = size(ui);
    sheet(ui, cx, entry, size);
}

fn sheet(ui: &mut Ui, cx: &mut Context<'_>, entry: &Entry, size: Vec2) {
    let tokens = Tokens::in_ui(ui);
    let picture = entry.original.picture();
    let shape = picture.shape();
    let (outer, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let rect = fitted(outer, shape.width as f32, shape.height as f32);
    response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Sheet to draw on"));
    let texture = cx.session.sharp_texture(ui.ctx(), &entry.original);
    widgets::paint_texture(ui, rect, texture);
    ui.painter().rect_stroke(rect, 0.0, Stroke::new(1.0, tokens.line), StrokeKind::Outside);
    if picture.values().iter().all(|value| *value == 0.0) {
        let font = FontId::proportional(text::HEADING);
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, "Draw here", font, egui::Color32::GRAY);
    }
    let to_pixels = |at: Pos2| {
        [
            (at.x - rect.left()) / rect.width() * shape.width as f32,
            (at.y - rect.top()) / rect.height() * shape.height as f32,
        ]
    };
    // A quick hand passes many points in a frame, of which the last alone would be a chord of what was drawn.
    let id = response.id.with("pen");
    let before: Option<Pos2> = ui.data(|data| data.get_temp(id)).flatten();
    let touched = response.interact_pointer_pos().is_some() || response.clicked() || response.drag_stopped();
    let (strokes, after) = ui.input(|i| strokes(&i.events, before));
    if touched {
        let erase = cx.session.eraser || ui.input(|i| i.pointer.secondary_down() || i.pointer.secondary_released());
        for [from, to] in strokes {
            cx.run(PictureCommand::Draw { from: to_pixels(from), to: to_pixels(to), erase });
        }
    }
    ui.data_mut(|data| data.insert_temp(id, after.filter(|_| touched)));
    response.on_hover_cursor(CursorIcon::Crosshair);
}

/// What the pen drew in a frame, from where it was down at the end of the last one, and where it is down now.
fn strokes(events: &[Event], before: Option<Pos2>) -> (Vec<[Pos2; 2]>, Option<Pos2>) {
    let (mut strokes, mut at) = (Vec::new(), before);
    for event in events {
        match (event, at) {
            (Event::PointerButton { pos, pressed: true, .. }, _) => {
                strokes.push([*pos, *pos]);
                at = Some(*pos);
            }
            (Event::PointerMoved(pos), Some(from)) => {
                strokes.push([from, *pos]);
                at = Some(*pos);
            }
            (Event::PointerButton { pos, pressed: false, .. }, Some(from)) => {
                strokes.push([from, *pos]);
                at = None;
            }
            _ => {}
        }
    }
    (strokes, at)
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Modifiers, PointerButton, pos2};

    use super::*;

    #[test]
    fn every_position_of_a_frame_is_drawn() {
        let button = |pos, pressed| Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        let [a, b, c, d] = [pos2(0.0, 0.0), pos2(5.0, 0.0), pos2(5.0, 5.0), pos2(0.0, 5.0)];
        let events = [Event::PointerMoved(d), button(a, true), Event::PointerMoved(b), Event::PointerMoved(c)];
        let (drawn, at) = strokes(&events, None);
        assert_eq!((drawn, at), (vec![[a, a], [a, b], [b, c]], Some(c)));
        let (drawn, at) = strokes(&[Event::PointerMoved(d), button(d, false), Event::PointerMoved(a)], at);
        assert_eq!((drawn, at), (vec![[c, d], [d, d]], None));
    }
}
