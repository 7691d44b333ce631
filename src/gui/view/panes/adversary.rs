//! What would fool the model: the attack, its pictures, its steps, and what noise makes of it.

use eframe::egui::{Button, Label, ProgressBar, RichText, ScrollArea, Ui, Vec2, vec2};

mod denoiser;

use super::denoiser::grid_of_at_least;
use super::timeline;
use super::{PaneInfo, Place};
use crate::attack::{Defence, Norm, Settings};
use crate::gui::command::AttackCommand;
use crate::gui::state::document::{Aim, TileKind};
use crate::gui::state::pane::Pane;
use crate::gui::view::attack_controls as controls;
use crate::gui::view::caption::Caption;
use crate::gui::view::column::column_beside;
use crate::gui::view::command_button::command_button;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::tile;
use crate::gui::view::widgets::{self, named, segments};
use crate::gui::work::schedule::runs_by_itself;
use crate::study::level::of_255;
use crate::study::words::believed;

/// Width of the controls, and of the sliders among them.
const SLIDER: f32 = 88.0;
const CONTROLS: f32 = 236.0;
/// The least side of a tile, that of its name.
const SMALLEST: f32 = 56.0;
/// The timeline's height: at least this, and what is left of the pane up to that.
const TIMELINE: f32 = 72.0;
const TALLEST_TIMELINE: f32 = 160.0;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::ADVERSARY,
    title: "Adversary",
    hint: "What would fool the model, step by step",
    place: Place::Below,
    classes: false,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.document.entry().is_none() {
        widgets::empty(ui, "Open a picture to attack.");
        return;
    }
    let controls = |ui: &mut Ui, cx: &mut Context<'_>| {
        ui.spacing_mut().slider_width = SLIDER;
        ui.spacing_mut().item_spacing.y = space::TIGHT;
        match aim(cx) {
            Aim::Class => {
                settings(ui, cx);
                defended(ui, cx);
            }
            Aim::Denoiser => denoiser::settings(ui, cx),
        }
    };
    column_beside(ui, cx, (CONTROLS, "attack"), controls, |ui, cx| {
        let room = ui.available_size();
        let scroll = ScrollArea::vertical().id_salt("attack results").auto_shrink([false, false]);
        scroll.show_following(ui, |ui| match aim(cx) {
            Aim::Class => results(ui, cx, room),
            Aim::Denoiser => denoiser::results(ui, cx, room),
        });
    });
}

/// What the adversary is after.
fn aim(cx: &Context<'_>) -> Aim {
    cx.document.aim(cx.session.classes().len())
}

/// The method, its budget and its parameters; whatever the registry has appears.
fn settings(ui: &mut Ui, cx: &mut Context<'_>) {
    let mut settings = cx.document.attack.clone();
    let classes = cx.session.classes().to_vec();
    let blind = cx.session.blind();
    let progress = cx.questions.attack.is_pending().then(|| cx.session.attack_progress.unwrap_or((0, 1)));
    run(ui, cx, progress, runs_by_itself(&cx.document.attack));
    if let Some(preset) = controls::choose_preset(ui, &settings, cx.session.preset, classes.len(), blind.is_some()) {
        cx.session.preset = Some(preset);
        settings = controls::kept(&settings, preset.settings(settings.sigma));
    }
    let method = ui
        .horizontal(|ui| {
            let method = controls::choose_method(ui, settings.method, classes.len(), blind.as_deref());
            controls::choose_norm(ui, &mut settings);
            method
        })
        .inner;
    if method != settings.method {
        settings = controls::kept(&settings, Settings::new(method, settings.sigma));
    }
    controls::budget(ui, &mut settings);
    // What is asked most stands first, and stays in sight where the window is small.
    controls::target(ui, &mut settings, &classes);
    widgets::section(ui, "Defence");
    controls::defence(ui, &mut settings, blind.as_deref());
    controls::parameters(ui, &mut settings);
    controls::assumed_level(ui, &mut settings, cx.document.noise.sigma);
    ui.horizontal(|ui| {
        controls::seed(ui, &mut settings);
        command_button(ui, cx, "New seed", AttackCommand::Reroll);
    });
    if settings != cx.document.attack {
        cx.run(AttackCommand::Set(Box::new(settings)));
    }
}

