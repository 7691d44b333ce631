//! `denoscope certify`: how far a picture may be moved before the smoothed classifier can change its mind.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::arguments::{ModelArguments, part, say_abilities, sigma};
use super::outputs::OutputArguments;
use super::pictures;
use super::sheets::{SheetArguments, title};
use super::{Done, console};
use crate::attack::{BracketSettings, Bracketing, Certificate, Certification, Smoothing};
use crate::joint::JointModel;
use crate::picture::{Fit, Picture};
use crate::study::report::CertificateReport;
use crate::study::{certificate_sheet, class_index, level};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// Prove a radius within which no perturbation changes the class (randomised smoothing)
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope certify digit.png --sigma 0.25 --samples 10000\n  \
                        denoscope certify digit.png --sigma 0.25 --samples 1000 --attempts 8 --sheet proof.png\n\n\
                        The certified classifier is the smoothed one: what the model says most often of the picture \
                        with Gaussian noise. The radius is in L2 on the [0, 1] scale; it is wrong with probability at \
                        most --alpha, whenever and for whatever reason the count is stopped (Ctrl-C keeps what is \
                        proved): nine tenths of --alpha are spent on all --samples, one tenth on looks before, at \
                        100, 200, 400, … of them. With --attempts the nearest picture that the smoothed classifier \
                        takes for another class is looked for too: the true radius lies between both, and half of --alpha is \
                        spent on either end.")]
pub(super) struct Certify {
    /// Picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
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
    /// The probability that the certificate may be wrong, also if it is stopped because of what it showed
    #[arg(long, value_name = "A", default_value_t = 0.001)]
    alpha: f64,
    /// Stop each picture after this time; what is proved by then is reported
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// How many attacks on the smoothed classifier are tried, to close in on the true radius from above too
    #[arg(long, value_name = "N", default_value_t = 0)]
    attempts: usize,
    /// How many votes each of their claims rests on
    #[arg(long, value_name = "N", default_value_t = 400, requires = "attempts")]
    attack_votes: u64,
    /// The pictures' true class, to say whether the certified class is right
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
    /// The seed of the noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many noisy pictures the model sees at once, or more on a graphics card; it changes no result
    #[arg(long, value_name = "N", default_value_t = 100)]
    batch: usize,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub(super) fit: Fit,
    #[command(flatten)]
    sheet: SheetArguments,
    #[command(flatten)]
    results: OutputArguments,
}

impl Certify {
    pub fn run(&self) -> Done {
        let mut outputs = self.results.outputs(pictures::files(&self.images).chain(self.model.file().as_deref()))?;
        let sheets = self.sheet.plan_each(&mut outputs, &self.images)?;
        let (smoothing, limit) = self.check()?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping: what is proved by now counts")?;
        let model = &*self.model.open(&cancel)?;
        say_abilities(model);
        let label = self.label.as_ref().map(|name| class_index("--label", name, model.classes())).transpose()?;
        let mut reports = Vec::new();
        let ended = pictures::each(&self.images, model, self.fit, |input| {
            cancel.check()?;
            let clean = input.fitted.picture.map(|v| v.clamp(0.0, 1.0));
            let bracket = self.bracket(model, &clean, &smoothing, limit, &cancel)?;
            let certificate = match &bracket {
                Some(bracket) => bracket.certificate().clone(),
                None => self.certificate(model, &clean, &smoothing, limit, &cancel)?,
            };
            self.results.say(format!("{}", input.path.display()))?;
            self.results.say(format!("  picture   {}", input.description))?;
            self.print(&certificate, label, model)?;
            let of = CertificateReport::of(&certificate, &smoothing, model, label, input.path, &input.description);
            reports.push(match &bracket {
                Some(bracket) => {
                    self.print_bracket(bracket, model)?;
                    of.within(bracket, smoothing.alpha, model)
                }
                None => of,
            });
            let above = bracket.as_ref().map(|bracket| (bracket.attempts(), bracket.found()));
            let drawn =
                |theme| certificate_sheet(&certificate, above, &smoothing, &clean, model, (&title(input.path), theme));
            sheets.write(input.number, &self.results, drawn)?;
            Ok(())
        });
        // What was proved before it was stopped is not lost.
        if matches!(ended, Ok(_) | Err(Error::Cancelled)) {
            self.results.write(&reports)?;
        }
        ended
    }

