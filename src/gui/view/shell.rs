//! The window's frame: menu bar, noise level, panes, filmstrip, status line.

use std::borrow::Cow;

use eframe::egui::{
    self, Align, Align2, Button, FontId, Frame, Layout, Margin, Panel, RichText, Role, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo, vec2,
};

use super::availability::{Availability, availability};
use super::catalogue::catalogue;
use super::command_button::command_button;
use super::{noise_bar, overlays, presentation};
use crate::gui::command::{Command, Entry, Menu, ModelCommand, PictureCommand, TileCommand, WindowCommand};
use crate::gui::gpu::Compare;
use crate::gui::state::document::Source;
use crate::gui::state::model::{ModelSource, built_in};
use crate::gui::state::pane::Pane;
use crate::gui::state::tour::{Stop, Tour};
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::panes;
use crate::gui::view::theme::{Tokens, height, is_low, space, text};
use crate::gui::view::widgets::{dim, fitted, paint_text, paint_texture};
use crate::network::{self, DeviceChoice};

/// Shows everything but the sheets. `undo`: whether there is something to undo, and to redo.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>, layout: &mut egui_tiles::Tree<Pane>, undo: (bool, bool)) {
    if cx.session.presenting {
        return presentation::show(ui, cx);
    }
    let tokens = Tokens::in_ui(ui);
    let bar = Frame::new().fill(tokens.surface).inner_margin(Margin::symmetric(space::GROUP as i8, 4));
    Panel::top("menu").exact_size(height::BAR).frame(bar).show_separator_line(false).show(ui, |ui| {
        menu_bar(ui, cx, undo);
    });
    offer(ui, cx);
    trouble(ui, cx);
    welcome(ui, cx);
    let strip = Frame::new().fill(tokens.surface).inner_margin(Margin {
        left: space::SECTION as i8,
        right: space::SECTION as i8,
        top: 2,
        bottom: space::ITEM as i8,
    });
    Panel::top("noise bar").resizable(false).frame(strip).show(ui, |ui| noise_bar::show(ui, cx));
    let status = Frame::new().fill(tokens.surface).inner_margin(Margin::symmetric(space::GROUP as i8, 2));
    let status = Panel::bottom("status").exact_size(height::STATUS).frame(status);
    let is_said = status.show(ui, |ui| status_line(ui, cx)).inner;
    if cx.settings.filmstrip {
        let film = Frame::new().fill(tokens.surface).inner_margin(Margin::symmetric(space::GROUP as i8, 6));
        let tall = thumbnail(ui.ctx()) + 2.0 * 6.0 + 8.0;
        Panel::bottom("filmstrip").exact_size(tall).frame(film).show(ui, |ui| filmstrip(ui, cx));
    }
    if !is_said {
        overlays::toasts(ui, cx);
    }
    let ground = Frame::new().fill(tokens.ground);
    egui::CentralPanel::no_frame().frame(ground).show(ui, |ui| {
        panes::show(ui, cx, layout);
    });
}

/// A script that waits for a person to have it run.
fn offer(ui: &mut Ui, cx: &mut Context<'_>) {
    let Some((_, words)) = cx.session.offered.clone() else { return };
    let tokens = Tokens::in_ui(ui);
    let frame = Frame::new().fill(tokens.surface).inner_margin(Margin::symmetric(space::SECTION as i8, 2));
    Panel::top("offer").frame(frame).show_separator_line(false).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new(words).color(tokens.warning));
            if ui.button("Run it").explained("Runs the script with your rights").clicked() {
                cx.run(ModelCommand::RunOffered);
            }
            if ui.button("Not now").clicked() {
                cx.run(ModelCommand::Decline);
            }
        });
    });
}

/// What the window was to open with and could not: it stays until it is read.
fn trouble(ui: &mut Ui, cx: &mut Context<'_>) {
    let Some(words) = cx.session.trouble.clone() else { return };
    let tokens = Tokens::in_ui(ui);
    let frame = Frame::new().fill(tokens.surface).inner_margin(Margin::symmetric(space::SECTION as i8, 2));
    Panel::top("trouble").frame(frame).show_separator_line(false).show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(words).color(tokens.warning));
            if ui.button("I have read it").clicked() {
                cx.run(WindowCommand::ForgetTrouble);
            }
        });
    });
}

