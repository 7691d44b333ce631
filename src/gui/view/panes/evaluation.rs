//! The evaluation on a data set: the form, the progress, the tables and plots.

use eframe::egui::{
    Align, Button, DragValue, FontId, Grid, Image, Label, Layout, ProgressBar, RichText, ScrollArea, TextEdit, Ui, vec2,
};

use super::form;
use super::{PaneInfo, Place};
use crate::attack::{Defence, LARGEST_ATTEMPTS, Method};
use crate::gui::command::{EvaluateCommand, Format};
use crate::gui::feature::evaluation::{Measured, Running};
use crate::gui::state::evaluation_form::EvaluationForm;
use crate::gui::state::pane::Pane;
use crate::gui::view::command_button::command_button;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::plot;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::{self, dim, named, section, text_width};
use crate::picture::NoiseKind;
use crate::study::evaluation::Table;
use crate::study::level;
use crate::study::words::{believed, duration};

/// A plot's height, and its least width.
const PLOT: [f32; 2] = [260.0, 190.0];
/// What a path is, and how else it comes.
const FOLDER: [&str; 2] = ["a folder", "A folder; or drop it on the window"];

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::EVALUATION,
    title: "Evaluation",
    hint: "Accuracy, calibration, restoration and robustness on a whole data set",
    place: Place::Below,
    classes: false,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    form::beside(ui, cx, form, results);
}

fn form(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    start(ui, cx);
    resume(ui, cx);
    let mut form: EvaluationForm = cx.settings.evaluation.clone();
    section(ui, "Data: class folders, CIFAR-10 or MNIST");
    form::path(ui, cx, &mut form.data, "Data to evaluate on", FOLDER, EvaluateCommand::ChooseData);
    ui.horizontal(|ui| {
        let limit = ui.add(DragValue::new(&mut form.limit).range(1..=1_000_000).speed(5.0));
        named(&limit, "Pictures at most");
        ui.label("pictures at most");
    });
    counted(ui, cx, &mut form);
    section(ui, "Noise levels");
    line(ui, &mut form.sigmas, "Noise levels", "1/255, 25/255");
    kinds(ui, &mut form.noises);
    section(ui, "Attacks, as on the command line");
    line(ui, &mut form.attacks, "Attacks", "pgd:linf:8/255, square");
    add_attack(ui, cx, &mut form.attacks);
    section(ui, "Defences to attack, the attack knowing them");
    line(ui, &mut form.defences, "Defences", "none vote purify:sigma=0.1");
    add_defence(ui, &mut form.defences);
    section(ui, "Certify at the noise levels");
    line(ui, &mut form.certify, "Certify at", "0.25; nothing for none");
    attempts(ui, &mut form);
    section(ui, "Pictures of another kind, to be told apart");
    form::path(ui, cx, &mut form.others, "Pictures of another kind", FOLDER, EvaluateCommand::ChooseOthers);
    if let Err(error) = form.plan() {
        ui.label(RichText::new(error.to_string()).size(text::SMALL).color(tokens.warning));
    }
    command_button(ui, cx, "Copy as command", EvaluateCommand::CopyCommand);
    if form != cx.settings.evaluation {
        cx.run(EvaluateCommand::Set(Box::new(form)));
    }
}

/// The kinds of noise, in columns.
fn kinds(ui: &mut Ui, chosen: &mut Vec<NoiseKind>) {
    Grid::new("kinds of noise").num_columns(KINDS).spacing([space::SECTION, space::TIGHT]).show(ui, |ui| {
        for row in NoiseKind::ALL.chunks(KINDS) {
            for kind in row {
                let mut on = chosen.contains(kind);
                if ui.checkbox(&mut on, kind.name()).changed() {
                    *chosen = NoiseKind::ALL
                        .into_iter()
                        .filter(|k| if k == kind { on } else { chosen.contains(k) })
                        .collect();
                }
            }
            ui.end_row();
        }
    });
}

/// In how many columns they stand.
const KINDS: usize = 2;

fn start(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.features.evaluation.running.is_some() {
        command_button(ui, cx, "Stop", EvaluateCommand::Stop);
        return;
    }
    let asked = cx.features.evaluation.counted.as_ref().is_some_and(|counted| counted.by_number.is_some());
    let ready = cx.settings.evaluation.plan().is_ok()
        && (!asked || cx.settings.evaluation.by_number)
        && !cx.settings.evaluation.data.trim().is_empty()
        && cx.session.model.is_some();
    let tokens = Tokens::in_ui(ui);
    let button = Button::new(RichText::new("Evaluate").color(tokens.on_accent)).fill(tokens.accent);
    let response = ui.add_enabled(ready, button).explained("Measure the model on this data, in the background");
    if response
        .on_disabled_hover_text(if asked {
            "Say first whether classes are to be matched by number"
        } else {
            "Choose the data first"
        })
        .clicked()
    {
        cx.run(EvaluateCommand::Start);
    }
}

