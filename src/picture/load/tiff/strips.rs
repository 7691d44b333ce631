//! A TIFF file that is too large to be held as it is, a strip or tile at a time.

use ::tiff::decoder::ChunkType;

use super::super::super::Picture;
use super::super::reduced::{Means, note};
use super::planes::{self, Grid};
use super::{Alpha, Bytes, Format, Layout, reason, straighten};

/// What was read: the colours, their opacity, and notes.
type Smaller = (Picture, Option<Vec<f32>>, Vec<String>);

/// Reads all strips or tiles into means over squares of pixels.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read(layout: &Layout, decoder: &mut Bytes<'_>) -> Result<Smaller, String> {
    let Layout { width, height, times, .. } = *layout;
    // What stands for white in other files is known only once all of their samples are.
    if layout.format != Format::Unsigned || layout.bits > 16 || layout.planar {
        return Err(format!(
            "is a TIFF file of {width}×{height}, too large to be read so; convert it to 8 or 16 bits first, its channels together, \
             with ImageMagick: magick in.tif -depth 16 -interlace none out.tif"
        ));
    }
    let damaged = || "is a damaged TIFF file, or one that was cut short".to_owned();
    let (wide, high) = decoder.chunk_dimensions();
    let across = match decoder.get_chunk_type() {
        ChunkType::Strip => 1,
        ChunkType::Tile => width.div_ceil(wide.max(1)),
    };
    let down = height.div_ceil(high.max(1));
    let mut means: Option<Means> = None;
    let mut notes = Vec::new();
    for index in 0..across * down {
        let (columns, rows) = decoder.chunk_data_dimensions(index);
        let samples = decoder.read_chunk(index).map_err(|error| reason(&error))?;
        let (columns, rows) = (columns as usize, rows as usize);
        let grid = Grid::of_chunk(layout, columns, rows);
        let mut said = Vec::new();
        let mut planes = planes::unit(samples, &grid, layout, &mut said).ok_or_else(damaged)?;
        let alpha = (planes.len() > layout.model.samples()).then(|| planes.swap_remove(layout.model.samples()));
        planes.truncate(layout.model.samples());
        let mut told = Vec::new();
        let mut colours = layout.colours(planes, decoder, &mut told)?;
        notes = told;
        if let (Some(alpha), Some(Alpha::Premultiplied)) = (&alpha, layout.alpha) {
            straighten(&mut colours, alpha);
        }
        let means = means.get_or_insert_with(|| Means::of(width, height, times, colours.len(), alpha.is_some()));
        let (left, top) = ((index % across * wide) as usize, (index / across * high) as usize);
        let all: Vec<&[f32]> = colours.iter().chain(&alpha).map(Vec::as_slice).collect();
        for y in 0..rows {
            let row = (y * columns..(y + 1) * columns).flat_map(|at| all.iter().map(move |plane| plane[at]));
            means.add(top + y, left, row);
        }
    }
    notes.insert(0, note(width, height, times));
    let (colours, alpha) = means.ok_or_else(damaged)?.finish();
    Ok((colours, alpha, notes))
}
