//! Beliefs: bars, headline, the curve over σ.

use eframe::egui::{Key, lerp, pos2};
use egui_kittest::kittest::{NodeT, Queryable};

use super::{Window, run, window};
use crate::gui::command::{NoiseCommand, WindowCommand};
use crate::gui::state::pane::Pane;
use crate::joint::{Usual, UsualLevel};
use crate::picture::NoiseKind;
use crate::study::ranked;
use crate::study::words::percent;

/// The bars' labels from top to bottom.
fn bars(window: &Window) -> Vec<String> {
    let mut bars: Vec<_> = window.query_all_by_label_contains("Belief in ").collect();
    bars.sort_by(|a, b| a.rect().top().total_cmp(&b.rect().top()));
    bars.iter().filter_map(|bar| bar.accesskit_node().label()).collect()
}

#[test]
fn bars_stand_in_class_order_or_sorted() {
    let mut window = window();
    run(&mut window, NoiseCommand::SetSigma(1.0));
    let posterior = window.state().session().answer.posterior.clone().unwrap().value;
    let label = |class: usize| format!("Belief in {class}: {}", crate::study::words::percent(posterior[class]));
    assert_eq!(bars(&window), (0..10).map(label).collect::<Vec<_>>());
    window.key_press(Key::S);
    window.run_steps(3);
    assert_eq!(bars(&window), ranked(&posterior).into_iter().map(label).collect::<Vec<_>>());
}

#[test]
fn the_headline_has_the_top_class_the_entropy_and_the_density() {
    let window = window();
    let answer = &window.state().session().answer;
    let study = answer.study.as_ref().unwrap();
    assert_eq!(answer.top(), Some(study.predicted()));
    window.get_by_label_contains("entropy ");
    window.get_by_label_contains(&format!("log p(y) {:.0}", study.log_density.unwrap()));
}

/// The window says where the picture lies among the model's own, and marks one that is unlike them.
#[test]
fn a_picture_unlike_the_models_own_is_marked_and_what_is_not_known_is_said() {
    let mut window = window();
    let about = |window: &mut Window, lowest: Option<f64>| {
        let model = window.state_mut().host.session.model.as_mut().unwrap();
        let mut description = (**model.description.as_ref().unwrap()).clone();
        let level = |sigma: f32| UsualLevel {
            sigma,
            log_density: (0..15).map(|i| lowest.unwrap_or_default() + 1000.0 * f64::from(i)).collect(),
            score: (0..15).map(|i| 0.5 * f64::from(i)).collect(),
        };
        description.usual =
            lowest.map(|_| Usual { data: "mnist".to_owned(), pictures: 1000, levels: [0.004, 1.0].map(level).into() });
        model.description = Some(description.into());
        let sigma = window.state().document().noise.sigma;
        run(window, NoiseCommand::SetSigma(sigma * 0.99));
        window.run_steps(3);
    };
    about(&mut window, None);
    window.get_by_label("how usual that is: not measured");
    let log = window.state().session().answer.study.as_ref().unwrap().log_density.unwrap();
    about(&mut window, Some(log - 7000.0));
    window.get_by_label_contains("of its own pictures");
    about(&mut window, Some(log + 500.0));
    window.get_by_label("unlike anything it was trained on");
    // Under another kind of noise nothing was measured.
    run(&mut window, NoiseCommand::SetKind(NoiseKind::Uniform));
    window.run_steps(3);
    assert!(window.query_by_label("unlike anything it was trained on").is_none());
}

#[test]
fn bars_before_and_after_the_attack_stand_together() {
    let mut window = window();
    assert!(!bars(&window)[0].contains("attacked"));
    run(&mut window, WindowCommand::Show(Pane::ADVERSARY));
    window.run_steps(4);
    let outcome = window.state().session().attack.outcome.clone().unwrap();
    let said = bars(&window);
    // Both at the attacked classifier's level and without noise, whatever the slider says.
    for (class, said) in said.iter().enumerate() {
        let [before, after] = [&outcome.posterior_before, &outcome.posterior_after].map(|p| percent(p[class]));
        assert!(said.ends_with(&format!(": {before}, attacked {after}")), "{said}");
    }
    let noisy = window.state().session().answer.posterior.clone().unwrap().value;
    assert!(noisy.iter().zip(&outcome.posterior_before).any(|(a, b)| percent(*a) != percent(*b)), "{noisy:?}");
    let level = window.state().document().attack.sigma;
    assert_eq!(level, window.state().session().model.as_ref().unwrap().joint.sigma_range().near_clean());
}

#[test]
fn the_curve_is_computed_and_its_level_is_dragged() {
    let mut window = window();
    run(&mut window, WindowCommand::Show(Pane::named("Curve")));
    let curve = window.state().session().curve.clone();
    assert!(curve.posteriors.iter().all(|p| (p.iter().sum::<f64>() - 1.0).abs() < 1e-6));
    let plot = window.get_by_label("p(c|y) over σ").rect();
    let at = |part: f32| pos2(lerp(plot.x_range(), part), plot.center().y);
    super::drag(&mut window, at(0.5), at(0.9));
    let high = window.state().document().noise.sigma;
    super::drag(&mut window, at(0.5), at(0.2));
    let low = window.state().document().noise.sigma;
    assert!(high > 0.2 && low < 0.1, "{low} {high}");
    // The study agrees with the curve where they meet.
    run(&mut window, NoiseCommand::SetSigma(curve.sigmas[20]));
    let study = window.state().session().answer.posterior.clone().unwrap().value;
    assert!(study.iter().zip(&curve.posteriors[20]).all(|(a, b)| (a - b).abs() < 1e-4));
}
