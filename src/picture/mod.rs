//! Pictures as arrays: loading, fitting, saving, noise, and how alike two of them are.

mod planes;

pub use planes::{Batch, Picture, Shape};
