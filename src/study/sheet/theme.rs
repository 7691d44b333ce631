//! The colours and measures of a sheet.

use image::Rgb;

use crate::study::looks::{self, ColourMap};

/// Dark ink on light paper, or the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// For print and papers.
    #[default]
    Light,
    /// For slides and screens.
    Dark,
}

/// A theme's colours, as pixels.
pub(super) struct Palette {
    pub paper: Rgb<u8>,
    pub ink: Rgb<u8>,
    pub quiet: Rgb<u8>,
    pub faint: Rgb<u8>,
    pub accent: Rgb<u8>,
    pub bar: Rgb<u8>,
    pub signed: &'static ColourMap,
}

impl Theme {
    pub(super) fn palette(self) -> Palette {
        let looks::Palette { paper, ink, quiet, faint, accent, bar, signed } = match self {
            Self::Light => &looks::LIGHT,
            Self::Dark => &looks::DARK,
        };
        Palette {
            paper: Rgb(*paper),
            ink: Rgb(*ink),
            quiet: Rgb(*quiet),
            faint: Rgb(*faint),
            accent: Rgb(*accent),
            bar: Rgb(*bar),
            signed,
        }
    }
}

/// The page's width in pixels.
pub(super) const WIDTH: u32 = 1680;
/// White space on every side.
pub(super) const MARGIN: u32 = 88;
/// The width of what is printed.
pub(super) const CONTENT: u32 = WIDTH - 2 * MARGIN;
/// The least space between panels.
pub(super) const GAP: u32 = 32;
