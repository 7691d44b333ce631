//! A comparison as one HTML file that needs nothing but a browser, and its tables as words.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Bin, Comparison, Difference, Disputed, LevelComparison, Transfer};
use crate::Result;
use crate::picture::PSNR;
use crate::study::evaluation::attack_plan::aimed;
use crate::study::evaluation::html::{STYLE, colours, figure};
use crate::study::level;
use crate::study::words::{number, percent_in_print, scientific, share};

/// A table of words.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// What it is of.
    pub title: &'static str,
    /// The columns' names.
    pub head: Vec<&'static str>,
    /// As many cells a row as there are columns.
    pub rows: Vec<Vec<String>>,
    /// What a person should know to read it.
    pub note: &'static str,
}

const TEST: &str = "p is McNemar's exact test: how probable so uneven a count of pictures that one alone takes rightly is, if \
                    neither were better.";
const NEARER: &str = "A − B of each picture's own PSNR, with the standard error of the mean.";
const TRANSFER: &str = "The share of pictures still taken rightly under the attack made for one model, asked of A and of B. A picture that \
                        was wrong before counts as wrong. p compares each under the attack made for itself.";

const TARGETS: &str = "The share of pictures that A and B take for the class that the attack aimed at, whatever they were taken for before.";

/// Every table that the comparison has figures for.
#[must_use]
pub fn tables(comparison: &Comparison) -> Vec<Words> {
    let Comparison { by_sigma, robust, .. } = comparison;
    let all = [accuracies(by_sigma), differences(by_sigma), transfers(robust), targets(robust)];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn chance(p: f64) -> String {
    if p < 1e-3 { scientific(p) } else { number(p, 3) }
}

fn accuracies(levels: &[LevelComparison]) -> Words {
    let row = |level: &LevelComparison| {
        let of = level.classification.as_ref()?;
        let counts = [of.both_right, of.test.only_a, of.test.only_b, of.both_wrong_alike, of.both_wrong_apart];
        let mut row = vec![level::describe(level.sigma), share(of.accuracy[0]), share(of.accuracy[1])];
        row.extend(counts.map(|count| count.to_string()));
        row.push(chance(of.test.p_value));
        Some(row)
    };
    let head =
        vec!["σ", "accuracy A", "accuracy B", "both right", "A alone", "B alone", "wrong alike", "wrong apart", "p"];
    Words { title: "Who is right", head, rows: levels.iter().filter_map(row).collect(), note: TEST }
}

fn differences(levels: &[LevelComparison]) -> Words {
    let row = |level: &LevelComparison| {
        let of = level.psnr_db.as_ref()?;
        let difference = format!("{} ± {}", number(of.difference, 3), number(of.standard_error, 3));
        let means = of.mean.map(|mean| PSNR.write(mean));
        let [a, b] = means;
        Some(vec![level::describe(level.sigma), a, b, difference, share(of.larger)])
    };
    let head = vec!["σ", "PSNR A", "PSNR B", "A − B in dB", "A nearer on"];
    Words { title: "What they restore", head, rows: levels.iter().filter_map(row).collect(), note: NEARER }
}

fn title(of: &Transfer) -> String {
    let method = aimed(of.method.description().title, of.target);
    format!("{method} {} {}", of.norm.title(), level::describe(of.epsilon as f32))
}

fn transfers(robust: &[Transfer]) -> Words {
    let rows = |of: &Transfer| {
        let attack = title(of);
        let row = |name: &str, shares: [f64; 2], p: String| {
            vec![attack.clone(), name.to_owned(), share(shares[0]), share(shares[1]), p]
        };
        [
            row("neither", of.clean_accuracy, "–".to_owned()),
            row("A", of.accuracy[0], chance(of.test.p_value)),
            row("B", of.accuracy[1], chance(of.test.p_value)),
        ]
    };
    let head = vec!["attack", "made for", "accuracy A", "accuracy B", "p"];
    Words { title: "Under attack", head, rows: robust.iter().flat_map(rows).collect(), note: TRANSFER }
}

fn targets(robust: &[Transfer]) -> Words {
    let rows = |of: &Transfer| {
        let attack = title(of);
        let row = |(name, shares): (&str, [f64; 2])| {
            vec![attack.clone(), name.to_owned(), share(shares[0]), share(shares[1])]
        };
        of.reached
            .map(|reached| [("A", reached[0]), ("B", reached[1])].map(row))
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
    };
    let head = vec!["attack", "made for", "A says the target", "B says the target"];
    Words { title: "Taken for the target", head, rows: robust.iter().flat_map(rows).collect(), note: TARGETS }
}

/// The whole page.
///
/// # Errors
/// If a picture cannot be encoded.
pub fn page(comparison: &Comparison) -> Result<String> {
    let Comparison { models: [a, b], data, images, seed, by_sigma, .. } = comparison;
    let disputed = by_sigma.iter().map(disputed).collect::<Result<Vec<_>>>()?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (a.name) " and " (b.name) " on " (data) }
                meta name="viewport" content="width=device-width";
                style { (PreEscaped(colours())) (PreEscaped(STYLE)) }
            }
            body {
                h1 { (a.name) " and " (b.name) " on " (data) }
                p { "A is " (a.name) " on " (a.device) ", B is " (b.name) " on " (b.device) }
                p { (images) " pictures · seed " (seed) " · denoscope " (env!("CARGO_PKG_VERSION")) }
                @for (letter, model) in [("A", a), ("B", b)] {
                    @for note in &model.notes { p { (letter) ": " (note) } }
                }
                @for table in tables(comparison) {
                    h2 { (table.title) }
                    div class="wide" { table {
                        thead { tr { @for name in &table.head { th { (name) } } } }
                        tbody { @for row in &table.rows { tr { @for cell in row { td { (cell) } } } } }
                    } }
                    p { (table.note) }
                }
                div class="plots" {
                    @for level in by_sigma {
                        @if let Some(difference) = &level.psnr_db {
                            figure {
                                (bars(difference))
                                figcaption { "PSNR of A less that of B, in dB, at σ = " (level::describe(level.sigma)) }
                            }
                        }
                    }
                }
                @for part in disputed { (part) }
            }
        }
    };
    Ok(page.into_string())
}

