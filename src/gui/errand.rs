//! Errands: short jobs that wait on disks, dialogs or the clipboard, each on a thread of its own.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake};
use std::thread::Thread;

use super::worker::{self, words_of};

/// Runs errands and collects what they bring, in the order in which they come back.
pub struct Errands<T: Send + 'static> {
    sender: Sender<T>,
    returned: Receiver<T>,
    wake: worker::Wake,
    inline: bool,
    out: usize,
}

impl<T: Send + 'static> Errands<T> {
    /// Errands on threads, or for tests at once on the caller's.
    #[must_use]
    pub fn new(inline: bool, wake: worker::Wake) -> Self {
        let (sender, returned) = channel();
        Self { sender, returned, wake, inline, out: 0 }
    }

    /// Sends for something. If the job panics, `broken` makes of the panic's words what is brought instead.
    pub fn send(
        &mut self,
        job: impl FnOnce() -> T + Send + 'static,
        broken: impl FnOnce(String) -> T + Send + 'static,
    ) {
        let (sender, wake) = (self.sender.clone(), self.wake.clone());
        let errand = move || {
            let brought = catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| broken(words_of(&*panic)));
            // The window may be gone already; then nobody needs it.
            let _ = sender.send(brought);
            wake();
        };
        self.out += 1;
        if self.inline {
            errand();
        } else if let Err(error) = std::thread::Builder::new().name("denoscope-errand".to_owned()).spawn(errand) {
            self.out -= 1;
            tracing::error!("no thread for this: {error}");
        }
    }

    /// What came back since the last call; it never waits.
    pub fn poll(&mut self) -> Vec<T> {
        let back: Vec<T> = self.returned.try_iter().collect();
        self.out -= back.len();
        back
    }

    /// Whether an errand is still out.
    #[must_use]
    pub fn any_out(&self) -> bool {
        self.out > 0
    }
}

/// Waits for a future on this thread: dialogs are futures.
pub fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_errand_comes_back_with_words() {
        let mut errands = Errands::new(true, Arc::new(|| ()));
        errands.send(|| -> String { panic!("no such place") }, |words| words);
        assert!(errands.poll()[0].contains("no such place"));
        assert!(!errands.any_out());
    }

    #[test]
    fn waiting_returns_what_the_future_does_even_after_pending() {
        let mut asked = 0;
        let future = std::future::poll_fn(move |context| {
            asked += 1;
            context.waker().wake_by_ref();
            if asked < 3 { Poll::Pending } else { Poll::Ready(asked) }
        });
        assert_eq!(wait_for(future), 3);
    }
}
