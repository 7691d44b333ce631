//! A monkey at the real window: commands, keys, drags, wheels, sizes, dropped files and typed text at random, with the work
//! done at once. Nothing panics, and no document is lost: what was changed is taken back and made again.
//!
//! `DENOSCOPE_WINDOW_EVENTS` says how many events, `DENOSCOPE_WINDOW_SEED` which.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::{
    self, Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, TouchPhase, Vec2, pos2, vec2,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::{Dropped, Window, oracle, picture_file, use_model};
use crate::attack::{Defence, DenoiserSettings, Method, Norm, Objective, Settings, Smoothing, Target};
use crate::gui::command::{
    AttackCommand, CertifyCommand, Command, FillCommand, ModelCommand, NoiseCommand, PhotoCommand, PictureCommand,
    TileCommand, TrialsCommand, VersusCommand, WindowCommand,
};
use crate::gui::feature::session_file;
use crate::gui::gpu::{Channel, Compare, Look, Mode};
use crate::gui::state::document::{Aim, Document, Reading, TileKind};
use crate::gui::state::evaluation_form::EvaluationForm;
use crate::gui::state::hole::{Piece, Tool};
use crate::gui::state::model::ModelSource;
use crate::gui::state::training_form::TrainingForm;
use crate::gui::view::catalogue::catalogue;
use crate::gui::view::panes::TABLE;
use crate::joint::GaussianMixture;
use crate::picture::{Fit, NoiseKind, Rect, Shape};

struct Monkey {
    random: ChaCha8Rng,
    size: Vec2,
    pointer: Pos2,
    down: bool,
    files: Vec<PathBuf>,
}

