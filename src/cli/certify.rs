//! `denoscope certify`: how far a picture may be moved before the smoothed classifier can change its mind.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::{ModelArguments, part, sigma};
use super::outputs::OutputArguments;
use super::pictures;
use super::{Done, console};
use crate::attack::{Certificate, Smoothing, certify};
use crate::joint::JointModel;
use crate::picture::Fit;
use crate::study::report::CertificateReport;
use crate::study::{class_index, level};
use crate::task::Cancel;
use crate::{Error, Result};

/// Prove a radius within which no perturbation changes the class (randomised smoothing)
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  denoscope certify digit.png --sigma 0.25 --samples 10000\n\n\
                        The certified classifier is the smoothed one: what the model says most often of the picture \
                        with Gaussian noise. The radius is in L2 on the [0, 1] scale; it is wrong with probability at \
                        most --alpha.")]
pub(super) struct Certify {
    /// Picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// The standard deviation of the noise, as 0.25 or 64/255; also what the model is told
    #[arg(long, value_name = "S", value_parser = sigma, default_value = "0.25")]
    sigma: f32,
    /// How many noisy pictures bound the radius; more give a larger one
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    samples: u64,
    /// How many noisy pictures choose the class before
    #[arg(long, value_name = "N", default_value_t = 100)]
    selection: u64,
    /// The probability that the certificate may be wrong
    #[arg(long, value_name = "A", default_value_t = 0.001)]
    alpha: f64,
    /// Stop each picture after this time; what is proved by then is reported, by a bound that allows stopping
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// The pictures' true class, to say whether the certified class is right
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
    /// The seed of the noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many noisy pictures the model sees at once; it changes no result
    #[arg(long, value_name = "N", default_value_t = 100)]
    batch: usize,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    fit: Fit,
    #[command(flatten)]
    results: OutputArguments,
}

impl Certify {
    pub fn run(&self) -> Done {
        self.results.check()?;
        if self.seconds.is_some_and(|s| !(s.is_finite() && s > 0.0)) {
            return Err(Error::option("--seconds", "takes a positive number"));
        }
        let model = self.model.open()?;
        let label = self.label.as_ref().map(|name| class_index("--label", name, model.classes())).transpose()?;
        let smoothing = Smoothing {
            selection: self.selection,
            samples: self.samples,
            alpha: self.alpha,
            batch: self.batch,
            seed: self.seed,
            ..Smoothing::new(self.sigma)
        };
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping: what is proved by now counts")?;
        let mut reports = Vec::new();
        let mut number = 0;
        let ended = pictures::each(&self.images, &model, self.fit, |input| {
            cancel.check()?;
            let clean = input.fitted.picture.map(|v| v.clamp(0.0, 1.0));
            let smoothing = Smoothing { number, ..smoothing };
            number += 1;
            let bar = bar(self.samples);
            let begin = Instant::now();
            let certificate = certify(&model, &clean, &smoothing, &Cancel::new(), &mut |running| {
                bar.set_position(running.samples());
                bar.set_message(radius(running.anytime_radius()));
                let late = self.seconds.is_some_and(|limit| begin.elapsed() > Duration::from_secs_f64(limit));
                if late || cancel.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            bar.finish_and_clear();
            let certificate = certificate?;
            self.results.say(format!("{}", input.path.display()))?;
            self.results.say(format!("  picture   {}", input.description))?;
            self.print(&certificate, label, &model)?;
            reports.push(CertificateReport::of(&certificate, &model, label, input.path, &input.description));
            Ok(())
        });
        // What was proved before it was stopped is not lost.
        if matches!(ended, Ok(_) | Err(Error::Cancelled)) {
            self.results.write(&reports)?;
        }
        ended
    }

    fn print(&self, certificate: &Certificate, label: Option<usize>, model: &dyn JointModel) -> Result<()> {
        let say = |line: String| self.results.say(line);
        let name = &model.classes()[certificate.class];
        let right = match label {
            Some(label) if label == certificate.class => ", which is right",
            Some(_) => ", which is wrong",
            None => "",
        };
        let (votes, samples) = (certificate.votes[certificate.class], certificate.samples());
        say(format!("  noise     sigma {}", level::describe(certificate.sigma)))?;
        say(format!("  votes     {votes} of {samples} for {name}{right}"))?;
        let plan = if certificate.is_complete() { "" } else { "; stopped early" };
        say(format!(
            "  certified {}, wrong with probability at most {}{plan}",
            radius(certificate.reported_radius()),
            certificate.alpha
        ))
    }
}

fn radius(radius: Option<f64>) -> String {
    radius.map_or_else(|| "nothing: it abstains".to_owned(), |r| format!("L2 radius {r:.4}"))
}

fn bar(samples: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} votes, {eta} left, {msg}");
    ProgressBar::new(samples).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
