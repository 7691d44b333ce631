//! Two models side by side: what each restores and believes, attacks made for one shown to the other, and duels.

use eframe::egui::{
    self, Align2, Button, ComboBox, DragValue, FontId, ProgressBar, Rect, RichText, Role, Sense, Slider,
    SliderClamping, Ui, WidgetInfo, pos2, vec2,
};

use super::denoiser::grid;
use super::{PaneInfo, Place};
use crate::attack::{Aim, DuelSettings, Norm, divergence};
use crate::gui::command::VersusCommand;
use crate::gui::state::document::TileKind;
use crate::gui::state::model::{ModelSource, built_in};
use crate::gui::state::pane::Pane;
use crate::gui::state::versus::{Mode, Rival, Versus};
use crate::gui::view::attack_controls::{budget_hint, budget_slider, level};
use crate::gui::view::caption::{AROUND, Caption};
use crate::gui::view::column::column_beside;
use crate::gui::view::command_button::command_button;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::tile;
use crate::gui::view::widgets::{self, dim, fact, named, paint_text, segments};
use crate::study::level::of_255;
use crate::study::ranked;
use crate::study::words::{believed, number, percent};

/// Width of the figures at the left.
const FIGURES: f32 = 244.0;
/// A row's height of the pairs of beliefs.
const ROW: f32 = 24.0;
/// How many classes are shown.
const CLASSES: usize = 24;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::VERSUS,
    title: "Two models",
    hint: "A second model on the same picture and noise: what differs, what transfers, where they part",
    place: Place::Below,
    classes: false,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    let mode = cx.session.versus.mode;
    ui.horizontal_wrapped(|ui| {
        choose(ui, cx);
        let choices = Mode::ALL.map(|mode| (mode, mode.label(), mode.sentence()));
        if cx.session.versus.b.is_some()
            && let Some(mode) = segments(ui, mode, &choices)
        {
            cx.run(VersusCommand::Show(mode));
        }
    });
    let Some(rival) = cx.session.versus.b.clone() else {
        nothing_yet(ui, cx);
        return;
    };
    if let Some(reason) = missing(cx, &rival, mode) {
        widgets::empty(ui, &reason);
        return;
    }
    let figures = |ui: &mut Ui, cx: &mut Context<'_>| {
        ui.spacing_mut().item_spacing.y = space::TIGHT;
        match mode {
            Mode::Restored => restored(ui, cx, &rival),
            Mode::Attack => attack(ui, cx),
            Mode::Duel => duel(ui, cx),
        }
    };
    let kinds: &[TileKind] = match mode {
        Mode::Restored => &[TileKind::Noisy, TileKind::VersusA, TileKind::VersusB, TileKind::VersusDifference],
        Mode::Attack => {
            &[TileKind::Attacked, TileKind::Perturbation, TileKind::AttackedDenoised, TileKind::TransferDenoised]
        }
        Mode::Duel => {
            &[TileKind::DuelFound, TileKind::DuelChange, TileKind::DuelA, TileKind::DuelB, TileKind::DuelDifference]
        }
    };
    column_beside(ui, cx, (FIGURES, ("versus", mode.label())), figures, |ui, cx| tiles(ui, cx, kinds));
}

/// B, and the way to another.
fn choose(ui: &mut Ui, cx: &mut Context<'_>) {
    let chosen = cx.session.versus.b.as_ref().map(|rival| rival.model.source.clone());
    let words = chosen.as_ref().map_or_else(|| "choose a model".to_owned(), ModelSource::label);
    dim(ui, "B");
    let shown = ComboBox::from_id_salt("model b").width(150.0).height(420.0).truncate().selected_text(words).show_ui(
        ui,
        |ui| {
            for source in built_in().into_iter().chain(cx.settings.used_models()).collect::<Vec<_>>() {
                let response = ui.selectable_label(chosen.as_ref() == Some(&source), source.label());
                if response.explained(source.argument()).clicked() {
                    cx.run(VersusCommand::With(source));
                }
            }
            ui.separator();
            for (label, command) in
                [("Model file…", VersusCommand::OpenFile), ("Python script…", VersusCommand::OpenScript)]
            {
                if ui.selectable_label(false, label).clicked() {
                    cx.run(command);
                }
            }
        },
    );
    named(&shown.response, "Model B");
    if cx.session.versus.loading.is_some() {
        ui.add(egui::Spinner::new().size(14.0));
    }
    if cx.session.versus.b.is_some() {
        command_button(ui, cx, "Close B", VersusCommand::Close);
    }
}

