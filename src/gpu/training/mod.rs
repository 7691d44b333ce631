//! Training on a device: the four passes, the weights' gradients and the optimiser in WGSL, weights and moments on the device.
//!
//! The mathematics is that of `kernels::engine`'s learner: forward, pullback (the score), tangent along the score's cotangent, and
//! one reverse pass of values and tangents together. `group` puts one group of pictures' dispatches together, in `values`, `score`
//! and `reverse`; `weights` sums the gradients in slices of pictures that the shape alone decides; `optimiser` steps the weights,
//! which lie in one flat list (`layout`), and packs them for the products. A batch goes in groups that fit the memory.

mod group;
mod layout;
mod learner;
mod memory;
mod optimiser;
mod reverse;
mod score;
mod store;
mod values;
mod weights;

pub use learner::Learner;
