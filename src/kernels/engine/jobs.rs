//! Use: one forward pass, then any number of cotangents, and of directions along which they are differentiated, batched over its
//! activations.

mod bend;

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::body::{Body, Cotangents, Noisy, Rows, Values};
use crate::Result;
use crate::engine::{Directions, Passes, Size, Tape, check_cotangents, check_pictures};
use crate::kernels::share::pooled;
use crate::kernels::simd::Level;
use crate::program::Program;
use bend::Bends;

/// Workspaces that are kept for the next jobs: one for the job on show, one for another beside it.
const KEPT: usize = 2;

/// A network packed for the processor, and the memory of jobs that are done.
#[derive(Debug)]
pub(super) struct Jobs<B: Body> {
    body: B,
    free: Mutex<Vec<Workspace<B>>>,
}

/// A job's activations, in parts that threads work on by themselves; pictures do not depend on each other.
#[derive(Debug)]
struct Workspace<B: Body> {
    size: Size,
    /// The standard deviations of the job's pictures, over all parts.
    sigmas: Vec<f32>,
    parts: Vec<Part<B>>,
    /// u and v of the job.
    energy: Vec<f64>,
    logits: Vec<f64>,
}

/// Some of the pictures.
#[derive(Debug)]
struct Part<B: Body> {
    rise: B::Rise,
    /// Some of the rows of cotangents each, and how many.
    falls: Falls<B>,
    /// The same for the number of rows before: an analysis asks for the mixture's cotangent and for the classes' in turns.
    spare: Falls<B>,
    /// What products with second derivatives take, once there were some.
    bends: Option<Bends<B>>,
}

/// Memory of passes downwards, and the rows of each.
type Falls<B> = Vec<(<B as Body>::Fall, usize)>;

/// A forward pass, which gives its memory back when it is dropped.
struct Kept<'a, B: Body> {
    jobs: &'a Jobs<B>,
    energy: Vec<f64>,
    logits: Vec<f64>,
    workspace: Mutex<Workspace<B>>,
}

impl<B: Body> Jobs<B> {
    pub fn new(level: Level, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        Ok(Self { body: B::new(level, program, weights)?, free: Mutex::new(Vec::new()) })
    }
}

impl<B: Body> Passes for Jobs<B> {
    fn device(&self) -> String {
        "cpu".to_owned()
    }

    fn forward<'a>(&'a self, noisy: &[f32], size: Size, sigmas: &[f32]) -> Result<Box<dyn Tape + 'a>> {
        check_pictures(noisy, self.body.common().program.pictures.channels, size, sigmas)?;
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workspace = free.unwrap_or_default();
        workspace.forward(&self.body, noisy, size, sigmas);
        let (energy, logits) = (workspace.energy.clone(), workspace.logits.clone());
        Ok(Box::new(Kept { jobs: self, energy, logits, workspace: Mutex::new(workspace) }))
    }

    fn prepare(&self, size: Size, cotangents: usize) -> Result<()> {
        self.body.pack(size, [1, cotangents]);
        Ok(())
    }
}

impl<B: Body> Tape for Kept<'_, B> {
    fn energy(&self) -> &[f64] {
        &self.energy
    }

    fn logits(&self) -> &[f64] {
        &self.logits
    }

    fn pullback(&self, density: &[f32], logits: &[f32], out: &mut [f32]) -> Result<()> {
        let mut workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        workspace.pullback(&self.jobs.body, density, logits, out)
    }

    fn curvature(&self, directions: &Directions, out: &mut [f32]) -> Result<bool> {
        let mut workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        workspace.bend(&self.jobs.body, directions, out)?;
        Ok(true)
    }
}

impl<B: Body> Drop for Kept<'_, B> {
    fn drop(&mut self) {
        let workspace = std::mem::take(self.workspace.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut free = self.jobs.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(workspace);
        }
    }
}

/// `count` items in at most `parts` runs of nearly one length: where run `index` begins.
fn begin(count: usize, parts: usize, index: usize) -> usize {
    count * index / parts.max(1)
}

impl<B: Body> Default for Workspace<B> {
    fn default() -> Self {
        Self { size: (0, 0), sigmas: Vec::new(), parts: Vec::new(), energy: Vec::new(), logits: Vec::new() }
    }
}

impl<B: Body> Workspace<B> {
    /// Lays the memory out for a job, if it is not laid out so already.
    fn lay_out(&mut self, body: &B, pictures: usize, size: Size) {
        let parts = pictures.min(rayon::current_num_threads()).max(1);
        if (self.sigmas.len(), self.size, self.parts.len()) == (pictures, size, parts) {
            return;
        }
        self.size = size;
        self.sigmas = vec![0.0; pictures];
        let part = |index| {
            let pictures = begin(pictures, parts, index + 1) - begin(pictures, parts, index);
            Part { rise: body.rise(pictures, size), falls: Vec::new(), spare: Vec::new(), bends: None }
        };
        self.parts = (0..parts).map(part).collect();
        self.energy = vec![0.0; pictures];
        self.logits = vec![0.0; pictures * body.common().program.pictures.classes];
    }

