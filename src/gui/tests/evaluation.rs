//! Flows through the evaluation of a data set.

use std::path::Path;
use std::sync::Arc;

use eframe::egui;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{App, Dropped, Options, Threads, Window, oracle, run, said};
use crate::Error;
use crate::attack::Defence;
use crate::data::{Loader, Purpose, open};
use crate::gui::command::{EvaluateCommand, Format, WindowCommand};
use crate::gui::feature::evaluation::text;
use crate::gui::feature::oracle::{NAMES, oracle_pictures};
use crate::gui::feature::unfinished::Unfinished;
use crate::gui::state::evaluation_form::EvaluationForm as Form;
use crate::gui::state::model::ModelSource;
use crate::gui::state::pane::Pane;
use crate::joint::JointModel;
use crate::picture::NoiseKind;
use crate::study::evaluation::{Samples, evaluate, evaluate_from};
use crate::task::Cancel;

/// The oracle's own patterns as class folders, the last two under each other's names.
fn write_patterns(folder: &Path) {
    let last = NAMES.len() - 1;
    for (class, picture) in oracle_pictures().iter().enumerate() {
        let named = if class >= last - 1 { NAMES[2 * last - 1 - class] } else { NAMES[class] };
        let path = folder.join(named);
        std::fs::create_dir_all(&path).unwrap();
        crate::picture::save(path.join("0.png"), picture, true).unwrap();
    }
}

fn label_of(node: &egui_kittest::Node<'_>) -> String {
    let node = node.accesskit_node();
    node.value().or(node.label()).unwrap_or_default()
}

fn one_line(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn form(data: &Path) -> Form {
    Form {
        data: data.display().to_string(),
        sigmas: "0.05, 0.1".to_owned(),
        noises: vec![NoiseKind::Gaussian, NoiseKind::Uniform],
        attacks: "fgsm:linf:4/255".to_owned(),
        defences: "none vote:draws=2,votes=4".to_owned(),
        certify: "0.25".to_owned(),
        attempts: 2,
        ..Form::default()
    }
}

#[test]
fn a_folder_is_evaluated_shown_and_saved_as_the_command_line_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("patterns");
    write_patterns(&data);
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::EVALUATION));
    run(&mut harness, EvaluateCommand::Set(Box::new(form(&data))));
    harness.run_steps(3);
    // Two levels of two kinds of noise, and an attack on two classifiers.
    harness.get_by_label("10 of 10 pictures, in 6 parts: 60 measurements");
    harness.get_by_role_and_label(egui::accesskit::Role::Button, "Evaluate").click();
    harness.run_steps(4);
    let measured = harness.state().features().evaluation.result.clone().expect("a result");
    let evaluation = &measured.evaluation;
    assert_eq!((evaluation.images, evaluation.by_sigma.len(), evaluation.by_noise.len()), (10, 2, 2));
    // Eight of ten names are right, and the oracle knows every pattern under this noise.
    assert!((evaluation.by_sigma[0].accuracy - 0.8).abs() < 1e-12, "{:?}", evaluation.by_sigma[0]);
    for label in [
        "oracle on patterns",
        "Gaussian noise",
        "Other kinds of noise",
        "Certified against every perturbation",
        // 8 of 10: Wilson's interval is 49.0 to 94.3 %.
        "80.00 % (49.0–94.3)",
        "smoothed vote of 4 (2 draws a gradient)",
    ] {
        // Long words are in two lines where a table has many columns.
        let mut labels = harness.get_all_by_role(egui::accesskit::Role::Label);
        assert!(labels.any(|found| one_line(&label_of(&found)) == label), "{label}");
    }
    // Every column of every table is in sight, at the window's usual size.
    let beside = harness.query_all_by_label("Beliefs").map(|tab| tab.rect().left());
    let right = beside.fold(harness.ctx.content_rect().right(), f32::min);
    for head in ["accuracy", "SSIM", "FLIP", "mean size of successes", "10 % up to"] {
        let labels = harness.get_all_by_role(egui::accesskit::Role::Label);
        let heads: Vec<egui::Rect> = labels.filter(|l| one_line(&label_of(l)) == head).map(|l| l.rect()).collect();
        assert!(!heads.is_empty() && heads.iter().all(|rect| rect.right() <= right), "{head}: {heads:?}, {right}");
    }
    // The axes of shares are in percent, as the tables are.
    harness.get_by_label("Accuracy in % by noise level");
    // Certificates are bracketed by what attacks found.
    let certified = &evaluation.certified[0];
    assert_eq!((certified.brackets.len(), certified.by_attack.len()), (10, certified.by_radius.len()));
    harness.check_accessibility();
    assert!(text(evaluation, Format::Html).unwrap().contains("<svg"));
    // What was taken for another class is looked at in the lab, by a click.
    let (noise, mistakes) = &evaluation.examples.mistakes;
    assert_eq!((noise.unwrap().sigma, mistakes.len()), (0.05, 2));
    let mistake = &mistakes[0];
    assert!(mistake.label != mistake.said.class && mistake.said.probability > 0.9);
    let name = format!("Look at {} {}", mistake.label, mistake.number);
    // Its tooltip leaves the words below the picture in sight, whose they are.
    harness.get_by_label(&name).scroll_to_me();
    harness.run_steps(30);
    let picture = harness.get_by_label(&name).rect();
    harness.hover_at(picture.center());
    harness.run_steps(30);
    let tooltip = harness.get_by_label(&format!("Picture {} of the data", mistake.number)).rect();
    let caption = egui::Rect::from_x_y_ranges(picture.x_range(), picture.bottom()..=picture.bottom() + 40.0);
    assert!(!tooltip.intersects(caption) && !tooltip.intersects(picture), "{tooltip:?} {caption:?}");
    harness.get_by_label(&name).click_accesskit();
    harness.run_steps(4);
    let entry = harness.state().document().entry().unwrap();
    assert_eq!((entry.original.picture(), harness.state().document().noise.sigma), (&mistake.clean, 0.05));
    assert!(entry.name.contains(&mistake.said.class), "{}", entry.name);
    let json: serde_json::Value = serde_json::from_str(&text(evaluation, Format::Json).unwrap()).unwrap();
    assert_eq!(json["images"], 10);
    let csv = text(evaluation, Format::Csv).unwrap();
    assert!(csv.contains(",fgsm,linf,") && csv.contains("fgsm against smoothed vote of 4"), "{csv}");
}

