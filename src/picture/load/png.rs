//! What a PNG file's chunks say beside its pixels (PNG specification, third edition, section 11.3.2).

use super::colour::Space;

/// What was found before the pixels.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The colour space by code points or by gamma and chromaticities, whichever counts more; `None` where an embedded profile
    /// does, or nothing is said.
    pub space: Option<Space>,
    /// Whether more frames follow.
    pub animated: bool,
}

/// Reads the chunks up to the first with pixels. Which mark counts follows the specification's table 1: code points, then a
/// profile, then the mark of sRGB, then gamma and chromaticities.
pub(super) fn marks(bytes: &[u8]) -> Marks {
    let mut marks = Marks::default();
    let (mut codes, mut profile, mut srgb, mut gamma, mut primaries) = (None, false, false, None, None);
    for (kind, data) in chunks(bytes) {
        match kind {
            b"IDAT" | b"IEND" => break,
            b"acTL" => marks.animated = true,
            b"iCCP" => profile = true,
            b"sRGB" => srgb = true,
            b"cICP" => {
                if let &[primaries, transfer, matrix, full_range] = data {
                    codes = Some(Space::Codes { primaries, transfer, matrix, full_range: full_range == 1 });
                }
            }
            b"gAMA" => gamma = hundred_thousandths(data).map(|[gamma]: [f64; 1]| gamma),
            b"cHRM" => primaries = hundred_thousandths(data),
            _ => {}
        }
    }
    marks.space = match (codes, profile || srgb, gamma) {
        (Some(codes), ..) => Some(codes),
        (None, false, Some(gamma)) if gamma > 0.0 => Some(Space::Gamma { gamma, primaries }),
        _ => None,
    };
    marks
}

/// The chunks in turn, each by its type and its data.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (head, after) = rest.split_at_checked(8)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let data = after.get(..length)?;
        rest = after.get(length + 4..)?;
        Some((&head[4..], data))
    })
}

/// Numbers that a chunk gives in units of 1/100000.
fn hundred_thousandths<const N: usize>(data: &[u8]) -> Option<[f64; N]> {
    let mut values = [0.0; N];
    if data.len() != 4 * N {
        return None;
    }
    for (value, four) in values.iter_mut().zip(data.chunks_exact(4)) {
        *value = f64::from(u32::from_be_bytes([four[0], four[1], four[2], four[3]])) / 1e5;
    }
    Some(values)
}
