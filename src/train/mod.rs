//! Training a joint network: seeded batches, the loss, the optimiser, and a loop that can stop and go on.
//!
//! Everything that is drawn is a function of the seed and the step, and everything that the next step needs is in the
//! state file, so that a run that was stopped, resumed or killed ends with the same weights as one that was not.

mod adversarial;
mod augment;
mod balance;
mod batches;
mod config;
mod counterfactual;
mod evaluate;
mod initial;
mod log;
mod noise_levels;
mod objective;
pub mod optimiser;
mod pictures;
mod progress;
mod recipe;
mod row_options;
mod rows;
mod run;
mod schedule;
mod state;
mod trainer;

pub use adversarial::{Adversarial, Attacked};
pub use augment::{Augmentation, Change};
pub use batches::{Feed, Orders, Sampler, TrainingBatch};
pub use config::{Config, Every, Preset};
pub use evaluate::Evaluation;
pub use log::{LogEntry, LogPart, log_path, read_log};
pub use noise_levels::NoiseLevels;
pub use objective::Objective;
pub use pictures::path as pictures_path;
pub use progress::{Progress, Report, Started, Summary};
pub use recipe::{Typed, recipe_path};
pub use row_options::RowOptions;
pub use rows::{Kinds, Special};
pub use run::run;
pub use schedule::{Budget, average_decay, learning_rate};
#[cfg(any(test, fuzzing))]
pub(crate) use state::read as read_state;
#[cfg(test)]
pub(crate) use state::seed as state_seed;
#[cfg(test)]
pub(crate) use state::{Record, write as write_state};
pub use state::{is_unfinished, path as state_path};
pub use trainer::Trainer;

#[cfg(all(test, feature = "gpu"))]
mod card_tests;
#[cfg(test)]
mod kill_tests;
#[cfg(all(test, target_os = "linux"))]
mod memory_tests;
#[cfg(test)]
mod row_run_tests;
#[cfg(test)]
mod tests;
