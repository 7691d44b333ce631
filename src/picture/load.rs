//! Picture files into [`Picture`]s: any common format, however made, and a clear refusal of everything else.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{Picture, Shape};
use crate::{Error, Result};

/// The largest picture that is decoded, in pixels; a larger one is refused before memory is taken for it.
pub const MAX_PIXELS: u64 = 64_000_000;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 512 << 20;

/// What a decoder may allocate: the largest picture with four channels of 16 bits, and as much again to work in.
const MAX_ALLOCATION: u64 = 16 * MAX_PIXELS;

/// A picture as its file has it, in its own size.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The picture: 1 channel (grey) or 3 (red, green, blue), values in [0, 1] as stored: no colour profile is applied.
    pub picture: Picture,
    /// The format's usual name, found by content; the file's extension does not matter.
    pub format: &'static str,
    /// Bits a channel in the file: 8, 16 or 32.
    pub bits: u8,
    /// Whether some of it was transparent and so was laid over white.
    pub transparent: bool,
    /// Whether it was turned or mirrored because its EXIF data says so.
    pub turned: bool,
}

impl Loaded {
    /// What was read, in words: "JPEG, 4000×3000, RGB, turned upright as its EXIF data says".
    #[must_use]
    pub fn describe(&self) -> String {
        let Shape { channels, height, width } = self.picture.shape();
        let colour = if channels == 1 { "grey" } else { "RGB" };
        let mut words = vec![self.format.to_owned(), format!("{width}×{height}"), colour.to_owned()];
        if self.bits != 8 {
            words.push(format!("{} bits a channel", self.bits));
        }
        if self.format == "GIF" {
            words.push("first frame".into());
        }
        if self.transparent {
            words.push("transparency laid over white".into());
        }
        if self.turned {
            words.push("turned upright as its EXIF data says".into());
        }
        words.join(", ")
    }
}

/// Reads and decodes a picture file: PNG, JPEG, WebP, BMP, TIFF, or the first frame of a GIF.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Picture`] if it is a folder, empty, cut short, damaged, larger than
/// [`MAX_PIXELS`], or no picture.
pub fn load(path: impl AsRef<Path>) -> Result<Loaded> {
    let path = path.as_ref();
    let io = |source| Error::io(path, source);
    // Opening a folder succeeds on some systems and fails with an obscure reason on others.
    if fs::metadata(path).map_err(io)?.is_dir() {
        return Err(Error::picture(path, "is a folder; name a picture in it"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(io)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    decode(&bytes, path)
}

/// Decodes a picture file's bytes; `name` is what errors call it.
///
/// # Errors
/// [`Error::Picture`] as for [`load`].
pub fn decode(bytes: &[u8], name: &Path) -> Result<Loaded> {
    let refuse = |reason: String| Error::picture(name, reason);
    if bytes.is_empty() {
        return Err(refuse("is empty".into()));
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refuse(format!("is larger than {} MiB, the most that is read", MAX_BYTES >> 20)));
    }
    let Some((format, format_name)) = image::guess_format(bytes).ok().and_then(|f| Some((f, format_name(f)?))) else {
        return Err(refuse("is not a picture that can be read here: PNG, JPEG, WebP, BMP, TIFF and GIF can".into()));
    };
    let broken = |error: ImageError| refuse(reason(format_name, &error));

    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOCATION);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(refuse(format!("has no pixels: its size is {width}×{height}")));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(refuse(format!(
            "is {width}×{height}, more than the {} megapixels that are read; make it smaller first",
            MAX_PIXELS / 1_000_000
        )));
    }
    if format == ImageFormat::Jpeg && !jpeg_ends(bytes) {
        return Err(refuse("is a JPEG file that was cut short".into()));
    }
    // Broken EXIF data is no reason to refuse the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    image.apply_orientation(orientation);

    let bits = (image.color().bits_per_pixel() / u16::from(image.color().channel_count())) as u8;
    let (picture, transparent) = planes(&image).ok_or_else(|| refuse("has a colour type that is not known".into()))?;
    Ok(Loaded { picture, format: format_name, bits, transparent, turned: orientation != Orientation::NoTransforms })
}

