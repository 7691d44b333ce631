//! What JPEG compression does to a picture, without making a file.
//!
//! Baseline JPEG loses by rounding to 8 bits, by its colour transform and by quantising 8×8 blocks of cosine coefficients;
//! the entropy coding after that loses nothing and so is left out. Written here because files' decoders differ in their
//! last bit between processors, and noise must not.

use std::f64::consts::PI;
use std::sync::LazyLock;

use rayon::prelude::*;

use super::{Picture, to_byte};

/// Side of a block.
const SIDE: usize = 8;
/// Values of a block.
const BLOCK: usize = SIDE * SIDE;

/// Quantisation steps for luma at quality 50 (ITU-T T.81, table K.1).
const LUMA: [u16; BLOCK] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];

/// Quantisation steps for the colour differences at quality 50 (ITU-T T.81, table K.2).
const CHROMA: [u16; BLOCK] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99,
];

/// The quality from 1 to 100 (on the scale of the Independent JPEG Group) whose compression is about as strong as noise of
/// `sigma`; it falls as sigma grows.
///
/// Rounding an evenly spread coefficient to steps of q errs by q/√12, so a picture rich in detail loses √(mean q²/12)/255;
/// the quality is the one whose luma table gives `sigma` that way. Smooth pictures lose less.
#[must_use]
pub fn quality(sigma: f32) -> u8 {
    let mean_square = LUMA.iter().map(|&q| f64::from(q).powi(2)).sum::<f64>() / BLOCK as f64;
    let scale = f64::from(sigma) * 255.0 / libm::sqrt(mean_square / 12.0);
    let quality = if scale > 1.0 { 50.0 / scale } else { 50.0 * (2.0 - scale) };
    quality.round().clamp(1.0, 100.0) as u8
}

/// The picture after compression at `quality` (1–100) and decompression, with full-resolution colour (4:4:4).
///
/// Three channels are red, green, blue; any other number is compressed as that many grey pictures.
#[must_use]
pub fn compressed(picture: &Picture, quality: u8) -> Picture {
    let shape = picture.shape();
    let size = shape.height * shape.width;
    let mut values: Vec<f32> = picture.values().iter().map(|&v| f32::from(to_byte(v))).collect();
    if size == 0 {
        return picture.clone();
    }
    let colour = shape.channels == 3;
    if colour {
        each_pixel(&mut values, size, |[r, g, b]| {
            [
                0.299 * r + 0.587 * g + 0.114 * b,
                128.0 - 0.168_736 * r - 0.331_264 * g + 0.5 * b,
                128.0 + 0.5 * r - 0.418_688 * g - 0.081_312 * b,
            ]
        });
    }
    for (channel, plane) in values.chunks_exact_mut(size).enumerate() {
        let steps = steps(if colour && channel > 0 { &CHROMA } else { &LUMA }, quality);
        // A row of blocks is a task of its own.
        plane.par_chunks_mut(SIDE * shape.width).for_each(|rows| quantise_rows(rows, shape.width, &steps));
    }
    if colour {
        each_pixel(&mut values, size, |[y, cb, cr]| {
            let (cb, cr) = (cb - 128.0, cr - 128.0);
            [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb]
        });
    }
    Picture::new(shape, values.into_iter().map(|v| v.clamp(0.0, 255.0).round() / 255.0).collect())
}

/// The quantisation steps of `table` at `quality`, as the Independent JPEG Group scales them.
fn steps(table: &[u16; BLOCK], quality: u8) -> [f32; BLOCK] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|q| ((u32::from(q) * percent + 50) / 100).clamp(1, 255) as f32)
}

/// Replaces three planes' values by `f` of each pixel's, rounded and clipped to 8 bits.
fn each_pixel(values: &mut [f32], size: usize, f: impl Fn([f32; 3]) -> [f32; 3]) {
    let (first, rest) = values.split_at_mut(size);
    let (second, third) = rest.split_at_mut(size);
    for ((a, b), c) in first.iter_mut().zip(second).zip(third) {
        let out = f([*a, *b, *c]).map(|v| v.round().clamp(0.0, 255.0));
        [*a, *b, *c] = out;
    }
}

/// Quantises the blocks of up to 8 rows; a block that reaches beyond the edge repeats the edge's pixels there.
fn quantise_rows(rows: &mut [f32], width: usize, steps: &[f32; BLOCK]) {
    let height = rows.len() / width;
    for left in (0..width).step_by(SIDE) {
        let mut block = [0.0; BLOCK];
        for (i, value) in block.iter_mut().enumerate() {
            let (y, x) = ((i / SIDE).min(height - 1), (left + i % SIDE).min(width - 1));
            *value = rows[y * width + x] - 128.0;
        }
        let mut coefficients = transform(&block, false);
        coefficients.iter_mut().zip(steps).for_each(|(c, step)| *c = (*c / step).round() * step);
        let block = transform(&coefficients, true);
        for (y, row) in rows.chunks_exact_mut(width).enumerate() {
            let row = &mut row[left..width.min(left + SIDE)];
            row.iter_mut().zip(&block[y * SIDE..]).for_each(|(out, v)| *out = (v + 128.0).round().clamp(0.0, 255.0));
        }
    }
}

