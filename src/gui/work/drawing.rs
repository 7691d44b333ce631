//! What is drawn in the pane Explore: when it is asked, and what the worker does for it.

use super::host::Host;
use super::questions::{Lane, Question};
use super::tasks::{Message, Shared};
use super::worker::{Step, Task};
use crate::gui::gpu::Content;
use crate::gui::state::drawn::{DrawForm, FRAMES, POSITIONS};
use crate::gui::state::explore::Mode;
use crate::joint::JointModel;
use crate::picture::{Noise, Picture};
use crate::study::lab::{
    DialRequest, Fill, FillWay, Guidance, InpaintRequest, Position, Sample, SampleRequest, Start, Way, dial, inpaint,
    sample, usual_levels,
};
use crate::task::Cancel;
use crate::{Error, Result};

/// The steps of each way, as on the command line.
pub const FREE_STEPS: usize = 18;
const RESTORING_STEPS: usize = 40;
const FILL_STEPS: usize = 50;
const FILL_CORRECTIONS: usize = 3;
const DIAL_STEPS: usize = 40;
const DIAL_SIGMA: f32 = 0.02;

/// A question: what is to be drawn.
#[derive(Clone, PartialEq)]
pub struct DrawRequest {
    /// Who is asked.
    pub model: Shared,
    /// The fitted picture.
    pub picture: Content,
    /// The noise to add, or the level to assume.
    pub noise: Noise,
    /// The picture has noise of its own.
    pub already_noisy: bool,
    /// Which of the pane's modes asks.
    pub mode: Mode,
    /// What a person chose.
    pub form: DrawForm,
    /// The painted hole, row after row.
    pub hole: Vec<bool>,
}

/// What comes of it.
#[derive(Debug)]
pub enum Drawing {
    /// What pictures look like by now: the share of the work, the first one's number.
    Sketch(f32, usize, Vec<Picture>),
    /// Pictures that are done.
    Samples(Vec<Sample>),
    /// All are done: p(c | y) of the noisy picture, and how often Langevin steps were taken.
    Counted(Option<Vec<f64>>, Option<f64>),
    /// What fills look like by now.
    FillSketch(f32, usize, Vec<Picture>),
    /// Fills that are done.
    Fills(Vec<Fill>),
    /// The share of the dial's work.
    Share(f32),
    /// A position of the dial, turned to a class.
    Position(Box<Position>, usize),
}

impl DrawRequest {
    fn guidance(&self) -> Option<Guidance> {
        self.form.class.map(|class| Guidance { class, weight: self.form.guidance })
    }

    fn levels(&self, from: Option<f32>) -> (f32, f32) {
        usual_levels(self.model.0.sigma_range(), from)
    }

    fn samples(&self, cancel: &Cancel, publish: &mut dyn FnMut(Drawing)) -> Result<()> {
        let picture = self.picture.picture();
        let start = match (self.form.of_picture, self.already_noisy) {
            (false, _) => Start::Nothing,
            (true, true) => Start::Noisy(picture.clone(), self.noise.sigma),
            (true, false) => Start::Noisy(self.noise.apply(picture), self.noise.sigma),
        };
        let levels = self.levels(matches!(start, Start::Noisy(..)).then_some(self.noise.sigma));
        let ascends = self.form.ascent && start == Start::Nothing;
        let churn = if self.form.of_picture { 0.0 } else { self.form.churn };
        let request = SampleRequest {
            steps: if self.form.of_picture { RESTORING_STEPS } else { FREE_STEPS },
            start,
            count: if self.form.of_picture { self.form.restored } else { self.form.count },
            guidance: self.guidance(),
            levels,
            way: if ascends { Way::Ascent { beta: 0.5 } } else { Way::Flow { churn } },
            corrections: if ascends { 0 } else { self.form.corrections },
            frames: FRAMES,
            seed: self.form.seed,
        };
        let found = sample(&*self.model.0, &request, cancel, &mut |sketch, done| {
            if done.is_empty() {
                publish(Drawing::Sketch(sketch.share, sketch.first, sketch.pictures()));
            } else {
                publish(Drawing::Samples(done.to_vec()));
            }
        })?;
        publish(Drawing::Counted(found.posterior, found.acceptance));
        Ok(())
    }

