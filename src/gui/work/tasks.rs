//! The tasks that the workers do for the window, and what they send back.

use std::sync::Arc;

use super::denoiser_attack;
use super::drawing::Drawing;
use super::explore::Found;
use super::photo;
use super::photo_fill::Filling;
use super::trials;
use super::versus;
use super::worker::{Step, Task};
use crate::attack::Smoothing;
use crate::gui::gpu::Content;
use crate::gui::state::answers::Fitted;
use crate::gui::state::counting::Count;
use crate::gui::state::track::TimelineStep;
use crate::joint::{JointModel, Linear};
use crate::picture::{Batch, Fit, Noise, Picture, Shape, estimate_sigma, fit};
use crate::study::{self, Classes, Fidelity, Stage, Study, Subject, Sweep, SweepRequest};
use crate::task::Cancel;
use crate::{Error, Result, attack};

/// Noise levels of the curve over σ, and how many of them go at once.
const CURVE_LEVELS: usize = 48;
const CURVE_CHUNK: usize = 8;

/// What tasks send.
#[derive(Debug)]
pub enum Message {
    /// The picture fits the model.
    Fitted(Fitted),
    /// The noisy picture, and how near it is to the clean one.
    Noisy(Content, Fidelity),
    /// The noise level that the picture itself suggests.
    Estimated(f32),
    /// A stage of the study.
    Stage(Stage),
    /// The whole study.
    Study(Box<Study>),
    /// A step of the attack, its number from 0 on, and about how many there will be.
    AttackStep(TimelineStep, (usize, usize)),
    /// The whole attack.
    Attacked(Box<attack::Outcome>),
    /// Something of the attack on the denoiser.
    DenoiserAttack(denoiser_attack::Found),
    /// What the model reads off a step.
    Probe(Box<Probe>),
    /// What became of the attack under noise.
    Purified {
        /// The study of the attacked picture.
        study: Box<Study>,
        /// How near the noisy and the denoised one are to the clean picture.
        fidelity: [Fidelity; 2],
    },
    /// The certificate so far.
    Certificate(Box<Count>),
    /// The curve as far as it goes.
    Curve(Sweep),
    /// Something for the pane Explore.
    Explored(Box<Found>),
    /// Something of a second model.
    Versus(versus::Found),
    /// Something of several attacks side by side.
    Trials(trials::Found),
    /// Something for the pane Photograph.
    Photo(Box<photo::Found>),
    /// What could be in a hole of it.
    PhotoFill(Filling),
    /// Something that the pane draws.
    Drawn(Drawing),
}

/// What the model reads off one picture at one noise level.
#[derive(Debug, Clone)]
pub struct Probe {
    /// D
    pub denoised: Picture,
    /// The gradient that the attack follows: of −log p(label), or of log p(target).
    pub gradient: Picture,
    /// How near the picture and its D are to the clean one.
    pub fidelity: [Fidelity; 2],
}

/// Fits a picture to the model.
#[derive(Debug, Clone, PartialEq)]
pub struct FitRequest {
    /// The picture at its own size.
    pub original: Content,
    /// The model's shape.
    pub shape: Shape,
    /// How.
    pub fit: Fit,
}

impl Task<Message> for FitRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        cancel.check()?;
        let fitted = fit(self.original.picture(), self.shape, self.fit);
        let words = fitted.describe();
        publish(Message::Fitted(Fitted { rect: fitted.rect, words, content: fitted.picture.into() }));
        Ok(Step::Done)
    }
}

/// Adds noise to the fitted picture.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseRequest {
    /// The fitted picture.
    pub picture: Content,
    /// The noise to add.
    pub noise: Noise,
}

impl Task<Message> for NoiseRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        cancel.check()?;
        let clean = self.picture.picture();
        let noisy = self.noise.apply(clean);
        let fidelity = Fidelity::of(&noisy, clean);
        publish(Message::Noisy(noisy.into(), fidelity));
        Ok(Step::Done)
    }
}

/// Estimates the noise of the fitted picture.
#[derive(Debug, Clone, PartialEq)]
pub struct EstimateRequest {
    /// The fitted picture.
    pub picture: Content,
}

impl Task<Message> for EstimateRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        cancel.check()?;
        publish(Message::Estimated(estimate_sigma(self.picture.picture())));
        Ok(Step::Done)
    }
}

