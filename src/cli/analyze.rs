//! `denoscope analyze`: posterior, denoisers and figures of pictures under noise.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, NoiseArguments, part, sigma};
use super::outputs::OutputArguments;
use super::pictures::{self, Input};
use super::sheets::{SheetArguments, title};
use super::{Done, console};
use crate::joint::JointModel;
use crate::picture::Fit;
use crate::study::report::Analysis;
use crate::study::words::percent_in_print;
use crate::study::{Classes, LARGEST_GUIDANCE, Request, Study, analyze, level, ranked, sheet};
use crate::task::Cancel;
use crate::{Result, limits};

/// What a model believes and would restore: posterior, denoisers, PSNR, as text, JSON or a sheet
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope analyze photo.jpg --sigma 25/255 --sheet sheet.png\n  \
                        denoscope analyze *.png --sigma 0.1 --seed 7 --json - | jq '.[].posterior[0]'")]
pub(super) struct Analyze {
    /// Picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// The noise's standard deviation on the [0, 1] scale, as 0.1 or 25/255 (25/255 if not given)
    #[arg(long, value_name = "S", value_parser = sigma)]
    sigma: Option<f32>,
    /// The standard deviation that the model is told, where it is not the noise's
    #[arg(long, value_name = "S", value_parser = sigma, conflicts_with = "already_noisy")]
    assume: Option<f32>,
    #[command(flatten)]
    noise: NoiseArguments,
    /// Add no noise: the picture has its own, of --sigma if given, else of an estimate
    #[arg(long, conflicts_with_all = ["noise", "seed"])]
    already_noisy: bool,
    /// Classes to denoise as: all, the N most probable, or names (a,b; a name that is a number as 3,); the others are one
    /// denoiser together. If not given: all of up to 16, the 12 most probable of more
    #[arg(long, value_name = "all|N|a,b")]
    classes: Option<String>,
    /// How many times as far from D as its own denoiser each class's picture is shown: beyond 1, what the class would change is
    /// seen more clearly
    #[arg(long, value_name = "W", default_value_t = 1.0)]
    guidance: f64,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub(super) fit: Fit,
    /// Also denoise the whole picture at its own size
    #[arg(long)]
    native: bool,
    #[command(flatten)]
    sheet: SheetArguments,
    #[command(flatten)]
    output: OutputArguments,
}

impl Analyze {
    pub fn run(&self) -> Done {
        let mut outputs = self.output.outputs(pictures::files(&self.images).chain(self.model.file().as_deref()))?;
        let sheets = self.sheet.plan_each(&mut outputs, &self.images)?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        let model = &*self.model.open(&cancel)?;
        let classes = self.check(model)?;
        let mut reports = Vec::new();
        let ending = pictures::each(&self.images, model, self.fit, |input| {
            let study = analyze(model, &self.request(&input, &classes), &cancel, &mut |_| ())?;
            self.print(&input, &study)?;
            let drawn = |theme| sheet(&study, &title(input.path), theme);
            if let Some(path) = sheets.write(input.number, &self.output, drawn)? {
                self.output.say(format!("  sheet    {}", path.display()))?;
            }
            reports.push(Analysis::of(&study, input.path, &input.description));
            Ok(())
        })?;
        self.output.write(&reports)?;
        Ok(ending)
    }

    /// The classes that are asked for; refused here is what would fail only after the work.
    pub(super) fn check(&self, model: &dyn JointModel) -> Result<Classes> {
        for (option, level) in [("--sigma", self.sigma), ("--assume", self.assume)] {
            limits::sigma(option, level.unwrap_or_default())?;
        }
        limits::number("--guidance", self.guidance, 0.0, LARGEST_GUIDANCE)?;
        let asked = self.classes.as_ref().map(|text| Classes::parse("--classes", text, model.classes()));
        asked.unwrap_or(Ok(Classes::Usual))
    }

    pub(super) fn request(&self, input: &Input<'_>, classes: &Classes) -> Request {
        let picture = input.fitted.picture.clone();
        let mut request = if self.already_noisy {
            Request::noisy(picture, self.sigma)
        } else {
            Request::clean(picture, self.noise.at(self.sigma.unwrap_or(25.0 / 255.0)))
        };
        request.assumed_sigma = request.assumed_sigma.or(self.assume);
        if self.native {
            request = request.with_native(input.whole.clone(), None);
        }
        request.with_classes(classes.clone()).guided(self.guidance)
    }

    fn print(&self, input: &Input<'_>, study: &Study) -> Result<()> {
        let say = |line: String| self.output.say(line);
        say(format!("{}", input.path.display()))?;
        say(format!("  picture  {}", input.description))?;
        let origin = match study.noise {
            Some(noise) => format!("{} noise, seed {}", noise.kind, noise.seed),
            None if study.sigma_estimated => "estimated from the picture".to_owned(),
            None => "as told".to_owned(),
        };
        say(format!("  sigma    {}, {origin}", level::describe(study.sigma)))?;
        say(format!("  model    {} on {}", study.model.name, study.model.device))?;
        let shown = if study.model.is_classifier() { 5 } else { 0 };
        for (rank, class) in ranked(&study.posterior).into_iter().take(shown).enumerate() {
            let label = if rank == 0 { "p(c | y)" } else { "" };
            let sure = percent_in_print(study.posterior[class]);
            say(format!("  {label:<8} {sure:>8}  {}", study.model.classes[class]))?;
        }
        if let Some(rest) = &study.rest {
            let sure = percent_in_print(rest.probability);
            say(format!("  rest     {sure:>8}  {} other classes as one", rest.classes))?;
        }
        if let Some((noisy, denoised)) = study.noisy_fidelity.zip(study.denoised_fidelity) {
            for ((metric, noisy), (_, denoised)) in noisy.measured().zip(denoised.measured()) {
                say(format!(
                    "  {:<8} {} noisy, {} denoised",
                    metric.title,
                    metric.write(noisy),
                    metric.write(denoised)
                ))?;
            }
        }
        if let Some(fidelity) = study.native.as_ref().and_then(|native| native.denoised_fidelity) {
            let values: Vec<_> = fidelity.measured().map(|(metric, value)| metric.labelled(value)).collect();
            say(format!("  native   {} denoised at its own size", values.join(", ")))?;
        }
        if let Some(error) = study.identity_error {
            say(format!("  identity max |D − Σ p(c | y) D_c| = {error:.1e}"))?;
        }
        say(format!("  time     {:.0} ms forward, {:.0} ms adjoint", study.timings.forward, study.timings.adjoint))?;
        for text in &study.notes {
            console::note(&format!("note: {}: {text}", input.path.display()));
        }
        Ok(())
    }
}
