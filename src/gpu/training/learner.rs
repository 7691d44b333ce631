//! A network in training on a device: batches cut to its memory, two groups of pictures under way at a time.

use std::sync::Arc;

use super::group::{Group, Parts};
use super::layout::Layout;
use super::memory::{self, Memory};
use super::optimiser::{self, Room};
use super::store::{LOGGED, Store};
use super::weights::pack;
use crate::engine::{Change, Gradients, LossParts, LossWeights, Part, Size, Stepper, TrainingRows};
use crate::gpu::device::{Buffer, Flight, Gpu, Readback, Step};
use crate::gpu::plan::{Draft, Plan};
use crate::gpu::stages::Network;
use crate::program::{Program, Rule};
use crate::{Error, Result};

/// Submissions of groups that may be under way at once: one is computed while the next is put on the device.
const FLIGHTS: usize = 2;

/// Pixels of a group at most, so that the workgroups of every kernel can be numbered.
const MOST_PIXELS: usize = 2_000_000;

/// A network in training on a device.
#[derive(Debug)]
pub struct Learner {
    program: Program,
    network: Network,
    layout: Layout,
    store: Store,
    clear: Plan,
    pack: Plan,
    /// The optimiser's room and step, once one is taken.
    update: Option<(Room, Plan)>,
    work: Option<Work>,
    flights: [(Readback, Option<Flight>); FLIGHTS],
    next: usize,
    gradients: Gradients,
}

/// Room for a batch of a shape, and the dispatches of its groups.
#[derive(Debug)]
struct Work {
    pictures: usize,
    size: Size,
    scored: bool,
    memory: Memory<Buffer>,
    /// Of a whole group, and of what is left at the end.
    plans: Vec<(usize, Plan)>,
}

impl Learner {
    /// A program's weights, a slice a tensor, made trainable on a device.
    ///
    /// # Errors
    /// [`Error::Compute`] if the weights are not the program's, or the network does not fit on the device or is none that this
    /// learner knows; [`Error::Device`] if the device is lost.
    pub fn new(gpu: &Arc<Gpu>, program: &Program, weights: &[&[f32]]) -> Result<Self> {
        program.check(weights).map_err(Error::Compute)?;
        let layout = Layout::new(program);
        Self::check(gpu, program, &layout)?;
        let network = Network::new(gpu, program, weights)?;
        let flat = layout.flatten(weights);
        let store = gpu.allocate(|| Store::new(gpu, &network, program, &layout, &flat))?;
        let mut draft = Draft::new(gpu);
        optimiser::clear(&mut draft, &layout, &store);
        let clear = draft.finish();
        let mut draft = Draft::new(gpu);
        pack(&mut draft, &network, program, &layout, &store.weights);
        let pack = draft.finish();
        let flights = [(); FLIGHTS].map(|()| (gpu.readback(0), None));
        gpu.check()?;
        Ok(Self {
            program: program.clone(),
            network,
            layout,
            store,
            clear,
            pack,
            update: None,
            work: None,
            flights,
            next: 0,
            gradients: Vec::new(),
        })
    }

    /// Whether a network can be trained on the device at all.
    fn check(gpu: &Gpu, program: &Program, layout: &Layout) -> Result<()> {
        let refuse =
            |reason: String| Err(Error::Compute(format!("{}: {reason}; choose --device cpu", gpu.card().title())));
        let most = layout.total.max(Room::bytes(layout).1);
        if 4 * most as u64 > gpu.largest() {
            let (needed, room) = ((4 * most as u64).div_ceil(1 << 20), gpu.largest() >> 20);
            return refuse(format!(
                "training {} weights needs a buffer of {needed} MiB, and the card's hold {room} MiB",
                layout.total
            ));
        }
        let channels = program.pictures.channels;
        if channels > 4 || program.stem.kernel > 4 {
            return refuse(format!("pictures of {channels} colours or stems beyond 4×4 cannot be trained there"));
        }
        Ok(())
    }

    fn gpu(&self) -> &Gpu {
        &self.network.gpu
    }

