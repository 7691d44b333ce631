//! Line charts, and how they look as SVG in reports that open in any browser.

use std::fmt::Write;

/// The colours of the series, told apart by the colour-blind too (Okabe & Ito 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d"];
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
    pub(super) fn to_svg(&self) -> String {
        let points = || self.series.iter().flat_map(|s| &s.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let x_range = if self.diagonal { (0.0, 1.0) } else { range(points().map(|p| p.0)) };
        let y_range = self.y_range.unwrap_or_else(|| range(points().map(|p| p.1)));
        let (left, right, top, bottom) = (ROOM.0, SIZE.0 - ROOM.1, ROOM.2, SIZE.1 - ROOM.3);
        let place =
            |value: f64, (low, high): (f64, f64), from: f64, to: f64| from + (value - low) / (high - low) * (to - from);
        let x = |value: f64| place(value, x_range, left, right);
        let y = |value: f64| place(value, y_range, bottom, top);

        let mut svg =
            format!(r#"<svg viewBox="0 0 {} {}" role="img" aria-label="{}">"#, SIZE.0, SIZE.1, escaped(&self.y_label));
        // Writing to a string cannot fail, here and below.
        for tick in ticks(y_range) {
            let at = y(tick);
            let _ = write!(svg, r#"<path class="grid" d="M{left} {at:.1}H{right}"/>"#);
            let _ =
                write!(svg, r#"<text class="tick end" x="{}" y="{:.1}">{}</text>"#, left - 7.0, at + 4.0, tidy(tick));
        }
        for tick in ticks(x_range) {
            let _ = write!(
                svg,
                r#"<text class="tick middle" x="{:.1}" y="{}">{}</text>"#,
                x(tick),
                bottom + 18.0,
                tidy(tick)
            );
        }
        let _ = write!(svg, r#"<path class="axis" d="M{left} {bottom}H{right}"/>"#);
        let middle = f64::midpoint(left, right);
        let _ = write!(
            svg,
            r#"<text class="label middle" x="{middle}" y="{}">{}</text>"#,
            SIZE.1 - 6.0,
            escaped(&self.x_label)
        );
        if self.diagonal {
            let _ = write!(svg, r#"<path class="ideal" d="M{left} {bottom}L{right} {top}"/>"#);
        }
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let path: Vec<String> = series.points.iter().map(|&(a, b)| format!("{:.1} {:.1}", x(a), y(b))).collect();
            let _ = write!(svg, r#"<path class="line" stroke="{colour}" d="M{}"/>"#, path.join("L"));
            for &(a, b) in &series.points {
                let _ = write!(svg, r#"<circle fill="{colour}" cx="{:.1}" cy="{:.1}" r="3"/>"#, x(a), y(b));
            }
        }
        svg.push_str("</svg>");
        svg
    }

    /// The names of the lines with their colours, as HTML.
    pub(super) fn legend(&self) -> String {
        let item = |(series, colour): (&Series, &&str)| {
            format!(r#"<span><i style="background:{colour}"></i>{}</span>"#, escaped(&series.name))
        };
        self.series.iter().zip(COLOURS.iter().cycle()).map(item).collect()
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

/// Round numbers (1, 2 or 5 times a power of ten apart) inside a range, about five of them.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    if high <= low {
        return Vec::new();
    }
    let rough = (high - low) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|&s| s >= rough * 0.999).unwrap_or(rough);
    let first = (low / step - 1e-9).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|&tick| tick <= high + step * 1e-9).take(20).collect()
}

/// A number without needless digits.
fn tidy(value: f64) -> String {
    let text = format!("{value:.4}");
    let short = text.trim_end_matches('0').trim_end_matches('.').replace('-', "−");
    if short == "−0" { "0".to_owned() } else { short }
}

/// Text that means itself in HTML and SVG.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let text = |range| ticks(range).into_iter().map(tidy).collect::<Vec<_>>().join(" ");
        assert_eq!(text((0.0, 1.0)), "0 0.2 0.4 0.6 0.8 1");
        assert_eq!(text((-3.0, 7.0)), "−2 0 2 4 6");
        assert_eq!(text((0.031, 0.044)), "0.035 0.04");
        assert!(ticks((1.0, 1.0)).is_empty());
    }

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
        let svg = chart.to_svg();
        assert!(svg.contains("M54.0 256.0L446.0 14.0") && svg.contains("x &amp; y"), "{svg}");
        assert!(chart.legend().contains("a &lt; b"));
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
        assert!(!chart.to_svg().contains("NaN"));
    }
}
