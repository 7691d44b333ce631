//! The network on any graphics card that Vulkan, Metal or DirectX 12 reaches: kernels in WGSL, on a device of their own.
//!
//! `filter` says how a convolution becomes a product and is pure arithmetic, as are `film` and `pace`. `adapters`, `device`,
//! `budget` and `kernels` are the only files that name wgpu. `forward` and `pullback` put the dispatches of the passes
//! together, `joint` those of an analysis in one go, `ascent` those of an attack's steps; [`engine`] cuts jobs to the device's
//! memory. The formulas are those of `kernels::engine`, which the tests hold them
//! against; the shaders lie in `shaders/network`, and what several of them share in its `prelude`.
//!
//! On one device and driver a job gives the same bits every time: sums are trees or run in order, and how a product's depth
//! is cut depends on its shape alone. Other devices, and the processor, differ by rounding.

pub mod adapters;
mod ascent;
mod budget;
pub mod device;
pub mod engine;
mod fault;
mod film;
mod filter;
mod forward;
mod graph;
mod joint;
pub mod kernels;
mod learning;
mod network;
mod own_memory;
pub mod pace;
mod plan;
pub mod probe;
mod pullback;
mod stages;
#[cfg(test)]
mod tests;
mod training;

pub use adapters::{Card, Kind, Selector, cards, choose, may_have_card};
pub use device::{Gpu, Settings};
pub use engine::passes;
pub use training::Learner;
