//! The window with the worker that a person gets: what comes late, what is called off, what breaks.

use std::time::{Duration, Instant};

use super::{Window, run, said, started, use_model};
use crate::attack::names;
use crate::gui::app::Threads;
use crate::gui::command::Command;
use crate::gui::models::{ModelSource, oracle};
use crate::gui::panes::Pane;
use crate::joint::{Forward, JointModel, SigmaRange};
use crate::picture::{Batch, Shape};
use crate::{Result, gui};

fn threaded() -> Window {
    let mut window = started(Vec::new(), "digits", Threads::Spawned);
    until(&mut window, "the first study", studied);
    window
}

/// Shows frames until `enough`, as a screen would.
fn until(window: &mut Window, what: &str, enough: impl Fn(&gui::App) -> bool) {
    let begun = Instant::now();
    while !enough(window.state()) {
        assert!(begun.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
        window.step();
    }
}

fn studied(app: &gui::App) -> bool {
    let session = app.session();
    session.answer.study.is_some() && !session.study_asked.is_pending() && !session.fit_asked.is_pending()
}

fn attack_for_long(window: &mut Window) {
    run(window, Command::Show(Pane::Adversary));
    let mut settings = window.state().document().attack.clone();
    settings.set(names::STEPS, 100_000.0).unwrap();
    settings.set(names::EARLY_STOP, 0.0).unwrap();
    run(window, Command::SetAttack(Box::new(settings)));
    until(window, "the attack to be under way", |app| app.session().attack.steps.len() > 3);
}

#[test]
fn the_noisy_picture_is_there_in_the_frame_of_the_move_and_the_rest_is_marked_old() {
    let mut window = threaded();
    // The worker is busy with this, so that no answer can slip in.
    attack_for_long(&mut window);
    let ctx = window.ctx.clone();
    window.state_mut().run(&ctx, Command::SetSigma(0.4));
    window.step();
    let (document, session) = (window.state().document(), window.state().session());
    let clean = session.fitted.as_ref().unwrap().content.picture();
    assert_eq!(session.answer.noisy.as_ref().unwrap().picture(), &document.noise.apply(clean));
    assert!(session.study_asked.is_pending());
    assert!(session.answer.posterior.as_ref().unwrap().stale);
    assert!(session.answer.denoised.as_ref().unwrap().stale);
    assert!(session.answer.classes.iter().all(|tile| tile.stale));
}

#[test]
fn the_last_of_many_moves_has_the_last_word() {
    let mut window = threaded();
    let ctx = window.ctx.clone();
    for level in 1..=60 {
        window.state_mut().run(&ctx, Command::SetSigma(level as f32 / 255.0));
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
    run(&mut inline, Command::SetSigma(60.0 / 255.0));
    assert_eq!(inline.state().session().answer.study.as_ref().unwrap().denoised, study.denoised);
}

#[test]
fn an_attack_is_called_off_by_the_next_picture() {
    let mut window = threaded();
    attack_for_long(&mut window);
    let begun = Instant::now();
    run(&mut window, Command::Select(3));
    until(&mut window, "the study of the next picture", studied);
    assert!(begun.elapsed() < Duration::from_secs(20), "the study did not wait for 100 000 steps");
    assert_eq!(window.state().session().answer.study.as_ref().unwrap().predicted(), 3);
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
struct Broken(crate::joint::GaussianMixture);

impl JointModel for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn device(&self) -> String {
        self.0.device()
    }

    fn classes(&self) -> &[String] {
        self.0.classes()
    }

    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn sigma_range(&self) -> SigmaRange {
        self.0.sigma_range()
    }

    fn forward(&self, _: &Batch, _: &[f32]) -> Result<Box<dyn Forward + '_>> {
        panic!("out of cheese")
    }
}

#[test]
fn a_panic_of_the_worker_is_a_notice_and_the_next_model_computes() {
    let mut window = threaded();
    use_model(&mut window, Broken(oracle()));
    until(&mut window, "the notice", |app| app.session().toasts.history().any(|n| n.text.contains("out of cheese")));
    assert!(said(&window, "the window goes on"));
    run(&mut window, Command::UseModel(ModelSource::Bundled("digits".to_owned())));
    until(&mut window, "the study by another model", |app| {
        studied(app) && app.session().answer.study.as_ref().is_some_and(|study| study.model.name == "digits")
    });
}
