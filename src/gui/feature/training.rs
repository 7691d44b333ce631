//! Training in the window: how the run goes, and the log of a run elsewhere that is followed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rfd::AsyncFileDialog;
use tracing::Level;

use crate::gui::command::{ModelCommand, TrainCommand};
use crate::gui::state::model::ModelSource;
use crate::gui::state::training_form::TrainingForm;
use crate::gui::work::background::Background;
use crate::gui::work::dialogs::{choose, choose_file, choose_folder};
use crate::gui::work::host::Host;
use crate::gui::work::job::{self, Job};
use crate::task::Cancel;
use crate::train::{self, Config, LogEntry, LogPart, Report, Started, Summary};
use crate::{Error, Result};

/// How often the log of a run elsewhere is looked at.
const LOOK: Duration = Duration::from_secs(2);

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

/// The log of a run elsewhere.
#[derive(Debug)]
struct Followed {
    path: PathBuf,
    offset: u64,
    next: Instant,
    looking: bool,
}

/// What there is of training.
pub struct Training {
    /// How the run goes.
    pub now: Run,
    /// The model of a run that an earlier window did not end, and that can be gone on with.
    pub left: Option<PathBuf>,
    job: Option<Job<Progress, Ending>>,
    log: Background<Result<LogPart>>,
}

/// How a run goes.
#[derive(Debug, Default)]
pub struct Run {
    /// Where it stands.
    pub stage: Stage,
    /// How many pictures are read before it trains, and of how many.
    pub reading: Option<(usize, usize)>,
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
    /// The form that the run began with.
    began_with: Option<TrainingForm>,
    followed: Option<Followed>,
}

