//! The sheet of a counterfactual dial: the picture on its way to another class, with the density's say and without.

use image::RgbImage;

use super::page::{Caption, Head, Page, Panel, signed_range};
use super::raster::{shown, signed};
use super::theme::Theme;
use crate::picture::Picture;
use crate::study::lab::{Dial, DialRequest, Position, Turned};
use crate::study::words::{number, percent, percent_in_print, whole_bits};
use crate::study::{level, ranked};

/// How many positions stand in a row, and the most that are shown.
const ROW: usize = 6;

/// One of the two pictures at a position.
type Half = fn(&Position) -> &Turned;

/// Draws the sheet of a counterfactual dial, titled with the picture's name.
#[must_use]
pub fn counterfactual_sheet(found: &Dial, request: &DialRequest, title: &str, theme: Theme) -> RgbImage {
    let mut page = Page::new(theme);
    let names = &found.model.classes;
    let target = &names[request.target];
    let before = ranked(&found.posterior)[0];
    let right = match &found.smallest {
        Some(turned) => format!("{target} from L2 {}, {}", number(turned.distance, 3), bits(turned)),
        None => format!("not {target} within L2 {}", number(request.radii.last().copied().unwrap_or_default(), 2)),
    };
    page.head(&Head {
        title,
        verdict: [names[before].clone(), format!("to {target}")],
        line: format!(
            "model {}  ·  at σ = {}/255  ·  tolerates {} less",
            found.model.name,
            level::of_255(found.sigma),
            whole_bits(request.tolerance)
        ),
        right,
    });
    let clean = &request.picture;
    let some = chosen(&found.positions);
    let largest = some.iter().map(|position| signed_range(&position.tolerated.picture.zip(clean, |a, b| a - b)));
    let range = largest.fold(1e-3, f32::max);
    let halves: [(&str, &str, Half); 2] = [
        ("As far as the density tolerates", "log p(t | x), log p(x) held", |position| &position.tolerated),
        ("Plain gradient descent of the same length", "log p(t | x)", |position| &position.plain),
    ];
    let colours = page.palette().signed;
    for (name, formula, of) in halves {
        page.chapter(name, formula);
        let mut pictures = vec![panel("Clean", clean, vec![percent_in_print(found.posterior[request.target])])];
        let mut changes = vec![Panel {
            label: "Change".into(),
            formula: "x\u{2032} \u{2212} x",
            image: signed(&clean.map(|_| 0.0), range, colours),
            caption: Caption::Key(range),
        }];
        for position in &some {
            let turned = of(position);
            pictures.push(panel(
                &format!("L2 {}", number(turned.distance, 2)),
                &turned.picture,
                words(turned, request.target),
            ));
            let class = names[ranked(&turned.posterior)[0]].clone();
            let image = signed(&turned.picture.zip(clean, |a, b| a - b), range, colours);
            let caption = Caption::Text(vec![format!("taken for {class}"), class]);
            changes.push(Panel { label: String::new(), formula: "", image, caption });
        }
        page.row(&pictures, ROW as u32 + 1);
        page.row(&changes, ROW as u32 + 1);
    }
    page.foot(&[], vec![format!("computed on {}", found.model.device), format!("{} steps a position", request.steps)]);
    page.finish()
}

/// As many positions as stand in a row, the last among them.
fn chosen(positions: &[Position]) -> Vec<&Position> {
    let count = positions.len().min(ROW);
    (1..=count).map(|k| &positions[k * positions.len() / count - 1]).collect()
}

fn bits(turned: &Turned) -> String {
    turned.bits_lost.map_or(String::new(), |lost| whole_bits(-lost))
}

/// The probability of the class and what is lost for it, in the words that the width of a picture has room for.
fn words(turned: &Turned, target: usize) -> Vec<String> {
    let chance = turned.posterior[target];
    let exact = percent_in_print(chance);
    let whole = if chance > 0.99 { "> 99 %".to_owned() } else { percent(chance) };
    if turned.bits_lost.is_none() {
        return vec![exact, whole];
    }
    let bits = bits(turned);
    vec![format!("{exact}  ·  {bits}"), format!("{exact} · {bits}"), format!("{whole}, {bits}"), bits]
}

fn panel(label: &str, picture: &Picture, words: Vec<String>) -> Panel {
    Panel { label: label.to_owned(), formula: "", image: shown(picture), caption: Caption::Text(words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Shape;
    use crate::study::sheet::text::BODY;

    #[test]
    fn there_is_room_for_the_class_and_the_bits_together() {
        // The width of a picture, seven in a row.
        const ROOM: f32 = 160.0;
        let picture = Picture::filled(Shape::new(1, 2, 2), 0.5);
        for (chance, lost) in [(0.9996, 762.7), (0.903, 145.4), (0.0004, -34.0), (1.0, 1234.0), (0.5, -1.2)] {
            let (posterior, bits_lost) = (vec![1.0 - chance, chance], Some(lost));
            let turned = Turned { picture: picture.clone(), distance: 1.0, posterior, bits_lost };
            let ways = words(&turned, 1);
            let shown = ways.iter().find(|way| BODY.width(way) <= ROOM).expect("some way fits");
            assert!(shown.contains('%') && shown.contains("bit"), "{shown} of {ways:?}");
        }
    }
}
