//! Use: one forward pass, then any number of cotangents batched over its activations.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::memory::{Fall, Rise, begin};
use super::walk::StepDown;
use super::{Engine, Site};
use crate::Result;
use crate::engine::{Passes, Size, Tape, check_cotangents, check_pictures};
use crate::kernels::activation::{Norm, Target};
use crate::kernels::share::pooled;
use crate::kernels::simd::Level;
use crate::program::Program;

/// Workspaces that are kept for the next jobs: one for the job on show, one for another beside it.
const KEPT: usize = 2;

/// A network packed for the processor, and the memory of jobs that are done.
#[derive(Debug)]
pub struct Processor {
    engine: Engine,
    free: Mutex<Vec<Workspace>>,
}

/// A job's activations, in parts that threads work on by themselves; pictures do not depend on each other.
#[derive(Debug, Default)]
struct Workspace {
    size: Size,
    /// The pictures of the job, over all parts.
    pictures: usize,
    parts: Vec<Part>,
    /// u and v of the job.
    energy: Vec<f64>,
    logits: Vec<f64>,
}

/// Some of the pictures.
#[derive(Debug, Default)]
struct Part {
    rise: Rise,
    energy: Vec<f64>,
    /// The read-outs' gradients by their stages, once a pullback has asked for them.
    gradients: Vec<Vec<f32>>,
    /// Some of the rows of cotangents each.
    falls: Vec<Fall>,
}

/// A forward pass, which gives its memory back when it is dropped.
struct Kept<'a> {
    processor: &'a Processor,
    energy: Vec<f64>,
    logits: Vec<f64>,
    workspace: Mutex<Workspace>,
}

impl Processor {
    /// The network of a program with weights in its order, for the fastest instructions of this processor.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) if a tensor has another size than the program gives it.
    pub fn new(program: &Program, weights: &[&[f32]]) -> Result<Self> {
        Self::for_level(Level::best(), program, weights)
    }

    /// [`Self::new`] for given instructions.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn for_level(level: Level, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        Ok(Self { engine: Engine::new(level, program, weights)?, free: Mutex::new(Vec::new()) })
    }
}

impl Passes for Processor {
    fn device(&self) -> String {
        "cpu".to_owned()
    }

    fn forward<'a>(&'a self, noisy: &[f32], size: Size, sigmas: &[f32]) -> Result<Box<dyn Tape + 'a>> {
        check_pictures(noisy, self.engine.program.pictures.channels, size, sigmas)?;
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workspace = free.unwrap_or_default();
        self.engine.forward(&mut workspace, noisy, size, sigmas);
        let (energy, logits) = (workspace.energy.clone(), workspace.logits.clone());
        Ok(Box::new(Kept { processor: self, energy, logits, workspace: Mutex::new(workspace) }))
    }

    fn prepare(&self, size: Size, cotangents: usize) -> Result<()> {
        self.engine.pack(size, cotangents);
        Ok(())
    }
}

impl Tape for Kept<'_> {
    fn energy(&self) -> &[f64] {
        &self.energy
    }

    fn logits(&self) -> &[f64] {
        &self.logits
    }

    fn pullback(&self, density: &[f32], logits: &[f32], out: &mut [f32]) -> Result<()> {
        let mut workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        self.processor.engine.pullback(&mut workspace, density, logits, out)
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let workspace = std::mem::take(self.workspace.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut free = self.processor.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(workspace);
        }
    }
}

impl Workspace {
    /// Lays the memory out for a job, if it is not laid out so already.
    fn lay_out(&mut self, engine: &Engine, pictures: usize, size: Size) {
        let parts = pictures.min(rayon::current_num_threads()).max(1);
        if (self.pictures, self.size, self.parts.len()) == (pictures, size, parts) {
            return;
        }
        (self.pictures, self.size) = (pictures, size);
        let part = |index| {
            let pictures = begin(pictures, parts, index + 1) - begin(pictures, parts, index);
            Part { rise: engine.rise(pictures, size, false), energy: vec![0.0; pictures], ..Part::default() }
        };
        self.parts = (0..parts).map(part).collect();
        self.energy = vec![0.0; pictures];
        self.logits = vec![0.0; pictures * engine.program.pictures.classes];
    }
}

