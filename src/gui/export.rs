//! Results out: tiles, the sheet, the data, the session, and the command line that gives the same.

use std::path::{Path, PathBuf};

use eframe::egui;
use tracing::Level;

use super::App;
use super::document::{Document, Entry, Source, TileKind};
use super::errand::wait_for;
use super::models::ModelSource;
use super::opening::Brought;
use super::sources;
use super::tiles::{Content, Params, Plane, View, picture_of};
use crate::files::write_whole;
use crate::picture::{self, Fit, Picture, Shape};
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
        let image = self.document.entry().map(|e| argument(e).unwrap_or_else(|| e.name.clone())).unwrap_or_default();
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
        match command_line(&self.document, &self.settings.model) {
            Ok(line) => {
                self.session.toasts.say(Level::INFO, format!("Copied: {line}"));
                ctx.copy_text(line);
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

/// The path of a picture that has one.
fn argument(entry: &Entry) -> Option<String> {
    match &entry.source {
        Source::File { path, .. } => Some(path.display().to_string()),
        _ => None,
    }
}

/// The command line that gives the study on screen.
///
/// # Errors
/// Words for the person, where no command line can: a drawing is no file.
pub fn command_line(document: &Document, model: &ModelSource) -> Result<String, String> {
    let entry = document.entry().ok_or("Nothing is open.")?;
    let path = argument(entry).ok_or("Save this picture to a file first: the command line reads files.")?;
    if *model == ModelSource::Oracle {
        return Err("The oracle lives in the window only; choose another model.".to_owned());
    }
    let mut words = vec!["denoscope".to_owned(), "analyze".to_owned(), quoted(&path)];
    words.extend(["--model".to_owned(), quoted(&model.argument())]);
    words.extend(["--sigma".to_owned(), sigma_argument(document.noise.sigma)]);
    if document.already_noisy {
        words.push("--already-noisy".to_owned());
    } else {
        words.extend(["--seed".to_owned(), document.noise.seed.to_string()]);
        if document.noise.kind != picture::NoiseKind::Gaussian {
            words.extend(["--noise".to_owned(), document.noise.kind.to_string()]);
        }
    }
    match entry.fit {
        Fit::Centre => {}
        Fit::Whole => words.extend(["--fit".to_owned(), "whole".to_owned()]),
        Fit::Crop(_) => {
            return Err(
                "The command line has no crop: choose the centre or the whole picture, or save the session.".to_owned()
            );
        }
    }
    Ok(words.join(" "))
}

/// σ as people write it if that is the same number, else every digit of it.
fn sigma_argument(sigma: f32) -> String {
    let of_255 = f64::from(sigma) * 255.0;
    let nearest = of_255.round();
    if (nearest / 255.0) as f32 == sigma { format!("{nearest}/255") } else { sigma.to_string() }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-:+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigma_is_written_without_loss() {
        assert_eq!(sigma_argument((25.0_f64 / 255.0) as f32), "25/255");
        assert_eq!(sigma_argument(0.123_456_7).parse::<f32>().unwrap().to_bits(), 0.123_456_7_f32.to_bits());
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("a/b.png"), "a/b.png");
        assert_eq!(quoted("it's here.png"), r"'it'\''s here.png'");
    }
}
