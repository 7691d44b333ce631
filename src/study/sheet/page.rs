//! The page's sections, from top to bottom.

use image::{Rgb, RgbImage};

use super::raster::{fill, frame, place, rectangle, shown, signed};
use super::text::{BODY, HEADLINE, LABEL, SMALL, SUBTITLE};
use super::theme::{CONTENT, GAP, MARGIN, Palette, Theme, WIDTH};
use crate::picture::{METRICS, Metric, Noise, Picture};
use crate::study::looks::{ColourMap, SEQUENTIAL, WRONG};
use crate::study::words::{in_words, number, percent_in_print, round_up, scientific};
use crate::study::{Fidelity, Study, level, ranked};

/// How many classes a sheet shows.
const CLASSES: usize = 12;
/// Taller than any sheet; the rest is cut off at the end.
const TALLEST: u32 = 6000;

/// A page being drawn downwards.
pub(super) struct Page {
    image: RgbImage,
    palette: Palette,
    /// The top of what comes next.
    y: u32,
    /// Where the head ends.
    head_ends: u32,
}

/// One panel of a row of pictures.
pub(super) struct Panel {
    pub label: String,
    pub formula: &'static str,
    pub image: RgbImage,
    pub caption: Caption,
}

pub(super) enum Caption {
    /// The first of these ways to say it that there is room for.
    Text(Vec<String>),
    /// A colour key from minus this to plus this.
    Key(f32),
    /// A colour key of magnitudes, from 0 to this.
    Magnitude(f32),
}

/// What the head of a page says: the picture's name, the verdict in two words, and a line at each end below.
pub(super) struct Head<'a> {
    pub title: &'a str,
    pub verdict: [String; 2],
    pub line: String,
    pub right: String,
}

/// One picture of the grid of conditional denoisers.
struct Tile<'a> {
    name: String,
    probability: f64,
    picture: &'a Picture,
    fidelity: Option<Fidelity>,
}

impl Page {
    pub fn new(theme: Theme) -> Self {
        let palette = theme.palette();
        Self { image: RgbImage::from_pixel(WIDTH, TALLEST, palette.paper), palette, y: MARGIN, head_ends: 0 }
    }

    /// What was studied: the picture's name, and the model, noise and seed.
    pub fn header(&mut self, study: &Study, title: &str) {
        let class = study.model.classes[study.predicted()].clone();
        let verdict = [class, percent_in_print(study.posterior[study.predicted()])];
        let right = study.log_density.map_or(String::new(), |log| format!("log p(y) = {}", number(log, 1)));
        self.head(&Head { title, verdict, line: subtitle(study), right });
    }

    /// The head of the page, above a rule.
    pub fn head(&mut self, head: &Head) {
        let Head { title, verdict: [class, verdict], line, right: quiet } = head;
        let verdict = &in_words(verdict);
        let right = (WIDTH - MARGIN) as f32;
        let baseline = self.y as f32 + 38.0;
        let verdict_width = HEADLINE.width(verdict);
        HEADLINE.draw_right(&mut self.image, (right, baseline), self.palette.accent, verdict);
        let class = HEADLINE.fit(class, CONTENT as f32 * 0.4);
        let class_right = right - verdict_width - 20.0;
        HEADLINE.draw_right(&mut self.image, (class_right, baseline), self.palette.ink, &class);
        let room = class_right - HEADLINE.width(&class) - 48.0 - MARGIN as f32;
        let title = HEADLINE.fit(title, room);
        HEADLINE.draw(&mut self.image, (MARGIN as f32, baseline), self.palette.ink, &title);

        let baseline = baseline + 42.0;
        let line = SUBTITLE.fit(line, CONTENT as f32 - SUBTITLE.width(quiet) - 24.0);
        SUBTITLE.draw(&mut self.image, (MARGIN as f32, baseline), self.palette.quiet, &line);
        SUBTITLE.draw_right(&mut self.image, (right, baseline), self.palette.quiet, quiet);
        self.rule(baseline as u32 + 30);
        self.y = baseline as u32 + 30 + 48;
        self.head_ends = self.y;
    }

    /// The first row. Returns the width of its panels and where the second begins: the grid of the rest of the page.
    pub fn pictures(&mut self, study: &Study) -> (u32, u32) {
        let panels = panels(study, &self.palette);
        self.row(&panels, panels.len() as u32)
    }

