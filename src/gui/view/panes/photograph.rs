//! The photograph at its own size: noisy and restored, with a line between them, down to single pixels.

use std::time::{Duration, Instant};

use eframe::egui::{
    self, Align2, Color32, ComboBox, CursorIcon, FontId, Painter, PointerButton, Pos2, ProgressBar, Rect, Response,
    Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2,
};

mod fill;

use super::PaneInfo;
use crate::gui::command::{FillCommand, ModelCommand, PhotoCommand};
use crate::gui::state::model::ModelSource;
use crate::gui::state::pane::Pane;
use crate::gui::state::photo::{Layer, Part, Photo, PhotoView, Shown};
use crate::gui::state::photo_fill::Over;
use crate::gui::view::command_button::command_button;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::mosaic::{self, Place};
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::tile::{FIGURES_FROM, LINES_FROM, WHEEL, figures, outlined};
use crate::gui::view::widgets::{self, dim, named, segments};
use crate::network::PHOTOGRAPHS;
use crate::picture::Picture;
use crate::study::native::{self, Tiling};
use crate::study::words::{duration, number};

/// So near the line, in points, the pointer takes it rather than the picture.
const NEAR: f32 = 8.0;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::PHOTOGRAPH,
    title: "Photograph",
    hint: "The whole picture at its own size, noisy and restored, to wipe and to zoom into, and to save",
    place: super::Place::Below,
    classes: false,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.document.entry().is_none() {
        widgets::empty(ui, "Open a photograph: it is restored at its own size here.");
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(space::TIGHT, space::TIGHT);
        controls(ui, cx);
    });
    let filling = cx.session.photo.shown == Shown::Fill && cx.session.photo.base.is_some();
    if !filling {
        progress(ui, cx);
    }
    if let Some(words) = missing(cx) {
        widgets::empty(ui, &words);
        return;
    }
    if filling {
        fill::controls(ui, cx);
    }
    picture(ui, cx);
}

/// Why nothing is restored here.
fn missing(cx: &Context<'_>) -> Option<String> {
    let model = &cx.session.model.as_ref()?.joint;
    let shape = cx.session.photo.base.as_ref()?.full().picture().shape();
    (!native::accepts(&**model, shape, Tiling::default())).then(|| {
        format!(
            "The model {} takes pictures of {} only; choose one that takes any size, as cifar10 does.",
            model.name(),
            model.shape()
        )
    })
}

fn controls(ui: &mut Ui, cx: &mut Context<'_>) {
    let own = cx.document.already_noisy;
    let all = [
        (Shown::Wipe, "Wipe", "Restored left of the line, noisy right of it; drag the line"),
        (Shown::Restored, "Restored", "The restored picture alone"),
        (Shown::Noisy, "Noisy", if own { "The picture as it is" } else { "The picture with the noise on it" }),
        (Shown::Clean, "Clean", "The picture before noise was added"),
        (Shown::Fill, "Fill", "Paint a hole into the picture, and see what could be there"),
    ];
    // A picture with noise of its own is the noisy one.
    let choices: Vec<_> = all.into_iter().filter(|(shown, ..)| !own || *shown != Shown::Clean).collect();
    if let Some(shown) = segments(ui, cx.session.photo.shown, &choices) {
        cx.run(PhotoCommand::Show(shown));
    }
    classes(ui, cx);
    command_button(ui, cx, "All of it", PhotoCommand::WholeInSight);
    command_button(ui, cx, "1:1", PhotoCommand::ActualPixels);
    let filling = cx.session.photo.shown == Shown::Fill;
    if !filling {
        command_button(ui, cx, "Its own noise", PhotoCommand::Estimate);
    }
    // It knows no classes, and restores better than what does.
    if cx.session.classes().len() > 1 && cx.session.photo.class.is_none() {
        let source = ModelSource::Bundled(PHOTOGRAPHS.to_owned());
        command_button(ui, cx, "Use photographs", ModelCommand::Use(source));
    }
    if filling {
        let button = ui.add_enabled(cx.session.photo.fill.is_finished(), egui::Button::new("Save…"));
        named(&button, "Save the filled photograph");
        let button = button.explained("The photograph with the fill that is shown; nothing but the hole changes");
        if button.on_disabled_hover_text("Look at a fill that is done, or at their mean").clicked() {
            cx.run(PhotoCommand::Fill(FillCommand::Save));
        }
        return;
    }
    let ready = cx.session.photo.result().is_some();
    let button = ui.add_enabled(ready, egui::Button::new("Save…"));
    named(&button, "Save the restored photograph");
    let button = button.explained("The whole restored photograph, at its own size");
    if button.on_disabled_hover_text("The whole is not restored yet").clicked() {
        cx.run(PhotoCommand::Save);
    }
}

