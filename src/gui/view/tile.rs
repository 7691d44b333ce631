//! A tile on screen: the picture, its caption, what is under the pointer, its menu.

use std::time::Duration;

use eframe::egui::{
    self, Align2, Color32, FontId, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use eframe::egui_wgpu::Callback;

use crate::gui::command::{DrawCommand, ExploreCommand, ExportCommand, TileCommand};
use crate::gui::gpu::{Channel, Compare, Content, Look, Mode, Params, Plane, TileCallback, Viewport, value_at};
use crate::gui::state::document::TileKind;
use crate::gui::state::drawn::Known;
use crate::gui::state::explore::{Explore, Mode as ExploreMode};
use crate::gui::state::tile_content::{self, TileContent, tile_content};
use crate::gui::view::caption::{self, Caption};
use crate::gui::view::context::Context;
use crate::gui::view::theme::{Tokens, height, text};
use crate::gui::view::widgets::text_width;

/// From this many points on, a picture pixel gets its lines; and from this many its value in figures.
pub(super) const LINES_FROM: f32 = 10.0;
pub(super) const FIGURES_FROM: f32 = 56.0;

/// The size of the figures of the pixel under the pointer.
const READING: f32 = 10.5;
/// By how much, as a logarithm, a point of the wheel zooms: a notch, some eighty points, by about 1.2.
pub(super) const WHEEL: f32 = 0.0023;
/// The least and the most gain that a person can choose.
pub(super) const GAINS: [f32; 2] = [0.1, 32.0];
/// An answer that is on its way for longer than this is marked; before, marking would only flicker.
pub const PATIENCE: Duration = Duration::from_millis(150);

/// Shows a tile whose picture takes `size`.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>, kind: TileKind, size: Vec2, caption: &Caption) -> Response {
    let (outer, _) = ui.allocate_exact_size(vec2(size.x, size.y + caption::AROUND), Sense::hover());
    let rect = Rect::from_min_size(outer.min + vec2(0.0, height::CAPTION), size);
    let id = ui.scope_id().with(("tile", kind));
    let response = ui.interact(rect, id, Sense::click_and_drag());
    let source = tile_content(kind, cx.document, cx.session);
    let name = caption.name.clone().unwrap_or_else(|| kind.label(cx.session.classes()));
    let name = source.as_ref().map_or_else(|| name.clone(), |source| title(cx, kind, &name, source));
    let words = source.as_ref().and_then(TileContent::words);
    let described = [Some(name.clone()), caption.figure.clone(), words].into_iter().flatten().collect::<Vec<_>>();
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, described.join(", ")));
    if !ui.is_rect_visible(outer) {
        return response;
    }
    let no_room = caption::above(ui, outer.with_max_y(rect.top()), &name, caption);
    let tokens = Tokens::in_ui(ui);
    if source.as_ref().is_none_or(|source| source.stale) && waited(cx) > Duration::ZERO {
        // Nothing else may happen until it is to be said that this is late.
        ui.ctx().request_repaint_after(PATIENCE);
    }
    if let Some(source) = &source {
        let viewport = interact(ui, cx, &response, rect, source, kind);
        paint_picture(ui, cx, rect, id, source, viewport);
        paint_over(ui, cx, rect, source, viewport);
        paint_region(ui, cx, rect, kind, viewport);
        if is_painted(cx, kind)
            && let Some(pointer) = response.hover_pos()
        {
            let reach = cx.session.explore.drawn.form.brush * rect.width() / viewport.span[0];
            let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
            painter.circle_stroke(pointer, reach, Stroke::new(1.5, tokens.accent));
        }
        menu(&response, cx, kind, source);
        let figure = caption.figure.as_deref().filter(|_| no_room);
        let old = source.stale && is_awaited(cx);
        let no_room = caption::below(ui, outer.with_min_y(rect.bottom()), source, figure, old);
        let font = FontId::monospace(READING);
        let fits = |figure: &&str| text_width(ui, figure, &font) <= rect.width();
        if let Some(figure) = figure.filter(|_| no_room).filter(fits) {
            let at = pos2(rect.center().x, rect.bottom() - 10.0);
            outlined(&ui.painter().with_clip_rect(rect.intersect(ui.clip_rect())), at, figure, READING);
        }
    } else {
        ui.painter().rect_filled(rect, 0.0, tokens.mat);
        let font = FontId::proportional(text::SMALL);
        let middle = |words: &str| {
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, words, font, tokens.dim);
        };
        let (button, going) = asked_by(kind, cx);
        match button {
            Some(button) if !going => middle(button),
            _ if is_awaited(cx) => {
                middle("computing…");
            }
            _ => {}
        }
    }
    let line = if caption.chosen || response.has_focus() { tokens.accent } else { tokens.line };
    let width = if caption.chosen { 2.0 } else { 1.0 };
    ui.painter().rect_stroke(rect, 0.0, Stroke::new(width, line), StrokeKind::Outside);
    if let (Some(share), Some(colour)) = (caption.share, caption.colour) {
        let bar = Rect::from_min_size(rect.left_bottom() - vec2(0.0, 3.0), vec2(rect.width() * share, 3.0));
        ui.painter().rect_filled(bar, 0.0, colour);
    }
    response
}

