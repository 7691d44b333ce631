//! What is known of a picture exactly: some of its pixels, or the means of its blocks.
//!
//! Both are orthogonal projections P of the picture: `y = Py + (I − P)y`, what was measured and what is free.

use crate::picture::{Picture, Shape, normals};
use crate::study::lab::Region;
use crate::{Error, Result, limits};

/// The largest side of a block whose mean is known.
pub const LARGEST_FACTOR: usize = 64;

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// These pixels of a plane, in every channel.
    Pixels(Vec<bool>),
    /// The means of square blocks of this side.
    Blocks(usize),
}

/// What was measured of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    shape: Shape,
    known: Known,
}

impl Measurement {
    /// All but the pixels of a hole, one after the other, row after row.
    ///
    /// # Errors
    /// [`Error::Option`] naming `option` if there is no hole, nothing around it, or not one value a pixel.
    pub fn without(option: &str, shape: Shape, hole: &[bool]) -> Result<Self> {
        if hole.len() != shape.height * shape.width {
            let (height, width) = (shape.height, shape.width);
            return Err(Error::option(option, format!("{} pixels are no mask for {width}×{height}", hole.len())));
        }
        match hole.iter().filter(|hole| **hole).count() {
            0 => Err(Error::option(option, "leaves no hole to fill")),
            all if all == hole.len() => Err(Error::option(option, "leaves nothing of the picture; see `sample`")),
            _ => Ok(Self { shape, known: Known::Pixels(hole.iter().map(|hole| !hole).collect()) }),
        }
    }

    /// All but a rectangle.
    ///
    /// # Errors
    /// As for [`Self::without`], and for a rectangle that does not lie in the picture.
    pub fn around(option: &str, shape: Shape, hole: Region) -> Result<Self> {
        hole.check(option, shape)?;
        let inside = |at: usize, start: usize, length: usize| (start..start + length).contains(&at);
        let is_hole = |y: usize, x: usize| inside(y, hole.y, hole.height) && inside(x, hole.x, hole.width);
        let mask: Vec<bool> = (0..shape.height).flat_map(|y| (0..shape.width).map(move |x| is_hole(y, x))).collect();
        Self::without(option, shape, &mask)
    }

    /// Each pixel with probability `share`.
    ///
    /// # Errors
    /// As for [`Self::without`], and for a share that is not between 0 and 1.
    pub fn of_random(option: &str, shape: Shape, share: f64, seed: u64) -> Result<Self> {
        /// Keeps the mask apart from other numbers of the same seed.
        const STREAM: u64 = 0x6d_61_73_6b << 32;
        limits::number(option, share, 0.0, 1.0)?;
        let mut draws = vec![0.0; shape.height * shape.width];
        normals::open_uniforms(seed, STREAM, 0, &mut draws);
        Self::without(option, shape, &draws.into_iter().map(|draw| draw >= share).collect::<Vec<_>>())
    }

    /// The means of square blocks of `factor`×`factor` pixels: a picture of `factor` times fewer rows and columns.
    ///
    /// # Errors
    /// [`Error::Option`] naming `option` for a factor below 2 or one that does not divide the picture's sides.
    pub fn of_blocks(option: &str, shape: Shape, factor: usize) -> Result<Self> {
        limits::whole(option, factor as u64, 2, LARGEST_FACTOR as u64)?;
        if shape.height.is_multiple_of(factor) && shape.width.is_multiple_of(factor) {
            return Ok(Self { shape, known: Known::Blocks(factor) });
        }
        let (height, width) = (shape.height, shape.width);
        Err(Error::option(option, format!("blocks of {factor}×{factor} do not fill {width}×{height} pixels")))
    }

    /// The pictures that it is about.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many values are free.
    #[must_use]
    pub fn free(&self) -> usize {
        match &self.known {
            Known::Pixels(known) => known.iter().filter(|known| !**known).count() * self.shape.channels,
            Known::Blocks(factor) => self.shape.len() - self.shape.len() / (factor * factor),
        }
    }

    /// Which pixels are missing, row after row; none where all are known in the mean.
    #[must_use]
    pub fn hole(&self) -> Option<Vec<bool>> {
        match &self.known {
            Known::Pixels(known) => Some(known.iter().map(|known| !known).collect()),
            Known::Blocks(_) => None,
        }
    }

    /// What is known of a picture: 0 in a hole, means in blocks.
    #[must_use]
    pub fn known_of(&self, picture: &Picture) -> Picture {
        let all: Vec<f64> = picture.values().iter().map(|v| f64::from(*v)).collect();
        let mut known = vec![0.0; all.len()];
        self.keep(&mut known, &all);
        Picture::new(picture.shape(), known.into_iter().map(|v| v as f32).collect())
    }

    /// The smallest rectangle around everything that is missing.
    #[must_use]
    pub fn bounds(&self) -> Region {
        let Some(hole) = self.hole() else { return Region::whole(self.shape) };
        let width = self.shape.width;
        let (mut low, mut high) = ((usize::MAX, usize::MAX), (0, 0));
        for at in (0..hole.len()).filter(|at| hole[*at]) {
            let (x, y) = (at % width, at / width);
            low = (low.0.min(x), low.1.min(y));
            high = (high.0.max(x + 1), high.1.max(y + 1));
        }
        Region { x: low.0, y: low.1, width: high.0 - low.0, height: high.1 - low.1 }
    }

    /// The same inside a rectangle that holds all that is missing.
    #[must_use]
    pub fn within(&self, region: Region) -> Self {
        let shape = Shape::new(self.shape.channels, region.height, region.width);
        let known = match &self.known {
            Known::Blocks(factor) => Known::Blocks(*factor),
            Known::Pixels(known) => {
                let rows = known.chunks_exact(self.shape.width).skip(region.y).take(region.height);
                Known::Pixels(rows.flat_map(|row| row[region.x..region.x + region.width].to_vec()).collect())
            }
        };
        Self { shape, known }
    }

