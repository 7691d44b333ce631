//! A graphics card with the processor behind it: when the card fails, the job goes on, and one line says so.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::engine::{Analysis, Ascended, Ascent, Directions, Passes, Size, Tape};
use crate::{Error, Result};

/// Two engines for one network, of which the first may fail.
#[derive(Debug)]
pub(super) struct Guarded {
    first: Box<dyn Passes>,
    processor: Box<dyn Passes>,
    /// Why the first is not used any more.
    failed: OnceLock<String>,
}

impl Guarded {
    pub(super) fn new(first: Box<dyn Passes>, processor: Box<dyn Passes>) -> Self {
        Self { first, processor, failed: OnceLock::new() }
    }

    /// Runs `job` on the card. `None`: it failed, and the processor is to do it.
    fn attempt<T>(&self, job: impl FnOnce() -> Result<T>) -> Option<T> {
        if self.failed.get().is_some() {
            return None;
        }
        // A driver's error that the library underneath takes for its own bug must not end the program either.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))
            .unwrap_or_else(|_| Err(Error::Device(format!("{}: its driver failed", self.first.device()))));
        match done {
            Ok(done) => Some(done),
            // Too large for its memory: the next job may not be.
            Err(Error::Compute(_)) => None,
            Err(error) => {
                if self.failed.set(error.to_string()).is_ok() {
                    tracing::warn!("{error}; the processor goes on");
                }
                None
            }
        }
    }
}

impl Passes for Guarded {
    fn device(&self) -> String {
        if self.failed.get().is_some() { "cpu".to_owned() } else { self.first.device() }
    }

    fn failure(&self) -> Option<String> {
        self.failed.get().cloned()
    }

    fn forward<'a>(&'a self, noisy: &[f32], size: Size, sigmas: &[f32]) -> Result<Box<dyn Tape + 'a>> {
        if let Some(tape) = self.attempt(|| self.first.forward(noisy, size, sigmas)) {
            let job = (noisy.to_vec(), size, sigmas.to_vec());
            return Ok(Box::new(GuardedTape { owner: self, tape, job, second: Mutex::new(None) }));
        }
        self.processor.forward(noisy, size, sigmas)
    }

    fn analysis<'a>(&'a self, noisy: &[f32], size: Size, sigma: f32, classes: &[usize]) -> Result<Analysis<'a>> {
        let Some((tape, gradients)) = self.attempt(|| self.first.analysis(noisy, size, sigma, classes)) else {
            return self.processor.analysis(noisy, size, sigma, classes);
        };
        let job = (noisy.to_vec(), size, vec![sigma]);
        Ok((Box::new(GuardedTape { owner: self, tape, job, second: Mutex::new(None) }), gradients))
    }

    fn ascend(&self, noisy: &[f32], size: Size, sigma: f32, ascent: &Ascent<'_>) -> Result<Option<Ascended>> {
        match self.attempt(|| self.first.ascend(noisy, size, sigma, ascent)) {
            Some(ascended) => Ok(ascended),
            None => self.processor.ascend(noisy, size, sigma, ascent),
        }
    }

    fn at_once(&self, size: Size) -> usize {
        if self.failed.get().is_some() { self.processor.at_once(size) } else { self.first.at_once(size) }
    }

    fn prepare(&self, size: Size, cotangents: usize) -> Result<()> {
        if self.attempt(|| self.first.prepare(size, cotangents)).is_none() {
            self.processor.prepare(size, cotangents)?;
        }
        Ok(())
    }
}

/// A forward pass of the card's, with what the processor needs to do it again.
struct GuardedTape<'a> {
    owner: &'a Guarded,
    tape: Box<dyn Tape + 'a>,
    job: (Vec<f32>, Size, Vec<f32>),
    second: Mutex<Option<Box<dyn Tape + 'a>>>,
}

impl Tape for GuardedTape<'_> {
    fn energy(&self) -> &[f64] {
        self.tape.energy()
    }

    fn logits(&self) -> &[f64] {
        self.tape.logits()
    }

    fn pullback(&self, density: &[f32], logits: &[f32], out: &mut [f32]) -> Result<()> {
        if self.owner.attempt(|| self.tape.pullback(density, logits, out)).is_some() {
            return Ok(());
        }
        self.on_processor(|tape| tape.pullback(density, logits, out))
    }

    /// The card's, if it has them; else the processor's, which has the same weights.
    fn curvature(&self, directions: &Directions, out: &mut [f32]) -> Result<bool> {
        if self.owner.attempt(|| self.tape.curvature(directions, out)) == Some(true) {
            return Ok(true);
        }
        self.on_processor(|tape| tape.curvature(directions, out))
    }
}

