//! The attack on the denoiser: what changes the restored picture most, or spoils it most, within a budget.

use eframe::egui::{Label, RichText, Slider, SliderClamping, Ui, Vec2, vec2};

use super::{SMALLEST, TALLEST_TIMELINE, TIMELINE, grid_of_at_least, run};
use crate::attack::{DenoiserSettings, Norm, Objective};
use crate::gui::command::AttackCommand;
use crate::gui::state::document::{Aim, TileKind};
use crate::gui::view::attack_controls::{budget_hint, budget_slider, level};
use crate::gui::view::caption::Caption;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::panes::timeline;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::tile;
use crate::gui::view::widgets::{self, segments};
use crate::gui::work::denoiser_attack::runs_by_itself;
use crate::study::level::of_255;
use crate::study::ranked;
use crate::study::words::{believed, number};

/// The most steps that are worth sliding to.
const STEPS: usize = 500;

/// What it is after, within which budget, and how it goes about it.
pub fn settings(ui: &mut Ui, cx: &mut Context<'_>) {
    let present = cx.document.denoiser_attack;
    let mut settings = present;
    let progress =
        cx.questions.denoiser_attack.is_pending().then(|| cx.session.denoiser_attack.progress.unwrap_or((0, 1)));
    run(ui, cx, progress, runs_by_itself(&present));
    let both = [
        (Objective::Change, "Change D", "Move what is restored as far as it goes: ‖D(y + d) − D(y)‖"),
        (Objective::Error, "Spoil D", "Move what is restored away from the clean picture: ‖D(y + d) − x‖"),
    ];
    // Without a clean picture there is no error to make large.
    let choices = if cx.document.already_noisy { &both[..1] } else { &both[..] };
    let shown = cx.document.denoiser_settings().objective;
    ui.horizontal(|ui| {
        if let Some(objective) = segments(ui, shown, choices) {
            settings.objective = objective;
        }
        ui.add_space(space::GROUP);
        let norms =
            [(Norm::Linf, "L∞", "Each value may change by ε"), (Norm::L2, "L2", "All changes together may be ε long")];
        if let Some(norm) = segments(ui, settings.norm, &norms) {
            let epsilon = DenoiserSettings::usual_epsilon(norm);
            settings = DenoiserSettings { norm, epsilon, step_size: 0.5 * epsilon, ..settings };
        }
    });
    let mut epsilon = settings.epsilon;
    ui.add(budget_slider(&mut epsilon, settings.norm).text("ε")).explained(budget_hint(settings.norm));
    let mut share = if settings.epsilon > 0.0 { settings.step_size / settings.epsilon } else { 0.5 };
    if epsilon != settings.epsilon {
        settings.epsilon = epsilon;
        settings.step_size = share * epsilon;
    }
    let steps = Slider::new(&mut settings.steps, 1..=STEPS).logarithmic(true).clamping(SliderClamping::Edits);
    ui.add(steps.text("steps"))
        .explained("How many steps of gradient ascent; each takes one product with the Jacobian");
    let before = share;
    let first = Slider::new(&mut share, 0.01..=2.0).logarithmic(true).clamping(SliderClamping::Edits).max_decimals(2);
    ui.add(first.text("first step / ε")).explained("How long the first step is; the last one is a tenth of that");
    if (share - before).abs() > f64::EPSILON {
        settings.step_size = share * settings.epsilon;
    }
    let sigma = of_255(cx.document.noise.sigma);
    widgets::dim(ui, format!("Of the noisy picture on screen, σ {sigma}/255."))
        .explained("The denoiser is told the slider's σ, and the attack draws its start by the seed of the noise");
    if settings != present {
        cx.run(AttackCommand::SetDenoiser(settings));
    }
}

