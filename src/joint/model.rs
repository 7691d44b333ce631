//! The contract of a joint model.

use crate::engine::{Ascended, Ascent};
use crate::picture::{Batch, Shape};
use crate::{Error, Result};

/// The noise levels that a model was trained for, on the [0, 1] scale of pictures.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SigmaRange {
    /// The smallest standard deviation.
    pub min: f32,
    /// The largest standard deviation.
    pub max: f32,
}

impl SigmaRange {
    /// `sigma`, or the end of the range that it lies beyond. A caller that gets another value back tells the person.
    #[must_use]
    pub fn clamp(self, sigma: f32) -> f32 {
        sigma.clamp(self.min, self.max)
    }

    /// The level at which a picture without noise is classified and attacked unless another is asked for: 1/255, or the end
    /// of the range that it lies beyond.
    #[must_use]
    pub fn near_clean(self) -> f32 {
        self.clamp(1.0 / 255.0)
    }

    /// Whether `sigma` lies in the range.
    #[must_use]
    pub fn contains(self, sigma: f32) -> bool {
        (self.min..=self.max).contains(&sigma)
    }
}

/// One of the things that a model may not have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Ability {
    /// It has it.
    #[default]
    Full,
    /// It has it in a sense that a person must know, to be said of "the model".
    Noted(String),
    /// It does not have it, and why, to be said of "the model".
    Missing(String),
}

impl Ability {
    /// Why it is not there.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        if let Self::Missing(reason) = self { Some(reason) } else { None }
    }

    /// What a person must know about it.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        match self {
            Self::Full => None,
            Self::Noted(words) | Self::Missing(words) => Some(words),
        }
    }
}

/// What clean pictures are like before any is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// The mean of each channel, on the [0, 1] scale.
    pub mean: Vec<f32>,
    /// The standard deviation of a value around it.
    pub deviation: f32,
}

/// What a model can give beside p(c | y). One with a density over pictures and classes, as this crate's network, gives all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Abilities {
    /// `log p_σ(y)`: that the logsumexp of its log-joint means something.
    pub density: Ability,
    /// Gradients of any kind, without which only what needs none can be asked.
    pub gradients: Ability,
    /// That its answers depend on σ.
    pub sigma: Ability,
}

impl Abilities {
    /// What a person must know about the model, one piece each, to be said of "the model".
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        [&self.density, &self.gradients, &self.sigma].into_iter().filter_map(Ability::note)
    }
}

/// A model of `log p_σ(y, c)`, the joint log-probability of a noisy picture and its class.
///
/// A model that answers these has every denoiser, attack, certificate and sampler of this crate.
pub trait JointModel: Send + Sync {
    /// A short name, for reports.
    fn name(&self) -> &str;

    /// Where it computes, for reports: `cpu`, `cuda:0`.
    fn device(&self) -> String;

    /// What tells it from every other model: a hexadecimal SHA-256 of all that its answers depend on but the device.
    fn digest(&self) -> String;

    /// Why it computes there, if somebody or something chose.
    fn device_reason(&self) -> Option<String> {
        None
    }

    /// The class names, K of them, in the order of the logits.
    fn classes(&self) -> &[String];

    /// Whether it tells classes apart. One of one class is a denoiser: whatever it sees, its posterior is 1.
    fn is_classifier(&self) -> bool {
        self.classes().len() > 1
    }

    /// What it can give beside its posterior. One that cannot give all is still asked by the same methods: without a density the
    /// logsumexp of [`Forward::log_joint`] means nothing, without gradients [`Forward::pullback`] is an error.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// The shape of the pictures that it was made for.
    fn shape(&self) -> Shape;

    /// The mean and deviation of the clean pictures that it was made for: grey and a quarter where it does not know.
    fn moments(&self) -> Moments {
        Moments { mean: vec![0.5; self.shape().channels], deviation: 0.25 }
    }

    /// Whether it takes pictures of this shape. A convolutional model takes any height and width.
    fn accepts(&self, shape: Shape) -> bool {
        shape == self.shape()
    }

    /// The noise levels that it was made for. Outside, it computes with the nearest end of the range.
    fn sigma_range(&self) -> SigmaRange;

    /// One forward pass over `[N, C, H, W]` noisy pictures (never clipped), each with its own standard deviation.
    ///
    /// # Errors
    /// [`Error::Compute`] if there is not one sigma a picture, if a sigma is not positive and finite, or if the
    /// shape does not fit the model.
    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>>;

