//! From the state of the window to questions for the worker, and from its reports back to the state.
//!
//! Questions are derived, not triggered: each frame says what should be known, and what differs from the question
//! asked last is asked. So nothing can be forgotten, whichever command changed the state.

use std::sync::Arc;
use std::time::Instant;

use tracing::Level;

use super::App;
use super::compute::{
    AttackRequest, CurveRequest, CurveTask, FitRequest, Message, ProbeRequest, PurifyRequest, Shared, StudyRequest,
    lane,
};
use super::session::{Answer, Attack, Measured, TimelineStep};
use super::tiles::Content;
use super::worker::{News, Report};
use crate::attack::{self, Target};
use crate::picture::Noise;
use crate::study::{Classes, Fidelity};

impl App {
    /// Takes in what the worker reported.
    pub(super) fn receive(&mut self) {
        for report in self.worker.poll() {
            self.take(report);
        }
    }

    /// Asks what should be known and was not asked yet.
    pub(super) fn schedule(&mut self) {
        let Some(model) = self.session.model.as_ref().map(|m| Shared(m.joint.clone())) else { return };
        let Some(entry) = self.document.entry() else {
            self.forget_everything();
            return;
        };
        let request = FitRequest { original: entry.original.clone(), shape: model.0.shape(), fit: entry.fit };
        if self.session.fit_asked.differs(&request) {
            self.call_off_attack();
            let generation = self.worker.submit(lane::FIT, Box::new(request.clone()));
            self.session.fit_asked.ask(request, generation);
        }
        if self.session.fit_asked.is_pending() {
            return;
        }
        let Some(picture) = self.session.fitted.as_ref().map(|f| f.content.clone()) else { return };
        self.schedule_study(&model, &picture);
        self.schedule_curve(&model, &picture);
        if self.session.adversary_visible {
            self.schedule_attack(&model, &picture);
        }
        self.schedule_certificate(&model, &picture);
    }

    fn schedule_study(&mut self, model: &Shared, picture: &Content) {
        let classes = self.classes_wanted(model.0.classes().len());
        let noise = self.document.noise;
        let already_noisy = self.document.already_noisy;
        let request = StudyRequest { model: model.clone(), picture: picture.clone(), noise, already_noisy, classes };
        if !self.session.study_asked.differs(&request) {
            return;
        }
        self.call_off_attack();
        let session = &mut self.session;
        let near =
            session.study_asked.request().is_some_and(|last| last.model == request.model && last.picture == *picture);
        let noisy = if already_noisy { picture.clone() } else { noise.apply(picture.picture()).into() };
        if near {
            session.answer.grow_stale();
        } else {
            session.answer = Answer::default();
        }
        session.answer.noisy_fidelity = (!already_noisy).then(|| Fidelity::of(noisy.picture(), picture.picture()));
        session.answer.noisy = Some(noisy);
        session.study_clock.0 = Some(Instant::now());
        let task = Box::new(request.clone());
        if near {
            session.study_asked.ask_after(request, self.worker.submit_after(lane::STUDY, task));
        } else {
            session.study_asked.ask(request, self.worker.submit(lane::STUDY, task));
        }
    }

    /// Takes a running attack back, so that the picture does not wait for its end; it is asked for again afterwards.
    fn call_off_attack(&mut self) {
        if self.session.attack_asked.is_pending() {
            self.worker.cancel(lane::ATTACK);
            self.session.attack_asked.forget();
        }
    }

    /// All classes, or of many the likeliest and the pinned; the others come as one.
    fn classes_wanted(&self, count: usize) -> Classes {
        let pinned: Vec<usize> = self.document.pinned.iter().copied().filter(|&c| c < count).collect();
        match &self.session.answer.posterior {
            Some(posterior) if count > Classes::ALL_UP_TO && !pinned.is_empty() => {
                let ranked = crate::study::ranked(&posterior.value).into_iter().filter(|c| !pinned.contains(c));
                Classes::List(pinned.iter().copied().chain(ranked.take(Classes::TOP)).collect())
            }
            _ => Classes::Usual,
        }
    }

