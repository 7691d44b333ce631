//! `denoscope sample`: pictures drawn from the model, out of nothing or from the posterior of a noisy picture.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, NoiseArguments, sigma};
use super::drawing::DrawingArguments;
use super::outputs::{OutputArguments, make_folder};
use super::pictures;
use super::sheets::title;
use super::{Done, Ending, console};
use crate::joint::JointModel;
use crate::picture::{Picture, save};
use crate::study::lab::{Guidance, SampleReport, SampleRequest, Samples, Start, Way, sample, wilson};
use crate::study::words::{in_words, percent_in_print};
use crate::study::{class_index, ranked, samples_sheet};
use crate::{Error, Result, limits};

/// Draw pictures from the model: out of nothing, as a class, or what a noisy picture could have been
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope sample --count 16 --as cat --guidance 2 --sheet cats.png\n  \
                        denoscope sample --method ascent --count 16 --frames 8 --sheet ascent.png\n  \
                        denoscope sample sample:cifar10/frog --sigma 100/255 --count 64 --steps 64 --sheet frogs.png\n\n\
                        Without a picture they are drawn out of nothing, by Heun's method with the levels and the churn of Karras et al. \
                        2022, or by the stochastic ascent of Kadkhodaie & Simoncelli 2021. Of a picture with noise they are \
                        restorations drawn from p(x | y) by ancestral steps; how often each class comes out is the posterior by \
                        counting, which stands beside p(c | y). --corrections adds Langevin steps that log p accepts or refuses. \
                        Formulas and sources: docs/lab.md.")]
pub(super) struct SampleCommand {
    /// A picture to restore in many ways: a file, or sample:digits/7 for one that comes with the program
    #[arg(value_name = "IMAGE")]
    pub(super) image: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// The standard deviation of the picture's noise, as 0.3 or 75/255 (75/255 if not given)
    #[arg(long, value_name = "S", value_parser = sigma, requires = "image")]
    sigma: Option<f32>,
    #[command(flatten)]
    noise: NoiseArguments,
    /// Add no noise: the picture has its own, of --sigma
    #[arg(long, conflicts_with = "noise", requires = "sigma")]
    already_noisy: bool,
    /// How many pictures
    #[arg(long, value_name = "N", default_value_t = 16)]
    count: usize,
    /// Draw towards this class
    #[arg(long = "as", value_name = "CLASS")]
    class: Option<String>,
    /// How much: 1 draws from the class, more exaggerates it
    #[arg(long, value_name = "W", default_value_t = 1.0, requires = "class")]
    guidance: f64,
    /// How pictures are drawn out of nothing
    #[arg(long, value_name = "heun|ascent", value_parser = ["heun", "ascent"], default_value = "heun")]
    method: String,
    /// How many noise levels; each takes two evaluations out of nothing, one for restorations. The ascent finds its own
    #[arg(long, value_name = "N", default_value_t = 18)]
    steps: usize,
    /// How much noise is put back on the way, of pictures out of nothing by Heun's method
    #[arg(long, value_name = "S", default_value_t = 0.0, conflicts_with_all = ["image", "beta"])]
    churn: f64,
    /// How little noise is put back on the way, of pictures out of nothing by the ascent: 1 for none (0.5 if not given)
    #[arg(long, value_name = "B", conflicts_with = "image")]
    beta: Option<f64>,
    /// How many Langevin steps follow at each level, each accepted or refused by log p
    #[arg(long, value_name = "N", default_value_t = 0)]
    corrections: usize,
    /// The largest noise level of pictures out of nothing (the model's if not given)
    #[arg(long, value_name = "S", value_parser = sigma, conflicts_with = "image")]
    from: Option<f32>,
    #[command(flatten)]
    pub(super) drawing: DrawingArguments,
    /// Write each picture into a folder, as 0.png, 1.png and so on
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    results: OutputArguments,
}

