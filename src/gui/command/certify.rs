//! The certificate.

use super::entry::{Entry, Menu};
use crate::attack::Smoothing;

/// What can be done about the certificate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CertifyCommand {
    /// Change how the picture is certified.
    Set(Smoothing),
    /// Let attacks close in on the radius from above, or not.
    Bracket(bool),
    /// Stop counting votes, or go on.
    Toggle,
}

/// How a person finds them.
pub fn entries() -> Vec<Entry> {
    let hint = "Count votes for the certificate, or stop and keep what is proved";
    vec![Entry::new(Menu::View, 400, CertifyCommand::Toggle, "Certify or stop", hint).under("Attack")]
}
