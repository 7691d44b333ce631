//! Filling in what is not known of a picture: draws from `p(x | what was measured)`, free or as a class.
//!
//! Annealed: at each of the falling levels σ what was measured is given noise of that level, the rest goes an ancestral step, and
//! Langevin steps, accepted or refused by the density itself, move the rest under `p_σ(rest | measured + σε)`, whose limit is the
//! wanted one. Kinds of pictures that lie apart at a level do not change into each other by such steps, and how often each comes depends on
//! the level; so every fill is one of several candidates that are weighed on their way ([`Candidates`]). Or by the stochastic ascent of Kadkhodaie & Simoncelli, which takes fewer evaluations and spreads less. In both what
//! was measured is put back at the end as it was.
//!
//! A hole in a large picture is filled in a window around it. One that is too large for the model at once goes in tiles, whose
//! densities do not add up to one: then nothing corrects the Langevin steps, and the fills have no log p.

use super::draw::{
    Ascent, BATCH, Candidates, Corrector, Field, Frame, Guidance, LARGEST_CANDIDATES, LARGEST_CORRECTIONS,
    LARGEST_FRAMES, LARGEST_STEPS, Measurement, Recorder, Seen, Sketch, ascend, karras, records, rows, start, started,
};
use super::{Region, sample::require_density};
use crate::joint::JointModel;
use crate::picture::{Fidelity, Picture, Shape};
use crate::study::ModelCard;
use crate::study::native::Tiling;
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// The most fills of one request.
pub const LARGEST_FILLS: usize = 4096;
/// The most values that a model is shown of a picture: some twenty numbers are kept of each.
pub const LARGEST_WINDOW: usize = 1 << 23;
/// How many pixels around a hole the model sees: docs/lab.md says what the farther ones are worth.
const MARGIN: usize = 32;

/// How fills are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FillWay {
    /// Levels that fall, with corrected Langevin steps at each.
    Annealed {
        /// How many levels.
        steps: usize,
        /// How many Langevin steps at each.
        corrections: usize,
        /// How many candidates for each fill, of which one is kept: the more, the nearer is the share of each class among the fills to
        /// what it should be.
        candidates: usize,
    },
    /// The stochastic ascent of Kadkhodaie & Simoncelli.
    Ascent {
        /// β, from just above 0 to 1: how little noise is put back on the way.
        beta: f64,
    },
}

/// What is to be filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct InpaintRequest {
    /// The picture that was measured, of any size that the model takes.
    pub picture: Picture,
    /// What of it is known.
    pub measurement: Measurement,
    /// Whether the picture is known where it was not measured, so that fills can be compared with it.
    pub has_truth: bool,
    /// How many fills.
    pub count: usize,
    /// As a class.
    pub guidance: Option<Guidance>,
    /// The largest and the smallest noise level.
    pub levels: (f32, f32),
    /// How.
    pub way: FillWay,
    /// How many frames of its way are kept of each fill, 0 for none.
    pub frames: usize,
    /// The seed; each fill has a stream of its own.
    pub seed: u64,
}

impl InpaintRequest {
    /// Refuses what is no request to a model of so many classes.
    ///
    /// # Errors
    /// [`Error::Option`] naming the option.
    pub fn check(&self, classes: usize) -> Result<()> {
        limits::whole("--count", self.count as u64, 1, LARGEST_FILLS as u64)?;
        limits::whole("--frames", self.frames as u64, 0, LARGEST_FRAMES as u64)?;
        match self.way {
            FillWay::Annealed { steps, corrections, candidates } => {
                limits::whole("--steps", steps as u64, 2, LARGEST_STEPS as u64)?;
                limits::whole("--corrections", corrections as u64, 0, LARGEST_CORRECTIONS as u64)?;
                limits::whole("--candidates", candidates as u64, 1, LARGEST_CANDIDATES as u64)?;
            }
            FillWay::Ascent { beta } => limits::number("--beta", beta, 0.001, 1.0)?,
        }
        self.guidance.map_or(Ok(()), |guidance| guidance.check(classes))?;
        let (from, to) = self.levels;
        limits::positive_sigma("--from", from)?;
        limits::positive_sigma("--to", to)?;
        if to >= from {
            return Err(Error::option("--to", format!("{to} is no smaller than the first level, {from}")));
        }
        let (measured, picture) = (self.measurement.shape(), self.picture.shape());
        if measured != picture {
            return Err(Error::Compute(format!("what was measured is of {measured}, the picture of {picture}")));
        }
        limits::memory("--count", self.count, picture.len())
    }
}

