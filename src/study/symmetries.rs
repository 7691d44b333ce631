//! A restoration averaged over the eight symmetries of the square ("self-ensemble").

use super::native::{Tiling, denoise};
use crate::Result;
use crate::joint::JointModel;
use crate::picture::{Picture, Shape};
use crate::task::Cancel;

/// [`denoise`] of the picture in each of its eight positions, turned back and averaged: `⅛ Σ_g g⁻¹ D(g y)`.
///
/// Timofte, Rothe and Van Gool, *Seven ways to improve example-based single image super resolution* (2016). A denoiser's errors in
/// the eight positions are not the same, so their mean is smaller, for eight times the work. `progress` is told the share of all of it.
///
/// # Errors
/// As [`denoise`].
pub fn denoise_averaged(
    model: &dyn JointModel,
    noisy: &Picture,
    sigma: f32,
    weights: &[f64],
    tiling: Tiling,
    cancel: &Cancel,
    progress: &mut dyn FnMut(f32),
) -> Result<Picture> {
    let mut sum = Picture::filled(noisy.shape(), 0.0);
    for number in 0..Position::COUNT {
        let position = Position::new(number);
        let mut part = |share: f32| progress((number as f32 + share) / Position::COUNT as f32);
        let restored = denoise(model, &position.of(noisy), sigma, weights, tiling, cancel, &mut part)?;
        let back = position.undone(&restored);
        sum.values_mut().iter_mut().zip(back.values()).for_each(|(sum, value)| *sum += value / Position::COUNT as f32);
    }
    Ok(sum)
}

/// One of the ways to lay a picture down: mirrored or not in either direction, then its rows for its columns or not.
#[derive(Debug, Clone, Copy)]
struct Position {
    across: bool,
    down: bool,
    transposed: bool,
}

impl Position {
    const COUNT: usize = 8;

    fn new(number: usize) -> Self {
        Self { across: number & 1 != 0, down: number & 2 != 0, transposed: number & 4 != 0 }
    }

    /// The picture in this position.
    fn of(self, picture: &Picture) -> Picture {
        let mirrored = self.mirrored(picture);
        if self.transposed { transposed(&mirrored) } else { mirrored }
    }

    /// A picture that lies in this position, as it was.
    fn undone(self, picture: &Picture) -> Picture {
        if self.transposed { self.mirrored(&transposed(picture)) } else { self.mirrored(picture) }
    }

    fn mirrored(self, picture: &Picture) -> Picture {
        let Shape { height, width, .. } = picture.shape();
        let mut turned = picture.clone();
        if self.across {
            turned.values_mut().chunks_exact_mut(width).for_each(<[f32]>::reverse);
        }
        if self.down {
            for plane in turned.values_mut().chunks_exact_mut(height * width) {
                for row in 0..height / 2 {
                    let (above, below) = plane.split_at_mut((height - 1 - row) * width);
                    above[row * width..][..width].swap_with_slice(&mut below[..width]);
                }
            }
        }
        turned
    }
}

/// Rows for columns.
fn transposed(picture: &Picture) -> Picture {
    let Shape { channels, height, width } = picture.shape();
    let mut values = Vec::with_capacity(picture.values().len());
    for channel in 0..channels {
        let plane = picture.plane(channel);
        values.extend((0..width).flat_map(|x| (0..height).map(move |y| plane[y * width + x])));
    }
    Picture::new(Shape::new(channels, width, height), values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::GaussianMixture;

    const SHAPE: Shape = Shape::new(2, 4, 4);

    fn picture(shape: Shape) -> Picture {
        Picture::new(shape, (0..shape.len()).map(|i| ((i * 7) % 23) as f32 / 23.0).collect())
    }

    #[test]
    fn the_eight_positions_differ_and_are_undone() {
        for shape in [SHAPE, Shape::new(3, 2, 5), Shape::new(1, 1, 3)] {
            let picture = picture(shape);
            let all: Vec<Picture> = (0..8).map(|number| Position::new(number).of(&picture)).collect();
            for (number, turned) in all.iter().enumerate() {
                assert_eq!(Position::new(number).undone(turned), picture, "{number}");
            }
        }
        let square = picture(SHAPE);
        let all: Vec<Picture> = (0..8).map(|number| Position::new(number).of(&square)).collect();
        assert!((0..8).all(|a| (0..a).all(|b| all[a] != all[b])));
    }

    /// Of one Gaussian with mean μ, D(y) = μ + s²/(s² + σ²)(y − μ): the mean over the positions has the mean of μ's positions.
    #[test]
    fn a_gaussians_average_is_towards_the_symmetric_mean() {
        let (mean, variance, sigma) = (picture(SHAPE), 0.04, 0.1_f32);
        let values = mean.values().iter().map(|v| f64::from(*v)).collect();
        let model = GaussianMixture::new(SHAPE, 1).with(0, 1.0, values, variance);
        let noisy = Picture::filled(SHAPE, 0.4).zip(&mean, |a, b| a + b * b);
        let (mut shares, cancel) = (Vec::new(), Cancel::new());
        let found = denoise_averaged(&model, &noisy, sigma, &[1.0], Tiling::default(), &cancel, &mut |share| {
            shares.push(share);
        })
        .unwrap();
        let mut centre = vec![0.0; SHAPE.len()];
        for number in 0..8 {
            let turned = Position::new(number).undone(&mean);
            centre.iter_mut().zip(turned.values()).for_each(|(sum, v)| *sum += v / 8.0);
        }
        let shrink = variance as f32 / (variance as f32 + sigma * sigma);
        for ((found, y), mu) in found.values().iter().zip(noisy.values()).zip(centre) {
            assert!((found - (mu + shrink * (y - mu))).abs() < 1e-5, "{found}");
        }
        assert!(shares.is_sorted() && shares.last() == Some(&1.0), "{shares:?}");
        cancel.raise();
        assert!(denoise_averaged(&model, &noisy, sigma, &[1.0], Tiling::default(), &cancel, &mut |_| ()).is_err());
    }
}