    fn schedule_curve(&mut self, model: &Shared, picture: &Content) {
        // The level slides along the curve, so it is no part of the question.
        let noise = Noise { sigma: 0.0, ..self.document.noise };
        let already_noisy = self.document.already_noisy;
        let request = CurveRequest { model: model.clone(), picture: picture.clone(), noise, already_noisy };
        if self.session.curve_asked.differs(&request) {
            let generation = self.worker.submit(lane::CURVE, Box::new(CurveTask::new(request.clone())));
            self.session.curve_asked.ask(request, generation);
            self.session.curve = crate::study::Sweep::default();
        }
    }

    fn schedule_attack(&mut self, model: &Shared, picture: &Content) {
        let request =
            AttackRequest { model: model.clone(), picture: picture.clone(), settings: self.document.attack.clone() };
        let session = &mut self.session;
        if session.attack_asked.differs(&request) {
            let near = session.attack_asked.request().is_some_and(|r| r.picture == *picture && r.model == *model);
            if !session.attack_asked.request().is_some_and(|last| last.differs_by_defence(&request)) {
                session.defended.clear();
            }
            if near {
                session.attack.stale = true;
            } else {
                session.attack = Attack::default();
                session.probe_asked.forget();
                session.purify_asked.forget();
            }
            let task = Box::new(request.clone());
            session.attack_asked.ask(request, self.worker.submit(lane::ATTACK, task));
        }
        if session.attack_asked.is_pending() {
            return;
        }
        self.schedule_probe(model, picture);
        self.schedule_purify(model, picture);
    }

    fn schedule_probe(&mut self, model: &Shared, clean: &Content) {
        let session = &mut self.session;
        let (Some(step), Some(outcome)) = (session.attack.shown(), &session.attack.outcome) else { return };
        let towards = outcome.target.is_some();
        let request = ProbeRequest {
            model: model.clone(),
            picture: step.attacked.clone(),
            clean: clean.clone(),
            sigma: self.document.attack.sigma,
            class: outcome.target.unwrap_or(outcome.label),
            towards,
        };
        if session.probe_asked.differs(&request) {
            let task = Box::new(request.clone());
            session.probe_asked.ask_after(request, self.worker.submit_after(lane::PROBE, task));
        }
    }

    fn schedule_purify(&mut self, model: &Shared, clean: &Content) {
        let session = &mut self.session;
        let Some(result) = &session.attack.result else { return };
        let noise = Noise { seed: self.document.purify_seed, ..self.document.noise };
        let study = StudyRequest {
            model: model.clone(),
            picture: result.attacked.clone(),
            noise,
            already_noisy: false,
            classes: Classes::Top(0),
        };
        let request = PurifyRequest { study, clean: clean.clone() };
        if session.purify_asked.differs(&request) {
            let task = Box::new(request.clone());
            session.purify_asked.ask_after(request, self.worker.submit_after(lane::PURIFY, task));
        }
    }

    fn forget_everything(&mut self) {
        for lane in 0..lane::COUNT {
            self.worker.cancel(lane);
        }
        let session = &mut self.session;
        session.fitted = None;
        session.answer = Answer::default();
        session.curve = crate::study::Sweep::default();
        session.attack = Attack::default();
        session.certifying.forget();
        session.fit_asked.forget();
        session.study_asked.forget();
        session.curve_asked.forget();
        session.attack_asked.forget();
        session.probe_asked.forget();
        session.purify_asked.forget();
    }

    /// Has every question asked anew: the model changed under them.
    pub(super) fn ask_anew(&mut self) {
        self.forget_everything();
    }

    fn take(&mut self, report: Report<Message>) {
        let Report { lane, generation, news } = report;
        if !self.accepts(lane, generation) {
            return;
        }
        match news {
            News::Message(message) => self.take_message(message, generation),
            News::Done => self.settle(lane, generation),
            News::Failed(error) => {
                self.settle(lane, generation);
                self.session.toasts.say(Level::ERROR, error.to_string());
            }
        }
    }

