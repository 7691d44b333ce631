//! The attack's controls, made from the registry: a new method or parameter appears by itself.

use eframe::egui::{ComboBox, DragValue, Slider, SliderClamping, Ui};

use crate::attack::{Defence, Description, Kind, Method, Mode, Norm, Parameter, Preset, Settings, Target, Through};
use crate::gui::view::explain::Explain as _;
use crate::gui::view::level_field::{Scale, level_slider};
use crate::gui::view::widgets::{dim, named, segments};
use crate::study::level::of_255;
use crate::study::words::significant;

/// A budget or distance as people write it: on 0–255 for L∞, plain for L2.
#[must_use]
pub fn level(level: f64, norm: Norm) -> String {
    match norm {
        Norm::Linf => format!("{}/255", of_255(level as f32)),
        Norm::L2 => significant(level as f32),
    }
}

/// Fresh settings with the seed, target and defence of those in use.
#[must_use]
pub fn kept(present: &Settings, fresh: Settings) -> Settings {
    Settings { seed: present.seed, target: present.target, defence: present.defence, ..fresh }
}

/// Somebody else's settings, by their source. `last` is what was chosen last, which may not hold any more.
pub fn choose_preset(
    ui: &mut Ui,
    settings: &Settings,
    last: Option<&'static Preset>,
    classes: usize,
    blind: bool,
) -> Option<&'static Preset> {
    let holds = |preset: &&Preset| is_like(settings, preset);
    let present = last.filter(holds).or_else(|| Preset::ALL.iter().find(holds));
    let words = |preset: &Preset| format!("{}: {}", preset.source, preset.title);
    let mut chosen = None;
    let combo = ComboBox::from_id_salt("preset").width(ui.available_width() - 8.0).height(420.0);
    let shown = combo.selected_text(present.map_or_else(|| "own settings".to_owned(), words)).show_ui(ui, |ui| {
        let mut source = "";
        let fits = |preset: &&Preset| {
            let description = preset.method.description();
            description.min_classes <= classes && !(blind && description.gradient)
        };
        for preset in Preset::ALL.iter().filter(fits) {
            if preset.source != source {
                source = preset.source;
                dim(ui, source);
            }
            let on = present.is_some_and(|p| p.id == preset.id);
            let response = ui.selectable_label(on, preset.title);
            let budget = format!("{} {}", preset.norm.title(), level(preset.epsilon, preset.norm));
            let note = if preset.note.is_empty() { budget } else { format!("{budget}; {}", preset.note) };
            if response.explained(note).clicked() {
                chosen = Some(preset);
            }
        }
    });
    named(&shown.response, "Preset");
    shown.response.explained("Other libraries' settings, named after their source");
    chosen
}

/// Whether these are the preset's method, budget and parameters.
fn is_like(settings: &Settings, preset: &Preset) -> bool {
    let other = preset.settings(settings.sigma);
    let description = settings.method.description();
    let same = |name| (settings.value(name) - other.value(name)).abs() < 1e-12;
    settings.method == other.method
        && settings.norm == other.norm
        && settings.mode == other.mode
        && (settings.epsilon - other.epsilon).abs() < 1e-12
        && description.parameters.iter().all(|parameter| same(parameter.name))
}

/// The method, among those that a model of so many classes can be attacked with. `blind` is why it gives no gradients, if it gives none.
pub fn choose_method(ui: &mut Ui, chosen: Method, classes: usize, blind: Option<&str>) -> Method {
    let mut method = chosen;
    let norms = if chosen.description().norms.len() > 1 { NORMS } else { 0.0 };
    let combo = ComboBox::from_id_salt("method").width(ui.available_width() - norms).height(420.0).truncate();
    let shown = combo.selected_text(chosen.description().title).show_ui(ui, |ui| {
        for choice in Method::ALL.into_iter().filter(|m| m.description().min_classes <= classes) {
            let Description { title, about, source, gradient, .. } = *choice.description();
            ui.add_enabled_ui(!gradient || blind.is_none(), |ui| {
                ui.selectable_value(&mut method, choice, title)
                    .explained(format!("{about}\n{source}"))
                    .on_disabled_hover_text(format!(
                        "It follows gradients, and the model {}",
                        blind.unwrap_or_default()
                    ));
            });
        }
    });
    named(&shown.response, "Method");
    shown.response.explained(chosen.description().about);
    method
}

