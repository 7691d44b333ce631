//! Results out: tiles, the sheet, the data, the session, and the command line that gives the same.

use std::path::Path;

use tracing::Level;

use super::command_line::{self, Screen};
use super::session_file;
use crate::attack;
use crate::files::write_whole;
use crate::gui::command::ExportCommand;
use crate::gui::gpu::{Content, Params, Plane, View, picture_of};
use crate::gui::state::counting::ATTEMPTS;
use crate::gui::state::document::{Aim, TileKind};
use crate::gui::state::pane::Pane;
use crate::gui::state::tile_content::{TileContent, tile_content};
use crate::gui::work::background::Background;
use crate::gui::work::dialogs::save_as;
use crate::gui::work::host::Host;
use crate::picture::{self, Picture, Shape};
use crate::study::{Attacked, Study, Theme, attack_sheet, denoiser_attack_sheet, report, sheet};
use crate::{Error, Result};

/// The shorter side that an exported tile has at least, so that small pictures are not lost on a page.
const EXPORT_SIDE: usize = 512;

/// What is to go on the clipboard.
enum Copied {
    /// A tile, and its name.
    Tile(Picture, String),
    /// A command line, or why there is none.
    Command(Result<String, String>),
}

/// Results on their way out.
pub struct Export {
    copied: Background<Copied>,
}

impl Export {
    /// Nothing is on its way.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        Self { copied: host.jobs.background() }
    }

    /// Does a command about results.
    pub fn run(&mut self, host: &mut Host, command: ExportCommand) {
        match command {
            ExportCommand::SaveTile(kind) => save_tile(host, kind),
            ExportCommand::CopyTile(kind) => self.copy_tile(host, kind),
            ExportCommand::SaveSheet => save_sheet(host),
            ExportCommand::SaveData => save_data(host),
            ExportCommand::SaveSession => save_session(host),
            ExportCommand::CopyCommandLine => self.copy_command(host),
        }
    }

    /// Puts on the clipboard what is ready for it.
    pub fn poll(&mut self, host: &mut Host) {
        for copied in self.copied.poll() {
            match copied {
                Copied::Tile(picture, name) => {
                    host.ctx.copy_image(Content::from(picture).colour_image());
                    host.say(Level::INFO, format!("Copied: {name}"));
                }
                Copied::Command(Ok(lines)) => {
                    host.say(Level::INFO, format!("Copied: {lines}"));
                    host.ctx.copy_text(lines);
                }
                Copied::Command(Err(words)) => host.say(Level::WARN, words),
            }
        }
    }

    /// Puts a tile on the clipboard as it looks.
    fn copy_tile(&mut self, host: &mut Host, kind: TileKind) {
        let Some(tile) = tile_content(kind, &host.document, &host.session) else {
            host.say(Level::WARN, "There is nothing to copy in that tile yet.");
            return;
        };
        let name = kind.label(host.session.classes());
        self.copied.start(move || Copied::Tile(tile_picture(&tile), name), |words| Copied::Command(Err(words)));
    }

    /// Puts the command line that gives what is on screen on the clipboard.
    fn copy_command(&mut self, host: &mut Host) {
        let Some(entry) = host.document.entry().cloned() else {
            host.say(Level::WARN, "Nothing is open.");
            return;
        };
        let screen = Screen {
            fit: entry.fit,
            noise: host.document.noise,
            already_noisy: host.document.already_noisy,
            model: host.settings.model.clone(),
            device: host.settings.device.clone(),
            mirror: host.settings.mirror,
            guidance: host.document.guidance_shown(),
            attacks: attacks_in_sight(host),
            denoiser_attack: (on_denoiser(host) && host.session.shows(&Pane::ADVERSARY))
                .then(|| host.document.denoiser_settings()),
            certificate: host.session.shows(&Pane::CERTIFICATE).then(|| {
                let attempts = if host.session.certificate.bracketed { ATTEMPTS } else { 0 };
                (host.document.smoothing, attempts)
            }),
            sheet: host.session.sheets.study.map(|look| (sheet_name(host), look)),
            attack_sheet: (host.session.sheets.attack.filter(|_| host.session.shows(&Pane::ADVERSARY)))
                .map(|look| (attack_sheet_name(host), look)),
            native: host.session.shows(&Pane::PHOTOGRAPH).then(|| command_line::Native {
                class: host.session.photo.class,
                output: format!("{}-restored.png", stem(host)),
            }),
            classes: host.session.classes().to_vec(),
        };
        // A drawing is in no file yet: it is kept in one, so that the command has something to read.
        let folder = host.session.kept_pictures.clone();
        let job = move || {
            if let Some(image) = command_line::argument(&entry) {
                return Copied::Command(screen.lines(&image));
            }
            let kept = folder.ok_or_else(no_folder).and_then(|folder| command_line::keep(&entry, &folder));
            Copied::Command(match kept {
                Ok(path) => screen.lines(&path.display().to_string()),
                Err(error) => Err(error.to_string()),
            })
        };
        self.copied.start(job, |words| Copied::Command(Err(words)));
    }
}

