//! How strong the noise of a picture is, from the picture alone.

use super::{Picture, Shape};

/// Daubechies's wavelet with two vanishing moments (four taps): blind to constants and to linear ramps.
const WAVELET: [f64; 4] =
    [-0.129_409_522_551_260_37, -0.224_143_868_042_013_4, 0.836_516_303_737_807_9, -0.482_962_913_144_534_14];

/// The median of |z| for a standard normal z.
const MEDIAN_OF_NORMAL: f64 = 0.674_489_750_196_081_7;

/// The standard deviation of the noise in a picture, on the [0, 1] scale.
///
/// Donoho and Johnstone, *Ideal spatial adaptation by wavelet shrinkage* (1994): the median absolute value of the finest
/// diagonal wavelet coefficients, divided by 0.6745; most of a picture's own coefficients there are near zero. At every
/// pixel rather than every second one, averaged over channels. Exact for Gaussian noise that was not clipped; fine texture
/// makes it too large, black or white areas where the noise was clipped make it too small. A picture of fewer than 4 rows
/// or columns has no such coefficients: 0.
#[must_use]
pub fn estimate_sigma(picture: &Picture) -> f32 {
    let shape = picture.shape();
    if shape.channels == 0 || shape.height < WAVELET.len() || shape.width < WAVELET.len() {
        return 0.0;
    }
    let sum: f64 = (0..shape.channels).map(|c| median(diagonals(picture.plane(c), shape)) / MEDIAN_OF_NORMAL).sum();
    (sum / shape.channels as f64) as f32
}

/// The absolute diagonal coefficients of a plane: the wavelet along rows and along columns.
fn diagonals(plane: &[f32], Shape { height, width, .. }: Shape) -> Vec<f64> {
    let inner = width + 1 - WAVELET.len();
    let along: Vec<f64> = plane
        .chunks_exact(width)
        .flat_map(|row| {
            row.windows(WAVELET.len()).map(|span| span.iter().zip(WAVELET).map(|(&v, w)| f64::from(v) * w).sum())
        })
        .collect();
    (0..(height + 1 - WAVELET.len()) * inner)
        .map(|i| WAVELET.iter().enumerate().map(|(k, w)| w * along[i + k * inner]).sum::<f64>().abs())
        .collect()
}

/// The upper median. What is not a number counts as large.
fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Noise;

    /// Hills, a ramp and one sharp edge.
    fn scene(channels: usize, side: usize) -> Picture {
        let shape = Shape::new(channels, side, side);
        let value = |i: usize| {
            let (c, y, x) = (i / (side * side), (i / side % side) as f32, (i % side) as f32);
            let hills = (x * 0.11 + c as f32).sin() * (y * 0.07).cos();
            0.4 + 0.2 * hills + 0.2 * x / side as f32 + if x + 2.0 * y > side as f32 { 0.2 } else { 0.0 }
        };
        Picture::new(shape, (0..shape.len()).map(value).collect())
    }

    #[test]
    fn finds_the_noise_of_smooth_pictures() {
        for (channels, side, tolerance) in [(1, 32, 0.15), (3, 32, 0.1), (1, 256, 0.03), (3, 256, 0.02)] {
            for sigma in [0.02, 15.0 / 255.0, 25.0 / 255.0, 50.0 / 255.0, 1.0] {
                let noisy = Noise::gaussian(sigma, 8).apply(&scene(channels, side));
                let ratio = estimate_sigma(&noisy) / sigma;
                assert!((ratio - 1.0).abs() < tolerance, "{channels}×{side}×{side}, σ {sigma}: {ratio} times it");
            }
        }
    }

    #[test]
    fn the_wavelet_is_normal_and_blind_to_ramps() {
        let moment =
            |power: i32| WAVELET.iter().enumerate().map(|(k, w)| w * f64::from(k as u32).powi(power)).sum::<f64>();
        assert!((WAVELET.iter().map(|w| w * w).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(moment(0).abs() < 1e-12 && moment(1).abs() < 1e-12);
    }

    #[test]
    fn clean_flat_and_tiny_pictures_have_none() {
        assert!(estimate_sigma(&scene(1, 64)) < 1e-3);
        assert!(estimate_sigma(&Picture::filled(Shape::new(3, 20, 20), 0.7)) < 1e-6);
        for (height, width) in [(1, 1), (3, 100), (100, 3), (0, 0)] {
            assert!(estimate_sigma(&Picture::filled(Shape::new(1, height, width), 0.7)) == 0.0);
        }
        assert!(estimate_sigma(&Picture::filled(Shape::new(1, 4, 4), f32::NAN)).is_nan());
    }
}
