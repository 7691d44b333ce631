//! The adversary: methods, budgets, the timeline, purification.

use eframe::egui::accesskit::Role;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{Window, click, run, window};
use crate::attack::{Method, Norm, Settings, Target};
use crate::gui::command::{AttackCommand, NoiseCommand, PictureCommand, WindowCommand};
use crate::gui::state::pane::Pane;
use crate::study::words::believed;
use crate::study::{Classes, Request, analyze};
use crate::task::Cancel;

fn attacking() -> Window {
    let mut window = window();
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    window.run_steps(4);
    window
}

fn slide(window: &mut Window, label: &str, value: f64) {
    window.get_by_role_and_label(Role::Slider, label).set_value_accesskit(value);
    window.run_steps(4);
}

#[test]
fn an_attack_runs_within_its_budget_and_follows_it() {
    let mut window = attacking();
    let outcome = window.state().session().attack.outcome.clone().expect("an outcome");
    assert_eq!(window.state().session().attack.track.len(), outcome.steps + 1);
    assert!(outcome.achieved.linf <= outcome.epsilon.unwrap() + 1e-6);
    slide(&mut window, "ε", 64.0);
    let after = window.state().session().attack.outcome.clone().unwrap();
    assert!((after.epsilon.unwrap() - 64.0 / 255.0).abs() < 1e-6);
    assert!(after.achieved.linf > outcome.achieved.linf);
    assert!(after.success, "a quarter of the range fools the digits");
    window.get_by_label_contains("Fooled");
    window.get_by_label("asked for L∞ 64/255");
    window.get_by_label_contains("achieved L∞ ");
}

#[test]
fn every_method_of_the_registry_can_be_chosen() {
    let mut window = attacking();
    click(&mut window, "Method");
    for method in Method::ALL.into_iter().filter(|m| m.description().min_classes <= 10) {
        window.get_by_label(method.description().title);
    }
    click(&mut window, "FGSM");
    let outcome = window.state().session().attack.outcome.clone().unwrap();
    assert_eq!((window.state().document().attack.method, outcome.steps), (Method::Fgsm, 1));
}

#[test]
fn norm_target_and_seed_are_chosen() {
    let mut window = attacking();
    click(&mut window, "L2");
    slide(&mut window, "ε", 2.0);
    let outcome = window.state().session().attack.outcome.clone().unwrap();
    assert_eq!(window.state().document().attack.norm, Norm::L2);
    assert!(outcome.achieved.l2 <= 2.0 + 1e-5 && outcome.achieved.l2 > 1.0);
    run(&mut window, AttackCommand::Reroll);
    let other = window.state().session().attack.outcome.clone().unwrap();
    assert_ne!(outcome.attacked, other.attacked, "another random start");
    let mut settings = window.state().document().attack.clone();
    settings.target = Target::Class(3);
    run(&mut window, AttackCommand::Set(Box::new(settings)));
    assert_eq!(window.state().session().attack.outcome.as_ref().unwrap().target, Some(3));
}

#[test]
fn the_timeline_is_scrubbed() {
    let mut window = attacking();
    let steps = window.state().session().attack.outcome.as_ref().unwrap().steps;
    let gradient = window.state().session().attack.gradient.clone().unwrap();
    window.get_by_label_contains("Step of the attack").decrement_accesskit();
    window.run_steps(4);
    assert_eq!(window.state().session().attack.track.position(), steps - 1);
    assert_ne!(window.state().session().attack.gradient.as_ref().unwrap(), &gradient, "asked anew at that step");
}

/// What is said of the attack is of its end, what is said of the step is called so.
#[test]
fn the_step_that_is_looked_at_is_told_from_the_end() {
    let mut window = attacking();
    slide(&mut window, "ε", 64.0);
    let outcome = window.state().session().attack.outcome.clone().unwrap();
    assert!(outcome.success);
    let [from, to] = [outcome.predicted_before, outcome.predicted_after];
    let said = |class: usize, posterior: &[f64]| believed(&class.to_string(), posterior[class]);
    let headline = format!("{}; now {}", said(from, &outcome.posterior_before), said(to, &outcome.posterior_after));
    window.get_by_label(&headline);
    assert!(window.query_by_label_contains("looking at step").is_none());
    for _ in 0..outcome.steps {
        window.get_by_label_contains("Step of the attack").decrement_accesskit();
        window.run_steps(2);
    }
    window.run_steps(3);
    window.get_by_label(&headline);
    let first = window.state().session().attack.track.shown().unwrap().clone();
    let said = said(from, &first.posterior);
    window.get_by_label(&format!("looking at step 0 of {}: {said}", window.state().session().attack.track.seen()));
    let tiles = window.get_all_by_role(Role::Image).filter_map(|tile| tile.accesskit_node().label());
    let attacked: Vec<String> = tiles.filter(|label| label.starts_with("Attacked")).collect();
    assert!(attacked[0].contains(&from.to_string()), "{attacked:?}");
}

