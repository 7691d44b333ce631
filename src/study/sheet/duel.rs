//! The sheet of a duel: the picture that two models differ on, what each restores of it, and what each says.

use image::RgbImage;

use super::page::{Caption, Head, Page, Panel, signed_range};
use super::raster::{shown, signed};
use super::theme::Theme;
use crate::attack::{Aim, Norm};
use crate::picture::Picture;
use crate::study::words::{believed_in_print, number, percent_in_print, plain};
use crate::study::{Duelled, level, ranked};

/// How many classes a sheet shows.
const CLASSES: usize = 8;

/// Draws the sheet of a duel, titled with the picture's name.
#[must_use]
pub fn duel_sheet(found: &Duelled, title: &str, theme: Theme) -> RgbImage {
    let Duelled { models: [a, b], settings, clean, duel, denoised: [da, db] } = found;
    let mut page = Page::new(theme);
    let name = |class: usize| a.classes[class].clone();
    let [one, other] = duel.after.predicted.map(name);
    let budget = |value: f64| match settings.norm {
        Norm::Linf => level::describe(value as f32),
        Norm::L2 => plain(value),
    };
    let aim = match settings.aim {
        Aim::Widest => format!("widest within {} {}", settings.norm.title(), budget(settings.epsilon)),
        Aim::Nearest if duel.found => "nearest that they take for different classes".to_owned(),
        Aim::Nearest => "no picture found that they take for different classes".to_owned(),
    };
    page.head(&Head {
        title,
        verdict: [format!("{one} | {other}"), format!("{} bits", number(duel.after.divergence, 2))],
        line: format!("A is {}, B is {}  ·  {aim}  ·  seed {}", a.name, b.name, settings.seed),
        right: format!("moved {} {}", settings.norm.title(), budget(duel.achieved.in_norm(settings.norm))),
    });
    let size = clean.shape();
    let said = |p: &[Vec<f64>; 2], side: usize| {
        let class = ranked(&p[side])[0];
        vec![format!("{}: {}", ["A", "B"][side], believed_in_print(&name(class), p[side][class]))]
    };
    let picture = |label: &str, formula, picture: &Picture, caption| Panel {
        label: label.to_owned(),
        formula,
        image: shown(picture),
        caption: Caption::Text(caption),
    };
    let colours = page.palette().signed;
    let map = |label: &str, formula, map: &Picture| {
        let range = signed_range(map);
        Panel { label: label.to_owned(), formula, image: signed(map, range, colours), caption: Caption::Key(range) }
    };
    let panels = [
        picture("Clean", "x", clean, vec![format!("{} × {} pixels", size.width, size.height)]),
        picture("Found", "x*", &duel.picture, vec![format!("{} bits apart", number(duel.after.divergence, 3))]),
        map("Change", "x* − x", &duel.picture.zip(clean, |found, clean| found - clean)),
    ];
    page.row(&panels, 3);
    let panels = [
        picture("A restores", "D(x*)", da, said(&duel.after.posterior, 0)),
        picture("B restores", "D(x*)", db, said(&duel.after.posterior, 1)),
        map("A − B", "", &da.zip(db, |a, b| a - b)),
    ];
    page.row(&panels, 3);
    page.chapter("What each says", "p(c | x): A and B before, A and B after");
    let mean: Vec<f64> = (0..a.classes.len())
        .map(|c| {
            let p = |p: &[Vec<f64>; 2]| p[0][c].max(p[1][c]);
            p(&duel.after.posterior).max(0.1 * p(&duel.before.posterior))
        })
        .collect();
    for class in ranked(&mean).into_iter().take(CLASSES) {
        let cell = |p: &[Vec<f64>; 2], side: usize| (percent_in_print(p[side][class]), false);
        let (before, after) = (&duel.before.posterior, &duel.after.posterior);
        page.figures(&name(class), "", &[cell(before, 0), cell(before, 1), cell(after, 0), cell(after, 1)]);
    }
    let of = |side: usize| format!("{} computed on {}", ["A", "B"][side], found.models[side].device);
    page.foot(&[], vec![of(0), of(1)]);
    page.finish()
}
