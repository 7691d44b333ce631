//! The network's passes on a device: jobs cut to its memory, and memory kept from one job to the next.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::adapters::Kind;
use super::ascent::Climb;
use super::device::Gpu;
use super::forward::Pictures;
use super::graph::Graph;
use super::joint::Joint;
use super::network::{Network, Trunk};
use super::pullback::Rows;
use super::stages::StageLayers;
use crate::engine::{Analysis, Ascended, Ascent, Passes, Size, Tape, check_cotangents, check_pictures};
use crate::program::{self, Program};
use crate::{Error, Result};

/// Workspaces that are kept for the next jobs.
const KEPT: usize = 4;

/// Rooms for cotangents that are kept for a workspace: an analysis asks for one row, then for the classes'.
const KEPT_ROWS: usize = 3;

/// Pixels of all rows at most, so that the workgroups of every kernel can be numbered.
const MOST_PIXELS: usize = 2_000_000;

/// Operations of the pictures that go at once where many wait: enough for the largest card, and a few tens of milliseconds of a
/// small one.
const WORK: f64 = 3e10;

/// How many pictures of so many operations go at once where many wait, of those that the memory holds with a row of cotangents
/// each. No measured speed comes in, so that the same job goes in the same batches, to the same bits.
fn liked(kind: Kind, operations: f64, (pictures, rows): (usize, usize)) -> usize {
    // A program gains nothing from more pictures.
    let work = if kind == Kind::Software { 1 } else { (WORK / operations.max(1.0)) as usize };
    pictures.min(rows).min(work).max(1)
}

/// The passes of `program` on a device, with these weights, a slice a tensor.
///
/// # Errors
/// As [`Engine::new`].
pub fn passes(gpu: &Arc<Gpu>, program: &Program, weights: &[&[f32]]) -> Result<Box<dyn Passes>> {
    Ok(match program.trunk {
        program::Trunk::Stages(_) => Box::new(Engine::<StageLayers>::new(gpu, program, weights)?),
        program::Trunk::Graph(_) => Box::new(Engine::<Graph>::new(gpu, program, weights)?),
    })
}

/// A network on a device, with the memory of jobs that are done.
#[derive(Debug)]
pub struct Engine<T: Trunk> {
    network: Network<T>,
    free: Mutex<Vec<Workspace<T>>>,
}

#[derive(Debug)]
struct Workspace<T: Trunk> {
    pictures: Pictures<T>,
    rows: Vec<Rows>,
    joint: Option<Joint>,
    climb: Option<Climb>,
}

/// A forward pass, which gives its memory back when it is dropped.
#[derive(Debug)]
pub struct Passed<'a, T: Trunk> {
    engine: &'a Engine<T>,
    parts: Mutex<Vec<Workspace<T>>>,
    energy: Vec<f64>,
    logits: Vec<f64>,
}

impl<T: Trunk> Engine<T> {
    /// The network of `program` on a device, with these weights, a slice a tensor.
    ///
    /// # Errors
    /// [`Error::Compute`] if the weights are not the program's, or do not fit on the device; [`Error::Device`] if the device is
    /// lost.
    pub fn new(gpu: &Arc<Gpu>, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        Ok(Self { network: Network::new(gpu, program, weights)?, free: Mutex::new(Vec::new()) })
    }

    /// The device that it is on.
    #[must_use]
    pub fn gpu(&self) -> &Gpu {
        self.network.gpu()
    }

    /// Bytes of a picture's activations of this size, and of a row of cotangents.
    #[cfg(test)]
    pub(super) fn bytes(&self, size: Size) -> (u64, u64) {
        T::bytes(&self.network, size)
    }

    /// How many pictures, and how many rows of cotangents, of this size go at once.
    ///
    /// # Errors
    /// [`Error::Compute`] if the device has not the memory for one.
    fn limits(&self, size: Size) -> Result<(usize, usize)> {
        let gpu = self.network.gpu();
        let one = T::largest(&self.network, size).max(self.network.pictures.classes) as u64 * 4;
        let (picture, row) = T::bytes(&self.network, size);
        // Half of the memory is the pictures', half the rows'.
        let half = gpu.memory() / 2;
        let limit = |bytes: u64| {
            let most = (gpu.largest() / one.max(1)).min(half / bytes.max(1)) as usize;
            most.min(MOST_PIXELS / (size.0 * size.1).max(1)).min(60_000)
        };
        match (limit(picture), limit(row)) {
            (0, _) | (_, 0) => {
                let card = gpu.card().title();
                let (height, width) = size;
                Err(Error::Compute(format!(
                    "{card} has not the memory for a picture of {height}×{width} pixels at once"
                )))
            }
            limits => Ok(limits),
        }
    }