    /// `(I − P)y` in place of y: nothing along what was measured.
    pub(in crate::study::lab) fn clear(&self, y: &mut [f64]) {
        match &self.known {
            Known::Pixels(known) => {
                for plane in y.chunks_exact_mut(known.len()) {
                    plane.iter_mut().zip(known).filter(|(_, known)| **known).for_each(|(y, _)| *y = 0.0);
                }
            }
            Known::Blocks(factor) => self.each_block(*factor, |block| {
                let mean = block.iter().map(|at| y[*at]).sum::<f64>() / block.len() as f64;
                for at in block {
                    y[*at] -= mean;
                }
            }),
        }
    }

    /// `(I − P)y + Pm` in place of y: what was measured as `measured` has it.
    pub(in crate::study::lab) fn keep(&self, y: &mut [f64], measured: &[f64]) {
        match &self.known {
            Known::Pixels(known) => {
                for (plane, m) in y.chunks_exact_mut(known.len()).zip(measured.chunks_exact(known.len())) {
                    plane.iter_mut().zip(m).zip(known).filter(|(_, known)| **known).for_each(|((y, m), _)| *y = *m);
                }
            }
            Known::Blocks(factor) => self.each_block(*factor, |block| {
                let off = block.iter().map(|at| measured[*at] - y[*at]).sum::<f64>() / block.len() as f64;
                for at in block {
                    y[*at] += off;
                }
            }),
        }
    }

    /// The indices of every block's values.
    fn each_block(&self, factor: usize, mut work: impl FnMut(&[usize])) {
        let Shape { channels, height, width } = self.shape;
        let mut block = Vec::with_capacity(factor * factor);
        for corner in (0..channels * height / factor).flat_map(|row| (0..width / factor).map(move |x| (row, x))) {
            block.clear();
            let first = corner.0 * factor * width + corner.1 * factor;
            (0..factor).for_each(|row| block.extend(first + row * width..first + row * width + factor));
            work(&block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::new(2, 4, 6);

    fn picture(seed: usize) -> Vec<f64> {
        (0..SHAPE.len()).map(|i| ((i * 37 + seed * 11) % 17) as f64 / 17.0).collect()
    }

    #[test]
    fn every_measurement_is_an_orthogonal_projection_of_the_right_rank() {
        let hole = Region { x: 1, y: 2, width: 3, height: 2 };
        let all = [
            (Measurement::around("", SHAPE, hole).unwrap(), 12),
            (Measurement::of_blocks("", SHAPE, 2).unwrap(), SHAPE.len() * 3 / 4),
            (Measurement::of_random("", SHAPE, 0.5, 3).unwrap(), 0),
        ];
        for (m, free) in all {
            let part = |y: &[f64]| {
                let mut y = y.to_vec();
                m.clear(&mut y);
                y
            };
            let (a, b) = (picture(1), picture(2));
            let (pa, pb) = (part(&a), part(&b));
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            assert!((dot(&pa, &b) - dot(&a, &pb)).abs() < 1e-12, "symmetric");
            assert!(part(&pa).iter().zip(&pa).all(|(twice, once)| (twice - once).abs() < 1e-15), "idempotent");
            // The trace of I − P is its rank.
            let unit = |at: usize| (0..SHAPE.len()).map(|i| f64::from(u8::from(i == at))).collect::<Vec<_>>();
            let trace: f64 = (0..SHAPE.len()).map(|at| part(&unit(at))[at]).sum();
            assert!((trace - m.free() as f64).abs() < 1e-12 && (free == 0 || m.free() == free), "{trace}");
            let mut kept = b.clone();
            m.keep(&mut kept, &a);
            let off: Vec<f64> = kept.iter().zip(&a).map(|(k, a)| k - a).collect();
            assert!(part(&off).iter().zip(&off).all(|(free, all)| (free - all).abs() < 1e-12), "Py = Pm");
            assert!(part(&kept).iter().zip(&pb).all(|(a, b)| (a - b).abs() < 1e-12), "the rest is y's");
        }
    }

    #[test]
    fn what_is_missing_is_found_and_cut_out() {
        let hole = Region { x: 2, y: 1, width: 3, height: 2 };
        let all = Measurement::around("", SHAPE, hole).unwrap();
        assert_eq!(all.bounds(), hole);
        let part = all.within(Region { x: 1, y: 1, width: 5, height: 3 });
        assert_eq!(part.bounds(), Region { x: 1, y: 0, ..hole });
        assert_eq!((part.free(), part.shape()), (all.free(), Shape::new(2, 3, 5)));
    }

    #[test]
    fn what_measures_nothing_or_all_is_refused_by_its_option() {
        let message = |m: Result<Measurement>| m.unwrap_err().to_string();
        let beside = Region { x: 4, y: 0, width: 3, height: 1 };
        assert!(message(Measurement::around("--hole", SHAPE, beside)).starts_with("--hole"));
        assert!(message(Measurement::around("--hole", SHAPE, Region::whole(SHAPE))).contains("nothing"));
        assert!(message(Measurement::without("--mask", SHAPE, &[false; 24])).contains("no hole"));
        assert!(message(Measurement::without("--mask", SHAPE, &[true; 3])).starts_with("--mask"));
        assert!(message(Measurement::of_random("--random", SHAPE, f64::NAN, 0)).starts_with("--random"));
        for wrong in [0, 1, 3, 65] {
            assert!(message(Measurement::of_blocks("--coarse", SHAPE, wrong)).starts_with("--coarse"), "{wrong}");
        }
    }
}