/// A model that a task can hold, equal to itself only.
#[derive(Clone)]
pub struct Shared(pub Arc<dyn JointModel>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The study of a picture.
#[derive(Clone, PartialEq)]
pub struct StudyRequest {
    /// Who is asked.
    pub model: Shared,
    /// The fitted picture.
    pub picture: Content,
    /// The noise to add, or the level to assume.
    pub noise: Noise,
    /// The picture has noise of its own.
    pub already_noisy: bool,
    /// The classes to denoise it as.
    pub classes: Classes,
    /// w of their denoisers `D + w(D_c − D)`.
    pub guidance: f64,
}

impl StudyRequest {
    /// The request as the command line makes it.
    #[must_use]
    pub fn request(&self) -> study::Request {
        let picture = self.picture.picture().clone();
        let request = if self.already_noisy {
            study::Request::noisy(picture, Some(self.noise.sigma))
        } else {
            study::Request::clean(picture, self.noise)
        };
        request.with_classes(self.classes.clone()).guided(self.guidance)
    }
}

impl Task<Message> for StudyRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let model = &*self.model.0;
        match study::analyze(model, &self.request(), cancel, &mut |stage| publish(Message::Stage(stage))) {
            Ok(study) => publish(Message::Study(Box::new(study))),
            // Its posterior is all that it gives, and the panes say so.
            Err(Error::Option { .. }) if model.abilities().gradients.missing().is_some() => {}
            Err(error) => return Err(error),
        }
        Ok(Step::Done)
    }
}

/// An attack on the clean picture.
#[derive(Clone, PartialEq)]
pub struct AttackRequest {
    /// Who is attacked.
    pub model: Shared,
    /// The fitted picture.
    pub picture: Content,
    /// How.
    pub settings: attack::Settings,
}

impl AttackRequest {
    /// Whether `other` is the same attack but for the defence.
    #[must_use]
    pub fn differs_by_defence(&self, other: &Self) -> bool {
        let undefended =
            |request: &Self| attack::Settings { defence: attack::Defence::None, ..request.settings.clone() };
        self.model == other.model && self.picture == other.picture && undefended(self) == undefended(other)
    }
}

impl Task<Message> for AttackRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        // A picture that was padded or resampled may lie a rounding error outside.
        let clean = self.picture.picture().map(|v| v.clamp(0.0, 1.0));
        let shape = clean.shape();
        let clean = Batch::of([&clean]);
        let model = &*self.model.0;
        let sigma = model.sigma_range().clamp(self.settings.sigma);
        let posterior = model.forward(&clean, &[sigma])?.posterior_of(0);
        let label = study::ranked(&posterior)[0];
        let mut watch = |step: attack::Step<'_>| {
            let attacked = Picture::new(shape, step.attacked.to_vec()).into();
            let posterior = step.posterior.to_vec();
            let shown = TimelineStep { attacked, loss: step.loss, posterior, run: step.run, restored: None };
            publish(Message::AttackStep(shown, (step.step, step.steps)));
        };
        let outcomes = attack::run(model, &clean, &[label], &self.settings, cancel, &mut watch)?;
        for outcome in outcomes {
            publish(Message::Attacked(Box::new(outcome)));
        }
        Ok(Step::Done)
    }
}

/// Denoiser and class gradient of a picture, taken as it is.
#[derive(Clone, PartialEq)]
pub struct ProbeRequest {
    /// Who is asked.
    pub model: Shared,
    /// The picture.
    pub picture: Content,
    /// What it was before the attack.
    pub clean: Content,
    /// The level that the model assumes.
    pub sigma: f32,
    /// The class that the gradient is about.
    pub class: usize,
    /// The attack goes towards the class, not away from it.
    pub towards: bool,
}

impl Task<Message> for ProbeRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        cancel.check()?;
        let model = &*self.model.0;
        let sigma = model.sigma_range().clamp(self.sigma);
        let noisy = Batch::of([self.picture.picture()]);
        let forward = model.forward(&noisy, &[sigma])?;
        let both = forward.gradients(&[Linear::Score, Linear::ClassGradient(self.class)])?;
        let denoised = self.picture.picture().zip(&both.picture(0), |y, score| y + sigma * sigma * score);
        let sign = if self.towards { 1.0 } else { -1.0 };
        let gradient = both.picture(1).map(|g| sign * g);
        let fidelity = [self.picture.picture(), &denoised].map(|picture| Fidelity::of(picture, self.clean.picture()));
        publish(Message::Probe(Box::new(Probe { denoised, gradient, fidelity })));
        Ok(Step::Done)
    }
}

