//! Questions of the pane Explore: when they are asked, and what the workers do for them.

use std::sync::Arc;

use super::drawing;
use super::host::Host;
use super::questions::{Asked, Lane};
use super::tasks::{Message, Shared};
use super::worker::{Step, Task};
use crate::gui::gpu::Content;
use crate::gui::state::explore::{Mode, PictureDensity};
use crate::gui::state::pane::Pane;
use crate::picture::{Batch, Fit, Noise, Picture, SAMPLES, Shape, fit};
use crate::study::lab::{
    AuditRequest, Components, Density, DensityRequest, Doubt, Evidence, EvidenceRequest, Filter, LevelAudit, Probes,
    Progress, Region, Scene, audit, components, density, doubt, evidence, filter, noise_level,
};
use crate::study::{Subject, ranked};
use crate::task::Cancel;
use crate::{Error, Result, limits};

/// How many components are looked for.
const COMPONENTS: usize = 8;
/// Of more values than this both kinds of doubt are first estimated, by so many random probes.
const SKETCHED: usize = 512;
const SKETCH: usize = 64;
/// Of how many classes, noise levels and draws the evidence is.
const EVIDENCE: (usize, usize, usize) = (3, 32, 4);

/// What is asked about a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// Both kinds of doubt.
    Doubt,
    /// The components, of the whole picture or of a region.
    Components(Option<Region>),
    /// The filter at a pixel: column and row.
    Filter(usize, usize),
    /// The evidence for the most probable classes.
    Evidence,
    /// How probable it is among the sample pictures, and its noise.
    Density,
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
    /// The densities, if they are known.
    pub known: Known,
}

/// Densities that were measured before with this picture and model: the answer is the same with them, only sooner.
#[derive(Clone, Default)]
pub struct Known(pub Option<Arc<Density>>);

impl PartialEq for Known {
    fn eq(&self, _: &Self) -> bool {
        true
    }
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
    /// Evidence.
    Evidence(Evidence),
    /// How probable the picture is, and its noise.
    Density(PictureDensity),
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

    /// The evidence for the classes that are the most probable in the clean picture.
    fn evidence(&self, cancel: &Cancel, publish: &mut dyn FnMut(Found)) -> Result<()> {
        let model = &*self.model.0;
        let picture = self.picture.picture().map(|v| v.clamp(0.0, 1.0));
        let (classes, levels, draws) = EVIDENCE;
        let range = model.sigma_range();
        let (from, to) = (range.clamp(5.0 / 255.0), range.max.min(limits::LARGEST_SIGMA));
        let mut order = ranked(&model.forward(&Batch::of([&picture]), &[from])?.posterior_of(0));
        order.truncate(classes);
        let request = EvidenceRequest { picture, classes: order, from, to, levels, draws, seed: self.noise.seed };
        let found = evidence(model, &request, cancel, &mut |share| publish(Found::Share(Mode::Evidence, share)))?;
        publish(Found::Evidence(found));
        Ok(())
    }