/// What it is restored as.
fn classes(ui: &mut Ui, cx: &mut Context<'_>) {
    let names = cx.session.classes().to_vec();
    if names.len() < 2 {
        return;
    }
    let chosen = cx.session.photo.class;
    let label = |class: Option<usize>| match class.and_then(|class| names.get(class)) {
        Some(name) => format!("as {name}"),
        None => "freely".to_owned(),
    };
    let combo = ComboBox::from_id_salt("photo class").width(110.0).selected_text(label(chosen)).show_ui(ui, |ui| {
        for class in std::iter::once(None).chain((0..names.len()).map(Some)) {
            if ui.selectable_label(class == chosen, label(class)).clicked() {
                cx.run(PhotoCommand::SetClass(class));
            }
        }
    });
    named(&combo.response, "Restore the photograph as");
}

/// How far it is, and what came of it.
fn progress(ui: &mut Ui, cx: &mut Context<'_>) {
    let photo = &cx.session.photo;
    let Some(shape) = photo.base.as_ref().map(|base| base.full().picture().shape()) else {
        dim(ui, "Getting the picture ready…");
        return;
    };
    let mut words = vec![format!("{}×{}", shape.width, shape.height)];
    let going = cx.questions.photo_whole.is_pending();
    if let Some(whole) = photo.result() {
        words.push(format!("all of it restored in {}", took(whole.seconds)));
        if let Some([noisy, restored]) = whole.psnr {
            words.push(format!("PSNR {} to {} dB", number(noisy, 2), number(restored, 2)));
        }
    } else if cx.questions.photo_preview.is_pending() {
        words.push("restoring what is in sight".to_owned());
    } else if !going && photo.stopped && !photo.patches.is_empty() {
        words.push("only what is in sight is restored".to_owned());
    }
    let (share, left, stopped, ready) =
        (photo.share, photo.pace.left(Instant::now()), photo.stopped, photo.result().is_some());
    ui.horizontal(|ui| {
        dim(ui, words.join(", "));
        if going {
            let bar = ProgressBar::new(share).desired_width(120.0).desired_height(8.0);
            named(&ui.add(bar), "Restored of the whole photograph");
            if let Some(left) = left {
                dim(ui, format!("{} left", took(left.as_secs_f64())));
            }
            command_button(ui, cx, "Cancel", PhotoCommand::ToggleWhole);
        } else if stopped && !ready {
            command_button(ui, cx, "Restore the rest", PhotoCommand::ToggleWhole);
        }
    });
}

/// A time in words, short ones with a decimal.
fn took(seconds: f64) -> String {
    if seconds < 10.0 { format!("{} s", number(seconds, 1)) } else { duration(Duration::from_secs_f64(seconds)) }
}

