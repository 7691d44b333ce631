//! The denoiser under each class: what the picture would be if it were that class, the likeliest first.

use eframe::egui::{self, Align, DragValue, Layout, RichText, Ui, vec2};

use super::denoiser::grid;
use super::{PaneInfo, Place};
use crate::gui::command::TileCommand;
use crate::gui::state::document::{Reading, TileKind};
use crate::gui::state::pane::Pane;
use crate::gui::view::caption::{AROUND, Caption};
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::tile;
use crate::gui::view::widgets;
use crate::study::words::percent;
use crate::study::{Classes, LARGEST_GUIDANCE, ranked};

/// The smallest side of a tile in the grid.
const SMALLEST: f32 = 56.0;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::named("Classes"),
    title: "Classes",
    hint: "What the model would restore if the picture were each class",
    place: Place::Below,
    classes: true,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.document.entry().is_none() {
        widgets::empty(ui, "Each class's restoration appears here.");
        return;
    }
    header(ui, cx);
    ui.add_space(space::TIGHT);
    let order = order(cx);
    if order.is_empty() {
        return;
    }
    let mut pinned: Vec<usize> = cx.document.pinned.iter().copied().filter(|class| order.contains(class)).collect();
    let available = ui.available_size();
    if pinned.is_empty() && leaves_room(available, order.len()) {
        // The second likeliest: the grid begins with the likeliest, and how the two differ is what there is to see.
        pinned.push(order[1.min(order.len() - 1)]);
    }
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
        if !pinned.is_empty() {
            let large = large(available);
            pinned_tiles(ui, cx, &pinned, large, available.y);
        }
        let room = ui.available_size();
        grid_of(ui, cx, &order, room);
    });
}

/// The side of a tile that is shown large in this room.
fn large(room: egui::Vec2) -> f32 {
    (room.y - AROUND).min(room.x * 0.4).max(SMALLEST)
}

/// Whether a large tile beside the grid takes little from the grid's own, because room beside or below them is left over.
fn leaves_room(room: egui::Vec2, count: usize) -> bool {
    let (_, alone) = grid(room.x, room.y, count);
    let (_, beside) = grid(room.x - large(room) - space::GROUP, room.y, count);
    beside >= 0.75 * alone && beside >= SMALLEST
}

fn header(ui: &mut Ui, cx: &mut Context<'_>) {
    ui.horizontal(|ui| {
        let choices = Reading::ALL.map(|reading| (reading, reading.label(), hint(reading)));
        if let Some(reading) = widgets::segments(ui, cx.document.reading, &choices) {
            cx.run(TileCommand::SetReading(reading));
        }
        if cx.document.reading == Reading::Restored {
            guidance(ui, cx);
        }
        let many = cx.session.classes().len() > Classes::ALL_UP_TO;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if many {
                search(ui, cx);
            } else if cx.document.pinned.is_empty() {
                let tokens = Tokens::in_ui(ui);
                let w = cx.document.guidance_shown();
                // What is not the plain conditional expectation is said to be so.
                let words = if w == 1.0 {
                    "Click a class to see it large".to_owned()
                } else {
                    format!("Shown: D + {w} (D(y|c) − D)")
                };
                let words = RichText::new(words).size(text::SMALL).color(tokens.dim);
                ui.add(egui::Label::new(words).truncate());
            }
        });
    });
}

/// How much further than E[x | y, c] the restorations go.
fn guidance(ui: &mut Ui, cx: &mut Context<'_>) {
    let mut w = cx.document.guidance;
    let drag = DragValue::new(&mut w).range(0.0..=LARGEST_GUIDANCE).speed(0.1).max_decimals(1).prefix("guidance ");
    let response = ui.add(drag).explained(
        "w of D + w(D(y|c) − D). At 1 it is E[x | y, c], what the model expects of the class; beyond, what the class would change is \
         shown larger than it is. Drag, or click and type",
    );
    widgets::named(&response, "Guidance of the classes");
    if response.changed() {
        cx.run(TileCommand::SetGuidance(w));
    }
}

fn hint(reading: Reading) -> &'static str {
    match reading {
        Reading::Restored => "E[x | y, c]: what the model would restore if the picture were that class",
        Reading::Gradient => "Over σ², the gradient of log p(c | y): what to add to make that class likelier",
        Reading::AgainstTop => "What tells the class from the likeliest one",
    }
}

/// A box to find one of many classes and pin it.
fn search(ui: &mut Ui, cx: &mut Context<'_>) {
    let edit = egui::TextEdit::singleline(&mut cx.session.class_query).hint_text("Find a class").desired_width(160.0);
    let response = ui.add(edit);
    widgets::named(&response, "Find a class");
    let found = matches(&cx.session.class_query, cx.session.classes());
    if cx.session.class_query.is_empty() {
        return;
    }
    let enter = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
    let mut chosen = found.first().copied().filter(|_| enter);
    let list = egui::Popup::from_response(&response)
        .open(true)
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.set_min_width(160.0);
            for &class in &found {
                let pinned = cx.document.pinned.contains(&class);
                if ui.selectable_label(pinned, &cx.session.classes()[class]).clicked() {
                    chosen = Some(class);
                }
            }
            if found.is_empty() {
                widgets::dim(ui, "No class is called that.");
            }
        });
    if let Some(class) = chosen {
        cx.run(TileCommand::TogglePin(class));
    }
    if chosen.is_some() || list.is_some_and(|list| list.response.should_close()) {
        cx.session.class_query.clear();
    }
}