/// The window was killed while it measured: the next one offers to go on, and ends with the same figures.
#[test]
fn an_evaluation_that_was_killed_is_offered_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("patterns");
    write_patterns(&data);
    let kept = folder.path().join("kept");
    let form = Form { attacks: "fgsm:linf:4/255".to_owned(), defences: String::new(), ..form(&data) };
    let asked = Unfinished { form: form.clone(), model: ModelSource::Oracle };
    let (model, plan) = (crate::gui::feature::oracle::oracle(), form.plan().unwrap());
    let set = open(&form.data, Some(model.shape()), Purpose::Measuring).unwrap();
    let samples = Loader::quiet(|loader| Samples::new(set, &model, Some(500), loader)).unwrap();
    let cancel = Cancel::new();
    let mut journal = asked.keep(&kept.join("evaluation")).unwrap();
    let stopped = evaluate_from(&mut journal, &model, &samples, None, &plan, &cancel, &mut |step| {
        if step.done > 25 {
            cancel.raise();
        }
    });
    assert!(matches!(stopped, Err(Error::Cancelled)));
    drop(journal);

    let options = Options { model: Some("digits".to_owned()), kept: Some(kept.clone()), ..Options::default() };
    let mut window = egui_kittest::Harness::builder()
        .with_size(egui::vec2(1280.0, 800.0))
        .build_eframe(|cc| App::new(cc, options, Threads::Inline));
    window.run_steps(3);
    run(&mut window, WindowCommand::Show(Pane::EVALUATION));
    window.get_by_label("The evaluation of oracle was stopped before its end.");
    window.get_by_label("Resume").click();
    window.run_steps(6);
    let measured = window.state().features().evaluation.result.clone().expect("a result");
    let whole = evaluate(&model, &samples, None, &plan, &Cancel::new(), &mut |_| ()).unwrap();
    assert_eq!(text(&measured.evaluation, Format::Json).unwrap(), text(&whole, Format::Json).unwrap());
    assert_eq!(window.state().session().model.as_ref().unwrap().source, ModelSource::Oracle);
    assert_eq!(window.state().settings().evaluation, form);
    assert!(said(&window, "measurements of before were taken over"));
    // Once it has ended there is nothing to go on with, here or in the next window.
    assert!(window.query_by_label("Resume").is_none());
    assert_eq!(Unfinished::read(&kept.join("evaluation")), None);
    assert_eq!(std::fs::read_dir(kept.join("evaluation")).unwrap().count(), 0);
}

