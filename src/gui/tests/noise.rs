//! Noise: the slider and what follows it.

use eframe::egui::{self, Key, accesskit, lerp, pos2};
use egui_kittest::kittest::Queryable;

use super::{Window, click, drag, run, said, window};
use crate::gui::command::{NoiseCommand, WindowCommand};
use crate::picture::{Noise, NoiseKind};

fn level(window: &Window) -> f32 {
    window.state().document().noise.sigma * 255.0
}

#[test]
fn the_slider_moves_noise_and_beliefs_together() {
    let mut window = window();
    window.get_by_label("Sigma slider").set_value_accesskit(50.0);
    window.run_steps(3);
    let state = window.state();
    assert!((level(&window) - 50.0).abs() < 1e-3);
    let answer = &state.session().answer;
    let psnr = answer.noisy_fidelity.unwrap().psnr_db();
    // Over 1024 values the mean square of the noise scatters by 4.4 %, its PSNR by 0.19 dB.
    assert!((psnr - 14.15).abs() < 0.6, "{psnr}");
    assert!(!answer.posterior.as_ref().unwrap().stale);
    let study = answer.study.as_ref().unwrap();
    assert_eq!(answer.noisy.as_ref().unwrap().value.picture(), &study.noisy, "the study's own bits");
}

#[test]
fn the_slider_is_logarithmic_and_a_drag_is_one_step_of_undo() {
    let mut window = window();
    let slider = window.get_by_label("Sigma slider").rect();
    let at = |part: f32| pos2(lerp(slider.x_range(), part), slider.center().y);
    let range = window.state().session().model.as_ref().unwrap().joint.sigma_range();
    let before = level(&window);
    drag(&mut window, at(0.25), at(0.75));
    let expected = 255.0 * range.min.max(1.0 / 255.0) * (range.max.min(1.0) / range.min.max(1.0 / 255.0)).powf(0.75);
    assert!((level(&window) / expected - 1.0).abs() < 0.01, "{} for {expected}", level(&window));
    run(&mut window, WindowCommand::Undo);
    assert!((level(&window) - before).abs() < 1e-3);
}

/// Types into a field of a number.
fn enter(window: &mut Window, field: &str, typed: &str) {
    window.get_by_role_and_label(accesskit::Role::SpinButton, field).click();
    window.run_steps(2);
    window.event(egui::Event::Text(typed.to_owned()));
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
}

#[test]
fn levels_are_typed_on_both_scales() {
    let mut window = window();
    for (field, typed, expected) in [("Sigma of 255", "40", 40.0), ("Sigma of 1", "0.2", 51.0)] {
        enter(&mut window, field, typed);
        assert!((level(&window) - expected).abs() < 1e-3, "{field}: {}", level(&window));
    }
}

/// What is no level is refused in words, and the level stays.
#[test]
fn what_is_no_level_is_refused_aloud() {
    let mut window = window();
    let before = level(&window);
    for (field, typed, words) in
        [("Sigma of 255", "ten", "is no level: write 25, or 25/255"), ("Sigma of 1", "12,5", "did you mean 12.5/255?")]
    {
        enter(&mut window, field, typed);
        assert!(said(&window, words), "{typed}");
        assert_eq!(level(&window), before);
    }
}

#[test]
fn presets_are_keys_and_buttons() {
    let mut window = window();
    for (key, expected) in [(Key::Num1, 15.0), (Key::Num3, 50.0), (Key::Num2, 25.0)] {
        window.key_press(key);
        window.run_steps(3);
        assert!((level(&window) - expected).abs() < 1e-3);
    }
    window.get_by_role_and_label(accesskit::Role::Button, "50").click();
    window.run_steps(3);
    assert!((level(&window) - 50.0).abs() < 1e-3);
}

#[test]
fn noise_has_a_kind_and_a_seed() {
    let mut window = window();
    let noisy = |window: &Window| window.state().session().answer.noisy.clone().unwrap().value.picture().clone();
    let first = noisy(&window);
    window.key_press(Key::R);
    window.run_steps(3);
    assert_ne!(noisy(&window), first);
    run(&mut window, NoiseCommand::SetSeed(0));
    assert_eq!(noisy(&window), first);
    click(&mut window, "Kind of noise");
    click(&mut window, "Poisson");
    let state = window.state();
    let noise = Noise { kind: NoiseKind::Poisson, ..state.document().noise };
    assert_eq!(noisy(&window), noise.apply(state.session().fitted.as_ref().unwrap().content.picture()));
    assert!(
        !state.session().answer.study.as_ref().unwrap().notes.is_empty(),
        "Tweedie's formula is for Gaussian noise"
    );
}

#[test]
fn a_noisy_picture_takes_no_noise_and_its_level_is_estimated() {
    let mut window = window();
    click(&mut window, "Already noisy");
    let state = window.state();
    let study = state.session().answer.study.as_ref().unwrap();
    assert!(study.clean.is_none() && study.noise.is_none());
    assert_eq!(&study.noisy, state.session().fitted.as_ref().unwrap().content.picture());
    // At once, and again when a person asks for it.
    for again in [false, true] {
        if again {
            run(&mut window, NoiseCommand::SetSigma(0.3));
            click(&mut window, "Estimate σ");
        }
        let state = window.state();
        let fitted = state.session().fitted.as_ref().unwrap();
        assert_eq!(state.document().noise.sigma, crate::picture::estimate_sigma(fitted.content.picture()));
    }
    run(&mut window, NoiseCommand::ToggleAlreadyNoisy);
    assert!(!window.state().document().already_noisy);
}
