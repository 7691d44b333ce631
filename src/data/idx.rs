//! MNIST's IDX files: a big-endian header (magic, sizes) and bytes, gzipped or not.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::catalogue::Part;
use super::{Catalogue, Kind, Purpose};
use crate::picture::Shape;
use crate::{Error, Result};

/// Unsigned bytes in one dimension, and in three.
const LABELS: u32 = 0x0000_0801;
const IMAGES: u32 = 0x0000_0803;
/// The most pictures that are taken: 4 GiB when they are padded. A file of 1 GiB can hold a thousand times more.
const MOST: usize = 4 << 20;
/// Pictures are padded with black to this side, which three halvings divide.
const SIDE: usize = 32;
/// The digits' files hold under 50 MB; a gzip that unpacks to more than this is none of them.
const LARGEST: u64 = 1 << 30;

/// The parts' names, and the ends of their files' names: as published, and with the dot that other tools put.
const TRAIN: &str = "train";
const TEST: &str = "t10k";
const IMAGE_FILES: [&str; 2] = ["-images-idx3-ubyte", "-images.idx3-ubyte"];
const LABEL_FILES: [&str; 2] = ["-labels-idx1-ubyte", "-labels.idx1-ubyte"];

/// Whether one of the four files lies in this folder.
pub(super) fn is_in(folder: &Path) -> bool {
    [TRAIN, TEST].iter().any(|part| [IMAGE_FILES, LABEL_FILES].iter().any(|ends| find(folder, part, *ends).is_some()))
}

/// Reads from a folder what is wanted of the set.
pub(super) fn open_folder(path: &Path, purpose: Purpose) -> Result<Catalogue> {
    let tests = purpose == Purpose::Measuring && find(path, TEST, IMAGE_FILES).is_some();
    let mut part = read_part(path, if tests { TEST } else { TRAIN })?;
    if purpose == Purpose::Measuring && !tests {
        part.notices.push(format!("there is no {TEST}{}, so the pictures to train on are measured", IMAGE_FILES[0]));
    }
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    Catalogue::of_bytes(path, ("mnist", Kind::Mnist), classes, Shape::new(1, SIDE, SIDE), part)
}

fn read_part(path: &Path, part: &str) -> Result<Part> {
    let (file, bytes) = read(path, part, IMAGE_FILES)?;
    let (sizes, values) = parse(&file, &bytes, IMAGES)?;
    let (count, height, width) = (sizes[0], sizes[1], sizes[2]);
    if height == 0 || width == 0 || height > SIDE || width > SIDE {
        return Err(Error::data(file, format!("has {height}×{width} pictures; at most {SIDE}×{SIDE} are taken")));
    }
    let (label_file, bytes) = read(path, part, LABEL_FILES)?;
    let (label_sizes, labels) = parse(&label_file, &bytes, LABELS)?;
    if label_sizes[0] != count {
        return Err(Error::data(label_file, format!("has {} labels for {count} pictures", label_sizes[0])));
    }
    if let Some(index) = labels.iter().position(|&l| l > 9) {
        return Err(Error::data(label_file, format!("label {index} is {}, beyond 9", labels[index])));
    }
    if count > MOST {
        return Err(Error::data(file, format!("has {count} pictures; at most {MOST} are taken")));
    }
    let mut pixels = vec![0; count * SIDE * SIDE];
    let (top, left) = ((SIDE - height) / 2, (SIDE - width) / 2);
    for (from, to) in values.chunks_exact(height * width).zip(pixels.chunks_exact_mut(SIDE * SIDE)) {
        for (y, row) in from.chunks_exact(width).enumerate() {
            to[(top + y) * SIDE + left..][..width].copy_from_slice(row);
        }
    }
    Ok(Part { labels: labels.iter().map(|&l| u32::from(l)).collect(), pixels, notices: Vec::new() })
}

/// The part's file with one of these ends, or one of them and `.gz`.
fn find(folder: &Path, part: &str, ends: [&str; 2]) -> Option<PathBuf> {
    let names = ["", ".gz"].iter().flat_map(|packed| ends.iter().map(move |end| format!("{part}{end}{packed}")));
    names.map(|name| folder.join(name)).find(|path| path.is_file())
}

/// The bytes of the part's file, unpacked.
fn read(folder: &Path, part: &str, ends: [&str; 2]) -> Result<(PathBuf, Vec<u8>)> {
    let Some(path) = find(folder, part, ends) else {
        return Err(Error::data(folder, format!("lacks {part}{0} and {part}{0}.gz", ends[0])));
    };
    if path.extension().is_none_or(|end| end != "gz") {
        let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
        return Ok((path, bytes));
    }
    let file = std::fs::File::open(&path).map_err(|e| Error::io(&path, e))?;
    let mut bytes = Vec::new();
    let read = GzDecoder::new(std::io::BufReader::new(file)).take(LARGEST).read_to_end(&mut bytes);
    read.map_err(|e| Error::data(&path, format!("is no whole gzip file ({e})")))?;
    Ok((path, bytes))
}

/// Sizes and values of an IDX file of the given magic.
fn parse<'a>(file: &Path, bytes: &'a [u8], magic: u32) -> Result<(Vec<usize>, &'a [u8])> {
    if bytes.is_empty() {
        return Err(Error::data(file, "is empty"));
    }
    let word = |index: usize| {
        let word = bytes.get(index * 4..index * 4 + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        word.ok_or_else(|| Error::data(file, "is cut short inside its header"))
    };
    let found = word(0)?;
    if found != magic {
        return Err(Error::data(
            file,
            format!("is no IDX file of its kind: magic {found:#010x}, expected {magic:#010x}"),
        ));
    }
    let dimensions = (magic & 0xff) as usize;
    let sizes = (1..=dimensions).map(|i| word(i).map(|w| w as usize)).collect::<Result<Vec<_>>>()?;
    let values = &bytes[4 * (1 + dimensions)..];
    // Four header words of 32 bits cannot overflow 128.
    let expected: u128 = sizes.iter().map(|&s| s as u128).product();
    if expected != values.len() as u128 {
        let reason =
            format!("is cut short or too long: {} bytes of values where its header says {expected}", values.len());
        return Err(Error::data(file, reason));
    }
    Ok((sizes, values))
}
