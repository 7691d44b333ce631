//! Models: reading and building them while the old one goes on, and what changes with another.

use std::path::PathBuf;

use tracing::Level;

use super::opening::{checkpoint, open_any};
use super::samples;
use crate::bridge::ScriptSource;
use crate::gui::command::{ModelCommand, PictureCommand};
use crate::gui::state::document::Source;
use crate::gui::state::model::{Model, ModelSource};
use crate::gui::work::background::Background;
use crate::gui::work::dialogs::{CHECKPOINTS, SCRIPTS, choose_file};
use crate::gui::work::host::Host;
use crate::gui::work::receive::mend_document;
use crate::network::{self, DeviceReport};
use crate::task::Cancel;
use crate::{Error, Result};

/// Models that are being read.
pub struct Models {
    read: Background<(u64, ModelSource, Result<Model>)>,
    /// How many were asked for: what was asked for before the last is not wanted any more, whichever is read first.
    asked: u64,
    measured: Background<(ModelSource, Result<Vec<DeviceReport>>)>,
    /// Calls off a script that is being opened.
    opening: Cancel,
}

impl Models {
    /// None is being read.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        Self { read: host.jobs.background(), asked: 0, measured: host.jobs.background(), opening: Cancel::new() }
    }

    /// Does a command about models.
    pub fn run(&mut self, host: &mut Host, command: ModelCommand) {
        match command {
            ModelCommand::Offer(source @ ModelSource::Script(_)) => {
                let words =
                    format!("{} was the model here. It is a script: it runs only if you say so.", source.label());
                host.session.offered = Some((source, words));
                if host.session.model.is_none() {
                    self.read(host, ModelSource::default());
                }
            }
            ModelCommand::Use(source) => {
                host.settings.model_is_chosen = true;
                self.read(host, source);
            }
            ModelCommand::Offer(source) => self.read(host, source),
            ModelCommand::RunOffered => {
                if let Some((source, _)) = host.session.offered.take() {
                    self.read(host, source);
                }
            }
            ModelCommand::Decline => host.session.offered = None,
            ModelCommand::Restart => match host.session.model.as_ref().map(|model| model.source.clone()) {
                Some(source @ ModelSource::Script(_)) => {
                    stop_script(host);
                    self.read(host, source);
                }
                _ => host.say(Level::WARN, "The model is no script."),
            },
            ModelCommand::OpenScript => {
                let run = |path: PathBuf| ModelCommand::Use(ModelSource::Script(ScriptSource::script(&path))).into();
                choose_file(host, "Run a script as a model", SCRIPTS, run);
            }
            ModelCommand::Open => {
                choose_file(host, "Open model", CHECKPOINTS, |path| PictureCommand::OpenPaths(vec![path]).into());
            }
            ModelCommand::UseDevice(device) => {
                host.settings.device = device;
                self.read(host, host.settings.model.clone());
            }
            ModelCommand::ToggleMirror => {
                host.settings.mirror = !host.settings.mirror;
                if let Some(model) = &mut host.session.model {
                    model.mirror(host.settings.mirror);
                    host.forget_answers();
                }
            }
            ModelCommand::MeasureDevices => self.measure(host),
        }
    }

    /// Measures every device with the model that is in use.
    fn measure(&mut self, host: &mut Host) {
        let Some(source) = host.session.model.as_ref().map(|model| model.source.clone()) else { return };
        if source == ModelSource::Oracle {
            return host.say(Level::INFO, "The oracle computes on the processor alone.");
        }
        if matches!(source, ModelSource::Script(_)) {
            return host.say(Level::INFO, "A script computes where its Python has put it.");
        }
        host.session.measuring = true;
        let broken = {
            let source = source.clone();
            |words| (source, Err(Error::Compute(words)))
        };
        let job = move || {
            let found = checkpoint(&source).and_then(|checkpoint| network::devices(&checkpoint));
            (source, found)
        };
        self.measured.start(job, broken);
    }

    /// Reads and builds a model, while the old one goes on.
    fn read(&mut self, host: &mut Host, source: ModelSource) {
        host.session.model_loading = true;
        // Whoever chooses another model does not wait for a script that hangs.
        self.opening.raise();
        self.opening = Cancel::new();
        let (cancel, wake) = (self.opening.clone(), host.jobs.wake.clone());
        let device = host.settings.device.clone();
        self.asked += 1;
        let number = self.asked;
        let broken = {
            let source = source.clone();
            move |words| (number, source, Err(Error::Compute(words)))
        };
        let job = move || {
            let model = open_any(&source, &device, &cancel, wake);
            (number, source, model)
        };
        self.read.start(job, broken);
    }

    /// Takes in the models that are there now.
    pub fn poll(&mut self, host: &mut Host) {
        for (source, found) in self.measured.poll() {
            host.session.measuring = self.measured.is_busy();
            match found {
                Ok(devices) => host.session.devices = Some((source, devices)),
                Err(error) => host.say(Level::ERROR, error.to_string()),
            }
        }
        for (number, source, model) in self.read.poll() {
            host.session.model_loading = self.read.is_busy();
            if number != self.asked {
                if let Ok(Model { script: Some(script), .. }) = model {
                    script.stop();
                }
                continue;
            }
            match model {
                Ok(model) => {
                    if !self.read.is_busy() {
                        // From here on this flag is the model's own.
                        self.opening = Cancel::new();
                    }
                    take(host, source, model);
                }
                // Another one was chosen meanwhile.
                Err(Error::Cancelled) => {}
                Err(error) => {
                    host.say(Level::ERROR, error.to_string());
                    mend_document(host);
                    if host.session.model.is_none() {
                        host.session.model_error = Some(error.to_string());
                        // The window is of use even so: with the usual model, or with the oracle, which needs no file.
                        let usual = ModelSource::default();
                        let next = if source == usual { ModelSource::Oracle } else { usual };
                        if source != ModelSource::Oracle {
                            let words = format!("{error}. The model {} is used instead.", next.label());
                            host.session.trouble = Some(words);
                            self.read(host, next);
                        }
                    }
                }
            }
        }
        offer_restart(host);
    }
}

