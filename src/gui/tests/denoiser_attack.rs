//! The adversary after the denoiser: what changes or spoils the restored picture most.

use eframe::egui::accesskit::Role;
use egui_kittest::kittest::Queryable;

use super::{Window, asked, click, run, use_model, window};
use crate::attack::{DenoiserOutcome, DenoiserSettings, Norm, Objective, attack_denoiser};
use crate::gui::command::{AttackCommand, ExportCommand, NoiseCommand, WindowCommand};
use crate::gui::state::document::{Aim, TileKind};
use crate::gui::state::pane::Pane;
use crate::gui::state::tile_content::tile_content;
use crate::joint::GaussianMixture;
use crate::picture::{NoiseKind, Shape};
use crate::study::Fidelity;
use crate::task::Cancel;

fn attacking() -> Window {
    let mut window = window();
    run(&mut window, NoiseCommand::SetSigma(0.4));
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    click(&mut window, "the denoiser");
    window.run_steps(4);
    window
}

/// The same attack without a window.
fn by_itself(window: &Window, settings: &DenoiserSettings) -> DenoiserOutcome {
    let session = window.state().session();
    let model = session.model.as_ref().unwrap().joint.clone();
    let (clean, noisy) = (&session.fitted.as_ref().unwrap().content, &session.answer.noisy.as_ref().unwrap().value);
    let (clean, noisy) = (clean.picture(), noisy.picture());
    attack_denoiser(&*model, noisy, Some(clean), settings, &Cancel::new(), &mut |_| ()).unwrap()
}

fn found(window: &Window) -> DenoiserOutcome {
    (**window.state().session().denoiser_attack.outcome.as_ref().expect("an outcome")).clone()
}

#[test]
fn the_denoiser_is_attacked_on_the_noisy_picture_of_the_screen() {
    let mut window = attacking();
    let settings = DenoiserSettings::new(Objective::Change, Norm::L2, 0.5, 0.4);
    let outcome = found(&window);
    assert_eq!(outcome, by_itself(&window, &settings));
    window.get_by_label(&format!("D moved by {:.1}/255", 255.0 * outcome.loss.last().unwrap()));
    window.get_by_label(&format!("plain noise of that size: {:.1}/255", 255.0 * outcome.control));
    // Beliefs pairs what was said of y with what is said of y + d.
    window.get_by_label("Bars: noisy over attacked, with noise");
    // The tiles show what the attack made.
    let shown = |window: &Window, kind| {
        let state = window.state();
        tile_content(kind, state.document(), state.session()).unwrap()
    };
    let after = shown(&window, TileKind::RestoredAfter);
    assert_eq!(after.content.picture(), &outcome.after);
    let clean = window.state().session().fitted.as_ref().unwrap().content.clone();
    assert_eq!(after.fidelity, Some(Fidelity::of(&outcome.after, clean.picture())));
    let change = shown(&window, TileKind::RestoredChange);
    assert_eq!(change.operand.unwrap().picture(), &outcome.before);
    let moved = shown(&window, TileKind::NoisyPerturbation);
    assert_eq!(moved.content.picture(), &outcome.attacked);
    assert_eq!(&moved.operand.unwrap(), &window.state().session().answer.noisy.as_ref().unwrap().value);
    // Another noise level is another question, and so is another aim within the budget.
    run(&mut window, NoiseCommand::SetSigma(0.2));
    window.run_steps(4);
    assert_eq!(found(&window), by_itself(&window, &DenoiserSettings { sigma: 0.2, ..settings }));
    click(&mut window, "Spoil D");
    window.run_steps(4);
    let settings = DenoiserSettings { sigma: 0.2, objective: Objective::Error, ..settings };
    let spoiled = found(&window);
    assert_eq!(spoiled, by_itself(&window, &settings));
    window.get_by_label(&format!("without d: {:.1}/255", 255.0 * spoiled.without));
    click(&mut window, "L∞");
    window.get_by_role_and_label(Role::Slider, "ε").set_value_accesskit(16.0);
    window.run_steps(6);
    let epsilon = 16.0 / 255.0;
    let outcome = found(&window);
    assert!((outcome.achieved.linf - epsilon).abs() < 1e-3, "{:?}", outcome.achieved);
    assert!(
        (window.state().document().denoiser_attack.step_size - 0.5 * epsilon).abs() < 1e-9,
        "half the budget still"
    );
}

