//! The window with the worker that a person gets: what comes late, what is called off, what breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use egui_kittest::kittest::Queryable;

use super::{Window, run, said, started, use_model};
use crate::attack::{Method, parameters};
use crate::gui::app::{App, Threads};
use crate::gui::command::{AttackCommand, ModelCommand, NoiseCommand, PictureCommand, TrialsCommand, WindowCommand};
use crate::gui::feature::oracle::oracle;
use crate::gui::state::model::ModelSource;
use crate::gui::state::pane::Pane;
use crate::gui::view::tile::PATIENCE;
use crate::joint::Forward;
use crate::joint::altered::{Altered, Change};
use crate::picture::{Picture, estimate_sigma};
use crate::study::Fidelity;

fn threaded() -> Window {
    let mut window = started(Vec::new(), "digits", Threads::Spawned);
    until(&mut window, "the first study", studied);
    window
}

/// Shows frames until `enough`, as a screen would.
fn until(window: &mut Window, what: &str, enough: impl Fn(&App) -> bool) {
    let begun = Instant::now();
    while !enough(window.state()) {
        assert!(begun.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
        window.step();
    }
}

/// Whether picture, noisy picture and study are those that the window asks for; each comes from a lane of its own, in any order.
fn studied(app: &App) -> bool {
    let questions = app.questions();
    let pending = [questions.fit.is_pending(), questions.noise.is_pending(), questions.study.is_pending()];
    app.session().answer.study.is_some() && !pending.contains(&true)
}

fn attack_for_long(window: &mut Window) {
    run(window, WindowCommand::Show(Pane::ADVERSARY));
    let mut settings = window.state().document().attack.clone();
    settings.set(parameters::STEPS, 100_000.0).unwrap();
    settings.set(parameters::EARLY_STOP, 0.0).unwrap();
    run(window, AttackCommand::Set(Box::new(settings)));
    // One that takes long does not run by itself.
    run(window, AttackCommand::Run);
    until(window, "the attack to be under way", |app| app.session().attack.track.seen() > 3);
}

#[test]
fn the_noisy_picture_does_not_wait_for_the_model_and_the_rest_is_marked_old() {
    let mut window = threaded();
    // Made after the window, so that it lets go first: a failure here ends the test, and does not leave it waiting.
    let hold = Hold::default();
    use_model(&mut window, Altered(oracle(), Held(hold.0.clone())));
    until(&mut window, "the first study", studied);
    hold.0.store(true, Ordering::SeqCst);
    window.state_mut().run(NoiseCommand::SetSigma(0.4));
    until(&mut window, "the noisy picture", |app| {
        let clean = app.session().fitted.as_ref().unwrap().content.picture();
        let noisy = app.session().answer.noisy.as_ref().unwrap();
        !noisy.stale && noisy.value.picture() == &app.document().noise.apply(clean)
    });
    let answer = &window.state().session().answer;
    assert!(window.state().questions().study.is_pending());
    assert!(answer.posterior.as_ref().unwrap().stale);
    assert!(answer.denoised.as_ref().unwrap().stale);
    assert!(answer.classes.iter().all(|tile| tile.stale));
    let truth = Fidelity::of(answer.noisy.as_ref().unwrap().value.picture(), clean(&window));
    assert_eq!(answer.noisy_fidelity, Some(truth));
    // Once it is late, the large figures say that they are of before, though nothing else happens that has them drawn again.
    window.step();
    let wait = window.output().viewport_output.values().map(|output| output.repaint_delay).min().unwrap();
    assert!(wait <= PATIENCE, "drawn again after {wait:?}");
    until(&mut window, "the mark", |app| app.questions().study.waited() > PATIENCE * 2);
    window.run_steps(2);
    assert!(window.query_all_by_label("before; computing…").next().is_some());
    // So does the estimate of σ.
    window.state_mut().run(NoiseCommand::EstimateSigma);
    until(&mut window, "the estimate", |app| app.document().already_noisy);
    assert_eq!(window.state().document().noise.sigma, estimate_sigma(clean(&window)));
    drop(hold);
    until(&mut window, "the study", studied);
    assert!(!window.state().session().answer.posterior.as_ref().unwrap().stale);
    assert!(window.query_all_by_label("before; computing…").next().is_none());
    run(&mut window, WindowCommand::Undo);
    assert!(!window.state().document().already_noisy && window.state().document().noise.sigma == 0.4);
}

#[test]
fn of_two_models_that_are_read_at_once_the_one_that_was_asked_for_last_stays() {
    let mut window = threaded();
    // The second needs no file: it is there long before the first, which then is nobody's wish any more.
    window.state_mut().run(ModelCommand::Use(ModelSource::Bundled("cifar10".to_owned())));
    window.state_mut().run(ModelCommand::Use(ModelSource::Oracle));
    until(&mut window, "both models", |app| !app.session().model_loading);
    assert_eq!(window.state().session().model.as_ref().unwrap().source, ModelSource::Oracle);
    assert_eq!(window.state().settings().model, ModelSource::Oracle);
}

fn clean(window: &Window) -> &Picture {
    window.state().session().fitted.as_ref().unwrap().content.picture()
}

#[test]
fn the_last_of_many_moves_has_the_last_word() {
    let mut window = threaded();
    for level in 1..=60 {
        window.state_mut().run(NoiseCommand::SetSigma(level as f32 / 255.0));
        window.step();
    }
    until(&mut window, "the last study", studied);
    let answer = &window.state().session().answer;
    let study = answer.study.clone().unwrap();
    assert_eq!(study.sigma, 60.0 / 255.0);
    assert_eq!(answer.denoised.as_ref().unwrap().value.picture(), &study.denoised);
    assert!(!answer.posterior.as_ref().unwrap().stale);
    // The same bits as from the worker without a thread.
    let mut inline = super::window();
    run(&mut inline, NoiseCommand::SetSigma(60.0 / 255.0));
    assert_eq!(inline.state().session().answer.study.as_ref().unwrap().denoised, study.denoised);
}

#[test]
fn an_attack_is_called_off_by_the_next_picture() {
    let mut window = threaded();
    attack_for_long(&mut window);
    let begun = Instant::now();
    run(&mut window, PictureCommand::Select(3));
    until(&mut window, "the study of the next picture", studied);
    assert!(begun.elapsed() < Duration::from_secs(20), "the study did not wait for 100 000 steps");
    assert_eq!(window.state().session().answer.study.as_ref().unwrap().predicted(), 3);
}

#[test]
fn an_attack_shows_how_far_it_is_and_is_cancelled_by_its_button() {
    let mut window = threaded();
    attack_for_long(&mut window);
    assert!(window.query_by_label("Run").is_none());
    window.get_by_label("Attack so far");
    let begun = Instant::now();
    window.get_by_label("Cancel").click();
    window.run_steps(2);
    until(&mut window, "the end of it", |app| !app.questions().attack.is_pending());
    assert!(begun.elapsed() < Duration::from_secs(20));
    window.run_steps(3);
    assert!(window.state().session().attack.outcome.is_none());
    window.get_by_label("Cancelled: these are the steps until then.");
    window.get_by_label("Run");
}

/// Two attacks, the second of which would take a hundred thousand steps.
#[test]
fn attacks_side_by_side_are_cancelled_and_what_was_found_stays() {
    let mut window = threaded();
    let mut own = window.state().document().attack.clone();
    own.set(parameters::STEPS, 100_000.0).unwrap();
    own.set(parameters::EARLY_STOP, 0.0).unwrap();
    assert_eq!(own.method, Method::Pgd);
    run(&mut window, AttackCommand::Set(Box::new(own)));
    run(&mut window, WindowCommand::Show(Pane::TRIALS));
    window.state_mut().host.session.trials.methods = vec![Method::Fgsm, Method::Pgd];
    run(&mut window, TrialsCommand::Run);
    until(&mut window, "the second attack", |app| {
        app.session().trials.found.len() == 1 && app.session().trials.progress.0 > 3
    });
    let first = window.state().session().trials.found[0].ending.clone().unwrap().outcome;
    window.get_by_label("Attacks so far");
    window.get_by_label("1 of 2");
    let begun = Instant::now();
    window.get_by_label("Cancel").click();
    window.run_steps(2);
    until(&mut window, "the end of them", |app| !app.questions().trials.is_pending());
    assert!(begun.elapsed() < Duration::from_secs(20));
    window.run_steps(3);
    let found = &window.state().session().trials.found;
    assert_eq!((found.len(), &*found[0].ending.as_ref().unwrap().outcome), (1, &*first));
    window.get_by_label("cancelled before the other 1");
    // The way to begin again stands where Cancel stood.
    window.get_by_label("Run 2 attacks");
}

/// Two megapixels: far more than is restored before the button is pressed.
#[test]
fn the_restoration_of_a_photograph_shows_how_far_it_is_and_is_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.png");
    let ramp = |x: u32, y: u32| image::Rgb([(x % 256) as u8, (y % 256) as u8, ((x + y) % 256) as u8]);
    image::RgbImage::from_fn(1600, 1200, ramp).save(&path).unwrap();
    let mut window = started(vec![path], "digits", Threads::Spawned);
    run(&mut window, WindowCommand::Show(Pane::PHOTOGRAPH));
    until(&mut window, "a part of the whole", |app| {
        app.questions().photo_whole.is_pending() && app.session().photo.share > 0.0
    });
    window.step();
    window.get_by_label("Restored of the whole photograph");
    let begun = Instant::now();
    window.get_by_label("Cancel").click();
    window.run_steps(2);
    until(&mut window, "the end of it", |app| !app.questions().photo_whole.is_pending());
    assert!(begun.elapsed() < Duration::from_secs(20));
    window.run_steps(3);
    let photo = &window.state().session().photo;
    assert!(photo.stopped && photo.result().is_none() && photo.share < 1.0);
    window.get_by_label("Restore the rest");
}