    fn parts(&self) -> Parts<'_> {
        Parts { program: &self.program, network: &self.network, layout: &self.layout, store: &self.store }
    }

    /// How many pictures of a size go at once, out of `pictures`: halved until they fit.
    fn at_once(&self, pictures: usize, size: Size) -> Result<usize> {
        let gpu = self.gpu();
        let fits = |count: usize| {
            let (bytes, largest) = memory::bytes(&self.network, &groups(pictures, count), size);
            bytes <= gpu.memory() && 4 * largest as u64 <= gpu.largest() && count * size.0 * size.1 <= MOST_PIXELS
        };
        let mut count = pictures;
        while !fits(count) {
            if count == 1 {
                let (height, width) = size;
                let (needed, _) = memory::bytes(&self.network, &[1], size);
                return Err(Error::Compute(format!(
                    "{} has not the memory to train on one picture of {height}×{width} pixels, which takes {} MiB; \
                     choose --device cpu",
                    gpu.card().title(),
                    needed.div_ceil(1 << 20)
                )));
            }
            count = count.div_ceil(2);
        }
        Ok(count)
    }

    /// Room for batches of a shape, if it is not there yet.
    fn lay_out(&mut self, pictures: usize, size: Size, scored: bool) -> Result<()> {
        let known = |work: &Work| (work.pictures, work.size, work.scored) == (pictures, size, scored);
        if self.work.as_ref().is_some_and(known) {
            return Ok(());
        }
        let same = |work: &Work| (work.pictures, work.size) == (pictures, size);
        let kept = self.work.take().filter(same);
        let (counts, memory) = match kept {
            Some(work) => (work.plans.iter().map(|(count, _)| *count).collect::<Vec<_>>(), work.memory),
            None => self.room(pictures, size)?,
        };
        let plan = |&count: &usize| (count, Group::plan(self.parts(), &memory, count, scored));
        let plans = self.gpu().allocate(|| counts.iter().map(plan).collect())?;
        self.gpu().check()?;
        self.work = Some(Work { pictures, size, scored, memory, plans });
        Ok(())
    }

    /// Memory for groups of the most pictures that there is room for, and the sizes of the groups that there are.
    fn room(&self, pictures: usize, size: Size) -> Result<(Vec<usize>, Memory<Buffer>)> {
        let (mut at_once, gpu) = (self.at_once(pictures, size)?, self.gpu());
        loop {
            let counts = groups(pictures, at_once);
            let made = gpu.allocate(|| Memory::new(&self.network, &counts, size, |values| gpu.room(values)));
            match made {
                // What other programs use of the memory nobody says before it runs out.
                Err(Error::Compute(_)) if at_once > 1 => at_once = at_once.div_ceil(2),
                made => {
                    gpu.check()?;
                    let memory = made?;
                    // Where each picture's row of the film begins.
                    let begin = |picture: usize| (memory.count + picture * self.network.film.width) as u32;
                    let begins: Vec<u32> = (0..memory.count).map(begin).collect();
                    gpu.write(&memory.film, bytemuck::cast_slice(&begins));
                    return Ok((counts, memory));
                }
            }
        }
    }

    /// All passes over a batch, whose gradient is left on the device, and then the optimiser's step if there is a change.
    fn pass(&mut self, rows: &TrainingRows, loss: LossWeights, change: Option<&Change>) -> Result<()> {
        let shape = &self.program.pictures;
        let pictures = rows.check(shape.channels, shape.classes)?;
        self.lay_out(pictures, rows.size, loss.score != 0.0)?;
        if change.is_some() {
            self.make_ready_to_step()?;
        }
        let numbers = optimiser::numbers(&self.layout, change, loss, [pictures, rows.noise.len()]);
        self.gpu().write(&self.store.numbers, bytemuck::cast_slice(&numbers));
        let Some(work) = &mut self.work else { return Err(Error::Compute("no room was laid out".to_owned())) };
        let gpu = &*self.network.gpu;
        // In pieces as long as the device's speed allows by now.
        work.plans.iter_mut().map(|(_, plan)| plan).for_each(|plan| plan.begin(gpu, 0));
        let mut first = 0;
        while first < pictures {
            let most = work.plans[0].0;
            let count = most.min(pictures - first);
            let plan = work.plans.iter().find(|(of, _)| *of == count);
            let (_, plan) = plan.ok_or_else(|| Error::Compute("a group of another size came up".to_owned()))?;
            place(&self.network, &work.memory, &rows.some(first, count), loss, [pictures, rows.noise.len()]);
            let ahead = if first == 0 { self.clear.steps() } else { &[] };
            first += count;
            let after = match (&self.update, change) {
                (Some((_, update)), Some(_)) if first == pictures => update.steps(),
                _ => &[],
            };
            let steps = ahead.iter().chain(plan.steps()).chain(after);
            launch(gpu, &mut self.flights, &mut self.next, steps)?;
        }
        Ok(())
    }

    /// The beginnings of buffers, once everything that is under way is done.
    fn read_back(&self, results: &[(&Buffer, usize)]) -> Result<Vec<Vec<f32>>> {
        let gpu = self.gpu();
        let readback = gpu.readback(results.iter().map(|(_, values)| values).sum());
        gpu.run(std::iter::empty(), results, &readback)
    }

    /// The bytes of the activations of so many pictures of a size at once.
    #[cfg(test)]
    pub(in crate::gpu) fn bytes_of(&self, pictures: usize, size: Size) -> u64 {
        memory::bytes(&self.network, &[pictures], size).0
    }

    /// The optimiser's step along given gradients.
    #[cfg(test)]
    pub(in crate::gpu) fn step_along(&mut self, gradients: &[&[f32]], change: &Change) -> Result<()> {
        self.make_ready_to_step()?;
        let loss = LossWeights { cross_entropy: 0.0, score: 0.0 };
        let numbers = optimiser::numbers(&self.layout, Some(change), loss, [1, 1]);
        self.gpu().write(&self.store.numbers, bytemuck::cast_slice(&numbers));
        self.gpu().write(&self.store.gradient, bytemuck::cast_slice(&self.layout.flatten(gradients)));
        let steps = self.update.iter().flat_map(|(_, plan)| plan.steps());
        launch(&self.network.gpu, &mut self.flights, &mut self.next, steps)
    }

    /// The optimiser's room and dispatches, if they are not there yet.
    fn make_ready_to_step(&mut self) -> Result<()> {
        if self.update.is_none() {
            let room = self.gpu().allocate(|| Room::new(self.gpu(), &self.layout))?;
            let plan = optimiser::step(self.parts(), &room);
            self.gpu().check()?;
            self.update = Some((room, plan));
        }
        Ok(())
    }

    /// Gives the products the weights of the flat list.
    fn repack(&mut self) -> Result<()> {
        launch(&self.network.gpu, &mut self.flights, &mut self.next, self.pack.steps().iter())
    }
}

