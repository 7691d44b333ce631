//! Sheets over the window: the palette, the help, the notices; and what happened just now.

use std::time::Instant;

use eframe::egui::{self, Align2, Button, FontId, Frame, Id, Key, Modal, Panel, RichText, ScrollArea, Ui, vec2};
use tracing::Level;

use super::availability::{Availability, availability};
use super::catalogue::catalogue;
use super::explain::asked_for;
use super::findings::findings;
use super::{formulas, glossary, pad, shell, tour, widgets};
use crate::gui::command::{Command, Entry, Menu, WindowCommand};
use crate::gui::state::document::Source;
use crate::gui::state::pane::Pane;
use crate::gui::state::session::Overlay;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::focus::ShowFollowing as _;
use crate::gui::view::path_field::path_field;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::believed;

/// Shows the open sheet, and where files may be dropped. `undo`: whether there is something to undo, and to redo.
pub fn show(ctx: &egui::Context, cx: &mut Context<'_>, undo: (bool, bool)) {
    shell::drop_overlay(ctx, cx);
    tour::show(ctx, cx);
    if let Some(word) = asked_for(ctx) {
        cx.session.word = Some(word);
        cx.session.overlay = Some(Overlay::Words);
    }
    let Some(overlay) = cx.session.overlay.take() else { return };
    cx.session.overlay = match overlay {
        Overlay::Palette { query, selected } => palette(ctx, cx, (query, selected), undo),
        Overlay::Help => sheet(ctx, "help", 760.0, |ui| help(ui, cx)).then_some(Overlay::Help),
        Overlay::Words => {
            sheet(ctx, "words", 760.0, |ui| glossary::show(ui, &mut cx.session.word)).then_some(Overlay::Words)
        }
        Overlay::Formula(mode) => {
            sheet(ctx, "formula", 760.0, |ui| formulas::show(ui, mode.heading())).then_some(Overlay::Formula(mode))
        }
        Overlay::Notices => sheet(ctx, "notices", 560.0, |ui| notices(ui, cx)).then_some(Overlay::Notices),
        Overlay::Pad => sheet(ctx, "pad", pad_side(ctx) + PAD_BELIEFS, |ui| large_pad(ui, cx)).then_some(Overlay::Pad),
        Overlay::Path { text, taken } => place_to_save(ctx, cx, text, taken),
    };
}

/// A sheet's least width and height.
const LEAST: f32 = 80.0;

/// A sheet in the middle; whether it stays open.
fn sheet(ctx: &egui::Context, id: &str, width: f32, content: impl FnOnce(&mut Ui)) -> bool {
    let modal = Modal::new(Id::unique(id)).show(ctx, |ui| {
        let room = ctx.content_rect();
        // In a window that is too small for it, it is cut.
        ui.set_width(width.min(room.width() - 80.0).max(LEAST));
        ui.set_max_height((room.height() - 120.0).max(LEAST));
        content(ui);
    });
    !modal.should_close()
}

/// The palette, with what was typed and which row is chosen; what stays open of it.
fn palette(
    ctx: &egui::Context,
    cx: &mut Context<'_>,
    (mut query, mut selected): (String, usize),
    undo: (bool, bool),
) -> Option<Overlay> {
    let (down, up, enter) = ctx.input_mut(|i| {
        let mut pressed = |key| i.consume_key(egui::Modifiers::NONE, key);
        (pressed(Key::ArrowDown), pressed(Key::ArrowUp), pressed(Key::Enter))
    });
    let mut chosen = None;
    let others = findings(cx, &query);
    let open = {
        let area = Modal::default_area(Id::unique("palette")).anchor(Align2::CENTER_TOP, vec2(0.0, 96.0));
        let modal = Modal::new(Id::unique("palette")).area(area).show(ctx, |ui| {
            ui.set_width(520.0);
            let edit = egui::TextEdit::singleline(&mut query)
                .hint_text("Type what you want to do")
                .desired_width(f32::INFINITY);
            let response = ui.add(edit.margin(vec2(8.0, 6.0)));
            response.request_focus();
            widgets::named(&response, "Search commands");
            if response.changed() {
                selected = 0;
            }
            let found = search(&query, &others);
            selected =
                (selected + usize::from(down)).saturating_sub(usize::from(up)).min(found.len().saturating_sub(1));
            ui.add_space(space::TIGHT);
            // Without a least height the list would stay as small as a search before made it.
            let list = ScrollArea::vertical().max_height(360.0).min_scrolled_height(360.0).auto_shrink([false, true]);
            list.show_following(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                for (index, entry) in found.iter().enumerate() {
                    let Availability { mark, missing } = availability(&entry.command, cx, undo);
                    let response = row(ui, entry, index == selected, (mark, missing));
                    if index == selected && (down || up) {
                        response.scroll_to_me(None);
                    }
                    if response.clicked() || (index == selected && enter && missing.is_none()) {
                        chosen = Some(entry.command.clone());
                    }
                }
                if found.is_empty() {
                    widgets::dim(ui, "Nothing is called that.");
                }
            });
        });
        !modal.should_close()
    };
    match chosen {
        Some(command) => {
            // What an attack does is seen in its pane.
            if let Command::Attack(_) = command {
                cx.run(WindowCommand::Show(Pane::ADVERSARY));
            }
            cx.run(command);
            None
        }
        None => open.then_some(Overlay::Palette { query, selected }),
    }
}