/// The first classes whose names have the query in them, those that begin with it before the others.
fn matches(query: &str, names: &[String]) -> Vec<usize> {
    let query = query.trim().to_lowercase();
    let place = |name: &String| name.to_lowercase().find(&query);
    let mut found: Vec<(bool, usize)> =
        names.iter().enumerate().filter_map(|(class, name)| Some((place(name)? > 0, class))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, class)| class).take(8).collect()
}

/// The classes that were restored, the likeliest first.
fn order(cx: &Context<'_>) -> Vec<usize> {
    let answer = &cx.session.answer;
    let known = |class: &usize| answer.class(*class).is_some();
    match &answer.posterior {
        Some(posterior) => ranked(&posterior.value).into_iter().filter(known).collect(),
        None => Vec::new(),
    }
}

fn pinned_tiles(ui: &mut Ui, cx: &mut Context<'_>, pinned: &[usize], large: f32, tall: f32) {
    let (columns, side) = grid(large, tall, pinned.len());
    let tiles: Vec<TileKind> = pinned.iter().copied().map(TileKind::Class).collect();
    ui.vertical(|ui| rows(ui, cx, &tiles, columns, side, true));
}

fn rows(ui: &mut Ui, cx: &mut Context<'_>, tiles: &[TileKind], columns: usize, side: f32, large: bool) {
    ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
    for row in tiles.chunks(columns) {
        ui.horizontal(|ui| {
            for &kind in row {
                match kind {
                    TileKind::Class(class) => class_tile(ui, cx, class, side, large),
                    _ => rest_tile(ui, cx, side),
                }
            }
        });
    }
}

fn grid_of(ui: &mut Ui, cx: &mut Context<'_>, order: &[usize], room: egui::Vec2) {
    let rest = cx.session.answer.rest.as_ref().map(|_| TileKind::Rest);
    let tiles: Vec<TileKind> = order.iter().copied().map(TileKind::Class).chain(rest).collect();
    let (columns, side) = grid(room.x, room.y, tiles.len());
    let (columns, side) = if side >= SMALLEST {
        (columns, side)
    } else {
        let columns = ((room.x + space::GROUP) / (SMALLEST + space::GROUP)).floor().max(1.0);
        (columns as usize, ((room.x - space::GROUP * (columns - 1.0)) / columns - 1.0).floor().max(SMALLEST))
    };
    egui::ScrollArea::vertical().id_salt("classes").auto_shrink([false, false]).show_following(ui, |ui| {
        ui.vertical(|ui| rows(ui, cx, &tiles, columns, side, false));
    });
}

fn class_tile(ui: &mut Ui, cx: &mut Context<'_>, class: usize, side: f32, large: bool) {
    let tokens = Tokens::in_ui(ui);
    let probability = cx.session.answer.posterior.as_ref().map_or(0.0, |p| p.value[class]);
    let pinned = cx.document.pinned.contains(&class);
    let caption = Caption {
        name: cx.session.classes().get(class).cloned(),
        figure: Some(percent(probability)),
        colour: Some(tokens.class(class)),
        share: Some(probability as f32),
        chosen: pinned && !large,
    };
    let response = ui.push_id(large, |ui| tile::show(ui, cx, TileKind::Class(class), vec2(side, side), &caption)).inner;
    if response.clicked() {
        cx.run(TileCommand::TogglePin(class));
    }
}

/// All the classes that have no tile of their own, as one.
fn rest_tile(ui: &mut Ui, cx: &mut Context<'_>, side: f32) {
    let Some(rest) = cx.session.answer.rest.as_ref().map(|rest| &rest.value) else { return };
    let caption = Caption {
        name: Some(format!("{} others", rest.classes)),
        figure: Some(percent(rest.probability)),
        share: Some(rest.probability as f32),
        ..Caption::default()
    };
    tile::show(ui, cx, TileKind::Rest, vec2(side, side), &caption);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_tile_takes_what_the_grid_leaves() {
        // The pane at 1100×700, at 1600×1000, and where there is room for the grid alone.
        assert!(leaves_room(vec2(788.0, 196.0), 10) && leaves_room(vec2(1160.0, 390.0), 10));
        assert!(!leaves_room(vec2(300.0, 200.0), 10) && !leaves_room(vec2(400.0, 600.0), 10));
    }

    #[test]
    fn classes_are_found_by_their_beginning_first() {
        let names = ["polecat", "dog", "Cat", "catfish"].map(str::to_owned);
        assert_eq!(matches("cat", &names), [2, 3, 0]);
        assert!(matches("whale", &names).is_empty());
    }
}
