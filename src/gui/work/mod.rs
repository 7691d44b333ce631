//! Work off the window's thread: questions to the workers' lanes, long jobs, short ones in the background. What is to be
//! asked follows from the state ([`schedule`]); what comes back becomes state ([`receive`]).

pub mod background;
pub mod denoiser_attack;
pub mod dialogs;
pub mod drawing;
pub mod explore;
pub mod host;
pub mod job;
pub mod photo;
pub mod photo_fill;
pub mod questions;
pub mod receive;
pub mod schedule;
pub mod tasks;
pub mod trials;
pub mod versus;
pub mod worker;
pub mod workers;
