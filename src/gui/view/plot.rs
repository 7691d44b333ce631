//! Plots that stand still: of an evaluation, of a training run, of one picture.

use eframe::egui::{Color32, Ui};
use egui_plot::{Corner, Legend, Line, Plot, PlotPoints, Points};

use crate::gui::view::theme::{Tokens, text};
use crate::gui::view::widgets::dim;
use crate::study::evaluation::Chart;

/// One line.
pub struct Curve<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// In the order of rising x.
    pub points: Vec<[f64; 2]>,
    /// Its colour.
    pub colour: Color32,
    /// A dot at each point.
    pub dots: bool,
}

/// An empty plot that the mouse does not move.
pub fn still(ui: &Ui, name: &str) -> Plot<'static> {
    Plot::new(name)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .grid_color(Tokens::in_ui(ui).line)
}

/// Lines over one axis, under their title, this large.
pub fn lines(ui: &mut Ui, title: &str, x_label: &str, range: Option<(f64, f64)>, curves: &[Curve<'_>], size: [f32; 2]) {
    dim(ui, title);
    let mut plot = still(ui, title)
        .width(size[0])
        .height(size[1] - text::SMALL - 8.0)
        .grid_spacing(eframe::egui::Rangef::new(20.0, 160.0))
        .x_axis_label(x_label);
    if curves.len() > 1 {
        plot = plot.legend(Legend::default().position(Corner::LeftBottom));
    }
    if let Some((low, high)) = range {
        plot = plot.include_y(low).include_y(high);
    }
    plot.show(ui, |plot| {
        for curve in curves {
            let points = || PlotPoints::from(curve.points.clone());
            plot.line(Line::new(curve.name, points()).color(curve.colour).width(2.0));
            if curve.dots {
                plot.points(Points::new(curve.name, points()).color(curve.colour).radius(3.0));
            }
        }
    });
}

/// A chart of an evaluation.
pub fn chart(ui: &mut Ui, chart: &Chart, size: [f32; 2]) {
    let tokens = Tokens::in_ui(ui);
    let mut curves: Vec<Curve<'_>> = Vec::new();
    if chart.diagonal {
        curves.push(Curve { name: "perfect", points: vec![[0.0, 0.0], [1.0, 1.0]], colour: tokens.dim, dots: false });
    }
    for (index, series) in chart.series.iter().enumerate() {
        let points = series.points.iter().map(|&(x, y)| [x, y]).collect();
        curves.push(Curve { name: &series.name, points, colour: tokens.class(index), dots: true });
    }
    lines(ui, &chart.y_label, &chart.x_label, chart.y_range, &curves, size);
}