/// The sizes of the groups of `pictures` pictures, `at_once` at most: of the whole ones, and of what is left.
fn groups(pictures: usize, at_once: usize) -> Vec<usize> {
    let mut counts = vec![at_once];
    counts.extend(Some(pictures % at_once).filter(|rest| *rest > 0));
    counts
}

/// Submits steps, once the submission before the last is done.
fn launch<'a>(
    gpu: &Gpu,
    flights: &mut [(Readback, Option<Flight>); FLIGHTS],
    next: &mut usize,
    steps: impl Iterator<Item = &'a Step>,
) -> Result<()> {
    let (readback, flight) = &mut flights[*next];
    if let Some(flight) = flight.take() {
        gpu.finish(&flight, &[], readback)?;
    }
    *flight = Some(gpu.start(steps, &[], readback)?);
    *next = (*next + 1) % FLIGHTS;
    Ok(())
}

/// Puts a group of a batch of `total` pictures and values on the device.
fn place(network: &Network, m: &Memory<Buffer>, rows: &TrainingRows, loss: LossWeights, total: [usize; 2]) {
    let (gpu, channels) = (&network.gpu, network.pictures.channels);
    let plane = rows.size.0 * rows.size.1;
    let spread = |picture: usize| network.spread(rows.sigmas[picture]);
    // Planes side by side become channels of a pixel, four with padding.
    let dense = |planar: &[f32], value: &dyn Fn(usize, usize, f32) -> f32| {
        let mut dense = vec![0.0; rows.sigmas.len() * plane * 4];
        for (index, values) in planar.chunks_exact(plane).enumerate() {
            let (picture, channel) = (index / channels, index % channels);
            let pixels = dense[picture * plane * 4..][..plane * 4].chunks_exact_mut(4);
            pixels.zip(values).for_each(|(pixel, y)| pixel[channel] = value(picture, channel, *y));
        }
        dense
    };
    let rates: Vec<f32> = (0..rows.sigmas.len()).map(|picture| 1.0 / spread(picture)).collect();
    let z = dense(rows.noisy, &|picture, channel, y| (y - network.pictures.mean[channel]) * rates[picture]);
    gpu.write(&m.z, bytemuck::cast_slice(&z));
    gpu.write(&m.noise, bytemuck::cast_slice(&dense(rows.noise, &|_, _, noise| noise)));
    let facts = rows.sigmas.iter().enumerate().flat_map(|(picture, &sigma)| {
        let scale = 2.0 * loss.score * sigma / total[1] as f32 / spread(picture);
        let class = rows.classes[picture].map_or(0, |class| class + 1);
        let bits = [rows.labels[picture], class].map(f32::from_bits);
        let weight = loss.cross_entropy / total[0] as f32;
        [network.pictures.deviation / sigma, rates[picture], sigma, scale, bits[0], bits[1], weight, 0.0]
    });
    gpu.write(&m.facts, bytemuck::cast_slice(&facts.collect::<Vec<f32>>()));
    let features: Vec<f32> = rows.sigmas.iter().flat_map(|sigma| network.film.features(*sigma)).collect();
    gpu.write(&m.features, bytemuck::cast_slice(&features));
}

