//! What features act on: the window's state and its work.

use eframe::egui;
use tracing::Level;

use super::background::Background;
use super::dialogs::Saving;
use super::job::Jobs;
use super::questions::{Lane, Questions};
use super::workers::Workers;
use crate::gui::command::Command;
use crate::gui::state::answers::{Answer, AttackAnswer, DenoiserAttackAnswer};
use crate::gui::state::counting::CertificateAnswer;
use crate::gui::state::document::Document;
use crate::gui::state::history::History;
use crate::gui::state::session::{Overlay, Session};
use crate::gui::state::settings::Settings;
use crate::study::Sweep;

/// What came of a short job in the background.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing: a dialog was closed.
    Nothing,
    /// A command to do next.
    Run(Box<Command>),
    /// Something to tell the person.
    Said(Level, String),
    /// Something to write, where no dialog asked where to.
    AskWhere(Saving),
}

/// The state that features share, and where they have work done.
pub struct Host {
    /// What a person works on.
    pub document: Document,
    /// The documents before and after it.
    pub history: History,
    /// How they like to work.
    pub settings: Settings,
    /// What comes and goes.
    pub session: Session,
    /// What the workers were asked.
    pub questions: Questions,
    /// Who answers.
    pub workers: Workers,
    /// How long jobs are run.
    pub jobs: Jobs,
    /// Dialogs, and what is written after them.
    pub background: Background<Outcome>,
    /// What waits for a person to say where it is to be written.
    pub saving: Option<Saving>,
    /// egui, for the clipboard and the window itself.
    pub ctx: egui::Context,
    requested: Vec<Command>,
}

impl Host {
    /// An empty document, and nothing asked.
    #[must_use]
    pub fn new(ctx: egui::Context, settings: Settings, session: Session, workers: Workers, jobs: Jobs) -> Self {
        let background = jobs.background();
        Self {
            document: Document::default(),
            history: History::default(),
            settings,
            session,
            questions: Questions::default(),
            workers,
            jobs,
            background,
            saving: None,
            ctx,
            requested: Vec::new(),
        }
    }

    /// Has a command done after the present one.
    pub fn run(&mut self, command: impl Into<Command>) {
        self.requested.push(command.into());
    }

    /// The commands to do next, in the order in which they were asked for.
    pub fn take_requested(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.requested)
    }

    /// Tells the person something.
    pub fn say(&mut self, level: Level, words: impl Into<String>) {
        self.session.notices.say(level, words);
    }

    /// Changes the document outside of a command, as a step of its own to undo.
    pub fn change_document(&mut self, change: impl FnOnce(&mut Document)) {
        let before = self.document.clone();
        change(&mut self.document);
        if self.document != before {
            self.history.record(before, false);
        }
    }

    /// Asks in the window where to save, for want of a dialog.
    pub fn ask_where(&mut self, saving: Saving) {
        let text = std::env::current_dir().unwrap_or_default().join(&saving.name).display().to_string();
        self.session.overlay = Some(Overlay::Path { text, taken: false });
        self.session.notices.forget_dialogs();
        self.saving = Some(saving);
    }

    /// Takes in what short jobs brought.
    pub fn poll(&mut self) {
        for outcome in self.background.poll() {
            match outcome {
                Outcome::Nothing => {}
                Outcome::Run(command) => self.run(*command),
                Outcome::Said(level, words) => self.say(level, words),
                Outcome::AskWhere(saving) => self.ask_where(saving),
            }
        }
    }

    /// Lets go of every question and answer, so that all is asked anew: the model changed under them, or nothing is open.
    pub fn forget_answers(&mut self) {
        for lane in Lane::ALL {
            self.workers.cancel(lane);
            self.questions.of(lane).forget();
        }
        (self.questions.attack_seen, self.questions.attack_run) = (None, None);
        self.questions.denoiser_run = None;
        let session = &mut self.session;
        session.fitted = None;
        session.answer = Answer::default();
        session.curve = Sweep::default();
        session.attack = AttackAnswer::default();
        session.attack_progress = None;
        session.denoiser_attack = DenoiserAttackAnswer::default();
        session.certificate =
            CertificateAnswer { bracketed: session.certificate.bracketed, ..CertificateAnswer::default() };
        session.explore.forget();
        session.versus.forget();
        session.trials.forget();
        session.photo.forget();
    }
}
