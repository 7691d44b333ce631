//! Pictures as arrays: loading, fitting, saving, noise, and how alike two of them are.

pub mod normals;
mod planes;

pub use planes::{Batch, Picture, Shape};