/// At the start: what was open last time, and what was opened lately.
fn welcome(ui: &mut Ui, cx: &mut Context<'_>) {
    const SHOWN: usize = 3;
    let Some(welcome) = cx.session.welcome.clone() else { return };
    let tokens = Tokens::in_ui(ui);
    let frame = Frame::new().fill(tokens.surface).inner_margin(Margin::symmetric(space::SECTION as i8, 2));
    Panel::top("welcome").frame(frame).show_separator_line(false).show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            if let Some(last) = &welcome.last {
                command_button(ui, cx, "Go on where you were", PictureCommand::GoOn);
                dim(ui, last.clone());
            }
            let recent: Vec<_> = cx.settings.recent.iter().take(SHOWN).cloned().collect();
            if !recent.is_empty() {
                dim(ui, "Recent:");
            }
            for path in recent {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
                if ui.button(name).on_hover_text(path.display().to_string()).clicked() {
                    cx.run(PictureCommand::OpenPaths(vec![path]));
                }
            }
            if ui.button("Not now").clicked() {
                cx.run(PictureCommand::Decline);
            }
        });
    });
}

fn menu_bar(ui: &mut Ui, cx: &mut Context<'_>, undo: (bool, bool)) {
    let tokens = Tokens::in_ui(ui);
    egui::MenuBar::new().ui(ui, |ui| {
        ui.label(RichText::new("Denoscope").size(15.0).strong().color(tokens.strong));
        ui.add_space(space::ITEM);
        for menu in Menu::ALL {
            ui.menu_button(menu.label(), |ui| {
                ui.set_min_width(240.0);
                if menu == Menu::Model {
                    model_menu(ui, cx);
                    // The list of devices is a menu of its own here, so that all of it lies in a low window.
                    ui.menu_button("Device", |ui| device_menu(ui, cx));
                    ui.separator();
                }
                // The models and devices to choose from are above, with those in use marked.
                let listed = |entry: &&Entry| {
                    !matches!(entry.command, Command::Model(ModelCommand::Use(_) | ModelCommand::MeasureDevices))
                };
                let entries: Vec<&Entry> = catalogue().menu(menu).filter(listed).collect();
                for together in entries.chunk_by(|a, b| a.submenu.is_some() && a.submenu == b.submenu) {
                    if together[0].starts_group {
                        ui.separator();
                    }
                    match together[0].submenu {
                        Some(name) => {
                            ui.menu_button(name, |ui| {
                                ui.set_min_width(240.0);
                                for entry in together {
                                    menu_entry(ui, cx, entry, undo);
                                }
                            });
                        }
                        None => menu_entry(ui, cx, together[0], undo),
                    }
                }
                if menu == Menu::File {
                    recent_menu(ui, cx);
                }
            });
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let theme = if cx.settings.dark { "Light" } else { "Dark" };
            command_button(ui, cx, theme, WindowCommand::ToggleTheme);
            command_button(ui, cx, "Help", WindowCommand::Help);
            let palette = Button::new(RichText::new("Search commands").color(tokens.dim)).min_size(vec2(150.0, 0.0));
            let keys = egui::KeyboardShortcut::new(egui::Modifiers::COMMAND | egui::Modifiers::SHIFT, egui::Key::P);
            let keys = RichText::new(ui.ctx().format_shortcut(&keys)).size(text::SMALL);
            if ui.add(palette.shortcut_text(keys)).clicked() {
                cx.run(WindowCommand::Palette);
            }
            model_chip(ui, cx);
            comparison(ui, cx);
        });
    });
}

