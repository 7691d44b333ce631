//! What the samplers share: the density that is drawn from, noise by number, corrections that keep the density, what was measured.

mod ascent;
mod candidates;
mod corrector;
mod field;
mod measurement;
mod record;
#[cfg(test)]
mod tests;

pub(super) use ascent::{Ascent, ascend};
pub(super) use candidates::{Candidates, records, rows};
pub(super) use corrector::{Anchor, Corrector};
#[cfg(test)]
pub(super) use field::AROUND;
pub use field::Guidance;
pub(super) use field::{Field, Seen, start, started};
pub use measurement::{LARGEST_FACTOR, Measurement};
pub use record::{Frame, Sketch};
pub(super) use record::{Recorder, karras};

/// The most pictures of one request.
pub const LARGEST_SAMPLES: usize = 4096;
/// The most steps.
pub const LARGEST_STEPS: usize = 4096;
/// The most corrections a level.
pub const LARGEST_CORRECTIONS: usize = 256;
/// The most candidates for a picture.
pub const LARGEST_CANDIDATES: usize = 64;
/// The most frames that are kept of a picture.
pub const LARGEST_FRAMES: usize = 64;
/// How many pictures go together where they are small.
pub(super) const BATCH: usize = 16;
