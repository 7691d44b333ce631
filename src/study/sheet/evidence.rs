//! The sheet of evidence: both roads to each class over the scales, and where in the picture they come from.

use image::{Rgb, RgbImage};

use super::page::{Caption, Head, Page, Panel, signed_range};
use super::raster::{rectangle, shown, signed};
use super::text::BODY;
use super::theme::{CONTENT, MARGIN, Theme};
use crate::study::lab::{ClassEvidence, Evidence};
use crate::study::level;
use crate::study::looks::SERIES;
use crate::study::words::{number, ticks};

/// How many classes a sheet shows.
const CLASSES: usize = 5;
/// The plot's height.
const TALL: u32 = 420;

/// Draws the sheet of a picture's evidence, titled with the picture's name.
#[must_use]
pub fn evidence_sheet(found: &Evidence, title: &str, theme: Theme) -> RgbImage {
    let mut page = Page::new(theme);
    let shown_ones: Vec<&ClassEvidence> = found.classes.iter().take(CLASSES).collect();
    let Some(first) = shown_ones.first() else { return page.finish() };
    let name = |class: &ClassEvidence| found.model.classes[class.class].clone();
    page.head(&Head {
        title,
        verdict: [name(first), format!("{} bits", number(first.softmax.value, 1))],
        line: format!("model {}  ·  {} draws of noise at {} levels", found.model.name, found.draws, found.sigmas.len()),
        right: format!("gap between the roads: {} bits", number(first.gap.value, 1)),
    });
    let size = found.picture.shape();
    let mut panels = vec![Panel {
        label: "Clean".into(),
        formula: "x",
        image: shown(&found.picture),
        caption: Caption::Text(vec![format!("{} × {} pixels", size.width, size.height)]),
    }];
    for class in &shown_ones {
        let range = signed_range(&class.map);
        let image = signed(&class.map, range, page.palette().signed);
        panels.push(Panel { label: name(class), formula: "bits a value", image, caption: Caption::Key(range) });
    }
    page.row(&panels, panels.len().max(4) as u32);
    page.chapter("Evidence from coarse to fine", "log₂ p(c | y) gained; line: denoisers, dots: classifier");
    plot(&mut page, found, &shown_ones);
    for (index, class) in shown_ones.iter().enumerate() {
        let bits = |value: f64, error: f64| format!("{} ± {} bits", number(value, 2), number(error, 2));
        let cells = [
            format!("classifier {}", bits(class.softmax.value, class.softmax.standard_error)),
            format!("denoisers {}", bits(class.denoisers.value, class.denoisers.standard_error)),
            format!("gap {}", bits(class.gap.value, class.gap.standard_error)),
        ];
        page.swatch(Rgb(SERIES[index % SERIES.len()]));
        page.figures(&format!("      {}", name(class)), "", &cells.map(|cell| (cell, false)));
    }
    page.foot(&[], vec![format!("computed on {}", found.model.device)]);
    page.finish()
}

/// The evidence that has come in from the largest noise level down to each.
fn plot(page: &mut Page, found: &Evidence, classes: &[&ClassEvidence]) {
    let all = classes.iter().flat_map(|c| c.from_above.iter().chain(&c.softmax_from_above)).copied();
    let (low, high) = all.filter(|v| v.is_finite()).fold((0.0_f64, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    let high = if high > low { high } else { low + 1.0 };
    let (left, top) = (MARGIN + 70, page.take(TALL + 64));
    let width = CONTENT - 70;
    let (first, last) = (found.sigmas[0].ln(), found.sigmas[found.sigmas.len() - 1].ln());
    // Coarse at the left, as one looks from afar and comes nearer.
    let x = |sigma: f32| left as f32 + (last - sigma.ln()) / (last - first).max(1e-6) * (width - 1) as f32;
    let y = |bits: f64| top as f32 + ((high - bits) / (high - low) * f64::from(TALL - 1)) as f32;
    let (faint, quiet) = (page.palette().faint, page.palette().quiet);
    let image = page.image();
    for tick in ticks((low, high)) {
        rectangle(image, (left, y(tick) as u32), (width, 1), faint);
        BODY.draw_right(image, (left as f32 - 12.0, y(tick) + 7.0), quiet, &number(tick, 0));
    }
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let sigma = (last + (first - last) * share).exp();
        let words = format!("σ = {}", level::of_255(sigma) + "/255");
        let at = (x(sigma) - BODY.width(&words) * share, (top + TALL) as f32 + 30.0);
        BODY.draw(image, at, quiet, &words);
    }
    for (index, class) in classes.iter().enumerate() {
        let colour = Rgb(SERIES[index % SERIES.len()]);
        let points: Vec<(f32, f32)> =
            found.sigmas.iter().zip(&class.from_above).map(|(&sigma, &bits)| (x(sigma), y(bits))).collect();
        for pair in points.windows(2) {
            line(image, pair[0], pair[1], colour);
        }
        for (&sigma, &bits) in found.sigmas.iter().zip(&class.softmax_from_above).filter(|(_, bits)| bits.is_finite()) {
            rectangle(image, ((x(sigma) as u32).saturating_sub(3), (y(bits) as u32).saturating_sub(3)), (6, 6), colour);
        }
    }
}

/// A line of two pixels' width.
fn line(image: &mut RgbImage, (x0, y0): (f32, f32), (x1, y1): (f32, f32), colour: Rgb<u8>) {
    let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().max(1.0) as usize;
    for step in 0..=steps {
        let t = step as f32 / steps as f32;
        let (x, y) = (x0 + (x1 - x0) * t, y0 + (y1 - y0) * t);
        rectangle(image, ((x.max(0.0)) as u32, (y.max(0.0)) as u32), (2, 2), colour);
    }
}
