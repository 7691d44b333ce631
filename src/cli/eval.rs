//! `denoscope eval`: a model on a labelled data set.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::arguments::{ModelArguments, plain, sigma};
use super::outputs::OutputArguments;
use super::{Done, Ending, console};
use crate::attack::Defence;
use crate::data::{Keep, Loader, Purpose, open};
use crate::files::write_whole;
use crate::joint::JointModel;
use crate::picture::NoiseKind;
use crate::study::evaluation::{
    AttackPlan, CertifyPlan, Evaluation, Journal, Plan, Samples, Table, csv, evaluate_from, html, tables,
};
use crate::task::Cancel;
use crate::{Error, Result};

/// Measure a model on labelled pictures: accuracy, calibration and PSNR by noise level, under attack, certified
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope eval --data mnist/ --sigmas 0.01,0.5 --limit 1000\n  \
                        denoscope eval --data cifar/ --model my.safetensors --attacks pgd:linf:8/255,square --json -\n  \
                        denoscope eval --data mnist/ --attacks pgd:l2:1:sigma=0.25 --defence none --defence vote \
                        --certify 0.25 --limit 200 --html report.html\n\n\
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
    /// square:linf:8/255:queries=1000; or a preset's name (attack --help lists both)
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
    /// Also write every figure as a line of comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Also write a report with plots and pictures, one file that opens in a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How many example pictures the report shows
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(..=64), requires = "html")]
    examples: u32,
    /// Go on where an evaluation was stopped: OUTPUT.unfinished, beside its first output, keeps what was measured. With other
    /// options, or more pictures, what they do not change is taken over
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    output: OutputArguments,
}

impl Eval {
    pub fn run(&self) -> Done {
        self.check()?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        let model = self.model.open()?;
        let plan = self.plan();
        plan.check(&model)?;
        let (samples, others) = self.pictures(&model, &cancel)?;
        let mut journal = self.journal()?;
        for note in [Some(&samples), others.as_ref()].into_iter().flatten().flat_map(|samples| &samples.notes) {
            console::note(&format!("note: {note}"));
        }
        let bar = console::progress(0, "{bar:24} {pos}/{len} pictures, {eta} left, {msg}");
        let evaluation = evaluate_from(&mut journal, &model, &samples, others.as_ref(), &plan, &cancel, &mut |step| {
            bar.set_length(step.total as u64);
            bar.set_position(step.done as u64);
            bar.set_message(step.part.to_owned());
        });
        bar.finish_and_clear();
        if journal.reused() > 0 {
            console::note(&format!("note: {} measurements of before were taken over", journal.reused()));
        }
        match evaluation {
            Ok(evaluation) => self.write(&evaluation)?,
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
        let inputs = [Some(self.data.as_path()), self.ood.as_deref(), self.model.file()];
        let mut outputs = self.output.outputs(inputs.into_iter().flatten())?;
        for (option, path) in [("--csv", &self.csv), ("--html", &self.html)] {
            if let Some(path) = path {
                outputs.file(option, path)?;
            }
        }
        if let Some(state) = self.state() {
            outputs.own("--resume", &state)?;
        }
        match (self.state(), self.resume) {
            (None, true) => Err(Error::option("--resume", "needs the --json FILE, --csv or --html of before")),
            (Some(state), true) if !state.exists() => {
                Err(Error::option("--resume", format!("there is no {} to go on from", state.display())))
            }
            (Some(state), false) if state.exists() && !self.output.force => {
                let reason = "is of an evaluation that was stopped: --resume goes on, --force begins anew";
                Err(Error::io(state, io::Error::new(io::ErrorKind::AlreadyExists, reason)))
            }
            _ => Ok(()),
        }
    }

    /// Where the measurements are kept until all are made: beside the first output.
    fn state(&self) -> Option<PathBuf> {
        let first = self.output.file().or(self.csv.as_deref()).or(self.html.as_deref());
        first.map(|path| path.with_added_extension("unfinished"))
    }

    fn journal(&self) -> Result<Journal> {
        match self.state() {
            None => Ok(Journal::unkept()),
            Some(path) if self.resume => Journal::resume(&path),
            Some(path) => Journal::create(&path),
        }
    }

    fn write(&self, evaluation: &Evaluation) -> Result<()> {
        self.print(evaluation)?;
        self.output.write(evaluation)?;
        if let Some(path) = &self.csv {
            write_whole(path, csv::table(evaluation).as_bytes(), self.output.force)?;
        }
        if let Some(path) = &self.html {
            write_whole(path, html::page(evaluation)?.as_bytes(), self.output.force)?;
        }
        Ok(())
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
                ..CertifyPlan::default()
            },
            seed: self.seed,
            batch: self.batch as usize,
            examples: if self.html.is_some() { self.examples as usize } else { 0 },
        }
    }

    fn print(&self, evaluation: &Evaluation) -> Result<()> {
        let Evaluation { model, device, data, images, .. } = evaluation;
        self.output.say(format!("{model} on {device}: {images} pictures of {data}"))?;
        for table in tables(evaluation) {
            self.output.say(format!("\n{}", table.part.title()))?;
            for line in aligned(&table) {
                self.output.say(line)?;
            }
            if !table.note.is_empty() {
                self.output.say(table.note)?;
            }
        }
        for robust in &evaluation.robust {
            for warning in &robust.warnings {
                console::note(&format!("note: {}: {warning}", robust.method));
            }
        }
        Ok(())
    }
}

/// The lines of a table: the first column to the left, the others to the right.
fn aligned(table: &Table) -> Vec<String> {
    let rows: Vec<&Vec<String>> = std::iter::once(&table.head).chain(&table.rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.head.len()).map(width).collect();
    let line = |row: &&Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}
