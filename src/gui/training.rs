//! Training in the window: what is asked, how the run goes, and the log of a run elsewhere that is followed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::Level;

use super::App;
use super::command::Command;
use super::errand::wait_for;
use super::job::{self, Job};
use super::models::ModelSource;
use super::opening::Brought;
use crate::task::Cancel;
use crate::train::{self, Config, Every, LogEntry, LogPart, Objective, Preset, Report, Started, Summary};
use crate::{Error, Result};

/// How often the log of a run elsewhere is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Steps between two points of the plots.
const LOG_EVERY: u64 = 10;

/// In what a run's length is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Unit {
    /// Training time.
    Hours,
    /// Passes over the data.
    Epochs,
    /// Batches.
    Steps,
}

/// A run's essentials, as the person filled them in.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Form {
    /// The data set's path.
    pub data: String,
    /// The model file to write.
    pub out: String,
    /// The network's size.
    pub preset: Preset,
    /// How long, counted in `unit`.
    pub length: f64,
    /// In what the length is counted.
    pub unit: Unit,
    /// What to train for.
    pub objective: Objective,
    /// The weight of the score's error.
    pub lambda: f64,
    /// Pictures a step.
    pub batch: usize,
    /// Pictures that are kept aside to measure on.
    pub holdout: usize,
    /// How often to measure and to save, in seconds.
    pub every: u64,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            data: String::new(),
            out: String::new(),
            preset: Preset::Compact,
            length: 1.0,
            unit: Unit::Hours,
            objective: Objective::Joint,
            lambda: 10.0,
            batch: 64,
            holdout: 500,
            every: 60,
        }
    }
}

impl Form {
    /// The options of a new run.
    #[must_use]
    pub fn config(&self, device: &str) -> Config {
        let config = Config {
            preset: self.preset,
            objective: self.objective,
            lambda: self.lambda,
            batch: self.batch,
            holdout: self.holdout,
            ..self.watched(device)
        };
        self.with_length(config)
    }

    /// The options to take a run up again with, which keeps its own; `longer`: but for this form's length.
    #[must_use]
    pub fn resumed(&self, device: &str, longer: bool) -> Config {
        let config = Config { resume: true, ..self.watched(device) };
        if longer { self.with_length(config) } else { config }
    }

    /// Defaults, saved and measured as often as the form says.
    fn watched(&self, device: &str) -> Config {
        let every = Every::Time(Duration::from_secs(self.every.max(1)));
        Config {
            device: device.to_owned(),
            evaluate_every: every,
            checkpoint_every: every,
            log_every: LOG_EVERY,
            ..Config::new(self.data.trim(), self.out.trim())
        }
    }

    fn with_length(&self, config: Config) -> Config {
        match self.unit {
            Unit::Hours => Config { hours: Some(self.length), ..config },
            Unit::Epochs => Config { epochs: Some(self.length), ..config },
            Unit::Steps => Config { steps: Some(self.length.max(1.0) as u64), ..config },
        }
    }
}

/// What can be done about training.
#[derive(Debug, Clone, PartialEq)]
pub enum Train {
    /// Fill in the form.
    Set(Box<Form>),
    /// Take this data set.
    SetData(PathBuf),
    /// Write this model file.
    SetOut(PathBuf),
    /// Ask for the data set.
    ChooseData,
    /// Ask for the model file.
    ChooseOut,
    /// Begin a run; in place of a model that is there only if told so.
    Start {
        /// Replace a model that is there.
        replace: bool,
    },
    /// Save and stop.
    Pause,
    /// Go on where the run was left.
    Resume,
    /// Open the newest checkpoint in the lab.
    Open,
    /// Ask for the log of a run elsewhere.
    ChooseLog,
    /// Follow the log of a run elsewhere.
    Follow(PathBuf),
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// There is none.
    #[default]
    None,
    /// Data and network are being made ready.
    Starting,
    /// It trains.
    Running,
    /// It was asked to stop, and saves.
    Pausing,
    /// It was stopped before its end, and saved.
    Paused,
    /// It reached its end.
    Done,
    /// It failed.
    Failed,
    /// It runs elsewhere.
    Followed,
}

/// What a run says.
#[derive(Debug)]
pub enum Progress {
    /// What it logged before it was taken up again.
    Earlier(Vec<LogEntry>),
    /// What it does.
    Run(train::Progress),
}

/// How a run ends.
#[derive(Debug)]
pub enum Ending {
    /// By itself, or stopped.
    Summary(Summary),
    /// It did not begin: the model is there already, and a state to go on from or not.
    Occupied {
        /// There is a state to go on from.
        resumable: bool,
    },
}

