//! Pictures that are too large to be held as they are: read smaller, by whole numbers, as means over squares of pixels, a row
//! or a strip at a time. So a telephone's 200 megapixels take the memory of 50.

use std::io::Cursor;

use image::metadata::Orientation;
use jpeg_decoder::PixelFormat;

use super::super::{Picture, Shape};
use super::colour::Space;
use super::raw::Raw;
use super::{Frame, MAX_ALLOCATION};

/// By how much a picture is made smaller while it is read, at most: with [`MAX_PIXELS`](super::MAX_PIXELS), a thousand megapixels.
const SMALLEST: u32 = 4;

/// By how much a picture of this size is made smaller: 1, 2 or 4, the least that leaves no more than `most` pixels.
///
/// # Errors
/// Why it is not read at all.
pub(super) fn times(width: u32, height: u32, most: u64) -> Result<u32, String> {
    if width == 0 || height == 0 {
        return Err(format!("has no pixels: its size is {width}×{height}"));
    }
    let pixels = |times: u32| u64::from(width.div_ceil(times)) * u64::from(height.div_ceil(times));
    [1, 2, SMALLEST].into_iter().find(|&times| pixels(times) <= most).ok_or_else(|| {
        let most = most * u64::from(SMALLEST * SMALLEST) / 1_000_000;
        format!("is {width}×{height}, more than the {most} megapixels that are read; make it smaller first")
    })
}

/// Means over squares of pixels, of which rows and parts of rows come one after the other.
pub(super) struct Means {
    times: usize,
    width: usize,
    height: usize,
    /// Colours a pixel.
    colours: usize,
    /// Sums of colours, each times its opacity if there is one, then of opacities; planes.
    sums: Vec<f32>,
    has_alpha: bool,
}

impl Means {
    /// Of nothing yet.
    pub(super) fn of(width: u32, height: u32, times: u32, colours: usize, has_alpha: bool) -> Self {
        let size = width.div_ceil(times) as usize * height.div_ceil(times) as usize;
        let sums = vec![0.0; size * (colours + usize::from(has_alpha))];
        Self { times: times as usize, width: width as usize, height: height as usize, colours, sums, has_alpha }
    }

    /// Takes in part of row `y` from column `left` on: values in [0, 1], pixel after pixel, opacity last.
    pub(super) fn add(&mut self, y: usize, left: usize, values: impl Iterator<Item = f32>) {
        let (across, down) = (self.width.div_ceil(self.times), self.height.div_ceil(self.times));
        let (size, samples) = (across * down, self.colours + usize::from(self.has_alpha));
        let row = y / self.times * across;
        let mut pixel = [0.0_f32; 5];
        let mut filled = 0;
        let mut x = left;
        for value in values {
            pixel[filled] = value;
            filled += 1;
            if filled < samples {
                continue;
            }
            filled = 0;
            let opacity = if self.has_alpha { pixel[self.colours] } else { 1.0 };
            let at = row + x / self.times;
            for (c, &value) in pixel[..self.colours].iter().enumerate() {
                self.sums[c * size + at] += opacity * value;
            }
            if self.has_alpha {
                self.sums[self.colours * size + at] += opacity;
            }
            x += 1;
        }
    }

    /// The means, with straight opacities.
    pub(super) fn finish(mut self) -> (Picture, Option<Vec<f32>>) {
        let times = self.times;
        let (across, down) = (self.width.div_ceil(times), self.height.div_ceil(times));
        let size = across * down;
        let counts: Vec<f32> = (0..size)
            .map(|at| {
                let wide = times.min(self.width - at % across * times);
                let high = times.min(self.height - at / across * times);
                (wide * high) as f32
            })
            .collect();
        let opacity = self.has_alpha.then(|| self.sums.split_off(self.colours * size));
        let weights = opacity.as_ref().unwrap_or(&counts);
        for plane in self.sums.chunks_exact_mut(size) {
            plane.iter_mut().zip(weights).for_each(|(sum, &weight)| *sum /= if weight > 0.0 { weight } else { 1.0 });
        }
        let alpha = opacity.map(|sums| sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect());
        (Picture::new(Shape::new(self.colours, down, across), self.sums), alpha)
    }
}

/// What a person is told of it.
pub(super) fn note(width: u32, height: u32, times: u32) -> String {
    format!("read at 1/{times} of its {width}×{height} pixels")
}

