//! A hole in the photograph: brush and box, their controls, the fills.

use std::time::Instant;

use eframe::egui::{
    self, Color32, CursorIcon, DragValue, Mesh, Painter, PointerButton, Pos2, ProgressBar, Rect, Response, Shape,
    Stroke, StrokeKind, Ui, vec2,
};

use super::took;
use crate::gui::command::{FillCommand, PhotoCommand};
use crate::gui::state::hole::{Hole, Piece, Tool};
use crate::gui::state::photo::Part;
use crate::gui::state::photo_fill::{BRUSH, FillLook, MOST_FILLS, Over, PhotoFill};
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::mosaic::Place;
use crate::gui::view::theme::{Tokens, space};
use crate::gui::view::widgets::{dim, named, segments};
use crate::gui::work::photo_fill::plan;
use crate::study::ranked;
use crate::study::words::{believed, number, significant};

/// What is dragged less far across the screen is a click that was held, not a box.
const SMALLEST: f32 = 3.0;

/// The controls: brush and hole, then the fills.
pub fn controls(ui: &mut Ui, cx: &mut Context<'_>) {
    let pending = cx.questions.photo_fill.is_pending();
    let fill = &cx.session.photo.fill;
    let (before, painted, missing) = (fill.form, fill.hole.is_painted(), fill.hole.count());
    let found = cx.session.model.as_ref().zip(cx.session.photo.base.as_ref());
    let plan = found.and_then(|(model, base)| plan(&fill.hole, &*model.joint, base.full().picture()));
    let mut form = before;
    let run = |cx: &mut Context<'_>, command| cx.run(PhotoCommand::Fill(command));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(space::TIGHT, space::TIGHT);
        let tools = [
            (Tool::Brush, "Brush", "Paints the hole with a brush; Shift takes away"),
            (
                Tool::Box,
                "Box",
                "The hole is a box from where the pointer is pressed to where it is let go; Shift takes away",
            ),
        ];
        form.tool = segments(ui, form.tool, &tools).unwrap_or(form.tool);
        let drag = DragValue::new(&mut form.brush).range(BRUSH.0..=BRUSH.1).speed(0.2).max_decimals(1);
        let response = ui.add_enabled(form.tool == Tool::Brush, drag.prefix("radius ").suffix(" pixels"));
        named(&response, "Radius of the brush on the photograph");
        response.explained("The brush's radius, in pixels of the photograph");
        let undo = ui.add_enabled(painted, egui::Button::new("Undo stroke")).explained("Takes the last stroke back");
        if undo.clicked() {
            run(cx, FillCommand::Undo);
        }
        let clear = ui.add_enabled(painted, egui::Button::new("No hole")).explained("Takes back all that was painted");
        if clear.clicked() {
            run(cx, FillCommand::Clear);
        }
        ui.add_space(space::ITEM);
        let response = ui.add(DragValue::new(&mut form.count).range(1..=MOST_FILLS).speed(0.1).suffix(" fills"));
        named(&response, "How many fills of the photograph");
        let response = ui.add(DragValue::new(&mut form.seed).prefix("seed ").speed(0.1));
        named(&response, "Seed of the fills");
        if pending {
            if ui.button("Stop filling").explained("What is done stays").clicked() {
                run(cx, FillCommand::Stop);
            }
            let bar = ProgressBar::new(cx.session.photo.fill.share).desired_width(96.0).desired_height(8.0);
            named(&ui.add(bar), "Done of the fills");
            if let Some(left) = cx.session.photo.fill.pace.left(Instant::now()) {
                dim(ui, format!("{} left", took(left.as_secs_f64())));
            }
        } else {
            let ready = matches!(plan, Some(Ok(_)));
            let button = ui.add_enabled(ready, egui::Button::new("Fill the hole"));
            let button = button.explained("Draws from p(x | what is around the hole)");
            if button.on_disabled_hover_text("Paint a hole first, smaller than the photograph").clicked() {
                run(cx, FillCommand::Begin);
            }
        }
    });
    if form != before {
        run(cx, FillCommand::SetForm(form));
    }
    // As high with the fills as without, so that the photograph stays where it is.
    ui.horizontal(|ui| {
        ui.set_min_height(ui.spacing().interact_size.y);
        looks(ui, cx);
        match plan {
            None => {
                dim(ui, "Paint the hole, or drag a box; with Shift it is taken back. The wheel zooms, the right button moves.");
            }
            Some(Err(error)) => {
                ui.colored_label(Tokens::in_ui(ui).bad, error.to_string());
            }
            Some(Ok((window, tiled))) => {
                let what = words(cx).unwrap_or_else(|| {
                    let seen = format!("{missing} pixels missing; the model sees {}×{}", window.width, window.height);
                    let why = ", in tiles: nothing corrects the steps, and fills have no log p";
                    format!("{seen}{}", if tiled { why } else { "" })
                });
                dim(ui, what);
            }
        }
    });
}

