//! What a JPEG file is, and whether all of its picture is there, before it is decoded.
//!
//! The decoder fills what is missing with grey and says nothing. So the entropy-coded data of every scan is walked here, symbol
//! by symbol, without computing a pixel (ITU-T T.81, annexes B, F and G): a scan that ends before its last block is found
//! wherever it ends, with or without an end marker after it.

use super::entropy::{self, Bits, Break, Table};

/// Markers (T.81, table B.1), the byte after 0xFF.
mod marker {
    pub const HUFFMAN_TABLES: u8 = 0xC4;
    pub const END: u8 = 0xD9;
    pub const SCAN: u8 = 0xDA;
    pub const RESTART_INTERVAL: u8 = 0xDD;
    pub const ADOBE: u8 = 0xEE;
}

/// A file of more scans is refused, as the decoder does: each costs a pass over the picture.
const MAX_SCANS: usize = 100;

/// What a frame header says (T.81, B.2.2), and where its scans are.
#[derive(Debug)]
pub(super) struct Frame {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether the coefficients come in several scans, ever finer.
    progressive: bool,
    components: Vec<Component>,
    /// Whether Adobe's mark is there, which says that inks are inverted.
    adobe: bool,
}

#[derive(Debug)]
struct Component {
    id: u8,
    /// Blocks in each minimum coded unit, across and down.
    sampling: [usize; 2],
    /// Blocks across and down when the component is alone in a scan.
    alone: [usize; 2],
    /// Blocks across and down in whole coded units.
    padded: [usize; 2],
}

/// How much of a picture whose scans are whole is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Survey {
    /// Whether the end marker is there. A decoder needs it; without it, every block is there all the same.
    pub ended: bool,
    /// Whether scans are left out that would have made the picture finer.
    pub coarse: bool,
}

impl Frame {
    /// The frame header of a JPEG file.
    ///
    /// # Errors
    /// Why the file cannot be read here: a coding that is not decoded, or no frame before the first scan.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut adobe = false;
        for Segment { marker, body, .. } in Segments::of(bytes) {
            match marker {
                0xC0..=0xC2 => return Self::parse(marker == 0xC2, body, adobe || later_adobe(bytes)),
                0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return Err(foreign_coding(marker)),
                marker::ADOBE => adobe |= body.starts_with(b"Adobe"),
                marker::SCAN => break,
                marker::END => return Err("is a JPEG file without a picture".into()),
                _ => {}
            }
        }
        Err("is a JPEG file that was cut short: its picture's header is missing".into())
    }

    fn parse(progressive: bool, body: &[u8], adobe: bool) -> Result<Self, String> {
        let damaged = || "is a damaged JPEG file: its picture's header makes no sense".to_owned();
        let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = body else { return Err(damaged()) };
        if precision != 8 {
            return Err(format!(
                "is a {precision}-bit JPEG, which is not read here: 8-bit is; convert it to PNG first, with ImageMagick 7: \
                 magick in.jpg out.png"
            ));
        }
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if !(1..=4).contains(&count) || rest.len() < 3 * usize::from(count) {
            return Err(damaged());
        }
        let sampling: Vec<[usize; 2]> = rest.chunks_exact(3).map(|c| [c[1] >> 4, c[1] & 15].map(usize::from)).collect();
        let sampling = &sampling[..usize::from(count)];
        if sampling.iter().flatten().any(|factor| !(1..=4).contains(factor)) {
            return Err(damaged());
        }
        let most = [0, 1].map(|axis| sampling.iter().map(|s| s[axis]).max().unwrap_or(1));
        let size = [usize::from(width), usize::from(height)];
        let component = |(c, &sampling): (&[u8], &[usize; 2])| Component {
            id: c[0],
            sampling,
            alone: [0, 1].map(|axis| (size[axis] * sampling[axis]).div_ceil(8 * most[axis])),
            padded: [0, 1].map(|axis| size[axis].div_ceil(8 * most[axis]) * sampling[axis]),
        };
        let components = rest.chunks_exact(3).zip(sampling).map(component).collect();
        Ok(Self { width: width.into(), height: height.into(), progressive, components, adobe })
    }

    /// Whether it is in four inks rather than in colours or grey.
    pub(super) fn has_inks(&self) -> bool {
        self.components.len() == 4
    }

    /// How many bytes a decoder holds of coefficients: of a progressive file all of them, two bytes each.
    pub(super) fn held(&self) -> u64 {
        let blocks = |component: &Component| (component.padded[0] * component.padded[1]) as u64;
        if self.progressive { 2 * 64 * self.components.iter().map(blocks).sum::<u64>() } else { 0 }
    }

    /// Refuses inks of which it is not known which way round they are.
    pub(super) fn check_inks(&self) -> Result<(), String> {
        if self.has_inks() && !self.adobe {
            return Err(
                "is a JPEG file in four inks (CMYK) without Adobe's mark, which says which way round they are; \
                        convert it to RGB first"
                    .into(),
            );
        }
        Ok(())
    }

    /// Walks all scans of the file.
    ///
    /// # Errors
    /// Where the picture's data ends early, or makes no sense.
    pub(super) fn survey(&self, bytes: &[u8]) -> Result<Survey, String> {
        let mut walk = Walk::of(self);
        let mut segments = Segments::of(bytes);
        let mut ended = false;
        let damaged = |what: &str| Err(format!("is a damaged JPEG file: {what}"));
        while let Some(Segment { marker, body, after }) = segments.next() {
            match marker {
                marker::END => {
                    ended = true;
                    break;
                }
                marker::HUFFMAN_TABLES if walk.tables(body).is_none() => {
                    return damaged("a table of codes makes no sense");
                }
                marker::RESTART_INTERVAL => {
                    if let &[high, low, ..] = body {
                        walk.interval = u16::from_be_bytes([high, low]).into();
                    }
                }
                marker::SCAN => {
                    walk.scans += 1;
                    if walk.scans > MAX_SCANS {
                        return Err(format!("is a JPEG file of more than {MAX_SCANS} scans"));
                    }
                    let Some(scan) = Scan::parse(self, body) else {
                        return damaged("a scan's header makes no sense");
                    };
                    let mut bits = Bits::new(bytes, after);
                    match walk.scan(&scan, &mut bits) {
                        Ok(()) => segments.at = bits.position(),
                        Err((Break::Damaged, ..)) => return damaged("a code in its picture makes no sense"),
                        Err((Break::Short, done, of)) => {
                            let missing = 100 - 100 * done / of.max(1);
                            return Err(match walk.scans {
                                1 => {
                                    format!("is a JPEG file that was cut short: {missing} % of its picture is missing")
                                }
                                n => {
                                    format!("is a JPEG file that was cut short: {missing} % of its scan {n} is missing")
                                }
                            });
                        }
                    }
                }
                _ => {}
            }
        }
        walk.conclude(ended)
    }
}