/// What is attacked, and Run or Cancel; of one that does not run by itself also how far it is.
fn run(ui: &mut Ui, cx: &mut Context<'_>, progress: Option<(usize, usize)>, by_itself: bool) {
    let tokens = Tokens::in_ui(ui);
    let both = [
        (Aim::Class, "the class", "Make the model take the picture for another class"),
        (Aim::Denoiser, "the denoiser", "Change what is restored of the noisy picture, by a small change of that"),
    ];
    let choices = match cx.session.classes().len() {
        1 => &both[1..],
        _ if cx.session.blind().is_some() => &both[..1],
        _ => &both[..],
    };
    ui.horizontal(|ui| {
        if let Some(aim) = segments(ui, aim(cx), choices) {
            cx.run(AttackCommand::Aim(aim));
        }
        if progress.is_some() {
            command_button(ui, cx, "Cancel", AttackCommand::Cancel);
            return;
        }
        let button = Button::new(RichText::new("Run").color(tokens.on_accent)).fill(tokens.accent);
        if ui.add(button).explained("Attack the picture with these settings, again if it was").clicked() {
            cx.run(AttackCommand::Run);
        }
    });
    if by_itself {
        return;
    }
    ui.horizontal(|ui| match progress {
        Some((done, total)) => {
            // Restarts and ensembles may take more steps than was thought.
            let share = (done as f32 / total.max(1) as f32).min(1.0);
            let bar = ProgressBar::new(share).desired_width(140.0).desired_height(8.0).fill(tokens.accent);
            named(&ui.add(bar), "Attack so far");
            if done > 0 {
                widgets::dim(ui, format!("step {done}"));
            }
        }
        None => {
            widgets::dim(ui, "long: runs when you say so").explained(
                "It asks the model about many pictures. Short attacks follow the picture and the settings by themselves",
            );
        }
    });
}

/// The attack that is shown is not the one that the controls describe.
fn is_old(cx: &Context<'_>) -> bool {
    cx.session.attack.stale
}

