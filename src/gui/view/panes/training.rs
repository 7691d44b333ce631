//! Training: the form, how the run goes, and its plots.

use std::cell::{Cell, RefCell};

use eframe::egui::{
    Align, Button, ComboBox, DragValue, Layout, ProgressBar, RichText, Slider, SliderClamping, TextEdit, Ui,
};

use tracing::Level;

use super::form;
use super::{PaneInfo, Place};
use crate::gui::command::TrainCommand;
use crate::gui::feature::training::{Run, Stage};
use crate::gui::state::pane::Pane;
use crate::gui::state::training_form::{TrainingForm, Unit};
use crate::gui::view::command_button::command_button;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::plot::{self, Curve};
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::{self, dim, named, section, segments, wrapped_segments};
use crate::study::words::duration;
use crate::train::{LogEntry, Objective, Preset, Started};

/// A plot has at most so many points.
const POINTS: usize = 800;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::TRAINING,
    title: "Training",
    hint: "Train a model and watch it, or follow a run elsewhere",
    place: Place::Below,
    classes: false,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    let controls = |ui: &mut Ui, cx: &mut Context<'_>| {
        buttons(ui, cx);
        form(ui, cx);
    };
    form::beside(ui, cx, controls, run);
}

fn buttons(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    ui.horizontal_wrapped(|ui| {
        match cx.features.training.now.stage {
            Stage::Starting | Stage::Running => {
                command_button(ui, cx, "Pause", TrainCommand::Pause);
            }
            Stage::Pausing => {
                dim(ui, "Saving…");
            }
            stage => {
                let form = &cx.settings.training;
                let ready = !form.data.trim().is_empty() && !form.out.trim().is_empty();
                let blue = |label: &str| Button::new(RichText::new(label).color(tokens.on_accent)).fill(tokens.accent);
                // Where Pause was, and in the colour of what is meant: going on with the run. Another one is begun beside it.
                // A run that is done goes on only if it is to be longer.
                let longer = stage == Stage::Done && cx.features.training.now.is_outgrown(form);
                let goes_on = (matches!(stage, Stage::Paused | Stage::Failed) || longer) && ready;
                if goes_on && ui.add(blue("Resume")).explained("Go on with this run").clicked() {
                    cx.run(TrainCommand::Resume);
                }
                let anew = goes_on || stage == Stage::Done;
                let button = if anew { Button::new("Train anew") } else { blue("Train") };
                let response = ui.add_enabled(ready, button).explained("Begin a run in the background");
                if response.on_disabled_hover_text("Choose the data and the model file first").clicked() {
                    cx.run(TrainCommand::Start { replace: false });
                }
            }
        }
        command_button(ui, cx, "Follow a log…", TrainCommand::ChooseLog);
    });
    let left = cx.features.training.left.as_ref().filter(|_| cx.features.training.now.stage == Stage::None);
    if let Some(left) = left.filter(|left| **left == *cx.settings.training.out.trim()) {
        let name = left.file_name().unwrap_or(left.as_os_str()).to_string_lossy();
        ui.label(RichText::new(format!("The run of {name} was stopped before its end.")).color(tokens.warning));
        command_button(ui, cx, "Resume it", TrainCommand::Resume);
    }
    if let Some(resumable) = cx.features.training.now.occupied {
        let words = if resumable { "That model has a run to go on with." } else { "That model file is there already." };
        ui.label(RichText::new(words).color(tokens.warning));
        ui.horizontal(|ui| {
            if resumable {
                command_button(ui, cx, "Resume it", TrainCommand::Resume);
            }
            command_button(ui, cx, "Replace it", TrainCommand::Start { replace: true });
        });
    }
}

