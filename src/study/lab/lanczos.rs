//! The ends of a symmetric operator's spectrum, by Lanczos' iteration with full reorthogonalisation (Golub & Van Loan,
//! Matrix Computations, ch. 10).

use crate::Result;
use crate::picture::normals;

/// Which eigenvalues come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The largest.
    Largest,
    /// The smallest.
    Smallest,
}

/// An eigenvalue and its vector.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub value: f64,
    /// Of unit length.
    pub vector: Vec<f64>,
    /// `‖A v − λ v‖`, as the iteration knows it.
    pub residual: f64,
}

/// Residuals below this share of the largest eigenvalue are small enough.
const TOLERANCE: f64 = 1e-3;

/// The `count` first eigenpairs of a symmetric operator on `size` numbers, in at most `steps` products. `operator` is given a
/// unit vector. Fewer pairs than asked for where there are not as many dimensions or steps.
///
/// # Errors
/// What `operator` returns.
pub(super) fn eigenpairs(
    size: usize,
    count: usize,
    steps: usize,
    end: End,
    seed: u64,
    mut operator: impl FnMut(&[f64]) -> Result<Vec<f64>>,
) -> Result<Vec<Pair>> {
    let steps = steps.min(size);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let (mut diagonal, mut beside): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut found = (Vec::new(), Vec::new());
    let Some(mut next) = fresh(size, seed, 0, &basis) else { return Ok(Vec::new()) };
    while basis.len() < steps {
        let mut image = operator(&next)?;
        diagonal.push(dot(&image, &next));
        basis.push(next);
        orthogonalise(&mut image, &basis);
        let length = dot(&image, &image).sqrt();
        beside.push(length);
        let scale = diagonal.iter().chain(&beside).fold(0.0_f64, |m, v| m.max(v.abs()));
        // Once more than twice as many were looked through, the first ones are hardly missed.
        if basis.len() >= (2 * count + 8).min(steps) {
            found = tridiagonal(&diagonal, &beside);
            let order = ordered(&found.0, end);
            let last = basis.len() - 1;
            let wrong = |&i: &usize| (length * found.1[i][last]).abs() > TOLERANCE * scale;
            if basis.len() == steps || !order.iter().take(count).any(wrong) {
                break;
            }
        }
        next = if length > 1e-10 * scale {
            image.iter().map(|v| v / length).collect()
        } else {
            // What was reached is mapped onto itself; go on beside it.
            if let Some(last) = beside.last_mut() {
                *last = 0.0;
            }
            match fresh(size, seed, basis.len() as u64, &basis) {
                Some(vector) => vector,
                None => break,
            }
        };
    }
    if found.0.len() != basis.len() {
        found = tridiagonal(&diagonal, &beside);
    }
    let length = beside.last().copied().unwrap_or_default();
    let pair = |i: usize| {
        let mut vector = vec![0.0; size];
        for (weight, basis) in found.1[i].iter().zip(&basis) {
            vector.iter_mut().zip(basis).for_each(|(v, b)| *v += weight * b);
        }
        let residual = (length * found.1[i].last().copied().unwrap_or_default()).abs();
        Pair { value: found.0[i], vector, residual }
    };
    Ok(ordered(&found.0, end).into_iter().take(count).map(pair).collect())
}

/// Indices of eigenvalues, the first ones first.
fn ordered(values: &[f64], end: End) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| match end {
        End::Largest => values[b].total_cmp(&values[a]),
        End::Smallest => values[a].total_cmp(&values[b]),
    });
    order
}

/// A random unit vector orthogonal to a basis, if there is room for one.
fn fresh(size: usize, seed: u64, stream: u64, basis: &[Vec<f64>]) -> Option<Vec<f64>> {
    /// Keeps starts apart from the noise of the same seed.
    const STREAM: u64 = 0x6c_61_6e_63 << 32;
    let mut values = vec![0.0_f32; size];
    normals::fill(seed, STREAM | stream, 0, &mut values);
    let mut vector: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
    let before = dot(&vector, &vector).sqrt();
    orthogonalise(&mut vector, basis);
    let length = dot(&vector, &vector).sqrt();
    (length > 1e-6 * before).then(|| vector.iter().map(|v| v / length).collect())
}

