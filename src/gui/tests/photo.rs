//! The photograph at its own size: what is in sight first, then all of it, the same as the command line gives.

use eframe::egui::{self, Vec2, vec2};
use egui_kittest::kittest::Queryable;

use super::{Window, asked, click, drag, opened, picture_file, run, use_model, window};
use crate::Result;
use crate::gui::command::{ExportCommand, NoiseCommand, PhotoCommand, PictureCommand, WindowCommand};
use crate::gui::state::document::{Entry, Source};
use crate::gui::state::pane::Pane;
use crate::gui::state::photo::{Photo, Shown, halved};
use crate::joint::{Forward, JointModel, SigmaRange};
use crate::picture::{Batch, Fit, Picture, Shape, channels, estimate_sigma};
use crate::study::{Request, analyze};
use crate::task::Cancel;

pub(super) fn photo(window: &Window) -> &Photo {
    &window.state().session().photo
}

fn looked_at(file: &str) -> (tempfile::TempDir, Window) {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(vec![picture_file(folder.path(), file)]);
    run(&mut window, WindowCommand::Show(Pane::PHOTOGRAPH));
    window.run_steps(8);
    (folder, window)
}

/// What the command line restores, by the study that both run.
fn command_line(window: &Window, class: Option<usize>) -> Picture {
    let state = window.state();
    let (model, document) = (&state.session().model.as_ref().unwrap().joint, state.document());
    let fitted = state.session().fitted.as_ref().unwrap().content.picture().clone();
    let whole = channels(document.entry().unwrap().original.picture(), model.shape().channels);
    let request = if document.already_noisy {
        Request::noisy(fitted, Some(document.noise.sigma))
    } else {
        Request::clean(fitted, document.noise)
    };
    let study = analyze(&**model, &request.with_native(whole, class), &Cancel::new(), &mut |_| ()).unwrap();
    study.native.unwrap().denoised
}

#[test]
fn the_whole_is_bit_for_bit_what_the_command_line_restores() {
    let (_folder, mut window) = looked_at("wide.png");
    let restored = |window: &Window| photo(window).result().expect("restored").layer.full().picture().clone();
    assert_eq!(restored(&window), command_line(&window, None));
    let [noisy, better] = photo(&window).result().unwrap().psnr.expect("the clean picture is known");
    assert!(better > noisy + 3.0, "{noisy} {better}");
    window.get_by_label_contains("90×60, all of it restored in");

    run(&mut window, PhotoCommand::SetClass(Some(1)));
    window.run_steps(6);
    assert_eq!(restored(&window), command_line(&window, Some(1)));
    assert_ne!(restored(&window), command_line(&window, None));
    run(&mut window, PhotoCommand::SetClass(None));
    run(&mut window, NoiseCommand::ToggleAlreadyNoisy);
    window.run_steps(6);
    assert_eq!(restored(&window), command_line(&window, None));
    assert!(photo(&window).result().unwrap().psnr.is_none());

    let copied = asked(&mut window, |window| run(window, ExportCommand::CopyCommandLine));
    let text =
        copied.iter().find_map(|c| if let egui::OutputCommand::CopyText(t) = c { Some(t.clone()) } else { None });
    let text = text.expect("a command");
    assert!(text.contains("denoscope denoise ") && text.contains(" --already-noisy --native "), "{text}");
}

#[test]
fn its_own_noise_is_measured_at_its_own_size() {
    let (_folder, mut window) = looked_at("wide.png");
    let original = window.state().document().entry().unwrap().original.picture().clone();
    click(&mut window, "Its own noise");
    window.run_steps(4);
    assert!(window.state().document().already_noisy);
    assert_eq!(window.state().document().noise.sigma, estimate_sigma(&original));
}

/// Pixels of a Gaussian of mean m (of the class) and variance 0.04, each by itself: D = y + σ²(m − y)/(0.04 + σ²).
struct Pixels(Vec<String>);

const MEANS: [f32; 2] = [0.2, 0.8];

struct Seen(Batch, Vec<f32>, Vec<f64>);

