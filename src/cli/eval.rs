//! `denoscope eval`: a model on a labelled data set.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::arguments::{ModelArguments, plain, say_abilities, sigma};
use super::figures::FigureArguments;
use super::{Done, Ending, console};
use crate::attack::Defence;
use crate::data::{Keep, Loader, Purpose, open};
use crate::files::check_writable;
use crate::joint::JointModel;
use crate::picture::NoiseKind;
use crate::study::evaluation::{
    AttackPlan, CertifyPlan, Journal, Plan, Samples, Shard, ShardSummary, Step, evaluate_from, evaluate_shard,
};
use crate::task::Cancel;
use crate::{Error, Result};

/// Measure a model on labelled pictures: accuracy, calibration and PSNR by noise level, under attack, certified
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope eval --data mnist/ --sigmas 0.01,0.5 --limit 1000\n  \
                        denoscope eval --data cifar/ --model my.safetensors --attacks pgd:linf:8/255,square --json -\n  \
                        denoscope eval --data mnist/ --attacks pgd:l2:1:sigma=0.25 --defence none --defence vote \
                        --certify 0.25 --limit 200 --html report.html\n  \
                        denoscope eval --data cifar/ --certify 0.25 --certify-attempts 8 --html brackets.html\n  \
                        denoscope eval --data cifar/ --attacks pgd --shard 2/8 --journal part2.journal --resume\n  \
                        denoscope merge part*.journal --json -\n\n\
                        Ctrl-C stops it; the same command with --resume goes on, with the same figures in the end.")]
pub(super) struct Eval {
    /// The data: a folder or .tar.gz of CIFAR-10's binary files, a folder of MNIST's files, or a folder of class folders
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    #[command(flatten)]
    model: ModelArguments,
    /// Noise levels, as 0.1 or 25/255
    #[arg(long, value_name = "S,S,…", value_delimiter = ',', default_value = "1/255,15/255,25/255,50/255", value_parser = sigma)]
    sigmas: Vec<f32>,
    /// Kinds of noise
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', default_value = "gaussian", value_parser = plain::<NoiseKind>)]
    noises: Vec<NoiseKind>,
    /// Attacks, each METHOD, METHOD:NORM or METHOD:NORM:EPSILON, with parameters after that as in
    /// square:linf:8/255:queries=1000, and target=random or target=least-likely; or a preset's name (attack --help lists both)
    #[arg(long, value_name = "M,M,…", value_delimiter = ',', value_parser = plain::<AttackPlan>)]
    attacks: Vec<AttackPlan>,
    /// The noise level that the attacked classifier assumes (the model's smallest, at least 1/255, if not given); an attack
    /// may have its own, as in pgd:l2:0.5:sigma=0.25
    #[arg(long, value_name = "S", value_parser = sigma, requires = "attacks")]
    attack_sigma: Option<f32>,
    /// A defence that every attack meets, as in vote or purify:sigma=0.1,rounds=2 (attack --help); the attacks know it. May
    /// be given several times, with none for the classifier as it is
    #[arg(long, value_name = "DEFENCE", value_parser = plain::<Defence>, requires = "attacks")]
    defence: Vec<Defence>,
    /// Noise levels at which to certify the smoothed classifier, as 0.1 or 25/255
    #[arg(long, value_name = "S,S,…", value_delimiter = ',', value_parser = sigma)]
    certify: Vec<f32>,
    /// How many pictures to certify, spread evenly over the data
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..), requires = "certify")]
    certify_pictures: u32,
    /// How many noisy pictures bound each radius; more give larger ones
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..), requires = "certify")]
    certify_samples: u64,
    /// The probability that one certificate may be wrong
    #[arg(long, value_name = "A", default_value_t = 0.001, requires = "certify")]
    certify_alpha: f64,
    /// How many attacks on the smoothed classifier close in on the radius of each of these pictures from above; half of the
    /// probability of being wrong is then theirs
    #[arg(long, value_name = "N", default_value_t = 0, requires = "certify")]
    certify_attempts: usize,
    /// Pictures of another kind, to be told from those in --data by the model: a data set as there
    #[arg(long, value_name = "PATH")]
    ood: Option<PathBuf>,
    /// Use only N pictures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// The seed of noise and attacks
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Pictures that go through the model together, or more on a graphics card; figures depend on it by rounding only
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Measure only share I of N, from 1 on, and write no figures: `denoscope merge` makes those of one run of all shards' journals
    #[arg(long, value_name = "I/N", value_parser = plain::<Shard>, requires = "journal", conflicts_with_all = ["json", "csv", "html"])]
    shard: Option<Shard>,
    /// The file of a shard's measurements. With --resume one that is there already, as a killed job left it, is gone on with
    #[arg(long, value_name = "FILE", requires = "shard")]
    journal: Option<PathBuf>,
    /// How many example pictures the report shows
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(..=64), requires = "html")]
    examples: u32,
    /// Ask the lab about each example of the report: its doubt by pixel, what else it could be, the classes of its restorations,
    /// a hole in it filled, the least change to another class, the evidence for its own, its bits a value, a bracket around the
    /// radius of the smoothed classifier, and whether the model is a density there
    #[arg(long, requires = "html")]
    lab: bool,
    /// Go on where an evaluation was stopped: OUTPUT.unfinished, beside its first output, keeps what was measured. With other
    /// options, or more pictures, what they do not change is taken over
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    output: FigureArguments,
}

