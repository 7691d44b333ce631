//! The attack on the denoiser of the noisy picture that is on screen: asked as the adversary pane says, streamed step by step.

use super::host::Host;
use super::questions::{Lane, Question};
use super::tasks::{Message, Shared};
use super::worker::{Step, Task};
use crate::Result;
use crate::attack::{DenoiserOutcome, DenoiserSettings, DenoiserStep, attack_denoiser};
use crate::gui::gpu::Content;
use crate::gui::state::answers::DenoiserAttackAnswer;
use crate::gui::state::document::Aim;
use crate::gui::state::pane::Pane;
use crate::gui::state::track::{Restored, TimelineStep};
use crate::picture::Picture;
use crate::study::Fidelity;
use crate::task::Cancel;

/// An attack of more steps does not run by itself.
const QUICK: usize = 100;

/// The attack on the denoiser of a noisy picture.
#[derive(Clone, PartialEq)]
pub struct DenoiserRequest {
    /// Who is attacked.
    pub model: Shared,
    /// The fitted picture.
    pub picture: Content,
    /// The same with noise.
    pub noisy: Content,
    /// The picture has noise of its own, so that a clean one is not known.
    pub already_noisy: bool,
    /// How.
    pub settings: DenoiserSettings,
}

/// What the task sends.
#[derive(Debug)]
pub enum Found {
    /// The noisy picture that it begins with.
    Begins(Content),
    /// A step, its number from 0 on, and how many there will be.
    Step(Box<TimelineStep>, (usize, usize)),
    /// The whole attack: the result as a step, what was restored before, and the outcome.
    Ended(Box<TimelineStep>, Restored, Box<DenoiserOutcome>),
}

impl Task<Message> for DenoiserRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let clean = (!self.already_noisy).then(|| self.picture.picture());
        let measured = |picture: &Picture| {
            let fidelity = clean.map(|clean| Fidelity::of(picture, clean));
            Restored { content: picture.clone().into(), fidelity }
        };
        let step = |attacked: &Picture, restored: &Picture, posterior: &[f64], loss| TimelineStep {
            attacked: attacked.clone().into(),
            loss,
            posterior: posterior.to_vec(),
            run: 0,
            restored: Some(measured(restored)),
        };
        let mut send = |found| publish(Message::DenoiserAttack(found));
        send(Found::Begins(self.noisy.clone()));
        let mut watch = |now: DenoiserStep<'_>| {
            let shown = step(now.attacked, now.denoised, now.posterior, now.loss);
            send(Found::Step(Box::new(shown), (now.step, now.steps)));
        };
        let noisy = self.noisy.picture();
        let outcome = attack_denoiser(&*self.model.0, noisy, clean, &self.settings, cancel, &mut watch)?;
        let loss = outcome.loss.last().copied().unwrap_or_default();
        let result = step(&outcome.attacked, &outcome.after, &outcome.posterior_after, loss);
        let before = measured(&outcome.before);
        send(Found::Ended(Box::new(result), before, Box::new(outcome)));
        Ok(Step::Done)
    }
}

/// Whether an attack runs by itself wherever the noisy picture or a setting is another.
#[must_use]
pub fn runs_by_itself(settings: &DenoiserSettings) -> bool {
    settings.steps <= QUICK
}

/// The attack that the adversary pane describes; none before the noisy picture on screen is the one that the slider asks for.
fn request(host: &Host, model: &Shared, picture: &Content) -> Option<DenoiserRequest> {
    if host.questions.noise.is_pending() || host.questions.study.is_pending() {
        return None;
    }
    let noisy = host.session.answer.noisy.as_ref().filter(|noisy| !noisy.stale)?.value.clone();
    Some(DenoiserRequest {
        model: model.clone(),
        picture: picture.clone(),
        noisy,
        already_noisy: host.document.already_noisy,
        settings: host.document.denoiser_settings(),
    })
}

/// Asks for the attack where the pane shows it.
pub fn schedule(host: &mut Host, model: &Shared, picture: &Content) {
    let aim = host.document.aim(model.0.classes().len());
    if aim != Aim::Denoiser
        || !host.session.shows(&Pane::ADVERSARY)
        || model.0.abilities().gradients.missing().is_some()
    {
        return;
    }
    let Some(request) = request(host, model, picture) else { return };
    let Host { session, questions, workers, .. } = host;
    let asked = &mut questions.denoiser_attack;
    if !asked.differs(&request) {
        return;
    }
    if asked.request().is_some_and(|last| last.picture != request.picture || last.model != request.model) {
        session.denoiser_attack = DenoiserAttackAnswer::default();
    }
    session.denoiser_attack.stale = true;
    session.denoiser_attack.progress = None;
    if !runs_by_itself(&request.settings) && questions.denoiser_run.as_ref() != Some(&request) {
        // What may still run is another attack.
        workers.cancel(Lane::DenoiserAttack);
        asked.forget();
        return;
    }
    let task = Box::new(request.clone());
    asked.ask(request, workers.submit(Lane::DenoiserAttack, task));
}

/// Has the attack run, long or not, and again if it ran.
pub fn run(host: &mut Host) {
    let model = host.session.model.as_ref().map(|model| Shared(model.joint.clone()));
    let picture = host.session.fitted.as_ref().map(|fitted| fitted.content.clone());
    if let Some((model, picture)) = model.zip(picture) {
        host.questions.denoiser_run = request(host, &model, &picture);
        host.questions.denoiser_attack.forget();
    }
}

/// Calls the attack off; it is asked for again by a person, or by another noisy picture or setting.
pub fn cancel(host: &mut Host) {
    host.workers.cancel(Lane::DenoiserAttack);
    host.questions.denoiser_attack.settle();
    host.questions.denoiser_run = None;
    host.session.denoiser_attack.progress = None;
}

/// Takes a running attack back: the noisy picture is another.
pub fn call_off(host: &mut Host) {
    if host.questions.denoiser_attack.is_pending() {
        host.workers.cancel(Lane::DenoiserAttack);
        host.questions.denoiser_attack.forget();
    }
}

/// Takes in what the task sent.
pub fn take(host: &mut Host, found: Found) {
    let answer = &mut host.session.denoiser_attack;
    match found {
        Found::Begins(noisy) => {
            // What was restored before stays, so that its tile does not blink.
            *answer = DenoiserAttackAnswer {
                track: answer.track.anew(),
                noisy: Some(noisy),
                before: answer.before.take(),
                ..DenoiserAttackAnswer::default()
            };
        }
        Found::Step(step, progress) => {
            answer.track.push(*step);
            answer.progress = Some(progress);
        }
        Found::Ended(result, before, outcome) => {
            answer.track.result = Some(*result);
            answer.before = Some(before);
            answer.outcome = Some((*outcome).into());
            answer.progress = None;
        }
    }
}
