//! `denoscope duel`: the picture on which two models differ.

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, exact, file_of, open_named, part, plain, say_abilities, sigma};
use super::outputs::{OutputArguments, make_folder};
use super::pictures;
use super::sheets::{SheetArguments, title};
use super::{Done, console};
use crate::Result;
use crate::attack::{Aim, DuelSettings, Norm, Said};
use crate::picture::{Fit, save};
use crate::study::words::believed_in_print;
use crate::study::{DuelReport, Duelled, duel, duel_sheet, level};
use crate::task::Cancel;

/// Look for the picture on which two models differ most, or the nearest that they take for different classes
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  denoscope duel sample:cifar10/frog --model cifar10 --with mine.safetensors --sheet duel.png\n  \
                        denoscope duel photo.jpg --with python:mine.py --norm linf --epsilon 8/255 --json -\n  \
                        denoscope duel photo.jpg --with python:mine.py --nearest -o nearest.png\n\n\
                        A is --model, B is --with. How far they differ is the Jensen-Shannon divergence of their p(c | x) in bits: 0 where they \
                        agree, 1 where whatever one holds possible the other does not."
)]
pub(super) struct DuelCommand {
    /// Clean picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// The other model, as --model takes it
    #[arg(long, value_name = "NAME|PATH|python:SCRIPT.py")]
    with: String,
    /// Look for the nearest picture that they take for different classes, from --epsilon on
    #[arg(long)]
    nearest: bool,
    /// The norm of the budget: linf or l2
    #[arg(long, value_name = "NORM", default_value = "l2", value_parser = plain::<Norm>)]
    norm: Norm,
    /// The budget on the [0, 1] scale, as 0.03 or 8/255 (0.5 in l2 and 8/255 in linf if not given)
    #[arg(long, value_name = "E", value_parser = exact)]
    epsilon: Option<f64>,
    /// How many steps each of the three runs of the search takes
    #[arg(long, value_name = "N", default_value_t = 30)]
    steps: u32,
    /// The noise level that A and B assume (1/255, or the nearest that the model knows, if not given)
    #[arg(long, value_name = "S", value_parser = sigma)]
    sigma: Option<f32>,
    /// The seed of the random starts
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// What of the picture the models see: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub(super) fit: Fit,
    /// Write the picture that was found: a picture file, or a folder (one that is there, a name that ends in / or has no extension)
    #[arg(long, short, value_name = "FILE|FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    sheet: SheetArguments,
    #[command(flatten)]
    results: OutputArguments,
}

impl DuelCommand {
    pub fn run(&self) -> Done {
        let models = [self.model.file(), file_of(&self.with)];
        let read = pictures::files(&self.images).chain(models.iter().flatten().map(PathBuf::as_path));
        let mut outputs = self.results.outputs(read)?;
        let found_pictures =
            self.output.as_ref().map(|path| outputs.picture_of_each("--output", path, &self.images)).transpose()?;
        let sheets = self.sheet.plan_each(&mut outputs, &self.images)?;
        let cancel = Cancel::new();
        console::stop_on_interrupt(&cancel, "stopping")?;
        let a = &*self.model.open(&cancel)?;
        let b = &*open_named(&self.with, self.model.device(), &cancel)?;
        [a, b].into_iter().for_each(say_abilities);
        let settings = self.settings();
        if let Some(note) = settings.check([a, b])?.note {
            console::note(&format!("note: {note}"));
        }
        let mut reports = Vec::new();
        let ending = pictures::each(&self.images, a, self.fit, |input| {
            let clean = input.fitted.picture.map(|v| v.clamp(0.0, 1.0));
            let bar = console::progress(0, "{bar:24} {pos}/{len} steps, {eta} left, {msg}");
            let found = duel([a, b], &clean, &settings, &cancel, &mut |step| {
                bar.set_length(step.total as u64);
                bar.set_position(step.done as u64);
                bar.set_message(format!("{:.2} bits", step.said.divergence));
            });
            bar.finish_and_clear();
            let found = found?;
            if let Some(path) = found_pictures.as_ref().map(|paths| &paths[input.number]) {
                make_folder(path)?;
                save(path, &found.duel.picture, self.results.force)?;
            }
            sheets.write(input.number, &self.results, |theme| duel_sheet(&found, &title(input.path), theme))?;
            self.results.say(format!("{}", input.path.display()))?;
            self.results.say(format!("  picture   {}", input.description))?;
            self.print(&found)?;
            reports.push(DuelReport::of(&found, input.path, &input.description));
            Ok(())
        })?;
        self.results.write(&reports)?;
        Ok(ending)
    }

    /// What is asked for.
    pub(super) fn settings(&self) -> DuelSettings {
        DuelSettings {
            aim: if self.nearest { Aim::Nearest } else { Aim::Widest },
            norm: self.norm,
            epsilon: self.epsilon.unwrap_or(DuelSettings::usual_epsilon(self.norm)),
            steps: self.steps as usize,
            sigma: [self.sigma; 2],
            seed: self.seed,
        }
    }

    fn print(&self, found: &Duelled) -> Result<()> {
        let Duelled { models: [a, b], duel, .. } = found;
        let said = |said: &Said| {
            let of = |side: usize| {
                let class = said.predicted[side];
                believed_in_print(&a.classes[class], said.posterior[side][class])
            };
            format!("A {}, B {}, {:.3} bits apart", of(0), of(1), said.divergence)
        };
        let moved = duel.achieved;
        let levels = duel.sigma.map(level::describe);
        self.results
            .say(format!("  models    A {}, sigma {}; B {}, sigma {}", a.name, levels[0], b.name, levels[1]))?;
        self.results.say(format!("  before    {}", said(&duel.before)))?;
        let verdict = if duel.found { "after" } else { "not found" };
        self.results.say(format!("  {verdict:<9} {}", said(&duel.after)))?;
        self.results
            .say(format!("  moved     L∞ {:.5}, L2 {:.4}, {} queries of each", moved.linf, moved.l2, duel.queries))
    }
}