/// One line of a menu: marked if it is how things are, grey with the reason if it can do nothing.
fn menu_entry(ui: &mut Ui, cx: &mut Context<'_>, entry: &Entry, undo: (bool, bool)) {
    let Availability { mark, missing } = availability(&entry.command, cx, undo);
    let keys = entry.shortcut.map(|keys| ui.ctx().format_shortcut(&keys)).unwrap_or_default();
    // Not by colour alone.
    let name = if mark == Some(true) { Cow::Owned(format!("• {}", entry.name)) } else { entry.name.clone() };
    let button = Button::selectable(mark == Some(true), &*name).shortcut_text(keys);
    let response = ui.add_enabled(missing.is_none(), button);
    if let Some(on) = mark {
        response.widget_info(|| WidgetInfo::selected(Role::CheckBox, missing.is_none(), on, &*entry.name));
    }
    let response = response.explained(entry.hint).on_disabled_hover_text(missing.unwrap_or_default());
    if response.clicked() {
        cx.run(entry.command.clone());
        ui.close();
    }
}

/// What all tiles are compared with, while they are: a click shows the pictures again.
fn comparison(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let reference = cx.document.reference.label(cx.session.classes());
    let wiping = cx.session.wipe.is_some();
    let (words, command) = match cx.document.compare {
        Compare::Plain if !wiping => return,
        Compare::Plain => (format!("Wiping to {reference}  ×"), TileCommand::ToggleWipe),
        compare => (format!("{} against {reference}  ×", compare.label()), TileCommand::SetCompare(Compare::Plain)),
    };
    if ui.add(Button::new(RichText::new(words).color(tokens.accent))).explained("Back to the pictures").clicked() {
        cx.run(command);
    }
}

/// The model in use, as the way to another.
fn model_chip(ui: &mut Ui, cx: &mut Context<'_>) {
    let name = match &cx.session.model {
        Some(model) => model.joint.name().to_owned(),
        None => "no model yet".to_owned(),
    };
    let chip = ui.menu_button(format!("Model: {name}"), |ui| {
        ui.set_min_width(240.0);
        model_menu(ui, cx);
        dim(ui, "Device");
        device_menu(ui, cx);
        ui.separator();
        for (label, command) in [("Open model…", ModelCommand::Open), ("Python script…", ModelCommand::OpenScript)]
        {
            if ui.button(label).clicked() {
                cx.run(command);
                ui.close();
            }
        }
    });
    chip.response.explained("The model, and where it computes");
    if cx.session.model_loading {
        ui.add(egui::Spinner::new().size(14.0));
    }
}

/// The height that menus take beside their list of models, in points.
const REST_OF_MODELS: f32 = 340.0;

fn model_menu(ui: &mut Ui, cx: &mut Context<'_>) {
    dim(ui, "Models");
    let sources: Vec<_> = built_in().into_iter().chain(cx.settings.used_models()).collect();
    // Models that were used before make the list as long as they like: it scrolls, and what follows stays in the window.
    let tall = (ui.ctx().content_rect().height() - REST_OF_MODELS).max(height::BAR * 3.0);
    ScrollArea::vertical().id_salt("models").max_height(tall).min_scrolled_height(tall).show_following(ui, |ui| {
        for source in sources {
            let chosen = cx.session.model.as_ref().is_some_and(|model| model.source == source);
            let label = match &source {
                ModelSource::Oracle => "oracle (exact truth)".to_owned(),
                other => other.label(),
            };
            if ui.radio(chosen, label).explained(source.argument()).clicked() {
                cx.run(ModelCommand::Use(source));
                ui.close();
            }
        }
    });
    ui.separator();
}

/// Every device, with its driver and, once they were measured with this model, the time of an analysis.
fn device_menu(ui: &mut Ui, cx: &mut Context<'_>) {
    let source = cx.session.model.as_ref().map(|model| &model.source);
    let measured = cx.session.devices.as_ref().filter(|(of, _)| Some(of) == source).map(|(_, found)| found.clone());
    let reports = measured.unwrap_or_else(network::listed);
    // A card that was asked for by its name is in the list by its number.
    let current = cx.settings.device.parse::<DeviceChoice>().map(|choice| choice.resolved().to_string());
    for (choice, missing) in DeviceChoice::available() {
        let name = choice.to_string();
        let report = reports.iter().find(|report| report.device == name);
        let time = report.and_then(|report| report.analysis_ms).map(|ms| format!("   {ms:.1} ms"));
        let label = format!("{}{}", choice.label(), time.unwrap_or_default());
        let radio = egui::RadioButton::new(current.as_ref().is_ok_and(|current| *current == name), label);
        let response = ui.add_enabled(missing.is_none(), radio);
        let said = report.map(|report| [report.about(), report.note.clone()]).into_iter().flatten().flatten();
        let mut said: Vec<String> = missing.into_iter().chain(said).collect();
        said.dedup();
        let said = said.join("\n");
        let response = if said.is_empty() { response } else { response.explained(&said).on_disabled_hover_text(&said) };
        if response.clicked() {
            cx.run(ModelCommand::UseDevice(name));
            ui.close();
        }
    }
    if cx.session.measuring {
        dim(ui, "Measuring…");
    } else if ui.button("Measure the devices").explained("How long an analysis by this model takes on each").clicked() {
        cx.run(ModelCommand::MeasureDevices);
    }
}

