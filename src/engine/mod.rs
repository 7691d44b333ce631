//! The seam between the network and whatever computes it: an *engine* answers for one network on one device, over plain
//! slices. [`Passes`] is its use, [`Learner`] its training, [`Stepper`] its training with the optimiser beside the weights.
//! Kernels on a processor, tensors on CUDA or Metal, and shaders stand behind the same traits, and one suite of tests holds
//! all of them to the contract below.
//!
//! # The function
//!
//! ```text
//! log p_σ(y, c) = −‖z‖²/2 + (σ_d/σ)·u(z, σ) + v_c(z, σ),    z = (y − μ)/√(σ_d² + σ²)
//! ```
//!
//! μ, `σ_d`, the trained range of σ (from which its embedding is scaled) and K, the number of classes, belong to the network
//! that an engine was made for.
//!
//! # Who does what
//!
//! | | the caller | the engine |
//! |---|---|---|
//! | σ | gives one a picture, positive, finite and **inside the trained range** (it clamps, and tells the person) | computes with what it is given |
//! | z | – | standardises: subtracts μ, divides by `√(σ_d² + σ²)` |
//! | values | adds the Gaussian term −‖z‖²/2 in f64 and multiplies u by `σ_d/σ` in f64 | gives **u and v themselves**, unscaled; sums u in f64 where its arithmetic allows |
//! | gradients | asks for `w_u·(−‖z‖²/2 + (σ_d/σ)·u) + ⟨w_v, v⟩` by its weights | gives the whole gradient by y: **the Gaussian term and `σ_d/σ` are inside** |
//! | posterior | takes the softmax of v (the density is the same for every class) | – (a [`Learner`] takes it for its loss) |
//! | curvature | asks for the derivatives of gradients along directions | gives them whole, or says that it does not have them |
//! | finiteness | checks the values | passes on what comes out; never turns a value that is not finite into one that is |
//!
//! # Units and layouts
//!
//! Pictures are planar `f32`, `[N, C, height, width]`, row-major, on the [0, 1] scale, noisy and never clipped; any height
//! and width from 1 on, whatever the network was trained on. σ is on the same scale. Gradients are by y: nats over [0, 1].
//! A size is `(height, width)`.
//!
//! # Cotangents
//!
//! M cotangents a picture share its forward pass; rows lie picture by picture. A row whose `density` is exactly zero has no
//! part of the Gaussian term and none of u's gradient, and an engine may leave that work out: such a row's result must then
//! be what `⟨w_v, v⟩` alone gives, even where u's gradient is not finite. Rows never mix.
//!
//! # Determinism
//!
//! The same call on the same engine and device gives the same bits, whatever ran before and however many threads run. A
//! picture's values may depend on the batch that it is in (its size chooses kernels), by rounding only. Engines differ by
//! rounding.
//!
//! # Errors
//!
//! [`Error::Compute`] if slices do not fit each other ([`check_pictures`] and [`check_cotangents`] say it in one way) or the
//! arithmetic fails; [`Error::Device`] if the device is lost or does not answer. After an error nothing that was written to
//! an output slice means anything, and the engine still takes other calls, or fails them with [`Error::Device`].

mod ascent;
mod learner;
mod passes;
pub mod rules;
mod stepper;

#[cfg(test)]
pub(crate) use ascent::plainly;
pub use ascent::{Ascended, Ascent};
pub use learner::{Gradients, Learner, LossParts, LossWeights, RowLoss, RowParts, TrainingRows};
#[cfg(feature = "gpu")]
pub use passes::Analysis;
pub use passes::{Directions, Passes, Size, Tape, check_cotangents, check_directions, check_pictures};
pub use rules::{AdamW, Change, Muon, Settings};
pub use stepper::{Part, Stepper};

#[cfg(doc)]
use crate::Error;