    /// [`Self::forward`] before an analysis that will ask for the denoiser and those of `classes`: a model that is faster when
    /// it knows computes them at once. The answers are the same up to rounding.
    ///
    /// # Errors
    /// As [`Self::forward`].
    fn forward_for(&self, noisy: &Batch, sigmas: &[f32], classes: &[usize]) -> Result<Box<dyn Forward + '_>> {
        let _ = classes;
        self.forward(noisy, sigmas)
    }

    /// Steps of projected gradient ascent from `pictures` on, all at one noise level, for a model that does them by itself: as
    /// many as it likes, at least one. None: it does not, and the caller asks for gradients step by step.
    ///
    /// # Errors
    /// As [`Self::forward`].
    fn ascend(&self, pictures: &Batch, sigma: f32, ascent: &Ascent<'_>) -> Result<Option<Ascended>> {
        let _ = (pictures, sigma, ascent);
        Ok(None)
    }

    /// How many pictures of this shape a job of many had better give it at once, where that changes no result but by rounding;
    /// 1: as the caller likes.
    fn at_once(&self, shape: Shape) -> usize {
        let _ = shape;
        1
    }
}

/// A forward pass, kept, so that any number of adjoint passes can follow it.
pub trait Forward {
    /// The noisy pictures that it went over, `[N, C, H, W]`.
    fn noisy(&self) -> &Batch;

    /// The standard deviation that it computed with for each picture, inside the model's [`SigmaRange`].
    fn sigmas(&self) -> &[f32];

    /// `log p_σ(y, c)` up to a constant that depends on neither y nor c: `[N, K]`.
    fn log_joint(&self) -> &[f64];

    /// The vector–Jacobian product: for each picture n and each of its M cotangents w, `Σ_c w_c ∇_y log p_σ(y_n, c)`.
    ///
    /// `cotangents` is `[N, M, K]`; the result is `[N, M, C, H, W]`, in batches of M pictures. All M share the
    /// activations of the one forward pass.
    ///
    /// # Errors
    /// [`Error::Compute`] if the cotangents are no whole number a picture.
    fn pullback(&self, cotangents: &[f32]) -> Result<Batch>;

    /// For each picture n and each of its M directions r, the derivative along r of what [`Self::pullback`] gives for the
    /// cotangent w: `Σ_c w_c ∇²_y log p_σ(y_n, c) r`, exact but for rounding. With `follows`, every w must be the posterior
    /// p(c | y), and is differentiated too: then it is `∇²_y log p_σ(y_n) r`. All M share the one forward pass.
    ///
    /// `cotangents` is `[N, M, K]`, `directions` and the result are `[N, M, C, H, W]`, in batches of M. None: the model does
    /// not know its second derivatives; [`super::products`] then takes differences of gradients.
    ///
    /// # Errors
    /// [`Error::Compute`] if cotangents and directions do not fit the pictures.
    fn curvature(&self, cotangents: &[f32], follows: bool, directions: &Batch) -> Result<Option<Batch>> {
        let _ = (cotangents, follows, directions);
        Ok(None)
    }
}

/// Why a model of one class has no posterior to show or to attack, to be said of "the model".
pub const ONE_CLASS: &str = "has one class, so it is a denoiser: its posterior is always 1";

/// Refuses a model with this many classes for `what`, which needs at least two to tell apart.
///
/// # Errors
/// [`Error::Option`] if there is one class or none.
pub fn require_classes(classes: usize, what: &str) -> Result<()> {
    if classes > 1 {
        return Ok(());
    }
    Err(Error::option("--model", format!("{what} needs classes to tell apart, and the model {ONE_CLASS}")))
}

/// Checks what [`Forward::pullback`] promises to check, and returns M, the number of cotangents a picture.
pub(crate) fn cotangents_a_picture(forward: &dyn Forward, classes: usize, cotangents: &[f32]) -> Result<usize> {
    let row = forward.noisy().len() * classes;
    if row == 0 || !cotangents.len().is_multiple_of(row) {
        let count = cotangents.len();
        return Err(Error::Compute(format!(
            "{count} weights are no whole number of cotangents over {classes} classes"
        )));
    }
    Ok(cotangents.len() / row)
}

/// Checks what [`Forward::curvature`] promises to check, and returns M, the number of directions a picture.
pub(crate) fn check_directions(
    forward: &dyn Forward,
    classes: usize,
    cotangents: &[f32],
    directions: &Batch,
) -> Result<usize> {
    let each = cotangents_a_picture(forward, classes, cotangents)?;
    let (shape, count) = (forward.noisy().shape(), forward.noisy().len() * each);
    if directions.shape() != shape || directions.len() != count {
        let (found, of) = (directions.len(), directions.shape());
        return Err(Error::Compute(format!("{found} directions of {of} do not fit {count} cotangents of {shape}")));
    }
    Ok(each)
}

/// Checks what [`JointModel::forward`] promises to check; every implementation begins with it.
pub(crate) fn check_input(model: &dyn JointModel, noisy: &Batch, sigmas: &[f32]) -> Result<()> {
    if !model.accepts(noisy.shape()) {
        let reason = format!("{} takes {} pictures, not {}", model.name(), model.shape(), noisy.shape());
        return Err(Error::Compute(reason));
    }
    if sigmas.len() != noisy.len() {
        return Err(Error::Compute(format!("{} pictures with {} sigmas", noisy.len(), sigmas.len())));
    }
    if let Some(sigma) = sigmas.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
        return Err(Error::Compute(format!("sigma {sigma} is not a positive number")));
    }
    Ok(())
}