    /// A row of panels, on a grid of `columns`. Returns the width of its panels and where the second column begins.
    pub fn row(&mut self, panels: &[Panel], columns: u32) -> (u32, u32) {
        let room = (CONTENT - (columns - 1) * GAP) / columns;
        let size = fill(panels[0].image.dimensions(), (room, room + 80));
        let label_y = self.y as f32 + 18.0;
        let top = self.y + 38;
        for (index, panel) in panels.iter().enumerate() {
            let x = column(index as u32, columns, MARGIN, CONTENT, size.0);
            let label = LABEL.fit(&panel.label, size.0 as f32);
            LABEL.draw(&mut self.image, (x as f32, label_y), self.palette.ink, &label);
            let right = ((x + size.0) as f32, label_y);
            if LABEL.width(&label) + BODY.width(panel.formula) + 12.0 <= size.0 as f32 {
                BODY.draw_right(&mut self.image, right, self.palette.quiet, panel.formula);
            }
            place(&mut self.image, &panel.image, (x, top), size);
            frame(&mut self.image, (x, top), size, self.palette.faint);
            let baseline = (top + size.1) as f32 + 32.0;
            match &panel.caption {
                Caption::Text(ways) => {
                    let room = size.0 as f32;
                    let way = ways.iter().find(|way| BODY.width(way) <= room).or(ways.last());
                    let text = BODY.fit(way.map_or("", String::as_str), room);
                    BODY.draw(&mut self.image, (x as f32, baseline), self.palette.quiet, &text);
                }
                Caption::Key(range) => {
                    let text = level_text(*range);
                    let ends = [format!("−{text}"), format!("+{text}")];
                    self.key(x, baseline, size.0, &ends, self.palette.signed);
                }
                Caption::Magnitude(range) => {
                    let ends = ["0".to_owned(), level_text(*range)];
                    self.key(x, baseline, size.0, &ends, &SEQUENTIAL);
                }
            }
        }
        self.y = top + size.1 + 32 + 56;
        (size.0, column(1, columns, MARGIN, CONTENT, size.0))
    }

    /// The posterior as bars in the first column, the conditional denoisers in the others.
    pub fn evidence(&mut self, study: &Study, (panel, second): (u32, u32)) {
        self.rule(self.y);
        self.y += 48;
        let bars = self.bars(study, panel.max(240));
        let grid = self.conditionals(study, second.max(MARGIN + 240 + GAP), bars - self.y);
        self.y = bars.max(grid);
    }

    /// What the numbers rest on.
    pub fn footer(&mut self, study: &Study) {
        let mut facts = vec![
            format!("computed on {}", study.model.device),
            format!("forward {} ms", number(study.timings.forward, 0)),
            format!("adjoint {} ms", number(study.timings.adjoint, 0)),
        ];
        if let Some(error) = study.identity_error {
            facts.push(format!("max | E[x | y] − Σ p(c | y) E[x | y, c] | = {}", scientific(error)));
        }
        self.foot(&study.notes, facts);
    }

    /// The foot of the page: notes, and facts in one line below a rule.
    pub fn foot(&mut self, notes: &[String], mut facts: Vec<String>) {
        self.y += 36;
        self.rule(self.y);
        let mut baseline = self.y as f32 + 36.0;
        for note in notes {
            let note = SMALL.fit(note, CONTENT as f32);
            SMALL.draw(&mut self.image, (MARGIN as f32, baseline), self.palette.ink, &note);
            baseline += 26.0;
        }
        facts.insert(0, format!("denoscope {}", env!("CARGO_PKG_VERSION")));
        let line = SMALL.fit(&facts.join("  ·  "), CONTENT as f32);
        SMALL.draw(&mut self.image, (MARGIN as f32, baseline), self.palette.quiet, &line);
        self.y = baseline as u32;
    }

    /// The page, cut to its height.
    pub fn finish(self) -> RgbImage {
        image::imageops::crop_imm(&self.image, 0, 0, WIDTH, (self.y + MARGIN - 16).min(TALLEST)).to_image()
    }

    /// A line of text across the page, under a rule: the name of a section, and a formula at the right end.
    pub fn chapter(&mut self, label: &str, formula: &str) {
        // The head has a rule of its own.
        if self.y != self.head_ends {
            self.rule(self.y);
            self.y += 48;
        }
        self.section(MARGIN, CONTENT, label, formula);
        self.y += 42;
    }

