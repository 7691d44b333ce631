//! A hole of the photograph filled: what is asked, and what the worker does for it.

use tracing::Level;

use super::drawing::{knows_density, way};
use super::host::Host;
use super::questions::{Lane, Question};
use super::tasks::{Message, Shared};
use super::worker::{Step, Task};
use crate::Error;
use crate::Result;
use crate::gui::gpu::Content;
use crate::gui::state::photo::Part;
use crate::gui::state::photo_fill::FillForm;
use crate::picture::Picture;
use crate::study::lab::{Fill, Guidance, InpaintRequest, Measurement, Region, fill_window, inpaint, usual_levels};
use crate::task::Cancel;

/// From how many candidates each fill is chosen, where the model can weigh them.
const CANDIDATES: usize = 2;

/// A question: what could be in the hole.
#[derive(Clone, PartialEq)]
pub struct FillRequest {
    /// Who is asked.
    pub model: Shared,
    /// What the model sees of the photograph.
    pub part: Content,
    /// Which of its pixels are missing, row after row.
    pub hole: Vec<bool>,
    /// As which class.
    pub class: Option<usize>,
    /// What a person chose.
    pub form: FillForm,
}

/// What comes of it.
#[derive(Debug)]
pub enum Filling {
    /// What fills look like by now: the share of the work, the first one's number.
    Sketch(f32, usize, Vec<Picture>),
    /// Fills that are done.
    Fills(Vec<Fill>),
}

impl FillRequest {
    /// The request as the command line makes it of the whole photograph.
    fn request(&self) -> Result<InpaintRequest> {
        let (model, picture) = (&*self.model.0, self.part.picture());
        Ok(InpaintRequest {
            measurement: Measurement::without("The hole", picture.shape(), &self.hole)?,
            picture: picture.clone(),
            has_truth: true,
            count: self.form.count,
            guidance: self.class.map(|class| Guidance { class, weight: 1.0 }),
            levels: usual_levels(model.sigma_range(), None),
            way: way(knows_density(model), CANDIDATES),
            frames: 0,
            seed: self.form.seed,
        })
    }
}

impl Task<Message> for FillRequest {
    fn step(&mut self, cancel: &Cancel, publish: &mut dyn FnMut(Message)) -> Result<Step> {
        inpaint(&*self.model.0, &self.request()?, cancel, &mut |sketch, done| {
            publish(Message::PhotoFill(if done.is_empty() {
                Filling::Sketch(sketch.share, sketch.first, sketch.pictures())
            } else {
                Filling::Fills(done.to_vec())
            }));
        })?;
        Ok(Step::Done)
    }
}

/// What the model would see of the photograph to fill the hole, and whether in tiles; none where there is no hole.
///
/// # Errors
/// One line on why it cannot be filled.
pub fn window(host: &Host) -> Option<Result<(Region, bool)>> {
    let (photo, model) = (&host.session.photo, host.session.model.as_ref()?);
    plan(&photo.fill.hole, &*model.joint, photo.base.as_ref()?.full().picture())
}

/// The same of a hole in a photograph.
pub fn plan(
    hole: &crate::gui::state::hole::Hole,
    model: &dyn crate::joint::JointModel,
    photograph: &Picture,
) -> Option<Result<(Region, bool)>> {
    let (bounds, shape) = (hole.bounds()?, photograph.shape());
    if hole.count() == shape.height * shape.width {
        return Some(Err(Error::Compute("the hole leaves nothing of the photograph: take back some of it".to_owned())));
    }
    Some(fill_window(model, shape, bounds))
}

/// Asks what could be in the hole.
pub fn begin(host: &mut Host) {
    let Some(found) = window(host) else {
        host.say(Level::WARN, "Paint a hole into the photograph first.");
        return;
    };
    let region = match found {
        Ok((region, _)) => region,
        Err(error) => return host.say(Level::WARN, error.to_string()),
    };
    let Host { session, questions, workers, .. } = host;
    let photo = &mut session.photo;
    let (Some(base), Some(model)) = (&photo.base, &session.model) else { return };
    let Region { x, y, width, height } = region;
    let part = Part { level: 0, from: [x, y], size: [width, height] }.cut(base.full().picture());
    photo.fill.form = photo.fill.form.mended();
    photo.fill.begin(region, part.clone());
    let request = FillRequest {
        model: Shared(model.joint.clone()),
        part: part.into(),
        hole: photo.fill.hole.within(region),
        class: photo.class.filter(|class| *class < model.joint.classes().len()),
        form: photo.fill.form,
    };
    let task = Box::new(request.clone());
    questions.photo_fill.ask(request, workers.submit(Lane::PhotoFill, task));
}

/// Stops what is under way; what is done stays.
pub fn stop(host: &mut Host) {
    if host.questions.photo_fill.is_pending() {
        host.workers.cancel(Lane::PhotoFill);
        host.questions.photo_fill.forget();
        host.session.photo.fill.stop();
    }
}

/// Takes in what the worker found.
pub fn take(host: &mut Host, filling: Filling) {
    let fill = &mut host.session.photo.fill;
    match filling {
        Filling::Sketch(share, first, pictures) => fill.take_sketch(share, first, pictures),
        Filling::Fills(fills) => fill.take(fills),
    }
}
