//! Attacks on the denoiser: a small change of the noisy picture that changes what is restored most, or spoils it most.
//!
//! With `J = ∂D/∂y`, which is symmetric, the gradient of `½‖D(y + d) − t‖²` by d is `J(D(y + d) − t)`: one product with the
//! Jacobian a step. Projected ascent on it from a random d, the best d on the way being kept. Of a linear denoiser the largest change
//! within `‖d‖₂ ≤ ε` is ε times J's largest eigenvalue, along its eigenvector.

use std::fmt;
use std::str::FromStr;

use super::budget::{Distance, Norm};
use super::search::Draws;
use crate::joint::{Jacobian, JointModel, products};
use crate::picture::{Batch, Picture};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// What the attack is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// `‖D(y + d) − D(y)‖`: to change what is restored.
    Change,
    /// `‖D(y + d) − x‖`: to spoil it.
    Error,
}

impl Objective {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Change, Self::Error];

    /// What is made large, in words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Change => "Change of the restored picture",
            Self::Error => "Error of the restored picture",
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Change => "change",
            Self::Error => "error",
        })
    }
}

impl FromStr for Objective {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|objective| objective.to_string() == text);
        found.ok_or_else(|| Error::option("--objective", format!("takes change or error, not '{text}'")))
    }
}

/// How the denoiser is attacked.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DenoiserSettings {
    /// What the attack is after.
    pub objective: Objective,
    /// How d is measured.
    pub norm: Norm,
    /// The budget for d, on the [0, 1] scale.
    pub epsilon: f64,
    /// How many steps.
    pub steps: usize,
    /// The length of the first step; it falls to a tenth of that.
    pub step_size: f64,
    /// The noise level that the denoiser is told.
    pub sigma: f32,
    /// The seed of where it begins, and of the plain noise that it is compared with.
    pub seed: u64,
}

/// The most steps.
const LARGEST_STEPS: u64 = 100_000;
/// How many draws of plain noise of the same size it is compared with.
const CONTROLS: usize = 8;
/// What the last step is of the first one.
const LAST: f64 = 0.1;

impl DenoiserSettings {
    /// The budget where none is named: 8/255 in L∞, 0.5 in L2.
    #[must_use]
    pub fn usual_epsilon(norm: Norm) -> f64 {
        match norm {
            Norm::Linf => 8.0 / 255.0,
            Norm::L2 => 0.5,
        }
    }

    /// 20 steps, the first of half the budget.
    #[must_use]
    pub fn new(objective: Objective, norm: Norm, epsilon: f64, sigma: f32) -> Self {
        Self { objective, norm, epsilon, steps: 20, step_size: 0.5 * epsilon, sigma, seed: 0 }
    }

    /// Refuses what is no attack on a denoiser.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check(&self, model: &dyn JointModel) -> Result<()> {
        if let Some(reason) = model.abilities().gradients.missing() {
            return Err(Error::option("--model", format!("such an attack needs a denoiser, and the model {reason}")));
        }
        limits::positive_sigma("--sigma", self.sigma)?;
        limits::whole("--steps", self.steps as u64, 1, LARGEST_STEPS)?;
        limits::number("--step-size", self.step_size, 0.0, 1e3)?;
        let most = match self.norm {
            Norm::Linf => 1.0,
            Norm::L2 => (model.shape().len() as f64).sqrt(),
        };
        match limits::number("--epsilon", self.epsilon, 0.0, most) {
            Err(Error::Option { option, reason }) => {
                Err(Error::option(option, format!("{reason}{}", limits::of_255(self.epsilon, most))))
            }
            other => other,
        }
    }
}

/// One step of an attack on a denoiser, as whoever watches is told of it.
#[derive(Debug, Clone, Copy)]
pub struct DenoiserStep<'a> {
    /// Its number, from 0 on: the start.
    pub step: usize,
    /// The last one's number.
    pub steps: usize,
    /// y + d, not clipped.
    pub attacked: &'a Picture,
    /// D(y + d)
    pub denoised: &'a Picture,
    /// p(c | y + d), `[K]`.
    pub posterior: &'a [f64],
    /// The root mean square of what the attack makes large.
    pub loss: f64,
}