/// What the tile's picture is now: compared with the reference, flipped to it, or wiped to it at the right.
fn title(cx: &Context<'_>, kind: TileKind, own: &str, source: &TileContent) -> String {
    let classes = cx.session.classes();
    let reference = cx.document.reference.label(classes);
    if kind != cx.document.reference && reference_of(cx, source).is_some() {
        if cx.session.flip {
            return format!("{reference} (flipped)");
        }
        if cx.session.wipe.is_some() {
            return format!("{own} | {reference}");
        }
    }
    source.title(own, &reference)
}

/// What flip and wipe show in this tile instead: the reference, if the tile shows a picture of the same size and no map.
fn reference_of(cx: &Context<'_>, source: &TileContent) -> Option<Content> {
    let shape = source.content.picture().shape();
    tile_content::picture(cx.document.reference, cx.document, cx.session)
        .filter(|reference| source.is_picture() && reference.picture().shape() == shape)
}

/// Zoom, pan, wipe and what is under the pointer.
fn interact(
    ui: &Ui,
    cx: &mut Context<'_>,
    response: &Response,
    rect: Rect,
    source: &TileContent,
    kind: TileKind,
) -> Viewport {
    let shape = source.content.picture().shape();
    let size = [shape.width as f32, shape.height as f32];
    let tile = [rect.width(), rect.height()];
    let session = &mut *cx.session;
    if let Some(pointer) = response.hover_pos() {
        session.tile_hovered = Some(kind);
        let about = [(pointer.x - rect.center().x) / rect.width(), (pointer.y - rect.center().y) / rect.height()];
        // The wheel zooms the tiles and nothing around them.
        let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
        let factor = (scroll * WHEEL).exp() * pinch;
        if (factor - 1.0).abs() > 1e-4 {
            session.view.zoom_about(factor, about);
            ui.input_mut(|i| i.smooth_scroll_delta = Vec2::ZERO);
        }
    }
    let viewport = session.view.viewport(size, tile);
    let across = |x: f32| (viewport.origin[0] + (x - rect.left()) / rect.width() * viewport.span[0]) / size[0];
    let down = |y: f32| (viewport.origin[1] + (y - rect.top()) / rect.height() * viewport.span[1]) / size[1];
    if let Some(pointer) = response.hover_pos() {
        let at = [across(pointer.x), down(pointer.y)];
        if at.iter().all(|v| (0.0..1.0).contains(v)) {
            session.hover_next = Some(at);
        }
    }
    let selects = cx.session.explore.mode == ExploreMode::Components && kind.is_of_components();
    let paints = is_painted(cx, kind);
    if paints && response.is_pointer_button_down_on() && ui.input(|input| input.pointer.primary_down()) {
        if let Some(pointer) = response.interact_pointer_pos() {
            let before = pointer - response.drag_delta();
            let place = |at: egui::Pos2| [across(at.x), down(at.y)];
            let hole = !ui.input(|input| input.modifiers.shift);
            cx.run(ExploreCommand::Draw(DrawCommand::Paint { from: place(before), to: place(pointer), hole }));
        }
    } else if selects && (response.drag_started() || response.dragged()) {
        let corner = response.interact_pointer_pos().map(|at| [across(at.x), down(at.y)]);
        if response.drag_started() {
            // Where the button was pressed, not where the pointer was by the time that it was a drag.
            let pressed = ui.input(|i| i.pointer.press_origin()).map(|at| [across(at.x), down(at.y)]);
            cx.session.explore.corner = pressed.or(corner);
        }
        if let (Some(from), Some(to)) = (cx.session.explore.corner, corner) {
            cx.run(ExploreCommand::SetRegion(Some(Explore::between(from, to, shape))));
        }
    } else if response.dragged() {
        let delta = response.drag_delta();
        match (&mut cx.session.wipe, response.interact_pointer_pos()) {
            (Some(wipe), Some(pointer)) => *wipe = across(pointer.x).clamp(0.0, 1.0),
            _ => cx.session.view.pan([delta.x / rect.width(), delta.y / rect.height()]),
        }
    }
    if response.double_clicked() {
        cx.session.view = crate::gui::gpu::View::default();
    }
    cx.session.view.viewport(size, tile)
}

