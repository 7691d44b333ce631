//! A decoded file on its way to a picture: planes, still with their alpha, their colour space and their orientation.

use image::DynamicImage;
use image::metadata::Orientation;

use super::super::{Picture, Shape};
use super::colour::Space;

/// What a decoder gives. Alpha is straight: colours are not multiplied by it.
pub(super) struct Raw {
    /// The colours: 1 plane (grey) or 3 (red, green, blue), as the file has them.
    pub colours: Picture,
    /// Opacity in [0, 1], one value a pixel.
    pub alpha: Option<Vec<f32>>,
    /// Bits a channel in the file.
    pub bits: u8,
    /// What the file says of its colours.
    pub space: Space,
    /// How the file wants to be turned.
    pub orientation: Orientation,
    /// By how much it was made smaller while it was read: 1, 2 or 4.
    pub times: u32,
    /// What a person must know of how it was read.
    pub notes: Vec<String>,
}

impl Raw {
    /// The planes of a decoded picture; `None` for a kind of sample that no decoder here gives.
    pub(super) fn of(image: &DynamicImage) -> Option<Self> {
        let size = (image.height() as usize, image.width() as usize);
        let byte = |v: u8| f32::from(v) / 255.0;
        let word = |v: u16| f32::from(v) / 65535.0;
        let (colours, alpha) = match image {
            DynamicImage::ImageLuma8(i) => spread(i.as_raw(), 1, size, byte),
            DynamicImage::ImageLumaA8(i) => spread(i.as_raw(), 2, size, byte),
            DynamicImage::ImageRgb8(i) => spread(i.as_raw(), 3, size, byte),
            DynamicImage::ImageRgba8(i) => spread(i.as_raw(), 4, size, byte),
            DynamicImage::ImageLuma16(i) => spread(i.as_raw(), 1, size, word),
            DynamicImage::ImageLumaA16(i) => spread(i.as_raw(), 2, size, word),
            DynamicImage::ImageRgb16(i) => spread(i.as_raw(), 3, size, word),
            DynamicImage::ImageRgba16(i) => spread(i.as_raw(), 4, size, word),
            _ => return None,
        };
        let bits = (image.color().bits_per_pixel() / u16::from(image.color().channel_count())) as u8;
        Some(Self {
            colours,
            alpha,
            bits,
            space: Space::Unsaid,
            orientation: Orientation::NoTransforms,
            times: 1,
            notes: Vec::new(),
        })
    }

    /// The colours laid over white, and whether any of it shows.
    pub(super) fn over_white(&mut self) -> bool {
        let Some(alpha) = self.alpha.take() else { return false };
        for plane in self.colours.values_mut().chunks_exact_mut(alpha.len().max(1)) {
            for (value, &alpha) in plane.iter_mut().zip(&alpha) {
                *value = *value * alpha + (1.0 - alpha);
            }
        }
        alpha.iter().any(|&alpha| alpha < 1.0)
    }
}

/// Interleaved samples of `channels` (the last of 2 or 4 is alpha) as planes.
fn spread<T: Copy>(
    samples: &[T],
    channels: usize,
    (height, width): (usize, usize),
    unit: impl Fn(T) -> f32,
) -> (Picture, Option<Vec<f32>>) {
    let colours = if channels < 3 { 1 } else { 3 };
    let pixels = samples.chunks_exact(channels);
    let mut values = Vec::with_capacity(colours * height * width);
    (0..colours).for_each(|c| values.extend(pixels.clone().map(|pixel| unit(pixel[c]))));
    let alpha = (channels > colours).then(|| pixels.map(|pixel| unit(pixel[colours])).collect());
    (Picture::new(Shape::new(colours, height, width), values), alpha)
}

/// A picture turned or mirrored as its file asks (EXIF 2.32, 4.6.4, orientation).
pub(super) fn turned(picture: Picture, orientation: Orientation) -> Picture {
    let Shape { channels, height, width } = picture.shape();
    // Where the value at column x of row y comes from: its column and row.
    let source = |x: usize, y: usize| match orientation {
        Orientation::NoTransforms => (x, y),
        Orientation::Rotate90 => (y, height - 1 - x),
        Orientation::Rotate180 => (width - 1 - x, height - 1 - y),
        Orientation::Rotate270 => (width - 1 - y, x),
        Orientation::FlipHorizontal => (width - 1 - x, y),
        Orientation::FlipVertical => (x, height - 1 - y),
        Orientation::Rotate90FlipH => (y, x),
        Orientation::Rotate270FlipH => (width - 1 - y, height - 1 - x),
    };
    let (rows, columns) = match orientation {
        Orientation::NoTransforms => return picture,
        Orientation::Rotate180 | Orientation::FlipHorizontal | Orientation::FlipVertical => (height, width),
        _ => (width, height),
    };
    let mut values = Vec::with_capacity(picture.shape().len());
    for channel in 0..channels {
        let plane = picture.plane(channel);
        for y in 0..rows {
            values.extend((0..columns).map(|x| {
                let (column, row) = source(x, y);
                plane[row * width + column]
            }));
        }
    }
    Picture::new(Shape::new(channels, rows, columns), values)
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma};

    use super::*;

    #[test]
    fn every_orientation_turns_as_the_image_library_does() {
        let grey = GrayImage::from_fn(5, 3, |x, y| Luma([(16 * y + x) as u8]));
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).expect("an orientation");
            let mut image = DynamicImage::from(grey.clone());
            let ours = turned(Raw::of(&image).expect("grey").colours, orientation);
            image.apply_orientation(orientation);
            assert_eq!(ours, Raw::of(&image).expect("grey").colours, "orientation {exif}");
        }
    }
}
