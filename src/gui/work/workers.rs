//! The workers that serve the lanes of the window's questions.

use std::sync::Arc;

use tracing::Level;

use super::questions::{Lane, Server};
use super::tasks::Message;
use super::worker::{Report, Task, Wake, Worker};
use crate::gui::state::notices::Notices;

/// One worker that asks the model and one that does not, so that what takes no model waits for none.
pub struct Workers {
    model: Worker<Message>,
    picture: Worker<Message>,
}

impl Workers {
    /// On threads of their own; where there are none to be had that is said, and the window does the work itself.
    ///
    /// They have a pool of threads of their own too, beside the one that training and evaluation work in: a question of
    /// the slider's does not wait until a training step lets go of a thread.
    #[must_use]
    pub fn spawn(wake: &Wake, notices: &mut Notices) -> Self {
        let pool = rayon::ThreadPoolBuilder::new().thread_name(|i| format!("denoscope-interactive-{i}")).build();
        let pool = match pool {
            Ok(pool) => Some(Arc::new(pool)),
            Err(error) => {
                notices.say(Level::WARN, format!("no threads for what is on screen alone: {error}"));
                None
            }
        };
        let mut worker = || {
            Worker::spawn(Lane::ALL.len(), pool.clone(), wake.clone()).unwrap_or_else(|error| {
                notices.say(Level::ERROR, error.to_string());
                Worker::inline(Lane::ALL.len(), wake.clone())
            })
        };
        Self { model: worker(), picture: worker() }
    }

    /// Without threads: the work is done when the window looks. For tests.
    #[must_use]
    pub fn inline(wake: &Wake) -> Self {
        let worker = || Worker::inline(Lane::ALL.len(), wake.clone());
        Self { model: worker(), picture: worker() }
    }

    fn of(&mut self, lane: Lane) -> &mut Worker<Message> {
        match lane.server() {
            Server::Model => &mut self.model,
            Server::Picture => &mut self.picture,
        }
    }

    /// Gives `task` to `lane`, as [`Worker::submit`] does.
    pub fn submit(&mut self, lane: Lane, task: Box<dyn Task<Message>>) -> u64 {
        self.of(lane).submit(lane as usize, task)
    }

    /// The same, but a running task may finish, as [`Worker::submit_after`] does.
    pub fn submit_after(&mut self, lane: Lane, task: Box<dyn Task<Message>>) -> u64 {
        self.of(lane).submit_after(lane as usize, task)
    }

    /// Takes back what `lane` has.
    pub fn cancel(&mut self, lane: Lane) {
        self.of(lane).cancel(lane as usize);
    }

    /// The reports since the last call; it never waits.
    pub fn poll(&mut self) -> Vec<Report<Message>> {
        let mut reports = self.picture.poll();
        reports.extend(self.model.poll());
        reports
    }
}