    /// [`Passes::forward`].
    fn pass(&self, noisy: &[f32], size: Size, sigmas: &[f32]) -> Result<Passed<'_, T>> {
        let pictures = check_pictures(noisy, self.network.pictures.channels, size, sigmas)?;
        let picture = noisy.len() / pictures;
        let (at_once, _) = self.limits(size)?;
        let (mut energies, mut values) = (Vec::new(), Vec::new());
        let parts = self.in_parts(pictures, size, at_once, |workspace, some| {
            let pixels = some.start * picture..some.end * picture;
            self.network.place(&mut workspace.pictures, &noisy[pixels], &sigmas[some]);
            let (energy, logits) = self.network.pass(&workspace.pictures)?;
            energies.extend(energy);
            values.extend(logits.into_iter().map(f64::from));
            Ok(())
        })?;
        Ok(Passed { engine: self, parts: Mutex::new(parts), energy: energies, logits: values })
    }

    /// Does a job on so many pictures at once as the memory holds, one workspace a part.
    fn in_parts(
        &self,
        pictures: usize,
        size: Size,
        mut at_once: usize,
        mut job: impl FnMut(&mut Workspace<T>, Range<usize>) -> Result<()>,
    ) -> Result<Vec<Workspace<T>>> {
        let (mut parts, mut first) = (Vec::new(), 0);
        while first < pictures {
            let count = at_once.min(pictures - first);
            let done = self.workspace(count, size).and_then(|mut workspace| {
                job(&mut workspace, first..first + count)?;
                Ok(workspace)
            });
            match done {
                Ok(workspace) => parts.push(workspace),
                // What other programs use of the memory nobody says before it runs out.
                Err(Error::Compute(_)) if count > 1 => {
                    at_once = count / 2;
                    continue;
                }
                Err(error) => return Err(error),
            }
            first += count;
        }
        Ok(parts)
    }

    /// A free workspace of this shape, or a new one.
    fn workspace(&self, count: usize, size: Size) -> Result<Workspace<T>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |workspace: &Workspace<T>| {
            (workspace.pictures.memory.count, workspace.pictures.memory.size) == (count, size)
        };
        if let Some(index) = free.iter().position(fits) {
            return Ok(free.remove(index));
        }
        drop(free);
        let gpu = self.network.gpu();
        let lay_out = || gpu.allocate(|| self.network.lay_out(count, size));
        let pictures = lay_out().or_else(|_| {
            // What was kept for later jobs makes room for this one.
            self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
            lay_out()
        })?;
        gpu.check()?;
        Ok(Workspace { pictures, rows: Vec::new(), joint: None, climb: None })
    }
}

impl<T: Trunk> Engine<T> {
    /// [`Passes::ascend`].
    fn climb(&self, noisy: &[f32], size: Size, sigma: f32, ascent: &Ascent<'_>) -> Result<Ascended> {
        let program::Pictures { channels, classes, .. } = self.network.pictures;
        let pictures = check_pictures(noisy, channels, size, &vec![sigma; ascent.goals.len()])?;
        let known = ascent.goals.iter().all(|(class, _)| *class < classes);
        if !known || [ascent.bounds.len(), ascent.centres.len()] != [noisy.len(); 2] || ascent.steps == 0 {
            return Err(Error::Compute(format!("goals, bounds or steps do not fit {pictures} pictures")));
        }
        let picture = noisy.len() / pictures;
        let (at_once, rows) = self.limits(size)?;
        let gpu = self.gpu();
        // The first part says how many steps it is for all.
        let mut found: Vec<Ascended> = Vec::new();
        let parts = self.in_parts(pictures, size, at_once.min(rows), |workspace, some| {
            let values = some.start * picture..some.end * picture;
            let part = Ascent {
                goals: &ascent.goals[some],
                bounds: &ascent.bounds[values.clone()],
                centres: &ascent.centres[values.clone()],
                ..*ascent
            };
            let mut climb = match workspace.climb.take().filter(|climb| climb.fits(sigma, &part)) {
                Some(climb) => climb,
                None => gpu.allocate(|| self.network.lay_out_climb(&workspace.pictures, sigma, &part))?,
            };
            gpu.check()?;
            let steps = found.first().map(|first| first.steps);
            let ascended = self.network.climb((&mut workspace.pictures, &mut climb), &noisy[values], &part, steps)?;
            workspace.climb = Some(climb);
            found.push(ascended);
            Ok(())
        })?;
        self.keep(parts);
        Ok(Ascended::beside(&found))
    }

