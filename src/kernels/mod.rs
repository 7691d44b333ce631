//! kernels
#![allow(unsafe_code)]
pub mod activation;
pub mod conv;
pub mod engine;
pub mod gelu;
pub mod layer;
pub mod layout;
pub mod product;
pub mod readout;
pub mod scratch;
pub mod share;
pub mod simd;
pub mod stem;
pub mod winograd;
#[cfg(test)]
mod tests;
