//! A whole photograph at its own size, in overlapping tiles whose seams are feathered away.

use crate::joint::JointModel;
use crate::picture::{Batch, Picture, Shape};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// How a large picture is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// The side of a tile in pixels; a picture that is no larger stays whole.
    pub tile: usize,
    /// How many pixels neighbouring tiles share at least, over which one fades into the other.
    pub overlap: usize,
}

impl Default for Tiling {
    fn default() -> Self {
        Self { tile: 256, overlap: 32 }
    }
}

/// `y + σ² Σ_c w_c ∇_y log p_σ(y, c)` over a picture of any size, with the same class weights w in every tile.
///
/// With a posterior as weights this is D; with all weight on one class it is that class's denoiser. `sigma` lies in
/// the model's range; `progress` is told the finished share whenever some tiles are done.
///
/// # Errors
/// [`Error::Compute`] if the model takes pictures of its own size only; [`Error::Cancelled`].
pub fn denoise(
    model: &dyn JointModel,
    noisy: &Picture,
    sigma: f32,
    weights: &[f64],
    tiling: Tiling,
    cancel: &Cancel,
    progress: &mut dyn FnMut(f32),
) -> Result<Picture> {
    let mut restoration = Restoration::begin(model, noisy.shape(), sigma, weights, tiling)?;
    while !restoration.is_complete() {
        restoration.advance(model, noisy, cancel)?;
        progress(restoration.share());
    }
    Ok(restoration.finish())
}

/// [`denoise`] with weights that are made of each tile's own `[K]` log-joint.
///
/// # Errors
/// As for [`denoise`].
pub(super) fn denoise_by(
    model: &dyn JointModel,
    noisy: &Picture,
    sigma: f32,
    weights: &dyn Fn(&[f64]) -> Vec<f32>,
    tiling: Tiling,
    cancel: &Cancel,
) -> Result<Picture> {
    let mut restoration = Restoration::begin(model, noisy.shape(), sigma, &[], tiling)?;
    while !restoration.is_complete() {
        restoration.advance_by(model, noisy, weights, cancel)?;
    }
    Ok(restoration.finish())
}

/// Whether a model takes the tiles of a picture of this shape.
#[must_use]
pub fn accepts(model: &dyn JointModel, shape: Shape, tiling: Tiling) -> bool {
    model.accepts(Shape {
        height: tiling.tile.max(1).min(shape.height),
        width: tiling.tile.max(1).min(shape.width),
        ..shape
    })
}

/// [`denoise`] in steps: a few tiles at a time, so that whoever waits can do something else between them.
#[derive(Debug)]
pub struct Restoration {
    rows: Axis,
    columns: Axis,
    tile: Shape,
    sigma: f32,
    cotangent: Vec<f32>,
    blended: Picture,
    done: usize,
}

/// A restored tile, before it is blended with its neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoredTile {
    /// The row of its first pixel.
    pub top: usize,
    /// The column of its first pixel.
    pub left: usize,
    /// D over it.
    pub picture: Picture,
}

impl Restoration {
    /// Of a noisy picture of `shape`, nothing of which is restored yet; the rest as for [`denoise`].
    ///
    /// # Errors
    /// [`Error::Compute`] if the model takes pictures of its own size only.
    pub fn begin(model: &dyn JointModel, shape: Shape, sigma: f32, weights: &[f64], tiling: Tiling) -> Result<Self> {
        let rows = Axis::cut(shape.height, tiling);
        let columns = Axis::cut(shape.width, tiling);
        let tile = Shape::new(shape.channels, rows.tile, columns.tile);
        if !model.accepts(tile) {
            let reason = format!("{} takes {} pictures only, not one of {shape}", model.name(), model.shape());
            return Err(Error::Compute(reason));
        }
        let cotangent = weights.iter().map(|&w| w as f32).collect();
        Ok(Self { rows, columns, tile, sigma, cotangent, blended: Picture::filled(shape, 0.0), done: 0 })
    }

    /// Restores the next tiles of `noisy`, as many as the model likes at once, and returns them.
    ///
    /// # Errors
    /// [`Error::Cancelled`], and those of the model.
    ///
    /// # Panics
    /// If `noisy` has another shape than the restoration was begun for.
    pub fn advance(&mut self, model: &dyn JointModel, noisy: &Picture, cancel: &Cancel) -> Result<Vec<RestoredTile>> {
        let cotangent = self.cotangent.clone();
        self.advance_by(model, noisy, &|_| cotangent.clone(), cancel)
    }

