//! `denoscope uncertainty`: how unsure a model is of every pixel, and why.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, NoiseArguments, part, region, sigma, wholes};
use super::outputs::OutputArguments;
use super::pictures::{self, Input};
use super::sheets::{SheetArguments, title};
use super::{Done, console};
use crate::joint::JointModel;
use crate::picture::Fit;
use crate::study::lab::{
    Estimate, LARGEST_COUNT, Probes, Progress, Region, Uncertainty, UncertaintyReport, UncertaintyRequest, uncertainty,
};
use crate::study::words::{number, percent_in_print, significant};
use crate::study::{Subject, class_index, level, uncertainty_sheet};
use crate::{Result, limits};

/// How unsure a model is of every pixel and why, what else the picture could be, what a pixel was made of
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope uncertainty photo.jpg --sigma 50/255 --sheet doubt.png\n  \
                        denoscope uncertainty sample:cifar10/ship --sigma 0.2 --components 5 --region 8,8,12,12 --filter 14,16 \
                        --sheet ship.png\n\n\
                        The posterior's variance σ²J, with J = ∂E[x | y]/∂y, splits into \"which class?\" and \"which details?\". \
                        A picture of up to 4096 values gets a product with J for each of them; a larger one random probes, \
                        with their standard error. Formulas and sources: docs/lab.md.")]
pub(super) struct Uncertain {
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
    /// Estimate the variances from so many random probes, with their standard error, instead of computing each
    #[arg(long, value_name = "N")]
    probes: Option<usize>,
    /// Look for so many principal components, up to 16: what else the picture could be
    #[arg(long, value_name = "N")]
    components: Option<usize>,
    /// Look for them in a rectangle only, in pixels of the picture that the model sees
    #[arg(long, value_name = "X,Y,W,H", value_parser = region, requires = "components")]
    region: Option<Region>,
    /// Show what a pixel was made of, in pixels of the picture that the model sees
    #[arg(long, value_name = "X,Y", value_parser = pixel)]
    filter: Option<(usize, usize)>,
    /// Components and filter as if the picture were of this class
    #[arg(long = "as", value_name = "CLASS")]
    class: Option<String>,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub(super) fit: Fit,
    #[command(flatten)]
    sheet: SheetArguments,
    #[command(flatten)]
    output: OutputArguments,
}

impl Uncertain {
    pub fn run(&self) -> Done {
        let mut outputs = self.output.outputs(pictures::files(&self.images).chain(self.model.file().as_deref()))?;
        let sheets = self.sheet.plan_each(&mut outputs, &self.images)?;
        let (cancel, model) = self.model.ready()?;
        let model = &*model;
        let class = self.check(model)?;
        let mut reports = Vec::new();
        let ending = pictures::each(&self.images, model, self.fit, |input| {
            cancel.check()?;
            let bar = console::progress(1000, "{bar:24} {percent} % of the variances, {eta} left");
            let found = uncertainty(model, &self.request(&input, class), &cancel, &mut |progress| {
                if let Progress::Share(share) = progress {
                    bar.set_position((share * 1000.0) as u64);
                }
            });
            bar.finish_and_clear();
            let found = found?;
            let drawn = |theme| uncertainty_sheet(&found, &title(input.path), theme);
            sheets.write(input.number, &self.output, drawn)?;
            self.print(&input, &found)?;
            reports.push(UncertaintyReport::of(&found, input.path, &input.description));
            Ok(())
        })?;
        self.output.write(&reports)?;
        Ok(ending)
    }

    /// The class that is asked for; refused here is what would fail only after the work.
    pub(super) fn check(&self, model: &dyn JointModel) -> Result<Option<usize>> {
        for (option, level) in [("--sigma", self.sigma), ("--assume", self.assume)] {
            limits::sigma(option, level.unwrap_or_default())?;
        }
        self.probes().check("--probes")?;
        if let Some(count) = self.components {
            limits::whole("--components", count as u64, 1, LARGEST_COUNT as u64)?;
        }
        if let Some(region) = self.region {
            region.check("--region", model.shape())?;
        }
        self.class.as_ref().map(|name| class_index("--as", name, model.classes())).transpose()
    }

    fn probes(&self) -> Probes {
        self.probes.map_or(Probes::Usual, Probes::Random)
    }

    pub(super) fn request(&self, input: &Input<'_>, class: Option<usize>) -> UncertaintyRequest {
        let picture = input.fitted.picture.clone();
        let (subject, assumed_sigma) = if self.already_noisy {
            (Subject::Noisy(picture), self.sigma)
        } else {
            (Subject::Clean { picture, noise: self.noise.at(self.sigma.unwrap_or(25.0 / 255.0)) }, self.assume)
        };
        UncertaintyRequest {
            subject,
            assumed_sigma,
            probes: self.probes(),
            components: self.components.unwrap_or_default(),
            region: self.region,
            filter: self.filter,
            class,
            seed: self.noise.at(0.0).seed,
        }
    }

    fn print(&self, input: &Input<'_>, found: &Uncertainty) -> Result<()> {
        let say = |line: String| self.output.say(line);
        let doubt = &found.doubt;
        say(format!("{}", input.path.display()))?;
        say(format!("  picture  {}", input.description))?;
        say(format!("  sigma    {}", level::describe(found.sigma)))?;
        say(format!("  model    {} on {}", found.model.name, found.model.device))?;
        if found.model.is_classifier() {
            let class = found.predicted();
            say(format!("  p(c | y) {} {}", percent_in_print(found.posterior[class]), found.model.classes[class]))?;
        }
        let [classes, details, total] = doubt.means();
        let deviation = |variance: f64| significant(variance.max(0.0).sqrt() as f32);
        say(format!("  doubt    {} a value (root mean square, [0, 1] scale)", deviation(total)))?;
        if total > 0.0 {
            say(format!("           {} which class?", percent_in_print(classes / total)))?;
            say(format!("           {} which details?", percent_in_print(details / total)))?;
        }
        let of = |estimate: Estimate| match estimate.standard_error {
            0.0 => number(estimate.value, 1),
            error => format!("{} ± {}", number(estimate.value, 1), number(error, 1)),
        };
        let values = found.noisy.values().len();
        say(format!("  tr J     {} of {values}; sum of squared eigenvalues {}", of(doubt.trace), of(doubt.squares)))?;
        let has = found.denoised_fidelity.map_or(String::new(), |f| format!(", has {} dB", number(f.psnr_db(), 2)));
        say(format!("  PSNR     expects {} dB{has}", number(found.expected_psnr_db(), 2)))?;
        for (index, component) in found.components.iter().flat_map(|c| &c.list).enumerate() {
            let label = if index == 0 { "also" } else { "" };
            let (lambda, deviation) = (component.eigenvalue, component.deviation);
            say(format!("  {label:<8} component {}: eigenvalue {lambda:.4}, deviation {deviation:.4}", index + 1))?;
        }
        if let Some(filter) = &found.filter {
            let (x, y) = filter.pixel;
            say(format!("  filter   at {x},{y}: sum {:.3}, width {:.2} pixels", filter.sum, filter.width))?;
        }
        say(format!("  identity J against its two parts, relative: {:.1e}", doubt.identity_error))?;
        say(format!("  time     {:.0} ms", found.milliseconds))?;
        for text in &found.notes {
            console::note(&format!("note: {}: {text}", input.path.display()));
        }
        Ok(())
    }
}

/// Parses a pixel, for clap.
fn pixel(text: &str) -> Result<(usize, usize), String> {
    wholes(text).map(|[x, y]| (x, y)).ok_or_else(|| "is no pixel X,Y: a column and a row from 0 on".to_owned())
}
