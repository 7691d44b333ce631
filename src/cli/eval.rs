//! `denoscope eval`: a model on a labelled data set.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, plain, sigma};
use super::outputs::{OutputArguments, refuse_existing};
use super::{Done, Ending, console};
use crate::files::write_whole;
use crate::joint::JointModel;
use crate::picture::NoiseKind;
use crate::study::evaluation::{
    AttackPlan, DetectionFigures, Evaluation, LevelFigures, Plan, Samples, csv, evaluate, html,
};
use crate::study::level;
use crate::task::Cancel;
use crate::train::data::open_as;
use crate::{Error, Result};

/// Measure a model on labelled pictures: accuracy, calibration and PSNR by noise level, accuracy under attack
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope eval --data mnist/ --sigmas 0.01,0.5 --limit 1000\n  \
                        denoscope eval --data cifar/ --model my.safetensors --attacks pgd:linf:8/255,square --json -")]
pub(super) struct Eval {
    /// The data: a folder or .tar.gz of CIFAR-10's binary files, a folder of MNIST's files, or a folder of class folders
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    #[command(flatten)]
    model: ModelArguments,
    /// Noise levels, as 0.1 or 25/255
    #[arg(long, value_name = "S,S,…", value_delimiter = ',', default_value = "15/255,25/255,50/255", value_parser = sigma)]
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
    /// Pictures of another kind, to be told from those in --data by the model: a data set as there
    #[arg(long, value_name = "PATH")]
    ood: Option<PathBuf>,
    /// Use only N pictures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// The seed of noise and attacks
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Pictures that go through the model together; the figures do not depend on it
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Also write every figure as a line of comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Also write a report with plots, one file that opens in a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
}

impl Eval {
    pub fn run(&self) -> Done {
        self.output.check()?;
        for path in [&self.csv, &self.html].into_iter().flatten() {
            refuse_existing(path, self.output.force)?;
        }
        if let Some(sigma) = self.sigmas.iter().find(|sigma| **sigma <= 0.0) {
            return Err(Error::option("--sigmas", format!("{sigma} is not above 0")));
        }
        let model = self.model.open()?;
        let data = open_as(&self.data, Some(model.shape()))?;
        let limit = self.limit.map(|n| n as usize);
        let samples = Samples::new(data, &model, limit)?;
        let others = match &self.ood {
            Some(path) => Some(Samples::of_another_kind(open_as(path, Some(model.shape()))?, &model, limit)),
            None => None,
        };
        for note in &samples.notes {
            console::note(&format!("note: {note}"));
        }
        let bar = console::progress(0, "{bar:24} {pos}/{len} pictures, {eta} left, {msg}");
        let evaluation = evaluate(&model, &samples, others.as_ref(), &self.plan(), &Cancel::new(), &mut |step| {
            bar.set_length(step.total as u64);
            bar.set_position(step.done as u64);
            bar.set_message(step.part.to_owned());
        });
        bar.finish_and_clear();
        let evaluation = evaluation?;
        self.print(&evaluation)?;
        self.output.write(&evaluation)?;
        if let Some(path) = &self.csv {
            write_whole(path, csv::table(&evaluation).as_bytes(), self.output.force)?;
        }
        if let Some(path) = &self.html {
            write_whole(path, html::page(&evaluation).as_bytes(), self.output.force)?;
        }
        Ok(Ending::Complete)
    }

    fn plan(&self) -> Plan {
        let at_its_level =
            |attack: &AttackPlan| AttackPlan { sigma: attack.sigma.or(self.attack_sigma), ..attack.clone() };
        let attacks = self.attacks.iter().map(at_its_level);
        Plan {
            sigmas: self.sigmas.clone(),
            noises: self.noises.clone(),
            attacks: attacks.collect(),
            seed: self.seed,
            batch: self.batch as usize,
        }
    }

    fn print(&self, evaluation: &Evaluation) -> Result<()> {
        let say = |line: String| self.output.say(line);
        let Evaluation { model, device, data, images, .. } = evaluation;
        say(format!("{model} on {device}: {images} pictures of {data}"))?;
        say(format!(
            "{:<16} {:>18} {:>9} {:>7} {:>9} {:>9} {:>7}",
            "noise", "sigma", "accuracy", "ECE", "noisy", "denoised", "SSIM"
        ))?;
        for LevelFigures { noise, sigma, accuracy, ece, psnr_db, ssim, .. } in
            evaluation.by_sigma.iter().chain(&evaluation.by_noise)
        {
            say(format!(
                "{noise:<16} {:>18} {:>7.2} % {ece:>7.4} {:>6.2} dB {:>6.2} dB {ssim:>7.4}",
                level::describe(*sigma),
                100.0 * accuracy,
                psnr_db.noisy,
                psnr_db.denoised,
            ))?;
        }
        if !evaluation.robust.is_empty() {
            say(format!("{:<16} {:>5} {:>18} {:>9} {:>9}", "attack", "norm", "epsilon", "clean", "robust"))?;
        }
        for robust in &evaluation.robust {
            say(format!(
                "{:<16} {:>5} {:>18} {:>7.2} % {:>7.2} %",
                robust.method.id(),
                robust.norm.title(),
                level::describe(robust.epsilon as f32),
                100.0 * robust.clean_accuracy,
                100.0 * robust.accuracy,
            ))?;
            for warning in &robust.warnings {
                console::note(&format!("note: {}: {warning}", robust.method));
            }
        }
        for ood in &evaluation.ood {
            let DetectionFigures { data, score, auroc, fpr_at_95, .. } = ood;
            let sigma = level::describe(ood.sigma);
            let false_alarms = 100.0 * fpr_at_95;
            say(format!(
                "{:<14} {sigma:>18}: AUROC {auroc:.4}, FPR at 95 % {false_alarms:.2} % against {data}",
                score.name()
            ))?;
        }
        Ok(())
    }
}
