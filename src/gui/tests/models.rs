//! Models and devices: menu, card, self-check.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::accesskit::Role;
use eframe::egui::vec2;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{click, opened, picture_file, run, said, window};
use crate::gui::Options;
use crate::gui::app::{App, Threads};
use crate::gui::command::{ModelCommand, PictureCommand, WindowCommand};
use crate::gui::state::model::ModelSource;
use crate::gui::state::pane::Pane;
use crate::joint::{JointModel, Mirrored};
use crate::network::{self, DeviceChoice, Network, bundled};
use crate::picture::{Batch, Picture, Shape};

#[test]
fn the_menu_switches_the_model_and_keeps_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(vec![picture_file(folder.path(), "mine.png")]);
    for label in ["oracle (exact truth)", "digits"] {
        window.get_by_label_contains("Model: ").click();
        window.run_steps(3);
        click(&mut window, label);
        let state = window.state();
        assert_eq!(state.document().entry().unwrap().name, "mine.png");
        let study = state.session().answer.study.as_ref().expect("a study");
        assert!(label.starts_with(study.model.name.as_str()));
        assert_eq!(study.noisy.shape(), state.session().model.as_ref().unwrap().joint.shape());
    }
}

#[test]
fn a_sample_stays_too_and_the_other_samples_make_room() {
    let mut window = window();
    run(&mut window, PictureCommand::Select(4));
    run(&mut window, ModelCommand::Use(ModelSource::Oracle));
    let names = |window: &super::Window| -> Vec<String> {
        window.state().document().pictures.iter().map(|entry| entry.name.clone()).collect()
    };
    assert_eq!(window.state().document().entry().unwrap().name, "digits/4.png");
    assert_eq!(names(&window).len(), 11);
    assert_eq!(names(&window)[1], "oracle/disc");
    run(&mut window, ModelCommand::Use(ModelSource::Bundled("digits".to_owned())));
    assert_eq!(window.state().document().entry().unwrap().name, "digits/4.png");
    assert_eq!(names(&window).len(), 10);
}

/// The mean with the mirror image is the command line's, is undone by the same switch, and outlasts another model.
#[test]
fn the_model_is_averaged_with_the_mirror_image_on_request() {
    let mut window = window();
    let log_joint = |window: &super::Window| {
        let session = window.state().session();
        let study = session.answer.study.as_ref().expect("a study");
        let joint = &session.model.as_ref().unwrap().joint;
        let noisy = Batch::of([&study.noisy]);
        let own = joint.forward(&noisy, &[study.sigma]).unwrap().log_joint().to_vec();
        (own, study.posterior.clone(), noisy, study.sigma)
    };
    let (plain, plain_beliefs, noisy, sigma) = log_joint(&window);
    run(&mut window, ModelCommand::ToggleMirror);
    window.run_steps(4);
    let (averaged, beliefs, ..) = log_joint(&window);
    let digits = Network::load(&network::checkpoint("digits").unwrap(), &DeviceChoice::Cpu).unwrap();
    let truth = Mirrored::new(Arc::new(digits)).forward(&noisy, &[sigma]).unwrap().log_joint().to_vec();
    assert_eq!(averaged, truth);
    assert_ne!(averaged, plain);
    assert_ne!(beliefs, plain_beliefs);
    run(&mut window, ModelCommand::Use(ModelSource::Oracle));
    assert!(window.state().session().model.as_ref().unwrap().joint.name().ends_with("mirrored"));
    run(&mut window, ModelCommand::Use(ModelSource::Bundled("digits".to_owned())));
    run(&mut window, ModelCommand::ToggleMirror);
    window.run_steps(4);
    assert_eq!(log_joint(&window).1, plain_beliefs);
}

#[test]
fn devices_that_are_not_there_say_why() {
    let mut window = window();
    window.get_by_label_contains("Model: ").click();
    window.run_steps(3);
    for (choice, missing) in DeviceChoice::available() {
        let name = choice.label();
        let radio = window.get_by_role_and_label(Role::RadioButton, &name);
        assert_eq!(radio.accesskit_node().is_disabled(), missing.is_some(), "{name}");
    }
}

