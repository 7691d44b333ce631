//! Pictures as arrays: loading, fitting, saving, noise, and how alike two of them are.

pub mod decibels;
mod estimate;
mod fit;
pub mod jpeg;
mod load;
mod metrics;
mod noise;
pub mod normals;
mod planes;
mod poisson;
mod resample;
mod samples;
mod save;

pub use estimate::estimate_sigma;
pub use fit::{Fit, Fitted, Rect, channels, fit};
#[cfg(any(test, fuzzing))]
pub(crate) use load::decode_within;
pub use load::{Loaded, MAX_PIXELS, decode, load, read_bytes};
pub use metrics::{Better, FLIP, Fidelity, METRICS, Metric, PSNR, SSIM, flip, psnr, ssim};
pub use noise::{Noise, NoiseKind};
pub use planes::{Batch, Picture, Shape};
pub use resample::resize;
pub use samples::{SAMPLES, Sample, sample, samples};
pub use save::{save, save_image, saved_format, to_byte, to_image, to_png, to_rgba8};