    /// Keeps what jobs that are done have used, as far as it is not too much.
    fn keep(&self, parts: Vec<Workspace<T>>) {
        if self.gpu().check().is_err() {
            return;
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(parts);
        // The oldest go first.
        let bytes = |free: &[Workspace<T>]| free.iter().map(|workspace| workspace.bytes(&self.network)).sum::<u64>();
        while free.len() > KEPT || (free.len() > 1 && bytes(&free) > self.gpu().memory()) {
            free.remove(0);
        }
    }
}

impl<T: Trunk> Passes for Engine<T> {
    fn device(&self) -> String {
        self.gpu().card().title()
    }

    fn forward<'a>(&'a self, noisy: &[f32], size: Size, sigmas: &[f32]) -> Result<Box<dyn Tape + 'a>> {
        Ok(Box::new(self.pass(noisy, size, sigmas)?))
    }

    fn analysis<'a>(&'a self, noisy: &[f32], size: Size, sigma: f32, classes: &[usize]) -> Result<Analysis<'a>> {
        let pictures = check_pictures(noisy, self.network.pictures.channels, size, &[sigma])?;
        let (_, rows) = self.limits(size)?;
        if 1 + classes.len() > rows {
            return Ok((self.forward(noisy, size, &[sigma])?, None));
        }
        let mut workspace = self.workspace(pictures, size)?;
        let known = workspace.joint.take().filter(|joint| joint.classes == classes.len());
        let gpu = self.gpu();
        let made = match known {
            Some(joint) => Ok(joint),
            None => gpu.allocate(|| self.network.lay_out_joint(&workspace.pictures, classes.len())),
        };
        let mut joint = match made {
            // Too many at once for the memory that is left: then one after the other.
            Err(Error::Compute(_)) => return Ok((self.forward(noisy, size, &[sigma])?, None)),
            made => made?,
        };
        gpu.check()?;
        self.network.place(&mut workspace.pictures, noisy, &[sigma]);
        let (energy, logits, gradients) = self.network.analyse(&mut workspace.pictures, &mut joint, classes)?;
        workspace.joint = Some(joint);
        let logits = logits.into_iter().map(f64::from).collect();
        let passed = Passed { engine: self, parts: Mutex::new(vec![workspace]), energy, logits };
        Ok((Box::new(passed), Some(gradients)))
    }

    fn ascend(&self, noisy: &[f32], size: Size, sigma: f32, ascent: &Ascent<'_>) -> Result<Option<Ascended>> {
        self.climb(noisy, size, sigma, ascent).map(Some)
    }

    fn at_once(&self, size: Size) -> usize {
        let limits = self.limits(size).unwrap_or((1, 1));
        liked(self.gpu().card().kind, self.network.operations(size), limits)
    }

    /// Builds the pipelines and lays the memory out by an analysis of nothing in particular.
    fn prepare(&self, size: Size, cotangents: usize) -> Result<()> {
        let program::Pictures { channels, classes, sigma_range, .. } = self.network.pictures;
        let picture = channels * size.0 * size.1;
        let passed = self.pass(&vec![0.5; picture], size, &[sigma_range.1])?;
        passed.pullback(
            &vec![1.0; cotangents],
            &vec![0.0; cotangents * classes],
            &mut vec![0.0; cotangents * picture],
        )?;
        drop(passed);
        let known: Vec<usize> = (0..cotangents.min(classes)).collect();
        self.analysis(&vec![0.5; picture], size, sigma_range.1, &known).map(drop)
    }
}