#[test]
fn its_steps_are_scrubbed() {
    let mut window = window();
    run(&mut window, AttackCommand::Aim(Aim::Denoiser));
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    window.run_steps(4);
    let outcome = found(&window);
    let track = &window.state().session().denoiser_attack.track;
    assert_eq!((track.seen(), track.len()), (21, 22));
    for _ in 0..3 {
        window.get_by_label_contains("Step of the attack").decrement_accesskit();
        window.run_steps(2);
    }
    let step = window.state().session().denoiser_attack.track.looked_at().map(|(number, step)| (number, step.loss));
    assert_eq!(step, Some((18, outcome.loss[18])));
    window.get_by_label(&format!("looking at step 18 of 21: {:.1}/255", 255.0 * outcome.loss[18]));
    assert!(window.state().session().attack.track.is_empty(), "the class is not attacked meanwhile");
    window.state_mut().run(AttackCommand::Play);
    assert_eq!(window.state().session().denoiser_attack.track.position(), 0);
}

#[test]
fn a_picture_with_noise_of_its_own_has_no_error_to_make_large() {
    let mut window = attacking();
    click(&mut window, "Spoil D");
    run(&mut window, NoiseCommand::ToggleAlreadyNoisy);
    run(&mut window, NoiseCommand::SetSigma(0.3));
    window.run_steps(4);
    assert!(window.query_by_label("Spoil D").is_none());
    assert_eq!(window.state().document().denoiser_settings().objective, Objective::Change);
    assert!(found(&window).without.abs() < 1e-9, "the change without a change");
    run(&mut window, NoiseCommand::ToggleAlreadyNoisy);
    window.get_by_label("Spoil D");
    assert_eq!(window.state().document().denoiser_settings().objective, Objective::Error, "as it was chosen");
}

#[test]
fn a_long_one_waits_for_a_person() {
    let mut window = attacking();
    let before = found(&window);
    let settings = DenoiserSettings { steps: 150, ..window.state().document().denoiser_attack };
    run(&mut window, AttackCommand::SetDenoiser(settings));
    window.get_by_label("long: runs when you say so");
    window.get_by_label("The settings changed: press Run.");
    assert_eq!(found(&window), before);
    click(&mut window, "Run");
    assert_eq!(found(&window).loss.len(), 152);
    assert!(!window.state().session().denoiser_attack.stale);
}

#[test]
fn a_denoiser_without_classes_is_attacked_too() {
    let mut window = window();
    use_model(&mut window, GaussianMixture::new(Shape::new(1, 32, 32), 1).with(0, 1.0, vec![0.4; 1024], 0.05));
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    window.run_steps(4);
    assert_eq!(window.state().document().aim, Aim::Class, "what is chosen for other models");
    window.get_by_label_contains("D moved by");
    assert!(window.query_by_label("the class").is_none());
    assert!((found(&window).gain - 0.05 / (0.05 + 1.0)).abs() < 1e-4, "of a Gaussian it is v/(v + σ²)");
}

#[test]
fn it_has_a_command_and_a_sheet() {
    let mut window = attacking();
    let commands = |window: &mut Window| -> String {
        let copied = asked(window, |window| window.state_mut().run(ExportCommand::CopyCommandLine));
        let [eframe::egui::OutputCommand::CopyText(lines)] = copied.as_slice() else { panic!("{copied:?}") };
        lines.lines().nth(1).unwrap().to_owned()
    };
    let line = commands(&mut window);
    let rest = "--objective change --norm l2 --epsilon 0.5 --steps 20 --step-size 0.25 --sigma 102/255 --seed 0";
    assert_eq!(line, format!("denoscope attack sample:digits/8.png --model digits --device cpu {rest}"));
    run(&mut window, NoiseCommand::SetKind(NoiseKind::Poisson));
    window.run_steps(4);
    assert!(commands(&mut window).ends_with(" --noise poisson"));
    run(&mut window, ExportCommand::SaveSheet);
    let line = commands(&mut window);
    assert!(line.ends_with(" --noise poisson --sheet 8-attack.png --dark"), "{line}");
}
