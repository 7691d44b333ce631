//! From the state of the window to questions for the workers.
//!
//! Questions are derived, not triggered: each frame says what should be known, and what differs from the question
//! asked last is asked. So nothing can be forgotten, whichever command changed the state.

use std::time::Instant;

use super::denoiser_attack;
use super::explore;
use super::host::Host;
use super::photo;
use super::photo_fill;
use super::questions::{Lane, Question};
use super::tasks::{
    AttackRequest, CertifyRequest, CertifyTask, CurveRequest, CurveTask, EstimateRequest, FitRequest, NoiseRequest,
    ProbeRequest, PurifyRequest, Shared, StudyRequest,
};
use super::trials;
use super::versus;
use crate::attack::{Defence, Settings};
use crate::gui::gpu::Content;
use crate::gui::state::answers::{Answer, AttackAnswer, Fresh};
use crate::gui::state::counting::Count;
use crate::gui::state::document::Aim;
use crate::gui::state::pane::Pane;
use crate::joint::JointModel;
use crate::picture::Noise;
use crate::study::Classes;

/// Asks what should be known and was not asked yet.
pub fn schedule(host: &mut Host) {
    let Some(model) = host.session.model.as_ref().map(|m| Shared(m.joint.clone())) else { return };
    let Some(entry) = host.document.entry() else {
        host.forget_answers();
        return;
    };
    let request = FitRequest { original: entry.original.clone(), shape: model.0.shape(), fit: entry.fit };
    if host.questions.fit.differs(&request) {
        call_off_attack(host);
        host.workers.cancel(Lane::Estimate);
        host.questions.estimate.forget();
        let generation = host.workers.submit(Lane::Fit, Box::new(request.clone()));
        host.questions.fit.ask(request, generation);
    }
    if host.questions.fit.is_pending() {
        return;
    }
    let Some(picture) = host.session.fitted.as_ref().map(|f| f.content.clone()) else { return };
    schedule_study(host, &model, &picture);
    explore::schedule(host, &model, &picture);
    versus::schedule(host, &model, &picture);
    trials::schedule(host, &model, &picture);
    photo::schedule(host, &model);
    denoiser_attack::schedule(host, &model, &picture);
    // A model of one class is a denoiser: of classes there is nothing to ask.
    if model.0.classes().len() < 2 {
        return;
    }
    schedule_curve(host, &model, &picture);
    let adversary = host.session.shows(&Pane::ADVERSARY) && host.document.aim == Aim::Class;
    if adversary || versus::wants_attack(host) {
        schedule_attack(host, &model, &picture);
    }
    schedule_certificate(host, &model, &picture);
}

fn schedule_study(host: &mut Host, model: &Shared, picture: &Content) {
    let classes = classes_wanted(host, model.0.classes().len());
    let noise = host.document.noise;
    let already_noisy = host.document.already_noisy;
    let guidance = host.document.guidance_shown();
    let (model, shown) = (model.clone(), picture.clone());
    let request = StudyRequest { model, picture: shown, noise, already_noisy, classes, guidance };
    if !host.questions.study.differs(&request) {
        return;
    }
    call_off_attack(host);
    denoiser_attack::call_off(host);
    explore::call_off(host);
    // It would hold up what follows the slider.
    photo_fill::stop(host);
    let Host { session, questions, workers, .. } = host;
    let near =
        questions.study.request().is_some_and(|last| last.model == request.model && last.picture == request.picture);
    if near {
        session.answer.grow_stale();
    } else {
        session.answer = Answer::default();
        session.explore.forget();
        questions.noise.forget();
    }
    session.study_clock.0 = Some(Instant::now());
    let task = Box::new(request.clone());
    if near {
        questions.study.ask_after(request, workers.submit_after(Lane::Study, task));
    } else {
        questions.study.ask(request, workers.submit(Lane::Study, task));
    }
    if already_noisy {
        workers.cancel(Lane::Noise);
        questions.noise.forget();
        session.answer.noisy = Some(Fresh { value: picture.clone(), stale: false });
        session.answer.noisy_fidelity = None;
    } else {
        schedule_noise(host, NoiseRequest { picture: picture.clone(), noise });
    }
}

/// The noisy picture is drawn apart from its study, so that it follows the slider however long the model takes.
fn schedule_noise(host: &mut Host, request: NoiseRequest) {
    let Host { session, questions, workers, .. } = host;
    if questions.noise.differs(&request) {
        session.answer.noisy.iter_mut().for_each(|noisy| noisy.stale = true);
        let task = Box::new(request.clone());
        questions.noise.ask_after(request, workers.submit_after(Lane::Noise, task));
    }
}

