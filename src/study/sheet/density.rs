//! The sheet of densities: the histogram of bits, the constants, and a noisy picture's noise and class.

use image::Rgb;
use image::RgbImage;

use super::page::{Head, Page};
use super::raster::rectangle;
use super::text::{BODY, SMALL};
use super::theme::{CONTENT, MARGIN, Theme};
use crate::study::lab::{Density, NoiseLevel};
use crate::study::level;
use crate::study::looks::{SEQUENTIAL, SERIES};
use crate::study::words::{number, percent_in_print, ticks};

/// Height of the plots.
const TALL: u32 = 300;
/// The most classes of a heat map.
const CLASSES: usize = 12;

/// Draws the sheet of densities, of which picture `index` is titled `title`; `noise` is what its noise was found to be, beside the
/// level that was added.
#[must_use]
pub fn density_sheet(
    density: &Density,
    (index, title): (Option<usize>, &str),
    noise: Option<(&NoiseLevel, Option<f32>)>,
    theme: Theme,
) -> RgbImage {
    let mut page = Page::new(theme);
    // One picture alone has nothing to lie among.
    let several = density.pictures.len() > 1;
    let mean = density.mean_bits();
    let error = |value: f64, error: f64| format!("{} ± {}", number(value, 3), number(error, 3));
    let verdict = match index {
        Some(index) => {
            let bits = density.pictures[index].bits;
            [error(bits.value, bits.standard_error), "bits a value".to_owned()]
        }
        None => [density.model.name.clone(), "its data's densities".to_owned()],
    };
    page.head(&Head {
        title,
        verdict,
        line: format!(
            "model {}  ·  {} {}, {} draws of noise",
            density.model.name,
            density.pictures.len(),
            if several { "pictures" } else { "picture" },
            density.draws
        ),
        right: format!("mean {} bits a value", error(mean.value, mean.standard_error)),
    });
    page.chapter("Bits a value", "an upper bound of the code of the 8-bit values");
    if several {
        histogram(&mut page, density, index);
    }
    if let Some(index) = index {
        let found = density.pictures[index];
        let cells = [found.coarse, found.denoiser, found.values].map(|bits| (number(bits, 3), false));
        page.figures("coarse, denoiser, values", "what the bits are spent on", &cells);
        if several {
            let place = percent_in_print(density.place(index));
            page.figures("place", "the share of the pictures that take fewer bits", &[(place, false)]);
        }
    }
    if let Some((found, added)) = noise {
        page.chapter("Noise and class", "p(c, σ | y)");
        heat(&mut page, density, found);
        let sigma = |sigma: f64| format!("{}/255", number(sigma * 255.0, 2));
        let mut cells = vec![(format!("{} ± {} %", sigma(found.sigma), number(100.0 * found.deviation, 1)), false)];
        cells.extend(added.map(|added| (format!("{} was added", sigma(f64::from(added))), false)));
        page.figures("noise level", "the posterior's mean and deviation of ln σ", &cells);
    }
    page.chapter("C(σ)", "what the model's log p lacks at each noise level, in nats");
    let few = density.sigmas.len().div_ceil(6);
    let shown = || density.sigmas.iter().zip(&density.constants).step_by(few);
    page.figures("σ", "", &shown().map(|(sigma, _)| (level::of_255(*sigma) + "/255", false)).collect::<Vec<_>>());
    let nats = shown().map(|(_, c)| (format!("{} ± {}", number(c.value, 0), number(c.standard_error, 1)), false));
    page.figures("nats", "", &nats.collect::<Vec<_>>());
    page.foot(&[], vec![format!("computed on {}", density.model.device)]);
    page.finish()
}

/// How many pictures take how many bits, and where one of them lies.
fn histogram(page: &mut Page, density: &Density, index: Option<usize>) {
    let bits: Vec<f64> = density.pictures.iter().map(|picture| picture.bits.value).collect();
    let (low, high) = bits.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let margin = (0.05 * (high - low)).max(0.01);
    let (low, high) = (low - margin, high + margin);
    let columns = (2.0 * (bits.len() as f64).sqrt()).ceil().clamp(1.0, 48.0) as usize;
    let of = |v: f64| (((v - low) / (high - low) * columns as f64) as usize).min(columns - 1);
    let mut counts = vec![0_u32; columns];
    for v in &bits {
        counts[of(*v)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let top = page.take(TALL + 56);
    let (ink, bar, quiet) = (page.palette().ink, Rgb(SERIES[0]), page.palette().quiet);
    let image = page.image();
    let x = |v: f64| MARGIN + ((v - low) / (high - low) * f64::from(CONTENT - 1)) as u32;
    for (column, count) in counts.into_iter().enumerate() {
        let [left, right] = [column, column + 1].map(|c| MARGIN + CONTENT * c as u32 / columns as u32);
        let height = (TALL - 30) * count / most;
        rectangle(image, (left, top + TALL - height), ((right - left).saturating_sub(2).max(1), height), bar);
    }
    for tick in ticks((low, high)).into_iter().filter(|tick| (low..=high).contains(tick)) {
        let words = number(tick, 2);
        let (wide, left, right) = (BODY.width(&words), MARGIN as f32, (MARGIN + CONTENT) as f32);
        let start = (x(tick) as f32 - 0.5 * wide).clamp(left, right - wide);
        BODY.draw(image, (start, (top + TALL) as f32 + 28.0), quiet, &words);
    }
    if let Some(index) = index {
        rectangle(image, (x(bits[index]), top), (3, TALL), ink);
    }
}

/// Classes across, noise levels up.
fn heat(page: &mut Page, density: &Density, found: &NoiseLevel) {
    let count = density.model.classes.len();
    let by_class = found.classes();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| by_class[b].total_cmp(&by_class[a]));
    order.truncate(CLASSES);
    order.sort_unstable();
    let largest = found.joint.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let top = page.take(TALL + 56);
    let quiet = page.palette().quiet;
    let (left, width, levels) = (MARGIN + 150, CONTENT - 150, found.sigmas.len() as u32);
    let image = page.image();
    for (column, &class) in order.iter().enumerate() {
        let [from, to] = [column, column + 1].map(|c| left + width * c as u32 / order.len() as u32);
        for level in 0..levels {
            let [low, high] = [level, level + 1].map(|l| top + TALL - TALL * l / levels);
            let p = found.joint[level as usize * count + class] / largest;
            rectangle(
                image,
                (from, high),
                ((to - from).saturating_sub(2).max(1), low - high),
                Rgb(SEQUENTIAL.rgb(p as f32)),
            );
        }
        let name = SMALL.fit(&density.model.classes[class], (to - from) as f32 - 4.0);
        SMALL.draw(image, (from as f32, (top + TALL) as f32 + 26.0), quiet, &name);
    }
    for (level, y) in [(0, TALL), (levels / 2, TALL / 2), (levels - 1, 12)] {
        let words = format!("{}/255", level::of_255(found.sigmas[level as usize]));
        BODY.draw_right(image, (left as f32 - 14.0, (top + y) as f32), quiet, &words);
    }
}
