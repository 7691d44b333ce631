//! What comes and goes: results, zoom, what is under the pointer, which sheet is open. Neither saved nor undone.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use eframe::egui;

use super::answers::{Answer, AttackAnswer, DenoiserAttackAnswer, Fitted};
use super::counting::CertificateAnswer;
use super::document::{Aim, Entry, TileKind};
use super::explore::{Explore, Mode};
use super::model::{Model, ModelSource};
use super::notices::Notices;
use super::pane::Pane;
use super::photo::Photo;
use super::tour::Tour;
use super::track::Track;
use super::trials::Trials;
use super::versus::Versus;
use crate::attack;
use crate::gui::gpu::{Content, Look, View};
use crate::network::DeviceReport;
use crate::study::{Sweep, Theme};

/// Pictures up to this side go to egui as they are; making a texture of a larger one would hold up a frame.
const LARGEST_TEXTURE: usize = 1024;

/// A sheet over the window.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// Search all commands.
    Palette {
        /// What was typed.
        query: String,
        /// Which of the found commands Enter runs.
        selected: usize,
    },
    /// What is what, and every key.
    Help,
    /// What the words mean.
    Words,
    /// What `docs/lab.md` says of a mode of the pane Explore.
    Formula(Mode),
    /// The notices so far.
    Notices,
    /// The sheet to draw on, large.
    Pad,
    /// Where to save, where no dialog opens.
    Path {
        /// What was typed.
        text: String,
        /// A file is there: it is replaced only if the person says so.
        taken: bool,
    },
}

/// What plays by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Play {
    /// The noise level, up to the most.
    Sigma,
    /// The steps of the attack; seconds that the present one was looked at.
    Steps(f32),
}

/// How the sheets look that were saved last, if any were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sheets {
    /// Of a study.
    pub study: Option<Theme>,
    /// Of an attack.
    pub attack: Option<Theme>,
}

/// What a person is offered at the start: to go on, and what was opened lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// What was open in the last window, in words.
    pub last: Option<String>,
}

/// Everything that comes and goes.
#[allow(clippy::struct_excessive_bools)] // Each is a switch of its own.
#[derive(Default)]
pub struct Session {
    /// The model, once it is there.
    pub model: Option<Model>,
    /// A model is being read.
    pub model_loading: bool,
    /// The window was opened without a picture: the first model shows a scene worth looking at.
    pub first_scene: bool,
    /// What is offered at the start, until it is taken or declined.
    pub welcome: Option<Welcome>,
    /// What was open in the last window, in words, if it is kept.
    pub left_open: Option<String>,
    /// The tour, while it goes on.
    pub tour: Option<Tour>,
    /// What plays by itself.
    pub play: Option<Play>,
    /// The window is a presentation.
    pub presenting: bool,
    /// The tiles of the presentation; without any, the noisy and the restored picture.
    pub chosen_tiles: Vec<TileKind>,
    /// The sheets that were saved.
    pub sheets: Sheets,
    /// What the window was to open with and could not, until it is read.
    pub trouble: Option<String>,
    /// Why there is no model.
    pub model_error: Option<String>,
    /// The model by which the devices were measured, and what was found.
    pub devices: Option<(ModelSource, Vec<DeviceReport>)>,
    /// The devices are being measured.
    pub measuring: bool,
    /// A script that waits for a person to have it run, and why.
    pub offered: Option<(ModelSource, String)>,
    /// That the model's script is gone was said.
    pub script_is_over: bool,
    /// The fitted picture.
    pub fitted: Option<Fitted>,
    /// What came of the study.
    pub answer: Answer,
    /// When the study was asked for, and how long its last answer took, in milliseconds.
    pub study_clock: (Option<Instant>, Option<f64>),
    /// What there is of the curve over σ.
    pub curve: Sweep,
    /// What came of the attack.
    pub attack: AttackAnswer,
    /// What came of the attack on the denoiser.
    pub denoiser_attack: DenoiserAttackAnswer,
    /// How many steps of the attack were made, of about how many.
    pub attack_progress: Option<(usize, usize)>,
    /// The same attack's outcome under each defence that was tried.
    pub defended: Vec<(attack::Defence, Arc<attack::Outcome>)>,
    /// The preset that was chosen last.
    pub preset: Option<&'static attack::Preset>,
    /// Several attacks, and what came of them.
    pub trials: Trials,
    /// The certificate.
    pub certificate: CertificateAnswer,
    /// What is explored, and what came of it.
    pub explore: Explore,
    /// A second model, and what came of it.
    pub versus: Versus,
    /// The photograph at its own size.
    pub photo: Photo,
    /// Looks that differ from a tile's own.
    pub looks: HashMap<TileKind, Look>,
    /// Zoom and pan of all tiles.
    pub view: View,
    /// Where the wipe stands, as a part of the picture's width.
    pub wipe: Option<f32>,
    /// The picture point under the pointer, as parts of width and height; from the last frame, for all tiles of this.
    pub hover: Option<[f32; 2]>,
    /// The same, found in this frame.
    pub hover_next: Option<[f32; 2]>,
    /// The key that flips to the reference is down.
    pub flip: bool,
    /// The tile under the pointer, for keys that mean a tile.
    pub tile_hovered: Option<TileKind>,
    /// The word of the glossary that its sheet is to show.
    pub word: Option<String>,
    /// The sheet over the window.
    pub overlay: Option<Overlay>,
    /// What a person should have read.
    pub notices: Notices,
    /// The frame's number.
    pub frame: u64,
    /// The pen takes ink away.
    pub eraser: bool,
    /// The search among many classes.
    pub class_query: String,
    /// Where an evaluation is kept until it ends.
    pub kept_evaluation: Option<PathBuf>,
    /// Where pictures are kept that a command is to read and that are in no file.
    pub kept_pictures: Option<PathBuf>,
    /// The panes that were visible in the last frame.
    pub visible: Vec<Pane>,
    /// The pane that stands in the place of all.
    pub enlarged: Option<Pane>,
    /// The pane that the pointer was in last.
    pub pane_hovered: Option<Pane>,
    /// Work in the background goes on.
    pub busy: bool,
    /// The thumbnail that was brought into sight last.
    pub scrolled_to: Option<usize>,
    /// Thumbnails as egui's textures, by content.
    thumbnails: HashMap<u64, egui::TextureHandle>,
}

