//! An evaluation as one HTML file that needs nothing but a browser: tables, and plots in SVG.

use std::fmt::Write;

use super::chart::{Chart, escaped};
use super::charts;
use super::{Evaluation, LevelFigures, RobustFigures};
use crate::study::level;

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
    if !evaluation.by_sigma.is_empty() {
        section(&mut body, "Gaussian noise", &levels(&evaluation.by_sigma));
        plots(&mut body, &charts::by_level(&evaluation.by_sigma));
    }
    if !evaluation.by_noise.is_empty() {
        section(&mut body, "Other kinds of noise", &levels(&evaluation.by_noise));
    }
    if !evaluation.robust.is_empty() {
        section(&mut body, "Under attack", &attacks(&evaluation.robust));
        plots(&mut body, &charts::by_budget(&evaluation.robust));
    }
    if !evaluation.ood.is_empty() {
        section(&mut body, "Pictures of another kind", &detections(evaluation));
    }
    let title = format!("{} on {}", escaped(model), escaped(data));
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
}

fn section(body: &mut String, title: &str, table: &str) {
    // Writing to a string cannot fail.
    let _ = write!(body, "<h2>{title}</h2>{table}");
}

fn plots(body: &mut String, charts: &[Chart]) {
    body.push_str("<div class=\"plots\">");
    for chart in charts {
        let caption = escaped(&chart.y_label);
        let _ =
            write!(body, "<figure>{}<figcaption>{caption}. {}</figcaption></figure>", chart.to_svg(), chart.legend());
    }
    body.push_str("</div>");
}

/// A table from its head and its rows, whose cells are plain text.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cells = |tag: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect::<Vec<_>>().concat()
    };
    let head: Vec<String> = head.iter().map(|&h| h.to_owned()).collect();
    let rows = rows.map(|row| format!("<tr>{}</tr>", cells("td", &row))).collect::<Vec<_>>().concat();
    format!("<table><thead><tr>{}</tr></thead><tbody>{rows}</tbody></table>", cells("th", &head))
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn levels(figures: &[LevelFigures]) -> String {
    let head = ["noise", "σ", "accuracy", "ECE", "PSNR noisy", "PSNR denoised", "SSIM"];
    let row = |f: &LevelFigures| {
        vec![
            f.noise.name().to_owned(),
            level::describe(f.sigma),
            percent(f.accuracy),
            format!("{:.4}", f.ece),
            format!("{:.2} dB", f.psnr_db.noisy),
            format!("{:.2} dB", f.psnr_db.denoised),
            format!("{:.4}", f.ssim),
        ]
    };
    table(&head, figures.iter().map(row))
}

fn attacks(figures: &[RobustFigures]) -> String {
    let head = ["attack", "norm", "ε", "σ", "clean accuracy", "robust accuracy", "mean size of successes"];
    let row = |f: &RobustFigures| {
        vec![
            f.method.description().title.to_owned(),
            f.norm.title().to_owned(),
            level::describe(f.epsilon as f32),
            level::describe(f.sigma),
            percent(f.clean_accuracy),
            percent(f.accuracy),
            f.mean_achieved.map_or_else(|| "–".to_owned(), |size| format!("{size:.4}")),
        ]
    };
    table(&head, figures.iter().map(row))
}

fn detections(evaluation: &Evaluation) -> String {
    let row = |d: &super::DetectionFigures| {
        vec![
            d.score.name().to_owned(),
            format!("{} ({})", d.data, d.images),
            level::describe(d.sigma),
            format!("{:.4}", d.auroc),
            percent(d.fpr_at_95),
        ]
    };
    table(&["score", "against", "σ", "AUROC", "FPR at 95 % TPR"], evaluation.ood.iter().map(row))
}
