//! A graphics device of this program's own, apart from the window's: buffers, dispatches, short submissions, readback.
//!
//! The window's device must not be shared: a wait on it holds a lock that its frames need. Waiting is by polling, with a
//! deadline of our own; nothing here panics on a device's error, and a submission whose end was not reached is an error.

mod job;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::adapters::{Card, Kind, ready};
use super::budget;
use super::fault::{Fault, first_line};
use super::kernels::{Kernel, Source, pipeline};
use super::pace::Pace;
use crate::{Error, Result};

pub use job::{Flight, Readback};

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

/// Bytes between two dispatches' parameters: what every device's alignment divides.
pub const PARAMETER_BYTES: u64 = 256;

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
            pipelines: Kernel::all().map(|_| OnceLock::new()).collect(),
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
}
