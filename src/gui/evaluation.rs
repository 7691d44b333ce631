//! The evaluation of the model on a data set: what is asked, how far it is, and what came of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Level;

use super::App;
use super::command::Command;
use super::job::{self, Job};
use crate::attack::Defence;
use crate::files::write_whole;
use crate::picture::NoiseKind;
use crate::study::evaluation::{
    AttackPlan, CertifyPlan, Chart, Evaluation, Plan, Samples, Table, charts, csv, evaluate, html, tables,
};
use crate::study::level;
use crate::train::data::open_as;
use crate::{Error, Result};

/// Pictures that the saved page shows.
const EXAMPLES: usize = 8;

/// What is to be measured, as the person filled it in.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Form {
    /// The data set's path.
    pub data: String,
    /// Pictures of another kind, or nothing.
    pub others: String,
    /// Noise levels, separated by commas.
    pub sigmas: String,
    /// The kinds of noise.
    pub noises: Vec<NoiseKind>,
    /// Attacks as the command line takes them, separated by commas.
    pub attacks: String,
    /// Defences as the command line takes them, separated by spaces, each attacked by every attack; nothing for none.
    pub defences: String,
    /// Noise levels of the smoothing at which to certify, separated by commas; nothing for no certificates.
    pub certify: String,
    /// How many pictures at most.
    pub limit: usize,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            data: String::new(),
            others: String::new(),
            sigmas: "1/255, 25/255, 50/255".to_owned(),
            noises: vec![NoiseKind::Gaussian],
            attacks: "pgd:linf:8/255".to_owned(),
            defences: String::new(),
            certify: String::new(),
            limit: 500,
        }
    }
}

impl Form {
    /// The plan.
    ///
    /// # Errors
    /// [`Error::Option`] naming what cannot be read.
    pub fn plan(&self) -> Result<Plan> {
        let parts = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let levels = |text: &str| -> Result<Vec<f32>> {
            let levels: Vec<f32> =
                parts(text).iter().map(|text| level::parse("noise levels", text)).collect::<Result<_>>()?;
            if levels.contains(&0.0) {
                return Err(Error::option("noise levels", "take numbers above 0"));
            }
            Ok(levels)
        };
        let sigmas = levels(&self.sigmas)?;
        let certify = CertifyPlan { sigmas: levels(&self.certify)?, ..CertifyPlan::default() };
        let attacks: Vec<AttackPlan> = parts(&self.attacks).iter().map(|text| text.parse()).collect::<Result<_>>()?;
        let named: Vec<Defence> = self.defences.split_whitespace().map(str::parse).collect::<Result<_>>()?;
        let defences = if named.is_empty() { vec![Defence::None] } else { named };
        let attacks = AttackPlan::against(&attacks, &defences);
        if attacks.is_empty() && certify.sigmas.is_empty() && (sigmas.is_empty() || self.noises.is_empty()) {
            return Err(Error::option("noise levels", "are missing, and there is no attack: nothing to measure"));
        }
        Ok(Plan { sigmas, noises: self.noises.clone(), attacks, certify, examples: EXAMPLES, ..Plan::default() })
    }
}

/// A file that a result can be saved as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A page with plots.
    Html,
    /// What `eval --json` prints.
    Json,
    /// A line a figure.
    Csv,
}

/// What can be done about evaluations.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluate {
    /// Fill in the form.
    Set(Box<Form>),
    /// Take this data set.
    SetData(PathBuf),
    /// Take this as the pictures of another kind.
    SetOthers(PathBuf),
    /// Ask for the data set.
    ChooseData,
    /// Ask for pictures of another kind.
    ChooseOthers,
    /// Measure.
    Start,
    /// Stop measuring.
    Stop,
    /// Save the result.
    Save(Format),
}

/// How far an evaluation is.
#[derive(Debug)]
pub enum Progress {
    /// What a person should know about the data.
    Notes(Vec<String>),
    /// Pictures are done.
    Step {
        /// What is being measured.
        part: String,
        /// Pictures done, over all parts.
        done: usize,
        /// Pictures in all.
        total: usize,
    },
}

/// A running evaluation.
#[derive(Debug)]
pub struct Running {
    /// What is being measured.
    pub part: String,
    /// Pictures done, over all parts.
    pub done: usize,
    /// Pictures in all; 0 until the data is read.
    pub total: usize,
    begun: Instant,
}

impl Running {
    /// The time that the rest will take at the mean speed so far.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        (self.done > 0).then(|| self.begun.elapsed().mul_f64((self.total - self.done) as f64 / self.done as f64))
    }
}

/// A result, with its tables and charts made.
#[derive(Debug)]
pub struct Measured {
    /// The figures.
    pub evaluation: Evaluation,
    /// Each table with the charts of its part.
    pub parts: Vec<(Table, Vec<Chart>)>,
}

/// What there is of evaluations.
#[derive(Debug, Default)]
pub struct Evaluating {
    /// The one that goes on.
    pub running: Option<Running>,
    /// The last result.
    pub result: Option<Arc<Measured>>,
    /// Why the last one failed.
    pub failure: Option<String>,
    /// What a person should know about the data.
    pub notes: Vec<String>,
    /// The pane was visible in the last frame.
    pub visible: bool,
}

/// The job of an evaluation.
pub type EvaluationJob = Job<Progress, Evaluation>;

