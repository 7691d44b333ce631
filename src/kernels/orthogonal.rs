//! Newton–Schulz rounds that push every singular value of a matrix to about one: the orthogonal factor that Muon steps along.

use rayon::prelude::*;

use super::conv::pointwise;
use super::outer::{Outer, accumulate};
use super::product::{Grid, Panels};
use super::simd::{Level, padded};

/// Applies `rounds` rounds of `X ← aX + bXXᵀX + c(XXᵀ)²X` to each `[rows, columns]` matrix, divided by its Frobenius norm
/// first; a zero matrix stays zero.
///
/// # Panics
/// If `matrices` is no whole number of matrices.
#[must_use]
pub fn orthogonalise(
    level: Level,
    matrices: &[f32],
    [rows, columns]: [usize; 2],
    (a, b, c): (f32, f32, f32),
    rounds: usize,
) -> Vec<f32> {
    let size = rows * columns;
    assert!(size > 0 && matrices.len().is_multiple_of(size), "a whole number of matrices");
    let mut out = vec![0.0; matrices.len()];
    out.par_chunks_exact_mut(size).zip(matrices.par_chunks_exact(size)).for_each(|(out, matrix)| {
        // The longer side down, so that the Gram matrix is the smaller one; x is that times P of rounds.
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
        for _ in 0..rounds {
            let mut gram = vec![0.0; wide * wide];
            let grid = Grid::lines(wide);
            let outer = Outer { left: (&x, grid), inputs: wide, right: (&x, grid), outputs: wide, rows: long };
            accumulate(level, &outer, &mut gram);
            let mut polynomial = vec![0.0; wide * wide];
            pointwise(&Panels::pack_rows(level, [1, wide, wide], &gram), wide, &gram, &mut polynomial, false);
            polynomial.iter_mut().zip(&gram).for_each(|(p, g)| *p = b * g + c * *p);
            let panels = Panels::pack_rows(level, [1, wide, wide], &polynomial);
            let mut next: Vec<f32> = x.iter().map(|v| a * v).collect();
            pointwise(&panels, long, &x, &mut next, true);
            x = next;
        }
        for (l, row) in x.chunks_exact(wide).enumerate() {
            for (s, value) in row[..short].iter().enumerate() {
                out[at(l, s)] = *value;
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::tests::noise;

    #[test]
    fn rounds_agree_with_plain_loops() {
        let (a, b, c) = (3.4445, -4.7750, 2.0315);
        for (rows, columns) in [(3, 5), (5, 3), (20, 50), (17, 17), (1, 4)] {
            let matrices = noise(7, 2 * rows * columns);
            let mut truth = Vec::new();
            for matrix in matrices.chunks_exact(rows * columns) {
                let norm = matrix.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
                let mut x: Vec<f64> = matrix.iter().map(|v| f64::from(*v) / norm).collect();
                let product = |p: &[f64], q: &[f64], n: usize, k: usize, m: usize| -> Vec<f64> {
                    (0..n * m).map(|i| (0..k).map(|j| p[i / m * k + j] * q[j * m + i % m]).sum()).collect()
                };
                for _ in 0..2 {
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
                let found = orthogonalise(level, &matrices, [rows, columns], (a, b, c), 2);
                for (found, truth) in found.iter().zip(&truth) {
                    assert!((f64::from(*found) - truth).abs() < 2e-5, "{} {rows}×{columns}", level.name());
                }
            }
        }
        assert_eq!(orthogonalise(Level::best(), &[0.0; 6], [2, 3], (3.0, -4.0, 2.0), 5), [0.0; 6]);
    }
}
