//! The loop: batches to steps, and steps to reports, evaluations and files.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::batches::{Feed, Sampler};
use super::config::{Config, Every};
use super::evaluate::{Evaluation, evaluate, is_collapse, robust};
use super::initial::{Initial, initial};
use super::log::{Log, log_path};
use super::optimiser::State;
use super::pictures::{Began, Pictures};
use super::progress::{Progress, Report, Started, Summary};
use super::recipe::recipe_path;
use super::rows::Special;
use super::schedule::{Budget, average_decay, learning_rate};
use super::state::{self, Record, finite};
use super::trainer::Trainer;
use crate::data::{DataSet, SplitRecord};
use crate::joint::{FEWEST, Usual};
use crate::network::{Checkpoint, Network, Storage, TrainingRecord, Values, allow_tf32};
use crate::task::Cancel;
use crate::{Error, Result};

/// Trains a network as `config` says, until its length is reached or `cancel` is raised; both save. Before the first step
/// there is nothing to save.
///
/// # Errors
/// [`Error::Option`] for an option that cannot be, [`Error::Data`] for data that cannot be used, [`Error::Io`] for a file
/// that cannot be written, [`Error::Cancelled`] before the first step, [`Error::Compute`] if the loss is no longer a number: the last good checkpoint is then kept.
pub fn run(config: &Config, cancel: &Cancel, progress: &mut dyn FnMut(Progress)) -> Result<Summary> {
    let mut run = Run::start(config, cancel, progress)?;
    progress(Progress::Started(run.started()));
    if run.over {
        return Ok(run.summary(false));
    }
    let stopped = run.go(cancel, progress)?;
    run.finish(stopped, progress)
}

/// A run between two steps.
struct Run {
    config: Config,
    data: Arc<DataSet>,
    /// What a person should know of the weights that it began with.
    notice: Option<String>,
    /// Pictures trained on.
    pictures: usize,
    /// Pictures kept aside.
    held_out: Range<usize>,
    digest: String,
    split: Option<SplitRecord>,
    trainer: Trainer,
    feed: Feed,
    log: Log,
    budget: Budget,
    /// What memory of its device the trainer takes.
    memory: Option<String>,
    /// Training time of earlier parts.
    earlier: Duration,
    begun: Instant,
    reported: (u64, Instant),
    evaluated: (u64, Instant),
    saved: (u64, Instant),
    evaluation: Option<Evaluation>,
    /// The best accuracy under attack so far.
    robust: Option<f64>,
    /// What is usual among the pictures kept aside, once the run is done.
    usual: Option<Usual>,
    /// The end was reached.
    done: bool,
    /// It was over before it was taken up again, and nothing is to be done.
    over: bool,
}

/// Pictures kept aside by which it is said what is usual, at most.
const USUAL: usize = 512;

/// The options of a run, and what it goes on from if it does.
fn asked(config: &Config, state_path: &Path) -> Result<(Config, Option<(Record, State)>)> {
    if config.resume {
        if !state_path.is_file() {
            let reason = format!("there is no {} to continue from", state_path.display());
            return Err(Error::option("--resume", reason));
        }
        let (record, state) = state::read(state_path)?;
        let config = config.resumed(&record.config)?;
        config.check()?;
        Ok((config, Some((record, state))))
    } else {
        let files = [&config.out, state_path, &log_path(&config.out), &recipe_path(&config.out)];
        if let Some(there) = files.into_iter().find(|path| !config.overwrite && path.exists()) {
            let reason = format!("{} is there; --resume continues, --force begins anew", there.display());
            return Err(Error::option("--out", reason));
        }
        Ok((config.clone(), None))
    }
}

/// Whether a run came to its end and its model is there as it would be written, so that the files can stay as they are: what
/// was measured of a model is known again by its bytes.
fn is_over(record: &Record, config: &Config, pictures: usize) -> bool {
    let elapsed = Duration::try_from_secs_f64(record.seconds).unwrap_or_default();
    let written = || Some(Checkpoint::read(&config.out).ok()?.description.training?.steps);
    record.done
        && config.half == record.config.half
        && config.budget(pictures).progress(record.step, elapsed) >= 1.0
        && written() == Some(record.step)
}

