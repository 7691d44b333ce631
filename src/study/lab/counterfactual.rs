//! The counterfactual dial: what least change would make a picture one of another class, as far as the density tolerates it.
//!
//! Within `‖x' − x‖₂ ≤ r` it climbs `log p_σ(t | x')` while `log p_σ(x') ≥ log p_σ(x) − b`, b being the tolerated loss. The class pulls by
//! `(D_t − D)/σ²`, the density by `(D − x')/σ²`, both from one forward pass. Where log p lies below that floor, what of the class's pull points against
//! the density's is taken out of it, and half a unit of the density's is added to what is left, as a unit vector: the step goes along the floor and
//! back up to it. Both pulls count by their directions only, because their lengths have nothing to do with each other: a network's density
//! pulls tens of times as hard as its classes. Of all pictures on the way the best is kept. Beside it stands projected gradient
//! descent of the same length on p(t | x) alone; if that turns the picture and the tolerated way did not, the way begins at its end instead, first
//! towards the density, so that whatever plain descent reaches is reached. What either costs is told in bits of log p.

use super::scene::require_gradients;
use crate::attack::{Method, Norm, Settings, Target, parameters, run};
use crate::joint::{JointModel, log_density, posterior, require_classes};
use crate::picture::{Batch, Picture};
use crate::study::{ModelCard, ranked};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// The most positions of the dial.
pub const LARGEST_POSITIONS: usize = 64;
/// The least length of a change.
pub const SMALLEST_RADIUS: f64 = 1e-6;
/// The most steps at each.
pub const LARGEST_DIAL_STEPS: usize = 4096;
/// The most bits that may be lost: more than any picture has.
pub const LARGEST_TOLERANCE: f64 = 1e9;
/// How much of the density's pull is added to the class's below the floor, both of length one.
const HOLD: f64 = 0.5;
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
    /// How many bits of log p may be lost, from 0 on.
    pub tolerance: f64,
    /// The noise level at which the model looks.
    pub sigma: f32,
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
            limits::number("--radius", *radius, SMALLEST_RADIUS, farthest)?;
        }
        limits::number("--tolerance", self.tolerance, 0.0, LARGEST_TOLERANCE)?;
        limits::whole("--steps", self.steps as u64, 1, LARGEST_DIAL_STEPS as u64)?;
        limits::positive_sigma("--sigma", self.sigma)
    }
}

/// A changed picture and what the model says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Turned {
    /// The picture, in [0, 1].
    pub picture: Picture,
    /// How far it lies from the clean one, in L2.
    pub distance: f64,
    /// p(c | x'), `[K]`.
    pub posterior: Vec<f64>,
    /// By how many bits log p(x') is below log p(x); none for a model without a density.
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
    /// p(c | x) before.
    pub posterior: Vec<f64>,
    /// The noise level that was used, inside the model's range.
    pub sigma: f32,
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
    let turning = Turning { model, request, sigma: model.sigma_range().clamp(request.sigma), cancel };
    let base = turning.log_density()?;
    let before = turning.measure(&request.picture, base)?;
    let mut positions = Vec::with_capacity(request.radii.len());
    let count = request.radii.len() as f32;
    for (index, &radius) in request.radii.iter().enumerate() {
        let mut watch = |part: f32| observe((index as f32 + 0.5 * part) / count, None);
        let (tolerated, plain) = turning.turn(radius, base, &mut watch)?;
        // Of the same length, not only within the same.
        let plain = match plain {
            Some(plain) if tolerated.distance > plain.distance - 1e-6 => plain,
            _ => turning.plain(tolerated.distance, base)?,
        };
        let position = Position { radius, tolerated, plain };
        observe((index + 1) as f32 / count, Some(&position));
        positions.push(position);
    }
    let posterior = before.posterior.clone();
    let smallest = turning.smallest(&positions, base, before)?;
    Ok(Dial { model: ModelCard::of(model), posterior, sigma: turning.sigma, positions, smallest })
}

struct Turning<'a> {
    model: &'a dyn JointModel,
    request: &'a DialRequest,
    sigma: f32,
    cancel: &'a Cancel,
}

/// How good a picture on the way is: one of the class before others, then one that the density tolerates.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Worth {
    is_there: bool,
    is_tolerated: bool,
    /// log p(t | x') of what is tolerated, else log p(x').
    height: f64,
}

