//! Questions of the pane Explore: when they are asked, and what the workers do for them.

use super::host::Host;
use super::questions::{Asked, Lane};
use super::tasks::{Message, Shared};
use super::worker::{Step, Task};
use crate::gui::gpu::Content;
use crate::gui::state::explore::Mode;
use crate::gui::state::pane::Pane;
use crate::picture::{Noise, Picture};
use crate::study::Subject;
use crate::study::lab::{
    AuditRequest, Components, Doubt, Filter, LevelAudit, Probes, Progress, Region, Scene, audit, components, doubt,
    filter,
};
use crate::task::Cancel;
use crate::{Error, Result};

/// How many components are looked for.
const COMPONENTS: usize = 8;

/// What is asked about a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// Both kinds of doubt.
    Doubt,
    /// The components, of the whole picture or of a region.
    Components(Option<Region>),
    /// The filter at a pixel: column and row.
    Filter(usize, usize),
    /// The residuals at every level of noise.
    Audit,
}

/// A question of the pane Explore.
#[derive(Clone, PartialEq)]
pub struct ExploreRequest {
    /// Who is asked.
    pub model: Shared,
    /// The fitted picture.
    pub picture: Content,
    /// The noise to add, or the level to assume.
    pub noise: Noise,
    /// The picture has noise of its own.
    pub already_noisy: bool,
    /// What is asked.
    pub what: What,
}

/// What came of it.
#[derive(Debug)]
pub enum Found {
    /// How much of a mode's answer is there.
    Share(Mode, f32),
    /// The variance from "which class?".
    Classes(Picture),
    /// Both kinds of doubt.
    Doubt(Doubt),
    /// Components.
    Components(Components),
    /// A filter.
    Filter(Filter),
    /// An audited level, the first of its audit or another.
    Level(LevelAudit, bool),
}

impl Found {
    fn progress(mode: Mode, progress: Progress) -> Self {
        match progress {
            Progress::Classes(variance) => Self::Classes(variance),
            Progress::Share(share) => Self::Share(mode, share),
        }
    }
}

impl ExploreRequest {
    fn subject(&self) -> (Subject, Option<f32>) {
        let picture = self.picture.picture().clone();
        if self.already_noisy {
            (Subject::Noisy(picture), Some(self.noise.sigma))
        } else {
            (Subject::Clean { picture, noise: self.noise }, None)
        }
    }

    fn audit(&self, cancel: &Cancel, publish: &mut dyn FnMut(Found)) -> Result<()> {
        let clean = self.picture.picture().map(|v| v.clamp(0.0, 1.0));
        let request = AuditRequest { seed: self.noise.seed, ..AuditRequest::of(vec![clean]) };
        let mut first = true;
        audit(&*self.model.0, &request, cancel, &mut |share, level| {
            publish(Found::Share(Mode::Audit, share));
            if let Some(level) = level {
                publish(Found::Level(level.clone(), std::mem::take(&mut first)));
            }
        })?;
        Ok(())
    }
}

impl Task<Message> for ExploreRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let mut publish = |found| publish(Message::Explored(Box::new(found)));
        if self.what == What::Audit {
            self.audit(cancel, &mut publish)?;
            return Ok(Step::Done);
        }
        let (subject, assumed) = self.subject();
        let scene = Scene::new(&*self.model.0, &subject, assumed)?;
        match self.what {
            What::Doubt => {
                let mut observe = |progress| publish(Found::progress(Mode::Doubt, progress));
                let found = doubt(&scene, Probes::Usual, self.noise.seed, cancel, &mut observe)?;
                publish(Found::Doubt(found));
            }
            What::Components(region) => {
                let mut observe = |progress| publish(Found::progress(Mode::Components, progress));
                let region = region.unwrap_or(Region::whole(scene.noisy.shape()));
                let found = components(&scene, COMPONENTS, region, None, cancel, &mut observe)?;
                publish(Found::Components(found));
            }
            What::Filter(x, y) => publish(Found::Filter(filter(&scene, (x, y), None, cancel)?)),
            What::Audit => return Err(Error::Compute("an audit has no scene".to_owned())),
        }
        Ok(Step::Done)
    }
}