/// The norm, where the method has a choice.
pub fn choose_norm(ui: &mut Ui, settings: &mut Settings) {
    let description = settings.method.description();
    if description.norms.len() < 2 {
        return;
    }
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

/// A slider for a budget, on the scale that people write it on.
pub fn budget_slider(epsilon: &mut f64, norm: Norm) -> Slider<'_> {
    match norm {
        Norm::Linf => level_slider(epsilon, Scale::Bytes, 0.0..=64.0 / 255.0).suffix("/255"),
        Norm::L2 => level_slider(epsilon, Scale::Unit, 0.0..=8.0),
    }
}

/// What a budget is, and how it may be typed.
#[must_use]
pub fn budget_hint(norm: Norm) -> &'static str {
    match norm {
        Norm::Linf => "ε: how far each value may change. It takes 8, 8/255, 40 / 255 and 12,5",
        Norm::L2 => {
            "ε: how long all changes together may be, as the root of the sum of their squares. It takes 0.5, 25/255 and 0,5"
        }
    }
}

/// ε. A method that looks for the smallest perturbation has none.
pub fn budget(ui: &mut Ui, settings: &mut Settings) {
    if settings.method.description().minimal {
        settings.mode = Mode::Fixed;
        dim(ui, "Looks for the smallest perturbation");
        return;
    }
    let smallest = settings.mode == Mode::Smallest;
    let slider = budget_slider(&mut settings.epsilon, settings.norm);
    ui.add(slider.text(if smallest { "first ε" } else { "ε" })).explained(budget_hint(settings.norm));
    let mut on = smallest;
    ui.checkbox(&mut on, "smallest that succeeds")
        .explained("Look for the smallest budget with which the attack succeeds, by bisection: many attacks");
    settings.mode = if on { Mode::Smallest } else { Mode::Fixed };
}

/// Whatever else the method takes: sliders, and the switches together in one line.
pub fn parameters(ui: &mut Ui, settings: &mut Settings) {
    let (switches, sliders): (Vec<_>, Vec<_>) =
        settings.method.description().parameters.iter().partition(|p| p.kind == Kind::Switch);
    each(ui, settings, &sliders);
    if !switches.is_empty() {
        ui.horizontal_wrapped(|ui| each(ui, settings, &switches));
    }
}

fn each(ui: &mut Ui, settings: &mut Settings, parameters: &[&Parameter]) {
    for parameter in parameters {
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
                ui.add(slider.clamping(SliderClamping::Edits).text(label))
            }
            Kind::Real if parameter.name == crate::attack::parameters::STEP_SIZE && settings.norm == Norm::Linf => {
                ui.add(level_slider(&mut value, Scale::Bytes, 0.0..=16.0 / 255.0).suffix("/255").text(label))
            }
            Kind::Real => {
                let most = parameter.max.min((parameter.default(settings.norm) * 10.0).max(1.0));
                let slider = Slider::new(&mut value, parameter.min..=most).clamping(SliderClamping::Edits);
                ui.add(slider.max_decimals(3).text(label))
            }
        };
        response.explained(parameter.help);
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
                ui.add_enabled_ui(settings.takes_target(choice, classes.len()), |ui| {
                    ui.selectable_value(&mut settings.target, choice, words(choice)).on_disabled_hover_text(
                        "The method's loss with a target takes more classes than the model has",
                    );
                });
            }
        });
        named(&shown.response, "Target class");
    });
}

