//! `denoscope inpaint`: what is not known of a picture, filled in as the model has it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::arguments::{ModelArguments, region, sigma};
use super::drawing::DrawingArguments;
use super::outputs::{OutputArguments, make_folder};
use super::pictures::{self, Input};
use super::sheets::title;
use super::{Done, console};
use crate::joint::JointModel;
use crate::picture::{Picture, Shape, load, save};
use crate::study::lab::{
    Fill, FillWay, Fills, Guidance, InpaintReport, InpaintRequest, LARGEST_FACTOR, LARGEST_FILLS, LARGEST_WINDOW,
    Measurement, Region, inpaint,
};
use crate::study::words::{believed_in_print, number, percent_in_print, significant};
use crate::study::{class_index, inpaint_sheet, ranked};
use crate::{Error, Result, limits};

/// Fill in what is not known of a picture: a hole, random pixels, or all finer than the means of blocks
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  denoscope inpaint sample:cifar10/frog --hole 10,10,12,12 --count 8 --sheet fills.png\n  \
                        denoscope inpaint sample:cifar10/frog --hole 8,8,16,16 --as cat --sheet cats.png\n  \
                        denoscope inpaint photo.jpg --native --mask hole.png --count 4 -o filled\n  \
                        denoscope inpaint photo.jpg --coarse 2 --sheet finer.png\n  \
                        denoscope inpaint small.png --native --enlarge 2 --count 4 -o large\n\n\
                        Fills are drawn from p(x | what is known), at falling noise levels with Langevin steps that log p accepts or \
                        refuses, and are ranked by log p. What is known of the picture stays as it was. Formulas and sources: \
                        docs/lab.md."
)]
pub(super) struct InpaintCommand {
    /// Picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    known: KnownArguments,
    /// Work on the whole picture at its own size
    #[arg(long)]
    native: bool,
    /// How many fills
    #[arg(long, value_name = "N", default_value_t = 8)]
    count: usize,
    /// Fill in as a picture of this class
    #[arg(long = "as", value_name = "CLASS")]
    class: Option<String>,
    /// How much: 1 draws from the class, more exaggerates it
    #[arg(long, value_name = "W", default_value_t = 1.0, requires = "class")]
    guidance: f64,
    /// How fills are drawn; the ascent takes fewer evaluations and spreads less
    #[arg(long, value_name = "annealed|ascent", value_parser = ["annealed", "ascent"], default_value = "annealed")]
    method: String,
    /// How many noise levels. The ascent finds its own
    #[arg(long, value_name = "N", default_value_t = 50)]
    steps: usize,
    /// How many Langevin steps at each level
    #[arg(long, value_name = "N", default_value_t = 3)]
    corrections: usize,
    /// How many candidates for each fill, weighed by log p, of which one is kept: the more, the nearer each class is to its share
    #[arg(long, value_name = "N", default_value_t = 4)]
    candidates: usize,
    /// How little noise the ascent puts back on the way: 1 for none (0.1 if not given)
    #[arg(long, value_name = "B")]
    beta: Option<f64>,
    /// The largest noise level (the model's if not given)
    #[arg(long, value_name = "S", value_parser = sigma)]
    from: Option<f32>,
    /// The seed; each fill has a stream of its own
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    pub(super) drawing: DrawingArguments,
    /// Write each fill into a folder, as NAME-0.png, NAME-1.png and so on
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    results: OutputArguments,
}

/// What of the picture is known: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct KnownArguments {
    /// All but a rectangle, in pixels of the picture that is filled in
    #[arg(long, value_name = "X,Y,W,H", value_parser = region)]
    hole: Option<Region>,
    /// All but what is white in a mask, a picture of the same size
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
    /// Each pixel with this probability
    #[arg(long, value_name = "P")]
    random: Option<f64>,
    /// The means of blocks of this many rows and columns: a coarser picture
    #[arg(long, value_name = "N")]
    coarse: Option<usize>,
    /// The picture is itself the coarser one: make it this many times larger
    #[arg(long, value_name = "N", requires = "native")]
    enlarge: Option<usize>,
}

