//! What each command does.

use eframe::egui;
use tracing::Level;

use super::App;
use super::command::Command;
use super::document::{Document, Entry, Source, TileKind};
use super::panes::{self, Pane};
use super::session::Overlay;
use super::tiles::{Content, View};
use super::{drawing, samples};
use crate::picture::estimate_sigma;
use crate::study::Classes;

/// The noise levels that σ can be set to.
const SIGMAS: std::ops::RangeInclusive<f32> = 0.0..=1.0;

impl App {
    /// Does a command.
    pub(super) fn apply(&mut self, ctx: &egui::Context, command: Command) {
        use Command as C;
        match command {
            C::Undo => self.undo(),
            C::Redo => self.redo(),
            C::Open => self.ask_for_pictures(),
            C::OpenFolder => self.ask_for_folder(),
            C::OpenPaths(paths) => self.open_paths(paths),
            C::Paste => self.paste(),
            C::OpenModel => self.ask_for_model(),
            C::UseModel(source) => self.send_for_model(source),
            C::UseDevice(device) => {
                self.settings.device = device;
                self.send_for_model(self.settings.model.clone());
            }
            C::SaveTile(kind) => self.save_tile(kind),
            C::SaveSheet => self.save_sheet(),
            C::SaveData => self.save_data(),
            C::SaveSession => self.save_session(),
            C::CopyTile(kind) => self.copy_tile(ctx, kind),
            C::CopyCommandLine => self.copy_command(ctx),
            C::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            C::EstimateSigma => self.estimate(),
            C::NewDrawing => self.new_drawing(),
            C::OpenSamples => self.open_samples(),
            C::ToggleCertify => self.toggle_certify(),
            C::Train(command) => self.train(command),
            C::Evaluate(command) => self.evaluate(command),
            C::SetReference(_)
            | C::SetCompare(_)
            | C::SetReading(_)
            | C::TogglePin(_)
            | C::Select(_)
            | C::Next
            | C::Previous
            | C::Close
            | C::SetFit(_)
            | C::Draw { .. }
            | C::ClearDrawing => change(&mut self.document, &command),
            C::SetSigma(_)
            | C::ScaleSigma(_)
            | C::SetNoise(_)
            | C::SetSeed(_)
            | C::Reroll
            | C::ToggleAlreadyNoisy
            | C::SetAttack(_)
            | C::SetSmoothing(_)
            | C::RerollAttack
            | C::RerollPurify => change_noise(&mut self.document, command),
            other => self.apply_to_window(&other),
        }
    }

    /// Commands about the window itself.
    fn apply_to_window(&mut self, command: &Command) {
        use Command as C;
        let session = &mut self.session;
        match *command {
            C::SetLook(kind, look) => drop(session.looks.insert(kind.family(), look)),
            C::ToggleWipe => session.wipe = if session.wipe.is_some() { None } else { Some(0.5) },
            C::Zoom(factor) => session.view.zoom_about(factor, [0.0, 0.0]),
            C::ResetView => session.view = View::default(),
            C::ToggleGrid => self.settings.grid = !self.settings.grid,
            C::ToggleSorted => self.settings.sorted = !self.settings.sorted,
            C::ToggleTheme => self.settings.dark = !self.settings.dark,
            C::ScaleInterface(factor) => self.settings.scale = (self.settings.scale * factor).clamp(0.7, 2.5),
            C::ResetScale => self.settings.scale = 1.0,
            C::ResetLayout => self.settings.layout = panes::default_layout(),
            C::ToggleFilmstrip => self.settings.filmstrip = !self.settings.filmstrip,
            C::Show(pane) => self.show_pane(pane),
            C::Palette => self.toggle_overlay(Overlay::Palette { query: String::new(), selected: 0 }),
            C::Help => self.toggle_overlay(Overlay::Help),
            C::Notices => self.toggle_overlay(Overlay::Notices),
            _ => {}
        }
    }

    pub(super) fn show_pane(&mut self, pane: Pane) {
        if self.settings.layout.tiles.find_pane(&pane).is_none() {
            self.settings.layout = panes::default_layout();
        }
        self.settings.layout.make_active(|_, tile| matches!(tile, egui_tiles::Tile::Pane(p) if *p == pane));
    }

    fn undo(&mut self) {
        if let Some(before) = self.history.undo(&self.document) {
            self.document = before;
        }
    }

    fn redo(&mut self) {
        if let Some(after) = self.history.redo(&self.document) {
            self.document = after;
        }
    }

    fn estimate(&mut self) {
        if let Some(fitted) = &self.session.fitted {
            self.document.noise.sigma = estimate_sigma(fitted.content.picture());
            self.document.already_noisy = true;
        }
    }