impl JointModel for Pixels {
    fn name(&self) -> &'static str {
        "pixels"
    }

    fn device(&self) -> String {
        "cpu".to_owned()
    }

    fn digest(&self) -> String {
        self.name().to_owned()
    }

    fn classes(&self) -> &[String] {
        &self.0
    }

    fn shape(&self) -> Shape {
        Shape::new(1, 8, 8)
    }

    fn accepts(&self, shape: Shape) -> bool {
        shape.channels == 1
    }

    fn sigma_range(&self) -> SigmaRange {
        SigmaRange { min: 0.001, max: 1.0 }
    }

    fn at_once(&self, _: Shape) -> usize {
        1
    }

    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        let mut log_joint = Vec::new();
        for (row, &sigma) in sigmas.iter().enumerate() {
            let variance = 0.04 + f64::from(sigma * sigma);
            log_joint.extend(MEANS.map(|mean| {
                let squares: f64 = noisy.row(row).iter().map(|y| f64::from(y - mean).powi(2)).sum();
                -0.5 * (squares / variance + noisy.row(row).len() as f64 * variance.ln())
            }));
        }
        Ok(Box::new(Seen(noisy.clone(), sigmas.to_vec(), log_joint)))
    }
}

impl Forward for Seen {
    fn noisy(&self) -> &Batch {
        &self.0
    }

    fn sigmas(&self) -> &[f32] {
        &self.1
    }

    fn log_joint(&self) -> &[f64] {
        &self.2
    }

    fn pullback(&self, w: &[f32]) -> Result<Batch> {
        let mut scores = Vec::new();
        for (row, &sigma) in self.1.iter().enumerate() {
            let w = &w[2 * row..2 * row + 2];
            let of = |y: f32| (w[0] * (MEANS[0] - y) + w[1] * (MEANS[1] - y)) / (0.04 + sigma * sigma);
            scores.extend(self.0.row(row).iter().map(|&y| of(y)));
        }
        Ok(Batch::new(self.0.shape(), scores))
    }
}

fn denoised(noisy: &Picture, sigma: f32, mean: f32) -> Picture {
    noisy.map(|y| y + sigma * sigma * (mean - y) / (0.04 + sigma * sigma))
}

fn near(a: &Picture, b: &Picture) -> bool {
    a.shape() == b.shape() && a.values().iter().zip(b.values()).all(|(a, b)| (a - b).abs() < 1e-5)
}

/// A large photograph, of which only what is in sight may be restored.
pub(super) fn large() -> Window {
    let mut window = window();
    use_model(&mut window, Pixels(vec!["dark".to_owned(), "light".to_owned()]));
    let shape = Shape::new(1, 700, 1400);
    let values = (0..shape.len()).map(|i| (i * 31 % 97) as f32 / 96.0).collect();
    let original: crate::gui::gpu::Content = Picture::new(shape, values).into();
    let entry = Entry {
        name: "large".to_owned(),
        source: Source::Pasted,
        thumbnail: Picture::filled(Shape::new(1, 4, 8), 0.5).into(),
        original,
        read: String::new(),
        fit: Fit::Centre,
    };
    window.state_mut().host.change_document(|document| document.add(vec![entry]));
    run(&mut window, NoiseCommand::SetSigma(0.1));
    window
}

