//! Crops of photographs at their own size.
//!
//! A photograph counts as many pictures as crops lie side by side in it, so that a pass over the data shows each region
//! about once and a larger photograph more often. Those crops, spread evenly, are what is measured; training takes others of
//! the same photographs, anywhere.

use super::cache::Decoded;
use crate::Result;
use crate::picture::Shape;

/// The photographs, and a grid of crops over each.
#[derive(Debug)]
pub(super) struct Crops {
    photographs: Decoded,
    shape: Shape,
    /// The number of each photograph's first crop, and the number of all crops at the end.
    first: Vec<u32>,
}

impl Crops {
    /// Crops of `shape`. A photograph that is smaller, or could not be decoded, has none.
    pub fn new(photographs: Decoded, shape: Shape) -> Self {
        let (mut first, mut count) = (vec![0], 0);
        for place in photographs.places() {
            count += ((place.height / shape.height) * (place.width / shape.width)) as u32;
            first.push(count);
        }
        Self { photographs, shape, first }
    }

    /// Height and width of a photograph; zeros if it could not be decoded.
    pub fn size(&self, photograph: usize) -> (usize, usize) {
        let place = self.photographs.places()[photograph];
        (place.height, place.width)
    }

    /// The numbers of a photograph's crops: all, or at most so many of them, spread evenly.
    pub fn of(&self, photograph: usize, most: usize) -> impl Iterator<Item = u32> {
        let first = self.first[photograph];
        let all = (self.first[photograph + 1] - first) as usize;
        let count = all.min(most);
        (0..count).map(move |i| first + ((2 * i + 1) * all / (2 * count)) as u32)
    }

    /// Reads crop `number`, planar, or one of its photograph at `place`, which tells where: down and right, from 0 to below 1.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the file was changed.
    pub fn read(&self, number: usize, place: Option<(f64, f64)>, out: &mut Vec<u8>) -> Result<()> {
        let photograph = self.first.partition_point(|&first| first as usize <= number) - 1;
        let (rows, columns) = self.size(photograph);
        let (height, width) = (self.shape.height, self.shape.width);
        let corner = if let Some((down, right)) = place {
            (anywhere(rows - height, down), anywhere(columns - width, right))
        } else {
            let (across, within) = (columns / width, number - self.first[photograph] as usize);
            (spread(rows, height, within / across), spread(columns, width, within % across))
        };
        self.photographs.window(photograph, corner, (height, width), out)
    }
}

/// One of the places from 0 to `last`, each as likely for a share drawn from [0, 1).
fn anywhere(last: usize, share: f64) -> usize {
    ((share * (last + 1) as f64) as usize).min(last)
}

/// Where crop `number` of those that lie side by side on `length` pixels begins: the first and the last touch the edges, a single
/// one lies in the middle.
fn spread(length: usize, size: usize, number: usize) -> usize {
    let (count, room) = (length / size, length - size);
    if count == 1 { room / 2 } else { number * room / (count - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_lie_side_by_side_from_edge_to_edge() {
        let of = |length: usize, size: usize| -> Vec<usize> {
            (0..length / size).map(|number| spread(length, size, number)).collect()
        };
        assert_eq!(of(10, 3), [0, 3, 7]);
        assert_eq!(of(6, 3), [0, 3]);
        assert_eq!(of(5, 3), [1]);
        assert_eq!(of(3, 3), [0]);
    }

    #[test]
    fn every_place_is_as_likely() {
        let mut counts = [0; 5];
        (0..1000).for_each(|i| counts[anywhere(4, f64::from(i) / 1000.0)] += 1);
        assert_eq!(counts, [200; 5]);
        assert_eq!(anywhere(4, 1.0), 4, "rounding leads no further");
    }
}