fn recent_menu(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.settings.recent.is_empty() {
        return;
    }
    ui.separator();
    ui.menu_button("Recent", |ui| {
        for path in cx.settings.recent.clone() {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            if ui.button(name).on_hover_text(path.display().to_string()).clicked() {
                cx.run(PictureCommand::OpenPaths(vec![path]));
                ui.close();
            }
        }
    });
}

/// A thumbnail's side.
fn thumbnail(ctx: &egui::Context) -> f32 {
    if is_low(ctx) { height::SMALL_THUMBNAIL } else { height::THUMBNAIL }
}

/// The open pictures.
fn filmstrip(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    // A plain wheel moves the strip, which has one direction only.
    ui.style_mut().always_scroll_the_only_direction = true;
    // So does a drag, by mouse too.
    let strip = ScrollArea::horizontal().scroll_source(egui::scroll_area::ScrollSource::ALL).auto_shrink([false, true]);
    strip.show_following(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::ITEM;
            for (index, entry) in cx.document.pictures.iter().enumerate() {
                let chosen = index == cx.document.current;
                let (rect, response) = ui.allocate_exact_size(egui::Vec2::splat(thumbnail(ui.ctx())), Sense::click());
                response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, &entry.name));
                if response.clicked() {
                    cx.commands.push(PictureCommand::Select(index).into());
                }
                if chosen && cx.session.scrolled_to != Some(index) {
                    cx.session.scrolled_to = Some(index);
                    response.scroll_to_me(None);
                }
                if ui.is_rect_visible(rect) {
                    ui.painter().rect_filled(rect, 3.0, tokens.ground);
                    let shape = entry.thumbnail.picture().shape();
                    let inner = fitted(rect.shrink(2.0), shape.width as f32, shape.height as f32);
                    let texture = cx.session.thumbnail(ui.ctx(), &entry.thumbnail);
                    paint_texture(ui, inner, texture);
                    let line = if chosen { Stroke::new(2.0, tokens.accent) } else { Stroke::new(1.0, tokens.line) };
                    let line = if response.hovered() && !chosen { Stroke::new(1.0, tokens.dim) } else { line };
                    ui.painter().rect_stroke(rect, 3.0, line, StrokeKind::Inside);
                }
                response.explained(&entry.name);
            }
            add_button(ui, cx);
        });
    });
}

fn add_button(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let (rect, response) = ui.allocate_exact_size(egui::Vec2::splat(thumbnail(ui.ctx())), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Open pictures"));
    Tour::note(&mut cx.session.tour, Stop::Picture, rect);
    let colour = if response.hovered() { tokens.strong } else { tokens.dim };
    ui.painter().rect_stroke(rect, 3.0, Stroke::new(1.0, tokens.line), StrokeKind::Inside);
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, "+", FontId::proportional(22.0), colour);
    if response.explained("Open pictures, or drop them on the window").clicked() {
        cx.run(PictureCommand::Open);
    }
}

/// What is being looked at, and whether the model keeps its identities.
/// What is open, and how the model keeps its word; or what happened just now, if there is room for that. Whether it is that.
fn status_line(ui: &mut Ui, cx: &mut Context<'_>) -> bool {
    let tokens = Tokens::in_ui(ui);
    let line = ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = space::SECTION;
        if overlays::brief_notice(ui, cx) {
            return true;
        }
        let words = described(cx);
        let room = (ui.available_width() - 420.0 - DEVICE_WIDTH).max(120.0);
        let (rect, _) = ui.allocate_exact_size(vec2(room, 16.0), Sense::hover());
        let font = FontId::proportional(text::SMALL);
        paint_text(ui, rect.left_center(), Align2::LEFT_CENTER, &words, font, tokens.dim, room);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            self_check(ui, cx);
        });
        false
    });
    line.inner
}

