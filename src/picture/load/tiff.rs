//! TIFF and `BigTIFF` files: any sample that the `tiff` crate unpacks, as planes in [0, 1].
//!
//! The crate unpacks strips and tiles; what their samples mean is decided here (TIFF 6.0 and its supplements 1 and 2).

mod chunks;
mod directory;
mod planes;
mod strips;

use std::borrow::Cow;
use std::io::{Cursor, ErrorKind};

use ::tiff::TiffError;
use ::tiff::decoder::{Decoder, DecodingResult, Limits};
use ::tiff::tags::Tag;
use image::metadata::Orientation;

use super::super::{Picture, Shape};
use super::colour::Space;
use super::raw::Raw;
use super::{MAX_ALLOCATION, reduced};
use chunks::Chunk;
use directory::Directory;
use planes::Grid;

/// A decoder over a file's bytes.
type Bytes<'a> = Decoder<Cursor<&'a [u8]>>;

/// The tags that are read before the decoder reads its own (TIFF 6.0, section 8 and others).
mod tag {
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const SAMPLES: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const PLANAR: u16 = 284;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_HEIGHT: u16 = 323;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
}

/// What is done with a file that a libtiff tool can repack.
const REPACK: &str = "repack it first, with libtiff's tiffcp: tiffcp -c lzw in.tif out.tif";

/// What the colours of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Model {
    Grey { white_is_zero: bool },
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

