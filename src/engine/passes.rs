//! Use: a forward pass, and the pullbacks over what it kept.

use std::fmt::Debug;

use super::{Ascended, Ascent};
use crate::{Error, Result};

/// Height and width of pictures, in pixels.
pub type Size = (usize, usize);

/// A forward pass of one picture, and the gradients that came with it.
pub type Analysis<'a> = (Box<dyn Tape + 'a>, Option<Vec<f32>>);

/// An engine that answers for one network. It takes calls from any number of threads at once.
pub trait Passes: Send + Sync + Debug {
    /// Where it computes, for reports: `cpu`, `cuda:0`, a GPU's name.
    fn device(&self) -> String;

    /// One forward pass over `[N, C, height, width]` noisy pictures, N at least 1, each with its own standard deviation
    /// inside the trained range.
    ///
    /// # Errors
    /// See the [module](crate::engine).
    fn forward<'a>(&'a self, noisy: &[f32], size: Size, sigmas: &[f32]) -> Result<Box<dyn Tape + 'a>>;

    /// Why it does not compute where it was asked to, if another engine had to step in.
    fn failure(&self) -> Option<String> {
        None
    }

    /// [`Self::forward`] of one picture, with the gradients of an analysis at once, where the engine saves time by that: of
    /// `log p_σ(y)`, by the softmax that it takes of its own logits, and of `log p_σ(y, c)` for each of `classes`.
    ///
    /// The gradients are `[1 + classes, C, height, width]`, or none: then the caller asks the tape for them.
    ///
    /// # Errors
    /// See the [module](crate::engine).
    fn analysis<'a>(&'a self, noisy: &[f32], size: Size, sigma: f32, classes: &[usize]) -> Result<Analysis<'a>> {
        let _ = classes;
        Ok((self.forward(noisy, size, &[sigma])?, None))
    }

    /// Steps of ascent from `noisy` on, at one σ, where the engine does them without asking anybody in between; as many as it
    /// likes. How many it does changes no bit of a step's result.
    ///
    /// None: it does not, or a number was not finite; then the caller goes step by step.
    ///
    /// # Errors
    /// See the [module](crate::engine).
    fn ascend(&self, noisy: &[f32], size: Size, sigma: f32, ascent: &Ascent<'_>) -> Result<Option<Ascended>> {
        let _ = (noisy, size, sigma, ascent);
        Ok(None)
    }

    /// How many pictures of this size a job of many had better give it at once; 1: as the caller likes. It depends on nothing
    /// but the size, the network and the device.
    fn at_once(&self, size: Size) -> usize {
        let _ = size;
        1
    }

    /// Does ahead what the first analysis of one picture of this size, with this many cotangents, would wait for: packs
    /// filters, compiles shaders. Changes no result.
    ///
    /// # Errors
    /// See the [module](crate::engine).
    fn prepare(&self, size: Size, cotangents: usize) -> Result<()> {
        let _ = (size, cotangents);
        Ok(())
    }
}

/// A forward pass, kept for any number of pullbacks.
pub trait Tape {
    /// u, `[N]`, without the factor `σ_d/σ` and without the Gaussian term.
    fn energy(&self) -> &[f64];

    /// v, `[N, K]`.
    fn logits(&self) -> &[f64];

    /// For each picture and each of its M cotangents `(w_u, w_v)`, the gradient by y of
    /// `w_u·(−‖z‖²/2 + (σ_d/σ)·u) + ⟨w_v, v⟩`.
    ///
    /// `density` is `w_u`, `[N, M]`; `logits` is `w_v`, `[N, M, K]`; `out`, `[N, M, C, height, width]`, is written whole. M may
    /// differ from call to call and may be 0.
    ///
    /// # Errors
    /// See the [module](crate::engine).
    fn pullback(&self, density: &[f32], logits: &[f32], out: &mut [f32]) -> Result<()>;

    /// For each picture and each of its M directions r, `H r`: H is the second derivative by y of
    /// `w_u·(−‖z‖²/2 + (σ_d/σ)·u) + ⟨w_v, v⟩` with weights held still, or with `logsumexp v` in place of `⟨w_v, v⟩` where `w_v`
    /// [follows](Directions::follows) v. `out`, `[N, M, C, height, width]`, is written whole.
    ///
    /// Returns whether it was: an engine without second derivatives returns false and leaves `out` alone.
    ///
    /// # Errors
    /// See the [module](crate::engine).
    fn curvature(&self, directions: &Directions, out: &mut [f32]) -> Result<bool> {
        let _ = (directions, out);
        Ok(false)
    }
}

/// Directions to differentiate gradients along, M of each of N pictures, and what they are gradients of.
#[derive(Debug, Clone, Copy)]
pub struct Directions<'a> {
    /// `w_u`, `[N, M]`.
    pub density: &'a [f32],
    /// `w_v`, `[N, M, K]`.
    pub logits: &'a [f32],
    /// Whether every `w_v` is the softmax of v and follows it as y moves; else they are constants.
    pub follows: bool,
    /// r, `[N, M, C, height, width]`.
    pub along: &'a [f32],
}

/// What [`Tape::curvature`] promises to check, as [`check_cotangents`]. Returns M.
///
/// # Errors
/// [`Error::Compute`] with the numbers that do not fit.
pub fn check_directions(
    pictures: usize,
    classes: usize,
    picture: usize,
    directions: &Directions,
    out: &[f32],
) -> Result<usize> {
    if directions.along.len() != out.len() {
        let (along, out) = (directions.along.len(), out.len());
        return Err(Error::Compute(format!("directions of {along} values do not fit their result of {out}")));
    }
    check_cotangents(pictures, classes, picture, directions.density, directions.logits, out)
}

/// What [`Passes::forward`] promises to check: that the slices are those of N ≥ 1 pictures with pixels. Returns N.
///
/// # Errors
/// [`Error::Compute`] with the numbers that do not fit.
pub fn check_pictures(noisy: &[f32], channels: usize, (height, width): Size, sigmas: &[f32]) -> Result<usize> {
    let pictures = sigmas.len();
    let picture = channels * height * width;
    if pictures == 0 || picture == 0 || noisy.len() != pictures * picture {
        let values = noisy.len();
        return Err(Error::Compute(format!("{values} values are no {pictures} pictures of {height}×{width} pixels")));
    }
    Ok(pictures)
}

/// What [`Tape::pullback`] promises to check, for N pictures of `picture` values and K classes. Returns M.
///
/// # Errors
/// [`Error::Compute`] with the numbers that do not fit.
pub fn check_cotangents(
    pictures: usize,
    classes: usize,
    picture: usize,
    density: &[f32],
    logits: &[f32],
    out: &[f32],
) -> Result<usize> {
    let rows = density.len();
    let whole = pictures > 0 && rows.is_multiple_of(pictures);
    if !whole || logits.len() != rows * classes || out.len() != rows * picture {
        return Err(Error::Compute(format!("{rows} cotangents do not fit {pictures} pictures and their result")));
    }
    Ok(rows / pictures)
}