fn row(ui: &mut Ui, entry: &Entry, selected: bool, (mark, missing): (Option<bool>, Option<&str>)) -> egui::Response {
    let tokens = Tokens::in_ui(ui);
    let keys = entry.shortcut.map(|keys| ui.ctx().format_shortcut(&keys)).unwrap_or_default();
    let keys = if mark == Some(true) { format!("on  {keys}") } else { keys };
    let keys = RichText::new(keys).size(text::SMALL).color(tokens.dim);
    let menu =
        RichText::new(format!("{}  ", entry.submenu.unwrap_or(entry.menu.label()))).size(text::SMALL).color(tokens.dim);
    let button =
        Button::selectable(selected, (menu, &*entry.name)).right_text(keys).min_size(vec2(ui.available_width(), 26.0));
    ui.add_enabled(missing.is_none(), button).explained(entry.hint).on_disabled_hover_text(missing.unwrap_or_default())
}

/// Commands whose words begin like what was typed come first; then those that have its letters in order.
/// `others` are found beside those of the menus, which come first where both fit as well.
fn search<'a>(query: &str, others: &'a [Entry]) -> Vec<&'a Entry> {
    let query = query.trim().to_lowercase();
    let entries = catalogue().entries().iter().chain(others);
    let mut found: Vec<(usize, &Entry)> = entries.filter_map(|entry| Some((rank(entry, &query)?, entry))).collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, entry)| entry).collect()
}

/// How well an entry fits: 0 is best.
fn rank(entry: &Entry, query: &str) -> Option<usize> {
    let name = entry.name.to_lowercase();
    let hint = entry.hint.to_lowercase();
    let words = |text: &str| query.split_whitespace().all(|word| text.split_whitespace().any(|w| w.starts_with(word)));
    let letters = || {
        let mut rest = name.chars();
        query.chars().filter(|c| !c.is_whitespace()).all(|c| rest.any(|r| r == c))
    };
    let fits = [name.starts_with(query), words(&name), name.contains(query), words(&hint), letters()];
    fits.iter().position(|fit| *fit)
}

/// What is what, and every key.
fn help(ui: &mut Ui, cx: &Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    ui.label(RichText::new("One network, everything read off it").size(text::HEADING).color(tokens.strong));
    ui.add_space(space::TIGHT);
    ui.label(
        "The model gives log p(y, c), the joint log-probability of a noisy picture y = x + σε and its class c. Its gradient \
         is a denoiser (Tweedie): D(y) = y + σ² grad log p(y). One denoiser for each class: D(y|c) = y + σ² grad log p(y, c). \
         Their difference, (D(y|c) − D)/σ², is the gradient of log p(c|y): what an adversary follows.",
    );
    ui.add_space(space::ITEM);
    let tall = ui.available_height().clamp(LEAST, 420.0);
    let mut list = ScrollArea::vertical().max_height(tall).auto_shrink([false, true]);
    if just_opened(ui.ctx(), cx, "help") {
        // Not where somebody left it, in this window or the last one.
        list = list.vertical_scroll_offset(0.0);
    }
    list.show_following(ui, |ui| {
        for menu in Menu::ALL {
            widgets::section(ui, menu.label());
            for entry in catalogue().menu(menu) {
                let keys = entry.shortcut.map(|keys| ui.ctx().format_shortcut(&keys)).unwrap_or_default();
                help_line(ui, &keys, &entry.name, entry.hint);
            }
        }
        widgets::section(ui, "Tiles");
        for (keys, words) in [
            ("Wheel", "Zoom all tiles about the pointer"),
            ("Drag", "Move all tiles, once zoomed in; with the wipe on, move the line"),
            ("Double-click", "Whole pictures again"),
            ("Hold X", "Show the reference in every tile"),
            ("Right-click", "Save, copy, make it the reference, change colours, gain and channel"),
            ("Alt-drag on σ", "Pass the presets without resting on them"),
        ] {
            help_line(ui, keys, words, "");
        }
    });
}

