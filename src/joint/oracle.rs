//! The oracle: a Gaussian mixture, whose posterior and denoisers are known in closed form.
//!
//! With `x | component ~ N(m, S)`, the noisy picture is `y ~ N(m, S + σ²I)`, so `log p_σ(y, c)` is the logsumexp of
//! class c's components and its gradient a responsibility-weighted mean of `−(S + σ²I)⁻¹(y − m)`.

use sha2::{Digest, Sha256};

use super::model::{check_directions, check_input, cotangents_a_picture};
use super::readings::{log_density, posterior};
use super::{Forward, JointModel, Moments, SigmaRange};
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

    fn moments(&self) -> Moments {
        let total: f64 = self.components.iter().map(|component| component.log_weight.exp()).sum();
        let plane = self.shape.height * self.shape.width;
        let mut mean = vec![0.0; self.shape.channels];
        for component in &self.components {
            let share = component.log_weight.exp() / total / plane as f64;
            component.mean.iter().enumerate().for_each(|(at, value)| mean[at / plane] += share * value);
        }
        let mut variance = 0.0;
        for component in &self.components {
            let share = component.log_weight.exp() / total / component.mean.len() as f64;
            for (at, value) in component.mean.iter().enumerate() {
                let own = match &component.covariance {
                    Covariance::Isotropic(variance) => *variance,
                    Covariance::Full(matrix) => matrix[at * component.mean.len() + at],
                };
                variance += share * (own + (value - mean[at / plane]).powi(2));
            }
        }
        Moments { mean: mean.into_iter().map(|v| v as f32).collect(), deviation: variance.sqrt() as f32 }
    }

    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        check_input(self, noisy, sigmas)?;
        let sigmas: Vec<f32> = sigmas.iter().map(|&s| self.sigma_range.clamp(s)).collect();
        let mut log_joint = Vec::with_capacity(noisy.len() * self.classes.len());
        let mut gradients = Vec::with_capacity(noisy.len() * self.classes.len() * self.shape.len());
        let mut places = Vec::with_capacity(noisy.len());
        for (index, &sigma) in sigmas.iter().enumerate() {
            let noisy: Vec<f64> = noisy.row(index).iter().map(|&v| f64::from(v)).collect();
            let parts: Vec<_> = self.components.iter().map(|c| c.evaluate(&noisy, f64::from(sigma))).collect();
            let of = |class: usize| self.components.iter().zip(&parts).filter(move |(c, _)| c.class == class);
            for class in 0..self.classes.len() {
                let logs: Vec<f64> = of(class).map(|(_, part)| part.log).collect();
                log_joint.push(log_density(&logs));
                let mut gradient = vec![0.0; self.shape.len()];
                for (share, (_, part)) in posterior(&logs).into_iter().zip(of(class)) {
                    gradient.iter_mut().zip(&part.gradient).for_each(|(g, p)| *g += share * p);
                }
                gradients.extend(gradient);
            }
            places.push(parts);
        }
        Ok(Box::new(Evaluated { mixture: self, noisy: noisy.clone(), sigmas, log_joint, gradients, places }))
    }
}

/// A component at a noisy picture.
struct At {
    /// Log of weight times density under the covariance plus σ²I.
    log: f64,
    /// Its gradient.
    gradient: Vec<f64>,
    inverse: Inverse,
}

/// `(S + σ²I)⁻¹`
enum Inverse {
    /// One over `variance + σ²`.
    Isotropic(f64),
    /// The lower factor of the sum, row after row.
    Cholesky(Vec<f64>),
}

impl Component {
    fn evaluate(&self, y: &[f64], sigma: f64) -> At {
        let offset: Vec<f64> = y.iter().zip(&self.mean).map(|(y, m)| y - m).collect();
        let dimension = y.len() as f64;
        let (inverse, log_determinant) = match &self.covariance {
            Covariance::Isotropic(variance) => {
                let total = variance + sigma * sigma;
                (Inverse::Isotropic(total), dimension * total.ln())
            }
            Covariance::Full(matrix) => {
                let lower = cholesky(matrix, sigma * sigma, y.len());
                let log_determinant = 2.0 * (0..y.len()).map(|i| lower[i * y.len() + i].ln()).sum::<f64>();
                (Inverse::Cholesky(lower), log_determinant)
            }
        };
        let solved = inverse.times(&offset);
        let quadratic: f64 = offset.iter().zip(&solved).map(|(o, s)| o * s).sum();
        let log = self.log_weight - 0.5 * (quadratic + log_determinant + dimension * std::f64::consts::TAU.ln());
        At { log, gradient: solved.into_iter().map(|s| -s).collect(), inverse }
    }
}