fn form(ui: &mut Ui, cx: &mut Context<'_>) {
    let mut form: TrainingForm = cx.settings.training.clone();
    section(ui, "Data: class folders, photographs, CIFAR-10 or MNIST");
    form::path(ui, cx, &mut form.data, "Data to train on", ["", ""], TrainCommand::ChooseData);
    section(ui, "Model file to write");
    form::path(ui, cx, &mut form.out, "Model file", ["", ""], TrainCommand::ChooseOut);
    section(ui, "Network");
    let sizes = [
        (Preset::Compact, "compact", "Runs live on a laptop's processor"),
        (Preset::GradResNet18, "gradresnet18", "The paper's size: for a GPU"),
        (Preset::Pooled18, "pooled18", "The author's public GradResNet, as wide: for a GPU"),
        (Preset::PooledThin, "pooled-thin", "The same with few layers, for a plain processor"),
    ];
    form.preset = wrapped_segments(ui, form.preset, &sizes).unwrap_or(form.preset);
    section(ui, "Length");
    ui.horizontal(|ui| {
        let (unit, refused) = (Cell::new(None), RefCell::new(None));
        // A part of a step is none.
        let decimals = if form.unit == Unit::Steps { 0 } else { 2 };
        let value = DragValue::new(&mut form.length).range(0.001..=1e6).speed(0.1).max_decimals(decimals);
        let value = value.update_while_editing(false).custom_parser(|text| {
            let read = Unit::read(text);
            unit.set(read.and_then(|(_, unit)| unit));
            if read.is_none() {
                refused.replace(Some(text.to_owned()));
            }
            read.map(|(length, _)| length)
        });
        let hint = "How long it trains: a number, or one with its unit, as 300 steps, 2 h, 3 epochs";
        named(&ui.add(value).explained(hint), "Length of the run");
        form.unit = unit.get().unwrap_or(form.unit);
        if let Some(text) = refused.into_inner() {
            let words = format!("{text:?} is no length: write 300 steps, 2 h or 3 epochs");
            cx.session.notices.say(Level::WARN, words);
        }
        let units = [
            (Unit::Hours, "hours", "Training time; such a run cannot be repeated bit for bit"),
            (Unit::Epochs, "epochs", "Passes over the data"),
            (Unit::Steps, "steps", "Batches"),
        ];
        form.unit = segments(ui, form.unit, &units).unwrap_or(form.unit);
    });
    section(ui, "Objective");
    let combo = ComboBox::from_id_salt("objective").selected_text(form.objective.to_string());
    let shown = combo.show_ui(ui, |ui| {
        for objective in [Objective::Joint, Objective::Classify, Objective::Denoise] {
            ui.selectable_value(&mut form.objective, objective, objective.to_string());
        }
    });
    named(&shown.response, "Objective");
    let lambda = Slider::new(&mut form.lambda, 0.1..=100.0).logarithmic(true).clamping(SliderClamping::Edits);
    ui.add(lambda.max_decimals(2).text("λ")).explained("The weight of the score's error against the cross-entropy");
    section(ui, "More");
    let mut number = |value: &mut usize, range: std::ops::RangeInclusive<usize>, label: &str| {
        ui.horizontal(|ui| {
            named(&ui.add(DragValue::new(value).range(range)), label);
            ui.label(label);
        });
    };
    number(&mut form.batch, 1..=4096, "pictures a step");
    number(&mut form.holdout, 0..=100_000, "pictures held out to measure on");
    let mut every = form.every as usize;
    number(&mut every, 1..=86_400, "seconds between savings");
    form.every = every as u64;
    let edit =
        TextEdit::singleline(&mut form.more).hint_text("--seed 1 --learned-weights").desired_width(f32::INFINITY);
    let hint = "Any other option of denoscope train, as it is typed there: denoscope train --help lists them";
    named(&ui.add(edit).explained(hint), "More options");
    if form != cx.settings.training {
        cx.run(TrainCommand::Set(Box::new(form)));
    }
}

fn run(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    if let Some(failure) = &cx.features.training.now.failure {
        ui.label(RichText::new(failure).color(tokens.bad));
    }
    if cx.features.training.now.stage == Stage::None && cx.features.training.now.entries.is_empty() {
        let words =
            "Choose data and a model file, then train; or follow the log (OUT.csv) of a run on the command line.";
        widgets::empty(ui, words);
        return;
    }
    headline(ui, cx);
    let training = &cx.features.training.now;
    if let Some(started) = &training.started {
        let Started { data, pictures, held_out, parameters, device, memory, .. } = started;
        dim(ui, format!("{data}: {pictures} pictures, {held_out} held out; {parameters} weights on {device}"));
        if let Some(memory) = memory {
            dim(ui, memory);
        }
        for notice in &started.notices {
            dim(ui, notice);
        }
    }
    if let Some(report) = training.report.filter(|_| training.is_busy()) {
        let bar = ProgressBar::new(report.share as f32).desired_height(6.0).fill(tokens.accent);
        named(&ui.add(bar), "Training progress");
    }
    plots(ui, training);
    if training.stage == Stage::Followed {
        ui.ctx().request_repaint_after(std::time::Duration::from_secs(2));
    }
}

