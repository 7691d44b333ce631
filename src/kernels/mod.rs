//! The network's own arithmetic on a plain processor, over slices of `f32`.
//!
//! Pictures are channels-last and framed by zeros ([`layout`]); a kernel is written once and compiled for every
//! instruction set ([`simd`]); convolutions are matrix products over the picture itself (`product`) or over Winograd's
//! tiles ([`winograd`]), whichever is faster for the shape ([`conv`]). [`engine`] runs a whole network with them.
//!
//! Work is shared out by rayon where it falls into independent outputs, and sums are split by the problem's size alone:
//! no result depends on the number of threads.
//!
//! This is the only module with `unsafe` code: vector instructions, and slices that several tasks write parts of. Every
//! function that is safe to call checks, once a call and in arithmetic that cannot wrap, the bounds and the disjointness
//! that the code below relies on, whatever sizes it is given: it panics where they do not hold.
#![allow(unsafe_code)]
// A vector function that is not inlined into code compiled for its instruction set is slower than no vectors at all.
#![allow(clippy::inline_always)]

pub mod activation;
pub mod conv;
pub mod engine;
mod gelu;
#[cfg(test)]
mod hostile_tests;
mod layer;
pub mod layout;
pub mod orthogonal;
pub(crate) mod outer;
pub(crate) mod product;
pub mod readout;
mod scratch;
mod share;
pub mod simd;
pub mod stem;
#[cfg(test)]
mod tests;
pub mod winograd;
