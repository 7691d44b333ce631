//! A picture brought to a model's size and channels, with a word about everything that was done to it.

use serde::{Deserialize, Serialize};

use super::{Picture, Shape, resize};

/// A rectangle on a picture, in pixels; (0, 0) is the upper left corner of the upper left pixel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// The left edge.
    pub x: f32,
    /// The upper edge.
    pub y: f32,
    /// How wide.
    pub width: f32,
    /// How high.
    pub height: f32,
}

/// What part of a picture the model sees.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The largest part of the model's proportions, from the middle.
    #[default]
    Centre,
    /// All of it, in the middle of a frame whose colour is the mean of the picture's border.
    Whole,
    /// The largest part of the model's proportions in the middle of a rectangle; what lies outside of the picture is not used.
    Crop(Rect),
}

/// A picture no larger than the model's size is padded rather than enlarged if its longer side reaches this share of it,
/// as a 28×28 digit for a 32×32 model does.
const NEARLY: f64 = 0.8;

/// A picture in a model's shape, and how it came to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The picture, of exactly the shape that was asked for.
    pub picture: Picture,
    /// What the whole of it covers on the original. Where it was padded this reaches beyond the original's edges.
    pub rect: Rect,
    original: Shape,
    cut: Cut,
    inner: (usize, usize),
}

/// A part of a picture in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

impl Fitted {
    /// What was done, in words: "centre 3000×3000 of 4000×3000, Lanczos to 32×32, to grey".
    #[must_use]
    pub fn describe(&self) -> String {
        let (Shape { height, width, .. }, Cut { x, y, .. }) = (self.original, self.cut);
        let to = self.picture.shape();
        let part = if (self.cut.width, self.cut.height) == (width, height) {
            format!("whole {width}×{height}")
        } else {
            let (cut_width, cut_height) = (self.cut.width, self.cut.height);
            if (x, y) == ((width - cut_width) / 2, (height - cut_height) / 2) {
                format!("centre {cut_width}×{cut_height} of {width}×{height}")
            } else {
                format!("{cut_width}×{cut_height} at ({x}, {y}) of {width}×{height}")
            }
        };
        let mut words = vec![part];
        if self.inner != (self.cut.height, self.cut.width) {
            words.push(format!("Lanczos to {}×{}", self.inner.1, self.inner.0));
        }
        if self.inner != (to.height, to.width) {
            words.push(format!("padded with its border's mean to {}×{}", to.width, to.height));
        }
        match (self.original.channels, to.channels) {
            (from, to) if from == to => {}
            (_, 1) => words.push("to grey".into()),
            (1, _) => words.push("grey as colour".into()),
            (from, to) => words.push(format!("{from} channels to {to}")),
        }
        words.join(", ")
    }
}

/// Brings `picture` to `shape`: a part of it after `fit`, by Lanczos's filter, in as many channels.
///
/// A picture that is at most a fifth smaller than `shape` is padded with the mean of its border rather than enlarged,
/// unless a rectangle of it was asked for.
#[must_use]
pub fn fit(picture: &Picture, shape: Shape, fit: Fit) -> Fitted {
    let original = picture.shape();
    let whole = Cut { x: 0, y: 0, width: original.width, height: original.height };
    let (cut, inner) = match fit {
        Fit::Centre | Fit::Whole if nearly_fills(original, shape) => (whole, (original.height, original.width)),
        Fit::Centre => (largest(whole, shape), (shape.height, shape.width)),
        Fit::Whole => (whole, within(original, shape)),
        Fit::Crop(rect) => (largest(pixels(rect, original), shape), (shape.height, shape.width)),
    };
    let part = channels(&crop(picture, cut), shape.channels);
    let resized = resize(&part, inner.0, inner.1);
    let (left, top) = ((shape.width - inner.1) / 2, (shape.height - inner.0) / 2);
    let (scale_x, scale_y) = (cut.width as f32 / inner.1 as f32, cut.height as f32 / inner.0 as f32);
    let rect = Rect {
        x: cut.x as f32 - left as f32 * scale_x,
        y: cut.y as f32 - top as f32 * scale_y,
        width: shape.width as f32 * scale_x,
        height: shape.height as f32 * scale_y,
    };
    Fitted { picture: pad(&resized, shape, left, top), rect, original, cut, inner }
}

