//! Line charts, and how they look as SVG in reports that open in any browser.

use maud::{Markup, html};

use crate::study::looks::{SERIES, css};
use crate::study::words::{plain, ticks};

/// The drawing's size and the room around the axes, in SVG units.
const SIZE: (f64, f64) = (460.0, 300.0);
const ROOM: (f64, f64, f64, f64) = (54.0, 14.0, 14.0, 44.0);

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is of.
    pub name: String,
    /// In the order of rising x.
    pub points: Vec<(f64, f64)>,
}

/// A chart of some lines over one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What runs along.
    pub x_label: String,
    /// What runs up, which is also what the chart is of.
    pub y_label: String,
    /// The range of y; found from the points if not given.
    pub y_range: Option<(f64, f64)>,
    /// Whether to draw the diagonal, which is perfection in a reliability plot.
    pub diagonal: bool,
    /// The lines.
    pub series: Vec<Series>,
}

impl Chart {
    /// The chart as an `<svg>` element.
    pub(super) fn to_svg(&self) -> Markup {
        let points = || self.series.iter().flat_map(|s| &s.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let y_range = self.y_range.unwrap_or_else(|| range(points().map(|p| p.1)));
        // Both axes of a diagonal are one.
        let x_range = if self.diagonal { y_range } else { range(points().map(|p| p.0)) };
        let (left, right, top, bottom) = (ROOM.0, SIZE.0 - ROOM.1, ROOM.2, SIZE.1 - ROOM.3);
        let place =
            |value: f64, (low, high): (f64, f64), from: f64, to: f64| from + (value - low) / (high - low) * (to - from);
        let x = |value: f64| place(value, x_range, left, right);
        let y = |value: f64| place(value, y_range, bottom, top);
        let path = |series: &Series| {
            let points: Vec<String> = series.points.iter().map(|&(a, b)| format!("{:.1} {:.1}", x(a), y(b))).collect();
            format!("M{}", points.join("L"))
        };
        html! {
            svg viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } role="img" aria-label=(self.y_label) {
                @for tick in ticks(y_range) {
                    path class="grid" d=(format!("M{left} {:.1}H{right}", y(tick))) {}
                    text class="tick end" x=(left - 7.0) y=(format!("{:.1}", y(tick) + 4.0)) { (plain(tick)) }
                }
                @for tick in ticks(x_range) {
                    text class="tick middle" x=(format!("{:.1}", x(tick))) y=(bottom + 18.0) { (plain(tick)) }
                }
                path class="axis" d=(format!("M{left} {bottom}H{right}")) {}
                text class="label middle" x=(f64::midpoint(left, right)) y=(SIZE.1 - 6.0) { (self.x_label) }
                @if self.diagonal {
                    path class="ideal" d=(format!("M{left} {bottom}L{right} {top}")) {}
                }
                @for (series, colour) in self.coloured() {
                    path class="line" stroke=(colour) d=(path(series)) {}
                    @for &(a, b) in &series.points {
                        circle fill=(colour) cx=(format!("{:.1}", x(a))) cy=(format!("{:.1}", y(b))) r="3" {}
                    }
                }
            }
        }
    }

    /// The names of the lines with their colours, as HTML.
    pub(super) fn legend(&self) -> Markup {
        html! {
            @for (series, colour) in self.coloured() {
                span { i style={ "background:" (colour) } {} (series.name) }
            }
        }
    }

    /// Each line with its colour in CSS.
    fn coloured(&self) -> impl Iterator<Item = (&Series, String)> {
        self.series.iter().zip(SERIES.into_iter().cycle().map(css))
    }
}

/// The least and the largest value, a little apart if they are one.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    match (low.is_finite(), high - low > 1e-12) {
        (false, _) => (0.0, 1.0),
        (true, true) => (low, high),
        (true, false) => (low - 0.5, high + 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_places_its_ends_on_the_axes_and_escapes_its_words() {
        let series = Series { name: "a < b".to_owned(), points: vec![(0.0, 0.0), (2.0, 10.0)] };
        let chart = Chart {
            x_label: "x & y".to_owned(),
            y_label: "y".to_owned(),
            y_range: None,
            diagonal: false,
            series: vec![series],
        };
        let svg = chart.to_svg().into_string();
        assert!(svg.contains("M54.0 256.0L446.0 14.0") && svg.contains("x &amp; y"), "{svg}");
        assert!(chart.legend().into_string().contains("a &lt; b"));
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>"));
    }

    #[test]
    fn a_chart_of_nothing_is_still_a_chart() {
        let chart = Chart {
            x_label: String::new(),
            y_label: String::new(),
            y_range: None,
            diagonal: false,
            series: Vec::new(),
        };
        assert!(!chart.to_svg().into_string().contains("NaN"));
    }
}
