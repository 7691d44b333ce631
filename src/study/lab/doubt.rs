//! Two kinds of doubt: the posterior's variance of every pixel, split into "which class?" and "which details?".
//!
//! `Cov[x | y] = σ²J` (Manor & Michaeli 2024), and by the law of total covariance
//! `σ²J = Σ_c p_c (D_c − D)(D_c − D)ᵀ + Σ_c p_c σ²J_c`. The first term needs the classes' denoisers only; the diagonal of the
//! second takes a product with the Jacobian for every value of the picture, or is estimated from products with random signs
//! (Hutchinson 1990 for the trace, Bekas, Kokiopoulou & Saad 2007 for the diagonal).

use super::operator::Operator;
use super::{Progress, Scene};
use crate::joint::{Between, Jacobian};
use crate::picture::{Picture, normals};
use crate::task::Cancel;
use crate::{Result, limits};

/// Pictures of up to so many values have an exact diagonal if nobody asks otherwise: a colour picture of 36×36.
const EXACT_UP_TO: usize = 4096;
/// How many random probes larger pictures get.
const PROBES: usize = 256;
/// The most probes that are taken.
pub const LARGEST_PROBES: usize = 1 << 20;
/// Random directions on which both sides of the identity are compared.
const COMPARED: usize = 8;

/// How the diagonal is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Probes {
    /// Exactly up to 4 096 values, by 256 random probes above.
    #[default]
    Usual,
    /// By a product for every value.
    Exact,
    /// By so many random probes, at least two.
    Random(usize),
}

impl Probes {
    /// Refuses numbers of probes that are none.
    ///
    /// # Errors
    /// [`crate::Error::Option`] naming `option`.
    pub fn check(self, option: &str) -> Result<()> {
        match self {
            Self::Random(count) => limits::whole(option, count as u64, 2, LARGEST_PROBES as u64),
            Self::Usual | Self::Exact => Ok(()),
        }
    }

    /// How many random probes a picture of so many values gets; none: a product for every value.
    fn random(self, values: usize) -> Option<usize> {
        match self {
            Self::Usual => (values > EXACT_UP_TO).then_some(PROBES),
            Self::Exact => None,
            Self::Random(count) => Some(count),
        }
    }
}

/// A number and its standard error, 0 where it is exact.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// The posterior's variance of every value of a picture, by its cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Doubt {
    /// "Which class?" — `Σ_c p_c (D_c − D)²`, a variance on the [0, 1] scale for every value.
    pub classes: Picture,
    /// "Which details?" — `Σ_c p_c Var[x | y, c]`.
    pub details: Picture,
    /// The root mean square of the standard errors of `details`' values; 0 where they are exact.
    pub details_error: f64,
    /// `tr J`: the expected squared error `E[‖x − D‖² | y]` in units of σ², also read as a dimension.
    pub trace: Estimate,
    /// `Σ_k λ_k²`, the squares of J's eigenvalues: the effective dimension of Mohan et al. 2020.
    pub squares: Estimate,
    /// How far J and its two parts are apart along random directions, relative to J's product.
    pub identity_error: f64,
    /// How many random probes were taken; none: every value had a product of its own.
    pub probes: Option<usize>,
    /// Whether products were exact but for rounding; else they are differences of the denoiser.
    pub is_exact: bool,
}

impl Doubt {
    /// `Var[x | y]` of every value: both kinds together.
    #[must_use]
    pub fn total(&self) -> Picture {
        self.classes.zip(&self.details, |a, b| a + b)
    }

    /// The mean variance of a value from "which class?", from "which details?" and together.
    #[must_use]
    pub fn means(&self) -> [f64; 3] {
        let mean = |p: &Picture| p.values().iter().map(|v| f64::from(*v)).sum::<f64>() / p.values().len() as f64;
        let [classes, details] = [&self.classes, &self.details].map(mean);
        [classes, details, classes + details]
    }
}

