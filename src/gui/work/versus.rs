//! Questions to the second model: when they are asked, and what the worker does for them.

use tracing::Level;

use super::host::Host;
use super::questions::{Lane, Question};
use super::tasks::{Message, Shared, StudyRequest};
use super::worker::{Step, Task};
use crate::attack::DuelSettings;
use crate::gui::gpu::Content;
use crate::gui::state::answers::Measured;
use crate::gui::state::explore::Explored;
use crate::gui::state::pane::Pane;
use crate::gui::state::versus::{DuelProgress, Mode, Rival, RivalAnswer, Transferred};
use crate::joint::Pairing;
use crate::picture::{Batch, Fidelity};
use crate::study::{Classes, Duelled, Stage, analyze, duel};
use crate::task::Cancel;
use crate::{Error, Result};

/// B's study of the noisy picture that A studies.
#[derive(Clone, PartialEq)]
pub struct RivalRequest {
    /// The question to B, in its own class numbers.
    pub study: StudyRequest,
    /// The class of A's that is asked for.
    pub class: Option<usize>,
    /// Which of B's classes are which of A's.
    pub pairing: Pairing,
}

/// What B says of the picture that the attack on A made.
#[derive(Clone, PartialEq)]
pub struct TransferRequest {
    /// B.
    pub model: Shared,
    /// Which of its classes are which of A's.
    pub pairing: Pairing,
    /// The attacked picture.
    pub attacked: Content,
    /// What it was before.
    pub clean: Content,
    /// The noise level that the attacked classifier assumes.
    pub sigma: f32,
}

/// A duel on the clean picture.
#[derive(Clone, PartialEq)]
pub struct DuelRequest {
    /// A and B.
    pub models: [Shared; 2],
    /// The fitted picture.
    pub picture: Content,
    /// How.
    pub settings: DuelSettings,
}

/// What came of it.
#[derive(Debug)]
pub enum Found {
    /// What B says and restores.
    Answer(RivalAnswer),
    /// What B says of the attacked picture.
    Transferred(Transferred),
    /// How far a duel is.
    Progress(DuelProgress),
    /// A duel.
    Duelled(Box<Duelled>),
}

impl Task<Message> for RivalRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let model = &*self.study.model.0;
        let mut posterior = Vec::new();
        let studied = analyze(model, &self.study.request(), cancel, &mut |stage| {
            if let Stage::Posterior { posterior: found, .. } = stage {
                posterior = found;
            }
        });
        let answer = match studied {
            Ok(study) => RivalAnswer::of(&study, &self.pairing, self.class),
            // Its posterior is all that it gives.
            Err(Error::Option { .. }) if model.abilities().gradients.missing().is_some() => RivalAnswer {
                posterior: self.pairing.reordered(&posterior),
                class: self.class,
                ..RivalAnswer::default()
            },
            Err(error) => return Err(error),
        };
        publish(Message::Versus(Found::Answer(answer)));
        Ok(Step::Done)
    }
}

impl Task<Message> for TransferRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        cancel.check()?;
        let model = &*self.model.0;
        let sigma = model.sigma_range().clamp(self.sigma);
        // A picture that was padded or resampled may lie a rounding error outside; the attack began from this one.
        let clean = self.clean.picture().map(|v| v.clamp(0.0, 1.0));
        let says = |picture| -> Result<Vec<f64>> {
            Ok(self.pairing.reordered(&model.forward(&Batch::of([picture]), &[sigma])?.posterior_of(0)))
        };
        let (before, after) = (says(&clean)?, says(self.attacked.picture())?);
        let denoised = if model.abilities().gradients.missing().is_some() {
            None
        } else {
            let restored = model.forward(&Batch::of([self.attacked.picture()]), &[sigma])?.denoised()?.picture(0);
            Some(Measured { fidelity: Fidelity::of(&restored, &clean), content: restored.into() })
        };
        publish(Message::Versus(Found::Transferred(Transferred { before, after, denoised })));
        Ok(Step::Done)
    }
}

impl Task<Message> for DuelRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let clean = self.picture.picture().map(|v| v.clamp(0.0, 1.0));
        let models = [&*self.models[0].0, &*self.models[1].0];
        let found = duel(models, &clean, &self.settings, cancel, &mut |step| {
            let progress = DuelProgress { done: step.done, total: step.total, bits: step.said.divergence };
            publish(Message::Versus(Found::Progress(progress)));
        })?;
        publish(Message::Versus(Found::Duelled(Box::new(found))));
        Ok(Step::Done)
    }
}

/// Whether the attack is needed here: its steps are shown to B.
#[must_use]
pub fn wants_attack(host: &Host) -> bool {
    let versus = &host.session.versus;
    host.session.shows(&Pane::VERSUS) && versus.mode == Mode::Attack && versus.b.is_some()
}