/// Whether Adobe's mark stands between the frame header and the first scan.
fn later_adobe(bytes: &[u8]) -> bool {
    Segments::of(bytes)
        .take_while(|segment| segment.marker != marker::SCAN)
        .any(|segment| segment.marker == marker::ADOBE && segment.body.starts_with(b"Adobe"))
}

/// Why a frame of another coding is refused (T.81, table B.1).
fn foreign_coding(marker: u8) -> String {
    let (what, how) = match marker {
        0xC3 | 0xC7 => ("lossless coding", "convert it to PNG first"),
        0xC9..=0xCF => {
            ("arithmetic coding", "recode it without loss first, with libjpeg's jpegtran: jpegtran in.jpg > out.jpg")
        }
        _ => ("hierarchical coding", "convert it to PNG first"),
    };
    format!("is a JPEG file with {what}, which is not read here; {how}")
}

/// A marker segment; `after` is where the byte after it lies.
struct Segment<'a> {
    marker: u8,
    body: &'a [u8],
    after: usize,
}

/// The marker segments of a file, in turn; bytes between them that belong to none are skipped, as other readers do.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// The segments after the start marker.
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            self.at += self.bytes.get(self.at..)?.iter().position(|&byte| byte == 0xFF)?;
            let marker = *self.bytes.get(self.at + 1)?;
            match marker {
                // A fill byte; the next one may begin a marker.
                0xFF => self.at += 1,
                // A stuffed 0xFF, a restart, a start: nothing follows them.
                0x00 | 0x01 | 0xD0..=0xD8 => self.at += 2,
                marker::END => {
                    self.at += 2;
                    return Some(Segment { marker, body: &[], after: self.at });
                }
                _ => {
                    let length = self.bytes.get(self.at + 2..self.at + 4)?;
                    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                    let after = self.at + 2 + length;
                    let body = self.bytes.get(self.at + 4..after)?;
                    self.at = after;
                    return Some(Segment { marker, body, after });
                }
            }
        }
    }
}

/// A scan header (T.81, B.2.3): components with their tables for DC and AC, and the band of coefficients.
struct Scan {
    components: Vec<(usize, usize, usize)>,
    first: usize,
    last: usize,
    high: u8,
    low: u8,
}

impl Scan {
    fn parse(frame: &Frame, body: &[u8]) -> Option<Self> {
        let (&count, rest) = body.split_first()?;
        let (chosen, tail) = rest.split_at_checked(2 * usize::from(count))?;
        let &[first, last, approximation, ..] = tail else { return None };
        let mut components = Vec::new();
        for pair in chosen.chunks_exact(2) {
            let index = frame.components.iter().position(|component| component.id == pair[0])?;
            components.push((index, usize::from(pair[1] >> 4), usize::from(pair[1] & 15)));
        }
        let (first, last) = if frame.progressive { (usize::from(first), usize::from(last)) } else { (0, 63) };
        let dc = first == 0;
        let sound = !components.is_empty()
            && components.iter().all(|&(_, dc, ac)| dc < 4 && ac < 4)
            && (first..64).contains(&last)
            && (!frame.progressive || if dc { last == 0 } else { components.len() == 1 });
        sound.then_some(Self { components, first, last, high: approximation >> 4, low: approximation & 15 })
    }
}