fn paint_picture(ui: &Ui, cx: &Context<'_>, rect: Rect, id: egui::Id, source: &TileContent, viewport: Viewport) {
    let tokens = Tokens::in_ui(ui);
    // egui cuts a callback's viewport at the window's edge, so the tile is cut first and its picture with it.
    let visible = rect.intersect(ui.clip_rect());
    if !visible.is_positive() {
        return;
    }
    let shape = source.content.picture().shape();
    let cut = [0, 1].map(|i| (visible.min[i] - rect.min[i]) / rect.size()[i]);
    let part = [0, 1].map(|i| visible.size()[i] / rect.size()[i]);
    let cut_viewport = Viewport {
        origin: [0, 1].map(|i| viewport.origin[i] + cut[i] * viewport.span[i]),
        span: [0, 1].map(|i| viewport.span[i] * part[i]),
    };
    let scale = ui.pixels_per_point();
    let point = rect.width() / viewport.span[0];
    let reference = reference_of(cx, source);
    let wipe = cx.session.wipe.filter(|_| reference.is_some());
    let wipe = wipe.map_or(-1.0, |wipe| wipe_in_view(wipe, viewport, shape.width) * shape.width as f32);
    let params = Params {
        look: source.look,
        viewport: cut_viewport,
        screen: [visible.width() * scale, visible.height() * scale],
        wipe,
        grid: if cx.settings.grid && point >= LINES_FROM { 0.25 } else { 0.0 },
        flipped: cx.session.flip && reference.is_some(),
        backdrop: [tokens.mat.r(), tokens.mat.g(), tokens.mat.b()].map(|v| f32::from(v) / 255.0),
    };
    let callback = TileCallback {
        key: id,
        frame: cx.session.frame,
        params,
        content: source.content.clone(),
        operand: source.operand.clone(),
        reference,
    };
    ui.painter().add(Callback::new_paint_callback(visible, callback));
}

/// Where the line of the wipe is drawn: where it was put, or, where the view was moved away from there, at the view's edge.
fn wipe_in_view(wipe: f32, viewport: Viewport, width: usize) -> f32 {
    const MARGIN: f32 = 0.03;
    let of_width = |x: f32| x / width as f32;
    let (from, span) = (of_width(viewport.origin[0]), of_width(viewport.span[0]));
    let (low, high) = ((from + MARGIN * span).max(0.0), (from + (1.0 - MARGIN) * span).min(1.0));
    if low < high { wipe.clamp(low, high) } else { wipe }
}

