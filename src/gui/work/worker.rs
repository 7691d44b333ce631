//! A named thread that computes, so that the window never does.
//!
//! Work goes into lanes. A lane holds the latest task only: a new one supersedes the waiting one and raises the
//! running one's cancel flag. Lanes are served in their order, and a task that gives way between its steps lets a
//! more urgent lane go first. A panic becomes a message and the thread lives on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rayon::ThreadPool;

use crate::task::Cancel;
use crate::{Error, Result};

/// What a task says about going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Call again, after more urgent lanes.
    Again,
    /// The task is finished.
    Done,
}

/// A piece of work that publishes messages of type `M`.
pub trait Task<M>: Send {
    /// Works for a while. Polls `cancel` where that while may be long.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if `cancel` was raised; anything else is shown to the person.
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(M)) -> Result<Step>;
}

/// What the worker has to say.
#[derive(Debug)]
pub struct Report<M> {
    /// The lane of the task.
    pub lane: usize,
    /// The number that [`Worker::submit`] gave the task.
    pub generation: u64,
    /// The news.
    pub news: News<M>,
}

/// News of a task.
#[derive(Debug)]
pub enum News<M> {
    /// Something to show.
    Message(M),
    /// It is finished.
    Done,
    /// It failed, or panicked.
    Failed(Error),
}

/// Tells the window to look.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

struct Waiting<M> {
    generation: u64,
    cancel: Cancel,
    task: Box<dyn Task<M>>,
}

struct Lanes<M> {
    waiting: Vec<Option<Waiting<M>>>,
    /// The cancel flag of each lane's latest task, waiting or running.
    cancels: Vec<Cancel>,
    quit: bool,
}

struct Shared<M> {
    lanes: Mutex<Lanes<M>>,
    changed: Condvar,
}

impl<M> Shared<M> {
    /// The lanes are plain data, in order even if a thread died holding them.
    fn lock(&self) -> MutexGuard<'_, Lanes<M>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker's owner. Dropping it cancels what runs and waits for the thread.
pub struct Worker<M: Send + 'static> {
    shared: Arc<Shared<M>>,
    reports: Receiver<Report<M>>,
    sender: Sender<Report<M>>,
    wake: Wake,
    thread: Option<JoinHandle<()>>,
    next: u64,
}

impl<M: Send + 'static> Worker<M> {
    /// A worker with `lanes` lanes on a thread of its own; `wake` is called after each report. What its tasks share out,
    /// they share out in `pool`, or where there is none among the threads that everything else has too.
    ///
    /// # Errors
    /// [`Error::Compute`] if the thread cannot be had.
    pub fn spawn(lanes: usize, pool: Option<Arc<ThreadPool>>, wake: Wake) -> Result<Self> {
        let mut worker = Self::inline(lanes, wake);
        let (shared, sender, wake) = (worker.shared.clone(), worker.sender.clone(), worker.wake.clone());
        let thread = std::thread::Builder::new()
            .name("denoscope-worker".to_owned())
            .spawn(move || serve(&shared, pool.as_deref(), &sender, &wake))
            .map_err(|error| Error::Compute(format!("no thread to compute on: {error}")))?;
        worker.thread = Some(thread);
        Ok(worker)
    }

    /// A worker without a thread: tasks run when [`Worker::poll`] is called. For tests.
    #[must_use]
    pub fn inline(lanes: usize, wake: Wake) -> Self {
        let (sender, reports) = channel();
        let lanes =
            Lanes { waiting: (0..lanes).map(|_| None).collect(), cancels: vec![Cancel::new(); lanes], quit: false };
        let shared = Arc::new(Shared { lanes: Mutex::new(lanes), changed: Condvar::new() });
        Self { shared, reports, sender, wake, thread: None, next: 0 }
    }

    /// Gives `task` to `lane`, superseding what the lane had, and returns the generation that its reports carry.
    pub fn submit(&mut self, lane: usize, task: Box<dyn Task<M>>) -> u64 {
        self.shared.lock().cancels[lane].raise();
        self.submit_after(lane, task)
    }

    /// The same, but a running task may finish: while a slider moves, each answer is shown before the next is begun.
    pub fn submit_after(&mut self, lane: usize, task: Box<dyn Task<M>>) -> u64 {
        self.next += 1;
        let cancel = Cancel::new();
        let mut lanes = self.shared.lock();
        lanes.cancels[lane] = cancel.clone();
        lanes.waiting[lane] = Some(Waiting { generation: self.next, cancel, task });
        drop(lanes);
        self.shared.changed.notify_one();
        self.next
    }

    /// Takes back what `lane` has, waiting or running.
    pub fn cancel(&mut self, lane: usize) {
        let mut lanes = self.shared.lock();
        lanes.cancels[lane].raise();
        lanes.waiting[lane] = None;
    }

    /// The reports since the last call; it never waits (an inline worker runs its tasks first).
    pub fn poll(&mut self) -> Vec<Report<M>> {
        if self.thread.is_none() {
            loop {
                // The lock is let go of before the task runs: a task that goes on takes it again.
                let next = take(&mut self.shared.lock());
                let Some((lane, waiting)) = next else { break };
                run(lane, waiting, &self.shared, &self.sender, &self.wake);
            }
        }
        self.reports.try_iter().collect()
    }
}

