//! Scripts as models: run only when a person says so, looked into, restarted.

use std::path::{Path, PathBuf};
use std::process::Command;

use eframe::egui::vec2;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::{Window, click, oracle, run, said, window};
use crate::attack::Method;
use crate::gui::Options;
use crate::gui::app::{App, Threads};
use crate::gui::command::{AttackCommand, CertifyCommand, ModelCommand, NoiseCommand, PictureCommand, WindowCommand};
use crate::gui::feature::session_file;
use crate::gui::state::model::ModelSource;
use crate::gui::state::pane::Pane;
use crate::gui::state::settings::Settings;
use crate::skip;

/// The example in plain Python, in a folder where it leaves a mark when it runs; nothing where there is no Python.
fn script(more: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let python = std::env::var("DENOSCOPE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let runs = Command::new(python).args(["-c", "import struct"]).output();
    if !runs.is_ok_and(|output| output.status.success()) {
        skip::skipped("python", "there is no Python to run scripts in (DENOSCOPE_PYTHON names one)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/mixture.py");
    let text = std::fs::read_to_string(example).unwrap();
    let path = folder.path().join("mine.py");
    std::fs::write(&path, format!("{text}\nopen('ran', 'a').write('x')\nprint('weights read')\n{more}")).unwrap();
    Some((folder, path))
}

fn named(path: &Path) -> ModelSource {
    ModelSource::named(&format!("python:{}", path.display()))
}

/// How often the script ran.
fn runs(folder: &tempfile::TempDir) -> usize {
    std::fs::read_to_string(folder.path().join("ran")).map_or(0, |text| text.len())
}

fn model(window: &Window) -> String {
    window.state().session().model.as_ref().unwrap().joint.name().to_owned()
}

#[test]
fn a_script_of_a_saved_setting_is_offered_and_runs_when_a_person_says_so() {
    let Some((folder, path)) = script("") else { return };
    let kept = tempfile::tempdir().unwrap();
    let settings = Settings { model: named(&path), device: "cpu".to_owned(), ..Settings::default() };
    settings.save(&kept.path().join("settings.json")).unwrap();
    let options = Options { kept: Some(kept.path().to_owned()), ..Options::default() };
    let mut window: Window = Harness::builder()
        .with_size(vec2(1280.0, 800.0))
        .with_max_steps(30)
        .build_eframe(|cc| App::new(cc, options, Threads::Inline));
    window.run_steps(4);
    assert_eq!(runs(&folder), 0, "nothing runs by itself");
    assert_eq!(model(&window), "cifar10");
    window.get_by_label_contains("mine.py was the model here");
    click(&mut window, "Run it");
    assert_eq!((runs(&folder), model(&window).as_str()), (1, "mine"));
    assert!(window.query_by_label("Run it").is_none());
    assert!(window.state().settings().recent_scripts[0].to_string_lossy().contains("mine.py"));
}

#[test]
fn neither_a_dropped_script_nor_a_session_runs_one() {
    let Some((folder, path)) = script("") else { return };
    let mut window = window();
    run(&mut window, PictureCommand::OpenPaths(vec![path.clone(), folder.path().join("net.onnx")]));
    assert!(said(&window, "mine.py was not run") && said(&window, "net.onnx was not run"));
    let session = folder.path().join("session.json");
    std::fs::write(&session, session_file::to_json(window.state().document(), &named(&path)).unwrap()).unwrap();
    run(&mut window, PictureCommand::OpenPaths(vec![session]));
    assert_eq!((runs(&folder), model(&window).as_str()), (0, "digits"));
    window.get_by_label_contains("mine.py was the model here");
    click(&mut window, "Not now");
    assert!(window.query_by_label("Run it").is_none() && runs(&folder) == 0);
}

#[test]
fn a_script_is_studied_attacked_and_looked_into() {
    let Some((_folder, path)) = script("") else { return };
    let mut window = oracle();
    run(&mut window, ModelCommand::Use(named(&path)));
    run(&mut window, NoiseCommand::SetSigma(0.2));
    let state = window.state();
    let study = state.session().answer.study.as_ref().expect("a study");
    assert_eq!((study.model.name.as_str(), study.noisy.shape().height), ("mine", 8));
    assert!(study.identity_error.unwrap() < 1e-5 && study.log_density.is_some());
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    window.run_steps(3);
    assert!(window.state().session().attack.outcome.is_some());
    run(&mut window, WindowCommand::Show(Pane::named("Model")));
    window.get_by_label("Takes σ");
    window.get_by_label("Memory");
    window.get_by_label_contains("weights read");
    assert!(window.state().session().model.as_ref().unwrap().joint.device().starts_with("python (python 3"));
}

#[test]
fn a_script_whose_process_ends_is_said_and_started_again() {
    let Some((folder, path)) = script("") else { return };
    let mut window = oracle();
    run(&mut window, ModelCommand::Use(named(&path)));
    window.state().session().model.as_ref().unwrap().script.as_ref().unwrap().stop();
    run(&mut window, NoiseCommand::SetSigma(0.3));
    assert!(said(&window, "its Python process") || said(&window, "the Python process was stopped"));
    window.get_by_label_contains("The Python process of mine.py is gone");
    click(&mut window, "Run it");
    assert_eq!(runs(&folder), 2);
    run(&mut window, NoiseCommand::SetSigma(0.1));
    assert_eq!(window.state().session().answer.study.as_ref().unwrap().sigma, 0.1);
    run(&mut window, ModelCommand::Restart);
    assert_eq!((runs(&folder), model(&window).as_str()), (3, "mine"));
    run(&mut window, ModelCommand::Use(ModelSource::Oracle));
    run(&mut window, ModelCommand::Restart);
    assert!(said(&window, "The model is no script"));
}

#[test]
fn a_script_that_fails_is_a_notice_and_the_model_before_stays() {
    let Some((_folder, path)) = script("raise ValueError('no weights')\n") else { return };
    let mut window = window();
    run(&mut window, ModelCommand::Use(named(&path)));
    assert!(said(&window, "ValueError: no weights (mine.py, line"));
    assert_eq!(model(&window), "digits");
    assert!(window.state().session().answer.study.is_some());
}

#[test]
fn what_a_script_cannot_give_is_greyed_with_the_reason() {
    let Some((_folder, path)) = script("del log_joint_vjp\n") else { return };
    let mut window = oracle();
    run(&mut window, ModelCommand::Use(named(&path)));
    let errors = |window: &Window| {
        let notices = window.state().session().notices.history();
        notices
            .filter(|notice| notice.level == tracing::Level::ERROR)
            .map(|notice| notice.text.clone())
            .collect::<Vec<_>>()
    };
    // What is made of gradients alone is not there; the others show what they can.
    let panes = [
        Pane::named("Classes"),
        Pane::EXPLORE,
        Pane::named("Denoiser"),
        Pane::ADVERSARY,
        Pane::CERTIFICATE,
        Pane::named("Curve"),
    ];
    for (index, pane) in panes.into_iter().enumerate() {
        run(&mut window, WindowCommand::Show(pane.clone()));
        assert_eq!(window.state().session().shows(&pane), index >= 2, "{pane:?}");
    }
    window.get_by_label_contains("Nothing is restored: the model gives no gradients");
    assert_eq!(window.state().document().attack.method, Method::Square, "by what needs none");
    assert!(said(&window, "the attack is Square"));
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    window.get_by_label_contains("No gradient, denoiser or purification is shown");
    assert!(window.state().session().attack.outcome.is_none(), "thousands of queries wait for a person");
    let mut quick = window.state().document().attack.clone();
    quick.set("queries", 40.0).unwrap();
    run(&mut window, AttackCommand::Set(Box::new(quick)));
    window.run_steps(4);
    assert!(window.state().session().attack.outcome.is_some(), "Square needs no gradient");
    run(&mut window, WindowCommand::Show(Pane::CERTIFICATE));
    run(&mut window, CertifyCommand::Toggle);
    window.run_steps(5);
    let session = window.state().session();
    assert!(session.answer.posterior.is_some() && session.answer.denoised.is_none());
    assert!(session.certificate.certificate().is_some(), "beliefs and certificates need no gradient");
    assert_eq!(errors(&window), Vec::<String>::new(), "nothing was asked that it cannot answer");

    let Some((_folder, path)) = script("del log_joint\ndef denoise(y, sigma):\n    return y\n") else { return };
    run(&mut window, ModelCommand::Use(named(&path)));
    let study = window.state().session().answer.study.clone().unwrap();
    assert!(study.log_density.is_none() && study.notes.iter().any(|note| note.contains("no log p(y)")));
    assert_eq!(errors(&window), Vec::<String>::new());
}
