//! `denoscope evidence`: at which scale was a class decided, and do both roads to the posterior agree?

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, part, sigma};
use super::outputs::OutputArguments;
use super::pictures;
use super::sheets::{SheetArguments, title};
use super::{Done, console};
use crate::joint::{JointModel, require_classes};
use crate::picture::{Batch, Fit, Picture};
use crate::study::lab::{Estimate, Evidence, EvidenceReport, EvidenceRequest, evidence};
use crate::study::words::number;
use crate::study::{Classes, evidence_sheet, ranked};
use crate::{Result, limits};

/// Ask at which scale a class was decided, in bits, by the classifier and by the denoisers
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  denoscope evidence sample:cifar10/frog --classes frog,deer --sheet evidence.png\n\n\
                        How much log p(c | y) rises as noise is taken from a clean picture can be read off the classifier, and off the \
                        denoisers: it is the integral of ½(‖x − D‖² − ‖x − D_c‖²) over 1/σ². The gap between these two roads is 0 \
                        for a density. Formulas and sources: docs/lab.md."
)]
pub(super) struct EvidenceCommand {
    /// Clean picture files, or sample:digits/7 for one that comes with the program
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// Classes: all, the N most probable, or names (a,b; a name that is a number as 3,). If not given: the 3 most probable
    #[arg(long, value_name = "all|N|a,b")]
    classes: Option<String>,
    /// The smallest noise level, as 0.02 or 5/255 (5/255 if not given)
    #[arg(long, value_name = "S", value_parser = sigma)]
    from: Option<f32>,
    /// The largest noise level (1 if not given)
    #[arg(long, value_name = "S", value_parser = sigma)]
    to: Option<f32>,
    /// How many noise levels, evenly spaced in log σ
    #[arg(long, value_name = "N", default_value_t = 40)]
    levels: usize,
    /// How many draws of noise
    #[arg(long, value_name = "N", default_value_t = 8)]
    draws: usize,
    /// The seed of the noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// What of the picture the model sees: its centre, the whole of it, or a rectangle of it in pixels
    #[arg(long, value_name = "centre|whole|X,Y,W,H", default_value = "centre", value_parser = part)]
    pub(super) fit: Fit,
    #[command(flatten)]
    sheet: SheetArguments,
    #[command(flatten)]
    output: OutputArguments,
}

impl EvidenceCommand {
    pub fn run(&self) -> Done {
        let mut outputs = self.output.outputs(pictures::files(&self.images).chain(self.model.file().as_deref()))?;
        let sheets = self.sheet.plan_each(&mut outputs, &self.images)?;
        let (cancel, model) = self.model.ready()?;
        let model = &*model;
        let classes = self.check(model)?;
        let mut reports = Vec::new();
        let ending = pictures::each(&self.images, model, self.fit, |input| {
            cancel.check()?;
            let request = self.request(&input.fitted.picture, &classes, model)?;
            let bar = console::progress(1000, "{bar:24} {percent} %, {eta} left");
            let found = evidence(model, &request, &cancel, &mut |share| bar.set_position((share * 1000.0) as u64));
            bar.finish_and_clear();
            let found = found?;
            let drawn = |theme| evidence_sheet(&found, &title(input.path), theme);
            sheets.write(input.number, &self.output, drawn)?;
            self.output.say(format!("{}", input.path.display()))?;
            self.output.say(format!("  picture   {}", input.description))?;
            self.print(&found)?;
            reports.push(EvidenceReport::of(&found, input.path, &input.description, self.seed));
            Ok(())
        })?;
        self.output.write(&reports)?;
        Ok(ending)
    }

    /// The classes that are asked for; refused here is what would fail only after work.
    pub(super) fn check(&self, model: &dyn JointModel) -> Result<Classes> {
        require_classes(model.classes().len(), "evidence")?;
        for (option, level) in [("--from", self.from), ("--to", self.to)] {
            level.map_or(Ok(()), |level| limits::positive_sigma(option, level))?;
        }
        let asked = self.classes.as_ref().map(|text| Classes::parse("--classes", text, model.classes()));
        let classes = asked.unwrap_or(Ok(Classes::Top(3)))?;
        // Whatever the picture is.
        self.question(Picture::filled(model.shape(), 0.5), vec![0]).check(model.classes().len())?;
        Ok(classes)
    }

    fn question(&self, picture: Picture, classes: Vec<usize>) -> EvidenceRequest {
        let (from, to) = (self.from.unwrap_or(5.0 / 255.0), self.to.unwrap_or(1.0));
        EvidenceRequest { picture, classes, from, to, levels: self.levels, draws: self.draws, seed: self.seed }
    }

    /// The question about a picture: the most probable classes are those of the clean one.
    pub(super) fn request(
        &self,
        picture: &Picture,
        classes: &Classes,
        model: &dyn JointModel,
    ) -> Result<EvidenceRequest> {
        let picture = picture.map(|v| v.clamp(0.0, 1.0));
        let sigma = model.sigma_range().clamp(self.from.unwrap_or(5.0 / 255.0));
        let order = ranked(&model.forward(&Batch::of([&picture]), &[sigma])?.posterior_of(0));
        let classes = match classes {
            Classes::List(list) => list.clone(),
            Classes::Top(count) => order.into_iter().take(*count).collect(),
            Classes::All | Classes::Usual => order,
        };
        Ok(self.question(picture, classes))
    }

    fn print(&self, found: &Evidence) -> Result<()> {
        let of = |e: Estimate| format!("{} ± {}", number(e.value, 2), number(e.standard_error, 2));
        for class in &found.classes {
            let name = &found.model.classes[class.class];
            self.output.say(format!(
                "  {name:<9} {} bits by the classifier, {} by the denoisers, gap {}",
                of(class.softmax),
                of(class.denoisers),
                of(class.gap)
            ))?;
        }
        Ok(())
    }
}
