//! Questions of the pane Photograph: the noisy picture at its own size, what is in sight of it restored first, then the rest.

use std::time::Instant;

use super::host::Host;
use super::questions::{Lane, Question};
use super::tasks::{EstimateRequest, Message, Shared};
use super::worker::{Step, Task};
use crate::Result;
use crate::gui::gpu::Content;
use crate::gui::state::pace::Pace;
use crate::gui::state::pane::Pane;
use crate::gui::state::photo::{Layer, Part, Patch, Whole};
use crate::picture::{Noise, channels, psnr};
use crate::study::native::{self, Restoration, RestoredTile, Tiling};
use crate::task::Cancel;

/// The picture in the model's colours.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseRequest {
    /// As it was opened.
    pub original: Content,
    /// How many colours the model takes.
    pub channels: usize,
}

/// The picture with noise on it.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisyRequest {
    /// The picture.
    pub base: Content,
    /// The noise.
    pub noise: Noise,
}

/// How a noisy picture is restored.
#[derive(Clone, PartialEq)]
pub struct How {
    /// By which model.
    pub model: Shared,
    /// The noisy picture at its own size.
    pub noisy: Content,
    /// The level that the model is told at that size.
    pub sigma: f32,
    /// What each class counts.
    pub weights: Vec<f64>,
}

/// What is in sight, restored.
#[derive(Clone, PartialEq)]
pub struct PreviewRequest {
    /// How.
    pub how: How,
    /// The noisy picture of the part's level.
    pub noisy: Content,
    /// What is in sight, with some margin.
    pub part: Part,
}

/// The whole picture restored.
#[derive(Clone, PartialEq)]
pub struct WholeRequest {
    /// How.
    pub how: How,
    /// The picture before noise was added, if that is known.
    pub clean: Option<Content>,
}

/// What came of it.
#[derive(Debug)]
pub enum Found {
    /// The picture in the model's colours.
    Base(Layer),
    /// With noise on it.
    Noisy(Layer),
    /// Restored tiles of what is in sight.
    Patches(Vec<Patch>),
    /// All that is in sight, blended.
    InSight(Patch),
    /// How much of the whole is restored.
    Share(f32),
    /// The whole.
    Whole(Whole),
}

fn publish(found: Found, publish: &mut dyn FnMut(Message)) {
    publish(Message::Photo(Box::new(found)));
}

impl Task<Message> for BaseRequest {
    fn step(&mut self, cancel: &Cancel, out: &mut dyn FnMut(Message)) -> Result<Step> {
        cancel.check()?;
        let original = self.original.picture();
        let same = original.shape().channels == self.channels;
        let base = if same { self.original.clone() } else { channels(original, self.channels).into() };
        publish(Found::Base(Layer::of(base)), out);
        Ok(Step::Done)
    }
}

impl Task<Message> for NoisyRequest {
    fn step(&mut self, cancel: &Cancel, out: &mut dyn FnMut(Message)) -> Result<Step> {
        cancel.check()?;
        let noisy = self.noise.apply(self.base.picture());
        cancel.check()?;
        publish(Found::Noisy(Layer::of(noisy.into())), out);
        Ok(Step::Done)
    }
}

/// A preview with what it has so far.
pub struct PreviewTask(pub PreviewRequest, pub Option<(crate::picture::Picture, Restoration)>);

impl Task<Message> for PreviewTask {
    fn step(&mut self, cancel: &Cancel, out: &mut dyn FnMut(Message)) -> Result<Step> {
        let PreviewRequest { how, noisy, part } = &self.0;
        let model = &*how.model.0;
        if self.1.is_none() {
            let cut = part.cut(noisy.picture());
            // The mean of four pixels has half their noise.
            let sigma = model.sigma_range().clamp(how.sigma / (1_u32 << part.level.min(31)) as f32);
            let restoration = Restoration::begin(model, cut.shape(), sigma, &how.weights, Tiling::default())?;
            self.1 = Some((cut, restoration));
        }
        let Some((cut, restoration)) = &mut self.1 else { return Ok(Step::Done) };
        let place = |tile: RestoredTile| {
            let shape = tile.picture.shape();
            let from = [part.from[0] + tile.left, part.from[1] + tile.top];
            let part = Part { level: part.level, from, size: [shape.width, shape.height] };
            Patch { part, content: tile.picture.into() }
        };
        let tiles = restoration.advance(model, cut, cancel)?;
        if !restoration.is_complete() {
            publish(Found::Patches(tiles.into_iter().map(place).collect()), out);
            return Ok(Step::Again);
        }
        if let Some((_, restoration)) = self.1.take() {
            publish(Found::InSight(Patch { part: *part, content: restoration.finish().into() }), out);
        }
        Ok(Step::Done)
    }
}

