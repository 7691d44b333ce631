//! The sheet of drawn pictures: a grid, and the counts beside the posterior where there is one.

use image::RgbImage;

use super::page::{Caption, Head, Page, Panel};
use super::raster::shown;
use super::theme::Theme;
use crate::study::lab::{SampleRequest, Samples, Start, wilson};
use crate::study::ranked;
use crate::study::words::{number, percent_in_print};

/// How many pictures a sheet shows, and in a row.
const SHOWN: usize = 64;
const ROW: usize = 8;
/// How many classes are counted.
const CLASSES: usize = 10;

/// Draws the sheet of drawn pictures.
#[must_use]
pub fn samples_sheet(found: &Samples, request: &SampleRequest, title: &str, theme: Theme) -> RgbImage {
    let mut page = Page::new(theme);
    let counts = found.counts();
    let shares: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
    let order = ranked(&shares);
    let total = found.list.len();
    let way = match &request.start {
        Start::Nothing => format!("Heun, {} levels, churn {}", found.sigmas.len(), number(request.churn, 0)),
        Start::Noisy(..) => format!("ancestral, {} levels", found.sigmas.len()),
    };
    let towards = request.guidance.map_or(String::new(), |guidance| {
        format!("  ·  as {}, guidance {}", found.model.classes[guidance.class], number(guidance.weight, 1))
    });
    page.head(&Head {
        title,
        verdict: [found.model.classes[order[0]].clone(), format!("{} of {total}", counts[order[0]])],
        line: format!("model {}  ·  {way}{towards}  ·  seed {}", found.model.name, request.seed),
        right: format!("{total} pictures"),
    });
    let grid: Vec<Panel> = found
        .list
        .iter()
        .take(SHOWN)
        .map(|sample| {
            let class = ranked(&sample.posterior)[0];
            let words = vec![
                format!("{} {}", found.model.classes[class], percent_in_print(sample.posterior[class])),
                found.model.classes[class].clone(),
            ];
            Panel { label: String::new(), formula: "", image: shown(&sample.picture), caption: Caption::Text(words) }
        })
        .collect();
    for row in grid.chunks(ROW) {
        page.row(row, ROW as u32);
    }
    if let Some(posterior) = &found.posterior {
        page.chapter("The posterior by counting", "share of the restorations, Wilson's interval at 95 %, p(c | y)");
        let shown_ones = order.iter().filter(|&&class| counts[class] > 0 || posterior[class] > 0.005).take(CLASSES);
        for &class in shown_ones {
            let (low, high) = wilson(counts[class], total);
            let cells = [
                percent_in_print(counts[class] as f64 / total as f64),
                format!("{} to {}", percent_in_print(low), percent_in_print(high)),
                percent_in_print(posterior[class]),
            ];
            page.figures(&found.model.classes[class], "", &cells.map(|cell| (cell, false)));
        }
    }
    page.foot(&[], vec![format!("computed on {}", found.model.device)]);
    page.finish()
}
