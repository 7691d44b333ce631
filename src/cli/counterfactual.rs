//! `denoscope counterfactual`: the least change on the way to another class that the density tolerates.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, part, sigma};
use super::outputs::{OutputArguments, make_folder};
use super::pictures::{self, Input};
use super::sheets::{SheetArguments, title};
use super::{Done, console};
use crate::joint::{JointModel, require_classes};
use crate::picture::{Fit, Picture, save};
use crate::study::lab::{CounterfactualReport, Dial, DialRequest, LARGEST_POSITIONS, SMALLEST_RADIUS, Turned, dial};
use crate::study::words::{believed_in_print, number};
use crate::study::{class_index, counterfactual_sheet, ranked};
use crate::{Result, limits};

/// Ask for the least change that would make a picture one of another class, as far as the density tolerates it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope counterfactual sample:cifar10/frog --target cat --sheet dial.png\n  \
                        denoscope counterfactual digit.png --target 3 --radius 4 --positions 16 --tolerance 100 --json -\n\n\
                        Within each length of the change it climbs log p(class | x) while log p(x) is no more than --tolerance bits below \
                        that of the picture: the class pulls by the difference of two denoisers, the density by what the denoiser takes \
                        away. Where plain gradient descent of that length reaches the class and this way does not, it goes from there as \
                        far back as it can. Plain descent of the same length stands beside each, and what either costs in bits of log p. Formulas and sources: \
                        docs/lab.md.")]
pub(super) struct CounterfactualCommand {
    /// Picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// The class that the picture is to become
    #[arg(long = "target", value_name = "CLASS")]
    class: String,
    /// The largest length of the change, in L2 on the [0, 1] scale
    #[arg(long, value_name = "R", default_value_t = 3.0)]
    radius: f64,
    /// How many lengths up to that
    #[arg(long, value_name = "N", default_value_t = 12)]
    positions: usize,
    /// How many bits of log p may be lost on the way
    #[arg(long, value_name = "BITS", default_value_t = 0.0)]
    tolerance: f64,
    /// The noise level at which the model looks, as 0.02 or 5/255
    #[arg(long, value_name = "S", value_parser = sigma, default_value = "0.02")]
    sigma: f32,
    /// How many steps each length takes
    #[arg(long, value_name = "N", default_value_t = 40)]
    steps: usize,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub(super) fit: Fit,
    /// Write the smallest change that does it: a picture file, or a folder (one that is there, a name that ends in / or has no
    /// extension)
    #[arg(long, short, value_name = "FILE|FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    sheet: SheetArguments,
    #[command(flatten)]
    results: OutputArguments,
}

impl CounterfactualCommand {
    pub fn run(&self) -> Done {
        let mut outputs = self.results.outputs(pictures::files(&self.images).chain(self.model.file().as_deref()))?;
        let sheets = self.sheet.plan_each(&mut outputs, &self.images)?;
        let paths =
            self.output.as_ref().map(|path| outputs.picture_of_each("--output", path, &self.images)).transpose()?;
        let (cancel, model) = self.model.ready()?;
        let model = &*model;
        let target = self.check(model)?;
        let mut reports = Vec::new();
        let ending = pictures::each(&self.images, model, self.fit, |input| {
            cancel.check()?;
            let request = self.request(&input.fitted.picture, target);
            let bar = console::progress(1000, "{bar:24} {percent} %, {eta} left");
            let found = dial(model, &request, &cancel, &mut |share, _| bar.set_position((share * 1000.0) as u64));
            bar.finish_and_clear();
            let found = found?;
            if let (Some(paths), Some(turned)) = (&paths, &found.smallest) {
                let path = &paths[input.number];
                make_folder(path)?;
                save(path, &turned.picture, self.results.force)?;
            }
            let drawn = |theme| counterfactual_sheet(&found, &request, &title(input.path), theme);
            sheets.write(input.number, &self.results, drawn)?;
            self.print(&input, &found, &request)?;
            reports.push(CounterfactualReport::of(&found, &request, input.path, &input.description));
            Ok(())
        })?;
        self.results.write(&reports)?;
        Ok(ending)
    }

    /// The class that is asked for; refused here is what would fail only after the work.
    pub(super) fn check(&self, model: &dyn JointModel) -> Result<usize> {
        require_classes(model.classes().len(), "a counterfactual")?;
        let target = class_index("--target", &self.class, model.classes())?;
        limits::whole("--positions", self.positions as u64, 1, LARGEST_POSITIONS as u64)?;
        // Said of what was typed, not of one of the lengths on the way there.
        limits::number("--radius", self.radius, SMALLEST_RADIUS, (model.shape().len() as f64).sqrt())?;
        self.request(&Picture::filled(model.shape(), 0.5), target).check(model)?;
        Ok(target)
    }

    pub(super) fn request(&self, picture: &Picture, target: usize) -> DialRequest {
        DialRequest {
            picture: picture.map(|v| v.clamp(0.0, 1.0)),
            target,
            radii: DialRequest::evenly(self.radius, self.positions),
            tolerance: self.tolerance,
            sigma: self.sigma,
            steps: self.steps,
        }
    }

    fn print(&self, input: &Input<'_>, found: &Dial, request: &DialRequest) -> Result<()> {
        let say = |line: String| self.results.say(line);
        let names = &found.model.classes;
        let of = |turned: &Turned| {
            let class = ranked(&turned.posterior)[0];
            let bits = turned.bits_lost.map_or(String::new(), |bits| format!(", {} bits", number(-bits, 1)));
            believed_in_print(&names[class], turned.posterior[class]) + &bits
        };
        let before = ranked(&found.posterior)[0];
        say(format!("{}", input.path.display()))?;
        say(format!("  picture  {}", input.description))?;
        say(format!("  model    {} on {}", found.model.name, found.model.device))?;
        say(format!("  before   {}", believed_in_print(&names[before], found.posterior[before])))?;
        for position in &found.positions {
            let (tolerated, plain) = (of(&position.tolerated), of(&position.plain));
            say(format!("  L2 {:<6} {tolerated}; plain descent: {plain}", number(position.radius, 3)))?;
        }
        let target = &names[request.target];
        match &found.smallest {
            Some(turned) => say(format!("  smallest L2 {} for {target}: {}", number(turned.distance, 4), of(turned))),
            None => say(format!("  smallest none up to L2 {} makes it {target}", number(self.radius, 3))),
        }
    }
}