    /// [`Self::advance`] with weights that are made of each tile's own `[K]` log-joint.
    fn advance_by(
        &mut self,
        model: &dyn JointModel,
        noisy: &Picture,
        weights: &dyn Fn(&[f64]) -> Vec<f32>,
        cancel: &Cancel,
    ) -> Result<Vec<RestoredTile>> {
        assert_eq!(noisy.shape(), self.blended.shape(), "a restoration's own picture");
        cancel.check()?;
        let Self { rows, columns, tile, sigma, .. } = &*self;
        let at_once = limits::batch(model.at_once(*tile), tile.len());
        let place = |number: usize| (number / columns.starts.len(), number % columns.starts.len());
        let some: Vec<_> = (self.done..self.count().min(self.done + at_once)).map(place).collect();
        if some.is_empty() {
            return Ok(Vec::new());
        }
        let cut = |&(i, j): &(usize, usize)| cut(noisy, self.tile, rows.starts[i], columns.starts[j]);
        let part = Batch::of(&some.iter().map(cut).collect::<Vec<_>>());
        let forward = model.forward(&part, &vec![*sigma; some.len()])?;
        let cotangents: Vec<f32> = (0..some.len()).flat_map(|index| weights(forward.log_joint_of(index))).collect();
        let scores = forward.pullback(&cotangents)?;
        let mut restored = Vec::with_capacity(some.len());
        for (index, &(i, j)) in some.iter().enumerate() {
            let pairs = part.row(index).iter().zip(scores.row(index));
            let picture = Picture::new(self.tile, pairs.map(|(y, s)| y + self.sigma * self.sigma * s).collect());
            let (top, left) = (self.rows.starts[i], self.columns.starts[j]);
            blend(&mut self.blended, &picture, (top, &self.rows.weights[i]), (left, &self.columns.weights[j]));
            restored.push(RestoredTile { top, left, picture });
        }
        self.done += some.len();
        Ok(restored)
    }

    /// How many tiles there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.starts.len() * self.columns.starts.len()
    }

    /// How much of it is done, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f32 {
        self.done as f32 / self.count() as f32
    }

    /// Whether every tile is done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.done == self.count()
    }

    /// The restored picture; where tiles are missing, less than it.
    #[must_use]
    pub fn finish(self) -> Picture {
        self.blended
    }
}

/// One direction of the cut: where tiles begin, and how much each of their pixels counts. Over the tiles that share a
/// pixel these weights sum to 1.
#[derive(Debug)]
struct Axis {
    tile: usize,
    starts: Vec<usize>,
    weights: Vec<Vec<f32>>,
}

impl Axis {
    fn cut(length: usize, tiling: Tiling) -> Self {
        let tile = tiling.tile.max(1).min(length);
        let overlap = tiling.overlap.min(tile - 1);
        let steps = (length - tile).div_ceil(tile - overlap);
        let starts: Vec<usize> = (0..=steps).map(|i| i * (length - tile) / steps.max(1)).collect();
        // A ramp towards each end that has a neighbour; dividing by the sum over the tiles makes a partition of unity.
        let ramp = |start: usize, at: usize| {
            let before = if start == 0 { usize::MAX } else { at + 1 };
            let after = if start + tile == length { usize::MAX } else { tile - at };
            before.min(after).min(overlap + 1) as f32
        };
        let mut total = vec![0.0_f32; length];
        for &start in &starts {
            (0..tile).for_each(|at| total[start + at] += ramp(start, at));
        }
        let weights = starts.iter().map(|&s| (0..tile).map(|at| ramp(s, at) / total[s + at]).collect()).collect();
        Self { tile, starts, weights }
    }
}

fn cut(picture: &Picture, tile: Shape, top: usize, left: usize) -> Picture {
    let width = picture.shape().width;
    let mut values = Vec::with_capacity(tile.len());
    for channel in 0..tile.channels {
        for row in picture.plane(channel).chunks_exact(width).skip(top).take(tile.height) {
            values.extend_from_slice(&row[left..left + tile.width]);
        }
    }
    Picture::new(tile, values)
}