impl Monkey {
    fn below(&mut self, count: usize) -> usize {
        (self.random.next_u64() % count.max(1) as u64) as usize
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn share(&mut self) -> f32 {
        self.random.next_u32() as f32 / u32::MAX as f32
    }

    /// Mostly what a person would take, sometimes what nobody would.
    fn number(&mut self) -> f32 {
        match self.below(12) {
            0 => self.of(&[0.0, -0.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-30, 1e30]),
            1 => 100.0 * self.share(),
            _ => self.share(),
        }
    }

    fn point(&mut self) -> Pos2 {
        pos2(self.share() * self.size.x, self.share() * self.size.y)
    }

    fn tile(&mut self) -> TileKind {
        let class = self.below(5);
        self.of(&[
            TileKind::Clean,
            TileKind::Noisy,
            TileKind::Denoised,
            TileKind::Residual,
            TileKind::Error,
            TileKind::Class(class),
            TileKind::Rest,
            TileKind::Attacked,
            TileKind::Perturbation,
            TileKind::AttackedDenoised,
            TileKind::AttackGradient,
            TileKind::PurifyNoisy,
            TileKind::Purified,
            TileKind::NoisyPerturbation,
            TileKind::RestoredChange,
            TileKind::DoubtTotal,
            TileKind::Walked,
            TileKind::Filter,
            TileKind::EvidenceMap,
            TileKind::Trial(class),
            TileKind::TrialChange(class),
        ])
    }

    fn command(&mut self) -> Command {
        match self.below(22) {
            0 => NoiseCommand::SetSigma(self.number()).into(),
            1 => NoiseCommand::ScaleSigma(self.number()).into(),
            2 => NoiseCommand::SetKind(self.of(&NoiseKind::ALL)).into(),
            3 => NoiseCommand::SetSeed(self.random.next_u64()).into(),
            4 => PictureCommand::Select(self.below(14)).into(),
            5 => {
                let crop = Rect { x: self.number(), y: self.number(), width: self.number(), height: self.number() };
                let crop = Rect { x: 40.0 * crop.x, y: 40.0 * crop.y, width: 40.0 * crop.width, ..crop };
                PictureCommand::SetFit(self.of(&[Fit::Centre, Fit::Whole, Fit::Crop(crop)])).into()
            }
            6 | 7 => {
                let [from, to] = [0; 2].map(|_| [40.0 * self.number(), 40.0 * self.number()]);
                PictureCommand::Draw { from, to, erase: self.below(3) == 0 }.into()
            }
            8 => match self.below(3) {
                0 => AttackCommand::Aim(self.of(&[Aim::Class, Aim::Denoiser])).into(),
                1 => AttackCommand::SetDenoiser(self.denoiser_attack()).into(),
                _ => AttackCommand::Set(Box::new(self.attack())).into(),
            },
            9 => {
                let samples = self.of(&[1, 50, 200, u64::MAX]);
                let alpha = f64::from(self.number());
                CertifyCommand::Set(Smoothing { samples, alpha, ..Smoothing::new(self.number()) }).into()
            }
            10 => {
                let look = Look {
                    mode: self.of(&Mode::ALL),
                    compare: self.of(&Compare::ALL),
                    channel: self.of(&Channel::ALL),
                    gain: self.number(),
                    offset: self.number(),
                };
                TileCommand::SetLook(self.tile(), look).into()
            }
            11 => TileCommand::SetReference(self.tile()).into(),
            12 => TileCommand::SetReading(self.of(&Reading::ALL)).into(),
            13 => TileCommand::TogglePin(self.below(5)).into(),
            14 => TileCommand::Zoom(4.0 * self.number()).into(),
            15 => WindowCommand::Show(self.of(&TABLE).pane.clone()).into(),
            16 => WindowCommand::ScaleInterface(2.0 * self.number()).into(),
            18 => {
                let method = self.of(&[Method::Fgsm, Method::GaussianNoise]);
                self.of(&[TrialsCommand::Toggle(method), TrialsCommand::Cancel, TrialsCommand::Take(0)]).into()
            }
            19 => {
                let [from, to] = [0; 2].map(|_| [80.0 * self.number(), 80.0 * self.number()]);
                let tool = self.of(&[Tool::Brush, Tool::Box]);
                let piece = Piece { tool, from, to, radius: 10.0 * self.number(), is_hole: self.below(4) > 0 };
                PhotoCommand::Fill(FillCommand::Paint { piece, begins: self.below(3) == 0 }).into()
            }
            17 => PictureCommand::OpenPaths(vec![self.of(&self.files.clone())]).into(),
            _ => self.of(catalogue().entries()).command,
        }
    }

    fn attack(&mut self) -> Settings {
        // Attacks of thousands of steps are not waited for.
        let quick = |m: &Method| !matches!(m, Method::Autoattack | Method::Square | Method::CarliniWagner);
        let methods: Vec<Method> = Method::ALL.into_iter().filter(quick).collect();
        let mut settings = Settings::new(self.of(&methods), self.number());
        settings.epsilon = f64::from(self.number());
        settings.seed = self.random.next_u64();
        settings.target =
            self.of(&[Target::None, Target::Random, Target::LeastLikely, Target::Class(1), Target::Class(9)]);
        settings.defence = self.of(&[Defence::None, Defence::Vote { draws: 1, votes: 3, fixed: true }]);
        // A method without steps refuses them, which is fine.
        let _ = settings.set("steps", 4.0);
        settings
    }

    fn denoiser_attack(&mut self) -> DenoiserSettings {
        let (objective, norm) = (self.of(&Objective::ALL), self.of(&[Norm::Linf, Norm::L2]));
        let settings = DenoiserSettings::new(objective, norm, f64::from(self.number()), self.number());
        DenoiserSettings { steps: self.of(&[0, 1, 4]), step_size: f64::from(self.number()), ..settings }
    }

    /// Does something.
    fn act(&mut self, window: &mut Window) {
        let modifiers =
            self.of(&[Modifiers::NONE, Modifiers::NONE, Modifiers::COMMAND, Modifiers::SHIFT, Modifiers::ALT]);
        match self.below(16) {
            0..=4 => {
                let command = self.command();
                // Models of another size are for other tests; the rest of what is left out would leave the test.
                let elsewhere = matches!(
                    command,
                    Command::Model(ModelCommand::Use(_) | ModelCommand::UseDevice(_) | ModelCommand::MeasureDevices)
                        | Command::Versus(VersusCommand::With(_))
                        | Command::Window(WindowCommand::Quit)
                );
                if !elsewhere {
                    window.state_mut().run(command);
                }
            }
            5 | 6 => {
                let key = self.of(Key::ALL);
                window.key_press_modifiers(modifiers, key);
            }
            7..=9 => {
                self.pointer = self.point();
                window.event(Event::PointerMoved(self.pointer));
            }
            10 | 11 => {
                self.down = !self.down;
                let button = self.of(&[PointerButton::Primary, PointerButton::Primary, PointerButton::Secondary]);
                let (pos, pressed) = (self.pointer, self.down);
                window.event(Event::PointerButton { pos, button, pressed, modifiers });
            }
            12 => {
                let delta = vec2(60.0 * (self.share() - 0.5), 200.0 * (self.share() - 0.5));
                let (unit, phase) = (MouseWheelUnit::Point, TouchPhase::Move);
                window.event(Event::MouseWheel { unit, delta, phase, source: MouseWheelSource::Wheel, modifiers });
            }
            13 => {
                let text =
                    self.of(&["0", "-1", "1e30", "nan", "inf", "25/255", "pgd:linf:8/255", "none vote", "dark", "é¶"]);
                window.event(Event::Text(text.to_owned()));
            }
            14 => {
                self.size = vec2(300.0 + 1400.0 * self.share(), 200.0 + 900.0 * self.share());
                window.set_size(self.size);
            }
            _ => {
                let files = self.files.clone();
                let dropped: Vec<Arc<dyn egui::DroppedFile + Send + Sync>> =
                    (0..=self.below(2)).map(|_| Arc::new(Dropped(self.of(&files))) as _).collect();
                window.input_mut().dropped_files = dropped;
            }
        }
    }
}

/// Puts back what would make the next events slow or reach out of the test: forms that name real places, and attacks that
/// were made long by hand.
fn tame(window: &mut Window, files: &[PathBuf]) {
    let host = &mut window.state_mut().host;
    host.settings.training = TrainingForm::default();
    if !files.iter().any(|file| host.settings.evaluation.data == file.display().to_string()) {
        host.settings.evaluation =
            EvaluationForm { sigmas: "0.1".to_owned(), attacks: String::new(), ..Default::default() };
    }
    host.settings.evaluation.limit = 4;
    host.document.attack.values.retain(|name, value| name != "steps" || *value <= 40.0);
    if !host.document.attack.values.contains_key("steps") && host.document.attack.set("steps", 4.0).is_err() {
        host.document.attack.values.clear();
    }
    host.document.smoothing.samples = host.document.smoothing.samples.min(200);
    if host.document.pictures.len() > 40 {
        host.document.pictures.truncate(40);
        host.document.current = host.document.current.min(39);
    }
}

fn small() -> GaussianMixture {
    let shape = Shape::new(1, 8, 8);
    (0..3).fold(GaussianMixture::new(shape, 3), |model, class| {
        let mean = (0..shape.len()).map(|i| f64::from(u8::from(i % 3 == class))).collect();
        model.with(class, 1.0, mean, 0.01)
    })
}

fn from_environment(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn whatever_is_done_at_random_nothing_breaks_and_no_document_is_lost() {
    let events = from_environment("DENOSCOPE_WINDOW_EVENTS", 1500);
    let seed = from_environment("DENOSCOPE_WINDOW_SEED", 1);
    let folder = tempfile::tempdir().unwrap();
    let mut window = oracle();
    use_model(&mut window, small());
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let session = session_file::to_json(window.state().document(), &ModelSource::Oracle).unwrap();
    let data = folder.path().join("data");
    for class in ["a", "b", "c"] {
        std::fs::create_dir_all(data.join(class)).unwrap();
        picture_file(&data.join(class), "one.png");
    }
    let files = vec![
        picture_file(folder.path(), "good.png"),
        write("broken.png", "no picture"),
        write("session.json", &session),
        write("wrong.json", "{\"denoscope_session\": 9}"),
        write("log.csv", "step,seconds\n1,1e30\n"),
        write("wrong.safetensors", "no model"),
        data,
        PathBuf::from("/nowhere/at/all.png"),
    ];
    let size = vec2(1280.0, 800.0);
    let random = ChaCha8Rng::seed_from_u64(seed);
    let mut monkey = Monkey { random, size, pointer: pos2(0.0, 0.0), down: false, files: files.clone() };
    for event in 0..events {
        monkey.act(&mut window);
        window.step();
        tame(&mut window, &files);
        let document = window.state().document();
        assert!(document.pictures.is_empty() || document.entry().is_some(), "event {event}");
        assert!((0.0..=1.0).contains(&document.noise.sigma), "event {event}: {}", document.noise.sigma);
        assert!(document == &document.clone(), "event {event}: the document differs from itself");
        if event % 50 == 49 {
            nothing_is_lost(&mut window, &mut monkey, event);
        }
    }
}

/// A document but for its pictures, whose values would fill pages.
fn words(document: &Document) -> String {
    let pictures: Vec<_> = document
        .pictures
        .iter()
        .map(|entry| (&entry.name, entry.fit, entry.original.id(), entry.thumbnail.id()))
        .collect();
    format!("{pictures:?} {:?}", Document { pictures: Vec::new(), ..document.clone() })
}

/// With the hands off, undo and redo lead back to the same document; and a window without pictures gets some again.
fn nothing_is_lost(window: &mut Window, monkey: &mut Monkey, event: u64) {
    if std::mem::take(&mut monkey.down) {
        for button in [PointerButton::Primary, PointerButton::Secondary] {
            let modifiers = Modifiers::NONE;
            window.event(Event::PointerButton { pos: monkey.pointer, button, pressed: false, modifiers });
        }
    }
    window.run_steps(2);
    let app = window.state_mut();
    let (mut steps, now) = (0, app.host.document.clone());
    while app.host.history.can_undo() && steps < 5 {
        app.run(WindowCommand::Undo);
        steps += 1;
    }
    for _ in 0..steps {
        app.run(WindowCommand::Redo);
    }
    let (back, now_words) = (words(&app.host.document), words(&now));
    assert!(app.host.document == now, "event {event}: {steps} steps back and forth lead from {now_words} to {back}");
    // Neither is a change of its own.
    app.host.history.took_over();
    if now.pictures.is_empty() {
        app.run(PictureCommand::OpenSamples);
    }
    assert!(!app.host.document.pictures.is_empty(), "event {event}");
}
