//! The picture at its own size with the part that the model sees, to move; or the sheet to draw on.

use eframe::egui::{self, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::{PaneInfo, Place};
use crate::gui::command::PictureCommand;
use crate::gui::state::document::{Entry, Source};
use crate::gui::state::pane::Pane;
use crate::gui::view::context::Context;
use crate::gui::view::pad;
use crate::gui::view::theme::{Tokens, space};
use crate::gui::view::widgets::{self, fitted, segments};
use crate::picture::{self, Fit};

/// The smallest crop, in pixels of the picture.
const SMALLEST: f32 = 4.0;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::PICTURE,
    title: "Picture",
    hint: "The part of the picture that the model sees; the sheet to draw on",
    place: Place::Details,
    classes: false,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    let Some(entry) = cx.document.entry().cloned() else {
        widgets::empty(ui, "Nothing is open.");
        return;
    };
    if entry.source == Source::Drawn {
        pad::show(ui, cx, &entry, Ui::available_size);
    } else {
        fitting(ui, cx, &entry);
    }
}

fn fitting(ui: &mut Ui, cx: &mut Context<'_>, entry: &Entry) {
    let shape = entry.original.picture().shape();
    let (width, height) = (shape.width as f32, shape.height as f32);
    let whole = picture::Rect { x: 0.0, y: 0.0, width, height };
    let covered = cx.session.fitted.as_ref().map_or(whole, |f| f.rect);
    ui.horizontal(|ui| {
        let crop = matches!(entry.fit, Fit::Crop(_));
        let kind = if crop { 2 } else { u8::from(entry.fit == Fit::Whole) };
        let choices = [
            (0, "Centre", "The largest centred part of the model's proportions"),
            (1, "Whole", "All of the picture, with borders where needed"),
            (2, "Crop", "Drag the frame; drag its corner to change its size"),
        ];
        match segments(ui, kind, &choices) {
            Some(0) => cx.run(PictureCommand::SetFit(Fit::Centre)),
            Some(1) => cx.run(PictureCommand::SetFit(Fit::Whole)),
            Some(_) => cx.run(PictureCommand::SetFit(Fit::Crop(inside(covered, width, height)))),
            None => {}
        }
    });
    if let Some(fitted) = &cx.session.fitted {
        widgets::dim(ui, fitted.words.clone());
    }
    let (outer, _) = ui.allocate_exact_size(ui.available_size().max(vec2(48.0, 48.0)), Sense::hover());
    let rect = fitted(outer.shrink(space::TIGHT), width, height);
    let texture = cx.session.original_texture(ui.ctx(), entry);
    widgets::paint_texture(ui, rect, texture);
    crop_frame(ui, cx, rect, covered, (width, height));
}

/// The frame of what the model sees, to drag and to resize.
fn crop_frame(ui: &mut Ui, cx: &mut Context<'_>, rect: Rect, covered: picture::Rect, (width, height): (f32, f32)) {
    let tokens = Tokens::in_ui(ui);
    let scale = rect.width() / width;
    let frame =
        Rect::from_min_size(rect.min + vec2(covered.x, covered.y) * scale, vec2(covered.width, covered.height) * scale);
    let painter = ui.painter().with_clip_rect(rect.expand(2.0));
    let veil = tokens.ground.gamma_multiply(0.6);
    for outside in [
        Rect::from_min_max(rect.min, pos2(rect.right(), frame.top())),
        Rect::from_min_max(pos2(rect.left(), frame.bottom()), rect.max),
        Rect::from_min_max(pos2(rect.left(), frame.top()), pos2(frame.left(), frame.bottom())),
        Rect::from_min_max(pos2(frame.right(), frame.top()), pos2(rect.right(), frame.bottom())),
    ] {
        if outside.is_positive() {
            painter.rect_filled(outside, 0.0, veil);
        }
    }
    painter.rect_stroke(frame, 0.0, Stroke::new(1.5, tokens.accent), StrokeKind::Inside);
    let handle = Rect::from_center_size(frame.right_bottom(), vec2(14.0, 14.0));
    painter.rect_filled(handle.shrink(4.0), 1.0, tokens.accent);
    let body = ui.interact(frame.intersect(rect), ui.scope_id().with("crop"), Sense::drag());
    body.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Part that the model sees"));
    let corner = ui.interact(handle, ui.scope_id().with("crop corner"), Sense::drag());
    corner.widget_info(|| WidgetInfo::labeled(Role::Splitter, true, "Size of the part that the model sees"));
    let mut crop = covered;
    if corner.dragged() {
        let by = corner.drag_delta() / scale;
        let grow = f32::midpoint(by.x, by.y * covered.width / covered.height);
        let wide = (covered.width + grow).clamp(SMALLEST, width - covered.x.max(0.0));
        crop.height *= wide / covered.width;
        crop.width = wide;
    } else if body.dragged() {
        crop.x += body.drag_delta().x / scale;
        crop.y += body.drag_delta().y / scale;
    }
    if crop != covered {
        cx.run(PictureCommand::SetFit(Fit::Crop(inside(crop, width, height))));
    }
    body.on_hover_cursor(egui::CursorIcon::Grab);
    corner.on_hover_cursor(egui::CursorIcon::ResizeNwSe);
}

/// The crop moved inside of the picture, and made smaller if it is too large for that.
fn inside(crop: picture::Rect, width: f32, height: f32) -> picture::Rect {
    let shrink = (width / crop.width).min(height / crop.height).min(1.0);
    let (wide, tall) = (crop.width * shrink, crop.height * shrink);
    let x = crop.x.clamp(0.0, (width - wide).max(0.0));
    let y = crop.y.clamp(0.0, (height - tall).max(0.0));
    picture::Rect { x, y, width: wide, height: tall }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_stay_inside_of_the_picture() {
        let crop = picture::Rect { x: -5.0, y: 90.0, width: 50.0, height: 50.0 };
        let kept = inside(crop, 100.0, 100.0);
        assert_eq!(kept, picture::Rect { x: 0.0, y: 50.0, width: 50.0, height: 50.0 });
        let large = inside(picture::Rect { x: 0.0, y: 0.0, width: 200.0, height: 200.0 }, 100.0, 80.0);
        assert!((large.width - 80.0).abs() < 1e-3 && (large.height - 80.0).abs() < 1e-3);
    }
}
