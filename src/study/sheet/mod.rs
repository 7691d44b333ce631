//! The sheet: a study as one picture worth publishing.
//!
//! On a grid: the clean, noisy and denoised picture and the residual; below them the posterior as bars and the
//! conditional denoisers, the most probable class first. Small pictures are enlarged by whole factors, so that a pixel
//! stays a crisp square.

mod attack;
mod audit;
mod certify;
mod denoiser_attack;
mod density;
mod dial;
mod duel;
mod evidence;
mod fills;
mod kerning;
mod lab;
mod page;
mod raster;
mod samples;
mod text;
mod theme;

use image::RgbImage;

use super::Study;
pub use attack::attack_sheet;
pub use audit::audit_sheet;
pub use certify::certificate_sheet;
pub use denoiser_attack::denoiser_attack_sheet;
pub use density::density_sheet;
pub use dial::counterfactual_sheet;
pub use duel::duel_sheet;
pub use evidence::evidence_sheet;
pub use fills::inpaint_sheet;
pub use lab::uncertainty_sheet;
use page::Page;
pub use samples::samples_sheet;
pub use theme::Theme;

/// Draws the sheet of a study, titled with the picture's name.
#[must_use]
pub fn sheet(study: &Study, title: &str, theme: Theme) -> RgbImage {
    let mut page = Page::new(theme);
    page.header(study, title);
    let grid = page.pictures(study);
    page.evidence(study, grid);
    page.footer(study);
    page.finish()
}
