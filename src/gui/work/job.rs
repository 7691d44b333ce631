//! Long work on a thread of its own beside the worker: an evaluation, a training run. The window watches it and stops it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use super::background::Background;
use super::worker::{Wake, words_of};
use crate::task::Cancel;
use crate::{Error, Result};

/// What a job has to say.
#[derive(Debug)]
pub enum News<P, T> {
    /// How far it is.
    Progress(P),
    /// It is over.
    Ended(Result<T>),
}

/// How jobs are run.
#[derive(Clone)]
pub struct Jobs {
    /// On the caller's thread, when the window looks: for tests.
    pub inline: bool,
    /// Tells the window to look.
    pub wake: Wake,
}

impl Jobs {
    /// Short jobs that are run likewise.
    #[must_use]
    pub fn background<T: Send + 'static>(&self) -> Background<T> {
        Background::new(self.inline, self.wake.clone())
    }
}

/// A job's owner. Dropping it asks the job to stop and waits until it has: a training run saves its state first.
pub struct Job<P, T> {
    cancel: Cancel,
    news: Receiver<News<P, T>>,
    /// Work that is done when the window looks.
    inline: Option<Box<dyn FnOnce()>>,
    thread: Option<JoinHandle<()>>,
}

impl<P: Send + 'static, T: Send + 'static> Job<P, T> {
    /// Starts `work` on a thread called `name`. A panic is an error as any other.
    ///
    /// # Errors
    /// [`Error::Compute`] if there is no thread to be had.
    pub fn start(
        name: &str,
        jobs: &Jobs,
        work: impl FnOnce(&Cancel, &mut dyn FnMut(P)) -> Result<T> + Send + 'static,
    ) -> Result<Self> {
        let (sender, news) = channel();
        let cancel = Cancel::new();
        let (flag, wake) = (cancel.clone(), jobs.wake.clone());
        let run = move || {
            // The window may be gone already; then nobody needs the news.
            let report = |news| {
                let _ = sender.send(news);
                wake();
            };
            let work = || work(&flag, &mut |progress| report(News::Progress(progress)));
            let ended = catch_unwind(AssertUnwindSafe(work));
            report(News::Ended(ended.unwrap_or_else(|panic| Err(Error::Compute(words_of(&*panic))))));
        };
        if jobs.inline {
            return Ok(Self { cancel, news, inline: Some(Box::new(run)), thread: None });
        }
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|error| Error::Compute(format!("no thread to work on: {error}")))?;
        Ok(Self { cancel, news, inline: None, thread: Some(thread) })
    }

    /// Asks the job to stop soon.
    pub fn stop(&self) {
        self.cancel.raise();
    }

    /// The news since the last call; it never waits (an inline job is done first).
    pub fn poll(&mut self) -> Vec<News<P, T>> {
        if let Some(work) = self.inline.take() {
            work();
        }
        self.news.try_iter().collect()
    }
}

impl<P, T> Drop for Job<P, T> {
    fn drop(&mut self) {
        self.cancel.raise();
        if let Some(thread) = self.thread.take() {
            // Panics were caught inside.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn jobs(inline: bool) -> Jobs {
        Jobs { inline, wake: Arc::new(|| ()) }
    }

    #[test]
    fn a_panic_ends_the_job_with_words() {
        let mut job = Job::<(), ()>::start("job", &jobs(true), |_, _| panic!("out of tea")).unwrap();
        let news = job.poll();
        let [News::Ended(Err(error))] = &news[..] else { panic!("{news:?}") };
        assert!(error.to_string().contains("out of tea"));
    }

    #[test]
    fn dropping_waits_until_the_job_has_tidied_up() {
        let saved = Arc::new(AtomicBool::new(false));
        let mark = saved.clone();
        let job = Job::<(), ()>::start("job", &jobs(false), move |cancel, _| {
            while !cancel.is_raised() {
                std::thread::yield_now();
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            mark.store(true, Ordering::SeqCst);
            Ok(())
        });
        drop(job.unwrap());
        assert!(saved.load(Ordering::SeqCst));
    }
}
