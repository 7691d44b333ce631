//! For a talk or a class: large type, the slider, the chosen tiles, and what the model believes.

use eframe::egui::{self, Frame, Key, Margin, Modifiers, Panel, Ui, vec2};

use super::noise_bar;
use super::panes::denoiser::grid;
use super::tile;
use crate::gui::command::WindowCommand;
use crate::gui::state::document::TileKind;
use crate::gui::state::pane::Pane;
use crate::gui::view::caption::Caption;
use crate::gui::view::context::Context;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::{believed, dim};

/// How many classes are listed, where there is room, and what each takes.
const CLASSES: usize = 5;
const ROW: f32 = 46.0;
/// The width of what is believed.
const BELIEFS: f32 = 190.0;

/// Shows it in place of the panes.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let over = cx.session.overlay.is_some() || egui::Popup::is_any_open(ui.ctx());
    if !over && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
        cx.run(WindowCommand::Present);
    }
    let tiles = cx.session.presented();
    // What a tile shows is asked for while its pane is in sight.
    cx.session.visible = tiles.iter().filter_map(|&kind| pane_of(kind)).collect();
    let frame = Frame::new().fill(tokens.surface).inner_margin(Margin::same(space::GROUP as i8));
    Panel::top("presented noise").resizable(false).frame(frame).show(ui, |ui| noise_bar::show(ui, cx));
    Panel::bottom("presented hint")
        .frame(Frame::new().fill(tokens.ground).inner_margin(Margin::symmetric(space::GROUP as i8, 4)))
        .show(ui, |ui| {
            dim(ui, "Escape ends the presentation. A right click on a tile adds it or takes it away.");
        });
    if cx.session.classes().len() > 1 {
        Panel::right("presented beliefs")
            .exact_size(BELIEFS)
            .resizable(false)
            .frame(frame)
            .show(ui, |ui| beliefs(ui, cx));
    }
    egui::CentralPanel::no_frame().frame(Frame::new().fill(tokens.ground).inner_margin(Margin::same(12))).show(
        ui,
        |ui| {
            let room = ui.available_size();
            let (columns, side) = grid(room.x, room.y, tiles.len());
            ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
            for row in tiles.chunks(columns) {
                ui.horizontal(|ui| {
                    for &kind in row {
                        tile::show(ui, cx, kind, vec2(side, side), &Caption::default());
                    }
                });
            }
        },
    );
}

fn pane_of(kind: TileKind) -> Option<Pane> {
    match kind {
        TileKind::Attacked
        | TileKind::Perturbation
        | TileKind::AttackedDenoised
        | TileKind::AttackGradient
        | TileKind::PurifyNoisy
        | TileKind::Purified
        | TileKind::NoisyAttacked
        | TileKind::NoisyPerturbation
        | TileKind::RestoredBefore
        | TileKind::RestoredAfter
        | TileKind::RestoredChange => Some(Pane::ADVERSARY),
        TileKind::DoubtClasses
        | TileKind::DoubtDetails
        | TileKind::DoubtTotal
        | TileKind::Component
        | TileKind::Walked
        | TileKind::Filter
        | TileKind::EvidenceMap
        | TileKind::Samples
        | TileKind::Hole
        | TileKind::Fills
        | TileKind::FillMean
        | TileKind::FillSpread
        | TileKind::Turned
        | TileKind::TurnedChange
        | TileKind::Plain
        | TileKind::PlainChange => Some(Pane::EXPLORE),
        TileKind::VersusA | TileKind::VersusB | TileKind::VersusDifference | TileKind::TransferDenoised => {
            Some(Pane::VERSUS)
        }
        _ => None,
    }
}

fn beliefs(ui: &mut Ui, cx: &Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let Some(posterior) = cx.session.answer.posterior.as_ref().map(|posterior| &posterior.value) else { return };
    let rows = ((ui.available_height() / ROW) as usize).clamp(1, CLASSES);
    for class in crate::study::ranked(posterior).into_iter().take(rows) {
        let name = cx.session.classes().get(class).cloned().unwrap_or_default();
        believed(ui, &name, posterior[class], (text::HEADING, tokens.strong), tokens.class(class));
        ui.add_space(space::TIGHT);
    }
}
