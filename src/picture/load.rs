//! Picture files into [`Picture`]s: any common format, however made, and a clear refusal of everything else.

mod colour;
mod entropy;
mod jpeg;
mod png;
mod raw;
mod reduced;
mod tiff;

use std::borrow::Cow;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{Picture, Shape};
use crate::{Error, Result};
use colour::Space;
use jpeg::Frame;
use raw::Raw;

/// The largest picture that is decoded as it is, in pixels. A larger JPEG, PNG or TIFF file, up to sixteen times as large, is read at
/// 1/2 or 1/4; what is larger still, or of another format, is refused before memory is taken for it.
pub const MAX_PIXELS: u64 = 64_000_000;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 512 << 20;

/// What a decoder may allocate: the largest picture with four channels of 16 bits, and as much again to work in.
const MAX_ALLOCATION: u64 = 16 * MAX_PIXELS;

/// A picture as its file has it, in its own size.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The picture: 1 channel (grey) or 3 (red, green, blue), values in [0, 1], in sRGB unless `notes` says otherwise.
    pub picture: Picture,
    /// The format's usual name, found by content; the file's extension does not matter.
    pub format: &'static str,
    /// Bits a channel in the file: 1 to 64.
    pub bits: u8,
    /// Whether some of it was transparent and so was laid over white.
    pub transparent: bool,
    /// Whether it was turned or mirrored because its EXIF data says so.
    pub turned: bool,
    /// By how much it was made smaller while it was read, for it is larger than [`MAX_PIXELS`]: 1 (not at all), 2 or 4.
    pub scale: u32,
    /// What else a person must know of how it was read: how its range was taken, what became of its colour profile, what was
    /// left out.
    pub notes: Vec<String>,
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
        words.extend(self.notes.iter().cloned());
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
/// [`Error::Io`] if the file cannot be read, [`Error::Picture`] if it is a folder, empty, cut short, damaged, much larger than
/// [`MAX_PIXELS`], or no picture.
pub fn load(path: impl AsRef<Path>) -> Result<Loaded> {
    let path = path.as_ref();
    decode(&read_bytes(path)?, path)
}

/// A picture file's bytes, of a file too large only so many that [`decode`] refuses it.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Picture`] if it is a folder.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let io = |source| Error::io(path, source);
    // Opening a folder succeeds on some systems and fails with an obscure reason on others.
    if fs::metadata(path).map_err(io)?.is_dir() {
        return Err(Error::picture(path, "is a folder; name a picture in it"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(io)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Decodes a picture file's bytes; `name` is what errors call it.
///
/// # Errors
/// [`Error::Picture`] as for [`load`].
pub fn decode(bytes: &[u8], name: &Path) -> Result<Loaded> {
    decode_within(bytes, name, MAX_PIXELS)
}

/// [`decode`] into at most so many pixels: what has more is read at a half or a quarter of its size.
pub(crate) fn decode_within(bytes: &[u8], name: &Path, most: u64) -> Result<Loaded> {
    let refuse = |reason: String| Error::picture(name, reason);
    if bytes.is_empty() {
        return Err(refuse("is empty".into()));
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refuse(format!("is larger than {} MiB, the most that is read", MAX_BYTES >> 20)));
    }
    let format = if tiff::is_tiff(bytes) { Some(ImageFormat::Tiff) } else { image::guess_format(bytes).ok() };
    let Some((format, format_name)) = format.and_then(|f| Some((f, format_name(f)?))) else {
        return Err(refuse("is not a picture that can be read here: PNG, JPEG, WebP, BMP, TIFF and GIF can".into()));
    };
    let raw = match format {
        ImageFormat::Tiff => tiff::read(bytes, most),
        ImageFormat::Jpeg => read_jpeg(bytes, most),
        ImageFormat::Png => {
            let marks = png::marks(bytes);
            read(bytes, format, most).map(|mut raw| {
                raw.space = marks.space.unwrap_or(raw.space);
                raw.notes.extend(marks.animated.then(|| "first frame".into()));
                raw
            })
        }
        _ => read(bytes, format, most),
    };
    let mut raw = raw.map_err(refuse)?;
    raw.notes.extend(colour::to_srgb(&mut raw.colours, &raw.space));
    let transparent = raw.over_white();
    Ok(Loaded {
        picture: raw::turned(raw.colours, raw.orientation),
        format: format_name,
        bits: raw.bits,
        transparent,
        turned: raw.orientation != Orientation::NoTransforms,
        scale: raw.times,
        notes: raw.notes,
    })
}

/// Decodes any format but TIFF, or says why not.
fn read(bytes: &[u8], format: ImageFormat, most: u64) -> Result<Raw, String> {
    let name = format_name(format).unwrap_or("picture");
    let broken = |error: ImageError| reason(name, &error);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOCATION);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let times = reduced::times(width, height, most)?;
    if times > 1 {
        if format == ImageFormat::Png {
            return reduced::png(bytes, times);
        }
        return Err(format!(
            "is a {name} file of {width}×{height}, more than the {} megapixels that are read of it; PNG, JPEG and TIFF are \
             read smaller",
            most / 1_000_000
        ));
    }
    // Broken metadata is no reason to refuse the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let mut raw = Raw::of(&image).ok_or("has a colour type that is not known")?;
    raw.orientation = orientation;
    raw.space = profile.map_or(Space::Unsaid, Space::Profile);
    match format {
        ImageFormat::Gif => raw.notes.push("first frame".into()),
        // The header of an extended file has a bit for it (RFC 9649, section 2.7.1).
        ImageFormat::WebP if bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|b| b & 2 != 0) => {
            raw.notes.push("first frame".into());
        }
        _ => {}
    }
    Ok(raw)
}

/// Decodes a JPEG file of which everything is there, or says why not.
fn read_jpeg(bytes: &[u8], most: u64) -> Result<Raw, String> {
    let frame = Frame::read(bytes)?;
    let times = reduced::times(frame.width, frame.height, most)?;
    frame.check_inks()?;
    let survey = frame.survey(bytes)?;
    let whole = if survey.ended { Cow::Borrowed(bytes) } else { [bytes, &[0xFF, 0xD9]].concat().into() };
    let mut raw =
        if times > 1 { reduced::jpeg(&whole, &frame, times)? } else { read(&whole, ImageFormat::Jpeg, most)? };
    if frame.has_inks() {
        raw.notes.push("CMYK turned into RGB by the simple formula".into());
    }
    if survey.coarse {
        raw.notes.push("coarser than it was meant, for its last scans are missing".into());
    }
    Ok(raw)
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

#[cfg(test)]
mod tests;