impl Eval {
    pub fn run(&self) -> Done {
        self.check()?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        let model = &*self.model.open(&cancel)?;
        say_abilities(model);
        let plan = self.plan();
        plan.check(model)?;
        let (samples, others) = self.pictures(model, &cancel)?;
        let (bar, others) = (console::progress(0, "{bar:24} {pos}/{len} pictures, {eta} left, {msg}"), others.as_ref());
        // What there is to say of the data is said once the journal was taken: a refusal is one line.
        let mut notes = [Some(&samples), others].into_iter().flatten().flat_map(|samples| &samples.notes);
        let mut observe = |step: Step<'_>| {
            notes.by_ref().for_each(|note| bar.suspend(|| console::note(&format!("note: {note}"))));
            bar.set_length(step.total as u64);
            bar.set_position(step.done as u64);
            bar.set_message(step.part.to_owned());
        };
        if let (Some(shard), Some(path)) = (self.shard, &self.journal) {
            let journal = (path.as_path(), self.resume);
            let ended = evaluate_shard(journal, shard, model, &samples, others, &plan, &cancel, &mut observe);
            bar.finish_and_clear();
            return ended_shard(shard, path, ended);
        }
        let mut journal = self.kept()?;
        let evaluation = evaluate_from(&mut journal, model, &samples, others, &plan, &cancel, &mut observe);
        bar.finish_and_clear();
        if journal.reused() > 0 {
            console::note(&format!("note: {} measurements of before were taken over", journal.reused()));
        }
        match evaluation {
            Ok(evaluation) => self.output.figures(&evaluation)?,
            Err(Error::Cancelled) => {
                let kept = journal.path().map_or_else(
                    || "nothing was kept: with --json FILE, --csv or --html it would be".to_owned(),
                    |path| format!("{} keeps what was measured: --resume goes on from there", path.display()),
                );
                console::note(&format!("stopped; {kept}"));
                return Ok(Ending::WithFailures);
            }
            Err(error) => return Err(error),
        }
        journal.remove()?;
        Ok(Ending::Complete)
    }

    /// The pictures to measure on, and those of another kind.
    fn pictures(&self, model: &dyn JointModel, cancel: &Cancel) -> Result<(Samples, Option<Samples>)> {
        let bar = console::progress(0, "{bar:24} {pos}/{len} pictures read, {eta} left");
        let mut observe = |done: usize, total: usize| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        };
        // Decoded pictures that do not fit into memory lie beside what is written, which may be on the larger disk.
        let beside = self.state().and_then(|state| state.parent().map(Path::to_owned));
        let folder = beside.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(std::env::temp_dir);
        let loader = &mut Loader { keep: Keep::Meanwhile(folder), cancel, observe: &mut observe };
        let (shape, limit) = (Some(model.shape()), self.limit.map(|n| n as usize));
        let samples = Samples::new(open(&self.data, shape, Purpose::Measuring)?, model, limit, loader)?;
        let others = match &self.ood {
            Some(path) => Some(Samples::of_another_kind(open(path, shape, Purpose::Measuring)?, model, limit, loader)?),
            None => None,
        };
        bar.finish_and_clear();
        Ok((samples, others))
    }

    /// Refuses what would fail only after the work.
    fn check(&self) -> Result<()> {
        let model = self.model.file();
        let inputs = [Some(self.data.as_path()), self.ood.as_deref(), model.as_deref()];
        let mut outputs = self.output.outputs(inputs.into_iter().flatten())?;
        if let Some(state) = self.state() {
            outputs.own(if self.journal.is_some() { "--journal" } else { "--resume" }, &state)?;
            check_writable(&state, true)?;
        }
        match (self.state(), self.resume) {
            // A job that is started anew has the same command, whether it was killed before it began or after.
            (Some(_), true) if self.journal.is_some() => Ok(()),
            (None, true) => Err(Error::option("--resume", "needs the --json FILE, --csv or --html of before")),
            (Some(state), true) if !state.exists() => {
                Err(Error::option("--resume", format!("there is no {} to go on from", state.display())))
            }
            (Some(state), false) if state.exists() && !self.output.force() => {
                let reason = "is of an evaluation that was stopped: --resume goes on, --force begins anew";
                Err(Error::io(state, io::Error::new(io::ErrorKind::AlreadyExists, reason)))
            }
            _ => Ok(()),
        }
    }

    /// Where the measurements are kept until all are made: beside the first output.
    fn state(&self) -> Option<PathBuf> {
        let of_output = || self.output.first().map(|path| path.with_added_extension("unfinished"));
        self.journal.clone().or_else(of_output)
    }

    fn kept(&self) -> Result<Journal> {
        match self.state() {
            None => Ok(Journal::unkept()),
            Some(path) if self.resume => Journal::resume(&path),
            Some(path) => Journal::create(&path),
        }
    }

    /// What is to be measured.
    pub(super) fn plan(&self) -> Plan {
        let defences = if self.defence.is_empty() { &[Defence::None][..] } else { &self.defence };
        let assuming = |attack: &AttackPlan| AttackPlan { sigma: attack.sigma.or(self.attack_sigma), ..attack.clone() };
        let attacks: Vec<AttackPlan> = self.attacks.iter().map(assuming).collect();
        Plan {
            sigmas: self.sigmas.clone(),
            noises: self.noises.clone(),
            attacks: AttackPlan::against(&attacks, defences),
            certify: CertifyPlan {
                sigmas: self.certify.clone(),
                pictures: self.certify_pictures as usize,
                samples: self.certify_samples,
                alpha: self.certify_alpha,
                attempts: self.certify_attempts,
                ..CertifyPlan::default()
            },
            seed: self.seed,
            batch: self.batch as usize,
            examples: if self.output.html.is_some() { self.examples as usize } else { 0 },
            lab: self.lab,
        }
    }
}

/// Says how a shard ended.
fn ended_shard(shard: Shard, path: &Path, ended: Result<ShardSummary>) -> Done {
    match ended {
        Ok(ShardSummary { measurements, reused }) => {
            if reused > 0 {
                console::note(&format!("note: {reused} measurements of before were taken over"));
            }
            if measurements == 0 {
                console::note(
                    "note: there are fewer batches than shards; a smaller --batch, of all shards, makes more",
                );
            }
            console::say(format!("shard {shard}: {measurements} measurements in {}", path.display()))?;
            Ok(Ending::Complete)
        }
        Err(Error::Cancelled) => {
            console::note(&format!("stopped; {} keeps what was measured: --resume goes on from there", path.display()));
            Ok(Ending::WithFailures)
        }
        Err(error) => Err(error),
    }
}