fn described(cx: &Context<'_>) -> String {
    let Some(entry) = cx.document.entry() else { return "Nothing is open".to_owned() };
    let shape = entry.original.picture().shape();
    let kind = match entry.source {
        Source::Drawn => ", drawn here",
        Source::Sample => ", a sample",
        _ => "",
    };
    let place = format!("{}/{}", cx.document.current + 1, cx.document.pictures.len());
    let fit = cx.session.fitted.as_ref().map_or("", |f| f.words.as_str());
    // Of a large file less is read than it has.
    let read =
        if entry.read.contains("read at ") { entry.read.clone() } else { format!("{}×{}", shape.width, shape.height) };
    format!("{place}  {}{kind}, {read}.  {fit}", entry.name)
}

/// What the words on the device may take of the status line, in points.
const DEVICE_WIDTH: f32 = 230.0;

/// The identity that every model keeps, and the times of the last study.
fn self_check(ui: &mut Ui, cx: &Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let small = |words: String, colour| RichText::new(words).size(text::SMALL).color(colour);
    if let Some(study) = &cx.session.answer.study {
        if let Some(model) = &cx.session.model {
            let reason = model.joint.device_reason();
            let words =
                [Some(model.joint.device()), reason.clone()].into_iter().flatten().collect::<Vec<_>>().join(": ");
            ui.scope(|ui| {
                ui.set_max_width(DEVICE_WIDTH);
                let device = ui.add(egui::Label::new(small(words, tokens.dim)).truncate());
                if let Some(reason) = reason {
                    device.explained(reason);
                }
            });
        }
        let times = study.timings;
        let words = format!("forward {:.1} ms, adjoint {:.1} ms", times.forward, times.adjoint);
        ui.label(small(words, tokens.dim)).explained(
            cx.session
                .study_clock
                .1
                .map_or_else(String::new, |whole| format!("From the question to the last tile: {whole:.0} ms")),
        );
        if let Some(error) = study.identity_error {
            let holds = error < 1e-3;
            let (mark, colour) = if holds { ("holds", tokens.good) } else { ("is broken", tokens.bad) };
            let to = if error == 0.0 { "exactly".to_owned() } else { format!("to {error:.0e}") };
            ui.label(small(format!("D = Σ p(c|y) D(y|c) {mark} {to}"), colour))
                .explained("max |D − Σ p(c|y) D(y|c)|: D by itself against the mean of the conditional denoisers, all others as one");
        }
    }
    if cx.questions.study.is_pending() && cx.questions.study.waited().as_millis() > 150 {
        ui.add(egui::Spinner::new().size(12.0));
    }
}

/// Where files may be dropped, while they hover over the window.
pub fn drop_overlay(ctx: &egui::Context, cx: &Context<'_>) {
    let hovering = ctx.input(|i| i.raw.hovered_files.len());
    if hovering == 0 {
        return;
    }
    let tokens = Tokens::of(ctx.theme());
    let painter = ctx.layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop")));
    let rect = ctx.content_rect();
    painter.rect_filled(rect, 0.0, tokens.ground.gamma_multiply(0.85));
    painter.rect_stroke(rect.shrink(24.0), 12.0, Stroke::new(2.0, tokens.accent), StrokeKind::Inside);
    let words = if cx.session.shows(&Pane::EVALUATION) || cx.session.shows(&Pane::TRAINING) {
        "Drop a data set for this pane, or pictures, a session or a model to open"
    } else {
        "Drop to open pictures, folders, a session or a model"
    };
    let words = RichText::new(words).size(text::HEADING).color(tokens.strong);
    let area = egui::Area::new(egui::Id::unique("drop words")).order(egui::Order::Tooltip);
    area.anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0)).interactable(false).show(ctx, |ui| {
        ui.add(egui::Label::new(words).extend());
    });
}
