//! An evaluation as one HTML file that needs nothing but a browser: tables, and plots in SVG.

use std::fmt::Write;

use super::Evaluation;
use super::chart::{Chart, escaped};
use super::charts;
use super::tables::{self, Table};

/// The page's looks.
const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1a1b1f;--quiet:#696b72;--faint:#e2e1dd;--paper:#fcfbf9}
@media(prefers-color-scheme:dark){:root{--ink:#ececee;--quiet:#989ba4;--faint:#34363d;--paper:#141519}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1000px;margin:3rem auto;padding:0 1.5rem}
h1{font-weight:300;font-size:2.2rem;margin:0}h2{font-weight:400;font-size:1.25rem;margin:2.5rem 0 .75rem}
p,figcaption,th{color:var(--quiet)}p{margin:.25rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.35rem .75rem;border-bottom:1px solid var(--faint);font-weight:400}
th:first-child,td:first-child{text-align:left;padding-left:0}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:2rem}
figure{margin:0}figcaption{font-size:.9rem}figcaption span{margin-right:1rem;white-space:nowrap}
figcaption i{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.35em}
svg{width:100%;height:auto}svg text{font-size:12px;fill:var(--quiet)}.end{text-anchor:end}.middle{text-anchor:middle}
.grid,.axis,.ideal{stroke:var(--faint);fill:none}.axis{stroke:var(--quiet)}.ideal{stroke:var(--quiet);stroke-dasharray:4 4}
.line{fill:none;stroke-width:2}";

/// The whole page.
#[must_use]
pub fn page(evaluation: &Evaluation) -> String {
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
    let title = format!("{} on {}", escaped(model), escaped(data));
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
}

/// A table under its title; cells are plain text.
fn section(body: &mut String, table: &Table) {
    let cells = |tag: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect::<Vec<_>>().concat()
    };
    let head: Vec<String> = table.head.iter().map(|&h| h.to_owned()).collect();
    let rows: Vec<String> = table.rows.iter().map(|row| format!("<tr>{}</tr>", cells("td", row))).collect();
    // Writing to a string cannot fail.
    let _ = write!(
        body,
        "<h2>{}</h2><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
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