/// A first comparison a click away, and why the last choice was refused.
fn nothing_yet(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    if let Some(reason) = cx.session.versus.refused.clone() {
        ui.label(RichText::new(reason).color(tokens.warning));
    }
    if let Some(source) = cx.session.versus.loading.clone() {
        dim(ui, format!("{} is being read…", source.label()));
        return;
    }
    ui.label("Set a second model beside the one in use: both see the same picture under the same noise.");
    let own = cx.session.model.as_ref().map(|model| model.source.clone());
    ui.horizontal_wrapped(|ui| {
        for source in built_in().into_iter().filter(|source| Some(source) != own.as_ref()) {
            command_button(ui, cx, &format!("Compare with {}", source.label()), VersusCommand::With(source));
        }
    });
}

/// Why the mode has nothing to show for these two.
fn missing(cx: &Context<'_>, rival: &Rival, mode: Mode) -> Option<String> {
    if cx.document.entry().is_none() {
        return Some("Open a picture to compare two models on.".to_owned());
    }
    if mode == Mode::Restored {
        return None;
    }
    let a = &cx.session.model.as_ref()?.joint;
    let b = &rival.model.joint;
    for (model, letter) in [(a, "A"), (b, "B")] {
        if !model.is_classifier() {
            return Some(format!("Model {letter} {}.", crate::joint::ONE_CLASS));
        }
        if let (Mode::Duel, Some(why)) = (mode, model.abilities().gradients.missing()) {
            return Some(format!("A duel follows gradients, and model {letter} {why}."));
        }
    }
    None
}

/// PSNR of both, which class, and the pairs of beliefs.
fn restored(ui: &mut Ui, cx: &mut Context<'_>, rival: &Rival) {
    as_class(ui, cx);
    let versus = &cx.session.versus;
    let answer = versus.answer.as_ref().map(|answer| answer.value.clone());
    let psnr_a = match versus.class {
        None => cx.session.answer.denoised_fidelity,
        Some(class) => cx.session.answer.class(class).and_then(|tile| tile.fidelity),
    };
    let psnr_b = answer.as_ref().and_then(|answer| answer.fidelity);
    let decibels = |value: f64| format!("{} dB", number(value, 2));
    if let (Some(a), Some(b)) = (psnr_a.map(|f| f.psnr_db()), psnr_b.map(|f| f.psnr_db())) {
        fact(ui, "PSNR of A", &decibels(a));
        fact(ui, "PSNR of B", &decibels(b));
        if a.is_finite() && b.is_finite() {
            let sign = if a >= b { "+" } else { "" };
            fact(ui, "A − B", &format!("{sign}{}", decibels(a - b)))
                .explained("Above 0, A is nearer to the clean picture");
        }
    } else if let Some(why) = rival.model.joint.abilities().gradients.missing() {
        dim(ui, format!("Model B {why}."));
    }
    let ours = cx.session.answer.posterior.as_ref().map(|posterior| posterior.value.clone());
    if rival.pairing.classes.is_none() {
        dim(ui, "One of the two tells no classes apart, so only what they restore is compared.");
    } else if let (Some(ours), Some(answer)) = (ours, answer) {
        apart(ui, &ours, &answer.posterior);
        let level = of_255(cx.document.noise.sigma);
        pairs(ui, cx, &ours, &answer.posterior, &format!("p(c | y), σ {level}/255: A over B"));
    }
}

