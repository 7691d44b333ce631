//! The certificate: its settings, and whether votes are counted.

use crate::gui::command::CertifyCommand;
use crate::gui::work::host::Host;
use crate::gui::work::schedule;

/// Does a command about the certificate.
pub fn run(host: &mut Host, command: CertifyCommand) {
    match command {
        CertifyCommand::Set(smoothing) => {
            if smoothing.sigma.is_finite() && smoothing.alpha.is_finite() {
                host.document.smoothing = smoothing;
            }
        }
        CertifyCommand::Bracket(bracketed) => host.session.certificate.bracketed = bracketed,
        CertifyCommand::Toggle => schedule::toggle_certificate(host),
    }
}