impl SampleCommand {
    pub fn run(&self) -> Done {
        let images: Vec<PathBuf> = self.image.iter().cloned().collect();
        let mut outputs = self.results.outputs(pictures::files(&images).chain(self.model.file().as_deref()))?;
        let sheets = self.drawing.sheet.plan(&mut outputs)?;
        let names: Vec<PathBuf> = (0..self.count.min(10_000)).map(|number| format!("{number}.png").into()).collect();
        let files = match &self.output {
            None => Vec::new(),
            Some(folder) => outputs.picture_of_each("--output", &folder.join(""), &names)?,
        };
        let (cancel, model) = self.model.ready()?;
        let model = &*model;
        let mut noisy = None;
        pictures::each(&images, model, self.drawing.fit, |input| {
            noisy = Some(input.fitted.picture);
            Ok(())
        })?;
        if self.image.is_some() && noisy.is_none() {
            return Ok(Ending::WithFailures);
        }
        let request = self.request(noisy, model)?;
        let bar = console::progress(1000, "{bar:24} {percent} %, {eta} left");
        let found = sample(model, &request, &cancel, &mut |sketch, _| {
            bar.set_position((sketch.share * 1000.0) as u64);
        });
        bar.finish_and_clear();
        let found = found?;
        for (path, sample) in files.iter().zip(&found.list) {
            make_folder(path)?;
            save(path, &sample.picture, self.results.force)?;
        }
        let question = self.image.as_ref().map(|path| format!("What could {} be?", title(path)));
        let name = question.unwrap_or_else(|| "Drawn from the model".to_owned());
        sheets.write(0, &self.results, |theme| samples_sheet(&found, &request, &name, theme))?;
        self.print(&found)?;
        self.results.write(&SampleReport::of(&found, &request))?;
        Ok(Ending::Complete)
    }

    /// The request, of a picture in the model's shape if there is one; refused here is what would fail only after work.
    pub(super) fn request(&self, picture: Option<Picture>, model: &dyn JointModel) -> Result<SampleRequest> {
        let range = model.sigma_range();
        let class = self.class.as_ref().map(|name| class_index("--as", name, model.classes())).transpose()?;
        let sigma = self.sigma.unwrap_or(75.0 / 255.0);
        limits::positive_sigma("--sigma", sigma)?;
        self.drawing.check(self.from)?;
        if self.beta.is_some() && self.method != "ascent" {
            return Err(Error::option("--beta", "is of the ascent: add --method ascent"));
        }
        let noise = self.noise.at(sigma);
        let to = self.drawing.last(range).max(range.min);
        let (start, from) = match picture {
            Some(picture) if self.already_noisy => (Start::Noisy(picture, sigma), sigma),
            Some(picture) => (Start::Noisy(noise.apply(&picture), sigma), sigma),
            None => (Start::Nothing, self.from.unwrap_or(range.max.min(limits::LARGEST_SIGMA)).min(range.max)),
        };
        let way = match self.method.as_str() {
            "ascent" => Way::Ascent { beta: self.beta.unwrap_or(0.5) },
            _ => Way::Flow { churn: self.churn },
        };
        let request = SampleRequest {
            start,
            count: self.count,
            guidance: class.map(|class| Guidance { class, weight: self.guidance }),
            levels: (from, to),
            steps: self.steps,
            way,
            corrections: self.corrections,
            frames: self.drawing.frames,
            seed: noise.seed,
        };
        request.check(model.classes().len())?;
        // Each frame is two pictures.
        let each = model.shape().len().saturating_mul(1 + 2 * self.drawing.frames);
        if self.count.saturating_mul(each) > 1 << 28 {
            return Err(Error::option("--count", "asks for more pictures than fit into the memory"));
        }
        Ok(request)
    }

    fn print(&self, found: &Samples) -> Result<()> {
        let total = found.list.len();
        self.results.say(format!("{total} pictures by {} on {}", found.model.name, found.model.device))?;
        if let Some(acceptance) = found.acceptance {
            self.results.say(format!("  {} of the Langevin steps were accepted", percent_in_print(acceptance)))?;
        }
        if !found.model.is_classifier() {
            return Ok(());
        }
        let counts = found.counts();
        let shares: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
        for class in ranked(&shares).into_iter().filter(|&class| counts[class] > 0) {
            let (low, high) = wilson(counts[class], total);
            let said = |p: f64| in_words(&percent_in_print(p));
            let beside = found.posterior.as_ref().map_or(String::new(), |p| format!("; p(c | y) {}", said(p[class])));
            self.results.say(format!(
                "  {:>5} {}, {} to {}{beside}",
                counts[class],
                found.model.classes[class],
                said(low),
                said(high)
            ))?;
        }
        Ok(())
    }
}
