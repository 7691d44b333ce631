//! Decoded pictures in a file: made once, used again while the files that it was made from are the same.
//!
//! The file is mapped into memory: a page comes in when a picture of it is asked for, and goes when memory is wanted, so that a file
//! far larger than the memory serves. See [`map`] for what happens where another program changes it.
//!
//! Layout: [`MAGIC`]; SHA-256 of what it was made from; how many records and bytes a record, as little-endian 64-bit numbers;
//! SHA-256 of all that follows, which is the records and a JSON list of those that could not be made. Where 0 bytes a record
//! are told, each begins with its own height, width and number of channels.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use self::map::Map;
use super::Loader;
use crate::{Error, Result};

mod map;

const MAGIC: &[u8; 16] = b"denoscope-cache1";
const HEADER: usize = 16 + 32 + 8 + 8 + 32;
/// Pictures that are decoded before any is written: what bounds the memory while the file is made.
pub(super) const PART: usize = 128;
/// The same of pictures at their own sizes, which are photographs mostly.
const LARGE_PART: usize = 16;
/// Bytes before the pixels of a record that tells its own size: height, width and channels, little-endian 32-bit numbers.
const SIZES: usize = 12;

/// An open file of decoded pictures.
#[derive(Debug)]
pub(super) struct Decoded {
    path: PathBuf,
    map: Map,
    size: usize,
    /// Where each record lies that tells its own size.
    places: Vec<Place>,
}

/// Where the pixels of a picture lie in the file, row by row, the channels of a pixel side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    at: u64,
    /// Rows; none if the picture could not be made.
    pub height: usize,
    /// Columns.
    pub width: usize,
    channels: usize,
}

/// What a file is to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// SHA-256 of all that the pictures depend on.
    pub key: [u8; 32],
    /// How many pictures.
    pub count: usize,
    /// Bytes a picture; 0 where each has its own size and is made by [`sized`].
    pub size: usize,
}

/// A picture's record that tells its size. `pixels` are its bytes row by row, the channels of a pixel side by side.
pub(super) fn sized(height: usize, width: usize, channels: usize, pixels: &[u8]) -> Vec<u8> {
    [&[height, width, channels].map(|size| (size as u32).to_le_bytes()).concat(), pixels].concat()
}

/// The records that could not be made, and why.
pub(super) type Problems = Vec<(u32, String)>;

impl Decoded {
    /// Reads one record into `out`.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file, if it was cut short or taken away since.
    pub fn read(&self, record: usize, out: &mut [u8]) -> Result<()> {
        let at = (HEADER + record * self.size) as u64;
        self.map.copy(at, out).map_err(|e| Error::io(&self.path, e))
    }

    /// Where each record lies that tells its own size.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Reads a window of a record that tells its own size, of `height` × `width` pixels from the pixel (`top`, `left`) on,
    /// planar, into `out`.
    ///
    /// # Errors
    /// As for [`Self::read`].
    ///
    /// # Panics
    /// If the window does not lie in the picture.
    pub fn window(
        &self,
        record: usize,
        (top, left): (usize, usize),
        (height, width): (usize, usize),
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let place = self.places[record];
        assert!(top + height <= place.height && left + width <= place.width, "the window lies in the picture");
        let channels = place.channels;
        let io = |e| Error::io(&self.path, e);
        out.resize(channels * height * width, 0);
        let mut row = vec![0; width * channels];
        self.map.reaches(place.at, place.height * place.width * channels).map_err(io)?;
        for y in 0..height {
            let at = place.at + (((top + y) * place.width + left) * channels) as u64;
            self.map.copy_within(at, &mut row).map_err(io)?;
            for (x, pixel) in row.chunks_exact(channels).enumerate() {
                for (channel, &byte) in pixel.iter().enumerate() {
                    out[(channel * height + y) * width + x] = byte;
                }
            }
        }
        Ok(())
    }
}

/// Where the records lie that tell their own sizes, and where they end; nothing if they do not fit the file.
fn places(map: &Map, wanted: Wanted) -> Option<(Vec<Place>, u64)> {
    if wanted.size > 0 {
        return Some((Vec::new(), wanted.count as u64 * wanted.size as u64));
    }
    let length = map.length();
    let (mut places, mut at, mut sizes) = (Vec::with_capacity(wanted.count), HEADER as u64, [0; SIZES]);
    for _ in 0..wanted.count {
        map.copy(at, &mut sizes).ok()?;
        let size = |index: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| sizes[4 * index + byte]));
        let (height, width, channels) = (size(0), size(1), size(2));
        at += SIZES as u64;
        let (rows, columns) = (height as usize, width as usize);
        places.push(Place { at, height: rows, width: columns, channels: channels as usize });
        let bytes = u64::from(height).checked_mul(u64::from(width))?.checked_mul(u64::from(channels))?;
        at = at.checked_add(bytes).filter(|end| *end <= length)?;
    }
    Some((places, at - HEADER as u64))
}