/// Lines and figures over the picture.
fn paint_over(ui: &Ui, cx: &Context<'_>, rect: Rect, source: &TileContent, viewport: Viewport) {
    let tokens = Tokens::in_ui(ui);
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let shape = source.content.picture().shape();
    let point = rect.width() / viewport.span[0];
    let on_screen = |x: f32, y: f32| {
        pos2(rect.left() + (x - viewport.origin[0]) * point, rect.top() + (y - viewport.origin[1]) * point)
    };
    let plane = Plane {
        content: source.content.picture(),
        operand: source.operand.as_ref().map(Content::picture),
        reference: None,
    };
    if point >= FIGURES_FROM {
        let first = [viewport.origin[0].max(0.0) as usize, viewport.origin[1].max(0.0) as usize];
        for y in first[1]..((viewport.origin[1] + viewport.span[1]).ceil() as usize).min(shape.height) {
            for x in first[0]..((viewport.origin[0] + viewport.span[0]).ceil() as usize).min(shape.width) {
                let value = value_at(plane, source.look, [x, y]);
                let at = on_screen(x as f32 + 0.5, y as f32 + 0.5);
                outlined(&painter, at, &figures(value, shape.channels, "\n"), text::SMALL);
            }
        }
    }
    if let Some(wipe) = cx.session.wipe.filter(|_| source.is_picture()) {
        let x = on_screen(wipe_in_view(wipe, viewport, shape.width) * shape.width as f32, 0.0).x;
        painter.vline(x, rect.y_range(), Stroke::new(2.0, tokens.accent));
    }
    if let Some(hover) = cx.session.hover {
        let pixel = [(hover[0] * shape.width as f32) as usize, (hover[1] * shape.height as f32) as usize];
        let at = Rect::from_min_size(on_screen(pixel[0] as f32, pixel[1] as f32), Vec2::splat(point));
        painter.rect_stroke(at, 0.0, Stroke::new(1.0, Color32::WHITE), StrokeKind::Outside);
        let value = value_at(plane, source.look, pixel);
        let strip = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 17.0), rect.max);
        // Smaller in a narrow tile, and left out before it is too small to be read.
        let words = figures(value, shape.channels, if strip.width() < 130.0 { " " } else { "  " });
        let wide = painter.layout_no_wrap(words.clone(), FontId::monospace(READING), Color32::WHITE).size().x;
        let size = READING * ((strip.width() - 4.0) / wide).min(1.0);
        if size >= 7.0 {
            painter.rect_filled(strip, 0.0, Color32::from_black_alpha(190));
            painter.text(strip.center(), Align2::CENTER_CENTER, words, FontId::monospace(size), Color32::WHITE);
        }
    }
    if source.stale && is_awaited(cx) {
        painter.rect_filled(rect, 0.0, tokens.surface.gamma_multiply(0.45));
    }
}

/// The button that fills a tile which nothing fills by itself, and whether it was pressed.
fn asked_by(kind: TileKind, cx: &Context<'_>) -> (Option<&'static str>, bool) {
    let draws = cx.questions.draw.is_pending();
    match kind {
        TileKind::Samples => (Some("“Draw pictures” fills it"), draws),
        TileKind::Fills | TileKind::FillMean | TileKind::FillSpread => (Some("“Fill the hole” fills it"), draws),
        TileKind::Turned | TileKind::TurnedChange | TileKind::Plain | TileKind::PlainChange => {
            (Some("“Turn the dial” fills it"), draws)
        }
        TileKind::DuelFound | TileKind::DuelChange | TileKind::DuelA | TileKind::DuelB | TileKind::DuelDifference => {
            (Some("“Run the duel” fills it"), cx.questions.duel.is_pending())
        }
        _ => (None, false),
    }
}

/// Whether the mouse paints on the tile.
fn is_painted(cx: &Context<'_>, kind: TileKind) -> bool {
    kind == TileKind::Hole && cx.session.explore.drawn.form.known == Known::Painted
}

/// Whether something that tiles show has been awaited for so long that it is to be said.
fn is_awaited(cx: &Context<'_>) -> bool {
    waited(cx) > PATIENCE
}

/// How long something that tiles show has been awaited.
fn waited(cx: &Context<'_>) -> Duration {
    let questions = cx.questions;
    let waited = [
        questions.study.waited(),
        questions.attack.waited(),
        questions.denoiser_attack.waited(),
        questions.probe.waited(),
        questions.purify.waited(),
        questions.rival.waited(),
        questions.transfer.waited(),
        questions.duel.waited(),
        questions.doubt.waited(),
        questions.components.waited(),
        questions.density.waited(),
        questions.filter.waited(),
        questions.draw.waited(),
    ];
    waited.into_iter().max().unwrap_or_default()
}

