//! The sheet of an attack: the picture before and after, what was changed, what the model restores, and what it says.

use image::RgbImage;

use super::page::{Caption, Head, Page, Panel, signed_range};
use super::raster::{shown, signed};
use super::theme::Theme;
use crate::attack::{Defence, Norm};
use crate::picture::Picture;
use crate::study::words::{believed_in_print, number, percent_in_print, plain};
use crate::study::{Attacked, level, ranked};

/// How many classes a sheet shows.
const CLASSES: usize = 8;

/// Draws the sheet of an attack, titled with the picture's name.
#[must_use]
pub fn attack_sheet(attacked: &Attacked, title: &str, theme: Theme) -> RgbImage {
    let Attacked { model, settings, outcome, before, after } = attacked;
    let mut page = Page::new(theme);
    let name = |class: usize| model.classes[class].clone();
    let budget = |value: f64| match settings.norm {
        Norm::Linf => level::describe(value as f32),
        Norm::L2 => plain(value),
    };
    let asked = outcome.epsilon.map_or_else(|| "the smallest".to_owned(), budget);
    let target = outcome.target.map_or(String::new(), |class| format!("  ·  towards {}", name(class)));
    page.head(&Head {
        title,
        verdict: [name(outcome.predicted_after), outcome.verdict().to_owned()],
        line: format!(
            "model {}  ·  {} {} {asked}{target}  ·  σ assumed {}  ·  seed {}",
            model.name,
            settings.method.description().title,
            settings.norm.title(),
            level::describe(settings.sigma),
            settings.seed
        ),
        right: format!("moved {} {}", settings.norm.title(), budget(outcome.achieved.in_norm(settings.norm))),
    });
    let clean = &before.noisy;
    let picture = |label: &str, formula, picture: &Picture, posterior: &[f64]| {
        let class = ranked(posterior)[0];
        let words = believed_in_print(&name(class), posterior[class]);
        Panel {
            label: label.to_owned(),
            formula,
            image: shown(picture),
            caption: Caption::Text(vec![words, name(class)]),
        }
    };
    let change = outcome.attacked.zip(clean, |attacked, clean| attacked - clean);
    let range = signed_range(&change);
    let image = signed(&change, range, page.palette().signed);
    let panels = [
        picture("Clean", "x", clean, &outcome.posterior_before),
        picture("Attacked", "x*", &outcome.attacked, &outcome.posterior_after),
        Panel { label: "Perturbation".to_owned(), formula: "x* − x", image, caption: Caption::Key(range) },
    ];
    page.row(&panels, 3);
    let restored = before.denoised.zip(&after.denoised, |before, after| after - before);
    let range = signed_range(&restored);
    let image = signed(&restored, range, page.palette().signed);
    let plainly = |label: &str, formula, picture: &Picture| Panel {
        label: label.to_owned(),
        formula,
        image: shown(picture),
        caption: Caption::Text(Vec::new()),
    };
    let panels = [
        plainly("Restored before", "D(x)", &before.denoised),
        plainly("Restored after", "D(x*)", &after.denoised),
        Panel { label: "Difference".to_owned(), formula: "D(x*) − D(x)", image, caption: Caption::Key(range) },
    ];
    page.row(&panels, 3);
    page.chapter("What the model says", "p(c | x) before, and after");
    let most: Vec<f64> = outcome
        .posterior_before
        .iter()
        .zip(&outcome.posterior_after)
        .map(|(before, after)| before.max(*after))
        .collect();
    for class in ranked(&most).into_iter().take(CLASSES) {
        let cells = [&outcome.posterior_before, &outcome.posterior_after].map(|p| (percent_in_print(p[class]), false));
        page.figures(&name(class), "", &cells);
    }
    let mut notes: Vec<String> = outcome.warnings.iter().map(ToString::to_string).collect();
    if settings.defence != Defence::None {
        notes.push(format!("Behind the classifier's defence, which the attack knows: {}", settings.defence));
    }
    let made = format!("{} steps, {} queries, {} gradients", outcome.steps, outcome.queries, outcome.gradients);
    let loss = outcome.loss.last().map_or(String::new(), |loss| format!("loss {}", number(*loss, 3)));
    page.foot(&notes, vec![format!("computed on {}", model.device), made, loss]);
    page.finish()
}
