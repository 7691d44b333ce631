//! What would fool the model: the attack, its pictures, its steps, and what noise makes of it.

use eframe::egui::{self, RichText, ScrollArea, Ui, vec2};

use super::denoiser::grid;
use super::timeline;
use crate::attack::{Defence, Norm, Settings};
use crate::gui::attack_controls as controls;
use crate::gui::command::Command;
use crate::gui::context::Context;
use crate::gui::document::TileKind;
use crate::gui::theme::{Tokens, height, space, text};
use crate::gui::tile::{self, Caption};
use crate::gui::widgets::{self, command_button, percent};

/// Width of the controls, and height of the timeline.
const CONTROLS: f32 = 232.0;
const TIMELINE: f32 = 92.0;

/// Shows the pane.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.document.entry().is_none() {
        widgets::empty(ui, "Open a picture to attack.");
        return;
    }
    let available = ui.available_size();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::SECTION;
        let column = egui::Layout::top_down(egui::Align::Min);
        ui.allocate_ui_with_layout(vec2(CONTROLS, available.y), column, |ui| {
            ui.set_width(CONTROLS);
            ScrollArea::vertical().id_salt("attack").auto_shrink([false, false]).show(ui, |ui| {
                ui.set_max_width(CONTROLS - space::ITEM);
                settings(ui, cx);
                outcome(ui, cx);
            });
        });
        ui.vertical(|ui| results(ui, cx));
    });
}

/// The method, its budget and its parameters; whatever the registry has appears.
fn settings(ui: &mut Ui, cx: &mut Context<'_>) {
    let before = &cx.document.attack;
    let mut settings = before.clone();
    let classes = cx.session.classes().to_vec();
    if let Some(preset) = controls::choose_preset(ui, &settings, cx.session.preset, classes.len()) {
        cx.session.preset = Some(preset);
        let theirs = preset.settings(settings.sigma);
        settings = Settings { seed: settings.seed, target: settings.target, defence: settings.defence, ..theirs };
    }
    let method = controls::choose_method(ui, settings.method, classes.len());
    if method != settings.method {
        let fresh = Settings::new(method, settings.sigma);
        settings = Settings { seed: settings.seed, target: settings.target, defence: settings.defence, ..fresh };
    }
    controls::budget(ui, &mut settings);
    controls::parameters(ui, &mut settings);
    controls::target(ui, &mut settings, &classes);
    controls::assumed_level(ui, &mut settings);
    widgets::section(ui, "Defence");
    controls::defence(ui, &mut settings);
    ui.horizontal(|ui| {
        widgets::dim(ui, format!("seed {}", settings.seed));
        command_button(ui, cx, "New", Command::RerollAttack);
    });
    if settings != cx.document.attack {
        cx.run(Command::SetAttack(Box::new(settings)));
    }
}

/// What the attack came to.
fn outcome(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    ui.separator();
    let Some(outcome) = cx.session.attack.outcome.clone() else {
        let words = if cx.session.attack_asked.is_pending() { "Attacking…" } else { "" };
        widgets::dim(ui, words);
        return;
    };
    let name = |class: usize| cx.session.classes().get(class).cloned().unwrap_or_default();
    let (words, colour) = if outcome.success { ("Fooled", tokens.bad) } else { ("Holds", tokens.good) };
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::TIGHT;
        ui.label(RichText::new(words).size(text::HEADING).color(colour));
        let before = percent(outcome.posterior_before[outcome.predicted_before]);
        let after = percent(outcome.posterior_after[outcome.predicted_after]);
        let (from, to) = (name(outcome.predicted_before), name(outcome.predicted_after));
        ui.label(format!("{from} {before}, now {to} {after}"));
    });
    let asked = outcome.epsilon.map_or_else(|| "smallest".to_owned(), |e| controls::level(e, cx.document.attack.norm));
    widgets::fact(ui, "Asked for", &format!("{} {asked}", cx.document.attack.norm));
    widgets::fact(ui, "Achieved L∞", &controls::level(outcome.achieved.linf, Norm::Linf));
    widgets::fact(ui, "Achieved L2", &controls::level(outcome.achieved.l2, Norm::L2));
    widgets::fact(ui, "Steps, queries", &format!("{}, {}", outcome.steps, outcome.queries));
    defended(ui, cx);
    for warning in &outcome.warnings {
        ui.label(RichText::new(warning.to_string()).size(text::SMALL).color(tokens.warning));
    }
}

