//! Pictures drawn from the model: out of nothing, and from the posterior of a noisy picture.
//!
//! Out of nothing by the probability flow dy/dσ = (y − `D_w`(y, σ))/σ with Heun's method, levels and churn of Karras, Aittala, Aila & Laine
//! 2022 (algorithm 2), or by the ascent of Kadkhodaie & Simoncelli; `D_w = D + w(D_c − D)` is the denoiser of a density that is
//! proportional to `p(y)p(c | y)^w` at each level. From the posterior p(x | y) by ancestral steps: `y' = D + r(y − D) + σ'√(1 − r) z`
//! with r = σ'²/σ², which is exact for a known D = x and for as many steps as one likes in the limit. Langevin steps, accepted or
//! refused by the density itself, take out what either leaves wrong at a level.

use super::draw::{
    Anchor, Ascent, BATCH, Corrector, Field, Frame, Guidance, LARGEST_CORRECTIONS, LARGEST_FRAMES, LARGEST_SAMPLES,
    LARGEST_STEPS, Recorder, Seen, Sketch, ascend, karras, start,
};
use crate::joint::{JointModel, SigmaRange};
use crate::picture::{Batch, Picture};
use crate::study::ModelCard;
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// Where drawing ends, if the model goes so far down: what is finer than that is hardly seen.
const LAST: f32 = 2.0 / 255.0;

/// The levels that pictures are drawn through unless others are asked for: from that of a noisy picture, or the largest there is, down to
/// 2/255, all within what the model was trained for.
#[must_use]
pub fn usual_levels(range: SigmaRange, from: Option<f32>) -> (f32, f32) {
    (range.clamp(from.unwrap_or(limits::LARGEST_SIGMA)), LAST.max(range.min))
}

/// What pictures begin from.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Noise of the largest level around grey.
    Nothing,
    /// A noisy picture and its standard deviation: draws from p(x | y).
    Noisy(Picture, f32),
}

/// How pictures are drawn out of nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    /// Heun's method down the probability flow.
    Flow {
        /// `S_churn` of Karras et al.: how much noise is put back on the way, 0 for none.
        churn: f64,
    },
    /// The stochastic ascent of Kadkhodaie & Simoncelli; it finds its own steps.
    Ascent {
        /// β, from just above 0 to 1: how little noise is put back on the way.
        beta: f64,
    },
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
    /// How, out of nothing; a noisy picture has its one way.
    pub way: Way,
    /// How many corrected Langevin steps follow at each level, 0 for none. Not for the ascent.
    pub corrections: usize,
    /// How many frames of its way are kept of each picture, 0 for none.
    pub frames: usize,
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
        limits::whole("--corrections", self.corrections as u64, 0, LARGEST_CORRECTIONS as u64)?;
        limits::whole("--frames", self.frames as u64, 0, LARGEST_FRAMES as u64)?;
        match self.way {
            Way::Flow { churn } => limits::number("--churn", churn, 0.0, 1e6)?,
            Way::Ascent { beta } => limits::number("--beta", beta, 0.001, 1.0)?,
        }
        if self.corrections > 0 && self.start == Start::Nothing && matches!(self.way, Way::Ascent { .. }) {
            return Err(Error::option("--corrections", "go with levels that are planned, which the ascent's are not"));
        }
        self.guidance.map_or(Ok(()), |guidance| guidance.check(classes))?;
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
    /// Some of its way, if that was to be kept.
    pub frames: Vec<Frame>,
}

/// The drawn pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// The model.
    pub model: ModelCard,
    /// The levels, falling, without the 0 at the end; of the ascent only the first and the last.
    pub sigmas: Vec<f32>,
    /// The pictures, in the order of their streams.
    pub list: Vec<Sample>,
    /// `p(c | y)` of the noisy picture, where there is one.
    pub posterior: Option<Vec<f64>>,
    /// The mean probability with which Langevin steps were taken; none where there were none.
    pub acceptance: Option<f64>,
}

impl Samples {
    /// How many pictures are taken for each class.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        counts(&self.list, self.model.classes.len())
    }
}