/// Measures both kinds of doubt; `seed` is that of the random probes.
///
/// # Errors
/// [`crate::Error::Option`] for a number of probes that is none; [`crate::Error::Cancelled`].
pub fn doubt(
    scene: &Scene,
    probes: Probes,
    seed: u64,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Progress),
) -> Result<Doubt> {
    probes.check("--probes")?;
    let values = scene.values();
    let variance = f64::from(scene.sigma_used).powi(2);
    let between = Between::of(&*scene.forward)?;
    let picture = |diagonal: &[f64]| {
        let values = diagonal.iter().map(|v| (v * variance) as f32).collect();
        Picture::new(scene.noisy.shape(), values)
    };
    let of_classes = between.diagonal(values);
    let classes = picture(&of_classes);
    observe(Progress::Classes(classes.clone()));
    let mut within = Operator::new(scene, Jacobian::Within, cancel);
    let identity_error = identity_error(scene, &mut within, &between, seed, cancel)?;
    let random = probes.random(values);
    let mut sums = Sums::new(values);
    let count = random.unwrap_or(values);
    while sums.probes < count {
        let rows = within.rows().min(count - sums.probes);
        let first = sums.probes;
        let mut directions = vec![0.0; rows * values];
        for (row, direction) in directions.chunks_exact_mut(values).enumerate() {
            match random {
                Some(_) => signs(seed, (COMPARED + first + row) as u64, direction),
                None => direction[first + row] = 1.0,
            }
        }
        let found = within.times(directions.clone())?;
        for (row, direction) in directions.chunks_exact(values).enumerate() {
            sums.add(direction, found.row(row), &between.product(direction));
        }
        observe(Progress::Share(sums.probes as f32 / count as f32));
    }
    let (diagonal, details_error) = sums.diagonal(random.is_some());
    let traced = sums.traces.estimate(random.is_some(), values);
    Ok(Doubt {
        details: picture(&diagonal),
        details_error: details_error * variance,
        trace: Estimate { value: traced.value + of_classes.iter().sum::<f64>(), ..traced },
        squares: sums.squares.estimate(random.is_some(), values),
        classes,
        identity_error,
        probes: random,
        is_exact: within.is_exact,
    })
}

/// `max |J r − (J_within r + J_between r)| / max |J r|` over a few directions of random signs.
fn identity_error(scene: &Scene, within: &mut Operator, between: &Between, seed: u64, cancel: &Cancel) -> Result<f64> {
    let mut whole = Operator::new(scene, Jacobian::Whole, cancel);
    let values = scene.values();
    let (mut apart, mut largest) = (0.0_f64, 0.0_f64);
    for probe in 0..COMPARED {
        let mut direction = vec![0.0; values];
        signs(seed, probe as u64, &mut direction);
        let [whole, within] = [whole.times(direction.clone())?, within.times(direction.clone())?];
        for ((whole, within), between) in whole.values().iter().zip(within.values()).zip(between.product(&direction)) {
            let whole = f64::from(*whole);
            apart = apart.max((whole - f64::from(*within) - between).abs());
            largest = largest.max(whole.abs());
        }
    }
    Ok(if largest > 0.0 { apart / largest } else { 0.0 })
}

/// Values of ±1 with equal chances.
pub(super) fn signs(seed: u64, stream: u64, out: &mut [f32]) {
    /// Keeps probes apart from the noise of the same seed.
    const STREAM: u64 = 0x70_72_6f_62 << 32;
    normals::fill(seed, STREAM | stream, 0, out);
    for v in out {
        *v = if *v < 0.0 { -1.0 } else { 1.0 };
    }
}

/// Sums over the probes.
struct Sums {
    probes: usize,
    /// Of `r ⊙ J_within r` and of its squares.
    diagonal: Vec<[f64; 2]>,
    traces: Moments,
    squares: Moments,
}

/// The sum of a number over the probes, and of its square.
#[derive(Default)]
struct Moments {
    count: usize,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn new(values: usize) -> Self {
        Self { probes: 0, diagonal: vec![[0.0; 2]; values], traces: Moments::default(), squares: Moments::default() }
    }

    fn add(&mut self, direction: &[f32], within: &[f32], between: &[f64]) {
        let (mut trace, mut square) = (0.0, 0.0);
        let rows = direction.iter().zip(within).zip(between).zip(&mut self.diagonal);
        for (((r, within), between), sums) in rows {
            let (within, term) = (f64::from(*within), f64::from(*r) * f64::from(*within));
            sums[0] += term;
            sums[1] += term * term;
            trace += term;
            square += (within + between).powi(2);
        }
        self.traces.add(trace);
        self.squares.add(square);
        self.probes += 1;
    }

    /// The diagonal, and the root mean square of its standard errors.
    fn diagonal(&self, random: bool) -> (Vec<f64>, f64) {
        if !random {
            return (self.diagonal.iter().map(|[sum, _]| *sum).collect(), 0.0);
        }
        let count = self.probes as f64;
        let mean = self.diagonal.iter().map(|[sum, _]| sum / count).collect::<Vec<_>>();
        let variance =
            self.diagonal.iter().zip(&mean).map(|([_, squares], mean)| (squares / count - mean * mean).max(0.0));
        let error = (variance.sum::<f64>() / self.diagonal.len() as f64 / (count - 1.0).max(1.0)).sqrt();
        (mean, error)
    }
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
    }

    /// The mean over random probes, or the sum over all values.
    fn estimate(&self, random: bool, values: usize) -> Estimate {
        if !random {
            debug_assert_eq!(self.count, values);
            return Estimate { value: self.sum, standard_error: 0.0 };
        }
        let count = self.count as f64;
        let value = self.sum / count;
        let variance = (self.squares / count - value * value).max(0.0);
        Estimate { value, standard_error: (variance / (count - 1.0).max(1.0)).sqrt() }
    }
}