impl App {
    /// Does a command about evaluations.
    pub(super) fn evaluate(&mut self, command: Evaluate) {
        match command {
            Evaluate::Set(form) => self.settings.evaluation = *form,
            Evaluate::SetData(path) => self.settings.evaluation.data = path.display().to_string(),
            Evaluate::SetOthers(path) => self.settings.evaluation.others = path.display().to_string(),
            Evaluate::ChooseData => {
                self.choose_folder("Data to evaluate on", |path| Command::Evaluate(Evaluate::SetData(path)));
            }
            Evaluate::ChooseOthers => {
                self.choose_folder("Pictures of another kind", |path| Command::Evaluate(Evaluate::SetOthers(path)));
            }
            Evaluate::Start => self.start_evaluation(),
            Evaluate::Stop => {
                if let Some(job) = &self.evaluation_job {
                    job.stop();
                }
            }
            Evaluate::Save(format) => self.save_evaluation(format),
        }
    }

    fn start_evaluation(&mut self) {
        let form = self.settings.evaluation.clone();
        let Some(model) = self.session.model.as_ref().map(|model| model.joint.clone()) else { return };
        if self.evaluation_job.is_some() {
            self.session.toasts.say(Level::WARN, "An evaluation is running already.");
            return;
        }
        if form.data.trim().is_empty() {
            self.session.toasts.say(Level::WARN, "Choose the data to evaluate on first.");
            return;
        }
        let work = move |cancel: &crate::task::Cancel, publish: &mut dyn FnMut(Progress)| {
            let plan = form.plan()?;
            let shape = Some(model.shape());
            let samples = Samples::new(open_as(form.data.trim(), shape)?, &*model, Some(form.limit.max(1)))?;
            publish(Progress::Notes(samples.notes.clone()));
            cancel.check()?;
            let others = match form.others.trim() {
                "" => None,
                path => Some(Samples::of_another_kind(open_as(path, shape)?, &*model, Some(form.limit.max(1)))),
            };
            evaluate(&*model, &samples, others.as_ref(), &plan, cancel, &mut |step| {
                publish(Progress::Step { part: step.part.to_owned(), done: step.done, total: step.total });
            })
        };
        let evaluating = &mut self.session.evaluation;
        match Job::start("denoscope-evaluation", &self.jobs, work) {
            Ok(job) => {
                self.evaluation_job = Some(job);
                evaluating.failure = None;
                evaluating.notes.clear();
                let part = "reading the data".to_owned();
                evaluating.running = Some(Running { part, done: 0, total: 0, begun: Instant::now() });
            }
            Err(error) => self.session.toasts.say(Level::ERROR, error.to_string()),
        }
    }

    /// Takes in how far the evaluation is.
    pub(super) fn receive_evaluation(&mut self) {
        let news = self.evaluation_job.as_mut().map(Job::poll).unwrap_or_default();
        for news in news {
            let evaluating = &mut self.session.evaluation;
            match news {
                job::News::Progress(Progress::Notes(notes)) => {
                    evaluating.notes = notes;
                    if let Some(running) = &mut evaluating.running {
                        running.begun = Instant::now();
                    }
                }
                job::News::Progress(Progress::Step { part, done, total }) => {
                    if let Some(running) = &mut evaluating.running {
                        (running.part, running.done, running.total) = (part, done, total);
                    }
                }
                job::News::Ended(ended) => {
                    evaluating.running = None;
                    self.evaluation_job = None;
                    self.end_evaluation(ended);
                }
            }
        }
    }

    fn end_evaluation(&mut self, ended: Result<Evaluation>) {
        match ended {
            Ok(evaluation) => {
                let words = format!("Evaluated {} on {} pictures", evaluation.model, evaluation.images);
                let with_charts = |table: Table| {
                    let charts = charts::of(&evaluation, table.part);
                    (table, charts)
                };
                let parts = tables(&evaluation).into_iter().map(with_charts).collect();
                self.session.evaluation.result = Some(Arc::new(Measured { evaluation, parts }));
                self.session.toasts.say(Level::INFO, words);
            }
            Err(Error::Cancelled) => self.session.toasts.say(Level::INFO, "The evaluation was stopped."),
            Err(error) => {
                self.session.toasts.say(Level::ERROR, error.to_string());
                self.session.evaluation.failure = Some(error.to_string());
            }
        }
    }

    fn save_evaluation(&mut self, format: Format) {
        let Some(measured) = self.session.evaluation.result.clone() else {
            self.session.toasts.say(Level::WARN, "There is no evaluation to save yet.");
            return;
        };
        let (kind, ending) = match format {
            Format::Html => ("Web pages", "html"),
            Format::Json => ("JSON", "json"),
            Format::Csv => ("Comma-separated values", "csv"),
        };
        let Evaluation { model, data, .. } = &measured.evaluation;
        let name = format!("{model}-on-{data}.{ending}").replace(['/', ' '], "-");
        self.save_as(&name, kind, &[ending], move |path| {
            write_whole(path, text(&measured.evaluation, format)?.as_bytes(), true)
        });
    }
}

/// The result as the command line writes it.
///
/// # Errors
/// [`Error::Compute`] if it is no JSON, and what [`html::page`] fails with.
pub fn text(evaluation: &Evaluation, format: Format) -> Result<String> {
    Ok(match format {
        Format::Html => html::page(evaluation)?,
        Format::Csv => csv::table(evaluation),
        Format::Json => {
            let broken = |error| Error::Compute(format!("the results are no JSON: {error}"));
            serde_json::to_string_pretty(evaluation).map_err(broken)? + "\n"
        }
    })
}