#[test]
fn what_is_in_sight_comes_first_at_the_screens_size_and_the_rest_on_request() {
    let mut window = large();
    run(&mut window, PhotoCommand::ToggleWhole);
    assert!(photo(&window).stopped);
    run(&mut window, PhotoCommand::SetClass(Some(1)));
    run(&mut window, WindowCommand::Show(Pane::PHOTOGRAPH));
    window.run_steps(8);
    let state = photo(&window);
    assert!(state.result().is_none());
    let noisy = state.noisy.as_ref().unwrap();
    let seen = state.seen.expect("something is in sight");
    assert_eq!((seen.level, seen.from, seen.size), (1, [0, 0], [700, 350]), "1400 columns in less than 1400 points");
    let [patch] = &state.patches[..] else { panic!("{} patches", state.patches.len()) };
    assert!(patch.part.contains(&seen));
    let half = halved(noisy.full().picture());
    assert!(near(patch.content.picture(), &denoised(&patch.part.cut(&half), 0.05, MEANS[1])));
    window.get_by_label_contains("only what is in sight is restored");

    // Zoomed in, single pixels are restored as they are in the whole, and moving a little asks for nothing new.
    run(&mut window, PhotoCommand::ActualPixels);
    window.run_steps(8);
    let state = photo(&window);
    let seen = state.seen.expect("something is in sight");
    assert!(seen.level == 0 && seen.size[0] < 1400 && seen.from[0] > 0, "{seen:?}");
    let patch = state.patches.iter().find(|patch| patch.part.contains(&seen)).expect("a patch").clone();
    let all = denoised(state.noisy.as_ref().unwrap().full().picture(), 0.1, MEANS[1]);
    assert!(near(patch.content.picture(), &patch.part.cut(&all)));

    click(&mut window, "Restore the rest");
    window.run_steps(6);
    let whole = photo(&window).result().expect("restored");
    assert!(near(whole.layer.full().picture(), &all));
    assert!(photo(&window).patches.is_empty());

    // Another level makes it old at once.
    run(&mut window, PhotoCommand::ToggleWhole);
    run(&mut window, NoiseCommand::SetSigma(0.2));
    window.run_steps(8);
    assert!(photo(&window).result().is_none() && photo(&window).whole.as_ref().is_some_and(|whole| whole.stale));
    run(&mut window, PhotoCommand::Save);
    assert!(super::said(&window, "not restored yet"));
}

#[test]
fn it_is_zoomed_moved_and_wiped_by_hand() {
    let mut window = large();
    run(&mut window, WindowCommand::Show(Pane::PHOTOGRAPH));
    window.run_steps(8);
    let rect = window.get_by_label("The photograph").rect();
    let points = |window: &Window| photo(window).view.points([1400.0, 700.0], photo(window).tile);
    let whole = points(&window);
    // The line is dragged where it is, the picture elsewhere.
    drag(&mut window, rect.center(), rect.center() - vec2(100.0, 0.0));
    let by = 100.0 / whole / 1400.0;
    assert!((photo(&window).wipe - (0.5 - by)).abs() < 0.02, "{}", photo(&window).wipe);
    let at = rect.center() + vec2(60.0, 20.0);
    window.hover_at(at);
    window.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: Vec2::new(0.0, 900.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: egui::Modifiers::NONE,
    });
    window.run_steps(20);
    assert!(points(&window) > 4.0 * whole, "{} {whole}", points(&window));
    let (wipe, before) = (photo(&window).wipe, photo(&window).view.centre);
    drag(&mut window, at, at + vec2(40.0, -10.0));
    let after = photo(&window).view.centre;
    assert!((before[0] - after[0] - 40.0 / points(&window) / 1400.0).abs() < 1e-3, "{before:?} {after:?}");
    assert!(after[1] > before[1] && photo(&window).wipe == wipe);
    for shown in ["Restored", "Noisy", "Clean"] {
        click(&mut window, shown);
    }
    assert_eq!(photo(&window).shown, Shown::Clean);
    click(&mut window, "All of it");
    assert!((points(&window) - whole).abs() < 1e-6);
    // Down to the values of single pixels.
    run(&mut window, PhotoCommand::Show(Shown::Restored));
    window.state_mut().host.session.photo.view.scale = Some(80.0);
    window.run_steps(4);
    run(&mut window, PictureCommand::Close);
}

#[test]
fn a_model_of_one_size_says_so() {
    let mut window = super::oracle();
    run(&mut window, WindowCommand::Show(Pane::PHOTOGRAPH));
    window.run_steps(4);
    // Its own patterns are of its size; a larger picture is not.
    assert!(photo(&window).result().is_some());
    let folder = tempfile::tempdir().unwrap();
    run(&mut window, PictureCommand::OpenPaths(vec![picture_file(folder.path(), "wide.png")]));
    window.run_steps(4);
    window.get_by_label_contains("Photograph");
    assert!(photo(&window).result().is_none() && photo(&window).patches.is_empty());
}
