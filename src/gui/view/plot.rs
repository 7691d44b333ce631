//! Plots that stand still: of an evaluation, of a training run, of one picture.

use eframe::egui::{Align, Color32, FontId, Label, Layout, RichText, Sense, Stroke, Ui, vec2};
use egui_plot::{GridInput, GridMark, Line, Plot, PlotPoints, Points};

use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::{dim, text_width};
use crate::study::evaluation::Chart;
use crate::study::words::plain;

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

/// The length of a stroke in a legend.
const STROKE: f32 = 12.0;

/// The names of lines, each after a stroke of its colour, above a plot: in the order given, and where they cover no data.
pub fn legend<'a>(ui: &mut Ui, entries: impl IntoIterator<Item = (&'a str, Color32)>) {
    let tokens = Tokens::in_ui(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(space::TIGHT, 0.0);
        for (name, colour) in entries {
            // A stroke and its name stay on one line.
            let width = STROKE + 2.0 * space::TIGHT + text_width(ui, name, &FontId::proportional(text::SMALL));
            let size = vec2(width, ui.spacing().interact_size.y);
            ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
                let (stroke, _) = ui.allocate_exact_size(vec2(STROKE, text::SMALL), Sense::hover());
                ui.painter().hline(stroke.x_range(), stroke.center().y, Stroke::new(3.0, colour));
                ui.add(Label::new(RichText::new(name).size(text::SMALL).color(tokens.dim)).extend());
            });
        }
    });
}

/// The marks of an axis of noise levels, by the logarithm of their 255th parts: those in sight. One outside of the plot would be drawn too.
#[allow(clippy::needless_pass_by_value)] // What egui asks for.
#[must_use]
pub fn levels(shown: GridInput) -> Vec<GridMark> {
    let (from, to) = shown.bounds;
    let mark = |level: f64| GridMark { value: level.log10(), step_size: 1.0 };
    let all = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 255.0].map(mark);
    all.into_iter().filter(|mark| (from..=to).contains(&mark.value)).collect()
}

/// The figures of an axis on which nothing is negative: none below 0, where egui leaves a margin.
#[must_use]
pub fn from_zero(mark: GridMark) -> String {
    if mark.value < -1e-9 { String::new() } else { plain(mark.value) }
}

/// Lines over one axis, under their title, this large in all.
pub fn lines(ui: &mut Ui, title: &str, x_label: &str, range: Option<(f64, f64)>, curves: &[Curve<'_>], size: [f32; 2]) {
    // An empty plot is none.
    if curves.iter().all(|curve| curve.points.is_empty()) {
        return;
    }
    let top = ui.cursor().top();
    dim(ui, title);
    if curves.len() > 1 {
        legend(ui, curves.iter().map(|curve| (curve.name, curve.colour)));
    }
    let above = ui.cursor().top() - top;
    let mut plot = still(ui, title)
        .width(size[0])
        .height((size[1] - above).max(60.0))
        .grid_spacing(eframe::egui::Rangef::new(20.0, 160.0))
        .x_axis_label(x_label);
    if let Some((low, high)) = range {
        plot = plot.include_y(low).include_y(high);
    }
    let points = || curves.iter().flat_map(|curve| &curve.points);
    if points().all(|point| point[1] >= 0.0) {
        plot = plot.y_axis_formatter(|mark, _| from_zero(mark));
    }
    // An axis of one value has no length of its own: the only mark that means something on it is the value's.
    if let Some((x, reach)) = alone(points().map(|point| point[0])) {
        let marks = move |_: GridInput| vec![GridMark { value: x, step_size: 2.0 * reach }];
        plot = plot.include_x(x - reach).include_x(x + reach).x_grid_spacer(marks);
        plot = plot.x_axis_formatter(|mark, _| plain(mark.value));
    }
    if let (Some((y, reach)), None) = (alone(points().map(|point| point[1])), range) {
        let marks = move |_: GridInput| vec![GridMark { value: y, step_size: 2.0 * reach }];
        plot = plot.include_y(y - reach).include_y(y + reach).y_grid_spacer(marks);
        plot = plot.y_axis_formatter(|mark, _| plain(mark.value));
    }
    plot.show(ui, |plot| {
        for curve in curves {
            let points = || PlotPoints::from(curve.points.clone());
            plot.line(Line::new(curve.name, points()).color(curve.colour).width(2.0));
            // A line through one point is none.
            if curve.dots || curve.points.len() == 1 {
                plot.points(Points::new(curve.name, points()).color(curve.colour).radius(3.0));
            }
        }
    });
}

/// The value that all are, if they are one, and how far its axis goes on either side of it.
fn alone(mut values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let first = values.next()?;
    let reach = if first == 0.0 { 1.0 } else { 0.5 * first.abs() };
    values.all(|value| (value - first).abs() <= 1e-9 * first.abs()).then_some((first, reach))
}

/// A chart of an evaluation.
pub fn chart(ui: &mut Ui, chart: &Chart, size: [f32; 2]) {
    let tokens = Tokens::in_ui(ui);
    let mut curves: Vec<Curve<'_>> = Vec::new();
    if let Some((low, high)) = chart.y_range.filter(|_| chart.diagonal) {
        let points = vec![[low, low], [high, high]];
        curves.push(Curve { name: "perfect", points, colour: tokens.dim, dots: false });
    }
    for (index, series) in chart.series.iter().enumerate() {
        let points = series.points.iter().map(|&(x, y)| [x, y]).collect();
        curves.push(Curve { name: &series.name, points, colour: tokens.class(index), dots: true });
    }
    lines(ui, &chart.y_label, &chart.x_label, chart.y_range, &curves, size);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_one_value_reaches_to_both_sides_of_it() {
        assert_eq!(alone([10.0, 10.0].into_iter()), Some((10.0, 5.0)));
        assert_eq!(alone([-4.0].into_iter()), Some((-4.0, 2.0)));
        assert_eq!(alone([0.0].into_iter()), Some((0.0, 1.0)));
        assert!(alone([10.0, 11.0].into_iter()).is_none() && alone(std::iter::empty()).is_none());
    }

    #[test]
    fn no_level_outside_of_the_plot_is_marked() {
        let shown = GridInput { bounds: (4.0_f64.log10(), 256.0_f64.log10()), base_step_size: 0.1 };
        let found: Vec<f64> = levels(shown).into_iter().map(|mark| 10.0_f64.powf(mark.value).round()).collect();
        assert_eq!(found, [5.0, 10.0, 25.0, 50.0, 100.0, 255.0]);
    }
}