/// What became of the same attack under each defence that was tried.
fn defended(ui: &mut Ui, cx: &Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    if cx.document.attack.defence != Defence::None {
        widgets::dim(ui, "The attack knows the defence; the figures are shares of its votes.");
    }
    if cx.session.defended.len() < 2 {
        return;
    }
    widgets::section(ui, "Defences so far");
    for (defence, outcome) in &cx.session.defended {
        let kind = match defence {
            Defence::None => "none".to_owned(),
            Defence::FixedNoise { .. } => "fixed noise".to_owned(),
            Defence::Vote { .. } => "vote".to_owned(),
            Defence::Purification { rounds, .. } => format!("purify ×{rounds}"),
        };
        let class = cx.session.classes().get(outcome.predicted_after).cloned().unwrap_or_default();
        let after = percent(outcome.posterior_after[outcome.predicted_after]);
        let colour = if outcome.success { tokens.bad } else { tokens.good };
        ui.horizontal(|ui| {
            widgets::dim(ui, kind);
            ui.label(RichText::new(format!("{class} {after}")).color(colour));
        })
        .response
        .on_hover_text(defence.to_string());
    }
}

fn results(ui: &mut Ui, cx: &mut Context<'_>) {
    let available = ui.available_size();
    let kinds = [
        TileKind::Attacked,
        TileKind::Perturbation,
        TileKind::AttackGradient,
        TileKind::AttackedDenoised,
        TileKind::PurifyNoisy,
        TileKind::Purified,
    ];
    let room = available.y - TIMELINE - space::ITEM;
    let (columns, side) = grid(available.x, room, kinds.len());
    let side = side.min((room - height::CAPTION).max(48.0));
    ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
    for row in kinds.chunks(columns) {
        ui.horizontal(|ui| {
            for &kind in row {
                let caption = caption(ui, cx, kind, side);
                let response = tile::show(ui, cx, kind, vec2(side, side), &caption);
                response.on_hover_text(hint(kind));
            }
        });
    }
    timeline::show(ui, cx, TIMELINE);
}

fn hint(kind: TileKind) -> &'static str {
    match kind {
        TileKind::Attacked => "The attacked picture at the step that is looked at",
        TileKind::Perturbation => "Attacked minus clean",
        TileKind::AttackGradient => {
            "The gradient that the attack follows, (D − D(·|c))/σ²: a difference of two denoisers. Its sign is the L∞ step"
        }
        TileKind::AttackedDenoised => "What the model restores from the attacked picture",
        TileKind::PurifyNoisy => "The attacked picture with noise at the level of the slider",
        _ => "Denoised again: often the attack is gone with the noise",
    }
}

/// A narrow tile says the class only.
const NARROW: f32 = 140.0;

fn caption(ui: &Ui, cx: &Context<'_>, kind: TileKind, side: f32) -> Caption {
    let tokens = Tokens::in_ui(ui);
    let believed = |posterior: &[f64]| {
        let top = crate::study::ranked(posterior)[0];
        let name = cx.session.classes()[top].clone();
        (if side < NARROW { name } else { format!("{name} {}", percent(posterior[top])) }, top)
    };
    let posterior = match kind {
        TileKind::Attacked => cx.session.attack.shown().map(|step| step.posterior.clone()),
        TileKind::Purified => cx.session.attack.purified.as_ref().map(|study| study.posterior.clone()),
        _ => None,
    };
    match posterior {
        Some(posterior) => {
            let (measure, top) = believed(&posterior);
            Caption { measure: Some(measure), colour: Some(tokens.class(top)), ..Caption::default() }
        }
        None => Caption::default(),
    }
}
