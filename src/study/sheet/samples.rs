//! The sheet of drawn pictures: a grid, and the counts beside the posterior where there is one.

use image::RgbImage;

use super::page::{Caption, Head, Page, Panel};
use super::raster::shown;
use super::theme::Theme;
use crate::study::lab::{Frame, SampleRequest, Samples, Start, Way, wilson};
use crate::study::level;
use crate::study::ranked;
use crate::study::words::{believed_in_print, in_words, number, percent_in_print};

/// How many pictures a sheet shows, and in a row.
const SHOWN: usize = 64;
const ROW: usize = 8;
/// How many classes are counted.
const CLASSES: usize = 10;

/// Draws the sheet of drawn pictures.
#[must_use]
pub fn samples_sheet(found: &Samples, request: &SampleRequest, title: &str, theme: Theme) -> RgbImage {
    let mut page = Page::new(theme);
    let classifies = found.model.is_classifier();
    let counts = found.counts();
    let shares: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
    let order = ranked(&shares);
    let total = found.list.len();
    let way = match (&request.start, request.way) {
        (Start::Noisy(_, sigma), _) => {
            format!(
                "restorations of a picture under σ = {}, ancestral, {} levels",
                level::describe(*sigma),
                found.sigmas.len()
            )
        }
        (Start::Nothing, Way::Flow { churn }) => {
            format!("Heun, {} levels, churn {}", found.sigmas.len(), number(churn, 0))
        }
        (Start::Nothing, Way::Ascent { beta }) => format!("stochastic ascent, β = {}", number(beta, 2)),
    };
    let towards = request.guidance.map_or(String::new(), |guidance| {
        format!("  ·  as {}, guidance {}", found.model.classes[guidance.class], number(guidance.weight, 1))
    });
    page.head(&Head {
        title,
        verdict: verdict(found, request, (order[0], counts[order[0]])),
        line: format!("model {}  ·  {way}{towards}  ·  seed {}", found.model.name, request.seed),
        right: if total == 1 { "1 picture".to_owned() } else { format!("{total} pictures") },
    });
    let grid: Vec<Panel> = found
        .list
        .iter()
        .take(SHOWN)
        .map(|sample| {
            let class = ranked(&sample.posterior)[0];
            let believed = || {
                let name = &found.model.classes[class];
                vec![believed_in_print(name, sample.posterior[class]), name.clone()]
            };
            let words = if classifies { believed() } else { Vec::new() };
            Panel { label: String::new(), formula: "", image: shown(&sample.picture), caption: Caption::Text(words) }
        })
        .collect();
    for row in grid.chunks(ROW) {
        page.row(row, ROW as u32);
    }
    if let Some(frames) = found.list.first().map(|sample| &sample.frames).filter(|frames| !frames.is_empty()) {
        page.chapter("The way of the first picture", "y above, what the model takes it to be, E[x | y], below");
        way_of(&mut page, frames);
    }
    if let Some(posterior) = found.posterior.as_ref().filter(|_| classifies) {
        page.chapter("The posterior by counting", "share of the restorations, Wilson's interval at 95 %, p(c | y)");
        let shown_ones = order.iter().filter(|&&class| counts[class] > 0 || posterior[class] > 0.005).take(CLASSES);
        for &class in shown_ones {
            let (low, high) = wilson(counts[class], total);
            let cells = [
                percent_in_print(counts[class] as f64 / total as f64),
                [low, high].map(|p| in_words(&percent_in_print(p))).join(" to "),
                percent_in_print(posterior[class]),
            ];
            page.figures(&found.model.classes[class], "", &cells.map(|cell| (cell, false)));
        }
    }
    let mut facts = vec![format!("computed on {}", found.model.device)];
    if let Some(acceptance) = found.acceptance {
        let (steps, share) = (request.corrections, percent_in_print(acceptance));
        facts.push(format!("{steps} Langevin steps a level, {share} of them taken"));
    }
    page.foot(&[], facts);
    page.finish()
}

/// What most of them are taken for; to be taken for the only class says nothing.
fn verdict(found: &Samples, request: &SampleRequest, (class, count): (usize, usize)) -> [String; 2] {
    let total = found.list.len();
    match &request.start {
        _ if found.model.is_classifier() => [found.model.classes[class].clone(), format!("{count} of {total}")],
        Start::Noisy(..) => ["restored".to_owned(), format!("{total} times")],
        Start::Nothing => ["drawn".to_owned(), format!("{total} times")],
    }
}

/// Some frames of a picture's way: as it was, and below what the model took it to be.
pub(super) fn way_of(page: &mut Page, frames: &[Frame]) {
    // As many as stand in a row, the first and the last among them.
    let count = frames.len().min(ROW);
    let some: Vec<&Frame> = (0..count).map(|k| &frames[k * (frames.len() - 1) / (count - 1).max(1)]).collect();
    let row = |picture: &dyn Fn(&Frame) -> RgbImage, named: bool| -> Vec<Panel> {
        let one = |frame: &&Frame| {
            let words = if named { format!("σ = {}", level::of_255(frame.sigma) + "/255") } else { String::new() };
            Panel { label: String::new(), formula: "", image: picture(frame), caption: Caption::Text(vec![words]) }
        };
        some.iter().map(one).collect()
    };
    page.row(&row(&|frame| shown(&frame.noisy), true), ROW as u32);
    page.row(&row(&|frame| shown(&frame.denoised), false), ROW as u32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::{GaussianMixture, JointModel};
    use crate::picture::{Picture, Shape};
    use crate::study::lab::{sample, usual_levels};
    use crate::task::Cancel;

    #[test]
    fn a_model_of_one_class_is_not_said_to_believe_in_it() {
        let shape = Shape::new(1, 4, 4);
        let one = GaussianMixture::new(shape, 1).with(0, 1.0, vec![0.5; 16], 0.01);
        let two = GaussianMixture::new(shape, 2).with(0, 1e-6, vec![0.5; 16], 0.01).with(1, 1.0, vec![0.5; 16], 0.01);
        let noisy = Start::Noisy(Picture::filled(shape, 0.5), 0.3);
        for (model, start, words) in [
            (&one, Start::Nothing, ["drawn", "3 times"]),
            (&one, noisy, ["restored", "3 times"]),
            (&two, Start::Nothing, ["class 1", "3 of 3"]),
        ] {
            let level = match start {
                Start::Noisy(_, sigma) => Some(sigma),
                Start::Nothing => None,
            };
            let request = SampleRequest {
                start,
                count: 3,
                guidance: None,
                levels: usual_levels(model.sigma_range(), level),
                steps: 4,
                way: Way::Flow { churn: 0.0 },
                corrections: 0,
                frames: 0,
                seed: 1,
            };
            let found = sample(model, &request, &Cancel::new(), &mut |_, _| ()).unwrap();
            let most = found.counts().into_iter().enumerate().max_by_key(|(_, count)| *count).unwrap();
            assert_eq!(verdict(&found, &request, most), words);
        }
    }
}
