//! Pictures inside a page: PNG files as data URIs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Result;
use crate::picture::{Picture, to_png};

/// The picture as a `data:` URI, clipped to [0, 1] and rounded to 8 bits.
pub(super) fn data_uri(picture: &Picture) -> Result<String> {
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(to_png(picture)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Shape;

    #[test]
    fn a_picture_becomes_a_png() {
        // The first bytes of every PNG file, 89 50 4E 47 0D 0A 1A 0A and the length of its first chunk.
        let uri = data_uri(&Picture::filled(Shape::new(3, 2, 2), 0.5)).unwrap();
        assert!(uri.starts_with("data:image/png;base64,iVBORw0KGgoAAAAN"), "{uri}");
    }
}