impl Turning<'_> {
    /// log p(x); none for a model without a density.
    fn log_density(&self) -> Result<Option<f64>> {
        if self.model.abilities().density.missing().is_some() {
            return Ok(None);
        }
        let forward = self.model.forward(&Batch::of([&self.request.picture]), &[self.sigma])?;
        Ok(Some(log_density(forward.log_joint_of(0))))
    }

    fn measure(&self, picture: &Picture, base: Option<f64>) -> Result<Turned> {
        let forward = self.model.forward(&Batch::of([picture]), &[self.sigma])?;
        let joint = forward.log_joint_of(0);
        let pairs = picture.values().iter().zip(self.request.picture.values());
        Ok(Turned {
            posterior: posterior(joint),
            bits_lost: base.map(|base| (base - log_density(joint)) / std::f64::consts::LN_2),
            distance: pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt(),
            picture: picture.clone(),
        })
    }

    /// The change within a radius that the density tolerates; and plain descent's, where that had to be asked.
    fn turn(&self, radius: f64, base: Option<f64>, watch: &mut dyn FnMut(f32)) -> Result<(Turned, Option<Turned>)> {
        let found = self.walk(radius, &self.request.picture, base, watch)?;
        if found.is(self.request.target) {
            return Ok((found, None));
        }
        let plain = self.plain(radius, base)?;
        if base.is_none() || !plain.is(self.request.target) {
            return Ok((found, Some(plain)));
        }
        Ok((self.walk(radius, &plain.picture, base, watch)?, Some(plain)))
    }

    /// The best picture on the way from `start`.
    fn walk(&self, radius: f64, start: &Picture, base: Option<f64>, watch: &mut dyn FnMut(f32)) -> Result<Turned> {
        let DialRequest { picture: clean, target, tolerance, steps, .. } = self.request;
        let floor = base.map_or(f64::NEG_INFINITY, |base| base - tolerance * std::f64::consts::LN_2);
        let centre: Vec<f64> = clean.values().iter().map(|v| f64::from(*v)).collect();
        let mut x: Vec<f64> = start.values().iter().map(|v| f64::from(*v)).collect();
        let mut best: Option<(Worth, Picture)> = None;
        let begins_there = start != clean;
        for step in 0..=*steps {
            self.cancel.check()?;
            let picture = Picture::new(clean.shape(), x.iter().map(|v| *v as f32).collect());
            let forward = self.model.forward(&Batch::of([&picture]), &[self.sigma])?;
            let (density, chances) = (log_density(forward.log_joint_of(0)), forward.posterior_of(0));
            let (is_there, is_tolerated) = (ranked(&chances)[0] == *target, density >= floor);
            let height = if is_tolerated { log_odds(forward.log_joint_of(0), *target) } else { density };
            let worth = Worth { is_there, is_tolerated, height };
            if best.as_ref().is_none_or(|(most, _)| worth > *most) {
                best = Some((worth, picture));
            }
            if step == *steps {
                break;
            }
            // The class's pull, and the density's.
            let of_density: Vec<f32> = chances.iter().map(|p| *p as f32).collect();
            let of_class = (0..chances.len()).map(|c| f32::from(u8::from(c == *target)) - of_density[c]);
            let cotangents: Vec<f32> = of_class.chain(of_density.iter().copied()).collect();
            let pulls = forward.pullback(&cotangents)?;
            let (class, density) = pulls.values().split_at(x.len());
            let (Some(class), density) =
                (unit(class.iter().map(|g| f64::from(*g))), unit(density.iter().map(|g| f64::from(*g))))
            else {
                break;
            };
            let way = match density {
                Some(density) if !is_tolerated => held(&class, &density, begins_there, is_there),
                _ => Some(class),
            };
            let Some(way) = way else { break };
            // Long at first, then shorter and shorter: what it settles at is a point where the pull is straight outwards.
            let share = step as f64 / *steps as f64;
            let length = radius * (0.5 * (1.0 - share) + 0.01 * share);
            x.iter_mut().zip(way).for_each(|(x, g)| *x += length * g);
            project(&mut x, &centre, radius);
            watch((step + 1) as f32 / *steps as f32);
        }
        let best = best.map_or_else(|| clean.clone(), |(_, picture)| picture);
        self.measure(&best, base)
    }

    /// Projected gradient descent towards the class alone, with the same length to spend.
    fn plain(&self, radius: f64, base: Option<f64>) -> Result<Turned> {
        let DialRequest { picture, target, steps, .. } = self.request;
        let forward = self.model.forward(&Batch::of([picture]), &[self.sigma])?;
        let label = ranked(&forward.posterior_of(0))[0];
        if label == *target || radius <= 0.0 {
            return self.measure(picture, base);
        }
        let mut settings = Settings::new(Method::Pgd, self.sigma).within(Norm::L2, radius);
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
    fn smallest(&self, positions: &[Position], base: Option<f64>, before: Turned) -> Result<Option<Turned>> {
        let target = self.request.target;
        if before.is(target) {
            return Ok(Some(before));
        }
        let Some(first) = positions.iter().position(|position| position.tolerated.is(target)) else { return Ok(None) };
        let mut low = if first == 0 { 0.0 } else { positions[first - 1].radius };
        let mut best = positions[first].tolerated.clone();
        let mut high = positions[first].radius;
        for _ in 0..HALVINGS {
            let radius = f64::midpoint(low, high);
            let (found, _) = self.turn(radius, base, &mut |_| ())?;
            if found.is(target) {
                (high, best) = (radius, found);
            } else {
                low = radius;
            }
        }
        Ok(Some(best))
    }
}

/// log p(t | x') − log(1 − p(t | x')), which goes on where p(t | x') is 1 but for rounding.
fn log_odds(log_joint: &[f64], target: usize) -> f64 {
    let others: Vec<f64> = log_joint.iter().enumerate().filter(|(c, _)| *c != target).map(|(_, l)| *l).collect();
    log_joint[target] - log_density(&others)
}

/// A step below the floor, from the directions of both pulls: along the floor and back up to it. From the end of plain descent it goes to the
/// class, and within the class straight to the density.
fn held(class: &[f64], density: &[f64], begins_there: bool, is_there: bool) -> Option<Vec<f64>> {
    let dot: f64 = class.iter().zip(density).map(|(a, b)| a * b).sum();
    // What of one points against the other.
    let without = |a: &[f64], b: &[f64]| unit(a.iter().zip(b).map(|(a, b)| a - dot.min(0.0) * b));
    match (begins_there, is_there) {
        (true, true) => without(density, class),
        (true, false) => Some(class.to_vec()),
        (false, _) => {
            let along = without(class, density).unwrap_or_else(|| vec![0.0; class.len()]);
            unit(along.iter().zip(density).map(|(a, b)| a + HOLD * b))
        }
    }
}

/// The direction; none of what has no length.
fn unit(values: impl Iterator<Item = f64> + Clone) -> Option<Vec<f64>> {
    let size = values.clone().map(|v| v * v).sum::<f64>().sqrt();
    (size.is_finite() && size > 0.0).then(|| values.map(|v| v / size).collect())
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