/// Opens a file that holds what is wanted, whole and undamaged: all of it is read and its digest compared. None if there is
/// no such file.
///
/// # Errors
/// [`Error::Cancelled`].
pub(super) fn open(path: &Path, wanted: Wanted, loader: &mut Loader<'_>) -> Result<Option<(Decoded, Problems)>> {
    let Ok(mut file) = File::open(path) else { return Ok(None) };
    let mut header = [0; HEADER];
    if file.read_exact(&mut header).is_err() || header[..HEADER - 32] != head(wanted) {
        return Ok(None);
    }
    let Ok(again) = file.try_clone() else { return Ok(None) };
    let Ok(Some((decoded, records))) = decoded(path, again, wanted) else { return Ok(None) };
    let mut done = 0_u64;
    let (mut hash, mut rest, mut buffer) = (Sha256::new(), Vec::new(), vec![0; 1 << 20]);
    loop {
        loader.cancel.check()?;
        let Ok(count) = file.read(&mut buffer) else { return Ok(None) };
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        let beyond = (done + count as u64).saturating_sub(records.max(done)).min(count as u64) as usize;
        rest.extend_from_slice(&buffer[count - beyond..count]);
        done += count as u64;
        let read = done.min(records) as f64 / records.max(1) as f64;
        (loader.observe)((read * wanted.count as f64) as usize, wanted.count);
    }
    let Ok(problems) = serde_json::from_slice::<Problems>(&rest) else { return Ok(None) };
    let whole = hash.finalize()[..] == header[HEADER - 32..];
    Ok(whole.then_some((decoded, problems)))
}

/// Makes the file at `path`, whole or not at all: under the name `path.part` first. `decode` makes one record.
///
/// # Errors
/// [`Error::Io`] if it cannot be written, [`Error::Cancelled`].
pub(super) fn make(
    path: &Path,
    wanted: Wanted,
    decode: &(impl Fn(usize) -> Result<Vec<u8>> + Sync),
    loader: &mut Loader<'_>,
) -> Result<(Decoded, Problems)> {
    let io = |e| Error::io(path, e);
    // One name, so that runs that were killed leave no more than one.
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&part).map_err(io)?;
    let part = TempPath::try_from_path(part).map_err(io)?;
    let problems = fill(path, &file, wanted, decode, loader)?;
    file.sync_all().map_err(io)?;
    part.persist(path).map_err(|e| io(e.error))?;
    Ok((written(path, file, wanted)?, problems))
}

/// The open file, and where its records end, which follow the header; nothing if they do not fit the file.
fn decoded(path: &Path, file: File, wanted: Wanted) -> Result<Option<(Decoded, u64)>> {
    let map = Map::new(file).map_err(|e| Error::io(path, e))?;
    Ok(places(&map, wanted)
        .map(|(places, end)| (Decoded { path: path.to_owned(), map, size: wanted.size, places }, end)))
}

fn written(path: &Path, file: File, wanted: Wanted) -> Result<Decoded> {
    let whole = decoded(path, file, wanted)?.ok_or_else(|| Error::data(path, "was changed while it was written"))?;
    Ok(whole.0)
}

/// The same in a file in `folder` that has no name and is gone when it is closed.
///
/// # Errors
/// As for [`make`].
pub(super) fn make_nameless(
    folder: &Path,
    wanted: Wanted,
    decode: &(impl Fn(usize) -> Result<Vec<u8>> + Sync),
    loader: &mut Loader<'_>,
) -> Result<(Decoded, Problems)> {
    let file = tempfile::tempfile_in(folder).map_err(|e| Error::io(folder, e))?;
    let problems = fill(folder, &file, wanted, decode, loader)?;
    Ok((written(folder, file, wanted)?, problems))
}

fn head(wanted: Wanted) -> Vec<u8> {
    let numbers = [wanted.count as u64, wanted.size as u64].map(u64::to_le_bytes).concat();
    [&MAGIC[..], &wanted.key, &numbers].concat()
}

fn fill(
    path: &Path,
    file: &File,
    wanted: Wanted,
    decode: &(impl Fn(usize) -> Result<Vec<u8>> + Sync),
    loader: &mut Loader<'_>,
) -> Result<Problems> {
    let io = |e| Error::io(path, e);
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(&[0; HEADER]).map_err(io)?;
    let (mut hash, mut problems) = (Sha256::new(), Problems::new());
    let (part, nothing) = if wanted.size > 0 { (PART, wanted.size) } else { (LARGE_PART, SIZES) };
    each(wanted.count, part, decode, loader, |record, decoded| {
        let bytes = decoded.unwrap_or_else(|error| {
            problems.push((record as u32, error.to_string()));
            vec![0; nothing]
        });
        hash.update(&bytes);
        out.write_all(&bytes).map_err(io)
    })?;
    let list = serde_json::to_vec(&problems).map_err(|e| Error::Compute(e.to_string()))?;
    hash.update(&list);
    out.write_all(&list).map_err(io)?;
    out.seek(SeekFrom::Start(0)).map_err(io)?;
    out.write_all(&[head(wanted), hash.finalize().to_vec()].concat()).map_err(io)?;
    out.flush().map_err(io)?;
    Ok(problems)
}

/// Decodes `count` records on all processors, `part` at a time, and takes them in order.
///
/// # Errors
/// [`Error::Cancelled`], and what `take` fails with.
pub(super) fn each(
    count: usize,
    part: usize,
    decode: &(impl Fn(usize) -> Result<Vec<u8>> + Sync),
    loader: &mut Loader<'_>,
    mut take: impl FnMut(usize, Result<Vec<u8>>) -> Result<()>,
) -> Result<()> {
    for first in (0..count).step_by(part) {
        let cancel = loader.cancel;
        let some = first..(first + part).min(count);
        let decoded: Vec<_> =
            some.clone().into_par_iter().map(|record| cancel.check().and_then(|()| decode(record))).collect();
        loader.cancel.check()?;
        for (record, decoded) in some.clone().zip(decoded) {
            take(record, decoded)?;
        }
        (loader.observe)(some.end, count);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