impl Model {
    /// Samples a pixel that are no alpha.
    fn samples(self) -> usize {
        match self {
            Self::Grey { .. } | Self::Palette => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alpha {
    Straight,
    /// The colours were multiplied by it.
    Premultiplied,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Unsigned,
    Signed,
    Float,
}

/// What a file's tags say of its samples.
#[derive(Debug)]
struct Layout {
    width: u32,
    height: u32,
    bits: u8,
    /// Samples a pixel in the file.
    samples: usize,
    format: Format,
    model: Model,
    alpha: Option<Alpha>,
    compression: u64,
    /// Whether each sample has planes of its own.
    planar: bool,
    /// By how much it is made smaller while it is read.
    times: u32,
}

/// Whether these are the first bytes of a TIFF or `BigTIFF` file.
pub(super) fn is_tiff(bytes: &[u8]) -> bool {
    [&b"II*\0"[..], b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| bytes.starts_with(magic))
}

/// Reads the first picture of a file.
///
/// # Errors
/// Why it cannot be read, and what to do.
pub(super) fn read(bytes: &[u8], most: u64) -> Result<Raw, String> {
    let cut = || "is a damaged TIFF file, or one that was cut short".to_owned();
    let directory = Directory::first(bytes).ok_or_else(cut)?;
    let layout = Layout::of(&directory, most)?;
    let chunk = Chunk::of(&directory, &layout)?;
    let patched = layout.for_the_decoder(bytes, &directory).ok_or_else(cut)?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_ALLOCATION as usize;
    limits.intermediate_buffer_size = MAX_ALLOCATION as usize;
    limits.ifd_value_size = 16 << 20;
    let mut decoder: Bytes<'_> = Decoder::new(Cursor::new(&*patched)).map_err(|e| reason(&e))?.with_limits(limits);
    chunk.check(bytes, &mut decoder, &layout)?;
    if layout.times > 1 {
        let (colours, alpha, notes) = strips::read(&layout, &mut decoder)?;
        return Ok(layout.raw(colours, alpha, notes, &mut decoder));
    }
    let mut samples = DecodingResult::U8(Vec::new());
    let found = decoder.read_image_to_buffer(&mut samples).map_err(|e| reason(&e))?;
    if samples.as_buffer(0).byte_len() < found.complete_len {
        return Err("is a TIFF file that asks for too much memory".into());
    }

    let mut notes = Vec::new();
    let grid = Grid::of(&layout);
    let mut planes = planes::unit(samples, &grid, &layout, &mut notes).ok_or_else(cut)?;
    let mut alpha = (planes.len() > layout.model.samples()).then(|| planes.swap_remove(layout.model.samples()));
    planes.truncate(layout.model.samples());
    let mut colours = layout.colours(planes, &mut decoder, &mut notes)?;
    if let (Some(alpha), Some(Alpha::Premultiplied)) = (&mut alpha, layout.alpha) {
        straighten(&mut colours, alpha);
    }
    let shape = Shape::new(colours.len(), layout.height as usize, layout.width as usize);
    Ok(layout.raw(Picture::new(shape, colours.concat()), alpha, notes, &mut decoder))
}

impl Layout {
    fn of(directory: &Directory<'_>, most: u64) -> Result<Self, String> {
        let missing = || "is a damaged TIFF file: it does not say how large it is".to_owned();
        let size = |tag| directory.number(tag).map(|n| u32::try_from(n).unwrap_or(u32::MAX)).ok_or_else(missing);
        let (width, height) = (size(tag::WIDTH)?, size(tag::HEIGHT)?);
        let times = reduced::times(width, height, most)?;
        let number = |tag, default| directory.number(tag).unwrap_or(default);
        let compression = number(tag::COMPRESSION, 1);
        if let Some(name) = foreign_compression(compression) {
            return Err(format!("is a TIFF file with {name}, which is not read here; {REPACK}"));
        }
        if number(tag::FILL_ORDER, 1) != 1 {
            return Err(
                "is a TIFF file with the bits of each byte in reverse order, which is not read here; repack it \
                        first, with libtiff's tiffcp: tiffcp -f msb2lsb -c lzw in.tif out.tif"
                    .into(),
            );
        }
        let model = model(number(tag::PHOTOMETRIC, u64::MAX))?;
        let samples = usize::try_from(number(tag::SAMPLES, 1)).unwrap_or(usize::MAX);
        if !(model.samples()..=32).contains(&samples) {
            return Err(format!("is a damaged TIFF file: it has {samples} samples a pixel"));
        }
        let bits = number(tag::BITS, 1);
        let format = match number(tag::SAMPLE_FORMAT, 1) {
            1 | 4 => Format::Unsigned,
            2 => Format::Signed,
            3 => Format::Float,
            _ => return Err("is a TIFF file of complex numbers, which are no picture".into()),
        };
        let known = match format {
            _ if model == Model::Palette => format == Format::Unsigned && matches!(bits, 1 | 2 | 4 | 8 | 16),
            Format::Unsigned => matches!(bits, 1 | 2 | 4 | 8 | 16 | 32 | 64),
            Format::Signed => matches!(bits, 8 | 16 | 32 | 64),
            Format::Float => matches!(bits, 16 | 32 | 64),
        };
        if !known {
            let kind = if format == Format::Float { "-bit floating point" } else { " bits a channel" };
            return Err(format!(
                "is a TIFF file of {bits}{kind}, which is not read here; convert it to 16 bits first, with ImageMagick: \
                 magick in.tif -depth 16 out.tif"
            ));
        }
        let alpha = match directory.number(tag::EXTRA_SAMPLES) {
            _ if samples == model.samples() => None,
            Some(1) => Some(Alpha::Premultiplied),
            Some(2) => Some(Alpha::Straight),
            None if model == Model::Rgb && samples == 4 => Some(Alpha::Straight),
            _ => None,
        };
        let planar = number(tag::PLANAR, 1) == 2;
        Ok(Self { width, height, bits: bits as u8, samples, format, model, alpha, compression, planar, times })
    }

    /// The picture, with what the file says beside its samples.
    fn raw(&self, colours: Picture, alpha: Option<Vec<f32>>, mut notes: Vec<String>, decoder: &mut Bytes<'_>) -> Raw {
        if decoder.more_images() {
            notes.push("first page".into());
        }
        let profile = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
        let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
        Raw {
            colours,
            alpha,
            bits: self.bits,
            space: profile.map_or(Space::Unsaid, Space::Profile),
            orientation: orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms),
            times: self.times,
            notes,
        }
    }

    /// Samples a pixel that the decoder gives: of grey and palettes all, else the colours and their alpha.
    fn decoded(&self) -> usize {
        match self.model {
            Model::Grey { .. } | Model::Palette => self.samples,
            model => model.samples() + usize::from(self.alpha.is_some()),
        }
    }

    /// The file as the decoder takes it. It knows no palettes, and of negatives only some: as plain grey it gives their samples.
    /// A strip of more rows than the picture has (2³² − 1 is common) is too much for its fax reader.
    fn for_the_decoder<'a>(&self, bytes: &'a [u8], directory: &Directory<'_>) -> Option<Cow<'a, [u8]>> {
        let mut patched = Cow::Borrowed(bytes);
        let mut set = |tag, number| {
            let (place, number) = directory.place(tag, number)?;
            patched.to_mut().get_mut(place)?.copy_from_slice(&number);
            Some(())
        };
        if matches!(self.model, Model::Palette | Model::Grey { white_is_zero: true }) {
            set(tag::PHOTOMETRIC, 1)?;
        }
        if directory.number(tag::ROWS_PER_STRIP).is_some_and(|rows| rows > u64::from(self.height)) {
            set(tag::ROWS_PER_STRIP, self.height)?;
        }
        Some(patched)
    }

    /// Planes of samples in [0, 1] (a palette's: indices) as one plane of grey or three of red, green, blue.
    fn colours(
        &self,
        planes: Vec<Vec<f32>>,
        decoder: &mut Bytes<'_>,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Vec<f32>>, String> {
        match self.model {
            Model::Grey { .. } | Model::Rgb => Ok(planes),
            Model::Palette => {
                let map = decoder.get_tag_u16_vec(Tag::ColorMap).unwrap_or_default();
                let colours = 1_usize << self.bits;
                if map.len() < 3 * colours {
                    return Err("is a damaged TIFF file: its palette is missing".into());
                }
                // Many programs fill words from bytes: as their high halves, or as they are.
                let to_one = |unit: u16| f32::from(u8::MAX) * f32::from(unit);
                let full = if map.iter().all(|value| value % 256 == 0) {
                    to_one(256)
                } else if map.iter().all(|&value| value < 256) {
                    to_one(1)
                } else {
                    65535.0
                };
                let plane = |c: usize| {
                    let entry = |&index: &f32| f32::from(map[c * colours + index as usize]) / full;
                    planes[0].iter().map(entry).collect()
                };
                notes.push("palette".into());
                Ok((0..3).map(plane).collect())
            }
            Model::Cmyk => {
                notes.push("CMYK turned into RGB by the simple formula".into());
                let plane = |c: usize| {
                    planes[c].iter().zip(&planes[3]).map(|(&ink, &black)| (1.0 - ink) * (1.0 - black)).collect()
                };
                Ok((0..3).map(plane).collect())
            }
            Model::YCbCr => {
                // ITU-R BT.601, full range, as JPEG has it.
                let [red, green, blue] = [0.299_f32, 0.587, 0.114];
                let mut out = vec![Vec::new(); 3];
                for ((&y, &cb), &cr) in planes[0].iter().zip(&planes[1]).zip(&planes[2]) {
                    let (cb, cr) = (cb - 128.0 / 255.0, cr - 128.0 / 255.0);
                    let (r, b) = (y + 2.0 * (1.0 - red) * cr, y + 2.0 * (1.0 - blue) * cb);
                    let g = (y - red * r - blue * b) / green;
                    for (plane, value) in out.iter_mut().zip([r, g, b]) {
                        plane.push(value.clamp(0.0, 1.0));
                    }
                }
                Ok(out)
            }
        }
    }
}

/// The colours as they were before they were multiplied by their alpha.
fn straighten(colours: &mut [Vec<f32>], alpha: &[f32]) {
    for plane in colours {
        for (value, &alpha) in plane.iter_mut().zip(alpha) {
            if alpha > 0.0 {
                *value = (*value / alpha).min(1.0);
            }
        }
    }
}

fn model(photometric: u64) -> Result<Model, String> {
    let refused = |what: &str| {
        Err(format!(
            "is a TIFF file {what}, which are not read here; convert it first, with ImageMagick: \
             magick in.tif -colorspace sRGB out.png"
        ))
    };
    match photometric {
        0 => Ok(Model::Grey { white_is_zero: true }),
        1 => Ok(Model::Grey { white_is_zero: false }),
        2 => Ok(Model::Rgb),
        3 => Ok(Model::Palette),
        5 => Ok(Model::Cmyk),
        6 => Ok(Model::YCbCr),
        4 => Err("is a TIFF file that holds a mask and no picture".into()),
        8..=10 => refused("in L*a*b* colours"),
        32844 | 32845 => refused("in logarithmic colours (LogLuv)"),
        32803 | 34892 => Err("is a camera's raw file; develop it first, with darktable or RawTherapee".into()),
        u64::MAX => Err("is a damaged TIFF file: it does not say what its colours are".into()),
        other => refused(&format!("in colours of kind {other}")),
    }
}

/// The name of a compression that is not unpacked here.
fn foreign_compression(code: u64) -> Option<String> {
    let name = match code {
        1 | 4 | 5 | 7 | 8 | 32773 | 32946 => return None,
        2 => "CCITT Huffman compression",
        3 => "CCITT Group 3 fax compression",
        6 => "old-style JPEG compression",
        34661 => "JBIG compression",
        34676 | 34677 => "LogLuv compression",
        33003 | 33005 | 34712 => "JPEG 2000 compression",
        34887 => "LERC compression",
        34925 => "LZMA compression",
        50000 => "Zstandard compression",
        50001 => "WebP compression",
        50002 => "JPEG XL compression",
        other => return Some(format!("compression of kind {other}")),
    };
    Some(name.into())
}

/// A decoder's error on one line.
fn reason(error: &TiffError) -> String {
    let words = error.to_string().replace('\n', " ");
    match error {
        TiffError::LimitsExceeded => "is a TIFF file that asks for too much memory".into(),
        TiffError::UnsupportedError(_) => format!("is a TIFF file of a kind that is not read here ({words}); {REPACK}"),
        TiffError::IoError(source) if source.kind() == ErrorKind::UnexpectedEof => {
            "is a TIFF file that was cut short".into()
        }
        _ => format!("is a damaged TIFF file, or one that was cut short ({words})"),
    }
}
