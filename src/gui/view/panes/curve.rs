//! The curve of p(c | y) over σ, with the present level to drag.

use eframe::egui::{Role, Ui, WidgetInfo};
use egui_plot::{CoordinatesFormatter, Corner, Line, PlotPoints, VLine};

use super::{PaneInfo, Place};
use crate::gui::command::NoiseCommand;
use crate::gui::state::pane::Pane;
use crate::gui::view::context::Context;
use crate::gui::view::plot::{legend, levels, still};
use crate::gui::view::theme::Tokens;
use crate::gui::view::widgets;
use crate::study::level::of_255;

/// Classes that hold at least this much somewhere are drawn.
const WORTH: f64 = 0.02;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::named("Curve"),
    title: "Beliefs over σ",
    hint: "How that changes with the noise level",
    place: Place::Beside,
    classes: true,
    show,
};

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    let tokens = Tokens::in_ui(ui);
    let curve = &cx.session.curve;
    if curve.sigmas.len() < 2 {
        widgets::empty(ui, "The model is asked at every noise level.");
        return;
    }
    let drawn: Vec<usize> = (0..curve.posteriors[0].len())
        .filter(|&class| curve.posteriors.iter().any(|p| p[class] >= WORTH))
        .take(12)
        .collect();
    let lines: Vec<Line<'_>> = drawn
        .iter()
        .map(|&class| {
            let levels = curve.sigmas.iter().zip(&curve.posteriors);
            let points: PlotPoints<'_> = levels.map(|(&sigma, posterior)| [place(sigma), posterior[class]]).collect();
            let name = cx.session.classes().get(class).cloned().unwrap_or_default();
            Line::new(name, points).color(tokens.class(class)).width(2.0)
        })
        .collect();
    let (from, to) = (curve.sigmas[0], curve.sigmas[curve.sigmas.len() - 1]);
    let level = place(cx.document.noise.sigma.max(1e-5));
    let classes = cx.session.classes();
    let named = drawn.iter().filter_map(|&class| Some((classes.get(class)?.as_str(), tokens.class(class))));
    legend(ui, named);
    let plot = still(ui, "beliefs over sigma")
        .include_y(0.0)
        .include_y(1.0)
        .include_x(place(from))
        .include_x(place(to))
        .x_grid_spacer(levels)
        .x_axis_formatter(|mark, _| of_255(level_at(mark.value)))
        .y_axis_formatter(|mark, _| match 100.0 * mark.value {
            share if (-0.1..100.1).contains(&share) => format!("{share:.0} %"),
            _ => String::new(),
        })
        .coordinates_formatter(
            Corner::RightTop,
            CoordinatesFormatter::new(|point, _| {
                format!("σ {}/255  {:.0} %", of_255(level_at(point.x)), point.y * 100.0)
            }),
        )
        .label_formatter(|_| None);
    let moved = plot.show(ui, |plot| {
        for line in lines {
            plot.line(line);
        }
        plot.vline(VLine::new("σ", level).color(tokens.strong).width(1.5));
        let response = plot.response();
        (response.dragged() || response.clicked()).then(|| plot.pointer_coordinate()).flatten()
    });
    moved.response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "p(c|y) over σ"));
    if let Some(point) = moved.inner {
        cx.run(NoiseCommand::SetSigma(level_at(point.x).clamp(from, to)));
    }
}

/// A level's place on the axis, and back: the logarithm of it on 0–255.
fn place(sigma: f32) -> f64 {
    f64::from(sigma * 255.0).log10()
}

fn level_at(place: f64) -> f32 {
    10.0_f64.powf(place) as f32 / 255.0
}