/// The picture in `count` channels.
///
/// Colour becomes grey by the Rec. 709 luma of the stored values, 0.2126 R + 0.7152 G + 0.0722 B; grey is copied into each
/// colour. Any other number of channels goes by way of their mean.
#[must_use]
pub fn channels(picture: &Picture, count: usize) -> Picture {
    let from = picture.shape();
    if from.channels == count {
        return picture.clone();
    }
    let grey: Vec<f32> = match from.channels {
        3 => {
            let (red, green, blue) = (picture.plane(0), picture.plane(1), picture.plane(2));
            red.iter().zip(green).zip(blue).map(|((r, g), b)| 0.2126 * r + 0.7152 * g + 0.0722 * b).collect()
        }
        n => {
            let mut sum = vec![0.0; from.height * from.width];
            (0..n).for_each(|c| sum.iter_mut().zip(picture.plane(c)).for_each(|(sum, v)| *sum += v / n as f32));
            sum
        }
    };
    Picture::new(Shape { channels: count, ..from }, grey.repeat(count))
}

/// Whether a picture fits into `shape` and reaches most of it.
fn nearly_fills(picture: Shape, shape: Shape) -> bool {
    let reaches = |side: usize, target: usize| side as f64 >= NEARLY * target as f64;
    picture.width <= shape.width
        && picture.height <= shape.height
        && (reaches(picture.width, shape.width) || reaches(picture.height, shape.height))
}

/// The largest part of `outer` with the proportions of `shape`, from its middle.
fn largest(outer: Cut, shape: Shape) -> Cut {
    let scale = (outer.width as f64 / shape.width as f64).min(outer.height as f64 / shape.height as f64);
    let side = |target: usize, most: usize| ((target as f64 * scale).round() as usize).clamp(1, most);
    let (width, height) = (side(shape.width, outer.width), side(shape.height, outer.height));
    Cut { x: outer.x + (outer.width - width) / 2, y: outer.y + (outer.height - height) / 2, width, height }
}

/// Height and width of a picture reduced or enlarged to just fit into `shape`.
fn within(picture: Shape, shape: Shape) -> (usize, usize) {
    let scale = (shape.width as f64 / picture.width as f64).min(shape.height as f64 / picture.height as f64);
    let side = |from: usize, most: usize| ((from as f64 * scale).round() as usize).clamp(1, most);
    (side(picture.height, shape.height), side(picture.width, shape.width))
}

/// The whole pixels of `rect` that lie on the picture, at least one. A rectangle that is not finite is all of it.
fn pixels(rect: Rect, picture: Shape) -> Cut {
    if ![rect.x, rect.y, rect.width, rect.height].iter().all(|v| v.is_finite()) {
        return Cut { x: 0, y: 0, width: picture.width, height: picture.height };
    }
    let span = |start: f32, length: f32, side: usize| {
        let first = (start.round().max(0.0) as usize).min(side - 1);
        let end = ((start + length).round().max(0.0) as usize).clamp(first + 1, side);
        (first, end - first)
    };
    let (x, width) = span(rect.x, rect.width, picture.width);
    let (y, height) = span(rect.y, rect.height, picture.height);
    Cut { x, y, width, height }
}

/// A copy of a part.
fn crop(picture: &Picture, cut: Cut) -> Picture {
    let from = picture.shape();
    let mut values = Vec::with_capacity(from.channels * cut.height * cut.width);
    for channel in 0..from.channels {
        for row in picture.plane(channel).chunks_exact(from.width).skip(cut.y).take(cut.height) {
            values.extend_from_slice(&row[cut.x..][..cut.width]);
        }
    }
    Picture::new(Shape::new(from.channels, cut.height, cut.width), values)
}

/// The picture with its upper left corner at (`left`, `top`) of a frame in each channel's mean along the border.
fn pad(picture: &Picture, shape: Shape, left: usize, top: usize) -> Picture {
    let from = picture.shape();
    if from == shape {
        return picture.clone();
    }
    let mut values = Vec::with_capacity(shape.len());
    for channel in 0..shape.channels {
        let plane = picture.plane(channel);
        let start = values.len();
        values.resize(start + shape.height * shape.width, border_mean(plane, from));
        for (row, out) in plane.chunks_exact(from.width).zip(values[start..].chunks_exact_mut(shape.width).skip(top)) {
            out[left..][..from.width].copy_from_slice(row);
        }
    }
    Picture::new(shape, values)
}