/// Noise on the attacked picture, and the study of that.
#[derive(Clone, PartialEq)]
pub struct PurifyRequest {
    /// The study of the attacked picture.
    pub study: StudyRequest,
    /// What it was before the attack.
    pub clean: Content,
}

impl Task<Message> for PurifyRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let request = self.study.request().with_classes(Classes::Top(0));
        let study = study::analyze(&*self.study.model.0, &request, cancel, &mut |_| ())?;
        let fidelity = [&study.noisy, &study.denoised].map(|picture| Fidelity::of(picture, self.clean.picture()));
        publish(Message::Purified { study: Box::new(study), fidelity });
        Ok(Step::Done)
    }
}

/// The posterior over σ, a few levels at a time.
#[derive(Clone, PartialEq)]
pub struct CurveRequest {
    /// Who is asked.
    pub model: Shared,
    /// The fitted picture.
    pub picture: Content,
    /// The noise; its level slides.
    pub noise: Noise,
    /// The picture has noise of its own; only the assumed level slides.
    pub already_noisy: bool,
}

/// The curve's task, with what it has so far.
pub struct CurveTask {
    request: CurveRequest,
    done: Sweep,
}

impl CurveTask {
    /// Begins at the smallest level.
    #[must_use]
    pub fn new(request: CurveRequest) -> Self {
        Self { request, done: Sweep::default() }
    }
}

impl Task<Message> for CurveTask {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let CurveRequest { model, picture, noise, already_noisy } = &self.request;
        let range = model.0.sigma_range();
        let (from, to) = slider_range(range.min, range.max);
        let level = |i: usize| from * (to / from).powf(i as f32 / (CURVE_LEVELS - 1) as f32);
        let first = self.done.sigmas.len();
        let last = (first + CURVE_CHUNK).min(CURVE_LEVELS) - 1;
        let picture = picture.picture().clone();
        let subject = if *already_noisy { Subject::Noisy(picture) } else { Subject::Clean { picture, noise: *noise } };
        let request = SweepRequest { subject, from: level(first), to: level(last), levels: last + 1 - first };
        let part = study::sweep(&*model.0, &request, cancel, &mut |_| ())?;
        self.done.sigmas.extend(part.sigmas);
        self.done.posteriors.extend(part.posteriors);
        self.done.log_densities.extend(part.log_densities);
        publish(Message::Curve(self.done.clone()));
        Ok(if last + 1 == CURVE_LEVELS { Step::Done } else { Step::Again })
    }
}

/// The levels that the σ slider and the curve cover: the model's range, as far as 8-bit pictures can show it.
#[must_use]
pub fn slider_range(min: f32, max: f32) -> (f32, f32) {
    (min.clamp(1.0 / 255.0, 0.5), max.clamp(10.0 / 255.0, 1.0))
}

/// The question how far the picture may be moved.
#[derive(Clone, PartialEq)]
pub struct CertifyRequest {
    /// Who is asked.
    pub model: Shared,
    /// The fitted picture.
    pub picture: Content,
    /// How.
    pub smoothing: Smoothing,
    /// Whether attacks close in from above.
    pub bracketed: bool,
}

/// The votes of a certificate, a batch a step.
pub struct CertifyTask {
    /// The question.
    pub request: CertifyRequest,
    /// What was counted so far.
    pub count: Option<Count>,
}

impl Task<Message> for CertifyTask {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let CertifyRequest { model, picture, smoothing, bracketed } = &self.request;
        match &mut self.count {
            Some(count) => count.advance(&*model.0, picture.picture(), cancel)?,
            None => self.count = Some(Count::begin(&*model.0, picture.picture(), smoothing, *bracketed, cancel)?),
        }
        let Some(count) = &self.count else { return Ok(Step::Done) };
        publish(Message::Certificate(Box::new(count.clone())));
        Ok(if count.is_complete() { Step::Done } else { Step::Again })
    }
}