/// What is looked at: the hole, a fill, their mean or spread.
fn looks(ui: &mut Ui, cx: &mut Context<'_>) {
    let fill = &cx.session.photo.fill;
    if fill.places() == 0 {
        return;
    }
    let numbers: Vec<String> = (1..=fill.places()).map(|place| place.to_string()).collect();
    let mut all = vec![(FillLook::Hole, "Hole", "The hole that was painted")];
    for (place, number) in numbers.iter().enumerate() {
        all.push((FillLook::Fill(place), number, "A fill; the first is the most probable"));
    }
    if !fill.list.is_empty() {
        all.push((FillLook::Mean, "Mean", "The mean of the fills"));
        all.push((FillLook::Spread, "Spread", "How much the fills differ, from black over magenta to yellow"));
    }
    if let Some(look) = segments(ui, fill.look, &all) {
        cx.run(PhotoCommand::Fill(FillCommand::LookAt(look)));
    }
}

/// What is to be said of what is looked at, once there is something.
fn words(cx: &Context<'_>) -> Option<String> {
    let fill: &PhotoFill = &cx.session.photo.fill;
    let count = fill.list.len();
    match fill.look {
        FillLook::Hole => None,
        FillLook::Mean => Some(format!("The mean of {count} fills")),
        FillLook::Spread => {
            let most = significant(fill.most_spread()?);
            Some(format!("The standard deviation over {count} fills: yellow is {most}"))
        }
        FillLook::Fill(place) => {
            let which = format!("Fill {} of {}", place + 1, fill.planned());
            let Some(done) = fill.fill() else { return Some(format!("{which}: under way")) };
            let names = cx.session.classes();
            let class = ranked(&done.posterior).first().copied().filter(|_| names.len() > 1);
            let class = class.and_then(|class| Some(believed(names.get(class)?, done.posterior[class])));
            let class = class.map(|said| format!("{said} with what is around it"));
            let rank = fill.bits_below().map(|bits| match bits {
                bits if bits > 0.0 => format!("{} bits less probable than the first", number(bits, 1)),
                _ => "the most probable".to_owned(),
            });
            let said: Vec<String> = class.into_iter().chain(rank).collect();
            Some(if said.is_empty() { which } else { format!("{which}: {}", said.join(", ")) })
        }
    }
}

/// Paints with brush or box where the pointer is pressed, and shows what either reaches.
pub fn paint(ui: &Ui, cx: &mut Context<'_>, response: &Response, place: Place) {
    let painter = ui.painter().with_clip_rect(response.rect.intersect(ui.clip_rect()));
    match cx.session.photo.fill.form.tool {
        Tool::Brush => brush(ui, cx, response, place, &painter),
        Tool::Box => drag_box(ui, cx, response, place, &painter),
    }
}

/// A point of the screen in pixels of the photograph.
fn pixel(place: Place, point: Pos2) -> [f32; 2] {
    let at = (point - place.origin) / place.points;
    [at.x, at.y]
}

/// Lines that are seen on every picture: bright ones with dark ones beside them.
fn outlined(ui: &Ui, mut line: impl FnMut(f32, Stroke)) {
    let tokens = Tokens::in_ui(ui);
    for (more, colour) in [(1.0, Color32::from_black_alpha(160)), (0.0, tokens.strong)] {
        line(more, Stroke::new(1.0, colour));
    }
}

