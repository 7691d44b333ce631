//! The colours and measures of a sheet.

use image::Rgb;

/// Dark ink on light paper, or the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// For print and papers.
    #[default]
    Light,
    /// For slides and screens.
    Dark,
}

/// A theme's colours.
pub(super) struct Palette {
    pub paper: Rgb<u8>,
    pub ink: Rgb<u8>,
    /// Captions and figures.
    pub quiet: Rgb<u8>,
    /// Rules, frames and the empty part of bars.
    pub faint: Rgb<u8>,
    /// The most probable class.
    pub accent: Rgb<u8>,
    /// The other bars.
    pub bar: Rgb<u8>,
    /// The residual's colours for −1, 0 and 1.
    pub signed: [Rgb<u8>; 3],
}

impl Theme {
    pub(super) fn palette(self) -> Palette {
        match self {
            Self::Light => Palette {
                paper: Rgb([252, 251, 249]),
                ink: Rgb([26, 27, 31]),
                quiet: Rgb([105, 107, 114]),
                faint: Rgb([226, 225, 221]),
                accent: Rgb([30, 90, 168]),
                bar: Rgb([150, 158, 172]),
                signed: [Rgb([22, 88, 168]), Rgb([250, 249, 247]), Rgb([186, 44, 40])],
            },
            Self::Dark => Palette {
                paper: Rgb([20, 21, 25]),
                ink: Rgb([236, 236, 238]),
                quiet: Rgb([152, 155, 164]),
                faint: Rgb([52, 54, 61]),
                accent: Rgb([110, 168, 255]),
                bar: Rgb([98, 104, 118]),
                signed: [Rgb([86, 156, 255]), Rgb([24, 25, 29]), Rgb([255, 110, 92])],
            },
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