    fn accepts(&self, lane: usize, generation: u64) -> bool {
        let session = &self.session;
        match lane {
            lane::FIT => session.fit_asked.accepts(generation),
            lane::STUDY => session.study_asked.accepts(generation),
            lane::ATTACK => session.attack_asked.accepts(generation),
            lane::PROBE => session.probe_asked.accepts(generation),
            lane::PURIFY => session.purify_asked.accepts(generation),
            lane::CERTIFY => session.certifying.asked.accepts(generation),
            _ => session.curve_asked.accepts(generation),
        }
    }

    fn settle(&mut self, lane: usize, generation: u64) {
        let session = &mut self.session;
        match lane {
            lane::FIT if session.fit_asked.is(generation) => session.fit_asked.settle(),
            lane::STUDY if session.study_asked.is(generation) => {
                session.study_asked.settle();
                session.study_clock.1 = session.study_clock.0.map(|asked| asked.elapsed().as_secs_f64() * 1e3);
            }
            lane::ATTACK if session.attack_asked.is(generation) => session.attack_asked.settle(),
            lane::PROBE if session.probe_asked.is(generation) => session.probe_asked.settle(),
            lane::PURIFY if session.purify_asked.is(generation) => session.purify_asked.settle(),
            lane::CERTIFY if session.certifying.asked.is(generation) => session.certifying.asked.settle(),
            lane::CURVE if session.curve_asked.is(generation) => session.curve_asked.settle(),
            _ => {}
        }
    }

    fn take_message(&mut self, message: Message, generation: u64) {
        let session = &mut self.session;
        match message {
            Message::Fitted(fitted) => session.fitted = Some(fitted),
            Message::Stage(stage) => session.answer.take(stage, !session.study_asked.is(generation)),
            Message::Study(study) => {
                if session.study_asked.is(generation) {
                    session.answer.complete(*study);
                }
            }
            Message::Certificate(count) => session.certifying.take(*count),
            Message::Curve(curve) => session.curve = curve,
            Message::AttackStep(step) => {
                if session.attack.stale {
                    session.attack = kept(&mut session.attack);
                }
                let step = TimelineStep { attacked: step.attacked.into(), loss: step.loss, posterior: step.posterior };
                session.attack.steps.push(step);
            }
            Message::Attacked(outcome) => {
                if session.attack.stale {
                    session.attack = kept(&mut session.attack);
                }
                session.attack.result = Some(TimelineStep {
                    attacked: outcome.attacked.clone().into(),
                    loss: outcome.loss.last().copied().unwrap_or_default(),
                    posterior: outcome.posterior_after.clone(),
                });
                let outcome: Arc<attack::Outcome> = (*outcome).into();
                let defence = self.document.attack.defence;
                session.defended.retain(|(known, _)| std::mem::discriminant(known) != std::mem::discriminant(&defence));
                session.defended.push((defence, outcome.clone()));
                session.attack.outcome = Some(outcome);
            }
            Message::Probe(probe) => {
                let [attacked, denoised] = probe.fidelity;
                session.attack.fidelity = Some(attacked);
                session.attack.denoised = Some(Measured { content: probe.denoised.into(), fidelity: denoised });
                session.attack.gradient = Some(probe.gradient.into());
            }
            Message::Purified { study, fidelity: [noisy, denoised] } => {
                session.attack.purified_tiles = Some([
                    Measured { content: study.noisy.clone().into(), fidelity: noisy },
                    Measured { content: study.denoised.clone().into(), fidelity: denoised },
                ]);
                session.attack.purified = Some((*study).into());
            }
        }
    }

    /// Whether a target class exists in the model; a session of another model may name one that does not.
    pub(super) fn mend_attack(&mut self) {
        let classes = self.session.classes().len();
        if let Target::Class(class) = self.document.attack.target
            && class >= classes
        {
            self.document.attack.target = Target::None;
        }
        self.document.pinned.retain(|&class| class < classes);
    }
}

/// What a new run of the attack begins with: the last answers, so that tiles do not blink.
fn kept(attack: &mut Attack) -> Attack {
    Attack {
        fidelity: attack.fidelity.take(),
        denoised: attack.denoised.take(),
        gradient: attack.gradient.take(),
        purified: attack.purified.take(),
        purified_tiles: attack.purified_tiles.take(),
        at: attack.at,
        ..Attack::default()
    }
}
