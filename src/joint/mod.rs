//! The joint model: anything with a log-joint and a pullback, and everything that is read off it.

#[cfg(test)]
pub(crate) mod altered;
mod curvature;
#[cfg(test)]
mod curvature_tests;
mod mirrored;
mod model;
mod oracle;
mod pairing;
mod readings;
#[cfg(test)]
mod tests;
mod usual;

pub use crate::engine::{Ascended, Ascent};
pub use curvature::{Between, DIFFERENCE, Jacobian, Products, differences, products};
pub use mirrored::Mirrored;
pub use model::{Abilities, Ability, Forward, JointModel, Moments, ONE_CLASS, SigmaRange, require_classes};
pub(crate) use model::{check_directions, check_input, cotangents_a_picture};
pub use oracle::GaussianMixture;
pub use pairing::Pairing;
pub use readings::{Linear, log_density, log_softmax, mixture, posterior};
pub use usual::{FEWEST, Place, Usual, UsualLevel};
