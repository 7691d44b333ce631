//! Pictures into files and onto screens: the only place where values are clipped and rounded to 8 bits.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};

use super::{Picture, Shape, channels};
use crate::files::write_whole;
use crate::{Error, Result};

/// The quality of JPEG files: high enough that the compression is no visible noise of its own.
const JPEG_QUALITY: u8 = 95;

/// Writes `picture` as an 8-bit PNG, JPEG, WebP (lossless), BMP or TIFF, as the extension of `path` says, whole or not at all.
///
/// Values are clipped to [0, 1]. One channel is written as grey, three as RGB.
///
/// # Errors
/// If the extension is none of these, the picture is too large for the format, or the file cannot be written or exists and
/// `overwrite` is not set.
pub fn save(path: impl AsRef<Path>, picture: &Picture, overwrite: bool) -> Result<()> {
    save_image(path, &to_image(picture), overwrite)
}

/// [`save`] for an image that has its 8 bits already, such as a drawn sheet.
///
/// # Errors
/// As for [`save`].
pub fn save_image(path: impl AsRef<Path>, image: &DynamicImage, overwrite: bool) -> Result<()> {
    let path = path.as_ref();
    let format = saved_format(path)?;
    write_whole(path, &encode(image, format).map_err(|reason| Error::picture(path, reason))?, overwrite)
}

/// The format that [`save`] will write to `path`, by its extension: to be asked before long work, not after it.
///
/// # Errors
/// If the extension is none that is written.
pub fn saved_format(path: impl AsRef<Path>) -> Result<ImageFormat> {
    let path = path.as_ref();
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "png" => Ok(ImageFormat::Png),
        "jpg" | "jpeg" => Ok(ImageFormat::Jpeg),
        "webp" => Ok(ImageFormat::WebP),
        "bmp" => Ok(ImageFormat::Bmp),
        "tif" | "tiff" => Ok(ImageFormat::Tiff),
        _ => Err(Error::picture(path, "its extension names no format that is written: png, jpg, webp, bmp or tiff")),
    }
}

/// `picture` as an 8-bit PNG file's bytes. Values are clipped to [0, 1].
///
/// # Errors
/// If it is too large for the format.
pub fn to_png(picture: &Picture) -> Result<Vec<u8>> {
    encode(&to_image(picture), ImageFormat::Png).map_err(Error::Compute)
}

/// An image file's bytes, or why there are none.
fn encode(image: &DynamicImage, format: ImageFormat) -> Result<Vec<u8>, String> {
    let mut bytes = Cursor::new(Vec::new());
    let written = match format {
        ImageFormat::Jpeg => {
            let opaque = if image.color().has_color() { image.to_rgb8().into() } else { image.to_luma8().into() };
            DynamicImage::write_with_encoder(&opaque, JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        }
        _ => image.write_to(&mut bytes, format),
    };
    written.map_err(|error| format!("cannot be written: {error}"))?;
    Ok(bytes.into_inner())
}

/// A value in [0, 1] in 8 bits; others are clipped, and not a number is black.
#[must_use]
pub fn to_byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// The picture as an 8-bit image: grey for one channel, else RGB.
#[must_use]
pub fn to_image(picture: &Picture) -> DynamicImage {
    let Shape { channels: count, height, width } = picture.shape();
    let (w, h) = (width as u32, height as u32);
    if count == 1 {
        return GrayImage::from_fn(w, h, |x, y| Luma([to_byte(picture.at(0, y as usize, x as usize))])).into();
    }
    let rgb = channels(picture, 3);
    let byte = |channel, y: u32, x: u32| to_byte(rgb.at(channel, y as usize, x as usize));
    RgbImage::from_fn(w, h, |x, y| Rgb([byte(0, y, x), byte(1, y, x), byte(2, y, x)])).into()
}

/// The picture in 8 bits for a screen: red, green, blue and an opaque alpha for each pixel, row after row.
#[must_use]
pub fn to_rgba8(picture: &Picture) -> Vec<u8> {
    let rgb = channels(picture, 3);
    let mut bytes = vec![255; 4 * rgb.plane(0).len()];
    for channel in 0..3 {
        bytes.iter_mut().skip(channel).step_by(4).zip(rgb.plane(channel)).for_each(|(out, &v)| *out = to_byte(v));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{load, normals};

    fn random(shape: Shape) -> Picture {
        let mut values = vec![0.0; shape.len()];
        normals::uniforms(11, 0, 0, &mut values);
        Picture::new(shape, values)
    }

    #[test]
    fn lossless_formats_give_back_the_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        for extension in ["png", "webp", "bmp", "tif", "TIFF"] {
            for count in [1, 3] {
                let picture = random(Shape::new(count, 13, 17));
                let path = folder.path().join(format!("{count}.{extension}"));
                save(&path, &picture, false).expect("saved");
                let back = load(&path).expect("loaded").picture;
                assert_eq!(to_rgba8(&back), to_rgba8(&picture), "{extension} with {count} channels");
            }
        }
    }

    #[test]
    fn jpeg_is_close_and_keeps_grey_grey() {
        let folder = tempfile::tempdir().expect("a folder");
        for count in [1, 3] {
            let picture = Picture::filled(Shape::new(count, 32, 32), 0.4);
            let path = folder.path().join(format!("{count}.jpg"));
            save(&path, &picture, false).expect("saved");
            let back = load(&path).expect("loaded").picture;
            assert_eq!(back.shape(), picture.shape());
            assert!(back.values().iter().all(|v| (v - 0.4).abs() < 0.01));
        }
    }

    #[test]
    fn values_are_clipped_and_rounded_here() {
        let picture = Picture::new(Shape::new(1, 1, 6), vec![-3.0, 0.5, 1.7, f32::NAN, 0.1 / 255.0, 254.6 / 255.0]);
        let bytes: Vec<u8> = to_rgba8(&picture).chunks(4).map(|p| p[0]).collect();
        assert_eq!(bytes, [0, 128, 255, 0, 0, 255]);
        assert!(to_rgba8(&picture).chunks(4).all(|p| p[3] == 255 && p[0] == p[1] && p[1] == p[2]));
    }

    #[test]
    fn unknown_extensions_and_existing_files_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let picture = random(Shape::new(1, 4, 4));
        for name in ["a", "a.xyz", "a.gif", "a.png.txt"] {
            let error = save(folder.path().join(name), &picture, true).expect_err(name).to_string();
            assert!(error.contains("extension"), "{error}");
        }
        let path = folder.path().join("a.png");
        save(&path, &picture, false).expect("saved");
        save(&path, &picture, false).expect_err("it exists");
        save(&path, &picture, true).expect("overwritten");
    }
}
