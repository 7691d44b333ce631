//! Flows through a training run.

use std::path::Path;
use std::time::{Duration, Instant};

use egui_kittest::kittest::Queryable;

use super::{Window, oracle, painted, run, said, started};
use crate::gui::Options;
use crate::gui::app::{App, Threads};
use crate::gui::command::{PictureCommand, TrainCommand, WindowCommand};
use crate::gui::feature::oracle::{NAMES, oracle_pictures};
use crate::gui::feature::training::Stage;
use crate::gui::state::model::ModelSource;
use crate::gui::state::pane::Pane;
use crate::gui::state::settings::Settings;
use crate::gui::state::training_form::{TrainingForm as Form, Unit};
use crate::picture::save;
use crate::train::state_path;

/// A run of some steps on three pictures of each of two of the oracle's patterns.
fn form(folder: &Path, steps: f64) -> Form {
    let data = folder.join("data");
    for (name, pattern) in NAMES.iter().zip(oracle_pictures()).take(2) {
        let path = data.join(name);
        std::fs::create_dir_all(&path).unwrap();
        for index in 0..3 {
            save(path.join(format!("{index}.png")), &pattern, true).unwrap();
        }
    }
    let out = folder.join("model.safetensors").display().to_string();
    Form {
        data: data.display().to_string(),
        out,
        length: steps,
        unit: Unit::Steps,
        batch: 2,
        holdout: 2,
        ..Form::default()
    }
}

#[test]
fn a_run_is_watched_opened_and_not_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::TRAINING));
    run(&mut harness, TrainCommand::Set(Box::new(form(folder.path(), 2.0))));
    harness.get_by_label("Train").click();
    harness.run_steps(4);
    let training = &harness.state().features().training.now;
    assert_eq!((training.stage, training.saved), (Stage::Done, Some(2)), "{:?}", training.failure);
    assert!(training.entries.iter().any(|e| e.loss.is_some()) && training.entries.iter().any(|e| e.psnr.is_some()));
    harness.get_by_label("Done");
    harness.check_accessibility();
    harness.get_by_label("Open in the lab").click();
    harness.run_steps(4);
    let model = harness.state().session().model.clone().unwrap();
    assert_eq!(model.source, ModelSource::File(folder.path().join("model.safetensors")));

    run(&mut harness, TrainCommand::Start { replace: false });
    assert_eq!(harness.state().features().training.now.occupied, Some(true));
    run(&mut harness, TrainCommand::Set(Box::new(form(folder.path(), 3.0))));
    harness.get_by_label("Replace it").click();
    harness.run_steps(4);
    assert_eq!(harness.state().features().training.now.saved, Some(3));

    // The log of a run elsewhere is followed by its file alone.
    run(&mut harness, PictureCommand::OpenPaths(vec![folder.path().join("model.safetensors.csv")]));
    harness.run_steps(3);
    let training = &harness.state().features().training.now;
    assert_eq!((training.stage, training.entries.last().unwrap().step), (Stage::Followed, 3));
}

#[test]
fn any_option_of_the_command_line_is_an_option_of_the_pane() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::TRAINING));
    let more = "--classify-share 0.5 --mixup 0.3 --learned-weights --seed 77".to_owned();
    let filled = Form { more, ..form(folder.path(), 2.0) };
    run(&mut harness, TrainCommand::Set(Box::new(filled.clone())));
    harness.get_by_label("More options");
    run(&mut harness, TrainCommand::Start { replace: false });
    harness.run_steps(4);
    let training = &harness.state().features().training.now;
    assert_eq!((training.stage, training.saved), (Stage::Done, Some(2)), "{:?}", training.failure);
    let recipe = std::fs::read_to_string(folder.path().join("model.safetensors.toml")).unwrap();
    for line in ["classify_share = 0.5", "mixup = 0.3", "learned_weights = true", "seed = 77", "steps = 2"] {
        assert!(recipe.lines().any(|known| known == line), "{line} in {recipe}");
    }
    let wrong = Form { more: "--no-such-thing".to_owned(), ..filled };
    run(&mut harness, TrainCommand::Set(Box::new(wrong)));
    run(&mut harness, TrainCommand::Start { replace: true });
    assert!(said(&harness, "--no-such-thing"));
}