/// The job of a run.
pub type TrainingJob = Job<Progress, Ending>;

/// The log of a run elsewhere.
#[derive(Debug)]
struct Followed {
    path: PathBuf,
    offset: u64,
    next: Instant,
    looking: bool,
}

/// What there is of training.
#[derive(Debug, Default)]
pub struct Training {
    /// Where the run stands.
    pub stage: Stage,
    /// What is trained, on what.
    pub started: Option<Started>,
    /// The last report.
    pub report: Option<Report>,
    /// What was logged.
    pub entries: Vec<LogEntry>,
    /// The step of the newest checkpoint, where known.
    pub saved: Option<u64>,
    /// The model file of the run.
    pub out: Option<PathBuf>,
    /// Why the last run failed.
    pub failure: Option<String>,
    /// The model file is taken; whether the run in it can go on.
    pub occupied: Option<bool>,
    /// The pane was visible in the last frame.
    pub visible: bool,
    /// The form that the run began with.
    began_with: Option<Form>,
    followed: Option<Followed>,
}

impl Training {
    /// Whether a run goes on in this window.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Starting | Stage::Running | Stage::Pausing)
    }

    fn take(&mut self, progress: train::Progress) {
        match progress {
            train::Progress::Started(started) => {
                self.stage = if self.stage == Stage::Pausing { Stage::Pausing } else { Stage::Running };
                // Steps after the last checkpoint are done again.
                self.entries.retain(|entry| entry.step <= started.step);
                self.started = Some(started);
            }
            train::Progress::Step(report) => {
                self.entries.push(LogEntry::of_report(&report));
                self.report = Some(report);
            }
            train::Progress::Evaluated(evaluation) => {
                let seconds = self.entries.last().map_or(0.0, |entry| entry.seconds);
                self.entries.push(LogEntry::of_evaluation(&evaluation, seconds));
            }
            train::Progress::Saved { step, .. } => self.saved = Some(step),
        }
    }
}

impl App {
    /// Does a command about training.
    pub(super) fn train(&mut self, command: Train) {
        match command {
            Train::Set(form) => self.settings.training = *form,
            Train::SetData(path) => self.settings.training.data = path.display().to_string(),
            Train::SetOut(path) => self.settings.training.out = path.display().to_string(),
            Train::ChooseData => {
                self.choose_folder("Data to train on", |path| Command::Train(Train::SetData(path)));
            }
            Train::ChooseOut => self.choose_out(),
            Train::Start { replace } => {
                let config = Config { overwrite: replace, ..self.settings.training.config(&self.settings.device) };
                self.start_training(config);
            }
            Train::Pause => self.pause_training(),
            Train::Resume => {
                // A run keeps its own length unless the form's was changed since it began.
                let form = &self.settings.training;
                let began = self.session.training.began_with.as_ref();
                let longer = began.is_some_and(|b| (b.length, b.unit) != (form.length, form.unit) && b.out == form.out);
                self.start_training(form.resumed(&self.settings.device, longer));
            }
            Train::Open => match self.session.training.out.clone() {
                Some(path) => self.send_for_model(ModelSource::File(path)),
                None => self.session.toasts.say(Level::WARN, "No run has written a model yet."),
            },
            Train::ChooseLog => self.choose_log(),
            Train::Follow(path) => self.follow(path),
        }
    }

    fn choose_out(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Model to write").set_file_name("model.safetensors");
        let picked = dialog.add_filter("Checkpoints", &["safetensors"]).save_file();
        let job = move || match wait_for(picked) {
            Some(file) => Brought::Run(Box::new(Command::Train(Train::SetOut(file.path().to_owned())))),
            None => Brought::Nothing,
        };
        self.errands.send(job, Brought::Failed);
    }

    fn choose_log(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Log of a training run").add_filter("Logs", &["csv"]);
        let picked = dialog.pick_file();
        let job = move || match wait_for(picked) {
            Some(file) => Brought::Run(Box::new(Command::Train(Train::Follow(file.path().to_owned())))),
            None => Brought::Nothing,
        };
        self.errands.send(job, Brought::Failed);
    }

