//! Seeded augmentation: mirrored pictures and crops of the reflected picture.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::picture::Shape;

/// What is drawn for each picture each time it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Whether half of the pictures are mirrored left to right.
    pub mirror: bool,
    /// By how many pixels at most a picture is shifted in each direction, its border continued by reflection.
    pub shift: usize,
}

/// One picture's draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    mirror: bool,
    down: isize,
    right: isize,
}

/// Streams of the generator, one for each purpose, so that no two draws share bits. The initial weights
/// take the small numbers of the same seed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Order = 0x0100_0000,
    Augment,
    Sigma,
    Noise,
    Evaluation,
    Counterfactual,
}

/// The generator for the draw number `draw` of one purpose: sixteen 32-bit words of its own.
pub(crate) fn generator(seed: u64, stream: Stream, draw: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream as u64);
    generator.set_word_pos(u128::from(draw) * 16);
    generator
}

/// A uniform number in [0, 1) with 53 bits.
pub(crate) fn uniform(generator: &mut ChaCha8Rng) -> f64 {
    (generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

impl Augmentation {
    /// Every picture as it is.
    pub const NONE: Self = Self { mirror: false, shift: 0 };

    /// What is drawn for the picture shown as number `draw` of the whole run.
    #[must_use]
    pub fn draw(self, seed: u64, draw: u64) -> Change {
        let mut generator = generator(seed, Stream::Augment, draw);
        let mirror = self.mirror && generator.next_u32() & 1 == 1;
        let mut offset = || {
            let span = 2 * self.shift as u64 + 1;
            ((u64::from(generator.next_u32()) * span) >> 32) as isize - self.shift as isize
        };
        Change { mirror, down: offset(), right: offset() }
    }
}

impl Change {
    /// Writes the changed picture, on the [0, 1] scale.
    pub fn apply(self, bytes: &[u8], shape: Shape, out: &mut [f32]) {
        let (height, width) = (shape.height, shape.width);
        let columns: Vec<usize> = (0..width)
            .map(|x| {
                let x = if self.mirror { width - 1 - x } else { x };
                reflect(x as isize - self.right, width)
            })
            .collect();
        let rows = out.chunks_exact_mut(width);
        for (index, row) in rows.enumerate() {
            let (channel, y) = (index / height, index % height);
            let from = &bytes[(channel * height + reflect(y as isize - self.down, height)) * width..][..width];
            for (value, &x) in row.iter_mut().zip(&columns) {
                *value = f32::from(from[x]) / 255.0;
            }
        }
    }
}

/// The index inside `0..size` that `index` meets when the border reflects without repeating its own pixels.
fn reflect(index: isize, size: usize) -> usize {
    if size == 1 {
        return 0;
    }
    let period = 2 * (size as isize - 1);
    let index = index.rem_euclid(period);
    index.min(period - index) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_reflects() {
        let met: Vec<usize> = (-3..7).map(|i| reflect(i, 4)).collect();
        assert_eq!(met, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(reflect(-5, 1), 0);
    }

    #[test]
    fn a_change_moves_and_mirrors() {
        let shape = Shape::new(1, 2, 3);
        let bytes = [0, 51, 102, 153, 204, 255];
        let apply = |change: Change| {
            let mut out = vec![0.0; 6];
            change.apply(&bytes, shape, &mut out);
            out.iter().map(|v| (v * 5.0).round() as i32).collect::<Vec<_>>()
        };
        assert_eq!(apply(Change { mirror: false, down: 0, right: 0 }), [0, 1, 2, 3, 4, 5]);
        assert_eq!(apply(Change { mirror: true, down: 0, right: 0 }), [2, 1, 0, 5, 4, 3]);
        assert_eq!(apply(Change { mirror: false, down: 1, right: 0 }), [3, 4, 5, 0, 1, 2]);
        assert_eq!(apply(Change { mirror: false, down: 0, right: 1 }), [1, 0, 1, 4, 3, 4]);
    }

    #[test]
    fn draws_cover_every_shift_evenly_and_repeat() {
        let augmentation = Augmentation { mirror: true, shift: 4 };
        let mut counts = [0; 9];
        let mut mirrored = 0;
        for draw in 0..9000 {
            let change = augmentation.draw(7, draw);
            assert_eq!(change, augmentation.draw(7, draw));
            counts[(change.down + 4) as usize] += 1;
            mirrored += i32::from(change.mirror);
        }
        // 1000 expected each; five binomial standard deviations are 149, and 237 for the mirror.
        assert!(counts.iter().all(|c| (851..1149).contains(c)), "{counts:?}");
        assert!((4263..4737).contains(&mirrored), "{mirrored}");
        assert_ne!(augmentation.draw(7, 0), augmentation.draw(8, 0));
    }
}