impl KnownArguments {
    /// The picture that is filled in, and what of it is known.
    fn measure(&self, picture: &Picture, seed: u64) -> Result<(Picture, Measurement)> {
        let shape = picture.shape();
        let of = |measurement: Result<Measurement>| measurement.map(|m| (picture.clone(), m));
        if let Some(hole) = self.hole {
            return of(Measurement::around("--hole", shape, hole));
        }
        if let Some(path) = &self.mask {
            return of(mask(path, shape));
        }
        if let Some(share) = self.random {
            return of(Measurement::of_random("--random", shape, share, seed));
        }
        if let Some(factor) = self.coarse {
            return of(Measurement::of_blocks("--coarse", shape, factor));
        }
        let factor = self.enlarge.unwrap_or(2);
        limits::whole("--enlarge", factor as u64, 2, LARGEST_FACTOR as u64)?;
        let (width, height) = (shape.width * factor, shape.height * factor);
        if width * height * shape.channels > LARGEST_WINDOW {
            let reason = format!("{factor} makes it {width}×{height}, more than can be filled in at once");
            return Err(Error::option("--enlarge", reason));
        }
        let large = enlarged(picture, factor);
        let measurement = Measurement::of_blocks("--enlarge", large.shape(), factor)?;
        Ok((large, measurement))
    }
}

/// Each pixel as a block of so many rows and columns.
fn enlarged(picture: &Picture, factor: usize) -> Picture {
    let Shape { channels, height, width } = picture.shape();
    let shape = Shape::new(channels, height * factor, width * factor);
    let rows = (0..channels).flat_map(|c| (0..shape.height).map(move |y| (c, y)));
    let row = |(c, y): (usize, usize)| (0..shape.width).map(move |x| picture.at(c, y / factor, x / factor));
    Picture::new(shape, rows.flat_map(row).collect())
}

/// What a mask leaves.
fn mask(path: &Path, shape: Shape) -> Result<Measurement> {
    let mask = load(path)?.picture;
    let (found, channels) = (mask.shape(), mask.shape().channels);
    if (found.height, found.width) != (shape.height, shape.width) {
        let reason =
            format!("has {}×{} pixels, the picture {}×{}", found.width, found.height, shape.width, shape.height);
        return Err(Error::option("--mask", reason));
    }
    let mean = |y: usize, x: usize| (0..channels).map(|c| mask.at(c, y, x)).sum::<f32>() / channels as f32;
    let hole: Vec<bool> =
        (0..shape.height).flat_map(|y| (0..shape.width).map(move |x| (y, x))).map(|(y, x)| mean(y, x) > 0.5).collect();
    Measurement::without("--mask", shape, &hole)
}

impl InpaintCommand {
    pub fn run(&self) -> Done {
        limits::whole("--count", self.count as u64, 1, LARGEST_FILLS as u64)?;
        let model_file = self.model.file();
        let others = [model_file.as_deref(), self.known.mask.as_deref()].into_iter().flatten();
        let mut outputs = self.results.outputs(pictures::files(&self.images).chain(others))?;
        let sheets = self.drawing.sheet.plan_each(&mut outputs, &self.images)?;
        let files = match &self.output {
            None => Vec::new(),
            Some(folder) => outputs.picture_of_each("--output", &folder.join(""), &self.names())?,
        };
        let (cancel, model) = self.model.ready()?;
        let model = &*model;
        self.check(model)?;
        let mut reports = Vec::new();
        let ending = pictures::each(&self.images, model, self.drawing.fit, |input| {
            cancel.check()?;
            let request = self.request(&input, model)?;
            let bar = console::progress(1000, "{bar:24} {percent} %, {eta} left");
            let found = inpaint(model, &request, &cancel, &mut |sketch, _| {
                bar.set_position((sketch.share * 1000.0) as u64);
            });
            bar.finish_and_clear();
            let found = found?;
            for (path, fill) in files.iter().skip(input.number * self.count).zip(&found.list) {
                make_folder(path)?;
                save(path, &fill.picture, self.results.force)?;
            }
            sheets.write(input.number, &self.results, |theme| {
                inpaint_sheet(&found, &request, &title(input.path), theme)
            })?;
            let description = if self.native { input.whole_description() } else { input.description.clone() };
            self.print(&input, &found, &request, &description)?;
            reports.push(InpaintReport::of(&found, &request, input.path, &description));
            Ok(())
        })?;
        self.results.write(&reports)?;
        Ok(ending)
    }