/// The orthonormal cosine basis: `BASIS[k·8 + n] = c_k cos((2n + 1)kπ/16)`.
static BASIS: LazyLock<[f32; BLOCK]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let (k, n) = (i / SIDE, i % SIDE);
        let norm = if k == 0 { libm::sqrt(0.125) } else { 0.5 };
        (norm * libm::cos((2 * n + 1) as f64 * k as f64 * PI / 16.0)) as f32
    })
});

/// The two-dimensional cosine transform of a block, or its inverse.
fn transform(block: &[f32; BLOCK], inverse: bool) -> [f32; BLOCK] {
    let basis = |k: usize, n: usize| if inverse { BASIS[n * SIDE + k] } else { BASIS[k * SIDE + n] };
    let mut half = [0.0; BLOCK];
    let mut out = [0.0; BLOCK];
    for k in 0..SIDE {
        for n in 0..SIDE {
            let weight = basis(k, n);
            (0..SIDE).for_each(|x| half[k * SIDE + x] += weight * block[n * SIDE + x]);
        }
    }
    for y in 0..SIDE {
        for n in 0..SIDE {
            (0..SIDE).for_each(|k| out[y * SIDE + k] += basis(k, n) * half[y * SIDE + n]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;

    use super::*;
    use crate::picture::{Noise, Shape, decode, psnr, save};

    /// Ramps and rings in three colours, of a size that is no multiple of 8.
    fn scene(channels: usize) -> Picture {
        let shape = Shape::new(channels, 45, 61);
        let value = |i: usize| {
            let (c, y, x) = (i / (45 * 61), (i / 61 % 45) as f32, (i % 61) as f32);
            let ring = ((x - 30.0).hypot(y - 20.0) * 0.5 + c as f32).sin();
            0.5 + 0.3 * ring + 0.003 * (x - y)
        };
        Noise::gaussian(0.03, 1).apply(&Picture::new(shape, (0..shape.len()).map(value).collect()))
    }

    #[test]
    fn agrees_with_a_real_encoder_and_decoder() {
        for channels in [1, 3] {
            for quality in [10, 35, 50, 75, 95] {
                let scene = scene(channels);
                let ours = compressed(&scene, quality);
                let mut file = Vec::new();
                let encoder = JpegEncoder::new_with_quality(&mut file, quality);
                save::to_image(&scene).write_with_encoder(encoder).expect("encoded");
                let theirs = decode(&file, "scene.jpg".as_ref()).expect("decoded").picture;
                let (between, lost) = (psnr(&ours, &theirs), psnr(&ours, &scene));
                assert!(between > 42.0 && between > lost + 5.0, "{channels}, {quality}: {between} and {lost} dB");
            }
        }
    }

    #[test]
    fn the_quality_falls_with_sigma_and_the_loss_grows() {
        let qualities: Vec<u8> = (0..=100).map(|i| quality(i as f32 / 100.0)).collect();
        assert!(qualities.is_sorted_by(|a, b| a >= b), "{qualities:?}");
        assert_eq!((qualities[0], quality(f32::INFINITY)), (100, 1));
        let scene = scene(3);
        let losses: Vec<f64> = [95, 70, 40, 15, 4].map(|q| psnr(&compressed(&scene, q), &scene)).to_vec();
        assert!(losses.is_sorted_by(|a, b| a > b), "{losses:?}");
    }

    #[test]
    fn a_detailed_picture_loses_about_sigma() {
        let noise = Noise::gaussian(0.25, 3).apply(&Picture::filled(Shape::new(1, 128, 128), 0.5));
        for sigma in [0.02_f32, 0.05, 0.1] {
            let lost =
                10_f64.powf(-psnr(&compressed(&noise, quality(sigma)), &noise.map(|v| v.clamp(0.0, 1.0))) / 20.0);
            let ratio = lost / f64::from(sigma);
            assert!((0.7..1.3).contains(&ratio), "σ {sigma}: lost {lost}");
        }
    }

    #[test]
    fn the_transform_is_orthonormal() {
        let block: [f32; BLOCK] = std::array::from_fn(|i| ((i * 37 % 64) as f32).sin());
        let there = transform(&block, false);
        let back = transform(&there, true);
        assert!(block.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-5));
        let energy = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>();
        assert!((energy(&block) - energy(&there)).abs() < 1e-3);
    }
}