/// The mean of a plane's outermost pixels.
fn border_mean(plane: &[f32], Shape { height, width, .. }: Shape) -> f32 {
    let on_border = |i: usize| {
        let (y, x) = (i / width, i % width);
        y == 0 || x == 0 || y == height - 1 || x == width - 1
    };
    let (sum, count) = plane
        .iter()
        .enumerate()
        .filter(|&(i, _)| on_border(i))
        .fold((0.0, 0), |(sum, count), (_, &v)| (sum + f64::from(v), count + 1));
    (sum / f64::from(count)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each value tells its own place: x + y/1000 in the first channel, then 0.5 more a channel.
    fn graded(channels: usize, height: usize, width: usize) -> Picture {
        let place = |i: usize| {
            let (c, y, x) = (i / (height * width), i / width % height, i % width);
            c as f32 * 0.5 + (x as f32 + y as f32 / 1000.0) / width as f32
        };
        let shape = Shape::new(channels, height, width);
        Picture::new(shape, (0..shape.len()).map(place).collect())
    }

    #[test]
    fn centre_takes_the_largest_middle() {
        let fitted = fit(&graded(3, 300, 400), Shape::new(1, 32, 32), Fit::Centre);
        assert_eq!(fitted.picture.shape(), Shape::new(1, 32, 32));
        assert_eq!(fitted.rect, Rect { x: 50.0, y: 0.0, width: 300.0, height: 300.0 });
        assert_eq!(fitted.describe(), "centre 300×300 of 400×300, Lanczos to 32×32, to grey");
    }

    #[test]
    fn whole_shows_everything_in_a_frame_of_the_borders_mean() {
        let fitted = fit(&Picture::filled(Shape::new(1, 50, 100), 0.25), Shape::new(3, 32, 32), Fit::Whole);
        assert_eq!(fitted.rect, Rect { x: 0.0, y: -25.0, width: 100.0, height: 100.0 });
        assert!(fitted.picture.values().iter().all(|v| (v - 0.25).abs() < 1e-6));
        assert_eq!(
            fitted.describe(),
            "whole 100×50, Lanczos to 32×16, padded with its border's mean to 32×32, grey as colour"
        );
    }

    #[test]
    fn a_digit_is_padded_not_enlarged() {
        let digit = graded(1, 28, 28);
        for how in [Fit::Centre, Fit::Whole] {
            let fitted = fit(&digit, Shape::new(1, 32, 32), how);
            assert_eq!(fitted.picture.at(0, 2 + 5, 2 + 7).to_bits(), digit.at(0, 5, 7).to_bits());
            assert_eq!(fitted.rect, Rect { x: -2.0, y: -2.0, width: 32.0, height: 32.0 });
            assert_eq!(fitted.describe(), "whole 28×28, padded with its border's mean to 32×32");
        }
        let small = fit(&graded(1, 16, 16), Shape::new(1, 32, 32), Fit::Centre);
        assert_eq!(small.describe(), "whole 16×16, Lanczos to 32×32");
    }

    #[test]
    fn the_right_size_is_untouched() {
        let picture = graded(3, 32, 32);
        let fitted = fit(&picture, picture.shape(), Fit::Centre);
        assert_eq!(fitted.picture, picture);
        assert_eq!(fitted.describe(), "whole 32×32");
    }

    #[test]
    fn a_crop_takes_what_it_names_and_no_more_than_there_is() {
        let picture = graded(1, 60, 80);
        let rect = Rect { x: 10.0, y: 20.0, width: 32.0, height: 32.0 };
        let fitted = fit(&picture, Shape::new(1, 32, 32), Fit::Crop(rect));
        assert_eq!(fitted.rect, rect);
        assert_eq!(fitted.picture.at(0, 3, 4).to_bits(), picture.at(0, 23, 14).to_bits());
        assert_eq!(fitted.describe(), "32×32 at (10, 20) of 80×60");
        for odd in [
            Rect { x: -1e9, y: 1e9, width: 5.0, height: -3.0 },
            Rect { x: f32::NAN, y: 0.0, width: 1.0, height: 1.0 },
            Rect { x: 79.9, y: 59.9, width: 1e30, height: 1e30 },
            Rect { x: 5.0, y: 5.0, width: 0.0, height: 0.0 },
        ] {
            assert_eq!(fit(&picture, Shape::new(3, 8, 16), Fit::Crop(odd)).picture.shape(), Shape::new(3, 8, 16));
        }
    }

    #[test]
    fn extreme_proportions_still_fit() {
        for (height, width) in [(1, 1), (1, 500), (500, 1), (2, 3)] {
            for how in [Fit::Centre, Fit::Whole] {
                let fitted = fit(&graded(3, height, width), Shape::new(3, 32, 24), how);
                assert_eq!(fitted.picture.shape(), Shape::new(3, 32, 24), "{height}×{width} {how:?}");
            }
        }
    }

    #[test]
    fn grey_is_the_luma_and_back_is_a_copy() {
        let colour = Picture::new(Shape::new(3, 1, 1), vec![1.0, 0.5, 0.25]);
        let grey = channels(&colour, 1);
        assert!((grey.values()[0] - (0.2126 + 0.3576 + 0.01805)).abs() < 1e-6);
        assert_eq!(channels(&grey, 3).values(), &[grey.values()[0]; 3]);
        let white = channels(&Picture::filled(Shape::new(3, 2, 2), 1.0), 1);
        assert!(white.values().iter().all(|v| (v - 1.0).abs() < 1e-6));
    }
}
