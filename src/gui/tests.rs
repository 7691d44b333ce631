//! Flows of a person through the real window, on the oracle, with the work done inline.

use std::path::{Path, PathBuf};

use eframe::egui::{self, Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::app::{App, Threads};
use super::command::Command;
use super::document::{Reading, Source, TileKind};
use super::models::ModelSource;
use super::panes::Pane;
use super::session::Overlay;
use super::tiles::Compare;
use super::{Options, export, session_file};
use crate::picture::{Fit, NoiseKind};

pub(super) fn window(paths: Vec<PathBuf>) -> Harness<'static, App> {
    let options = Options { paths, model: Some("oracle".to_owned()), device: None };
    let mut harness = Harness::builder()
        .with_size(vec2(1280.0, 800.0))
        .with_max_steps(30)
        .build_eframe(|cc| App::new(cc, options, Threads::Inline));
    harness.run_steps(4);
    harness
}

pub(super) fn run(harness: &mut Harness<'_, App>, command: Command) {
    let ctx = harness.ctx.clone();
    harness.state_mut().run(&ctx, command);
    harness.run_steps(3);
}

fn picture_file(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let picture = &super::models::oracle_pictures()[3];
    crate::picture::save(&path, picture, true).unwrap();
    path
}

#[test]
fn it_opens_on_a_sample_with_everything_computed() {
    let harness = window(Vec::new());
    let session = harness.state().session();
    let study = session.answer.study.as_ref().expect("a study");
    assert!(study.identity_error.unwrap() < 1e-4);
    assert_eq!(session.answer.classes.len(), 10);
    assert_eq!(session.curve.sigmas.len(), 48);
    harness.get_by_label_contains("Denoised D(y)");
    harness.get_by_label_contains("Belief in ring");
    harness.check_accessibility();
}

#[test]
fn the_slider_moves_noise_and_beliefs_together() {
    let mut harness = window(Vec::new());
    let before = harness.state().session().answer.noisy.clone().unwrap();
    harness.get_by_label("Sigma slider").set_value_accesskit(50.0);
    harness.run_steps(3);
    let state = harness.state();
    assert!((state.document().noise.sigma - 50.0 / 255.0).abs() < 1e-6);
    let answer = &state.session().answer;
    assert_ne!(answer.noisy.clone().unwrap(), before);
    let psnr = answer.noisy_fidelity.unwrap().psnr_db;
    assert!((psnr - 14.15).abs() < 0.4, "{psnr}");
    assert!(!answer.posterior.as_ref().unwrap().stale);
    let study = answer.study.as_ref().unwrap();
    assert_eq!(answer.noisy.as_ref().unwrap().picture(), &study.noisy, "the window drew the study's own bits");
}

#[test]
fn keys_set_presets_and_undo_takes_them_back() {
    let mut harness = window(Vec::new());
    harness.key_press(Key::Num1);
    harness.run_steps(3);
    assert!((harness.state().document().noise.sigma * 255.0 - 15.0).abs() < 1e-3);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
    assert!((harness.state().document().noise.sigma * 255.0 - 25.0).abs() < 1e-3);
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    harness.run_steps(3);
    assert!((harness.state().document().noise.sigma * 255.0 - 15.0).abs() < 1e-3);
}

#[test]
fn noise_has_a_kind_and_a_seed() {
    let mut harness = window(Vec::new());
    let first = harness.state().session().answer.noisy.clone().unwrap();
    run(&mut harness, Command::Reroll);
    let second = harness.state().session().answer.noisy.clone().unwrap();
    assert_ne!(first.picture(), second.picture());
    run(&mut harness, Command::SetSeed(0));
    assert_eq!(harness.state().session().answer.noisy.as_ref().unwrap().picture(), first.picture());
    run(&mut harness, Command::SetNoise(NoiseKind::Poisson));
    assert!(!harness.state().session().answer.study.as_ref().unwrap().notes.is_empty());
    run(&mut harness, Command::EstimateSigma);
    let state = harness.state();
    assert!(state.document().already_noisy);
    assert!(state.session().answer.study.as_ref().unwrap().clean.is_none());
}

#[test]
fn a_class_is_pinned_and_read_as_a_gradient() {
    let mut harness = window(Vec::new());
    harness.get_by_label_contains("Belief in square").click();
    harness.run_steps(3);
    assert_eq!(harness.state().document().pinned, [2]);
    run(&mut harness, Command::SetReading(Reading::Gradient));
    let state = harness.state();
    let source = super::sources::source(TileKind::Class(2), state.document(), state.session()).unwrap();
    assert_eq!(source.look.compare, Compare::Error);
    assert!(source.scale.is_some() && source.operand.is_some());
}

#[test]
fn an_attack_runs_scrubs_and_is_purified() {
    let mut harness = window(Vec::new());
    run(&mut harness, Command::Show(Pane::Adversary));
    harness.run_steps(4);
    let attack = &harness.state().session().attack;
    let outcome = attack.outcome.clone().expect("an outcome");
    assert_eq!(attack.len(), outcome.steps + 1);
    assert!(outcome.achieved.linf <= outcome.epsilon.unwrap() + 1e-6);
    assert!(attack.denoised.is_some() && attack.gradient.is_some() && attack.purified.is_some());
    harness.get_by_label_contains("Step of the attack").decrement_accesskit();
    harness.run_steps(3);
    assert_eq!(harness.state().session().attack.position(), outcome.steps - 1);
    let mut settings = harness.state().document().attack.clone();
    settings.epsilon = 16.0 / 255.0;
    run(&mut harness, Command::SetAttack(Box::new(settings)));
    let after = harness.state().session().attack.outcome.clone().unwrap();
    assert!((after.epsilon.unwrap() - 16.0 / 255.0).abs() < 1e-9);
}