#[test]
fn a_failure_is_a_notice_and_stays_in_the_pane() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::TRAINING));
    let wrong = Form { data: "/nowhere/at/all".to_owned(), ..form(folder.path(), 1.0) };
    run(&mut harness, TrainCommand::Set(Box::new(wrong)));
    run(&mut harness, TrainCommand::Start { replace: false });
    let run = &harness.state().features().training.now;
    assert_eq!(run.stage, Stage::Failed);
    assert!(run.failure.as_ref().unwrap().contains("/nowhere/at/all"));
    assert!(said(&harness, "/nowhere/at/all"));
}

/// Frames until something holds.
fn wait_until(harness: &mut Window, holds: impl Fn(&App) -> bool) {
    let begun = Instant::now();
    while !holds(harness.state()) {
        assert!(begun.elapsed() < Duration::from_mins(5), "{:?}", harness.state().features().training.now);
        std::thread::sleep(Duration::from_millis(20));
        harness.run_steps(1);
    }
}

#[test]
fn a_run_pauses_resumes_and_is_saved_when_the_window_closes() {
    let folder = tempfile::tempdir().unwrap();
    let state = state_path(&folder.path().join("model.safetensors"));
    let mut harness = started(Vec::new(), "oracle", Threads::Spawned);
    run(&mut harness, TrainCommand::Set(Box::new(form(folder.path(), 1e6))));
    run(&mut harness, TrainCommand::Start { replace: false });
    wait_until(&mut harness, |app| app.features().training.now.stage == Stage::Running);
    run(&mut harness, WindowCommand::Show(Pane::TRAINING));
    let pause = harness.get_by_label("Pause").rect();
    harness.get_by_label("Pause").click();
    harness.run_steps(3);
    wait_until(&mut harness, |app| app.features().training.now.stage == Stage::Paused);
    harness.run_steps(3);
    // Where Pause was is what goes on with the run; what begins another stands beside it, out of the way of a second click.
    let [resume, anew] = ["Resume", "Train anew"].map(|label| harness.get_by_label(label).rect());
    assert!(resume.left() == pause.left() && anew.left() > pause.right() && !anew.contains(pause.center()));
    assert!(harness.query_by_label("Train").is_none());
    let paused = harness.state().features().training.now.saved.unwrap();
    assert!(state.is_file());
    run(&mut harness, TrainCommand::Resume);
    // Ten steps further it reports.
    wait_until(&mut harness, |app| app.features().training.now.report.is_some());
    let step = harness.state().features().training.now.report.unwrap().step;
    assert!(step > paused, "{step} after {paused}");
    let before = std::fs::metadata(&state).unwrap().modified().unwrap();
    drop(harness);
    assert!(std::fs::metadata(&state).unwrap().modified().unwrap() > before, "closing saves the run");
}

/// The window was killed while a run went on: the next one offers to go on from what was saved last.
#[test]
fn a_run_that_was_killed_is_offered_by_the_next_window() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let at_home = || {
        let options = Options { model: Some("digits".to_owned()), kept: Some(kept.clone()), ..Options::default() };
        let mut window = egui_kittest::Harness::builder()
            .with_size(eframe::egui::vec2(1280.0, 800.0))
            .build_eframe(|cc| App::new(cc, options, Threads::Spawned));
        window.run_steps(3);
        run(&mut window, WindowCommand::EndTour);
        run(&mut window, WindowCommand::Show(Pane::TRAINING));
        window
    };
    let words = "The run of model.safetensors was stopped before its end.";
    let mut first = at_home();
    assert!(first.query_by_label(words).is_none(), "there was none");
    run(&mut first, TrainCommand::Set(Box::new(form(folder.path(), 1e6))));
    run(&mut first, TrainCommand::Start { replace: false });
    wait_until(&mut first, |app| app.features().training.now.stage == Stage::Running);
    // As the window does twice a minute.
    std::fs::create_dir_all(&kept).unwrap();
    first.state().settings().save(&kept.join("settings.json")).unwrap();
    // What was saved last is there whole, whatever came after.
    run(&mut first, TrainCommand::Pause);
    wait_until(&mut first, |app| app.features().training.now.stage == Stage::Paused);
    let saved = first.state().features().training.now.saved.unwrap();
    std::mem::forget(first);

    let mut next = at_home();
    next.get_by_label(words);
    next.get_by_label("Resume it").click();
    next.run_steps(3);
    wait_until(&mut next, |app| app.features().training.now.started.is_some());
    assert_eq!(next.state().features().training.now.started.as_ref().unwrap().step, saved);
    assert!(next.query_by_label(words).is_none(), "it goes on");
}

