//! What comes and goes: results, zoom, what is under the pointer, which sheet is open. Neither saved nor undone.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui;

use super::certifying::Certifying;
use super::compute::{AttackRequest, CurveRequest, FitRequest, Fitted, ProbeRequest, PurifyRequest, StudyRequest};
use super::document::{Entry, TileKind};
use super::evaluation::Evaluating;
use super::models::Model;
use super::tiles::{Content, Look, View};
use super::toasts::Toasts;
use super::training::Training;
use crate::attack;
use crate::study::{self, Fidelity, Stage, Study, Sweep};

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
    /// The notices so far.
    Notices,
}

/// A computation's place: what was asked last, under which generation, and whether the answer is in.
#[derive(Debug)]
pub struct Asked<R> {
    request: Option<R>,
    generation: u64,
    /// The oldest generation whose answers still mean something.
    oldest: u64,
    since: Option<Instant>,
}

impl<R> Default for Asked<R> {
    fn default() -> Self {
        Self { request: None, generation: 0, oldest: 0, since: None }
    }
}

impl<R: PartialEq> Asked<R> {
    /// Whether `request` is not what was asked last.
    #[must_use]
    pub fn differs(&self, request: &R) -> bool {
        self.request.as_ref() != Some(request)
    }

    /// Notes a new question. Answers to earlier ones mean nothing any more.
    pub fn ask(&mut self, request: R, generation: u64) {
        *self = Self { request: Some(request), generation, oldest: generation, since: Some(Instant::now()) };
    }

    /// Notes a new question that is near enough the last one for its answer to be worth showing meanwhile.
    pub fn ask_after(&mut self, request: R, generation: u64) {
        let since = self.since.or_else(|| Some(Instant::now()));
        *self = Self { request: Some(request), generation, oldest: self.oldest, since };
    }

    /// Whether a report belongs to the last question.
    #[must_use]
    pub fn is(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// Whether a report is worth showing.
    #[must_use]
    pub fn accepts(&self, generation: u64) -> bool {
        self.request.is_some() && (self.oldest..=self.generation).contains(&generation)
    }

    /// What was asked last.
    #[must_use]
    pub fn request(&self) -> Option<&R> {
        self.request.as_ref()
    }

    /// Notes that the answer is in, or will not come.
    pub fn settle(&mut self) {
        self.since = None;
    }

    /// Whether the answer is still to come.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.since.is_some()
    }

    /// How long the answer has been awaited.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Forgets what was asked.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// A denoised picture of one class.
#[derive(Debug, Clone)]
pub struct ClassTile {
    /// The class.
    pub class: usize,
    /// `D_c`
    pub content: Content,
    /// How near it is to the clean picture, where that is known.
    pub fidelity: Option<Fidelity>,
    /// It belongs to an earlier question.
    pub stale: bool,
}

/// The denoised picture of all classes that have no [`ClassTile`].
#[derive(Debug, Clone)]
pub struct Rest {
    /// How many they are.
    pub classes: usize,
    /// The sum of their probabilities.
    pub probability: f64,
    /// `E[x | y, c one of them]`
    pub content: Content,
    /// How near it is to the clean picture, where that is known.
    pub fidelity: Option<Fidelity>,
}

/// A picture, and how near it is to the clean one.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The picture.
    pub content: Content,
    /// How near it is.
    pub fidelity: Fidelity,
}

/// A value that may belong to an earlier question.
#[derive(Debug, Clone)]
pub struct Fresh<T> {
    /// The value.
    pub value: T,
    /// It belongs to an earlier question.
    pub stale: bool,
}