    fn new_drawing(&mut self) {
        let Some(model) = &self.session.model else { return };
        let blank = drawing::blank(model.joint.shape());
        let number = 1 + self.document.pictures.iter().filter(|e| e.source == Source::Drawn).count();
        let content = Content::new(blank);
        self.document.add(vec![Entry {
            name: format!("Drawing {number}"),
            source: Source::Drawn,
            thumbnail: content.clone(),
            original: content,
            fit: crate::picture::Fit::Centre,
        }]);
        self.document.already_noisy = false;
        self.show_pane(Pane::Picture);
    }

    /// The new model's samples instead of the old one's; the picture that is looked at stays.
    pub(super) fn change_samples(&mut self) {
        let Some(model) = &self.session.model else { return };
        let samples = samples::of(model);
        let kept = self.document.entry().cloned();
        let own = kept.as_ref().and_then(|kept| samples.iter().position(|sample| sample.name == kept.name));
        self.document.pictures = samples;
        self.document.current = own.unwrap_or(0);
        if let (Some(kept), None) = (kept, own) {
            self.document.pictures.insert(0, kept);
        }
    }

    /// Adds the pictures that come with the model, unless they are open.
    pub(super) fn open_samples(&mut self) {
        let Some(model) = &self.session.model else { return };
        let open: Vec<&str> = self.document.pictures.iter().map(|e| e.name.as_str()).collect();
        let new: Vec<Entry> =
            samples::of(model).into_iter().filter(|sample| !open.contains(&sample.name.as_str())).collect();
        if new.is_empty() {
            self.session.toasts.say(Level::INFO, "The sample pictures are open already.");
        }
        self.document.add(new);
    }
}

/// Changes to pictures and to what is looked at.
fn change(document: &mut Document, command: &Command) {
    use Command as C;
    match *command {
        C::SetReference(kind) => document.reference = kind,
        C::SetCompare(compare) => {
            document.compare = compare;
            if !document.reference.is_picture() {
                document.reference = TileKind::Clean;
            }
        }
        C::SetReading(reading) => document.reading = reading,
        C::TogglePin(class) => {
            let before = document.pinned.len();
            document.pinned.retain(|&pinned| pinned != class);
            if document.pinned.len() == before {
                document.pinned.push(class);
                document.pinned.drain(..before.saturating_sub(Classes::ALL_UP_TO - 1));
            }
        }
        C::Select(index) => document.current = index.min(document.pictures.len().saturating_sub(1)),
        C::Next if document.current + 1 < document.pictures.len() => document.current += 1,
        C::Previous => document.current = document.current.saturating_sub(1),
        C::Close => document.close(),
        C::SetFit(fit) => document.entry_mut().into_iter().for_each(|entry| entry.fit = fit),
        C::Draw { from, to, erase } => draw(document, &|picture| drawing::stroke(picture, from, to, erase)),
        C::ClearDrawing => draw(document, &|picture| drawing::blank(picture.shape())),
        _ => {}
    }
}

/// Replaces the current drawing; other pictures are not drawn on.
fn draw(document: &mut Document, on: &dyn Fn(&crate::picture::Picture) -> crate::picture::Picture) {
    if let Some(entry) = document.entry_mut().filter(|entry| entry.source == Source::Drawn) {
        let drawn = Content::new(on(entry.original.picture()));
        entry.thumbnail = drawn.clone();
        entry.original = drawn;
    }
}

/// Changes to noise and attack.
fn change_noise(document: &mut Document, command: Command) {
    use Command as C;
    match command {
        C::SetSigma(sigma) if sigma.is_finite() => document.noise.sigma = sigma.clamp(*SIGMAS.start(), *SIGMAS.end()),
        C::ScaleSigma(factor) => {
            let sigma = document.noise.sigma.max(1.0 / 255.0) * factor;
            document.noise.sigma = sigma.clamp(1.0 / 255.0, *SIGMAS.end());
        }
        C::SetNoise(kind) => document.noise.kind = kind,
        C::SetSeed(seed) => document.noise.seed = seed,
        C::Reroll => document.noise.seed = document.noise.seed.wrapping_add(1),
        C::ToggleAlreadyNoisy => document.already_noisy = !document.already_noisy,
        C::SetAttack(settings) => document.attack = *settings,
        C::SetSmoothing(smoothing) => document.smoothing = smoothing,
        C::RerollAttack => document.attack.seed = document.attack.seed.wrapping_add(1),
        C::RerollPurify => document.purify_seed = document.purify_seed.wrapping_add(1),
        _ => {}
    }
}