    fn forward(&mut self, body: &B, noisy: &[f32], size: Size, sigmas: &[f32]) {
        let (pictures, classes) = (sigmas.len(), body.common().program.pictures.classes);
        self.lay_out(body, pictures, size);
        self.sigmas.copy_from_slice(sigmas);
        let (parts, picture) = (self.parts.len(), noisy.len() / pictures);
        let mut rest = (&mut self.energy[..], &mut self.logits[..]);
        let mut jobs = Vec::with_capacity(parts);
        for (index, part) in self.parts.iter_mut().enumerate() {
            part.bends.iter_mut().for_each(Bends::forget);
            let range = begin(pictures, parts, index)..begin(pictures, parts, index + 1);
            let energy = rest.0.split_off_mut(..range.len()).unwrap_or_default();
            let logits = rest.1.split_off_mut(..range.len() * classes).unwrap_or_default();
            let values = &noisy[range.start * picture..range.end * picture];
            jobs.push((part, Noisy { values, size, sigmas: &sigmas[range] }, Values { energy, logits }));
        }
        pooled(pictures * body.multiply_adds(size), || {
            jobs.into_par_iter()
                .for_each(|(part, noisy, values)| body.forward(&mut part.rise, &noisy, pictures, values));
        });
    }

    fn pullback(&mut self, body: &B, density: &[f32], logits: &[f32], out: &mut [f32]) -> Result<()> {
        let Self { size, sigmas, parts, .. } = self;
        let (size, pictures) = (*size, sigmas.len());
        let shape = &body.common().program.pictures;
        let (classes, picture) = (shape.classes, shape.channels * size.0 * size.1);
        let each = check_cotangents(pictures, classes, picture, density, logits, out)?;
        let total = density.len();
        if total == 0 {
            return Ok(());
        }
        let threads = rayon::current_num_threads();
        let count = parts.len();
        let mut rest = (density, logits, out);
        let mut jobs = Vec::with_capacity(count);
        for (index, part) in parts.iter_mut().enumerate() {
            let range = begin(pictures, count, index)..begin(pictures, count, index + 1);
            let rows = each * range.len();
            let density = take(&mut rest.0, rows);
            let logits = take(&mut rest.1, rows * classes);
            let out = rest.2.split_off_mut(..rows * picture).unwrap_or_default();
            let rows = Rows { first: 0, each, pulled: 1 };
            jobs.push((part, Cotangents { density, logits, sigmas: &sigmas[range], size, rows, total }, out));
        }
        let pull = |(part, cotangents, out): (&mut Part<B>, Cotangents, &mut [f32])| {
            // Rows are independent: with fewer parts than threads, a part's rows are shared out.
            let runs = threads.div_ceil(count).min(cotangents.density.len()).max(1);
            part.lay_out(body, size, cotangents.density.len(), runs);
            // The gradient of a posterior weighs the energy by zero.
            if cotangents.density.iter().any(|w| *w != 0.0) {
                body.weigh_density(&mut part.rise);
            }
            let rise = &part.rise;
            let mut rest = out;
            let mut runs = Vec::with_capacity(part.falls.len());
            let mut first = 0;
            for (fall, rows) in &mut part.falls {
                let out = rest.split_off_mut(..*rows * picture).unwrap_or_default();
                let run = Rows { first, ..cotangents.rows };
                runs.push((fall, Cotangents { rows: run, ..cotangents }, out));
                first += *rows;
            }
            runs.into_par_iter().for_each(|(fall, cotangents, out)| pull_run(body, rise, fall, &cotangents, out));
        };
        pooled(total * body.multiply_adds(size), || jobs.into_par_iter().for_each(pull));
        Ok(())
    }
}

impl<B: Body> Part<B> {
    /// Lays the memory out for `rows` rows of cotangents, `runs` runs of them.
    fn lay_out(&mut self, body: &B, size: Size, rows: usize, runs: usize) {
        let fits = |falls: &Falls<B>| falls.len() == runs && falls.iter().map(|(_, rows)| rows).sum::<usize>() == rows;
        if fits(&self.falls) {
            return;
        }
        std::mem::swap(&mut self.falls, &mut self.spare);
        if fits(&self.falls) {
            return;
        }
        let count = |run| begin(rows, runs, run + 1) - begin(rows, runs, run);
        self.falls = (0..runs).map(|run| (body.fall(count(run), size, false), count(run))).collect();
    }
}

/// The adjoint pass of a run of rows.
fn pull_run<B: Body>(body: &B, rise: &B::Rise, fall: &mut B::Fall, cotangents: &Cotangents, out: &mut [f32]) {
    body.pull(rise, fall, cotangents);
    let (size, (g, patches)) = (cotangents.size, B::stem(fall));
    body.common().stem.adjoint(size, g, patches, out);
    let pictures = &body.common().program.pictures;
    let values = pictures.channels * size.0 * size.1;
    for (row, out) in out.chunks_exact_mut(values.max(1)).enumerate() {
        let n = cotangents.picture(row);
        let (density, rate) = (cotangents.density(row), 1.0 / body.common().spread(cotangents.sigmas[n]));
        for (out, z) in out.iter_mut().zip(&B::z(rise)[n * values..][..values]) {
            *out = (*out - density * z) * rate;
        }
    }
}

/// Cuts `count` values off the front.
fn take<'a>(rest: &mut &'a [f32], count: usize) -> &'a [f32] {
    let (front, back) = rest.split_at(count);
    *rest = back;
    front
}