/// What the model said about the noisy picture, as far as it did.
#[derive(Debug, Default)]
pub struct Answer {
    /// y
    pub noisy: Option<Content>,
    /// How near y is to x.
    pub noisy_fidelity: Option<Fidelity>,
    /// p(c | y)
    pub posterior: Option<Fresh<Vec<f64>>>,
    /// log p(y)
    pub log_density: f64,
    /// D(y)
    pub denoised: Option<Fresh<Content>>,
    /// How near D(y) is to x.
    pub denoised_fidelity: Option<Fidelity>,
    /// `D_c` of the classes asked for.
    pub classes: Vec<ClassTile>,
    /// All the other classes as one, where there are some.
    pub rest: Option<Fresh<Rest>>,
    /// The whole study, once it is there.
    pub study: Option<Arc<Study>>,
}

impl Answer {
    /// A new question is on its way: what is here is old.
    pub fn grow_stale(&mut self) {
        self.posterior.iter_mut().for_each(|p| p.stale = true);
        self.denoised.iter_mut().for_each(|d| d.stale = true);
        self.classes.iter_mut().for_each(|c| c.stale = true);
        self.rest.iter_mut().for_each(|r| r.stale = true);
    }

    /// Takes in a stage, of the last question or of an earlier one.
    pub fn take(&mut self, stage: Stage, stale: bool) {
        match stage {
            // The window drew the noisy picture itself, in the frame of the question.
            Stage::Noisy { noisy, fidelity, .. } => {
                if self.noisy.is_none() {
                    self.noisy = Some(noisy.into());
                    self.noisy_fidelity = fidelity;
                }
            }
            Stage::Posterior { posterior, log_density } => {
                self.posterior = Some(Fresh { value: posterior, stale });
                self.log_density = log_density;
            }
            Stage::Denoised { denoised, fidelity } => {
                self.denoised = Some(Fresh { value: denoised.into(), stale });
                self.denoised_fidelity = fidelity;
            }
            Stage::Conditionals(part) => {
                for conditional in part {
                    let tile = ClassTile {
                        class: conditional.class,
                        content: conditional.picture.into(),
                        fidelity: conditional.fidelity,
                        stale,
                    };
                    match self.classes.iter_mut().find(|known| known.class == tile.class) {
                        Some(known) => *known = tile,
                        None => self.classes.push(tile),
                    }
                }
            }
            Stage::Rest(rest) => {
                let study::Rest { classes, probability, picture, fidelity } = rest;
                let value = Rest { classes, probability, content: picture.into(), fidelity };
                self.rest = Some(Fresh { value, stale });
            }
            Stage::Native(_) => {}
        }
    }

    /// The study is complete: classes that it does not have were not asked for.
    pub fn complete(&mut self, study: Study) {
        self.classes.retain(|tile| study.conditionals.iter().any(|c| c.class == tile.class));
        self.rest = self.rest.take().filter(|_| study.rest.is_some());
        self.study = Some(Arc::new(study));
    }

    /// The class's denoised picture.
    #[must_use]
    pub fn class(&self, class: usize) -> Option<&ClassTile> {
        self.classes.iter().find(|tile| tile.class == class)
    }

    /// Whether the posterior's most probable class, and which.
    #[must_use]
    pub fn top(&self) -> Option<usize> {
        let posterior = &self.posterior.as_ref()?.value;
        crate::study::ranked(posterior).first().copied()
    }
}

/// One step of the attack, on the timeline.
#[derive(Debug, Clone)]
pub struct TimelineStep {
    /// The picture.
    pub attacked: Content,
    /// The loss that the attack raises.
    pub loss: f64,
    /// p(c | attacked)
    pub posterior: Vec<f64>,
}

/// What the attack did.
#[derive(Debug, Default)]
pub struct Attack {
    /// Its steps so far.
    pub steps: Vec<TimelineStep>,
    /// Its result, once it is there.
    pub outcome: Option<Arc<attack::Outcome>>,
    /// The result as the last point of the timeline.
    pub result: Option<TimelineStep>,
    /// The steps belong to an earlier question and go with the first new one.
    pub stale: bool,
    /// The step that is looked at; none for the result.
    pub at: Option<usize>,
    /// How near the step that is looked at is to the clean picture.
    pub fidelity: Option<Fidelity>,
    /// D at that step.
    pub denoised: Option<Measured>,
    /// The gradient that the attack follows there.
    pub gradient: Option<Content>,
    /// What became of the result under noise.
    pub purified: Option<Arc<Study>>,
    /// The result with noise, and denoised again.
    pub purified_tiles: Option<[Measured; 2]>,
}