#[test]
fn devices_are_measured_with_the_model_in_use() {
    let mut window = window();
    window.get_by_label_contains("Model: ").click();
    window.run_steps(3);
    click(&mut window, "Measure the devices");
    let (source, devices) = window.state().session().devices.clone().expect("what was found");
    assert_eq!(source, ModelSource::Bundled("digits".to_owned()));
    let time = devices[0].analysis_ms.expect("the processor's time");
    assert_eq!((devices[0].device.as_str(), window.state().session().measuring), ("cpu", false));
    let label = format!("cpu   {time:.1} ms");
    if window.query_by_role_and_label(Role::RadioButton, &label).is_none() {
        // The click closed the menu.
        window.get_by_label_contains("Model: ").click();
        window.run_steps(3);
    }
    window.get_by_role_and_label(Role::RadioButton, &label);
    // Of another model nothing was measured.
    click(&mut window, "oracle (exact truth)");
    run(&mut window, ModelCommand::MeasureDevices);
    assert!(said(&window, "processor alone"));
}

#[test]
fn the_card_tells_where_the_model_comes_from() {
    let mut window = window();
    run(&mut window, WindowCommand::Show(Pane::named("Model")));
    let model = bundled().iter().find(|model| model.name == "digits").unwrap();
    let description = model.checkpoint().unwrap().description;
    window.get_by_label("Trained for σ");
    window.get_by_label("10 classes");
    window.get_by_label(&description.licence);
    window.get_by_label(&description.training.unwrap().data);
}

#[test]
fn the_self_check_is_live() {
    let window = window();
    let error = window.state().session().answer.study.as_ref().unwrap().identity_error.unwrap();
    assert!(error < 1e-4);
    window.get_by_label_contains("D = Σ p(c|y) D(y|c) holds to ");
    window.get_by_label_contains("forward ");
}

#[test]
fn a_wrong_model_is_a_notice_and_everything_stays() {
    let mut window = window();
    let before = window.state().document().entry().unwrap().name.clone();
    run(&mut window, PictureCommand::OpenPaths(vec![PathBuf::from("/nowhere/model.safetensors")]));
    assert!(said(&window, "/nowhere/model.safetensors"));
    let state = window.state();
    assert_eq!(state.session().model.as_ref().unwrap().joint.name(), "digits");
    assert_eq!(state.document().entry().unwrap().name, before);
}

#[test]
fn photographs_are_looked_at_with_the_model_of_many_kinds_unless_another_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, shape: Shape| {
        let path = folder.path().join(name);
        crate::picture::save(&path, &Picture::filled(shape, 0.4), true).unwrap();
        path
    };
    let (small, large) = (save("small.png", Shape::new(3, 32, 32)), save("large.png", Shape::new(3, 90, 120)));
    let options = || Options { device: Some("cpu".to_owned()), ..Options::default() };
    let begin = |options: Options| -> super::Window {
        let build = Harness::builder().with_size(vec2(1280.0, 800.0)).with_max_steps(30);
        let mut window = build.build_eframe(|cc| App::new(cc, options, Threads::Inline));
        window.run_steps(4);
        window
    };
    let model = |window: &super::Window| window.state().session().model.as_ref().unwrap().source.label();
    let mut window = begin(options());
    run(&mut window, PictureCommand::OpenPaths(vec![small]));
    assert_eq!(model(&window), "cifar10", "a small picture is one of a data set");
    run(&mut window, PictureCommand::OpenPaths(vec![large.clone()]));
    assert_eq!((model(&window), window.state().settings().chosen_model()), (network::SCENES.to_owned(), None));
    assert!(said(&window, "200 kinds of things"));
    // Whoever goes back has chosen.
    run(&mut window, ModelCommand::Use(ModelSource::default()));
    run(&mut window, PictureCommand::OpenPaths(vec![large.clone()]));
    assert_eq!(model(&window), "cifar10");
    // At the start too, unless a model is named.
    assert_eq!(model(&begin(Options { paths: vec![large.clone()], ..options() })), network::SCENES);
    let named = Options { paths: vec![large], model: Some("cifar10".to_owned()), ..options() };
    assert_eq!(model(&begin(named)), "cifar10");
}