/// How finely a coefficient is known: nothing of it came, or all but so many of its lowest bits.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Nothing,
    AllBut(u8),
}

/// The state that goes from scan to scan.
struct Walk<'a> {
    frame: &'a Frame,
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    interval: usize,
    scans: usize,
    known: Vec<[Known; 64]>,
    /// Which coefficients of each block are not zero so far; a refinement has a bit for each of them.
    nonzero: Vec<Vec<u64>>,
}

impl<'a> Walk<'a> {
    fn of(frame: &'a Frame) -> Self {
        let blocks = |c: &Component| if frame.progressive { c.padded[0] * c.padded[1] } else { 0 };
        Self {
            frame,
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            interval: 0,
            scans: 0,
            known: vec![[Known::Nothing; 64]; frame.components.len()],
            nonzero: frame.components.iter().map(|c| vec![0; blocks(c)]).collect(),
        }
    }

    /// Reads the tables of one segment.
    fn tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = body.split_first() {
            let (table, rest) = Table::read(rest)?;
            let place = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *place.get_mut(usize::from(head & 15))? = Some(table);
            body = rest;
        }
        Some(())
    }

    /// Walks one scan; what breaks it comes with how many of its coded units were whole, of how many.
    fn scan(&mut self, scan: &Scan, bits: &mut Bits<'_>) -> Result<(), (Break, usize, usize)> {
        let alone = scan.components.len() == 1;
        let unit = |c: usize| if alone { [1, 1] } else { self.frame.components[c].sampling };
        let component = &self.frame.components[scan.components[0].0];
        let [across, down] =
            if alone { component.alone } else { [0, 1].map(|axis| component.padded[axis] / component.sampling[axis]) };
        let units = across * down;
        let tables = |&(c, dc, ac): &(usize, usize, usize)| (c, unit(c), self.dc[dc].clone(), self.ac[ac].clone());
        let plan: Vec<_> = scan.components.iter().map(tables).collect();
        let mut run = 0;
        for at in 0..units {
            if self.interval > 0 && at > 0 && at % self.interval == 0 {
                run = 0;
                bits.restart().map_err(|broken| (broken, at, units))?;
            }
            for (c, [wide, high], dc, ac) in &plan {
                for part in 0..wide * high {
                    let column = at % across * wide + part % wide;
                    let row = at / across * high + part / wide;
                    let stride = self.frame.components[*c].padded[0];
                    let nonzero = self.nonzero[*c].get_mut(row * stride + column);
                    block(self.frame.progressive, scan, bits, [dc.as_ref(), ac.as_ref()], nonzero, &mut run)
                        .map_err(|broken| (broken, at, units))?;
                }
            }
        }
        for &(c, ..) in &scan.components {
            self.known[c][scan.first..=scan.last].fill(Known::AllBut(if self.frame.progressive {
                scan.low
            } else {
                0
            }));
        }
        Ok(())
    }

    fn conclude(&self, ended: bool) -> Result<Survey, String> {
        if self.known.iter().any(|known| known[0] == Known::Nothing) {
            return Err("is a JPEG file that was cut short: some of its colours are missing".into());
        }
        let coarse = self.known.iter().flatten().any(|&known| known != Known::AllBut(0));
        if coarse && !ended {
            return Err("is a JPEG file that was cut short: its last scans are missing".into());
        }
        Ok(Survey { ended, coarse })
    }
}

/// Walks one block's part of a scan.
fn block(
    progressive: bool,
    scan: &Scan,
    bits: &mut Bits<'_>,
    [dc, ac]: [Option<&Table>; 2],
    nonzero: Option<&mut u64>,
    run: &mut u32,
) -> Result<(), Break> {
    if !progressive {
        return entropy::sequential(bits, dc.ok_or(Break::Damaged)?, ac.ok_or(Break::Damaged)?);
    }
    let band = scan.first..=scan.last;
    match (scan.first, scan.high) {
        (0, 0) => entropy::difference(bits, dc.ok_or(Break::Damaged)?),
        (0, _) => bits.take(1).map(|_| ()),
        (_, 0) => entropy::first_pass(bits, ac.ok_or(Break::Damaged)?, band, nonzero.ok_or(Break::Damaged)?, run),
        _ => entropy::refinement(bits, ac.ok_or(Break::Damaged)?, band, nonzero.ok_or(Break::Damaged)?, run),
    }
}
