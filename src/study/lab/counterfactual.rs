//! The counterfactual dial: what least change would make a picture one of another class, as far as the density tolerates it.
//!
//! Within `‖x' − x‖₂ ≤ r` it climbs `log p_σ(t | x') + λ log p_σ(x')`, whose gradient is `((D_t − D) + λ(D − x'))/σ²`: the class pulls by the
//! one difference, the denoiser by the other, and both come from one adjoint pass with the cotangent `1_t + (λ − 1)p`. λ = 0 is a plain attack,
//! λ = 1 the joint density of picture and class. σ falls on the way, so that coarse changes come before fine ones. Beside each stands projected
//! gradient descent of the same length on p(t | x) alone; what either costs is told in bits of log p.

use super::scene::require_gradients;
use crate::attack::{Method, Norm, Settings, Target, parameters, run};
use crate::joint::{JointModel, log_density, posterior, require_classes};
use crate::picture::{Batch, Picture};
use crate::study::{ModelCard, ranked};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// The most positions of the dial.
pub const LARGEST_POSITIONS: usize = 64;
/// The most steps at each.
pub const LARGEST_DIAL_STEPS: usize = 4096;
/// How often the stretch that holds the smallest change is halved.
const HALVINGS: usize = 6;

/// Which counterfactuals are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct DialRequest {
    /// The clean picture, in the model's shape.
    pub picture: Picture,
    /// The class that it is to become.
    pub target: usize,
    /// The lengths of the change, in L2 on the [0, 1] scale, rising.
    pub radii: Vec<f64>,
    /// λ: how much the density holds, from 0 on.
    pub tolerance: f64,
    /// The largest and the smallest noise level; at the smallest everything is measured.
    pub levels: (f32, f32),
    /// How many steps.
    pub steps: usize,
}

impl DialRequest {
    /// Evenly spaced lengths up to `most`.
    #[must_use]
    pub fn evenly(most: f64, positions: usize) -> Vec<f64> {
        (1..=positions).map(|k| most * k as f64 / positions as f64).collect()
    }

    /// Refuses what is no request to a model.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check(&self, model: &dyn JointModel) -> Result<()> {
        require_classes(model.classes().len(), "a counterfactual")?;
        if self.target >= model.classes().len() {
            let (class, all) = (self.target, model.classes().len());
            return Err(Error::option("--target", format!("there is no class {class}: the model has {all}")));
        }
        limits::whole("--positions", self.radii.len() as u64, 1, LARGEST_POSITIONS as u64)?;
        let farthest = (model.shape().len() as f64).sqrt();
        for radius in &self.radii {
            limits::number("--radius", *radius, 1e-6, farthest)?;
        }
        limits::number("--tolerance", self.tolerance, 0.0, 1e6)?;
        limits::whole("--steps", self.steps as u64, 1, LARGEST_DIAL_STEPS as u64)?;
        let (from, to) = self.levels;
        limits::positive_sigma("--from", from)?;
        limits::positive_sigma("--least", to)?;
        if to <= from {
            Ok(())
        } else {
            Err(Error::option("--least", format!("{to} is larger than the first level, {from}")))
        }
    }
}

/// A changed picture and what the model says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Turned {
    /// The picture, in [0, 1].
    pub picture: Picture,
    /// How far it lies from the clean one, in L2.
    pub distance: f64,
    /// p(c | x') at the smallest level, `[K]`.
    pub posterior: Vec<f64>,
    /// By how many bits log p(x') is below log p(x) at that level; none for a model without a density.
    pub bits_lost: Option<f64>,
}

impl Turned {
    /// Whether it is taken for the class.
    #[must_use]
    pub fn is(&self, class: usize) -> bool {
        ranked(&self.posterior)[0] == class
    }
}

/// A position of the dial.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// How far the change may go.
    pub radius: f64,
    /// As far as the density tolerates.
    pub tolerated: Turned,
    /// By projected gradient descent of the same length.
    pub plain: Turned,
}

/// The dial.
#[derive(Debug, Clone, PartialEq)]
pub struct Dial {
    /// The model.
    pub model: ModelCard,
    /// p(c | x) before, at the smallest level.
    pub posterior: Vec<f64>,
    /// The levels that were used.
    pub levels: (f32, f32),
    /// The positions, in the order of their radii.
    pub positions: Vec<Position>,
    /// The smallest change that makes it one of the class, to 1/64 of the stretch between two positions; none if no position does.
    pub smallest: Option<Turned>,
}

/// Turns the dial. `observe` is told the share of the work and each position that is done.
///
/// # Errors
/// As [`DialRequest::check`]; [`Error::Compute`] for a picture outside [0, 1] or not of the model's shape; [`Error::Cancelled`].
pub fn dial(
    model: &dyn JointModel,
    request: &DialRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(f32, Option<&Position>),
) -> Result<Dial> {
    request.check(model)?;
    require_gradients(model)?;
    if let Some(value) = request.picture.values().iter().find(|v| !(0.0..=1.0).contains(*v)) {
        return Err(Error::Compute(format!("a counterfactual starts from a picture in [0, 1]; this one has {value}")));
    }
    let range = model.sigma_range();
    let levels = (range.clamp(request.levels.0), range.clamp(request.levels.1));
    let turning = Turning { model, request, levels, cancel };
    let before = turning.measure(&request.picture, None)?;
    let base = turning.log_density(&request.picture)?;
    let mut positions = Vec::with_capacity(request.radii.len());
    let count = request.radii.len() as f32;
    for (index, &radius) in request.radii.iter().enumerate() {
        let share = |part: f32| (index as f32 + part) / count;
        let tolerated = turning.turn(radius, base, &mut |part| observe(share(0.5 * part), None))?;
        let plain = turning.plain(tolerated.distance, base)?;
        let position = Position { radius, tolerated, plain };
        observe(share(1.0), Some(&position));
        positions.push(position);
    }
    let smallest = turning.smallest(&positions, base, before.is(request.target))?;
    Ok(Dial { model: ModelCard::of(model), posterior: before.posterior, levels, positions, smallest })
}

