//! Pictures of any size on screen: cut into cells of which those in sight are drawn, from as few values as the screen has.

use eframe::egui::{self, Color32, ColorImage, Painter, Pos2, Rect, TextureOptions, pos2, vec2};

use crate::gui::gpu::Content;
use crate::gui::state::photo::{Cells, Layer, Part};
use crate::picture::{Shape, to_rgba8};

/// The side of a cell, in pixels of its level.
const CELL: usize = 256;
/// How many cells are made in a frame; more come in the next, over the coarsest level meanwhile.
const AT_ONCE: usize = 24;
/// From so many points a pixel on, pixels are squares.
const SHARP: f32 = 2.0;

/// Where a picture of the full size lies on the screen.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Where its first pixel begins.
    pub origin: Pos2,
    /// Points that a pixel takes.
    pub points: f32,
    /// What of the screen may be drawn on.
    pub clip: Rect,
}

impl Place {
    /// The rectangle of a part on the screen.
    #[must_use]
    pub fn rect(&self, part: Part) -> Rect {
        let times = (1_usize << part.level) as f32 * self.points;
        let at = |i: [usize; 2]| self.origin + vec2(i[0] as f32, i[1] as f32) * times;
        Rect::from_min_max(at(part.from), at([part.from[0] + part.size[0], part.from[1] + part.size[1]]))
    }

    /// What is in sight of a picture of this shape, halved so many times; none if nothing is.
    #[must_use]
    pub fn in_sight(&self, level: usize, shape: Shape) -> Option<Part> {
        let times = (1_usize << level) as f32 * self.points;
        let first = (self.clip.min - self.origin) / times;
        let last = (self.clip.max - self.origin) / times;
        let size = [shape.width, shape.height];
        let from = [first.x, first.y].map(|v| v.floor().max(0.0) as usize);
        let to = [last.x, last.y].map(|v| v.ceil().max(0.0) as usize);
        let cut = |i: usize| to[i].min(size[i]).saturating_sub(from[i].min(size[i]));
        let part = Part { level, from, size: [cut(0), cut(1)] };
        (part.size[0] > 0 && part.size[1] > 0).then_some(part)
    }
}

/// Paints the layer: its coarsest level under what of the level for the screen is ready.
pub fn paint(painter: &Painter, cells: &mut Cells, frame: u64, layer: &Layer, level: usize, place: Place) {
    let coarsest = layer.halvings();
    if level < coarsest {
        paint_level(painter, cells, frame, layer.level(coarsest), coarsest, place);
    }
    paint_level(painter, cells, frame, layer.level(level), level, place);
}

/// Paints a picture that covers a part.
pub fn paint_part(painter: &Painter, cells: &mut Cells, frame: u64, content: &Content, part: Part, place: Place) {
    let times = (1_usize << part.level) as f32 * place.points;
    let origin = place.origin + vec2(part.from[0] as f32, part.from[1] as f32) * times;
    paint_level(painter, cells, frame, content, part.level, Place { origin, ..place });
}

fn paint_level(painter: &Painter, cells: &mut Cells, frame: u64, content: &Content, level: usize, place: Place) {
    let shape = content.picture().shape();
    let Some(seen) = place.in_sight(level, shape) else { return };
    let painter = painter.with_clip_rect(place.clip);
    let sharp = place.points * (1_usize << level) as f32 >= SHARP;
    let cell = |i: usize| seen.from[i] / CELL..=(seen.from[i] + seen.size[i] - 1) / CELL;
    for row in cell(1) {
        for column in cell(0) {
            let from = [column * CELL, row * CELL];
            let part = Part { level, from, size: [CELL.min(shape.width - from[0]), CELL.min(shape.height - from[1])] };
            let made = cells.made(frame);
            let key = (content.id(), column, row, sharp);
            let texture = cells.get(key, frame).or_else(|| {
                (made < AT_ONCE).then(|| {
                    let options = if sharp { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
                    let texture = painter.ctx().load_texture("cell", image(content, part), options);
                    cells.put(key, frame, texture)
                })
            });
            match texture {
                Some(texture) => {
                    let uv = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
                    painter.image(texture, place.rect(part), uv, Color32::WHITE);
                }
                None => painter.ctx().request_repaint(),
            }
        }
    }
}

/// A cell in 8 bits.
fn image(content: &Content, part: Part) -> ColorImage {
    ColorImage::from_rgba_unmultiplied(part.size, &to_rgba8(&part.cut(content.picture())))
}

/// Lines between the pixels in sight, once they are large.
pub fn lines(painter: &Painter, shape: Shape, place: Place, colour: Color32) {
    let Some(seen) = place.in_sight(0, shape) else { return };
    let painter = painter.with_clip_rect(place.clip);
    let rect = place.rect(seen);
    let stroke = egui::Stroke::new(0.5, colour);
    for x in seen.from[0]..=seen.from[0] + seen.size[0] {
        painter.vline(place.origin.x + x as f32 * place.points, rect.y_range(), stroke);
    }
    for y in seen.from[1]..=seen.from[1] + seen.size[1] {
        painter.hline(rect.x_range(), place.origin.y + y as f32 * place.points, stroke);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_sight_is_cut_at_the_picture_and_at_the_screen() {
        let clip = Rect::from_min_max(pos2(100.0, 50.0), pos2(300.0, 150.0));
        let place = Place { origin: pos2(90.0, 60.0), points: 2.0, clip };
        let part = place.in_sight(0, Shape::new(3, 1000, 1000)).unwrap();
        assert_eq!((part.from, part.size), ([5, 0], [100, 45]));
        let part = place.in_sight(1, Shape::new(3, 20, 500)).unwrap();
        assert_eq!((part.from, part.size), ([2, 0], [51, 20]));
        assert_eq!(place.rect(part), Rect::from_min_max(pos2(98.0, 60.0), pos2(302.0, 140.0)));
        assert!(Place { origin: pos2(400.0, 0.0), ..place }.in_sight(0, Shape::new(1, 9, 9)).is_none());
    }
}
