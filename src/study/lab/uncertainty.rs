//! Everything that the lab says of a picture's uncertainty, as one request.

use std::time::Instant;

use super::{Components, Doubt, Filter, Probes, Region, Scene, components, doubt, filter};
use crate::joint::JointModel;
use crate::picture::{Fidelity, Noise, Picture};
use crate::study::{ModelCard, Subject};
use crate::task::Cancel;
use crate::{Error, Result};

/// What long work in the lab publishes while it runs.
#[derive(Debug, Clone)]
pub enum Progress {
    /// The variance from "which class?", which is known at once.
    Classes(Picture),
    /// How much is done, from 0 to 1.
    Share(f32),
}

/// A question about the uncertainty of one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct UncertaintyRequest {
    /// The picture, fitted to the model's shape.
    pub subject: Subject,
    /// The standard deviation that the model is told, where it is not the noise's.
    pub assumed_sigma: Option<f32>,
    /// How the diagonal of the Jacobian is found.
    pub probes: Probes,
    /// How many principal components are looked for; none if 0.
    pub components: usize,
    /// Where they lie; the whole picture if not given.
    pub region: Option<Region>,
    /// A pixel whose filter is asked for: column and row.
    pub filter: Option<(usize, usize)>,
    /// The class under which components and filter are; all classes together if not given.
    pub class: Option<usize>,
    /// The seed of the random probes.
    pub seed: u64,
}

impl UncertaintyRequest {
    /// Both kinds of doubt of a picture, and nothing else.
    #[must_use]
    pub fn of(subject: Subject) -> Self {
        let (assumed_sigma, region, filter, class) = (None, None, None, None);
        Self { subject, assumed_sigma, probes: Probes::Usual, components: 0, region, filter, class, seed: 0 }
    }
}

/// The answer to an [`UncertaintyRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct Uncertainty {
    /// The model that gave it.
    pub model: ModelCard,
    /// The clean picture, where it is known.
    pub clean: Option<Picture>,
    /// The noise that was added, if any was.
    pub noise: Option<Noise>,
    /// The picture that the model saw, not clipped.
    pub noisy: Picture,
    /// The standard deviation that the model was told, on the [0, 1] scale.
    pub sigma: f32,
    /// Whether that is an estimate from the picture.
    pub sigma_estimated: bool,
    /// The standard deviation that it computed with, inside its trained range.
    pub sigma_used: f32,
    /// `p(c | y)`, one a class.
    pub posterior: Vec<f64>,
    /// `D(y) = E[x | y]`.
    pub denoised: Picture,
    /// How near the denoised picture is, where the clean one is known.
    pub denoised_fidelity: Option<Fidelity>,
    /// Both kinds of doubt.
    pub doubt: Doubt,
    /// The principal components, if they were asked for.
    pub components: Option<Components>,
    /// The filter, if it was asked for.
    pub filter: Option<Filter>,
    /// What a person should know to read the numbers rightly, one sentence each.
    pub notes: Vec<String>,
    /// How long it took, in milliseconds.
    pub milliseconds: f64,
}

impl Uncertainty {
    /// The PSNR that the model itself expects of its denoised picture, from `E[‖x − D‖² | y] = σ² tr J`.
    #[must_use]
    pub fn expected_psnr_db(&self) -> f64 {
        let [.., mean] = self.doubt.means();
        -10.0 * mean.max(f64::MIN_POSITIVE).log10()
    }

    /// The most probable class, as an index.
    #[must_use]
    pub fn predicted(&self) -> usize {
        crate::study::ranked(&self.posterior)[0]
    }
}

/// Answers `request`.
///
/// # Errors
/// [`Error::Option`] for a number, a region, a pixel or a class that is none; [`Error::Compute`] if the picture does not fit
/// the model; [`Error::Cancelled`] soon after `cancel` is raised.
pub fn uncertainty(
    model: &dyn JointModel,
    request: &UncertaintyRequest,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Progress),
) -> Result<Uncertainty> {
    let start = Instant::now();
    let count = model.classes().len();
    if let Some(class) = request.class.filter(|class| *class >= count) {
        return Err(Error::option("--as", format!("there is no class {class}: the model has {count}")));
    }
    request.probes.check("--probes")?;
    let scene = Scene::new(model, &request.subject, request.assumed_sigma)?;
    let region = request.region.unwrap_or(Region::whole(scene.noisy.shape()));
    // What is quick comes first, so that a number that is none is refused before the long work.
    let class = request.class;
    let filter = request.filter.map(|pixel| filter(&scene, pixel, class, cancel)).transpose()?;
    let components = match request.components {
        0 => None,
        count => Some(components(&scene, count, region, class, cancel, &mut |_| ())?),
    };
    let doubt = doubt(&scene, request.probes, request.seed, cancel, observe)?;
    let Scene { clean, noise, noisy, sigma, sigma_estimated, sigma_used, posterior, denoised, mut notes, .. } = scene;
    if !doubt.is_exact {
        let note = "Products with the Jacobian are differences of the denoiser: the model has no second derivatives.";
        notes.push(note.into());
    }
    Ok(Uncertainty {
        model: ModelCard::of(model),
        denoised_fidelity: clean.as_ref().map(|clean| Fidelity::of(&denoised, clean)),
        clean,
        noise,
        noisy,
        sigma,
        sigma_estimated,
        sigma_used,
        posterior,
        denoised,
        doubt,
        components,
        filter,
        notes,
        milliseconds: start.elapsed().as_secs_f64() * 1e3,
    })
}