/// Reads a PNG file row by row.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn png(bytes: &[u8], times: u32) -> Result<Raw, String> {
    let broken = |error: png::DecodingError| {
        let words = error.to_string().replace('\n', " ");
        format!("is a damaged PNG file, or one that was cut short ({words})")
    };
    let limits = png::Limits { bytes: MAX_ALLOCATION as usize };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(broken)?;
    let info = reader.info();
    let (width, height) = (info.width, info.height);
    if info.interlaced {
        return Err(format!(
            "is an interlaced PNG of {width}×{height}, too large to be read so; save it without interlacing"
        ));
    }
    let profile = info.icc_profile.as_ref().map(|profile| profile.to_vec());
    let orientation = info.exif_metadata.as_ref().and_then(|exif| Orientation::from_exif_chunk(exif));
    let (colour, depth) = reader.output_color_type();
    let (colours, has_alpha) = match colour {
        png::ColorType::Grayscale => (1, false),
        png::ColorType::GrayscaleAlpha => (1, true),
        png::ColorType::Rgb => (3, false),
        png::ColorType::Rgba => (3, true),
        png::ColorType::Indexed => return Err("is a PNG file whose palette could not be read".into()),
    };
    let deep = depth == png::BitDepth::Sixteen;
    let mut means = Means::of(width, height, times, colours, has_alpha);
    let mut y = 0;
    while let Some(row) = reader.next_row().map_err(broken)? {
        if deep {
            let word = |pair: &[u8; 2]| f32::from(u16::from_be_bytes(*pair)) / 65535.0;
            means.add(y, 0, row.data().as_chunks::<2>().0.iter().map(word));
        } else {
            means.add(y, 0, row.data().iter().map(|&byte| f32::from(byte) / 255.0));
        }
        y += 1;
    }
    if y < height as usize {
        return Err("is a PNG file that was cut short".into());
    }
    let (colours, alpha) = means.finish();
    Ok(Raw {
        colours,
        alpha,
        bits: if deep { 16 } else { 8 },
        space: profile.map_or(Space::Unsaid, Space::Profile),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        times,
        notes: vec![note(width, height, times)],
    })
}

/// Reads a JPEG file of which everything is there: each block of 8×8 pixels by its first coefficients only, as one of 4×4 or 2×2.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn jpeg(bytes: &[u8], frame: &Frame, times: u32) -> Result<Raw, String> {
    let (width, height) = (frame.width, frame.height);
    if frame.has_inks() {
        return Err(format!(
            "is a JPEG file in four inks (CMYK) of {width}×{height}, too large to be read so; make it smaller first"
        ));
    }
    // All coefficients of a progressive file are held, two bytes each.
    if frame.held() > MAX_ALLOCATION {
        return Err(format!("is a progressive JPEG of {width}×{height}, too large to be read so; save it as baseline"));
    }
    let broken = |error: jpeg_decoder::Error| {
        let words = error.to_string().replace('\n', " ");
        format!("is a damaged JPEG file, or one of a kind that is not read here ({words})")
    };
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MAX_ALLOCATION as usize);
    let smaller = |side: u32| u16::try_from(side.div_ceil(times)).unwrap_or(u16::MAX);
    let (across, down) = decoder.scale(smaller(width), smaller(height)).map_err(broken)?;
    let samples = decoder.decode().map_err(broken)?;
    let colours = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => 1,
        Some(PixelFormat::RGB24) => 3,
        _ => return Err("is a JPEG file with colours of a kind that is not read here".into()),
    };
    let (across, down) = (u32::from(across), u32::from(down));
    if samples.len() != (across * down) as usize * colours {
        return Err("is a damaged JPEG file".into());
    }
    let mut means = Means::of(across, down, 1, colours, false);
    for (y, row) in samples.chunks_exact(across as usize * colours).enumerate() {
        means.add(y, 0, row.iter().map(|&byte| f32::from(byte) / 255.0));
    }
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    Ok(Raw {
        colours: means.finish().0,
        alpha: None,
        bits: 8,
        space: decoder.icc_profile().map_or(Space::Unsaid, Space::Profile),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        times,
        notes: vec![note(width, height, times)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_decides_by_how_much() {
        let most = super::super::MAX_PIXELS;
        assert_eq!(times(8000, 8000, most), Ok(1));
        assert_eq!(times(12000, 9000, most), Ok(2), "108 megapixels");
        assert_eq!(times(16320, 12240, most), Ok(2), "200 megapixels");
        assert_eq!(times(30000, 20000, most), Ok(4));
        assert!(times(50_000, 50_000, most).unwrap_err().contains("1024 megapixels"));
        assert!(times(0, 7, most).is_err() && times(u32::MAX, u32::MAX, most).is_err());
    }

    #[test]
    fn means_weigh_colours_by_their_opacity() {
        let mut means = Means::of(3, 2, 2, 1, true);
        means.add(0, 0, [1.0, 1.0, 0.5, 0.0, 0.2, 0.5].into_iter());
        means.add(1, 0, [0.4, 0.5].into_iter());
        means.add(1, 1, [0.9, 0.5, 0.6, 1.0].into_iter());
        let (colours, alpha) = means.finish();
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6) && a.len() == b.len();
        // (1·1 + 0.4·½ + 0.9·½)/(1 + ½ + ½) and (0.2·½ + 0.6·1)/1½
        assert!(near(colours.values(), &[0.825, 0.7 / 1.5]), "{:?}", colours.values());
        assert!(near(&alpha.unwrap(), &[0.5, 0.75]));
    }
}
