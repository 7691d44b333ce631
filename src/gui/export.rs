//! Results out: tiles, the sheet, the data, the session, and the command line that gives the same.

use std::path::{Path, PathBuf};

use eframe::egui;
use tracing::Level;

use super::App;
use super::command_line::{self, Screen};
use super::document::TileKind;
use super::errand::wait_for;
use super::opening::Brought;
use super::sources;
use super::tiles::{Content, Params, Plane, View, picture_of};
use crate::files::write_whole;
use crate::picture::{self, Picture, Shape};
use crate::study::{Theme, report, sheet};
use crate::{Error, Result};

/// The shorter side that an exported tile has at least, so that small pictures are not lost on a page.
const EXPORT_SIDE: usize = 512;

impl App {
    /// Asks where to, then saves a tile as it looks.
    pub(super) fn save_tile(&mut self, kind: TileKind) {
        let Some(picture) = self.tile_picture(kind) else {
            self.session.toasts.say(Level::WARN, "There is nothing to save in that tile yet.");
            return;
        };
        let name = format!("{}-{}.png", self.stem(), kind.file_name(self.session.classes()));
        self.save_as(&name, "Pictures", &["png", "jpg", "webp", "bmp", "tiff"], move |path| {
            picture::save(path, &picture, true)
        });
    }

    /// Puts a tile on the clipboard as it looks.
    pub(super) fn copy_tile(&mut self, ctx: &egui::Context, kind: TileKind) {
        let Some(picture) = self.tile_picture(kind) else {
            self.session.toasts.say(Level::WARN, "There is nothing to copy in that tile yet.");
            return;
        };
        let size = [picture.shape().width, picture.shape().height];
        ctx.copy_image(egui::ColorImage::from_rgba_unmultiplied(size, &picture::to_rgba8(&picture)));
        let name = kind.label(self.session.classes());
        self.session.toasts.say(Level::INFO, format!("Copied: {name}"));
    }

    /// Asks where to, then saves the sheet of the study: the command line's own.
    pub(super) fn save_sheet(&mut self) {
        let Some(study) = self.study() else { return };
        let title = self.document.entry().map(|e| e.name.clone()).unwrap_or_default();
        let theme = if self.settings.dark { Theme::Dark } else { Theme::Light };
        let name = format!("{}-sheet.png", self.stem());
        self.save_as(&name, "Pictures", &["png"], move |path| {
            let page = image::DynamicImage::ImageRgb8(sheet(&study, &title, theme));
            picture::save_image(path, &page, true)
        });
    }

    /// Asks where to, then saves the study's numbers as the command line prints them.
    pub(super) fn save_data(&mut self) {
        let Some(study) = self.study() else { return };
        let name = format!("{}.json", self.stem());
        let image = self
            .document
            .entry()
            .map(|e| command_line::argument(e).unwrap_or_else(|| e.name.clone()))
            .unwrap_or_default();
        let fit = self.session.fitted.as_ref().map(|f| f.words.clone()).unwrap_or_default();
        self.save_as(&name, "JSON", &["json"], move |path| {
            let elements = [report::Analysis::of(&study, Path::new(&image), &fit)];
            let text = serde_json::to_string_pretty(&elements)
                .map_err(|error| Error::Compute(format!("the data cannot be written: {error}")))?;
            write_whole(path, text.as_bytes(), true)
        });
    }

    /// Asks where to, then saves the session.
    pub(super) fn save_session(&mut self) {
        match super::session_file::to_json(&self.document, &self.settings.model) {
            Ok(text) => {
                let name = format!("{}-session.json", self.stem());
                self.save_as(&name, "Sessions", &["json"], move |path| write_whole(path, text.as_bytes(), true));
            }
            Err(error) => self.session.toasts.say(Level::ERROR, error.to_string()),
        }
    }