/// The whole with what it has so far.
pub struct WholeTask(pub WholeRequest, pub Option<(Instant, Restoration)>);

impl Task<Message> for WholeTask {
    fn step(&mut self, cancel: &Cancel, out: &mut dyn FnMut(Message)) -> Result<Step> {
        let WholeRequest { how, clean } = &self.0;
        let How { model, noisy, sigma, weights } = how;
        let model = &*model.0;
        let noisy = noisy.picture();
        if self.1.is_none() {
            let restoration = Restoration::begin(model, noisy.shape(), *sigma, weights, Tiling::default())?;
            self.1 = Some((Instant::now(), restoration));
        }
        let Some((_, restoration)) = &mut self.1 else { return Ok(Step::Done) };
        restoration.advance(model, noisy, cancel)?;
        publish(Found::Share(restoration.share()), out);
        if !restoration.is_complete() {
            return Ok(Step::Again);
        }
        if let Some((began, restoration)) = self.1.take() {
            let restored = restoration.finish();
            let psnr = clean.as_ref().map(|clean| [noisy, &restored].map(|picture| psnr(picture, clean.picture())));
            let layer = Layer::of(restored.into());
            let seconds = began.elapsed().as_secs_f64();
            publish(Found::Whole(Whole { layer, psnr, seconds, stale: false }), out);
        }
        Ok(Step::Done)
    }
}

/// Asks what the pane shows, while it is looked at.
pub fn schedule(host: &mut Host, model: &Shared) {
    if !host.session.shows(&Pane::PHOTOGRAPH) {
        return;
    }
    let Some(original) = host.document.entry().map(|entry| entry.original.clone()) else { return };
    let Host { session, questions, workers, .. } = host;
    let request = BaseRequest { original, channels: model.0.shape().channels };
    if questions.photo_base.differs(&request) {
        for lane in [Lane::PhotoNoisy, Lane::PhotoFill, Lane::PhotoPreview, Lane::PhotoWhole] {
            workers.cancel(lane);
            questions.of(lane).forget();
        }
        session.photo.forget();
        let task = Box::new(request.clone());
        questions.photo_base.ask(request, workers.submit(Lane::PhotoBase, task));
    }
    host.session.photo.in_doubt = true;
    if host.questions.photo_base.is_pending() || !schedule_noisy(host) {
        return;
    }
    if let Some(how) = how(host, model) {
        host.session.photo.in_doubt = false;
        schedule_whole(host, &how);
        schedule_preview(host, how);
    }
}

/// Asks for the noisy picture; whether it is there.
fn schedule_noisy(host: &mut Host) -> bool {
    let Host { session, questions, workers, document, .. } = host;
    let photo = &mut session.photo;
    let Some(base) = photo.base.clone() else { return false };
    if document.already_noisy {
        workers.cancel(Lane::PhotoNoisy);
        questions.photo_noisy.forget();
        photo.noisy_is_stale = false;
        photo.noisy = Some(base);
        return true;
    }
    let request = NoisyRequest { base: base.full().clone(), noise: document.noise };
    if questions.photo_noisy.differs(&request) {
        photo.noisy_is_stale = true;
        // What is restored of the old one is not waited for.
        for lane in [Lane::PhotoPreview, Lane::PhotoWhole] {
            workers.cancel(lane);
            questions.of(lane).forget();
        }
        let task = Box::new(request.clone());
        // While the slider moves, each picture is shown before the next is begun.
        questions.photo_noisy.ask_after(request, workers.submit_after(Lane::PhotoNoisy, task));
    }
    !questions.photo_noisy.is_pending() && photo.noisy.is_some()
}

/// How it is restored, once all is known that this takes; words in the pane say what is missing.
fn how(host: &Host, model: &Shared) -> Option<How> {
    let noisy = host.session.photo.noisy.as_ref()?.full().clone();
    if !native::accepts(&*model.0, noisy.picture().shape(), Tiling::default()) {
        return None;
    }
    let classes = model.0.classes().len();
    let weights = match host.session.photo.class.filter(|&class| class < classes) {
        Some(class) => (0..classes).map(|c| f64::from(u8::from(c == class))).collect(),
        // As the command line does: the beliefs about the fitted picture, in every tile.
        None if host.questions.study.is_pending() => return None,
        None => host.session.answer.posterior.as_ref().filter(|p| !p.stale)?.value.clone(),
    };
    let sigma = model.0.sigma_range().clamp(host.document.noise.sigma);
    Some(How { model: model.clone(), noisy, sigma, weights })
}

