//! What first went wrong on a device: everything else follows from it.

use std::sync::{Arc, Mutex, PoisonError};

/// The first fault of a device, if there was one, noted from any thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault(Arc<Mutex<Option<String>>>);

impl Fault {
    /// Notes a fault, unless there is one already.
    pub(super) fn note(&self, reason: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| first_line(reason));
    }

    /// What went wrong, on one line.
    pub(super) fn reason(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a driver's message says, on one line.
pub(super) fn first_line(reason: &str) -> String {
    // What the library underneath puts before every error says nothing.
    const HEADS: [&str; 3] = ["", "Validation Error", "Caused by:"];
    let lines = reason.lines().map(str::trim).filter(|line| !HEADS.contains(line));
    let line = lines.take(2).collect::<Vec<_>>().join(" ");
    if line.is_empty() { "the driver gives no reason".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_stays_on_one_line() {
        let fault = Fault::default();
        assert_eq!(fault.reason(), None);
        fault.note("Validation Error\n\nCaused by:\n  In a call\n    a binding is missing\n  and more");
        fault.note("something later");
        assert_eq!(fault.reason().as_deref(), Some("In a call a binding is missing"));
        assert_eq!(first_line(" \n"), "the driver gives no reason");
    }
}
