//! Several attacks side by side: the same picture, the same budget, one tile a method.

use eframe::egui::{self, Button, Grid, Label, ProgressBar, RichText, ScrollArea, Ui, vec2};

use super::denoiser::{grid, grid_of_at_least};
use super::{PaneInfo, Place};
use crate::attack::{Method, Norm, Settings, Target};
use crate::gui::command::{TrialsCommand, WindowCommand};
use crate::gui::state::document::TileKind;
use crate::gui::state::pane::Pane;
use crate::gui::state::trials::{Ending, Shown, Trial};
use crate::gui::view::attack_controls::level;
use crate::gui::view::caption::{AROUND, Caption};
use crate::gui::view::column::column_beside;
use crate::gui::view::command_button::command_button;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::tile;
use crate::gui::view::widgets::{self, dim, fact, named, segments};
use crate::study::level::of_255;
use crate::study::ranked;
use crate::study::words::{self, number};

/// Width of the choices at the left.
const CHOICES: f32 = 216.0;
/// What stands under a tile beside its own footer.
const VERDICT: f32 = 18.0;
/// No tile is smaller: what has no room is scrolled to.
const SMALLEST: f32 = 72.0;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::TRIALS,
    title: "Attacks",
    hint: "Several attacks on the same picture with the same budget, side by side",
    place: Place::Below,
    classes: true,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.document.entry().is_none() {
        widgets::empty(ui, "Open a picture to attack.");
        return;
    }
    let choices = |ui: &mut Ui, cx: &mut Context<'_>| {
        ui.spacing_mut().item_spacing.y = space::TIGHT;
        run(ui, cx);
        budget(ui, cx);
        methods(ui, cx);
    };
    column_beside(ui, cx, (CHOICES, "methods"), choices, results);
}

/// Run, or cancel and how far it is.
fn run(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    ui.horizontal(|ui| {
        if cx.questions.trials.is_pending() {
            command_button(ui, cx, "Cancel", TrialsCommand::Cancel);
            let trials = &cx.session.trials;
            let of_one = (trials.progress.0 as f32 / trials.progress.1.max(1) as f32).min(1.0);
            let share = (trials.found.len() as f32 + of_one) / trials.planned.len().max(1) as f32;
            let bar = ProgressBar::new(share).desired_width(84.0).desired_height(8.0).fill(tokens.accent);
            named(&ui.add(bar), "Attacks so far");
            dim(ui, format!("{} of {}", trials.found.len(), trials.planned.len()));
            return;
        }
        let chosen = cx.session.trials.methods.len();
        let button = Button::new(RichText::new(format!("Run {chosen} attacks")).color(tokens.on_accent));
        let response = ui.add_enabled(chosen > 0, button.fill(tokens.accent));
        let response = response.explained("Attack the picture by each of the chosen methods, one after the other");
        if response.on_disabled_hover_text("No method is chosen").clicked() {
            cx.run(TrialsCommand::Run);
        }
    });
}

/// What all of them have in common.
fn budget(ui: &mut Ui, cx: &mut Context<'_>) {
    let settings = cx.document.attack.clone();
    let within = if settings.is_bounded() {
        format!("{} {}", settings.norm.title(), level(settings.epsilon, settings.norm))
    } else {
        settings.norm.title().to_owned()
    };
    fact(ui, "Budget", &within).explained(
        "Of every method that takes this norm. DeepFool and its like look for the smallest perturbation, whatever it is",
    );
    let towards = match settings.target {
        Target::None => "any other class".to_owned(),
        Target::Random => "a random class".to_owned(),
        Target::LeastLikely => "the least likely".to_owned(),
        Target::Class(class) => cx.session.classes().get(class).cloned().unwrap_or_default(),
    };
    fact(ui, "Towards", &towards);
    fact(ui, "σ assumed", &format!("{}/255", of_255(settings.sigma)))
        .explained("Each attacks p(c | x) at this noise level");
    fact(ui, "Defence", &settings.defence.to_string());
    command_button(ui, cx, "Change in Adversary", WindowCommand::Show(Pane::ADVERSARY));
}

/// Which methods are tried.
fn methods(ui: &mut Ui, cx: &mut Context<'_>) {
    widgets::section(ui, "Methods");
    let classes = cx.session.classes().len();
    let blind = cx.session.blind().is_some();
    for method in Method::ALL {
        let description = method.description();
        let missing = if blind && description.gradient {
            Some("It follows gradients, and this model gives none")
        } else if description.min_classes > classes {
            Some("Its loss takes more classes than the model has")
        } else {
            None
        };
        let mut on = cx.session.trials.methods.contains(&method);
        let checkbox = egui::Checkbox::new(&mut on, description.title);
        let response = ui.add_enabled(missing.is_none(), checkbox).explained(description.about);
        if response.on_disabled_hover_text(missing.unwrap_or_default()).changed() {
            cx.run(TrialsCommand::Toggle(method));
        }
    }
}