/// Asks where to, then saves a tile as it looks.
fn save_tile(host: &mut Host, kind: TileKind) {
    let Some(tile) = tile_content(kind, &host.document, &host.session) else {
        host.say(Level::WARN, "There is nothing to save in that tile yet.");
        return;
    };
    let name = format!("{}-{}.png", stem(host), kind.file_name(host.session.classes()));
    save_as(host, &name, "Pictures", &["png", "jpg", "webp", "bmp", "tiff"], move |path| {
        picture::save(path, &tile_picture(&tile), true)
    });
}

/// The attacks whose results are looked at.
fn attacks_in_sight(host: &Host) -> Vec<attack::Settings> {
    let own = (host.session.shows(&Pane::ADVERSARY) && !on_denoiser(host)).then(|| host.document.attack.clone());
    let trials = &host.session.trials.planned;
    own.into_iter().chain(trials.iter().filter(|_| host.session.shows(&Pane::TRIALS)).cloned()).collect()
}

/// Whether the adversary is after the denoiser.
fn on_denoiser(host: &Host) -> bool {
    host.document.aim(host.session.classes().len()) == Aim::Denoiser
}

/// Asks where to, then saves the sheet of what is looked at, the command line's own: of the attack where its pane is in sight and it is
/// done, else of the study.
fn save_sheet(host: &mut Host) {
    if host.session.shows(&Pane::ADVERSARY) {
        let saved = if on_denoiser(host) { save_denoiser_sheet(host) } else { save_attack_sheet(host) };
        if saved.is_some() {
            return;
        }
        if is_awaited(host) {
            host.say(
                Level::WARN,
                "The attack with these settings is not done: this is the sheet of the picture without it.",
            );
        }
    }
    let Some(study) = study(host) else { return };
    let title = host.document.entry().map(|e| e.name.clone()).unwrap_or_default();
    let theme = look(host);
    let name = sheet_name(host);
    host.session.sheets.study = Some(theme);
    save_as(host, &name, "Pictures", &["png"], move |path| {
        let page = image::DynamicImage::ImageRgb8(sheet(&study, &title, theme));
        picture::save_image(path, &page, true)
    });
}

/// Whether there was an attack, and one with other settings is to be.
fn is_awaited(host: &Host) -> bool {
    let Host { session, questions, .. } = host;
    if on_denoiser(host) {
        session.denoiser_attack.stale || questions.denoiser_attack.is_pending()
    } else {
        session.attack.stale || questions.attack.is_pending()
    }
}

/// A sheet looks like the window.
fn look(host: &Host) -> Theme {
    if host.settings.dark { Theme::Dark } else { Theme::Light }
}

fn sheet_name(host: &Host) -> String {
    format!("{}-sheet.png", stem(host))
}

fn attack_sheet_name(host: &Host) -> String {
    format!("{}-attack.png", stem(host))
}

/// The same of the attack, if there is one that the model can be read before and after.
fn save_attack_sheet(host: &mut Host) -> Option<()> {
    let attack = &host.session.attack;
    let outcome = attack.outcome.as_ref().filter(|_| !attack.stale && !host.questions.attack.is_pending())?.clone();
    let model = host.session.model.as_ref()?.joint.clone();
    if model.abilities().gradients.missing().is_some() {
        return None;
    }
    let clean = host.session.fitted.as_ref()?.content.picture().map(|v| v.clamp(0.0, 1.0));
    let settings = host.document.attack.clone();
    let title = host.document.entry().map(|e| e.name.clone()).unwrap_or_default();
    let theme = look(host);
    let name = attack_sheet_name(host);
    host.session.sheets.attack = Some(theme);
    save_as(host, &name, "Pictures", &["png"], move |path| {
        let attacked = Attacked::of(&*model, &clean, settings, (*outcome).clone())?;
        picture::save_image(path, &image::DynamicImage::ImageRgb8(attack_sheet(&attacked, &title, theme)), true)
    });
    Some(())
}

