//! Kerning from a face's GPOS table, which is where modern faces keep it.

use ttf_parser::gpos::{PairAdjustment, PositioningSubtable};
use ttf_parser::opentype_layout::{LayoutTable, Lookup};
use ttf_parser::{Face, GlyphId, Tag};

/// A face's pair kerning.
pub(super) struct Kerning(Vec<Lookup<'static>>);

impl Kerning {
    /// The kerning of a font file; none if it has none.
    pub fn of(file: &'static [u8]) -> Self {
        let table = Face::parse(file, 0).ok().and_then(|face| face.tables().gpos);
        Self(table.map(lookups).unwrap_or_default())
    }

    /// By how much the second glyph is moved, in font units: negative is nearer to the first.
    pub fn between(&self, first: u16, second: u16) -> f32 {
        let (first, second) = (GlyphId(first), GlyphId(second));
        let of_lookup = |lookup: &Lookup<'static>| {
            let mut subtables = lookup.subtables.into_iter::<PositioningSubtable<'static>>();
            subtables.find_map(|subtable| advance(&subtable, first, second)).unwrap_or(0)
        };
        self.0.iter().map(|lookup| f32::from(of_lookup(lookup))).sum()
    }
}

/// The lookups of every `kern` feature, each once.
fn lookups(table: LayoutTable<'static>) -> Vec<Lookup<'static>> {
    let features = table.features.into_iter().filter(|feature| feature.tag == Tag::from_bytes(b"kern"));
    let mut indices: Vec<u16> = features.flat_map(|feature| feature.lookup_indices).collect();
    indices.sort_unstable();
    indices.dedup();
    indices.into_iter().filter_map(|index| table.lookups.get(index)).collect()
}

/// What one subtable adds to the first glyph's advance; none if it does not speak of the pair.
fn advance(subtable: &PositioningSubtable<'_>, first: GlyphId, second: GlyphId) -> Option<i16> {
    let PositioningSubtable::Pair(pair) = subtable else { return None };
    let (record, _) = match pair {
        PairAdjustment::Format1 { coverage, sets } => sets.get(coverage.get(first)?)?.get(second)?,
        PairAdjustment::Format2 { coverage, classes, matrix } => {
            coverage.get(first)?;
            matrix.get((classes.0.get(first), classes.1.get(second)))?
        }
    };
    Some(record.x_advance)
}
