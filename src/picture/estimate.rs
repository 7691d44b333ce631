//! How strong the noise of a picture is, from the picture alone.

use super::{Picture, Shape};

/// Daubechies's wavelet with two vanishing moments (four taps): blind to constants and to linear ramps.
const WAVELET: [f64; 4] =
    [-0.129_409_522_551_260_37, -0.224_143_868_042_013_4, 0.836_516_303_737_807_9, -0.482_962_913_144_534_14];

/// The median of |z| for a standard normal z.
const MEDIAN_OF_NORMAL: f64 = 0.674_489_750_196_081_7;

/// The side of a square of equal values that counts as flat: noise leaves none behind, a mask or clipped light does.
const FLAT: usize = 3;

/// The fewest coefficients outside flat regions whose median is believed: its standard error is then 7 %.
const ENOUGH: usize = 256;

/// The standard deviation of the noise in a picture, on the [0, 1] scale.
///
/// Donoho and Johnstone, *Ideal spatial adaptation by wavelet shrinkage* (1994): the median absolute value of the finest
/// diagonal wavelet coefficients, divided by 0.6745; most of a picture's own coefficients there are near zero. At every
/// pixel rather than every second one, averaged over channels. Exact for Gaussian noise that was not clipped; fine texture
/// makes it too large, black or white areas where the noise was clipped make it too small.
///
/// Coefficients that see part of a flat region (a mask, a frame, a blown-out sky) say nothing of the noise and are left out;
/// unless hardly any remain, as in a clean drawing: then all count. Channels that are flat all over do not count. A picture of
/// one value, or of fewer than 4 rows or columns, has nothing to tell by: 0.
#[must_use]
pub fn estimate_sigma(picture: &Picture) -> f32 {
    let shape = picture.shape();
    if shape.channels == 0 || shape.height < WAVELET.len() || shape.width < WAVELET.len() {
        return 0.0;
    }
    let each: Vec<f64> = (0..shape.channels).filter_map(|c| deviation(picture.plane(c), shape)).collect();
    if each.is_empty() { 0.0 } else { (each.iter().sum::<f64>() / each.len() as f64) as f32 }
}

/// The noise of one plane; `None` if it is flat all over.
fn deviation(plane: &[f32], shape: Shape) -> Option<f64> {
    let flat = flat_pixels(plane, shape);
    if flat.iter().all(|&flat| flat) {
        return None;
    }
    let coefficients = diagonals(plane, shape);
    let (span, inner) = (WAVELET.len(), shape.width + 1 - WAVELET.len());
    let seen = |i: usize| {
        let corner = i / inner * shape.width + i % inner;
        (0..span).any(|row| flat[corner + row * shape.width..][..span].contains(&true))
    };
    let outside: Vec<f64> =
        coefficients.iter().enumerate().filter(|&(i, _)| !seen(i)).map(|(_, &value)| value).collect();
    Some(median(if outside.len() < ENOUGH { coefficients } else { outside }) / MEDIAN_OF_NORMAL)
}

/// Which pixels lie in a [`FLAT`]×[`FLAT`] square of one value.
fn flat_pixels(plane: &[f32], Shape { height, width, .. }: Shape) -> Vec<bool> {
    let mut flat = vec![false; plane.len()];
    for y in 0..=height - FLAT {
        for x in 0..=width - FLAT {
            let row = |dy: usize| (y + dy) * width + x..(y + dy) * width + x + FLAT;
            let value = plane[y * width + x];
            if (0..FLAT).all(|dy| plane[row(dy)].iter().all(|&v| v == value)) {
                (0..FLAT).for_each(|dy| flat[row(dy)].fill(true));
            }
        }
    }
    flat
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

    /// Noise of σ = 25/255 on the scene, rounded to bytes and clipped as a file has it.
    fn noisy_bytes(side: usize) -> Picture {
        Noise::gaussian(25.0 / 255.0, 3).apply(&scene(3, side)).map(|v| (v.clamp(0.0, 1.0) * 255.0).round() / 255.0)
    }

    /// The picture with `value` wherever the mask, by column and row, is true.
    fn masked(picture: &Picture, value: f32, mask: impl Fn(usize, usize) -> bool) -> Picture {
        let Shape { height, width, .. } = picture.shape();
        let mut out = picture.clone();
        for (i, v) in out.values_mut().iter_mut().enumerate() {
            if mask(i % width, i / width % height) {
                *v = value;
            }
        }
        out
    }

    #[test]
    fn masks_do_not_count() {
        let noisy = noisy_bytes(128);
        let whole = estimate_sigma(&noisy);
        assert!((whole * 255.0 - 25.0).abs() < 1.0, "{}", whole * 255.0);
        for name in ["half", "a disc is left", "nine tenths", "patches"] {
            let mask = |x: usize, y: usize| match name {
                "half" => x < 64,
                "a disc is left" => (x as f32 - 64.0).hypot(y as f32 - 64.0) > 40.0,
                "nine tenths" => y > 12,
                _ => x / 16 % 2 == y / 16 % 2,
            };
            for value in [0.0, 1.0, 0.4] {
                let ratio = estimate_sigma(&masked(&noisy, value, mask)) / whole;
                assert!((ratio - 1.0).abs() < 0.1, "{name}, {value}: {ratio} times what it is without");
            }
        }
    }

    #[test]
    fn noise_without_masks_is_measured_by_all_of_it() {
        let noisy = noisy_bytes(96);
        let all: f64 = (0..3).map(|c| median(diagonals(noisy.plane(c), noisy.shape())) / MEDIAN_OF_NORMAL / 3.0).sum();
        assert_eq!(estimate_sigma(&noisy), all as f32);
    }

    #[test]
    fn a_channel_without_anything_does_not_halve_the_others() {
        let noisy = noisy_bytes(64);
        let mut blank = noisy.clone();
        blank.values_mut()[..64 * 64].fill(0.0);
        let others = Picture::new(Shape::new(2, 64, 64), noisy.values()[64 * 64..].to_vec());
        assert_eq!(estimate_sigma(&blank), estimate_sigma(&others));
        assert_eq!(estimate_sigma(&masked(&noisy, 0.3, |_, _| true)), 0.0);
    }

    #[test]
    fn a_clean_drawing_has_none() {
        // A ring on black, its edges smooth, as a digit is: few coefficients see no flat region.
        let ring = Picture::new(
            Shape::new(1, 28, 28),
            (0..28 * 28)
                .map(|i| {
                    let radius = ((i % 28) as f32 - 13.5).hypot((i / 28) as f32 - 13.5);
                    (1.5 - (radius - 5.0).abs()).clamp(0.0, 1.0)
                })
                .collect(),
        );
        assert_eq!(estimate_sigma(&ring), 0.0);
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