impl Part {
    /// Lays the memory out for `rows` rows of cotangents, `runs` runs of them.
    fn lay_out(&mut self, engine: &Engine, size: Size, rows: usize, runs: usize) {
        if self.falls.len() == runs && self.falls.iter().map(|f| f.rows).sum::<usize>() == rows {
            return;
        }
        let count = |run| begin(rows, runs, run + 1) - begin(rows, runs, run);
        self.falls = (0..runs).map(|run| engine.fall(count(run), size, [false; 2])).collect();
    }
}

impl Engine {
    fn forward(&self, workspace: &mut Workspace, noisy: &[f32], size: Size, sigmas: &[f32]) {
        let (pictures, classes) = (sigmas.len(), self.program.pictures.classes);
        let picture = noisy.len() / pictures;
        workspace.lay_out(self, pictures, size);
        let parts = workspace.parts.len();
        let split = || {
            workspace.parts.par_iter_mut().enumerate().for_each(|(index, Part { rise, energy, .. })| {
                let range = begin(pictures, parts, index)..begin(pictures, parts, index + 1);
                rise.sigmas.copy_from_slice(&sigmas[range.clone()]);
                self.values(rise, &noisy[range.start * picture..range.end * picture], size, pictures, Some(energy));
            });
        };
        pooled(pictures * self.multiply_adds(size), split);
        for (index, Part { rise, energy, .. }) in workspace.parts.iter().enumerate() {
            let start = begin(pictures, parts, index);
            workspace.energy[start..start + energy.len()].copy_from_slice(energy);
            let rows = rise.logits.chunks_exact(self.head.linear.bias.len());
            for (to, from) in workspace.logits[start * classes..].chunks_exact_mut(classes).zip(rows) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = f64::from(*from));
            }
        }
    }

    fn pullback(&self, workspace: &mut Workspace, density: &[f32], logits: &[f32], out: &mut [f32]) -> Result<()> {
        let (size, pictures, classes) = (workspace.size, workspace.pictures, self.program.pictures.classes);
        let picture = self.program.pictures.channels * size.0 * size.1;
        let each = check_cotangents(pictures, classes, picture, density, logits, out)?;
        let rows = density.len();
        if rows == 0 {
            return Ok(());
        }
        let threads = rayon::current_num_threads();
        let parts = workspace.parts.len();
        let mut rest = (density, logits, out);
        let mut jobs = Vec::with_capacity(parts);
        for (index, part) in workspace.parts.iter_mut().enumerate() {
            let rows = each * (begin(pictures, parts, index + 1) - begin(pictures, parts, index));
            let density = take(&mut rest.0, rows);
            let logits = take(&mut rest.1, rows * classes);
            let out = rest.2.split_off_mut(..rows * picture).unwrap_or_default();
            jobs.push((part, density, logits, out));
        }
        let pull = |(part, density, logits, out): (&mut Part, &[f32], &[f32], &mut [f32])| {
            // Rows are independent: with fewer parts than threads, a part's rows are shared out.
            let runs = threads.div_ceil(parts).min(density.len()).max(1);
            part.lay_out(self, size, density.len(), runs);
            // The gradient of a posterior weighs the energy by zero.
            if density.iter().any(|w| *w != 0.0) {
                self.readout_gradients(part);
            }
            let mut falls = std::mem::take(&mut part.falls);
            let shared = &*part;
            let mut rest = out;
            let mut runs = Vec::with_capacity(falls.len());
            let mut start = 0;
            for fall in &mut falls {
                let out = rest.split_off_mut(..fall.rows * picture).unwrap_or_default();
                let range = start..start + fall.rows;
                start = range.end;
                runs.push((fall, Cotangents { density, logits, each, first: range.start, total: rows }, out));
            }
            runs.into_par_iter().for_each(|(fall, cotangents, out)| self.pull(shared, fall, &cotangents, size, out));
            part.falls = falls;
        };
        pooled(rows * self.multiply_adds(size), || jobs.into_par_iter().for_each(pull));
        Ok(())
    }

    /// The read-outs' gradients, which every cotangent only scales.
    fn readout_gradients(&self, part: &mut Part) {
        part.gradients.resize_with(self.stages.len(), Vec::new);
        let stages = self.stages.iter().zip(&part.rise.stages).zip(&part.rise.readouts);
        for (((stage, stream), kept), gradient) in stages.zip(&mut part.gradients) {
            let frame = stream.norm.frame;
            gradient.resize(stream.h.len(), 0.0);
            let pixels = part.rise.pictures * frame.height * frame.width;
            stage.readout.gradient(pixels, kept, gradient);
        }
    }

    /// The adjoint pass of a run of rows.
    fn pull(&self, part: &Part, fall: &mut Fall, cotangents: &Cotangents, size: Size, out: &mut [f32]) {
        let (rows, classes) = (fall.rows, self.program.pictures.classes);
        self.pull_head(&cotangents.logits[cotangents.first * classes..][..rows * classes], fall);
        let Fall { head, stages, patches, .. } = fall;
        let Some(last) = stages.last_mut() else { return };
        let mut step = Pullback { engine: self, part, cotangents, rows };
        last.g.fill(0.0);
        step.activation(self.head.site, &last.norm, head, Some(&mut last.g), None);
        self.walk_down([rows, cotangents.total], stages, &mut step);
        self.stem.adjoint(size, &stages[0].g, patches, out);
        let values = out.len() / rows.max(1);
        for (row, out) in out.chunks_exact_mut(values.max(1)).enumerate() {
            let n = cotangents.picture(row);
            let (density, rate) = (cotangents.density(row), 1.0 / self.spread(part.rise.sigmas[n]));
            for (out, z) in out.iter_mut().zip(&part.rise.z[n * values..][..values]) {
                *out = (*out - density * z) * rate;
            }
        }
    }
}

