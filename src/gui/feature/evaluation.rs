//! The evaluation of the model on a data set: how far it is, and what came of it.

use std::sync::Arc;
use std::time::Instant;

use tracing::Level;

use super::command_line;
use super::unfinished::{self, Unfinished};
use crate::data::{Keep, Loader, Purpose, open};
use crate::files::write_whole;
use crate::gui::command::{EvaluateCommand, Format, ModelCommand, WindowCommand};
use crate::gui::gpu::Content;
use crate::gui::state::document::{Entry, Source};
use crate::gui::state::model::{Model, ModelSource};
use crate::gui::state::pace::Pace;
use crate::gui::state::pane::Pane;
use crate::gui::work::background::Background;
use crate::gui::work::dialogs::{choose_folder, save_as};
use crate::gui::work::host::Host;
use crate::gui::work::job::{self, Job};
use crate::picture::Fit;
use crate::study::evaluation::{Chart, Evaluation, Journal, Samples, Table, charts, csv, evaluate_from, html, tables};
use crate::task::Cancel;
use crate::{Error, Result};

/// How far an evaluation is.
#[derive(Debug)]
pub enum Progress {
    /// What a person should know about the data, and how many pictures there are.
    Notes(Vec<String>, usize),
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
    /// How many pictures there are; each is measured once in every part.
    pub pictures: usize,
    /// How fast that goes on. What an earlier run measured is done at once, so that it tells nothing about it.
    pub pace: Pace,
}

/// A result, with its tables and charts made.
#[derive(Debug)]
pub struct Measured {
    /// The figures.
    pub evaluation: Evaluation,
    /// Each table with the charts of its part.
    pub parts: Vec<(Table, Vec<Chart>)>,
    /// The pictures that were taken for another class, to look at.
    pub mistakes: Vec<Content>,
}

/// What there is of evaluations.
pub struct Evaluating {
    /// The one that goes on.
    pub running: Option<Running>,
    /// The last result.
    pub result: Option<Arc<Measured>>,
    /// Why the last one failed.
    pub failure: Option<String>,
    /// What a person should know about the data.
    pub notes: Vec<String>,
    /// One that was stopped, or killed, before its end.
    pub unfinished: Option<Unfinished>,
    job: Option<Job<Progress, (Evaluation, usize)>>,
    /// It goes on when this model is there.
    waiting: Option<ModelSource>,
    /// What is in the data that was chosen, once it is known.
    pub counted: Option<Counted>,
    counting: Background<Option<Counted>>,
    /// The data that was counted last, for which classes.
    asked_of: Option<(String, Vec<String>)>,
}

/// What is in a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How many pictures could be measured.
    pub pictures: usize,
    /// The first classes as they would be matched, where no name agrees and so they would be by number.
    pub by_number: Option<String>,
}

const BY_NUMBER: &str = "no class is called as one of the model's: tick \"match by number\" if the first of one is the first of the other, and so on";