/// Offers to run a script again whose process is gone.
fn offer_restart(host: &mut Host) {
    let Some(model) = &host.session.model else { return };
    let gone = model.script.as_ref().is_some_and(|script| !script.is_alive());
    if gone && !host.session.model_loading && host.session.offered.is_none() && !host.session.script_is_over {
        host.session.script_is_over = true;
        let words =
            format!("The Python process of {} is gone; nothing is computed until it runs again.", model.source.label());
        host.session.offered = Some((model.source.clone(), words));
    }
}

/// Ends the process of the model's script, if it is one; a question that waits for it ends too.
fn stop_script(host: &mut Host) {
    if let Some(script) = host.session.model.as_ref().and_then(|model| model.script.as_ref()) {
        script.stop();
    }
}

fn take(host: &mut Host, source: ModelSource, mut model: Model) {
    model.mirror(host.settings.mirror);
    host.session.model_error = None;
    // A question to the model before may hang.
    stop_script(host);
    host.settings.note_recent_model(&source);
    if let Some(script) = &model.script {
        host.session.offered = None;
        host.session.script_is_over = false;
        for note in script.notes() {
            host.say(Level::WARN, note.clone());
        }
    }
    let first = host.session.model.is_none();
    let was_samples = host.document.pictures.iter().all(|entry| entry.source == Source::Sample);
    host.settings.model = source;
    let old = host.session.model.as_ref().map(|model| &*model.joint);
    host.document.change_model(old, &*model.joint);
    host.session.model = Some(model);
    host.forget_answers();
    mend_document(host);
    if was_samples && (!first || host.document.pictures.is_empty()) {
        change_samples(host);
        let opening = std::mem::take(&mut host.session.first_scene);
        if let Some((picture, sigma, guidance)) = samples::first_scene(&host.document.pictures).filter(|_| opening) {
            host.document.current = picture;
            host.document.noise.sigma = sigma;
            host.document.guidance = guidance;
        }
    }
}

/// The new model's samples instead of the old one's; the picture that is looked at stays.
fn change_samples(host: &mut Host) {
    let Some(model) = &host.session.model else { return };
    let samples = samples::of(model);
    let document = &mut host.document;
    let kept = document.entry().cloned();
    let own = kept.as_ref().and_then(|kept| samples.iter().position(|sample| sample.name == kept.name));
    document.pictures = samples;
    document.current = own.unwrap_or(0);
    if let (Some(kept), None) = (kept, own) {
        document.pictures.insert(0, kept);
    }
}