/// One fill.
#[derive(Debug, Clone, PartialEq)]
pub struct Fill {
    /// Its number, from 0 on: that of its stream.
    pub number: usize,
    /// The whole picture: what was measured as it was, the rest not clipped.
    pub picture: Picture,
    /// `p(c | x)` at the last level of what the model sees; empty in tiles.
    pub posterior: Vec<f64>,
    /// `log p(x)`, or of a class `log p(x, c)`, at the last level, of what the model sees, up to a constant that all fills
    /// share; none in tiles and for a model without a density.
    pub log_density: Option<f64>,
    /// How near it is to the truth, where that is known.
    pub fidelity: Option<Fidelity>,
    /// Some of its way inside the window, if that was to be kept.
    pub frames: Vec<Frame>,
}

/// The fills.
#[derive(Debug, Clone, PartialEq)]
pub struct Fills {
    /// The model.
    pub model: ModelCard,
    /// The part of the picture that the model saw.
    pub window: Region,
    /// Whether it saw that in tiles.
    pub tiled: bool,
    /// What was known: 0 in a hole, means in blocks.
    pub known: Picture,
    /// The fills, in the order of their numbers.
    pub list: Vec<Fill>,
    /// The mean probability with which Langevin steps were taken; none where there were none, or nothing corrected them.
    pub acceptance: Option<f64>,
}

impl Fills {
    /// The fills from the most probable on; in the order of their numbers where their densities are not known.
    #[must_use]
    pub fn ranked(&self) -> Vec<&Fill> {
        ranked(&self.list)
    }

    /// The mean of all fills, and the standard deviation of each value (0 of one fill).
    #[must_use]
    pub fn moments(&self) -> (Picture, Picture) {
        moments(&self.list)
    }
}

/// The fills from the most probable on.
#[must_use]
pub fn ranked(fills: &[Fill]) -> Vec<&Fill> {
    let mut all: Vec<&Fill> = fills.iter().collect();
    let log = |fill: &Fill| fill.log_density.unwrap_or(f64::NEG_INFINITY);
    all.sort_by(|a, b| log(b).total_cmp(&log(a)));
    all
}

/// The mean of the fills, and the standard deviation of each value (0 of one fill).
///
/// # Panics
/// If there is no fill.
#[must_use]
pub fn moments(fills: &[Fill]) -> (Picture, Picture) {
    let shape = fills[0].picture.shape();
    let count = fills.len() as f64;
    let (mut sum, mut squares) = (vec![0.0_f64; shape.len()], vec![0.0_f64; shape.len()]);
    for fill in fills {
        sum.iter_mut().zip(fill.picture.values()).for_each(|(sum, v)| *sum += f64::from(*v) / count);
    }
    for fill in fills {
        let pairs = fill.picture.values().iter().zip(&sum);
        squares.iter_mut().zip(pairs).for_each(|(s, (v, mean))| *s += (f64::from(*v) - mean).powi(2));
    }
    let picture = |values: &mut dyn Iterator<Item = f64>| Picture::new(shape, values.map(|v| v as f32).collect());
    let deviations = squares.iter().map(|s| (s / (count - 1.0).max(1.0)).sqrt());
    (picture(&mut sum.iter().copied()), picture(&mut { deviations }))
}

