//! `denoscope compare`: two models on the same labelled pictures.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, file_of, open_named, plain, sigma};
use super::figures::aligned;
use super::outputs::OutputArguments;
use super::{Done, Ending, console};
use crate::Result;
use crate::data::{Keep, Loader, Purpose, open};
use crate::files::write_whole;
use crate::joint::JointModel;
use crate::study::evaluation::compare::{ComparePlan, Comparison, compare, page};
use crate::study::evaluation::{AttackPlan, Samples};
use crate::task::Cancel;

/// Compare two models on the same labelled pictures: who is right where, what they restore, attacks made for one on both
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  denoscope compare --model cifar10 --with mine.safetensors --data cifar/ --html report.html\n  \
                        denoscope compare --with python:mine.py --data cifar/ --limit 1000 --attacks pgd:linf:8/255 --json -\n\n\
                        A is --model, B is --with. Both see the same noise. p is McNemar's exact test."
)]
pub(super) struct Compare {
    /// The data: a folder or .tar.gz of CIFAR-10's binary files, a folder of MNIST's files, or a folder of class folders
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    #[command(flatten)]
    model: ModelArguments,
    /// The other model, as --model takes it
    #[arg(long, value_name = "NAME|PATH|python:SCRIPT.py")]
    with: String,
    /// Noise levels, as 0.1 or 25/255
    #[arg(long, value_name = "S,S,…", value_delimiter = ',', default_value = "1/255,25/255", value_parser = sigma)]
    sigmas: Vec<f32>,
    /// Attacks, each made for either model and tried on both, as eval takes them
    #[arg(long, value_name = "M,M,…", value_delimiter = ',', value_parser = plain::<AttackPlan>)]
    attacks: Vec<AttackPlan>,
    /// The noise level that the attacked classifiers assume (each model's smallest, at least 1/255, if not given)
    #[arg(long, value_name = "S", value_parser = sigma, requires = "attacks")]
    attack_sigma: Option<f32>,
    /// Use only N pictures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// The seed of noise and attacks
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Pictures that go through a model together; figures depend on it by rounding only
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// How many of the pictures that one model alone takes rightly to list, at each noise level
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(..=1000))]
    pictures: u32,
    /// Also write a report with plots and those pictures, one file that opens in a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
}

impl Compare {
    pub fn run(&self) -> Done {
        self.check()?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        let a = &*self.model.open(&cancel)?;
        let b = &*open_named(&self.with, self.model.device(), &cancel)?;
        let plan = self.plan();
        plan.check([a, b])?;
        let samples = self.pictures(a, &cancel)?;
        for note in &samples.notes {
            console::note(&format!("note: {note}"));
        }
        let bar = console::progress(0, "{bar:24} {pos}/{len} pictures, {eta} left, {msg}");
        let comparison = compare([a, b], &samples, &plan, &cancel, &mut |step| {
            bar.set_length(step.total as u64);
            bar.set_position(step.done as u64);
            bar.set_message(step.part.to_owned());
        });
        bar.finish_and_clear();
        let comparison = comparison?;
        self.print(&comparison)?;
        self.output.write(&comparison)?;
        if let Some(path) = &self.html {
            write_whole(path, page::page(&comparison)?.as_bytes(), self.output.force)?;
        }
        Ok(Ending::Complete)
    }

    /// Refuses what would fail only after the work.
    fn check(&self) -> Result<()> {
        let files = [self.model.file(), file_of(&self.with)];
        let inputs = files.iter().flatten().map(PathBuf::as_path).chain([self.data.as_path()]);
        let mut outputs = self.output.outputs(inputs)?;
        self.html.as_ref().map_or(Ok(()), |path| outputs.file("--html", path))
    }

    /// What is to be compared.
    pub(super) fn plan(&self) -> ComparePlan {
        let assuming = |attack: &AttackPlan| AttackPlan { sigma: attack.sigma.or(self.attack_sigma), ..attack.clone() };
        ComparePlan {
            sigmas: self.sigmas.clone(),
            attacks: self.attacks.iter().map(assuming).collect(),
            seed: self.seed,
            batch: self.batch as usize,
            disputed: self.pictures as usize,
        }
    }

    fn pictures(&self, model: &dyn JointModel, cancel: &Cancel) -> Result<Samples> {
        let bar = console::progress(0, "{bar:24} {pos}/{len} pictures read, {eta} left");
        let mut observe = |done: usize, total: usize| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        };
        let loader = &mut Loader { keep: Keep::Meanwhile(std::env::temp_dir()), cancel, observe: &mut observe };
        let set = open(&self.data, Some(model.shape()), Purpose::Measuring)?;
        let samples = Samples::new(set, model, self.limit.map(|n| n as usize), loader);
        bar.finish_and_clear();
        samples
    }

    fn print(&self, comparison: &Comparison) -> Result<()> {
        let Comparison { models: [a, b], data, images, .. } = comparison;
        for (letter, model) in [("A", a), ("B", b)] {
            self.output.say(format!("{letter}  {} on {}", model.name, model.device))?;
            for note in &model.notes {
                console::note(&format!("note: {letter}: {note}"));
            }
        }
        self.output.say(format!("{images} pictures of {data}"))?;
        for table in page::tables(comparison) {
            self.output.say(format!("\n{}", table.title))?;
            let head: Vec<String> = table.head.iter().map(|name| (*name).to_owned()).collect();
            for line in aligned(&head, &table.rows) {
                self.output.say(line)?;
            }
            self.output.say(table.note)?;
        }
        Ok(())
    }
}