fn brush(ui: &Ui, cx: &mut Context<'_>, response: &Response, place: Place, painter: &Painter) {
    let Some(pointer) = response.hover_pos().or_else(|| response.interact_pointer_pos()) else { return };
    let radius = cx.session.photo.fill.form.brush;
    outlined(ui, |more, stroke| {
        painter.circle_stroke(pointer, radius * place.points + more, stroke);
    });
    ui.ctx().set_cursor_icon(CursorIcon::Crosshair);
    let (down, began, shift) = ui.input(|i| (i.pointer.primary_down(), i.pointer.primary_pressed(), i.modifiers.shift));
    if !(response.is_pointer_button_down_on() && down) {
        return;
    }
    let Some(now) = response.interact_pointer_pos() else { return };
    let before = if began { now } else { now - response.drag_delta() };
    if !began && before == now {
        return;
    }
    let [from, to] = [before, now].map(|point| pixel(place, point));
    let piece = Piece { tool: Tool::Brush, from, to, radius, is_hole: !shift };
    cx.run(PhotoCommand::Fill(FillCommand::Paint { piece, begins: began }));
}

fn drag_box(ui: &Ui, cx: &mut Context<'_>, response: &Response, place: Place, painter: &Painter) {
    if response.hovered() || response.dragged() {
        ui.ctx().set_cursor_icon(CursorIcon::Crosshair);
    }
    let id = response.id.with("corner");
    let (pressed, shift) = ui.input(|i| (i.pointer.press_origin(), i.modifiers.shift));
    if response.drag_started_by(PointerButton::Primary)
        && let Some(corner) = pressed
    {
        // In pixels of the photograph, which the wheel may move meanwhile.
        ui.data_mut(|data| data.insert_temp(id, pixel(place, corner)));
    }
    let Some(from) = ui.data(|data| data.get_temp::<[f32; 2]>(id)) else { return };
    let Some(now) = response.interact_pointer_pos() else { return };
    let corner = place.origin + vec2(from[0], from[1]) * place.points;
    if response.drag_stopped_by(PointerButton::Primary) {
        ui.data_mut(|data| data.remove_temp::<[f32; 2]>(id));
        let piece = Piece { tool: Tool::Box, from, to: pixel(place, now), radius: 0.0, is_hole: !shift };
        if corner.distance(now) < SMALLEST {
            return;
        }
        cx.run(PhotoCommand::Fill(FillCommand::Paint { piece, begins: true }));
    } else if response.dragged_by(PointerButton::Primary) {
        outlined(ui, |more, stroke| {
            painter.rect_stroke(Rect::from_two_pos(corner, now).expand(more), 0.0, stroke, StrokeKind::Middle);
        });
    }
}

/// The hole as a veil in the accent's colour.
pub fn veil(painter: &Painter, hole: &Hole, place: Place, tokens: &Tokens) {
    let Some(bounds) = hole.bounds() else { return };
    let part = Part { level: 0, from: [bounds.x, bounds.y], size: [bounds.width, bounds.height] };
    let clip = place.clip.intersect(place.rect(part));
    if !clip.is_positive() {
        return;
    }
    // A row of the screen at a time, or of the picture where its pixels are larger.
    let step = (1.0 / place.points).max(1.0);
    let first = ((clip.top() - place.origin.y) / place.points).max(0.0);
    let last = ((clip.bottom() - place.origin.y) / place.points).min((bounds.y + bounds.height) as f32);
    let columns = bounds.x..bounds.x + bounds.width;
    let colour = tokens.accent.gamma_multiply(0.6);
    let mut mesh = Mesh::default();
    let mut row = if place.points >= 1.0 { first.floor() } else { first };
    while row < last {
        let y = row as usize;
        let mut x = columns.start;
        while x < columns.end {
            let length = columns.clone().skip(x - columns.start).take_while(|x| hole.is_missing(*x, y)).count();
            if length > 0 {
                let corner = |x: usize, row: f32| place.origin + vec2(x as f32, row) * place.points;
                mesh.add_colored_rect(
                    Rect::from_min_max(corner(x, row), corner(x + length, row + step)).intersect(clip),
                    colour,
                );
            }
            x += length.max(1);
        }
        row += step;
    }
    painter.with_clip_rect(clip).add(Shape::mesh(mesh));
}

/// Where something lies that is shown in place of a part of the photograph.
pub fn part(over: &Over) -> Part {
    let region = over.region;
    Part { level: 0, from: [region.x, region.y], size: [region.width, region.height] }
}