impl Run {
    /// Whether it goes on in this window.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Starting | Stage::Running | Stage::Pausing)
    }

    /// Whether the form asks for another length than this run began with.
    #[must_use]
    pub fn is_outgrown(&self, form: &TrainingForm) -> bool {
        let began = self.began_with.as_ref();
        began.is_some_and(|b| (b.length, b.unit) != (form.length, form.unit) && b.out == form.out)
    }

    fn take(&mut self, progress: train::Progress) {
        match progress {
            train::Progress::Reading { done, total } => self.reading = Some((done, total)),
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

impl Training {
    /// No run yet.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        let left = host.settings.unfinished_training.clone().filter(|out| train::is_unfinished(out));
        Self { now: Run::default(), left, job: None, log: host.jobs.background() }
    }

    /// Does a command about training.
    pub fn run(&mut self, host: &mut Host, command: TrainCommand) {
        use TrainCommand as C;
        let form = &mut host.settings.training;
        match command {
            C::Set(filled) => *form = *filled,
            C::SetData(path) => form.data = path.display().to_string(),
            C::SetOut(path) => form.out = path.display().to_string(),
            C::ChooseData => choose_folder(host, "Data to train on", |path| C::SetData(path).into()),
            C::ChooseOut => {
                let dialog = AsyncFileDialog::new().set_title("Model to write").set_file_name("model.safetensors");
                let dialog = dialog.add_filter("Checkpoints", &["safetensors"]);
                choose(host, || dialog.save_file(), |file| C::SetOut(file.path().to_owned()).into());
            }
            C::Start { replace } => match form.config(&host.settings.device) {
                Ok(config) => self.start(host, Config { overwrite: replace, ..config }),
                Err(error) => host.say(Level::ERROR, error.to_string()),
            },
            C::Pause => {
                if let Some(job) = &self.job {
                    job.stop();
                    self.now.stage = Stage::Pausing;
                }
            }
            C::Resume => {
                // A run keeps its own length unless the form's was changed since it began.
                let config = form.resumed(&host.settings.device, self.now.is_outgrown(form));
                self.start(host, config);
            }
            C::Open => match self.now.out.clone() {
                Some(path) => host.run(ModelCommand::Use(ModelSource::File(path))),
                None => host.say(Level::WARN, "No run has written a model yet."),
            },
            C::ChooseLog => {
                choose_file(host, "Log of a training run", ("Logs", &["csv"]), |path| C::Follow(path).into());
            }
            C::Follow(path) => self.follow(host, path),
        }
    }

    fn start(&mut self, host: &mut Host, config: Config) {
        if self.job.is_some() {
            host.say(Level::WARN, "A run is going on already; pause it first.");
            return;
        }
        if let Err(error) = host.settings.training.check() {
            host.say(Level::ERROR, error.to_string());
            return;
        }
        if config.data.as_os_str().is_empty() || config.out.as_os_str().is_empty() {
            host.say(Level::WARN, "Choose the data and the model file first.");
            return;
        }
        let (out, resume) = (config.out.clone(), config.resume);
        let work = move |cancel: &Cancel, publish: &mut dyn FnMut(Progress)| work(&config, cancel, publish);
        match Job::start("denoscope-training", &host.jobs, work) {
            Ok(job) => {
                self.job = Some(job);
                self.left = None;
                host.settings.unfinished_training = Some(out.clone());
                let before = std::mem::take(&mut self.now);
                let began_with = if resume { before.began_with } else { Some(host.settings.training.clone()) };
                self.now = Run { stage: Stage::Starting, out: Some(out), began_with, ..Run::default() };
            }
            Err(error) => host.say(Level::ERROR, error.to_string()),
        }
    }

    /// Takes in how the run goes, and looks at the log of one elsewhere.
    pub fn poll(&mut self, host: &mut Host) {
        for news in self.job.as_mut().map(Job::poll).unwrap_or_default() {
            match news {
                job::News::Progress(Progress::Earlier(entries)) => self.now.entries = entries,
                job::News::Progress(Progress::Run(progress)) => self.now.take(progress),
                job::News::Ended(ended) => {
                    self.job = None;
                    self.end(host, ended);
                }
            }
        }
        for part in self.log.poll() {
            self.take_log(host, part);
        }
        self.look_at_log();
    }

    fn end(&mut self, host: &mut Host, ended: Result<Ending>) {
        let run = &mut self.now;
        match ended {
            Ok(Ending::Summary(summary)) => {
                run.stage = if summary.stopped { Stage::Paused } else { Stage::Done };
                run.saved = Some(summary.steps);
                if !summary.stopped {
                    host.settings.unfinished_training = None;
                }
                let how = if summary.stopped { "paused and saved" } else { "done" };
                let words = format!("Training {how} after {} steps: {}", summary.steps, summary.out.display());
                host.say(Level::INFO, words);
            }
            Ok(Ending::Occupied { resumable }) => {
                run.stage = Stage::None;
                run.occupied = Some(resumable);
            }
            Err(Error::Cancelled) => {
                host.say(Level::INFO, "Training was stopped before its first step.");
                run.stage = Stage::None;
            }
            Err(error) => {
                host.say(Level::ERROR, error.to_string());
                run.stage = Stage::Failed;
                run.failure = Some(error.to_string());
            }
        }
    }

    /// Follows a log; a run in this window goes first.
    fn follow(&mut self, host: &mut Host, path: PathBuf) {
        if self.job.is_some() {
            host.say(Level::WARN, "A run is going on in this window; pause it first.");
            return;
        }
        let out = path.with_extension("");
        // What is still being read of another log is of no use.
        self.log = host.jobs.background();
        let followed = Followed { path, offset: 0, next: Instant::now(), looking: false };
        self.now = Run { stage: Stage::Followed, out: Some(out), followed: Some(followed), ..Run::default() };
    }

    fn look_at_log(&mut self) {
        let Some(followed) = &mut self.now.followed else { return };
        if followed.looking || Instant::now() < followed.next {
            return;
        }
        followed.looking = true;
        let (path, offset) = (followed.path.clone(), followed.offset);
        self.log.start(move || train::read_log(&path, offset), |words| Err(Error::Compute(words)));
    }

    /// Takes in what was added to the log that is followed.
    fn take_log(&mut self, host: &mut Host, part: Result<LogPart>) {
        let run = &mut self.now;
        let Some(followed) = &mut run.followed else { return };
        match part {
            Ok(part) => {
                (followed.looking, followed.offset, followed.next) = (false, part.offset, Instant::now() + LOOK);
                if part.anew {
                    run.entries.clear();
                }
                run.entries.extend(part.entries);
            }
            Err(error) => {
                host.say(Level::ERROR, error.to_string());
                run.failure = Some(error.to_string());
                run.stage = Stage::Failed;
                run.followed = None;
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