/// How many of the pictures are taken for each of so many classes.
#[must_use]
pub fn counts(samples: &[Sample], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for sample in samples {
        counts[crate::study::ranked(&sample.posterior)[0]] += 1;
    }
    counts
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

/// Refuses what compares densities for a model that cannot say how probable a picture is.
///
/// # Errors
/// [`Error::Option`] with the model's own reason.
pub(super) fn require_density(model: &dyn JointModel, option: &str, wanted: bool) -> Result<()> {
    match model.abilities().density.missing() {
        Some(reason) if wanted => Err(Error::option(option, format!("compare densities, and the model {reason}"))),
        _ => Ok(()),
    }
}

/// Draws pictures. `observe` is told what they look like by now, and of each batch that is done.
///
/// # Errors
/// As [`SampleRequest::check`]; [`Error::Compute`] if a noisy picture does not fit the model; [`Error::Cancelled`].
pub fn sample(
    model: &dyn JointModel,
    request: &SampleRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Sketch<'_>, &[Sample]),
) -> Result<Samples> {
    request.check(model.classes().len())?;
    super::scene::require_gradients(model)?;
    require_density(model, "--corrections", request.corrections > 0)?;
    let range = model.sigma_range();
    let (from, to) = (range.clamp(request.levels.0), range.clamp(request.levels.1));
    if to >= from {
        let reason =
            format!("no level lies between {to} and {from} in the trained range {} to {}", range.min, range.max);
        return Err(Error::option("--to", reason));
    }
    let mut sigmas = karras(f64::from(from), f64::from(to), request.steps);
    let known = match &request.start {
        Start::Nothing => None,
        Start::Noisy(picture, _) => Some(model.forward(&Batch::of([picture]), &[from])?.posterior_of(0)),
    };
    let mut list: Vec<Sample> = Vec::with_capacity(request.count);
    let (mut taken, mut batches) = (0.0, 0.0);
    while list.len() < request.count {
        let rows = limits::batch(BATCH, model.shape().len()).min(request.count - list.len());
        let mut field = Field::new(model, cancel, request.seed, list.len(), rows);
        field.guidance = request.guidance;
        let (first, shape) = (list.len(), model.shape());
        let all = |share: f32| (first as f32 + share * rows as f32) / request.count as f32;
        let mut watch = |share: f32, values: &[f64]| observe(Sketch { share: all(share), first, shape, values }, &[]);
        let corrector = Corrector::new(request.corrections, rows, shape.len(), true);
        let recorders = vec![Recorder::new(request.frames, request.steps); rows];
        let mut run = Run { field, corrector, recorders, request, watch: &mut watch };
        let done = match (&request.start, request.way) {
            (Start::Noisy(picture, _), _) => run.ancestral(picture, &sigmas)?,
            (Start::Nothing, Way::Flow { churn }) => run.flow(&sigmas, churn)?,
            (Start::Nothing, Way::Ascent { beta }) => run.ascent((f64::from(from), f64::from(to)), beta)?,
        };
        if let Some(share) = run.corrector.acceptance() {
            (taken, batches) = (taken + share * rows as f64, batches + rows as f64);
        }
        list.extend(done);
        observe(Sketch { share: all(1.0), first, shape, values: &[] }, &list[first..]);
    }
    if request.start == Start::Nothing && matches!(request.way, Way::Ascent { .. }) {
        sigmas = vec![sigmas[0], sigmas[sigmas.len() - 1]];
    }
    Ok(Samples {
        model: ModelCard::of(model),
        sigmas: sigmas.into_iter().map(|s| s as f32).collect(),
        list,
        posterior: known,
        acceptance: (batches > 0.0).then(|| taken / batches),
    })
}

/// Some of the pictures on their way.
struct Run<'a, 'b> {
    field: Field<'a>,
    corrector: Corrector,
    recorders: Vec<Recorder>,
    request: &'a SampleRequest,
    watch: &'b mut dyn FnMut(f32, &[f64]),
}

impl Run<'_, '_> {
    fn see(&self, y: &[f64], sigma: f64) -> Result<Seen> {
        self.field.see(y, &vec![sigma; self.field.rows])
    }

    /// Tells and keeps what a level shows.
    fn note(&mut self, step: usize, of: usize, sigma: f64, y: &[f64], seen: &Seen) {
        let size = self.field.size();
        let rows = y.chunks_exact(size).zip(seen.denoised.chunks_exact(size));
        for (recorder, (noisy, denoised)) in self.recorders.iter_mut().zip(rows) {
            recorder.note(self.field.shape, sigma, noisy, denoised);
        }
        (self.watch)((step + 1) as f32 / of as f32, &seen.denoised);
    }

    /// Heun's steps down the probability flow, with churn.
    fn flow(&mut self, sigmas: &[f64], churn: f64) -> Result<Vec<Sample>> {
        let mut y = start(&mut self.field, sigmas[0]);
        let mut posteriors = Vec::new();
        let most = (churn / sigmas.len() as f64).min(std::f64::consts::SQRT_2 - 1.0);
        for (step, &level) in sigmas.iter().enumerate() {
            let mut seen = None;
            if self.request.corrections > 0 {
                let before = self.see(&y, level)?;
                seen = Some(self.corrector.correct(&mut self.field, &mut y, before, None, None)?);
            }
            let mut sigma = level;
            let churned = (level * (1.0 + most)).min(sigmas[0]);
            if churned > level {
                let more = (churned * churned - level * level).sqrt();
                y.iter_mut().zip(self.field.noise()).for_each(|(y, z)| *y += more * z);
                sigma = churned;
                seen = None;
            }
            let seen = seen.map_or_else(|| self.see(&y, sigma), Ok)?;
            self.note(step, sigmas.len(), sigma, &y, &seen);
            let Seen { denoised, posteriors: found, .. } = seen;
            posteriors = found;
            let slope: Vec<f64> = y.iter().zip(&denoised).map(|(y, d)| (y - d) / sigma).collect();
            let next = sigmas.get(step + 1).copied().unwrap_or(0.0);
            let ahead: Vec<f64> = y.iter().zip(&slope).map(|(y, s)| y + (next - sigma) * s).collect();
            y = if next > 0.0 {
                let denoised = self.see(&ahead, next)?.denoised;
                let mean =
                    |((y, s), (a, d)): ((&f64, &f64), (&f64, &f64))| y + (next - sigma) * 0.5 * (s + (a - d) / next);
                y.iter().zip(&slope).zip(ahead.iter().zip(&denoised)).map(mean).collect()
            } else {
                ahead
            };
        }
        Ok(self.samples(&y, posteriors))
    }

    /// Ancestral steps from a noisy picture.
    fn ancestral(&mut self, noisy: &Picture, sigmas: &[f64]) -> Result<Vec<Sample>> {
        let start: Vec<f64> = noisy.values().iter().map(|v| f64::from(*v)).collect();
        let start = start.repeat(self.field.rows);
        let mut y = start.clone();
        let mut posteriors = Vec::new();
        for (step, &sigma) in sigmas.iter().enumerate() {
            let mut seen = self.see(&y, sigma)?;
            // The first level is the picture's own, from which nothing may be moved.
            if self.request.corrections > 0 && step > 0 {
                let anchor = Anchor { values: &start, variance: sigmas[0].powi(2) - sigma * sigma };
                seen = self.corrector.correct(&mut self.field, &mut y, seen, Some(anchor), None)?;
            }
            self.note(step, sigmas.len(), sigma, &y, &seen);
            let Seen { denoised, posteriors: found, .. } = seen;
            posteriors = found;
            y = match sigmas.get(step + 1) {
                Some(next) => {
                    let share = (next / sigma).powi(2);
                    let more = next * (1.0 - share).sqrt();
                    let noise = self.field.noise();
                    let one = |((y, d), z): ((&f64, &f64), f64)| d + share * (y - d) + more * z;
                    y.iter().zip(&denoised).zip(noise).map(one).collect()
                }
                None => denoised,
            };
        }
        Ok(self.samples(&y, posteriors))
    }

    /// The ascent of Kadkhodaie & Simoncelli.
    fn ascent(&mut self, levels: (f64, f64), beta: f64) -> Result<Vec<Sample>> {
        let ascent = Ascent { levels, beta, measured: None };
        self.recorders = vec![Recorder::new(self.request.frames, ascent.steps()); self.field.rows];
        let (_, seen) = ascend(&mut self.field, &ascent, &mut self.recorders, self.watch)?;
        Ok(self.samples(&seen.denoised, seen.posteriors))
    }

    fn samples(&mut self, y: &[f64], posteriors: Vec<Vec<f64>>) -> Vec<Sample> {
        let pictures = self.field.pictures(y).into_iter().zip(posteriors).zip(std::mem::take(&mut self.recorders));
        pictures
            .map(|((picture, posterior), recorder)| Sample { picture, posterior, frames: recorder.frames() })
            .collect()
    }
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod tests;