impl Run {
    fn start(config: &Config, cancel: &Cancel, progress: &mut dyn FnMut(Progress)) -> Result<Self> {
        config.check()?;
        let state_path = state::path(&config.out);
        let (config, restored) = asked(config, &state_path)?;
        allow_tf32(config.tf32);
        let began = match &restored {
            None => Began::Now,
            Some((record, _)) => record.split.as_ref().map_or(Began::Early, Began::With),
        };
        let mut observe = |done, total| progress(Progress::Reading { done, total });
        let Pictures { data, trained: pictures, held_out, statistics, digest, split } =
            Pictures::open(&config, began, cancel, &mut observe)?;
        let Initial { checkpoint, notice } = initial(&config, &data, statistics)?;
        let mut trainer = Trainer::new(checkpoint, &config.device_choice()?, config.optimiser())?;
        let memory = trainer.prepare(config.batch)?;
        trainer.check_rows(&config.rows)?;
        if config.rows.learned_weights {
            trainer.balance(config.lr_adam);
        }
        let (mut earlier, mut evaluation, mut robust, mut over) = (Duration::ZERO, None, None, false);
        if let Some((record, state)) = restored {
            if record.data != digest {
                let reason = format!("holds other pictures than those that {} began with", state_path.display());
                return Err(Error::data(&config.data, reason));
            }
            let places = data.shape.len() as u64;
            let drawn = record.step.checked_mul(config.batch as u64).and_then(|shown| shown.checked_mul(places));
            if drawn.is_none_or(|drawn| drawn > u64::MAX / 2) {
                let reason = format!("tells of {} steps of {} pictures, which cannot be", record.step, config.batch);
                return Err(Error::checkpoint(&state_path, reason));
            }
            let misfit = |e: Error| Error::checkpoint(&state_path, e.to_string());
            trainer.restore(&state, record.step).map_err(misfit)?;
            over = is_over(&record, &config, pictures);
            if record.done && !over {
                // It is to be longer: whatever stops it now, it is not done.
                let record = Record { done: false, config: config.clone(), ..record.clone() };
                state::write(&state_path, &record, &state)?;
            }
            earlier = Duration::try_from_secs_f64(record.seconds).unwrap_or_default();
            (evaluation, robust) = (record.evaluation, record.robust);
        } else {
            // Whatever stops this run from here on, --resume goes on with it and not with one that was there before.
            let (config, data, split) = (config.clone(), digest.clone(), split.clone());
            let (seconds, evaluation, robust, done) = (0.0, None, None, false);
            let record = Record { step: 0, seconds, config, evaluation, data, split, robust, done };
            state::write(&state_path, &record, &finite(trainer.state()?)?)?;
        }
        let sampler = Sampler {
            data: Arc::clone(&data),
            pictures,
            batch: config.batch,
            seed: config.seed,
            sigmas: config.sigma_range(),
            levels: config.sigma_distribution,
            augmentation: config.augmentation(data.kind),
            conditional: config.conditional_share,
            counterfactual: config.counterfactual(&data, pictures),
            special: Special { options: config.rows.clone() },
        };
        let step = trainer.step_count();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let feed = Feed::start(&sampler, step, config.threads.unwrap_or(cores - 1))?;
        let log = Log::open(&log_path(&config.out), step)?;
        let (budget, last) = (config.budget(pictures), (step, Instant::now()));
        Ok(Self {
            config,
            data,
            notice,
            pictures,
            held_out,
            digest,
            split,
            trainer,
            feed,
            log,
            budget,
            memory,
            earlier,
            begun: last.1,
            reported: last,
            evaluated: last,
            saved: last,
            evaluation,
            robust,
            usual: None,
            done: false,
            over,
        })
    }

    fn started(&self) -> Started {
        Started {
            data: self.data.name.clone(),
            pictures: self.pictures,
            held_out: self.held_out.len(),
            notices: self.data.notices.iter().chain(&self.notice).cloned().collect(),
            parameters: self.trainer.description().parameter_count(),
            device: self.trainer.device(),
            memory: self.memory.clone(),
            step: self.step(),
            steps: match self.budget {
                Budget::Steps(steps) => Some(steps),
                Budget::Time(_) => None,
            },
        }
    }

    fn step(&self) -> u64 {
        self.trainer.step_count()
    }

    fn elapsed(&self) -> Duration {
        self.earlier + self.begun.elapsed()
    }

    fn share(&self) -> f64 {
        self.budget.progress(self.step(), self.elapsed())
    }