impl Session {
    /// How a tile looks now.
    #[must_use]
    pub fn look(&self, kind: TileKind) -> Look {
        self.looks.get(&kind.family()).copied().unwrap_or_else(|| kind.look())
    }

    /// The steps of the attack on the class, or of that on the denoiser.
    #[must_use]
    pub fn track(&self, aim: Aim) -> &Track {
        match aim {
            Aim::Class => &self.attack.track,
            Aim::Denoiser => &self.denoiser_attack.track,
        }
    }

    /// The same, to go through.
    pub fn track_mut(&mut self, aim: Aim) -> &mut Track {
        match aim {
            Aim::Class => &mut self.attack.track,
            Aim::Denoiser => &mut self.denoiser_attack.track,
        }
    }

    /// The tiles that a presentation shows.
    #[must_use]
    pub fn presented(&self) -> Vec<TileKind> {
        if self.chosen_tiles.is_empty() { vec![TileKind::Noisy, TileKind::Denoised] } else { self.chosen_tiles.clone() }
    }

    /// A small picture as a texture of egui's.
    pub fn thumbnail(&mut self, ctx: &egui::Context, content: &Content) -> egui::TextureId {
        let texture = self
            .thumbnails
            .entry(content.id())
            .or_insert_with(|| ctx.load_texture("thumbnail", content.colour_image(), egui::TextureOptions::LINEAR));
        texture.id()
    }

    /// A small picture as a texture whose pixels stay square.
    pub fn sharp_texture(&mut self, ctx: &egui::Context, content: &Content) -> egui::TextureId {
        let texture = self
            .thumbnails
            .entry(content.id())
            .or_insert_with(|| ctx.load_texture("drawing", content.colour_image(), egui::TextureOptions::NEAREST));
        texture.id()
    }

    /// An open picture as a texture: itself, or its thumbnail if it is too large for that.
    pub fn original_texture(&mut self, ctx: &egui::Context, entry: &Entry) -> egui::TextureId {
        let shape = entry.original.picture().shape();
        let small = shape.width.max(shape.height) <= LARGEST_TEXTURE;
        self.thumbnail(ctx, if small { &entry.original } else { &entry.thumbnail })
    }

    /// Lets go of the textures of pictures that are no longer open.
    pub fn keep_thumbnails(&mut self, open: &HashSet<u64>) {
        self.thumbnails.retain(|id, _| open.contains(id));
    }

    /// Whether a pane was visible in the last frame.
    #[must_use]
    pub fn shows(&self, pane: &Pane) -> bool {
        self.visible.contains(pane)
    }

    /// Why the model gives no gradients, if it gives none.
    #[must_use]
    pub fn blind(&self) -> Option<String> {
        self.model.as_ref()?.joint.abilities().gradients.missing().map(str::to_owned)
    }

    /// The class names of the model.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        self.model.as_ref().map_or(&[], |model| model.joint.classes())
    }
}