#[test]
fn a_failure_stays_readable_and_a_wrong_entry_is_said_at_once() {
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::EVALUATION));
    run(&mut harness, EvaluateCommand::Set(Box::new(form(Path::new("/nowhere/at/all")))));
    run(&mut harness, EvaluateCommand::Start);
    harness.run_steps(3);
    let state = harness.state();
    assert!(state.session().notices.history().any(|notice| notice.text.contains("/nowhere/at/all")));
    assert!(state.features().evaluation.failure.as_ref().unwrap().contains("/nowhere/at/all"));
    let wrong = Form { attacks: "pdg".to_owned(), ..form(Path::new("/nowhere/at/all")) };
    run(&mut harness, EvaluateCommand::Set(Box::new(wrong)));
    harness.get_by_label_contains("'pdg' is none of");
}

/// The kinds of noise stand in columns.
#[test]
fn the_kinds_of_noise_are_aligned() {
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::EVALUATION));
    harness.set_size(egui::vec2(1280.0, 1600.0));
    harness.run_steps(4);
    let boxes =
        NoiseKind::ALL.map(|kind| harness.get_by_role_and_label(egui::accesskit::Role::CheckBox, kind.name()).rect());
    for (index, rect) in boxes.iter().enumerate() {
        assert_eq!((rect.left(), rect.top()), (boxes[index % 2].left(), boxes[index / 2 * 2].top()), "{index}");
    }
    // A kind is chosen in the order of reports, whatever the order of the clicks.
    for kind in [NoiseKind::ALL[4], NoiseKind::ALL[1]] {
        super::click(&mut harness, kind.name());
    }
    let chosen = [0, 1, 4].map(|index| NoiseKind::ALL[index]);
    assert_eq!(harness.state().settings().evaluation.noises, chosen);
}

#[test]
fn attacks_and_defences_are_picked_from_lists() {
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::EVALUATION));
    // High enough that the lists' buttons are in sight.
    harness.set_size(egui::vec2(1280.0, 1600.0));
    let empty = Form { attacks: String::new(), defences: String::new(), ..Form::default() };
    run(&mut harness, EvaluateCommand::Set(Box::new(empty)));
    let vote = Defence::VOTE.argument();
    for (list, entry) in
        [("Add attack", "PGD L∞"), ("Add attack", "FGSM L2"), ("Add defence", "none"), ("Add defence", &vote)]
    {
        super::click(&mut harness, list);
        super::click(&mut harness, entry);
    }
    let form = &harness.state().settings().evaluation;
    assert!(form.attacks.starts_with("pgd:linf:8/255, fgsm:l2:"), "{}", form.attacks);
    assert_eq!(form.defences, format!("none {vote}"));
    assert_eq!(form.plan().unwrap().attacks.len(), 4, "each attack on each classifier");
}

fn drop_on(harness: &mut Window, path: &Path) {
    harness.input_mut().dropped_files.push(Arc::new(Dropped(path.to_owned())));
    harness.run_steps(3);
}

#[test]
fn a_dropped_folder_is_data_where_the_pane_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = oracle();
    drop_on(&mut harness, folder.path());
    assert_eq!(harness.state().settings().evaluation.data, "");
    run(&mut harness, WindowCommand::Show(Pane::EVALUATION));
    drop_on(&mut harness, folder.path());
    assert_eq!(harness.state().settings().evaluation.data, folder.path().display().to_string());
}

/// Ten folders whose names are none of the model's: which is which is a person's to say.
#[test]
fn classes_are_matched_by_number_only_if_a_person_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (class, picture) in oracle_pictures().iter().enumerate() {
        let path = folder.path().join(format!("kind {class}"));
        std::fs::create_dir_all(&path).unwrap();
        crate::picture::save(path.join("0.png"), picture, true).unwrap();
    }
    let quick = Form {
        noises: vec![NoiseKind::Gaussian],
        attacks: String::new(),
        defences: String::new(),
        certify: String::new(),
        ..form(folder.path())
    };
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::EVALUATION));
    run(&mut harness, EvaluateCommand::Set(Box::new(quick)));
    harness.run_steps(3);
    harness.get_by_label_contains("By number: kind 0 = disc");
    run(&mut harness, EvaluateCommand::Start);
    harness.run_steps(3);
    assert!(harness.state().features().evaluation.result.is_none());
    assert!(harness.state().features().evaluation.failure.as_ref().unwrap().contains("match by number"));
    harness.get_by_label("match by number").click();
    harness.run_steps(3);
    harness.get_by_role_and_label(egui::accesskit::Role::Button, "Evaluate").click();
    harness.run_steps(4);
    let measured = harness.state().features().evaluation.result.clone().expect("a result");
    assert!((measured.evaluation.by_sigma[0].accuracy - 1.0).abs() < 1e-12);
}
