//! What the lab's commands do with their numbers.

use super::{each, json};
use crate::Result;
use crate::cli::{Command, pictures};
use crate::joint::GaussianMixture;
use crate::study::lab;
use crate::task::Cancel;

/// [`done`](super::done) of the lab's commands.
pub(super) fn done(command: &Command, model: &GaussianMixture, cancel: &Cancel) -> Result<()> {
    match command {
        Command::Uncertainty(command) => {
            let class = command.check(model)?;
            each(&command.images, model, command.fit, |input| {
                let found = lab::uncertainty(model, &command.request(input, class), cancel, &mut |_| ())?;
                json(&lab::UncertaintyReport::of(&found, input.path, ""));
                Ok(())
            })
        }
        Command::Audit(command) => {
            let mut pictures = Vec::new();
            pictures::each(&command.images, model, command.fit, |input| {
                pictures.push(input.fitted.picture);
                Ok(())
            })?;
            let request = command.request(pictures)?;
            json(&lab::AuditReport::of(&lab::audit(model, &request, cancel, &mut |_, _| ())?, request.seed));
            Ok(())
        }
        Command::Evidence(command) => {
            let classes = command.check(model)?;
            each(&command.images, model, command.fit, |input| {
                let request = command.request(&input.fitted.picture, &classes, model)?;
                let found = lab::evidence(model, &request, cancel, &mut |_| ())?;
                json(&lab::EvidenceReport::of(&found, input.path, "", request.seed));
                Ok(())
            })
        }
        Command::Density(command) => {
            command.check()?;
            each(&command.images, model, command.fit, |input| {
                let picture = input.fitted.picture.map(|v| v.clamp(0.0, 1.0));
                let found = lab::density(model, &command.request([&picture], Vec::new()), cancel, &mut |_| ())?;
                let noise = command.noise(&found, model, &picture, 0, cancel)?;
                json(&lab::DensityReport::of(
                    &found,
                    vec![command.report(&found, input.path, Some(0), noise.as_ref())],
                    0,
                ));
                Ok(())
            })
        }
        Command::Sample(command) => {
            let mut picture = None;
            pictures::each(command.image.as_slice(), model, command.drawing.fit, |input| {
                picture = Some(input.fitted.picture);
                Ok(())
            })?;
            let request = command.request(picture, model)?;
            json(&lab::SampleReport::of(&lab::sample(model, &request, cancel, &mut |_, _| ())?, &request));
            Ok(())
        }
        Command::Counterfactual(command) => {
            let target = command.check(model)?;
            each(&command.images, model, command.fit, |input| {
                let request = command.request(&input.fitted.picture, target);
                let found = lab::dial(model, &request, cancel, &mut |_, _| ())?;
                json(&lab::CounterfactualReport::of(&found, &request, input.path, ""));
                Ok(())
            })
        }
        Command::Inpaint(command) => {
            command.check(model)?;
            each(&command.images, model, command.drawing.fit, |input| {
                let request = command.request(input, model)?;
                let found = lab::inpaint(model, &request, cancel, &mut |_, _| ())?;
                json(&lab::InpaintReport::of(&found, &request, input.path, ""));
                Ok(())
            })
        }
        _ => Ok(()),
    }
}