    /// What each fill of each picture is called.
    fn names(&self) -> Vec<PathBuf> {
        let stem = |path: &PathBuf| path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let of = |path| (0..self.count).map(move |number| format!("{}-{number}.png", stem(path)).into());
        self.images.iter().flat_map(of).collect()
    }

    /// Refuses what would fail only after work.
    pub(super) fn check(&self, model: &dyn JointModel) -> Result<Option<usize>> {
        self.drawing.check(self.from)?;
        if self.beta.is_some() && self.method != "ascent" {
            return Err(Error::option("--beta", "is of the ascent: add --method ascent"));
        }
        self.class.as_ref().map(|name| class_index("--as", name, model.classes())).transpose()
    }

    pub(super) fn request(&self, input: &Input<'_>, model: &dyn JointModel) -> Result<InpaintRequest> {
        let class = self.check(model)?;
        let picture = if self.native { &input.whole } else { &input.fitted.picture };
        let (picture, measurement) = self.known.measure(picture, self.seed)?;
        let range = model.sigma_range();
        let way = match self.method.as_str() {
            "ascent" => FillWay::Ascent { beta: self.beta.unwrap_or(0.1) },
            _ => FillWay::Annealed { steps: self.steps, corrections: self.corrections, candidates: self.candidates },
        };
        let request = InpaintRequest {
            picture,
            measurement,
            has_truth: self.known.enlarge.is_none(),
            count: self.count,
            guidance: class.map(|class| Guidance { class, weight: self.guidance }),
            levels: (self.from.unwrap_or(range.max.min(limits::LARGEST_SIGMA)), self.drawing.last(range)),
            way,
            frames: self.drawing.frames,
            seed: self.seed,
        };
        request.check(model.classes().len())?;
        Ok(request)
    }

    fn print(&self, input: &Input<'_>, found: &Fills, request: &InpaintRequest, description: &str) -> Result<()> {
        let say = |line: String| self.results.say(line);
        say(format!("{}", input.path.display()))?;
        say(format!("  picture  {description}"))?;
        say(format!("  model    {} on {}", found.model.name, found.model.device))?;
        let free = request.measurement.free();
        let of = request.picture.values().len();
        let spread = crate::study::lab::spread(&found.moments().1, free);
        say(format!(
            "  free     {free} of {of} values; their deviation over the fills {}",
            significant(spread as f32)
        ))?;
        if let Some(acceptance) = found.acceptance {
            say(format!("  steps    {} of the Langevin steps were accepted", percent_in_print(acceptance)))?;
        }
        let ranked_fills = found.ranked();
        let best = ranked_fills.first().and_then(|fill| fill.log_density);
        for fill in ranked_fills {
            say(format!("  fill {:<3} {}", fill.number, words(fill, best, found)))?;
        }
        if found.tiled {
            let why = "it is too large for the model at once: nothing corrects the steps, and fills have no log p";
            console::note(&format!("note: {}: {why}", input.path.display()));
        }
        Ok(())
    }
}

/// A fill in words.
fn words(fill: &Fill, best: Option<f64>, found: &Fills) -> String {
    let bits = fill.log_density.zip(best).map(|(log, best)| (log - best) / std::f64::consts::LN_2);
    let mut words: Vec<String> = bits.map(|bits| format!("log p {} bits", number(bits, 1))).into_iter().collect();
    if found.model.is_classifier() && !fill.posterior.is_empty() {
        let class = ranked(&fill.posterior)[0];
        words.push(believed_in_print(&found.model.classes[class], fill.posterior[class]));
    }
    words.extend(fill.fidelity.map(|fidelity| format!("{} dB", number(fidelity.psnr_db(), 2))));
    words.join(", ")
}