/// The picture, as large as the pane.
fn picture(ui: &mut Ui, cx: &mut Context<'_>) {
    let room = ui.available_size().max(vec2(64.0, 64.0));
    let (rect, response) = ui.allocate_exact_size(room, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "The photograph"));
    let tokens = Tokens::in_ui(ui);
    ui.painter().rect_filled(rect, 0.0, tokens.mat);
    let (frame, own) = (cx.session.frame, cx.document.already_noisy);
    let photo = &mut cx.session.photo;
    let (Some(noisy), Some(size)) = (photo.noisy.clone(), photo.size()) else {
        let font = FontId::proportional(text::BODY);
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, "Getting the picture ready…", font, tokens.dim);
        return;
    };
    photo.tile = [rect.width(), rect.height()];
    let shown = if own && photo.shown == Shown::Clean { Shown::Noisy } else { photo.shown };
    let place = interact(ui, photo, &response, rect, shown);
    let level = noisy.level_for(place.points * ui.pixels_per_point());
    photo.seen = place.in_sight(level, noisy.level(level).picture().shape());
    if !ui.is_rect_visible(rect) {
        return;
    }
    // Left of this the restored picture is shown, right of it the other.
    let middle = match shown {
        Shown::Wipe => (place.origin.x + photo.wipe * size[0] * place.points).clamp(rect.left(), rect.right()),
        Shown::Restored => rect.right(),
        Shown::Noisy | Shown::Clean | Shown::Fill => rect.left(),
    };
    let painter = ui.painter().with_clip_rect(rect);
    let cut = |from: f32, to: f32| Place {
        clip: place.clip.intersect(Rect::everything_right_of(from)).intersect(Rect::everything_left_of(to)),
        ..place
    };
    restored(&painter, photo, (frame, tokens), (&noisy, level), cut(rect.left(), middle));
    let clean = matches!(shown, Shown::Clean | Shown::Fill);
    let other = if clean { photo.base.clone().unwrap_or(noisy) } else { noisy };
    mosaic::paint(&painter, &mut photo.cells, frame, &other, level, cut(middle, rect.right()));
    let over = (shown == Shown::Fill).then(|| photo.fill.over()).flatten();
    if let Some(over) = &over {
        let part = fill::part(over);
        let place = Place { clip: place.clip.intersect(place.rect(part)), ..place };
        mosaic::paint_part(&painter, &mut photo.cells, frame, &over.content, part, place);
    } else if shown == Shown::Fill {
        fill::veil(&painter, &photo.fill.hole, place, tokens);
    }
    if place.points >= LINES_FROM && cx.settings.grid {
        mosaic::lines(&painter, other.full().picture().shape(), place, tokens.line);
    }
    let values = Values { photo: &cx.session.photo, other: other.full().picture(), over: over.as_ref(), middle, place };
    values.on_pixels(&painter);
    if let Some(pointer) = response.hover_pos() {
        values.under_pointer(&painter, pointer, rect);
    }
    if shown == Shown::Fill {
        fill::paint(ui, cx, &response, place);
    }
    if shown == Shown::Wipe {
        painter.vline(middle, rect.y_range(), Stroke::new(2.0, tokens.accent));
        if response.hover_pos().is_some_and(|pointer| (pointer.x - middle).abs() < NEAR) {
            ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
        }
    }
    let line = if response.has_focus() { tokens.accent } else { tokens.line };
    ui.painter().rect_stroke(rect, 0.0, Stroke::new(1.0, line), StrokeKind::Outside);
}

/// Zoom, pan and the line; where the picture lies then.
fn interact(ui: &Ui, photo: &mut Photo, response: &Response, rect: Rect, shown: Shown) -> Place {
    let Some(size) = photo.size() else { return Place { origin: rect.min, points: 1.0, clip: rect } };
    let tile = photo.tile;
    if let Some(pointer) = response.hover_pos() {
        let about = pointer - rect.center();
        let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
        let factor = (scroll * WHEEL).exp() * pinch;
        if (factor - 1.0).abs() > 1e-4 {
            photo.view.zoom_about(factor, [about.x, about.y], size, tile);
            ui.input_mut(|i| i.smooth_scroll_delta = Vec2::ZERO);
        }
    }
    let line = |photo: &Photo| {
        let points = photo.view.points(size, tile);
        rect.center().x + (photo.wipe - photo.view.centre[0]) * size[0] * points
    };
    let id = response.id.with("line");
    if response.drag_started() {
        let near = ui.input(|i| i.pointer.press_origin()).is_some_and(|at| (at.x - line(photo)).abs() < NEAR);
        ui.data_mut(|data| data.insert_temp(id, shown == Shown::Wipe && near));
    }
    // Where there is a brush, another button moves.
    let brushes = shown == Shown::Fill;
    if response.dragged() && !(brushes && response.dragged_by(PointerButton::Primary)) {
        let by = response.drag_delta();
        if ui.data(|data| data.get_temp(id)).unwrap_or(false) {
            let points = photo.view.points(size, tile);
            photo.wipe = (photo.wipe + by.x / points / size[0]).clamp(0.0, 1.0);
        } else {
            photo.view.pan([by.x, by.y], size, tile);
        }
    }
    if response.double_clicked() && !brushes {
        photo.view = if photo.view.scale.is_some() {
            PhotoView::default()
        } else {
            PhotoView { scale: Some(1.0), ..photo.view }
        };
    }
    let points = photo.view.points(size, tile);
    let origin = rect.center() - vec2(photo.view.centre[0] * size[0], photo.view.centre[1] * size[1]) * points;
    let all = Rect::from_min_size(origin, vec2(size[0], size[1]) * points);
    Place { origin, points, clip: all.intersect(rect).intersect(ui.clip_rect()) }
}

