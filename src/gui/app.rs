//! The application: its state, and the order of a frame.

use std::sync::Arc;

use eframe::egui;
use tracing::Level;

use super::command::{self, Command};
use super::compute::{Message, lane};
use super::context::Context;
use super::document::Document;
use super::errand::Errands;
use super::evaluation::{Evaluate, EvaluationJob};
use super::history::History;
use super::job::Jobs;
use super::models::ModelSource;
use super::opening::Brought;
use super::session::{Overlay, Session};
use super::settings::Settings;
use super::training::{Train, TrainingJob};
use super::worker::Worker;
use super::{Options, opening, overlays, shell, theme, tiles};

/// Where work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// On threads, as a person gets it.
    Spawned,
    /// At once, when the window looks: for tests and benchmarks.
    Inline,
}

/// The window.
pub struct App {
    pub(super) document: Document,
    pub(super) history: History,
    pub(super) settings: Settings,
    pub(super) session: Session,
    pub(super) worker: Worker<Message>,
    pub(super) errands: Errands<Brought>,
    pub(super) jobs: Jobs,
    pub(super) evaluation_job: Option<EvaluationJob>,
    pub(super) training_job: Option<TrainingJob>,
    pub(super) scale_applied: f32,
}

impl App {
    /// The window with what `options` name, or as it was left.
    #[must_use]
    pub fn new(cc: &eframe::CreationContext<'_>, options: Options, threads: Threads) -> Self {
        let ctx = &cc.egui_ctx;
        theme::install(ctx);
        ctx.add_plugin(super::names::Names);
        if let Some(state) = &cc.wgpu_render_state {
            tiles::install(state);
        }
        let (mut settings, words) = Settings::load(cc.storage);
        let mut session = Session::default();
        session.kept_pictures = eframe::storage_dir("denoscope").map(|folder| folder.join("pictures"));
        if let Some(words) = words {
            session.toasts.say(Level::WARN, words);
        }
        let wake: super::worker::Wake = {
            let ctx = ctx.clone();
            Arc::new(move || ctx.request_repaint())
        };
        let worker = match threads {
            Threads::Inline => Worker::inline(lane::COUNT, wake.clone()),
            Threads::Spawned => Worker::spawn(lane::COUNT, wake.clone()).unwrap_or_else(|error| {
                session.toasts.say(Level::ERROR, error.to_string());
                Worker::inline(lane::COUNT, wake.clone())
            }),
        };
        if let Some(model) = &options.model {
            settings.model = ModelSource::named(model);
        }
        if let Some(device) = options.device {
            settings.device = device;
        }
        let mut app = Self {
            document: Document::default(),
            history: History::default(),
            settings,
            session,
            worker,
            errands: Errands::new(threads == Threads::Inline, wake.clone()),
            jobs: Jobs { inline: threads == Threads::Inline, wake },
            evaluation_job: None,
            training_job: None,
            scale_applied: 0.0,
        };
        app.send_for_model(app.settings.model.clone());
        if !options.paths.is_empty() {
            app.open_paths(options.paths);
        }
        app
    }

    /// What a person works on.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What comes and goes.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// How they like to work.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Does a command, as a menu or a key would.
    pub fn run(&mut self, ctx: &egui::Context, command: Command) {
        self.apply(ctx, command);
    }

    fn follow_settings(&mut self, ctx: &egui::Context) {
        ctx.set_theme(self.settings.theme());
        if (self.scale_applied - self.settings.scale).abs() > f32::EPSILON {
            self.scale_applied = self.settings.scale;
            ctx.set_zoom_factor(self.settings.scale);
        }
    }