/// The usual name of a format that is read here.
fn format_name(format: ImageFormat) -> Option<&'static str> {
    Some(match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Gif => "GIF",
        _ => return None,
    })
}

/// A decoder's error on one line.
fn reason(format: &str, error: &ImageError) -> String {
    match error {
        ImageError::Limits(_) => format!("is a {format} file that asks for too much memory"),
        ImageError::Unsupported(what) => {
            let what = what.to_string().replace('\n', " ");
            format!("is a {format} file of a kind that is not read here ({what})")
        }
        ImageError::IoError(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            format!("is a {format} file that was cut short")
        }
        other => {
            let other = other.to_string().replace('\n', " ");
            format!("is a damaged {format} file, or one that was cut short ({other})")
        }
    }
}

/// Whether a JPEG file has its end marker after its picture began. The decoder fills what is missing with grey and says
/// nothing.
fn jpeg_ends(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    let mut at = 2;
    // Segments before the scan are skipped by their length, with any thumbnail (and its end marker) in them.
    while let Some(&[0xFF, marker, high, low]) = bytes.get(at..at + 4) {
        match marker {
            START_OF_SCAN => return bytes[at..].windows(2).any(|pair| pair == [0xFF, 0xD9]),
            0xFF => at += 1,
            0x01 | 0xD0..=0xD7 => at += 2,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    false
}

/// The decoded picture as planes in [0, 1], and whether some of it was transparent.
fn planes(image: &DynamicImage) -> Option<(Picture, bool)> {
    let size = (image.height() as usize, image.width() as usize);
    let byte = |v: u8| f32::from(v) / 255.0;
    let word = |v: u16| f32::from(v) / 65535.0;
    let float = |v: f32| if v.is_nan() { 0.0 } else { v.clamp(0.0, 1.0) };
    Some(match image {
        DynamicImage::ImageLuma8(i) => spread(i.as_raw(), 1, size, byte),
        DynamicImage::ImageLumaA8(i) => spread(i.as_raw(), 2, size, byte),
        DynamicImage::ImageRgb8(i) => spread(i.as_raw(), 3, size, byte),
        DynamicImage::ImageRgba8(i) => spread(i.as_raw(), 4, size, byte),
        DynamicImage::ImageLuma16(i) => spread(i.as_raw(), 1, size, word),
        DynamicImage::ImageLumaA16(i) => spread(i.as_raw(), 2, size, word),
        DynamicImage::ImageRgb16(i) => spread(i.as_raw(), 3, size, word),
        DynamicImage::ImageRgba16(i) => spread(i.as_raw(), 4, size, word),
        DynamicImage::ImageRgb32F(i) => spread(i.as_raw(), 3, size, float),
        DynamicImage::ImageRgba32F(i) => spread(i.as_raw(), 4, size, float),
        _ => return None,
    })
}

/// Interleaved samples of `channels` (the last of 2 or 4 is alpha) as planes, laid over white by their alpha.
fn spread<T: Copy>(
    samples: &[T],
    channels: usize,
    (height, width): (usize, usize),
    unit: impl Fn(T) -> f32,
) -> (Picture, bool) {
    let colours = if channels < 3 { 1 } else { 3 };
    let pixels = samples.chunks_exact(channels);
    let mut values = Vec::with_capacity(colours * height * width);
    if channels == colours {
        (0..colours).for_each(|c| values.extend(pixels.clone().map(|pixel| unit(pixel[c]))));
        return (Picture::new(Shape::new(colours, height, width), values), false);
    }
    for c in 0..colours {
        values.extend(pixels.clone().map(|pixel| {
            let alpha = unit(pixel[colours]);
            unit(pixel[c]) * alpha + (1.0 - alpha)
        }));
    }
    let transparent = pixels.clone().any(|pixel| unit(pixel[colours]) < 1.0);
    (Picture::new(Shape::new(colours, height, width), values), transparent)
}

#[cfg(test)]
mod tests;
