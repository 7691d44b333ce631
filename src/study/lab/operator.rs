//! A Jacobian at a scene as an operator on directions.

use super::Scene;
use crate::Result;
use crate::joint::{Jacobian, products};
use crate::picture::Batch;
use crate::task::Cancel;

/// Directions that go together where pictures are small, and how many values they may have together.
const ROWS: usize = 32;
const VALUES: usize = ROWS * 3 * 32 * 32;

/// Products with one Jacobian at one scene.
pub(super) struct Operator<'s, 'a> {
    scene: &'s Scene<'a>,
    jacobian: Jacobian,
    cancel: &'s Cancel,
    /// Whether all products so far were exact but for rounding.
    pub is_exact: bool,
}

impl<'s, 'a> Operator<'s, 'a> {
    pub fn new(scene: &'s Scene<'a>, jacobian: Jacobian, cancel: &'s Cancel) -> Self {
        Self { scene, jacobian, cancel, is_exact: true }
    }

    /// How many directions should be asked for at once.
    pub fn rows(&self) -> usize {
        (VALUES / self.scene.values()).clamp(1, ROWS)
    }

    /// `J r` of each direction, one after the other.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled) once the flag is raised.
    pub fn times(&mut self, directions: Vec<f32>) -> Result<Batch> {
        self.cancel.check()?;
        let directions = Batch::new(self.scene.noisy.shape(), directions);
        let found = products(self.scene.model, &*self.scene.forward, self.jacobian, &directions)?;
        self.is_exact &= found.is_exact;
        Ok(found.values)
    }
}
