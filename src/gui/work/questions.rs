//! What the workers were asked: one question a lane.

use std::time::{Duration, Instant};

use super::denoiser_attack::DenoiserRequest;
use super::drawing::DrawRequest;
use super::explore::ExploreRequest;
use super::photo;
use super::photo_fill::FillRequest;
use super::tasks::{
    AttackRequest, CertifyRequest, CurveRequest, EstimateRequest, FitRequest, NoiseRequest, ProbeRequest,
    PurifyRequest, StudyRequest,
};
use super::trials::TrialsRequest;
use super::versus::{DuelRequest, RivalRequest, TransferRequest};

/// A lane of the workers, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Fitting the picture to the model.
    Fit,
    /// The noisy picture.
    Noise,
    /// The noise level that the picture itself suggests.
    Estimate,
    /// The photograph in the model's colours.
    PhotoBase,
    /// The photograph with noise on it.
    PhotoNoisy,
    /// The study of the noisy picture.
    Study,
    /// What could be in a hole of the photograph.
    PhotoFill,
    /// What is in sight of the photograph, restored.
    PhotoPreview,
    /// The attack.
    Attack,
    /// The attack on the denoiser.
    DenoiserAttack,
    /// Denoiser and gradient at one step of the attack.
    Probe,
    /// Purification of the attacked picture.
    Purify,
    /// The second model's study of the noisy picture.
    Rival,
    /// What the second model says of the attacked picture.
    Transfer,
    /// The posterior over σ.
    Curve,
    /// The filter under the pointer.
    Filter,
    /// What else the picture could be.
    Components,
    /// Both kinds of doubt.
    Doubt,
    /// The picture on which two models differ.
    Duel,
    /// Several attacks side by side.
    Trials,
    /// The whole photograph restored.
    PhotoWhole,
    /// What is drawn.
    Draw,
    /// At which scale it was decided.
    Evidence,
    /// How probable it is, and its noise.
    Density,
    /// Votes for the certificate.
    Certify,
    /// The audit of the model.
    Audit,
}

/// Which worker serves a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The one that asks the model.
    Model,
    /// The one whose work takes no model, so that it waits for none.
    Picture,
}

impl Lane {
    /// Every lane, the most urgent first.
    pub const ALL: [Self; Self::Audit as usize + 1] = [
        Self::Fit,
        Self::Noise,
        Self::Estimate,
        Self::PhotoBase,
        Self::PhotoNoisy,
        Self::Study,
        Self::PhotoFill,
        Self::PhotoPreview,
        Self::Attack,
        Self::DenoiserAttack,
        Self::Probe,
        Self::Purify,
        Self::Rival,
        Self::Transfer,
        Self::Curve,
        Self::Filter,
        Self::Components,
        Self::Doubt,
        Self::Duel,
        Self::Trials,
        Self::PhotoWhole,
        Self::Draw,
        Self::Evidence,
        Self::Density,
        Self::Certify,
        Self::Audit,
    ];

    /// Who serves it.
    #[must_use]
    pub fn server(self) -> Server {
        match self {
            Self::Fit | Self::Noise | Self::Estimate | Self::PhotoBase | Self::PhotoNoisy => Server::Picture,
            Self::Study
            | Self::PhotoFill
            | Self::PhotoPreview
            | Self::PhotoWhole
            | Self::Attack
            | Self::DenoiserAttack
            | Self::Probe
            | Self::Purify
            | Self::Rival
            | Self::Transfer
            | Self::Curve
            | Self::Filter
            | Self::Components
            | Self::Doubt
            | Self::Duel
            | Self::Trials
            | Self::Evidence
            | Self::Density
            | Self::Draw
            | Self::Certify
            | Self::Audit => Server::Model,
        }
    }
}

/// A lane is numbered by its place, which the worker goes by.
const _: () = {
    let mut place = 0;
    while place < Lane::ALL.len() {
        assert!(Lane::ALL[place] as usize == place);
        place += 1;
    }
};

