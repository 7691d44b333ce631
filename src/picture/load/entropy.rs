//! Huffman-coded JPEG data, read for its extent only: every symbol is decoded, no coefficient is kept.

use std::ops::RangeInclusive;

/// What stops the reading of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The data ends, or a marker comes, before the block does.
    Short,
    /// A code that stands for nothing.
    Damaged,
}

/// Codes of up to this many bits are looked up at once.
const AHEAD: u32 = 9;

/// A table of Huffman codes (T.81, annex C).
#[derive(Clone)]
pub(super) struct Table {
    /// For each [`AHEAD`] bits, the length of the code that they begin with and its symbol; length 0 for a longer code.
    short: Vec<(u8, u8)>,
    /// For each length, the code after its last one, aligned to 16 bits, and what is added to a code for its symbol's index.
    long: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Table {
    /// Reads a table (T.81, B.2.4.2) behind its first byte: how many codes there are of each length, and their symbols.
    /// Also what follows it.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (counts, rest) = bytes.split_at_checked(16)?;
        let total = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
        let (symbols, rest) = rest.split_at_checked(total)?;
        let mut short = vec![(0, 0); 1 << AHEAD];
        let mut long = [(0, 0); 17];
        let (mut code, mut index) = (0_u32, 0_usize);
        for length in 1..=16_u32 {
            let count = usize::from(counts[length as usize - 1]);
            long[length as usize].1 = index as i32 - code as i32;
            for _ in 0..count {
                if code >> length != 0 {
                    return None;
                }
                if length <= AHEAD {
                    let first = (code << (AHEAD - length)) as usize;
                    short[first..first + (1 << (AHEAD - length))].fill((length as u8, symbols[index]));
                }
                (code, index) = (code + 1, index + 1);
            }
            long[length as usize].0 = code << (16 - length);
            code <<= 1;
        }
        Some((Self { short, long, symbols: symbols.to_vec() }, rest))
    }
}

/// The bits of a scan.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next `count` bits, in its highest places; zeros follow.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// The bits from byte `at` on.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, buffer: 0, count: 0 }
    }

    /// Where the first byte lies that was not taken.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Takes bytes until there are more than 48 bits or a marker or the end comes.
    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            let mut after = self.at + 1;
            if byte == 0xFF {
                // 0xFF is stuffed with a zero; fill bytes may stand before it.
                while self.bytes.get(after) == Some(&0xFF) {
                    after += 1;
                }
                if self.bytes.get(after) != Some(&0) {
                    return;
                }
                after += 1;
            }
            self.at = after;
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    fn drop(&mut self, count: u32) -> Result<(), Break> {
        if count > self.count {
            return Err(Break::Short);
        }
        self.buffer <<= count;
        self.count -= count;
        Ok(())
    }

    /// The next `count` ≤ 16 bits as a number.
    pub(super) fn take(&mut self, count: u8) -> Result<u32, Break> {
        if count == 0 {
            return Ok(0);
        }
        if self.count < u32::from(count) {
            self.fill();
        }
        let value = (self.buffer >> (64 - u32::from(count))) as u32;
        self.drop(count.into())?;
        Ok(value)
    }

    /// The next symbol.
    fn symbol(&mut self, table: &Table) -> Result<u8, Break> {
        if self.count < 16 {
            self.fill();
        }
        let (length, symbol) = table.short[(self.buffer >> (64 - AHEAD)) as usize];
        if length > 0 {
            self.drop(length.into())?;
            return Ok(symbol);
        }
        let ahead = (self.buffer >> 48) as u32;
        for length in AHEAD + 1..=16 {
            let (end, offset) = table.long[length as usize];
            if ahead < end {
                self.drop(length)?;
                let index = (ahead >> (16 - length)) as i32 + offset;
                return usize::try_from(index).ok().and_then(|i| table.symbols.get(i)).copied().ok_or(Break::Damaged);
            }
        }
        Err(if self.count < 16 { Break::Short } else { Break::Damaged })
    }

    /// Goes on behind the next restart marker, over whatever stands before it.
    pub(super) fn restart(&mut self) -> Result<(), Break> {
        (self.buffer, self.count) = (0, 0);
        loop {
            match self.bytes.get(self.at..).unwrap_or_default() {
                [0xFF, 0xD0..=0xD7, ..] => {
                    self.at += 2;
                    return Ok(());
                }
                [] | [0xFF] | [0xFF, 0x01..=0xFE, ..] => return Err(Break::Short),
                _ => self.at += 1,
            }
        }
    }
}

/// The difference of a DC coefficient (T.81, F.2.2.1).
pub(super) fn difference(bits: &mut Bits<'_>, dc: &Table) -> Result<(), Break> {
    let size = bits.symbol(dc)?;
    if size > 16 {
        return Err(Break::Damaged);
    }
    bits.take(size).map(|_| ())
}

/// A block of a sequential scan (T.81, F.2.2).
pub(super) fn sequential(bits: &mut Bits<'_>, dc: &Table, ac: &Table) -> Result<(), Break> {
    difference(bits, dc)?;
    let mut k = 1;
    while k < 64 {
        let symbol = bits.symbol(ac)?;
        let (zeros, size) = (symbol >> 4, symbol & 15);
        if size == 0 {
            if zeros != 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += u32::from(zeros) + 1;
        if k > 64 {
            return Err(Break::Damaged);
        }
        bits.take(size)?;
    }
    Ok(())
}

/// A block's AC coefficients when they first come (T.81, G.1.2.2). `run` counts the blocks without any that still follow.
pub(super) fn first_pass(
    bits: &mut Bits<'_>,
    ac: &Table,
    band: RangeInclusive<usize>,
    nonzero: &mut u64,
    run: &mut u32,
) -> Result<(), Break> {
    if *run > 0 {
        *run -= 1;
        return Ok(());
    }
    let mut k = *band.start();
    while k <= *band.end() {
        let symbol = bits.symbol(ac)?;
        let (zeros, size) = (symbol >> 4, symbol & 15);
        if size == 0 {
            if zeros < 15 {
                *run = (1 << zeros) - 1 + bits.take(zeros)?;
                return Ok(());
            }
            k += 16;
            continue;
        }
        k += usize::from(zeros);
        if k > *band.end() {
            return Err(Break::Damaged);
        }
        bits.take(size)?;
        *nonzero |= 1 << k;
        k += 1;
    }
    Ok(())
}

/// One bit more of a block's AC coefficients (T.81, G.1.2.3): a bit for each that is not zero, and those that become so.
pub(super) fn refinement(
    bits: &mut Bits<'_>,
    ac: &Table,
    band: RangeInclusive<usize>,
    nonzero: &mut u64,
    run: &mut u32,
) -> Result<(), Break> {
    let mut k = *band.start();
    while *run == 0 && k <= *band.end() {
        let symbol = bits.symbol(ac)?;
        let (mut zeros, size) = (symbol >> 4, symbol & 15);
        if size == 0 && zeros < 15 {
            *run = (1 << zeros) + bits.take(zeros)?;
            break;
        }
        if size > 0 {
            // The sign of the one that comes.
            bits.take(1)?;
        }
        while k <= *band.end() {
            if *nonzero >> k & 1 == 1 {
                bits.take(1)?;
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            k += 1;
        }
        if size > 0 {
            if k > *band.end() {
                return Err(Break::Damaged);
            }
            *nonzero |= 1 << k;
        }
        k += 1;
    }
    if *run > 0 {
        for k in k..=*band.end() {
            if *nonzero >> k & 1 == 1 {
                bits.take(1)?;
            }
        }
        *run -= 1;
    }
    Ok(())
}