/// As which class both restore.
fn as_class(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.session.versus.b.as_ref().is_none_or(|rival| rival.pairing.classes.is_none()) {
        return;
    }
    let present = cx.session.versus.class;
    let name = |class: usize| cx.session.classes().get(class).cloned().unwrap_or_default();
    let words = present.map_or_else(|| "D(y): whatever it is".to_owned(), |class| format!("D(y | {})", name(class)));
    let mut chosen = present;
    let shown = ComboBox::from_id_salt("restored as").width(FIGURES - 24.0).height(320.0).selected_text(words).show_ui(
        ui,
        |ui| {
            ui.selectable_value(&mut chosen, None, "D(y): whatever it is");
            for tile in &cx.session.answer.classes {
                ui.selectable_value(&mut chosen, Some(tile.class), format!("D(y | {})", name(tile.class)));
            }
        },
    );
    named(&shown.response, "Restored as");
    let w = cx.document.guidance_shown();
    // What is not the plain conditional expectation is said to be so.
    if present.is_some() && w != 1.0 {
        dim(ui, format!("Shown of both: D + {w} (D(y|c) − D)"))
            .explained("The guidance w is that of the pane Classes; at 1 it is E[x | y, c]");
    }
    if chosen != present {
        cx.run(VersusCommand::SetClass(chosen));
    }
}

/// Whether they agree, and how far apart they are.
fn apart(ui: &mut Ui, a: &[f64], b: &[f64]) {
    if a.len() != b.len() || a.is_empty() {
        return;
    }
    let tokens = Tokens::in_ui(ui);
    let agree = ranked(a)[0] == ranked(b)[0];
    let (words, colour) = if agree { ("They agree", tokens.good) } else { ("They disagree", tokens.bad) };
    ui.horizontal(|ui| {
        ui.label(RichText::new(words).color(colour));
        dim(ui, format!("{} bits apart", number(divergence(a, b), 3))).explained(
            "The Jensen–Shannon divergence of the two posteriors: from 0, the same, to 1, nothing in common",
        );
    });
}

/// A bar of A's over one of B's for each class.
fn pairs(ui: &mut Ui, cx: &Context<'_>, a: &[f64], b: &[f64], title: &str) {
    if a.len() != b.len() {
        return;
    }
    dim(ui, title);
    let larger: Vec<f64> = a.iter().zip(b).map(|(a, b)| a.max(*b)).collect();
    let order: Vec<usize> =
        if cx.settings.sorted || a.len() > CLASSES { ranked(&larger) } else { (0..a.len()).collect() };
    for class in order.into_iter().take(CLASSES) {
        pair(ui, cx, class, [a[class], b[class]]);
    }
}

fn pair(ui: &mut Ui, cx: &Context<'_>, class: usize, p: [f64; 2]) {
    let tokens = Tokens::in_ui(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let name = cx.session.classes().get(class).cloned().unwrap_or_default();
    let words = p.map(percent);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}: A {}, B {}", words[0], words[1])));
    if !ui.is_rect_visible(rect) {
        return;
    }
    let font = FontId::proportional(text::BODY);
    paint_text(ui, rect.left_center(), Align2::LEFT_CENTER, &name, font, tokens.text, 76.0);
    let track =
        Rect::from_min_max(pos2(rect.left() + 80.0, rect.top() + 2.0), pos2(rect.right() - 56.0, rect.bottom() - 2.0));
    ui.painter().rect_filled(track, 2.0, tokens.ground);
    let halves = track.split_top_bottom_at_fraction(0.5);
    let small = FontId::proportional(text::SMALL - 1.0);
    let middle = rect.center().y;
    for (side, half) in [halves.0, halves.1].into_iter().enumerate() {
        // B's are striped by being narrower, so that they are told apart without colour too.
        let tall = if side == 0 { half.height() - 1.0 } else { half.height() * 0.55 };
        let fill = Rect::from_min_size(half.min, vec2((half.width() * p[side] as f32).max(1.0), tall));
        let colour = if side == 0 { tokens.class(class) } else { tokens.dim };
        ui.painter().rect_filled(fill, 1.0, colour);
        let at = pos2(rect.right(), middle + [-5.5, 5.5][side]);
        let colour = if side == 0 { tokens.text } else { tokens.dim };
        ui.painter().text(
            at,
            Align2::RIGHT_CENTER,
            format!("{} {}", ["A", "B"][side], words[side]),
            small.clone(),
            colour,
        );
    }
}

