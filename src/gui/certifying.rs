//! The certificate of the picture: its question, its task, and what there is of it.

use super::App;
use super::compute::{Message, Shared, lane};
use super::session::Asked;
use super::tiles::Content;
use super::worker::{Step, Task};
use crate::Result;
use crate::attack::{Certificate, Certification, Smoothing};
use crate::task::Cancel;

/// The question how far the picture may be moved.
#[derive(Clone, PartialEq)]
pub struct CertifyRequest {
    /// Who is asked.
    pub model: Shared,
    /// The fitted picture.
    pub picture: Content,
    /// How.
    pub smoothing: Smoothing,
}

/// The votes of a certificate, a batch a step.
struct CertifyTask {
    request: CertifyRequest,
    /// What was counted so far.
    count: Option<Certification>,
}

impl Task<Message> for CertifyTask {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let CertifyRequest { model, picture, smoothing } = &self.request;
        match &mut self.count {
            Some(count) => count.advance(&*model.0, picture.picture(), cancel)?,
            None => self.count = Some(Certification::begin(&*model.0, picture.picture(), smoothing, cancel)?),
        }
        let Some(count) = &self.count else { return Ok(Step::Done) };
        publish(Message::Certificate(Box::new(count.clone())));
        Ok(if count.certificate().is_complete() { Step::Done } else { Step::Again })
    }
}

/// What there is of the certificate.
#[derive(Default)]
pub struct Certifying {
    /// The question.
    pub asked: Asked<CertifyRequest>,
    /// The person stopped it.
    pub stopped: bool,
    /// The pane was visible in the last frame.
    pub visible: bool,
    /// Votes and proved radius so far, for the plot.
    pub curve: Vec<[f64; 2]>,
    count: Option<Certification>,
}

impl Certifying {
    /// What is proved so far.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.count.as_ref().map(Certification::certificate)
    }

    /// Takes in what was counted.
    pub fn take(&mut self, count: Certification) {
        let certificate = count.certificate();
        let radius = certificate.reported_radius().unwrap_or(0.0);
        self.curve.push([certificate.samples() as f64, radius]);
        self.count = Some(count);
    }

    /// Lets go of question and answer.
    pub fn forget(&mut self) {
        self.asked.forget();
        self.curve.clear();
        self.count = None;
    }
}

impl App {
    /// Asks for the certificate of the picture while its pane is looked at.
    pub(super) fn schedule_certificate(&mut self, model: &Shared, picture: &Content) {
        if !self.session.certifying.visible {
            return;
        }
        let smoothing = self.document.smoothing;
        let request = CertifyRequest { model: model.clone(), picture: picture.clone(), smoothing };
        let certifying = &mut self.session.certifying;
        if !certifying.asked.differs(&request) {
            return;
        }
        certifying.forget();
        if certifying.stopped {
            self.worker.cancel(lane::CERTIFY);
        } else {
            let task = CertifyTask { request: request.clone(), count: None };
            certifying.asked.ask(request, self.worker.submit(lane::CERTIFY, Box::new(task)));
        }
    }

    /// Stops the count and keeps what is proved, or goes on with it.
    pub(super) fn toggle_certify(&mut self) {
        let certifying = &mut self.session.certifying;
        certifying.stopped = !certifying.stopped;
        if certifying.stopped {
            self.worker.cancel(lane::CERTIFY);
            certifying.asked.settle();
        } else if let (Some(request), Some(count)) = (certifying.asked.request().cloned(), certifying.count.clone())
            && !count.certificate().is_complete()
        {
            let task = CertifyTask { request: request.clone(), count: Some(count) };
            certifying.asked.ask(request, self.worker.submit(lane::CERTIFY, Box::new(task)));
        }
    }
}