/// The lanes of the pane.
const LANES: [Lane; 4] = [Lane::Filter, Lane::Components, Lane::Doubt, Lane::Audit];

/// Takes back what is under way, because the noise or the picture is another; it is asked again when it is looked at.
pub fn call_off(host: &mut Host) {
    call_off_but(host, None);
    host.session.explore.grow_stale();
}

/// Takes back what is under way in other lanes of the pane than this one.
fn call_off_but(host: &mut Host, lane: Option<Lane>) {
    let Host { questions, workers, .. } = host;
    let pending = [&questions.filter, &questions.components, &questions.doubt, &questions.audit].map(Asked::is_pending);
    for (other, pending) in LANES.into_iter().zip(pending) {
        if pending && Some(other) != lane {
            workers.cancel(other);
            questions.of(other).forget();
        }
    }
}

/// Asks what the pane shows, while it is looked at.
pub fn schedule(host: &mut Host, model: &Shared, picture: &Content) {
    // What is on the slider comes first.
    if !host.session.shows(&Pane::EXPLORE) || host.questions.study.is_pending() {
        return;
    }
    let shape = picture.picture().shape();
    let explore = &host.session.explore;
    let mut noise = host.document.noise;
    let (lane, what) = match explore.mode {
        Mode::Doubt => (Lane::Doubt, What::Doubt),
        Mode::Components => {
            let region = explore.region.map(|region| crate::gui::state::explore::Explore::fitting(region, shape));
            (Lane::Components, What::Components(region))
        }
        Mode::Filter => {
            let pixel = |at: f32, size: usize| ((at * size as f32) as usize).min(size.saturating_sub(1));
            let last = match host.questions.filter.request().map(|request| request.what) {
                Some(What::Filter(x, y)) => (x, y),
                _ => (shape.width / 2, shape.height / 2),
            };
            let (x, y) = host.session.hover.map_or(last, |[x, y]| (pixel(x, shape.width), pixel(y, shape.height)));
            (Lane::Filter, What::Filter(x.min(shape.width - 1), y.min(shape.height - 1)))
        }
        Mode::Audit => {
            noise.sigma = 0.0;
            (Lane::Audit, What::Audit)
        }
    };
    // One mode does not wait for another.
    call_off_but(host, Some(lane));
    let already_noisy = host.document.already_noisy;
    let request = ExploreRequest { model: model.clone(), picture: picture.clone(), noise, already_noisy, what };
    let Host { session, questions, workers, .. } = host;
    let asked = match lane {
        Lane::Filter => &mut questions.filter,
        Lane::Components => &mut questions.components,
        Lane::Audit => &mut questions.audit,
        _ => &mut questions.doubt,
    };
    if !asked.differs(&request) {
        return;
    }
    let task = Box::new(request.clone());
    session.explore.share = 0.0;
    if lane == Lane::Filter {
        asked.ask_after(request, workers.submit_after(lane, task));
    } else {
        asked.ask(request, workers.submit(lane, task));
    }
}

/// Takes in what a worker found.
pub fn take(host: &mut Host, found: Found) {
    let explore = &mut host.session.explore;
    match found {
        Found::Share(mode, share) if mode == explore.mode => explore.share = share,
        Found::Share(..) => {}
        Found::Classes(variance) => explore.take_classes(&variance),
        Found::Doubt(found) => explore.take_doubt(found),
        Found::Components(found) => explore.take_components(found),
        Found::Filter(found) => explore.take_filter(found),
        Found::Level(level, is_first) => {
            if is_first {
                explore.audit.clear();
            }
            explore.audit.push(level);
        }
    }
}