/// Where components are looked for.
fn paint_region(ui: &Ui, cx: &Context<'_>, rect: Rect, kind: TileKind, viewport: Viewport) {
    let region = cx.session.explore.region.filter(|_| kind.is_of_components());
    let Some(region) = region.filter(|_| cx.session.explore.mode == ExploreMode::Components) else { return };
    let point = rect.width() / viewport.span[0];
    let corner = [region.x, region.y].map(|v| v as f32);
    let at = pos2(
        rect.left() + (corner[0] - viewport.origin[0]) * point,
        rect.top() + (corner[1] - viewport.origin[1]) * point,
    );
    let area = Rect::from_min_size(at, vec2(region.width as f32 * point, region.height as f32 * point));
    let stroke = Stroke::new(2.0, Tokens::in_ui(ui).accent);
    ui.painter().with_clip_rect(rect.intersect(ui.clip_rect())).rect_stroke(area, 0.0, stroke, StrokeKind::Inside);
}

/// Light figures that can be read on anything.
pub(super) fn outlined(painter: &egui::Painter, at: egui::Pos2, words: &str, size: f32) {
    for shift in [vec2(1.0, 1.0), vec2(-1.0, 0.0), vec2(0.0, -1.0)] {
        painter.text(at + shift, Align2::CENTER_CENTER, words, FontId::monospace(size), Color32::from_black_alpha(200));
    }
    painter.text(at, Align2::CENTER_CENTER, words, FontId::monospace(size), Color32::WHITE);
}

pub(super) fn figures(value: [f32; 3], channels: usize, between: &str) -> String {
    value[..channels.min(3)].iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>().join(between)
}

/// The menu of a tile: reference, export, look.
fn menu(response: &Response, cx: &mut Context<'_>, kind: TileKind, source: &TileContent) {
    // Colours and gain are tried out: the menu stays until a click beside it.
    let menu = egui::Popup::context_menu(response).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    menu.show(|ui| {
        ui.set_min_width(200.0);
        if kind.is_picture() && ui.button("Make it the reference").clicked() {
            cx.run(TileCommand::SetReference(kind));
            ui.close();
        }
        if ui.button("Copy").clicked() {
            cx.run(ExportCommand::CopyTile(kind));
            ui.close();
        }
        if ui.button("Save…").clicked() {
            cx.run(ExportCommand::SaveTile(kind));
            ui.close();
        }
        let mut presented = cx.session.presented().contains(&kind);
        if ui.checkbox(&mut presented, "In the presentation").changed() {
            cx.run(TileCommand::TogglePresented(kind));
        }
        if let TileKind::Class(class) = kind {
            let pinned = cx.document.pinned.contains(&class);
            if ui.button(if pinned { "Unpin" } else { "Pin large" }).clicked() {
                cx.run(TileCommand::TogglePin(class));
                ui.close();
            }
        }
        ui.separator();
        look_menu(ui, cx, kind, source.look);
    });
}

fn look_menu(ui: &mut Ui, cx: &mut Context<'_>, kind: TileKind, shown: Look) {
    let own = cx.session.look(kind);
    let mut look = Look { mode: shown.mode, compare: Compare::Plain, ..own };
    for mode in Mode::ALL {
        ui.radio_value(&mut look.mode, mode, mode.label());
    }
    ui.separator();
    for channel in Channel::ALL {
        ui.radio_value(&mut look.channel, channel, channel.label());
    }
    ui.separator();
    let gain = egui::Slider::new(&mut look.gain, GAINS[0]..=GAINS[1]).logarithmic(true).text("Gain");
    ui.add(gain);
    ui.add(egui::Slider::new(&mut look.offset, -1.0..=1.0).text("Offset"));
    let changed = look != Look { mode: shown.mode, compare: Compare::Plain, ..own };
    if ui.button("As it was").clicked() {
        cx.run(TileCommand::SetLook(kind, kind.look()));
        ui.close();
    } else if changed {
        cx.run(TileCommand::SetLook(kind, look));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wipe_stays_in_view_when_the_tiles_are_zoomed_and_moved() {
        let whole = Viewport { origin: [0.0, 0.0], span: [32.0, 32.0] };
        assert_eq!(wipe_in_view(0.5, whole, 32), 0.5);
        let right = Viewport { origin: [24.0, 0.0], span: [8.0, 8.0] };
        let wipe = wipe_in_view(0.5, right, 32) * 32.0;
        assert!(wipe > 24.0 && wipe < 25.0, "{wipe}");
        let left = Viewport { origin: [0.0, 0.0], span: [8.0, 8.0] };
        let wipe = wipe_in_view(0.9, left, 32) * 32.0;
        assert!(wipe > 7.0 && wipe < 8.0, "{wipe}");
    }
}
