//! From the state of the window to questions for the workers.
//!
//! Questions are derived, not triggered: each frame says what should be known, and what differs from the question
//! asked last is asked. So nothing can be forgotten, whichever command changed the state.

use std::time::Instant;

use super::explore;
use super::host::Host;
use super::questions::{Lane, Question};
use super::tasks::{
    AttackRequest, CertifyRequest, CertifyTask, CurveRequest, CurveTask, EstimateRequest, FitRequest, NoiseRequest,
    ProbeRequest, PurifyRequest, Shared, StudyRequest,
};
use super::versus;
use crate::gui::gpu::Content;
use crate::gui::state::answers::{Answer, AttackAnswer, Fresh};
use crate::gui::state::pane::Pane;
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
    // A model of one class is a denoiser: of classes there is nothing to ask.
    if model.0.classes().len() < 2 {
        return;
    }
    schedule_curve(host, &model, &picture);
    if host.session.shows(&Pane::ADVERSARY) || versus::wants_attack(host) {
        schedule_attack(host, &model, &picture);
    }
    schedule_certificate(host, &model, &picture);
}

fn schedule_study(host: &mut Host, model: &Shared, picture: &Content) {
    let classes = classes_wanted(host, model.0.classes().len());
    let noise = host.document.noise;
    let already_noisy = host.document.already_noisy;
    let request = StudyRequest { model: model.clone(), picture: picture.clone(), noise, already_noisy, classes };
    if !host.questions.study.differs(&request) {
        return;
    }
    call_off_attack(host);
    explore::call_off(host);
    let Host { session, questions, workers, .. } = host;
    let near = questions.study.request().is_some_and(|last| last.model == request.model && last.picture == *picture);
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

/// Takes a running attack back, so that the picture does not wait for its end; it is asked for again afterwards.
fn call_off_attack(host: &mut Host) {
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

fn schedule_attack(host: &mut Host, model: &Shared, picture: &Content) {
    let settings = host.document.attack.clone();
    let request = AttackRequest { model: model.clone(), picture: picture.clone(), settings };
    let Host { session, questions, workers, .. } = host;
    if questions.attack.differs(&request) {
        let near = questions.attack.request().is_some_and(|r| r.picture == *picture && r.model == *model);
        if !questions.attack.request().is_some_and(|last| last.differs_by_defence(&request)) {
            session.defended.clear();
        }
        if near {
            session.attack.stale = true;
        } else {
            session.attack = AttackAnswer::default();
            questions.probe.forget();
            questions.purify.forget();
        }
        let task = Box::new(request.clone());
        questions.attack.ask(request, workers.submit(Lane::Attack, task));
    }
    if questions.attack.is_pending() {
        return;
    }
    schedule_probe(host, model, picture);
    schedule_purify(host, model, picture);
}

fn schedule_probe(host: &mut Host, model: &Shared, clean: &Content) {
    let Host { session, questions, workers, document, .. } = host;
    let (Some(step), Some(outcome)) = (session.attack.shown(), &session.attack.outcome) else { return };
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
        let task = Box::new(request.clone());
        questions.probe.ask_after(request, workers.submit_after(Lane::Probe, task));
    }
}

fn schedule_purify(host: &mut Host, model: &Shared, clean: &Content) {
    let Host { session, questions, workers, document, .. } = host;
    let Some(result) = &session.attack.result else { return };
    let noise = Noise { seed: document.purify_seed, ..document.noise };
    let study = StudyRequest {
        model: model.clone(),
        picture: result.attacked.clone(),
        noise,
        already_noisy: false,
        classes: Classes::Top(0),
    };
    let request = PurifyRequest { study, clean: clean.clone() };
    if questions.purify.differs(&request) {
        let task = Box::new(request.clone());
        questions.purify.ask_after(request, workers.submit_after(Lane::Purify, task));
    }
}

/// Asks for the certificate of the picture while its pane is looked at.
fn schedule_certificate(host: &mut Host, model: &Shared, picture: &Content) {
    if !host.session.shows(&Pane::CERTIFICATE) {
        return;
    }
    let smoothing = host.document.smoothing;
    let request = CertifyRequest { model: model.clone(), picture: picture.clone(), smoothing };
    let Host { session, questions, workers, .. } = host;
    if !questions.certify.differs(&request) {
        return;
    }
    questions.certify.forget();
    session.certificate.forget();
    if session.certificate.stopped {
        workers.cancel(Lane::Certify);
    } else {
        let task = CertifyTask { request: request.clone(), count: None };
        questions.certify.ask(request, workers.submit(Lane::Certify, Box::new(task)));
    }
}

/// Stops the count of votes and keeps what is proved, or goes on with it.
pub fn toggle_certificate(host: &mut Host) {
    let Host { session, questions, workers, .. } = host;
    let answer = &mut session.certificate;
    answer.stopped = !answer.stopped;
    if answer.stopped {
        workers.cancel(Lane::Certify);
        questions.certify.settle();
    } else if let (Some(request), Some(count)) = (questions.certify.request().cloned(), answer.count.clone())
        && !count.certificate().is_complete()
    {
        let task = CertifyTask { request: request.clone(), count: Some(count) };
        questions.certify.ask(request, workers.submit(Lane::Certify, Box::new(task)));
    }
}
