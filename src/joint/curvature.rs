//! Products with the Jacobian of a denoiser, `J = ∂D/∂y = I + σ²∇²log p_σ(y)`, which is also a covariance: `Cov[x | y] = σ²J`.
//!
//! J is a Hessian but for scale and identity, hence symmetric, and it splits by class (the law of total covariance):
//! `J = Σ_c p_c J_c + (1/σ²) Σ_c p_c (D_c − D)(D_c − D)ᵀ` with `J_c = ∂D_c/∂y` and `p_c = p(c | y)`.

use super::readings::posterior;
use super::{Forward, JointModel, Linear};
use crate::picture::Batch;
use crate::{Error, Result};

/// Which Jacobian; times σ², each is a covariance of the clean picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jacobian {
    /// `J = ∂D/∂y`: σ²J is `Cov[x | y]`.
    Whole,
    /// `Σ_c p_c J_c`: σ² times it is the mean over the classes of the covariance within a class, `E[Cov[x | y, c] | y]`.
    Within,
    /// `J_c = ∂D_c/∂y`: σ² times it is `Cov[x | y, c]`.
    Class(usize),
}

/// Products with a Jacobian.
#[derive(Debug, Clone)]
pub struct Products {
    /// `J r` for each direction, `[N, M, C, H, W]`.
    pub values: Batch,
    /// Whether they are exact but for rounding; else they are central differences of the denoiser.
    pub is_exact: bool,
}

/// How far differences go: a root mean square of so many σ a value.
///
/// With it, products of the bundled `cifar10` are 8e-5 to 3e-4 of their size off the exact ones for σ from 0.02 to 0.5.
pub const DIFFERENCE: f64 = 1e-2;

impl Jacobian {
    /// The cotangent whose derivative it is made of, for one picture's `[K]` log-joint, and whether that follows the posterior.
    fn cotangent(self, log_joint: &[f64]) -> (Vec<f32>, bool) {
        match self {
            Self::Whole => (Linear::Score.cotangent(log_joint), true),
            Self::Within => (Linear::Score.cotangent(log_joint), false),
            Self::Class(class) => (Linear::ScoreAs(class).cotangent(log_joint), false),
        }
    }
}

/// `J r` for each picture of `forward`, which `model` made, and each of its M directions r, `[N, M, C, H, W]`.
///
/// # Errors
/// [`Error::Compute`] if the directions are no whole number a picture, or a class does not exist.
pub fn products(
    model: &dyn JointModel,
    forward: &dyn Forward,
    jacobian: Jacobian,
    directions: &Batch,
) -> Result<Products> {
    let each = directions_a_picture(model, forward, jacobian, directions)?;
    let mut cotangents = Vec::with_capacity(directions.len() * model.classes().len());
    let mut follows = false;
    for index in 0..forward.noisy().len() {
        let (cotangent, moves) = jacobian.cotangent(forward.log_joint_of(index));
        follows = moves;
        (0..each).for_each(|_| cotangents.extend_from_slice(&cotangent));
    }
    match forward.curvature(&cotangents, follows, directions)? {
        Some(values) => Ok(Products { values: of_denoiser(forward, values, directions), is_exact: true }),
        None => {
            Ok(Products { values: differences(model, forward, jacobian, directions, DIFFERENCE)?, is_exact: false })
        }
    }
}

/// [`products`] by central differences of the denoiser between `y ± h r`, where `h r` has a root mean square of `step`·σ: for
/// models that do not know their second derivatives. A direction of zero gives zero.
///
/// # Errors
/// As [`products`].
pub fn differences(
    model: &dyn JointModel,
    forward: &dyn Forward,
    jacobian: Jacobian,
    directions: &Batch,
    step: f64,
) -> Result<Batch> {
    let each = directions_a_picture(model, forward, jacobian, directions)?;
    let (shape, count) = (directions.shape(), directions.len());
    let (mut moved, mut sigmas) = (Vec::with_capacity(2 * count * shape.len()), Vec::with_capacity(2 * count));
    let mut steps = Vec::with_capacity(count);
    for row in 0..count {
        let sigma = forward.sigmas()[row / each];
        let r = directions.row(row);
        let norm = r.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let h = if norm > 0.0 { step * f64::from(sigma) * (shape.len() as f64).sqrt() / norm } else { 0.0 };
        steps.push(h);
        for side in [h, -h] {
            let pairs = forward.noisy().row(row / each).iter().zip(r);
            moved.extend(pairs.map(|(y, r)| (f64::from(*y) + side * f64::from(*r)) as f32));
            sigmas.push(sigma);
        }
    }
    let beside = model.forward(&Batch::new(shape, moved), &sigmas)?;
    let mut cotangents = Vec::with_capacity(2 * count * model.classes().len());
    for row in 0..2 * count {
        // Weights that do not follow the posterior are those of the picture in the middle.
        let (cotangent, follows) = jacobian.cotangent(forward.log_joint_of(row / 2 / each));
        cotangents.extend(if follows { Linear::Score.cotangent(beside.log_joint_of(row)) } else { cotangent });
    }
    let scores = beside.pullback(&cotangents)?;
    let mut values = Vec::with_capacity(count * shape.len());
    for (row, h) in steps.into_iter().enumerate() {
        let rate = if h > 0.0 { 0.5 / h } else { 0.0 };
        let pairs = scores.row(2 * row).iter().zip(scores.row(2 * row + 1));
        values.extend(pairs.map(|(up, down)| ((f64::from(*up) - f64::from(*down)) * rate) as f32));
    }
    Ok(of_denoiser(forward, Batch::new(shape, values), directions))
}