/// To be taken for what it is, is no success: a target that was chosen for another picture may be this one's own class.
#[test]
fn a_target_that_the_picture_is_already_needs_no_attack() {
    let mut window = attacking();
    let mut settings = window.state().document().attack.clone();
    settings.target = Target::Class(4);
    run(&mut window, AttackCommand::Set(Box::new(settings)));
    run(&mut window, PictureCommand::Select(4));
    window.run_steps(4);
    let outcome = window.state().session().attack.outcome.clone().unwrap();
    assert_eq!((outcome.target, outcome.predicted_before, outcome.success), (Some(4), 4, false));
    window.get_by_label("No attack needed");
    assert!(window.query_by_label("Fooled").is_none());
}

#[test]
fn the_words_of_every_attacks_settings_are_explained() {
    let mut window = attacking();
    for description in Method::ALL.map(Method::description) {
        assert!(description.about.split(' ').count() > 3, "{}", description.id);
        for parameter in description.parameters {
            assert!(parameter.help.split(' ').count() > 2, "{}: {}", description.id, parameter.name);
        }
    }
    let mut settings = Settings::new(Method::Square, 5.0 / 255.0);
    settings.set("queries", 10.0).unwrap();
    run(&mut window, AttackCommand::Set(Box::new(settings)));
    // High enough that the slider is in sight.
    window.set_size(eframe::egui::vec2(1280.0, 1400.0));
    window.run_steps(3);
    window.get_by_role_and_label(Role::Slider, "p init").hover();
    window.run_steps(60);
    let help = Method::Square.description().parameters.iter().find(|p| p.name == "p-init").unwrap().help;
    window.get_by_label(help);
}

/// The gradient on screen is a difference of two denoisers: those of the study of the same picture.
#[test]
fn the_gradient_is_a_difference_of_denoisers() {
    let window = attacking();
    let (state, attack) = (window.state(), &window.state().session().attack);
    let model = state.session().model.as_ref().unwrap().joint.clone();
    let picture = attack.track.shown().unwrap().attacked.picture().clone();
    let sigma = model.sigma_range().clamp(state.document().attack.sigma);
    let request = Request::noisy(picture, Some(sigma)).with_classes(Classes::All);
    let study = analyze(&*model, &request, &Cancel::new(), &mut |_| ()).unwrap();
    let label = attack.outcome.as_ref().unwrap().label;
    let conditional = study.conditionals.iter().find(|c| c.class == label).unwrap();
    let difference = study.denoised.zip(&conditional.picture, |d, d_label| (d - d_label) / (sigma * sigma));
    let gradient = attack.gradient.as_ref().unwrap().picture();
    let scale = gradient.values().iter().fold(1.0_f32, |a, v| a.max(v.abs()));
    let off = gradient.values().iter().zip(difference.values()).fold(0.0_f32, |a, (g, d)| a.max((g - d).abs()));
    assert!(off < 1e-2 * scale, "{off} of {scale}");
    // As many cotangents as classes, and one of its own, go through other kernels.
    let denoised = attack.denoised.as_ref().unwrap().content.picture().values().iter().zip(study.denoised.values());
    assert!(denoised.clone().all(|(a, b)| (a - b).abs() < 1e-5) && denoised.len() > 0);
}

#[test]
fn the_attacked_picture_is_purified_at_the_sliders_level() {
    let mut window = attacking();
    run(&mut window, NoiseCommand::SetSigma(0.3));
    let purified = window.state().session().attack.purified.clone().unwrap();
    assert_eq!(purified.sigma, 0.3);
    let before = purified.noisy.clone();
    run(&mut window, AttackCommand::RerollPurify);
    assert_ne!(window.state().session().attack.purified.as_ref().unwrap().noisy, before);
}
