//! Models: reading and building them while the old one goes on, and what changes with another.

use std::sync::Arc;

use rfd::AsyncFileDialog;
use tracing::Level;

use super::oracle::oracle;
use super::samples;
use crate::gui::command::{ModelCommand, PictureCommand};
use crate::gui::state::document::Source;
use crate::gui::state::model::{Model, ModelSource};
use crate::gui::work::background::Background;
use crate::gui::work::dialogs::choose;
use crate::gui::work::host::Host;
use crate::gui::work::receive::mend_document;
use crate::network::{self, Checkpoint, DeviceChoice, DeviceReport, Network};
use crate::{Error, Result};

/// Models that are being read.
pub struct Models {
    read: Background<(ModelSource, Result<Model>)>,
    measured: Background<(ModelSource, Result<Vec<DeviceReport>>)>,
}

impl Models {
    /// None is being read.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        Self { read: host.jobs.background(), measured: host.jobs.background() }
    }

    /// Does a command about models.
    pub fn run(&mut self, host: &mut Host, command: ModelCommand) {
        match command {
            ModelCommand::Use(source) => self.read(host, source),
            ModelCommand::Open => {
                let dialog = AsyncFileDialog::new().set_title("Open model").add_filter("Checkpoints", &["safetensors"]);
                choose(
                    host,
                    || dialog.pick_file(),
                    |file| PictureCommand::OpenPaths(vec![file.path().to_owned()]).into(),
                );
            }
            ModelCommand::UseDevice(device) => {
                host.settings.device = device;
                self.read(host, host.settings.model.clone());
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
        let device = host.settings.device.clone();
        let broken = {
            let source = source.clone();
            |words| (source, Err(Error::Compute(words)))
        };
        let job = move || {
            let model = open(source.clone(), &device);
            (source, model)
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
        for (source, model) in self.read.poll() {
            host.session.model_loading = self.read.is_busy();
            match model {
                Ok(model) => take(host, source, model),
                Err(error) => {
                    host.say(Level::ERROR, error.to_string());
                    mend_document(host);
                    if host.session.model.is_none() {
                        host.session.model_error = Some(error.to_string());
                        // The oracle needs no file: the window is of use even so.
                        if source != ModelSource::Oracle {
                            self.read(host, ModelSource::Oracle);
                        }
                    }
                }
            }
        }
    }
}

fn take(host: &mut Host, source: ModelSource, model: Model) {
    host.session.model_error = None;
    if let ModelSource::File(path) = &source {
        host.settings.note_recent_model(path);
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
        if let Some((picture, sigma)) = samples::first_scene(&host.document.pictures).filter(|_| opening) {
            host.document.current = picture;
            host.document.noise.sigma = sigma;
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

/// Reads and builds a model. It takes a while: never on the window's thread.
///
/// # Errors
/// Those of [`Checkpoint::read`] and [`Network::load`], and of a device that does not exist.
pub fn open(source: ModelSource, device: &str) -> Result<Model> {
    if source == ModelSource::Oracle {
        return Ok(Model { source, joint: Arc::new(oracle()), description: None });
    }
    let checkpoint = checkpoint(&source)?;
    let device: DeviceChoice = device.parse()?;
    let description = Arc::new(checkpoint.description.clone());
    let network = Network::load_ready(checkpoint, &device)?;
    Ok(Model { source, joint: Arc::new(network), description: Some(description) })
}

/// The checkpoint that a source means; of the oracle there is none.
fn checkpoint(source: &ModelSource) -> Result<Checkpoint> {
    match source {
        ModelSource::File(path) => Checkpoint::read(path),
        other => network::checkpoint(&other.argument()),
    }
}
