//! Products with Jacobians: the oracle against closed forms and integration over clean pictures, every path against
//! differences.

use super::altered::{Altered, Change};
use super::curvature::{Between, Jacobian, differences, products};
use super::{Forward, GaussianMixture, JointModel};
use crate::Result;
use crate::picture::{Batch, Shape, normals};

const SHAPE: Shape = Shape::new(1, 2, 3);

/// That a model does not know its second derivatives.
struct Plain;

impl Change for Plain {
    fn curvature(&self, _: &dyn Forward, _: (&[f32], bool), _: &Batch) -> Result<Option<Batch>> {
        Ok(None)
    }
}

fn noise(stream: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    normals::fill(5, stream, 0, &mut values);
    values
}

/// S = AAᵀ/6 + 0.05·I
fn covariance(stream: u64) -> Vec<f64> {
    let (n, a) = (SHAPE.len(), noise(stream, SHAPE.len() * SHAPE.len()));
    let entry = |i: usize, j: usize| (0..n).map(|k| f64::from(a[i * n + k]) * f64::from(a[j * n + k])).sum::<f64>();
    (0..n * n).map(|at| entry(at / n, at % n) / 6.0 + if at / n == at % n { 0.05 } else { 0.0 }).collect()
}

fn mean(stream: u64) -> Vec<f64> {
    noise(stream, SHAPE.len()).iter().map(|v| 0.5 + 0.3 * f64::from(*v)).collect()
}

/// Three classes, of which the first has two components.
fn mixture() -> GaussianMixture {
    GaussianMixture::new(SHAPE, 3)
        .with_covariance(0, 0.3, mean(1), covariance(2))
        .with(0, 0.2, mean(3), 0.1)
        .with_covariance(1, 0.3, mean(4), covariance(5))
        .with(2, 0.2, mean(6), 0.3)
}

fn largest(values: &[f32]) -> f64 {
    values.iter().fold(0.0, |m, v| m.max(f64::from(v.abs())))
}

#[test]
fn the_jacobian_of_a_gaussian_is_its_wiener_filter() {
    let (n, s, sigma) = (SHAPE.len(), covariance(7), 0.4_f32);
    let model = GaussianMixture::new(SHAPE, 1).with_covariance(0, 1.0, mean(8), s.clone());
    let forward = model.forward(&Batch::new(SHAPE, noise(9, n)), &[sigma]).unwrap();
    // J = S(S + σ²I)⁻¹, so J takes (S + σ²I)r to S r.
    let r = noise(10, n);
    let s_r: Vec<f64> = (0..n).map(|i| (0..n).map(|j| s[i * n + j] * f64::from(r[j])).sum()).collect();
    let direction = s_r.iter().zip(&r).map(|(s_r, r)| (s_r + f64::from(sigma * sigma) * f64::from(*r)) as f32);
    let directions = Batch::new(SHAPE, direction.collect());
    for jacobian in [Jacobian::Whole, Jacobian::Within, Jacobian::Class(0)] {
        let found = products(&model, &*forward, jacobian, &directions).unwrap();
        assert!(found.is_exact);
        for (found, truth) in found.values.values().iter().zip(&s_r) {
            assert!((f64::from(*found) - truth).abs() < 1e-6, "{jacobian:?}: {found}, not {truth}");
        }
    }
}

/// Bayes' rule on a grid of clean values and nothing else: σ²J is the variance of x.
#[test]
fn jacobians_are_variances_of_the_clean_picture() {
    let parts = [(0, 0.2, -1.0, 0.05), (0, 0.3, 1.5, 0.2), (1, 0.5, 0.4, 0.1)];
    let empty = GaussianMixture::new(Shape::new(1, 1, 1), 2);
    let model =
        parts.iter().fold(empty, |m, &(class, weight, mean, variance)| m.with(class, weight, vec![mean], variance));
    let normal = |x: f64, variance: f64| (-0.5 * x * x / variance).exp() / variance.sqrt();
    for (y, sigma) in [(-0.3_f32, 0.5_f32), (0.9, 0.7), (0.2, 1.0)] {
        let (y64, s2) = (f64::from(y), f64::from(sigma).powi(2));
        let moments = |class: Option<usize>| {
            let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
            for i in -6000..6000 {
                let x = f64::from(i) * 1e-3;
                let prior: f64 = parts
                    .iter()
                    .filter(|p| class.is_none_or(|class| p.0 == class))
                    .map(|p| p.1 * normal(x - p.2, p.3))
                    .sum();
                let joint = prior * normal(y64 - x, s2);
                (mass, first, second) = (mass + joint, first + x * joint, second + x * x * joint);
            }
            (mass, second / mass - (first / mass).powi(2))
        };
        let (total, [of_0, of_1]) = (moments(None), [0, 1].map(|class| moments(Some(class))));
        let within = (of_0.0 * of_0.1 + of_1.0 * of_1.1) / total.0;
        let forward = model.forward(&Batch::new(model.shape(), vec![y]), &[sigma]).unwrap();
        let one = Batch::new(model.shape(), vec![1.0]);
        let truth = [
            (Jacobian::Whole, total.1),
            (Jacobian::Within, within),
            (Jacobian::Class(0), of_0.1),
            (Jacobian::Class(1), of_1.1),
        ];
        for (jacobian, variance) in truth {
            let found = f64::from(products(&model, &*forward, jacobian, &one).unwrap().values.row(0)[0]) * s2;
            assert!((found - variance).abs() < 1e-5, "{jacobian:?} at {y}, {sigma}: {found}, not {variance}");
        }
        let between = Between::of(&*forward).unwrap().diagonal(1)[0] * s2;
        assert!((between - (total.1 - within)).abs() < 1e-5, "{between}, not {}", total.1 - within);
    }
}

