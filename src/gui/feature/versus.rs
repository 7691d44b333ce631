//! A second model beside the one in use: which, and whether it can stand there.

use std::path::PathBuf;

use tracing::Level;

use super::opening::open_any;
use crate::bridge::ScriptSource;
use crate::gui::command::{VersusCommand, WindowCommand};
use crate::gui::state::model::{Model, ModelSource};
use crate::gui::state::pane::Pane;
use crate::gui::state::versus::Rival;
use crate::gui::work::background::Background;
use crate::gui::work::dialogs::{CHECKPOINTS, SCRIPTS, choose_file};
use crate::gui::work::host::Host;
use crate::gui::work::tasks::Shared;
use crate::gui::work::versus::{cancel_duel, forget, run_duel};
use crate::joint::Pairing;
use crate::task::Cancel;
use crate::{Error, Result};

/// The second model that is being read.
pub struct VersusModels {
    read: Background<(ModelSource, Result<Model>)>,
    /// Calls off a script that is being opened, and questions to it.
    opening: Cancel,
    /// The A that B was found to fit.
    beside: Option<Shared>,
}

impl VersusModels {
    /// None is being read.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        Self { read: host.jobs.background(), opening: Cancel::new(), beside: None }
    }

    /// Does a command about two models.
    pub fn run(&mut self, host: &mut Host, command: VersusCommand) {
        use VersusCommand as C;
        match command {
            C::With(source) => self.read(host, source),
            C::OpenFile => {
                choose_file(host, "Open model B", CHECKPOINTS, |path| C::With(ModelSource::File(path)).into());
            }
            C::OpenScript => {
                let run = |path: PathBuf| C::With(ModelSource::Script(ScriptSource::script(&path))).into();
                choose_file(host, "Run a script as model B", SCRIPTS, run);
            }
            C::Close => {
                self.opening.raise();
                close(host);
            }
            C::Show(mode) => {
                host.session.versus.mode = mode;
                host.run(WindowCommand::Show(Pane::VERSUS));
            }
            C::SetClass(class) => {
                host.session.versus.class = class.filter(|class| *class < host.session.classes().len());
            }
            C::SetDuel(settings) => {
                // What is no number equals nothing, itself included.
                if settings.epsilon.is_finite() {
                    host.session.versus.duel = settings;
                }
            }
            C::RunDuel => run_duel(host),
            C::CancelDuel => cancel_duel(host),
        }
    }

    /// Reads a model to stand beside the one in use.
    fn read(&mut self, host: &mut Host, source: ModelSource) {
        host.run(WindowCommand::Show(Pane::VERSUS));
        host.session.versus.loading = Some(source.clone());
        host.session.versus.refused = None;
        self.opening.raise();
        self.opening = Cancel::new();
        let (cancel, wake) = (self.opening.clone(), host.jobs.wake.clone());
        let device = host.settings.device.clone();
        let broken = {
            let source = source.clone();
            |words| (source, Err(Error::Compute(words)))
        };
        self.read.start(move || (source.clone(), open_any(&source, &device, &cancel, wake)), broken);
    }

    /// Takes in what was read, and sees whether B still stands beside A.
    pub fn poll(&mut self, host: &mut Host) {
        for (source, model) in self.read.poll() {
            // Another one was chosen meanwhile.
            if host.session.versus.loading.as_ref() != Some(&source) {
                continue;
            }
            host.session.versus.loading = None;
            match model.and_then(|model| beside(host, model)) {
                Ok(rival) => self.take(host, rival),
                Err(Error::Cancelled) => {}
                Err(error) => refuse(host, &source, &error),
            }
        }
        self.follow(host);
    }

    fn take(&mut self, host: &mut Host, rival: Rival) {
        close(host);
        host.settings.note_recent_model(&rival.model.source);
        if let Some(note) = &rival.pairing.note {
            host.say(Level::WARN, format!("B: {note}."));
        }
        self.beside = host.session.model.as_ref().map(|model| Shared(model.joint.clone()));
        host.session.versus.b = Some(rival);
    }

    /// A is another: B stays if it can.
    fn follow(&mut self, host: &mut Host) {
        let present = host.session.model.as_ref().map(|model| Shared(model.joint.clone()));
        let Some(rival) = host.session.versus.b.clone().filter(|_| present != self.beside) else { return };
        self.beside = present;
        forget(host);
        let source = rival.model.source.clone();
        match beside(host, rival.model) {
            Ok(rival) => {
                host.session.versus.class = None;
                host.session.versus.b = Some(rival);
            }
            Err(error) => {
                close(host);
                refuse(host, &source, &error);
            }
        }
    }
}

/// The model as B, if it can be compared with A.
fn beside(host: &Host, model: Model) -> Result<Rival> {
    let a =
        host.session.model.as_ref().ok_or_else(|| Error::Compute("there is no model to compare with".to_owned()))?;
    let pairing = Pairing::of([&*a.joint, &*model.joint])?;
    Ok(Rival { model, pairing })
}

/// Says why a model cannot be B, in the pane too.
fn refuse(host: &mut Host, source: &ModelSource, error: &Error) {
    let reason = match error {
        // The option is the command line's.
        Error::Option { reason, .. } => format!("{} {}", source.label(), reason.replace("--model", "model A")),
        other => other.to_string(),
    };
    host.say(Level::WARN, reason.clone());
    host.session.versus.refused = Some(reason);
}

/// Lets go of B and ends its script.
fn close(host: &mut Host) {
    forget(host);
    host.session.versus.loading = None;
    host.session.versus.class = None;
    if let Some(script) = host.session.versus.b.take().and_then(|rival| rival.model.script) {
        script.stop();
    }
}