impl Inverse {
    fn times(&self, b: &[f64]) -> Vec<f64> {
        let lower = match self {
            Self::Isotropic(total) => return b.iter().map(|b| b / total).collect(),
            Self::Cholesky(lower) => lower,
        };
        let n = b.len();
        let mut x = b.to_vec();
        for i in 0..n {
            let dot: f64 = (0..i).map(|k| lower[i * n + k] * x[k]).sum();
            x[i] = (x[i] - dot) / lower[i * n + i];
        }
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|k| lower[k * n + i] * x[k]).sum();
            x[i] = (x[i] - dot) / lower[i * n + i];
        }
        x
    }
}

/// The lower factor L of `A + ridge·I = LLᵀ` for a symmetric positive definite `[n, n]` matrix.
fn cholesky(matrix: &[f64], ridge: f64, n: usize) -> Vec<f64> {
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
            let entry = matrix[i * n + j] + if i == j { ridge } else { 0.0 } - dot;
            lower[i * n + j] = if i == j { entry.sqrt() } else { entry / lower[j * n + j] };
        }
    }
    lower
}

/// The mixture's forward pass: every class's log-joint and gradient, and every component's.
struct Evaluated<'a> {
    mixture: &'a GaussianMixture,
    noisy: Batch,
    sigmas: Vec<f32>,
    log_joint: Vec<f64>,
    /// `[N, K, D]`
    gradients: Vec<f64>,
    /// `[N]`, one a component.
    places: Vec<Vec<At>>,
}

impl Evaluated<'_> {
    fn classes(&self) -> usize {
        self.mixture.classes.len()
    }

    /// Every class's gradient at picture `index`.
    fn gradients_of(&self, index: usize) -> impl Iterator<Item = &[f64]> {
        let size = self.noisy.shape().len();
        self.gradients[index * self.classes() * size..][..self.classes() * size].chunks_exact(size)
    }

    /// Adds `weight·∇² log p(y, class) r` to `sum`, for picture `index`: with `A = (S + σ²I)⁻¹`, gradients g and shares ρ of
    /// the class's components, `Σ ρ(−A r + g⟨g, r⟩) − ḡ⟨ḡ, r⟩`.
    fn bend(&self, index: usize, class: usize, weight: f64, r: &[f64], sum: &mut [f64]) {
        let of_class = || {
            self.mixture.components.iter().zip(&self.places[index]).filter(|(c, _)| c.class == class).map(|(_, at)| at)
        };
        let logs: Vec<f64> = of_class().map(|at| at.log).collect();
        for (share, at) in posterior(&logs).into_iter().zip(of_class()) {
            let along = dot(&at.gradient, r);
            let pairs = at.inverse.times(r).into_iter().zip(&at.gradient);
            sum.iter_mut().zip(pairs).for_each(|(sum, (solved, g))| *sum += weight * share * (along * g - solved));
        }
        if let Some(mean) = self.gradients_of(index).nth(class) {
            let along = dot(mean, r);
            sum.iter_mut().zip(mean).for_each(|(sum, g)| *sum -= weight * along * g);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Forward for Evaluated<'_> {
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
        let each = cotangents_a_picture(self, self.classes(), cotangents)?;
        let size = self.noisy.shape().len();
        let mut values = Vec::with_capacity(self.noisy.len() * each * size);
        for (row, weights) in cotangents.chunks_exact(self.classes()).enumerate() {
            let mut sum = vec![0.0; size];
            for (weight, gradient) in weights.iter().zip(self.gradients_of(row / each)) {
                sum.iter_mut().zip(gradient).for_each(|(s, g)| *s += f64::from(*weight) * g);
            }
            values.extend(sum.into_iter().map(|v| v as f32));
        }
        Ok(Batch::new(self.noisy.shape(), values))
    }

    fn curvature(&self, cotangents: &[f32], follows: bool, directions: &Batch) -> Result<Option<Batch>> {
        let each = check_directions(self, self.classes(), cotangents, directions)?;
        let mut values = Vec::with_capacity(directions.values().len());
        for (row, weights) in cotangents.chunks_exact(self.classes()).enumerate() {
            let index = row / each;
            let r: Vec<f64> = directions.row(row).iter().map(|v| f64::from(*v)).collect();
            let mut sum = vec![0.0; r.len()];
            let mut mean = vec![0.0; r.len()];
            for (class, (weight, gradient)) in weights.iter().zip(self.gradients_of(index)).enumerate() {
                let weight = f64::from(*weight);
                if weight == 0.0 {
                    continue;
                }
                self.bend(index, class, weight, &r, &mut sum);
                if follows {
                    let along = dot(gradient, &r);
                    sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += weight * along * g);
                    mean.iter_mut().zip(gradient).for_each(|(mean, g)| *mean += weight * g);
                }
            }
            let along = dot(&mean, &r);
            values.extend(sum.iter().zip(&mean).map(|(sum, g)| (sum - along * g) as f32));
        }
        Ok(Some(Batch::new(self.noisy.shape(), values)))
    }
}