/// What the attack on A did to both.
fn attack(ui: &mut Ui, cx: &Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let Some(outcome) = cx.session.attack.outcome.clone() else {
        dim(ui, if cx.questions.attack.is_pending() { "Attacking A…" } else { "There is no attack yet." });
        return;
    };
    let settings = &cx.document.attack;
    let budget = outcome.epsilon.map_or_else(|| "smallest".to_owned(), |epsilon| level(epsilon, settings.norm));
    let made = format!(
        "{} {} {budget}, σ {}/255",
        settings.method.description().title,
        settings.norm.title(),
        of_255(settings.sigma)
    );
    fact(ui, "Made for A", &made).explained("Set it in the adversary pane");
    let name = |class: usize| cx.session.classes().get(class).cloned().unwrap_or_default();
    let verdict = |before: &[f64], after: &[f64]| {
        let (from, to) = (ranked(before)[0], ranked(after)[0]);
        let fooled = from == outcome.label && outcome.target.map_or(to != outcome.label, |target| to == target);
        let (words, colour) = match (fooled, from == outcome.label) {
            (true, _) => ("fooled", tokens.bad),
            (false, true) => ("holds", tokens.good),
            (false, false) => ("was wrong before", tokens.warning),
        };
        let [before, after] = [(from, before), (to, after)].map(|(class, p)| believed(&name(class), p[class]));
        (format!("{words}: {before}; now {after}"), colour)
    };
    let Some(shown) = cx.session.attack.track.shown() else { return };
    let (words, colour) = verdict(&outcome.posterior_before, &shown.posterior);
    ui.label(RichText::new(format!("A {words}")).color(colour));
    let Some(found) = cx.session.versus.transferred.as_ref() else {
        dim(ui, "Asking B…");
        return;
    };
    let (words, colour) = verdict(&found.value.before, &found.value.after);
    let colour = if found.stale { tokens.dim } else { colour };
    ui.label(RichText::new(format!("B {words}")).color(colour));
    if settings.defence != crate::attack::Defence::None {
        dim(ui, "A stands behind its defence, B does not.");
    }
    pairs(ui, cx, &shown.posterior, &found.value.after, "p(c | attacked): A over B");
}

/// What a duel is asked for, and what came of it.
fn duel(ui: &mut Ui, cx: &mut Context<'_>) {
    let before = cx.session.versus.duel;
    let mut settings = before;
    let aims = [
        (Aim::Widest, Versus::aim_label(Aim::Widest), "The picture within ε on which their posteriors differ most"),
        (Aim::Nearest, Versus::aim_label(Aim::Nearest), "The nearest picture that they take for different classes"),
    ];
    if let Some(aim) = segments(ui, settings.aim, &aims) {
        settings.aim = aim;
    }
    ui.horizontal(|ui| {
        let norms =
            [(Norm::L2, "L2", "All changes together may be ε long"), (Norm::Linf, "L∞", "Each value may change by ε")];
        if let Some(norm) = segments(ui, settings.norm, &norms) {
            settings = DuelSettings { norm, epsilon: DuelSettings::usual_epsilon(norm), ..settings };
        }
        dim(ui, "seed");
        named(&ui.add(DragValue::new(&mut settings.seed).speed(0.1)), "Seed of the duel");
    });
    let label = if settings.aim == Aim::Nearest { "first ε" } else { "ε" };
    ui.spacing_mut().slider_width = 110.0;
    let (norm, epsilon) = (settings.norm, &mut settings.epsilon);
    ui.add(budget_slider(epsilon, norm).text(label)).explained(budget_hint(norm));
    let slider = Slider::new(&mut settings.steps, 5..=200).logarithmic(true).clamping(SliderClamping::Edits);
    ui.add(slider.text("steps")).explained("Of each of the three runs of the search");
    if settings != before {
        cx.run(VersusCommand::SetDuel(settings));
    }
    let pending = cx.questions.duel.is_pending();
    ui.horizontal(|ui| {
        if pending {
            command_button(ui, cx, "Cancel", VersusCommand::CancelDuel);
            let progress = cx.session.versus.progress;
            let share = progress.done as f32 / progress.total.max(1) as f32;
            named(&ui.add(ProgressBar::new(share).desired_width(90.0).desired_height(8.0)), "Duel so far");
            dim(ui, format!("{} bits", number(progress.bits, 2)));
        } else {
            let tokens = Tokens::in_ui(ui);
            let run = Button::new(RichText::new("Run the duel").color(tokens.on_accent)).fill(tokens.accent);
            if ui.add(run).explained("Look for the picture on which the two differ").clicked() {
                cx.run(VersusCommand::RunDuel);
            }
        }
    });
    duelled(ui, cx, pending);
}

