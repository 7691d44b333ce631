//! CIFAR-10's binary files: records of one label byte and 3072 pixel bytes (red, green, blue planes, row after row).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::catalogue::Part;
use super::{Catalogue, Kind, Purpose};
use crate::picture::Shape;
use crate::{Error, Result};

const SHAPE: Shape = Shape::new(3, 32, 32);
const RECORD: usize = 1 + SHAPE.len();
const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: &str = "test_batch.bin";
const NAMES: &str = "batches.meta.txt";
/// No file of the set is larger than 10 000 records; more is not read from an archive.
const LARGEST: u64 = 64 << 20;

/// Whether a file of this name is one of the set's.
pub(super) fn is_batch(name: &str) -> bool {
    name == TEST || TRAIN.contains(&name)
}

/// Reads the set from a folder.
pub(super) fn open_folder(path: &Path, purpose: Purpose) -> Result<Catalogue> {
    assemble(path, purpose, |name| {
        let file = path.join(name);
        match std::fs::read(&file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(file, e)),
        }
    })
}

/// Reads the set from the `.tar.gz` that it is distributed as; nothing is unpacked to disk.
pub(super) fn open_archive(path: &Path, purpose: Purpose) -> Result<Catalogue> {
    let broken = |e: std::io::Error| Error::data(path, format!("is no whole .tar.gz of CIFAR-10's binary files ({e})"));
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let mut archive = tar::Archive::new(GzDecoder::new(std::io::BufReader::new(file)));
    let mut files = BTreeMap::new();
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.file_name().map(|n| n.to_string_lossy().into_owned());
        let Some(name) = name.filter(|n| n == NAMES || is_batch(n)) else { continue };
        let mut bytes = Vec::new();
        entry.take(LARGEST).read_to_end(&mut bytes).map_err(broken)?;
        files.insert(name, bytes);
    }
    assemble(path, purpose, |name| Ok(files.remove(name)))
}

/// What is wanted of the set, from a way to read its files by name.
fn assemble(path: &Path, purpose: Purpose, mut read: impl FnMut(&str) -> Result<Option<Vec<u8>>>) -> Result<Catalogue> {
    let classes = match read(NAMES)? {
        Some(bytes) => parse_names(&path.join(NAMES), &bytes)?,
        None => return Err(Error::data(path, format!("lacks {NAMES}, the list of class names"))),
    };
    let mut part = Part::default();
    if purpose == Purpose::Measuring {
        if let Some(bytes) = read(TEST)? {
            parse_batch(&path.join(TEST), &bytes, classes.len(), &mut part)?;
            return Catalogue::of_bytes(path, ("cifar10", Kind::Cifar10), classes, SHAPE, part);
        }
        part.notices.push(format!("there is no {TEST}, so the pictures to train on are measured"));
    }
    let mut lacking = None;
    for name in TRAIN {
        match read(name)? {
            Some(bytes) => parse_batch(&path.join(name), &bytes, classes.len(), &mut part)?,
            None => lacking = lacking.or(Some(name)),
        }
    }
    if let Some(name) = lacking.filter(|_| purpose != Purpose::Measuring || part.labels.is_empty()) {
        return Err(Error::data(path, format!("lacks {name}")));
    }
    Catalogue::of_bytes(path, ("cifar10", Kind::Cifar10), classes, SHAPE, part)
}

fn parse_names(file: &Path, bytes: &[u8]) -> Result<Vec<String>> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::data(file, "is not text"))?;
    let names: Vec<String> = text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
    if names.len() < 2 { Err(Error::data(file, "names fewer than two classes")) } else { Ok(names) }
}

fn parse_batch(file: &Path, bytes: &[u8], classes: usize, part: &mut Part) -> Result<()> {
    if bytes.is_empty() {
        return Err(Error::data(file, "is empty"));
    }
    if !bytes.len().is_multiple_of(RECORD) {
        let over = bytes.len() % RECORD;
        let reason =
            format!("is cut short: {over} bytes after {} whole records of {RECORD} bytes", bytes.len() / RECORD);
        return Err(Error::data(file, reason));
    }
    for (index, record) in bytes.chunks_exact(RECORD).enumerate() {
        if usize::from(record[0]) >= classes {
            return Err(Error::data(file, format!("record {index} has label {}, beyond {classes} classes", record[0])));
        }
        part.labels.push(u32::from(record[0]));
        part.pixels.extend_from_slice(&record[1..]);
    }
    Ok(())
}