impl crate::engine::Learner for Learner {
    fn device(&self) -> String {
        self.gpu().card().title()
    }

    fn load(&mut self, weights: &[&[f32]]) -> Result<()> {
        self.write(Part::Weights, weights)
    }

    fn gradient(&mut self, rows: &TrainingRows, loss: LossWeights) -> Result<(LossParts, &Gradients)> {
        self.gpu().write(&self.store.logged, bytemuck::bytes_of(&[0.0_f32; LOGGED]));
        self.pass(rows, loss, None)?;
        let found = self.read_back(&[(&self.store.gradient, self.layout.total), (&self.store.logged, LOGGED)])?;
        let [gradient, logged] =
            <[Vec<f32>; 2]>::try_from(found).map_err(|_| Error::Device("two results were asked for".to_owned()))?;
        self.gpu().write(&self.store.logged, bytemuck::bytes_of(&[0.0_f32; LOGGED]));
        self.gradients = self.layout.split(&gradient);
        let parts = LossParts { cross_entropy: f64::from(logged[4]), score_error: f64::from(logged[2]) };
        Ok((parts, &self.gradients))
    }
}

impl Stepper for Learner {
    fn device(&self) -> String {
        self.gpu().card().title()
    }

    fn prepare(&mut self, pictures: usize, size: Size) -> Result<String> {
        self.lay_out(pictures, size, true)?;
        self.make_ready_to_step()?;
        let Some(work) = &self.work else { return Ok(String::new()) };
        let counts: Vec<usize> = work.plans.iter().map(|(count, _)| *count).collect();
        let lists = Store::bytes(&self.layout) + optimiser::packed_bytes(&self.parts()) + Room::bytes(&self.layout).0;
        let all = lists + memory::bytes(&self.network, &counts, size).0;
        Ok(format!("{} MiB of its memory, {} pictures at a time", all.div_ceil(1 << 20), counts[0]))
    }

    fn step(&mut self, rows: &TrainingRows, loss: LossWeights, change: &Change) -> Result<()> {
        self.pass(rows, loss, Some(change))
    }

    fn take_sums(&mut self) -> Result<[f32; 4]> {
        let found = self.read_back(&[(&self.store.logged, LOGGED)])?;
        self.gpu().write(&self.store.logged, bytemuck::bytes_of(&[0.0_f32; LOGGED]));
        let logged = found.first().and_then(|logged| logged.first_chunk::<4>());
        logged.copied().ok_or_else(|| Error::Device("sums were asked for".to_owned()))
    }

    fn read(&self, part: Part) -> Result<Vec<Vec<f32>>> {
        let Store { weights, average, first, second, .. } = &self.store;
        let (buffer, values) = match part {
            Part::Weights => (weights, self.layout.total),
            Part::Average => (average, self.layout.total),
            Part::First => (first, self.layout.total),
            Part::Second => (second, self.layout.adam),
        };
        Ok(self.layout.split(&self.read_back(&[(buffer, values)])?.remove(0)))
    }

    fn write(&mut self, part: Part, values: &[&[f32]]) -> Result<()> {
        let buffer = match part {
            Part::Weights => &self.store.weights,
            Part::Average => &self.store.average,
            Part::First => &self.store.first,
            Part::Second => &self.store.second,
        };
        if part == Part::Second {
            let adam = |(spec, values): (&crate::program::TensorSpec, &&[f32])| {
                (spec.rule == Rule::Muon && values.is_empty()) || spec.len() == values.len()
            };
            if values.len() != self.program.tensors.len() || !self.program.tensors.iter().zip(values).all(adam) {
                return Err(Error::Compute("the second moments are not those of the network".to_owned()));
            }
        } else {
            self.program.check(values).map_err(Error::Compute)?;
        }
        let flat = self.layout.flatten(values);
        let flat = if part == Part::Second { &flat[..self.layout.adam] } else { &flat[..] };
        self.gpu().write(buffer, bytemuck::cast_slice(flat));
        if part == Part::Weights { self.repack() } else { Ok(()) }
    }
}
