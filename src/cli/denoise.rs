//! `denoscope denoise`: pictures in, restored pictures out.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, NoiseArguments, part, sigma};
use super::outputs::{OutputArguments, make_folder};
use super::pictures::{self, Input};
use super::{Done, console};
use crate::joint::JointModel;
use crate::network::PHOTOGRAPHS;
use crate::picture::{Fidelity, Fit, Picture, save};
use crate::study::report::Analysis;
use crate::study::{Classes, LARGEST_GUIDANCE, Request, Study, analyze, class_index, level};
use crate::task::Cancel;
use crate::{Result, limits};

/// Restore pictures, at the model's size or their own, freely or as one class
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope denoise scan.png --already-noisy --native -o restored.png\n  \
                        denoscope denoise scan.png --already-noisy --native --ensemble -o better.png\n  \
                        denoscope denoise digit.png --sigma 1 --as 3 -o three.png")]
pub(super) struct Denoise {
    /// Picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// The noise's standard deviation on the [0, 1] scale, as 0.1 or 25/255
    #[arg(long, value_name = "S", value_parser = sigma, required_unless_present = "already_noisy")]
    sigma: Option<f32>,
    #[command(flatten)]
    noise: NoiseArguments,
    /// Add no noise: the picture has its own, of --sigma if given, else of an estimate
    #[arg(long, conflicts_with_all = ["noise", "seed"])]
    already_noisy: bool,
    /// Restore it as a picture of this class
    #[arg(long = "as", value_name = "CLASS")]
    class: Option<String>,
    /// How many times as far from D as the class's own denoiser: beyond 1 the picture becomes more of the class than the model
    /// expects
    #[arg(long, value_name = "W", default_value_t = 1.0, requires = "class")]
    guidance: f64,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub(super) fit: Fit,
    /// Restore the whole picture at its own size; without --as and --model by the bundled model for photographs
    #[arg(long)]
    native: bool,
    /// Average the restoration over the eight symmetries of the square (self-ensemble): eight times the work
    #[arg(long, requires = "native")]
    ensemble: bool,
    /// Where to write: a picture file, or a folder (one that is there, a name that ends in / or has no extension)
    #[arg(long, short, value_name = "FILE|FOLDER")]
    output: PathBuf,
    #[command(flatten)]
    results: OutputArguments,
}

impl Denoise {
    pub fn run(&self) -> Done {
        let mut outputs = self.results.outputs(pictures::files(&self.images).chain(self.model.file().as_deref()))?;
        let paths = outputs.picture_of_each("--output", &self.output, &self.images)?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        // What knows classes serves whole photographs less well.
        let whole = self.native && self.class.is_none();
        let model = if whole { self.model.open_or(PHOTOGRAPHS, &cancel) } else { self.model.open(&cancel) }?;
        let model = &*model;
        let class = self.check(model)?;
        if let Some(note) = self.note_on_part(class, model.classes().len()) {
            console::note(&format!("note: {note}"));
        }
        let mut reports = Vec::new();
        let ending = pictures::each(&self.images, model, self.fit, |input| {
            let (source, path) = (input.path, &paths[input.number]);
            let description = if self.native { input.whole_description() } else { input.description.clone() };
            let request = self.request(&input, class);
            // A whole photograph is large, and the request has its own.
            drop(input);
            let study = analyze(model, &request, &cancel, &mut |_| ())?;
            make_folder(path)?;
            save(path, restored(&study, class), self.results.force)?;
            let sigma = level::describe(study.sigma);
            let origin = if study.sigma_estimated { ", estimated" } else { "" };
            self.results.say(format!("{} → {}  (sigma {sigma}{origin})", source.display(), path.display()))?;
            self.results.say(format!("  {description}"))?;
            if let Some((noisy, denoised)) = fidelity(&study, class) {
                self.results.say(format!("  {} noisy; {} denoised", figures(noisy), figures(denoised)))?;
            }
            // Nobody who restores a picture asked for a posterior.
            for text in study.notes_on_pictures() {
                console::note(&format!("note: {}: {text}", source.display()));
            }
            reports.push(Analysis::of(&study, source, &description));
            Ok(())
        })?;
        self.results.write(&reports)?;
        Ok(ending)
    }

    /// The class that is asked for; refused here is what would fail only after the work.
    pub(super) fn check(&self, model: &dyn JointModel) -> Result<Option<usize>> {
        limits::sigma("--sigma", self.sigma.unwrap_or_default())?;
        limits::number("--guidance", self.guidance, 0.0, LARGEST_GUIDANCE)?;
        self.class.as_ref().map(|name| class_index("--as", name, model.classes())).transpose()
    }

    /// What --fit is for where the whole picture is restored.
    fn note_on_part(&self, class: Option<usize>, classes: usize) -> Option<&'static str> {
        if !self.native || self.fit == Fit::Centre {
            return None;
        }
        Some(if class.is_none() && classes > 1 {
            "--native restores the whole picture: --fit says only of which part the probabilities are that weigh the classes"
        } else {
            "--native restores the whole picture: --fit has no part in it"
        })
    }

    pub(super) fn request(&self, input: &Input<'_>, class: Option<usize>) -> Request {
        let picture = input.fitted.picture.clone();
        let request = match self.sigma {
            Some(sigma) if !self.already_noisy => Request::clean(picture, self.noise.at(sigma)),
            sigma => Request::noisy(picture, sigma),
        };
        let request =
            request.with_classes(Classes::List(class.into_iter().collect())).without_rest().guided(self.guidance);
        let request = if self.native { request.with_native(input.whole.clone(), class) } else { request };
        if self.ensemble { request.averaged() } else { request }
    }
}

/// The picture that was asked for.
fn restored(study: &Study, class: Option<usize>) -> &Picture {
    match (&study.native, class) {
        (Some(native), _) => &native.denoised,
        (None, Some(_)) => study.conditionals.first().map_or(&study.denoised, |c| &c.picture),
        (None, None) => &study.denoised,
    }
}

/// How near the noisy picture and the one that was asked for are, where the clean one is known.
fn fidelity(study: &Study, class: Option<usize>) -> Option<(Fidelity, Fidelity)> {
    match (&study.native, class) {
        (Some(native), _) => native.noisy_fidelity.zip(native.denoised_fidelity),
        (None, Some(_)) => study.noisy_fidelity.zip(study.conditionals.first()?.fidelity),
        (None, None) => study.noisy_fidelity.zip(study.denoised_fidelity),
    }
}

fn figures(fidelity: Fidelity) -> String {
    fidelity.measured().map(|(metric, value)| metric.labelled(value)).collect::<Vec<_>>().join(", ")
}