impl Evaluating {
    /// None goes on; one of an earlier window may be unfinished.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        let unfinished = host.session.kept_evaluation.as_deref().and_then(Unfinished::read);
        Self {
            running: None,
            result: None,
            failure: None,
            notes: Vec::new(),
            unfinished,
            job: None,
            waiting: None,
            counted: None,
            counting: host.jobs.background(),
            asked_of: None,
        }
    }

    /// Does a command about evaluations.
    pub fn run(&mut self, host: &mut Host, command: EvaluateCommand) {
        use EvaluateCommand as C;
        let form = &mut host.settings.evaluation;
        match command {
            C::Set(filled) => *form = *filled,
            C::SetData(path) => form.data = path.display().to_string(),
            C::SetOthers(path) => form.others = path.display().to_string(),
            C::ChooseData => choose_folder(host, "Data to evaluate on", |path| C::SetData(path).into()),
            C::ChooseOthers => choose_folder(host, "Pictures of another kind", |path| C::SetOthers(path).into()),
            C::Start => self.start(host),
            C::Stop => self.job.iter().for_each(Job::stop),
            C::Resume => self.resume(host),
            C::Save(format) => self.save(host, format),
            C::CopyCommand => copy_command(host),
            C::OpenMistake(index) => self.open_mistake(host, index),
        }
    }

    /// Goes on with the unfinished one, once its model is there.
    fn resume(&mut self, host: &mut Host) {
        let Some(Unfinished { form, model }) = self.unfinished.clone() else {
            host.say(Level::WARN, "No evaluation was stopped before its end.");
            return;
        };
        host.settings.evaluation = form;
        if host.session.model.as_ref().is_some_and(|now| now.source == model) {
            self.start(host);
        } else {
            host.run(ModelCommand::Offer(model.clone()));
            self.waiting = Some(model);
        }
    }

    /// Starts what waits for its model, if that is there.
    fn start_waiting(&mut self, host: &mut Host) {
        let Some(model) = &self.waiting else { return };
        if host.session.model.as_ref().is_some_and(|now| now.source == *model) {
            self.waiting = None;
            self.start(host);
        } else if !host.session.model_loading {
            // That it is not there was said.
            self.waiting = None;
        }
    }

    fn start(&mut self, host: &mut Host) {
        let form = host.settings.evaluation.clone();
        let Some(Model { source, joint: model, .. }) = host.session.model.clone() else { return };
        if self.job.is_some() {
            host.say(Level::WARN, "An evaluation is running already.");
            return;
        }
        if form.data.trim().is_empty() {
            host.run(WindowCommand::Show(Pane::EVALUATION));
            host.say(Level::WARN, "Choose the data to evaluate on first.");
            return;
        }
        let asked = Unfinished { form: form.clone(), model: source };
        let folder = host.session.kept_evaluation.clone();
        self.unfinished = folder.as_ref().map(|_| asked.clone());
        let work = move |cancel: &Cancel, publish: &mut dyn FnMut(Progress)| {
            let plan = form.plan()?;
            plan.check(&*model)?;
            let shape = Some(model.shape());
            let limit = Some(form.limit.max(1));
            let mut observe = |done, total| {
                publish(Progress::Step { part: "reading the pictures".to_owned(), done, total });
            };
            let keep = Keep::Meanwhile(std::env::temp_dir());
            let loader = &mut Loader { keep, cancel, observe: &mut observe };
            let set = open(form.data.trim(), shape, Purpose::Measuring)?;
            let samples = Samples::new(set, &*model, limit, loader)?;
            let others = match form.others.trim() {
                "" => None,
                path => {
                    let set = open(path, shape, Purpose::Measuring)?;
                    Some(Samples::of_another_kind(set, &*model, limit, loader)?)
                }
            };
            let others = others.as_ref();
            let notes = [Some(&samples), others].into_iter().flatten().flat_map(|s| s.notes.clone()).collect();
            if samples.by_number && !form.by_number {
                return Err(Error::data(&samples.name, BY_NUMBER));
            }
            publish(Progress::Notes(notes, samples.len()));
            let mut journal = folder.as_ref().map_or_else(|| Ok(Journal::unkept()), |folder| asked.keep(folder))?;
            let evaluation = evaluate_from(&mut journal, &*model, &samples, others, &plan, cancel, &mut |step| {
                publish(Progress::Step { part: step.part.to_owned(), done: step.done, total: step.total });
            })?;
            let reused = journal.reused();
            folder.map_or(Ok(()), |folder| unfinished::forget(&folder, journal))?;
            Ok((evaluation, reused))
        };
        match Job::start("denoscope-evaluation", &host.jobs, work) {
            Ok(job) => {
                self.job = Some(job);
                self.failure = None;
                self.notes.clear();
                let part = "reading the data".to_owned();
                self.running = Some(Running { part, done: 0, total: 0, pictures: 0, pace: Pace::default() });
            }
            Err(error) => host.say(Level::ERROR, error.to_string()),
        }
    }

    /// Looks at a picture that the model took for another class, under noise of the level of that.
    fn open_mistake(&self, host: &mut Host, index: usize) {
        let Some(measured) = &self.result else { return };
        let (noise, mistakes) = &measured.evaluation.examples.mistakes;
        let (Some(noise), Some(mistake)) = (noise, mistakes.get(index)) else { return };
        let original = measured.mistakes[index].clone();
        let name = format!("{} {}, taken for {}", mistake.label, mistake.number, mistake.said.class);
        let entry = Entry {
            name,
            source: Source::Pasted,
            thumbnail: original.clone(),
            original,
            read: String::new(),
            fit: Fit::Centre,
        };
        host.document.add(vec![entry]);
        // As the evaluation did: at the nearest level that the model knows.
        let range = host.session.model.as_ref().map(|model| model.joint.sigma_range());
        host.document.noise.sigma = range.map_or(noise.sigma, |range| range.clamp(noise.sigma));
        host.document.already_noisy = false;
    }

    /// Counts the pictures of data that was chosen, before anything is measured.
    fn count(&mut self, host: &Host) {
        let data = host.settings.evaluation.data.trim().to_owned();
        let model = host.session.model.as_ref().map(|model| model.joint.clone());
        let (Some(model), true) = (model, host.session.shows(&Pane::EVALUATION)) else { return };
        let key = (data.clone(), model.classes().to_vec());
        if self.asked_of.as_ref() == Some(&key) || self.counting.is_busy() {
            return;
        }
        self.counted = None;
        self.asked_of = Some(key);
        if data.is_empty() || !std::path::Path::new(&data).exists() {
            return;
        }
        let job = move || {
            let set = open(&data, Some(model.shape()), Purpose::Measuring).ok()?;
            let by_number = Samples::would_match_by_number(&set, model.classes()).ok()?;
            let pairs = set.classes.iter().zip(model.classes()).take(3).map(|(data, own)| format!("{data} = {own}"));
            Some(Counted {
                pictures: set.main().len(),
                by_number: by_number.then(|| pairs.collect::<Vec<_>>().join(", ")),
            })
        };
        self.counting.start(job, |_| None);
    }

    /// Takes in how far the evaluation is.
    pub fn poll(&mut self, host: &mut Host) {
        self.start_waiting(host);
        self.count(host);
        for counted in self.counting.poll() {
            self.counted = counted;
        }
        for news in self.job.as_mut().map(Job::poll).unwrap_or_default() {
            match news {
                job::News::Progress(Progress::Notes(notes, pictures)) => {
                    self.notes = notes;
                    if let Some(running) = &mut self.running {
                        running.pictures = pictures;
                    }
                }
                job::News::Progress(Progress::Step { part, done, total }) => {
                    if let Some(running) = &mut self.running {
                        (running.part, running.done, running.total) = (part, done, total);
                        running.pace.note(done as f64 / total.max(1) as f64, Instant::now());
                    }
                }
                job::News::Ended(ended) => {
                    self.running = None;
                    self.job = None;
                    self.end(host, ended);
                }
            }
        }
    }

    /// Takes in the figures, and how many measurements of before are in them.
    fn end(&mut self, host: &mut Host, ended: Result<(Evaluation, usize)>) {
        match ended {
            Ok((evaluation, reused)) => {
                let words = format!("Evaluated {} on {} pictures", evaluation.model, evaluation.images);
                let before = format!("; {reused} measurements of before were taken over");
                let words = if reused > 0 { words + &before } else { words };
                let with_charts = |table: Table| {
                    let charts = charts::of(&evaluation, table.part);
                    (table, charts)
                };
                let parts = tables(&evaluation).into_iter().map(with_charts).collect();
                let mistakes = evaluation.examples.mistakes.1.iter().map(|m| m.clean.clone().into()).collect();
                self.result = Some(Arc::new(Measured { evaluation, parts, mistakes }));
                self.unfinished = None;
                host.say(Level::INFO, words);
            }
            Err(Error::Cancelled) => host.say(Level::INFO, "The evaluation was stopped; Resume goes on from there."),
            Err(error) => {
                host.say(Level::ERROR, error.to_string());
                self.failure = Some(error.to_string());
            }
        }
    }

    fn save(&self, host: &mut Host, format: Format) {
        let Some(measured) = self.result.clone() else {
            host.say(Level::WARN, "There is no evaluation to save yet.");
            return;
        };
        let (kind, ending) = match format {
            Format::Html => ("Web pages", "html"),
            Format::Json => ("JSON", "json"),
            Format::Csv => ("Comma-separated values", "csv"),
        };
        let Evaluation { model, data, .. } = &measured.evaluation;
        let name = format!("{model}-on-{data}.{ending}").replace(['/', ' '], "-");
        save_as(host, &name, kind, &[ending], move |path| {
            write_whole(path, text(&measured.evaluation, format)?.as_bytes(), true)
        });
    }
}

/// Puts the command that measures the same on the clipboard.
fn copy_command(host: &mut Host) {
    match command_line::evaluation(&host.settings) {
        Ok(line) => {
            host.say(Level::INFO, format!("Copied: {line}"));
            host.ctx.copy_text(line);
        }
        Err(words) => host.say(Level::WARN, words),
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
