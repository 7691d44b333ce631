//! The integration tests, in one binary; a module a topic.

mod golden;
mod network_reference;
mod torchattacks;
