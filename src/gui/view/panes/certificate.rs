//! What is proved about the picture: the smoothed class, and a radius that grows as votes come in.

use eframe::egui::{
    self, Button, DragValue, ProgressBar, Rect, RichText, Role, Sense, Slider, SliderClamping, Ui, WidgetInfo, vec2,
};
use egui_plot::{HLine, Line, PlotPoints, Points};

use super::{PaneInfo, Place};
use crate::attack::{Certificate, Defence, Smoothing};
use crate::gui::command::CertifyCommand;
use crate::gui::state::counting::{ATTEMPTS, Count};
use crate::gui::state::pane::Pane;
use crate::gui::view::column::column_beside;
use crate::gui::view::command_button::command_button;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::level_field::{Scale, level_slider};
use crate::gui::view::plot::{from_zero, legend, still};
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::{self, dim, fact, named, share_bar};
use crate::study::level::of_255;
use crate::study::words::{believed, in_words, percent};

/// Width of the controls.
const CONTROLS: f32 = 232.0;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::CERTIFICATE,
    title: "Certificate",
    hint: "A radius within which no perturbation changes the smoothed class, by votes",
    place: Place::Below,
    classes: true,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.document.entry().is_none() {
        widgets::empty(ui, "Open a picture to certify.");
        return;
    }
    column_beside(ui, cx, (CONTROLS, "certify"), settings, |ui, cx| {
        match cx.session.certificate.certificate().cloned() {
            Some(certificate) => proved(ui, cx, &certificate),
            None if cx.session.certificate.stopped => widgets::empty(ui, "Certify counts votes."),
            None => widgets::empty(ui, "The first votes choose the class…"),
        }
    });
}

/// Begins counting, or stops it.
fn count(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    if !cx.session.certificate.stopped && !cx.session.certificate.is_complete() {
        command_button(ui, cx, "Stop", CertifyCommand::Toggle);
        return;
    }
    let button = Button::new(RichText::new("Certify").color(tokens.on_accent)).fill(tokens.accent);
    let response = ui.add_enabled(!cx.session.certificate.is_complete(), button);
    let response = response.explained("Count votes of the classifier over noise");
    if response.on_disabled_hover_text("All votes are counted").clicked() {
        cx.run(CertifyCommand::Toggle);
    }
}

fn settings(ui: &mut Ui, cx: &mut Context<'_>) {
    count(ui, cx);
    let mut smoothing: Smoothing = cx.document.smoothing;
    let mut level = f64::from(smoothing.sigma);
    let slider = level_slider(&mut level, Scale::Bytes, 1.0 / 255.0..=1.0).logarithmic(true);
    let response = ui.add(slider.suffix("/255").text("σ"));
    let hint =
        "The noise of the votes; more proves larger radii, and knows less. It takes 25, 25/255, 40 / 255 and 12,5";
    if response.explained(hint).changed() {
        smoothing.sigma = level as f32;
    }
    let slider = Slider::new(&mut smoothing.samples, 100..=100_000).logarithmic(true).clamping(SliderClamping::Edits);
    ui.add(slider.text("votes")).explained("How many noisy pictures bound the radius; more prove a larger one");
    ui.horizontal(|ui| {
        let mut risk = smoothing.alpha * 100.0;
        let value = DragValue::new(&mut risk).range(0.001..=20.0).speed(0.01).max_decimals(3).suffix(" %");
        let response =
            ui.add(value).explained("The probability that the certificate may be wrong, whenever you stop it");
        named(&response, "Probability of error");
        if response.changed() {
            smoothing.alpha = risk / 100.0;
        }
        ui.label("may be wrong");
    });
    ui.horizontal(|ui| {
        dim(ui, format!("seed {}", smoothing.seed));
        let response = ui.button("New").explained("Other noise for the votes");
        named(&response, "New votes");
        if response.clicked() {
            smoothing.seed = smoothing.seed.wrapping_add(1);
        }
    });
    if smoothing != cx.document.smoothing {
        cx.run(CertifyCommand::Set(smoothing));
    }
    let mut bracketed = cx.session.certificate.bracketed;
    let hint = "Attacks on the smoothed classifier close in on the true radius from above, as votes do from below; half of the \
                probability of error is theirs";
    if ui.checkbox(&mut bracketed, "attacks from above").explained(hint).changed() {
        cx.run(CertifyCommand::Bracket(bracketed));
    }
    let tokens = Tokens::in_ui(ui);
    if let Some(model) = &cx.session.model {
        let range = model.joint.sigma_range();
        if !range.contains(smoothing.sigma) {
            let words = format!("The model was trained up to σ = {}/255: it computes with that.", of_255(range.max));
            ui.label(RichText::new(words).size(text::SMALL).color(tokens.warning));
        }
    }
    ui.separator();
    dim(
        ui,
        "The smoothed classifier says what p(c | x + σε) says most often over the noise. Within the radius, in L2 on the \
         [0, 1] scale, no perturbation changes that.",
    );
}

