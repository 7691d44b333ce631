//! The sheet to draw on: small in its pane, or large over the window.

use eframe::egui::{
    self, Align2, CursorIcon, Event, FontId, PointerButton, Pos2, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
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
        let font = FontId::proportional(text::HEADING.min(rect.width() / 6.0).max(1.0));
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, "Draw here", font, egui::Color32::GRAY);
    }
    let to_pixels = |at: Pos2| {
        [
            (at.x - rect.left()) / rect.width() * shape.width as f32,
            (at.y - rect.top()) / rect.height() * shape.height as f32,
        ]
    };
    // A quick hand passes many points in a frame, of which the last alone would be a chord of what was drawn; and presses, draws and lets
    // go within one, of which the toolkit makes neither a drag nor a click.
    let id = response.id.with("pen");
    let before: Option<Pen> = ui.data(|data| data.get_temp(id)).flatten();
    let (clip, layer) = (outer.intersect(ui.clip_rect()), ui.layer_id());
    let begins = |at: Pos2| clip.contains(at) && ui.ctx().layer_id_at(at) == Some(layer);
    let events = ui.input(|i| i.events.clone());
    let (strokes, after) = strokes(&events, before, begins);
    for (from, to, erase) in strokes {
        let erase = erase || cx.session.eraser;
        cx.run(PictureCommand::Draw { from: to_pixels(from), to: to_pixels(to), erase });
    }
    ui.data_mut(|data| data.insert_temp(id, after));
    response.on_hover_cursor(CursorIcon::Crosshair);
}

/// Where the pen is down, and whether it takes ink away, as the right button does.
type Pen = (Pos2, bool);

/// What the pen drew in a frame, from where it was down at the end of the last one, and where it is down now. It is set down where
/// `begins` says so.
fn strokes(
    events: &[Event],
    before: Option<Pen>,
    begins: impl Fn(Pos2) -> bool,
) -> (Vec<(Pos2, Pos2, bool)>, Option<Pen>) {
    let (mut strokes, mut at) = (Vec::new(), before);
    for event in events {
        match (event, at) {
            (Event::PointerButton { pos, button, pressed: true, .. }, None) if begins(*pos) => {
                let erase = *button == PointerButton::Secondary;
                strokes.push((*pos, *pos, erase));
                at = Some((*pos, erase));
            }
            (Event::PointerMoved(pos), Some((from, erase))) => {
                strokes.push((from, *pos, erase));
                at = Some((*pos, erase));
            }
            (Event::PointerButton { pos, pressed: false, .. }, Some((from, erase))) => {
                strokes.push((from, *pos, erase));
                at = None;
            }
            (Event::PointerGone, _) => at = None,
            _ => {}
        }
    }
    (strokes, at)
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Modifiers, pos2};

    use super::*;

    #[test]
    fn every_position_of_a_frame_is_drawn() {
        let button = |pos, button, pressed| Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE };
        let (left, right) = (PointerButton::Primary, PointerButton::Secondary);
        let [a, b, c, d] = [pos2(0.0, 0.0), pos2(5.0, 0.0), pos2(5.0, 5.0), pos2(0.0, 5.0)];
        let events = [Event::PointerMoved(d), button(a, left, true), Event::PointerMoved(b), Event::PointerMoved(c)];
        let (drawn, at) = strokes(&events, None, |_| true);
        assert_eq!((drawn, at), (vec![(a, a, false), (a, b, false), (b, c, false)], Some((c, false))));
        let (drawn, at) =
            strokes(&[Event::PointerMoved(d), button(d, left, false), Event::PointerMoved(a)], at, |_| true);
        assert_eq!((drawn, at), (vec![(c, d, false), (d, d, false)], None));
        // Set down, drawn and lifted within one frame.
        let whole = [button(a, right, true), Event::PointerMoved(b), button(c, right, false)];
        assert_eq!(strokes(&whole, None, |_| true), (vec![(a, a, true), (a, b, true), (b, c, true)], None));
        assert_eq!(strokes(&whole, None, |_| false), (Vec::new(), None), "beside the sheet");
    }
}