impl Attack {
    /// How many points the timeline has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len() + usize::from(self.result.is_some())
    }

    /// The point that is looked at.
    #[must_use]
    pub fn shown(&self) -> Option<&TimelineStep> {
        match self.at {
            Some(step) if step < self.steps.len() => self.steps.get(step),
            _ => self.result.as_ref().or(self.steps.last()),
        }
    }

    /// The number of the point that is looked at.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at.unwrap_or(usize::MAX).min(self.len().saturating_sub(1))
    }
}

/// Everything that comes and goes.
#[allow(clippy::struct_excessive_bools)] // Each is a switch of its own.
#[derive(Default)]
pub struct Session {
    /// The model, once it is there.
    pub model: Option<Model>,
    /// A model is being read.
    pub model_loading: bool,
    /// Why there is no model.
    pub model_error: Option<String>,
    /// The fitted picture.
    pub fitted: Option<Fitted>,
    /// Fitting, as asked.
    pub fit_asked: Asked<FitRequest>,
    /// The study, as asked.
    pub study_asked: Asked<StudyRequest>,
    /// What came of it.
    pub answer: Answer,
    /// When the study was asked for, and how long its last answer took, in milliseconds.
    pub study_clock: (Option<Instant>, Option<f64>),
    /// The curve over σ, as asked.
    pub curve_asked: Asked<CurveRequest>,
    /// What there is of it.
    pub curve: Sweep,
    /// The attack, as asked.
    pub attack_asked: Asked<AttackRequest>,
    /// What came of it.
    pub attack: Attack,
    /// The same attack's outcome under each defence that was tried.
    pub defended: Vec<(attack::Defence, Arc<attack::Outcome>)>,
    /// The preset that was chosen last.
    pub preset: Option<&'static attack::Preset>,
    /// The certificate.
    pub certifying: Certifying,
    /// The evaluation on a data set.
    pub evaluation: Evaluating,
    /// The training run.
    pub training: Training,
    /// D and gradient of a step, as asked.
    pub probe_asked: Asked<ProbeRequest>,
    /// Purification, as asked.
    pub purify_asked: Asked<PurifyRequest>,
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
    /// The sheet over the window.
    pub overlay: Option<Overlay>,
    /// Notices.
    pub toasts: Toasts,
    /// The frame's number.
    pub frame: u64,
    /// The pen takes ink away.
    pub eraser: bool,
    /// The search among many classes.
    pub class_query: String,
    /// The adversary pane was visible in the last frame.
    pub adversary_visible: bool,
    /// The curve or the σ ribbon was visible in the last frame.
    pub curve_visible: bool,
    /// Where pictures are kept that a command is to read and that are in no file.
    pub kept_pictures: Option<PathBuf>,
    /// Errands are out.
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

    /// A small picture as a texture of egui's.
    pub fn thumbnail(&mut self, ctx: &egui::Context, content: &Content) -> egui::TextureId {
        let texture = self.thumbnails.entry(content.id()).or_insert_with(|| {
            ctx.load_texture("thumbnail", super::shell::colour_image(content), egui::TextureOptions::LINEAR)
        });
        texture.id()
    }

    /// A small picture as a texture whose pixels stay square.
    pub fn sharp_texture(&mut self, ctx: &egui::Context, content: &Content) -> egui::TextureId {
        let texture = self.thumbnails.entry(content.id()).or_insert_with(|| {
            ctx.load_texture("drawing", super::shell::colour_image(content), egui::TextureOptions::NEAREST)
        });
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

    /// The class names of the model.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        self.model.as_ref().map_or(&[], |model| model.joint.classes())
    }
}