#[test]
fn a_broken_file_is_named_and_the_others_open() {
    let folder = tempfile::tempdir().unwrap();
    let good = picture_file(folder.path(), "good.png");
    let broken = folder.path().join("broken.png");
    std::fs::write(&broken, b"not a picture").unwrap();
    let mut harness = window(Vec::new());
    run(&mut harness, Command::OpenPaths(vec![folder.path().to_owned()]));
    let state = harness.state();
    assert_eq!(state.document().entry().unwrap().name, "good.png");
    assert!(state.session().toasts.history().any(|notice| notice.text.contains("broken.png")));
    assert_eq!(state.settings().recent.first(), Some(&good));
}

#[test]
fn a_drawing_is_analysed_as_it_grows_and_the_crop_moves() {
    let mut harness = window(Vec::new());
    run(&mut harness, Command::NewDrawing);
    assert_eq!(harness.state().document().entry().unwrap().source, Source::Drawn);
    let before = harness.state().session().answer.posterior.clone().unwrap().value;
    run(&mut harness, Command::Draw { from: [4.0, 16.0], to: [28.0, 16.0], erase: false });
    assert_ne!(harness.state().session().answer.posterior.clone().unwrap().value, before);
    run(&mut harness, Command::ClearDrawing);
    assert!(harness.state().document().entry().unwrap().original.picture().values().iter().all(|v| *v == 0.0));
    run(&mut harness, Command::Previous);
    let crop = crate::picture::Rect { x: 4.0, y: 6.0, width: 16.0, height: 16.0 };
    run(&mut harness, Command::SetFit(Fit::Crop(crop)));
    assert_eq!(harness.state().session().fitted.as_ref().unwrap().rect, crop);
}

#[test]
fn a_session_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = picture_file(folder.path(), "one.png");
    let mut harness = window(vec![file]);
    run(&mut harness, Command::SetSigma(0.123_456_7));
    run(&mut harness, Command::SetSeed(77));
    let path = folder.path().join("session.json");
    let text = session_file::to_json(harness.state().document(), &ModelSource::Oracle).unwrap();
    std::fs::write(&path, text).unwrap();
    let first = harness.state().session().answer.study.clone().unwrap();
    let mut again = window(Vec::new());
    run(&mut again, Command::OpenPaths(vec![path]));
    again.run_steps(3);
    let second = again.state().session().answer.study.clone().unwrap();
    assert_eq!(first.noisy, second.noisy);
    assert_eq!(first.posterior, second.posterior);
    assert_eq!(first.denoised, second.denoised);
}

#[test]
fn the_command_line_on_offer_says_what_is_on_screen() {
    let folder = tempfile::tempdir().unwrap();
    let file = picture_file(folder.path(), "one.png");
    let mut harness = window(vec![file.clone()]);
    run(&mut harness, Command::SetSigma(25.0 / 255.0));
    let line = export::command_line(harness.state().document(), &ModelSource::Bundled("digits".to_owned())).unwrap();
    assert_eq!(line, format!("denoscope analyze {} --model digits --sigma 25/255 --seed 0", file.display()));
}

#[test]
fn tiles_are_exported_as_they_look() {
    let harness = window(Vec::new());
    let picture = harness.state().tile_picture(TileKind::Residual).unwrap();
    assert_eq!(picture.shape().width, 512);
    assert!(picture.values().iter().all(|v| (0.0..=1.0).contains(v)));
}

#[test]
fn the_palette_finds_and_runs() {
    let mut harness = window(Vec::new());
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    harness.run_steps(2);
    assert!(matches!(harness.state().session().overlay, Some(Overlay::Palette { .. })));
    harness.event(egui::Event::Text("dark or".to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert!(harness.state().session().overlay.is_none());
    assert!(!harness.state().settings().dark);
}

#[test]
fn every_pane_and_sheet_shows_in_both_themes_at_the_smallest_size() {
    for theme in [false, true] {
        let mut harness = window(Vec::new());
        harness.set_size(vec2(1100.0, 700.0));
        if theme {
            run(&mut harness, Command::ToggleTheme);
        }
        for pane in Pane::ALL {
            run(&mut harness, Command::Show(pane));
            harness.check_accessibility();
        }
        for sheet in [Command::Help, Command::Help, Command::Notices, Command::Notices] {
            run(&mut harness, sheet);
        }
        run(&mut harness, Command::ResetLayout);
        run(&mut harness, Command::Close);
    }
}

#[test]
fn a_wrong_model_is_a_notice_and_the_picture_stays() {
    let mut harness = window(Vec::new());
    let before = harness.state().document().entry().unwrap().name.clone();
    run(&mut harness, Command::UseModel(ModelSource::File(PathBuf::from("/nowhere/model.safetensors"))));
    let state = harness.state();
    assert!(state.session().toasts.history().any(|notice| notice.text.contains("/nowhere/model.safetensors")));
    assert!(state.session().model.is_some());
    assert_eq!(state.document().entry().unwrap().name, before);
}
