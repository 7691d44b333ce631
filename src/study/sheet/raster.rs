//! From pictures of any values and size to pixels on a page.

use image::imageops::{FilterType, replace, resize};
use image::{Rgb, RgbImage};

use crate::picture::{Picture, to_byte};
use crate::study::looks::ColourMap;

/// The size at which a `width`×`height` picture fills a box: a whole multiple if it is smaller, so that its pixels stay
/// crisp, else shrunk to fit.
pub(super) fn fill((width, height): (u32, u32), (room_x, room_y): (u32, u32)) -> (u32, u32) {
    let factor = (room_x / width).min(room_y / height);
    if factor >= 1 {
        return (width * factor, height * factor);
    }
    let shrink = f64::min(f64::from(room_x) / f64::from(width), f64::from(room_y) / f64::from(height));
    let side = |length: u32| ((f64::from(length) * shrink).round() as u32).max(1);
    (side(width), side(height))
}

/// A picture's pixels, clipped to [0, 1] as a screen does, grey as three equal channels.
pub(super) fn shown(picture: &Picture) -> RgbImage {
    let colour = picture.shape().channels == 3;
    pixels(picture, |y, x| Rgb([0, 1, 2].map(|c| to_byte(picture.at(if colour { c } else { 0 }, y, x)))))
}

/// The mean over the channels, coloured from −`range` over 0 to `range`.
pub(super) fn signed(picture: &Picture, range: f32, colours: &ColourMap) -> RgbImage {
    let channels = picture.shape().channels;
    pixels(picture, |y, x| {
        let mean = (0..channels).map(|c| picture.at(c, y, x)).sum::<f32>() / channels as f32;
        Rgb(colours.rgb(mean / range))
    })
}

/// The root of the mean over the channels, coloured from 0 to `range`: a standard deviation from variances.
pub(super) fn deviation(variance: &Picture, range: f32, colours: &ColourMap) -> RgbImage {
    let channels = variance.shape().channels;
    pixels(variance, |y, x| {
        let mean = (0..channels).map(|c| variance.at(c, y, x)).sum::<f32>() / channels as f32;
        Rgb(colours.rgb(mean.max(0.0).sqrt() / range))
    })
}

fn pixels(picture: &Picture, colour: impl Fn(usize, usize) -> Rgb<u8>) -> RgbImage {
    let shape = picture.shape();
    RgbImage::from_fn(shape.width as u32, shape.height as u32, |x, y| colour(y as usize, x as usize))
}

/// Puts a picture on the page at `at`, `size` pixels large.
pub(super) fn place(page: &mut RgbImage, picture: &RgbImage, at: (u32, u32), size: (u32, u32)) {
    let enlarges = size.0 >= picture.width();
    let sized = resize(picture, size.0, size.1, if enlarges { FilterType::Nearest } else { FilterType::Lanczos3 });
    replace(page, &sized, i64::from(at.0), i64::from(at.1));
}

/// Fills a rectangle.
pub(super) fn rectangle(page: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), colour: Rgb<u8>) {
    for row in y..(y + height).min(page.height()) {
        for column in x..(x + width).min(page.width()) {
            page.put_pixel(column, row, colour);
        }
    }
}

/// Draws a frame of one pixel just outside a rectangle.
pub(super) fn frame(page: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), colour: Rgb<u8>) {
    rectangle(page, (x - 1, y - 1), (width + 2, 1), colour);
    rectangle(page, (x - 1, y + height), (width + 2, 1), colour);
    rectangle(page, (x - 1, y), (1, height), colour);
    rectangle(page, (x + width, y), (1, height), colour);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Shape;

    #[test]
    fn small_pictures_grow_by_whole_factors_and_large_ones_shrink() {
        assert_eq!(fill((32, 32), (352, 352)), (352, 352));
        assert_eq!(fill((28, 28), (352, 352)), (336, 336));
        assert_eq!(fill((48, 20), (352, 352)), (336, 140));
        assert_eq!(fill((4000, 3000), (352, 352)), (352, 264));
        assert_eq!(fill((4000, 1), (352, 352)), (352, 1));
    }

    #[test]
    fn the_signed_map_is_neutral_at_zero_and_ends_at_its_range() {
        let colours = ColourMap { name: "", low: -1.0, anchors: &[[0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 0.0, 0.0]] };
        let picture = Picture::new(Shape::new(1, 1, 4), vec![-0.2, 0.0, 0.1, 5.0]);
        let map = signed(&picture, 0.2, &colours);
        let row: Vec<_> = map.pixels().map(|p| p.0).collect();
        assert_eq!(row, [[0, 0, 255], [255, 255, 255], [255, 128, 128], [255, 0, 0]]);
    }
}
