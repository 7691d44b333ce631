//! Whether a TIFF file's strips or tiles hold what they should: the decoder reads on beyond a short one into whatever follows,
//! and fills what a JPEG-coded one lacks with grey.

use ::tiff::tags::Tag;

use super::super::jpeg::Frame;
use super::directory::Directory;
use super::{Bytes, Layout, reason, tag};

/// How much larger than the picture a tile may be, along an edge.
const MOST_PADDING: u64 = 1 << 14;

const NO_COMPRESSION: u64 = 1;
const JPEG: u64 = 7;

/// The size of a strip or tile, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    width: u64,
    height: u64,
    tiled: bool,
}

impl Chunk {
    /// The size that the directory gives, before the decoder multiplies it.
    ///
    /// # Errors
    /// If it is out of proportion.
    pub(super) fn of(directory: &Directory<'_>, layout: &Layout) -> Result<Self, String> {
        let (width, height) = (u64::from(layout.width), u64::from(layout.height));
        let chunk = match (directory.number(tag::TILE_WIDTH), directory.number(tag::TILE_HEIGHT)) {
            (Some(width), Some(height)) => Self { width, height, tiled: true },
            _ => Self {
                width,
                height: directory.number(tag::ROWS_PER_STRIP).unwrap_or(height).min(height),
                tiled: false,
            },
        };
        let fits = |chunk: u64, whole: u64| chunk > 0 && chunk <= whole + MOST_PADDING;
        if fits(chunk.width, width) && fits(chunk.height, height) {
            Ok(chunk)
        } else {
            Err("is a damaged TIFF file: the size of its strips or tiles makes no sense".into())
        }
    }

    /// Checks that each strip or tile is there, as far as its compression shows.
    ///
    /// # Errors
    /// If one is not.
    pub(super) fn check(self, bytes: &[u8], decoder: &mut Bytes<'_>, layout: &Layout) -> Result<(), String> {
        let [offsets, counts] = if self.tiled {
            [Tag::TileOffsets, Tag::TileByteCounts]
        } else {
            [Tag::StripOffsets, Tag::StripByteCounts]
        };
        let offsets = decoder.get_tag_u64_vec(offsets).map_err(|e| reason(&e))?;
        let counts = decoder.get_tag_u64_vec(counts).map_err(|e| reason(&e))?;
        let tables = decoder.get_tag_u8_vec(Tag::JPEGTables).unwrap_or_default();
        let file = bytes.len() as u64;
        for (index, (&offset, &count)) in offsets.iter().zip(&counts).enumerate() {
            if count == 0 {
                return Err("is a TIFF file with gaps (sparse), which is not read here; fill them first".into());
            }
            let end = offset.saturating_add(if layout.compression == NO_COMPRESSION {
                self.bytes(index as u64, layout)
            } else {
                count
            });
            if layout.compression == NO_COMPRESSION && end > offset.saturating_add(count) {
                return Err("is a damaged TIFF file: a strip of it is shorter than its rows".into());
            }
            if end > file {
                return Err("is a TIFF file that was cut short".into());
            }
            if layout.compression == JPEG {
                self.check_jpeg(&bytes[offset as usize..end as usize], &tables)?;
            }
        }
        Ok(())
    }

    /// The bytes of chunk `index`, unpacked. A tile is always whole; the last strip of a plane has the rows that are left.
    fn bytes(self, index: u64, layout: &Layout) -> u64 {
        let samples = if layout.planar { 1 } else { layout.samples as u64 };
        let row = (self.width * samples * u64::from(layout.bits)).div_ceil(8);
        let height = u64::from(layout.height);
        let above = index % height.div_ceil(self.height) * self.height;
        row * if self.tiled { self.height } else { self.height.min(height - above) }
    }

    /// Checks a JPEG-coded chunk, whose tables may stand apart (TIFF technical note 2): they begin and end as a file of their own.
    fn check_jpeg(self, coded: &[u8], tables: &[u8]) -> Result<(), String> {
        let named = |why: String| why.replace("is a ", "is a TIFF file with a strip that is a ");
        let whole = match tables {
            [head @ .., 0xFF, 0xD9] => [head, coded.get(2..).unwrap_or_default()].concat(),
            _ => coded.to_vec(),
        };
        let frame = Frame::read(&whole).map_err(named)?;
        if u64::from(frame.width) > self.width || u64::from(frame.height) > self.height {
            return Err("is a damaged TIFF file: a strip is larger than it should be".into());
        }
        frame.survey(&whole).map_err(named)?;
        Ok(())
    }
}
