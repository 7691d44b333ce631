//! What stands around a tile's picture: its name above; below it how near it is to the clean picture, or what its
//! colours mean.

use eframe::egui::{Align2, Color32, FontId, Rect, Ui, epaint, pos2};

use crate::gui::gpu::Mode;
use crate::gui::state::tile_content::TileContent;
use crate::gui::view::theme::{Tokens, height, space, text};
use crate::gui::view::widgets::{paint_text, text_width};
use crate::study::looks::{DIVERGING, SEQUENTIAL};
use crate::study::words::significant;

/// What a tile's caption says beside its name.
#[derive(Debug, Clone, Default)]
pub struct Caption {
    /// Instead of the tile's own name.
    pub name: Option<String>,
    /// A figure at the right of the name.
    pub figure: Option<String>,
    /// A coloured mark before the name.
    pub colour: Option<Color32>,
    /// A bar under the picture, from 0 to 1.
    pub share: Option<f32>,
    /// It is chosen.
    pub chosen: bool,
}

/// The height of a tile beyond its picture's.
pub const AROUND: f32 = height::CAPTION + height::FOOTER;

/// Paints the line above the picture; whether its figure had no room there, and belongs below the picture.
pub fn above(ui: &Ui, line: Rect, name: &str, caption: &Caption) -> bool {
    let tokens = Tokens::in_ui(ui);
    let middle = line.center().y - 1.0;
    let mut left = line.left();
    if let Some(colour) = caption.colour {
        ui.painter().circle_filled(pos2(left + 4.0, middle), 3.5, colour);
        left += 12.0;
    }
    let font = FontId::proportional(text::SMALL + 0.5);
    let mut room = line.right() - left;
    // A whole name tells more than a figure: that is written in smaller letters first, and else below.
    let place = caption.figure.as_deref().and_then(|figure| {
        let sizes = [font.size, font.size - 1.5, font.size - 3.0].map(FontId::proportional);
        let name = text_width(ui, name, &font);
        let fits = |font: &FontId| name + space::TIGHT + text_width(ui, figure, font) <= room;
        Some((figure, sizes.into_iter().find(fits)?))
    });
    if let Some((figure, font)) = &place {
        let right = pos2(line.right(), middle);
        room -= space::TIGHT + paint_text(ui, right, Align2::RIGHT_CENTER, figure, font.clone(), tokens.dim, room);
    }
    let colour = if caption.chosen { tokens.strong } else { tokens.text };
    let (name, font) = shortened(ui, name, font, room);
    paint_text(ui, pos2(left, middle), Align2::LEFT_CENTER, name, font, colour, room);
    caption.figure.is_some() && place.is_none()
}

/// A name that fits: whole, its sign alone (of "Denoised D(y)" the D(y)), or in smaller letters; what is left is cut.
fn shortened<'a>(ui: &Ui, name: &'a str, font: FontId, room: f32) -> (&'a str, FontId) {
    let sign = name.split_once(' ').map_or(name, |(_, sign)| sign);
    let smaller = FontId::proportional(font.size - 3.0);
    let ways = [(name, font.clone()), (name, smaller.clone()), (sign, font), (sign, smaller)];
    let [.., last] = &ways;
    ways.iter().find(|(words, font)| text_width(ui, words, font) <= room).unwrap_or(last).clone()
}

/// Paints the line below the picture: a legend under maps, metrics under pictures, and at its right the figure that had no room
/// above. `old`: it belongs to an earlier question, and the answer to the present one is awaited. Whether the figure had no room
/// here either.
pub fn below(ui: &Ui, mut line: Rect, source: &TileContent, figure: Option<&str>, old: bool) -> bool {
    let font = FontId::proportional(text::SMALL - 1.0);
    if old {
        let words = "before; computing…";
        let colour = Tokens::in_ui(ui).warning;
        paint_text(ui, pos2(line.left(), line.center().y), Align2::LEFT_CENTER, words, font, colour, line.width());
        return false;
    }
    let ends = source.ends();
    // What a map's colours mean stands nowhere else.
    let least = ends.map_or(0.0, |[_, high]| text_width(ui, &end(source.look.mode, high), &font));
    let fits = |figure: &&str| text_width(ui, figure, &font) + space::TIGHT + least <= line.width();
    let placed = figure.filter(fits);
    if let Some(figure) = placed {
        let at = pos2(line.right(), line.center().y);
        let colour = Tokens::in_ui(ui).dim;
        let wide = paint_text(ui, at, Align2::RIGHT_CENTER, figure, font.clone(), colour, line.width());
        line.max.x -= wide + space::TIGHT;
    }
    match ends {
        Some(ends) => legend(ui, line, source.look.mode, ends, &font),
        None => measures(ui, line, source, &font),
    }
    figure.is_some() && placed.is_none()
}