/// The questions of all lanes.
#[derive(Default)]
pub struct Questions {
    /// Fitting.
    pub fit: Asked<FitRequest>,
    /// The noisy picture.
    pub noise: Asked<NoiseRequest>,
    /// The estimate of σ.
    pub estimate: Asked<EstimateRequest>,
    /// The photograph in the model's colours.
    pub photo_base: Asked<photo::BaseRequest>,
    /// The photograph with noise on it.
    pub photo_noisy: Asked<photo::NoisyRequest>,
    /// What could be in a hole of it.
    pub photo_fill: Asked<FillRequest>,
    /// What is in sight of it, restored.
    pub photo_preview: Asked<photo::PreviewRequest>,
    /// All of it restored.
    pub photo_whole: Asked<photo::WholeRequest>,
    /// The study.
    pub study: Asked<StudyRequest>,
    /// The attack.
    pub attack: Asked<AttackRequest>,
    /// The attack that the person had run: a long one does not run by itself.
    pub attack_run: Option<AttackRequest>,
    /// The attack that the adversary pane described last, run or not.
    pub attack_seen: Option<AttackRequest>,
    /// The attack on the denoiser.
    pub denoiser_attack: Asked<DenoiserRequest>,
    /// That which the person had run: a long one does not run by itself.
    pub denoiser_run: Option<DenoiserRequest>,
    /// D and gradient of a step.
    pub probe: Asked<ProbeRequest>,
    /// Purification.
    pub purify: Asked<PurifyRequest>,
    /// The second model's study.
    pub rival: Asked<RivalRequest>,
    /// The second model on the attacked picture.
    pub transfer: Asked<TransferRequest>,
    /// The curve over σ.
    pub curve: Asked<CurveRequest>,
    /// The filter under the pointer.
    pub filter: Asked<ExploreRequest>,
    /// What else the picture could be.
    pub components: Asked<ExploreRequest>,
    /// Both kinds of doubt.
    pub doubt: Asked<ExploreRequest>,
    /// The picture on which two models differ.
    pub duel: Asked<DuelRequest>,
    /// Several attacks.
    pub trials: Asked<TrialsRequest>,
    /// At which scale it was decided.
    pub evidence: Asked<ExploreRequest>,
    /// How probable it is, and its noise.
    pub density: Asked<ExploreRequest>,
    /// What is drawn.
    pub draw: Asked<DrawRequest>,
    /// The certificate.
    pub certify: Asked<CertifyRequest>,
    /// The audit.
    pub audit: Asked<ExploreRequest>,
}

impl Questions {
    /// The question of a lane.
    pub fn of(&mut self, lane: Lane) -> &mut dyn Question {
        match lane {
            Lane::Fit => &mut self.fit,
            Lane::Noise => &mut self.noise,
            Lane::Estimate => &mut self.estimate,
            Lane::PhotoBase => &mut self.photo_base,
            Lane::PhotoNoisy => &mut self.photo_noisy,
            Lane::PhotoFill => &mut self.photo_fill,
            Lane::PhotoPreview => &mut self.photo_preview,
            Lane::PhotoWhole => &mut self.photo_whole,
            Lane::Study => &mut self.study,
            Lane::Attack => &mut self.attack,
            Lane::DenoiserAttack => &mut self.denoiser_attack,
            Lane::Probe => &mut self.probe,
            Lane::Purify => &mut self.purify,
            Lane::Rival => &mut self.rival,
            Lane::Transfer => &mut self.transfer,
            Lane::Curve => &mut self.curve,
            Lane::Filter => &mut self.filter,
            Lane::Components => &mut self.components,
            Lane::Doubt => &mut self.doubt,
            Lane::Duel => &mut self.duel,
            Lane::Trials => &mut self.trials,
            Lane::Evidence => &mut self.evidence,
            Lane::Density => &mut self.density,
            Lane::Draw => &mut self.draw,
            Lane::Certify => &mut self.certify,
            Lane::Audit => &mut self.audit,
        }
    }
}

/// What all questions have in common.
pub trait Question {
    /// Whether a report belongs to the last question.
    fn is(&self, generation: u64) -> bool;
    /// Whether a report is worth showing.
    fn accepts(&self, generation: u64) -> bool;
    /// Notes that the answer is in, or will not come.
    fn settle(&mut self);
    /// Forgets what was asked.
    fn forget(&mut self);
}

/// A lane's question: what was asked last, under which generation, and whether the answer is in.
#[derive(Debug)]
pub struct Asked<R> {
    request: Option<R>,
    generation: u64,
    /// The oldest generation whose answers still mean something.
    oldest: u64,
    since: Option<Instant>,
}

impl<R> Default for Asked<R> {
    fn default() -> Self {
        Self { request: None, generation: 0, oldest: 0, since: None }
    }
}

impl<R: PartialEq> Asked<R> {
    /// Whether `request` is not what was asked last.
    #[must_use]
    pub fn differs(&self, request: &R) -> bool {
        self.request.as_ref() != Some(request)
    }

    /// Notes a new question. Answers to earlier ones mean nothing any more.
    pub fn ask(&mut self, request: R, generation: u64) {
        *self = Self { request: Some(request), generation, oldest: generation, since: Some(Instant::now()) };
    }

    /// Notes a new question that is near enough the last one for its answer to be worth showing meanwhile.
    pub fn ask_after(&mut self, request: R, generation: u64) {
        let since = self.since.or_else(|| Some(Instant::now()));
        *self = Self { request: Some(request), generation, oldest: self.oldest, since };
    }

    /// What was asked last.
    #[must_use]
    pub fn request(&self) -> Option<&R> {
        self.request.as_ref()
    }

    /// Whether the answer is still to come.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.since.is_some()
    }

    /// How long the answer has been awaited.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl<R> Question for Asked<R> {
    fn is(&self, generation: u64) -> bool {
        self.generation == generation
    }

    fn accepts(&self, generation: u64) -> bool {
        self.request.is_some() && (self.oldest..=self.generation).contains(&generation)
    }

    fn settle(&mut self) {
        self.since = None;
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}
