//! The analysis of one picture in one go: forward pass, softmax of the logits, and the adjoint pass of the posterior and of
//! classes that are known beforehand, without a word to the processor in between.

use super::device::{Buffer, Readback};
use super::forward::Pictures;
use super::kernels::Kernel;
use super::network::{Network, Trunk};
use super::plan::{Draft, Plan};
use super::pullback::Rows;
use crate::{Error, Result};

/// Room for the cotangents of an analysis of one picture, and the dispatch that makes them.
#[derive(Debug)]
pub(super) struct Joint {
    rows: Rows,
    /// The classes, as numbers.
    chosen: Buffer,
    posterior: Plan,
    readback: Readback,
    /// How many classes.
    pub(super) classes: usize,
}

/// u of every picture, v, and gradients.
pub(super) type Found = (Vec<f64>, Vec<f32>, Vec<f32>);

impl<T: Trunk> Network<T> {
    /// Room for the analysis of one picture under so many classes.
    pub(super) fn lay_out_joint(&self, pictures: &Pictures<T>, classes: usize) -> Joint {
        let count = 1 + classes;
        let rows = self.lay_out_rows(pictures, (count, count, count));
        let chosen = self.gpu.room(classes);
        let mut draft = Draft::new(&self.gpu);
        let words = [self.pictures.classes as u32, count as u32, 0, 0];
        let buffers = [&pictures.memory.logits, rows.logits(), &chosen];
        draft.add(Kernel::Posterior, &words, None, &buffers, [1, 1, 1], 0.0);
        let values: usize = self.results(pictures).iter().map(|(_, values)| values).sum();
        let readback = self.gpu.readback(values + rows.values());
        Joint { posterior: draft.finish(), rows, chosen, readback, classes }
    }

    /// Forward pass and gradients, `[1 + classes, C, height, width]`.
    pub(super) fn analyse(&self, pictures: &mut Pictures<T>, joint: &mut Joint, classes: &[usize]) -> Result<Found> {
        let numbers: Vec<u32> = classes.iter().map(|class| *class as u32).collect();
        self.gpu.write(&joint.chosen, bytemuck::cast_slice(&numbers));
        self.weigh(pictures, &joint.rows, &vec![1.0; 1 + classes.len()]);
        joint.rows.begin(&self.gpu);
        let [logits, energies] = self.results(pictures);
        let results = [logits, energies, (joint.rows.out(), joint.rows.values())];
        let plans = [&pictures.plan, &joint.posterior, &pictures.gradient_plan, &joint.rows.plan];
        let steps = plans.into_iter().flat_map(Plan::steps);
        let found = self.gpu.run(steps, &results, &joint.readback)?;
        pictures.has_gradients = true;
        let [logits, energies, gradients] =
            <[Vec<f32>; 3]>::try_from(found).map_err(|_| Error::Device("three results were asked for".to_owned()))?;
        Ok((pictures.energies(&energies), logits, gradients))
    }
}