/// Fills in. `observe` is told what the window looks like by now, and of each batch of fills that is done.
///
/// # Errors
/// As [`InpaintRequest::check`]; [`Error::Compute`] if the model does not take such a picture; [`Error::Cancelled`].
pub fn inpaint(
    model: &dyn JointModel,
    request: &InpaintRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Sketch<'_>, &[Fill]),
) -> Result<Fills> {
    request.check(model.classes().len())?;
    super::scene::require_gradients(model)?;
    let range = model.sigma_range();
    let levels = (f64::from(range.clamp(request.levels.0)), f64::from(range.clamp(request.levels.1)));
    if levels.1 >= levels.0 {
        let reason = format!("no level lies between {} and {} in the trained range", levels.1, levels.0);
        return Err(Error::option("--to", reason));
    }
    let shape = request.picture.shape();
    let (window, tiled) = window(model, &request.measurement)?;
    let mut each = 1;
    if !tiled && let FillWay::Annealed { corrections, candidates, .. } = request.way {
        require_density(model, "--corrections", corrections > 0)?;
        require_density(model, "--candidates", candidates > 1)?;
        each = candidates;
    }
    let whole = Region::whole(shape);
    let measurement = if window == whole { request.measurement.clone() } else { request.measurement.within(window) };
    let part: Vec<f64> = cut(&request.picture, window).values().iter().map(|v| f64::from(*v)).collect();
    let mut list: Vec<Fill> = Vec::with_capacity(request.count);
    let (mut taken, mut batches) = (0.0, 0.0);
    while list.len() < request.count {
        let first = list.len();
        // What goes in tiles fills the model and the memory by itself.
        let batch = if tiled { 1 } else { limits::batch(BATCH, measurement.shape().len()) };
        let together = (batch / each).max(1);
        let fills = together.min(request.count - first);
        let mut field = Field::new(model, cancel, request.seed, first * each, fills * each);
        (field.guidance, field.shape, field.tiled) = (request.guidance, measurement.shape(), tiled);
        let all = |share: f32| (first as f32 + share * fills as f32) / request.count as f32;
        let shape = measurement.shape();
        let mut watch = |share: f32, values: &[f64]| {
            let mut values = values.to_vec();
            values.chunks_exact_mut(shape.len()).for_each(|row| measurement.keep(row, &part));
            observe(Sketch { share: all(share), first, shape, values: &values }, &[]);
        };
        let mut run = Run { field, measurement: &measurement, part: &part, request, fills, watch: &mut watch };
        let Drawn { values, recorders, acceptance } = match request.way {
            FillWay::Annealed { steps, corrections, .. } => {
                run.anneal(&karras(levels.0, levels.1, steps), corrections)?
            }
            FillWay::Ascent { beta } => run.ascend(levels, beta)?,
        };
        if let Some(share) = acceptance {
            (taken, batches) = (taken + share * fills as f64, batches + fills as f64);
        }
        let judged = run.judge(&values, levels.1)?;
        let rows = values.chunks_exact(shape.len()).zip(recorders).zip(judged);
        for ((values, recorder), (posterior, log_density)) in rows {
            let picture = paste(&request.picture, window, values);
            let fidelity = request.has_truth.then(|| Fidelity::of(&picture, &request.picture));
            let frames = recorder.frames();
            list.push(Fill { number: list.len(), picture, posterior, log_density, fidelity, frames });
        }
        observe(Sketch { share: all(1.0), first, shape, values: &[] }, &list[first..]);
    }
    Ok(Fills {
        model: ModelCard::of(model),
        window,
        tiled,
        known: request.measurement.known_of(&request.picture),
        list,
        acceptance: (batches > 0.0).then(|| taken / batches),
    })
}

/// The part of the picture that the model sees, and whether in tiles.
fn window(model: &dyn JointModel, measurement: &Measurement) -> Result<(Region, bool)> {
    let shape = measurement.shape();
    let is_hole = measurement.hole().is_some();
    let hole = if is_hole { measurement.bounds() } else { Region::whole(shape) };
    fill_window(model, shape, hole)
}

