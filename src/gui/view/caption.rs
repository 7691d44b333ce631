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

/// Paints the line above the picture.
pub fn above(ui: &Ui, line: Rect, name: &str, caption: &Caption) {
    let tokens = Tokens::in_ui(ui);
    let middle = line.center().y - 1.0;
    let mut left = line.left();
    if let Some(colour) = caption.colour {
        ui.painter().circle_filled(pos2(left + 4.0, middle), 3.5, colour);
        left += 12.0;
    }
    let font = FontId::proportional(text::SMALL + 0.5);
    // A whole name tells more than a figure, which stands in a pane of its own too.
    let fits = |figure: &&str| {
        text_width(ui, name, &font) + space::TIGHT + text_width(ui, figure, &font) <= line.right() - left
    };
    let mut room = line.right() - left;
    if let Some(figure) = caption.figure.as_deref().filter(fits) {
        let right = pos2(line.right(), middle);
        room -= space::TIGHT + paint_text(ui, right, Align2::RIGHT_CENTER, figure, font.clone(), tokens.dim, room);
    }
    let colour = if caption.chosen { tokens.strong } else { tokens.text };
    let (name, font) = shortened(ui, name, font, room);
    paint_text(ui, pos2(left, middle), Align2::LEFT_CENTER, name, font, colour, room);
}

/// A name that fits: whole, its sign alone (of "Denoised D(y)" the D(y)), or in smaller letters; what is left is cut.
fn shortened<'a>(ui: &Ui, name: &'a str, font: FontId, room: f32) -> (&'a str, FontId) {
    let sign = name.split_once(' ').map_or(name, |(_, sign)| sign);
    let smaller = FontId::proportional(font.size - 3.0);
    let ways = [(name, font.clone()), (name, smaller.clone()), (sign, font), (sign, smaller)];
    let [.., last] = &ways;
    ways.iter().find(|(words, font)| text_width(ui, words, font) <= room).unwrap_or(last).clone()
}

/// Paints the line below the picture: a legend under maps, metrics under pictures. `old`: it belongs to an earlier question, and the
/// answer to the present one is awaited.
pub fn below(ui: &Ui, line: Rect, source: &TileContent, old: bool) {
    let font = FontId::proportional(text::SMALL - 1.0);
    if old {
        let words = "before; computing…";
        let colour = Tokens::in_ui(ui).warning;
        paint_text(ui, pos2(line.left(), line.center().y), Align2::LEFT_CENTER, words, font, colour, line.width());
        return;
    }
    match source.ends() {
        Some(ends) => legend(ui, line, source.look.mode, ends, &font),
        None => measures(ui, line, source, &font),
    }
}

/// As many of the metrics as there is room for.
fn measures(ui: &Ui, line: Rect, source: &TileContent, font: &FontId) {
    let Some(fidelity) = source.fidelity.filter(|f| f.psnr_db().is_finite()) else { return };
    let tokens = Tokens::in_ui(ui);
    let values: Vec<String> = fidelity.measured().map(|(metric, value)| metric.brief(value)).collect();
    let fits = |words: &String| text_width(ui, words, font) <= line.width();
    let bare: Vec<String> = fidelity.measured().take(2).map(|(metric, value)| metric.bare(value)).collect();
    let ways = (2..=values.len()).rev().map(|count| values[..count].join("   ")).chain([bare.join("  ")]);
    let words = &ways.into_iter().find(fits).unwrap_or_else(|| values[0].clone());
    let at = pos2(line.left(), line.center().y);
    paint_text(ui, at, Align2::LEFT_CENTER, words, font.clone(), tokens.dim, line.width());
}

/// From this width on, both ends of the scale are written; below, one figure says both.
const WIDE: f32 = 130.0;

/// The colours from one end of the scale to the other, with their values.
fn legend(ui: &Ui, line: Rect, mode: Mode, [low, high]: [f32; 2], font: &FontId) {
    let tokens = Tokens::in_ui(ui);
    let middle = line.center().y;
    let (left, right) = if line.width() >= WIDE {
        (value(low), value(high))
    } else if mode == Mode::Signed {
        (String::new(), format!("±{}", significant(high)))
    } else {
        (String::new(), format!("≤{}", significant(high)))
    };
    let write = |x: f32, anchor, words: &str| {
        paint_text(ui, pos2(x, middle), anchor, words, font.clone(), tokens.dim, line.width() * 0.5)
    };
    let mut bar = Rect::from_x_y_ranges(line.x_range(), middle - 3.0..=middle + 3.0);
    let gap = |used: f32| if used > 0.0 { used + space::TIGHT + 1.0 } else { 0.0 };
    bar.min.x += gap(write(line.left(), Align2::LEFT_CENTER, &left));
    bar.max.x -= gap(write(line.right(), Align2::RIGHT_CENTER, &right));
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
