//! The application: its parts, the order of a frame, and who does which command.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;
use tracing::Level;

use super::Options;
use super::command::{
    Command, EvaluateCommand, ExportCommand, ModelCommand, PictureCommand, TrainCommand, WindowCommand,
};
use super::feature::{self, Features};
use super::gpu::{Compare, Content};
use super::state::document::{Document, Source, TileKind};
use super::state::model::ModelSource;
use super::state::pane::{Pane, no_layout};
use super::state::session::{Overlay, Session};
use super::state::settings::Settings;
use super::state::tour::{Stop, Tour};
use super::view::catalogue::catalogue;
use super::view::context::Context;
use super::view::panes::{self, layout};
use super::view::{accessibility, focus, overlays, shell, theme};
use super::work::dialogs;
use super::work::host::Host;
use super::work::job::Jobs;
use super::work::questions::Questions;
use super::work::worker::Wake;
use super::work::workers::Workers;
use super::work::{receive, schedule};

/// By how much a presentation is larger.
const LARGE: f32 = 1.5;

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
    pub(super) host: Host,
    features: Features,
    scale_applied: f32,
    settings_file: Option<PathBuf>,
}

impl App {
    /// The window with what `options` name, or as it was left.
    #[must_use]
    pub fn new(cc: &eframe::CreationContext<'_>, options: Options, threads: Threads) -> Self {
        let ctx = &cc.egui_ctx;
        theme::install(ctx);
        ctx.add_plugin(accessibility::Names);
        if let Some(state) = &cc.wgpu_render_state {
            super::gpu::install(state);
        }
        let settings_file = options.kept.as_ref().map(|folder| folder.join("settings.json"));
        let (mut settings, words) = Settings::load(settings_file.as_deref(), cc.storage);
        layout::mend(&mut settings.layout);
        let mut session = Session::default();
        session.kept_evaluation = options.kept.as_ref().map(|folder| folder.join("evaluation"));
        session.kept_pictures = options.kept.as_ref().map(|folder| folder.join("pictures"));
        session.first_scene = options.paths.is_empty();
        if session.first_scene && !settings.tour_done && options.kept.is_some() {
            session.tour = Some(Tour::begin());
        }
        if let Some(words) = words {
            session.notices.say(Level::WARN, words);
        }
        let wake: Wake = {
            let ctx = ctx.clone();
            Arc::new(move || ctx.request_repaint())
        };
        let workers = match threads {
            Threads::Inline => Workers::inline(&wake),
            Threads::Spawned => Workers::spawn(&wake, &mut session.notices),
        };
        // What a person typed is used as it is; what was saved may be a script, which only a person has run.
        let model = match &options.model {
            Some(name) => ModelCommand::Use(ModelSource::named(name)),
            None => ModelCommand::Offer(settings.chosen_model().cloned().unwrap_or_default()),
        };
        if let Some(device) = options.device {
            settings.device = device;
        }
        let jobs = Jobs { inline: threads == Threads::Inline, wake };
        let mut host = Host::new(ctx.clone(), settings, session, workers, jobs);
        host.run(model);
        if !options.paths.is_empty() {
            host.run(PictureCommand::OpenPaths(options.paths));
        }
        let features = Features::new(&host);
        let mut app = Self { host, features, scale_applied: 0.0, settings_file };
        app.run_requested();
        app
    }