    /// What is asked for, and how long a picture may take; refused here is what would fail only after the work.
    pub(super) fn check(&self) -> Result<(Smoothing, Option<Duration>)> {
        let smoothing = Smoothing {
            selection: self.selection,
            samples: self.samples,
            alpha: self.alpha,
            batch: self.batch,
            seed: self.seed,
            ..Smoothing::new(self.sigma)
        };
        smoothing.check()?;
        if self.attempts > 0 {
            self.bracketed(&smoothing).check()?;
        }
        Ok((smoothing, self.seconds.map(|seconds| limits::time("--seconds", seconds)).transpose()?))
    }

    /// Counts until the plan is complete, the time is over or `cancel` is raised; what is proved by then counts, and if the
    /// class is not chosen by then, nothing is.
    fn certificate(
        &self,
        model: &dyn JointModel,
        clean: &Picture,
        smoothing: &Smoothing,
        limit: Option<Duration>,
        cancel: &Cancel,
    ) -> Result<Certificate> {
        let begin = Instant::now();
        let mut count = Certification::begin(model, clean, smoothing, cancel)?;
        let bar = console::progress(self.samples, "{bar:24} {pos}/{len} votes, {eta} left, {msg}");
        while !count.certificate().is_complete() && !cancel.is_raised() {
            count.advance(model, clean, &Cancel::new())?;
            bar.set_position(count.certificate().samples());
            bar.set_message(radius(count.certificate().radius()));
            if limit.is_some_and(|limit| begin.elapsed() > limit) {
                break;
            }
        }
        bar.finish_and_clear();
        Ok(count.certificate().clone())
    }

    fn bracketed(&self, smoothing: &Smoothing) -> BracketSettings {
        let usual = BracketSettings::new(*smoothing);
        BracketSettings { attempts: self.attempts, votes: self.attack_votes, ..usual }
    }

    /// Closes in from both sides, if that is asked for, as [`Self::certificate`] does from one.
    pub(super) fn bracket(
        &self,
        model: &dyn JointModel,
        clean: &Picture,
        smoothing: &Smoothing,
        limit: Option<Duration>,
        cancel: &Cancel,
    ) -> Result<Option<Bracketing>> {
        if self.attempts == 0 {
            return Ok(None);
        }
        let begin = Instant::now();
        let mut bracket = Bracketing::begin(model, clean, &self.bracketed(smoothing), cancel)?;
        let bar = console::progress(self.samples, "{bar:24} {pos}/{len} votes, {eta} left, {msg}");
        while !bracket.is_complete() && !cancel.is_raised() {
            match bracket.advance(model, clean, cancel) {
                // What is found by now counts.
                Err(Error::Cancelled) => break,
                other => other?,
            }
            bar.set_position(bracket.certificate().samples());
            let (low, high) = bracket.bounds();
            bar.set_message(format!("radius {low:.3} to {}", upper(high)));
            if limit.is_some_and(|limit| begin.elapsed() > limit) {
                break;
            }
        }
        bar.finish_and_clear();
        Ok(Some(bracket))
    }

    fn print_bracket(&self, bracket: &Bracketing, model: &dyn JointModel) -> Result<()> {
        let (low, high) = bracket.bounds();
        let what = match bracket.found() {
            Some(found) => {
                format!(
                    "{} has {} of {} votes there",
                    model.classes()[found.class],
                    found.votes,
                    found.votes + found.against
                )
            }
            None => "no attack succeeded".to_owned(),
        };
        self.results.say(format!("  {}", ruler(low, high)))?;
        self.results.say(format!(
            "  bracket   L2 {low:.4} to {}, {} attacks tried: {what}",
            upper(high),
            bracket.attempts()
        ))
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
            radius(certificate.radius()),
            certificate.alpha
        ))
    }
}

fn upper(high: Option<f64>) -> String {
    high.map_or_else(|| "nothing found".to_owned(), |high| format!("{high:.4}"))
}

/// A bar from 0 on: what is proved, what is open, and where the attack lies.
fn ruler(low: f64, high: Option<f64>) -> String {
    const WIDTH: usize = 48;
    let most = high.unwrap_or(2.0 * low).max(1e-9);
    let proved = ((low / most) * WIDTH as f64).round().min(WIDTH as f64) as usize;
    let end = if high.is_some() { "×" } else { "…" };
    format!("{}{}{end}", "█".repeat(proved), "·".repeat(WIDTH - proved))
}

fn radius(radius: Option<f64>) -> String {
    radius.map_or_else(|| "nothing: it abstains".to_owned(), |r| format!("L2 radius {r:.4}"))
}
