//! Drawing by hand on a picture of the model's size.

use crate::picture::{Picture, Shape};

/// The pen's radius, as a part of the picture's shorter side: that of the strokes of MNIST.
const RADIUS: f32 = 1.5 / 28.0;

/// A picture without ink: black, as in MNIST.
#[must_use]
pub fn blank(shape: Shape) -> Picture {
    Picture::filled(shape, 0.0)
}

/// The picture with a round-ended stroke of ink (white) between two points, in pixels; or with ink taken away.
#[must_use]
pub fn stroke(picture: &Picture, from: [f32; 2], to: [f32; 2], erase: bool) -> Picture {
    let Shape { channels, height, width } = picture.shape();
    let radius = RADIUS * height.min(width) as f32 * if erase { 1.6 } else { 1.0 };
    let mut drawn = picture.clone();
    for y in 0..height {
        for x in 0..width {
            let distance = distance_to_segment([x as f32 + 0.5, y as f32 + 0.5], from, to);
            let ink = (radius + 0.5 - distance).clamp(0.0, 1.0);
            for channel in 0..channels {
                let value = &mut drawn.values_mut()[(channel * height + y) * width + x];
                let inked = if erase { value.min(1.0 - ink) } else { value.max(ink) };
                // Whole steps of 8 bits, so that a file keeps what was drawn.
                *value = (inked * 255.0).round() / 255.0;
            }
        }
    }
    drawn
}

fn distance_to_segment(point: [f32; 2], from: [f32; 2], to: [f32; 2]) -> f32 {
    let [along, off] = [[to[0] - from[0], to[1] - from[1]], [point[0] - from[0], point[1] - from[1]]];
    let length = along[0] * along[0] + along[1] * along[1];
    let t = if length > 0.0 { ((off[0] * along[0] + off[1] * along[1]) / length).clamp(0.0, 1.0) } else { 0.0 };
    (off[0] - t * along[0]).hypot(off[1] - t * along[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_inks_its_line_and_the_eraser_takes_it_away() {
        let paper = blank(Shape::new(1, 28, 28));
        let drawn = stroke(&paper, [5.0, 14.0], [23.0, 14.0], false);
        assert!((drawn.at(0, 13, 14) - 1.0).abs() < 1e-6);
        assert!(drawn.at(0, 2, 14).abs() < 1e-6);
        let erased = stroke(&drawn, [5.0, 14.0], [23.0, 14.0], true);
        assert!(erased.values().iter().all(|v| *v < 0.2));
    }
}