/// The step of the adjoint pass over a run of rows.
struct Pullback<'a> {
    engine: &'a Engine,
    part: &'a Part,
    cotangents: &'a Cotangents<'a>,
    rows: usize,
}

impl StepDown for Pullback<'_> {
    fn activation(
        &mut self,
        site: Site,
        norm: &Norm,
        inner: &[f32],
        residual: Option<&mut [f32]>,
        framed: Option<&mut [f32]>,
    ) {
        let picture = |row: usize| self.cotangents.picture(row);
        let tape = &self.part.rise.tapes[site.number];
        norm.pullback(self.engine.level, self.rows, picture, tape, inner, Target { residual, framed });
    }

    fn read(&mut self, s: usize, norm: &Norm, g: &mut [f32], _: &mut [f32]) {
        let dense = norm.frame.dense();
        for row in 0..self.rows {
            let (n, density) = (self.cotangents.picture(row), self.cotangents.density(row));
            if density == 0.0 {
                continue;
            }
            let scale = density * self.engine.program.pictures.deviation / self.part.rise.sigmas[n];
            let gradient = &self.part.gradients[s][n * dense..][..dense];
            for (g, gradient) in g[row * dense..][..dense].iter_mut().zip(gradient) {
                *g += scale * gradient;
            }
        }
    }
}

/// A part's cotangents, and which of them a run has.
struct Cotangents<'a> {
    /// `w_u` of every row of the part.
    density: &'a [f32],
    /// `w_v` of every row of the part.
    logits: &'a [f32],
    /// Rows a picture.
    each: usize,
    /// The run's first row.
    first: usize,
    /// The rows of the whole job.
    total: usize,
}

impl Cotangents<'_> {
    /// `w_u` of a row of the run.
    fn density(&self, row: usize) -> f32 {
        self.density[self.first + row]
    }

    /// The part's picture of a row of the run.
    fn picture(&self, row: usize) -> usize {
        (self.first + row) / self.each
    }
}

/// Cuts `count` values off the front.
fn take<'a>(rest: &mut &'a [f32], count: usize) -> &'a [f32] {
    let (front, back) = rest.split_at(count);
    *rest = back;
    front
}