    /// Keys that are commands, unless somebody is typing.
    fn shortcuts(&self, ctx: &egui::Context, commands: &mut Vec<Command>) {
        if ctx.text_edit_focused() {
            return;
        }
        let sheet_open = self.session.overlay.is_some();
        // The most particular keys first: Ctrl+Shift+Z is not Ctrl+Z.
        let mut entries = command::catalogue();
        entries.sort_by_key(|e| std::cmp::Reverse(e.shortcut.map_or(0, |k| count(k.modifiers))));
        ctx.input_mut(|input| {
            for entry in entries {
                let Some(keys) = entry.shortcut else { continue };
                if (!sheet_open || keys.modifiers.any()) && input.consume_shortcut(&keys) {
                    commands.push(entry.command);
                }
            }
            // Both are told to the window as events of their own where the platform knows them.
            for event in &input.events {
                match event {
                    egui::Event::Copy if !sheet_open => commands.push(Command::CopyTile(self.tile_meant())),
                    egui::Event::Paste(_) | egui::Event::PasteImage(_) if !sheet_open => commands.push(Command::Paste),
                    _ => {}
                }
            }
        });
    }

    /// The tile that a key without a tile means.
    pub(super) fn tile_meant(&self) -> super::document::TileKind {
        self.session.tile_hovered.unwrap_or(super::document::TileKind::Denoised)
    }

    /// What a drop means: data for the pane that is looked at and takes some, else something to open.
    fn dropped(&self, ctx: &egui::Context, commands: &mut Vec<Command>) {
        let paths: Vec<_> = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect());
        match &paths[..] {
            [] => {}
            [path] if self.session.evaluation.visible && opening::may_be_data(path) => {
                commands.push(Command::Evaluate(Evaluate::SetData(path.clone())));
            }
            [path] if self.session.training.visible && opening::may_be_data(path) => {
                commands.push(Command::Train(Train::SetData(path.clone())));
            }
            _ => commands.push(Command::OpenPaths(paths)),
        }
    }
}

fn count(modifiers: egui::Modifiers) -> usize {
    [modifiers.alt, modifiers.ctrl, modifiers.shift, modifiers.mac_cmd, modifiers.command]
        .iter()
        .filter(|m| **m)
        .count()
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.follow_settings(ctx);
        self.session.toasts.collect();
        self.take_errands(ctx);
        self.schedule();
        self.receive();
        self.receive_evaluation();
        self.receive_training();
        // What came in may ask for more: a fitted picture is studied next.
        self.schedule();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let mut commands = Vec::new();
        self.shortcuts(&ctx, &mut commands);
        self.dropped(&ctx, &mut commands);
        self.session.frame += 1;
        self.session.hover = self.session.hover_next.take();
        self.session.tile_hovered = None;
        self.session.flip = !ctx.text_edit_focused() && ctx.input(|i| i.key_down(egui::Key::X));
        self.session.busy = self.errands.any_out();

        let mut layout =
            std::mem::replace(&mut self.settings.layout, egui_tiles::Tree::empty(egui::Id::unique("panes")));
        let undo = (self.history.can_undo(), self.history.can_redo());
        let mut cx = Context {
            document: &self.document,
            settings: &self.settings,
            session: &mut self.session,
            commands: &mut commands,
        };
        shell::show(ui, &mut cx, &mut layout, undo);
        overlays::show(&ctx, &mut cx);
        self.settings.layout = layout;

        let dragging = ctx.input(|i| i.pointer.any_down());
        let before = self.document.clone();
        for command in commands {
            self.apply(&ctx, command);
        }
        if self.document != before && !self.history.took_over() {
            self.history.record(before, dragging);
        }
        if !dragging {
            self.history.settle();
        }
        let shown = self.document.pictures.iter().flat_map(|entry| [entry.thumbnail.id(), entry.original.id()]);
        self.session.keep_thumbnails(&shown.collect());
        if self.session.hover != self.session.hover_next {
            ctx.request_repaint();
        }
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        self.settings.save(storage);
    }
}

impl App {
    /// Opens or closes a sheet.
    pub(super) fn toggle_overlay(&mut self, overlay: Overlay) {
        let same = self
            .session
            .overlay
            .as_ref()
            .is_some_and(|open| std::mem::discriminant(open) == std::mem::discriminant(&overlay));
        self.session.overlay = (!same).then_some(overlay);
    }
}
