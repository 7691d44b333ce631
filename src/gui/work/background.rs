//! Short jobs that wait on disks, dialogs or the clipboard, each on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::worker::{Wake, words_of};

/// Runs short jobs and collects their results, in the order in which they end.
pub struct Background<T: Send + 'static> {
    sender: Sender<T>,
    ended: Receiver<T>,
    wake: Wake,
    inline: bool,
    running: usize,
}

impl<T: Send + 'static> Background<T> {
    /// Jobs on threads, or for tests at once on the caller's.
    #[must_use]
    pub fn new(inline: bool, wake: Wake) -> Self {
        let (sender, ended) = channel();
        Self { sender, ended, wake, inline, running: 0 }
    }

    /// Starts a job. If it panics, `broken` makes its result of the panic's words.
    pub fn start(
        &mut self,
        job: impl FnOnce() -> T + Send + 'static,
        broken: impl FnOnce(String) -> T + Send + 'static,
    ) {
        let (sender, wake) = (self.sender.clone(), self.wake.clone());
        let run = move || {
            let result = catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| broken(words_of(&*panic)));
            // The window may be gone already; then nobody needs it.
            let _ = sender.send(result);
            wake();
        };
        self.running += 1;
        if self.inline {
            run();
        } else if let Err(error) = std::thread::Builder::new().name("denoscope-background".to_owned()).spawn(run) {
            self.running -= 1;
            tracing::error!("no thread for this: {error}");
        }
    }

    /// The results since the last call; it never waits.
    pub fn poll(&mut self) -> Vec<T> {
        let results: Vec<T> = self.ended.try_iter().collect();
        self.running -= results.len();
        results
    }

    /// Whether a job still runs.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.running > 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_broken_job_ends_with_words() {
        let mut background = Background::new(true, Arc::new(|| ()));
        background.start(|| -> String { panic!("no such place") }, |words| words);
        assert!(background.is_busy());
        assert!(background.poll()[0].contains("no such place"));
        assert!(!background.is_busy());
    }
}