    /// A line of a table: what it is about, in the first third, and a figure in each column; wrong ones stand out.
    pub fn figures(&mut self, label: &str, quiet: &str, cells: &[(String, bool)]) {
        let (ink, faint) = (self.palette.ink, self.palette.quiet);
        let baseline = self.y as f32 + 20.0;
        let first = CONTENT as f32 / 3.0;
        let label = BODY.fit(label, first - 12.0);
        BODY.draw(&mut self.image, (MARGIN as f32, baseline), ink, &label);
        let quiet = SMALL.fit(quiet, CONTENT as f32);
        SMALL.draw(&mut self.image, (MARGIN as f32, baseline + 26.0), faint, &quiet);
        let each = (CONTENT as f32 - first) / cells.len().max(1) as f32;
        for (index, (text, is_wrong)) in cells.iter().enumerate() {
            let right = MARGIN as f32 + first + (index + 1) as f32 * each;
            let colour = if *is_wrong { Rgb(WRONG) } else { ink };
            BODY.draw_right(&mut self.image, (right, baseline), colour, &BODY.fit(text, each - 8.0));
        }
        self.y += if quiet.is_empty() { 40 } else { 68 };
    }

    /// Takes `height` pixels of the page for a drawing; returns their top.
    pub fn take(&mut self, height: u32) -> u32 {
        let top = self.y;
        self.y += height;
        top
    }

    /// The page itself.
    pub fn image(&mut self) -> &mut RgbImage {
        &mut self.image
    }

    /// A patch of colour before the next line of figures.
    pub fn swatch(&mut self, colour: Rgb<u8>) {
        rectangle(&mut self.image, (MARGIN, self.y + 6), (16, 16), colour);
    }

    /// The page's colours.
    pub fn palette(&self) -> &Palette {
        &self.palette
    }

    /// A thin line across the page.
    fn rule(&mut self, y: u32) {
        rectangle(&mut self.image, (MARGIN, y), (CONTENT, 1), self.palette.faint);
    }

    /// A colour key under a map: its range in words at both ends.
    fn key(&mut self, x: u32, baseline: f32, width: u32, [low, high]: &[String; 2], colours: &ColourMap) {
        BODY.draw(&mut self.image, (x as f32, baseline), self.palette.quiet, low);
        BODY.draw_right(&mut self.image, ((x + width) as f32, baseline), self.palette.quiet, high);
        let start = x + BODY.width(low).ceil() as u32 + 14;
        let end = (x + width).saturating_sub(BODY.width(high).ceil() as u32 + 14).max(start + 1);
        let top = baseline as u32 - 12;
        for column in start..end {
            let share = (column - start) as f32 / (end - start).max(2) as f32;
            let colour = Rgb(colours.rgb(colours.low + (1.0 - colours.low) * share));
            rectangle(&mut self.image, (column, top), (1, 10), colour);
        }
        frame(&mut self.image, (start, top), (end - start, 10), self.palette.faint);
    }

    /// Returns where it ends.
    fn bars(&mut self, study: &Study, width: u32) -> u32 {
        self.section(MARGIN, width, "Posterior", "p(c | y)");
        let mut baseline = self.y as f32 + 18.0 + 44.0;
        let right = (MARGIN + width) as f32;
        let order = ranked(&study.posterior);
        for (rank, &class) in order.iter().take(CLASSES).enumerate() {
            let probability = study.posterior[class];
            let colours = (self.palette.ink, if rank == 0 { self.palette.accent } else { self.palette.bar });
            let value = percent_in_print(probability);
            let room = width as f32 - BODY.width(&value) - 16.0;
            let name = BODY.fit(&study.model.classes[class], room);
            BODY.draw(&mut self.image, (MARGIN as f32, baseline), colours.0, &name);
            BODY.draw_right(&mut self.image, (right, baseline), self.palette.quiet, &value);
            self.bar((MARGIN, baseline as u32 + 9), width, probability, colours.1);
            baseline += 45.0;
        }
        if order.len() > CLASSES {
            let rest: f64 = order[CLASSES..].iter().map(|&c| study.posterior[c]).sum();
            let name = format!("{} others", order.len() - CLASSES);
            BODY.draw(&mut self.image, (MARGIN as f32, baseline), self.palette.quiet, &name);
            BODY.draw_right(&mut self.image, (right, baseline), self.palette.quiet, &percent_in_print(rest));
            baseline += 45.0;
        }
        baseline as u32 - 30
    }

