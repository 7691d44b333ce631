//! Pictures drawn from the model: out of nothing, and from the posterior of a noisy picture.
//!
//! Out of nothing by the probability flow dy/dσ = (y − `D_w`(y, σ))/σ with Heun's method, levels and churn of Karras, Aittala, Aila & Laine
//! 2022 (algorithm 2); `D_w = D + w(D_c − D)` is the denoiser of a density that is proportional to `p(y)p(c | y)^w` at each level.
//! From the posterior p(x | y) by ancestral steps: `y' = D + r(y − D) + σ'√(1 − r) z` with r = σ'²/σ², which is exact for a known D = x
//! and for as many steps as one likes in the limit.

use crate::joint::{JointModel, posterior};
use crate::picture::{Batch, Picture, normals};
use crate::study::ModelCard;
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// The most pictures of one request.
pub const LARGEST_SAMPLES: usize = 4096;
/// The most steps.
pub const LARGEST_STEPS: usize = 4096;
/// The levels' curvature ρ of Karras et al.
const RHO: f64 = 7.0;
/// How many pictures go together where they are small.
const BATCH: usize = 16;
/// Where pictures come from if nothing is known: the mean and standard deviation of pictures on the [0, 1] scale.
const GREY: (f64, f64) = (0.5, 0.25);

/// What pictures begin from.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Noise of the largest level around grey.
    Nothing,
    /// A noisy picture and its standard deviation: draws from p(x | y).
    Noisy(Picture, f32),
}

/// How a class draws the pictures towards it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guidance {
    /// The class, as an index.
    pub class: usize,
    /// w: 1 for the class as it is, more to exaggerate it, 0 for no class.
    pub weight: f64,
}

/// What pictures are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRequest {
    /// From where.
    pub start: Start,
    /// How many.
    pub count: usize,
    /// Towards a class.
    pub guidance: Option<Guidance>,
    /// The largest and the smallest noise level; the largest is that of a noisy picture where there is one.
    pub levels: (f32, f32),
    /// How many levels: N of Karras et al.
    pub steps: usize,
    /// `S_churn` of Karras et al.: how much noise is put back on the way, 0 for none. Not for a noisy picture.
    pub churn: f64,
    /// The seed; each picture has a stream of its own.
    pub seed: u64,
}

impl SampleRequest {
    /// Refuses what is no request to a model of so many classes.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check(&self, classes: usize) -> Result<()> {
        limits::whole("--count", self.count as u64, 1, LARGEST_SAMPLES as u64)?;
        limits::whole("--steps", self.steps as u64, 2, LARGEST_STEPS as u64)?;
        limits::number("--churn", self.churn, 0.0, 1e6)?;
        if let Some(Guidance { class, weight }) = self.guidance {
            limits::number("--guidance", weight, 0.0, 1000.0)?;
            if class >= classes {
                return Err(Error::option("--as", format!("there is no class {class}: the model has {classes}")));
            }
        }
        let (from, to) = self.levels;
        limits::positive_sigma("--from", from)?;
        limits::positive_sigma("--to", to)?;
        if to < from {
            Ok(())
        } else {
            Err(Error::option("--to", format!("{to} is no smaller than the first level, {from}")))
        }
    }
}

/// One drawn picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The picture, not clipped.
    pub picture: Picture,
    /// `p(c | y)` of it at the last level.
    pub posterior: Vec<f64>,
}

/// The drawn pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// The model.
    pub model: ModelCard,
    /// The levels, falling, without the 0 at the end.
    pub sigmas: Vec<f32>,
    /// The pictures, in the order of their streams.
    pub list: Vec<Sample>,
    /// `p(c | y)` of the noisy picture, where there is one.
    pub posterior: Option<Vec<f64>>,
}

impl Samples {
    /// How many pictures are taken for each class.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.model.classes.len()];
        for sample in &self.list {
            counts[crate::study::ranked(&sample.posterior)[0]] += 1;
        }
        counts
    }
}