impl<M: Send + 'static> Drop for Worker<M> {
    fn drop(&mut self) {
        let mut lanes = self.shared.lock();
        lanes.quit = true;
        lanes.cancels.iter().for_each(Cancel::raise);
        lanes.waiting.iter_mut().for_each(|waiting| *waiting = None);
        drop(lanes);
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread itself was already reported, and there is nothing left to do about it here.
            let _ = thread.join();
        }
    }
}

/// The most urgent waiting task.
fn take<M>(lanes: &mut Lanes<M>) -> Option<(usize, Waiting<M>)> {
    lanes.waiting.iter_mut().enumerate().find_map(|(lane, waiting)| Some((lane, waiting.take()?)))
}

fn serve<M: Send + 'static>(shared: &Shared<M>, pool: Option<&ThreadPool>, sender: &Sender<Report<M>>, wake: &Wake) {
    loop {
        let mut lanes = shared.lock();
        let (lane, waiting) = loop {
            if lanes.quit {
                return;
            }
            match take(&mut lanes) {
                Some(found) => break found,
                None => lanes = shared.changed.wait(lanes).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(lanes);
        let step = || run(lane, waiting, shared, sender, wake);
        match pool {
            Some(pool) => pool.install(step),
            None => step(),
        }
    }
}

/// Runs one step and reports; a task that wants another is put back, unless a newer one took its place.
fn run<M: Send + 'static>(
    lane: usize,
    mut waiting: Waiting<M>,
    shared: &Shared<M>,
    sender: &Sender<Report<M>>,
    wake: &Wake,
) {
    let generation = waiting.generation;
    let report = |news| {
        // The window may be gone already; then nobody needs the news.
        let _ = sender.send(Report { lane, generation, news });
        wake();
    };
    let Waiting { cancel, task, .. } = &mut waiting;
    let step = || task.step(cancel, &mut |message| report(News::Message(message)));
    let outcome = catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| Err(Error::Compute(words_of(&*panic))));
    match outcome {
        Ok(Step::Again) => {
            let mut lanes = shared.lock();
            if lanes.waiting[lane].is_none() && !waiting.cancel.is_raised() {
                lanes.waiting[lane] = Some(waiting);
            }
        }
        Ok(Step::Done) => report(News::Done),
        Err(Error::Cancelled) => {}
        Err(error) => report(News::Failed(error)),
    }
}

