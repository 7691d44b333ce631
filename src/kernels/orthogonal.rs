//! Newton–Schulz rounds that push every singular value of a matrix to about one: the orthogonal factor that Muon steps along.

use rayon::prelude::*;

use super::conv::pointwise;
use super::outer::{Outer, accumulate};
use super::product::{Grid, Panels};
use super::simd::{Level, padded};

/// Rounds that are taken on the Gram matrix before it is formed anew: rounding errors in its small eigenvalues grow twelvefold a
/// round, so that five in a row would cost up to two digits of what three and two keep.
const ROUNDS_A_GRAM: usize = 3;

/// Applies `rounds` rounds of `X ← aX + bXXᵀX + c(XXᵀ)²X` to each `[rows, columns]` matrix, divided by its Frobenius norm
/// first; a zero matrix stays zero.
///
/// With X's longer side down, a round is `X ← XP` with `P = aI + bG + cG²` of the Gram matrix `G = XᵀX`, which becomes `PGP`. All
/// these commute, and are no larger than the shorter side: X itself is multiplied once in three rounds, after which G is formed anew.
///
/// # Panics
/// If `matrices` is no whole number of matrices.
#[must_use]
pub fn orthogonalise(
    level: Level,
    matrices: &[f32],
    [rows, columns]: [usize; 2],
    polynomial: (f32, f32, f32),
    rounds: usize,
) -> Vec<f32> {
    let size = rows * columns;
    assert!(size > 0 && matrices.len().is_multiple_of(size), "a whole number of matrices");
    let mut out = vec![0.0; matrices.len()];
    out.par_chunks_exact_mut(size).zip(matrices.par_chunks_exact(size)).for_each(|(out, matrix)| {
        let (long, short) = (rows.max(columns), rows.min(columns));
        let wide = padded(short);
        let at = |l: usize, s: usize| if rows < columns { s * columns + l } else { l * columns + s };
        let norm = matrix.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32 + 1e-7;
        let mut x = vec![0.0; long * wide];
        for (l, row) in x.chunks_exact_mut(wide).enumerate() {
            for (s, value) in row[..short].iter_mut().enumerate() {
                *value = matrix[at(l, s)] / norm;
            }
        }
        let mut left = rounds;
        while left > 0 {
            let together = left.min(ROUNDS_A_GRAM);
            x = product(&x, long, &Square { level, wide, short }.of_rounds(&x, polynomial, together));
            left -= together;
        }
        for (l, row) in x.chunks_exact(wide).enumerate() {
            for (s, value) in row[..short].iter().enumerate() {
                out[at(l, s)] = *value;
            }
        }
    });
    out
}

/// `left`, some rows, times packed columns.
fn product(left: &[f32], rows: usize, right: &Panels) -> Vec<f32> {
    let mut out = vec![0.0; rows * right.columns()];
    pointwise(right, rows, left, &mut out, false);
    out
}

/// Square matrices of `short` rows and columns, padded with zeros to `wide`.
#[derive(Clone, Copy)]
struct Square {
    level: Level,
    wide: usize,
    short: usize,
}

impl Square {
    fn pack(self, matrix: &[f32]) -> Panels {
        Panels::pack_rows(self.level, [1, self.wide, self.wide], matrix)
    }

    /// What some rounds multiply `x` by, in rows of `wide` values.
    fn of_rounds(self, x: &[f32], (a, b, c): (f32, f32, f32), rounds: usize) -> Panels {
        let Self { level, wide, short } = self;
        let mut gram = vec![0.0; wide * wide];
        let grid = Grid::lines(wide);
        let outer = Outer { left: (x, grid), inputs: wide, right: (x, grid), outputs: wide, rows: x.len() / wide };
        accumulate(level, &outer, &mut gram);
        let mut all: Option<Vec<f32>> = None;
        for left in (0..rounds).rev() {
            let mut one = product(&gram, wide, &self.pack(&gram));
            one.iter_mut().zip(&gram).for_each(|(p, g)| *p = b * g + c * *p);
            one.iter_mut().step_by(wide + 1).take(short).for_each(|p| *p += a);
            let packed = self.pack(&one);
            if left > 0 {
                gram = product(&product(&gram, wide, &packed), wide, &packed);
            }
            all = Some(match all {
                None => one,
                Some(all) => product(&all, wide, &packed),
            });
        }
        self.pack(&all.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::noise;

    #[test]
    fn rounds_agree_with_plain_loops() {
        let (a, b, c) = (3.4445, -4.7750, 2.0315);
        let shapes = [(3, 5), (5, 3), (20, 50), (17, 17), (1, 4)];
        for ((rows, columns), rounds) in shapes.into_iter().zip([2, 1, 5, 4, 3]) {
            let matrices = noise(7, 2 * rows * columns);
            let mut truth = Vec::new();
            for matrix in matrices.chunks_exact(rows * columns) {
                let norm = matrix.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
                let mut x: Vec<f64> = matrix.iter().map(|v| f64::from(*v) / norm).collect();
                let product = |p: &[f64], q: &[f64], n: usize, k: usize, m: usize| -> Vec<f64> {
                    (0..n * m).map(|i| (0..k).map(|j| p[i / m * k + j] * q[j * m + i % m]).sum()).collect()
                };
                for _ in 0..rounds {
                    let turned: Vec<f64> = (0..columns * rows).map(|i| x[i % rows * columns + i / rows]).collect();
                    let gram = product(&x, &turned, rows, columns, rows);
                    let square = product(&gram, &gram, rows, rows, rows);
                    let sum: Vec<f64> = gram.iter().zip(&square).map(|(g, s)| b * g + c * s).collect();
                    let change = product(&sum, &x, rows, rows, columns);
                    x.iter_mut().zip(change).for_each(|(x, d)| *x = a * *x + d);
                }
                truth.extend(x);
            }
            for level in Level::available() {
                let (a, b, c) = (a as f32, b as f32, c as f32);
                let found = orthogonalise(level, &matrices, [rows, columns], (a, b, c), rounds);
                for (found, truth) in found.iter().zip(&truth) {
                    assert!((f64::from(*found) - truth).abs() < 2e-5, "{} {rows}×{columns}", level.name());
                }
            }
        }
        assert_eq!(orthogonalise(Level::best(), &[0.0; 6], [2, 3], (3.0, -4.0, 2.0), 5), [0.0; 6]);
    }
}