/// Where the run stands, in one line, and the way to its model.
fn headline(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let training = &cx.features.training.now;
    let title = match training.stage {
        Stage::None => "",
        Stage::Starting => "Reading the data…",
        Stage::Running => "Training",
        Stage::Pausing => "Saving…",
        Stage::Paused => "Paused",
        Stage::Done => "Done",
        Stage::Failed => "Failed",
        Stage::Followed => "Following",
    };
    let words = figures(training);
    let written = training.saved.is_some() || training.stage == Stage::Followed;
    ui.horizontal(|ui| {
        ui.label(RichText::new(title).size(text::HEADING).color(tokens.strong));
        dim(ui, words);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_enabled_ui(written, |ui| {
                command_button(ui, cx, "Open in the lab", TrainCommand::Open);
            });
        });
    });
}

fn figures(training: &Run) -> String {
    let mut parts = Vec::new();
    if let Some((done, total)) = training.reading.filter(|_| training.stage == Stage::Starting) {
        parts.push(format!("{done} of {total} pictures"));
    }
    if let Some(entry) = training.entries.last() {
        parts.push(format!("step {}", entry.step));
        parts.extend(std::time::Duration::try_from_secs_f64(entry.seconds).map(duration));
    }
    let last = |value: &dyn Fn(&LogEntry) -> Option<f64>| training.entries.iter().rev().find_map(value);
    if let Some(loss) = last(&|e| e.loss) {
        parts.push(format!("loss {loss:.3}"));
    }
    if let Some(speed) = last(&|e| e.pictures_per_second) {
        parts.push(format!("{speed:.0} pictures/s"));
    }
    if let Some(report) = training.report.filter(|_| training.is_busy()) {
        parts.push(format!("{} left", duration(report.remaining)));
    }
    if let Some(step) = training.saved {
        parts.push(format!("saved at step {step}"));
    }
    parts.join(", ")
}

fn plots(ui: &mut Ui, training: &Run) {
    let tokens = Tokens::in_ui(ui);
    // A followed log may hold anything.
    let drawable = |point: &[f64; 2]| point.iter().all(|v| v.is_finite() && v.abs() < 1e12);
    let points = |value: &dyn Fn(&LogEntry) -> Option<f64>| -> Vec<[f64; 2]> {
        let all: Vec<[f64; 2]> =
            training.entries.iter().filter_map(|e| Some([e.step as f64, value(e)?])).filter(drawable).collect();
        let stride = all.len().div_ceil(POINTS).max(1);
        all.chunks(stride).map(|part| part[part.len() - 1]).collect()
    };
    let curves = [
        ("Loss", points(&|e| e.loss), tokens.class(0), false),
        ("PSNR of D at σ = 25/255, dB", points(&|e| e.psnr), tokens.class(2), true),
        ("Accuracy, %", points(&|e| e.accuracy.map(|a| 100.0 * a)), tokens.class(1), true),
    ];
    // An empty plot is none.
    let drawn: Vec<_> = curves.into_iter().filter(|(_, points, ..)| !points.is_empty()).collect();
    let width = ui.available_width() / drawn.len().max(1) as f32 - space::SECTION;
    let tall = ui.available_height().clamp(120.0, 320.0);
    ui.horizontal_top(|ui| {
        for (title, points, colour, dots) in drawn {
            ui.vertical(|ui| {
                ui.set_width(width);
                let curve = Curve { name: title, points, colour, dots };
                plot::lines(ui, title, "step", None, &[curve], [width, tall - space::ITEM]);
            });
        }
    });
}
