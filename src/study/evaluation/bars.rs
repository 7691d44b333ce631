//! One bar a picture: the radius that is proved, what is open, and the smallest attack that was found.

use maud::{Markup, html};

use super::{CertifiedFigures, RadiusBracket};
use crate::study::level;
use crate::study::looks::{SERIES, css};
use crate::study::words::{plain, ticks};

/// The drawing's width, the height of a bar and the room under all, in SVG units.
const WIDTH: f64 = 920.0;
const BAR: f64 = 7.0;
const FOOT: f64 = 26.0;

/// The bars of every noise level that has brackets.
pub(super) fn of(figures: &[CertifiedFigures]) -> Markup {
    html! {
        @for figures in figures.iter().filter(|f| !f.brackets.is_empty()) {
            p {
                "One bar a picture at σ = " (level::describe(figures.sigma)) ": what is proved of its L2 radius, and where the smallest attack \
                 was found; the true radius lies between, with probability 1 − " (plain(figures.alpha)) ". Pale where the class is wrong."
            }
            div class="plots" { figure { (bars(&figures.brackets)) } }
        }
    }
}

fn bars(brackets: &[RadiusBracket]) -> Markup {
    let mut all = brackets.to_vec();
    all.sort_by(|a, b| b.proved.total_cmp(&a.proved));
    let most = all.iter().map(|b| b.attacked.unwrap_or(1.1 * b.proved)).fold(1e-6, f64::max);
    let x = |radius: f64| WIDTH * 0.98 * radius / most;
    let height = BAR * all.len() as f64;
    let (proved, found) = (css(SERIES[0]), css(SERIES[1]));
    let fade = |bracket: &RadiusBracket| if bracket.right { "1" } else { "0.3" };
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (height + FOOT) } role="img" aria-label="The bracket around each picture's radius" {
            @for tick in ticks((0.0, most)) {
                path class="grid" d=(format!("M{:.1} 0V{height}", x(tick))) {}
                text class="tick middle" x=(format!("{:.1}", x(tick))) y=(height + 18.0) { (plain(tick)) }
            }
            @for (row, bracket) in all.iter().enumerate() {
                @let top = BAR * row as f64;
                g opacity=(fade(bracket)) {
                    rect x="0" y=(top + 1.0) width=(format!("{:.1}", x(bracket.proved))) height=(BAR - 2.0) fill=(proved) {}
                    @if let Some(attacked) = bracket.attacked {
                        path stroke=(found) d=(format!("M{:.1} {:.1}H{:.1}", x(bracket.proved), top + BAR / 2.0, x(attacked))) {}
                        rect x=(format!("{:.1}", x(attacked) - 1.5)) y=(top + 1.0) width="3" height=(BAR - 2.0) fill=(found) {}
                    }
                }
            }
        }
    }
}