/// Killed after the end of its run, but before the settings were saved once more: nothing of that run is offered.
#[test]
fn a_run_that_ended_is_not_offered_whatever_the_settings_say() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let mut harness = oracle();
    run(&mut harness, TrainCommand::Set(Box::new(form(folder.path(), 2.0))));
    run(&mut harness, TrainCommand::Start { replace: false });
    harness.run_steps(4);
    assert_eq!(harness.state().features().training.now.stage, Stage::Done);
    let out = folder.path().join("model.safetensors");
    let saved = Settings { unfinished_training: Some(out.clone()), ..harness.state().settings().clone() };
    saved.save(&kept.join("settings.json")).unwrap();
    let left = || {
        let options = Options { model: Some("digits".to_owned()), kept: Some(kept.clone()), ..Options::default() };
        let window = egui_kittest::Harness::builder().build_eframe(|cc| App::new(cc, options, Threads::Inline));
        window.state().features().training.left.clone()
    };
    assert_eq!(left(), None);
    // The same settings beside a run that was stopped: it is offered.
    let (record, tensors) = crate::train::read_state(&state_path(&out)).unwrap();
    assert!(record.done);
    let stopped = crate::train::Record { done: false, ..record };
    crate::train::write_state(&state_path(&out), &stopped, &tensors).unwrap();
    assert_eq!(left(), Some(out));
}

/// The first news of a run: the marks of its axes are its own step and loss, not parts of steps about them.
#[test]
fn the_axes_of_a_single_point_are_marked_at_the_point() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("model.safetensors.csv");
    let head = "step,seconds,epoch,loss,cross_entropy,score_error,gradient_norm,learning_rate,pictures_per_second,\
                accuracy,psnr";
    std::fs::write(&log, format!("{head}\n10,1.0,0.1,2.5,2.0,0.5,1.0,0.001,100,,\n")).unwrap();
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::TRAINING));
    run(&mut harness, TrainCommand::Follow(log));
    harness.run_steps(6);
    let title = harness.get_by_label("Loss").rect();
    let below = title.bottom()..title.bottom() + 330.0;
    let mut marks: Vec<f64> = painted(&harness)
        .iter()
        .filter(|(_, rect, _)| rect.left() > title.left() - 40.0 && below.contains(&rect.top()) && rect.right() < 940.0)
        .filter_map(|(words, ..)| words.parse().ok())
        .collect();
    marks.sort_by(f64::total_cmp);
    assert_eq!(marks, [2.5, 10.0]);
}

#[test]
fn what_was_never_measured_has_no_plot() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("model.safetensors.csv");
    let head = "step,seconds,epoch,loss,cross_entropy,score_error,gradient_norm,learning_rate,pictures_per_second,\
                accuracy,psnr";
    let first = "10,1.0,0.1,2.5,2.0,0.5,1.0,0.001,100,,";
    let titles = ["Loss", "PSNR of D at σ = 25/255, dB", "Accuracy, %"];
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::TRAINING));
    for (entries, plots) in [
        ("20,2.0,0.2,2.4,2.0,0.4,1.0,0.001,100,,", [true, false, false]),
        // A denoiser's accuracy is none.
        ("20,2.0,,,,,,,,,21.5", [true, true, false]),
        ("20,2.0,,,,,,,,0.75,21.5", [true, true, true]),
    ] {
        std::fs::write(&log, format!("{head}\n{first}\n{entries}\n")).unwrap();
        run(&mut harness, TrainCommand::Follow(log.clone()));
        harness.run_steps(4);
        assert_eq!(harness.state().features().training.now.entries.len(), 2);
        assert_eq!(titles.map(|title| harness.query_by_label(title).is_some()), plots, "{entries}");
    }
}
