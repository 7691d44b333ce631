//! A TIFF file's first directory, read without trust: what must be known before the decoder is asked, and where a value can be
//! changed for the decoder's sake.

use std::ops::Range;

/// The entries of the first directory (TIFF 6.0, section 2; `BigTIFF`'s differ in the width of counts and offsets).
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    entries: Vec<Entry>,
}

struct Entry {
    tag: u16,
    /// Bytes of one number; 0 for a type that holds none.
    width: usize,
    count: u64,
    /// Where the values lie.
    at: usize,
}

impl<'a> Directory<'a> {
    /// The first directory of a file; `None` if it is not there whole.
    pub(super) fn first(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = bytes.starts_with(b"MM");
        let mut directory = Self { bytes, big_endian, entries: Vec::new() };
        let big = directory.number_at(2, 2)? == 43;
        // Bytes of an offset, and of the number of entries.
        let (offset, many) = if big { (8, 8) } else { (4, 2) };
        let start = usize::try_from(directory.number_at(if big { 8 } else { 4 }, offset)?).ok()?;
        let count = usize::try_from(directory.number_at(start, many)?).ok()?;
        let stride = 4 + 2 * offset;
        let table = start.checked_add(many)?;
        bytes.get(table..table.checked_add(count.checked_mul(stride)?)?)?;
        for at in (0..count).map(|i| table + i * stride) {
            let width = match directory.number_at(at + 2, 2)? {
                1 | 6 | 7 => 1,
                3 | 8 => 2,
                4 | 9 | 13 => 4,
                16..=18 => 8,
                _ => 0,
            };
            let count = directory.number_at(at + 4, offset)?;
            let value = at + 4 + offset;
            let inline = count.saturating_mul(width as u64) <= offset as u64;
            let place = if inline { value } else { usize::try_from(directory.number_at(value, offset)?).ok()? };
            let tag = directory.number_at(at, 2)? as u16;
            directory.entries.push(Entry { tag, width, count, at: place });
        }
        Some(directory)
    }

    fn number_at(&self, at: usize, width: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(width)?)?;
        let shift = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.big_endian { bytes.iter().fold(0, shift) } else { bytes.iter().rev().fold(0, shift) })
    }

    fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag && entry.width > 0 && entry.count > 0)
    }

    /// The first number of an entry.
    pub(super) fn number(&self, tag: u16) -> Option<u64> {
        let entry = self.entry(tag)?;
        self.number_at(entry.at, entry.width)
    }

    /// Where the first number of an entry lies, and the bytes of `number` there.
    pub(super) fn place(&self, tag: u16, number: u32) -> Option<(Range<usize>, Vec<u8>)> {
        let entry = self.entry(tag)?;
        let eight = u64::from(number).to_be_bytes();
        let mut bytes = eight[8 - entry.width..].to_vec();
        if !self.big_endian {
            bytes.reverse();
        }
        Some((entry.at..entry.at.checked_add(entry.width)?, bytes))
    }
}