/// What came of it, in `room` or, where that is too small, beyond it.
pub fn results(ui: &mut Ui, cx: &mut Context<'_>, room: Vec2) {
    let kinds = [
        (TileKind::Noisy, "The noisy picture y that the attack begins with"),
        (TileKind::NoisyAttacked, "The noisy picture with the change d, at the step that is looked at"),
        (TileKind::NoisyPerturbation, "d: what was changed in the noisy picture"),
        (TileKind::RestoredBefore, "What is restored of the noisy picture"),
        (TileKind::RestoredAfter, "What is restored of the changed one"),
        (
            TileKind::RestoredChange,
            "What the change does to the restored picture: it lies where the denoiser amplifies most",
        ),
    ];
    ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
    let top = ui.cursor().top();
    outcome(ui, cx);
    let used = |ui: &Ui| ui.cursor().top() - top;
    let tall = room.y - used(ui) - TIMELINE - space::ITEM;
    let (columns, side) = grid_of_at_least(SMALLEST, room.x, tall, kinds.len());
    for row in kinds.chunks(columns) {
        ui.horizontal(|ui| {
            for &(kind, hint) in row {
                tile::show(ui, cx, kind, vec2(side, side), &Caption::default()).explained(hint);
            }
        });
    }
    let tall = (room.y - used(ui)).clamp(TIMELINE, TALLEST_TIMELINE);
    timeline::show(ui, cx, tall, Aim::Denoiser);
}

/// What the attack came to, beside plain noise of the same size.
fn outcome(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let pending = cx.questions.denoiser_attack.is_pending();
    let attack = &cx.session.denoiser_attack;
    let Some(outcome) = attack.outcome.clone() else {
        let words = match (pending, attack.track.is_empty()) {
            (true, _) => "Attacking…",
            (false, true) => "Not attacked yet.",
            (false, false) => "Cancelled: these are the steps until then.",
        };
        widgets::dim(ui, words);
        return;
    };
    if attack.stale {
        let words = if pending { "Attacking…" } else { "The settings changed: press Run." };
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(words).color(tokens.warning));
            widgets::dim(ui, "What is shown is of the settings before.");
        });
    }
    // Of the settings that it was made with, not of those that are being chosen.
    let Some(made) = cx.questions.denoiser_attack.request().map(|request| request.settings) else { return };
    let small = |words: String| RichText::new(words).size(text::SMALL).color(tokens.dim);
    let bytes = |value: f64| format!("{}/255", number(255.0 * value, 1));
    let most = outcome.loss.last().copied().unwrap_or_default();
    let what = match made.objective {
        Objective::Change => "D moved by",
        Objective::Error => "D is off by",
    };
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(space::GROUP, 0.0);
        // Each part stays in one piece where the line is broken.
        let part = |ui: &mut Ui, text: RichText| ui.add(Label::new(text).extend());
        let colour = if attack.stale { tokens.dim } else { tokens.strong };
        part(ui, RichText::new(format!("{what} {}", bytes(most))).size(text::HEADING).color(colour))
            .explained("The root mean square over all values, as far as the attack found");
        part(ui, RichText::new(format!("plain noise of that size: {}", bytes(outcome.control))))
            .explained("The mean over eight draws of noise as large as d");
        if let Some((step_number, step)) = attack.track.looked_at() {
            let words = format!("looking at step {step_number} of {}: {}", attack.track.seen(), bytes(step.loss));
            part(ui, RichText::new(words).color(tokens.accent));
            // In place of what follows, so that no line is added and nothing below moves while the steps play.
            return;
        }
        if made.objective == Objective::Error {
            part(ui, small(format!("without d: {}", bytes(outcome.without))));
        }
        let norm = made.norm;
        part(ui, small(format!("d has {} {}", norm.title(), level(outcome.achieved.in_norm(norm), norm))));
        part(ui, small(format!("gain {}", number(outcome.gain, 2))))
            .explained("‖D(y + d) − D(y)‖/‖d‖: at most the largest eigenvalue of J where the denoiser is linear");
        if cx.session.classes().len() > 1 {
            let said = |posterior: &[f64]| {
                let top = ranked(posterior)[0];
                believed(&cx.session.classes()[top], posterior[top])
            };
            let words = format!("{}; now {}", said(&outcome.posterior_before), said(&outcome.posterior_after));
            part(ui, small(words)).explained("p(c | y) before and after: the class was not what the attack was after");
        }
        if !outcome.is_exact {
            part(ui, small("by differences of D".to_owned()))
                .explained("This model gives no exact products with its Jacobian");
        }
    });
}