/// What a model sees of a picture of `shape` to fill a hole in this rectangle: 32 pixels on each side of it where there are so many, and
/// no less than the model's own size; and whether that is too large for the model at once, so that it goes in tiles.
///
/// # Errors
/// [`Error::Compute`] if that is more than can be filled in, or the model takes pictures of its own size only.
pub fn fill_window(model: &dyn JointModel, shape: Shape, hole: Region) -> Result<(Region, bool)> {
    if shape == model.shape() {
        return Ok((Region::whole(shape), false));
    }
    let around = |start: usize, length: usize, all: usize, least: usize| {
        let wanted = (length + 2 * MARGIN).max(least).min(all);
        // As even on both sides as the picture's ends allow.
        let first = (start + length / 2).saturating_sub(wanted / 2).min(all - wanted);
        (first, wanted)
    };
    let (x, width) = around(hole.x, hole.width, shape.width, model.shape().width);
    let (y, height) = around(hole.y, hole.height, shape.height, model.shape().height);
    let window = Region { x, y, width, height };
    let seen = Shape::new(shape.channels, height, width);
    let tile = Tiling::default().tile;
    let tiled = width > tile || height > tile;
    if !model.accepts(Shape::new(shape.channels, height.min(tile), width.min(tile))) {
        let (name, own) = (model.name(), model.shape());
        return Err(Error::Compute(format!("{name} takes {own} pictures only, not one of {seen}")));
    }
    if seen.len() > LARGEST_WINDOW {
        return Err(Error::Compute(format!("{width}×{height} pixels are more than can be filled in at once: cut it")));
    }
    Ok((window, tiled))
}

fn cut(picture: &Picture, region: Region) -> Picture {
    let shape = picture.shape();
    let rows = (0..shape.channels).flat_map(|c| (region.y..region.y + region.height).map(move |y| (c, y)));
    let row = |(c, y): (usize, usize)| (region.x..region.x + region.width).map(move |x| picture.at(c, y, x));
    Picture::new(Shape::new(shape.channels, region.height, region.width), rows.flat_map(row).collect())
}

/// The picture with other values in a region.
fn paste(picture: &Picture, region: Region, values: &[f64]) -> Picture {
    let shape = picture.shape();
    let mut all = picture.clone();
    for (index, row) in values.chunks_exact(region.width).enumerate() {
        let (c, y) = (index / region.height, region.y + index % region.height);
        let at = (c * shape.height + y) * shape.width + region.x;
        all.values_mut()[at..at + region.width].iter_mut().zip(row).for_each(|(all, v)| *all = *v as f32);
    }
    all
}

/// Some of the fills on their way.
struct Run<'a, 'b> {
    field: Field<'a>,
    measurement: &'a Measurement,
    /// The picture inside the window.
    part: &'a [f64],
    request: &'a InpaintRequest,
    /// How many fills are drawn; the field has as many candidates of each.
    fills: usize,
    watch: &'b mut dyn FnMut(f32, &[f64]),
}

/// Drawn fills of the window.
struct Drawn {
    values: Vec<f64>,
    recorders: Vec<Recorder>,
    acceptance: Option<f64>,
}

impl Run<'_, '_> {
    fn anneal(&mut self, sigmas: &[f64], corrections: usize) -> Result<Drawn> {
        let (size, all) = (self.field.size(), self.field.rows);
        let each = all / self.fills;
        let mut candidates = Candidates::new(all, each);
        let mut corrector = Corrector::new(corrections, all, self.measurement.free(), !self.field.tiled);
        let mut recorders = vec![Recorder::new(self.request.frames, sigmas.len()); all];
        let mut y = start(&mut self.field, sigmas[0]);
        // log L(y | y')/π(y)K(y' | y) of the step to a level; at first one over the density that a picture begins with.
        let mut before = vec![0.0; all];
        if each > 1 {
            let begun = y.chunks_exact(size).map(|row| -started(row, sigmas[0], self.measurement));
            before.iter_mut().zip(begun).for_each(|(before, begun)| *before = begun);
        }
        let noise = self.field.noise();
        self.measured(&mut y, sigmas[0], &noise);
        for (step, &sigma) in sigmas.iter().enumerate() {
            let mut seen = self.field.see(&y, &vec![sigma; all])?;
            if each > 1 {
                candidates.weigh(seen.log.iter().zip(&before).map(|(log, before)| log + before));
                if let Some(from) = candidates.select(&self.field.uniforms()) {
                    (y, seen) = (rows(&y, size, &from), seen.rows(size, &from));
                    recorders = records(&recorders, &from);
                    corrector.follow(&from);
                }
            }
            if corrections > 0 {
                seen = corrector.correct(&mut self.field, &mut y, seen, None, Some(self.measurement))?;
            }
            for (row, recorder) in recorders.iter_mut().enumerate() {
                let at = row * size..(row + 1) * size;
                recorder.note(self.field.shape, sigma, &y[at.clone()], &seen.denoised[at]);
            }
            (self.watch)((step + 1) as f32 / sigmas.len() as f32, &rows(&seen.denoised, size, &candidates.heaviest()));
            y = match sigmas.get(step + 1) {
                None => seen.denoised,
                Some(&next) => {
                    let mut ahead = self.ancestral(&y, &seen, (sigma, next), &mut before);
                    self.measured(&mut ahead, next, &noise);
                    ahead
                }
            };
        }
        let chosen = candidates.choose(&self.field.uniforms());
        let mut values = rows(&y, size, &chosen);
        self.keep(&mut values);
        self.field.rows = self.fills;
        Ok(Drawn { values, recorders: records(&recorders, &chosen), acceptance: corrector.acceptance() })
    }

