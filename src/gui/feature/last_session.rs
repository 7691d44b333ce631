//! What a person was at: kept beside the settings while they work, so that the next window can go on there, whatever ended
//! this one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::Level;

use super::{command_line, pictures, session_file};
use crate::Result;
use crate::files::write_whole;
use crate::gui::command::PictureCommand;
use crate::gui::state::document::{Document, Entry, Source};
use crate::gui::state::model::ModelSource;
use crate::gui::state::session::Welcome;
use crate::gui::work::background::Background;
use crate::gui::work::host::Host;
use crate::picture::read_bytes;

/// So long nothing changes before it is written.
const REST: Duration = Duration::from_millis(1500);
/// A pasted or drawn picture of more values goes into a file of its own.
const MOST_VALUES: usize = 1 << 16;

/// Keeps what a person is at.
pub struct LastSession {
    folder: Option<PathBuf>,
    written: Document,
    seen: Document,
    changed: Instant,
    writing: Background<std::result::Result<(), String>>,
    reading: Background<Option<String>>,
    /// The window was opened with nothing: what there was is offered.
    offers: bool,
    failed: bool,
}

impl LastSession {
    /// What the last window kept is looked at; this window's own takes its place once there is some.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        let folder = host.session.kept_pictures.as_ref().and_then(|folder| Some(folder.parent()?.to_owned()));
        let mut reading = host.jobs.background();
        if let Some(folder) = folder.clone() {
            let job = move || {
                // What a window before kept stays, if the last one kept nothing.
                let _ = std::fs::rename(now(&folder), before(&folder));
                session_file::summary(&before(&folder))
            };
            reading.start(job, |_| None);
        }
        Self {
            folder,
            written: Document::default(),
            seen: Document::default(),
            changed: Instant::now(),
            writing: host.jobs.background(),
            reading,
            offers: host.session.first_scene,
            failed: false,
        }
    }

    /// Opens what the last window kept.
    pub fn go_on(&mut self, host: &mut Host) {
        let kept = self.folder.as_deref().map(before).filter(|path| path.exists());
        match kept {
            Some(path) => {
                host.session.first_scene = false;
                host.session.welcome = None;
                host.run(PictureCommand::OpenPaths(vec![path]));
            }
            None => host.say(Level::WARN, "Nothing is kept of an earlier window."),
        }
    }

    /// Writes what changed, once it rests.
    pub fn poll(&mut self, host: &mut Host) {
        for summary in self.reading.poll() {
            host.session.left_open.clone_from(&summary);
            if self.offers && (summary.is_some() || !host.settings.recent.is_empty()) {
                host.session.welcome = Some(Welcome { last: summary });
            }
        }
        for ended in self.writing.poll() {
            if let (Err(words), false) = (ended, self.failed) {
                // Once is enough.
                self.failed = true;
                host.say(Level::WARN, format!("What you are at cannot be kept: {words}"));
            }
        }
        // Only what a person did is worth going on with.
        if self.folder.is_none() || !host.history.can_undo() {
            return;
        }
        if host.document != self.seen {
            self.seen = host.document.clone();
            self.changed = Instant::now();
        }
        if self.seen == self.written || self.writing.is_busy() {
            return;
        }
        let left = REST.saturating_sub(self.changed.elapsed());
        if host.jobs.inline || left.is_zero() {
            self.write(host);
        } else {
            host.ctx.request_repaint_after(left);
        }
    }

    fn write(&mut self, host: &Host) {
        let Some(folder) = self.folder.clone() else { return };
        self.written = host.document.clone();
        let (document, model) = (host.document.clone(), host.settings.model.clone());
        self.writing.start(move || keep(&folder, document, &model).map_err(|error| error.to_string()), Err);
    }

    /// Writes what is not written yet, before the window closes.
    pub fn close(&mut self, host: &Host) {
        let Some(folder) = &self.folder else { return };
        if host.history.can_undo() && host.document != self.written {
            self.written = host.document.clone();
            if let Err(error) = keep(folder, host.document.clone(), &host.settings.model) {
                tracing::warn!("what was open is not kept: {error}");
            }
        }
    }
}

/// Where this window keeps what it is at.
fn now(folder: &Path) -> PathBuf {
    folder.join("session.json")
}

/// Where the window before did.
fn before(folder: &Path) -> PathBuf {
    folder.join("last-session.json")
}

fn keep(folder: &Path, mut document: Document, model: &ModelSource) -> Result<()> {
    for entry in &mut document.pictures {
        let in_no_file = matches!(entry.source, Source::Pasted | Source::Drawn);
        if in_no_file && entry.original.picture().values().len() > MOST_VALUES {
            entry.source = in_a_file(entry, &folder.join("pictures"))?;
        }
    }
    let text = session_file::to_json(&document, model)?;
    std::fs::create_dir_all(folder).map_err(|error| crate::Error::io(folder, error))?;
    write_whole(now(folder), text.as_bytes(), true)
}

fn in_a_file(entry: &Entry, folder: &Path) -> Result<Source> {
    let path = command_line::keep(entry, folder)?;
    let hash = pictures::hash(&read_bytes(&path)?);
    Ok(Source::File { path, hash })
}
