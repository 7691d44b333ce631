//! What a pixel of the result was made of: the adaptive filter of the denoiser there (Mohan et al. 2020).

use super::Scene;
use super::operator::Operator;
use crate::joint::Jacobian;
use crate::picture::Picture;
use crate::task::Cancel;
use crate::{Error, Result};

/// The filter at a pixel: a row of the Jacobian, the mean of those of the pixel's channels.
///
/// D changes at the pixel by `Σ_j w_j δ_j` when the noisy picture changes by δ. J is symmetric, so that row is also what one
/// grain of noise at the pixel does to the whole result.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The pixel: column and row.
    pub pixel: (usize, usize),
    /// w, a weight for every value of the noisy picture.
    pub weights: Picture,
    /// `Σ_j w_j`: 1 where a change of brightness passes whole.
    pub sum: f64,
    /// The root mean square distance from the pixel in pixels, weighed by w²: how wide it looks around.
    pub width: f64,
    /// Whether it is exact but for rounding; else it is a difference of denoisers.
    pub is_exact: bool,
}

/// The filter at a pixel of the scene, in the denoiser of all classes or of one.
///
/// # Errors
/// [`Error::Option`] for a pixel outside of the picture; [`Error::Cancelled`].
pub fn filter(scene: &Scene, (x, y): (usize, usize), class: Option<usize>, cancel: &Cancel) -> Result<Filter> {
    let shape = scene.noisy.shape();
    if x >= shape.width || y >= shape.height {
        let reason = format!("{x},{y} is no pixel of the {}×{} that the model sees", shape.width, shape.height);
        return Err(Error::option("--filter", reason));
    }
    let mut operator = Operator::new(scene, class.map_or(Jacobian::Whole, Jacobian::Class), cancel);
    let mut direction = vec![0.0; shape.len()];
    for c in 0..shape.channels {
        direction[(c * shape.height + y) * shape.width + x] = 1.0 / shape.channels as f32;
    }
    let weights = operator.times(direction)?.picture(0);
    let (mut sum, mut around, mut squares) = (0.0, 0.0, 0.0);
    for (index, weight) in weights.values().iter().enumerate() {
        let (row, column) = (index / shape.width % shape.height, index % shape.width);
        let distance = (row as f64 - y as f64).powi(2) + (column as f64 - x as f64).powi(2);
        let weight = f64::from(*weight);
        sum += weight;
        around += weight * weight * distance;
        squares += weight * weight;
    }
    let width = if squares > 0.0 { (around / squares).sqrt() } else { 0.0 };
    Ok(Filter { pixel: (x, y), weights, sum, width, is_exact: operator.is_exact })
}