    /// Returns where it ends, near to `bars` below its top if it can.
    fn conditionals(&mut self, study: &Study, left: u32, bars: u32) -> u32 {
        let tiles = tiles(study);
        let width = MARGIN + CONTENT - left;
        let Some(first) = tiles.first() else { return self.y };
        let mut formula = match (study.conditionals.len().min(CLASSES), study.posterior.len()) {
            (shown, all) if shown < all => format!("{shown} of {all} classes, E[x | y, c]"),
            _ => "E[x | y, c]".to_owned(),
        };
        if study.guidance != 1.0 {
            formula = formula.replace("E[x | y, c]", &format!("D + {}(E[x | y, c] − D)", study.guidance));
        }
        self.section(left, width, "Denoised under each class", &formula);
        let captions = if first.fidelity.is_some() { 66 } else { 40 };
        let pixels = (study.noisy.shape().width as u32, study.noisy.shape().height as u32);
        let shown = tiles.len() as u32;
        let grid = |columns: u32| {
            let room = (width - (columns - 1) * 24) / columns;
            let size = fill(pixels, (room, room + 80));
            (size, shown.div_ceil(columns) * (size.1 + captions + 34))
        };
        // As many columns as bring the grid nearest to the height of the bars beside it, full rows before ragged ones.
        let misfit = |&columns: &u32| grid(columns).1.abs_diff(bars) + 80 * (shown.next_multiple_of(columns) - shown);
        let columns = (3..=shown.clamp(3, 6)).min_by_key(misfit).unwrap_or(3);
        let size = grid(columns).0;
        let mut top = self.y + 38;
        for (row, chunk) in tiles.chunks(columns as usize).enumerate() {
            for (index, tile) in chunk.iter().enumerate() {
                let x = column(index as u32, columns, left, width, size.0);
                self.tile(tile, (x, top), size, row == 0 && index == 0);
            }
            top += size.1 + captions + 34;
        }
        top - 34
    }

    fn tile(&mut self, tile: &Tile<'_>, (x, top): (u32, u32), size: (u32, u32), first: bool) {
        place(&mut self.image, &shown(tile.picture), (x, top), size);
        frame(&mut self.image, (x, top), size, self.palette.faint);
        let colour = if first { self.palette.accent } else { self.palette.bar };
        self.bar((x, top + size.1 + 8), size.0, tile.probability, colour);
        let baseline = (top + size.1) as f32 + 38.0;
        let right = (x + size.0) as f32;
        let value = percent_in_print(tile.probability);
        let ink = if first { self.palette.accent } else { self.palette.ink };
        // The name has the line to itself where the PSNR gives the probability a second one to stand on.
        let room = if tile.fidelity.is_some() { 0.0 } else { SMALL.width(&value) + 12.0 };
        let name = BODY.fit(&tile.name, size.0 as f32 - room);
        BODY.draw(&mut self.image, (x as f32, baseline), ink, &name);
        if let Some(fidelity) = tile.fidelity {
            let text = METRICS[0].write(fidelity.psnr_db()).replace('-', "−");
            SMALL.draw_right(&mut self.image, (right, baseline + 25.0), self.palette.quiet, &text);
            SMALL.draw(&mut self.image, (x as f32, baseline + 25.0), self.palette.quiet, &value);
        } else {
            SMALL.draw_right(&mut self.image, (right, baseline), self.palette.quiet, &value);
        }
    }

    /// A section's name, and its formula at the right end.
    fn section(&mut self, x: u32, width: u32, label: &str, formula: &str) {
        let baseline = self.y as f32 + 18.0;
        LABEL.draw(&mut self.image, (x as f32, baseline), self.palette.ink, label);
        BODY.draw_right(&mut self.image, ((x + width) as f32, baseline), self.palette.quiet, formula);
    }

    /// A probability as a bar on its track.
    fn bar(&mut self, at: (u32, u32), width: u32, probability: f64, colour: Rgb<u8>) {
        rectangle(&mut self.image, at, (width, 5), self.palette.faint);
        rectangle(&mut self.image, at, ((f64::from(width) * probability).round() as u32, 5), colour);
    }
}

/// The most probable of the computed classes and, last, all the others as one.
fn tiles(study: &Study) -> Vec<Tile<'_>> {
    let classes = study.ranked_conditionals().into_iter().take(CLASSES).map(|conditional| Tile {
        name: study.model.classes[conditional.class].clone(),
        probability: study.posterior[conditional.class],
        picture: &conditional.picture,
        fidelity: conditional.fidelity,
    });
    let rest = study.rest.as_ref().map(|rest| Tile {
        name: format!("{} others", rest.classes),
        probability: rest.probability,
        picture: &rest.picture,
        fidelity: rest.fidelity,
    });
    classes.chain(rest).collect()
}

/// The left end of a column, when `columns` columns of `size` pixels fill `width` from `left` evenly.
fn column(index: u32, columns: u32, left: u32, width: u32, size: u32) -> u32 {
    left + index * (width - size.min(width)) / (columns - 1).max(1)
}

fn subtitle(study: &Study) -> String {
    origin(&study.model.name, study.noise, study.sigma, study.sigma_estimated)
}