/// The pictures that one model alone takes for what they are.
fn disputed(level: &LevelComparison) -> Result<Markup> {
    let caption = |disputed: &Disputed| {
        let said = |side: usize| {
            let wrong = disputed.said[side] != disputed.class;
            let words = format!("{}, {}", disputed.said[side], percent_in_print(disputed.probability[side]));
            html! { span .wrong[wrong] { (["A: ", "B: "][side]) (words) } }
        };
        html! { (disputed.class) " (" (disputed.number) ")" br; (said(0)) br; (said(1)) }
    };
    let figures =
        level.disputed.iter().map(|d| figure(&d.picture, &d.class, &caption(d))).collect::<Result<Vec<_>>>()?;
    Ok(html! {
        @if !figures.is_empty() {
            h2 { "Taken rightly by one alone, at σ = " (level::describe(level.sigma)) }
            div class="pictures" { @for figure in figures { (figure) } }
        }
    })
}

/// A histogram as an `<svg>` element.
fn bars(difference: &Difference) -> Markup {
    const SIZE: (f64, f64) = (460.0, 220.0);
    const ROOM: f64 = 24.0;
    let bins = &difference.histogram;
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
    let width = SIZE.0 / bins.len().max(1) as f64;
    let tall = |bin: &Bin| (SIZE.1 - 2.0 * ROOM) * bin.count as f64 / most;
    let end = bins.last().map_or(0.0, |bin| bin.to);
    let bottom = SIZE.1 - ROOM;
    let place = |number: f64| format!("{number:.1}");
    html! {
        svg viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } role="img" aria-label="PSNR of A less that of B" {
            @for (index, bin) in bins.iter().enumerate() {
                rect fill="var(--quiet)" x=(place(width * index as f64 + 1.0)) y=(place(bottom - tall(bin))) width=(place(width - 2.0)) height=(place(tall(bin))) {
                    title { (number(bin.from, 3)) " to " (number(bin.to, 3)) " dB: " (bin.count) }
                }
            }
            path class="axis" d=(format!("M0 {bottom}H{}", SIZE.0)) {}
            text class="tick" x="2" y=(SIZE.1 - 6.0) { (number(-end, 2)) }
            text class="tick middle" x=(SIZE.0 / 2.0) y=(SIZE.1 - 6.0) { "0" }
            text class="tick end" x=(SIZE.0 - 2.0) y=(SIZE.1 - 6.0) { (number(end, 2)) }
        }
    }
}