/// The noise level that the attacked classifier assumes, `sigma` being the one of the noise slider.
pub fn assumed_level(ui: &mut Ui, settings: &mut Settings, sigma: f32) {
    let mut assumed = f64::from(settings.sigma);
    let range = 1.0 / 255.0..=100.0 / 255.0;
    let slider = level_slider(&mut assumed, Scale::Bytes, range).logarithmic(true).suffix("/255").text("σ assumed");
    ui.add(slider).explained(format!(
        "The attacked classifier is p(c | x) at this noise level. The picture is attacked without noise: the slider's \
         σ = {}/255 counts for purification only.",
        of_255(sigma)
    ));
    if assumed as f32 != settings.sigma {
        settings.sigma = assumed as f32;
    }
}

/// The seed of everything random in the attack.
pub fn seed(ui: &mut Ui, settings: &mut Settings) {
    dim(ui, "seed");
    let value = ui.add(DragValue::new(&mut settings.seed).speed(0.1)).explained("The seed of the attack");
    named(&value, "Seed of the attack");
}

/// Room for the choice of norms.
const NORMS: f32 = 76.0;

/// What stands before the classifier. The attack knows it. A model without gradients has no denoiser to purify with.
pub fn defence(ui: &mut Ui, settings: &mut Settings, blind: Option<&str>) {
    let usual = [Defence::None, Defence::VOTE, Defence::purification(0.1)];
    let kind = |defence: Defence| {
        usual.iter().position(|u| std::mem::discriminant(u) == std::mem::discriminant(&defence)).unwrap_or(0)
    };
    let choices = [
        (0, "None", "The attacked picture goes to the classifier as it is"),
        (1, "Vote", "The class that the classifier says most often over noise of its σ"),
        (
            2,
            "Purify",
            "Add noise, take it off by the denoiser, for some rounds, then classify; a vote over the noise decides",
        ),
    ];
    let choices = if blind.is_some() { &choices[..2] } else { &choices[..] };
    if let Some(chosen) = segments(ui, kind(settings.defence), choices) {
        settings.defence = usual[chosen];
    }
    match &mut settings.defence {
        Defence::None | Defence::FixedNoise { .. } => {}
        Defence::Vote { draws, votes, fixed } => {
            count(ui, votes, 1000, "votes", "How many noisy pictures decide");
            count(ui, draws, 64, "draws a gradient", "Over how many draws of noise the attack averages its gradient");
            known(ui, fixed);
        }
        Defence::Purification { sigma, rounds, through, draws, votes, fixed } => {
            let mut level = f64::from(*sigma);
            let range = 1.0 / 255.0..=128.0 / 255.0;
            ui.add(level_slider(&mut level, Scale::Bytes, range).suffix("/255").text("added σ"))
                .explained("The noise that is added and taken off");
            *sigma = level as f32;
            count(ui, rounds, 8, "rounds", "How often noise is added and taken off");
            count(ui, votes, 500, "votes", "How many draws decide");
            count(ui, draws, 64, "draws a gradient", "Over how many draws of noise the attack averages its gradient");
            let mut exact = *through == Through::Jacobian;
            ui.checkbox(&mut exact, "gradient through the denoiser").explained(
                "By the denoiser's Jacobian. Without it the gradient passes straight through: cheap, and no proof of strength",
            );
            *through = if exact { Through::Jacobian } else { Through::Straight };
            known(ui, fixed);
        }
    }
}

fn known(ui: &mut Ui, fixed: &mut bool) {
    ui.checkbox(fixed, "fixed noise").explained(
        "The noise is drawn once and the attack knows it: what is gained by hiding the noise is gone. Gradients are over the first draws that decide",
    );
}

fn count(ui: &mut Ui, value: &mut usize, most: usize, label: &str, hint: &str) {
    ui.horizontal(|ui| {
        let response = ui.add(DragValue::new(value).range(1..=most).speed(0.2)).explained(hint);
        named(&response, label);
        ui.label(label);
    });
}
