//! The oracle: a Gaussian mixture, whose posterior and denoisers are known in closed form.
//!
//! With `x | component ~ N(m, S)`, the noisy picture is `y ~ N(m, S + σ²I)`, so `log p_σ(y, c)` is the logsumexp of
//! class c's components and its gradient a responsibility-weighted mean of `−(S + σ²I)⁻¹(y − m)`.

use sha2::{Digest, Sha256};

use super::model::{check_input, cotangents_a_picture};
use super::readings::{log_density, posterior};
use super::{Forward, JointModel, SigmaRange};
use crate::Result;
use crate::picture::{Batch, Shape};

/// One Gaussian of the mixture.
#[derive(Debug, Clone)]
struct Component {
    class: usize,
    log_weight: f64,
    mean: Vec<f64>,
    covariance: Covariance,
}

#[derive(Debug, Clone)]
enum Covariance {
    /// `variance · I`
    Isotropic(f64),
    /// A full symmetric matrix, row after row.
    Full(Vec<f64>),
}

/// A joint model that is exactly a mixture of Gaussians: the truth that algorithms are tested against.
#[derive(Debug, Clone)]
pub struct GaussianMixture {
    classes: Vec<String>,
    shape: Shape,
    sigma_range: SigmaRange,
    components: Vec<Component>,
}

impl GaussianMixture {
    /// A mixture without components over pictures of `shape`, with `classes` classes.
    #[must_use]
    pub fn new(shape: Shape, classes: usize) -> Self {
        Self {
            classes: (0..classes).map(|c| format!("class {c}")).collect(),
            shape,
            sigma_range: SigmaRange { min: 1e-3, max: 1e3 },
            components: Vec::new(),
        }
    }

    /// Adds a Gaussian to `class`, with covariance `variance · I` and a prior `weight` (relative to the others').
    ///
    /// # Panics
    /// If the class does not exist or the mean is no picture of the mixture's shape.
    #[must_use]
    pub fn with(self, class: usize, weight: f64, mean: Vec<f64>, variance: f64) -> Self {
        self.add(class, weight, mean, Covariance::Isotropic(variance))
    }

    /// Adds a Gaussian to `class`, with a full `[D, D]` covariance, row after row.
    ///
    /// # Panics
    /// If the class does not exist or the mean or covariance is not of the mixture's dimension D.
    #[must_use]
    pub fn with_covariance(self, class: usize, weight: f64, mean: Vec<f64>, covariance: Vec<f64>) -> Self {
        assert_eq!(covariance.len(), mean.len() * mean.len(), "a square covariance");
        self.add(class, weight, mean, Covariance::Full(covariance))
    }

