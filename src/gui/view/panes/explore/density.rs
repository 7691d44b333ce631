//! How probable the picture is, and how much noise is in it.

use eframe::egui::{Align2, Color32, FontId, Rect, Response, Sense, Stroke, Ui, Vec2, pos2, vec2};

use super::column;
use crate::gui::state::explore::PictureDensity;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::widgets::{self, dim, fact, named};
use crate::study::level::of_255;
use crate::study::looks::SEQUENTIAL;
use crate::study::words::{number, percent};

/// Height of the row of pictures by their bits.
const STRIP: f32 = 64.0;

/// Figures, the pictures by their bits, the heat map.
pub(super) fn show(ui: &mut Ui, cx: &Context<'_>) {
    let Some(found) = cx.session.explore.density.as_ref().map(|found| found.value.clone()) else {
        widgets::empty(
            ui,
            "The denoiser's errors on this picture and the sample pictures are measured at every noise level…",
        );
        return;
    };
    let available = ui.available_size();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::SECTION;
        column(ui, available.y, "density", |ui| figures(ui, cx, &found));
        ui.vertical(|ui| {
            let room = ui.available_size();
            named(&strip(ui, &found, vec2(room.x, STRIP)), "The pictures by their bits");
            let shown = heat(ui, cx, &found, vec2(room.x, (room.y - STRIP - 2.0 * space::GROUP).max(80.0)));
            named(&shown, "p(c, σ | y)");
        });
    });
}

fn figures(ui: &mut Ui, cx: &Context<'_>, found: &PictureDensity) {
    let density = &found.density;
    if found.measured {
        let own = density.pictures[0];
        fact(ui, "Bits a value", &format!("{} ± {}", number(own.bits.value, 2), number(own.bits.standard_error, 2)))
            .explained("An upper bound of the code of its 8-bit values");
        fact(ui, "  coarse", &number(own.coarse, 2))
            .explained("Under the largest noise level, from the data's Gaussian");
        fact(ui, "  denoiser", &number(own.denoiser, 2)).explained("What the denoiser misses between the levels");
        fact(ui, "  values", &number(own.values, 2)).explained("What is left to tell the 8-bit values");
        fact(ui, "Place", &percent(density.place(0)))
            .explained("The share of the sample pictures that take fewer bits");
    }
    let mean = density.mean_bits();
    fact(ui, "All pictures", &format!("{} ± {}", number(mean.value, 2), number(mean.standard_error, 2)))
        .explained("The mean of this and the sample pictures");
    ui.separator();
    let noise = &found.noise;
    fact(ui, "σ found", &format!("{}/255 ± {} %", number(255.0 * noise.sigma, 1), number(100.0 * noise.deviation, 1)))
        .explained("The posterior's mean and standard deviation of ln σ");
    if !cx.document.already_noisy {
        fact(ui, "σ added", &format!("{}/255", of_255(cx.document.noise.sigma)));
    }
    dim(ui, "The lower plot: classes across, noise levels up. The constants are from the sample pictures.");
}

/// Each picture as a line at its bits; this one stands out.
fn strip(ui: &mut Ui, found: &PictureDensity, size: Vec2) -> Response {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let tokens = Tokens::in_ui(ui);
    let bits: Vec<f64> = found.density.pictures.iter().map(|picture| picture.bits.value).collect();
    let (low, high) = bits.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let margin = (0.1 * (high - low)).max(0.05);
    let (low, high) = (low - margin, high + margin);
    let x = |v: f64| rect.left() + ((v - low) / (high - low)) as f32 * rect.width();
    let painter = ui.painter_at(rect);
    let floor = rect.bottom() - 18.0;
    painter.hline(rect.x_range(), floor, Stroke::new(1.0, tokens.line));
    for (index, v) in bits.iter().enumerate() {
        let own = found.measured && index == 0;
        let (width, colour, top) =
            if own { (3.0, tokens.accent, rect.top()) } else { (1.5, tokens.dim, rect.top() + 14.0) };
        painter.vline(x(*v), top..=floor, Stroke::new(width, colour));
    }
    let font = FontId::proportional(text::SMALL);
    for (value, anchor) in [(low + margin, Align2::LEFT_BOTTOM), (high - margin, Align2::RIGHT_BOTTOM)] {
        let words = format!("{} bits", number(value, 2));
        painter.text(pos2(x(value), rect.bottom()), anchor, words, font.clone(), tokens.dim);
    }
    response
}

/// Classes across, noise levels up.
fn heat(ui: &mut Ui, cx: &Context<'_>, found: &PictureDensity, size: Vec2) -> Response {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let tokens = Tokens::in_ui(ui);
    let noise = &found.noise;
    let (levels, classes) = (noise.sigmas.len(), cx.session.classes());
    let by_class = noise.classes();
    let mut order: Vec<usize> = (0..by_class.len()).collect();
    order.sort_by(|&a, &b| by_class[b].total_cmp(&by_class[a]));
    order.truncate(12);
    order.sort_unstable();
    let plot = Rect::from_min_max(rect.min + vec2(64.0, 0.0), rect.max - vec2(0.0, 20.0));
    let largest = noise.joint.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let painter = ui.painter_at(rect);
    let font = FontId::proportional(text::SMALL);
    let cell = vec2(plot.width() / order.len().max(1) as f32, plot.height() / levels as f32);
    for (column, &class) in order.iter().enumerate() {
        let left = plot.left() + column as f32 * cell.x;
        for level in 0..levels {
            let [r, g, b] = SEQUENTIAL.rgb((noise.joint[level * by_class.len() + class] / largest) as f32);
            let top = plot.bottom() - (level + 1) as f32 * cell.y;
            let area = Rect::from_min_size(pos2(left, top), vec2(cell.x - 1.0, cell.y + 0.5));
            painter.rect_filled(area, 0.0, Color32::from_rgb(r, g, b));
        }
        let at = pos2(left + 0.5 * cell.x, rect.bottom());
        let name = classes.get(class).map_or("", String::as_str);
        let own =
            painter.with_clip_rect(Rect::from_min_max(pos2(left, plot.bottom()), pos2(left + cell.x, rect.bottom())));
        own.text(at, Align2::CENTER_BOTTOM, name, font.clone(), tokens.dim);
    }
    for (level, anchor, y) in [
        (0, Align2::RIGHT_BOTTOM, plot.bottom()),
        (levels / 2, Align2::RIGHT_CENTER, plot.center().y),
        (levels - 1, Align2::RIGHT_TOP, plot.top()),
    ] {
        let words = format!("{}/255", of_255(noise.sigmas[level]));
        painter.text(pos2(plot.left() - 6.0, y), anchor, words, font.clone(), tokens.dim);
    }
    response
}