#[test]
fn the_jacobian_is_symmetric_and_splits_by_class() {
    let (model, n) = (mixture(), SHAPE.len());
    let noisy = Batch::new(SHAPE, [noise(11, n), noise(12, n)].concat());
    let forward = model.forward(&noisy, &[0.5, 0.8]).unwrap();
    let mut identity = vec![0.0; 2 * n * n];
    (0..2 * n).for_each(|row| identity[row * n + row % n] = 1.0);
    let of = |jacobian| products(&model, &*forward, jacobian, &Batch::new(SHAPE, identity.clone())).unwrap().values;
    let (whole, within) = (of(Jacobian::Whole), of(Jacobian::Within));
    for picture in 0..2 {
        for i in 0..n {
            for j in 0..n {
                let [up, down] = [(i, j), (j, i)].map(|(i, j)| whole.row(picture * n + i)[j]);
                assert!((up - down).abs() < 1e-5, "{up} and {down}");
            }
        }
    }
    let alone = model.forward(&Batch::new(SHAPE, noisy.row(0).to_vec()), &[0.5]).unwrap();
    let between = Between::of(&*alone).unwrap();
    let diagonal = between.diagonal(n);
    let mut differs = 0.0_f64;
    for i in 0..n {
        let product = between.product(&identity[i * n..][..n]);
        assert!((product[i] - diagonal[i]).abs() < 1e-12);
        for ((within, whole), between) in within.row(i).iter().zip(whole.row(i)).zip(product) {
            let sum = f64::from(*within) + between;
            assert!((sum - f64::from(*whole)).abs() < 1e-5, "{sum}, not {whole}");
            differs = differs.max(between.abs());
        }
    }
    assert!(differs > 0.01, "the classes must differ for this to be a test");
}

#[test]
fn a_model_without_second_derivatives_has_differences() {
    let (exact, plain, n) = (mixture(), Altered(mixture(), Plain), SHAPE.len());
    let noisy = Batch::new(SHAPE, [noise(13, n), noise(14, n)].concat());
    // The last direction of each picture is none.
    let mut values = noise(15, 6 * n);
    for row in [2, 5] {
        values[row * n..][..n].fill(0.0);
    }
    let directions = Batch::new(SHAPE, values);
    let (known, unknown) = (exact.forward(&noisy, &[0.3, 0.9]).unwrap(), plain.forward(&noisy, &[0.3, 0.9]).unwrap());
    for jacobian in [Jacobian::Whole, Jacobian::Within, Jacobian::Class(0), Jacobian::Class(2)] {
        let truth = products(&exact, &*known, jacobian, &directions).unwrap();
        let found = products(&plain, &*unknown, jacobian, &directions).unwrap();
        assert!(truth.is_exact && !found.is_exact);
        let fine = differences(&exact, &*known, jacobian, &directions, 1e-3).unwrap();
        let size = largest(truth.values.values());
        for ((truth, found), fine) in truth.values.values().iter().zip(found.values.values()).zip(fine.values()) {
            assert!(f64::from((truth - found).abs()) < 2e-4 * size, "{jacobian:?}: {found}, not {truth} of {size}");
            assert!(f64::from((truth - fine).abs()) < 1e-3 * size, "{jacobian:?}: {fine}, not {truth} of {size}");
        }
        assert!(found.values.row(2).iter().all(|v| *v == 0.0));
    }
}

#[test]
fn directions_that_do_not_fit_are_refused() {
    let (model, n) = (mixture(), SHAPE.len());
    let forward = model.forward(&Batch::new(SHAPE, noise(1, 2 * n)), &[0.3, 0.9]).unwrap();
    let of = |jacobian, directions: Batch| products(&model, &*forward, jacobian, &directions).unwrap_err().to_string();
    assert!(of(Jacobian::Whole, Batch::new(SHAPE, noise(2, 3 * n))).contains("3 directions"));
    assert!(of(Jacobian::Whole, Batch::new(Shape::new(1, 3, 2), noise(2, 2 * n))).contains("1×3×2"));
    assert!(of(Jacobian::Class(3), Batch::new(SHAPE, noise(2, 2 * n))).contains("no class 3"));
}