/// What came of them.
fn results(ui: &mut Ui, cx: &mut Context<'_>) {
    let trials = &cx.session.trials;
    if trials.found.is_empty() {
        let pending = cx.questions.trials.is_pending();
        let words = if pending { "Attacking…" } else { "Run attacks the picture by each of the chosen methods." };
        widgets::empty(ui, words);
        return;
    }
    let tokens = Tokens::in_ui(ui);
    let (found, planned) = (trials.found.len(), trials.planned.len());
    let fooled = (0..found).filter(|&i| trials.ending(i).is_some_and(|ending| ending.outcome.success)).count();
    let old = trials.planned != trials.plan(&cx.document.attack);
    let shown = trials.shown;
    ui.horizontal_wrapped(|ui| {
        let choices = [
            (Shown::Attacked, "Attacked", "The picture that each attack made"),
            (Shown::Perturbation, "Perturbation", "What each attack added, with its own colour scale"),
            (Shown::Figures, "Figures", "Distances, steps, queries and times in a table"),
        ];
        if let Some(shown) = segments(ui, shown, &choices) {
            cx.run(TrialsCommand::Show(shown));
        }
        let words = format!("{fooled} of {found} fooled the model");
        ui.label(RichText::new(words).color(if fooled > 0 { tokens.bad } else { tokens.good }));
        if found < planned && !cx.questions.trials.is_pending() {
            dim(ui, format!("cancelled before the other {}", planned - found));
        }
        if old {
            let words = RichText::new("of the settings before: run again").size(text::SMALL);
            ui.label(words.color(tokens.warning));
        }
    });
    let room = ui.available_size();
    ScrollArea::vertical().id_salt("tried").auto_shrink([false, false]).show_following(ui, |ui| match shown {
        Shown::Figures => figures(ui, cx),
        Shown::Attacked => tiles(ui, cx, room, TileKind::Trial),
        Shown::Perturbation => tiles(ui, cx, room, TileKind::TrialChange),
    });
}

fn tiles(ui: &mut Ui, cx: &mut Context<'_>, room: egui::Vec2, kind: fn(usize) -> TileKind) {
    let count = cx.session.trials.found.len();
    // The line under each tile is no part of what the grid knows.
    let rows = count.div_ceil(grid(room.x, room.y, count).0);
    let (columns, side) = grid_of_at_least(SMALLEST, room.x - space::ITEM, room.y - VERDICT * rows as f32, count);
    ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
    let found = cx.session.trials.found.clone();
    for (row, trials) in found.chunks(columns).enumerate() {
        ui.horizontal_top(|ui| {
            for (place, trial) in trials.iter().enumerate() {
                let index = row * columns + place;
                ui.allocate_ui(vec2(side, side + AROUND + VERDICT), |ui| {
                    ui.vertical(|ui| {
                        ui.spacing_mut().item_spacing.y = 0.0;
                        ui.set_width(side);
                        one(ui, cx, index, trial, kind(index), side);
                    });
                });
            }
        });
    }
}

/// One attack's tile with the verdict under it; a click takes its settings to the adversary pane.
fn one(ui: &mut Ui, cx: &mut Context<'_>, index: usize, trial: &Trial, kind: TileKind, side: f32) {
    let tokens = Tokens::in_ui(ui);
    let title = trial.settings.method.description().title;
    let caption = match &trial.ending {
        Ok(ending) => {
            let norm = trial.settings.norm;
            let moved = format!("{} {}", norm.title(), level(ending.outcome.achieved.in_norm(norm), norm));
            let colour = tokens.class(ending.outcome.predicted_after);
            Caption { name: Some(title.to_owned()), figure: Some(moved), colour: Some(colour), ..Caption::default() }
        }
        Err(_) => Caption { name: Some(title.to_owned()), ..Caption::default() },
    };
    let response = tile::show(ui, cx, kind, vec2(side, side), &caption);
    if response.explained(about(cx, trial)).clicked() {
        cx.run(TrialsCommand::Take(index));
    }
    let (words, colour) = verdict(cx, tokens, trial);
    let label = Label::new(RichText::new(words).size(text::SMALL).color(colour)).truncate();
    ui.add(label).explained(about(cx, trial));
}