/// Wilson's interval (1927) for a share of `count` of `total`, at 95 % confidence.
#[must_use]
pub fn wilson(count: usize, total: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_985;
    let (k, n) = (count as f64, total.max(1) as f64);
    let share = k / n;
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Draws pictures, publishing them as they are done with the share of the work so far.
///
/// # Errors
/// As [`SampleRequest::check`]; [`Error::Compute`] if a noisy picture does not fit the model; [`Error::Cancelled`].
pub fn sample(
    model: &dyn JointModel,
    request: &SampleRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(f32, &[Sample]),
) -> Result<Samples> {
    request.check(model.classes().len())?;
    super::scene::require_gradients(model)?;
    let range = model.sigma_range();
    let (from, to) = (range.clamp(request.levels.0), range.clamp(request.levels.1));
    if to >= from {
        let reason =
            format!("no level lies between {to} and {from} in the trained range {} to {}", range.min, range.max);
        return Err(Error::option("--to", reason));
    }
    let sigmas = karras(f64::from(from), f64::from(to), request.steps);
    let known = match &request.start {
        Start::Nothing => None,
        Start::Noisy(picture, _) => Some(model.forward(&Batch::of([picture]), &[from])?.posterior_of(0)),
    };
    let mut list: Vec<Sample> = Vec::with_capacity(request.count);
    while list.len() < request.count {
        let rows = limits::batch(BATCH, model.shape().len()).min(request.count - list.len());
        let mut run = Run { model, request, cancel, first: list.len(), rows, draws: 0 };
        let mut watch = |share: f32| observe((list.len() as f32 + share * rows as f32) / request.count as f32, &[]);
        let done = match &request.start {
            Start::Nothing => run.flow(&sigmas, &mut watch)?,
            Start::Noisy(picture, _) => run.ancestral(picture, &sigmas, &mut watch)?,
        };
        list.extend(done);
        observe(list.len() as f32 / request.count as f32, &list[list.len() - rows..]);
    }
    Ok(Samples {
        model: ModelCard::of(model),
        sigmas: sigmas.into_iter().map(|s| s as f32).collect(),
        list,
        posterior: known,
    })
}

/// The levels of Karras et al., falling.
fn karras(from: f64, to: f64, steps: usize) -> Vec<f64> {
    let (a, b) = (from.powf(1.0 / RHO), to.powf(1.0 / RHO));
    (0..steps).map(|i| (a + (b - a) * i as f64 / (steps - 1) as f64).powf(RHO)).collect()
}

/// Some of the pictures on their way.
struct Run<'a> {
    model: &'a dyn JointModel,
    request: &'a SampleRequest,
    cancel: &'a Cancel,
    /// The first one's number.
    first: usize,
    rows: usize,
    /// How many fields of noise each has had.
    draws: u64,
}

