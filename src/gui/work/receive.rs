//! From the workers' reports to the state of the window.

use std::sync::Arc;

use tracing::Level;

use super::denoiser_attack;
use super::drawing;
use super::explore;
use super::host::Host;
use super::photo;
use super::photo_fill;
use super::questions::Lane;
use super::tasks::Message;
use super::trials;
use super::versus;
use super::worker::{News, Report};
use crate::attack::Outcome;
use crate::gui::state::answers::{Fresh, Measured};
use crate::gui::state::mend::mend;
use crate::gui::state::track::TimelineStep;

/// Takes in what the workers reported.
pub fn receive(host: &mut Host) {
    for report in host.workers.poll() {
        take(host, report);
    }
}

fn take(host: &mut Host, Report { lane, generation, news }: Report<Message>) {
    let lane = Lane::ALL[lane];
    if !host.questions.of(lane).accepts(generation) {
        return;
    }
    match news {
        News::Message(message) => {
            let stale = !host.questions.of(lane).is(generation);
            on_message(host, message, stale);
        }
        News::Done => settle(host, lane, generation),
        News::Failed(error) => {
            settle(host, lane, generation);
            host.say(Level::ERROR, error.to_string());
        }
    }
}

fn settle(host: &mut Host, lane: Lane, generation: u64) {
    let question = host.questions.of(lane);
    if !question.is(generation) {
        return;
    }
    question.settle();
    if lane == Lane::Certify {
        // Complete, or it failed: nothing is counted any more.
        host.session.certificate.stopped = true;
    }
    if lane == Lane::PhotoFill {
        host.session.photo.fill.stop();
    }
    if lane == Lane::Study {
        let clock = &mut host.session.study_clock;
        clock.1 = clock.0.map(|asked| asked.elapsed().as_secs_f64() * 1e3);
    }
}

/// What becomes of a message, `stale` if a newer question is on its way.
fn on_message(host: &mut Host, message: Message, stale: bool) {
    let session = &mut host.session;
    match message {
        Message::Fitted(fitted) => session.fitted = Some(fitted),
        Message::Noisy(noisy, fidelity) => {
            session.answer.noisy = Some(Fresh { value: noisy, stale });
            session.answer.noisy_fidelity = Some(fidelity);
        }
        Message::Estimated(sigma) => {
            if sigma == 0.0 {
                host.say(Level::INFO, "No noise could be measured in this picture: σ = 0.");
            }
            host.change_document(|document| {
                document.noise.sigma = sigma;
                document.already_noisy = true;
            });
        }
        Message::Stage(stage) => session.answer.take(stage, stale),
        Message::Study(study) => {
            if !stale {
                let description = session.model.as_ref().and_then(|model| model.description.clone());
                let usual = description.as_ref().and_then(|description| description.usual.as_ref());
                session.answer.complete(*study, usual);
            }
        }
        Message::Certificate(count) => session.certificate.take(*count),
        Message::Curve(curve) => session.curve = curve,
        Message::Explored(found) => explore::take(host, *found),
        Message::Versus(found) => versus::take(host, found, stale),
        Message::Trials(found) => trials::take(host, found),
        Message::PhotoFill(filling) => photo_fill::take(host, filling),
        Message::Photo(found) => photo::take(host, *found),
        Message::Drawn(drawing) => drawing::take(host, drawing),
        Message::AttackStep(step, progress) => {
            session.attack.begin_anew();
            session.attack_progress = Some(progress);
            session.attack.track.push(step);
        }
        Message::DenoiserAttack(found) => denoiser_attack::take(host, found),
        Message::Attacked(outcome) => attacked(host, *outcome),
        Message::Probe(probe) => {
            let [attacked, denoised] = probe.fidelity;
            session.attack.fidelity = Some(attacked);
            session.attack.denoised = Some(Measured { content: probe.denoised.into(), fidelity: denoised });
            session.attack.gradient = Some(probe.gradient.into());
            session.attack.probe_stale = stale;
        }
        Message::Purified { study, fidelity: [noisy, denoised] } => {
            session.attack.purified_tiles = Some([
                Measured { content: study.noisy.clone().into(), fidelity: noisy },
                Measured { content: study.denoised.clone().into(), fidelity: denoised },
            ]);
            session.attack.purified = Some((*study).into());
            session.attack.purified_stale = stale;
        }
    }
}

fn attacked(host: &mut Host, outcome: Outcome) {
    let session = &mut host.session;
    session.attack.begin_anew();
    session.attack_progress = None;
    let last_run = session.attack.track.steps().last().map_or(0, |(_, step)| step.run);
    session.attack.track.result = Some(TimelineStep {
        attacked: outcome.attacked.clone().into(),
        loss: outcome.loss.last().copied().unwrap_or_default(),
        posterior: outcome.posterior_after.clone(),
        run: last_run,
        restored: None,
    });
    let outcome = Arc::new(outcome);
    // Those it was asked with: the controls may have been moved since.
    let asked = host.questions.attack.request().map(|request| request.settings.clone());
    let settings = asked.unwrap_or_else(|| host.document.attack.clone());
    let defence = settings.defence;
    session.attack.settings = Some(settings);
    session.defended.retain(|(known, _)| std::mem::discriminant(known) != std::mem::discriminant(&defence));
    session.defended.push((defence, outcome.clone()));
    session.attack.outcome = Some(outcome);
}

/// Makes the document one that the model in use can be asked about: it may be of another model, or of a file.
pub fn mend_document(host: &mut Host) {
    let model = host.session.model.as_ref().map(|model| model.joint.clone());
    for words in mend(&mut host.document, model.as_deref()) {
        host.say(Level::WARN, words);
    }
}