    /// Puts the command line that gives what is on screen on the clipboard.
    pub(super) fn copy_command(&mut self, ctx: &egui::Context) {
        let Some(entry) = self.document.entry().cloned() else {
            self.session.toasts.say(Level::WARN, "Nothing is open.");
            return;
        };
        let screen = Screen {
            fit: entry.fit,
            noise: self.document.noise,
            already_noisy: self.document.already_noisy,
            model: self.settings.model.clone(),
            device: self.settings.device.clone(),
            attack: self.session.adversary_visible.then(|| self.document.attack.clone()),
            certificate: self.session.certifying.visible.then_some(self.document.smoothing),
            classes: self.session.classes().to_vec(),
        };
        if let Some(image) = command_line::argument(&entry) {
            self.give_command(ctx, screen.lines(&image));
            return;
        }
        // A drawing is in no file yet: it is kept in one, so that the command has something to read.
        let folder = self.session.kept_pictures.clone();
        let job = move || {
            let kept = folder.ok_or_else(no_folder).and_then(|folder| command_line::keep(&entry, &folder));
            match kept {
                Ok(path) => Brought::Command(screen.lines(&path.display().to_string())),
                Err(error) => Brought::Failed(error.to_string()),
            }
        };
        self.errands.send(job, Brought::Failed);
    }

    /// Puts a command line on the clipboard, or says why there is none.
    pub(super) fn give_command(&mut self, ctx: &egui::Context, lines: Result<String, String>) {
        match lines {
            Ok(lines) => {
                self.session.toasts.say(Level::INFO, format!("Copied: {lines}"));
                ctx.copy_text(lines);
            }
            Err(words) => self.session.toasts.say(Level::WARN, words),
        }
    }

    /// A tile as it looks, as the shader's twin draws it: whole pictures, without wipe and lines.
    #[must_use]
    pub fn tile_picture(&self, kind: TileKind) -> Option<Picture> {
        let source = sources::source(kind, &self.document, &self.session)?;
        let shape = source.content.picture().shape();
        let times = EXPORT_SIDE.div_ceil(shape.width.min(shape.height)).max(1);
        let [width, height] = [shape.width * times, shape.height * times];
        let size = [shape.width as f32, shape.height as f32];
        let params = Params {
            look: source.look,
            viewport: View::default().viewport(size, size),
            screen: [width as f32, height as f32],
            wipe: -1.0,
            grid: 0.0,
            flipped: false,
            backdrop: [0.0; 3],
        };
        let operand = source.operand.as_ref().map(Content::picture);
        let plane = Plane { content: source.content.picture(), operand, reference: None };
        let bytes = picture_of(plane, &params);
        let mut values = Vec::with_capacity(bytes.len());
        for channel in 0..3 {
            values.extend(bytes.iter().skip(channel).step_by(3).map(|&byte| f32::from(byte) / 255.0));
        }
        Some(Picture::new(Shape::new(3, height, width), values))
    }

    fn study(&mut self) -> Option<std::sync::Arc<crate::study::Study>> {
        let study = self.session.answer.study.clone();
        if study.is_none() || self.session.study_asked.is_pending() {
            self.session.toasts.say(Level::WARN, "The study is not complete yet; try again in a moment.");
            return None;
        }
        study
    }

    /// What files made from the current picture are called.
    fn stem(&self) -> String {
        let name = self.document.entry().map_or("picture", |entry| entry.name.as_str());
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
        stem.to_lowercase().replace(|c: char| !c.is_alphanumeric() && c != '-', "-")
    }

    /// Asks where to, and writes there on an errand. The dialog has asked about overwriting.
    pub(super) fn save_as(
        &mut self,
        name: &str,
        kind: &str,
        endings: &[&str],
        write: impl FnOnce(&Path) -> Result<()> + Send + 'static,
    ) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Save").set_file_name(name).add_filter(kind, endings);
        let picked = dialog.save_file();
        let ending = endings[0].to_owned();
        let job = move || {
            let Some(file) = wait_for(picked) else { return Brought::Nothing };
            let mut path = PathBuf::from(file.path());
            if path.extension().is_none() {
                path.set_extension(ending);
            }
            match write(&path) {
                Ok(()) => Brought::Done(format!("Saved {}", path.display())),
                Err(error) => Brought::Failed(error.to_string()),
            }
        };
        self.errands.send(job, Brought::Failed);
    }
}

fn no_folder() -> Error {
    Error::Compute("there is no folder of this program to keep the picture in; save it to a file first".to_owned())
}
