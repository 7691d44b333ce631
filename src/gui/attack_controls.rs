//! The attack's controls, made from the registry: a new method or parameter appears by itself.

use eframe::egui::{self, ComboBox, Slider, Ui};

use super::widgets::{dim, of_255, segments, small};
use crate::attack::{Description, Kind, Method, Norm, Settings, Target};

/// A budget or distance as people write it: on 0–255 for L∞, plain for L2.
#[must_use]
pub fn level(level: f64, norm: Norm) -> String {
    match norm {
        Norm::Linf => format!("{}/255", of_255(level as f32)),
        Norm::L2 => small(level as f32),
    }
}

/// The method, among those that a model of so many classes can be attacked with.
pub fn choose_method(ui: &mut Ui, chosen: Method, classes: usize) -> Method {
    let mut method = chosen;
    let combo = ComboBox::from_id_salt("method").width(ui.available_width() - 8.0).height(420.0);
    let shown = combo.selected_text(chosen.description().title).show_ui(ui, |ui| {
        for choice in Method::ALL.into_iter().filter(|m| m.description().min_classes <= classes) {
            let Description { title, about, source, .. } = *choice.description();
            ui.selectable_value(&mut method, choice, title).on_hover_text(format!("{about}\n{source}"));
        }
    });
    name(&shown.response, "Method");
    shown.response.on_hover_text(chosen.description().about);
    method
}

/// Norm and ε. A method that looks for the smallest perturbation has no ε.
pub fn budget(ui: &mut Ui, settings: &mut Settings) {
    let description = settings.method.description();
    if description.norms.len() > 1 {
        let choices: Vec<(Norm, &str, &str)> = description
            .norms
            .iter()
            .map(|(norm, _)| match norm {
                Norm::Linf => (Norm::Linf, "L∞", "Each value may change by ε"),
                Norm::L2 => (Norm::L2, "L2", "All changes together may be ε long"),
            })
            .collect();
        if let Some(norm) = segments(ui, settings.norm, &choices) {
            settings.norm = norm;
            settings.epsilon = description.epsilon(norm).unwrap_or(settings.epsilon);
            for parameter in description.parameters {
                settings.reset(parameter.name);
            }
        }
    }
    if description.minimal {
        dim(ui, "Looks for the smallest perturbation");
        return;
    }
    let slider = match settings.norm {
        Norm::Linf => scaled(&mut settings.epsilon, 255.0, 0.0..=64.0).suffix("/255"),
        Norm::L2 => Slider::new(&mut settings.epsilon, 0.0..=8.0).max_decimals(2),
    };
    ui.add(slider.text("ε"));
}

/// Whatever else the method takes.
pub fn parameters(ui: &mut Ui, settings: &mut Settings) {
    let description = settings.method.description();
    for parameter in description.parameters {
        let mut value = settings.value(parameter.name);
        let before = value;
        let label = parameter.name.replace('-', " ");
        let response = match parameter.kind {
            Kind::Switch => {
                let mut on = value != 0.0;
                let response = ui.checkbox(&mut on, label);
                value = f64::from(u8::from(on));
                response
            }
            Kind::Count => {
                let most = parameter.max.min(count_worth(parameter.default(settings.norm)));
                let slider = Slider::new(&mut value, parameter.min..=most).integer().logarithmic(most > 200.0);
                ui.add(slider.text(label))
            }
            Kind::Real if parameter.name == crate::attack::names::STEP_SIZE && settings.norm == Norm::Linf => {
                ui.add(scaled(&mut value, 255.0, 0.0..=16.0).suffix("/255").text(label))
            }
            Kind::Real => {
                let most = parameter.max.min((parameter.default(settings.norm) * 10.0).max(1.0));
                ui.add(Slider::new(&mut value, parameter.min..=most).max_decimals(3).text(label))
            }
        };
        response.on_hover_text(parameter.help);
        if (value - before).abs() > f64::EPSILON
            && let Err(error) = settings.set(parameter.name, value)
        {
            tracing::warn!("{error}");
        }
    }
}

/// Counts worth sliding to: ten times the usual, and at least 50.
fn count_worth(default: f64) -> f64 {
    (default * 10.0).max(50.0)
}

/// What the model is to say.
pub fn target(ui: &mut Ui, settings: &mut Settings, classes: &[String]) {
    let words = |target: Target| match target {
        Target::None => "any other class".to_owned(),
        Target::Random => "a random class".to_owned(),
        Target::LeastLikely => "the least likely".to_owned(),
        Target::Class(class) => classes.get(class).cloned().unwrap_or_default(),
    };
    ui.horizontal(|ui| {
        dim(ui, "towards");
        let combo = ComboBox::from_id_salt("target").width(ui.available_width() - 8.0).height(320.0);
        let shown = combo.selected_text(words(settings.target)).show_ui(ui, |ui| {
            let all = [Target::None, Target::Random, Target::LeastLikely];
            for choice in all.into_iter().chain((0..classes.len()).map(Target::Class)) {
                ui.selectable_value(&mut settings.target, choice, words(choice));
            }
        });
        name(&shown.response, "Target class");
    });
}

/// The noise level that the attacked classifier assumes.
pub fn assumed_level(ui: &mut Ui, settings: &mut Settings) {
    let mut sigma = f64::from(settings.sigma);
    let slider = scaled(&mut sigma, 255.0, 1.0..=100.0).logarithmic(true).suffix("/255").text("model's σ");
    ui.add(slider).on_hover_text("The attacked classifier is p(c | x) at this noise level; no noise is added");
    settings.sigma = sigma as f32;
}

/// A slider that shows `value · factor`.
fn scaled(value: &mut f64, factor: f64, range: std::ops::RangeInclusive<f64>) -> Slider<'_> {
    Slider::from_get_set(range, move |set| {
        if let Some(set) = set {
            *value = set / factor;
        }
        *value * factor
    })
    .max_decimals(1)
}

fn name(response: &egui::Response, words: &str) {
    response.ctx.accesskit_node_builder(response.id, |node| node.set_label(words));
}