/// The way on with an evaluation that did not end.
fn resume(ui: &mut Ui, cx: &mut Context<'_>) {
    let evaluation = &cx.features.evaluation;
    let Some(unfinished) = evaluation.unfinished.as_ref().filter(|_| evaluation.running.is_none()) else { return };
    let tokens = Tokens::in_ui(ui);
    let words = format!("The evaluation of {} was stopped before its end.", unfinished.model.label());
    ui.label(RichText::new(words).color(tokens.warning)).explained(unfinished.form.data.as_str());
    command_button(ui, cx, "Resume", EvaluateCommand::Resume);
}

/// How many pictures there are and how much will be measured; and a question, where classes would be matched by number.
fn counted(ui: &mut Ui, cx: &Context<'_>, form: &mut EvaluationForm) {
    let tokens = Tokens::in_ui(ui);
    let Some(counted) = &cx.features.evaluation.counted else { return };
    let chosen = counted.pictures.min(form.limit.max(1));
    let parts = form.plan().map_or(0, |plan| plan.sigmas.len() * plan.noises.len() + plan.attacks.len());
    let words = format!("{chosen} of {} pictures, in {parts} parts: {} measurements", counted.pictures, chosen * parts);
    dim(ui, words).explained(
        "A part is a noise level or an attack; each picture is measured in every part. Certificates come on top",
    );
    if let Some(pairs) = &counted.by_number {
        let words = format!("No class of this data is called as one of the model's. By number: {pairs}, …");
        ui.label(RichText::new(words).size(text::SMALL).color(tokens.warning));
        ui.checkbox(&mut form.by_number, "match by number")
            .explained("Only if the classes are the same, in the same order: else every figure means nothing");
    }
}

/// Attacks that close in on certified radii from above.
fn attempts(ui: &mut Ui, form: &mut EvaluationForm) {
    let certifies = !form.certify.trim().is_empty();
    ui.horizontal(|ui| {
        let drag = DragValue::new(&mut form.attempts).range(0..=LARGEST_ATTEMPTS).speed(0.1);
        let attempts = ui.add_enabled(certifies, drag);
        named(&attempts, "Attacks that bracket each radius");
        let words = ui.add_enabled(certifies, Label::new("attacks bracket each radius"));
        for response in [attempts, words] {
            response
                .explained(
                    "The radius is proved from below; the smallest attack found on the smoothed classifier bounds it from \
                     above. 0 for certificates alone",
                )
                .on_disabled_hover_text("Name a noise level to certify at first");
        }
    });
}

/// Defences to add to the list.
fn add_defence(ui: &mut Ui, defences: &mut String) {
    ui.menu_button("Add defence", |ui| {
        for (defence, about) in [
            (Defence::None, "The classifier as it is"),
            (Defence::VOTE, "The class that the classifier says most often over noise of its σ"),
            (Defence::purification(0.1), "Noise added and taken off by the denoiser, before the classifier"),
        ] {
            let words = defence.argument();
            if ui.button(&words).explained(about).clicked() {
                if !defences.trim().is_empty() {
                    defences.push(' ');
                }
                defences.push_str(&words);
                ui.close();
            }
        }
    });
}

/// One line of text.
fn line(ui: &mut Ui, value: &mut String, label: &str, hint: &str) {
    let edit = TextEdit::singleline(value).hint_text(hint).desired_width(f32::INFINITY);
    named(&ui.add(edit), label);
}

/// Attacks to add to the list, the adversary's among them.
fn add_attack(ui: &mut Ui, cx: &Context<'_>, attacks: &mut String) {
    let mut add = |attack: String| {
        if !attacks.trim().is_empty() {
            attacks.push_str(", ");
        }
        attacks.push_str(&attack);
    };
    ui.menu_button("Add attack", |ui| {
        let own = &cx.document.attack;
        let as_typed = format!("{}:{}:{}", own.method, own.norm, level::typed(own.epsilon));
        if ui.button(format!("the adversary's: {as_typed}")).clicked() {
            add(as_typed);
            ui.close();
        }
        ui.separator();
        let tall = (ui.ctx().content_rect().height() * 0.5).min(400.0);
        ScrollArea::vertical().max_height(tall).min_scrolled_height(tall).show_following(ui, |ui| {
            for description in Method::ALL.map(Method::description) {
                for (norm, epsilon) in description.norms {
                    let words = format!("{} {}", description.title, norm.title());
                    if ui.button(words).explained(description.about).clicked() {
                        add(format!("{}:{norm}:{}", description.id, level::typed(*epsilon)));
                        ui.close();
                    }
                }
            }
        });
    });
}

