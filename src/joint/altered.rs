//! The oracle with something changed, for tests: a model that is no density, or that does not know all that the oracle does.

use super::{Forward, GaussianMixture, JointModel, Moments, SigmaRange};
use crate::Result;
use crate::picture::{Batch, Shape};

/// What is changed; nothing if nothing is said.
pub(crate) trait Change: Send + Sync {
    /// The levels that the model says it was trained for.
    fn sigma_range(&self, own: SigmaRange) -> SigmaRange {
        own
    }

    /// Its log-joint.
    fn log_joint(&self, own: &dyn Forward) -> Vec<f64> {
        own.log_joint().to_vec()
    }

    /// Its gradients.
    fn pullback(&self, own: &dyn Forward, cotangents: &[f32]) -> Result<Batch> {
        own.pullback(cotangents)
    }

    /// Its second derivatives.
    fn curvature(&self, own: &dyn Forward, asked: (&[f32], bool), directions: &Batch) -> Result<Option<Batch>> {
        own.curvature(asked.0, asked.1, directions)
    }
}

/// An oracle and what is changed about it.
pub(crate) struct Altered<C>(pub GaussianMixture, pub C);

struct Pass<'a, C>(Box<dyn Forward + 'a>, &'a C, Vec<f64>);

impl<C: Change> JointModel for Altered<C> {
    fn name(&self) -> &'static str {
        "altered"
    }
    fn device(&self) -> String {
        self.0.device()
    }
    fn digest(&self) -> String {
        self.0.digest()
    }
    fn classes(&self) -> &[String] {
        self.0.classes()
    }
    fn shape(&self) -> Shape {
        self.0.shape()
    }
    fn sigma_range(&self) -> SigmaRange {
        self.1.sigma_range(self.0.sigma_range())
    }
    fn moments(&self) -> Moments {
        self.0.moments()
    }
    fn forward(&self, noisy: &Batch, sigmas: &[f32]) -> Result<Box<dyn Forward + '_>> {
        let pass = self.0.forward(noisy, sigmas)?;
        let log_joint = self.1.log_joint(&*pass);
        Ok(Box::new(Pass(pass, &self.1, log_joint)))
    }
}

impl<C: Change> Forward for Pass<'_, C> {
    fn noisy(&self) -> &Batch {
        self.0.noisy()
    }
    fn sigmas(&self) -> &[f32] {
        self.0.sigmas()
    }
    fn log_joint(&self) -> &[f64] {
        &self.2
    }
    fn pullback(&self, cotangents: &[f32]) -> Result<Batch> {
        self.1.pullback(&*self.0, cotangents)
    }
    fn curvature(&self, cotangents: &[f32], follows: bool, directions: &Batch) -> Result<Option<Batch>> {
        self.1.curvature(&*self.0, (cotangents, follows), directions)
    }
}
