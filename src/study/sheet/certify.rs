//! The sheet of a certificate: how far the picture may be moved, from below by votes and from above by attacks.

use image::{Rgb, RgbImage};

use super::page::{Caption, Head, Page, Panel, signed_range};
use super::raster::{rectangle, shown, signed};
use super::text::BODY;
use super::theme::{CONTENT, MARGIN, Theme};
use crate::attack::{Certificate, Found, Smoothing};
use crate::joint::JointModel;
use crate::picture::{Noise, Picture};
use crate::study::looks::WRONG;
use crate::study::words::{number, percent_in_print, plain, ticks};
use crate::study::{level, ranked};

/// How many classes a sheet shows.
const CLASSES: usize = 8;
/// The room for the words over the bar, the bar's height, and the room for the axis under it.
const WORDS: u32 = 36;
const TALL: u32 = 40;
const AXIS: u32 = 60;
/// How far the stripes beyond an attack are apart, and how wide its own line is.
const STRIPES: u32 = 12;
const LINE: u32 = 4;

/// How many attacks were tried, and the nearest that was found.
type Above<'a> = Option<(usize, Option<&'a Found>)>;

/// Draws the sheet of what was proved of `clean` by `smoothing`, titled with the picture's name. If the true radius was looked for from
/// above too, `above` has the number of attacks and the nearest of them; the α of `smoothing` is that of both ends together.
#[must_use]
pub fn certificate_sheet(
    certificate: &Certificate,
    above: Option<(usize, Option<&Found>)>,
    smoothing: &Smoothing,
    clean: &Picture,
    model: &dyn JointModel,
    (title, theme): (&str, Theme),
) -> RgbImage {
    let mut page = Page::new(theme);
    let radius = certificate.radius();
    let verdict = match radius {
        Some(radius) => [model.classes()[certificate.class].clone(), format!("radius {}", number(radius, 4))],
        None => ["No class".to_owned(), "it abstains".to_owned()],
    };
    page.head(&Head {
        title,
        verdict,
        line: format!(
            "model {}  ·  σ = {}  ·  {} of {} votes  ·  wrong with probability at most {}",
            model.name(),
            level::describe(certificate.sigma),
            certificate.samples(),
            certificate.planned,
            smoothing.alpha
        ),
        right: format!("seed {}", smoothing.seed),
    });
    let found = above.and_then(|(_, found)| found);
    let noisy = Noise::gaussian(certificate.sigma, smoothing.seed).apply(clean);
    pictures(&mut page, [clean, &noisy], found, model);
    page.chapter("How far it may be moved", "L2 on the [0, 1] scale");
    bar(&mut page, radius, above, certificate.sigma);
    let proved = match radius {
        Some(radius) => [format!("L2 {}", number(radius, 4)), format!("= {}/255", level::of_255(radius as f32))],
        None => ["nothing: it abstains".to_owned(), String::new()],
    };
    page.figures("Certified radius", "", &proved.map(|cell| (cell, false)));
    if let Some((attempts, found)) = above {
        let cells = match found {
            Some(found) => {
                let (class, votes) = (&model.classes()[found.class], found.votes);
                let words = format!("{class} has {votes} of {} votes there", votes + found.against);
                [format!("L2 {}", number(found.distance, 4)), words]
            }
            None => ["none found".to_owned(), format!("attacks tried: {attempts}")],
        };
        page.figures("Smallest attack found", "", &cells.map(|cell| (cell, false)));
    }
    votes(&mut page, certificate, model);
    let selection = format!("the class was chosen by {} votes before", certificate.selection.iter().sum::<u64>());
    page.foot(&notes(certificate, above), vec![format!("computed on {}", model.device()), selection]);
    page.finish()
}

/// The picture without and with noise, and the nearest attack with what it changes.
fn pictures(page: &mut Page, [clean, noisy]: [&Picture; 2], found: Option<&Found>, model: &dyn JointModel) {
    let size = clean.shape();
    let panel = |label: &str, formula, picture: &Picture, words: String| Panel {
        label: label.to_owned(),
        formula,
        image: shown(picture),
        caption: Caption::Text(vec![words]),
    };
    let mut panels = vec![
        panel("Clean", "x", clean, format!("{} × {} pixels", size.width, size.height)),
        panel("With noise", "x + σε", noisy, "what a vote is about".to_owned()),
    ];
    if let Some(found) = found {
        let words = format!("most votes for {}", model.classes()[found.class]);
        panels.push(panel("Nearest attack", "x*", &found.picture, words));
        let change = found.picture.zip(clean, |attacked, clean| attacked - clean);
        let range = signed_range(&change);
        let image = signed(&change, range, page.palette().signed);
        let (label, caption) = ("Perturbation".to_owned(), Caption::Key(range));
        panels.push(Panel { label, formula: "x* − x", image, caption });
    }
    page.row(&panels, 4);
}

