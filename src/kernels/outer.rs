//! Sums of outer products, `out[i][o] += Σ_rows left[row][i]·right[row][o]`: what weight gradients are made of.
//!
//! Both matrices' rows lie where a [`Grid`] finds them, pixel by pixel in a picture. Every value is one chain of
//! multiply-adds in the order of the rows.

use super::layout::volume;
use super::product::Grid;
use super::simd::{Kernel, Level, Simd, WIDEST};

/// Rows whose offsets are found once for all tiles of the result, and whose values stay in a near cache.
const BLOCK_ROWS: usize = 128;

/// What [`accumulate`] adds.
#[derive(Clone, Copy)]
pub struct Outer<'a> {
    /// Where the left matrix's rows lie, and how.
    pub left: (&'a [f32], Grid),
    /// The left rows' length, whatever it is.
    pub inputs: usize,
    /// Where the right matrix's rows lie, and how.
    pub right: (&'a [f32], Grid),
    /// The right rows' length: a multiple of [`WIDEST`].
    pub outputs: usize,
    /// How many rows.
    pub rows: usize,
}

/// Adds the outer products to `out`, `[inputs, outputs]`, on this thread.
///
/// # Panics
/// If rows lie beyond their slices, or `out` has another size.
pub fn accumulate(level: Level, outer: &Outer, out: &mut [f32]) {
    let whole = outer.outputs.is_multiple_of(WIDEST) && out.len() == volume(&[outer.inputs, outer.outputs]);
    assert!(whole, "a whole padded result");
    if outer.rows == 0 || out.is_empty() {
        return;
    }
    let fits = |(values, grid): (&[f32], Grid), len: usize| {
        grid.end(outer.rows, len).is_some_and(|end| end <= values.len()) // without a wrap
    };
    assert!(fits(outer.left, outer.inputs), "the left matrix's rows must lie in its slice");
    assert!(fits(outer.right, outer.outputs), "the right matrix's rows must lie in its slice");
    level.run(Task { outer, out });
}

/// The sums, after the bounds were checked.
struct Task<'a> {
    outer: &'a Outer<'a>,
    out: &'a mut [f32],
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let Outer { left, right, rows, outputs, .. } = *self.outer;
        let (mut left, mut right) = (left.1.cursor(0), right.1.cursor(0));
        let mut offsets = [(0, 0); BLOCK_ROWS];
        for first in (0..rows).step_by(BLOCK_ROWS) {
            let offsets = &mut offsets[..BLOCK_ROWS.min(rows - first)];
            offsets.fill_with(|| (left.next(), right.next()));
            let vectors = outputs / S::LANES;
            if S::LANES < WIDEST {
                // Sixteen registers, or sixteen values a row: four rows of two or four vectors.
                if S::REGISTERS < 32 { self.sweep::<S, 4, 2>(s, offsets) } else { self.sweep::<S, 4, 4>(s, offsets) }
            } else if vectors.is_multiple_of(3) {
                self.sweep::<S, 8, 3>(s, offsets);
            } else if vectors.is_multiple_of(2) {
                self.sweep::<S, 8, 2>(s, offsets);
            } else {
                self.sweep::<S, 8, 1>(s, offsets);
            }
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    fn sweep<S: Simd, const MOST: usize, const NV: usize>(&mut self, s: S, offsets: &[(usize, usize)]) {
        for o in (0..self.outer.outputs).step_by(NV * S::LANES) {
            for i in (0..self.outer.inputs).step_by(MOST) {
                match MOST.min(self.outer.inputs - i) {
                    1 => self.tile::<S, 1, NV>(s, (i, o), offsets),
                    2 => self.tile::<S, 2, NV>(s, (i, o), offsets),
                    3 => self.tile::<S, 3, NV>(s, (i, o), offsets),
                    4 => self.tile::<S, 4, NV>(s, (i, o), offsets),
                    rest if MOST > 4 => match rest {
                        5 => self.tile::<S, 5, NV>(s, (i, o), offsets),
                        6 => self.tile::<S, 6, NV>(s, (i, o), offsets),
                        7 => self.tile::<S, 7, NV>(s, (i, o), offsets),
                        _ => self.tile::<S, 8, NV>(s, (i, o), offsets),
                    },
                    _ => unreachable!("no tile has more rows than MOST"),
                }
            }
        }
    }

    /// `MR × NV` vectors of the result, from input `i` and output `o` on.
    #[inline(always)]
    fn tile<S: Simd, const MR: usize, const NV: usize>(
        &mut self,
        s: S,
        (i, o): (usize, usize),
        rows: &[(usize, usize)],
    ) {
        let outputs = self.outer.outputs;
        let to = |r: usize, v: usize| (i + r) * outputs + o + v * S::LANES;
        let mut sums = [[s.splat(0.0); NV]; MR];
        for (r, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = s.load(&self.out[to(r, v)..]);
            }
        }
        let (left, right) = (self.outer.left.0.as_ptr(), self.outer.right.0.as_ptr());
        for &(l, r) in rows {
            // SAFETY: `accumulate` checked that `inputs` values from every left offset on and `outputs` from every right
            // one lie in their slices. `sweep` calls with i + MR ≤ inputs and o + NV·LANES ≤ outputs, which is a
            // multiple of WIDEST, so of NV·LANES for each NV that `run` chooses.
            unsafe {
                let mut b = [s.splat(0.0); NV];
                for (v, b) in b.iter_mut().enumerate() {
                    *b = s.load_at(right.add(r + o + v * S::LANES));
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let a = s.splat(*left.add(l + i + m));
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum = s.fma(a, b, *sum);
                    }
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                s.store(&mut self.out[to(r, v)..], sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::noise;

    #[test]
    fn sums_agree_with_plain_loops() {
        for (rows, inputs, outputs) in [(0, 3, 16), (1, 1, 16), (300, 27, 48), (129, 8, 64), (5, 17, 32), (131, 48, 96)]
        {
            // Rows two apart on the left; lines of three pixels with a border on the right.
            let left = noise(1, rows * 2 * inputs + inputs);
            let line = 5 * outputs;
            let right = noise(2, (rows + 3) * line);
            let grid = Grid { width: 3, height: usize::MAX, origin: outputs, x: outputs, y: line, n: 0 };
            let mut truth: Vec<f64> = noise(3, inputs * outputs).into_iter().map(f64::from).collect();
            let start: Vec<f32> = truth.iter().map(|v| *v as f32).collect();
            for row in 0..rows {
                let r = &right[outputs + row / 3 * line + row % 3 * outputs..][..outputs];
                for (truth, l) in truth.chunks_exact_mut(outputs).zip(&left[row * 2 * inputs..]) {
                    truth.iter_mut().zip(r).for_each(|(t, r)| *t += f64::from(*l) * f64::from(*r));
                }
            }
            for level in Level::available() {
                let mut out = start.clone();
                let outer =
                    Outer { left: (&left, Grid::lines(2 * inputs)), inputs, right: (&right, grid), outputs, rows };
                accumulate(level, &outer, &mut out);
                for (found, truth) in out.iter().zip(&truth) {
                    assert!((f64::from(*found) - truth).abs() < 1e-5 * (1.0 + rows as f64).sqrt(), "{}", level.name());
                }
            }
        }
    }
}
