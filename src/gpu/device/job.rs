//! Jobs on a device: dispatches in short submissions, the marks that show that each came to its end, results read back.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

use super::{Buffer, Gpu, PARAMETER_BYTES, Step};
use crate::gpu::kernels::Kernel;
use crate::{Error, Result};

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

/// A job that was submitted: its number, how many submissions it took, what it does, and when it began.
#[derive(Debug)]
pub struct Flight {
    job: u32,
    submissions: u32,
    operations: f64,
    begun: Instant,
}

/// Bytes of the marks.
const MARK_BYTES: u64 = 8;

impl Gpu {
    /// Operations of the longest submission of the latest job.
    #[cfg(test)]
    pub(in crate::gpu) fn longest(&self) -> f64 {
        *self.longest.lock().unwrap_or_else(PoisonError::into_inner)
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
        let flight = self.start(steps, results, readback)?;
        self.finish(&flight, results, readback)
    }

    /// [`Self::run`] as far as it needs no wait; `readback` is taken until [`Self::finish`].
    ///
    /// # Errors
    /// [`Error::Device`] if the device was lost or reported an error.
    pub fn start<'a>(
        &self,
        steps: impl Iterator<Item = &'a Step>,
        results: &[(&Buffer, usize)],
        readback: &Readback,
    ) -> Result<Flight> {
        self.check()?;
        let begun = Instant::now();
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
        Ok(Flight { job, submissions, operations: all, begun })
    }

    /// Waits for a job and gives its results, which are those that it was started with.
    ///
    /// # Errors
    /// [`Error::Device`] if the device was lost, reported an error, took too long or left out work.
    pub fn finish(&self, flight: &Flight, results: &[(&Buffer, usize)], readback: &Readback) -> Result<Vec<Vec<f32>>> {
        let found = self.wait(readback, results, (flight.job, flight.submissions));
        if found.is_ok() {
            self.pace.learn(flight.operations, flight.begun.elapsed());
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
