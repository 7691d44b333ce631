//! `denoscope attack --objective`: what changes the restored picture most, within a budget.

use super::Attack;
use crate::attack::{DenoiserOutcome, DenoiserSettings, Norm, Objective, attack_denoiser};
use crate::cli::outputs::make_folder;
use crate::cli::pictures::{self, Input};
use crate::cli::sheets::title;
use crate::cli::{Done, console};
use crate::joint::JointModel;
use crate::picture::{Noise, NoiseKind, save};
use crate::study::report::DenoiserAttackReport;
use crate::study::words::{believed_in_print, number, significant};
use crate::study::{denoiser_attack_sheet, level, ranked};
use crate::{Error, Result};

impl Attack {
    /// Attacks the denoiser.
    pub(super) fn run_on_denoiser(&self, objective: Objective) -> Done {
        let mut outputs = self.results.outputs(pictures::files(&self.images).chain(self.model.file().as_deref()))?;
        let paths =
            self.output.as_ref().map(|path| outputs.picture_of_each("--output", path, &self.images)).transpose()?;
        let sheets = self.sheet.plan_each(&mut outputs, &self.images)?;
        let (cancel, model) = self.model.ready()?;
        let model = &*model;
        let settings = self.denoiser_settings(objective);
        settings.check(model)?;
        if self.already_noisy && self.sigma.is_none() {
            return Err(Error::option(
                "--sigma",
                "is missing: with --already-noisy it is the level of the picture's own noise",
            ));
        }
        let kind = self.noise.unwrap_or(NoiseKind::Gaussian);
        let noise = (!self.already_noisy).then_some(Noise { kind, sigma: settings.sigma, seed: self.seed });
        if kind != NoiseKind::Gaussian {
            console::note(&format!("note: the noise is {kind}; Tweedie's formula is exact for Gaussian noise only"));
        }
        let mut reports = Vec::new();
        let ending = pictures::each(&self.images, model, self.fit, |input| {
            cancel.check()?;
            let fitted = &input.fitted.picture;
            let noisy = noise.map_or_else(|| fitted.clone(), |noise| noise.apply(fitted));
            let clean = noise.map(|_| fitted);
            let outcome = attack_denoiser(model, &noisy, clean, &settings, &cancel, &mut |_| ())?;
            let picture = (input.path, input.description.as_str());
            let report = DenoiserAttackReport::of(&outcome, &settings, model, (clean, noise), picture);
            self.print_denoiser(&input, &outcome, &report, model)?;
            if let Some(path) = paths.as_ref().map(|paths| &paths[input.number]) {
                make_folder(path)?;
                save(path, &outcome.attacked, self.results.force)?;
                self.results.say(format!("  written   {}, clipped and rounded to 8 bits", path.display()))?;
            }
            let drawn = |theme| {
                let pictures = (&noisy, clean, noise);
                denoiser_attack_sheet(&outcome, &settings, model, pictures, (&title(input.path), theme))
            };
            sheets.write(input.number, &self.results, drawn)?;
            reports.push(report);
            Ok(())
        })?;
        self.results.write(&reports)?;
        Ok(ending)
    }

    /// What is asked for.
    pub(in crate::cli) fn denoiser_settings(&self, objective: Objective) -> DenoiserSettings {
        let norm = self.norm.unwrap_or(Norm::L2);
        let epsilon = self.epsilon.unwrap_or_else(|| DenoiserSettings::usual_epsilon(norm));
        let usual = DenoiserSettings::new(objective, norm, epsilon, self.sigma.unwrap_or(25.0 / 255.0));
        DenoiserSettings {
            steps: self.steps.map_or(usual.steps, |steps| steps as usize),
            step_size: self.step_size.unwrap_or(usual.step_size),
            seed: self.seed,
            ..usual
        }
    }

    /// The settings of an attack on the denoiser, checked, if that is what is asked for.
    #[cfg(test)]
    pub(in crate::cli) fn on_denoiser(&self, model: &dyn JointModel) -> Option<Result<DenoiserSettings>> {
        let settings = self.denoiser_settings(self.objective?);
        Some(settings.check(model).map(|()| settings))
    }

    fn print_denoiser(
        &self,
        input: &Input<'_>,
        outcome: &DenoiserOutcome,
        report: &DenoiserAttackReport,
        model: &dyn JointModel,
    ) -> Result<()> {
        let say = |line: String| self.results.say(line);
        let settings = &report.settings;
        say(format!("{}", input.path.display()))?;
        say(format!("  picture   {}", input.description))?;
        let sigma = level::describe(settings.sigma);
        let noise = report.noise.map_or_else(|| "noise of its own".to_owned(), |noise| format!("{} noise", noise.kind));
        let (objective, norm) = (settings.objective, settings.norm.title());
        say(format!("  attack    on the denoiser, {objective} {norm}, {noise}, sigma {sigma}"))?;
        let moved = outcome.achieved;
        let budget = level::describe(settings.epsilon as f32);
        say(format!("  budget    {budget}; achieved L∞ {:.5}, L2 {:.4}", moved.linf, moved.l2))?;
        let most = outcome.loss.last().copied().ok_or_else(|| Error::Compute("there was no step".to_owned()))?;
        let [most, control, without] = [most, outcome.control, outcome.without].map(|v| significant(v as f32));
        say(format!(
            "  {:<9} {most} a value; plain noise of that size {control}, nothing {without}",
            settings.objective
        ))?;
        say(format!(
            "  gain      {} (L2 of the change of the restored picture by that of the noisy one)",
            number(outcome.gain, 3)
        ))?;
        if let Some((before, after)) = report.psnr_before_db.zip(report.psnr_after_db) {
            say(format!("  PSNR      {} dB before, {} dB after", number(before, 2), number(after, 2)))?;
        }
        if model.is_classifier() {
            let of = |posterior: &[f64]| {
                let class = ranked(posterior)[0];
                believed_in_print(&model.classes()[class], posterior[class])
            };
            say(format!(
                "  class     {} before, {} after",
                of(&outcome.posterior_before),
                of(&outcome.posterior_after)
            ))?;
        }
        if !outcome.is_exact {
            console::note("note: products with the Jacobian were differences of the denoiser");
        }
        Ok(())
    }
}