/// What the attack came to: the verdict, what was asked for and what was achieved.
fn outcome(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let pending = cx.questions.attack.is_pending();
    let Some(outcome) = cx.session.attack.outcome.clone() else {
        let words = match (pending, cx.session.attack.track.len()) {
            (true, _) => "Attacking…",
            (false, 0) => "Not attacked yet.",
            (false, _) => "Cancelled: these are the steps until then.",
        };
        widgets::dim(ui, words);
        return;
    };
    if is_old(cx) {
        let words = if pending { "Attacking…" } else { "The settings changed: press Run." };
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(words).color(tokens.warning));
            widgets::dim(ui, "What is shown is of the settings before.");
        });
    }
    let name = |class: usize| cx.session.classes().get(class).cloned().unwrap_or_default();
    let (words, colour) = match (outcome.is_needed(), outcome.success) {
        _ if is_old(cx) => (if outcome.success { "Before: fooled" } else { "Before: holds" }, tokens.dim),
        (false, _) => ("No attack needed", tokens.dim),
        (true, true) => ("Fooled", tokens.bad),
        (true, false) if outcome.strayed() => ("Target missed", tokens.warning),
        (true, false) => ("Holds", tokens.good),
    };
    let before = believed(&name(outcome.predicted_before), outcome.posterior_before[outcome.predicted_before]);
    let after = believed(&name(outcome.predicted_after), outcome.posterior_after[outcome.predicted_after]);
    // Of the settings that it was made with, not of those that are being chosen.
    let made = cx.session.attack.settings.clone().unwrap_or_else(|| cx.document.attack.clone());
    let norm = made.norm;
    let asked = outcome.epsilon.map_or_else(|| "the smallest".to_owned(), |e| controls::level(e, norm));
    let achieved = [(Norm::Linf, outcome.achieved.linf), (Norm::L2, outcome.achieved.l2)]
        .map(|(norm, distance)| format!("{} {}", norm.title(), controls::level(distance, norm)))
        .join(", ");
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(space::GROUP, 0.0);
        ui.label(RichText::new(words).size(text::HEADING).color(colour));
        // Each part stays in one piece where the line is broken.
        let part = |ui: &mut Ui, text: RichText| ui.add(Label::new(text).extend());
        part(ui, RichText::new(format!("{before}; now {after}")));
        let small = |words: String| RichText::new(words).size(text::SMALL).color(tokens.dim);
        let track = &cx.session.attack.track;
        if let Some((number, step)) = track.looked_at() {
            let seen = track.seen();
            let top = crate::study::ranked(&step.posterior)[0];
            let said = believed(&name(top), step.posterior[top]);
            let words = format!("looking at step {number} of {seen}: {said}");
            part(ui, RichText::new(words).color(tokens.accent));
            // In place of what follows, so that no line is added and nothing below moves while the steps play.
            return;
        }
        part(ui, small(format!("at σ {}/255", of_255(made.sigma))))
            .explained("Both are p(c | x) as the classifier says it at this noise level, without noise");
        part(ui, small(format!("asked for {} {asked}", norm.title())));
        let work = format!("{} steps, {} queries of the model", outcome.steps, outcome.queries);
        part(ui, small(format!("achieved {achieved}"))).explained(work);
    });
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
        let after = believed(&class, outcome.posterior_after[outcome.predicted_after]);
        let colour = if outcome.success { tokens.bad } else { tokens.good };
        ui.horizontal(|ui| {
            widgets::dim(ui, kind);
            ui.label(RichText::new(after).color(colour));
        })
        .response
        .explained(defence.to_string());
    }
}

/// What came of it, in `room` or, where that is too small, beyond it.
fn results(ui: &mut Ui, cx: &mut Context<'_>, room: Vec2) {
    let kinds = [
        TileKind::Attacked,
        TileKind::Perturbation,
        TileKind::AttackGradient,
        TileKind::AttackedDenoised,
        TileKind::PurifyNoisy,
        TileKind::Purified,
    ];
    let blind = cx.session.blind();
    // Those that follow take gradients.
    let kinds = if blind.is_some() { &kinds[..2] } else { &kinds[..] };
    ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
    let top = ui.cursor().top();
    outcome(ui, cx);
    if let Some(reason) = blind {
        widgets::dim(ui, format!("No gradient, denoiser or purification is shown: the model {reason}."));
    }
    let used = |ui: &Ui| ui.cursor().top() - top;
    let tall = room.y - used(ui) - TIMELINE - space::ITEM;
    let (columns, side) = grid_of_at_least(SMALLEST, room.x, tall, kinds.len());
    for row in kinds.chunks(columns) {
        ui.horizontal(|ui| {
            for &kind in row {
                let caption = caption(ui, cx, kind, side);
                let response = tile::show(ui, cx, kind, vec2(side, side), &caption);
                response.explained(hint(kind));
            }
        });
    }
    let tall = (room.y - used(ui)).clamp(TIMELINE, TALLEST_TIMELINE);
    timeline::show(ui, cx, tall, Aim::Class);
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
    let said = |posterior: &[f64]| {
        let top = crate::study::ranked(posterior)[0];
        let name = &cx.session.classes()[top];
        (if side < NARROW { name.clone() } else { believed(name, posterior[top]) }, top)
    };
    let posterior = match kind {
        TileKind::Attacked => cx.session.attack.track.shown().map(|step| step.posterior.clone()),
        TileKind::Purified => cx.session.attack.purified.as_ref().map(|study| study.posterior.clone()),
        _ => None,
    };
    match posterior {
        Some(posterior) => {
            let (figure, top) = said(&posterior);
            Caption { figure: Some(figure), colour: Some(tokens.class(top)), ..Caption::default() }
        }
        None => Caption::default(),
    }
}