    /// Steps until the end, or until `cancel`; returns which.
    fn go(&mut self, cancel: &Cancel, progress: &mut dyn FnMut(Progress)) -> Result<bool> {
        while self.share() < 1.0 {
            if cancel.is_raised() {
                return Ok(true);
            }
            self.train().map_err(|error| self.interrupted(error))?;
            if self.step() - self.reported.0 >= self.config.log_every {
                progress(Progress::Step(self.report()?));
            }
            if due(self.config.evaluate_every, self.evaluated, self.step()) {
                self.evaluate(progress)?;
            }
            if due(self.config.checkpoint_every, self.saved, self.step()) {
                self.save(progress)?;
            }
        }
        Ok(false)
    }

    /// One step. Nothing is read back from the device.
    fn train(&mut self) -> Result<()> {
        let batch = self.feed.take()?;
        let step = self.step();
        let rate = learning_rate(step, self.config.warmup, self.share());
        let weights = self.config.objective.weights(self.config.lambda);
        self.trainer.step(&batch, weights, rate, average_decay(step, self.config.ema))
    }

    /// Reads the loss back, logs it, and stops the run if it is no number.
    fn report(&mut self) -> Result<Report> {
        let steps = self.step() - self.reported.0;
        let sums = self.trainer.take_sums().map_err(|error| self.interrupted(error))?;
        let mean = |index: usize| f64::from(sums[index]) / steps.max(1) as f64;
        if !sums.iter().all(|v| v.is_finite()) {
            return Err(self.lost(&format!("the loss is {} by step {}", mean(0), self.step())));
        }
        let now = Instant::now();
        let seconds = now.duration_since(self.reported.1).as_secs_f64().max(1e-9);
        let shown = self.config.batch as f64;
        let (share, elapsed) = (self.share(), self.elapsed());
        let report = Report {
            step: self.step(),
            share,
            epoch: self.step() as f64 * shown / self.pictures as f64,
            loss: mean(0),
            cross_entropy: mean(1),
            score_error: mean(2),
            gradient_norm: mean(3),
            learning_rate: learning_rate(self.step().saturating_sub(1), self.config.warmup, share),
            pictures_per_second: steps as f64 * shown / seconds,
            elapsed,
            remaining: elapsed.mul_f64((1.0 - share) / share.max(1e-6)),
        };
        self.reported = (self.step(), now);
        self.log.report(&report)?;
        Ok(report)
    }

