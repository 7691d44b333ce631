//! The peak signal-to-noise ratio.

use super::{Better, Metric};
use crate::picture::Picture;

/// The peak signal-to-noise ratio.
pub static PSNR: Metric = Metric {
    id: "psnr_db",
    title: "PSNR",
    unit: "dB",
    digits: [2, 1],
    better: Better::Higher,
    about: "Peak signal-to-noise ratio for a peak of 1: −10 log₁₀ of the mean squared difference",
    source: "as in every denoising table",
    is_quick: true,
    of: psnr,
};

/// The peak signal-to-noise ratio in dB, −10 log₁₀ of the mean squared difference, for a peak of 1; infinite for equal
/// pictures.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn psnr(a: &Picture, b: &Picture) -> f64 {
    assert_eq!(a.shape(), b.shape(), "pictures of one shape");
    let squares: f64 = a.values().iter().zip(b.values()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    -10.0 * (squares / a.values().len() as f64).log10()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Noise, Shape};

    #[test]
    fn psnr_has_its_closed_form() {
        let flat = Picture::filled(Shape::new(3, 4, 5), 0.5);
        assert!(psnr(&flat, &flat).is_infinite());
        assert!((psnr(&flat, &flat.map(|v| v + 0.1)) - 20.0).abs() < 1e-5);
        // Noise of 25/255 has 20.17 dB.
        let large = Picture::filled(Shape::new(3, 256, 256), 0.5);
        let noisy = Noise::gaussian(25.0 / 255.0, 4).apply(&large);
        assert!((psnr(&noisy, &large) - 20.17).abs() < 0.03);
    }
}
