//! How alike two pictures are.

use super::Picture;

/// The peak signal-to-noise ratio in dB, −10 log₁₀ of the mean squared difference, for a peak of 1; infinite for equal pictures.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn psnr(a: &Picture, b: &Picture) -> f64 {
    assert_eq!(a.shape(), b.shape(), "pictures of one shape");
    let squares: f64 = a.values().iter().zip(b.values()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    -10.0 * (squares / a.values().len() as f64).log10()
}