fn results(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    if let Some(running) = &cx.features.evaluation.running {
        progress(ui, running);
    }
    if let Some(failure) = &cx.features.evaluation.failure {
        ui.label(RichText::new(failure).color(tokens.bad));
    }
    for note in &cx.features.evaluation.notes {
        dim(ui, note);
    }
    match cx.features.evaluation.result.clone() {
        Some(measured) => report(ui, cx, &measured),
        None if cx.features.evaluation.running.is_none() && cx.features.evaluation.failure.is_none() => {
            let words = "Choose a folder with one folder of pictures a class, CIFAR-10's or MNIST's files, or drop them on \
                         the window. Accuracy, calibration, restoration and robustness appear here.";
            widgets::empty(ui, words);
        }
        None => {}
    }
}

/// How far an evaluation is. Each picture is measured in every part, so that there are more measurements than pictures.
fn so_far(done: usize, total: usize, pictures: usize) -> String {
    match total.checked_div(pictures) {
        Some(parts) if parts > 1 => format!("{done} of {total} measurements, {pictures} pictures in {parts} parts"),
        _ => format!("{done} of {total} pictures"),
    }
}

fn progress(ui: &mut Ui, running: &Running) {
    let tokens = Tokens::in_ui(ui);
    let share = running.done as f32 / running.total.max(1) as f32;
    let left = running
        .pace
        .left(std::time::Instant::now())
        .map_or_else(String::new, |left| format!(", {} left", duration(left)));
    let of = so_far(running.done, running.total, running.pictures);
    ui.label(format!("{}: {of}{left}", running.part));
    named(&ui.add(ProgressBar::new(share).desired_height(6.0).fill(tokens.accent)), "Evaluation progress");
    // The time left counts down between batches too.
    ui.ctx().request_repaint_after(std::time::Duration::from_secs(1));
}

fn report(ui: &mut Ui, cx: &mut Context<'_>, measured: &Measured) {
    let tokens = Tokens::in_ui(ui);
    let evaluation = &measured.evaluation;
    ui.horizontal(|ui| {
        let title = format!("{} on {}", evaluation.model, evaluation.data);
        ui.label(RichText::new(title).size(text::HEADING).color(tokens.strong));
        dim(ui, format!("{} pictures, {}", evaluation.images, evaluation.device));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            for (label, format) in [("CSV", Format::Csv), ("JSON", Format::Json), ("HTML", Format::Html)] {
                let response = command_button(ui, cx, label, EvaluateCommand::Save(format));
                named(&response, &format!("Save {label}"));
            }
            dim(ui, "Save");
        });
    });
    ScrollArea::vertical().id_salt("report").auto_shrink([false, false]).show_following(ui, |ui| {
        for (part, charts) in &measured.parts {
            table(ui, part);
            let columns = ((ui.available_width() / PLOT[0]) as usize).clamp(1, 3);
            let width = ui.available_width() / columns as f32 - space::SECTION;
            for row in charts.chunks(columns) {
                ui.horizontal_top(|ui| {
                    for chart in row {
                        ui.vertical(|ui| {
                            ui.set_width(width);
                            plot::chart(ui, chart, [width, PLOT[1]]);
                        });
                    }
                });
            }
            ui.add_space(space::ITEM);
        }
        mistakes(ui, cx, measured);
    });
}

/// The pictures that the model took for another class, each to be looked at in the lab.
fn mistakes(ui: &mut Ui, cx: &mut Context<'_>, measured: &Measured) {
    let (Some(noise), [_, ..]) = (measured.evaluation.examples.mistakes.0, &measured.mistakes[..]) else { return };
    let tokens = Tokens::in_ui(ui);
    section(ui, &format!("Taken for another class, σ = {}: a click looks at one", level::describe(noise.sigma)));
    ui.horizontal_wrapped(|ui| {
        for (index, content) in measured.mistakes.iter().enumerate() {
            let mistake = &measured.evaluation.examples.mistakes.1[index];
            let texture = cx.session.thumbnail(ui.ctx(), content);
            ui.vertical(|ui| {
                ui.set_width(MISTAKE);
                let picture = Image::new((texture, vec2(MISTAKE, MISTAKE))).fit_to_exact_size(vec2(MISTAKE, MISTAKE));
                let response = ui.add(Button::image(picture).frame(false));
                named(&response, &format!("Look at {} {}", mistake.label, mistake.number));
                let words = format!("Picture {} of the data", mistake.number);
                if response.explained_beside(&words).clicked() {
                    cx.run(EvaluateCommand::OpenMistake(index));
                }
                dim(ui, &mistake.label);
                let words = believed(&mistake.said.class, mistake.said.probability);
                ui.label(RichText::new(words).size(text::SMALL).color(tokens.bad));
            });
        }
    });
}

