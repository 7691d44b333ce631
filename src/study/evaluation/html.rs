//! An evaluation as one HTML file that needs nothing but a browser: tables, plots in SVG, and a few pictures.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::Chart;
use super::data_uri::data_uri;
use super::tables::{self, Part, Table};
use super::{Evaluation, Example, Examples, Said, bars, charts, lab};
use crate::Result;
use crate::picture::Picture;
use crate::study::level;
use crate::study::looks::{DARK, LIGHT, Palette, WRONG, css};
use crate::study::words::percent_in_print;

/// The page's looks.
pub(super) const STYLE: &str = "
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1000px;margin:3rem auto;padding:0 1.5rem}
h1{font-weight:300;font-size:2.2rem;margin:0}h2{font-weight:400;font-size:1.25rem;margin:2.5rem 0 .75rem}
p,figcaption,th{color:var(--quiet)}p{margin:.25rem 0}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.35rem .75rem;border-bottom:1px solid var(--faint);font-weight:400}
th:first-child,td:first-child{text-align:left;padding-left:0}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:2rem}
figure{margin:0}figcaption{font-size:.9rem}figcaption span{margin-right:1rem;white-space:nowrap}
figcaption i{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.35em}
svg{width:100%;height:auto}svg text{font-size:12px;fill:var(--quiet)}.end{text-anchor:end}.middle{text-anchor:middle}
.grid,.axis,.ideal{stroke:var(--faint);fill:none}.axis{stroke:var(--quiet)}.ideal{stroke:var(--quiet);stroke-dasharray:4 4}
.line{fill:none;stroke-width:2}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(96px,1fr));gap:1rem}
.pictures+.pictures{margin-top:1.5rem}.pictures img{width:100%;image-rendering:pixelated;display:block}
.pictures figcaption{font-size:.8rem;line-height:1.35;margin-top:.3rem}.wrong{color:var(--wrong)}";

/// The page's colours, in a light and in a dark browser.
pub(super) fn colours() -> String {
    let of = |palette: &Palette| {
        let [ink, quiet, faint, paper] = [palette.ink, palette.quiet, palette.faint, palette.paper].map(css);
        format!(":root{{--ink:{ink};--quiet:{quiet};--faint:{faint};--paper:{paper};--wrong:{}}}", css(WRONG))
    };
    format!(":root{{color-scheme:light dark}}{}@media(prefers-color-scheme:dark){{{}}}", of(&LIGHT), of(&DARK))
}

/// The whole page.
///
/// # Errors
/// If an example picture cannot be encoded.
pub fn page(evaluation: &Evaluation) -> Result<String> {
    let Evaluation { model, device, data, images, seed, .. } = evaluation;
    let examples = pictures(&evaluation.examples)?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (model) " on " (data) }
                meta name="viewport" content="width=device-width";
                style { (PreEscaped(colours())) (PreEscaped(STYLE)) }
            }
            body {
                h1 { (model) " on " (data) }
                p { (images) " pictures · seed " (seed) " · computed on " (device) " · denoscope " (env!("CARGO_PKG_VERSION")) }
                @for table in tables::tables(evaluation) {
                    (section(&table))
                    (plots(&charts::of(evaluation, table.part)))
                    @if table.part == Part::Certificates { (bars::of(&evaluation.certified)) }
                }
                (examples)
            }
        }
    };
    Ok(page.into_string())
}

/// A table under its title.
fn section(table: &Table) -> Markup {
    html! {
        h2 { (table.part.title()) }
        div class="wide" {
            table {
                thead { tr { @for (name, about) in table.head.iter().zip(&table.about) { th title=(about) { (name) } } } }
                tbody { @for row in &table.rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
        @if !table.note.is_empty() { p { (table.note) } }
    }
}

fn plots(charts: &[Chart]) -> Markup {
    html! {
        @if !charts.is_empty() {
            div class="plots" {
                @for chart in charts {
                    figure { (chart.to_svg()) figcaption { (chart.y_label) ". " (chart.legend()) } }
                }
            }
        }
    }
}

/// The examples, a row for what each of them is: clean, noisy, denoised, attacked.
fn pictures(examples: &Examples) -> Result<Markup> {
    let all = &examples.pictures;
    if all.is_empty() {
        return Ok(Markup::default());
    }
    let clean = all.iter().map(|e| figure(&e.clean, &e.label, &html! { (e.label) }));
    let mut rows = vec![("Clean".to_owned(), clean.collect::<Result<Vec<_>>>()?)];
    if let Some(sigma) = examples.sigma {
        let title = format!("Under Gaussian noise, σ = {}", level::describe(sigma));
        rows.push((title, examples.said(|example| example.noisy.as_ref())?));
        let denoised = all.iter().filter_map(|e| Some((e.denoised.as_ref()?, format!("{} denoised", e.label))));
        let denoised = denoised.map(|(picture, label)| figure(picture, &label, &html! { "E[x | y]" }));
        rows.push(("Denoised".to_owned(), denoised.collect::<Result<_>>()?));
    }
    if let Some(attack) = &examples.attack {
        rows.push((format!("Attacked by {attack}"), examples.said(|example| example.attacked.as_ref())?));
    }
    rows.extend(lab::rows(examples)?);
    if let (Some(noise), mistakes @ [_, ..]) = (examples.mistakes.0, &examples.mistakes.1[..]) {
        let figures = mistakes.iter().map(|m| {
            let words = format!("{}, {}", m.said.class, percent_in_print(m.said.probability));
            figure(&m.clean, &m.label, &html! { (m.label) " (" (m.number) ")" br; span .wrong { (words) } })
        });
        let title = format!("Taken for another class, σ = {}", level::describe(noise.sigma));
        rows.push((title, figures.collect::<Result<_>>()?));
    }
    Ok(html! {
        h2 { "Examples" }
        @for (title, figures) in rows {
            p { (title) }
            div class="pictures" { @for figure in figures { (figure) } }
        }
    })
}

impl Examples {
    /// Figures of what the model says of each example in one state.
    fn said(&self, state: impl Fn(&Example) -> Option<&Said>) -> Result<Vec<Markup>> {
        let figures = self.pictures.iter().filter_map(|example| state(example).map(|said| (example, said)));
        let figures = figures.map(|(example, said)| {
            let words = format!("{}, {}", said.class, percent_in_print(said.probability));
            let wrong = said.class != example.label;
            figure(&said.picture, &example.label, &html! { span .wrong[wrong] { (words) } })
        });
        figures.collect()
    }
}

/// One picture and its caption.
pub(super) fn figure(picture: &Picture, alternative: &str, caption: &Markup) -> Result<Markup> {
    let source = data_uri(picture)?;
    Ok(html! { figure { img src=(source) alt=(alternative); figcaption { (caption) } } })
}