/// Class and radius in large letters, the votes behind them, and how the radius grew.
fn proved(ui: &mut Ui, cx: &Context<'_>, certificate: &Certificate) {
    let tokens = Tokens::in_ui(ui);
    let name = |class: usize| cx.session.classes().get(class).cloned().unwrap_or_default();
    ui.horizontal(|ui| {
        ui.label(RichText::new(name(certificate.class)).size(text::LARGE).color(tokens.class(certificate.class)));
        let (words, colour) = match certificate.radius() {
            Some(radius) => (format!("radius {radius:.3}"), tokens.strong),
            None => ("abstains".to_owned(), tokens.warning),
        };
        ui.label(RichText::new(words).size(text::LARGE).color(colour));
        if let Some(radius) = certificate.radius() {
            dim(ui, format!("L2, = {}/255", of_255(radius as f32)));
        }
    });
    dim(ui, sentence(cx, certificate));
    bracket(ui, cx, certificate);
    let done = certificate.samples() as f32 / certificate.planned.max(1) as f32;
    let bar = ProgressBar::new(done).desired_height(6.0).fill(tokens.accent);
    named(&ui.add(bar), "Votes counted");
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::SECTION;
        ui.allocate_ui(vec2(220.0, ui.available_height()), |ui| {
            ui.vertical(|ui| votes(ui, cx, certificate));
        });
        ui.vertical(|ui| growth(ui, cx, certificate));
    });
}