fn blend(sum: &mut Picture, tile: &Picture, rows: (usize, &[f32]), columns: (usize, &[f32])) {
    let Shape { height, width, .. } = sum.shape();
    let ((top, row_weights), (left, column_weights)) = (rows, columns);
    for channel in 0..tile.shape().channels {
        let lines = tile.plane(channel).chunks_exact(column_weights.len());
        for (y, (line, row_weight)) in lines.zip(row_weights).enumerate() {
            let at = (channel * height + top + y) * width + left;
            let target = &mut sum.values_mut()[at..at + line.len()];
            for ((t, value), column_weight) in target.iter_mut().zip(line).zip(column_weights) {
                *t += row_weight * column_weight * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::{Forward, SigmaRange};

    /// A pixelwise model that takes any size, so many at once: `log p(y, c) = −Σ (y − c)²/2`.
    struct Pixelwise(Vec<String>, usize);

    struct Passed(Batch, Vec<f32>, Vec<f64>);

    impl JointModel for Pixelwise {
        fn name(&self) -> &'static str {
            "pixelwise"
        }

        fn device(&self) -> String {
            "cpu".to_owned()
        }

        fn digest(&self) -> String {
            self.name().to_owned()
        }

        fn classes(&self) -> &[String] {
            &self.0
        }

        fn shape(&self) -> Shape {
            Shape::new(1, 8, 8)
        }

        fn accepts(&self, shape: Shape) -> bool {
            shape.channels == 1 && shape.height * shape.width <= 64
        }

        fn sigma_range(&self) -> SigmaRange {
            SigmaRange { min: 0.01, max: 1.0 }
        }

        fn at_once(&self, _: Shape) -> usize {
            self.1
        }

        fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
            Ok(Box::new(Passed(noisy.clone(), sigmas.to_vec(), vec![0.0; 2 * noisy.len()])))
        }
    }

    impl Forward for Passed {
        fn noisy(&self) -> &Batch {
            &self.0
        }

        fn sigmas(&self) -> &[f32] {
            &self.1
        }

        fn log_joint(&self) -> &[f64] {
            &self.2
        }

        fn pullback(&self, w: &[f32]) -> Result<Batch> {
            assert_eq!(w.len(), 2 * self.0.len());
            let scores = self.0.values().iter().map(|y| w[0] * -y + w[1] * (1.0 - y)).collect();
            Ok(Batch::new(self.0.shape(), scores))
        }
    }

    fn ramp(shape: Shape) -> Picture {
        Picture::new(shape, (0..shape.len()).map(|i| (i * 37 % 101) as f32 / 100.0).collect())
    }

    #[test]
    fn tiles_of_a_pixelwise_model_blend_into_the_whole() {
        let tiling = Tiling { tile: 8, overlap: 3 };
        for (height, width, at_once) in [(8, 8, 1), (1, 1, 4), (3, 40, 3), (9, 8, 100), (37, 23, 1), (37, 23, 4)] {
            let model = Pixelwise(vec![String::new(); 2], at_once);
            let noisy = ramp(Shape::new(1, height, width));
            let mut shares = Vec::new();
            let denoised =
                denoise(&model, &noisy, 0.5, &[0.25, 0.75], tiling, &Cancel::new(), &mut |s| shares.push(s)).unwrap();
            for (d, y) in denoised.values().iter().zip(noisy.values()) {
                assert!((d - (y + 0.25 * (0.75 - y))).abs() < 1e-6, "{height}×{width}");
            }
            assert!(shares.is_sorted() && (shares.last().unwrap() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_weights_of_the_tiles_over_a_pixel_sum_to_one_and_fade() {
        for (length, tile, overlap) in [(100, 32, 8), (33, 32, 8), (64, 32, 0), (500, 64, 63), (5, 1, 4)] {
            let axis = Axis::cut(length, Tiling { tile, overlap });
            let mut total = vec![0.0_f32; length];
            for (start, weights) in axis.starts.iter().zip(&axis.weights) {
                weights.iter().enumerate().for_each(|(at, w)| total[start + at] += w);
            }
            assert!(total.iter().all(|t| (t - 1.0).abs() < 1e-5), "{length} {tile} {overlap}");
            assert!(axis.starts.windows(2).all(|pair| pair[1] - pair[0] <= tile - overlap.min(tile - 1)));
        }
    }

    #[test]
    fn cancelling_stops_between_tiles() {
        let model = Pixelwise(vec![String::new(); 2], 1);
        let cancel = Cancel::new();
        let mut tiles = 0;
        let answer = denoise(
            &model,
            &ramp(Shape::new(1, 40, 40)),
            0.5,
            &[1.0, 0.0],
            Tiling { tile: 8, overlap: 2 },
            &cancel,
            &mut |_| {
                tiles += 1;
                cancel.raise();
            },
        );
        assert!(matches!(answer, Err(Error::Cancelled)) && tiles == 1);
    }

    #[test]
    fn a_model_of_one_size_says_so() {
        let model = Pixelwise(vec![String::new(); 2], 1);
        let answer = denoise(
            &model,
            &ramp(Shape::new(1, 40, 40)),
            0.5,
            &[1.0, 0.0],
            Tiling::default(),
            &Cancel::new(),
            &mut |_| (),
        );
        assert!(answer.unwrap_err().to_string().contains("takes 1×8×8 pictures only"));
    }
}
