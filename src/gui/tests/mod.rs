//! Flows of a person through the real window, one module for each thing that people do with it. The model is the
//! bundled `digits`, the inference is real, and the work is done inline; `threads` has the real worker.

mod adversary;
mod beliefs;
mod denoiser_attack;
mod drawn;
mod evaluation;
mod explore;
mod keyboard;
mod kill;
mod labels;
mod menus;
mod models;
mod noise;
mod numbers;
mod out;
mod photo;
mod photo_fill;
mod pictures;
mod random;
mod restorations;
mod robustness;
mod scripts;
mod shell;
mod snapshots;
mod stage;
mod threads;
mod tiles;
mod tour;
mod training;
mod trials;
mod versus;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use eframe::egui::{self, Pos2, Rect, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::Options;
use super::app::{App, Threads};
use super::command::Command;
use super::state::model::{Model, ModelSource};
use crate::joint::JointModel;
use crate::picture::{Picture, Shape};

/// The window with a person's hands on it.
type Window = Harness<'static, App>;

/// A file that the pointer lets go of over the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

/// The window on its samples, everything computed.
fn window() -> Window {
    opened(Vec::new())
}

/// The window started with these files.
fn opened(paths: Vec<PathBuf>) -> Window {
    started(paths, "digits", Threads::Inline)
}

/// The window on the oracle, whose answers are exact and quick.
fn oracle() -> Window {
    started(Vec::new(), "oracle", Threads::Inline)
}

fn started(paths: Vec<PathBuf>, model: &str, threads: Threads) -> Window {
    let options =
        Options { paths, model: Some(model.to_owned()), device: Some("cpu".to_owned()), ..Options::default() };
    let mut window = Harness::builder()
        .with_size(vec2(1280.0, 800.0))
        .with_max_steps(30)
        .build_eframe(|cc| App::new(cc, options, threads));
    // Where certificates are looked at, few votes do.
    window.state_mut().host.document.smoothing.samples = 200;
    window.run_steps(4);
    window
}

/// Does a command and lets its answers come in.
fn run(window: &mut Window, command: impl Into<Command>) {
    window.state_mut().run(command);
    window.run_steps(3);
}

/// Puts a model under the window, as if it had been opened.
fn use_model(window: &mut Window, joint: impl JointModel + 'static) {
    let host = &mut window.state_mut().host;
    host.session.model = Some(Model::new(ModelSource::Oracle, Arc::new(joint), None));
    host.forget_answers();
    window.run_steps(4);
}

/// Clicks what has this label.
fn click(window: &mut Window, label: &str) {
    window.get_by_label(label).click();
    window.run_steps(4);
}

/// Drags the pointer in a few moves.
fn drag(window: &mut Window, from: Pos2, to: Pos2) {
    window.hover_at(from);
    window.drag_at(from);
    for part in [0.25, 0.5, 0.75, 1.0] {
        window.hover_at(from + (to - from) * part);
    }
    window.drop_at(to);
    window.run_steps(4);
}

/// What the window asked its platform to do while `act` was done.
fn asked(window: &mut Window, act: impl FnOnce(&mut Window)) -> Vec<egui::OutputCommand> {
    let heard: Arc<Mutex<Vec<egui::OutputCommand>>> = Arc::default();
    let ears = heard.clone();
    let listen = move |ui: &mut egui::Ui| ears.lock().unwrap().extend(ui.output(|output| output.commands.clone()));
    window.ctx.on_end_pass("ears", Arc::new(listen));
    act(window);
    window.run_steps(4);
    heard.lock().unwrap().drain(..).collect()
}

/// The words that the last frame painted: where, and whether some of them are cut.
fn painted(window: &Window) -> Vec<(String, Rect, bool)> {
    fn walk(shape: &egui::Shape, clip: Rect, found: &mut Vec<(String, Rect, bool)>) {
        match shape {
            egui::Shape::Vec(shapes) => shapes.iter().for_each(|shape| walk(shape, clip, found)),
            egui::Shape::Text(text) => {
                let rect = text.galley.rect.translate(text.pos.to_vec2());
                if clip.intersects(rect) {
                    found.push((text.galley.text().to_owned(), rect, text.galley.elided));
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    window.output().shapes.iter().for_each(|shape| walk(&shape.shape, shape.clip_rect, &mut found));
    found
}

/// Whether a notice says this.
fn said(window: &Window, words: &str) -> bool {
    window.state().session().notices.history().any(|notice| notice.text.contains(words))
}

/// A picture in a file: a wide one in colour, with something of a digit in its middle.
fn picture_file(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let shape = Shape::new(3, 60, 90);
    let mut picture = Picture::filled(shape, 0.05);
    for y in 12..48 {
        for x in 41..49 {
            for channel in 0..3 {
                picture.values_mut()[(channel * shape.height + y) * shape.width + x] = 0.9;
            }
        }
    }
    crate::picture::save(&path, &picture, true).unwrap();
    path
}
