//! `denoscope audit`: is the model a density?

use std::path::PathBuf;

use clap::Args;

use super::arguments::{ModelArguments, part, sigma};
use super::outputs::OutputArguments;
use super::pictures;
use super::sheets::SheetArguments;
use super::{Done, console};
use crate::picture::{Fit, Picture};
use crate::study::lab::{Audit, AuditReport, AuditRequest, audit};
use crate::study::words::{number, significant};
use crate::study::{audit_sheet, level};
use crate::{Error, Result};

/// Ask whether a model is a density: what every density satisfies, as residuals by noise level
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  denoscope audit photo.jpg\n  \
                        denoscope audit test/*.png --sigmas 0.05,0.2 --sheet audit.png --json audit.json\n\n\
                        Seven residuals are 0 for every density: the denoiser is the mean of its classes' denoisers; the products \
                        with its Jacobian J are its derivative; J is symmetric; J has no negative eigenvalue; log p solves the \
                        Fokker–Planck equation in σ²; Stein's estimate of the error has the error's mean; the classifier's log-odds change with σ as its denoisers' \
                        errors say. The health of a level is the worst of them in units of its limit. Formulas and sources: docs/lab.md.")]
pub(super) struct AuditCommand {
    /// Picture files, or sample:digits/7 for one that comes with the program; all are one audit
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// Noise levels, as 0.1 or 25/255
    #[arg(long, value_name = "S,S,…", value_delimiter = ',', default_value = "0.02,0.05,0.1,0.2,0.5", value_parser = sigma)]
    sigmas: Vec<f32>,
    /// How often each picture gets noise of each level
    #[arg(long, value_name = "N", default_value_t = 4)]
    draws: usize,
    /// How many random probes estimate the trace of J
    #[arg(long, value_name = "N", default_value_t = 64)]
    probes: usize,
    /// The seed of noise and probes
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

impl AuditCommand {
    pub fn run(&self) -> Done {
        let mut outputs = self.output.outputs(pictures::files(&self.images).chain(self.model.file().as_deref()))?;
        let sheets = self.sheet.plan(&mut outputs)?;
        let (cancel, model) = self.model.ready()?;
        let model = &*model;
        let mut found = Vec::new();
        let ending = pictures::each(&self.images, model, self.fit, |input| {
            found.push(input.fitted.picture.map(|v| v.clamp(0.0, 1.0)));
            Ok(())
        })?;
        if found.is_empty() {
            return Err(Error::Compute("there is no picture left to audit the model on".to_owned()));
        }
        let request = self.request(found)?;
        let bar = console::progress(1000, "{bar:24} {percent} %, {eta} left");
        let audited = audit(model, &request, &cancel, &mut |share, _| bar.set_position((share * 1000.0) as u64));
        bar.finish_and_clear();
        let audited = audited?;
        sheets.write(0, &self.output, |theme| audit_sheet(&audited, theme))?;
        self.print(&audited)?;
        self.output.write(&AuditReport::of(&audited, self.seed))?;
        Ok(ending)
    }

    /// The audit that is asked for; refused here is what would fail only after work.
    pub(super) fn request(&self, pictures: Vec<Picture>) -> Result<AuditRequest> {
        let Self { sigmas, draws, probes, seed, .. } = self;
        let request = AuditRequest { pictures, sigmas: sigmas.clone(), draws: *draws, probes: *probes, seed: *seed };
        request.check()?;
        Ok(request)
    }

    fn print(&self, audited: &Audit) -> Result<()> {
        let say = |line: String| self.output.say(line);
        say(format!("{} on {}, pictures: {}", audited.model.name, audited.model.device, audited.pictures))?;
        for level in &audited.levels {
            let verdict = if level.health() <= 1.0 { "well" } else { "something is wrong" };
            say(format!(
                "  sigma    {}: health {}, {verdict}",
                level::describe(level.sigma_used),
                number(level.health(), 2)
            ))?;
            for found in &level.residuals {
                let residual = found.residual;
                let about = if found.severity() > 1.0 { format!(": {}", residual.about) } else { String::new() };
                let error = if found.standard_error > 0.0 {
                    format!(" ± {}", significant(found.standard_error as f32))
                } else {
                    String::new()
                };
                let value = significant(found.value as f32);
                say(format!("    {:<18} {value}{error}, limit {}{about}", residual.title, residual.limit))?;
            }
        }
        Ok(())
    }
}