/// The likeliest class afterwards.
fn believed(cx: &Context<'_>, ending: &Ending) -> String {
    let class = ending.outcome.predicted_after;
    let name = cx.session.classes().get(class).cloned().unwrap_or_default();
    words::believed(&name, ending.outcome.posterior_after[class])
}

fn verdict(cx: &Context<'_>, tokens: &Tokens, trial: &Trial) -> (String, egui::Color32) {
    match &trial.ending {
        Err(reason) => (format!("not tried: {reason}"), tokens.warning),
        Ok(ending) => match (ending.outcome.is_needed(), ending.outcome.success) {
            (false, _) => ("not needed".to_owned(), tokens.dim),
            (true, true) => (format!("fooled: {}", believed(cx, ending)), tokens.bad),
            (true, false) if ending.outcome.strayed() => {
                let target = ending.outcome.target.and_then(|target| cx.session.classes().get(target).cloned());
                (format!("not {}, but {}", target.unwrap_or_default(), believed(cx, ending)), tokens.warning)
            }
            (true, false) => (format!("holds: {}", believed(cx, ending)), tokens.good),
        },
    }
}

/// Everything about one attack, in words.
fn about(cx: &Context<'_>, trial: &Trial) -> String {
    let description = trial.settings.method.description();
    match &trial.ending {
        Err(reason) => format!("{}\n{reason}", description.about),
        Ok(ending) => {
            let (before, outcome) = (ranked(&ending.outcome.posterior_before)[0], &ending.outcome);
            let name = cx.session.classes().get(before).cloned().unwrap_or_default();
            format!(
                "{}\n{}; now {}; {}; {} steps, {} queries, {} ms.\nA click takes these settings to the pane Adversary.",
                description.about,
                words::believed(&name, outcome.posterior_before[before]),
                believed(cx, ending),
                distances(ending),
                outcome.steps,
                outcome.queries,
                number(ending.took, 0),
            )
        }
    }
}

fn distances(ending: &Ending) -> String {
    let achieved = ending.outcome.achieved;
    let each = [(Norm::Linf, achieved.linf), (Norm::L2, achieved.l2)];
    each.map(|(norm, distance)| format!("{} {}", norm.title(), level(distance, norm))).join(", ")
}

/// The figures of all of them.
fn figures(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let found = cx.session.trials.found.clone();
    let heads = [
        ("Attack", "A click takes its settings to the pane Adversary"),
        ("", "Whether the model was fooled"),
        ("Now", "The likeliest class of the attacked picture"),
        ("L∞", "The largest change of a value"),
        ("L2", "The length of all changes together, on the [0, 1] scale"),
        ("Steps", "Pictures asked about by the search"),
        ("Queries", "Pictures that went forward through the model"),
        ("Gradients", "How many went back through it"),
        ("ms", "How long it took"),
    ];
    Grid::new("figures").num_columns(heads.len()).spacing([space::SECTION, space::TIGHT]).striped(true).show(
        ui,
        |ui| {
            for (head, hint) in heads {
                dim(ui, head).explained(hint);
            }
            ui.end_row();
            for (index, trial) in found.iter().enumerate() {
                if ui.link(trial.settings.method.description().title).explained(about(cx, trial)).clicked() {
                    cx.run(TrialsCommand::Take(index));
                }
                match &trial.ending {
                    Err(reason) => {
                        ui.label(RichText::new("not tried").color(tokens.warning)).explained(reason);
                    }
                    Ok(ending) => row(ui, cx, &trial.settings, ending),
                }
                ui.end_row();
            }
        },
    );
}

fn row(ui: &mut Ui, cx: &Context<'_>, settings: &Settings, ending: &Ending) {
    let tokens = Tokens::in_ui(ui);
    let outcome = &ending.outcome;
    let (words, colour) = match (outcome.success, outcome.strayed()) {
        (true, _) => ("fooled", tokens.bad),
        (false, true) => ("missed its target", tokens.warning),
        (false, false) => ("holds", tokens.good),
    };
    ui.label(RichText::new(words).color(colour)).explained(format!("attacked in {}", settings.norm.title()));
    ui.label(believed(cx, ending));
    ui.label(level(outcome.achieved.linf, Norm::Linf));
    ui.label(level(outcome.achieved.l2, Norm::L2));
    for count in [outcome.steps, outcome.queries, outcome.gradients] {
        ui.label(count.to_string());
    }
    ui.label(number(ending.took, 0));
}