/// The widths of keys and names in the help, as parts of the line; hints take the rest.
const HELP: [f32; 2] = [0.15, 0.38];

/// Keys, what they do, and a word on it, in columns that are the same all the way down; what is long goes on in the next line.
fn help_line(ui: &mut Ui, keys: &str, name: &str, hint: &str) {
    let tokens = Tokens::in_ui(ui);
    let whole = ui.available_width() - 2.0 * space::GROUP;
    let [first, second] = HELP.map(|part| part * whole);
    let columns = if hint.is_empty() { [first, whole - first, 0.0] } else { [first, second, whole - first - second] };
    let texts = [RichText::new(keys).color(tokens.accent), RichText::new(name), RichText::new(hint).color(tokens.dim)];
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::GROUP;
        for (text, width) in texts.into_iter().zip(columns).filter(|(_, width)| *width > 0.0) {
            ui.allocate_ui(vec2(width, 0.0), |ui| {
                ui.set_width(width);
                if !text.is_empty() {
                    ui.add(egui::Label::new(text).wrap());
                }
            });
        }
    });
}

/// Whether a sheet was not there in the last frame.
fn just_opened(ctx: &egui::Context, cx: &Context<'_>, sheet: &str) -> bool {
    let (seen, frame) = (Id::unique(("frame that a sheet was shown in", sheet)), cx.session.frame);
    let before = ctx.data(|data| data.get_temp::<u64>(seen));
    ctx.data_mut(|data| data.insert_temp(seen, frame));
    before.is_none_or(|last| last + 1 < frame)
}

/// The width of what is believed, beside the sheet to draw on.
const PAD_BELIEFS: f32 = 240.0;

/// The side of the sheet to draw on.
fn pad_side(ctx: &egui::Context) -> f32 {
    (ctx.content_rect().height() - 180.0).max(LEAST)
}

/// The sheet to draw on, as large as the window, with what the model believes beside it.
fn large_pad(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let Some(entry) = cx.document.entry().cloned().filter(|entry| entry.source == Source::Drawn) else { return };
    let side = pad_side(ui.ctx()).min(ui.available_width() - PAD_BELIEFS).max(LEAST);
    ui.horizontal_top(|ui| {
        ui.vertical(|ui| pad::show(ui, cx, &entry, |_| vec2(side, side)));
        ui.vertical(|ui| {
            let Some(posterior) = cx.session.answer.posterior.as_ref().map(|posterior| &posterior.value) else {
                return;
            };
            for (place, class) in crate::study::ranked(posterior).into_iter().take(5).enumerate() {
                let name = cx.session.classes().get(class).cloned().unwrap_or_default();
                let (size, colour) =
                    if place == 0 { (text::LARGE, tokens.strong) } else { (text::HEADING, tokens.dim) };
                believed(ui, &name, posterior[class], (size, colour), tokens.class(class));
                ui.add_space(space::TIGHT);
            }
        });
    });
}

/// A field for where to save, where no dialog opens; what stays open of it.
fn place_to_save(ctx: &egui::Context, cx: &mut Context<'_>, mut text: String, mut taken: bool) -> Option<Overlay> {
    let tokens = Tokens::of(ctx.theme());
    let mut done = false;
    let open = sheet(ctx, "place to save", 560.0, |ui| {
        ui.label(RichText::new("Save as").size(text::HEADING).color(tokens.strong));
        widgets::dim(ui, "No file dialog opens here (no desktop portal, no zenity): type where to.");
        let field = path_field(ui, &mut text, "", "Path to save at");
        // Whoever is asked can type at once.
        if just_opened(ctx, cx, "path") {
            field.request_focus();
        }
        taken &= !field.changed();
        let enter = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        if taken {
            ui.label(RichText::new("A file of this name is there.").color(tokens.warning));
        }
        ui.horizontal(|ui| {
            if ui.button(if taken { "Replace it" } else { "Save" }).clicked() || (enter && !taken) {
                let path = std::path::PathBuf::from(text.trim());
                cx.run(WindowCommand::SaveTo { path, replace: taken });
                done = true;
            }
            done |= ui.button("Cancel").clicked();
        });
    });
    (open && !done).then_some(Overlay::Path { text, taken })
}