/// Where the bar ends.
fn farthest(low: Option<f64>, high: Option<f64>, sigma: f32) -> f64 {
    let low = low.unwrap_or(0.0);
    let most = high.map_or(2.0 * low, |high| 1.25 * high.max(low));
    if most > 0.0 { most } else { f64::from(sigma) }
}

/// One bar from 0 on: filled as far as is proved, striped beyond the attack, pale where it is open.
fn bar(page: &mut Page, low: Option<f64>, above: Above<'_>, sigma: f32) {
    let high = above.and_then(|(_, found)| found).map(|found| found.distance);
    let most = farthest(low, high, sigma);
    let x = |radius: f64| MARGIN + (f64::from(CONTENT) * (radius / most).min(1.0)).round() as u32;
    let top = page.take(WORDS + TALL + AXIS) + WORDS;
    let palette = page.palette();
    let (accent, faint, ink, quiet) = (palette.accent, palette.faint, palette.ink, palette.quiet);
    let image = page.image();
    let (left, right, baseline) = (MARGIN as f32, (MARGIN + CONTENT) as f32, top as f32 - 12.0);
    rectangle(image, (MARGIN, top), (CONTENT, TALL), faint);
    let end = x(low.unwrap_or(0.0));
    rectangle(image, (MARGIN, top), (end - MARGIN, TALL), accent);
    let words = low.map_or_else(|| "nothing proved".to_owned(), |low| format!("certified {}", number(low, 4)));
    let start = (end as f32 - BODY.width(&words)).max(left);
    BODY.draw(image, (start, baseline), ink, &words);
    let words = match (above, high) {
        (Some(_), Some(high)) => format!("attack {}", number(high, 4)),
        (Some(_), None) => "no attack found".to_owned(),
        (None, _) => String::new(),
    };
    if let Some(high) = high {
        stripes(image, x(high), top);
    }
    let start = high.map_or(right, |high| x(high) as f32).min(right - BODY.width(&words));
    BODY.draw(image, (start, baseline), ink, &words);
    for tick in ticks((0.0, most)) {
        let words = plain(tick);
        let wide = BODY.width(&words);
        let start = (x(tick) as f32 - 0.5 * wide).clamp(left, right - wide);
        rectangle(image, (x(tick).min(MARGIN + CONTENT - 1), top + TALL), (1, 8), quiet);
        BODY.draw(image, (start, (top + TALL) as f32 + 30.0), quiet, &words);
    }
}

/// The bar from an attack on, behind a line.
fn stripes(image: &mut RgbImage, from: u32, top: u32) {
    for y in top..top + TALL {
        for x in from..MARGIN + CONTENT {
            if x < from + LINE || (x + y) % STRIPES < STRIPES / 2 {
                image.put_pixel(x, y, Rgb(WRONG));
            }
        }
    }
}

/// How the votes fell, the likeliest class first.
fn votes(page: &mut Page, certificate: &Certificate, model: &dyn JointModel) {
    page.chapter("How the votes fell", "argmax p(c | x + σε)");
    let total = certificate.samples();
    let shares: Vec<f64> = certificate.votes.iter().map(|&votes| votes as f64 / total.max(1) as f64).collect();
    for class in ranked(&shares).into_iter().take(CLASSES).filter(|&class| shares[class] > 0.0) {
        let cells = [percent_in_print(shares[class]), format!("{} of {total}", certificate.votes[class])];
        page.figures(&model.classes()[class], "", &cells.map(|cell| (cell, false)));
    }
}