impl Run<'_> {
    /// The next field of noise of every picture, one after the other.
    fn noise(&mut self) -> Vec<f64> {
        /// Keeps samples apart from the noise of the same seed.
        const STREAM: u64 = 0x73_61_6d_70 << 32;
        let size = self.model.shape().len();
        let mut all = vec![0.0_f32; self.rows * size];
        for (row, values) in all.chunks_exact_mut(size).enumerate() {
            let stream = STREAM | (self.first + row) as u64;
            normals::fill(self.request.seed, stream, self.draws * size as u64, values);
        }
        self.draws += 1;
        all.into_iter().map(f64::from).collect()
    }

    /// D of every picture, drawn towards the class, and the posteriors.
    fn denoised(&self, y: &[f64], sigma: f64) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
        self.cancel.check()?;
        let shape = self.model.shape();
        let noisy = Batch::new(shape, y.iter().map(|v| *v as f32).collect());
        let forward = self.model.forward(&noisy, &vec![sigma as f32; self.rows])?;
        let mut cotangents = Vec::with_capacity(self.rows * self.model.classes().len());
        let mut posteriors = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            let p = posterior(forward.log_joint_of(row));
            // (1 − w)p + w·1_c: the cotangent of D + w(D_c − D).
            let weight = self.request.guidance.map_or(0.0, |guidance| guidance.weight);
            let hit = |c: usize| self.request.guidance.is_some_and(|guidance| guidance.class == c);
            cotangents.extend(
                p.iter().enumerate().map(|(c, p)| ((1.0 - weight) * p + if hit(c) { weight } else { 0.0 }) as f32),
            );
            posteriors.push(p);
        }
        let scores = forward.pullback(&cotangents)?;
        let used = f64::from(forward.sigmas()[0]).powi(2);
        let values = y.iter().zip(scores.values()).map(|(y, s)| y + used * f64::from(*s)).collect();
        Ok((values, posteriors))
    }

    /// Heun's steps down the probability flow, with churn.
    fn flow(&mut self, sigmas: &[f64], watch: &mut dyn FnMut(f32)) -> Result<Vec<Sample>> {
        let spread = sigmas[0].hypot(GREY.1);
        let mut y: Vec<f64> = self.noise().into_iter().map(|z| GREY.0 + spread * z).collect();
        let mut posteriors = Vec::new();
        let most = (self.request.churn / sigmas.len() as f64).min(std::f64::consts::SQRT_2 - 1.0);
        for (step, &level) in sigmas.iter().enumerate() {
            let mut sigma = level;
            let churned = (level * (1.0 + most)).min(sigmas[0]);
            if churned > level {
                let more = (churned * churned - level * level).sqrt();
                y.iter_mut().zip(self.noise()).for_each(|(y, z)| *y += more * z);
                sigma = churned;
            }
            let (denoised, found) = self.denoised(&y, sigma)?;
            posteriors = found;
            let slope: Vec<f64> = y.iter().zip(&denoised).map(|(y, d)| (y - d) / sigma).collect();
            let next = sigmas.get(step + 1).copied().unwrap_or(0.0);
            let ahead: Vec<f64> = y.iter().zip(&slope).map(|(y, s)| y + (next - sigma) * s).collect();
            y = if next > 0.0 {
                let (denoised, _) = self.denoised(&ahead, next)?;
                let mean =
                    |((y, s), (a, d)): ((&f64, &f64), (&f64, &f64))| y + (next - sigma) * 0.5 * (s + (a - d) / next);
                y.iter().zip(&slope).zip(ahead.iter().zip(&denoised)).map(mean).collect()
            } else {
                ahead
            };
            watch((step + 1) as f32 / sigmas.len() as f32);
        }
        Ok(self.samples(&y, posteriors))
    }

    /// Ancestral steps from a noisy picture.
    fn ancestral(&mut self, noisy: &Picture, sigmas: &[f64], watch: &mut dyn FnMut(f32)) -> Result<Vec<Sample>> {
        let start: Vec<f64> = noisy.values().iter().map(|v| f64::from(*v)).collect();
        let mut y = start.repeat(self.rows);
        let mut posteriors = Vec::new();
        for (step, &sigma) in sigmas.iter().enumerate() {
            let (denoised, found) = self.denoised(&y, sigma)?;
            posteriors = found;
            y = match sigmas.get(step + 1) {
                Some(next) => {
                    let share = (next / sigma).powi(2);
                    let more = next * (1.0 - share).sqrt();
                    let noise = self.noise();
                    let one = |((y, d), z): ((&f64, &f64), f64)| d + share * (y - d) + more * z;
                    y.iter().zip(&denoised).zip(noise).map(one).collect()
                }
                None => denoised,
            };
            watch((step + 1) as f32 / sigmas.len() as f32);
        }
        Ok(self.samples(&y, posteriors))
    }

    fn samples(&self, y: &[f64], posteriors: Vec<Vec<f64>>) -> Vec<Sample> {
        let shape = self.model.shape();
        let pictures = y.chunks_exact(shape.len()).map(|row| row.iter().map(|v| *v as f32).collect());
        pictures
            .zip(posteriors)
            .map(|(values, posterior)| Sample { picture: Picture::new(shape, values), posterior })
            .collect()
    }
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod tests;
