//! Seeded augmentation: mirrored pictures, crops of the reflected picture, and squares cut out of it.

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
    /// The side of a grey square whose middle is any of the picture's pixels ("cutout", arXiv 1708.04552); 0 for none.
    pub hole: usize,
}

/// One picture's draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    mirror: bool,
    down: isize,
    right: isize,
    hole: usize,
    /// Where the hole's middle is, down and right, as shares of the picture.
    middle: (f32, f32),
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
    /// Where in a photograph a crop lies.
    Crop,
    /// What a picture is mixed with, and by how much.
    Mixup = 0x0100_0008,
    /// What is done to that one.
    MixupAugment,
    /// Where it lies in its photograph.
    MixupCrop,
    /// Where an attack begins.
    Attack = 0x0100_000d,
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
    pub const NONE: Self = Self { mirror: false, shift: 0, hole: 0 };

    /// What is drawn for the picture shown as number `draw` of the whole run.
    #[must_use]
    pub fn draw(self, seed: u64, draw: u64) -> Change {
        self.draw_from(seed, Stream::Augment, draw)
    }

    /// The same from another stream.
    pub(super) fn draw_from(self, seed: u64, stream: Stream, draw: u64) -> Change {
        let mut generator = generator(seed, stream, draw);
        let mirror = self.mirror && generator.next_u32() & 1 == 1;
        let mut offset = || {
            let span = 2 * self.shift as u64 + 1;
            ((u64::from(generator.next_u32()) * span) >> 32) as isize - self.shift as isize
        };
        let (down, right) = (offset(), offset());
        let mut middle = || (generator.next_u32() >> 8) as f32 / (1 << 24) as f32;
        Change { mirror, down, right, hole: self.hole, middle: (middle(), middle()) }
    }
}

impl Change {
    /// The same without a hole.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { hole: 0, ..self }
    }

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
            if covered(self.hole, self.middle.0, height).contains(&y) {
                row[covered(self.hole, self.middle.1, width)].fill(0.5);
            }
        }
    }
}

/// The pixels of `0..size` under a hole whose middle is at the share `middle` of them.
fn covered(hole: usize, middle: f32, size: usize) -> std::ops::Range<usize> {
    let first = (middle * size as f32) as isize - (hole / 2) as isize;
    let inside = |place: isize| place.clamp(0, size as isize) as usize;
    inside(first)..inside(first + hole as isize)
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
        assert_eq!(apply(Change { mirror: false, down: 0, right: 0, hole: 0, middle: (0.0, 0.0) }), [0, 1, 2, 3, 4, 5]);
        assert_eq!(apply(Change { mirror: true, down: 0, right: 0, hole: 0, middle: (0.0, 0.0) }), [2, 1, 0, 5, 4, 3]);
        assert_eq!(apply(Change { mirror: false, down: 1, right: 0, hole: 0, middle: (0.0, 0.0) }), [3, 4, 5, 0, 1, 2]);
        assert_eq!(apply(Change { mirror: false, down: 0, right: 1, hole: 0, middle: (0.0, 0.0) }), [1, 0, 1, 4, 3, 4]);
    }

    #[test]
    fn a_hole_hides_one_square_anywhere() {
        let shape = Shape::new(2, 6, 5);
        let augmentation = Augmentation { mirror: false, shift: 0, hole: 3 };
        let mut hidden = [0; 30];
        for draw in 0..3000 {
            let mut out = vec![0.0; 60];
            augmentation.draw(7, draw).apply(&[255; 60], shape, &mut out);
            let grey: Vec<usize> = (0..60).filter(|&i| (out[i] - 0.5).abs() < 1e-6).collect();
            assert!(out.iter().all(|v| [0.5, 1.0].contains(v)));
            assert!((8..=18).contains(&grey.len()), "four to nine pixels of both channels: {grey:?}");
            assert!(grey.iter().all(|i| grey.contains(&((i + 30) % 60))), "the same of both");
            grey.iter().filter(|&&i| i < 30).for_each(|&i| hidden[i] += 1);
        }
        // A pixel inside is hidden by nine of thirty middles (900 ± five deviations of 25), a corner by four (400 ± 94).
        assert!((775..1025).contains(&hidden[2 * 5 + 2]), "{hidden:?}");
        assert!((306..494).contains(&hidden[0]) && (306..494).contains(&hidden[29]), "{hidden:?}");
    }

    #[test]
    fn draws_cover_every_shift_evenly_and_repeat() {
        let augmentation = Augmentation { mirror: true, shift: 4, hole: 0 };
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