    /// How probable the picture is among the samples, and what its noise is.
    fn density(&self, cancel: &Cancel, publish: &mut dyn FnMut(Found)) -> Result<()> {
        let model = &*self.model.0;
        let clean = self.picture.picture();
        let density = if let Some(known) = &self.known.0 {
            known.clone()
        } else {
            let own = (!self.already_noisy).then(|| clean.map(|v| v.clamp(0.0, 1.0)));
            let pictures = own.into_iter().chain(samples(model.shape())?).collect();
            let mut observe = |share| publish(Found::Share(Mode::Density, share));
            Arc::new(density(model, &DensityRequest::of(pictures), cancel, &mut observe)?)
        };
        let noisy = if self.already_noisy { clean.clone() } else { self.noise.apply(clean) };
        let noise = noise_level(&density, model, &noisy, cancel)?;
        publish(Found::Density(PictureDensity { density, measured: !self.already_noisy, noise }));
        Ok(())
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
        match self.what {
            What::Audit => return self.audit(cancel, &mut publish).map(|()| Step::Done),
            What::Evidence => return self.evidence(cancel, &mut publish).map(|()| Step::Done),
            What::Density => return self.density(cancel, &mut publish).map(|()| Step::Done),
            What::Doubt | What::Components(_) | What::Filter(..) => {}
        }
        let (subject, assumed) = self.subject();
        let scene = Scene::new(&*self.model.0, &subject, assumed)?;
        match self.what {
            What::Doubt => {
                let sketched = scene.values() > SKETCHED;
                if sketched {
                    // Something to look at while σ moves; the exact maps follow.
                    let mut observe = |progress| publish(Found::progress(Mode::Doubt, progress));
                    let found = doubt(&scene, Probes::Random(SKETCH), self.noise.seed, cancel, &mut observe)?;
                    publish(Found::Doubt(found));
                }
                let mut observe = |progress| match progress {
                    Progress::Classes(_) if sketched => {}
                    progress => publish(Found::progress(Mode::Doubt, progress)),
                };
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
            What::Evidence | What::Density | What::Audit => {
                return Err(Error::Compute("this question has no scene".to_owned()));
            }
        }
        Ok(Step::Done)
    }
}

/// The sample pictures of the data that a model of this shape is likely to know, as it sees them.
fn samples(shape: Shape) -> Result<Vec<Picture>> {
    let of = if shape.channels == 1 { "digits" } else { "cifar10" };
    let samples = SAMPLES.iter().filter(|sample| sample.model == of);
    samples.map(|sample| Ok(fit(&sample.picture()?, shape, Fit::Centre).picture.map(|v| v.clamp(0.0, 1.0)))).collect()
}

/// The lanes of the pane.
const LANES: [Lane; 7] =
    [Lane::Filter, Lane::Components, Lane::Doubt, Lane::Evidence, Lane::Density, Lane::Audit, Lane::Draw];

/// Takes back what is under way, because the noise or the picture is another; it is asked again when it is looked at.
pub fn call_off(host: &mut Host) {
    call_off_but(host, None);
    host.session.explore.grow_stale();
}

/// Takes back what is under way in other lanes of the pane than this one.
fn call_off_but(host: &mut Host, lane: Option<Lane>) {
    let Host { questions, workers, .. } = host;
    let asked = [
        &questions.filter,
        &questions.components,
        &questions.doubt,
        &questions.evidence,
        &questions.density,
        &questions.audit,
    ];
    let pending = asked.map(Asked::is_pending).into_iter().chain([questions.draw.is_pending()]);
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
        // There is nothing to decide between, or no clean picture to decide it by.
        Mode::Evidence if host.document.already_noisy || model.0.classes().len() < 2 => return,
        Mode::Evidence => {
            noise.sigma = 0.0;
            (Lane::Evidence, What::Evidence)
        }
        Mode::Density => (Lane::Density, What::Density),
        Mode::Audit => {
            noise.sigma = 0.0;
            (Lane::Audit, What::Audit)
        }
        Mode::Samples | Mode::Fill | Mode::Dial => {
            call_off_but(host, Some(Lane::Draw));
            return drawing::schedule(host, model, picture);
        }
    };
    // One mode does not wait for another.
    call_off_but(host, Some(lane));
    let already_noisy = host.document.already_noisy;
    let known = Known(host.session.explore.density.as_ref().map(|found| found.value.density.clone()));
    let request = ExploreRequest { model: model.clone(), picture: picture.clone(), noise, already_noisy, what, known };
    let Host { session, questions, workers, .. } = host;
    let asked = match lane {
        Lane::Filter => &mut questions.filter,
        Lane::Components => &mut questions.components,
        Lane::Evidence => &mut questions.evidence,
        Lane::Density => &mut questions.density,
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
        Found::Evidence(found) => explore.take_evidence(found),
        Found::Density(found) => explore.take_density(found),
        Found::Level(level, is_first) => {
            if is_first {
                explore.audit.clear();
            }
            explore.audit.push(level);
        }
    }
}