/// Model, noise and seed in one line.
pub(super) fn origin(model: &str, noise: Option<Noise>, sigma: f32, estimated: bool) -> String {
    let told = level::describe(sigma);
    let noise = match noise {
        Some(noise) if (noise.sigma - sigma).abs() > f32::EPSILON => {
            let added = level::describe(noise.sigma);
            format!("{} noise σ = {added}, read with σ = {told}  ·  seed {}", noise.kind.title(), noise.seed)
        }
        Some(noise) => format!("{} noise σ = {told}  ·  seed {}", noise.kind.title(), noise.seed),
        None if estimated => format!("noise of its own, estimated σ = {told}"),
        None => format!("noise of its own, σ = {told}"),
    };
    format!("model {model}  ·  {noise}")
}

/// The panels of the first row: of the whole picture at its own size if there is one.
fn panels(study: &Study, palette: &Palette) -> Vec<Panel> {
    let (clean, noisy, denoised, fidelities) = match &study.native {
        Some(n) => (&n.clean, &n.noisy, &n.denoised, (n.noisy_fidelity, n.denoised_fidelity)),
        None => (&study.clean, &study.noisy, &study.denoised, (study.noisy_fidelity, study.denoised_fidelity)),
    };
    let size = Caption::Text(vec![format!("{} × {} pixels", noisy.shape().width, noisy.shape().height)]);
    let mut panels = Vec::new();
    let noisy_caption = match fidelities.0 {
        Some(fidelity) => Caption::Text(quality(fidelity)),
        None => Caption::Text(vec![format!("{} × {} pixels", noisy.shape().width, noisy.shape().height)]),
    };
    if let Some(clean) = clean {
        panels.push(Panel { label: "Clean".into(), formula: "x", image: shown(clean), caption: size });
    }
    panels.push(Panel { label: "Noisy".into(), formula: "y", image: shown(noisy), caption: noisy_caption });
    let caption = Caption::Text(fidelities.1.map(quality).unwrap_or_default());
    panels.push(Panel { label: "Denoised".into(), formula: "E[x | y]", image: shown(denoised), caption });
    let (label, formula, residual) = match clean {
        Some(clean) => ("Error", "E[x | y] − x", denoised.zip(clean, |d, x| d - x)),
        None => ("Residual", "y − E[x | y]", noisy.zip(denoised, |y, d| y - d)),
    };
    let range = signed_range(&residual);
    let image = signed(&residual, range, palette.signed);
    panels.push(Panel { label: label.into(), formula, image, caption: Caption::Key(range) });
    panels
}

/// By every metric, closely and in less room.
fn quality(fidelity: Fidelity) -> Vec<String> {
    let joined = |write: fn(&Metric, f64) -> String| {
        let values = fidelity.measured().map(|(metric, value)| write(metric, value).replace('-', "−"));
        values.collect::<Vec<_>>().join("  ·  ")
    };
    vec![joined(Metric::labelled), joined(Metric::brief)]
}

/// A round number (1, 2 or 5 times a power of ten) that all but the most extreme values stay within.
pub(super) fn signed_range(residual: &Picture) -> f32 {
    let mut sizes: Vec<f32> = residual.values().iter().map(|v| v.abs()).filter(|v| v.is_finite()).collect();
    sizes.sort_by(f32::total_cmp);
    let large = sizes.get(sizes.len().saturating_sub(1) * 199 / 200).copied().unwrap_or(0.0).max(1e-4);
    round_up(f64::from(large)) as f32
}

fn level_text(range: f32) -> String {
    let digits = (-range.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{range:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Shape;

    #[test]
    fn columns_are_flush_with_both_margins() {
        assert_eq!(column(0, 4, MARGIN, CONTENT, 352), MARGIN);
        assert_eq!(column(3, 4, MARGIN, CONTENT, 352) + 352, MARGIN + CONTENT);
        assert_eq!(column(0, 1, 100, 50, 80), 100);
    }

    #[test]
    fn the_residuals_range_is_round_and_holds_nearly_all() {
        let of = |value: f32| signed_range(&Picture::filled(Shape::new(1, 4, 4), value));
        assert!((of(0.13) - 0.2).abs() < 1e-6 && (of(0.2) - 0.2).abs() < 1e-6 && (of(-0.03) - 0.05).abs() < 1e-6);
        assert!(of(0.0) > 0.0);
        assert_eq!(["0.2", "0.05", "1"], [0.2, 0.05, 1.0].map(level_text).map(|t| t).each_ref().map(String::as_str));
    }
}
