//! The sheet of fills: what was known, the fills from the most probable on, their mean and spread.

use image::RgbImage;

use super::page::{Caption, Head, Page, Panel};
use super::raster::{deviation, shown};
use super::samples::way_of;
use super::theme::Theme;
use crate::picture::{Fidelity, METRICS, Picture};
use crate::study::lab::{Fill, FillWay, Fills, InpaintRequest, Region};
use crate::study::looks::SEQUENTIAL;
use crate::study::ranked;
use crate::study::words::{believed_in_print, number, percent_in_print, round_up};

/// How many fills a sheet shows, and in a row.
const SHOWN: usize = 24;
const ROW: usize = 4;

/// Draws the sheet of a picture's fills, titled with the picture's name.
#[must_use]
pub fn inpaint_sheet(found: &Fills, request: &InpaintRequest, title: &str, theme: Theme) -> RgbImage {
    let mut page = Page::new(theme);
    let all = found.ranked();
    let Some(first) = all.first() else { return page.finish() };
    let way = match request.way {
        FillWay::Annealed { steps, corrections, candidates } => {
            let of = if candidates > 1 { format!(", one of {candidates} candidates each") } else { String::new() };
            format!("{steps} levels, {corrections} Langevin steps at each{of}")
        }
        FillWay::Ascent { beta } => format!("stochastic ascent, β = {}", number(beta, 2)),
    };
    let towards = request.guidance.map_or(String::new(), |guidance| {
        format!("  ·  as {}, guidance {}", found.model.classes[guidance.class], number(guidance.weight, 1))
    });
    page.head(&Head {
        title,
        verdict: verdict(found, first),
        line: format!("model {}  ·  {way}{towards}  ·  seed {}", found.model.name, request.seed),
        right: format!("{} of {} values free", request.measurement.free(), request.picture.values().len()),
    });
    let (mean, spread) = found.moments();
    page.row(&overview(found, request, &mean, &spread), ROW as u32);
    let of = if request.guidance.is_some() { "log₂ p(x) p(c | x)^w" } else { "log₂ p(x)" };
    page.chapter("Fills, the most probable first", &format!("{of} less that of the first, in bits"));
    let some: Vec<Panel> = all.iter().take(SHOWN).map(|fill| panel(found, fill, first)).collect();
    for row in some.chunks(ROW) {
        page.row(row, ROW as u32);
    }
    if let Some(fill) = found.list.first().filter(|fill| !fill.frames.is_empty()) {
        page.chapter("The way of fill 0", "y above, what the model takes it to be, E[x | y], below");
        way_of(&mut page, &fill.frames);
    }
    let mut facts = vec![format!("computed on {}", found.model.device)];
    facts.extend(found.acceptance.map(|share| format!("{} of the Langevin steps taken", percent_in_print(share))));
    let notes = if found.tiled {
        vec!["The model saw it in tiles: nothing corrected the Langevin steps, and the fills have no log p.".to_owned()]
    } else {
        Vec::new()
    };
    page.foot(&notes, facts);
    page.finish()
}

/// What the most probable fill is taken for, where that says anything.
fn verdict(found: &Fills, fill: &Fill) -> [String; 2] {
    if fill.posterior.is_empty() || !found.model.is_classifier() {
        return ["filled".to_owned(), format!("{} times", found.list.len())];
    }
    let class = ranked(&fill.posterior)[0];
    [found.model.classes[class].clone(), percent_in_print(fill.posterior[class])]
}

/// The truth if there is one, what was known, the mean and the spread.
fn overview(found: &Fills, request: &InpaintRequest, mean: &Picture, spread: &Picture) -> Vec<Panel> {
    let shape = request.picture.shape();
    let size = format!("{} × {} pixels", shape.width, shape.height);
    let panel = |label: &str, formula, picture: &Picture, words: String| Panel {
        label: label.to_owned(),
        formula,
        image: shown(picture),
        caption: Caption::Text(vec![words]),
    };
    let mut panels = Vec::new();
    if request.has_truth {
        panels.push(panel("Truth", "x", &request.picture, size.clone()));
    }
    let seen = if found.window == Region::whole(shape) { size } else { format!("{size}, seen in part") };
    panels.push(panel("What was known", "Px", &found.known, seen));
    let quality = request.has_truth.then(|| METRICS[0].labelled(Fidelity::of(mean, &request.picture).psnr_db()));
    panels.push(panel("Mean of the fills", "E[x | Px]", mean, quality.unwrap_or_default()));
    if found.list.len() < 2 {
        // One fill has no spread, and is its own mean.
        panels.truncate(panels.len() - 1);
        return panels;
    }
    let variance = spread.map(|d| d * d);
    let largest = spread.values().iter().copied().filter(|d| d.is_finite()).fold(1e-4, f32::max);
    let range = round_up(f64::from(largest)) as f32;
    panels.push(Panel {
        label: "Their spread".to_owned(),
        formula: "standard deviation",
        image: deviation(&variance, range, &SEQUENTIAL),
        caption: Caption::Magnitude(range),
    });
    panels
}

fn panel(found: &Fills, fill: &Fill, first: &Fill) -> Panel {
    let bits = fill.log_density.zip(first.log_density).map(|(log, best)| (log - best) / std::f64::consts::LN_2);
    let class = (found.model.is_classifier() && !fill.posterior.is_empty()).then(|| {
        let class = ranked(&fill.posterior)[0];
        believed_in_print(&found.model.classes[class], fill.posterior[class])
    });
    let bits = bits.map(|bits| format!("{} bits", number(bits, 1)));
    let quality = fill.fidelity.map(|fidelity| METRICS[0].labelled(fidelity.psnr_db()).replace('-', "−"));
    let long: Vec<String> = [class.clone(), bits.clone(), quality].into_iter().flatten().collect();
    let short: Vec<String> = [class, bits].into_iter().flatten().collect();
    Panel {
        label: format!("Fill {}", fill.number),
        formula: "",
        image: shown(&fill.picture),
        caption: Caption::Text(vec![long.join("  ·  "), short.join("  ·  ")]),
    }
}
