//! The lab's sheet: both kinds of doubt, what else the picture could be, and what a pixel was made of.

use image::RgbImage;

use super::page::{Caption, Head, Page, Panel, origin, signed_range};
use super::raster::{deviation, shown, signed};
use super::theme::Theme;
use crate::picture::Picture;
use crate::study::lab::{Component, Components, Estimate, Filter, Uncertainty};
use crate::study::looks::SEQUENTIAL;
use crate::study::words::{number, percent_in_print, round_up, scientific, significant};

/// How many components a sheet shows.
const COMPONENTS: usize = 5;

/// Draws the sheet of a picture's uncertainty, titled with the picture's name.
#[must_use]
pub fn uncertainty_sheet(found: &Uncertainty, title: &str, theme: Theme) -> RgbImage {
    let mut page = Page::new(theme);
    let class = found.predicted();
    let doubt = &found.doubt;
    page.head(&Head {
        title,
        verdict: [found.model.classes[class].clone(), percent_in_print(found.posterior[class])],
        line: origin(&found.model.name, found.noise, found.sigma, found.sigma_estimated),
        right: format!("tr J = {}  ·  Σλ² = {}", estimate(doubt.trace), estimate(doubt.squares)),
    });
    let maps = maps(found);
    page.row(&maps, maps.len() as u32);
    if let Some(components) = &found.components {
        let whose = if components.class.is_some() { "Cov[x | y, c] = σ²J" } else { "Cov[x | y] = σ²J" };
        page.chapter(&what_else(found, components), whose);
        for row in walks(components, &page) {
            page.row(&row, COMPONENTS as u32);
        }
    }
    if let Some(filter) = &found.filter {
        page.chapter("What this pixel was made of", "a row of J = ∂E[x | y]/∂y");
        let row = filter_row(found, filter, &page);
        page.row(&row, COMPONENTS as u32);
    }
    let way = match doubt.probes {
        Some(probes) => {
            format!("diagonal from {probes} random probes, ± {}", significant(doubt.details_error.sqrt() as f32))
        }
        None => "every value of the diagonal".to_owned(),
    };
    let products = if doubt.is_exact { "exact products with J" } else { "products with J by differences" };
    let mut facts = vec![format!("computed on {}", found.model.device), products.to_owned(), way];
    facts.push(format!("J against its two parts: {}", scientific(doubt.identity_error)));
    facts.push(format!("{} ms", number(found.milliseconds, 0)));
    page.foot(&found.notes, facts);
    page.finish()
}

/// The picture, and the standard deviation of its pixels by cause, all on one scale.
fn maps(found: &Uncertainty) -> Vec<Panel> {
    let doubt = &found.doubt;
    let total = doubt.total();
    let range = largest(&total);
    let [classes, details, both] = doubt.means();
    let share = |part: f64| if both > 0.0 { percent_in_print(part / both) } else { "–".to_owned() };
    let mut panels = Vec::new();
    if let Some(clean) = &found.clean {
        let size = format!("{} × {} pixels", clean.shape().width, clean.shape().height);
        panels.push(panel("Clean", "x", shown(clean), Caption::Text(vec![size])));
    }
    let sigma = Caption::Text(vec![format!("σ = {}", significant(found.sigma))]);
    panels.push(panel("Noisy", "y", shown(&found.noisy), sigma));
    let decibels = |value: f64| number(value, 1);
    let expected = decibels(found.expected_psnr_db());
    let quality = match found.denoised_fidelity {
        Some(fidelity) => vec![
            format!("expects {expected} dB, has {}", decibels(fidelity.psnr_db())),
            format!("{expected} dB, has {}", decibels(fidelity.psnr_db())),
        ],
        None => vec![format!("expects {expected} dB")],
    };
    panels.push(panel("Denoised", "E[x | y]", shown(&found.denoised), Caption::Text(quality)));
    let map = |label: String, formula, variance: &Picture| {
        panel(&label, formula, deviation(variance, range, &SEQUENTIAL), Caption::Magnitude(range))
    };
    panels.push(map(format!("Class? {}", share(classes)), "", &doubt.classes));
    panels.push(map(format!("Details? {}", share(details)), "", &doubt.details));
    panels.push(map("Together".to_owned(), "√Var[x | y]", &total));
    panels
}

/// The name of the components' section.
fn what_else(found: &Uncertainty, components: &Components) -> String {
    let region = components.region;
    let shape = found.noisy.shape();
    let place = if (region.width, region.height) == (shape.width, shape.height) {
        String::new()
    } else {
        format!(", in {}×{} pixels at {}, {}", region.width, region.height, region.x, region.y)
    };
    match components.class {
        Some(class) => format!("What else could this be, as {}?{place}", found.model.classes[class]),
        None => format!("What else could this be?{place}"),
    }
}

/// Three rows: each component, and the picture two standard deviations to either side along it.
fn walks(components: &Components, page: &Page) -> Vec<Vec<Panel>> {
    let shown_ones: Vec<&Component> = components.list.iter().take(COMPONENTS).collect();
    let name = |number: usize| format!("{}", number + 1);
    let directions = shown_ones.iter().enumerate().map(|(i, component)| {
        let range = signed_range(&component.direction);
        let caption =
            format!("λ = {}, ±{}", significant(component.eigenvalue as f32), significant(component.deviation as f32));
        let image = signed(&component.direction, range, page.palette().signed);
        panel(&name(i), "v", image, Caption::Text(vec![caption]))
    });
    let mut rows = vec![directions.collect::<Vec<_>>()];
    for (sigmas, formula) in [(-2.0, "E[x | y] − 2σ√λ v"), (2.0, "E[x | y] + 2σ√λ v")] {
        let walk = |component: &&Component| {
            let image = shown(&component.walk(&components.denoised, sigmas));
            panel("", formula, image, Caption::Text(Vec::new()))
        };
        rows.push(shown_ones.iter().map(walk).collect());
    }
    rows
}

fn filter_row(found: &Uncertainty, filter: &Filter, page: &Page) -> Vec<Panel> {
    let (x, y) = filter.pixel;
    let mut marked = shown(&found.denoised);
    marked.put_pixel(x as u32, y as u32, page.palette().accent);
    let range = signed_range(&filter.weights);
    let weights = signed(&filter.weights, range, page.palette().signed);
    let words = format!("sum {}, width {}", significant(filter.sum as f32), significant(filter.width as f32));
    vec![
        panel(&format!("Pixel {x}, {y}"), "", marked, Caption::Text(vec![words])),
        panel("Its filter", "", weights, Caption::Key(range)),
    ]
}

fn panel(label: &str, formula: &'static str, image: RgbImage, caption: Caption) -> Panel {
    Panel { label: label.to_owned(), formula, image, caption }
}

/// A round number no smaller than nearly every pixel's standard deviation.
fn largest(variance: &Picture) -> f32 {
    let mut sizes: Vec<f32> = variance.values().iter().map(|v| v.max(0.0).sqrt()).filter(|v| v.is_finite()).collect();
    sizes.sort_by(f32::total_cmp);
    let large = sizes.get(sizes.len().saturating_sub(1) * 199 / 200).copied().unwrap_or(0.0).max(1e-4);
    round_up(f64::from(large)) as f32
}

fn estimate(found: Estimate) -> String {
    let error =
        if found.standard_error > 0.0 { format!(" ± {}", number(found.standard_error, 1)) } else { String::new() };
    format!("{}{error}", number(found.value, 1))
}