    fn fills(&self, cancel: &Cancel, publish: &mut dyn FnMut(Drawing)) -> Result<()> {
        let picture = self.picture.picture();
        let annealed = || way(knows_density(&*self.model.0), self.form.candidates);
        let way = if self.form.ascent { FillWay::Ascent { beta: 0.1 } } else { annealed() };
        let request = InpaintRequest {
            measurement: self.form.measurement(picture.shape(), &self.hole)?,
            picture: picture.clone(),
            has_truth: true,
            count: self.form.fills,
            guidance: self.guidance(),
            levels: self.levels(None),
            way,
            frames: 0,
            seed: self.form.seed,
        };
        inpaint(&*self.model.0, &request, cancel, &mut |sketch, done| {
            if done.is_empty() {
                publish(Drawing::FillSketch(sketch.share, sketch.first, sketch.pictures()));
            } else {
                publish(Drawing::Fills(done.to_vec()));
            }
        })?;
        Ok(())
    }

    fn dial(&self, cancel: &Cancel, publish: &mut dyn FnMut(Drawing)) -> Result<()> {
        let request = DialRequest {
            picture: self.picture.picture().map(|v| v.clamp(0.0, 1.0)),
            target: self.form.target,
            radii: DialRequest::evenly(self.form.radius, POSITIONS),
            tolerance: self.form.tolerance,
            sigma: DIAL_SIGMA,
            steps: DIAL_STEPS,
        };
        dial(&*self.model.0, &request, cancel, &mut |share, position| match position {
            Some(position) => publish(Drawing::Position(Box::new(position.clone()), self.form.target)),
            None => publish(Drawing::Share(share)),
        })?;
        Ok(())
    }
}

/// Whether a model says how probable a picture is.
pub(super) fn knows_density(model: &dyn JointModel) -> bool {
    model.abilities().density.missing().is_none()
}

/// How holes are filled, each fill from so many candidates; a model without a density has nothing to correct the steps and to weigh
/// candidates by.
pub(super) fn way(knows_density: bool, candidates: usize) -> FillWay {
    let (corrections, candidates) = if knows_density { (FILL_CORRECTIONS, candidates) } else { (0, 1) };
    FillWay::Annealed { steps: FILL_STEPS, corrections, candidates }
}

impl Task<Message> for DrawRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        let mut publish = |found| publish(Message::Drawn(found));
        match self.mode {
            Mode::Samples => self.samples(cancel, &mut publish)?,
            Mode::Fill => self.fills(cancel, &mut publish)?,
            Mode::Dial => self.dial(cancel, &mut publish)?,
            other => return Err(Error::Compute(format!("{} draws nothing", other.label()))),
        }
        Ok(Step::Done)
    }
}

/// Asks for what a person wants drawn, once.
pub fn schedule(host: &mut Host, model: &Shared, picture: &Content) {
    let Host { session, document, questions, workers, .. } = host;
    let mode = session.explore.mode;
    let drawn = &mut session.explore.drawn;
    if mode == Mode::Fill && drawn.holed.is_none() {
        drawn.show_hole(picture.picture());
    }
    if !std::mem::take(&mut drawn.wanted) {
        return;
    }
    drawn.form = drawn.form.mended(model.0.classes().len());
    match mode {
        Mode::Fill => drawn.begin_fills(),
        Mode::Dial => drawn.begin_dial(),
        _ => drawn.begin_samples(picture.picture().shape()),
    }
    let request = DrawRequest {
        model: model.clone(),
        picture: picture.clone(),
        noise: document.noise,
        already_noisy: document.already_noisy,
        mode,
        form: drawn.form,
        hole: drawn.hole.clone(),
    };
    let task = Box::new(request.clone());
    questions.draw.ask(request, workers.submit(Lane::Draw, task));
}

/// Stops what is under way; what is done stays.
pub fn stop(host: &mut Host) {
    host.workers.cancel(Lane::Draw);
    host.questions.draw.forget();
}

/// Takes in what the worker drew.
pub fn take(host: &mut Host, drawing: Drawing) {
    let drawn = &mut host.session.explore.drawn;
    match drawing {
        Drawing::Sketch(share, first, pictures) => drawn.take_sketch(share, first, pictures),
        Drawing::Samples(samples) => drawn.take_samples(samples),
        Drawing::Counted(posterior, acceptance) => (drawn.posterior, drawn.acceptance) = (posterior, acceptance),
        Drawing::FillSketch(share, first, pictures) => drawn.take_fill_sketch(share, first, pictures),
        Drawing::Fills(fills) => drawn.take_fills(fills),
        Drawing::Share(share) => drawn.share = share,
        Drawing::Position(position, target) => drawn.take_position(*position, target),
    }
}
