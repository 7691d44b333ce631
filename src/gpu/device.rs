//! A graphics device of this program's own, apart from the window's: buffers, dispatches, short submissions, readback.
//!
//! The window's device must not be shared: a wait on it holds a lock that its frames need. Waiting is by polling, with a
//! deadline of our own; nothing here panics on a device's error, and a submission whose end was not reached is an error.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::adapters::{Card, Kind, ready};
use super::budget;
use super::fault::{Fault, first_line};
use super::kernels::{Kernel, Source, pipeline};
use super::pace::Pace;
use crate::{Error, Result};

/// How a device is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether to do with the least that any WebGPU device has.
    pub least: bool,
    /// Milliseconds that a submission should take at most, so that no watchdog ends it and no frame waits long.
    pub submission_ms: f64,
    /// Seconds to wait for a job before the device counts as lost.
    pub patience: Duration,
    /// Bytes that the activations of one job may take; none: what the card gives.
    pub memory: Option<u64>,
    /// For tests: changes the kernels' sources.
    pub tamper: Option<fn(&mut Source)>,
    /// For tests: leaves the marks out that show that a submission came to its end.
    pub unmarked: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            least: false,
            submission_ms: 8.0,
            patience: Duration::from_mins(1),
            memory: None,
            tamper: None,
            unmarked: false,
        }
    }
}

/// Memory on the device.
#[derive(Debug, Clone)]
pub struct Buffer(wgpu::Buffer);

/// One dispatch, ready to be recorded.
#[derive(Debug)]
pub struct Step {
    kernel: Kernel,
    bind: wgpu::BindGroup,
    groups: [u32; 3],
    operations: f64,
}

impl Step {
    /// Floating-point operations, or what costs as much.
    #[must_use]
    pub fn operations(&self) -> f64 {
        self.operations
    }
}

/// An open device.
#[derive(Debug)]
pub struct Gpu {
    card: Card,
    settings: Settings,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: Vec<OnceLock<wgpu::ComputePipeline>>,
    /// The first thing that went wrong.
    fault: Fault,
    jobs: AtomicU32,
    submissions: AtomicU32,
    dispatches: AtomicU32,
    /// Bytes that the activations of one job may take.
    memory: u64,
    /// Bytes of one allocation that it claims not to have.
    refused: AtomicU64,
    /// Operations of the latest job's longest submission.
    longest: Mutex<f64>,
    /// Bytes of buffers that it was asked for.
    asked: AtomicU64,
    pace: Pace,
    nothing: Buffer,
}

/// Where results come back, with the marks of the submissions.
#[derive(Debug)]
pub struct Readback {
    staging: wgpu::Buffer,
    bytes: u64,
    parameters: wgpu::Buffer,
    marks: wgpu::Buffer,
    /// The job's first submission, and every further one.
    steps: [Step; 2],
}

/// Bytes between two dispatches' parameters: what every device's alignment divides.
pub const PARAMETER_BYTES: u64 = 256;

/// Bytes of the marks.
const MARK_BYTES: u64 = 8;