/// Takes a basis' part out of a vector, twice, because once leaves rounding's share.
fn orthogonalise(vector: &mut [f64], basis: &[Vec<f64>]) {
    for _ in 0..2 {
        for basis in basis {
            let along = dot(vector, basis);
            vector.iter_mut().zip(basis).for_each(|(v, b)| *v -= along * b);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Eigenvalues and vectors of a small symmetric tridiagonal matrix, by Jacobi's rotations.
fn tridiagonal(diagonal: &[f64], beside: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = diagonal.len();
    let mut a = vec![vec![0.0; n]; n];
    for i in 0..n {
        a[i][i] = diagonal[i];
        if i + 1 < n {
            (a[i][i + 1], a[i + 1][i]) = (beside[i], beside[i]);
        }
    }
    // Row k holds vector k.
    let mut vectors: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j] * a[i][j]).sum();
        let all: f64 = (0..n).map(|i| a[i][i] * a[i][i]).sum::<f64>() + 2.0 * off;
        if off <= 1e-28 * all {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                rotate(&mut a, &mut vectors, (p, q), (c, t * c));
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), vectors)
}

/// One rotation in the plane of p and q, of the matrix on both sides and of the vectors.
fn rotate(a: &mut [Vec<f64>], vectors: &mut [Vec<f64>], (p, q): (usize, usize), (c, s): (f64, f64)) {
    for row in a.iter_mut() {
        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
    }
    for matrix in [a, vectors] {
        let (above, below) = matrix.split_at_mut(q);
        for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A symmetric matrix with these eigenvalues, turned by Householder's reflections.
    fn matrix(eigenvalues: &[f64]) -> Vec<Vec<f64>> {
        let n = eigenvalues.len();
        let mut a = vec![vec![0.0; n]; n];
        (0..n).for_each(|i| a[i][i] = eigenvalues[i]);
        for stream in 0..3 {
            let v = fresh(n, 9, stream, &[]).unwrap();
            let reflect = |x: &[f64]| -> Vec<f64> {
                let along = 2.0 * dot(x, &v);
                x.iter().zip(&v).map(|(x, v)| x - along * v).collect()
            };
            a = a.iter().map(|row| reflect(row)).collect();
            let columns: Vec<Vec<f64>> =
                (0..n).map(|j| reflect(&a.iter().map(|row| row[j]).collect::<Vec<_>>())).collect();
            a = (0..n).map(|i| (0..n).map(|j| columns[j][i]).collect()).collect();
        }
        a
    }

    #[test]
    fn both_ends_of_a_known_spectrum_are_found_with_their_vectors() {
        // Geometric, as the spectra of denoisers are, and a negative one among them.
        let mut known: Vec<f64> = (0..60).map(|i| 0.8_f64.powi(i)).collect();
        known[59] = -0.3;
        let a = matrix(&known);
        let times = |v: &[f64]| -> Result<Vec<f64>> { Ok(a.iter().map(|row| dot(row, v)).collect()) };
        for (end, truth) in [(End::Largest, [1.0, 0.8, 0.64, 0.512]), (End::Smallest, [-0.3, 0.0, 0.0, 0.0])] {
            let pairs = eigenpairs(60, 4, 60, end, 3, times).unwrap();
            for (pair, truth) in pairs.iter().zip(truth) {
                assert!((pair.value - truth).abs() < 2e-3, "{}, not {truth}", pair.value);
                let image = times(&pair.vector).unwrap();
                let wrong: f64 = image.iter().zip(&pair.vector).map(|(a, v)| (a - pair.value * v).powi(2)).sum();
                assert!(
                    wrong.sqrt() < 2e-3 && pair.residual < 2e-3 && (dot(&pair.vector, &pair.vector) - 1.0).abs() < 1e-9
                );
            }
            assert!(dot(&pairs[0].vector, &pairs[1].vector).abs() < 1e-8);
        }
    }

    #[test]
    fn fewer_dimensions_than_asked_for_and_an_operator_of_nothing_are_no_trouble() {
        let pairs = eigenpairs(2, 5, 40, End::Largest, 0, |v| Ok(vec![2.0 * v[0], -v[1]])).unwrap();
        assert!(pairs.len() == 2 && (pairs[0].value - 2.0).abs() < 1e-12 && (pairs[1].value + 1.0).abs() < 1e-12);
        let none = eigenpairs(7, 3, 40, End::Largest, 0, |v| Ok(vec![0.0; v.len()])).unwrap();
        assert!(none.len() == 3 && none.iter().all(|pair| pair.value == 0.0));
        assert!(eigenpairs(0, 3, 40, End::Largest, 0, |v| Ok(v.to_vec())).unwrap().is_empty());
    }
}