    /// What a person works on.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.host.document
    }

    /// What comes and goes.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.host.session
    }

    /// How they like to work.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.host.settings
    }

    /// What the workers were asked.
    #[must_use]
    pub fn questions(&self) -> &Questions {
        &self.host.questions
    }

    /// What features have to show.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Does a command, as a menu or a key would, and what follows from it.
    pub fn run(&mut self, command: impl Into<Command>) {
        self.apply(command.into());
        self.run_requested();
    }

    fn run_requested(&mut self) {
        loop {
            let requested = self.host.take_requested();
            if requested.is_empty() {
                return;
            }
            for command in requested {
                self.apply(command);
            }
        }
    }

    fn apply(&mut self, command: Command) {
        let Self { host, features, .. } = self;
        match command {
            Command::Picture(PictureCommand::GoOn) => features.last_session.go_on(host),
            Command::Picture(command) => features.pictures.run(host, command),
            Command::Export(command) => features.export.run(host, command),
            Command::Noise(command) => feature::noise::run(host, command),
            Command::Tile(command) => feature::tiles::run(host, command),
            Command::Attack(command) => feature::attack::run(host, command),
            Command::Trials(command) => feature::trials::run(host, command),
            Command::Certify(command) => feature::certify::run(host, command),
            Command::Explore(command) => feature::explore::run(host, command),
            Command::Photo(command) => feature::photo::run(host, command),
            Command::Evaluate(command) => features.evaluation.run(host, command),
            Command::Train(command) => features.training.run(host, command),
            Command::Model(command) => features.models.run(host, command),
            Command::Versus(command) => features.versus.run(host, command),
            Command::Window(command) => window(host, command),
        }
    }

    fn follow_settings(&mut self, ctx: &egui::Context) {
        ctx.set_theme(self.host.settings.theme());
        let scale = self.host.settings.scale * if self.session().presenting { LARGE } else { 1.0 };
        if (self.scale_applied - scale).abs() > f32::EPSILON {
            self.scale_applied = scale;
            ctx.set_zoom_factor(scale);
        }
    }

    /// Keys that are commands, unless somebody is typing.
    fn shortcuts(&self, ctx: &egui::Context, commands: &mut Vec<Command>) {
        let typing = ctx.text_edit_focused();
        let sheet_open = self.session().overlay.is_some();
        // Whoever clicked on the words beside a field and types a number means the field, which a click on words does not reach.
        let on_words = ctx.plugin::<egui::text_selection::LabelSelectionState>().lock().has_selection();
        let arrows_taken = focus::holds_arrows(ctx);
        // Escape closes what is open over the panes before it means anything else.
        let popup_open = egui::Popup::is_any_open(ctx) || self.session().tour.is_some() || self.session().presenting;
        // It ends a comparison, and where there is none it brings all panes back.
        let enlarged = self.session().enlarged.is_some() && self.host.document.compare == Compare::Plain;
        ctx.input_mut(|input| {
            for entry in catalogue().with_keys() {
                let Some(egui::KeyboardShortcut { modifiers, logical_key }) = entry.shortcut else { continue };
                let meant = match logical_key {
                    egui::Key::F1 => true,
                    egui::Key::ArrowLeft | egui::Key::ArrowRight | egui::Key::ArrowUp | egui::Key::ArrowDown
                        if arrows_taken && modifiers.is_none() =>
                    {
                        false
                    }
                    key if on_words && modifiers.is_none() && is_digit(key) => false,
                    egui::Key::Escape => !typing && !sheet_open && !popup_open,
                    _ => !typing && (!sheet_open || modifiers.any()),
                };
                if meant {
                    // A fast repeat brings several presses in one frame.
                    let presses = input.count_and_consume_key(modifiers, logical_key);
                    let command = match logical_key {
                        egui::Key::Escape if enlarged => WindowCommand::Enlarge(None).into(),
                        _ => entry.command.clone(),
                    };
                    commands.extend(std::iter::repeat_n(command, presses));
                }
            }
            if typing {
                return;
            }
            // Both are told to the window as events of their own where the platform knows them.
            for event in &input.events {
                match event {
                    egui::Event::Copy if !sheet_open => {
                        // Without a tile under the pointer the restored picture is meant.
                        let tile = self.session().tile_hovered.unwrap_or(TileKind::Denoised);
                        commands.push(ExportCommand::CopyTile(tile).into());
                    }
                    egui::Event::Paste(_) | egui::Event::PasteImage(_) if !sheet_open => {
                        commands.push(PictureCommand::Paste.into());
                    }
                    _ => {}
                }
            }
        });
    }

    /// What a drop means: data for the pane that is looked at and takes some, else something to open.
    fn dropped(&self, ctx: &egui::Context, commands: &mut Vec<Command>) {
        let paths: Vec<_> = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect());
        match &paths[..] {
            [] => {}
            [path] if self.session().shows(&Pane::EVALUATION) && feature::pictures::may_be_data(path) => {
                commands.push(EvaluateCommand::SetData(path.clone()).into());
            }
            [path] if self.session().shows(&Pane::TRAINING) && feature::pictures::may_be_data(path) => {
                commands.push(TrainCommand::SetData(path.clone()).into());
            }
            _ => commands.push(PictureCommand::OpenPaths(paths).into()),
        }
    }
}

impl Drop for App {
    /// The workers end when what they wait for ends.
    fn drop(&mut self) {
        let session = &self.host.session;
        let models = [session.model.as_ref(), session.versus.b.as_ref().map(|rival| &rival.model)];
        models.into_iter().flatten().filter_map(|model| model.script.as_ref()).for_each(|script| script.stop());
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.follow_settings(ctx);
        self.host.session.notices.collect();
        self.host.poll();
        self.features.poll(&mut self.host);
        self.run_requested();
        schedule::schedule(&mut self.host);
        receive::receive(&mut self.host);
        // What came in may ask for more: a fitted picture is studied next.
        schedule::schedule(&mut self.host);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let mut commands = Vec::new();
        self.shortcuts(&ctx, &mut commands);
        self.dropped(&ctx, &mut commands);
        let Host { document, history, settings, session, questions, .. } = &mut self.host;
        session.frame += 1;
        session.hover = session.hover_next.take();
        session.tile_hovered = None;
        session.flip = !ctx.text_edit_focused() && ctx.input(|i| i.key_down(egui::Key::X));

        let mut layout = std::mem::replace(&mut settings.layout, no_layout());
        let undo = (history.can_undo(), history.can_redo());
        let features = &self.features;
        let mut cx = Context { document, settings, session, questions, features, commands: &mut commands };
        shell::show(ui, &mut cx, &mut layout, undo);
        overlays::show(&ctx, &mut cx, undo);
        focus::ring(&ctx);
        settings.layout = layout;

        let dragging = ctx.input(|i| i.pointer.any_down());
        let before = self.host.document.clone();
        for command in commands {
            self.run(command);
        }
        let (Host { document, history, session, .. }, features) = (&mut self.host, &self.features);
        // Asked in each frame: an undo that changes nothing is not to hide the next change.
        let took_over = history.took_over();
        if *document != before && !took_over {
            history.record(before, dragging);
        }
        if !dragging {
            history.settle();
        }
        let shown = document.pictures.iter().flat_map(|entry| [entry.thumbnail.id(), entry.original.id()]);
        let mistakes = features.evaluation.result.iter().flat_map(|measured| measured.mistakes.iter().map(Content::id));
        let shown = shown.chain(mistakes);
        session.keep_thumbnails(&shown.collect());
        if session.hover != session.hover_next {
            ctx.request_repaint();
        }
    }

