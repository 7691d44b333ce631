//! Pictures inside a page: PNG files as data URIs.

use crate::Result;
use crate::picture::{Picture, to_png};

/// The picture as a `data:` URI, clipped to [0, 1] and rounded to 8 bits.
pub(super) fn data_uri(picture: &Picture) -> Result<String> {
    Ok(format!("data:image/png;base64,{}", base64(&to_png(picture)?)))
}

/// Bytes in the alphabet of RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let sign = if place <= three.len() { ALPHABET[bits >> (18 - 6 * place) & 63] } else { b'=' };
            text.push(char::from(sign));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Shape;

    #[test]
    fn the_vectors_of_rfc_4648_hold() {
        let plain = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let coded = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        assert_eq!(plain.map(|text| base64(text.as_bytes())), coded);
    }

    #[test]
    fn a_picture_becomes_a_png() {
        // The first bytes of every PNG file, 89 50 4E 47 0D 0A 1A 0A and the length of its first chunk.
        let uri = data_uri(&Picture::filled(Shape::new(3, 2, 2), 0.5)).unwrap();
        assert!(uri.starts_with("data:image/png;base64,iVBORw0KGgoAAAAN"), "{uri}");
    }
}