/// The side of a mistake's picture.
const MISTAKE: f32 = 84.0;

fn table(ui: &mut Ui, table: &Table) {
    let tokens = Tokens::in_ui(ui);
    section(ui, table.part.title());
    if !table.note.is_empty() {
        dim(ui, &*table.note);
    }
    let look = Look::of(ui, table);
    let grid = Grid::new((table.part.title(), look.broken)).num_columns(table.head.len());
    let grid = grid.spacing([look.gap, 3.0]).striped(true);
    ScrollArea::horizontal().id_salt(table.part.title()).auto_shrink([false, true]).show_following(ui, |ui| {
        grid.show(ui, |ui| {
            for (head, about) in table.head.iter().zip(&table.about) {
                ui.label(RichText::new(look.words(head)).size(text::SMALL).color(tokens.dim)).explained(about.as_str());
            }
            ui.end_row();
            for row in &table.rows {
                for cell in row {
                    ui.label(RichText::new(look.words(cell)).size(look.size));
                }
                ui.end_row();
            }
        });
    });
}

/// How a table is written, so that every column of it is in sight.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// The size of its figures.
    size: f32,
    /// Between columns.
    gap: f32,
    /// Long words take two lines.
    broken: bool,
}

impl Look {
    /// From the roomiest to the narrowest.
    const ALL: [Self; 3] = [
        Self { size: text::BODY, gap: space::SECTION, broken: false },
        Self { size: text::SMALL, gap: space::GROUP, broken: false },
        Self { size: text::SMALL, gap: space::ITEM, broken: true },
    ];

    /// The first that fits, or else the narrowest, which is scrolled.
    fn of(ui: &Ui, table: &Table) -> Self {
        let [.., narrowest] = Self::ALL;
        Self::ALL.into_iter().find(|look| look.width(ui, table) <= ui.available_width()).unwrap_or(narrowest)
    }

    fn width(self, ui: &Ui, table: &Table) -> f32 {
        let long = |words: &str, size: f32| {
            let font = FontId::proportional(size);
            self.words(words).lines().map(|line| text_width(ui, line, &font)).fold(0.0, f32::max)
        };
        let column = |(index, head): (usize, &String)| {
            let cells = table.rows.iter().filter_map(|row| Some(long(row.get(index)?, self.size)));
            cells.fold(long(head, text::SMALL), f32::max)
        };
        table.head.iter().enumerate().map(column).sum::<f32>() + self.gap * table.head.len() as f32
    }

    /// The words of a cell, in two lines where they are long and that is asked for.
    fn words(self, words: &str) -> String {
        const LONG: usize = 9;
        let middle = words.len() / 2;
        let nearest = words.match_indices(' ').map(|(at, _)| at).min_by_key(|at| at.abs_diff(middle));
        match words.find(" (").or(nearest).filter(|_| self.broken && words.chars().count() > LONG) {
            Some(at) => format!("{}\n{}", &words[..at], &words[at + 1..]),
            None => words.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Look, so_far};

    #[test]
    fn long_words_are_broken_where_they_may_be() {
        let [roomy, .., narrow] = Look::ALL;
        for (words, broken) in [
            ("97.31 % (96.4–98.0)", "97.31 %\n(96.4–98.0)"),
            ("mean size of successes", "mean size of\nsuccesses"),
            ("10 pictures, 1000 votes", "10 pictures,\n1000 votes"),
            ("97.31 %", "97.31 %"),
            ("salt-and-pepper", "salt-and-pepper"),
            ("σ σ σ σ σ σ σ", "σ σ σ σ\nσ σ σ"),
        ] {
            assert_eq!(narrow.words(words), broken);
            assert_eq!(roomy.words(words), words);
        }
    }

    #[test]
    fn more_measurements_than_pictures_are_explained() {
        assert_eq!(so_far(132, 400, 100), "132 of 400 measurements, 100 pictures in 4 parts");
        assert_eq!(so_far(32, 100, 100), "32 of 100 pictures");
        assert_eq!(so_far(0, 0, 0), "0 of 0 pictures");
    }
}