    fn start_training(&mut self, config: Config) {
        if self.training_job.is_some() {
            self.session.toasts.say(Level::WARN, "A run is going on already; pause it first.");
            return;
        }
        if config.data.as_os_str().is_empty() || config.out.as_os_str().is_empty() {
            self.session.toasts.say(Level::WARN, "Choose the data and the model file first.");
            return;
        }
        let (out, resume) = (config.out.clone(), config.resume);
        let work = move |cancel: &Cancel, publish: &mut dyn FnMut(Progress)| work(&config, cancel, publish);
        match Job::start("denoscope-training", &self.jobs, work) {
            Ok(job) => {
                self.training_job = Some(job);
                let before = std::mem::take(&mut self.session.training);
                let began_with = if resume { before.began_with } else { Some(self.settings.training.clone()) };
                let visible = before.visible;
                self.session.training =
                    Training { stage: Stage::Starting, out: Some(out), began_with, visible, ..Training::default() };
            }
            Err(error) => self.session.toasts.say(Level::ERROR, error.to_string()),
        }
    }

    fn pause_training(&mut self) {
        if let Some(job) = &self.training_job {
            job.stop();
            self.session.training.stage = Stage::Pausing;
        }
    }

    /// Takes in how the run goes, and looks at the log of one elsewhere.
    pub(super) fn receive_training(&mut self) {
        let news = self.training_job.as_mut().map(Job::poll).unwrap_or_default();
        for news in news {
            let training = &mut self.session.training;
            match news {
                job::News::Progress(Progress::Earlier(entries)) => training.entries = entries,
                job::News::Progress(Progress::Run(progress)) => training.take(progress),
                job::News::Ended(ended) => {
                    self.training_job = None;
                    self.end_training(ended);
                }
            }
        }
        self.look_at_log();
    }

    fn end_training(&mut self, ended: Result<Ending>) {
        let (training, toasts) = (&mut self.session.training, &mut self.session.toasts);
        match ended {
            Ok(Ending::Summary(summary)) => {
                training.stage = if summary.stopped { Stage::Paused } else { Stage::Done };
                training.saved = Some(summary.steps);
                let how = if summary.stopped { "paused and saved" } else { "done" };
                toasts.say(
                    Level::INFO,
                    format!("Training {how} after {} steps: {}", summary.steps, summary.out.display()),
                );
            }
            Ok(Ending::Occupied { resumable }) => {
                training.stage = Stage::None;
                training.occupied = Some(resumable);
            }
            Err(error) => {
                toasts.say(Level::ERROR, error.to_string());
                training.stage = Stage::Failed;
                training.failure = Some(error.to_string());
            }
        }
    }

    /// Follows a log; a run in this window goes first.
    fn follow(&mut self, path: PathBuf) {
        if self.training_job.is_some() {
            self.session.toasts.say(Level::WARN, "A run is going on in this window; pause it first.");
            return;
        }
        let out = path.with_extension("");
        let followed = Followed { path, offset: 0, next: Instant::now(), looking: false };
        let visible = self.session.training.visible;
        self.session.training = Training {
            stage: Stage::Followed,
            out: Some(out),
            visible,
            followed: Some(followed),
            ..Training::default()
        };
    }

    fn look_at_log(&mut self) {
        let Some(followed) = &mut self.session.training.followed else { return };
        if followed.looking || Instant::now() < followed.next {
            return;
        }
        followed.looking = true;
        let (path, offset) = (followed.path.clone(), followed.offset);
        let broken = |words| Brought::Log(Box::new(Err(Error::Compute(words))));
        self.errands.send(move || Brought::Log(Box::new(train::read_log(&path, offset))), broken);
    }

    /// Takes in what was added to the log that is followed.
    pub(super) fn take_log(&mut self, part: Result<LogPart>) {
        let training = &mut self.session.training;
        let Some(followed) = &mut training.followed else { return };
        match part {
            Ok(part) => {
                (followed.looking, followed.offset, followed.next) = (false, part.offset, Instant::now() + LOOK);
                if part.anew {
                    training.entries.clear();
                }
                training.entries.extend(part.entries);
            }
            Err(error) => {
                self.session.toasts.say(Level::ERROR, error.to_string());
                training.failure = Some(error.to_string());
                training.stage = Stage::Failed;
                training.followed = None;
            }
        }
    }
}

/// A run, on its own thread.
fn work(config: &Config, cancel: &Cancel, publish: &mut dyn FnMut(Progress)) -> Result<Ending> {
    let exists = |path: &Path| path.exists();
    let resumable = exists(&train::state_path(&config.out));
    if !config.resume && !config.overwrite && (resumable || exists(&config.out)) {
        return Ok(Ending::Occupied { resumable });
    }
    if config.resume {
        // Without its log a run goes on all the same; its earlier part is not drawn then.
        let earlier = train::read_log(&train::log_path(&config.out), 0).unwrap_or_default();
        publish(Progress::Earlier(earlier.entries));
    }
    train::run(config, cancel, &mut |progress| publish(Progress::Run(progress))).map(Ending::Summary)
}