struct Turning<'a> {
    model: &'a dyn JointModel,
    request: &'a DialRequest,
    levels: (f32, f32),
    cancel: &'a Cancel,
}

impl Turning<'_> {
    /// log p(x) at the smallest level; none for a model without a density.
    fn log_density(&self, picture: &Picture) -> Result<Option<f64>> {
        if self.model.abilities().density.missing().is_some() {
            return Ok(None);
        }
        let forward = self.model.forward(&Batch::of([picture]), &[self.levels.1])?;
        Ok(Some(log_density(forward.log_joint_of(0))))
    }

    fn measure(&self, picture: &Picture, base: Option<f64>) -> Result<Turned> {
        let forward = self.model.forward(&Batch::of([picture]), &[self.levels.1])?;
        let joint = forward.log_joint_of(0);
        let pairs = picture.values().iter().zip(self.request.picture.values());
        Ok(Turned {
            posterior: posterior(joint),
            bits_lost: base.map(|base| (base - log_density(joint)) / std::f64::consts::LN_2),
            distance: pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt(),
            picture: picture.clone(),
        })
    }

    /// The level of a step: falling evenly in its logarithm, and the smallest for the last third.
    fn level(&self, step: usize) -> f32 {
        let (from, to) = self.levels;
        let share = (1.5 * step as f32 / self.request.steps.max(2) as f32).min(1.0);
        from * (to / from).powf(share)
    }

    /// The change within a radius.
    fn turn(&self, radius: f64, base: Option<f64>, watch: &mut dyn FnMut(f32)) -> Result<Turned> {
        let DialRequest { picture: clean, target, tolerance, steps, .. } = self.request;
        let centre: Vec<f64> = clean.values().iter().map(|v| f64::from(*v)).collect();
        let mut x = centre.clone();
        for step in 0..*steps {
            self.cancel.check()?;
            let noisy = Batch::new(clean.shape(), x.iter().map(|v| *v as f32).collect());
            let forward = self.model.forward(&noisy, &[self.level(step)])?;
            let mut weights: Vec<f32> =
                posterior(forward.log_joint_of(0)).into_iter().map(|p| ((tolerance - 1.0) * p) as f32).collect();
            weights[*target] += 1.0;
            let pull = forward.pullback(&weights)?;
            let size = pull.values().iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            if !size.is_finite() || size <= 0.0 {
                break;
            }
            // Long at first, then shorter and shorter: what it settles at is a point where the pull is straight outwards.
            let share = step as f64 / *steps as f64;
            let length = radius * (0.5 * (1.0 - share) + 0.01 * share);
            x.iter_mut().zip(pull.values()).for_each(|(x, g)| *x += length * f64::from(*g) / size);
            project(&mut x, &centre, radius);
            watch((step + 1) as f32 / *steps as f32);
        }
        self.measure(&Picture::new(clean.shape(), x.into_iter().map(|v| v as f32).collect()), base)
    }

    /// Projected gradient descent towards the class alone, with the same length to spend.
    fn plain(&self, radius: f64, base: Option<f64>) -> Result<Turned> {
        let DialRequest { picture, target, steps, .. } = self.request;
        let forward = self.model.forward(&Batch::of([picture]), &[self.levels.1])?;
        let label = ranked(&forward.posterior_of(0))[0];
        if label == *target || radius <= 0.0 {
            return self.measure(picture, base);
        }
        let mut settings = Settings::new(Method::Pgd, self.levels.1).within(Norm::L2, radius);
        settings.target = Target::Class(*target);
        settings.set(parameters::STEPS, *steps as f64)?;
        settings.set(parameters::STEP_SIZE, (2.5 * radius / *steps as f64).min(100.0))?;
        settings.set(parameters::RANDOM_START, 0.0)?;
        let outcome = run(self.model, &Batch::of([picture]), &[label], &settings, self.cancel, &mut |_| ())?;
        match outcome.first() {
            Some(outcome) => self.measure(&outcome.attacked, base),
            None => self.measure(picture, base),
        }
    }

    /// Between the last position that is not one of the class and the first that is.
    fn smallest(&self, positions: &[Position], base: Option<f64>, already: bool) -> Result<Option<Turned>> {
        let target = self.request.target;
        if already {
            return self.measure(&self.request.picture, base).map(Some);
        }
        let Some(first) = positions.iter().position(|position| position.tolerated.is(target)) else { return Ok(None) };
        let mut low = if first == 0 { 0.0 } else { positions[first - 1].radius };
        let mut best = positions[first].tolerated.clone();
        let mut high = positions[first].radius;
        for _ in 0..HALVINGS {
            let radius = f64::midpoint(low, high);
            let found = self.turn(radius, base, &mut |_| ())?;
            if found.is(target) {
                (high, best) = (radius, found);
            } else {
                low = radius;
            }
        }
        Ok(Some(best))
    }
}

/// Along the ray back into the ball, and into [0, 1].
fn project(x: &mut [f64], centre: &[f64], radius: f64) {
    for x in &mut *x {
        *x = x.clamp(0.0, 1.0);
    }
    let length = x.iter().zip(centre).map(|(x, c)| (x - c).powi(2)).sum::<f64>().sqrt();
    if length > radius {
        x.iter_mut().zip(centre).for_each(|(x, c)| *x = c + (*x - c) * radius / length);
    }
}

#[cfg(test)]
#[path = "counterfactual_tests.rs"]
mod tests;
