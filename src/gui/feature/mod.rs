//! What the window can do, a file a feature: its state where it has some, its commands, and taking in what its work
//! brings. Features act on the [`Host`] and on nothing of each other: what one wants of another it asks for by a command.

pub mod attack;
pub mod certify;
mod command_line;
mod drawing;
pub mod evaluation;
pub mod explore;
pub mod export;
mod last_session;
pub mod models;
pub mod noise;
pub mod opening;
pub mod oracle;
pub mod photo;
pub mod pictures;
pub mod play;
mod samples;
pub mod session_file;
pub mod tiles;
pub mod training;
pub mod trials;
pub mod unfinished;
pub mod versus;

use self::evaluation::Evaluating;
use self::export::Export;
use self::last_session::LastSession;
use self::models::Models;
use self::pictures::Pictures;
use self::training::Training;
use self::versus::VersusModels;
use super::work::host::Host;

/// The features that have state.
pub struct Features {
    /// Pictures that are being read.
    pub pictures: Pictures,
    /// Results on their way out.
    pub export: Export,
    /// Models that are being read.
    pub models: Models,
    /// A second model that is being read.
    pub versus: VersusModels,
    /// The evaluation on a data set.
    pub evaluation: Evaluating,
    /// The training run.
    pub training: Training,
    /// What a person is at, kept for the next window.
    pub last_session: LastSession,
}

impl Features {
    /// All of them, idle.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        Self {
            pictures: Pictures::new(host),
            export: Export::new(host),
            models: Models::new(host),
            versus: VersusModels::new(host),
            evaluation: Evaluating::new(host),
            training: Training::new(host),
            last_session: LastSession::new(host),
        }
    }

    /// Takes in what their work brought.
    pub fn poll(&mut self, host: &mut Host) {
        let Self { pictures, export, models, versus, evaluation, training, last_session } = self;
        play::poll(host);
        pictures.poll(host);
        export.poll(host);
        models.poll(host);
        versus.poll(host);
        evaluation.poll(host);
        training.poll(host);
        last_session.poll(host);
    }
}