    /// The same mixture with class names of its own.
    ///
    /// # Panics
    /// If there is not one name a class.
    #[must_use]
    pub fn named(self, names: &[&str]) -> Self {
        assert_eq!(names.len(), self.classes.len(), "one name a class");
        Self { classes: names.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    fn add(mut self, class: usize, weight: f64, mean: Vec<f64>, covariance: Covariance) -> Self {
        assert!(class < self.classes.len(), "class {class} of {}", self.classes.len());
        assert_eq!(mean.len(), self.shape.len(), "a mean of the mixture's dimension");
        self.components.push(Component { class, log_weight: weight.ln(), mean, covariance });
        self
    }
}

impl JointModel for GaussianMixture {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn device(&self) -> String {
        "cpu".to_owned()
    }

    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let range = self.sigma_range;
        hash.update(format!("{:?} {} {:?} {:?}", self.classes, self.shape, range.min.to_bits(), range.max.to_bits()));
        let mut numbers = |numbers: &[f64]| numbers.iter().for_each(|v| hash.update(v.to_bits().to_le_bytes()));
        for Component { class, log_weight, mean, covariance } in &self.components {
            numbers(&[*class as f64, *log_weight]);
            numbers(mean);
            match covariance {
                Covariance::Isotropic(variance) => numbers(&[*variance]),
                Covariance::Full(matrix) => numbers(matrix),
            }
        }
        format!("{:x}", hash.finalize())
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn sigma_range(&self) -> SigmaRange {
        self.sigma_range
    }

    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        check_input(self, noisy, sigmas)?;
        let sigmas: Vec<f32> = sigmas.iter().map(|&s| self.sigma_range.clamp(s)).collect();
        let mut log_joint = Vec::with_capacity(noisy.len() * self.classes.len());
        let mut gradients = Vec::with_capacity(noisy.len() * self.classes.len() * self.shape.len());
        for (index, &sigma) in sigmas.iter().enumerate() {
            let noisy: Vec<f64> = noisy.row(index).iter().map(|&v| f64::from(v)).collect();
            let parts: Vec<_> = self.components.iter().map(|c| c.evaluate(&noisy, f64::from(sigma))).collect();
            for class in 0..self.classes.len() {
                let of_class = || self.components.iter().zip(&parts).filter(|(c, _)| c.class == class);
                let logs: Vec<f64> = of_class().map(|(_, (log, _))| *log).collect();
                log_joint.push(log_density(&logs));
                let mut gradient = vec![0.0; self.shape.len()];
                for (share, (_, (_, part))) in posterior(&logs).into_iter().zip(of_class()) {
                    gradient.iter_mut().zip(part).for_each(|(g, p)| *g += share * p);
                }
                gradients.extend(gradient);
            }
        }
        Ok(Box::new(Evaluated { noisy: noisy.clone(), sigmas, classes: self.classes.len(), log_joint, gradients }))
    }
}

impl Component {
    /// Log of weight times density at `y` under the covariance plus σ²I, and its gradient.
    fn evaluate(&self, y: &[f64], sigma: f64) -> (f64, Vec<f64>) {
        let offset: Vec<f64> = y.iter().zip(&self.mean).map(|(y, m)| y - m).collect();
        let dimension = y.len() as f64;
        let (solved, log_determinant) = match &self.covariance {
            Covariance::Isotropic(variance) => {
                let total = variance + sigma * sigma;
                (offset.iter().map(|o| o / total).collect::<Vec<_>>(), dimension * total.ln())
            }
            Covariance::Full(matrix) => solve(matrix, sigma * sigma, &offset),
        };
        let quadratic: f64 = offset.iter().zip(&solved).map(|(o, s)| o * s).sum();
        let log = self.log_weight - 0.5 * (quadratic + log_determinant + dimension * std::f64::consts::TAU.ln());
        (log, solved.into_iter().map(|s| -s).collect())
    }
}

/// `(A + ridge·I)⁻¹ b` and `log det (A + ridge·I)` for a symmetric positive definite matrix, by Cholesky.
fn solve(matrix: &[f64], ridge: f64, b: &[f64]) -> (Vec<f64>, f64) {
    let n = b.len();
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
            let entry = matrix[i * n + j] + if i == j { ridge } else { 0.0 } - dot;
            lower[i * n + j] = if i == j { entry.sqrt() } else { entry / lower[j * n + j] };
        }
    }
    let mut x = b.to_vec();
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| lower[i * n + k] * x[k]).sum();
        x[i] = (x[i] - dot) / lower[i * n + i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| lower[k * n + i] * x[k]).sum();
        x[i] = (x[i] - dot) / lower[i * n + i];
    }
    let log_determinant = 2.0 * (0..n).map(|i| lower[i * n + i].ln()).sum::<f64>();
    (x, log_determinant)
}

/// The mixture's forward pass: every class's log-joint and gradient.
struct Evaluated {
    noisy: Batch,
    sigmas: Vec<f32>,
    classes: usize,
    log_joint: Vec<f64>,
    /// `[N, K, D]`
    gradients: Vec<f64>,
}

impl Forward for Evaluated {
    fn noisy(&self) -> &Batch {
        &self.noisy
    }

    fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    fn log_joint(&self) -> &[f64] {
        &self.log_joint
    }

    fn pullback(&self, cotangents: &[f32]) -> Result<Batch> {
        let each = cotangents_a_picture(self, self.classes, cotangents)?;
        let size = self.noisy.shape().len();
        let mut values = Vec::with_capacity(self.noisy.len() * each * size);
        for (row, weights) in cotangents.chunks_exact(self.classes).enumerate() {
            let gradients = &self.gradients[row / each * self.classes * size..][..self.classes * size];
            let mut sum = vec![0.0; size];
            for (weight, gradient) in weights.iter().zip(gradients.chunks_exact(size)) {
                sum.iter_mut().zip(gradient).for_each(|(s, g)| *s += f64::from(*weight) * g);
            }
            values.extend(sum.into_iter().map(|v| v as f32));
        }
        Ok(Batch::new(self.noisy.shape(), values))
    }
}