fn notices(ui: &mut Ui, cx: &Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    ui.label(RichText::new("Notices").size(text::HEADING).color(tokens.strong));
    let tall = ui.available_height().clamp(LEAST, 420.0);
    ScrollArea::vertical().max_height(tall).auto_shrink([false, true]).show_following(ui, |ui| {
        let mut any = false;
        for notice in cx.session.notices.history() {
            any = true;
            ui.horizontal_wrapped(|ui| {
                let ago = notice.at.elapsed().as_secs();
                let ago = if ago < 60 { format!("{ago} s") } else { format!("{} min", ago / 60) };
                ui.label(RichText::new(ago).size(text::SMALL).color(tokens.dim));
                ui.label(RichText::new(&notice.text).color(colour(tokens, notice.level)));
            });
        }
        if !any {
            widgets::dim(ui, "Nothing happened yet.");
        }
    });
}

fn colour(tokens: &Tokens, level: Level) -> egui::Color32 {
    match level {
        Level::ERROR => tokens.bad,
        Level::WARN => tokens.warning,
        _ => tokens.text,
    }
}

/// What happened just now, if it is one thing and a line long: in place of the status line, so that nothing moves. Whether it is said there.
pub fn brief_notice(ui: &mut Ui, cx: &mut Context<'_>) -> bool {
    let tokens = Tokens::in_ui(ui);
    let (shown, next) = cx.session.notices.shown(Instant::now());
    let [notice] = shown[..] else { return false };
    let words = RichText::new(&notice.text).size(text::SMALL).color(colour(tokens, notice.level));
    let label = egui::Label::new(words).extend();
    let galley = ui.painter().layout_no_wrap(notice.text.clone(), FontId::proportional(text::SMALL), tokens.text);
    // The button that dismisses it takes some room too.
    if galley.rows.len() != 1 || galley.size().x + 40.0 >= ui.available_width() {
        return false;
    }
    if let Some(next) = next {
        ui.ctx().request_repaint_after(next);
    }
    ui.spacing_mut().item_spacing.x = space::TIGHT;
    // No taller than the words that stand there otherwise.
    ui.spacing_mut().interact_size.y = 0.0;
    ui.spacing_mut().button_padding.y = 0.0;
    let dismissed = is_dismissed(ui, RichText::new("×").size(text::SMALL));
    ui.add(label);
    if dismissed {
        cx.session.notices.dismiss();
    }
    true
}

/// A notice's button, which sends it to the history.
fn is_dismissed(ui: &mut Ui, cross: RichText) -> bool {
    let button = ui.add(Button::new(cross).frame(false)).explained("To the history");
    widgets::named(&button, "Dismiss");
    button.clicked()
}

/// What happened just now and takes more than the status line: in a strip of its own above the filmstrip, so that it covers no control; it
/// goes by itself, or by a click.
pub fn toasts(ui: &mut Ui, cx: &mut Context<'_>) {
    let (shown, next) = cx.session.notices.shown(Instant::now());
    if let Some(next) = next {
        ui.ctx().request_repaint_after(next);
    }
    if shown.is_empty() {
        return;
    }
    let tokens = Tokens::in_ui(ui);
    let mut dismissed = false;
    let frame = Frame::new().fill(tokens.raised).inner_margin(egui::Margin::symmetric(space::GROUP as i8, 4));
    Panel::bottom("toasts").resizable(false).frame(frame).show_separator_line(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for notice in &shown {
            ui.horizontal_top(|ui| {
                dismissed |= is_dismissed(ui, RichText::new("×"));
                let words = RichText::new(&notice.text).color(colour(tokens, notice.level));
                ui.add(egui::Label::new(words).wrap());
            });
        }
    });
    if dismissed {
        cx.session.notices.dismiss();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::command::ExportCommand;

    fn first_hit(query: &str) -> Option<Command> {
        search(query, &[]).first().map(|entry| entry.command.clone())
    }

    #[test]
    fn the_palette_finds_by_beginnings_words_and_letters() {
        assert_eq!(first_hit("save se"), Some(ExportCommand::SaveSession.into()));
        assert_eq!(first_hit("dark"), Some(WindowCommand::ToggleTheme.into()));
        assert_eq!(first_hit("undo"), Some(WindowCommand::Undo.into()));
        assert!(search("zzzzqqq", &[]).is_empty());
        assert_eq!(search("", &[]).len(), catalogue().entries().len());
    }
}
