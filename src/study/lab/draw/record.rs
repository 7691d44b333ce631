//! What is told and kept of pictures while they are drawn.

use crate::picture::{Picture, Shape};

/// The levels' curvature ρ of Karras et al.
const RHO: f64 = 7.0;

/// The levels of Karras et al., falling.
pub(in crate::study::lab) fn karras(from: f64, to: f64, steps: usize) -> Vec<f64> {
    let (a, b) = (from.powf(1.0 / RHO), to.powf(1.0 / RHO));
    (0..steps).map(|i| (a + (b - a) * i as f64 / (steps - 1) as f64).powf(RHO)).collect()
}

/// What somebody who watches sees: some of the pictures as the model takes them to be by now.
#[derive(Debug, Clone, Copy)]
pub struct Sketch<'a> {
    /// How much of all the work is done, from 0 to 1.
    pub share: f32,
    /// The number of the first picture that is here.
    pub first: usize,
    pub(in crate::study::lab) shape: Shape,
    pub(in crate::study::lab) values: &'a [f64],
}

impl Sketch<'_> {
    /// The pictures, not clipped: D at the level that they have come to.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        pictures(self.shape, self.values)
    }
}

/// Pictures of so many values in a row.
pub(super) fn pictures(shape: Shape, values: &[f64]) -> Vec<Picture> {
    let rows = values.chunks_exact(shape.len());
    rows.map(|row| Picture::new(shape, row.iter().map(|v| *v as f32).collect())).collect()
}

/// A picture on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The noise level.
    pub sigma: f32,
    /// The noisy picture of that level.
    pub noisy: Picture,
    /// What the model takes it to be.
    pub denoised: Picture,
}

/// Keeps some of a picture's way, evenly over its steps, the first and the last among them.
#[derive(Debug, Clone)]
pub(in crate::study::lab) struct Recorder {
    wanted: usize,
    /// About how many steps there will be.
    steps: usize,
    seen: usize,
    frames: Vec<Frame>,
}

impl Recorder {
    pub fn new(wanted: usize, steps: usize) -> Self {
        Self { wanted, steps: steps.max(1), seen: 0, frames: Vec::new() }
    }

    /// Takes in a step, if its turn has come.
    pub fn note(&mut self, shape: Shape, sigma: f64, noisy: &[f64], denoised: &[f64]) {
        // Frame k is the step at k·(steps − 1)/(wanted − 1), rounded down.
        let place = self.frames.len() * (self.steps - 1) / (self.wanted.max(2) - 1);
        if self.frames.len() < self.wanted && self.seen >= place {
            let picture = |values: &[f64]| Picture::new(shape, values.iter().map(|v| *v as f32).collect());
            self.frames.push(Frame { sigma: sigma as f32, noisy: picture(noisy), denoised: picture(denoised) });
        }
        self.seen += 1;
    }

    /// Takes in where the way ended, if it ended before it was thought to.
    pub fn end(&mut self, shape: Shape, sigma: f64, noisy: &[f64], denoised: &[f64]) {
        let wanted = self.wanted;
        if wanted == 0 || self.frames.is_empty() {
            return;
        }
        self.frames.truncate((wanted - 1).max(1));
        (self.steps, self.seen) = (1, 0);
        self.wanted = self.frames.len() + 1;
        self.note(shape, sigma, noisy, denoised);
        self.frames.truncate(wanted);
    }

    pub fn frames(self) -> Vec<Frame> {
        self.frames
    }
}
