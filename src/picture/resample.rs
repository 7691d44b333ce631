//! Resampling by Lanczos's windowed sinc, with as wide a filter as the reduction asks for.

use std::f64::consts::PI;

use rayon::prelude::*;

use super::{Picture, Shape};

/// Lobes of the filter on each side.
const LOBES: f64 = 3.0;

/// The picture in another size, by a separable Lanczos filter of three lobes on the stored values.
///
/// When it becomes smaller the filter is as much wider, so nothing aliases. What the filter overshoots is clipped to the
/// range of the picture's own values, so a clean picture stays in [0, 1].
#[must_use]
pub fn resize(picture: &Picture, height: usize, width: usize) -> Picture {
    let from = picture.shape();
    let to = Shape::new(from.channels, height, width);
    if from == to {
        return picture.clone();
    }
    if from.is_empty() || to.is_empty() {
        return Picture::filled(to, 0.0);
    }
    let rows = taps(from.height, height);
    let columns = taps(from.width, width);
    let mut values = Vec::with_capacity(to.len());
    for channel in 0..from.channels {
        let plane = picture.plane(channel);
        let (low, high) = plane.iter().fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
        let mut tall = vec![0.0_f32; height * from.width];
        tall.par_chunks_mut(from.width).zip(&rows).for_each(|(out, taps)| {
            for (row, &weight) in plane.chunks_exact(from.width).skip(taps.first).zip(&taps.weights) {
                out.iter_mut().zip(row).for_each(|(sum, v)| *sum += weight * v);
            }
        });
        values.par_extend(tall.par_chunks(from.width).flat_map_iter(|row| {
            columns.iter().map(|taps| {
                let sum: f32 = row[taps.first..].iter().zip(&taps.weights).map(|(v, weight)| v * weight).sum();
                sum.max(low).min(high)
            })
        }));
    }
    Picture::new(to, values)
}

/// The inputs of one output: `weights`, which sum to 1, of the values from `first` on.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// The taps of each of `to` outputs over `from` inputs; centres of pixels lie at half-integers.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    (0..to)
        .map(|output| {
            let centre = (output as f64 + 0.5) * scale;
            let first = (centre - LOBES * stretch).floor().max(0.0) as usize;
            let end = ((centre + LOBES * stretch).ceil() as usize).min(from);
            let weights: Vec<f64> =
                (first..end).map(|input| lanczos((input as f64 + 0.5 - centre) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            Taps { first, weights: weights.iter().map(|weight| (weight / sum) as f32).collect() }
        })
        .collect()
}

/// sinc(x)·sinc(x/3) within three lobes. `libm`'s sine is the same on every machine.
fn lanczos(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else if x.abs() < LOBES {
        LOBES * libm::sin(PI * x) * libm::sin(PI * x / LOBES) / (PI * x).powi(2)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma, imageops};

    use super::*;
    use crate::picture::normals;

    #[test]
    fn agrees_with_an_independent_resampler() {
        for ((height, width), (h, w)) in
            [((40, 56), (10, 16)), ((9, 13), (32, 20)), ((7, 100), (20, 9)), ((1, 1), (4, 4))]
        {
            let mut values = vec![0.0; height * width];
            normals::uniforms(3, 0, 0, &mut values);
            // Far enough from 0 and 1 that the other one never clips.
            for v in &mut values {
                *v = 0.35 + 0.3 * *v;
            }
            let (low, high) = values.iter().fold((1.0_f32, 0.0_f32), |(low, high), &v| (low.min(v), high.max(v)));
            let buffer: ImageBuffer<Luma<f32>, Vec<f32>> =
                ImageBuffer::from_raw(width as u32, height as u32, values.clone()).expect("a buffer");
            let theirs = imageops::resize(&buffer, w as u32, h as u32, imageops::FilterType::Lanczos3);
            let ours = resize(&Picture::new(Shape::new(1, height, width), values), h, w);
            let worst = ours
                .values()
                .iter()
                .zip(theirs.as_raw())
                .fold(0.0_f32, |m, (a, b)| m.max((a - b.clamp(low, high)).abs()));
            assert!(worst < 1e-5, "{height}×{width} to {h}×{w}: {worst}");
        }
    }

    #[test]
    fn keeps_constants_and_the_range() {
        let flat = Picture::filled(Shape::new(3, 50, 31), 0.3);
        assert!(resize(&flat, 8, 64).values().iter().all(|v| (v - 0.3).abs() < 1e-6));
        let step = Picture::new(Shape::new(1, 1, 64), (0..64).map(|x| f32::from(u8::from(x >= 32))).collect());
        assert!(resize(&step, 3, 200).values().iter().all(|v| (0.0..=1.0).contains(v)));
    }

    #[test]
    fn reduction_does_not_alias() {
        // The finest stripes there are become grey, not coarser stripes.
        let stripes = Picture::new(Shape::new(1, 8, 640), (0..8 * 640).map(|i| (i % 2) as f32).collect());
        let grey = resize(&stripes, 8, 90);
        let inner = grey.values().chunks_exact(90).flat_map(|row| &row[4..86]);
        assert!(inner.into_iter().all(|v| (v - 0.5).abs() < 1e-2));
    }
}