/// One bar: what is proved from below, what was found from above, and between them where the true radius lies.
fn bracket(ui: &mut Ui, cx: &Context<'_>, certificate: &Certificate) {
    let Some((attempts, found)) = cx.session.certificate.count.as_ref().and_then(Count::above) else { return };
    let tokens = Tokens::in_ui(ui);
    let low = certificate.radius().unwrap_or(0.0);
    let high = found.map(|found| found.distance);
    let words = match found {
        None => format!("The true radius is at least {low:.3}; {attempts} of {ATTEMPTS} attacks found nothing yet."),
        Some(found) => {
            let name = cx.session.classes().get(found.class).cloned().unwrap_or_default();
            let share = in_words(&percent(found.votes as f64 / (found.votes + found.against).max(1) as f64));
            format!(
                "The true radius lies from {low:.3} to {:.3}, where {name} has {share} of the votes; attack {attempts} of {ATTEMPTS}.",
                found.distance
            )
        }
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 10.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Bracket around the radius"));
    let most = high.map_or(2.0 * low, |high| 1.25 * high).max(1e-6);
    let at = |radius: f64| rect.left() + (radius / most).min(1.0) as f32 * rect.width();
    let part = |from: f64, to: f64| Rect::from_x_y_ranges(at(from)..=at(to), rect.y_range());
    ui.painter().rect_filled(rect, 2.0, tokens.line);
    ui.painter().rect_filled(part(0.0, low), 2.0, tokens.good);
    if let Some(high) = high {
        ui.painter().rect_filled(part(high, most), 2.0, tokens.bad);
    }
    dim(ui, words);
}

/// What the figures mean, in words.
fn sentence(cx: &Context<'_>, certificate: &Certificate) -> String {
    let confidence = 100.0 * (1.0 - certificate.alpha);
    match certificate.radius() {
        None => "Not shown to hold more than half of the votes: nothing is certified.".to_owned(),
        Some(_) if certificate.is_complete() => {
            format!("Certified with {confidence} % confidence, whenever it had been stopped (Cohen et al. 2019).")
        }
        Some(_) => {
            let how = if cx.session.certificate.stopped { "Stopped: proved" } else { "Proved so far" };
            format!("{how} with {confidence} % confidence, whenever it is stopped.")
        }
    }
}

fn votes(ui: &mut Ui, cx: &Context<'_>, certificate: &Certificate) {
    let tokens = Tokens::in_ui(ui);
    let total = certificate.samples();
    fact(ui, "Votes", &format!("{total} of {}", certificate.planned));
    let lower = certificate.lower();
    fact(ui, "Share at least", &format!("{:.2} %", 100.0 * lower));
    ui.add_space(space::TIGHT);
    let shares: Vec<f64> = certificate.votes.iter().map(|&v| v as f64 / total.max(1) as f64).collect();
    for class in crate::study::ranked(&shares).into_iter().take(5).filter(|&class| shares[class] > 0.0) {
        let name = cx.session.classes().get(class).cloned().unwrap_or_default();
        ui.horizontal(|ui| {
            let words = believed(&name, shares[class]);
            share_bar(ui, shares[class], vec2(90.0, 8.0), tokens.class(class), &format!("Votes for {name}"));
            ui.label(RichText::new(words).size(text::SMALL));
        });
    }
}

/// What the line of the smallest attack is called.
const ABOVE: &str = "smallest attack found";
/// What the red line is called.
const SAME: &str = "attack on this smoothed classifier, L2";

/// How far the adversary's attack moved the picture, where it fooled the classifier that is certified: a vote over noise of the same
/// level. The length of an attack on another classifier says nothing about this one's radius.
fn attack_on_the_same(cx: &Context<'_>) -> Option<f64> {
    let same = matches!(cx.document.attack.defence, Defence::Vote { fixed: false, .. })
        && (cx.document.attack.sigma - cx.document.smoothing.sigma).abs() < 1e-6;
    let outcome = cx.session.attack.outcome.as_ref().filter(|_| same && !cx.session.attack.stale)?;
    outcome.success.then_some(outcome.achieved.l2)
}

/// The proved radius over the votes, and how far an attack that fooled the same classifier moved the picture.
fn growth(ui: &mut Ui, cx: &Context<'_>, certificate: &Certificate) {
    let tokens = Tokens::in_ui(ui);
    let all: Vec<[f64; 2]> = cx.session.certificate.curve.iter().map(|(_, point)| *point).collect();
    let attack = attack_on_the_same(cx);
    let above: Vec<[f64; 2]> = cx.session.certificate.above.iter().map(|(_, point)| *point).collect();
    let names = [
        ("certified radius", Some(tokens.accent)),
        (ABOVE, (!above.is_empty()).then_some(tokens.warning)),
        (SAME, attack.map(|_| tokens.bad)),
    ];
    legend(ui, names.into_iter().filter_map(|(name, colour)| Some((name, colour?))));
    let plot = still(ui, "radius")
        .include_x(0.0)
        .include_x(certificate.planned as f64)
        .include_y(0.0)
        .grid_spacing(egui::Rangef::new(16.0, 120.0))
        .x_axis_label("votes")
        .y_axis_formatter(|mark, _| from_zero(mark))
        .label_formatter(|_| None);
    plot.show(ui, |plot| {
        if all.len() == 1 {
            plot.points(Points::new("certified radius", all.clone()).color(tokens.accent).radius(3.0));
        }
        plot.line(Line::new("certified radius", PlotPoints::from(all)).color(tokens.accent).width(2.0));
        plot.points(Points::new(ABOVE, above.clone()).color(tokens.warning).radius(2.5));
        plot.line(Line::new(ABOVE, PlotPoints::from(above)).color(tokens.warning).width(2.0));
        if let Some(l2) = attack {
            plot.hline(HLine::new(SAME, l2).color(tokens.bad).width(1.5));
        }
    });
}
