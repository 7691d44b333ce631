//! Several attacks on one picture, one after the other: when they are asked for, and what the worker does.

use std::sync::Arc;
use std::time::Instant;

use tracing::Level;

use super::host::Host;
use super::questions::{Lane, Question};
use super::tasks::{Message, Shared};
use super::worker::{Step, Task};
use crate::attack::{self, Settings};
use crate::gui::gpu::Content;
use crate::gui::state::trials::{Ending, Trial};
use crate::picture::Batch;
use crate::study;
use crate::task::Cancel;
use crate::{Error, Result};

/// A picture, and how it is attacked.
#[derive(Clone, PartialEq)]
pub struct TrialsRequest {
    /// Who is attacked.
    pub model: Shared,
    /// The fitted picture.
    pub picture: Content,
    /// Every attack, in order.
    pub settings: Vec<Settings>,
}

/// The attacks, one a step, so that what is more urgent goes between them.
struct TrialsTask {
    request: TrialsRequest,
    done: usize,
}

/// What came of it.
#[derive(Debug)]
pub enum Found {
    /// Steps of the attack that goes on, of about how many.
    Progress(usize, usize),
    /// What came of one.
    Tried(Box<Trial>),
}

impl Task<Message> for TrialsTask {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let Some(settings) = self.request.settings.get(self.done) else { return Ok(Step::Done) };
        let ending = match attacked(&self.request, settings, cancel, publish) {
            Ok(ending) => Ok(ending),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            // The others may take what this one refuses.
            Err(error) => Err(error.to_string()),
        };
        publish(Message::Trials(Found::Tried(Box::new(Trial { settings: settings.clone(), ending }))));
        self.done += 1;
        Ok(if self.done < self.request.settings.len() { Step::Again } else { Step::Done })
    }
}

fn attacked(
    request: &TrialsRequest,
    settings: &Settings,
    cancel: &Cancel,
    publish: &mut dyn FnMut(Message),
) -> Result<Ending> {
    let begun = Instant::now();
    let model = &*request.model.0;
    // A picture that was padded or resampled may lie a rounding error outside.
    let clean = Batch::of([&request.picture.picture().map(|v| v.clamp(0.0, 1.0))]);
    let posterior = model.forward(&clean, &[model.sigma_range().clamp(settings.sigma)])?.posterior_of(0);
    let label = study::ranked(&posterior)[0];
    let mut watch = |step: attack::Step<'_>| publish(Message::Trials(Found::Progress(step.step + 1, step.steps)));
    let mut outcomes = attack::run(model, &clean, &[label], settings, cancel, &mut watch)?;
    let outcome = outcomes.pop().ok_or_else(|| Error::Compute("the attack ended with nothing".to_owned()))?;
    let attacked = outcome.attacked.clone().into();
    Ok(Ending { outcome: Arc::new(outcome), attacked, took: begun.elapsed().as_secs_f64() * 1e3 })
}

/// What would be asked now; none without a picture and a model that tells classes apart.
#[must_use]
pub fn request(host: &Host) -> Option<TrialsRequest> {
    let model = host.session.model.as_ref().filter(|model| model.joint.is_classifier())?;
    let picture = host.session.fitted.as_ref()?.content.clone();
    let settings = host.session.trials.plan(&host.document.attack);
    Some(TrialsRequest { model: Shared(model.joint.clone()), picture, settings })
}

/// Has the picture attacked by every chosen method.
pub fn run(host: &mut Host) {
    let Some(request) = request(host) else {
        return host.say(Level::WARN, "Attacks take a picture, and a model that tells classes apart.");
    };
    if request.settings.is_empty() {
        return host.say(Level::WARN, "No attack is chosen.");
    }
    let trials = &mut host.session.trials;
    trials.forget();
    trials.clean = Some(request.picture.clone());
    trials.planned.clone_from(&request.settings);
    let task = TrialsTask { request: request.clone(), done: 0 };
    let generation = host.workers.submit(Lane::Trials, Box::new(task));
    host.questions.trials.ask(request, generation);
}

/// Stops; what was found stays.
pub fn cancel(host: &mut Host) {
    host.workers.cancel(Lane::Trials);
    host.questions.trials.settle();
}

/// Lets go of attacks on another picture, or on another model.
pub fn schedule(host: &mut Host, model: &Shared, picture: &Content) {
    let Some(asked) = host.questions.trials.request() else { return };
    if asked.model != *model || asked.picture != *picture {
        host.workers.cancel(Lane::Trials);
        host.questions.trials.forget();
        host.session.trials.forget();
    }
}

/// Takes in what the worker found.
pub fn take(host: &mut Host, found: Found) {
    let trials = &mut host.session.trials;
    match found {
        Found::Progress(done, of) => trials.progress = (done, of),
        Found::Tried(trial) => {
            trials.progress = (0, 1);
            trials.found.push(*trial);
        }
    }
}