    /// egui keeps the window's place by itself.
    fn save(&mut self, _: &mut dyn eframe::Storage) {
        self.features.last_session.close(&self.host);
        let saved = self.settings_file.as_ref().map_or(Ok(()), |path| self.host.settings.save(path));
        if let Err(error) = saved {
            self.host.say(Level::ERROR, format!("The settings could not be saved: {error}"));
        }
    }
}

fn is_digit(key: egui::Key) -> bool {
    key.name().len() == 1 && key.name().chars().all(|c| c.is_ascii_digit())
}

/// Does a command about the window itself.
fn window(host: &mut Host, command: WindowCommand) {
    use WindowCommand as C;
    let settings = &mut host.settings;
    match command {
        C::Undo => {
            if let Some(before) = host.history.undo(&host.document) {
                host.document = before;
            }
        }
        C::Redo => {
            if let Some(after) = host.history.redo(&host.document) {
                host.document = after;
            }
        }
        C::Quit => host.ctx.send_viewport_cmd(egui::ViewportCommand::Close),
        C::ToggleTheme => settings.dark = !settings.dark,
        C::ScaleInterface(factor) => {
            if factor.is_finite() {
                settings.scale = (settings.scale * factor).clamp(0.7, 2.5);
            }
        }
        C::ResetScale => settings.scale = 1.0,
        C::ToggleFilmstrip => settings.filmstrip = !settings.filmstrip,
        C::ResetLayout => {
            settings.layout = layout::default_layout();
            host.session.enlarged = None;
        }
        C::Show(pane) => {
            layout::bring_to_front(&mut settings.layout, &pane);
            if host.session.enlarged.is_some() {
                host.session.enlarged = Some(pane);
            }
        }
        C::Enlarge(pane) => {
            let session = &mut host.session;
            let meant = pane.or_else(|| session.pane_hovered.clone().filter(|pane| session.shows(pane)));
            session.enlarged = if session.enlarged.is_some() { None } else { meant.or_else(|| in_the_middle(session)) };
        }
        C::Palette => toggle(&mut host.session, Overlay::Palette { query: String::new(), selected: 0 }),
        C::Help => toggle(&mut host.session, Overlay::Help),
        C::Words => toggle(&mut host.session, Overlay::Words),
        C::Notices => toggle(&mut host.session, Overlay::Notices),
        C::Present => host.session.presenting = !host.session.presenting,
        C::Pad => {
            if host.document.entry().is_none_or(|entry| entry.source != Source::Drawn) {
                host.run(PictureCommand::NewDrawing);
            }
            host.session.overlay = Some(Overlay::Pad);
        }
        C::SaveTo { path, replace } => dialogs::save_to(host, path, replace),
        C::ForgetTrouble => host.session.trouble = None,
        C::Tour => {
            host.session.overlay = None;
            tour(host, 0);
        }
        C::TourTo(stop) => tour(host, stop),
        C::EndTour => tour(host, Stop::ALL.len()),
    }
}

/// The pane in sight that most is done in.
fn in_the_middle(session: &Session) -> Option<Pane> {
    let below = |pane: &&Pane| panes::info(pane).is_some_and(|info| info.place == panes::Place::Below);
    session.visible.iter().find(below).or(session.visible.first()).cloned()
}

/// Goes to a stop of the tour, whose pane comes to the front; behind the last one it is over, and that is remembered.
fn tour(host: &mut Host, at: usize) {
    let Some(stop) = Stop::ALL.get(at) else {
        host.session.tour = None;
        host.settings.tour_done = true;
        return;
    };
    host.session.tour = Some(Tour { at, ..Tour::begin() });
    host.session.enlarged = None;
    if let Some(pane) = stop.pane() {
        layout::bring_to_front(&mut host.settings.layout, &pane);
    }
}

/// Opens or closes a sheet.
fn toggle(session: &mut Session, overlay: Overlay) {
    let same =
        session.overlay.as_ref().is_some_and(|open| std::mem::discriminant(open) == std::mem::discriminant(&overlay));
    session.overlay = (!same).then_some(overlay);
}
