//! Setting lines of type: kerning, fallback between faces, measuring, and shortening what is too long.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, ScaleFont, point};
use image::{Rgb, RgbImage};

use super::kerning::Kerning;

/// A face and its kerning.
struct Typeface {
    font: FontRef<'static>,
    kerning: Kerning,
}

/// The faces, each the fallback of the ones before it.
static FACES: LazyLock<Vec<Typeface>> = LazyLock::new(|| {
    let files = [epaint_default_fonts::UBUNTU_LIGHT, epaint_default_fonts::HACK_REGULAR];
    let face = |file| Some(Typeface { font: FontRef::try_from_slice(file).ok()?, kerning: Kerning::of(file) });
    files.into_iter().filter_map(face).collect()
});

/// A size of type, in pixels an em.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type(pub f32);

/// The page's headline.
pub(super) const HEADLINE: Type = Type(46.0);
/// The line under it.
pub(super) const SUBTITLE: Type = Type(23.0);
/// Names of panels and sections.
pub(super) const LABEL: Type = Type(23.0);
/// Figures and class names.
pub(super) const BODY: Type = Type(19.5);
/// The foot of the page.
pub(super) const SMALL: Type = Type(16.0);

impl Type {
    /// How far a line of type reaches, in pixels.
    pub fn width(self, text: &str) -> f32 {
        self.set(text).1
    }

    /// `text`, cut with an ellipsis so that it is no wider than `room` pixels.
    pub fn fit(self, text: &str, room: f32) -> String {
        if self.width(text) <= room {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        while kept.pop().is_some() {
            let short: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
            if self.width(&short) <= room {
                return short;
            }
        }
        String::new()
    }

    /// Draws a line with its left end at `x` and its baseline at `y`.
    pub fn draw(self, page: &mut RgbImage, (x, y): (f32, f32), ink: Rgb<u8>, text: &str) {
        for (face, glyph) in self.set(text).0 {
            let mut glyph = glyph;
            glyph.position.x += x;
            glyph.position.y += y;
            let Some(outline) = FACES[face].font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            outline.draw(|dx, dy, coverage| {
                let at = (bounds.min.x as i64 + i64::from(dx), bounds.min.y as i64 + i64::from(dy));
                if let (Ok(px), Ok(py)) = (u32::try_from(at.0), u32::try_from(at.1))
                    && let Some(pixel) = page.get_pixel_mut_checked(px, py)
                {
                    // A light face needs a little more ink than its coverage to read as dark.
                    let share = coverage.clamp(0.0, 1.0).powf(0.75);
                    for (p, i) in pixel.0.iter_mut().zip(ink.0) {
                        *p = (f32::from(*p) + (f32::from(i) - f32::from(*p)) * share).round() as u8;
                    }
                }
            });
        }
    }

    /// Draws a line with its right end at `x`.
    pub fn draw_right(self, page: &mut RgbImage, (x, y): (f32, f32), ink: Rgb<u8>, text: &str) {
        self.draw(page, (x - self.width(text), y), ink, text);
    }

    /// The glyphs of a line that begins at the origin, with their faces, and its width.
    fn set(self, text: &str) -> (Vec<(usize, Glyph)>, f32) {
        let mut glyphs = Vec::new();
        let mut x = 0.0;
        let mut before: Option<(usize, GlyphId)> = None;
        for character in text.chars() {
            let face = FACES.iter().position(|f| f.font.glyph_id(character).0 != 0).unwrap_or(0);
            let Some(Typeface { font, kerning }) = FACES.get(face) else { break };
            let em = font.units_per_em().unwrap_or(1000.0);
            let scale = PxScale::from(self.0 * font.height_unscaled() / em);
            let scaled = font.as_scaled(scale);
            let id = font.glyph_id(character);
            if let Some((last_face, last)) = before
                && last_face == face
            {
                x += kerning.between(last.0, id.0) * self.0 / em;
            }
            glyphs.push((face, id.with_scale_and_position(scale, point(x, 0.0))));
            x += scaled.h_advance(id);
            before = Some((face, id));
        }
        (glyphs, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_that_a_sheet_sets_is_in_a_face() {
        for character in "σ−∞×⁻⁰¹²³⁴⁵⁶⁷⁸⁹…≤Σ±·–ÄöéAz09%|[](),=".chars() {
            assert!(FACES.iter().any(|f| f.font.glyph_id(character).0 != 0), "{character}");
        }
    }

    #[test]
    fn a_long_name_is_cut_to_its_room_and_a_short_one_is_left() {
        let name = "a class whose name goes on and on";
        let cut = BODY.fit(name, 120.0);
        assert!(cut.ends_with('…') && BODY.width(&cut) <= 120.0 && BODY.width(&cut) > 90.0, "{cut}");
        assert_eq!(BODY.fit("cat", 120.0), "cat");
        assert_eq!(BODY.fit(name, 0.0), "");
    }

    #[test]
    fn pairs_that_gape_are_drawn_together() {
        for (first, second) in [("A", "V"), ("T", "o")] {
            let apart = LABEL.width(first) + LABEL.width(second);
            let together = LABEL.width(&format!("{first}{second}"));
            assert!(together < apart - 0.02 * LABEL.0 && together > 0.7 * apart, "{first}{second}: {together} {apart}");
        }
        assert!((LABEL.width("HH") - 2.0 * LABEL.width("H")).abs() < 1e-3, "straight stems stand as they are");
    }
}