#[test]
fn closing_the_window_does_not_wait_for_the_attack() {
    let mut window = threaded();
    attack_for_long(&mut window);
    let begun = Instant::now();
    drop(window);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// A model with a bug.
struct Broken;

impl Change for Broken {
    fn log_joint(&self, _: &dyn Forward) -> Vec<f64> {
        panic!("out of cheese")
    }
}

/// Holds a model back while its flag is up, and at the latest lets go of it when it is dropped.
#[derive(Default)]
struct Hold(Arc<AtomicBool>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// A model that says nothing while its flag is up.
struct Held(Arc<AtomicBool>);

impl Change for Held {
    fn log_joint(&self, own: &dyn Forward) -> Vec<f64> {
        while self.0.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        own.log_joint().to_vec()
    }
}

#[test]
fn a_panic_of_the_worker_is_a_notice_and_the_next_model_computes() {
    let mut window = threaded();
    use_model(&mut window, Altered(oracle(), Broken));
    until(&mut window, "the notice", |app| app.session().notices.history().any(|n| n.text.contains("out of cheese")));
    assert!(said(&window, "the window goes on"));
    run(&mut window, ModelCommand::Use(ModelSource::Bundled("digits".to_owned())));
    until(&mut window, "the study by another model", |app| {
        studied(app) && app.session().answer.study.as_ref().is_some_and(|study| study.model.name == "digits")
    });
}
