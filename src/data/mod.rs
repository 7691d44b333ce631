//! Pictures from disk: CIFAR-10's binary files, MNIST's IDX files, a folder of class folders, or photographs without classes.
//!
//! [`open`] says what there is, [`Split::choose`] which of it is trained on and which is kept aside, and [`Catalogue::load`]
//! reads those pictures and no others.

mod cache;
mod catalogue;
mod cifar;
mod crops;
mod folder;
mod idx;
mod photographs;
mod set;
mod split;
mod statistics;

pub use catalogue::{Catalogue, Keep, Loader, Purpose, open, open_photographs};
pub use set::{DataSet, Kind};
pub use split::{Choice, Split, SplitRecord};
pub use statistics::Statistics;

#[cfg(test)]
mod tests;