    fn evaluate(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<()> {
        self.evaluated = (self.step(), Instant::now());
        if self.held_out.is_empty() {
            return Ok(());
        }
        let description = self.trainer.description().clone();
        let tensors = named(finite(self.trainer.averages()?).map_err(|e| self.lost(&e.to_string()))?);
        let device = self.config.device_choice()?.for_training();
        let network = Network::load(&Checkpoint { description, tensors }, &device)?;
        let (data, held_out) = (&self.data, &self.held_out);
        let batch = self.config.batch.min(256);
        let mut measured = evaluate(&network, data, held_out, batch, self.config.seed, self.step())?;
        if let Some(how) = self.config.rows.adversarial {
            measured.robust = Some(robust(&network, data, held_out, f64::from(how.epsilon), self.config.seed)?);
        }
        self.log.evaluation(self.elapsed().as_secs_f64(), &measured)?;
        self.evaluation = Some(measured);
        self.evaluated.1 = Instant::now();
        progress(Progress::Evaluated(measured));
        let best = self.robust.unwrap_or_default().max(measured.robust.unwrap_or_default());
        if measured.robust.is_some_and(|robust| is_collapse(robust, best)) {
            let robust = 100.0 * measured.robust.unwrap_or_default();
            let what =
                format!("robust accuracy fell from {:.1} % to {robust:.1} %: catastrophic overfitting", 100.0 * best);
            let (kept, hint) = (self.kept(), "try pgd with more steps, a smaller budget or smaller learning rates");
            return Err(Error::Compute(format!("{what}; {kept}; {hint}")));
        }
        self.robust = measured.robust.map(|_| best);
        Ok(())
    }

    /// What is usual among pictures that were kept aside, for the model's file.
    fn measure_usual(&self) -> Result<Usual> {
        let description = self.trainer.description().clone();
        let tensors = named(finite(self.trainer.averages()?).map_err(|e| self.lost(&e.to_string()))?);
        let device = self.config.device_choice()?.for_training();
        let network = Network::load(&Checkpoint { description, tensors }, &device)?;
        let first = self.held_out.start;
        let picture = |index: usize| self.data.picture(first + index);
        let (data, count) = (format!("{}, kept aside", self.data.name), self.held_out.len().min(USUAL));
        Usual::measure(&network, &data, count, &picture, self.config.seed, (&Cancel::new(), &mut |_| ()))
    }

    /// Writes the state and the model, in that order: whichever a crash leaves, `--resume` goes on from a whole state.
    fn save(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<()> {
        let seconds = self.elapsed().as_secs_f64();
        let tensors = finite(self.trainer.state()?).map_err(|e| self.lost(&e.to_string()))?;
        let weights = finite(self.trainer.averages()?).map_err(|e| self.lost(&e.to_string()))?;
        let (step, config, data) = (self.step(), self.config.clone(), self.digest.clone());
        let (evaluation, split, robust) = (self.evaluation, self.split.clone(), self.robust);
        let record = Record { step, seconds, config, evaluation, data, split, robust, done: self.done };
        state::write(&state::path(&self.config.out), &record, &tensors)?;
        let mut description = self.trainer.description().clone();
        description.training = Some(self.record(seconds)?);
        description.usual.clone_from(&self.usual);
        let storage = if self.config.half { Storage::Half } else { Storage::Single };
        Checkpoint { description, tensors: named(weights) }.write(&self.config.out, storage)?;
        self.config.write_recipe()?;
        self.saved = (self.step(), Instant::now());
        progress(Progress::Saved { step: self.step(), path: self.config.out.clone() });
        Ok(())
    }

    /// How the model came to be, for its file.
    fn record(&self, seconds: f64) -> Result<TrainingRecord> {
        let options = serde_json::to_value(&self.config).map_err(|e| Error::Compute(e.to_string()))?;
        let mut options = options.as_object().cloned().unwrap_or_default();
        // Where files lay on one machine says nothing about the model.
        options.retain(|name, value| !matches!(name.as_str(), "data" | "out") && !value.is_null());
        let mut results = Map::new();
        results.insert("seconds".to_owned(), json!(seconds.round()));
        results.insert("device".to_owned(), Value::from(self.trainer.device()));
        if let Some(e) = &self.evaluation {
            results.insert("held_out".to_owned(), serde_json::to_value(e).map_err(|e| Error::Compute(e.to_string()))?);
        }
        Ok(TrainingRecord {
            data: self.data.name.clone(),
            objective: self.config.objective.to_string(),
            seed: self.config.seed,
            steps: self.step(),
            pictures: self.step() * self.config.batch as u64,
            options,
            results,
        })
    }

    fn finish(mut self, stopped: bool, progress: &mut dyn FnMut(Progress)) -> Result<Summary> {
        if self.step() > self.reported.0 {
            progress(Progress::Step(self.report()?));
        }
        if !stopped && self.evaluation.is_none_or(|e| e.step != self.step()) {
            self.evaluate(progress)?;
        }
        if !stopped && self.held_out.len() >= FEWEST {
            self.usual = Some(self.measure_usual()?);
        }
        self.done = !stopped;
        if self.step() > self.saved.0 || !self.config.out.is_file() || !stopped {
            self.save(progress)?;
        }
        Ok(self.summary(stopped))
    }

    fn summary(self, stopped: bool) -> Summary {
        Summary {
            steps: self.step(),
            stopped,
            elapsed: self.elapsed(),
            evaluation: self.evaluation,
            out: self.config.out,
        }
    }

    /// The error of a run whose device was lost, and what to do: what the device held is gone.
    fn interrupted(&self, error: Error) -> Error {
        match error {
            Error::Device(reason) => {
                let kept = self.saved.0;
                Error::Device(format!("{reason}; --resume goes on from step {kept}, with --device on another device"))
            }
            other => other,
        }
    }

    /// The error of a run whose numbers are lost, and what is left of it.
    fn lost(&self, what: &str) -> Error {
        let kept = self.kept();
        Error::Compute(format!("{what}; {kept}; try smaller --lr-muon and --lr-adam or a longer --warmup"))
    }

    /// What is left of a run that ends here, in words.
    fn kept(&self) -> String {
        if self.saved.0 > 0 {
            format!("the checkpoint of step {} is kept in {}", self.saved.0, self.config.out.display())
        } else {
            "no checkpoint was written yet".to_owned()
        }
    }
}

/// Whether something is due at `step` that was last done at `last`.
fn due(every: Every, last: (u64, Instant), step: u64) -> bool {
    match every {
        Every::Steps(steps) => step - last.0 >= steps,
        Every::Time(time) => last.1.elapsed() >= time,
    }
}

/// Values read back, as a checkpoint holds them.
fn named(tensors: State) -> BTreeMap<String, Values> {
    tensors.into_iter().map(|(name, (shape, values))| (name, Values { shape, values })).collect()
}
