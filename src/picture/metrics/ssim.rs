//! The structural similarity.

use rayon::prelude::*;

use super::{Better, Metric};
use crate::picture::{Picture, Shape};

/// The structural similarity.
pub static SSIM: Metric = Metric {
    id: "ssim",
    title: "SSIM",
    unit: "",
    digits: [4, 2],
    better: Better::Higher,
    about: "Structural similarity (Gaussian 11×11, σ 1.5, K₁ 0.01, K₂ 0.03), 1 for equal pictures",
    source: "Wang, Bovik, Sheikh & Simoncelli 2004",
    is_quick: true,
    of: ssim,
};

/// Standard deviation of SSIM's Gaussian window, in pixels.
const WINDOW_SIGMA: f64 = 1.5;
/// Pixels on each side of the window's middle.
const WINDOW_RADIUS: usize = 5;
/// Rows of windows that one task works on.
const BAND: usize = 64;
/// Keep the quotients finite where both pictures are flat: (K₁L)² and (K₂L)² for a peak L of 1.
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// The structural similarity of two pictures: 1 for equal ones.
///
/// Wang, Bovik, Sheikh and Simoncelli, *Image quality assessment: from error visibility to structural similarity* (2004):
/// Gaussian window of 11×11 pixels with standard deviation 1.5, K₁ 0.01, K₂ 0.03, peak 1, averaged over the windows that lie
/// wholly on the picture, and over channels. On a picture that is narrower or lower than 11 the window is cut in that
/// direction to the largest odd size that fits.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn ssim(a: &Picture, b: &Picture) -> f64 {
    assert_eq!(a.shape(), b.shape(), "pictures of one shape");
    let Shape { channels, .. } = a.shape();
    let planes: Vec<f64> =
        (0..channels).into_par_iter().map(|c| plane_ssim(a.plane(c), b.plane(c), a.shape())).collect();
    planes.iter().sum::<f64>() / channels as f64
}

/// The mean over one plane, in bands of rows that are tasks of their own; the sum's order does not depend on the threads.
fn plane_ssim(a: &[f32], b: &[f32], Shape { height, width, .. }: Shape) -> f64 {
    let (rows, columns) = (window(height), window(width));
    let out_rows = height + 1 - rows.len();
    let bands: Vec<f64> = (0..out_rows)
        .into_par_iter()
        .step_by(BAND)
        .map(|first| {
            let last = (first + BAND).min(out_rows) + rows.len() - 1;
            let span = first * width..last * width;
            band_sum(&a[span.clone()], &b[span], width, &rows, &columns)
        })
        .collect();
    bands.iter().sum::<f64>() / (out_rows * (width + 1 - columns.len())) as f64
}

/// The sum over the windows that lie wholly on some rows.
fn band_sum(a: &[f32], b: &[f32], width: usize, rows: &[f64], columns: &[f64]) -> f64 {
    let filtered = |f: &dyn Fn(f64, f64) -> f64| {
        let product: Vec<f64> = a.iter().zip(b).map(|(&a, &b)| f(f64::from(a), f64::from(b))).collect();
        windowed(&product, width, rows, columns)
    };
    let (mean_a, mean_b) = (filtered(&|a, _| a), filtered(&|_, b| b));
    let (aa, bb, ab) = (filtered(&|a, _| a * a), filtered(&|_, b| b * b), filtered(&|a, b| a * b));
    (0..mean_a.len())
        .map(|i| {
            let (ma, mb) = (mean_a[i], mean_b[i]);
            let (va, vb, cov) = (aa[i] - ma * ma, bb[i] - mb * mb, ab[i] - ma * mb);
            (2.0 * ma * mb + C1) * (2.0 * cov + C2) / ((ma * ma + mb * mb + C1) * (va + vb + C2))
        })
        .sum()
}

/// Weighted means under the window, wherever it lies wholly on the rows.
fn windowed(values: &[f64], width: usize, rows: &[f64], columns: &[f64]) -> Vec<f64> {
    let inner = width + 1 - columns.len();
    let mut narrow = vec![0.0; values.len() / width * inner];
    for (row, out) in values.chunks_exact(width).zip(narrow.chunks_exact_mut(inner)) {
        add_weighted(out, row, 1, columns);
    }
    let mut out = vec![0.0; narrow.len() - (rows.len() - 1) * inner];
    add_weighted(&mut out, &narrow, inner, rows);
    out
}

/// Adds `weights[k]` times the values from `k·step` on to `out`, for each k: whole rows at a time, which vectorises.
fn add_weighted(out: &mut [f64], values: &[f64], step: usize, weights: &[f64]) {
    for (k, weight) in weights.iter().enumerate() {
        out.iter_mut().zip(&values[k * step..]).for_each(|(sum, v)| *sum += weight * v);
    }
}

/// The window along one direction of a picture with `side` pixels there; the weights sum to 1.
fn window(side: usize) -> Vec<f64> {
    let radius = WINDOW_RADIUS.min(side.saturating_sub(1) / 2);
    let weights: Vec<f64> = (0..=2 * radius)
        .map(|i| (-(i as f64 - radius as f64).powi(2) / (2.0 * WINDOW_SIGMA * WINDOW_SIGMA)).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::super::pair;
    use super::*;
    use crate::picture::{Noise, NoiseKind};

    /// By `scikit-image`: `structural_similarity(a, b, gaussian_weights=True, use_sample_covariance=False, data_range=1)`.
    #[test]
    fn ssim_agrees_with_another_implementation() {
        for (shape, golden) in [
            (Shape::new(1, 11, 11), 0.910_336_241_133_443),
            (Shape::new(1, 32, 32), 0.919_025_632_262_022),
            (Shape::new(3, 24, 40), 0.922_355_179_264_796),
            // More than one band of rows.
            (Shape::new(1, 150, 20), 0.920_141_908_310_559),
        ] {
            let (a, b) = pair(shape);
            assert!((ssim(&a, &b) - golden).abs() < 1e-12, "{shape}: {} against {golden}", ssim(&a, &b));
        }
    }

    #[test]
    fn ssim_is_one_for_equal_pictures_and_falls_with_noise() {
        for (height, width) in [(1, 1), (3, 30), (8, 10), (40, 40)] {
            let (a, b) = pair(Shape::new(3, height, width));
            assert!((ssim(&a, &a) - 1.0).abs() < 1e-12);
            assert!(ssim(&a, &b) < 1.0 && (ssim(&a, &b) - ssim(&b, &a)).abs() < 1e-12);
        }
        let (scene, _) = pair(Shape::new(1, 64, 64));
        let falls: Vec<f64> = [0.05, 0.1, 0.3, 1.0]
            .map(|sigma| ssim(&scene, &Noise { kind: NoiseKind::Gaussian, sigma, seed: 1 }.apply(&scene)))
            .to_vec();
        assert!(falls.is_sorted_by(|a, b| a > b), "{falls:?}");
    }
}