/// The same of the attack on the denoiser.
fn save_denoiser_sheet(host: &mut Host) -> Option<()> {
    let attack = &host.session.denoiser_attack;
    let request = host.questions.denoiser_attack.request()?.clone();
    let outcome = attack.outcome.as_ref().filter(|_| !attack.stale)?.clone();
    let noise = (!request.already_noisy).then_some(host.document.noise);
    let title = host.document.entry().map(|e| e.name.clone()).unwrap_or_default();
    let theme = look(host);
    let name = attack_sheet_name(host);
    host.session.sheets.attack = Some(theme);
    save_as(host, &name, "Pictures", &["png"], move |path| {
        let (clean, noise) = noise.map(|noise| (request.picture.picture(), noise)).unzip();
        let pictures = (request.noisy.picture(), clean, noise);
        let page = denoiser_attack_sheet(&outcome, &request.settings, &*request.model.0, pictures, (&title, theme));
        picture::save_image(path, &image::DynamicImage::ImageRgb8(page), true)
    });
    Some(())
}

/// Asks where to, then saves the study's numbers as the command line prints them.
fn save_data(host: &mut Host) {
    let Some(study) = study(host) else { return };
    let name = format!("{}.json", stem(host));
    let image = host.document.entry().map(|e| command_line::argument(e).unwrap_or_else(|| e.name.clone()));
    let image = image.unwrap_or_default();
    let fit = host.session.fitted.as_ref().map(|f| f.words.clone()).unwrap_or_default();
    let read = host.document.entry().map(|entry| entry.read.clone()).unwrap_or_default();
    let fit = if read.is_empty() { fit } else { format!("{read}; {fit}") };
    save_as(host, &name, "JSON", &["json"], move |path| {
        let elements = [report::Analysis::of(&study, Path::new(&image), &fit)];
        let text = serde_json::to_string_pretty(&elements)
            .map_err(|error| Error::Compute(format!("the data cannot be written: {error}")))?;
        write_whole(path, text.as_bytes(), true)
    });
}

/// Asks where to, then saves the session.
fn save_session(host: &mut Host) {
    match session_file::to_json(&host.document, &host.settings.model) {
        Ok(text) => {
            let name = format!("{}-session.json", stem(host));
            save_as(host, &name, "Sessions", &["json"], move |path| write_whole(path, text.as_bytes(), true));
        }
        Err(error) => host.say(Level::ERROR, error.to_string()),
    }
}

/// The tile as it looks, as the shader's twin draws it: whole pictures, without wipe and lines.
#[must_use]
pub fn tile_picture(tile: &TileContent) -> Picture {
    let shape = tile.content.picture().shape();
    let times = EXPORT_SIDE.div_ceil(shape.width.min(shape.height)).max(1);
    let [width, height] = [shape.width * times, shape.height * times];
    let size = [shape.width as f32, shape.height as f32];
    let params = Params {
        look: tile.look,
        viewport: View::default().viewport(size, size),
        screen: [width as f32, height as f32],
        wipe: -1.0,
        grid: 0.0,
        flipped: false,
        backdrop: [0.0; 3],
    };
    let operand = tile.operand.as_ref().map(Content::picture);
    let plane = Plane { content: tile.content.picture(), operand, reference: None };
    let bytes = picture_of(plane, &params);
    let mut values = Vec::with_capacity(bytes.len());
    for channel in 0..3 {
        values.extend(bytes.iter().skip(channel).step_by(3).map(|&byte| f32::from(byte) / 255.0));
    }
    Picture::new(Shape::new(3, height, width), values)
}

fn study(host: &mut Host) -> Option<std::sync::Arc<Study>> {
    let study = host.session.answer.study.clone();
    if study.is_none() || host.questions.study.is_pending() {
        host.say(Level::WARN, "The study is not complete yet; try again in a moment.");
        return None;
    }
    study
}

/// What files made from the current picture are called.
pub(super) fn stem(host: &Host) -> String {
    let name = host.document.entry().map_or("picture", |entry| entry.name.as_str());
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    stem.to_lowercase().replace(|c: char| !c.is_alphanumeric() && c != '-', "-")
}

fn no_folder() -> Error {
    Error::Compute("there is no folder of this program to keep the picture in; save it to a file first".to_owned())
}