/// What came of an attack on a denoiser.
#[derive(Debug, Clone, PartialEq)]
pub struct DenoiserOutcome {
    /// y + d, not clipped.
    pub attacked: Picture,
    /// D(y)
    pub before: Picture,
    /// D(y + d)
    pub after: Picture,
    /// p(c | y), `[K]`.
    pub posterior_before: Vec<f64>,
    /// p(c | y + d), `[K]`.
    pub posterior_after: Vec<f64>,
    /// How large d is.
    pub achieved: Distance,
    /// The root mean square of what the attack makes large, at the start, at each step, and last at the outcome.
    pub loss: Vec<f64>,
    /// The same without d.
    pub without: f64,
    /// The same for plain noise of d's size in the attack's norm, the mean over some draws.
    pub control: f64,
    /// `‖D(y + d) − D(y)‖₂/‖d‖₂`: of a linear denoiser at most the largest eigenvalue of J.
    pub gain: f64,
    /// Whether products with J were exact; else they were differences of the denoiser.
    pub is_exact: bool,
}

/// What the model says of one picture.
struct Seen {
    denoised: Picture,
    posterior: Vec<f64>,
    sigma: f32,
}

fn see(model: &dyn JointModel, picture: &Picture, sigma: f32) -> Result<Seen> {
    let forward = model.forward(&Batch::of([picture]), &[sigma])?;
    let (posterior, sigma) = (forward.posterior_of(0), forward.sigmas()[0]);
    let denoised = forward.denoised()?.picture(0);
    if denoised.values().iter().any(|v| !v.is_finite()) {
        return Err(Error::Compute(format!("{} gave no number for this picture", model.name())));
    }
    Ok(Seen { denoised, posterior, sigma })
}

