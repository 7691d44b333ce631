//! Decoded pictures in a file: made once, used again while the files that it was made from are the same.
//!
//! The file is read by position and not mapped into memory. A picture of 64×64 takes 4.4 µs so and 3.0 µs from a map (both
//! with the conversion to floats), against milliseconds for its training; and a file that another program cuts short is an
//! error here, where a map would end the program.
//!
//! Layout: [`MAGIC`]; SHA-256 of what it was made from; how many records and bytes a record, as little-endian 64-bit numbers;
//! SHA-256 of all that follows, which is the records and a JSON list of those that could not be made.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::Loader;
use crate::{Error, Result};

const MAGIC: &[u8; 16] = b"denoscope-cache1";
const HEADER: usize = 16 + 32 + 8 + 8 + 32;
/// Pictures that are decoded before any is written: what bounds the memory while the file is made.
const PART: usize = 128;

/// An open file of decoded pictures.
#[derive(Debug)]
pub(super) struct Decoded {
    path: PathBuf,
    file: File,
    size: usize,
}

/// What a file is to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// SHA-256 of all that the pictures depend on.
    pub key: [u8; 32],
    /// How many pictures.
    pub count: usize,
    /// Bytes a picture.
    pub size: usize,
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
        read_at(&self.file, out, at).map_err(|e| Error::io(&self.path, e))
    }
}

#[cfg(unix)]
fn read_at(file: &File, out: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut out: &mut [u8], mut at: u64) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => (out, at) = (&mut std::mem::take(&mut out)[count..], at + count as u64),
        }
    }
    Ok(())
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
    let (records, mut done) = (wanted.count as u64 * wanted.size as u64, 0_u64);
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
        (loader.observe)((done.min(records) / wanted.size.max(1) as u64) as usize, wanted.count);
    }
    let Ok(problems) = serde_json::from_slice::<Problems>(&rest) else { return Ok(None) };
    let whole = hash.finalize()[..] == header[HEADER - 32..];
    Ok(whole.then_some((Decoded { path: path.to_owned(), file, size: wanted.size }, problems)))
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
    Ok((Decoded { path: path.to_owned(), file, size: wanted.size }, problems))
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
    Ok((Decoded { path: folder.to_owned(), file, size: wanted.size }, problems))
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
    each(wanted.count, decode, loader, |record, decoded| {
        let bytes = decoded.unwrap_or_else(|error| {
            problems.push((record as u32, error.to_string()));
            vec![0; wanted.size]
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

/// Decodes `count` records on all processors, a part at a time, and takes them in order.
///
/// # Errors
/// [`Error::Cancelled`], and what `take` fails with.
pub(super) fn each(
    count: usize,
    decode: &(impl Fn(usize) -> Result<Vec<u8>> + Sync),
    loader: &mut Loader<'_>,
    mut take: impl FnMut(usize, Result<Vec<u8>>) -> Result<()>,
) -> Result<()> {
    for first in (0..count).step_by(PART) {
        let cancel = loader.cancel;
        let some = first..(first + PART).min(count);
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