impl Gpu {
    /// Opens a card.
    ///
    /// # Errors
    /// [`Error::Device`] if the driver refuses, or the card has less than any WebGPU device.
    pub fn open(card: Card, mut settings: Settings) -> Result<Self> {
        if card.kind == Kind::Software {
            settings.patience *= 10;
        }
        let refuse = |reason: String| Error::Device(format!("{}: {reason}; choose --device cpu", card.title()));
        let (least, has) = (wgpu::Limits::defaults(), card.adapter.limits());
        let mut limits = wgpu::Limits {
            max_storage_buffer_binding_size: has.max_storage_buffer_binding_size,
            max_buffer_size: has.max_buffer_size,
            ..least.clone()
        };
        if settings.least {
            limits = least.clone();
        }
        // What is drawn with is not needed, so that a card that computes only will do.
        limits = limits.or_worse_values_from(&has);
        let threads = limits.max_compute_invocations_per_workgroup;
        if threads < 256 || limits.max_storage_buffers_per_shader_stage < 8 {
            return Err(refuse(format!(
                "it computes with {threads} threads and {} buffers only",
                limits.max_storage_buffers_per_shader_stage
            )));
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("network"),
            required_features: wgpu::Features::empty(),
            required_limits: limits,
            ..Default::default()
        };
        let (device, queue) =
            ready(card.adapter.request_device(&descriptor)).map_err(|error| refuse(first_line(&error.to_string())))?;
        let fault = Fault::default();
        let (uncaptured, lost) = (fault.clone(), fault.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| uncaptured.note(&error.to_string())));
        device.set_device_lost_callback(move |_, reason| lost.note(&format!("the device was lost: {reason}")));
        let nothing = Buffer(device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("nothing"),
            size: PARAMETER_BYTES,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        }));
        let memory = settings.memory.unwrap_or_else(|| budget::of(&device, card.kind));
        Ok(Self {
            card,
            pace: Pace::new(settings.submission_ms),
            settings,
            memory,
            refused: AtomicU64::new(u64::MAX),
            longest: Mutex::new(0.0),
            asked: AtomicU64::new(0),
            dispatches: AtomicU32::new(0),
            device,
            queue,
            pipelines: Kernel::ALL.iter().map(|_| OnceLock::new()).collect(),
            fault,
            jobs: AtomicU32::new(0),
            submissions: AtomicU32::new(0),
            nothing,
        })
    }

    /// The card.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The most bytes of one buffer.
    #[must_use]
    pub fn largest(&self) -> u64 {
        let limits = self.device.limits();
        // Beyond that, workgroups of a sum over a whole buffer could not be numbered.
        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(255 << 20)
    }

    /// Bytes that a job's activations may take.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// How fast it is.
    #[must_use]
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// A buffer that nobody reads, for bindings that are not used.
    #[must_use]
    pub fn nothing(&self) -> &Buffer {
        &self.nothing
    }

    /// Submissions so far.
    #[must_use]
    pub fn submissions(&self) -> u32 {
        self.submissions.load(Ordering::Relaxed)
    }

    /// Bytes of buffers that it was asked for so far.
    #[cfg(test)]
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Lets every allocation of so many bytes fail from now on.
    #[cfg(test)]
    pub(super) fn refuse(&self, bytes: u64) {
        self.refused.store(bytes, Ordering::Relaxed);
    }

    /// Operations of the longest submission of the latest job.
    #[cfg(test)]
    pub(super) fn longest(&self) -> f64 {
        *self.longest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Dispatches so far.
    #[must_use]
    pub fn dispatches(&self) -> u32 {
        self.dispatches.load(Ordering::Relaxed)
    }

    /// Loses the device, as a driver's reset would.
    pub fn destroy(&self) {
        self.device.destroy();
    }

    /// What went wrong, if anything did.
    ///
    /// # Errors
    /// [`Error::Device`]: the device is not to be used any more.
    pub fn check(&self) -> Result<()> {
        self.fault.reason().map_or(Ok(()), |reason| Err(self.failed(&reason)))
    }

    fn failed(&self, reason: &str) -> Error {
        Error::Device(format!("{}: {}", self.card.title(), first_line(reason)))
    }

    /// Room for `values` of 4 bytes each, zero at first.
    #[must_use]
    pub fn room(&self, values: usize) -> Buffer {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        Buffer(self.buffer(4 * values.next_multiple_of(4) as u64, usage))
    }

    /// [`Self::room`] with values in it.
    #[must_use]
    pub fn filled(&self, values: &[f32]) -> Buffer {
        let buffer = self.room(values.len());
        self.write(&buffer, bytemuck::cast_slice(values));
        buffer
    }

    /// Room for dispatches' parameters, with them in it.
    #[must_use]
    pub fn parameters(&self, words: &[u32]) -> Buffer {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = Buffer(self.buffer(4 * words.len() as u64, usage));
        self.write(&buffer, bytemuck::cast_slice(words));
        buffer
    }

    fn buffer(&self, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let size = size.max(PARAMETER_BYTES);
        self.asked.fetch_add(size, Ordering::Relaxed);
        self.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
    }

    /// Writes bytes, a multiple of four, to the beginning of a buffer before the next job.
    pub fn write(&self, buffer: &Buffer, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.queue.write_buffer(&buffer.0, 0, bytes);
        }
    }

    /// Whether the device had the memory for what `make` creates.
    ///
    /// # Errors
    /// [`Error::Compute`] if it had not.
    pub fn allocate<T>(&self, make: impl FnOnce() -> T) -> Result<T> {
        let before = self.asked.load(Ordering::Relaxed);
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let made = make();
        let asked = self.asked.load(Ordering::Relaxed) - before;
        match ready(scope.pop()) {
            None if asked < self.refused.load(Ordering::Relaxed) => Ok(made),
            _ => Err(Error::Compute(format!("{}: out of memory", self.card.title()))),
        }
    }

    fn pipeline(&self, kernel: Kernel) -> &wgpu::ComputePipeline {
        self.pipelines[kernel.index()].get_or_init(|| {
            let mut source = kernel.source();
            if let Some(tamper) = self.settings.tamper {
                tamper(&mut source);
            }
            pipeline(&self.device, &source)
        })
    }

    /// A dispatch of `kernel` with its parameters in `parameters` from byte `at` on, and its buffers in the order of
    /// [`Source::bindings`].
    #[must_use]
    pub fn step(
        &self,
        kernel: Kernel,
        (parameters, at): (&Buffer, u64),
        buffers: &[&Buffer],
        groups: [u32; 3],
        operations: f64,
    ) -> Step {
        self.bound(kernel, (&parameters.0, at), buffers.iter().map(|buffer| &buffer.0), groups, operations)
    }

    fn bound<'a>(
        &self,
        kernel: Kernel,
        (parameters, at): (&wgpu::Buffer, u64),
        buffers: impl Iterator<Item = &'a wgpu::Buffer>,
        groups: [u32; 3],
        operations: f64,
    ) -> Step {
        let uniform =
            wgpu::BufferBinding { buffer: parameters, offset: at, size: wgpu::BufferSize::new(PARAMETER_BYTES) };
        let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(uniform) }];
        let bindings = kernel.source().bindings.iter().zip(buffers);
        entries.extend(
            bindings.map(|(&binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }),
        );
        let layout = self.pipeline(kernel).get_bind_group_layout(0);
        let descriptor = wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries };
        Step { kernel, bind: self.device.create_bind_group(&descriptor), groups, operations }
    }

    /// Room for `values` results of 4 bytes each to come back in.
    #[must_use]
    pub fn readback(&self, values: usize) -> Readback {
        let bytes = 4 * values as u64;
        let parameters = self.buffer(2 * PARAMETER_BYTES, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
        let marks = self.buffer(MARK_BYTES, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
        let staging = self.buffer(bytes + MARK_BYTES, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        let mark = |first| {
            let at = if first { 0 } else { PARAMETER_BYTES };
            self.bound(Kernel::Mark, (&parameters, at), std::iter::once(&marks), [1, 1, 1], 0.0)
        };
        Readback { steps: [mark(true), mark(false)], staging, bytes, parameters, marks }
    }

    /// Runs the steps in order, in as many submissions as keep each short, and gives the beginnings of `results`, so many
    /// values of each.
    ///
    /// # Errors
    /// [`Error::Device`] if the device was lost, reported an error, took too long or left out work.
    pub fn run<'a>(
        &self,
        steps: impl Iterator<Item = &'a Step>,
        results: &[(&Buffer, usize)],
        readback: &Readback,
    ) -> Result<Vec<Vec<f32>>> {
        self.check()?;
        let start = Instant::now();
        let job = self.jobs.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut words = [0_u32; PARAMETER_BYTES as usize / 2];
        (words[0], words[1], words[PARAMETER_BYTES as usize / 4]) = (job, 1, job);
        self.queue.write_buffer(&readback.parameters, 0, bytemuck::cast_slice(&words));
        let budget = self.pace.submission();
        let (mut submissions, mut all, mut longest) = (0_u32, 0.0, 0.0_f64);
        let mut steps = steps.peekable();
        loop {
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                let mut operations = 0.0;
                while let Some(step) = steps.peek() {
                    if operations > 0.0 && operations + step.operations > budget {
                        break;
                    }
                    operations += step.operations;
                    self.record(&mut pass, step);
                    steps.next();
                }
                all += operations;
                longest = longest.max(operations);
                if !self.settings.unmarked {
                    self.record(&mut pass, &readback.steps[usize::from(submissions > 0)]);
                }
            }
            submissions += 1;
            self.submissions.fetch_add(1, Ordering::Relaxed);
            let last = steps.peek().is_none();
            if last {
                let mut at = 0;
                for (buffer, values) in results {
                    let size = 4 * *values as u64;
                    encoder.copy_buffer_to_buffer(&buffer.0, 0, &readback.staging, at, size);
                    at += size;
                }
                encoder.copy_buffer_to_buffer(&readback.marks, 0, &readback.staging, readback.bytes, MARK_BYTES);
            }
            self.queue.submit([encoder.finish()]);
            if last {
                break;
            }
        }
        *self.longest.lock().unwrap_or_else(PoisonError::into_inner) = longest;
        let found = self.wait(readback, results, (job, submissions));
        if found.is_ok() {
            self.pace.learn(all, start.elapsed());
        }
        found
    }

    fn record(&self, pass: &mut wgpu::ComputePass<'_>, step: &Step) {
        self.dispatches.fetch_add(1, Ordering::Relaxed);
        pass.set_pipeline(self.pipeline(step.kernel));
        pass.set_bind_group(0, &step.bind, &[]);
        pass.dispatch_workgroups(step.groups[0], step.groups[1], step.groups[2]);
    }

    /// Polls until the results are there. `Poll` and never `Wait`, which holds a lock of the device while it waits.
    fn wait(&self, readback: &Readback, results: &[(&Buffer, usize)], expected: (u32, u32)) -> Result<Vec<Vec<f32>>> {
        let (sender, receiver) = mpsc::channel();
        let range = 0..readback.bytes + MARK_BYTES;
        readback.staging.map_async(wgpu::MapMode::Read, range.clone(), move |mapped| {
            // The receiver has gone where the wait was given up.
            let _ = sender.send(mapped);
        });
        let start = Instant::now();
        loop {
            let polled = self.device.poll(wgpu::PollType::Poll);
            match receiver.try_recv() {
                Ok(Ok(())) => break,
                Ok(Err(error)) => {
                    self.check()?;
                    return Err(self.give_up(&error.to_string()));
                }
                Err(TryRecvError::Disconnected) => {
                    self.check()?;
                    return Err(self.give_up("the results never came"));
                }
                Err(TryRecvError::Empty) => {}
            }
            self.check()?;
            if let Err(error) = polled {
                return Err(self.give_up(&error.to_string()));
            }
            let waited = start.elapsed();
            if waited > self.settings.patience {
                return Err(self.give_up(&format!("no result after {} s", waited.as_secs())));
            }
            // Most jobs are shorter than a sleep is exact.
            if waited < Duration::from_millis(2) {
                std::thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_micros(150));
            }
        }
        let (values, marks) = {
            let view = readback.staging.get_mapped_range(range).map_err(|e| self.give_up(&e.to_string()))?;
            let mut at = 0;
            let mut take = |count: usize| {
                let bytes = &view[at..at + 4 * count];
                at += 4 * count;
                bytemuck::pod_collect_to_vec::<u8, f32>(bytes)
            };
            let values: Vec<Vec<f32>> = results.iter().map(|(_, count)| take(*count)).collect();
            let marks =
                bytemuck::pod_collect_to_vec::<u8, u32>(&view[readback.bytes as usize..][..MARK_BYTES as usize]);
            (values, marks)
        };
        readback.staging.unmap();
        self.check()?;
        if marks != [expected.0, expected.1] {
            return Err(self.give_up("the driver left out work without a word"));
        }
        Ok(values)
    }

    /// Notes a fault for good.
    fn give_up(&self, reason: &str) -> Error {
        self.fault.note(reason);
        self.check().err().unwrap_or_else(|| self.failed(reason))
    }
}
