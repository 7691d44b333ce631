//! How near a picture is to the clean one.

use crate::picture::{Picture, decibels, psnr, ssim};

/// How near a picture is to the clean one. Nothing is clipped first.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Fidelity {
    /// Peak signal-to-noise ratio in dB, peak 1; infinite for the clean picture itself, which JSON says as null.
    #[serde(serialize_with = "decibels::serialize")]
    pub psnr_db: f64,
    /// Structural similarity: Gaussian 11×11 of σ 1.5, K₁ 0.01, K₂ 0.03, at most 1.
    pub ssim: f64,
}

impl Fidelity {
    /// Of `picture` to `clean`, two pictures of one shape.
    #[must_use]
    pub fn of(picture: &Picture, clean: &Picture) -> Self {
        Self { psnr_db: psnr(picture, clean), ssim: ssim(picture, clean) }
    }
}