/// The restored picture: the whole if it is there, else the parts in sight over what there is, which is veiled.
fn restored(
    painter: &Painter,
    photo: &mut Photo,
    (frame, tokens): (u64, &Tokens),
    (noisy, level): (&Layer, usize),
    place: Place,
) {
    let is_whole = photo.result().is_some();
    let whole = photo.whole.as_ref().map(|whole| whole.layer.clone());
    mosaic::paint(painter, &mut photo.cells, frame, whole.as_ref().unwrap_or(noisy), level, place);
    if is_whole {
        return;
    }
    painter.rect_filled(place.clip, 0.0, tokens.surface.gamma_multiply(0.45));
    for patch in &photo.patches {
        let place = Place { clip: place.clip.intersect(place.rect(patch.part)), ..place };
        mosaic::paint_part(painter, &mut photo.cells, frame, &patch.content, patch.part, place);
    }
}

/// The values that are shown: restored left of the middle, another picture right of it.
struct Values<'a> {
    photo: &'a Photo,
    other: &'a Picture,
    /// What is shown in place of a part of that.
    over: Option<&'a Over>,
    middle: f32,
    place: Place,
}

impl Values<'_> {
    /// The value of a pixel, where it is known.
    fn at(&self, [x, y]: [usize; 2]) -> Option<[f32; 3]> {
        let of = |picture: &Picture, x: usize, y: usize| {
            let last = picture.shape().channels - 1;
            [0, 1, 2].map(|c| picture.at(c.min(last), y, x))
        };
        let pixel = Part { level: 0, from: [x, y], size: [1, 1] };
        if let Some(over) = self.over.filter(|over| fill::part(over).contains(&pixel)) {
            return Some(of(over.content.picture(), x - over.region.x, y - over.region.y));
        }
        if self.place.origin.x + (x as f32 + 0.5) * self.place.points > self.middle {
            return Some(of(self.other, x, y));
        }
        if let Some(whole) = self.photo.result() {
            return Some(of(whole.layer.full().picture(), x, y));
        }
        let patch = self.photo.patches.iter().rev().find(|patch| patch.part.contains(&pixel))?;
        Some(of(patch.content.picture(), x - patch.part.from[0], y - patch.part.from[1]))
    }

    /// Figures on pixels that are large enough for them.
    fn on_pixels(&self, painter: &Painter) {
        let shape = self.other.shape();
        let Some(seen) = self.place.in_sight(0, shape).filter(|_| self.place.points >= FIGURES_FROM) else { return };
        let painter = painter.with_clip_rect(self.place.clip);
        for y in seen.from[1]..seen.from[1] + seen.size[1] {
            for x in seen.from[0]..seen.from[0] + seen.size[0] {
                if let Some(value) = self.at([x, y]) {
                    let at = self.place.origin + vec2(x as f32 + 0.5, y as f32 + 0.5) * self.place.points;
                    outlined(&painter, at, &figures(value, shape.channels, "\n"), text::SMALL);
                }
            }
        }
    }

    /// The pixel under the pointer and its value, along the lower edge.
    fn under_pointer(&self, painter: &Painter, pointer: Pos2, rect: Rect) {
        let shape = self.other.shape();
        let at = (pointer - self.place.origin) / self.place.points;
        if !(0.0..shape.width as f32).contains(&at.x) || !(0.0..shape.height as f32).contains(&at.y) {
            return;
        }
        let pixel = [at.x as usize, at.y as usize];
        let value = self.at(pixel).map_or_else(|| "not restored yet".to_owned(), |v| figures(v, shape.channels, "  "));
        let words = format!("{}, {}   {value}   {} %", pixel[0], pixel[1], (self.place.points * 100.0).round());
        let strip = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 17.0), rect.max);
        painter.rect_filled(strip, 0.0, Color32::from_black_alpha(190));
        painter.text(strip.center(), Align2::CENTER_CENTER, words, FontId::monospace(10.5), Color32::WHITE);
    }
}