/// Asks what the pane shows, while it is looked at.
pub fn schedule(host: &mut Host, model: &Shared, picture: &Content) {
    forget_what_is_old(host, model, picture);
    if !host.session.shows(&Pane::VERSUS) || host.questions.study.is_pending() {
        return;
    }
    let Some(Rival { model: b, pairing }) = host.session.versus.b.clone() else { return };
    let b = Shared(b.joint);
    match host.session.versus.mode {
        Mode::Restored => schedule_answer(host, b, pairing, picture),
        Mode::Attack if pairing.classes.is_some() => schedule_transfer(host, b, pairing, picture),
        Mode::Attack | Mode::Duel => {}
    }
}

/// Lets go of answers about another picture, or beside another A.
fn forget_what_is_old(host: &mut Host, model: &Shared, picture: &Content) {
    let Host { session, questions, workers, .. } = host;
    let of_another = |request: Option<&RivalRequest>| request.is_some_and(|asked| asked.study.picture != *picture);
    if of_another(questions.rival.request()) {
        questions.rival.forget();
        session.versus.answer = None;
    }
    let stale = questions.duel.request().is_some_and(|asked| asked.picture != *picture || asked.models[0] != *model);
    if stale {
        workers.cancel(Lane::Duel);
        questions.duel.forget();
        session.versus.duelled = None;
        session.versus.progress = DuelProgress::default();
    }
}

fn schedule_answer(host: &mut Host, model: Shared, pairing: Pairing, picture: &Content) {
    let class = host.session.versus.class.filter(|_| pairing.classes.is_some());
    let classes = class.map_or(Classes::Top(0), |class| Classes::List(vec![pairing.in_b(class)]));
    let Host { session, questions, workers, document, .. } = host;
    let (noise, already_noisy) = (document.noise, document.already_noisy);
    // A's class tile is guided, so B's beside it is too.
    let guidance = document.guidance_shown();
    let study = StudyRequest { model, picture: picture.clone(), noise, already_noisy, classes, guidance };
    let request = RivalRequest { study, class, pairing };
    if questions.rival.differs(&request) {
        session.versus.answer.iter_mut().for_each(|answer| answer.stale = true);
        let task = Box::new(request.clone());
        questions.rival.ask_after(request, workers.submit_after(Lane::Rival, task));
    }
}

fn schedule_transfer(host: &mut Host, model: Shared, pairing: Pairing, picture: &Content) {
    let Host { session, questions, workers, document, .. } = host;
    if questions.attack.is_pending() {
        session.versus.transferred.iter_mut().for_each(|found| found.stale = true);
        return;
    }
    let Some(step) = session.attack.track.shown() else { return };
    let sigma = document.attack.sigma;
    let request = TransferRequest { model, pairing, attacked: step.attacked.clone(), clean: picture.clone(), sigma };
    if questions.transfer.differs(&request) {
        session.versus.transferred.iter_mut().for_each(|found| found.stale = true);
        let task = Box::new(request.clone());
        questions.transfer.ask_after(request, workers.submit_after(Lane::Transfer, task));
    }
}

/// What a duel would be asked now; none without a picture and two models.
#[must_use]
pub fn duel_request(host: &Host) -> Option<DuelRequest> {
    let session = &host.session;
    let models = [session.model.as_ref()?, &session.versus.b.as_ref()?.model];
    let models = models.map(|model| Shared(model.joint.clone()));
    Some(DuelRequest { models, picture: session.fitted.as_ref()?.content.clone(), settings: session.versus.duel })
}

/// Has the two models duel on the picture.
pub fn run_duel(host: &mut Host) {
    let Some(request) = duel_request(host) else {
        host.say(Level::WARN, "A duel takes a picture and a second model.");
        return;
    };
    host.session.versus.progress = DuelProgress::default();
    host.session.versus.duelled.iter_mut().for_each(|duelled| duelled.stale = true);
    let generation = host.workers.submit(Lane::Duel, Box::new(request.clone()));
    host.questions.duel.ask(request, generation);
}

/// Calls a duel off.
pub fn cancel_duel(host: &mut Host) {
    host.workers.cancel(Lane::Duel);
    host.questions.duel.settle();
    host.session.versus.progress = DuelProgress::default();
}

/// Lets go of B and all that was asked of it.
pub fn forget(host: &mut Host) {
    for lane in [Lane::Rival, Lane::Transfer, Lane::Duel] {
        host.workers.cancel(lane);
        host.questions.of(lane).forget();
    }
    host.session.versus.forget();
}

/// Takes in what the worker found.
pub fn take(host: &mut Host, found: Found, stale: bool) {
    let versus = &mut host.session.versus;
    match found {
        Found::Answer(answer) => versus.answer = Some(Explored { stale, ..Explored::new(answer) }),
        Found::Transferred(found) => versus.transferred = Some(Explored { stale, ..Explored::new(found) }),
        Found::Progress(progress) => versus.progress = progress,
        Found::Duelled(duelled) => versus.take_duel(*duelled),
    }
}