/// The root mean square of `a − b`.
fn apart(a: &Picture, b: &Picture) -> f64 {
    let sum: f64 = a.values().iter().zip(b.values()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    (sum / a.values().len() as f64).sqrt()
}

/// Attacks the denoiser of a noisy picture, which came from `clean` if that is known. `observe` is told every step.
///
/// # Errors
/// As [`DenoiserSettings::check`]; [`Error::Option`] if the error is to be made large and the clean picture is not known;
/// [`Error::Compute`] if the picture does not fit the model; [`Error::Cancelled`].
pub fn attack_denoiser(
    model: &dyn JointModel,
    noisy: &Picture,
    clean: Option<&Picture>,
    settings: &DenoiserSettings,
    cancel: &Cancel,
    observe: &mut dyn FnMut(DenoiserStep<'_>),
) -> Result<DenoiserOutcome> {
    settings.check(model)?;
    cancel.check()?;
    let at_rest = see(model, noisy, settings.sigma)?;
    let target = match (settings.objective, clean) {
        (Objective::Change, _) => &at_rest.denoised,
        (Objective::Error, Some(clean)) => clean,
        (Objective::Error, None) => {
            let reason = "error needs the clean picture, which is not known here: take change";
            return Err(Error::option("--objective", reason));
        }
    };
    let ball = Budget { norm: settings.norm, epsilon: settings.epsilon };
    let mut draws = Draws::new(settings.seed, 0);
    let mut controls = 0.0;
    for _ in 0..CONTROLS {
        cancel.check()?;
        let moved = ball.onto(&draws.normals(noisy.values().len()));
        controls +=
            apart(&see(model, &noisy.zip(&moved_of(noisy, &moved), |y, d| y + d), settings.sigma)?.denoised, target);
    }
    let mut change: Vec<f64> = ball.onto(&draws.normals(noisy.values().len()));
    let mut best: Option<(f64, Picture, Seen)> = None;
    let (mut loss, mut is_exact) = (Vec::with_capacity(settings.steps + 2), true);
    for step in 0..=settings.steps {
        cancel.check()?;
        let attacked = noisy.zip(&moved_of(noisy, &change), |y, d| y + d);
        let forward = model.forward(&Batch::of([&attacked]), &[settings.sigma])?;
        let seen = Seen {
            posterior: forward.posterior_of(0),
            sigma: forward.sigmas()[0],
            denoised: forward.denoised()?.picture(0),
        };
        let now = apart(&seen.denoised, target);
        observe(DenoiserStep {
            step,
            steps: settings.steps,
            attacked: &attacked,
            denoised: &seen.denoised,
            posterior: &seen.posterior,
            loss: now,
        });
        loss.push(now);
        if step < settings.steps {
            let off = seen.denoised.zip(target, |d, t| d - t);
            let found = products(model, &*forward, Jacobian::Whole, &Batch::of([&off]))?;
            is_exact &= found.is_exact;
            let share = step as f64 / settings.steps.max(2) as f64;
            ball.step(&mut change, found.values.row(0), settings.step_size * (1.0 - (1.0 - LAST) * share));
        }
        if best.as_ref().is_none_or(|(most, ..)| now > *most) {
            best = Some((now, attacked, seen));
        }
    }
    let Some((most, attacked, seen)) = best else {
        return Err(Error::Compute("the attack on the denoiser had no outcome".to_owned()));
    };
    loss.push(most);
    let achieved = Distance::between(noisy, &attacked);
    let moved = apart(&seen.denoised, &at_rest.denoised) * (noisy.values().len() as f64).sqrt();
    debug_assert!(seen.sigma > 0.0);
    Ok(DenoiserOutcome {
        without: apart(&at_rest.denoised, target),
        control: controls / CONTROLS as f64,
        gain: if achieved.l2 > 0.0 { moved / achieved.l2 } else { 0.0 },
        attacked,
        before: at_rest.denoised.clone(),
        after: seen.denoised,
        posterior_before: at_rest.posterior,
        posterior_after: seen.posterior,
        achieved,
        loss,
        is_exact,
    })
}

fn moved_of(noisy: &Picture, change: &[f64]) -> Picture {
    Picture::new(noisy.shape(), change.iter().map(|d| *d as f32).collect())
}

/// What d must lie in: a noisy picture has no bounds of its own.
struct Budget {
    norm: Norm,
    epsilon: f64,
}

impl Budget {
    /// Some change of the whole budget along a direction.
    fn onto(&self, direction: &[f32]) -> Vec<f64> {
        let mut change = vec![0.0; direction.len()];
        self.step(&mut change, direction, self.epsilon);
        change
    }

    /// A step of steepest ascent under the norm, and back into the budget.
    fn step(&self, change: &mut [f64], gradient: &[f32], length: f64) {
        match self.norm {
            Norm::Linf => {
                for (d, g) in change.iter_mut().zip(gradient) {
                    let sign = if *g > 0.0 {
                        1.0
                    } else if *g < 0.0 {
                        -1.0
                    } else {
                        0.0
                    };
                    *d = (*d + length * sign).clamp(-self.epsilon, self.epsilon);
                }
            }
            Norm::L2 => {
                let size = Norm::L2.of(gradient.iter().map(|g| f64::from(*g)));
                if size > 0.0 {
                    change.iter_mut().zip(gradient).for_each(|(d, g)| *d += length * f64::from(*g) / size);
                }
                let size = Norm::L2.of(change.iter().copied());
                if size > self.epsilon {
                    for d in &mut *change {
                        *d *= self.epsilon / size;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::GaussianMixture;
    use crate::picture::Shape;

    const SHAPE: Shape = Shape::new(1, 2, 3);

    /// A Gaussian whose principal axes are a cosine basis: the denoiser is linear, J = S(S + σ²I)⁻¹.
    fn linear() -> (GaussianMixture, Vec<f64>, Vec<f64>) {
        let n = SHAPE.len();
        let axis = |k: usize| -> Vec<f64> {
            let norm = if k == 0 { (1.0 / n as f64).sqrt() } else { (2.0 / n as f64).sqrt() };
            (0..n).map(|i| norm * (std::f64::consts::PI * (i as f64 + 0.5) * k as f64 / n as f64).cos()).collect()
        };
        let variances = [0.01, 0.2, 0.05, 0.02, 0.005, 0.001];
        let axes: Vec<Vec<f64>> = (0..n).map(axis).collect();
        let entry = |i: usize, j: usize| axes.iter().zip(variances).map(|(a, v)| v * a[i] * a[j]).sum::<f64>();
        let covariance = (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect();
        let model = GaussianMixture::new(SHAPE, 1).with_covariance(0, 1.0, vec![0.5; n], covariance);
        (model, variances.to_vec(), axes[1].clone())
    }

    fn attacked(
        model: &dyn JointModel,
        noisy: &Picture,
        clean: Option<&Picture>,
        s: &DenoiserSettings,
    ) -> DenoiserOutcome {
        attack_denoiser(model, noisy, clean, s, &Cancel::new(), &mut |_| ()).unwrap()
    }

    #[test]
    fn the_largest_change_of_a_linear_denoiser_is_along_its_first_eigenvector() {
        let (model, variances, first) = linear();
        let noisy = Picture::new(SHAPE, vec![0.2, 0.9, 0.4, 0.6, 0.1, 0.7]);
        let (sigma, epsilon) = (0.3_f32, 0.4);
        let settings =
            DenoiserSettings { steps: 60, ..DenoiserSettings::new(Objective::Change, Norm::L2, epsilon, sigma) };
        let found = attacked(&model, &noisy, None, &settings);
        let gain = variances[1] / (variances[1] + f64::from(sigma).powi(2));
        assert!((found.gain / gain - 1.0).abs() < 1e-3, "{} not {gain}", found.gain);
        assert!((found.achieved.l2 - epsilon).abs() < 1e-5 && found.is_exact);
        let along: f64 = found
            .attacked
            .values()
            .iter()
            .zip(noisy.values())
            .zip(&first)
            .map(|((a, y), v)| f64::from(a - y) * v)
            .sum();
        assert!((along.abs() / epsilon - 1.0).abs() < 1e-3, "{along}");
        assert!(found.control < found.loss[found.loss.len() - 1] && found.without.abs() < 1e-9);
        let mut watched = Vec::new();
        let mut watch = |step: DenoiserStep<'_>| {
            assert_eq!(apart(step.denoised, &found.before), step.loss);
            assert_eq!((step.step, step.steps, step.posterior), (watched.len(), 60, &[1.0][..]));
            watched.push(step.loss);
        };
        attack_denoiser(&model, &noisy, None, &settings, &Cancel::new(), &mut watch).unwrap();
        assert_eq!(watched, found.loss[..61]);
        // Within L∞ no corner of the cube does better.
        let settings = DenoiserSettings { norm: Norm::Linf, epsilon: 0.1, step_size: 0.1, ..settings };
        let found = attacked(&model, &noisy, None, &settings);
        let change = |d: &[f64]| {
            let moved = noisy.zip(&moved_of(&noisy, d), |y, d| y + d);
            apart(&see(&model, &moved, sigma).unwrap().denoised, &found.before)
        };
        let corner = |bits: usize| (0..6).map(|i| if bits >> i & 1 == 1 { 0.1 } else { -0.1 }).collect::<Vec<f64>>();
        let most = (0..64).map(|bits| change(&corner(bits))).fold(0.0, f64::max);
        assert!((found.loss[found.loss.len() - 1] / most - 1.0).abs() < 1e-4, "{:?} {most}", found.loss);
        assert!(found.achieved.linf <= 0.1 + 1e-6);
    }

    #[test]
    fn the_largest_error_lies_where_a_scan_of_the_budget_finds_it() {
        let shape = Shape::new(1, 1, 2);
        let model =
            GaussianMixture::new(shape, 2).with(0, 1.0, vec![0.3, 0.4], 0.01).with(1, 0.6, vec![0.7, 0.5], 0.02);
        let (clean, noisy) = (Picture::new(shape, vec![0.35, 0.45]), Picture::new(shape, vec![0.42, 0.5]));
        let sigma = 0.2;
        let settings = DenoiserSettings { steps: 80, ..DenoiserSettings::new(Objective::Error, Norm::L2, 0.15, sigma) };
        let found = attacked(&model, &noisy, Some(&clean), &settings);
        let error = |angle: f64, length: f64| {
            let d = moved_of(&noisy, &[length * angle.cos(), length * angle.sin()]);
            apart(&see(&model, &noisy.zip(&d, |y, d| y + d), sigma).unwrap().denoised, &clean)
        };
        let angles = (0..720).map(|k| std::f64::consts::TAU * f64::from(k) / 720.0);
        let most = angles.flat_map(|a| [0.5, 1.0].map(|s| error(a, 0.15 * s))).fold(0.0, f64::max);
        let last = found.loss[found.loss.len() - 1];
        assert!((last / most - 1.0).abs() < 1e-3, "{last} {most}");
        assert!(last > found.without && found.posterior_after != found.posterior_before);
    }

    #[test]
    fn what_is_no_attack_on_a_denoiser_is_refused() {
        let (model, ..) = linear();
        let noisy = Picture::filled(SHAPE, 0.5);
        let good = DenoiserSettings::new(Objective::Change, Norm::Linf, 0.1, 0.2);
        let refused = |option: &str, settings: DenoiserSettings| {
            let found = attack_denoiser(&model, &noisy, None, &settings, &Cancel::new(), &mut |_| ());
            let message = found.unwrap_err().to_string();
            assert!(message.starts_with(option), "{message}");
        };
        refused("--objective", DenoiserSettings { objective: Objective::Error, ..good });
        refused("--epsilon", DenoiserSettings { epsilon: 8.0, ..good });
        refused("--sigma", DenoiserSettings { sigma: 0.0, ..good });
        refused("--steps", DenoiserSettings { steps: 0, ..good });
        refused("--step-size", DenoiserSettings { step_size: f64::NAN, ..good });
        let cancel = Cancel::new();
        cancel.raise();
        let found = attack_denoiser(&model, &noisy, None, &good, &cancel, &mut |_| ());
        assert!(matches!(found, Err(Error::Cancelled)));
        assert!("change".parse::<Objective>().is_ok() && "class".parse::<Objective>().is_err());
    }
}