/// A panic's message, in one line.
#[must_use]
pub fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let line = words.and_then(|w| w.lines().next()).unwrap_or("no reason given");
    format!("the computation broke off ({line}); the window goes on")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// A task from a closure that is called with its step number.
    struct Each<F>(usize, F);

    impl<F: FnMut(usize, &Cancel, &mut dyn FnMut(u32)) -> Result<Step> + Send> Task<u32> for Each<F> {
        fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(u32)) -> Result<Step> {
            self.0 += 1;
            (self.1)(self.0, cancel, publish)
        }
    }

    fn say(value: u32) -> Box<dyn Task<u32>> {
        Box::new(Each(0, move |_, _: &Cancel, publish: &mut dyn FnMut(u32)| {
            publish(value);
            Ok(Step::Done)
        }))
    }

    fn woken() -> (Wake, mpsc::Receiver<()>) {
        let (sender, receiver) = channel();
        (Arc::new(move || sender.send(()).unwrap_or_default()), receiver)
    }

    /// Polls until `enough`.
    fn gather(
        worker: &mut Worker<u32>,
        wakes: &mpsc::Receiver<()>,
        enough: impl Fn(&[Report<u32>]) -> bool,
    ) -> Vec<Report<u32>> {
        let mut reports = Vec::new();
        while !enough(&reports) {
            wakes.recv_timeout(Duration::from_secs(10)).expect("a report");
            reports.extend(worker.poll());
        }
        reports
    }

    fn messages(reports: &[Report<u32>]) -> Vec<u32> {
        let message = |r: &Report<u32>| if let News::Message(m) = r.news { Some(m) } else { None };
        reports.iter().filter_map(message).collect()
    }

    fn done(reports: &[Report<u32>], generation: u64) -> bool {
        reports.iter().any(|r| r.generation == generation && matches!(r.news, News::Done))
    }

    /// A task that says 1, then waits for its cancel flag.
    fn stuck() -> Box<dyn Task<u32>> {
        Box::new(Each(0, |_, cancel: &Cancel, publish: &mut dyn FnMut(u32)| {
            publish(1);
            while !cancel.is_raised() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(Error::Cancelled)
        }))
    }

    #[test]
    fn a_newer_task_supersedes_the_running_and_the_waiting_one() {
        let (wake, wakes) = woken();
        let mut worker = Worker::spawn(1, None, wake).unwrap();
        worker.submit(0, stuck());
        let first = gather(&mut worker, &wakes, |r| !r.is_empty());
        assert_eq!(messages(&first), [1]);
        worker.submit(0, say(2));
        let last = worker.submit(0, say(3));
        let rest = gather(&mut worker, &wakes, |r| done(r, last));
        // 2 may slip through between the two submits, but 3 is the last word and the stuck task is silent.
        assert_eq!(messages(&rest).last(), Some(&3));
        assert!(rest.iter().all(|r| r.generation != first[0].generation));
    }

    #[test]
    fn a_patient_task_waits_for_the_running_one_but_not_for_the_waiting_one() {
        let (wake, wakes) = woken();
        let mut worker = Worker::spawn(1, None, wake).unwrap();
        let (release, released) = channel::<()>();
        let held = Each(0, move |_, _: &Cancel, publish: &mut dyn FnMut(u32)| {
            publish(1);
            let _ = released.recv_timeout(Duration::from_secs(10));
            publish(2);
            Ok(Step::Done)
        });
        worker.submit(0, Box::new(held));
        gather(&mut worker, &wakes, |r| !r.is_empty());
        worker.submit_after(0, say(3));
        let last = worker.submit_after(0, say(4));
        release.send(()).unwrap();
        assert_eq!(messages(&gather(&mut worker, &wakes, |r| done(r, last))), [2, 4]);
    }

    #[test]
    fn a_cancelled_task_says_nothing_more() {
        let (wake, wakes) = woken();
        let mut worker = Worker::spawn(2, None, wake).unwrap();
        let cancelled = worker.submit(0, stuck());
        gather(&mut worker, &wakes, |r| !r.is_empty());
        worker.cancel(0);
        let after = worker.submit(1, say(7));
        let reports = gather(&mut worker, &wakes, |r| done(r, after));
        assert!(reports.iter().all(|r| r.generation != cancelled));
    }

    #[test]
    fn a_panic_is_reported_and_the_thread_lives_on() {
        let (wake, wakes) = woken();
        let mut worker = Worker::spawn(1, None, wake).unwrap();
        worker.submit(0, Box::new(Each(0, |_, _: &Cancel, _: &mut dyn FnMut(u32)| panic!("out of cheese"))));
        let reports = gather(&mut worker, &wakes, |r| !r.is_empty());
        let News::Failed(error) = &reports[0].news else { panic!("a failure") };
        assert!(error.to_string().contains("out of cheese"));
        let next = worker.submit(0, say(5));
        assert_eq!(messages(&gather(&mut worker, &wakes, |r| done(r, next))), [5]);
    }

    #[test]
    fn urgent_lanes_go_between_the_steps_of_the_others() {
        let (wake, _wakes) = woken();
        let mut worker = Worker::inline(2, wake);
        let patient = Each(0, |step, _: &Cancel, publish: &mut dyn FnMut(u32)| {
            publish(100 + step as u32);
            Ok(if step < 3 { Step::Again } else { Step::Done })
        });
        worker.submit(1, Box::new(patient));
        worker.submit(0, say(1));
        assert_eq!(messages(&worker.poll()), [1, 101, 102, 103]);
    }

    #[test]
    fn dropping_the_worker_cancels_what_runs_and_ends_the_thread() {
        let (wake, wakes) = woken();
        let mut worker = Worker::spawn(1, None, wake).unwrap();
        worker.submit(0, stuck());
        gather(&mut worker, &wakes, |r| !r.is_empty());
        let shared = Arc::downgrade(&worker.shared);
        drop(worker);
        assert!(shared.upgrade().is_none(), "the thread let go of the lanes");
    }
}