/// As many of the metrics as there is room for; none if there is for none.
fn measures(ui: &Ui, line: Rect, source: &TileContent, font: &FontId) {
    let Some(fidelity) = source.fidelity.filter(|f| f.psnr_db().is_finite()) else { return };
    let tokens = Tokens::in_ui(ui);
    let values: Vec<String> = fidelity.measured().map(|(metric, value)| metric.brief(value)).collect();
    let fits = |words: &String| text_width(ui, words, font) <= line.width();
    let bare: Vec<String> = fidelity.measured().take(2).map(|(metric, value)| metric.bare(value)).collect();
    let ways = (2..=values.len()).rev().map(|count| values[..count].join("   ")).chain([bare.join("  ")]);
    let Some(words) = ways.chain(values.first().cloned()).find(fits) else { return };
    let at = pos2(line.left(), line.center().y);
    paint_text(ui, at, Align2::LEFT_CENTER, &words, font.clone(), tokens.dim, line.width());
}

/// From this width on, both ends of the scale are written; below, one figure says both.
const WIDE: f32 = 130.0;
/// Colours narrower than this tell nothing.
const LEAST_COLOURS: f32 = 8.0;

/// The one figure for a scale.
fn end(mode: Mode, high: f32) -> String {
    format!("{}{}", if mode == Mode::Signed { '±' } else { '≤' }, significant(high))
}

/// The colours from one end of the scale to the other, with their values, which are never cut: the colours take what is left.
fn legend(ui: &Ui, line: Rect, mode: Mode, [low, high]: [f32; 2], font: &FontId) {
    let tokens = Tokens::in_ui(ui);
    let middle = line.center().y;
    let (left, right) = if line.width() >= WIDE { (value(low), value(high)) } else { (String::new(), end(mode, high)) };
    let write = |x: f32, anchor, words: &str| {
        let room = line.width().max(text_width(ui, words, font));
        paint_text(ui, pos2(x, middle), anchor, words, font.clone(), tokens.dim, room)
    };
    let mut bar = Rect::from_x_y_ranges(line.x_range(), middle - 3.0..=middle + 3.0);
    let gap = |used: f32| if used > 0.0 { used + space::TIGHT + 1.0 } else { 0.0 };
    bar.min.x += gap(write(line.left(), Align2::LEFT_CENTER, &left));
    bar.max.x -= gap(write(line.right(), Align2::RIGHT_CENTER, &right));
    if bar.width() < LEAST_COLOURS {
        return;
    }
    let mut mesh = epaint::Mesh::default();
    for i in 0..=STRIPS {
        let t = i as f32 / STRIPS as f32;
        let [r, g, b] = if mode == Mode::Signed { DIVERGING.rgb(2.0 * t - 1.0) } else { SEQUENTIAL.rgb(t) };
        let x = bar.left() + t * bar.width();
        for y in [bar.top(), bar.bottom()] {
            mesh.colored_vertex(pos2(x, y), Color32::from_rgb(r, g, b));
        }
        if i > 0 {
            mesh.add_triangle(2 * i - 2, 2 * i - 1, 2 * i);
            mesh.add_triangle(2 * i - 1, 2 * i, 2 * i + 1);
        }
    }
    ui.painter().add(mesh);
}

/// How many straight pieces the legend's colours are drawn with: twice the colour maps' own.
const STRIPS: u32 = 30;

/// A value at the end of a scale.
fn value(value: f32) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value < 0.0 {
        format!("−{}", significant(-value))
    } else {
        significant(value)
    }
}