/// What must be known to read the bar.
fn notes(certificate: &Certificate, above: Above<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if certificate.radius().is_none() {
        let words = "It abstains: no class is shown to hold more than half of the votes, so nothing is proved";
        notes.push(words.to_owned());
    }
    if !certificate.is_complete() {
        notes.push("Stopped before its planned end: what is proved is what an earlier look showed".to_owned());
    }
    if above.is_some() {
        notes.push("Half of the probability of error is spent on either end of the bracket".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::GaussianMixture;
    use crate::picture::Shape;
    use crate::study::sheet::theme::WIDTH;

    const SHAPE: Shape = Shape::new(1, 4, 4);

    fn sheet(votes: [u64; 2], found: Option<&Found>, theme: Theme) -> (RgbImage, Option<f64>) {
        let mean = |value: f64| vec![value; SHAPE.len()];
        let model = GaussianMixture::new(SHAPE, 2).with(0, 1.0, mean(0.4), 0.01).with(1, 1.0, mean(0.6), 0.01);
        let certificate = Certificate {
            class: 0,
            sigma: 0.25,
            alpha: 5e-4,
            selection: vec![100, 0],
            votes: votes.to_vec(),
            planned: 1000,
            may_stop: false,
            early_lower: 0.0,
        };
        let (clean, smoothing) = (Picture::filled(SHAPE, 0.35), Smoothing::new(0.25));
        let above = Some((3, found));
        let page = certificate_sheet(&certificate, above, &smoothing, &clean, &model, ("a.png", theme));
        (page, certificate.radius())
    }

    fn found() -> Found {
        Found { picture: Picture::filled(SHAPE, 0.55), distance: 0.8, class: 1, votes: 300, against: 100 }
    }

    /// How far a line of the page has a colour, from the left margin on.
    fn length(page: &RgbImage, y: u32, colour: Rgb<u8>) -> u32 {
        (MARGIN..WIDTH).take_while(|&x| *page.get_pixel(x, y) == colour).count() as u32
    }

    /// Where a colour reaches farthest from the left margin, and how far.
    fn line(page: &RgbImage, colour: Rgb<u8>) -> (u32, u32) {
        let all = (0..page.height()).map(|y| (y, length(page, y, colour)));
        all.max_by_key(|(_, length)| *length).expect("a page has lines")
    }

    #[test]
    fn the_bar_ends_at_the_radius_is_open_up_to_the_attack_and_striped_beyond() {
        for theme in [Theme::Light, Theme::Dark] {
            let (page, radius) = sheet([990, 10], Some(&found()), theme);
            let radius = radius.expect("most votes are for one class");
            let (y, length) = line(&page, theme.palette().accent);
            assert_eq!(length, (f64::from(CONTENT) * radius).round() as u32, "the axis ends at 1.25 × 0.8");
            let attack = MARGIN + (f64::from(CONTENT) * 0.8).round() as u32;
            let open = MARGIN + length..attack;
            assert!(!open.is_empty() && open.clone().all(|x| *page.get_pixel(x, y) == theme.palette().faint));
            assert!((attack..attack + LINE).all(|x| *page.get_pixel(x, y) == Rgb(WRONG)));
            let beyond = (attack..MARGIN + CONTENT).filter(|&x| *page.get_pixel(x, y) == Rgb(WRONG)).count() as u32;
            assert!(beyond > CONTENT / 12 && beyond < CONTENT / 8, "{beyond} of {}", CONTENT / 5);
            assert_eq!(page.width(), WIDTH);
        }
    }

    #[test]
    fn where_nothing_is_proved_the_bar_is_not_filled() {
        for found in [None, Some(&found())] {
            let (page, radius) = sheet([500, 500], found, Theme::Light);
            let palette = Theme::Light.palette();
            assert_eq!((radius, line(&page, palette.accent).1), (None, 0));
            let open = if found.is_some() { (f64::from(CONTENT) * 0.8).round() as u32 } else { CONTENT };
            let pale = (0..page.height()).filter(|&y| length(&page, y, palette.faint) == open);
            assert!(pale.count() as u32 >= TALL, "the bar is open from 0 on; rules are thinner");
        }
    }

    #[test]
    fn the_axis_has_a_length_whatever_is_known() {
        assert_eq!(farthest(None, None, 0.25), 0.25);
        assert_eq!(farthest(Some(0.5), None, 0.25), 1.0);
        assert_eq!(farthest(None, Some(0.0), 0.25), 0.25);
        assert_eq!(farthest(Some(0.5), Some(0.8), 0.25), 1.0);
    }
}