impl GuardedTape<'_> {
    /// Runs `job` on the processor's own forward pass, which the first one makes.
    fn on_processor<T>(&self, job: impl FnOnce(&dyn Tape) -> Result<T>) -> Result<T> {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        let (noisy, size, sigmas) = &self.job;
        let tape = match second.take() {
            Some(tape) => tape,
            None => self.owner.processor.forward(noisy, *size, sigmas)?,
        };
        let done = job(&*tape);
        *second = Some(tape);
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::kernels::engine::Processor;
    use crate::network::{Architecture, Checkpoint, Description};
    use crate::picture::Shape;

    /// An engine that answers with ones until its calls run out; then its device is lost.
    #[derive(Debug)]
    struct Failing(AtomicUsize);

    struct Ones<'a>(&'a Failing, [f64; 1], [f64; 2]);

    impl Failing {
        fn call(&self) -> Result<()> {
            let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            left.map(|_| ()).map_err(|_| Error::Device("gpu:9: lost".to_owned()))
        }
    }

    impl Passes for Failing {
        fn device(&self) -> String {
            "gpu:9".to_owned()
        }

        fn forward<'a>(&'a self, _: &[f32], _: Size, _: &[f32]) -> Result<Box<dyn Tape + 'a>> {
            self.call()?;
            Ok(Box::new(Ones(self, [1.0], [1.0; 2])))
        }
    }

    impl Tape for Ones<'_> {
        fn energy(&self) -> &[f64] {
            &self.1
        }

        fn logits(&self) -> &[f64] {
            &self.2
        }

        fn pullback(&self, _: &[f32], _: &[f32], out: &mut [f32]) -> Result<()> {
            self.0.call()?;
            out.fill(1.0);
            Ok(())
        }
    }

    fn checkpoint() -> Checkpoint {
        let classes = ["cat", "dog"].map(str::to_owned).to_vec();
        let architecture =
            Architecture { widths: vec![8], blocks: vec![1], strides: vec![1], ..Architecture::compact() };
        Checkpoint::untrained(Description::new("two", classes, Shape::new(3, 8, 8), architecture), 3).unwrap()
    }

    fn processor(checkpoint: &Checkpoint) -> Processor {
        let program = checkpoint.description.program();
        Processor::new(&program, &checkpoint.weights(&program).unwrap()).unwrap()
    }

    #[test]
    fn a_lost_card_leaves_the_job_to_the_processor() {
        let checkpoint = checkpoint();
        let noisy = vec![0.25; 192];
        let alone = processor(&checkpoint);
        let expected = alone.forward(&noisy, (8, 8), &[0.1]).unwrap();
        let mut truth = vec![0.0; 192];
        expected.pullback(&[1.0], &[1.0, 0.0], &mut truth).unwrap();
        for calls in 0..3 {
            let failing = Box::new(Failing(AtomicUsize::new(calls)));
            let guarded = Guarded::new(failing, Box::new(processor(&checkpoint)));
            let tape = guarded.forward(&noisy, (8, 8), &[0.1]).unwrap();
            assert_eq!(tape.energy(), if calls == 0 { expected.energy() } else { &[1.0] }, "{calls} calls");
            let mut out = vec![0.0; 192];
            for _ in 0..2 {
                tape.pullback(&[1.0], &[1.0, 0.0], &mut out).unwrap();
            }
            assert_eq!(out, truth, "{calls} calls");
            assert_eq!(guarded.device(), "cpu");
            assert_eq!(guarded.failure().as_deref(), Some("gpu:9: lost"));
        }
    }

    #[test]
    fn a_card_without_second_derivatives_leaves_those_to_the_processor_and_goes_on() {
        let checkpoint = checkpoint();
        let (noisy, along) = (vec![0.25; 192], (0..192).map(|i| (i as f32).sin()).collect::<Vec<f32>>());
        let asked = Directions { density: &[1.0], logits: &[0.5, 0.5], follows: false, along: &along };
        let curved = |tape: &dyn Tape| {
            let mut out = vec![0.0; 192];
            assert!(tape.curvature(&asked, &mut out).unwrap());
            out
        };
        let alone = processor(&checkpoint);
        let truth = curved(&*alone.forward(&noisy, (8, 8), &[0.1]).unwrap());
        let guarded = Guarded::new(Box::new(Failing(AtomicUsize::new(2))), Box::new(processor(&checkpoint)));
        let tape = guarded.forward(&noisy, (8, 8), &[0.1]).unwrap();
        assert!(truth.iter().any(|v| *v != 0.0) && curved(&*tape) == truth && curved(&*tape) == truth);
        let mut out = vec![0.0; 192];
        tape.pullback(&[1.0], &[1.0, 0.0], &mut out).unwrap();
        assert!(out == vec![1.0; 192] && guarded.device() == "gpu:9" && guarded.failure().is_none());
    }
}