/// Asks for the noise level that the picture itself suggests.
pub fn estimate(host: &mut Host) {
    let Some(fitted) = &host.session.fitted else { return };
    let request = EstimateRequest { picture: fitted.content.clone() };
    let generation = host.workers.submit(Lane::Estimate, Box::new(request.clone()));
    host.questions.estimate.ask(request, generation);
}

/// Lets go of an estimate that is not wanted any more.
pub fn forget_estimate(host: &mut Host) {
    host.workers.cancel(Lane::Estimate);
    host.questions.estimate.forget();
}

/// Takes a running attack back, so that the picture does not wait for its end; it is asked for again afterwards.
fn call_off_attack(host: &mut Host) {
    // A long one that a person had run is not lost by a slider: it is not about the noise.
    if host.questions.attack.is_pending() {
        host.workers.cancel(Lane::Attack);
        host.questions.attack.forget();
    }
}

/// All classes, or of many the likeliest and the pinned; the others come as one.
fn classes_wanted(host: &Host, count: usize) -> Classes {
    let pinned: Vec<usize> = host.document.pinned.iter().copied().filter(|&c| c < count).collect();
    match &host.session.answer.posterior {
        Some(posterior) if count > Classes::ALL_UP_TO && !pinned.is_empty() => {
            let ranked = crate::study::ranked(&posterior.value).into_iter().filter(|c| !pinned.contains(c));
            Classes::List(pinned.iter().copied().chain(ranked.take(Classes::TOP)).collect())
        }
        _ => Classes::Usual,
    }
}

fn schedule_curve(host: &mut Host, model: &Shared, picture: &Content) {
    // The level slides along the curve, so it is no part of the question.
    let noise = Noise { sigma: 0.0, ..host.document.noise };
    let already_noisy = host.document.already_noisy;
    let request = CurveRequest { model: model.clone(), picture: picture.clone(), noise, already_noisy };
    if host.questions.curve.differs(&request) {
        let generation = host.workers.submit(Lane::Curve, Box::new(CurveTask::new(request.clone())));
        host.questions.curve.ask(request, generation);
        host.session.curve = crate::study::Sweep::default();
    }
}

/// An attack that asks the model about more pictures than this does not run by itself.
const QUICK: usize = 250;

/// Whether an attack runs by itself wherever the picture or a setting is another.
#[must_use]
pub fn runs_by_itself(settings: &Settings) -> bool {
    settings.work().is_some_and(|work| work <= QUICK)
}

/// The attack that the adversary pane describes; none without a picture and a model.
fn attack_request(host: &Host) -> Option<AttackRequest> {
    let model = Shared(host.session.model.as_ref()?.joint.clone());
    let picture = host.session.fitted.as_ref()?.content.clone();
    Some(AttackRequest { model, picture, settings: host.document.attack.clone() })
}

/// Has the attack run, long or not, and again if it ran.
pub fn run_attack(host: &mut Host) {
    if let Some(request) = attack_request(host) {
        host.questions.attack_run = Some(request);
        host.questions.attack.forget();
    }
}

/// Calls the attack off; it is asked for again by a person, or by another picture or setting.
pub fn cancel_attack(host: &mut Host) {
    host.workers.cancel(Lane::Attack);
    host.questions.attack.settle();
    host.questions.attack_run = None;
    host.session.attack_progress = None;
}

/// Whether the model can be attacked as the settings say: one without gradients by what takes none.
#[must_use]
pub fn can_attack(model: &dyn JointModel, settings: &Settings) -> bool {
    let needs = settings.method.description().gradient || matches!(settings.defence, Defence::Purification { .. });
    !needs || model.abilities().gradients.missing().is_none()
}

