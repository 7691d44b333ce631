//! The integration tests, in one binary; a module a topic.

mod cli;
mod data;
mod golden;
mod layers;
mod network_reference;
mod pictures;
mod programs;
mod python;
mod report_page;
mod skip;
mod torchattacks;
mod torchrun;
#[cfg(feature = "gui")]
mod window;