impl<T: Trunk> Tape for Passed<'_, T> {
    fn energy(&self) -> &[f64] {
        &self.energy
    }

    fn logits(&self) -> &[f64] {
        &self.logits
    }

    fn pullback(&self, density: &[f32], logits: &[f32], out: &mut [f32]) -> Result<()> {
        let network = &self.engine.network;
        let (channels, classes) = (network.pictures.channels, network.pictures.classes);
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let pictures: usize = parts.iter().map(|part| part.pictures.memory.count).sum();
        let size = parts.first().map(|part| part.pictures.memory.size).unwrap_or_default();
        let picture = channels * size.0 * size.1;
        let each = check_cotangents(pictures, classes, picture, density, logits, out)?;
        if each == 0 {
            return Ok(());
        }
        let (_, mut at_once) = self.engine.limits(size)?;
        let mut first = 0;
        for part in parts.iter_mut() {
            let some = first..first + each * part.pictures.memory.count;
            if 4 * (some.len() * classes) as u64 > network.gpu().largest() {
                let reason = format!("{} cotangents of {classes} classes are too many for a buffer", some.len());
                return Err(Error::Compute(reason));
            }
            first = some.end;
            let (density, logits) = (&density[some.clone()], &logits[some.start * classes..some.end * classes]);
            let out = &mut out[some.start * picture..some.end * picture];
            let mut memory = part.rows(network, (some.len(), each), &mut at_once)?;
            network.pull(&mut part.pictures, &mut memory, density, logits, out)?;
            part.rows.push(memory);
        }
        Ok(())
    }
}

impl<T: Trunk> Workspace<T> {
    /// Room for a job of `job` rows and rows a picture, which goes at once as far as the memory does.
    fn rows(&mut self, network: &Network<T>, job: (usize, usize), at_once: &mut usize) -> Result<Rows> {
        if let Some(index) = self.rows.iter().position(|rows| rows.fits(job)) {
            return Ok(self.rows.remove(index));
        }
        let gpu = network.gpu();
        loop {
            let count = job.0.min(*at_once);
            // Older rooms make room, so that all of them together take no more than the largest might.
            while self.rows.len() >= KEPT_ROWS || (!self.rows.is_empty() && self.rows_at_once() + count > *at_once) {
                self.rows.remove(0);
            }
            match gpu.allocate(|| network.lay_out_rows(&self.pictures, (count, job.0, job.1))) {
                Err(Error::Compute(_)) if count > 1 => *at_once = count / 2,
                made => {
                    gpu.check()?;
                    return made;
                }
            }
        }
    }
}

impl<T: Trunk> Workspace<T> {
    /// Rows of cotangents that there is room for, over all rooms.
    fn rows_at_once(&self) -> usize {
        self.rows.iter().map(Rows::at_once).sum()
    }

    /// About how many bytes it takes.
    fn bytes(&self, network: &Network<T>) -> u64 {
        let (picture, row) = T::bytes(network, self.pictures.memory.size);
        let (trail, climbing) = self.climb.as_ref().map_or((0, 0), Climb::bytes);
        let rows = self.rows_at_once() + climbing + self.joint.as_ref().map_or(0, |joint| 1 + joint.classes);
        self.pictures.memory.count as u64 * picture + rows as u64 * row + trail
    }
}

impl<T: Trunk> Drop for Passed<'_, T> {
    fn drop(&mut self) {
        let parts = std::mem::take(self.parts.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.engine.keep(parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_what_keeps_a_card_busy_and_fits() {
        // Pictures of 0.3 GFLOP, and of a hundredth of that.
        assert_eq!(liked(Kind::Discrete, 3e8, (4000, 9000)), 100);
        assert_eq!(liked(Kind::Integrated, 3e6, (4000, 900)), 900, "what fits");
        assert_eq!(liked(Kind::Discrete, 2e10, (40, 90)), 1, "a large tile");
        assert_eq!(liked(Kind::Discrete, 1e12, (1, 1)), 1);
        assert_eq!(liked(Kind::Software, 3e6, (4000, 900)), 1);
    }
}