fn duelled(ui: &mut Ui, cx: &Context<'_>, pending: bool) {
    let tokens = Tokens::in_ui(ui);
    let Some(found) = cx.session.versus.duelled.clone() else { return };
    let duelled = &found.value.duelled;
    let name = |class: usize| cx.session.classes().get(class).cloned().unwrap_or_default();
    if found.stale || pending || duelled.settings != cx.session.versus.duel {
        ui.label(RichText::new("of the settings before").size(text::SMALL).color(tokens.warning));
    }
    let said = &duelled.duel.after;
    let [a, b] = [0, 1].map(|side: usize| {
        let class = said.predicted[side];
        format!("{} {}", ["A", "B"][side], believed(&name(class), said.posterior[side][class]))
    });
    let colour = if said.disagree() { tokens.bad } else { tokens.text };
    ui.label(RichText::new(format!("{a}   {b}")).color(colour));
    if !duelled.duel.found {
        dim(ui, "No picture was found that they take for different classes.");
    }
    let bits = |said: &crate::attack::Said| number(said.divergence, 3);
    fact(ui, "Bits apart", &format!("{}, before {}", bits(said), bits(&duelled.duel.before)))
        .explained("The Jensen–Shannon divergence of p(c | x) by A and by B, without noise");
    let norm = duelled.settings.norm;
    fact(ui, "Moved", &format!("{} {}", norm.title(), level(duelled.duel.achieved.in_norm(norm), norm)));
    let levels = duelled.duel.sigma.map(of_255);
    pairs(
        ui,
        cx,
        &said.posterior[0],
        &said.posterior[1],
        &format!("p(c | x*), σ {} and {} of 255: A over B", levels[0], levels[1]),
    );
}

fn tiles(ui: &mut Ui, cx: &mut Context<'_>, kinds: &[TileKind]) {
    let available = ui.available_size();
    let (columns, side) = grid(available.x, available.y, kinds.len());
    let side = side.min((available.y - AROUND).max(48.0));
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
        for row in kinds.chunks(columns) {
            ui.horizontal(|ui| {
                for &kind in row {
                    tile::show(ui, cx, kind, vec2(side, side), &caption(cx, kind));
                }
            });
        }
    });
}

/// The models' names on their tiles.
fn caption(cx: &Context<'_>, kind: TileKind) -> Caption {
    let a = || cx.session.model.as_ref().map(|model| model.source.label());
    let b = || cx.session.versus.b.as_ref().map(|rival| rival.model.source.label());
    let figure = match kind {
        TileKind::VersusA | TileKind::AttackedDenoised | TileKind::DuelA => a(),
        TileKind::VersusB | TileKind::TransferDenoised | TileKind::DuelB => b(),
        _ => None,
    };
    let name = (kind == TileKind::AttackedDenoised).then(|| "D(attacked) by A".to_owned());
    Caption { name, figure, ..Caption::default() }
}
