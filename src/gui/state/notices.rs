//! Log records as notices: a few seconds on the window, then in the history.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// How long a notice stays on the window, by how much it matters.
const STAY: Duration = Duration::from_secs(5);
const STAY_ERROR: Duration = Duration::from_secs(12);
/// How many the history keeps.
const KEPT: usize = 200;
/// How many are shown at once.
const SHOWN: usize = 4;

/// A log record that a person should see.
#[derive(Debug, Clone)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// What happened, in one line.
    pub text: String,
    /// When it came.
    pub at: Instant,
}

/// Where the layer leaves records until the window collects them.
static INBOX: OnceLock<Mutex<Vec<Notice>>> = OnceLock::new();

fn inbox() -> &'static Mutex<Vec<Notice>> {
    INBOX.get_or_init(Mutex::default)
}

/// A `tracing` layer that turns this crate's records from INFO up into notices.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoticeLayer;

impl<S: Subscriber> Layer<S> for NoticeLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = *event.metadata().level();
        let mut words = Words::default();
        event.record(&mut words);
        // Records of the `log` crate name where they come from in a field.
        let target = words.target.as_deref().unwrap_or(event.metadata().target());
        let text = if target.starts_with("denoscope") && level <= Level::INFO {
            words.text
        } else if target.starts_with("rfd") && level == Level::ERROR && words.text.contains("zenity") {
            DIALOG_FAILED.store(true, Ordering::Relaxed);
            NO_DIALOG.to_owned()
        } else {
            return;
        };
        let notice = Notice { level, text, at: Instant::now() };
        inbox().lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    }
}

/// What is said when the file dialogs' library finds nothing that shows them: it tries the portal first, then zenity.
const NO_DIALOG: &str = "No file dialog opens here: install a desktop portal or zenity, drop files on the window, or \
                         name them on the command line.";

/// A dialog did not open since this was asked last.
static DIALOG_FAILED: AtomicBool = AtomicBool::new(false);

/// Whether a dialog did not open since this was asked last, for want of anything that shows one.
#[must_use]
pub fn a_dialog_failed() -> bool {
    DIALOG_FAILED.swap(false, Ordering::Relaxed)
}

/// A record's message, and its other fields after it.
#[derive(Default)]
struct Words {
    text: String,
    /// Where a record of the `log` crate comes from.
    target: Option<String>,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "log.target" {
            self.target = Some(value.to_owned());
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.text, "{value:?}"),
            name => write!(self.text, " {name}={value:?}"),
        };
    }
}

/// The notices of the window.
#[derive(Debug, Default)]
pub struct Notices {
    history: VecDeque<Notice>,
    dismissed: usize,
}

impl Notices {
    /// Takes what the layer collected.
    pub fn collect(&mut self) {
        let new = std::mem::take(&mut *inbox().lock().unwrap_or_else(PoisonError::into_inner));
        for notice in new {
            self.push(notice);
        }
    }

    /// Adds a notice, without the log.
    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        self.push(Notice { level, text: text.into(), at: Instant::now() });
    }

    fn push(&mut self, notice: Notice) {
        self.history.push_back(notice);
        if self.history.len() > KEPT {
            self.history.pop_front();
            self.dismissed = self.dismissed.saturating_sub(1);
        }
    }

    /// Takes back that no dialog opens, for whoever is asked in another way.
    pub fn forget_dialogs(&mut self) {
        self.collect();
        let shown = self.history.iter().skip(self.dismissed).filter(|notice| notice.text != NO_DIALOG).count();
        self.history.retain(|notice| notice.text != NO_DIALOG);
        self.dismissed = self.history.len() - shown;
    }

    /// All kept notices, the newest first.
    pub fn history(&self) -> impl Iterator<Item = &Notice> {
        self.history.iter().rev()
    }

    /// The notices to show now, the newest last, and when the first of them goes.
    #[must_use]
    pub fn shown(&self, now: Instant) -> (Vec<&Notice>, Option<Duration>) {
        let left = |n: &Notice| stay(n.level).checked_sub(now.saturating_duration_since(n.at));
        let fresh: Vec<_> = self.history.iter().skip(self.dismissed).filter(|n| left(n).is_some()).collect();
        let shown = fresh[fresh.len().saturating_sub(SHOWN)..].to_vec();
        let next = shown.iter().filter_map(|n| left(n)).min();
        (shown, next)
    }

    /// Puts everything shown into the history.
    pub fn dismiss(&mut self) {
        self.dismissed = self.history.len();
    }
}

fn stay(level: Level) -> Duration {
    if level <= Level::WARN { STAY_ERROR } else { STAY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_go_by_themselves_and_stay_in_the_history() {
        let mut notices = Notices::default();
        notices.say(Level::INFO, "opened");
        notices.say(Level::ERROR, "broken");
        let now = Instant::now();
        assert_eq!(notices.shown(now).0.len(), 2);
        let (shown, next) = notices.shown(now + STAY + Duration::from_secs(1));
        assert_eq!(shown.len(), 1);
        assert!(next.is_some());
        notices.dismiss();
        assert!(notices.shown(now).0.is_empty());
        assert_eq!(notices.history().next().unwrap().text, "broken");
    }
}
