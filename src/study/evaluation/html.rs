//! An evaluation as one HTML file that needs nothing but a browser: tables, plots in SVG, and a few pictures.

use std::fmt::Write;

use super::chart::{Chart, escaped};
use super::data_uri::data_uri;
use super::tables::{self, Table};
use super::{Evaluation, Example, Examples, Said, charts};
use crate::Result;
use crate::picture::Picture;
use crate::study::level;

/// The page's looks.
const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1a1b1f;--quiet:#696b72;--faint:#e2e1dd;--paper:#fcfbf9}
@media(prefers-color-scheme:dark){:root{--ink:#ececee;--quiet:#989ba4;--faint:#34363d;--paper:#141519}}
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
.pictures figcaption{font-size:.8rem;line-height:1.35;margin-top:.3rem}.wrong{color:#d55e00}";

/// The whole page.
///
/// # Errors
/// If an example picture cannot be encoded.
pub fn page(evaluation: &Evaluation) -> Result<String> {
    let Evaluation { model, device, data, images, seed, .. } = evaluation;
    let mut body = format!(
        "<h1>{} on {}</h1><p>{images} pictures · seed {seed} · computed on {} · denoscope {}</p>",
        escaped(model),
        escaped(data),
        escaped(device),
        env!("CARGO_PKG_VERSION"),
    );
    for table in tables::tables(evaluation) {
        section(&mut body, &table);
        plots(&mut body, &charts::of(evaluation, table.part));
    }
    body.push_str(&pictures(&evaluation.examples)?);
    let title = format!("{} on {}", escaped(model), escaped(data));
    Ok(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>{body}</body></html>\n"
    ))
}

/// A table under its title; cells are plain text.
fn section(body: &mut String, table: &Table) {
    let cells = |tag: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect::<Vec<_>>().concat()
    };
    let head: Vec<String> = table.head.iter().map(|&h| h.to_owned()).collect();
    let rows: Vec<String> = table.rows.iter().map(|row| format!("<tr>{}</tr>", cells("td", row))).collect();
    let note = if table.note.is_empty() { String::new() } else { format!("<p>{}</p>", escaped(table.note)) };
    // Writing to a string cannot fail.
    let _ = write!(
        body,
        "<h2>{}</h2><div class=\"wide\"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>{note}",
        table.part.title(),
        cells("th", &head),
        rows.concat()
    );
}

fn plots(body: &mut String, charts: &[Chart]) {
    if charts.is_empty() {
        return;
    }
    body.push_str("<div class=\"plots\">");
    for chart in charts {
        let caption = escaped(&chart.y_label);
        let _ =
            write!(body, "<figure>{}<figcaption>{caption}. {}</figcaption></figure>", chart.to_svg(), chart.legend());
    }
    body.push_str("</div>");
}

/// The examples, a row for what each of them is: clean, noisy, denoised, attacked.
fn pictures(examples: &Examples) -> Result<String> {
    if examples.pictures.is_empty() {
        return Ok(String::new());
    }
    let mut body = "<h2>Examples</h2>".to_owned();
    let mut row = |title: String, figures: Vec<Result<String>>| -> Result<()> {
        let figures: Vec<String> = figures.into_iter().collect::<Result<_>>()?;
        // Writing to a string cannot fail.
        let _ = write!(body, "<p>{}</p><div class=\"pictures\">{}</div>", escaped(&title), figures.concat());
        Ok(())
    };
    let clean = |example: &Example| figure(&example.clean, &example.label, &escaped(&example.label));
    row("Clean".to_owned(), examples.pictures.iter().map(clean).collect())?;
    if let Some(sigma) = examples.sigma {
        let sigma = level::describe(sigma);
        row(format!("Under Gaussian noise, σ = {sigma}"), examples.said(|example| example.noisy.as_ref()))?;
        let denoised = |example: &Example| {
            example.denoised.as_ref().map(|picture| figure(picture, &format!("{} denoised", example.label), "E[x | y]"))
        };
        row("Denoised".to_owned(), examples.pictures.iter().filter_map(denoised).collect())?;
    }
    if let Some(attack) = &examples.attack {
        row(format!("Attacked by {attack}"), examples.said(|example| example.attacked.as_ref()))?;
    }
    Ok(body)
}

impl Examples {
    /// Figures of what the model says of each example in one state.
    fn said(&self, state: impl Fn(&Example) -> Option<&Said>) -> Vec<Result<String>> {
        let figures = self.pictures.iter().filter_map(|example| state(example).map(|said| (example, said)));
        figures
            .map(|(example, said)| {
                let class = if said.class == example.label { "" } else { " class=\"wrong\"" };
                let words = format!("<span{class}>{}, {:.1} %</span>", escaped(&said.class), 100.0 * said.probability);
                figure(&said.picture, &example.label, &words)
            })
            .collect()
    }
}

/// One picture; the caption is HTML.
fn figure(picture: &Picture, alternative: &str, caption: &str) -> Result<String> {
    let (source, alternative) = (data_uri(picture)?, escaped(alternative));
    Ok(format!("<figure><img src=\"{source}\" alt=\"{alternative}\"><figcaption>{caption}</figcaption></figure>"))
}