    /// An ancestral step of every row from a level to the next; says in `weight` what log L/πK of it is.
    fn ancestral(&mut self, y: &[f64], seen: &Seen, (sigma, next): (f64, f64), weight: &mut [f64]) -> Vec<f64> {
        let size = self.field.size();
        let share = (next / sigma).powi(2);
        let more = next * (1.0 - share).sqrt();
        let fresh = self.field.noise();
        let one = |((y, d), z): ((&f64, &f64), &f64)| d + share * (y - d) + more * z;
        let ahead: Vec<f64> = y.iter().zip(&seen.denoised).zip(&fresh).map(one).collect();
        if weight.len() > self.fills {
            for (row, weight) in weight.iter_mut().enumerate() {
                let at = row * size..(row + 1) * size;
                let back: Vec<f64> = y[at.clone()].iter().zip(&ahead[at.clone()]).map(|(y, ahead)| y - ahead).collect();
                let squares = |values: &[f64]| self.free(values).iter().map(|v| v * v).sum::<f64>();
                let added = squares(&back) / (sigma * sigma - next * next);
                *weight = 0.5 * (squares(&fresh[at]) - added) - seen.log[row];
            }
        }
        ahead
    }

    /// `(I − P)y` of one row.
    fn free(&self, row: &[f64]) -> Vec<f64> {
        let mut free = row.to_vec();
        self.measurement.clear(&mut free);
        free
    }

    /// Puts what was measured, with noise of a level, into every row; all candidates for a fill have the same noise.
    fn measured(&self, y: &mut [f64], sigma: f64, noise: &[f64]) {
        let size = self.field.size();
        let each = self.field.rows / self.fills;
        for (row, y) in y.chunks_exact_mut(size).enumerate() {
            let first = row / each * each;
            let noise = &noise[first * size..(first + 1) * size];
            let noisy: Vec<f64> = self.part.iter().zip(noise).map(|(m, z)| m + sigma * z).collect();
            self.measurement.keep(y, &noisy);
        }
    }

    fn ascend(&mut self, levels: (f64, f64), beta: f64) -> Result<Drawn> {
        let ascent = Ascent { levels, beta, measured: Some((self.measurement, self.part)) };
        let mut recorders = vec![Recorder::new(self.request.frames, ascent.steps()); self.field.rows];
        let (_, seen) = ascend(&mut self.field, &ascent, &mut recorders, self.watch)?;
        let mut values = seen.denoised;
        self.keep(&mut values);
        Ok(Drawn { values, recorders, acceptance: None })
    }

    /// Puts back what was measured as it was.
    fn keep(&self, y: &mut [f64]) {
        y.chunks_exact_mut(self.field.size()).for_each(|row| self.measurement.keep(row, self.part));
    }

    /// What the model says of the fills: p(c | x), and log p(x) or of a class log p(x, c).
    fn judge(&mut self, values: &[f64], sigma: f64) -> Result<Vec<(Vec<f64>, Option<f64>)>> {
        if self.field.tiled {
            return Ok(vec![(Vec::new(), None); self.field.rows]);
        }
        self.field.guidance = self.request.guidance.map(|guidance| Guidance { weight: 1.0, ..guidance });
        let seen = self.field.see(values, &vec![sigma; self.field.rows])?;
        let knows = self.field.model.abilities().density.missing().is_none();
        Ok(seen.posteriors.into_iter().zip(seen.log.into_iter().map(|log| knows.then_some(log))).collect())
    }
}

#[cfg(test)]
#[path = "inpaint_tests.rs"]
mod tests;