fn schedule_attack(host: &mut Host, model: &Shared, picture: &Content) {
    let settings = host.document.attack.clone();
    if !can_attack(&*model.0, &settings) {
        return;
    }
    let request = AttackRequest { model: model.clone(), picture: picture.clone(), settings };
    let Host { session, questions, workers, .. } = host;
    if questions.attack_seen.as_ref() != Some(&request) {
        let last = questions.attack_seen.replace(request.clone());
        if !last.as_ref().is_some_and(|last| last.differs_by_defence(&request)) {
            session.defended.clear();
        }
        if last.is_some_and(|last| last.picture == *picture && last.model == *model) {
            session.attack.stale = true;
        } else {
            session.attack = AttackAnswer::default();
            questions.probe.forget();
            questions.purify.forget();
        }
        session.attack_progress = None;
    }
    if questions.attack.differs(&request) {
        if !runs_by_itself(&request.settings) && questions.attack_run.as_ref() != Some(&request) {
            // What may still run is another attack.
            if questions.attack.request().is_some() {
                workers.cancel(Lane::Attack);
                questions.attack.forget();
            }
            return;
        }
        session.attack.stale = true;
        let task = Box::new(request.clone());
        questions.attack.ask(request, workers.submit(Lane::Attack, task));
    }
    if questions.attack.is_pending() || model.0.abilities().gradients.missing().is_some() {
        return;
    }
    schedule_probe(host, model, picture);
    schedule_purify(host, model, picture);
}

fn schedule_probe(host: &mut Host, model: &Shared, clean: &Content) {
    let Host { session, questions, workers, document, .. } = host;
    let (Some(step), Some(outcome)) = (session.attack.track.shown(), &session.attack.outcome) else { return };
    let towards = outcome.target.is_some();
    let request = ProbeRequest {
        model: model.clone(),
        picture: step.attacked.clone(),
        clean: clean.clone(),
        sigma: document.attack.sigma,
        class: outcome.target.unwrap_or(outcome.label),
        towards,
    };
    if questions.probe.differs(&request) {
        session.attack.probe_stale = true;
        let task = Box::new(request.clone());
        questions.probe.ask_after(request, workers.submit_after(Lane::Probe, task));
    }
}

fn schedule_purify(host: &mut Host, model: &Shared, clean: &Content) {
    let Host { session, questions, workers, document, .. } = host;
    let Some(result) = &session.attack.track.result else { return };
    let noise = Noise { seed: document.purify_seed, ..document.noise };
    let study = StudyRequest {
        model: model.clone(),
        picture: result.attacked.clone(),
        noise,
        already_noisy: false,
        classes: Classes::Top(0),
        guidance: 1.0,
    };
    let request = PurifyRequest { study, clean: clean.clone() };
    if questions.purify.differs(&request) {
        session.attack.purified_stale = true;
        let task = Box::new(request.clone());
        questions.purify.ask_after(request, workers.submit_after(Lane::Purify, task));
    }
}

/// A certificate of another picture, by another model, means nothing any more; one that is counted while its settings change begins
/// anew. None begins by itself.
fn schedule_certificate(host: &mut Host, model: &Shared, picture: &Content) {
    let smoothing = host.document.smoothing;
    let bracketed = host.session.certificate.bracketed;
    let request = CertifyRequest { model: model.clone(), picture: picture.clone(), smoothing, bracketed };
    let Host { session, questions, workers, .. } = host;
    let Some(last) = questions.certify.request().filter(|_| questions.certify.differs(&request)) else { return };
    let goes_on = last.picture == request.picture && last.model == request.model && !session.certificate.stopped;
    workers.cancel(Lane::Certify);
    questions.certify.forget();
    session.certificate.forget();
    if goes_on {
        certify(host, request, None);
    } else {
        session.certificate.stopped = true;
    }
}

/// Has votes counted, on from what was counted before.
fn certify(host: &mut Host, request: CertifyRequest, count: Option<Count>) {
    let task = CertifyTask { request: request.clone(), count };
    let generation = host.workers.submit(Lane::Certify, Box::new(task));
    host.questions.certify.ask(request, generation);
    host.session.certificate.stopped = false;
}

/// Stops the count of votes and keeps what is proved, goes on with it, or begins one.
pub fn toggle_certificate(host: &mut Host) {
    let answer = &mut host.session.certificate;
    if !answer.stopped {
        answer.stopped = true;
        host.workers.cancel(Lane::Certify);
        host.questions.certify.settle();
        return;
    }
    let count = answer.count.clone();
    if count.as_ref().is_some_and(Count::is_complete) {
        return;
    }
    let session = &host.session;
    let model = session.model.as_ref().filter(|model| model.joint.is_classifier());
    if let (Some(model), Some(fitted)) = (model, &session.fitted) {
        let (model, picture) = (Shared(model.joint.clone()), fitted.content.clone());
        let bracketed = session.certificate.bracketed;
        certify(host, CertifyRequest { model, picture, smoothing: host.document.smoothing, bracketed }, count);
    }
}