/// `r + σ²H r`, from `H r`.
fn of_denoiser(forward: &dyn Forward, mut bent: Batch, directions: &Batch) -> Batch {
    let each = (directions.len() / forward.noisy().len()).max(1);
    for row in 0..directions.len() {
        let sigma = forward.sigmas()[row / each];
        for (value, r) in bent.row_mut(row).iter_mut().zip(directions.row(row)) {
            *value = r + sigma * sigma * *value;
        }
    }
    bent
}

/// What [`products`] promises to check; returns M.
fn directions_a_picture(
    model: &dyn JointModel,
    forward: &dyn Forward,
    jacobian: Jacobian,
    directions: &Batch,
) -> Result<usize> {
    let (pictures, shape) = (forward.noisy().len(), forward.noisy().shape());
    if directions.is_empty() || directions.shape() != shape || !directions.len().is_multiple_of(pictures) {
        let (count, of) = (directions.len(), directions.shape());
        let reason = format!("{count} directions of {of} are no whole number for {pictures} pictures of {shape}");
        return Err(Error::Compute(reason));
    }
    match jacobian {
        Jacobian::Class(class) if class >= model.classes().len() => {
            Err(Error::Compute(format!("there is no class {class}: the model has {}", model.classes().len())))
        }
        _ => Ok(directions.len() / pictures),
    }
}

/// The part of J between the classes, `(1/σ²) Σ_c p_c (D_c − D)(D_c − D)ᵀ`, of one picture: of a rank below the number of
/// classes, and with J's part [`Jacobian::Within`] the whole of J.
#[derive(Debug, Clone)]
pub struct Between {
    /// `√p_c (D_c − D)/σ` of each class.
    factors: Vec<Vec<f64>>,
}

/// Classes that are left out of [`Between`]: their share of any variance on the [0, 1] scale is below rounding.
const NEGLIGIBLE: f64 = 1e-9;

impl Between {
    /// For picture `index` of a forward pass: one adjoint pass for all classes that matter.
    ///
    /// # Errors
    /// As [`Forward::pullback`] of a forward pass over one picture.
    pub fn of(forward: &dyn Forward) -> Result<Self> {
        let posterior = posterior(forward.log_joint_of(0));
        let classes: Vec<usize> = (0..posterior.len()).filter(|&c| posterior[c] > NEGLIGIBLE).collect();
        let sigma = f64::from(forward.sigmas()[0]);
        let readings: Vec<Linear> = classes.iter().map(|&class| Linear::ClassGradient(class)).collect();
        let gradients = forward.gradients(&readings)?;
        let factors = classes.iter().enumerate().map(|(row, &class)| {
            // (D_c − D)/σ² is ∇log p(c | y).
            let scale = posterior[class].sqrt() * sigma;
            gradients.row(row).iter().map(|g| scale * f64::from(*g)).collect()
        });
        Ok(Self { factors: factors.collect() })
    }

    /// Its product with a direction.
    #[must_use]
    pub fn product(&self, direction: &[f32]) -> Vec<f64> {
        let mut sum = vec![0.0; direction.len()];
        for factor in &self.factors {
            let along: f64 = factor.iter().zip(direction).map(|(f, r)| f * f64::from(*r)).sum();
            sum.iter_mut().zip(factor).for_each(|(s, f)| *s += along * f);
        }
        sum
    }

    /// Its diagonal: `Σ_c p_c (D_c − D)²/σ²`.
    #[must_use]
    pub fn diagonal(&self, values: usize) -> Vec<f64> {
        let mut sum = vec![0.0; values];
        for factor in &self.factors {
            sum.iter_mut().zip(factor).for_each(|(s, f)| *s += f * f);
        }
        sum
    }
}