fn schedule_whole(host: &mut Host, how: &How) {
    let Host { session, questions, workers, document, .. } = host;
    let photo = &mut session.photo;
    let clean = photo.base.as_ref().filter(|_| !document.already_noisy).map(|base| base.full().clone());
    let request = WholeRequest { how: how.clone(), clean };
    if !questions.photo_whole.differs(&request) {
        return;
    }
    workers.cancel(Lane::PhotoWhole);
    workers.cancel(Lane::PhotoPreview);
    questions.photo_preview.forget();
    photo.patches.clear();
    photo.whole.iter_mut().for_each(|whole| whole.stale = true);
    (photo.share, photo.pace) = (0.0, Pace::default());
    questions.photo_whole.ask(request.clone(), 0);
    questions.photo_whole.settle();
    if !photo.stopped {
        begin(host, request);
    }
}

fn begin(host: &mut Host, request: WholeRequest) {
    let Host { questions, workers, .. } = host;
    let task = Box::new(WholeTask(request.clone(), None));
    questions.photo_whole.ask(request, workers.submit(Lane::PhotoWhole, task));
}

/// What is in sight goes before the rest, and while the rest goes on.
fn schedule_preview(host: &mut Host, how: How) {
    let Host { session, questions, workers, .. } = host;
    let photo = &mut session.photo;
    if photo.result().is_some() {
        return;
    }
    let (Some(seen), Some(layer)) = (photo.seen, &photo.noisy) else { return };
    let covered = |last: &PreviewRequest| last.how == how && last.part.contains(&seen);
    if questions.photo_preview.request().is_some_and(covered) {
        return;
    }
    let noisy = layer.level(seen.level).clone();
    let shape = noisy.picture().shape();
    let size = [shape.width, shape.height];
    let from = seen.from.map(|from| from / MARGIN * MARGIN);
    let to = [0, 1].map(|i| (seen.from[i] + seen.size[i]).next_multiple_of(MARGIN).min(size[i]));
    let part = Part { level: seen.level, from, size: [0, 1].map(|i| to[i].saturating_sub(from[i])) };
    if part.size.contains(&0) {
        return;
    }
    photo.patches.retain(|patch| patch.part.level == part.level);
    let request = PreviewRequest { how, noisy, part };
    let task = Box::new(PreviewTask(request.clone(), None));
    questions.photo_preview.ask(request, workers.submit(Lane::PhotoPreview, task));
}

/// Parts in sight begin and end at multiples of this, so that moving a little asks for nothing new.
const MARGIN: usize = 64;

/// Asks for the noise of the photograph at its own size; whether there is one.
pub fn estimate(host: &mut Host) -> bool {
    let Some(picture) = host.document.entry().map(|entry| entry.original.clone()) else { return false };
    let request = EstimateRequest { picture };
    let generation = host.workers.submit(Lane::Estimate, Box::new(request.clone()));
    host.questions.estimate.ask(request, generation);
    true
}

/// Stops restoring the whole, or begins it anew.
pub fn toggle(host: &mut Host) {
    let photo = &mut host.session.photo;
    photo.stopped = !photo.stopped;
    if photo.stopped {
        host.workers.cancel(Lane::PhotoWhole);
        host.questions.photo_whole.settle();
        (photo.share, photo.pace) = (0.0, Pace::default());
    } else if photo.result().is_none()
        && let Some(request) = host.questions.photo_whole.request().cloned()
    {
        begin(host, request);
    }
}

/// Takes in what a worker found.
pub fn take(host: &mut Host, found: Found) {
    let photo = &mut host.session.photo;
    match found {
        Found::Base(layer) => photo.base = Some(layer),
        Found::Noisy(layer) => {
            photo.noisy = Some(layer);
            photo.noisy_is_stale = false;
        }
        Found::Patches(patches) => photo.patches.extend(patches),
        Found::InSight(patch) => {
            photo.patches.retain(|other| !patch.part.contains(&other.part));
            photo.patches.push(patch);
        }
        Found::Share(share) => {
            photo.share = share;
            photo.pace.note(f64::from(share), Instant::now());
        }
        Found::Whole(whole) => {
            photo.whole = Some(whole);
            photo.patches.clear();
        }
    }
}
